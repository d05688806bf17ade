//! Creating and opening: files that were not begun, witnesses, and identities.

use super::{IDENTITY, append, new_log, open, stored};
use crate::domain::storage_id::StorageId;
use crate::log::embedded::{
    EmbeddedLog, LOG_FILE, LogFile, SNAPSHOT_FILE, WITNESS_FILE, WitnessFinding,
};
use crate::log::error::LogError;
use crate::log::event_log::EventLog;
use crate::log::position::Sequence;
use crate::log::read_only::ReadOnlyLog;
use crate::log::tests::OLD_LOG;
use std::fs;
use std::path::Path;

const OTHER: StorageId = StorageId::from_bytes([8; 16]);

/// A log with records 1 to `last`, which was closed.
fn log_with(directory: &Path, last: u32) {
    let (mut log, term) = new_log(directory);
    for number in log.last() as u32 + 1..=last {
        append(&mut log, term, &[number]).expect("stored");
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("listed");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_log_that_was_not_begun_is_created_and_never_opened() {
    for content in [&b""[..], &[0; 4096], b"redb", b"something else"] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(LOG_FILE);
        fs::write(&path, content).expect("written");
        // A later version of dtf was interrupted, too.
        fs::write(directory.path().join("events.redb.new"), [1; 5000]).expect("written");
        assert_eq!(EmbeddedLog::inspect(directory.path()).expect("inspected"), LogFile::NotBegun);
        let refused = EmbeddedLog::open(directory.path(), Some(IDENTITY)).err().expect("refused");
        assert!(matches!(&refused, LogError::NotALog { path: p, .. } if *p == path), "{refused}");
        assert_eq!(fs::read(&path).expect("there"), content, "the file is unchanged");

        let log = EmbeddedLog::create(directory.path(), IDENTITY).expect("created");
        assert_eq!((log.identity(), log.last()), (IDENTITY, 0));
        drop(log);
        assert_eq!(names(directory.path()), [LOG_FILE, WITNESS_FILE]);
        let exists = EmbeddedLog::create(directory.path(), OTHER).err().expect("refused");
        assert!(matches!(exists, LogError::Exists { .. }), "{exists}");
    }
}

#[test]
fn a_missing_log_is_not_created_by_opening_it() {
    let directory = tempfile::tempdir().expect("a directory");
    assert_eq!(EmbeddedLog::inspect(directory.path()).expect("inspected"), LogFile::Missing);
    for refused in [
        EmbeddedLog::open(directory.path(), Some(IDENTITY)).err(),
        ReadOnlyLog::open(directory.path()).err(),
    ] {
        assert!(matches!(refused, Some(LogError::Missing { .. })), "{refused:?}");
    }
    assert!(names(directory.path()).is_empty());
}

#[test]
fn an_interrupted_creation_beside_a_log_is_removed() {
    let directory = tempfile::tempdir().expect("a directory");
    log_with(directory.path(), 2);
    fs::write(directory.path().join("events.redb.new"), [1; 5000]).expect("written");
    assert_eq!(open(directory.path()).expect("a log").last(), 2);
    assert_eq!(names(directory.path()), [LOG_FILE, WITNESS_FILE]);
}

/// The files of a log that was killed with this number of records: bytes of log and witness.
fn killed(directory: &Path, last: u32) -> (Vec<u8>, Vec<u8>) {
    let (mut log, term) = new_log(directory);
    for number in log.last() as u32 + 1..=last {
        append(&mut log, term, &[number]).expect("stored");
    }
    let read = |name: &str| fs::read(directory.join(name)).expect("there");
    (read(LOG_FILE), read(WITNESS_FILE))
}

fn put(directory: &Path, log: &[u8], witness: &[u8]) {
    fs::write(directory.join(LOG_FILE), log).expect("written");
    fs::write(directory.join(WITNESS_FILE), witness).expect("written");
}

#[test]
fn an_older_log_beside_the_witness_is_refused_unchanged() {
    let directory = tempfile::tempdir().expect("a directory");
    let old = killed(directory.path(), 3);
    let new = killed(directory.path(), 5);
    put(directory.path(), &old.0, &new.1);
    for _ in 0..2 {
        let refused = open(directory.path()).err().expect("refused");
        assert!(
            matches!(&refused, LogError::Lost { last: 3, proven: 5, evidence, .. }
                if evidence.ends_with(WITNESS_FILE)),
            "{refused}"
        );
        assert_eq!(fs::read(directory.path().join(LOG_FILE)).expect("there"), old.0);
        assert_eq!(fs::read(directory.path().join(WITNESS_FILE)).expect("there"), new.1);
    }
    let finding = ReadOnlyLog::open(directory.path()).expect("a log").check_witness();
    assert!(
        matches!(
            finding,
            Ok(WitnessFinding::Differs { sequence: 5, error: LogError::Lost { .. } })
        ),
        "{finding:?}"
    );
    // A witness that is behind is normal after a power failure.
    put(directory.path(), &new.0, &old.1);
    let log = open(directory.path()).expect("a log");
    assert_eq!(stored(&log, 0).expect("whole").len(), 5);
}

#[test]
fn an_older_log_that_took_other_records_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let old = killed(directory.path(), 3);
    let new = killed(directory.path(), 4);
    put(directory.path(), &old.0, &old.1);
    let (mut log, term) = new_log(directory.path());
    append(&mut log, term, &[77]).expect("stored");
    append(&mut log, term, &[78]).expect("stored");
    drop(log);
    let other = fs::read(directory.path().join(LOG_FILE)).expect("there");
    put(directory.path(), &other, &new.1);
    let refused = open(directory.path()).err().expect("refused");
    assert!(matches!(refused, LogError::Diverged { sequence: 4, .. }), "{refused}");
}

