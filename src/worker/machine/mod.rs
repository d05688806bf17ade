//! The worker's own state: which leases it holds, what runs, what has to be told.
//!
//! Pure: every input is a call, time is an argument, and what has to be done comes back as
//! [`Action`]s or is asked for ([`Machine::batch`], [`Machine::done`]). Nothing here talks to
//! a process or a coordinator, so a simulation can drive it.
//!
//! Promises: at most one lease of a seat runs; leases of a seat start in the order of their
//! epochs; every lease that was taken ends exactly once, as reported, returned or dropped as
//! stale (what had ended by then is reported); `received` only grows. No input panics. Holds at most [`MAX_HELD`] leases.

use crate::domain::id::{Epoch, LeaseId};
use crate::domain::time::{Millis, Timestamp};
use std::collections::{BTreeMap, HashSet, VecDeque};

#[cfg(test)]
mod tests;

/// Most leases held at a time. What is offered beyond is not taken; the coordinator
/// learns it from the next heartbeat.
pub const MAX_HELD: usize = 1_000_000;

/// When a worker goes by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeavePolicy {
    /// Leaves after so long without a lease.
    pub idle: Option<Millis>,
    /// Leaves when a claim comes back empty after at least one lease was held.
    pub ephemeral: bool,
}

/// A lease as it was delivered, with what is needed to run it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedLease<J> {
    pub lease: LeaseId,
    pub seat: Epoch,
    pub job: J,
}

/// An answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery<J> {
    pub received: Epoch,
    pub leases: Vec<GrantedLease<J>>,
    pub stop: Vec<LeaseId>,
    pub recall: Vec<LeaseId>,
    pub drain: bool,
    /// A drain was taken back.
    pub resume: bool,
}

/// What the shell has to do at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action<J> {
    Start {
        lease: LeaseId,
        job: J,
    },
    /// Kill the attempt. Its end still has to be told by [`Machine::ended`].
    Stop {
        lease: LeaseId,
    },
}

/// How a lease ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedLease<R> {
    pub lease: LeaseId,
    /// Absent: cancelled before the start.
    pub result: Option<R>,
}

/// What one report request carries. Stays the same until it is acknowledged, except
/// that stale leases drop out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch<R> {
    pub number: u64,
    pub finished: Vec<EndedLease<R>>,
    pub returned: Vec<LeaseId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Active,
    /// Finishes what runs, gives back the rest, because the coordinator says so.
    Drained,
    /// The same, by itself: nobody takes that back.
    Draining,
    /// Kills what runs; its leases are left to the coordinator.
    Stopping,
}

