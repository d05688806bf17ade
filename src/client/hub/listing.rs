//! The list of the files of a model at a commit, as the hub reports it.

use crate::domain::weights::is_commit;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Maximum number of files of one list.
const MAX_LISTED: usize = 100_000;

/// The files of a model at a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubListing {
    /// Empty if the hub does not report one.
    pub commit: String,
    /// Files by path, with `/`.
    pub files: BTreeMap<String, ListedFile>,
}

/// The facts about a file that the hub reports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedFile {
    pub size_bytes: Option<u64>,
    /// SHA-256 of the content, which the hub reports for large files.
    pub sha256: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    #[serde(default)]
    sha256: Option<String>,
    #[serde(default)]
    size: Option<u64>,
}

impl HubListing {
    /// # Errors
    /// The text is not such a list, or is too long.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let Answer { sha, siblings } = serde_json::from_slice(text)
            .map_err(|error| format!("it is not a list of files ({error})"))?;
        if siblings.len() > MAX_LISTED {
            return Err(format!("it lists {} files (maximum {MAX_LISTED})", siblings.len()));
        }
        let file = |Sibling { rfilename, size, lfs }: Sibling| {
            let (sha256, lfs_size) = lfs.map_or((None, None), |lfs| (lfs.sha256, lfs.size));
            (rfilename, ListedFile { size_bytes: lfs_size.or(size), sha256 })
        };
        let commit = if is_commit(&sha) { sha } else { String::new() };
        Ok(Self { commit, files: siblings.into_iter().map(file).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_digests_of_large_files_are_read() {
        let text = r#"{"sha": "0123456789abcdef0123456789abcdef01234567", "gated": false, "siblings": [
            {"rfilename": "config.json", "size": 3, "blobId": "x"},
            {"rfilename": "model.safetensors", "size": 130,
             "lfs": {"sha256": "ab", "size": 500, "pointerSize": 130}},
            {"rfilename": "README.md"}]}"#;
        let listing = HubListing::parse(text.as_bytes()).expect("a list");
        assert_eq!(listing.commit.len(), 40);
        let file = |name: &str| listing.files[name].clone();
        assert_eq!(file("config.json"), ListedFile { size_bytes: Some(3), sha256: None });
        let large = ListedFile { size_bytes: Some(500), sha256: Some("ab".into()) };
        assert_eq!(file("model.safetensors"), large);
        assert_eq!(file("README.md"), ListedFile::default());
        assert_eq!(HubListing::parse(br#"{"siblings": []}"#).expect("a list").commit, "");
        for bad in [&b"<html>"[..], b"{}", b"{\"siblings\": [{}]}"] {
            assert!(
                HubListing::parse(bad).expect_err("not a list").contains("not a list of files")
            );
        }
    }
}
