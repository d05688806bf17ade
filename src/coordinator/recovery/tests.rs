//! Starts from directories whose parts are missing, old, of another directory or ahead of the log.

use super::error::RecoveryError;
use super::{Recovered, recover};
use crate::blobs;
use crate::coordinator::check;
use crate::coordinator::weights;
use crate::coordinator::weights::record::Record;
use crate::domain::fact::Fact;
use crate::domain::id::RunId;
use crate::domain::weights::Manifest;
use crate::log::{self, LogError, Salvage};
use crate::results::uncompared;
use crate::scheduler::Scheduler;
use crate::store;
use crate::sys::clock::wall;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A data directory with three runs.
struct Home {
    root: tempfile::TempDir,
}

fn submitted(run: u32) -> Vec<Fact> {
    let (run, at) = (RunId(run), wall());
    let (name, user) = ("run".into(), "someone".into());
    vec![
        Fact::RunSubmitted { run, name, idempotency: None, user, closed_world: false, at },
        Fact::TestsAdded { run, first: 0, tests: vec![], last: true, part: 0, at },
    ]
}

/// Adds a run to the log and to the database.
fn submit(recovered: &mut Recovered, run: u32) {
    let leader = &mut recovered.leader;
    let facts = submitted(run);
    let last = leader.log.last();
    let sequence = leader.log.append(last, leader.term, &facts).expect("stored");
    facts.iter().try_for_each(|fact| leader.scheduler.apply(fact)).expect("facts that fit");
    recovered.store.writer.project([(sequence, &facts)]).expect("projected");
}

impl Home {
    fn new() -> Self {
        let home = Self { root: tempfile::tempdir().expect("a directory") };
        let mut recovered = home.start(false).expect("a new directory");
        (1..=3).for_each(|run| submit(&mut recovered, run));
        home
    }

    fn dir(&self) -> &Path {
        self.root.path()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    fn start(&self, accept_losses: bool) -> Result<Recovered, RecoveryError> {
        recover(self.dir(), accept_losses)
    }

    /// The error of a start that is refused, as text.
    fn refused(&self) -> String {
        let before = self.files();
        let error = self.start(false).err().expect("refused");
        assert!(!error.hint().is_empty());
        assert!(self.files() == before, "something changed: {error}");
        error.to_string()
    }

    /// Content of all files, except for the lock.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut open = vec![self.dir().to_owned()];
        let mut files = BTreeMap::new();
        while let Some(directory) = open.pop() {
            for entry in std::fs::read_dir(&directory).expect("listed") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    open.push(path);
                } else if !path.ends_with("dtf.lock") {
                    files.insert(path.clone(), std::fs::read(&path).expect("read"));
                }
            }
        }
        files
    }

    /// Puts back the log of now after more runs were submitted.
    fn lose_runs(&self, runs: impl IntoIterator<Item = u32>) {
        let old = std::fs::read(self.path(log::LOG_FILE)).expect("read");
        let mut recovered = self.start(false).expect("whole");
        runs.into_iter().for_each(|run| submit(&mut recovered, run));
        drop(recovered);
        std::fs::write(self.path(log::LOG_FILE), old).expect("written");
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).expect("removed");
    }

    fn kept(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir()).expect("listed");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<String> = names
            .map(|name| name.to_string_lossy().into_owned())
            .filter(|name| name.contains(".lost-records-"))
            .collect();
        names.sort();
        names
    }
}

#[test]
fn a_log_that_is_missing_or_empty_beside_other_parts_is_refused_by_name() {
    let home = Home::new();
    let log = home.path(log::LOG_FILE);
    home.remove(log::LOG_FILE);
    for _ in 0..2 {
        let text = home.refused();
        assert!(text.contains("events.redb is missing or empty"), "{text}");
        std::fs::write(&log, "").expect("written");
    }
}