#[test]
fn an_unusable_witness_is_written_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let (log, witness) = killed(directory.path(), 3);
    let path = directory.path().join(WITNESS_FILE);
    for content in [None, Some(&b""[..]), Some(&[7; 1024]), Some(&witness[..600])] {
        put(directory.path(), &log, &witness);
        match content {
            None => fs::remove_file(&path).expect("removed"),
            Some(content) => fs::write(&path, content).expect("written"),
        }
        drop(open(directory.path()).expect("a log"));
        let finding = ReadOnlyLog::open(directory.path()).expect("a log").check_witness();
        assert!(
            matches!(finding, Ok(WitnessFinding::Agrees { sequence: 3, is_damaged: false })),
            "{finding:?}"
        );
    }
}

#[test]
fn a_witness_of_another_log_is_refused() {
    let (directory, other) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    log_with(directory.path(), 2);
    drop(EmbeddedLog::create(other.path(), OTHER).expect("created"));
    fs::copy(other.path().join(WITNESS_FILE), directory.path().join(WITNESS_FILE)).expect("copied");
    let refused = open(directory.path()).err().expect("refused");
    assert!(
        matches!(refused, LogError::OtherIdentity { expected: IDENTITY, found: OTHER, .. }),
        "{refused}"
    );
}

#[test]
fn an_accepted_loss_renews_the_identity_with_one_record() {
    let directory = tempfile::tempdir().expect("a directory");
    let old = killed(directory.path(), 3);
    let new = killed(directory.path(), 5);
    put(directory.path(), &old.0, &new.1);
    let accept = || EmbeddedLog::open_after_loss(directory.path(), None).expect("a log");
    let (log, seen) = accept();
    assert_eq!((log.last(), seen), (3, Some(5)));
    drop(log);
    assert!(matches!(open(directory.path()), Err(LogError::Lost { .. })), "nothing was decided");

    let (mut log, _) = accept();
    log.write_snapshot(3, &mut [b"old".to_vec()].into_iter()).expect("written");
    log.begin_term().expect("a term");
    assert_eq!(log.renew(OTHER, &[super::conformance::numbered(9)]).expect("renewed"), 4);
    drop(log);
    let log = open(directory.path()).expect("a log");
    assert_eq!((log.identity(), log.last()), (OTHER, 4));
    assert_eq!(log.read_snapshot().expect("set aside"), None, "it has the old identity");
    assert!(!directory.path().join(SNAPSHOT_FILE).exists());
    drop(log);

    // A kill after the commit leaves the old witness.
    fs::write(directory.path().join(WITNESS_FILE), &new.1).expect("written");
    assert_eq!(open(directory.path()).expect("a log").last(), 4);
}

#[test]
fn a_snapshot_without_identity_is_not_used() {
    let directory = tempfile::tempdir().expect("a directory");
    log_with(directory.path(), 2);
    let path = directory.path().join(SNAPSHOT_FILE);
    let mut content = b"dtfsnap1".to_vec();
    content.extend(1u64.to_le_bytes());
    content.extend([0; 8]);
    fs::write(&path, &content).expect("written");
    let mut log = open(directory.path()).expect("a log");
    assert_eq!(log.read_snapshot().expect("ignored"), None);
    assert_eq!(fs::read(&path).expect("there"), content);
    log.write_snapshot(2, &mut [b"new".to_vec()].into_iter()).expect("replaced");
    assert_eq!(log.read_snapshot().expect("whole"), Some((2, vec![b"new".to_vec()])));
}

#[test]
fn reading_changes_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let (log, witness) = killed(directory.path(), 4);
    let check = |content: &[u8], last: Sequence| {
        put(directory.path(), content, &witness);
        let log = ReadOnlyLog::open(directory.path()).expect("a log");
        assert_eq!(log.last(), last);
        let mut read = 0;
        let replayed = log.reader().replay(0, &mut |_, _| {
            read += 1;
            true
        });
        replayed.expect("whole");
        assert_eq!(read, last);
        drop(log);
        assert_eq!(fs::read(directory.path().join(LOG_FILE)).expect("there"), content);
        assert_eq!(names(directory.path()), [LOG_FILE, WITNESS_FILE]);
    };
    check(&log, 4);
    // A log of an older version has no identity.
    put(directory.path(), OLD_LOG, &witness);
    let old = ReadOnlyLog::open(directory.path()).expect("a log");
    assert_eq!(old.identity(), None);
    check(OLD_LOG, old.last());
}
