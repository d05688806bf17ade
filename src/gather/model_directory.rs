//! Reads the directories of models: those that users specify, and those of the model cache.
//!
//! Reading a file has three results: its content, absent, or failed with the reason. A dangling
//! link, a directory instead of a file, and a file without permission are failures. The limits are
//! those of [`crate::models::description`].

use crate::models::description::{Description, FileRead, MAX_CONFIG_BYTES, MAX_DEPTH, MAX_NAMES};
use crate::models::source::KnownModel;
use crate::sys::fs::open_plain;
use crate::text::error::ReadError;
use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Maximum size of a file with the name of a commit, in bytes.
const MAX_REFERENCE_BYTES: usize = 256;

/// Describes a directory. Links are followed only inside `within`, which is a path without links.
///
/// # Errors
/// The directory does not exist or cannot be read.
pub fn describe(directory: &Path, within: Option<&Path>) -> Result<Description, String> {
    let full = resolve(directory, within)?.ok_or("it does not exist")?;
    if !full.is_dir() {
        return Err("it is not a directory".to_owned());
    }
    let mut names = BTreeSet::new();
    let description = match list(&full, within, &mut names) {
        Ok(()) => Description::with_files(names),
        Err(why) => Description::with_partial_files(names, why),
    };
    Ok(description.read_files(|name| read_file(&full.join(name), within)))
}

/// Reads a file of at most the size of a configuration.
fn read_file(path: &Path, within: Option<&Path>) -> FileRead {
    match resolve(path, within) {
        Ok(None) => FileRead::Absent,
        Ok(Some(full)) => match read_capped(&full, MAX_CONFIG_BYTES) {
            Ok(text) => FileRead::Content(text),
            Err(reason) => FileRead::Failed(reason),
        },
        Err(reason) => FileRead::Failed(reason),
    }
}

/// The path without links; `None` if it does not exist.
fn resolve(path: &Path, within: Option<&Path>) -> Result<Option<PathBuf>, String> {
    let full = match path.canonicalize() {
        Ok(full) => full,
        Err(error) => return missing(path, &error),
    };
    match within {
        Some(root) if !full.starts_with(root) => Err(format!(
            "it leads out of {}, to {}; a plan can only use files in its directory",
            root.display(),
            full.display()
        )),
        _ => Ok(Some(full)),
    }
}

/// Distinguishes a path that does not exist from one that cannot be resolved.
fn missing(path: &Path, error: &io::Error) -> Result<Option<PathBuf>, String> {
    let absent = |kind| matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory);
    match path.symlink_metadata() {
        Ok(data) if data.is_symlink() => {
            let target = path.read_link().unwrap_or_default();
            Err(format!("it is a link to {}, which cannot be followed: {error}", target.display()))
        }
        Ok(_) => Err(error.to_string()),
        Err(error) if absent(error.kind()) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Adds the names of the files in a directory and its subdirectories.
fn list(
    directory: &Path,
    within: Option<&Path>,
    names: &mut BTreeSet<String>,
) -> Result<(), String> {
    let mut open = vec![(directory.to_owned(), String::new(), 1)];
    let mut result = Ok(());
    while let Some((directory, prefix, depth)) = open.pop() {
        let failed = |error: io::Error| format!("{}: {error}", directory.display());
        let entries = match directory.read_dir() {
            Ok(entries) => entries,
            // The other directories are read nevertheless.
            Err(error) => {
                result = Err(failed(error));
                continue;
            }
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let below = entry.path().is_dir();
            if !below {
                names.insert(name);
            } else if depth < MAX_DEPTH && matches!(resolve(&entry.path(), within), Ok(Some(_))) {
                open.push((entry.path(), format!("{name}/"), depth + 1));
            }
            if names.len() > MAX_NAMES || open.len() > MAX_NAMES {
                return Err(format!("there are more than {MAX_NAMES} files"));
            }
        }
    }
    result
}

/// A model in the model cache of the hub's tools; `None` if the cache has no files of it.
///
/// # Errors
/// The cache has the model, but a file cannot be read.
pub fn cached(
    hub: &Path,
    model: &str,
    revision: Option<&str>,
) -> Result<Option<KnownModel>, ReadError> {
    let Some((directory, revision)) = snapshot(hub, model, revision)? else { return Ok(None) };
    let description = describe(&directory, None).map_err(|reason| failed(&directory, &reason))?;
    if let Some((file, reason)) = description.first_failure() {
        return Err(failed(&directory.join(file), reason));
    }
    Ok((!description.is_empty()).then_some(KnownModel { description, revision }))
}

/// The directory of a cached model, and its commit. `models--OWNER--NAME/refs/main` contains the
/// commit, and `snapshots/COMMIT` the files or links to them. Without `refs/main`, as after the
/// download of a given revision, the only snapshot is used.
///
/// # Errors
/// The cache has the model, but it cannot be read.
pub fn snapshot(
    hub: &Path,
    model: &str,
    revision: Option<&str>,
) -> Result<Option<(PathBuf, String)>, ReadError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let mut named = [Some(model), revision].into_iter().flatten();
    if !named.all(|name| name.chars().all(plain) && !name.contains("..")) {
        return Ok(None);
    }
    let directory = hub.join(format!("models--{}", model.replace('/', "--")));
    if resolve(&directory, None).map_err(|reason| failed(&directory, &reason))?.is_none() {
        return Ok(None);
    }
    let Some(revision) = commit(&directory, revision)? else { return Ok(None) };
    let snapshot = directory.join("snapshots").join(&revision);
    let resolved = resolve(&snapshot, None).map_err(|reason| failed(&snapshot, &reason))?;
    Ok(resolved.map(|path| (path, revision)))
}

