//! The engine: takes a batch of requests, and returns the facts to store with the replies to give.
//!
//! Pure, as the scheduler that it drives: the coordinator, the tests, the network simulation and the
//! benchmark all run this loop. For each request it decides, applies the facts in memory and keeps
//! the reply; at the end of the batch it grants leases to open claims and answers the claims for
//! which there are notices.
//!
//! Promises: the replies of a batch depend on no fact beyond those of this and earlier batches, so
//! the caller may give them once these are stored; a worker has at most one open claim; a fact that
//! contradicts the state ends the engine before it reaches a caller.

use super::command::{Answer, Command, Delivery, Signal};
use super::corrections::moved;
use super::error::{FactError, Rejected};
use super::snapshot::Snapshot;
use super::state::Scheduler;
use crate::domain::fact::Fact;
use crate::domain::id::{Epoch, WorkerId};
use crate::domain::time::{Millis, Timestamp};
use std::collections::HashMap;
use uuid::Uuid;

/// Facts that make a snapshot at a stop worthwhile.
const MIN_AT_STOP: u64 = 1000;
/// A tick that is later than this means that the process was stopped: workers could not be heard
/// and are not to blame for their silence.
const MAX_TICK_GAP: Millis = Millis::from_secs(5);

/// The caller's means to give the replies, one type for each kind of request.
pub trait Tickets {
    /// For the answer to a command.
    type Command;
    /// For the delivery to a claim.
    type Claim;
    /// For the finding of a question. The question puts the finding into it.
    type Finding;

    /// Whether nobody waits for this claim any more.
    fn is_abandoned(claim: &Self::Claim) -> bool;
}

/// Reads the state and returns the ticket with the finding in it.
pub type Question<T> = Box<dyn FnOnce(&Scheduler, Timestamp) -> <T as Tickets>::Finding + Send>;

/// Identifies one open claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimId {
    pub worker: WorkerId,
    pub number: Uuid,
}

/// A request to the engine.
pub enum Input<T: Tickets> {
    Command {
        command: Command,
        ticket: T::Command,
    },
    Claim {
        claim: ClaimId,
        incarnation: Uuid,
        received: Epoch,
        /// Whether the worker takes new tests.
        takes_tests: bool,
        ticket: T::Claim,
    },
    /// The claim has waited long enough: it is answered without notices.
    EndClaim(ClaimId),
    Question(Question<T>),
    /// Time has passed. Sent at short, regular intervals.
    Tick,
    /// A snapshot is due at the end of the batch.
    Snapshot,
    /// No further batch follows.
    Stop,
}

/// A reply that waits until the facts of its batch are stored.
pub enum Reply<T: Tickets> {
    Answer(T::Command, Result<Answer, Rejected>),
    Delivery(T::Claim, Result<Delivery, Rejected>),
    Finding(T::Finding),
}

/// The facts to store, and the replies that depend on them.
pub struct Batch<T: Tickets> {
    pub facts: Vec<Fact>,
    pub replies: Vec<Reply<T>>,
    /// The state after these facts, when a snapshot is due.
    pub snapshot: Option<Snapshot>,
    /// Time for which this process was stopped before the batch, if it was.
    pub absence: Option<Millis>,
}

impl<T: Tickets> Batch<T> {
    fn new() -> Self {
        Self { facts: Vec::new(), replies: Vec::new(), snapshot: None, absence: None }
    }

    /// Whether there is nothing to store and nothing to reply.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.replies.is_empty() && self.snapshot.is_none()
    }
}

/// When the state is stored: after enough facts, and never more often than its size is
/// worth, so that snapshots cost at most a share of the work that they save.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotPolicy {
    /// Facts after which a snapshot may be due.
    pub every: u64,
    /// Facts since the last snapshot, by their weight; those that a restart applied count one each.
    pub since: u64,
}

impl SnapshotPolicy {
    /// `live`: tests that have not ended.
    fn is_due(&self, live: u64, stopping: bool) -> bool {
        let enough = if stopping { MIN_AT_STOP } else { self.every };
        self.since >= enough && self.since > live
    }
}

/// See the head of this module.
pub struct Engine<T: Tickets> {
    scheduler: Scheduler,
    last_tick: Timestamp,
    /// Time that the clock showed when it was set; stored as a fact in the next batch.
    clock_changed: Option<Timestamp>,
    /// Whether the next batch postpones all deadlines by the time since the last tick.
    are_deadlines_held: bool,
    claims: HashMap<WorkerId, OpenClaim<T>>,
    /// Workers for which there may be notices.
    touched: Vec<WorkerId>,
    snapshots: SnapshotPolicy,
    /// Whether a snapshot is due whatever the policy.
    snapshot_requested: bool,
}

