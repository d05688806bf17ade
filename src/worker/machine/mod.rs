//! The state machine of a worker: the leases that it holds, the attempts that run, and the results
//! that are still to be reported.
//!
//! Pure: every input is a call and time is an argument. Work to do is returned as [`Action`]s, or by
//! [`Machine::batch`] and [`Machine::done`]. No process or coordinator is involved, so a simulation
//! can drive it.
//!
//! Limit: [`MAX_HELD`] leases.
//!
//! Promises: at most one lease of a seat runs. The leases of a seat start in the order of their
//! epochs. Every lease that was taken ends exactly once: reported, returned, or dropped as stale (a
//! result that exists by then is reported). `received` only grows. No input panics.

use crate::domain::id::{Epoch, LeaseId};
use crate::domain::time::{Millis, Timestamp};
use std::collections::{BTreeMap, HashSet, VecDeque};

#[cfg(test)]
mod tests;

/// Maximum number of leases held at a time. Further ones are not taken, which the coordinator sees in
/// the next heartbeat.
pub const MAX_HELD: usize = 1_000_000;

/// The conditions under which a worker leaves without being asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeavePolicy {
    /// The worker leaves after this period without a lease.
    pub idle: Option<Millis>,
    /// The worker leaves when it has held a lease and a claim returns none.
    pub ephemeral: bool,
}

/// A lease as it was delivered. `job` is everything that is needed to run it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedLease<J> {
    pub lease: LeaseId,
    pub seat: Epoch,
    pub job: J,
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery<J> {
    pub received: Epoch,
    pub leases: Vec<GrantedLease<J>>,
    pub stop: Vec<LeaseId>,
    pub recall: Vec<LeaseId>,
    pub drain: bool,
    /// The coordinator has cancelled a drain.
    pub resume: bool,
}

/// Work that the session has to do at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action<J> {
    Start {
        lease: LeaseId,
        job: J,
    },
    /// Stop the attempt. Its end must still be reported to [`Machine::ended`].
    Stop {
        lease: LeaseId,
    },
}

/// The end of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedLease<R> {
    pub lease: LeaseId,
    /// Absent for a lease that was cancelled before its start.
    pub result: Option<R>,
}

/// The contents of one report. It stays the same until it is acknowledged, except that stale leases
/// are removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch<R> {
    pub number: u64,
    pub finished: Vec<EndedLease<R>>,
    pub returned: Vec<LeaseId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Active,
    /// Finishes the running attempts and returns the other leases, as the coordinator requested.
    Drained,
    /// The same on the decision of the worker, which is final.
    Draining,
    /// Kills the running attempts. The coordinator decides about their leases.
    Stopping,
}

#[derive(Debug)]
enum Stage<J> {
    Queued(J),
    Running,
    /// Running, but its result will be dropped.
    Abandoned,
    /// Ended or returned, and not yet acknowledged.
    Settled,
    /// Settled, but lost: the result is reported and kept as a late one.
    Late,
}

#[derive(Debug)]
struct Held<J> {
    seat: Epoch,
    stage: Stage<J>,
}

#[derive(Debug, Default)]
struct Seat {
    running: Option<LeaseId>,
    queue: BTreeMap<Epoch, LeaseId>,
}

/// The state machine. `J` is the job of an attempt, `R` its result.
#[derive(Debug)]
pub struct Machine<J, R> {
    leave_policy: LeavePolicy,
    mode: Mode,
    received: Epoch,
    held: BTreeMap<LeaseId, Held<J>>,
    seats: BTreeMap<Epoch, Seat>,
    finished: VecDeque<EndedLease<R>>,
    returned: Vec<LeaseId>,
    batch: Batch<R>,
    worked: bool,
    idle_since: Option<Timestamp>,
}

impl<J, R> Machine<J, R> {
    /// `spooled` are the results of an earlier process that were not acknowledged.
    #[must_use]
    pub fn new(leave_policy: LeavePolicy, spooled: Vec<(LeaseId, R)>) -> Self {
        let mut machine = Self {
            leave_policy,
            mode: Mode::Active,
            received: Epoch(0),
            held: BTreeMap::new(),
            seats: BTreeMap::new(),
            finished: VecDeque::new(),
            returned: Vec::new(),
            batch: Batch { number: 0, finished: Vec::new(), returned: Vec::new() },
            worked: false,
            idle_since: None,
        };
        for (lease, result) in spooled {
            // Leases with lower epochs that are not held any more are given up at registration.
            machine.received = machine.received.max(lease.epoch);
            let held = Held { seat: lease.epoch, stage: Stage::Settled };
            if machine.held.insert(lease, held).is_none() {
                machine.finished.push_back(EndedLease { lease, result: Some(result) });
            }
        }
        machine
    }

