//! The weights that the workers of this machine have fetched.

use super::item::Item;
use crate::api::SCHEMA;
use crate::cli::error::CliError;
use crate::cli::terminal::progress::Progress;
use crate::results::render::figures::bytes;
use crate::worker::weights::alive::Alive;
use crate::worker::weights::layout::{Layout, Stored};
use crate::worker::weights::record::Record;
use serde::Serialize;
use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The directory of fetched weights.
pub struct Cache {
    directory: PathBuf,
}

/// The form of a list as JSON.
#[derive(Debug, Serialize)]
pub struct Listing<'a> {
    schema: u32,
    directory: &'a Path,
    items: Vec<Fetched<'a>>,
}

#[derive(Debug, Serialize)]
struct Fetched<'a> {
    key: &'a str,
    size_bytes: u64,
    /// Size of the files that exist.
    present_bytes: u64,
    complete: bool,
    /// Milliseconds since 1970.
    used_at: u64,
}

pub fn listing<'a>(cache: &'a Cache, stored: &'a [Stored]) -> Listing<'a> {
    let items = stored.iter().map(|one| Fetched {
        key: &one.key,
        size_bytes: one.size_bytes,
        present_bytes: one.present_bytes,
        complete: one.is_complete,
        used_at: millis(one.used),
    });
    Listing { schema: SCHEMA, directory: &cache.directory, items: items.collect() }
}

/// Milliseconds since 1970.
pub fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Cache {
    pub fn at(directory: PathBuf) -> Self {
        Self { directory }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The stored weights, the last used first. There are none if the directory does not exist.
    pub fn stored(&self) -> Result<Vec<Stored>, CliError> {
        let Some(layout) = Layout::existing(&self.directory) else { return Ok(Vec::new()) };
        let mut stored = layout.stored().map_err(|error| self.failed("read", &error))?;
        stored.sort_by_key(|one| std::cmp::Reverse(one.used));
        Ok(stored)
    }

    pub fn items(&self) -> Result<Vec<Item>, CliError> {
        let stored = self.stored()?.into_iter();
        Ok(stored.map(|one| Item { key: one.key, name: String::new(), in_place: false }).collect())
    }

    /// Reads weights again. Returns what is wrong with them, if anything.
    pub fn verify(&self, key: &str, progress: &Progress) -> Result<Option<String>, CliError> {
        let Some(layout) = Layout::existing(&self.directory) else { return Ok(None) };
        let Some(record) = Record::read(&layout.record(key)) else {
            return Ok(Some(
                "they were not fetched completely; the next fetch continues".to_owned(),
            ));
        };
        let done = Cell::new(0);
        let read = |more: u64| {
            done.set(done.get() + more);
            let [done, all] = [done.get(), record.size_bytes].map(|size| bytes(size as f64));
            progress.show(&format!("reading {key}: {done} of {all}"));
        };
        let damaged = record.check(&layout.files(key), &Alive::default(), &read);
        let damaged = damaged.map_err(|error| self.failed("read", &error))?;
        let problems: Vec<String> =
            damaged.iter().map(|damage| format!("{} {}", damage.path, damage.reason)).collect();
        Ok((!problems.is_empty()).then(|| problems.join(", ")))
    }

    pub fn remove(&self, key: &str) -> Result<(), CliError> {
        let Some(layout) = Layout::existing(&self.directory) else { return Ok(()) };
        match layout.remove(key) {
            Ok(true) => Ok(()),
            Ok(false) => Err(CliError::new(format!("a worker uses or fetches {key}"))
                .hint("wait until its tests have ended")),
            Err(error) => Err(self.failed("remove weights from", &error)),
        }
    }

    fn failed(&self, doing: &str, error: &io::Error) -> CliError {
        CliError::new(format!("cannot {doing} {}: {error}", self.directory.display()))
    }
}
