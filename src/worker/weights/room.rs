//! Makes room for weights: removes those that were not used for the longest time.
//!
//! Promises: weights that a test uses or waits for stay. What is being fetched counts with its whole
//! size, so that two fetches never count on the same space. Nothing is removed if the room would not be
//! enough even then.

use crate::sys::disk::DiskSpace;
use crate::sys::file_lock::FileLock;
use crate::worker::weights::error::WeightsError;
use crate::worker::weights::layout::{Layout, Stored};
use std::io;
use std::path::Path;

/// Space of the disk that stays free, in bytes.
pub const MIN_FREE: u64 = 1 << 30;

/// The space for weights, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Maximum size of all weights; None for no limit.
    pub limit: Option<u64>,
    /// Free space of the disk beyond [`MIN_FREE`]; None if the platform does not report it.
    pub free: Option<u64>,
}

impl Space {
    /// # Errors
    /// The disk cannot be inspected.
    pub fn of(directory: &Path, limit: Option<u64>) -> io::Result<Self> {
        let free = DiskSpace::of(directory)?.map(|disk| disk.free.saturating_sub(MIN_FREE));
        Ok(Self { limit, free })
    }

    /// Number of bytes by which `need` further bytes exceed the space beside these weights.
    fn excess(self, need: u64, stored: &[Stored]) -> u64 {
        let sum = |size: fn(&Stored) -> u64| stored.iter().map(size).fold(0, u64::saturating_add);
        let whole = sum(|stored| stored.size_bytes).saturating_add(need);
        let over_limit = self.limit.map_or(0, |limit| whole.saturating_sub(limit));
        // What is being fetched will still be written.
        let missing = sum(|stored| stored.size_bytes.saturating_sub(stored.present_bytes));
        let over_disk = |free| missing.saturating_add(need).saturating_sub(free);
        over_limit.max(self.free.map_or(0, over_disk))
    }

    /// The largest weights that fit if all these are removed; None if nothing limits them.
    #[must_use]
    pub fn most(self, stored: &[Stored]) -> Option<u64> {
        let present = stored.iter().map(|stored| stored.present_bytes).fold(0, u64::saturating_add);
        match (self.limit, self.free.map(|free| free.saturating_add(present))) {
            (Some(limit), Some(disk)) => Some(limit.min(disk)),
            (limit, disk) => limit.or(disk),
        }
    }
}