struct OpenClaim<T: Tickets> {
    id: ClaimId,
    received: Epoch,
    ticket: T::Claim,
}

/// Called with each applied fact and the state that results from it.
pub type Observer<'a> = dyn FnMut(&Fact, &Scheduler) + 'a;

impl<T: Tickets> Engine<T> {
    #[must_use]
    pub fn new(scheduler: Scheduler, now: Timestamp, snapshots: SnapshotPolicy) -> Self {
        let (claims, touched) = (HashMap::new(), Vec::new());
        Self {
            scheduler,
            last_tick: now,
            clock_changed: None,
            are_deadlines_held: false,
            claims,
            touched,
            snapshots,
            snapshot_requested: false,
        }
    }

    #[must_use]
    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    /// Ends the engine. Open claims are dropped.
    #[must_use]
    pub fn into_scheduler(self) -> Scheduler {
        self.scheduler
    }

    /// Number of open claims.
    #[must_use]
    pub fn open_claims(&self) -> usize {
        self.claims.len()
    }

    /// The clock, which showed `from`, was set: the next batch has its new time. Periods continue
    /// without a jump.
    pub fn clock_changed(&mut self, from: Timestamp) {
        self.clock_changed = Some(from);
    }

    /// Since the last tick, workers could not report: the next batch postpones all deadlines by this
    /// time. Call it before each batch with a tick while the files of results cannot be stored.
    pub fn hold_deadlines(&mut self) {
        self.are_deadlines_held = true;
    }

    /// Takes one batch of requests.
    ///
    /// # Errors
    /// A decision led to a fact that contradicts the state, which is a bug. The engine must not be
    /// used any more, and nothing of the batch may be stored.
    pub fn take(
        &mut self,
        now: Timestamp,
        inputs: impl IntoIterator<Item = Input<T>>,
        observe: &mut Observer<'_>,
    ) -> Result<Batch<T>, FactError> {
        let mut batch = Batch::new();
        if let Some(from) = self.clock_changed.take() {
            self.last_tick = moved(self.last_tick, from, now);
            self.keep(Fact::ClockChanged { from, at: now }, &mut batch, observe)?;
        }
        batch.absence = self.forgive_absence(now);
        if std::mem::take(&mut self.are_deadlines_held) {
            self.scheduler.hold_deadlines(now.since(self.last_tick));
        }
        let mut stopping = false;
        let inputs = inputs.into_iter();
        batch.replies.reserve(inputs.size_hint().0);
        for input in inputs {
            stopping |= matches!(input, Input::Stop);
            self.handle(now, input, &mut batch, observe)?;
        }
        while let Some(fact) = self.scheduler.grant(now) {
            self.keep(fact, &mut batch, observe)?;
        }
        self.deliver(&mut batch);
        if stopping {
            self.end_claims(|_| true, &mut batch);
        }
        batch.snapshot = self.snapshot(stopping);
        Ok(batch)
    }

    /// After a long stop of this process (a suspended machine, SIGSTOP) workers could
    /// not be heard: they get a fresh lease time instead of being lost.
    fn forgive_absence(&mut self, now: Timestamp) -> Option<Millis> {
        let absence = now.since(self.last_tick);
        if absence <= MAX_TICK_GAP {
            return None;
        }
        self.scheduler.resume(now);
        self.last_tick = now;
        Some(absence)
    }

    fn handle(
        &mut self,
        now: Timestamp,
        input: Input<T>,
        batch: &mut Batch<T>,
        observe: &mut Observer<'_>,
    ) -> Result<(), FactError> {
        match input {
            Input::Command { command, ticket } => {
                let answer = self.decide(now, command, batch, observe)?;
                batch.replies.push(Reply::Answer(ticket, answer));
            }
            Input::Claim { claim, incarnation, received, takes_tests, ticket } => {
                let worker = claim.worker;
                let command = Command::OpenClaim { worker, incarnation, received, takes_tests };
                match self.decide(now, command, batch, observe)? {
                    Ok(_) => self.open(OpenClaim { id: claim, received, ticket }, batch),
                    Err(rejected) => batch.replies.push(Reply::Delivery(ticket, Err(rejected))),
                }
            }
            Input::EndClaim(id) => {
                if self.claims.get(&id.worker).is_some_and(|open| open.id == id) {
                    self.close(id.worker, None, batch);
                }
            }
            Input::Question(question) => {
                batch.replies.push(Reply::Finding(question(&self.scheduler, now)));
            }
            Input::Tick => {
                self.last_tick = now;
                for fact in self.scheduler.tick(now) {
                    self.keep(fact, batch, observe)?;
                }
                self.end_claims(T::is_abandoned, batch);
            }
            Input::Snapshot => self.snapshot_requested = true,
            Input::Stop => {}
        }
        Ok(())
    }

