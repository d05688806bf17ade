//! The check of the event log, its witness and its snapshot: all records are read and applied, and
//! the snapshot is compared with the state that they lead to.

use super::compare::{LOST, compare_identity, compare_last};
use super::report::Part;
use super::state::have_same_history;
use crate::domain::causes::with_causes;
use crate::domain::fact::Fact;
use crate::domain::storage_id::StorageId;
use crate::log::{
    self, LogError, ReadOnlyLog, Salvage, Scope, Sequence, StoredSnapshot, Unreadable,
    WitnessFinding,
};
use crate::results::render::figures::counted;
use crate::scheduler::Scheduler;
use std::path::Path;

/// Number of records between two lines of progress.
const PROGRESS_RECORDS: u64 = 50_000;
/// Next step for a log that is not there.
const MISSING: &str = "name the data directory of a coordinator with --data-dir, or restore the event \
                       log from a backup";
/// Next step for a log that is damaged.
const DAMAGED: &str = "restore the event log from a backup, or copy what is readable with `dtf log \
                       export`; docs/operate.md describes both";

fn next_step(error: &LogError) -> &'static str {
    if matches!(error, LogError::Missing { .. }) { MISSING } else { DAMAGED }
}

/// Numbers of rows that the records lead to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rows {
    pub runs: u64,
    pub tests: u64,
    pub attempts: u64,
}

/// The last record of the log, and the rows that a database must have.
#[derive(Debug, Default)]
pub struct Last {
    /// `None` if the log cannot be opened.
    pub record: Option<Sequence>,
    /// The last record that a compaction removed.
    pub base: Sequence,
    /// Rows up to the watermark of the database; `None` if not all of these records could be read.
    pub rows: Option<Rows>,
}

/// The findings about the log.
pub struct History {
    pub identity: Option<StorageId>,
    pub last: Last,
    pub parts: Vec<Part>,
}

/// The state while the records are applied.
struct Replay<'a> {
    part: Part,
    /// `None` after a record that could not be read or applied.
    state: Option<Scheduler>,
    snapshot: Option<&'a Compared>,
    equal: Option<bool>,
    rows: Rows,
    watermark: Sequence,
    records: u64,
}

/// The snapshot and the state in it.
struct Compared {
    at: Sequence,
    state: Scheduler,
}

impl History {
    pub fn read(
        data_dir: &Path,
        watermark: Option<Sequence>,
        progress: &mut dyn FnMut(&str),
    ) -> Self {
        let path = data_dir.join(log::LOG_FILE);
        let log = match ReadOnlyLog::open(data_dir) {
            Ok(log) => log,
            Err(error) => {
                let mut part = Part::new("event log", path);
                part.add(None, with_causes(&error), next_step(&error));
                return Self { identity: None, last: Last::default(), parts: vec![part] };
            }
        };
        let (identity, last) = (log.identity(), log.last());
        let (mut snapshot_part, compared) = snapshot(data_dir, identity, last);
        let mut replay = Replay {
            part: Part::new("event log", path),
            state: None,
            snapshot: compared.as_ref(),
            equal: None,
            rows: Rows::default(),
            watermark: watermark.unwrap_or(0),
            records: 0,
        };
        replay.run(data_dir, &log, progress);
        let whole = replay.part.findings.is_empty() && log.base() == 0;
        replay.part.content = content(&log, replay.records);
        match (&compared, replay.equal) {
            (Some(_), Some(false)) => snapshot_part.add(
                None,
                "its state differs from the one that the records lead to",
                "remove the file while no coordinator runs; the next start replays the records",
            ),
            (Some(compared), Some(true)) => {
                snapshot_part.content =
                    format!("state after record {}, equal to that of the records", compared.at);
            }
            _ => {}
        }
        let rows = whole.then_some(replay.rows);
        let parts = vec![replay.part, witness(data_dir, &log), snapshot_part];
        Self { identity, last: Last { record: Some(last), base: log.base(), rows }, parts }
    }
}

fn content(log: &ReadOnlyLog, records: u64) -> String {
    let read = counted(records, "record");
    match log.base() {
        0 => format!("{read}, the last is {}", log.last()),
        base => format!("{read} after {base}, the last is {}", log.last()),
    }
}

