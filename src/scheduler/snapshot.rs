//! The state as pieces of JSON, so that a restart need not replay the whole log.
//!
//! A snapshot holds live work and the epochs that fence it. Queues, tallies and free amounts are
//! derived again. Restoring a snapshot and replaying the later facts gives the same state as
//! replaying all facts, apart from hints and learned means.
//!
//! Promise: taking a snapshot copies about 50 bytes for each live test and shares its specification.
//! The JSON is written piece by piece while the pieces are read, so it is never in memory as a whole.

use super::added::table::Marks;
use super::amounts::Free;
use super::command::Identity;
use super::deadline::earliest_deadline;
use super::error::FactError;
use super::state::{Change, Named, Note, Run, Scheduler, Seat, State, Tally, Test, Worker};
use super::status::Availability;
use crate::domain::access::Subject;
use crate::domain::added::template::AddedTemplate;
use crate::domain::capability::Capability;
use crate::domain::capability::calibration::Calibration;
use crate::domain::fact::Idempotency;
use crate::domain::id::{Epoch, LeaseId, RunId, TestId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::test::{SharedRequirements, TestSpec};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use uuid::Uuid;

/// Version of the format. A snapshot of another version is ignored, and the log replayed.
pub const VERSION: u32 = 1;
/// Maximum number of tests in one piece.
const TESTS_PER_PIECE: usize = 10_000;

/// A snapshot that cannot be used. The log can still be replayed.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the snapshot: {0}")]
pub struct RestoreError(String);

impl From<FactError> for RestoreError {
    fn from(error: FactError) -> Self {
        Self(error.to_string())
    }
}

#[derive(Serialize, Deserialize)]
enum Piece {
    Head {
        version: u32,
        epoch: Epoch,
        next_run: u32,
        next_worker: u32,
        virtual_time: u64,
        shares: Vec<(RunId, u64)>,
    },
    Run(Box<RunPiece>),
    Tests {
        run: RunId,
        tests: Vec<TestPiece>,
    },
    Worker(Box<WorkerPiece>),
    Template(Box<TemplatePiece>),
    Lost(Vec<(LeaseId, WorkerId)>),
    Marks(Box<Marks>),
}

#[derive(Serialize, Deserialize)]
struct TemplatePiece {
    path: Box<str>,
    version: u32,
    sha256: Box<str>,
    user: Subject,
    at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct RunPiece {
    run: RunId,
    name: Box<str>,
    user: Subject,
    idempotency: Option<Idempotency>,
    submitted_at: Timestamp,
    finished_at: Option<Timestamp>,
    parts: Vec<(u32, Timestamp)>,
    closed: bool,
    cancelled: bool,
    #[serde(default)]
    closed_world: bool,
    /// Number of tests of a finished run, whose tests are not kept; likewise `done` and `flaky`.
    total: u32,
    done: Vec<u32>,
    flaky: u32,
}

#[derive(Serialize, Deserialize)]
struct TestPiece {
    #[serde(rename = "s")]
    spec: Arc<TestSpec>,
    #[serde(rename = "a")]
    attempts: u16,
    #[serde(rename = "f")]
    failed: u8,
    #[serde(rename = "i")]
    infrastructure: u8,
    #[serde(rename = "w")]
    state: StatePiece,
}

#[derive(Serialize, Deserialize)]
enum StatePiece {
    Blocked,
    Waiting { since: Timestamp, avoid: Option<WorkerId> },
    Leased { worker: WorkerId, epoch: Epoch, seat: Epoch, stop: bool, recall: bool },
    Done { outcome: Outcome, flaky: bool },
}

#[derive(Serialize, Deserialize)]
struct WorkerPiece {
    worker: WorkerId,
    key: Uuid,
    incarnation: Uuid,
    #[serde(default)]
    place: Box<str>,
    name: Box<str>,
    capability: Arc<Capability>,
    availability: AvailabilityPiece,
    registered_at: Timestamp,
    last_seen: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    change: Option<Change>,
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    calibrations: VecDeque<(Timestamp, Arc<Calibration>)>,
    seats: Vec<SeatPiece>,
    notices: Vec<(Epoch, NotePiece)>,
    accepted: Vec<Epoch>,
}

#[derive(Serialize, Deserialize)]
struct SeatPiece {
    number: Epoch,
    devices: Vec<u16>,
    queue: Vec<(TestId, Epoch)>,
    since: Timestamp,
    #[serde(default)]
    ended: bool,
    #[serde(default)]
    avoid: Option<WorkerId>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum AvailabilityPiece {
    Active,
    Draining,
    Lost,
    Gone,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum NotePiece {
    Granted(TestId),
    Stop(LeaseId),
    Recall(LeaseId),
    Drain,
    Resume,
}

/// The state at one time. It does not change with the scheduler and may be sent to another thread.
pub struct Snapshot(Vec<Piece>);

impl Snapshot {
    /// The pieces, each a JSON text that is written when the iterator reaches it.
    pub fn pieces(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        // These types can always be written to memory.
        self.0.iter().map(|piece| serde_json::to_vec(piece).unwrap_or_default())
    }
}

impl Scheduler {
    /// The present state.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (virtual_time, shares) = self.classes.shares();
        let head = Piece::Head {
            version: VERSION,
            epoch: self.epoch,
            next_run: self.next_run,
            next_worker: self.next_worker,
            virtual_time,
            shares,
        };
        let runs = self.runs.iter().flat_map(|(id, run)| {
            let tests = run.tests.chunks(TESTS_PER_PIECE).map(|tests| Piece::Tests {
                run: *id,
                tests: tests.iter().map(|test| self.test_piece(test)).collect(),
            });
            std::iter::once(Piece::Run(Box::new(run_piece(*id, run)))).chain(tests)
        });
        let workers = self
            .workers
            .iter()
            .map(|(id, worker)| Piece::Worker(Box::new(self.worker_piece(*id, worker))));
        let templates = self.templates.iter().map(|(path, added)| {
            Piece::Template(Box::new(TemplatePiece {
                path: path.clone(),
                version: added.version,
                sha256: added.sha256.clone(),
                user: added.user.clone(),
                at: added.at,
            }))
        });
        let lost = Piece::Lost(self.lost_leases.iter().collect());
        let marks = Piece::Marks(Box::new(self.marks.clone()));
        let pieces = std::iter::once(head).chain(runs).chain(workers).chain(templates);
        Snapshot(pieces.chain([lost, marks]).collect())
    }

    fn test_piece(&self, test: &Test) -> TestPiece {
        let state = match test.state {
            State::Blocked => StatePiece::Blocked,
            State::Waiting { class, since } => StatePiece::Waiting {
                since,
                avoid: self.classes.get(class).and_then(|class| class.key.avoid),
            },
            State::Leased { worker, epoch, seat, stop, recall } => {
                StatePiece::Leased { worker, epoch, seat, stop, recall }
            }
            State::Done { outcome, flaky } => StatePiece::Done { outcome, flaky },
        };
        TestPiece {
            spec: Arc::clone(&test.spec),
            attempts: test.attempts,
            failed: test.failed,
            infrastructure: test.infrastructure,
            state,
        }
    }

    fn worker_piece(&self, id: WorkerId, worker: &Worker) -> WorkerPiece {
        let seats = worker.seats.iter().map(|(number, seat)| SeatPiece {
            number: *number,
            devices: seat.devices.clone(),
            queue: seat.queue.iter().copied().collect(),
            since: seat.since,
            ended: seat.ended,
            avoid: self.classes.get(seat.class).and_then(|class| class.key.avoid),
        });
        WorkerPiece {
            worker: id,
            key: worker.identity.key,
            incarnation: worker.identity.incarnation,
            place: worker.identity.place.clone(),
            name: worker.name.clone(),
            capability: Arc::clone(&worker.capability),
            availability: (&worker.availability).into(),
            registered_at: worker.registered_at,
            last_seen: worker.last_seen,
            change: worker.change.clone(),
            calibrations: worker.calibrations.clone(),
            seats: seats.collect(),
            notices: worker.notices.iter().map(|(at, note)| (*at, (*note).into())).collect(),
            accepted: worker.accepted.iter().collect(),
        }
    }

    /// The state that a snapshot was taken of.
    ///
    /// # Errors
    /// A piece that is damaged, of another version, or contradicts the others.
    pub fn restore(pieces: impl Iterator<Item = Vec<u8>>) -> Result<Self, RestoreError> {
        let mut state = Self::new();
        let mut waiting = Vec::new();
        let mut shared = SharedRequirements::default();
        for bytes in pieces {
            let piece = serde_json::from_slice(&bytes)
                .map_err(|error| RestoreError(format!("a piece is damaged: {error}")))?;
            match piece {
                Piece::Head { version, epoch, next_run, next_worker, virtual_time, shares } => {
                    if version != VERSION {
                        return Err(RestoreError(format!("it has version {version}")));
                    }
                    (state.epoch, state.next_run, state.next_worker) =
                        (epoch, next_run, next_worker);
                    state.classes.restore_shares(virtual_time, &shares);
                }
                Piece::Run(piece) => state.restore_run(*piece),
                Piece::Tests { run, mut tests } => {
                    for test in &mut tests {
                        shared.share(&mut test.spec);
                    }
                    state.restore_tests(run, tests, &mut waiting)?;
                }
                Piece::Worker(piece) => state.restore_worker(*piece)?,
                Piece::Template(piece) => {
                    let TemplatePiece { path, version, sha256, user, at } = *piece;
                    let added = AddedTemplate { version, sha256, user, at };
                    state.templates.insert(path, added);
                }
                Piece::Lost(leases) => {
                    for (lease, worker) in leases {
                        state.lost_leases.insert(lease, worker);
                    }
                }
                Piece::Marks(marks) => state.marks = *marks,
            }
        }
        state.restore_edges();
        let mut cache = None;
        for (test, avoid, since) in waiting {
            state.make_ready(test, avoid, since, &mut cache)?;
        }
        state.check_invariants()?;
        Ok(state)
    }

    fn restore_run(&mut self, piece: RunPiece) {
        if let Some(sent) = &piece.idempotency {
            self.submissions.insert((piece.user.clone(), sent.key.clone()), piece.run);
        }
        let mut tally = Tally::default();
        if piece.finished_at.is_some() {
            tally.total = piece.total;
            tally.flaky = piece.flaky;
            for (slot, count) in tally.done.iter_mut().zip(piece.done) {
                *slot = count;
            }
        }
        let run = Run {
            name: piece.name,
            user: piece.user,
            idempotency: piece.idempotency,
            submitted_at: piece.submitted_at,
            finished_at: piece.finished_at,
            parts: piece.parts,
            closed: piece.closed,
            cancelled: piece.cancelled,
            closed_world: piece.closed_world,
            tests: Vec::new(),
            names: HashSet::new(),
            tally,
        };
        self.runs.insert(piece.run, run);
    }

    fn restore_tests(
        &mut self,
        id: RunId,
        tests: Vec<TestPiece>,
        waiting: &mut Vec<(TestId, Option<WorkerId>, Timestamp)>,
    ) -> Result<(), RestoreError> {
        let run = self.runs.get_mut(&id);
        let run = run.ok_or_else(|| RestoreError(format!("tests without their run {id}")))?;
        for piece in tests {
            let index = run.tally.total;
            run.push(&piece.spec);
            if !run.closed {
                run.names.insert(Named(Arc::clone(&piece.spec)));
            }
            match piece.state {
                StatePiece::Blocked => {}
                StatePiece::Waiting { since, avoid } => {
                    waiting.push((TestId { run: id, index }, avoid, since));
                }
                StatePiece::Leased { worker, epoch, seat, stop, recall } => {
                    run.set_state(index, State::Leased { worker, epoch, seat, stop, recall });
                }
                StatePiece::Done { outcome, flaky } => {
                    run.set_state(index, State::Done { outcome, flaky });
                }
            }
            let test = &mut run.tests[index as usize];
            test.attempts = piece.attempts;
            test.failed = piece.failed;
            test.infrastructure = piece.infrastructure;
        }
        Ok(())
    }

    fn restore_edges(&mut self) {
        for (id, run) in &mut self.runs {
            for index in 0..run.tally.total {
                if run.tests.get(index as usize).is_none_or(|test| test.done().is_some()) {
                    continue;
                }
                run.link(index);
                if let Some(due) = run.expires_at(index) {
                    self.expiries.insert((due, TestId { run: *id, index }));
                }
            }
        }
    }

    fn restore_worker(&mut self, piece: WorkerPiece) -> Result<(), RestoreError> {
        let id = piece.worker;
        let WorkerPiece { key, incarnation, place, .. } = piece;
        let identity = Identity { key, incarnation, place };
        let mut worker = Worker::new(identity, &piece.capability, piece.registered_at);
        worker.name = piece.name;
        worker.last_seen = piece.last_seen;
        worker.change = piece.change;
        worker.calibrations = piece.calibrations;
        worker.availability = piece.availability.into();
        worker.group = self.join_group(id, &piece.capability);
        if worker.availability != Availability::Active {
            self.leave_group(id, worker.group);
        }
        worker.notices = piece.notices.into_iter().map(|(at, note)| (at, note.into())).collect();
        worker.accepted = piece.accepted.into_iter().collect();
        worker.free = Free::all_of(&piece.capability);
        for seat in piece.seats {
            let first = seat.queue.first().and_then(|(test, _)| self.find(*test));
            let first = first.ok_or_else(|| RestoreError("a seat without a test".into()))?;
            let first_spec = Arc::clone(&first.spec);
            let requirement = Arc::clone(&first_spec.requirement);
            let class = self.class_of(&requirement, seat.avoid);
            if let Some(class) = self.classes.get_mut(class) {
                class.seats += 1;
                if !seat.ended {
                    worker.free.take(&requirement, &seat.devices);
                    worker.weights.take(class.weights, &mut self.weights);
                }
            }
            worker.by_class.entry(class).or_default().insert(seat.number);
            worker.ahead += u32::try_from(seat.queue.len() - 1).unwrap_or(u32::MAX);
            let queue = VecDeque::from(seat.queue);
            let SeatPiece { devices, ended, since, .. } = seat;
            let due = earliest_deadline(since);
            worker.due = worker.due.min(due);
            let restored = Seat { class, devices, ended, queue, since, due, is_due_exact: false };
            worker.seats.insert(seat.number, restored);
        }
        self.worker_keys.insert(key, id);
        self.workers.insert(id, worker);
        Ok(())
    }
}

fn run_piece(id: RunId, run: &Run) -> RunPiece {
    RunPiece {
        run: id,
        name: run.name.clone(),
        user: run.user.clone(),
        idempotency: run.idempotency.clone(),
        submitted_at: run.submitted_at,
        finished_at: run.finished_at,
        parts: run.parts.clone(),
        closed: run.closed,
        cancelled: run.cancelled,
        closed_world: run.closed_world,
        total: run.tally.total,
        done: run.tally.done.to_vec(),
        flaky: run.tally.flaky,
    }
}

impl From<&Availability> for AvailabilityPiece {
    fn from(availability: &Availability) -> Self {
        match availability {
            Availability::Active => Self::Active,
            Availability::Draining => Self::Draining,
            Availability::Lost => Self::Lost,
            Availability::Gone => Self::Gone,
        }
    }
}

impl From<AvailabilityPiece> for Availability {
    fn from(piece: AvailabilityPiece) -> Self {
        match piece {
            AvailabilityPiece::Active => Self::Active,
            AvailabilityPiece::Draining => Self::Draining,
            AvailabilityPiece::Lost => Self::Lost,
            AvailabilityPiece::Gone => Self::Gone,
        }
    }
}

impl From<Note> for NotePiece {
    fn from(note: Note) -> Self {
        match note {
            Note::Granted(test) => Self::Granted(test),
            Note::Stop(lease) => Self::Stop(lease),
            Note::Recall(lease) => Self::Recall(lease),
            Note::Drain => Self::Drain,
            Note::Resume => Self::Resume,
        }
    }
}

impl From<NotePiece> for Note {
    fn from(piece: NotePiece) -> Self {
        match piece {
            NotePiece::Granted(test) => Self::Granted(test),
            NotePiece::Stop(lease) => Self::Stop(lease),
            NotePiece::Recall(lease) => Self::Recall(lease),
            NotePiece::Drain => Self::Drain,
            NotePiece::Resume => Self::Resume,
        }
    }
}