    /// Highest epoch received. Every claim and heartbeat contains it.
    #[must_use]
    pub fn received(&self) -> Epoch {
        self.received
    }

    /// The coordinator has used epochs up to `epoch`, which never decreases. A higher one belongs to
    /// another log and no longer counts.
    pub fn registered(&mut self, epoch: Epoch) {
        if self.received > epoch {
            self.received = Epoch(0);
        }
    }

    /// The leases that the coordinator should keep for this worker, in order.
    #[must_use]
    pub fn holding(&self) -> Vec<LeaseId> {
        let kept = |held: &Held<J>| !matches!(held.stage, Stage::Abandoned | Stage::Late);
        self.held.iter().filter(|(_, held)| kept(held)).map(|(lease, _)| *lease).collect()
    }

    /// Number of running attempts, including abandoned ones.
    #[must_use]
    pub fn running(&self) -> usize {
        self.seats.values().filter(|seat| seat.running.is_some()).count()
    }

    /// Whether a lease waits for its seat, so that the worker needs no further ones.
    #[must_use]
    pub fn has_queued(&self) -> bool {
        self.seats.values().any(|seat| !seat.queue.is_empty())
    }

    /// The results that are not acknowledged, in the order of their ends.
    pub fn unacknowledged(&self) -> impl Iterator<Item = &EndedLease<R>> {
        self.batch.finished.iter().chain(&self.finished)
    }

    /// The results of the batch that is not acknowledged yet.
    #[must_use]
    pub fn batched(&self) -> &[EndedLease<R>] {
        &self.batch.finished
    }

    /// Takes the answer to a claim. A repeated answer changes nothing.
    pub fn claimed(&mut self, delivery: Delivery<J>, actions: &mut Vec<Action<J>>) {
        let empty = delivery.leases.is_empty();
        let mut touched = Vec::new();
        if delivery.resume && self.mode == Mode::Drained {
            self.mode = Mode::Active;
        }
        for granted in delivery.leases {
            if granted.lease.epoch > self.received && self.held.len() < MAX_HELD {
                touched.push(granted.seat);
                self.take(granted);
            }
        }
        self.received = self.received.max(delivery.received);
        for lease in delivery.stop {
            self.stop(lease, actions);
        }
        for lease in delivery.recall {
            self.give_back(lease);
        }
        if delivery.drain {
            self.stop_taking(Mode::Drained);
        }
        if empty && self.leave_policy.ephemeral && self.worked && self.held.is_empty() {
            self.drain();
        }
        touched.dedup();
        for seat in touched {
            self.start_next(seat, actions);
        }
    }

    fn take(&mut self, granted: GrantedLease<J>) {
        let GrantedLease { lease, seat, job } = granted;
        if self.held.contains_key(&lease) {
            return;
        }
        self.worked = true;
        self.idle_since = None;
        self.held.insert(lease, Held { seat, stage: Stage::Queued(job) });
        if self.mode == Mode::Active {
            let queue = &mut self.seats.entry(seat).or_default().queue;
            // Two leases never have the same epoch. The second would be returned.
            if *queue.entry(lease.epoch).or_insert(lease) == lease {
                return;
            }
        }
        self.settle_returned(lease);
    }

    fn start_next(&mut self, number: Epoch, actions: &mut Vec<Action<J>>) {
        let Some(seat) = self.seats.get_mut(&number) else { return };
        if seat.running.is_some() {
            return;
        }
        while let Some((_, lease)) = seat.queue.pop_first() {
            let Some(held) = self.held.get_mut(&lease) else { continue };
            if let Stage::Queued(job) = std::mem::replace(&mut held.stage, Stage::Running) {
                seat.running = Some(lease);
                actions.push(Action::Start { lease, job });
                return;
            }
        }
        self.seats.remove(&number);
    }

    fn stop(&mut self, lease: LeaseId, actions: &mut Vec<Action<J>>) {
        let Some(held) = self.held.get(&lease) else { return };
        match held.stage {
            Stage::Queued(_) => {
                self.unqueue(lease);
                self.finished.push_back(EndedLease { lease, result: None });
            }
            Stage::Running => actions.push(Action::Stop { lease }),
            Stage::Abandoned | Stage::Settled | Stage::Late => {}
        }
    }