#[test]
fn an_interrupted_creation_is_made_anew_and_keeps_the_identity() {
    let directory = tempfile::tempdir().expect("a directory");
    for content in [&b""[..], &[0; 100]] {
        let _ = std::fs::remove_dir_all(directory.path());
        std::fs::create_dir(directory.path()).expect("made");
        std::fs::write(directory.path().join(log::LOG_FILE), content).expect("written");
        let identity = "7c3f5f0e-3f0a-4f0e-9a53-6f1d2f1f8a10";
        std::fs::write(directory.path().join(log::IDENTITY_FILE), identity).expect("written");
        let recovered = recover(directory.path(), false).expect("made anew");
        assert_eq!((recovered.leader.log.last(), &*recovered.identity), (0, identity));
    }
}

#[test]
fn a_missing_identity_is_written_again_and_another_one_is_refused() {
    let home = Home::new();
    let identity = std::fs::read(home.path(log::IDENTITY_FILE)).expect("read");
    home.remove(log::IDENTITY_FILE);
    drop(home.start(false).expect("whole"));
    assert_eq!(std::fs::read(home.path(log::IDENTITY_FILE)).expect("read"), identity);
    let other = "7c3f5f0e-3f0a-4f0e-9a53-6f1d2f1f8a10";
    std::fs::write(home.path(log::IDENTITY_FILE), other).expect("written");
    let text = home.refused();
    assert!(text.contains("identity belongs to") && text.contains(other), "{text}");
}

#[test]
fn parts_of_another_directory_are_refused_by_name() {
    let other = Home::new();
    for name in
        [store::FILE_NAME, "blobs/identity", "weights/identity", log::LOG_FILE, log::WITNESS_FILE]
    {
        let home = Home::new();
        std::fs::copy(other.path(name), home.path(name)).expect("copied");
        let text = home.refused();
        let named = if name == log::LOG_FILE { log::WITNESS_FILE } else { name };
        let named = named.strip_suffix("/identity").unwrap_or(named);
        assert!(text.contains(named), "{name}: {text}");
        // The event log that is there is decisive, if an administrator wants it.
        let recovered = home.start(true).expect("accepted");
        assert_eq!(recovered.leader.log.last(), 4, "{name}");
        assert!(recovered.leader.scheduler.next_numbers().0 >= 4, "{name}");
        drop(recovered);
        drop(home.start(false).expect("whole"));
    }
}

#[test]
fn an_older_log_is_refused_with_both_numbers_whatever_part_proves_it() {
    let home = Home::new();
    home.lose_runs([4, 5]);
    let text = home.refused();
    for words in ["events.redb", "record 3", "record 5", "events.witness"] {
        assert!(text.contains(words), "{text}");
    }
    home.remove(log::WITNESS_FILE);
    let error = home.start(false).err().expect("refused");
    assert!(
        matches!(&error, RecoveryError::Log(LogError::Lost { last: 3, proven: 5, evidence, .. })
            if evidence.ends_with(store::FILE_NAME)),
        "{error}"
    );
    assert!(home.refused().contains(store::FILE_NAME));
}

#[test]
fn an_accepted_loss_keeps_the_evidence_and_repeats_no_number() {
    let home = Home::new();
    home.lose_runs([4, 5, 60]);
    let recovered = home.start(true).expect("accepted");
    assert_eq!(recovered.leader.scheduler.runs().count(), 3);
    let (next_run, _) = recovered.leader.scheduler.next_numbers();
    assert_eq!(next_run, 61, "the database covers all that the witness knows");
    assert!(recovered.leader.scheduler.epoch().0 >= 1 << 32);
    let identity = recovered.identity.clone();
    drop(recovered);
    assert_eq!(home.kept(), ["results.duckdb.lost-records-1"]);
    let kept = store::Checked::open(&home.path("results.duckdb.lost-records-1")).expect("whole");
    assert_eq!(kept.numbers().expect("read").run, 60);
    assert_ne!(kept.identity.expect("it has one").to_string(), identity);
    drop(kept);
    // Once accepted, nothing is lost any more.
    let again = home.start(true).expect("whole");
    assert_eq!((again.leader.log.last(), &again.identity), (4, &identity));
    drop(again);
    // The old database is not believed later.
    std::fs::rename(home.path("results.duckdb.lost-records-1"), home.path(store::FILE_NAME))
        .expect("renamed");
    assert!(home.refused().contains("results.duckdb belongs to the data directory"));
}

