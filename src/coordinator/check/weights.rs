//! The check of stored weights: each chunk and manifest is read and compared with its digest, and each
//! record has a manifest whose chunks exist.

use super::files::{blobs, in_bytes, read_all};
use super::report::Part;
use crate::blobs::{BlobDigest, BlobStore, FileBlobs};
use crate::coordinator::weights::record::{self, Record};
use crate::coordinator::weights::{MANIFESTS, RECORDS, chunks};
use crate::domain::causes::with_causes;
use crate::domain::storage_id::StorageId;
use crate::domain::weights::{MAX_MANIFEST_BYTES, Manifest};
use crate::results::render::figures::counted;
use std::path::Path;

/// Next step for weights that are not whole.
const PUSHED: &str = "submit the plan again, which sends what is missing, or restore a backup";

/// Reads all stored weights.
pub fn weights(root: &Path, identity: Option<StorageId>, progress: &mut dyn FnMut(&str)) -> Part {
    let mut part = blobs("weights", root, identity, progress);
    if !root.is_dir() {
        return part;
    }
    let chunks_read = std::mem::take(&mut part.content);
    let (_, size) = read_all(&mut part, &root.join(MANIFESTS), progress);
    let mut count = 0;
    match std::fs::read_dir(root.join(RECORDS)) {
        Ok(entries) => {
            for path in entries.flatten().map(|entry| entry.path()) {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let Some(Ok(digest)) = name.strip_suffix(record::SUFFIX).map(str::parse) else {
                    continue;
                };
                count += 1;
                let problem = match record::read(&path) {
                    Ok(record) => incomplete(root, &digest, &record),
                    Err(error) => Some(with_causes(&error)),
                };
                if let Some(problem) = problem {
                    part.add_about(&path, None, problem, PUSHED);
                }
            }
        }
        Err(error) => part.add_about(&root.join(RECORDS), None, with_causes(&error), PUSHED),
    }
    let sets = counted(count, "manifest");
    part.content = format!("{sets} ({}), chunks: {chunks_read}", in_bytes(size));
    part
}

/// Describes the parts that the weights of a record lack, if there are any.
fn incomplete(root: &Path, digest: &BlobDigest, record: &Record) -> Option<String> {
    let manifests = FileBlobs::new(root.join(MANIFESTS));
    let text = match manifests.get(digest, MAX_MANIFEST_BYTES as u64) {
        Ok(Some(text)) => text,
        Ok(None) => return Some("its manifest is missing".to_owned()),
        Err(error) => return Some(with_causes(&error)),
    };
    let manifest = match Manifest::parse(&text) {
        Ok(manifest) => manifest,
        Err(error) => return Some(with_causes(&error)),
    };
    if record.in_place {
        return None;
    }
    let all = chunks(&manifest);
    let path = |digest: &BlobDigest| root.join(digest.group()).join(digest.as_str());
    let missing = all.iter().filter(|chunk| !path(&chunk.digest).is_file()).count();
    (missing > 0).then(|| format!("{missing} of its {} chunks are missing", all.len()))
}
