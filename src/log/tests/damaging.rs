//! Random damage of the files of a log: everything is there, or an error names the file.

use super::{IDENTITY, append, new_log, open};
use crate::log::embedded::{LOG_FILE, SNAPSHOT_FILE, WITNESS_FILE};
use crate::log::error::LogError;
use crate::log::event_log::EventLog;
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

const RECORDS: u32 = 40;
const FILES: [&str; 3] = [LOG_FILE, WITNESS_FILE, SNAPSHOT_FILE];

/// Bytes of the files in the order of [`FILES`].
type Files = Vec<Vec<u8>>;

/// The files of a log that was killed, and of one that was closed.
static LOGS: LazyLock<[Files; 2]> = LazyLock::new(|| {
    let directory = tempfile::tempdir().expect("a directory");
    let read = || FILES.map(|name| fs::read(directory.path().join(name)).expect("there")).to_vec();
    let (mut log, term) = new_log(directory.path());
    for number in 1..=RECORDS {
        append(&mut log, term, &[number]).expect("stored");
        if number == 30 {
            log.write_snapshot(30, &mut [vec![5; 3000]].into_iter()).expect("written");
        }
    }
    let killed = read();
    drop(log);
    [killed, read()]
});

#[derive(Debug, Clone)]
enum Damage {
    Flip { position: usize, bit: u8 },
    Cut { length: usize },
    Zeros { position: usize, length: usize },
    Noise { position: usize, length: usize, seed: u8 },
    Missing,
}

fn damages() -> impl Strategy<Value = Damage> {
    // The header and the first pages are as likely as the rest of the file.
    let position = || prop_oneof![any::<u16>().prop_map(usize::from), any::<usize>()];
    let length = || prop_oneof![1usize..64, Just(4096), 1usize..20_000];
    prop_oneof![
        4 => (position(), 0u8..8).prop_map(|(position, bit)| Damage::Flip { position, bit }),
        2 => (0usize..320, 0u8..8).prop_map(|(position, bit)| Damage::Flip { position, bit }),
        1 => position().prop_map(|length| Damage::Cut { length }),
        1 => (position(), length())
            .prop_map(|(position, length)| Damage::Zeros { position, length }),
        1 => (position(), length(), any::<u8>())
            .prop_map(|(position, length, seed)| Damage::Noise { position, length, seed }),
        1 => Just(Damage::Missing),
    ]
}

/// The damaged content; `None` if the file is missing.
fn damaged(mut bytes: Vec<u8>, damage: &Damage) -> Option<Vec<u8>> {
    let size = bytes.len();
    match *damage {
        Damage::Flip { position, bit } => bytes[position % size] ^= 1 << bit,
        Damage::Cut { length } => bytes.truncate(length % size),
        Damage::Zeros { position, length } => {
            let start = position % size;
            bytes[start..(start + length).min(size)].fill(0);
        }
        Damage::Noise { position, length, seed } => {
            let start = position % size;
            for (index, byte) in bytes[start..(start + length).min(size)].iter_mut().enumerate() {
                *byte = (index as u8).wrapping_mul(167) ^ seed;
            }
        }
        Damage::Missing => return None,
    }
    Some(bytes)
}

/// Opens the log and reads it whole. Everything is there, or the error names a file of the directory.
fn check(directory: &Path) -> Result<(), TestCaseError> {
    let named = |error: &LogError| {
        let text = error.to_string();
        FILES.iter().any(|file| text.contains(&*directory.join(file).to_string_lossy()))
    };
    let before = fs::read(directory.join(LOG_FILE)).ok();
    let log = match super::EmbeddedLog::open(directory, None) {
        Ok(log) => log,
        Err(error) => {
            prop_assert!(named(&error), "{error}");
            prop_assert!(fs::read(directory.join(LOG_FILE)).ok() == before, "changed: {error}");
            return Ok(());
        }
    };
    match super::stored(&log, 0) {
        Ok(records) => {
            let expected: Vec<_> = (1..=RECORDS).map(|n| (u64::from(n), vec![n])).collect();
            prop_assert_eq!(records, expected);
        }
        Err(error) => prop_assert!(named(&error), "{error}"),
    }
    let snapshot = log.read_snapshot().map_err(|error| TestCaseError::fail(error.to_string()))?;
    if let Some(snapshot) = snapshot {
        prop_assert_eq!(snapshot, (30, vec![vec![5; 3000]]));
    }
    prop_assert_eq!(log.identity(), IDENTITY);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_reported_or_harmless(
        is_closed: bool,
        file in prop_oneof![3 => Just(0usize), 1 => Just(1), 1 => Just(2)],
        damage in damages(),
    ) {
        let directory = tempfile::tempdir().expect("a directory");
        let files = &LOGS[usize::from(is_closed)];
        for (index, (name, content)) in FILES.iter().zip(files).enumerate() {
            let content = if index == file {
                damaged(content.clone(), &damage)
            } else {
                Some(content.clone())
            };
            if let Some(content) = content {
                fs::write(directory.path().join(name), content).expect("written");
            }
        }
        check(directory.path())?;
    }
}

#[test]
fn undamaged_logs_are_whole() {
    for files in &*LOGS {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, content) in FILES.iter().zip(files) {
            fs::write(directory.path().join(name), content).expect("written");
        }
        check(directory.path()).expect("whole");
        let log = open(directory.path()).expect("a log");
        assert_eq!(super::stored(&log, 0).expect("whole").len() as u32, RECORDS);
    }
}