/// Reserves the space for weights and creates their partial directory. The caller holds their fetch
/// lock. Weights in use are removable when their tests have ended, so the caller may try again.
///
/// # Errors
/// [`WeightsError::NoRoom`] if there is not enough space, and the reasons why the cache cannot be used.
pub fn reserve(
    layout: &Layout,
    limit: Option<u64>,
    key: &str,
    size_bytes: u64,
) -> Result<(), WeightsError> {
    let broken = |error| WeightsError::cache(layout.root(), error);
    let _alone = FileLock::alone(&layout.room_lock()).map_err(broken)?;
    let mut stored = layout.stored().map_err(broken)?;
    let is_own = |stored: &Stored| stored.key == key;
    // A part of these weights needs no space a second time.
    let own: u64 = stored.iter().filter(|one| is_own(one)).map(|one| one.present_bytes).sum();
    stored.retain(|one| !is_own(one));
    stored.sort_by_key(|one| one.used);
    let (kept, mut removable): (Vec<_>, Vec<_>) =
        stored.into_iter().partition(|one| layout.is_in_use(&one.key));
    let space = |freed: u64| -> Result<Space, WeightsError> {
        let space = Space::of(layout.root(), limit).map_err(broken)?;
        Ok(Space {
            free: space.free.map(|free| free.saturating_add(own).saturating_add(freed)),
            limit,
        })
    };
    let freed = removable.iter().map(|one| one.present_bytes).fold(0, u64::saturating_add);
    let excess = space(freed)?.excess(size_bytes, &kept);
    if excess > 0 {
        let (room, root) = (size_bytes.saturating_sub(excess), layout.root().to_owned());
        let used = kept.iter().map(|one| one.size_bytes).fold(0, u64::saturating_add);
        return Err(WeightsError::NoRoom {
            key: key.to_owned(),
            need: size_bytes,
            room,
            used,
            limit,
            root,
        });
    }
    // The oldest last.
    removable.reverse();
    loop {
        let all: Vec<_> = kept.iter().chain(&removable).cloned().collect();
        if space(0)?.excess(size_bytes, &all) == 0 {
            break;
        }
        let Some(oldest) = removable.pop() else { break };
        if layout.remove(&oldest.key).map_err(broken)? {
            let (key, bytes) = (&oldest.key, oldest.size_bytes);
            tracing::info!(key, bytes, "removed weights to make room for others");
        }
    }
    layout.begin(key, size_bytes).map_err(broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::sha256_hex;
    use crate::worker::weights::record::Record;
    use std::time::{Duration, SystemTime};

    const KEYS: [&str; 3] = ["sha256:old", "sha256:middle", "sha256:new"];

    /// Three weights of 10 bytes, the first used longest ago.
    fn three(root: &std::path::Path) -> Layout {
        let layout = Layout::open(root).expect("opened");
        for (age, key) in KEYS.into_iter().enumerate() {
            layout.begin(key, 10).expect("begun");
            let directory = layout.partial_files(key);
            std::fs::write(directory.join("a"), "0123456789").expect("written");
            let files = vec![("a".to_owned(), sha256_hex(b"0123456789"), 10)];
            let record = Record::of(key, &directory, files).expect("recorded");
            layout.complete_partial(&record).expect("completed");
            let used = layout.files(key).with_file_name("used");
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(100 + age as u64);
            std::fs::File::options()
                .write(true)
                .open(used)
                .expect("there")
                .set_modified(time)
                .expect("set");
        }
        layout
    }

    fn keys(layout: &Layout) -> Vec<String> {
        let mut keys: Vec<_> =
            layout.stored().expect("listed").into_iter().map(|s| s.key).collect();
        keys.sort();
        keys
    }

    #[test]
    fn the_weights_that_were_used_longest_ago_make_room() {
        let root = tempfile::tempdir().expect("a directory");
        let layout = three(root.path());
        reserve(&layout, Some(30), "sha256:x", 0).expect("nothing is needed");
        assert_eq!(keys(&layout).len(), 4);
        reserve(&layout, Some(35), "sha256:x", 6).expect("room");
        assert_eq!(keys(&layout), ["sha256:middle", "sha256:new", "sha256:x"]);
        // The reserved size counts before anything is written.
        reserve(&layout, Some(35), "sha256:y", 10).expect("room");
        assert_eq!(keys(&layout), ["sha256:new", "sha256:x", "sha256:y"]);
    }

    #[test]
    fn weights_in_use_stay_and_nothing_is_removed_in_vain() {
        let root = tempfile::tempdir().expect("a directory");
        let layout = three(root.path());
        let used = FileLock::shared(&layout.use_lock(KEYS[0])).expect("locked");
        let error = reserve(&layout, Some(30), "sha256:x", 25).expect_err("no room");
        let WeightsError::NoRoom { need: 25, room: 20, used: 10, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(keys(&layout).len(), 3);
        reserve(&layout, Some(30), "sha256:x", 20).expect("room");
        assert_eq!(keys(&layout), [KEYS[0], "sha256:x"]);
        drop(used);
        assert!(reserve(&layout, Some(30), "sha256:y", 31).is_err(), "larger than the limit");
        reserve(&layout, None, "sha256:y", 31).expect("there is no limit");
        let disk = reserve(&layout, None, "sha256:z", u64::MAX / 2).expect_err("no such disk");
        assert!(disk.to_string().contains("the disk"), "{disk}");
        assert_eq!(keys(&layout).len(), 3);
    }

    #[test]
    fn the_largest_weights_that_fit_depend_on_limit_and_disk() {
        let stored = |size_bytes| Stored {
            key: "k".into(),
            is_complete: true,
            size_bytes,
            present_bytes: size_bytes,
            used: SystemTime::UNIX_EPOCH,
        };
        let all = [stored(10), stored(20)];
        let space = |limit, free| Space { limit, free }.most(&all);
        assert_eq!(space(Some(100), Some(5)), Some(35));
        assert_eq!(space(Some(30), Some(50)), Some(30));
        assert_eq!(space(None, None), None);
    }
}
