//! The reasons why weights are not ready for a test.

use crate::worker::link::LinkError;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The weights are at no place where this worker may take them from.
    #[error("{0}")]
    Absent(String),
    #[error("cannot fetch the weights {key} from the coordinator: {error}")]
    Link {
        key: String,
        #[source]
        error: LinkError,
    },
    /// A hub or web server does not provide a file.
    #[error("cannot fetch {file}: {reason}")]
    Remote { file: String, reason: String },
    #[error(
        "the content of {file} does not match its digest after {tries} downloads: it is damaged on \
         its way or at its source"
    )]
    Corrupt { file: String, tries: u32 },
    #[error("{file} has no new content for {} s: {reason}", after.as_secs())]
    Stalled { file: String, after: Duration, reason: String },
    #[error("the list of files of the weights {key} is not valid: {reason}")]
    BadManifest { key: String, reason: String },
    #[error("{}", no_room(key, *need, *room, *used, *limit, root))]
    NoRoom { key: String, need: u64, room: u64, used: u64, limit: Option<u64>, root: PathBuf },
    #[error("the disk with the weights cache {} is full; free space there, or give another directory with --weights-dir", root.display())]
    DiskFull { root: PathBuf },
    #[error("cannot use the weights cache {}: {error}", root.display())]
    Cache {
        root: PathBuf,
        #[source]
        error: io::Error,
    },
    /// The weights at a path of this machine cannot be used.
    #[error("the weights in {} cannot be used: {reason}", path.display())]
    Local { path: PathBuf, reason: String },
}

impl WeightsError {
    #[must_use]
    pub fn cache(root: &Path, error: io::Error) -> Self {
        let root = root.to_owned();
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        if full.contains(&error.kind()) {
            Self::DiskFull { root }
        } else {
            Self::Cache { root, error }
        }
    }
}

/// A size for people, such as `13.4 GiB`.
#[must_use]
pub fn readable(bytes: u64) -> String {
    let scaled = |shift: u32| bytes as f64 / (1_u64 << shift) as f64;
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..0x10_0000 => format!("{:.1} KiB", scaled(10)),
        0x10_0000..0x4000_0000 => format!("{:.1} MiB", scaled(20)),
        _ => format!("{:.1} GiB", scaled(30)),
    }
}

fn no_room(key: &str, need: u64, room: u64, used: u64, limit: Option<u64>, root: &Path) -> String {
    let (need, room, used) = (readable(need), readable(room), readable(used));
    let root = root.display();
    let why = match limit {
        Some(limit) => format!("maximum size {}, {used} in use by tests", readable(limit)),
        None => format!("the disk is full except for a reserve, {used} in use by tests"),
    };
    format!(
        "the weights {key} need {need}, and the weights cache {root} has room for {room} ({why}); \
         raise --weights-cache-size, or free space on the disk"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_readable() {
        let sizes = [0, 1023, 1536, 5 << 20, 14_388_000_000].map(readable);
        assert_eq!(sizes, ["0 bytes", "1023 bytes", "1.5 KiB", "5.0 MiB", "13.4 GiB"]);
    }
}
