//! The check of stored files: each is read and compared with its digest.

use super::compare::compare_identity;
use super::report::Part;
use crate::blobs::{BlobDigest, BlobError, BlobStore, FileBlobs, Stored};
use crate::domain::causes::with_causes;
use crate::domain::storage_id::StorageId;
use crate::results::render::figures::{bytes, counted};
use std::io;
use std::path::Path;

/// Bytes of files between two lines of progress.
const PROGRESS_BYTES: u64 = 1 << 30;
/// Next step for a file that is damaged.
const REPLACED: &str = "restore the file from a backup; the next upload of the same content also \
                        replaces it";

/// Reads all stored files of the part `name`.
pub fn blobs(
    name: &'static str,
    root: &Path,
    identity: Option<StorageId>,
    progress: &mut dyn FnMut(&str),
) -> Part {
    if !root.is_dir() {
        return Part::absent(name, root);
    }
    let mut part = Part::new(name, root);
    match FileBlobs::stored_identity(root) {
        Ok(own) => compare_identity(&mut part, own, identity),
        Err(error) => part.add(
            None,
            with_causes(&error),
            "remove the file `identity` in this directory if the files belong to this data directory",
        ),
    }
    let (count, size) = read_all(&mut part, root, progress);
    part.content = format!("{}, {}", counted(count, "file"), in_bytes(size));
    part
}

/// Reads the blobs below `root`, and adds a finding for each damaged one. Returns their number and size
/// in bytes.
pub fn read_all(part: &mut Part, root: &Path, progress: &mut dyn FnMut(&str)) -> (u64, u64) {
    let (store, name) = (FileBlobs::new(root), part.name);
    let (mut count, mut size, mut reported) = (0, 0, 0);
    for group in 0..=u8::MAX {
        let mut stored: Vec<Stored> = Vec::new();
        if let Err(error) = store.list(group, &mut |blob| stored.push(blob)) {
            part.add(Some(format!("{group:02x}")), with_causes(&error), "repair the disk");
        }
        for blob in stored {
            count += 1;
            size += blob.size;
            if let Err(error) = read(&store, &blob.digest) {
                let digest = blob.digest.as_str();
                let file = root.join(&digest[..2]).join(digest);
                part.add_about(&file, None, with_causes(&error), REPLACED);
            }
            if size - reported >= PROGRESS_BYTES {
                reported = size;
                progress(&format!("{name}: {}, {} read", counted(count, "file"), in_bytes(size)));
            }
        }
    }
    (count, size)
}

fn read(store: &FileBlobs, digest: &BlobDigest) -> Result<(), BlobError> {
    // A file that was removed since the listing is not damaged.
    let Some(mut blob) = store.open(digest)? else { return Ok(()) };
    let read = io::copy(&mut blob.content, &mut io::sink());
    read.map(|_| ()).map_err(|source| BlobError::of_io("read", Path::new(digest.as_str()), source))
}

#[expect(clippy::cast_precision_loss, reason = "a size for people")]
pub fn in_bytes(size: u64) -> String {
    bytes(size as f64)
}