    /// Returns a lease unless it has started.
    fn give_back(&mut self, lease: LeaseId) {
        let queued = |held: &Held<J>| matches!(held.stage, Stage::Queued(_));
        if self.held.get(&lease).is_some_and(queued) {
            self.unqueue(lease);
            self.returned.push(lease);
        }
    }

    /// Removes a lease from the queue of its seat and settles it.
    fn unqueue(&mut self, lease: LeaseId) {
        let Some(held) = self.held.get_mut(&lease) else { return };
        held.stage = Stage::Settled;
        let number = held.seat;
        let Some(seat) = self.seats.get_mut(&number) else { return };
        seat.queue.remove(&lease.epoch);
        if seat.queue.is_empty() && seat.running.is_none() {
            self.seats.remove(&number);
        }
    }

    fn settle_returned(&mut self, lease: LeaseId) {
        if let Some(held) = self.held.get_mut(&lease) {
            held.stage = Stage::Settled;
            self.returned.push(lease);
        }
    }

    /// No process of an attempt is left, but its result is not built yet. Frees the seat. This call
    /// is optional; [`Machine::ended`] frees the seat as well.
    pub fn vacated(&mut self, lease: LeaseId, actions: &mut Vec<Action<J>>) {
        let Some(number) = self.held.get(&lease).map(|held| held.seat) else { return };
        let Some(seat) = self.seats.get_mut(&number) else { return };
        if seat.running == Some(lease) {
            seat.running = None;
            self.start_next(number, actions);
        }
    }

    /// An attempt has ended, and this is its result.
    pub fn ended(&mut self, lease: LeaseId, result: R, actions: &mut Vec<Action<J>>) {
        self.vacated(lease, actions);
        let Some(held) = self.held.get_mut(&lease) else { return };
        match held.stage {
            Stage::Running => {
                held.stage = Stage::Settled;
                self.finished.push_back(EndedLease { lease, result: Some(result) });
            }
            Stage::Abandoned => {
                self.held.remove(&lease);
            }
            Stage::Queued(_) | Stage::Settled | Stage::Late => {}
        }
    }

    /// The worker has lost these leases, according to the answer to a registration or a heartbeat.
    /// Existing results are still reported.
    pub fn stale(&mut self, leases: &[LeaseId], actions: &mut Vec<Action<J>>) {
        let mut settled = false;
        for lease in leases {
            let Some(held) = self.held.get_mut(lease) else { continue };
            match held.stage {
                Stage::Queued(_) => {
                    self.unqueue(*lease);
                    self.held.remove(lease);
                }
                Stage::Running => {
                    held.stage = Stage::Abandoned;
                    actions.push(Action::Stop { lease: *lease });
                }
                Stage::Settled => {
                    held.stage = Stage::Late;
                    settled = true;
                }
                Stage::Abandoned | Stage::Late => {}
            }
        }
        if settled {
            self.forget_late_without_result();
        }
    }

    /// Drops lost leases without a result: nothing is left to report.
    fn forget_late_without_result(&mut self) {
        let Self { held, finished, returned, batch, .. } = self;
        let has_result: HashSet<LeaseId> = batch
            .finished
            .iter()
            .chain(&*finished)
            .filter(|ended| ended.result.is_some())
            .map(|ended| ended.lease)
            .collect();
        held.retain(|lease, held| !matches!(held.stage, Stage::Late) || has_result.contains(lease));
        finished.retain(|ended| held.contains_key(&ended.lease));
        returned.retain(|lease| held.contains_key(lease));
        batch.finished.retain(|ended| held.contains_key(&ended.lease));
        batch.returned.retain(|lease| held.contains_key(lease));
    }

    /// The next report: the batch that is not acknowledged yet, or a new one with at most
    /// `max_entries` entries. `fits` decides for each further result whether the request has room
    /// for it.
    pub fn batch(
        &mut self,
        max_entries: usize,
        mut fits: impl FnMut(&R) -> bool,
    ) -> Option<&Batch<R>> {
        if self.batch.finished.is_empty() && self.batch.returned.is_empty() {
            self.batch.number = self.batch.number.wrapping_add(1);
            let count = self.returned.len().min(max_entries);
            self.batch.returned.extend(self.returned.drain(..count));
            while self.batch.finished.len() + count < max_entries {
                let Some(ended) = self.finished.pop_front() else { break };
                let fits = ended.result.as_ref().is_none_or(&mut fits);
                if !fits && !self.batch.finished.is_empty() {
                    self.finished.push_front(ended);
                    break;
                }
                self.batch.finished.push(ended);
            }
        }
        let empty = self.batch.finished.is_empty() && self.batch.returned.is_empty();
        (!empty).then_some(&self.batch)
    }

