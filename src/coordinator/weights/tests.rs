//! Tests of the stored weights.

use super::*;
use crate::domain::weights::ManifestFile;
use crate::sys::clock::file_time;
use std::io::Read;
use std::time::Duration;

const MINUTE: Millis = Millis::from_secs(60);
const START: Timestamp = Timestamp(1_800_000_000_000);

struct Stand {
    directory: tempfile::TempDir,
    identity: StorageId,
    store: WeightsStore,
}

impl Stand {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let identity = StorageId::new(crate::sys::ids::new_id());
        let store = WeightsStore::open(&root(directory.path()), identity).expect("opened");
        Self { directory, identity, store }
    }

    fn restarted(self) -> Self {
        let store = WeightsStore::open(&root(self.directory.path()), self.identity);
        Self { store: store.expect("opened"), ..self }
    }

    fn put(&self, bytes: &[u8]) {
        let file = tempfile::NamedTempFile::new_in(self.directory.path()).expect("a file");
        std::fs::write(file.path(), bytes).expect("written");
        let digest = BlobDigest::of(bytes);
        self.store.put_chunk(&digest, file.into_temp_path()).expect("stored");
    }

    /// Pushes weights of these files at a time.
    fn push(&self, files: &[&[u8]], at: Timestamp) -> BlobDigest {
        let manifest = manifest(files);
        for file in files {
            self.put(file);
        }
        self.commit(&manifest, at).expect("stored")
    }

    fn commit(&self, manifest: &Manifest, at: Timestamp) -> Result<BlobDigest, WeightsError> {
        self.store.commit(manifest, manifest.canonical().as_bytes(), record(at, false))
    }

    fn chunk_path(&self, bytes: &[u8]) -> PathBuf {
        let digest = BlobDigest::of(bytes);
        root(self.directory.path()).join(digest.group()).join(digest.as_str())
    }

    /// Makes room for nothing in particular: removes all that may be removed.
    fn make_room(&self, needed: &[&BlobDigest], now: Timestamp) {
        let is_needed = |digest: &BlobDigest| needed.contains(&digest);
        assert!(!self.store.make_room(&|| false, &is_needed, now).expect("possible"));
    }
}

fn record(at: Timestamp, in_place: bool) -> Record {
    let (name, user) = ("my-model".to_owned(), "anna".to_owned());
    Record { name, user, pushed_at: at, used_at: at, size_bytes: 1, files: 1, in_place }
}

fn manifest(files: &[&[u8]]) -> Manifest {
    let files = files.iter().enumerate().map(|(number, bytes)| ManifestFile {
        path: format!("file-{number}"),
        sha256: BlobDigest::of(bytes).to_string(),
        size_bytes: bytes.len() as u64,
        chunks: Vec::new(),
    });
    Manifest::new(files.collect()).expect("a manifest")
}

fn read(store: &WeightsStore, bytes: &[u8]) -> Result<Vec<u8>, BlobError> {
    let mut content = Vec::new();
    let digest = BlobDigest::of(bytes);
    let blob = store.open_chunk(&digest)?.expect("there");
    let mut reader = blob.content;
    if let Err(error) = reader.read_to_end(&mut content) {
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
        store.note_damaged(&digest);
        store.open_chunk(&digest)?;
    }
    Ok(content)
}

#[test]
fn weights_are_stored_with_all_their_chunks_or_not_at_all() {
    let stand = Stand::new();
    let files: [&[u8]; 3] = [b"one", b"two", b""];
    let manifest = manifest(&files);
    stand.put(b"one");
    let missing = stand.store.missing(&manifest).expect("compared");
    assert_eq!(missing, [Chunk { digest: BlobDigest::of(b"two"), size: 3 }], "no empty chunk");
    let refused = stand.commit(&manifest, START).expect_err("incomplete");
    assert!(matches!(refused, WeightsError::Incomplete { missing: 1, all: 2 }), "{refused}");
    let digest = BlobDigest::of(manifest.canonical().as_bytes());
    assert_eq!(stand.store.held(&digest, START).expect("known"), Held::Unknown);
    let stand = stand.restarted();
    stand.put(b"two");
    assert_eq!(stand.commit(&manifest, START).expect("stored"), digest);
    let stand = stand.restarted();
    assert_eq!(stand.store.held(&digest, START).expect("known"), Held::Complete);
    let text = stand.store.manifest(&digest, START).expect("readable").expect("there");
    assert_eq!(text, manifest.canonical().as_bytes());
    assert_eq!(read(&stand.store, b"two").expect("whole"), b"two");
    assert_eq!(stand.store.used(), 6 + text.len() as u64);
}

#[test]
fn a_manifest_alone_is_completed_by_a_later_push() {
    let stand = Stand::new();
    let manifest = manifest(&[b"one"]);
    let text = manifest.canonical();
    let digest = stand.store.commit(&manifest, text.as_bytes(), record(START, true)).expect("ok");
    assert_eq!(stand.store.held(&digest, START).expect("known"), Held::ManifestOnly);
    stand.put(b"one");
    stand.commit(&manifest, START).expect("stored");
    assert_eq!(stand.store.held(&digest, START).expect("known"), Held::Complete);
    stand.store.commit(&manifest, text.as_bytes(), record(START, true)).expect("ok");
    assert_eq!(stand.store.held(&digest, START).expect("known"), Held::Complete, "stays complete");
}