fn failed(what: &Path, reason: &str) -> ReadError {
    ReadError(format!("{}: {reason}", what.display()))
}

/// The commit of a revision in the cache.
fn commit(directory: &Path, revision: Option<&str>) -> Result<Option<String>, ReadError> {
    let reference = directory.join("refs").join(revision.unwrap_or("main"));
    let refused = |reason: String| failed(&reference, &reason);
    if let Some(full) = resolve(&reference, None).map_err(refused)? {
        let text = read_capped(&full, MAX_REFERENCE_BYTES).map_err(refused)?;
        let commit = String::from_utf8_lossy(&text).trim().to_owned();
        if commit.is_empty() || !commit.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(refused("it does not contain a commit".to_owned()));
        }
        return Ok(Some(commit));
    }
    if let Some(revision) = revision {
        // The revision may be a commit.
        return Ok((!revision.contains('/')).then(|| revision.to_owned()));
    }
    let snapshots = directory.join("snapshots");
    let entries = match snapshots.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&snapshots, &error.to_string())),
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let names: Vec<String> = names.take(2).collect();
    match names.as_slice() {
        [one] => Ok(Some(one.clone())),
        _ => Ok(None),
    }
}

/// Reads a plain file of at most `limit` bytes, whose path has no links.
pub fn read_capped(path: &Path, limit: usize) -> Result<Vec<u8>, String> {
    if path.is_dir() {
        return Err("it is a directory".to_owned());
    }
    let file = open_plain(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let read = file.take(limit as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    if bytes.len() > limit {
        return Err(format!("it is too large (maximum {limit} bytes)"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERT: &str = r#"{"model_type": "bert"}"#;

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    #[cfg(unix)]
    fn link(target: &str, path: &Path) {
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        std::os::unix::fs::symlink(target, path).expect("linked");
    }

    fn refused(directory: &Path) -> String {
        match describe(directory, None).map(|description| description.interpret("x")) {
            Ok(Err(error)) => error.message,
            other => panic!("expected an error: {other:?}"),
        }
    }

    #[test]
    #[cfg(unix)]
    fn links_are_followed_and_dangling_links_are_reported() {
        let place = tempfile::tempdir().expect("a directory");
        let root = place.path().canonicalize().expect("a path");
        write(&root.join("blobs/x"), BERT);
        let snapshot = root.join("snapshots/abc");
        link("../../blobs/x", &snapshot.join("config.json"));
        assert!(describe(&snapshot, None).expect("there").interpret("x").is_ok());
        link("snapshots/abc", &root.join("by-link"));
        assert!(describe(&root.join("by-link"), None).expect("there").interpret("x").is_ok());
        // A plan uses only files inside its directory.
        let outside = describe(&snapshot, Some(&snapshot)).expect("there").interpret("x");
        let error = outside.expect_err("a link out of it").message;
        assert!(error.contains("config.json of x: it leads out of"), "{error}");
        assert!(describe(&root.join("by-link"), Some(&snapshot)).expect("inside").has_evidence());
        assert!(describe(&root, Some(&snapshot)).expect_err("outside").contains("leads out of"));

        std::fs::remove_file(root.join("blobs/x")).expect("removed");
        let error = refused(&snapshot);
        assert!(error.contains("a link to ../../blobs/x, which cannot be followed"), "{error}");
        link("gone", &root.join("dangling"));
        assert!(describe(&root.join("dangling"), None).expect_err("gone").contains("link to gone"));
    }

    #[test]
    fn files_that_cannot_be_read_are_not_absent() {
        let place = tempfile::tempdir().expect("a directory");
        let root = place.path();
        assert_eq!(describe(&root.join("none"), None), Err("it does not exist".into()));
        write(&root.join("file"), "");
        assert_eq!(describe(&root.join("file"), None), Err("it is not a directory".into()));
        std::fs::create_dir_all(root.join("a/config.json/b")).expect("made");
        // A directory instead of the file, without a file that identifies a model.
        let description = describe(&root.join("a"), None).expect("there");
        assert!(description.interpret("x").is_err());
        write(&root.join("c/config.json"), &" ".repeat(MAX_CONFIG_BYTES + 1));
        assert!(refused(&root.join("c")).contains("too large (maximum 1048576 bytes)"));
        #[cfg(unix)]
        {
            rustix::fs::mknodat(
                rustix::fs::CWD,
                root.join("pipe"),
                rustix::fs::FileType::Fifo,
                rustix::fs::Mode::RWXU,
                0,
            )
            .expect("a pipe");
            link("../pipe", &root.join("d/config.json"));
            assert!(refused(&root.join("d")).contains("not a plain file"));
        }
    }

    #[test]
    fn a_cached_model_is_found_by_its_reference_or_as_the_only_snapshot() {
        let place = tempfile::tempdir().expect("a directory");
        let hub = place.path();
        let model = hub.join("models--owner--name");
        write(&model.join("snapshots/abc123/config.json"), BERT);
        let cached = |revision| cached(hub, "owner/name", revision);
        let revision_for =
            |revision| cached(revision).expect("readable").map(|known| known.revision);
        assert_eq!(revision_for(None).as_deref(), Some("abc123"), "downloaded with a revision");
        write(&model.join("snapshots/def456/config.json"), "{}");
        assert_eq!(revision_for(None), None, "either could be meant");
        assert_eq!(revision_for(Some("def456")).as_deref(), Some("def456"));
        assert_eq!(revision_for(Some("v1")), None);
        write(&model.join("refs/v1"), "def456\n");
        write(&model.join("refs/main"), "abc123");
        assert_eq!(revision_for(Some("v1")).as_deref(), Some("def456"));
        assert_eq!(revision_for(None).as_deref(), Some("abc123"));
        let known = cached(None).expect("readable").expect("there");
        assert!(known.description.interpret("x").is_ok());
        for name in ["../name", "no/such"] {
            assert_eq!(super::cached(hub, name, None), Ok(None), "{name}");
        }
        write(&model.join("refs/main"), "../../x");
        assert!(cached(None).expect_err("odd").to_string().contains("does not contain a commit"));
        // A tokenizer alone is found, but is not a model; an empty directory is not found.
        write(&hub.join("models--t/refs/main"), "abc");
        write(&hub.join("models--t/snapshots/abc/tokenizer.json"), "{}");
        let tokenizer = super::cached(hub, "t", None).expect("readable").expect("there");
        assert!(tokenizer.description.interpret("t").is_err());
        write(&hub.join("models--e/refs/main"), "abc");
        std::fs::create_dir_all(hub.join("models--e/snapshots/abc")).expect("made");
        assert_eq!(super::cached(hub, "e", None), Ok(None));
        #[cfg(unix)]
        {
            link("../../blobs/gone", &hub.join("models--l/snapshots/abc/config.json"));
            let error = super::cached(hub, "l", None).expect_err("a dangling link").to_string();
            assert!(error.contains("config.json: it is a link to ../../blobs/gone"), "{error}");
        }
    }
}