    /// The coordinator refused the batch as a whole. A batch with several entries is dissolved, to be
    /// sent in smaller ones. A single result is returned, to be changed.
    pub fn refused(&mut self) -> Option<&mut EndedLease<R>> {
        if self.batch.finished.len() + self.batch.returned.len() > 1 {
            while let Some(ended) = self.batch.finished.pop() {
                self.finished.push_front(ended);
            }
            self.returned.append(&mut self.batch.returned);
        }
        self.batch.finished.first_mut()
    }

    /// The results of the batch, to be changed before they are sent again.
    pub fn batched_mut(&mut self) -> impl Iterator<Item = &mut R> {
        self.batch.finished.iter_mut().filter_map(|ended| ended.result.as_mut())
    }

    /// Moves the results of the batch that `is_deferred` selects behind all others. Returns whether
    /// the batch has entries left.
    pub fn defer(&mut self, is_deferred: impl Fn(&R) -> bool) -> bool {
        let batch = std::mem::take(&mut self.batch.finished);
        let selects = |ended: &EndedLease<R>| ended.result.as_ref().is_some_and(&is_deferred);
        let (deferred, kept): (Vec<_>, Vec<_>) = batch.into_iter().partition(selects);
        self.batch.finished = kept;
        self.finished.extend(deferred);
        !(self.batch.finished.is_empty() && self.batch.returned.is_empty())
    }

    /// Whether results or returned leases are not acknowledged.
    #[must_use]
    pub fn owes_report(&self) -> bool {
        !(self.finished.is_empty()
            && self.returned.is_empty()
            && self.batch.finished.is_empty()
            && self.batch.returned.is_empty())
    }

    /// The coordinator has stored the whole batch of this number, whether it accepted the entries or
    /// kept them as conflicts. A late repetition changes nothing.
    pub fn acknowledged(&mut self, number: u64) {
        if number != self.batch.number {
            return;
        }
        for ended in self.batch.finished.drain(..) {
            self.held.remove(&ended.lease);
        }
        for lease in self.batch.returned.drain(..) {
            self.held.remove(&lease);
        }
    }

    /// Starts no further attempt: returns the queued leases and finishes the running attempts.
    pub fn drain(&mut self) {
        self.stop_taking(Mode::Draining);
    }

    fn stop_taking(&mut self, mode: Mode) {
        if self.mode == Mode::Active || (self.mode == Mode::Drained && mode == Mode::Draining) {
            self.mode = mode;
        }
        let queued = |held: &Held<J>| matches!(held.stage, Stage::Queued(_));
        let queued: Vec<LeaseId> =
            self.held.iter().filter(|(_, held)| queued(held)).map(|(lease, _)| *lease).collect();
        for lease in queued {
            self.give_back(lease);
        }
    }

    /// Drains and kills the running attempts. Their leases are not reported: the coordinator counts
    /// them as lost when the worker leaves, and other workers try their tests.
    pub fn shutdown(&mut self, actions: &mut Vec<Action<J>>) {
        self.drain();
        self.mode = Mode::Stopping;
        for (lease, held) in &mut self.held {
            if matches!(held.stage, Stage::Running) {
                held.stage = Stage::Abandoned;
                actions.push(Action::Stop { lease: *lease });
            }
        }
    }

    /// Takes the time, on which only the idle limit depends.
    pub fn tick(&mut self, now: Timestamp) {
        if !self.held.is_empty() {
            self.idle_since = None;
            return;
        }
        let since = *self.idle_since.get_or_insert(now);
        if self.leave_policy.idle.is_some_and(|limit| now.since(since) >= limit) {
            self.drain();
        }
    }

    /// Whether the worker drains, for any reason.
    #[must_use]
    pub fn draining(&self) -> bool {
        self.mode != Mode::Active
    }

    /// Whether the worker drains on its own decision, which it has to report to the coordinator.
    #[must_use]
    pub fn wants_to_leave(&self) -> bool {
        matches!(self.mode, Mode::Draining | Mode::Stopping)
    }

    /// Whether the worker drains and holds no lease any more.
    #[must_use]
    pub fn done(&self) -> bool {
        self.draining() && self.held.is_empty()
    }
}
