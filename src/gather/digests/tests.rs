//! Tests of the digests of files.

use super::file::PIECE_BYTES;
use super::*;
use crate::domain::digest::sha256_hex;
use crate::domain::weights::CHUNK_BYTES;
use std::path::Path;
use std::sync::atomic::AtomicUsize;

/// Content without repetition.
fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}

fn write(root: &Path, path: &str, bytes: &[u8]) {
    let full = root.join(path);
    std::fs::create_dir_all(full.parent().expect("a parent")).expect("made");
    std::fs::write(&full, bytes).expect("written");
}

fn paths(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn each_file_has_its_digest_and_those_of_its_chunks() {
    let root = tempfile::tempdir().expect("a directory");
    let chunk = CHUNK_BYTES as usize;
    for size in [0, 5, PIECE_BYTES, chunk - 1, chunk, chunk + 1, 2 * chunk] {
        write(root.path(), &format!("d/{size:09}"), &content(size));
    }
    let names = [0, 5, PIECE_BYTES, chunk - 1, chunk, chunk + 1, 2 * chunk];
    let names: Vec<String> = names.iter().map(|size| format!("d/{size:09}")).collect();
    let read = AtomicU64::new(0);
    let progress = |done: u64, total: u64| {
        assert!(done <= total);
        read.fetch_max(done, Relaxed);
    };
    let manifest = Digests::fresh().manifest(root.path(), &names, &progress).expect("a manifest");
    assert_eq!(read.load(Relaxed), manifest.size_bytes());
    assert_eq!(manifest.files.len(), names.len());
    for file in &manifest.files {
        let bytes = content(file.path[2..].parse().expect("a size"));
        assert_eq!((file.size_bytes, &file.sha256), (bytes.len() as u64, &sha256_hex(&bytes)));
        let chunks: Vec<String> = bytes.chunks(chunk).map(sha256_hex).collect();
        assert_eq!(file.chunk_digests(), chunks, "{}", file.path);
    }
}

#[test]
fn differences_name_the_file_and_its_kind_of_difference() {
    let root = tempfile::tempdir().expect("a directory");
    let names = ["changed", "gone", "same", "shorter"];
    for name in names {
        write(root.path(), name, name.as_bytes());
    }
    let quiet = |_, _| {};
    let digests = Digests::fresh();
    let manifest = digests.manifest(root.path(), &paths(&names), &quiet).expect("a manifest");
    let differences = || digests.differences(root.path(), &manifest, &quiet).expect("compared");
    assert_eq!(differences(), Vec::<String>::new());
    write(root.path(), "changed", b"CHANGED");
    write(root.path(), "shorter", b"x");
    write(root.path(), "additional", b"is ignored");
    std::fs::remove_file(root.path().join("gone")).expect("removed");
    let found = differences();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().any(|text| text.starts_with("cannot read gone: ")), "{found:?}");
    for text in ["shorter has 1 bytes instead of 7", "changed has another content"] {
        assert!(found.iter().any(|found| found == text), "{found:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let root = tempfile::tempdir().expect("a directory");
    write(root.path(), "a", b"a");
    std::fs::create_dir(root.path().join("directory")).expect("made");
    for name in ["missing", "directory"] {
        let error = Digests::fresh().manifest(root.path(), &paths(&["a", name]), &|_, _| {});
        let error = error.expect_err(name);
        assert!(matches!(&error, HashError::Read { path, .. } if path.ends_with(name)), "{error}");
    }
}

#[test]
#[cfg(unix)]
fn links_to_files_are_followed_and_pipes_do_not_block() {
    let root = tempfile::tempdir().expect("a directory");
    let other = tempfile::tempdir().expect("a directory");
    write(other.path(), "blob", b"weights");
    std::os::unix::fs::symlink(other.path().join("blob"), root.path().join("model"))
        .expect("linked");
    let manifest = Digests::fresh().manifest(root.path(), &paths(&["model"]), &|_, _| {});
    assert_eq!(manifest.expect("a manifest").files[0].sha256, sha256_hex(b"weights"));
    let pipe = root.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let error = Digests::fresh().manifest(root.path(), &paths(&["pipe"]), &|_, _| {});
    assert!(error.expect_err("a pipe").to_string().contains("pipe"));
}

#[test]
#[cfg(unix)]
fn a_file_that_grows_while_it_is_read_is_an_error() {
    use std::io::Write;
    let root = tempfile::tempdir().expect("a directory");
    write(root.path(), "model", &content(3 * PIECE_BYTES));
    let calls = AtomicUsize::new(0);
    let grow = |_, _| {
        if calls.fetch_add(1, Relaxed) == 0 {
            let file = std::fs::File::options().append(true).open(root.path().join("model"));
            file.and_then(|mut file| file.write_all(b"more")).expect("grown");
        }
    };
    let error = Digests::fresh().manifest(root.path(), &paths(&["model"]), &grow);
    assert!(matches!(error, Err(HashError::Changed { .. })), "{error:?}");
}

#[test]
fn memoised_digests_are_used_until_the_file_changes() {
    let root = tempfile::tempdir().expect("a directory");
    let cache = tempfile::tempdir().expect("a directory");
    let path = root.path().join("model");
    write(root.path(), "model", b"one");
    let memo = Memo::new(cache.path().join("digests"));
    let state = State::of(&path.metadata().expect("there"));
    let digests = FileDigests { sha256: sha256_hex(b"x"), size_bytes: 3, chunks: vec![] };
    memo.put(&path, &state, &digests);
    assert_eq!(memo.get(&path, &state), None, "the last change is too recent");
    let settled = state.aged();
    memo.put(&path, &settled, &digests);
    assert_eq!(memo.get(&path, &settled), Some(digests));
    assert_eq!(memo.get(&path, &state), None, "another time");
    assert_eq!(memo.get(Path::new("other"), &settled), None);
}