    fn decide(
        &mut self,
        now: Timestamp,
        command: Command,
        batch: &mut Batch<T>,
        observe: &mut Observer<'_>,
    ) -> Result<Result<Answer, Rejected>, FactError> {
        let step = match self.scheduler.decide(now, command) {
            Ok(step) => step,
            Err(rejected) => return Ok(Err(rejected)),
        };
        if let Some(signal) = step.signal {
            self.scheduler.note(&signal);
            if let Signal::ClaimOpened { worker, .. } = signal {
                self.touched.push(worker);
            }
        }
        for fact in step.facts {
            self.keep(fact, batch, observe)?;
        }
        Ok(Ok(step.answer))
    }

    fn keep(
        &mut self,
        fact: Fact,
        batch: &mut Batch<T>,
        observe: &mut Observer<'_>,
    ) -> Result<(), FactError> {
        self.scheduler.apply(&fact)?;
        match &fact {
            Fact::WorkerDraining { worker, .. }
            | Fact::WorkerResumed { worker, .. }
            | Fact::LeasesGranted { worker, .. }
            | Fact::LeasesRecalled { worker, .. } => self.touched.push(*worker),
            Fact::RunCancelled { notices, .. } => {
                self.touched.extend(notices.iter().map(|notice| notice.worker));
            }
            _ => {}
        }
        observe(&fact, &self.scheduler);
        self.snapshots.since += fact.weight();
        batch.facts.push(fact);
        Ok(())
    }

    /// Answers an older claim of the same worker without notices.
    fn open(&mut self, claim: OpenClaim<T>, batch: &mut Batch<T>) {
        if let Some(older) = self.claims.insert(claim.id.worker, claim) {
            let delivery = Delivery { received: older.received, ..Delivery::default() };
            batch.replies.push(Reply::Delivery(older.ticket, Ok(delivery)));
        }
    }

    /// Answers the claims of all workers for which there are notices.
    fn deliver(&mut self, batch: &mut Batch<T>) {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        for worker in touched.drain(..) {
            if self.claims.contains_key(&worker)
                && let Some(delivery) = self.scheduler.delivery(worker)
            {
                self.close(worker, Some(delivery), batch);
            }
        }
        self.touched = touched;
    }

    /// Answers the open claim of a worker; without a delivery there are no notices.
    fn close(&mut self, worker: WorkerId, delivery: Option<Delivery>, batch: &mut Batch<T>) {
        if let Some(OpenClaim { received, ticket, .. }) = self.claims.remove(&worker) {
            // The epoch that the claim confirms comes from outside; that of a delivery does not.
            let sent = delivery.as_ref().map_or(Epoch(0), |delivery| delivery.received);
            self.scheduler.note(&Signal::ClaimClosed { worker, sent });
            let delivery = delivery.unwrap_or(Delivery { received, ..Delivery::default() });
            batch.replies.push(Reply::Delivery(ticket, Ok(delivery)));
        }
    }

    /// Answers the open claims for which `ends` holds, without notices.
    fn end_claims(&mut self, ends: impl Fn(&T::Claim) -> bool, batch: &mut Batch<T>) {
        let ending = self.claims.iter().filter(|(_, open)| ends(&open.ticket));
        let mut workers: Vec<WorkerId> = ending.map(|(worker, _)| *worker).collect();
        workers.sort_unstable();
        for worker in workers {
            self.close(worker, None, batch);
        }
    }

    fn snapshot(&mut self, stopping: bool) -> Option<Snapshot> {
        if !self.snapshot_requested && !self.is_snapshot_due(stopping) {
            return None;
        }
        (self.snapshots.since, self.snapshot_requested) = (0, false);
        Some(self.scheduler.snapshot())
    }

    fn is_snapshot_due(&self, stopping: bool) -> bool {
        // Usually saves counting the live tests.
        if !self.snapshots.is_due(0, stopping) {
            return false;
        }
        let overview = self.scheduler.overview();
        let live = overview.tests_blocked + overview.tests_waiting + overview.tests_leased;
        self.snapshots.is_due(live, stopping)
    }
}