#[test]
fn a_loss_that_was_not_noticed_while_the_database_was_in_use_is_noticed_later() {
    let home = Home::new();
    home.lose_runs([4, 5]);
    home.remove(log::WITNESS_FILE);
    // A start while another process has the database open: it is not compared, and a note is written.
    let (database, held) = (home.path(store::FILE_NAME), home.path("held"));
    std::fs::rename(&database, &held).expect("renamed");
    let mut recovered = home.start(false).expect("no evidence");
    (6..=8).for_each(|run| submit(&mut recovered, run));
    drop(recovered);
    std::fs::rename(&held, &database).expect("renamed");
    uncompared::note(home.dir(), 3).expect("written");
    let parts = |report: check::report::Report| {
        let damaged = report.parts.into_iter().filter(|part| !part.findings.is_empty());
        damaged.map(|part| part.name).collect::<Vec<_>>()
    };
    assert_eq!(parts(check::check(home.dir(), &mut |_| {})), ["results database"]);
    let error = home.start(false).err().expect("refused");
    assert!(
        matches!(&error, RecoveryError::Log(LogError::Diverged { sequence: 4, evidence, .. })
            if evidence.ends_with(store::FILE_NAME)),
        "{error}"
    );
    let recovered = home.start(true).expect("accepted");
    assert!(recovered.leader.scheduler.next_numbers().0 > 8);
    drop(recovered);
    assert_eq!(home.kept(), ["results.duckdb.lost-records-1"]);
    assert!(home.start(false).is_ok() && parts(check::check(home.dir(), &mut |_| {})).is_empty());
}

#[test]
fn a_lost_log_is_replaced_when_the_loss_is_accepted() {
    let home = Home::new();
    home.remove(log::LOG_FILE);
    let mut recovered = home.start(true).expect("accepted");
    assert_eq!(recovered.leader.log.last(), 1);
    let (next_run, _) = recovered.leader.scheduler.next_numbers();
    assert_eq!(next_run, 4);
    submit(&mut recovered, next_run);
    drop(recovered);
    assert_eq!(home.start(false).expect("whole").leader.log.last(), 2);
    let report = check::check(home.dir(), &mut |_| {});
    assert!(report.whole, "{report:?}");
    let witness = report.parts.iter().find(|part| part.name == "witness").expect("a part");
    assert_eq!(witness.content, "record 2, equal to that of the log");
}

#[test]
fn a_log_with_a_damaged_beginning_is_kept_and_can_be_exported() {
    let home = Home::new();
    let mut bytes = std::fs::read(home.path(log::LOG_FILE)).expect("read");
    bytes[0] ^= 1;
    std::fs::write(home.path(log::LOG_FILE), &bytes).expect("written");
    assert!(home.refused().contains("first bytes are damaged"));
    drop(home.start(true).expect("accepted"));
    let kept = "events.redb.lost-records-1";
    assert!(home.kept().iter().any(|name| name == kept), "{:?}", home.kept());
    assert!(std::fs::read(home.path(kept)).expect("kept") == bytes);
    let old = tempfile::tempdir().expect("a directory");
    for name in [log::LOG_FILE, log::WITNESS_FILE] {
        let kept = home.path(&format!("{name}.lost-records-1"));
        std::fs::copy(kept, old.path().join(name)).expect("copied");
    }
    let target = old.path().join("exported.redb");
    let exported = Salvage::open(old.path()).and_then(|mut log| log.export(&target));
    assert_eq!(exported.expect("exported").last, 3);
}

#[test]
fn a_database_that_was_renamed_by_half_keeps_its_name() {
    let home = Home::new();
    home.lose_runs([4, 5]);
    let kept = "results.duckdb.lost-records-1";
    std::fs::write(home.path(&format!("{kept}.wal")), "").expect("written");
    let _ = std::fs::remove_file(home.path("results.duckdb.wal"));
    drop(home.start(true).expect("accepted"));
    assert!(home.path(kept).exists(), "{:?}", home.kept());
}