impl Replay<'_> {
    fn run(&mut self, data_dir: &Path, log: &ReadOnlyLog, progress: &mut dyn FnMut(&str)) {
        let start = match log.read_base() {
            Ok(None) => 0,
            Ok(Some((at, pieces))) => match Scheduler::restore(pieces.into_iter()) {
                Ok(state) => {
                    self.state = Some(state);
                    at
                }
                Err(error) => {
                    self.part.add(Some("base state".into()), error.to_string(), DAMAGED);
                    log.base()
                }
            },
            Err(error) => {
                self.part.add(Some("base state".into()), with_causes(&error), DAMAGED);
                log.base()
            }
        };
        if start == 0 {
            self.state = Some(Scheduler::new());
        }
        self.reached(start);
        let mut visit = |part: log::Part| {
            match part {
                log::Part::Record(sequence, facts) => {
                    self.apply(sequence, &facts);
                    if self.records.is_multiple_of(PROGRESS_RECORDS) {
                        progress(&format!("event log: record {sequence} of {}", log.last()));
                    }
                }
                log::Part::Unreadable(gap) => self.unreadable(&gap),
            }
            true
        };
        let visited =
            Salvage::open(data_dir).and_then(|mut log| log.visit(Scope::Tree, start, &mut visit));
        if let Err(error) = visited {
            self.part.add(None, with_causes(&error), DAMAGED);
        }
    }

    fn apply(&mut self, sequence: Sequence, facts: &[Fact]) {
        self.records += 1;
        if sequence <= self.watermark {
            for fact in facts {
                match fact {
                    Fact::RunSubmitted { .. } => self.rows.runs += 1,
                    Fact::TestsAdded { tests, .. } => self.rows.tests += tests.len() as u64,
                    Fact::AttemptFinished { .. } => self.rows.attempts += 1,
                    _ => {}
                }
            }
        }
        let Some(state) = &mut self.state else { return };
        if let Err(error) = facts.iter().try_for_each(|fact| state.apply(fact)) {
            let problem = format!("it does not fit the records before it: {error}");
            self.part.add(Some(format!("record {sequence}")), problem, DAMAGED);
            self.state = None;
        }
        self.reached(sequence);
    }

    /// Compares the state with the snapshot, if it is of this record.
    fn reached(&mut self, sequence: Sequence) {
        if let (Some(state), Some(snapshot)) = (&self.state, self.snapshot)
            && snapshot.at == sequence
        {
            self.equal = Some(have_same_history(state, &snapshot.state));
        }
    }

    fn unreadable(&mut self, gap: &Unreadable) {
        self.state = None;
        self.part.add(Some(records(gap)), gap.reason.clone(), DAMAGED);
    }
}

/// The numbers of records that cannot be read, for people.
fn records(gap: &Unreadable) -> String {
    let (first, last) = (gap.records.start(), gap.records.end());
    if first == last { format!("record {first}") } else { format!("records {first} to {last}") }
}

fn witness(data_dir: &Path, log: &ReadOnlyLog) -> Part {
    const AGAIN: &str = "start the coordinator, which writes it again";
    const UNREADABLE: &str = "repair the disk or the permissions; a damaged witness can be removed while \
                              no coordinator runs";
    let mut part = Part::new("witness", data_dir.join(log::WITNESS_FILE));
    match log.check_witness() {
        Ok(WitnessFinding::Missing) => return Part::absent("witness", part.path),
        Ok(WitnessFinding::Outdated) => {
            "of the log before a loss of records was accepted".clone_into(&mut part.content);
        }
        Ok(WitnessFinding::Agrees { sequence, is_damaged }) => {
            part.content = format!("record {sequence}, equal to that of the log");
            if is_damaged {
                part.add(None, "one of its two entries is damaged", AGAIN);
            }
        }
        Ok(WitnessFinding::Unreadable) => part.add(None, "it cannot be read", AGAIN),
        Ok(WitnessFinding::Differs { sequence, error }) => {
            part.add(Some(format!("record {sequence}")), with_causes(&error), LOST);
        }
        Err(error @ LogError::Beside { .. }) => part.add(None, with_causes(&error), UNREADABLE),
        Err(error) => part.add(None, with_causes(&error), DAMAGED),
    }
    part
}

fn snapshot(
    data_dir: &Path,
    identity: Option<StorageId>,
    last: Sequence,
) -> (Part, Option<Compared>) {
    const NEXT: &str = "start the coordinator, which renames the file and replays the records";
    let path = data_dir.join(log::SNAPSHOT_FILE);
    let StoredSnapshot { identity: own, snapshot: (at, pieces) } =
        match log::read_snapshot_file(data_dir) {
            Ok(Some(stored)) => stored,
            Ok(None) => return (Part::absent("snapshot", path), None),
            Err(error) => {
                let mut part = Part::new("snapshot", path);
                part.add(None, error.to_string(), NEXT);
                return (part, None);
            }
        };
    let mut part = Part::new("snapshot", path);
    part.content = format!("state after record {at}");
    compare_identity(&mut part, Some(own), identity);
    compare_last(&mut part, at, Some(last));
    match Scheduler::restore(pieces.into_iter()) {
        Ok(state) => (part, Some(Compared { at, state })),
        Err(error) => {
            part.add(None, error.to_string(), NEXT);
            (part, None)
        }
    }
}