#[derive(Debug)]
enum Stage<J> {
    Queued(J),
    Running,
    /// Runs, but its result will be dropped.
    Abandoned,
    /// EndedLease or given back, not yet acknowledged.
    Settled,
    /// Settled, and no longer this worker's: the result is told all the same, and kept as late.
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

/// See the module. `J` is what starts an attempt, `R` its result.
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
    /// `spooled` are results of an earlier process that were not acknowledged.
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
            // Whatever lies below and is not held any more is given up at registration.
            machine.received = machine.received.max(lease.epoch);
            let held = Held { seat: lease.epoch, stage: Stage::Settled };
            if machine.held.insert(lease, held).is_none() {
                machine.finished.push_back(EndedLease { lease, result: Some(result) });
            }
        }
        machine
    }

    /// Highest notice number received; goes into every claim and heartbeat.
    #[must_use]
    pub fn received(&self) -> Epoch {
        self.received
    }

    /// The coordinator has used epochs up to this one. It never falls behind what it has
    /// said, so higher ones are of another log, and count no more.
    pub fn registered(&mut self, epoch: Epoch) {
        if self.received > epoch {
            self.received = Epoch(0);
        }
    }

    /// Everything that the coordinator should keep for this worker, in order.
    #[must_use]
    pub fn holding(&self) -> Vec<LeaseId> {
        let kept = |held: &Held<J>| !matches!(held.stage, Stage::Abandoned | Stage::Late);
        self.held.iter().filter(|(_, held)| kept(held)).map(|(lease, _)| *lease).collect()
    }

    /// Attempts that run, abandoned ones included.
    #[must_use]
    pub fn running(&self) -> usize {
        self.seats.values().filter(|seat| seat.running.is_some()).count()
    }

    /// Whether a lease waits for its seat, so that the worker is not hungry.
    #[must_use]
    pub fn has_queued(&self) -> bool {
        self.seats.values().any(|seat| !seat.queue.is_empty())
    }

    /// Results that are not acknowledged, in the order of their ends.
    pub fn unacknowledged(&self) -> impl Iterator<Item = &EndedLease<R>> {
        self.batch.finished.iter().chain(&self.finished)
    }

    /// Results of the batch that is not acknowledged yet.
    #[must_use]
    pub fn batched(&self) -> &[EndedLease<R>] {
        &self.batch.finished
    }

    /// Takes the answer to a claim. Repeats change nothing.
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
            // Two leases with one epoch cannot be; the second is given back.
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

    /// Returns it unless it has started.
    fn give_back(&mut self, lease: LeaseId) {
        let queued = |held: &Held<J>| matches!(held.stage, Stage::Queued(_));
        if self.held.get(&lease).is_some_and(queued) {
            self.unqueue(lease);
            self.returned.push(lease);
        }
    }

    /// Out of its seat's queue, settled.
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

    /// Nothing of an attempt runs any more, though its result is not made up yet: the seat
    /// goes on. May be left out; [`Machine::ended`] frees the seat as well.
    pub fn vacated(&mut self, lease: LeaseId, actions: &mut Vec<Action<J>>) {
        let Some(number) = self.held.get(&lease).map(|held| held.seat) else { return };
        let Some(seat) = self.seats.get_mut(&number) else { return };
        if seat.running == Some(lease) {
            seat.running = None;
            self.start_next(number, actions);
        }
    }

    /// An attempt has ended, by itself or because it was stopped.
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

    /// No longer this worker's, by an answer to a registration or a heartbeat. Results that
    /// are there already are still told.
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
            self.forget_unsaid();
        }
    }

    /// Without a result there is nothing to tell of a lease that is gone.
    fn forget_unsaid(&mut self) {
        let Self { held, finished, returned, batch, .. } = self;
        let told: HashSet<LeaseId> = batch
            .finished
            .iter()
            .chain(&*finished)
            .filter(|ended| ended.result.is_some())
            .map(|ended| ended.lease)
            .collect();
        held.retain(|lease, held| !matches!(held.stage, Stage::Late) || told.contains(lease));
        finished.retain(|ended| held.contains_key(&ended.lease));
        returned.retain(|lease| held.contains_key(lease));
        batch.finished.retain(|ended| held.contains_key(&ended.lease));
        batch.returned.retain(|lease| held.contains_key(lease));
    }

    /// What to send next: the batch that is not acknowledged yet, else a new one with at
    /// most `most` entries. `fits` is asked before each further result whether the request
    /// has room for it.
    pub fn batch(&mut self, most: usize, mut fits: impl FnMut(&R) -> bool) -> Option<&Batch<R>> {
        if self.batch.finished.is_empty() && self.batch.returned.is_empty() {
            self.batch.number = self.batch.number.wrapping_add(1);
            let count = self.returned.len().min(most);
            self.batch.returned.extend(self.returned.drain(..count));
            while self.batch.finished.len() + count < most {
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

    /// The coordinator refused the batch as a whole. One with several entries is taken back,
    /// to be sent in smaller ones; a single result is given out, to be changed.
    pub fn refused(&mut self) -> Option<&mut EndedLease<R>> {
        if self.batch.finished.len() + self.batch.returned.len() > 1 {
            while let Some(ended) = self.batch.finished.pop() {
                self.finished.push_front(ended);
            }
            self.returned.append(&mut self.batch.returned);
        }
        self.batch.finished.first_mut()
    }

    /// Whether results or returned leases wait for an acknowledgement.
    #[must_use]
    pub fn owes_report(&self) -> bool {
        !(self.finished.is_empty()
            && self.returned.is_empty()
            && self.batch.finished.is_empty()
            && self.batch.returned.is_empty())
    }

    /// The coordinator has stored the batch of this number, in whole, whether it accepted
    /// its entries or kept them as conflicts. Late repeats change nothing.
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

    /// Starts nothing more: gives back what is queued, finishes what runs.
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

    /// Drains and kills what runs. Its leases are not reported: the coordinator counts
    /// them as lost when the worker leaves, and has them tried elsewhere.
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

    /// Time passes. Only the idle limit looks at it.
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

    #[must_use]
    pub fn draining(&self) -> bool {
        self.mode != Mode::Active
    }

    /// Whether it drains by itself, so that the coordinator has to hear of it.
    #[must_use]
    pub fn wants_to_leave(&self) -> bool {
        matches!(self.mode, Mode::Draining | Mode::Stopping)
    }

    /// Nothing is held any more and nothing will be: time to leave.
    #[must_use]
    pub fn done(&self) -> bool {
        self.draining() && self.held.is_empty()
    }
}