#[test]
fn without_evidence_of_numbers_they_continue_far_away() {
    let home = Home::new();
    home.remove(log::LOG_FILE);
    home.remove(store::FILE_NAME);
    let recovered = home.start(true).expect("accepted");
    assert!(recovered.leader.scheduler.next_numbers().0 >= 1_000_000);
}

#[test]
fn an_interrupted_acceptance_is_refused_and_completed() {
    let home = Home::new();
    home.lose_runs([4, 5]);
    let old = home.files();
    drop(home.start(true).expect("accepted"));
    // As if nothing but the log had been changed.
    for (path, content) in old {
        if !path.ends_with(log::LOG_FILE) && !path.ends_with(log::WITNESS_FILE) {
            std::fs::write(path, content).expect("written");
        }
    }
    home.refused();
    let recovered = home.start(true).expect("accepted");
    assert!(recovered.leader.scheduler.next_numbers().0 >= 1006);
    drop(recovered);
    assert!(check::check(home.dir(), &mut |_| {}).whole);
}

#[test]
fn a_directory_without_a_loss_is_not_changed_by_accepting_one() {
    let home = Home::new();
    let recovered = home.start(true).expect("whole");
    assert_eq!(recovered.leader.log.last(), 3);
    drop(recovered);
    assert!(home.kept().is_empty());
    let directory = tempfile::tempdir().expect("a directory");
    assert_eq!(recover(directory.path(), true).expect("new").leader.log.last(), 0);
}

/// Damages one part, and returns the parts with findings.
fn findings(damage: impl Fn(&Home)) -> Vec<&'static str> {
    let home = Home::new();
    damage(&home);
    let before = home.files();
    let report = check::check(home.dir(), &mut |_| {});
    assert!(home.files() == before, "a check changes nothing");
    let findings = report.parts.iter().flat_map(|part| &part.findings);
    for finding in findings {
        assert!(!finding.problem.is_empty() && !finding.next_step.is_empty());
    }
    let damaged = report.parts.iter().filter(|part| !part.findings.is_empty());
    let names: Vec<_> = damaged.map(|part| part.name).collect();
    assert_eq!(report.whole, names.is_empty());
    names
}

#[test]
fn a_check_finds_damage_in_each_part_and_changes_nothing() {
    assert!(findings(|_| {}).is_empty());
    let flip = |path: PathBuf| {
        let mut bytes = std::fs::read(&path).expect("read");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(path, bytes).expect("written");
    };
    let name = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let blob = |home: &Home, content: &str| {
        let directory = home.path(blobs::DIRECTORY).join("ba");
        std::fs::create_dir_all(&directory).expect("made");
        std::fs::write(directory.join(name), content).expect("written");
    };
    assert!(findings(|home| blob(home, "abc")).is_empty());
    assert_eq!(findings(|home| blob(home, "abd")), ["files"]);
    assert_eq!(findings(|home| home.remove(log::IDENTITY_FILE)), ["identity"]);
    assert_eq!(findings(|home| flip(home.path(log::WITNESS_FILE))), ["witness"]);
    assert_eq!(
        findings(|home| std::fs::write(home.path(log::WITNESS_FILE), "x").expect("written")),
        ["witness"]
    );
    assert_eq!(
        findings(|home| std::fs::write(home.path(store::FILE_NAME), "x").expect("written")),
        ["results database"]
    );
    assert_eq!(findings(|home| home.lose_runs([4])), ["witness", "results database"]);
    let log_missing = findings(|home| home.remove(log::LOG_FILE));
    assert_eq!(log_missing, ["event log"]);
}

