//! `dtf coordinator --check`: reads every part of a data directory, and compares them.
//!
//! Promises: nothing in the directory changes, except for the lock file of the caller; a part that
//! cannot be read is a finding, and the others are read. The caller keeps coordinators out. Limits:
//! two states of the scheduler are in memory, and at most [`report::MAX_FINDINGS`] findings of each
//! part are listed.

mod database;
mod files;
mod history;
pub mod report;

use self::database::Database;
use self::history::History;
use self::report::{Part, Report};
use crate::blobs;
use crate::domain::causes::with_causes;
use crate::domain::storage_id::StorageId;
use crate::log;
use crate::store;
use std::path::Path;

/// Next step when a part belongs to another directory.
const OTHER_IDENTITY: &str =
    "put back the file that belongs to this directory; docs/operate.md describes the choices";
/// Next step when records of the log were lost.
const LOST: &str = "restore the newest copy of the event log, or start the coordinator with \
                    --accept-lost-records; docs/operate.md describes both";

/// Checks a data directory. `progress` receives a line about each step.
#[must_use]
pub fn check(data_dir: &Path, progress: &mut dyn FnMut(&str)) -> Report {
    progress("opening the results database");
    let database = Database::open(&data_dir.join(store::FILE_NAME));
    progress("reading the event log");
    let History { identity, last, parts: mut parts } =
        History::read(data_dir, database.watermark(), progress);
    parts.push(identity_file(data_dir, identity));
    progress("reading the results database");
    parts.push(database.check(identity, &last, progress));
    progress("reading the files");
    parts.push(files::blobs(&data_dir.join(blobs::DIRECTORY), identity, progress));
    Report::new(data_dir, identity.map(|identity| identity.to_string()), parts)
}

fn identity_file(data_dir: &Path, identity: Option<StorageId>) -> Part {
    let path = data_dir.join(log::IDENTITY_FILE);
    match log::read_identity(data_dir) {
        Ok(None) => {
            let mut part = Part::absent("identity", path);
            if identity.is_some() {
                part.add(
                    None,
                    "the file is missing",
                    "start the coordinator, which writes it again",
                );
            }
            part
        }
        Ok(Some(stored)) => {
            let mut part = Part::new("identity", path);
            part.content = stored.to_string();
            compare_identity(&mut part, Some(stored), identity);
            part
        }
        Err(error) => {
            let mut part = Part::new("identity", path);
            let next = "remove the file; the next start writes it again";
            part.add(None, with_causes(&error), next);
            part
        }
    }
}

/// Adds a finding if a part has another identity than the log. Parts of older versions have none.
fn compare_identity(part: &mut Part, found: Option<StorageId>, expected: Option<StorageId>) {
    if let (Some(found), Some(expected)) = (found, expected)
        && found != expected
    {
        let problem = format!("it has the identity {found}, and the event log has {expected}");
        part.add(None, problem, OTHER_IDENTITY);
    }
}

/// Adds a finding if a part contains records that the log does not.
fn compare_last(part: &mut Part, at: log::Sequence, last: Option<log::Sequence>) {
    if let Some(last) = last.filter(|last| at > *last) {
        let problem = format!("it contains record {at}, but the event log ends with record {last}");
        part.add(Some(format!("record {at}")), problem, LOST);
    }
}
