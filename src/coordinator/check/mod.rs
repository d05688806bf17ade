//! `dtf coordinator --check`: reads every part of a data directory, and compares them.
//!
//! Promises: nothing in the directory changes, so that it may be read-only; a part that cannot be read is
//! a finding, and the others are read. The caller keeps coordinators out. Limits:
//! two states of the scheduler are in memory, and at most [`report::MAX_FINDINGS`] findings of each
//! part are listed.

mod archive;
mod compare;
mod database;
mod files;
mod history;
pub mod report;
mod state;
mod weights;

use self::compare::compare_identity;
use self::database::Database;
use self::history::History;
use self::report::{Part, Report};
use crate::blobs;
use crate::domain::causes::with_causes;
use crate::domain::storage_id::StorageId;
use crate::log;
use crate::store;
use std::path::Path;

/// Checks a data directory. `progress` receives a line about each step.
#[must_use]
pub fn check(data_dir: &Path, progress: &mut dyn FnMut(&str)) -> Report {
    progress("opening the results database");
    let database = Database::open(&data_dir.join(store::FILE_NAME));
    progress("reading the event log");
    let History { identity, last, mut parts } =
        History::read(data_dir, database.watermark(), progress);
    parts.push(identity_file(data_dir, identity));
    progress("reading the results database");
    parts.push(database.check(identity, &last, progress));
    progress("reading the archive");
    let archives = data_dir.join(store::archive::DIRECTORY);
    parts.push(archive::archive(&archives, identity, &last));
    progress("reading the files");
    parts.push(files::blobs("files", &data_dir.join(blobs::DIRECTORY), identity, progress));
    progress("reading the weights");
    parts.push(weights::weights(&crate::coordinator::weights::root(data_dir), identity, progress));
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
