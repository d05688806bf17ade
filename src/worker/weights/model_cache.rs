//! The model cache that the tools of the hub share: models at a commit, where they are.
//!
//! Limit: `MAX_ENTRIES` files of one model, `MAX_MODELS` models in a list.
//!
//! Promise: a model counts as present only if it has weights and every file that its indexes name.
//! "not there" is not "cannot be read".

use crate::domain::weights::is_commit;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Maximum number of files and directories of one model.
const MAX_ENTRIES: usize = 20_000;
/// Maximum number of models in a list.
const MAX_MODELS: usize = 1_000;
/// Maximum size of an index, in bytes.
const MAX_INDEX_BYTES: u64 = 64 << 20;
/// Maximum size of the file with the commit of a revision, in bytes.
const MAX_REFERENCE_BYTES: u64 = 128;
/// Revision of a model that is given without one.
const LATEST: &str = "main";
/// Extensions of files with weights.
const WEIGHTS: &[&str] = &[
    "safetensors",
    "bin",
    "pt",
    "pth",
    "ckpt",
    "gguf",
    "onnx",
    "xml",
    "h5",
    "msgpack",
    "npz",
    "tflite",
];

/// A model in the model cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub commit: String,
    pub directory: PathBuf,
}

/// Finds a model at a revision; None if the cache does not have it completely.
///
/// # Errors
/// The cache cannot be read.
pub fn find(models: &Path, model: &str, revision: Option<&str>) -> io::Result<Option<Snapshot>> {
    let root = models.join(format!("models--{}", model.replace('/', "--")));
    let revision = revision.unwrap_or(LATEST);
    let commit = if is_commit(revision) {
        revision.to_owned()
    } else {
        match reference(&root, revision)? {
            Some(commit) => commit,
            None => return Ok(None),
        }
    };
    let directory = root.join("snapshots").join(&commit);
    Ok(is_complete(&directory)?.then_some(Snapshot { commit, directory }))
}

/// The models of the cache, as `MODEL@COMMIT`. Models that cannot be read are left out.
#[must_use]
pub fn list(models: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(models).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().and_then(|name| name.strip_prefix("models--")) else {
            continue;
        };
        let model = name.replacen("--", "/", 1);
        let snapshots = std::fs::read_dir(entry.path().join("snapshots"));
        for snapshot in snapshots.into_iter().flatten().flatten() {
            let commit = snapshot.file_name().into_string().unwrap_or_default();
            let is_held = is_commit(&commit) && is_complete(&snapshot.path()).unwrap_or(false);
            if is_held && names.len() < MAX_MODELS {
                names.push(format!("{model}@{commit}"));
            }
        }
    }
    names
}

/// The commit of a branch or tag.
fn reference(root: &Path, revision: &str) -> io::Result<Option<String>> {
    if revision.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Ok(None);
    }
    let Some(text) = read(&root.join("refs").join(revision), MAX_REFERENCE_BYTES)? else {
        return Ok(None);
    };
    let commit = String::from_utf8_lossy(&text).trim().to_owned();
    Ok(is_commit(&commit).then_some(commit))
}

/// Whether a directory has weights, and everything that is named in its indexes.
fn is_complete(directory: &Path) -> io::Result<bool> {
    let Some(files) = files_below(directory)? else { return Ok(false) };
    let extension = |path: &Path| path.extension().and_then(|e| e.to_str()).map(str::to_owned);
    let has_weights = |path: &PathBuf| extension(path).is_some_and(|e| WEIGHTS.contains(&&*e));
    if !files.iter().any(has_weights) {
        return Ok(false);
    }
    for index in files.iter().filter(|path| path.to_string_lossy().ends_with(".index.json")) {
        #[derive(Deserialize)]
        struct Index {
            weight_map: BTreeMap<String, String>,
        }
        let Some(text) = read(index, MAX_INDEX_BYTES)? else { return Ok(false) };
        let Ok(Index { weight_map }) = serde_json::from_slice(&text) else { return Ok(false) };
        let place = index.parent().unwrap_or(directory);
        if weight_map.values().any(|shard| !files.contains(&place.join(shard))) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The files below a directory, through links. None if there is no directory, or a link without a file.
fn files_below(root: &Path) -> io::Result<Option<Vec<PathBuf>>> {
    let (mut open, mut files, mut entries) = (vec![root.to_owned()], Vec::new(), 0);
    while let Some(directory) = open.pop() {
        let listed = match std::fs::read_dir(&directory) {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        for entry in listed {
            let entry = entry?;
            entries += 1;
            if entries > MAX_ENTRIES {
                return Err(io::Error::other(format!("more than {MAX_ENTRIES} files")));
            }
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                open.push(path);
                continue;
            }
            match path.metadata() {
                Ok(data) if data.is_file() => files.push(path),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(Some(files))
}

/// The content of a file of a limited size; None if there is none, or it is larger.
fn read(path: &Path, max_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    match path.metadata() {
        Ok(data) if data.len() > max_bytes => Ok(None),
        Ok(_) => std::fs::read(path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789012345678901234567890123456789";

    fn write(root: &Path, path: &str, content: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, content).expect("written");
    }

    #[test]
    fn a_model_is_present_with_all_its_files_only() {
        let root = tempfile::tempdir().expect("a directory");
        let place = format!("models--owner--model/snapshots/{COMMIT}");
        let found = |revision| find(root.path(), "owner/model", revision).expect("read");
        assert_eq!(found(None), None, "there is no cache");
        write(root.path(), "models--owner--model/refs/main", COMMIT);
        write(root.path(), &format!("{place}/config.json"), "{}");
        assert_eq!(found(None), None, "a configuration alone");
        let index = r#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"#;
        write(root.path(), &format!("{place}/model.safetensors.index.json"), index);
        write(root.path(), &format!("{place}/model-1.safetensors"), "x");
        assert_eq!(found(Some(COMMIT)), None, "a shard is missing");
        write(root.path(), &format!("{place}/model-2.safetensors"), "x");
        let directory = root.path().join(&place);
        let expected = Some(Snapshot { commit: COMMIT.to_owned(), directory });
        assert_eq!(found(None), expected);
        assert_eq!(found(Some(COMMIT)), expected);
        for revision in ["v1", "../main", &"f".repeat(40)] {
            assert_eq!(found(Some(revision)), None, "{revision}");
        }
        assert_eq!(list(root.path()), [format!("owner/model@{COMMIT}")]);
    }

    #[test]
    #[cfg(unix)]
    fn a_link_without_its_file_is_missing_and_an_unreadable_cache_is_an_error() {
        let root = tempfile::tempdir().expect("a directory");
        let place = format!("models--m/snapshots/{COMMIT}");
        write(root.path(), &format!("{place}/model.safetensors"), "x");
        assert!(find(root.path(), "m", Some(COMMIT)).expect("read").is_some());
        let link = root.path().join(&place).join("config.json");
        std::os::unix::fs::symlink("../../blobs/missing", link).expect("linked");
        assert_eq!(find(root.path(), "m", Some(COMMIT)).expect("read"), None);
        std::fs::write(root.path().join("models--file"), "x").expect("written");
        assert!(find(root.path(), "file", Some(COMMIT)).is_err());
    }
}
