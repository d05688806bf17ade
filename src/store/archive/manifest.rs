//! The description of an archive: a JSON object with the description and its SHA-256.

use super::error::ArchiveError;
use crate::domain::digest::sha256_hex;
use crate::domain::storage_id::StorageId;
use crate::domain::time::Timestamp;
use crate::store::migrate;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::path::Path;

/// Version of the format. It grows when an older reader would misread an archive.
const FORMAT: u32 = 1;
/// The first schema of which there are archives.
const FIRST_SCHEMA: u32 = 5;

/// The content of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// Identity of the data directory.
    pub identity: StorageId,
    /// The last record of the log that the rows cover.
    pub watermark: u64,
    /// Version of the schema of the results database.
    pub schema: u32,
    /// Time of the export, by the clock of the coordinator.
    pub created: Timestamp,
    /// The files, in the order of the rows of each table. A table without rows has none.
    pub parts: Vec<Part>,
}

/// A file with rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub table: String,
    /// Name of the file.
    pub file: String,
    pub rows: u64,
    /// Size of the file, in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: String,
}

impl Part {
    /// Size and digest are added later.
    pub(super) fn new(table: &str, file: String, rows: u64) -> Self {
        Self { table: table.to_owned(), file, rows, bytes: 0, sha256: String::new() }
    }

    /// Whether the names are those of a table and of a file in the directory of the archive:
    /// `TABLE.parquet` or `TABLE-FIRST_ROW.parquet`.
    fn is_plain(&self) -> bool {
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let rest = self.file.strip_prefix(&self.table);
        let number = rest.and_then(|rest| rest.strip_suffix(".parquet"));
        let is_number = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
        plain(&self.table)
            && number.is_some_and(|n| n.is_empty() || n.strip_prefix('-').is_some_and(is_number))
    }
}

/// The file: the digest covers the text of the manifest.
#[derive(Serialize, Deserialize)]
struct Sealed<'a> {
    sha256: String,
    #[serde(borrow)]
    manifest: &'a RawValue,
}

impl Manifest {
    pub(super) fn new(
        identity: StorageId,
        watermark: u64,
        created: Timestamp,
        parts: Vec<Part>,
    ) -> Self {
        Self { format: FORMAT, identity, watermark, schema: migrate::VERSION, created, parts }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let encoded = serde_json::value::to_raw_value(self).and_then(|manifest| {
            let sha256 = sha256_hex(manifest.get().as_bytes());
            serde_json::to_vec(&Sealed { sha256, manifest: &manifest })
        });
        let mut bytes = encoded.expect("a manifest has only texts and numbers");
        bytes.push(b'\n');
        bytes
    }

    /// Reads the content of `file`.
    pub(super) fn decode(bytes: &[u8], file: &Path) -> Result<Self, ArchiveError> {
        let damaged = |reason: String| ArchiveError::damaged(file, reason);
        let sealed: Sealed<'_> =
            serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        if sha256_hex(sealed.manifest.get().as_bytes()) != sealed.sha256 {
            return Err(damaged("its digest does not match".to_owned()));
        }
        let newer = |reason| ArchiveError::Newer { path: file.to_owned(), reason };
        #[derive(Deserialize)]
        struct Versions {
            format: u32,
            schema: u32,
        }
        let text = sealed.manifest.get();
        let Versions { format, schema } =
            serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        if format != FORMAT {
            return Err(newer(format!("it has format {format}, this version reads {FORMAT}")));
        }
        if !(FIRST_SCHEMA..=migrate::VERSION).contains(&schema) {
            let known = migrate::VERSION;
            return Err(newer(format!(
                "it has schema {schema}, this version reads {FIRST_SCHEMA} to {known}"
            )));
        }
        let manifest: Self =
            serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        if !manifest.parts.iter().all(Part::is_plain) {
            return Err(damaged("it has impossible names of files".to_owned()));
        }
        Ok(manifest)
    }

    /// Number of rows of all tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.rows).sum()
    }

    /// Size of all files, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }
}
