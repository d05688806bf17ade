//! Identities and positions of the parts beside the log, read without a change, for the comparison
//! with a log before it is opened for writing. Parts that cannot be read are left to their opening.

use crate::blobs::{self, FileBlobs};
use crate::coordinator::weights;
use crate::domain::storage_id::StorageId;
use crate::log::{self, LogError, Sequence};
use crate::store::archive::{self, Archive};
use crate::store::{self, Checked};
use std::path::{Path, PathBuf};

/// The parts beside the log.
pub(super) struct Beside {
    log: PathBuf,
    /// Parts with their identities.
    identities: Vec<(PathBuf, StorageId)>,
    /// The results database and the archive, with the last record that they contain.
    positions: Vec<(PathBuf, Sequence)>,
}

impl Beside {
    /// `identity`: content of the file `identity`.
    pub fn read(data_dir: &Path, identity: Option<StorageId>) -> Self {
        let mut identities = Vec::new();
        identities.extend(identity.map(|identity| (data_dir.join(log::IDENTITY_FILE), identity)));
        for root in [data_dir.join(blobs::DIRECTORY), weights::root(data_dir)] {
            if let Ok(Some(identity)) = FileBlobs::stored_identity(&root) {
                identities.push((root, identity));
            }
        }
        let path = data_dir.join(store::FILE_NAME);
        let mut positions = Vec::new();
        if let Ok(checked) = Checked::open(&path) {
            identities.extend(checked.identity.map(|identity| (path.clone(), identity)));
            positions.push((path, checked.watermark));
        }
        if let Ok(Some(archive)) = Archive::newest(&data_dir.join(archive::DIRECTORY)) {
            identities.push((archive.path.clone(), archive.manifest.identity));
            positions.push((archive.path, archive.manifest.watermark));
        }
        Self { log: data_dir.join(log::LOG_FILE), identities, positions }
    }

    /// Compares the parts with the identity and the last record of the log.
    ///
    /// # Errors
    /// A part belongs to another log, or contains records that the log does not.
    pub fn compare(&self, expected: StorageId, last: Sequence) -> Result<(), LogError> {
        for (path, found) in &self.identities {
            if *found != expected {
                let (path, found) = (path.clone(), *found);
                return Err(LogError::OtherIdentity { path, expected, found });
            }
        }
        for (evidence, proven) in &self.positions {
            if *proven > last {
                let (path, evidence, proven) = (self.log.clone(), evidence.clone(), *proven);
                return Err(LogError::Lost { path, last, evidence, proven });
            }
        }
        Ok(())
    }
}
