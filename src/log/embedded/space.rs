//! Giving space back to the file system after a compaction.
//!
//! redb uses the pages of removed records again, and cuts off free pages at the end of the file when
//! the log is closed. Free pages between used ones remain. If they are most of the file when the log
//! is opened, the used ones are moved together: about 1 s for 100 MiB of used pages, in transactions
//! that a crash does not harm.

use super::step::Step;
use crate::log::error::LogError;
use redb::Database;
use std::path::Path;

/// Minimum size of a file from which space is given back, in bytes.
const MIN_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Moves the used pages together if most of a file with this length is free. After an error, the
/// database takes no more.
pub(super) fn give_back(database: &mut Database, len: u64, path: &Path) -> Result<(), LogError> {
    if len < MIN_FILE_BYTES {
        return Ok(());
    }
    Step::Compact.run_redb(path, || {
        let transaction = database.begin_write()?;
        let stats = transaction.stats()?;
        transaction.abort()?;
        if stats.allocated_pages() * stats.page_size() as u64 <= len / 2 {
            database.compact()?;
        }
        Ok(())
    })
}
