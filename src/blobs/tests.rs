//! Promises of the storage of blobs.

use super::*;
use crate::domain::storage_id::StorageId;
use crate::sys::clock::file_time;
use crate::sys::place::file_id;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

struct Bench {
    directory: tempfile::TempDir,
    blobs: FileBlobs,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let blobs = FileBlobs::new(directory.path().join("blobs"));
        Self { directory, blobs }
    }

    fn path(&self, digest: &BlobDigest) -> PathBuf {
        self.directory.path().join("blobs").join(digest.group()).join(digest.as_str())
    }

    fn put(&self, content: &[u8]) -> BlobDigest {
        let digest = BlobDigest::of(content);
        self.blobs.put(&digest, &mut &*content, 1 << 20).expect("stored");
        digest
    }

    fn age(&self, digest: &BlobDigest, age: Duration) {
        let file = File::options().write(true).open(self.path(digest)).expect("there");
        file.set_modified(file_time() - age).expect("set");
    }
}

#[test]
fn content_comes_back_under_its_digest() {
    let Bench { blobs, directory: _directory } = Bench::new();
    let digest = BlobDigest::of(b"abc");
    assert_eq!(digest.as_str(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(blobs.verify(&digest).expect("an answer"), None);
    for _ in 0..2 {
        assert_eq!(blobs.put(&digest, &mut &b"abc"[..], 3).expect("stored"), 3);
    }
    assert_eq!(blobs.verify(&digest).expect("an answer"), Some(3));
    assert_eq!(blobs.open(&digest).expect("an answer").map(|blob| blob.size), Some(3));
    assert_eq!(blobs.get(&digest, 3).expect("an answer").as_deref(), Some(&b"abc"[..]));
    let cut = blobs.get(&digest, 2).expect_err("too large");
    assert!(matches!(cut, BlobError::TooLarge { limit: 2 }), "{cut}");
}

#[test]
fn wrong_large_and_missing_content_is_refused_and_leaves_nothing() {
    let Bench { blobs, directory } = Bench::new();
    let digest = BlobDigest::of(b"abc");
    assert!(matches!(blobs.put(&digest, &mut &b"abd"[..], 3), Err(BlobError::Mismatch { .. })));
    let large = blobs.put(&digest, &mut &b"abc"[..], 2);
    assert!(matches!(large, Err(BlobError::TooLarge { limit: 2 })));
    assert_eq!(blobs.get(&digest, 3).expect("an answer"), None);
    let left = std::fs::read_dir(directory.path().join("blobs/ba")).expect("listed").count();
    assert_eq!(left, 0);
}

/// Each kind of damage is an error of every way to read, also after the intact file was read, and
/// the next upload replaces the file.
#[test]
fn damage_is_reported_by_every_read_and_repaired_by_an_upload() {
    let content = vec![7; 300_000];
    let flipped = {
        let mut flipped = content.clone();
        flipped[299_999] ^= 1;
        flipped
    };
    let longer = [&content[..], b"x"].concat();
    for damaged in [&flipped[..], &content[..299_999], &longer[..], b""] {
        let bench = Bench::new();
        let digest = bench.put(&content);
        assert_eq!(bench.blobs.verify(&digest).expect("intact"), Some(300_000));
        std::fs::write(bench.path(&digest), damaged).expect("written");
        let is_damaged = |error: BlobError| assert!(matches!(error, BlobError::Damaged { .. }));
        is_damaged(bench.blobs.get(&digest, 1 << 20).expect_err("damaged"));
        is_damaged(bench.blobs.open(&digest).map(|_| ()).expect_err("damaged"));
        is_damaged(bench.blobs.verify(&digest).expect_err("damaged"));
        bench.put(&content);
        assert_eq!(bench.blobs.get(&digest, 1 << 20).expect("repaired"), Some(content.clone()));
    }
}

#[test]
#[cfg(unix)]
fn damage_that_the_metadata_does_not_show_ends_the_read() {
    use std::os::unix::fs::FileExt;
    let bench = Bench::new();
    let digest = bench.put(&vec![7; 300_000]);
    let modified = bench.path(&digest).metadata().and_then(|data| data.modified()).expect("there");
    let file = File::options().write(true).open(bench.path(&digest)).expect("there");
    file.write_all_at(b"x", 5).expect("damaged");
    file.set_modified(modified).expect("set back");
    let mut blob = bench.blobs.open(&digest).expect("not noticed yet").expect("there");
    let mut read = Vec::new();
    blob.content.read_to_end(&mut read).expect_err("noticed");
    assert!(read.len() < 300_000, "the last piece is withheld");
    let error = bench.blobs.open(&digest).map(|_| ()).expect_err("damaged");
    assert!(matches!(error, BlobError::Damaged { .. }), "{error}");
}

/// Within a file system it is not copied.
#[test]
fn a_file_that_was_written_is_moved_into_the_store() {
    let bench = Bench::new();
    let id = |path: &std::path::Path| file_id(&path.metadata().expect("there"));
    let own = bench.directory.path().to_owned();
    for place in [own.clone(), PathBuf::from("/dev/shm")] {
        // Only some systems have the second place, which is another file system.
        let Ok(file) = tempfile::NamedTempFile::new_in(&place) else { continue };
        let content = format!("content in {}", place.display()).into_bytes();
        std::fs::write(&file, &content).expect("written");
        let (file, digest) = (file.into_temp_path(), BlobDigest::of(&content));
        let (source, before) = (file.to_path_buf(), id(&file));
        bench.blobs.put_file(&digest, file).expect("stored");
        assert!(!source.exists());
        assert_eq!(bench.blobs.get(&digest, 100).expect("intact"), Some(content));
        assert!(place != own || id(&bench.path(&digest)) == before, "it was copied");
    }
}

#[test]
fn a_directory_belongs_to_one_data_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("blobs");
    let id = |n| StorageId::new(uuid::Uuid::from_u128(n));
    // A directory of a version without identities.
    let digest = BlobDigest::of(b"abc");
    FileBlobs::new(&root).put(&digest, &mut &b"abc"[..], 3).expect("stored");
    FileBlobs::with_identity(&root, id(1)).expect("adopted");
    FileBlobs::with_identity(&root, id(1)).expect("its own");
    let error = FileBlobs::with_identity(&root, id(2)).expect_err("another");
    assert!(matches!(error, BlobError::OtherIdentity { .. }));
    let text = error.to_string();
    assert!(text.contains(&id(1).to_string()) && text.contains(&id(2).to_string()), "{text}");
    for damaged in ["", "garbage", "\u{0}"] {
        std::fs::write(root.join("identity"), damaged).expect("written");
        let error = FileBlobs::with_identity(&root, id(1)).expect_err("damaged");
        assert!(matches!(error, BlobError::InvalidIdentity { .. }), "{error}");
    }
}

#[test]
fn a_removal_spares_what_was_renewed() {
    let bench = Bench::new();
    let (old, found) = (bench.put(b"old"), bench.put(b"found"));
    let long_ago = Duration::from_hours(48);
    bench.age(&old, long_ago);
    bench.age(&found, long_ago);
    let before = file_time() - Duration::from_hours(24);
    assert_eq!(bench.blobs.verify(&found).expect("there"), Some(5));
    assert_eq!(bench.blobs.remove(&found, before).expect("an answer"), None);
    assert_eq!(bench.blobs.remove(&old, before).expect("an answer"), Some(3));
    assert_eq!(bench.blobs.verify(&old).expect("an answer"), None);
    let mut listed = Vec::new();
    for group in 0..=u8::MAX {
        bench
            .blobs
            .list(group, &mut |stored| listed.push((stored.digest, stored.size)))
            .expect("listed");
    }
    assert_eq!(listed, [(found, 5)]);
}

#[test]
fn interrupted_uploads_are_removed_and_running_ones_are_not() {
    let bench = Bench::new();
    let digest = bench.put(b"abc");
    let directory = bench.path(&digest).parent().expect("a group").to_owned();
    let (old, new) = (directory.join(".new-old"), directory.join(".new-new"));
    let before = file_time() - Duration::from_hours(24);
    File::create(&old)
        .and_then(|file| file.set_modified(before - Duration::from_secs(1)))
        .expect("made");
    File::create(&new).expect("made");
    assert_eq!(bench.blobs.remove_partial(0xba, before).expect("removed"), 1);
    assert!(!old.exists() && new.exists());
    assert_eq!(bench.blobs.verify(&digest).expect("there"), Some(3));
}

/// A reader that finds damage gets an error at its second try, whichever read was not compared.
#[test]
fn every_second_read_of_a_reader_that_compares_is_compared_here() {
    let bench = Bench::new();
    let digest = bench.put(b"the weights");
    let read = || {
        let mut blob = bench.blobs.stream(&digest).expect("opens").expect("there");
        let mut content = Vec::new();
        blob.content.read_to_end(&mut content).map(|_| content)
    };
    for _ in 0..4 {
        assert_eq!(read().expect("whole"), b"the weights");
    }
    // The damage keeps size and time, as that of a disk does.
    let path = bench.path(&digest);
    let modified =
        std::fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("there");
    let damage = || {
        std::fs::write(&path, b"the weighty").expect("written");
        File::options()
            .write(true)
            .open(&path)
            .expect("there")
            .set_modified(modified)
            .expect("set");
    };
    damage();
    let results: Vec<bool> =
        (0..2).map(|_| read().is_ok_and(|read| read == b"the weights")).collect();
    assert_eq!(results, [false, false]);
    assert_eq!(read().expect_err("compared").kind(), std::io::ErrorKind::InvalidData);
}