#[test]
fn a_check_finds_damaged_and_incomplete_weights() {
    let name = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let chunk = |home: &Home, content: &str| {
        let directory = weights::root(home.dir()).join("ba");
        std::fs::create_dir_all(&directory).expect("made");
        std::fs::write(directory.join(name), content).expect("written");
    };
    assert!(findings(|home| chunk(home, "abc")).is_empty());
    assert_eq!(findings(|home| chunk(home, "abd")), ["weights"]);
    let record = |home: &Home| {
        let path = weights::root(home.dir()).join(weights::RECORDS).join(format!("{name}.json"));
        std::fs::write(path, "{}").expect("written");
    };
    assert_eq!(findings(record), ["weights"], "malformed");
    let pushed = |home: &Home, has_chunk: bool| {
        let store = home.start(false).expect("whole").weights;
        let file = tempfile::NamedTempFile::new_in(home.dir()).expect("a file");
        std::fs::write(file.path(), "abc").expect("written");
        let digest = name.parse().expect("a digest");
        store.put_chunk(&digest, file.into_temp_path()).expect("stored");
        let text = format!(
            r#"{{"schema":1,"files":[{{"path":"a","sha256":"{name}","size_bytes":3,"chunks":[]}}]}}"#
        );
        let manifest = Manifest::parse(text.as_bytes()).expect("a manifest");
        let record = Record {
            name: "a".into(),
            user: "anna".into(),
            pushed_at: wall(),
            used_at: wall(),
            size_bytes: 3,
            files: 1,
            in_place: false,
        };
        store.commit(&manifest, text.as_bytes(), record).expect("stored");
        if !has_chunk {
            home.remove(&format!("weights/ba/{name}"));
        }
    };
    assert!(findings(|home| pushed(home, true)).is_empty());
    assert_eq!(findings(|home| pushed(home, false)), ["weights"], "a chunk is missing");
}

#[test]
fn a_check_compares_the_snapshot_and_the_rows_with_the_records() {
    let snapshot = |state: &Scheduler, home: &Home| {
        let mut recovered = home.start(false).expect("whole");
        let last = recovered.leader.log.last();
        let snapshot = state.snapshot();
        recovered.leader.log.write_snapshot(last, &mut snapshot.pieces()).expect("written");
    };
    let equal = |home: &Home| {
        let state = home.start(false).expect("whole").leader.scheduler;
        snapshot(&state, home);
    };
    assert!(findings(equal).is_empty());
    assert_eq!(findings(|home| snapshot(&Scheduler::new(), home)), ["snapshot"]);
    let missing_row = |home: &Home| {
        let mut recovered = home.start(false).expect("whole");
        let leader = &mut recovered.leader;
        let last = leader.log.last();
        leader.log.append(last, leader.term, &submitted(4)).expect("stored");
        // The database skips the run, although its watermark covers it.
        let nothing: [Fact; 0] = [];
        recovered.store.writer.project([(last + 1, &nothing)]).expect("projected");
    };
    assert_eq!(findings(missing_row), ["results database"]);
}

/// A log that was written before logs had terms and identities: two runs.
const OLD_LOG: &[u8] = include_bytes!("../../log/testdata/events-1.redb");

#[test]
fn a_directory_of_a_version_without_identities_receives_one() {
    let identity = "7c3f5f0e-3f0a-4f0e-9a53-6f1d2f1f8a10";
    for has_file in [true, false] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path(log::LOG_FILE), OLD_LOG).expect("written");
        std::fs::create_dir(path(blobs::DIRECTORY)).expect("made");
        if has_file {
            std::fs::write(path(log::IDENTITY_FILE), identity).expect("written");
        }
        let recovered = recover(directory.path(), false).expect("an old directory");
        assert_eq!(recovered.leader.scheduler.runs().count(), 2);
        assert_eq!(recovered.identity == identity, has_file);
        let adopted = recovered.identity.clone();
        drop(recovered);
        for name in [log::IDENTITY_FILE, "blobs/identity", "weights/identity"] {
            let text = std::fs::read_to_string(path(name)).expect("written");
            assert_eq!(text.trim(), adopted, "{name}");
        }
        assert_eq!(recover(directory.path(), false).expect("whole").identity, adopted);
    }
}
