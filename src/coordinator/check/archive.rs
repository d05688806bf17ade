//! The check of the archive: each file is compared with its digest, and the records that it covers
//! with those of the event log.

use super::compare::{compare_identity, compare_last};
use super::history::Last;
use super::report::Part;
use crate::domain::causes::with_causes;
use crate::domain::storage_id::StorageId;
use crate::results::render::figures::{bytes, counted};
use crate::store::archive::{Archive, ArchiveError};
use std::path::Path;

const NAME: &str = "archive";
/// Next step for an archive that cannot be used.
const EXPORTED: &str = "start the coordinator with a whole results database, from which it writes a \
                        new archive; or restore the directory `archive` from a backup";

/// Reads the newest archive.
pub fn archive(archives: &Path, identity: Option<StorageId>, last: &Last) -> Part {
    let mut part = Part::new(NAME, archives);
    let archive = match Archive::newest(archives) {
        Ok(Some(archive)) => archive,
        Ok(None) if last.base == 0 => return Part::absent(NAME, archives),
        Ok(None) => {
            let base = last.base;
            let problem = format!("there is none, and the event log begins after record {base}");
            part.add(None, problem, EXPORTED);
            return part;
        }
        Err(error) => {
            add(&mut part, &error);
            return part;
        }
    };
    let manifest = &archive.manifest;
    compare_identity(&mut part, Some(manifest.identity), identity);
    compare_last(&mut part, manifest.watermark, last.record);
    if manifest.watermark < last.base {
        let (watermark, base) = (manifest.watermark, last.base);
        let problem = format!(
            "it ends with record {watermark}, and the event log begins after record {base}"
        );
        part.add(None, problem, EXPORTED);
    }
    if let Err(error) = archive.verify() {
        add(&mut part, &error);
    }
    let (rows, size) = (counted(manifest.rows(), "row"), bytes(manifest.bytes() as f64));
    part.content = format!("records up to {}, {rows}, {size}", manifest.watermark);
    part
}

fn add(part: &mut Part, error: &ArchiveError) {
    match error {
        ArchiveError::Damaged { path, reason } => {
            part.add_about(path, None, format!("it is damaged: {reason}"), EXPORTED);
        }
        ArchiveError::Newer { path, reason } => {
            part.add_about(path, None, reason.clone(), "use the version of dtf that wrote it");
        }
        error => part.add(None, with_causes(error), EXPORTED),
    }
}
