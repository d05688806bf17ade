//! The results database after faults that repairs do not heal at once, over real files.

use crate::coordinator::database::DatabaseWriter;
use crate::coordinator::projector::{Committed, Projection};
use crate::domain::fact::Fact;
use crate::domain::id::{RunId, TestId};
use crate::domain::time::Timestamp;
use crate::log::memory::MemoryLog;
use crate::log::{EventLog, Sequence};
use crate::results::{CurrentStore, Reader, Substitute};
use crate::store::{self, Opened, Store, StoreError, archive};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

/// Variable with the file that a second process of this test opens.
const HOLD: &str = "DTF_TEST_HOLD_DATABASE";
const RECORDS: u32 = 6;

/// A log with records, a results database that has all of them, and an archive of it.
struct Place {
    directory: TempDir,
    log: MemoryLog,
}

fn records(log: &MemoryLog) -> Vec<Committed> {
    let mut records = Vec::new();
    let visit = &mut |sequence, facts| {
        records.push(Committed { sequence, facts });
        true
    };
    log.reader().replay(log.base(), visit).expect("read");
    records
}

impl Place {
    fn new() -> Self {
        let mut log = MemoryLog::new();
        let term = log.begin_term().expect("a term");
        for index in 0..RECORDS {
            let test = TestId { run: RunId(1), index };
            let fact = Fact::TestExpired { test, at: Timestamp(7) };
            log.append(u64::from(index), term, &[fact]).expect("stored");
        }
        let place = Self { directory: tempfile::tempdir().expect("a directory"), log };
        let mut writer = place.writer(Store::open(&place.file(), place.log.identity()), None);
        writer.project(&records(&place.log)).expect("projected");
        let (now, stop) = (Timestamp(1), AtomicBool::new(false));
        let store = Reader::new(writer.current.clone()).store();
        store.export(&place.archives(), place.log.identity(), now, &stop).expect("exported");
        place
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join(store::FILE_NAME)
    }

    fn archives(&self) -> PathBuf {
        self.directory.path().join(archive::DIRECTORY)
    }

    fn writer(
        &self,
        opened: Result<Opened, StoreError>,
        substitute: Option<Substitute>,
    ) -> DatabaseWriter {
        let opened = opened.expect("opened");
        DatabaseWriter {
            path: self.file(),
            identity: self.log.identity(),
            writer: Some(opened.writer),
            log: self.log.reader(),
            current: CurrentStore::new(opened.store),
            substitute,
            uncompared: None,
        }
    }

    /// Names of the files that were moved aside.
    fn aside(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).expect("listed");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let names = names.map(|name| name.to_string_lossy().into_owned());
        let mut names: Vec<_> = names.filter(|name| name.contains(".damaged-")).collect();
        names.sort();
        names
    }
}

/// The last record that queries see.
fn readable(writer: &DatabaseWriter) -> Result<usize, StoreError> {
    let ended = store::rows::TestFilter { limit: 100, ..Default::default() };
    Reader::new(writer.current.clone()).store().tests(&ended).map(|_| writer.watermark() as usize)
}

#[test]
fn a_repair_that_fails_twice_is_completed_by_the_third() {
    let mut place = Place::new();
    let last = Sequence::from(RECORDS);
    place.log.compact(last - 1, last, &mut std::iter::once(b"state".to_vec())).expect("compacted");
    let moved = place.directory.path().join("moved");
    for anew in [false, true] {
        let mut writer = place.writer(Store::open(&place.file(), place.log.identity()), None);
        fs::rename(place.archives(), &moved).expect("renamed");
        if !anew {
            // The check of the file finds the damage itself.
            let bytes = fs::read(place.file()).expect("read");
            fs::write(place.file(), &bytes[..bytes.len() / 3]).expect("cut");
        }
        let before = place.aside().len();
        for _ in 0..2 {
            let error = writer.reopen(anew).expect_err("the log is not whole");
            assert!(error.to_string().contains("archive"), "{error}");
            assert!(matches!(readable(&writer), Err(StoreError::Closed)), "nothing is half there");
            let refused = writer.project(&records(&place.log)[..1]);
            assert!(matches!(refused, Err(StoreError::Closed)), "{refused:?}");
        }
        fs::rename(&moved, place.archives()).expect("renamed");
        writer.reopen(anew).expect("repaired");
        assert_eq!(readable(&writer).expect("read"), RECORDS as usize);
        assert_eq!(place.aside().len(), before + 1, "moved aside once: {:?}", place.aside());
    }
}

/// A process that has the file open until the returned value is dropped.
struct Holder(Child);

impl Holder {
    fn of(file: &Path, test: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "--nocapture", test])
            .env(HOLD, file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        assert!(lines.by_ref().map_while(Result::ok).any(|line| line == "held"), "it is held");
        // The process prints more, and would fail on a closed pipe.
        std::thread::Builder::new().spawn(move || lines.for_each(drop)).expect("a thread");
        Self(child)
    }

    fn release(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().expect("ends").success());
    }
}

#[test]
fn a_fault_of_a_substitute_does_not_touch_the_database_in_use() {
    if let Some(file) =
        std::env::vars_os().find_map(|(name, value)| (name == HOLD).then_some(value))
    {
        let connection = duckdb::Connection::open(file).expect("opens");
        println!("\nheld");
        // Until the first process closes the pipe.
        std::io::stdin().lines().for_each(drop);
        drop(connection);
        return;
    }
    let place = Place::new();
    let test =
        "coordinator::tests::database::a_fault_of_a_substitute_does_not_touch_the_database_in_use";
    let holder = Holder::of(&place.file(), test);
    let before = fs::read(place.file()).expect("read");
    let (substitute, opened) =
        Substitute::new(&place.file(), place.log.identity(), &*place.log.reader()).expect("made");
    let mut writer = place.writer(Ok(opened), Some(substitute));
    let replacement = place.file().with_file_name("results.substitute.duckdb");
    for anew in [false, true] {
        writer.project(&records(&place.log)).expect("projected");
        assert_eq!(readable(&writer).expect("read"), RECORDS as usize);
        writer.reopen(anew).expect("another substitute");
        assert_eq!(writer.watermark(), 0, "anew: {anew}");
        assert!(writer.substitute.is_some() && replacement.exists(), "anew: {anew}");
        assert_eq!(place.aside(), [""; 0], "anew: {anew}");
    }
    assert!(fs::read(place.file()).expect("read") == before, "the database is as it was");
    writer.project(&records(&place.log)).expect("projected");
    holder.release();
    writer.finish();
    assert!(writer.substitute.is_none() && !replacement.exists());
    assert_eq!(readable(&writer).expect("read"), RECORDS as usize);
    assert_eq!(place.aside(), [""; 0]);
}