#[test]
fn a_damaged_chunk_or_manifest_is_replaced_by_the_next_push() {
    let stand = Stand::new();
    let files: [&[u8]; 2] = [b"one", b"two"];
    let digest = stand.push(&files, START);
    std::fs::write(stand.chunk_path(b"one"), "eno").expect("damaged");
    assert!(matches!(read(&stand.store, b"one"), Err(BlobError::Damaged { .. })));
    assert_eq!(stand.store.held(&digest, START).expect("known"), Held::Incomplete(1));
    stand.push(&files, START);
    assert_eq!(read(&stand.store, b"one").expect("replaced"), b"one");
    std::fs::write(stand.chunk_path(b"two"), "tw").expect("cut");
    assert_eq!(stand.store.held(&digest, START).expect("known"), Held::Incomplete(1), "by size");
    stand.push(&files, START);
    let path = root(stand.directory.path()).join(MANIFESTS).join(digest.group());
    std::fs::write(path.join(digest.as_str()), "{}").expect("damaged");
    assert_eq!(stand.store.held(&digest, START).expect("known"), Held::Unknown);
    stand.push(&files, START);
    assert_eq!(stand.store.held(&digest, START).expect("known"), Held::Complete);
}

#[test]
fn the_oldest_weights_that_nothing_needs_are_removed_first_and_shared_chunks_stay() {
    let stand = Stand::new();
    let old = stand.push(&[b"shared", b"old"], START);
    let needed = stand.push(&[b"needed"], START.after(MINUTE));
    let young = stand.push(&[b"shared", b"young"], START.after(Millis::from_secs(120)));
    let later = START.after(Millis::from_secs(3600));
    let fits = || stand.store.list().iter().all(|(digest, _)| *digest != old);
    let is_needed = |digest: &BlobDigest| *digest == needed;
    assert!(stand.store.make_room(&fits, &is_needed, later).expect("possible"));
    let left = |stand: &Stand| {
        let mut left: Vec<_> = stand.store.list().into_iter().map(|(digest, _)| digest).collect();
        left.sort();
        left
    };
    let mut expected = vec![needed.clone(), young.clone()];
    expected.sort();
    assert_eq!(left(&stand), expected, "no more than necessary");
    assert!(!stand.chunk_path(b"old").exists() && stand.chunk_path(b"shared").exists());
    stand.make_room(&[&needed], later);
    assert_eq!(left(&stand), std::slice::from_ref(&needed), "all that nothing needs");
    assert!(!stand.chunk_path(b"shared").exists() && stand.chunk_path(b"needed").exists());
    let used = stand.store.used();
    stand.store.count().expect("counted");
    assert_eq!(stand.store.used(), used, "the count follows");
    let stand = stand.restarted();
    assert_eq!(left(&stand), std::slice::from_ref(&needed));
    let just_used = START.after(Millis::from_secs(209));
    let refused = stand.store.remove(&needed, just_used).expect_err("a submission may follow");
    assert!(matches!(refused, WeightsError::JustUsed(_)), "{refused}");
    assert_eq!(stand.store.remove(&young, later).expect("possible"), None);
    assert!(stand.store.remove(&needed, later).expect("removed").expect("was there") > 6);
    assert_eq!(stand.store.used(), 0);
}

#[test]
fn weights_that_were_just_used_are_not_removed() {
    let stand = Stand::new();
    let digest = stand.push(&[b"one"], START);
    let now = START.after(Millis::from_secs(599));
    stand.make_room(&[], now);
    assert_eq!(stand.store.held(&digest, now).expect("known"), Held::Complete, "counts as a use");
    stand.make_room(&[], now.after(Millis::from_secs(599)));
    assert_eq!(stand.store.list().len(), 1);
    let stand = stand.restarted();
    stand.make_room(&[], now.after(Millis::from_secs(599)));
    assert_eq!(stand.store.list().len(), 1, "also after a restart");
    stand.make_room(&[], now.after(Millis::from_secs(600)));
    assert_eq!(stand.store.list().len(), 0);
}

#[test]
fn chunks_of_interrupted_pushes_are_removed_after_a_day() {
    let stand = Stand::new();
    let digest = stand.push(&[b"one"], START);
    stand.put(b"never completed");
    assert_eq!(stand.store.collect(file_time()).expect("possible"), 0);
    let tomorrow = file_time() + removal::GRACE + Duration::from_secs(5);
    assert_eq!(stand.store.collect(tomorrow).expect("possible"), 15);
    assert!(!stand.chunk_path(b"never completed").exists());
    assert_eq!(stand.store.held(&digest, START).expect("known"), Held::Complete);
}

#[test]
fn the_directory_of_another_coordinator_is_refused() {
    let stand = Stand::new();
    let other = StorageId::new(crate::sys::ids::new_id());
    let refused = WeightsStore::open(&root(stand.directory.path()), other).map(drop);
    assert!(matches!(refused, Err(BlobError::OtherIdentity { .. })), "{refused:?}");
}
