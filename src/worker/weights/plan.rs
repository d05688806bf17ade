//! The files of weights that are fetched.

use crate::domain::weights::{CHUNK_BYTES, Manifest, ManifestFile};
use reqwest::Url;
use reqwest::header::HeaderValue;

/// The files to fetch.
#[derive(Debug, Clone, Default)]
pub struct FetchPlan {
    /// Files that the coordinator has in chunks.
    pub chunked: Vec<ManifestFile>,
    /// Files of a hub or a web server.
    pub addressed: Vec<AddressedFile>,
}

/// A file at an address.
#[derive(Debug, Clone)]
pub struct AddressedFile {
    /// Checked relative path with `/` as separator.
    pub path: String,
    pub size_bytes: u64,
    /// SHA-256 of the content; None if the hub does not publish it.
    pub sha256: Option<String>,
    pub url: Url,
    /// Header that proves the permission to read the file.
    pub token: Option<HeaderValue>,
}

impl FetchPlan {
    #[must_use]
    pub fn of_manifest(manifest: Manifest) -> Self {
        Self { chunked: manifest.files, addressed: Vec::new() }
    }

    /// Size of all files, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        let chunked = self.chunked.iter().map(|file| file.size_bytes);
        let addressed = self.addressed.iter().map(|file| file.size_bytes);
        chunked.chain(addressed).fold(0, u64::saturating_add)
    }
}

/// A piece of a file that is fetched and verified alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    pub sha256: String,
    pub offset: u64,
    pub size_bytes: u64,
}

/// The chunks of a file.
pub fn chunks(file: &ManifestFile) -> impl Iterator<Item = Chunk> {
    let size = file.size_bytes;
    file.chunk_digests().iter().zip(0_u64..).map(move |(sha256, index)| {
        let offset = index.saturating_mul(CHUNK_BYTES);
        let size_bytes = size.saturating_sub(offset).min(CHUNK_BYTES);
        Chunk { sha256: sha256.clone(), offset, size_bytes }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_a_file() {
        let of = |size_bytes, chunks: &[&str]| {
            let chunks_of_file = chunks.iter().copied().map(String::from).collect();
            let (path, sha256) = ("a".to_owned(), "whole".to_owned());
            let file = ManifestFile { path, sha256, size_bytes, chunks: chunks_of_file };
            let all =
                super::chunks(&file).map(|chunk| (chunk.sha256, chunk.offset, chunk.size_bytes));
            all.collect::<Vec<_>>()
        };
        let whole = CHUNK_BYTES;
        let expected = [("a", 0, whole), ("b", whole, whole), ("c", 2 * whole, 5)];
        let expected = expected.map(|(sha256, offset, size)| (sha256.to_owned(), offset, size));
        assert_eq!(of(2 * CHUNK_BYTES + 5, &["a", "b", "c"]), expected);
        assert_eq!(of(7, &[]), [("whole".to_owned(), 0, 7)]);
        assert_eq!(of(0, &[]), []);
    }
}
