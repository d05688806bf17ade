//! Granting leases: which worker gets which test next.
//!
//! Workers with an open claim and room are served from the best class that they meet. Among classes
//! whose best tests are of the same run and priority, it is the one whose weights are nearest
//! (`weights`).
//! A test that is expected to be short is also granted ahead: it waits at the worker, in
//! the seat of a running test of the same class, and takes over its amounts. So nothing
//! is overcommitted, and no slot is idle for the length of a round trip. A test that may not
//! be tried again after its worker was lost is never granted ahead.

use super::amounts::Free;
use super::classes::{ClassId, Head, QueueClass, Ready};
use super::deadline::{LEASE_TIMEOUT, earliest_deadline};
use super::error::FactError;
use super::state::{Group, Note, Scheduler, Seat, State, Worker};
use super::status::Availability;
use super::weights::table::Distance;
use crate::domain::fact::{Fact, Grant};
use crate::domain::id::{Epoch, LeaseId, TestId, WorkerId};
use crate::domain::time::{Millis, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;

/// Tests of a class with a longer mean are never granted ahead.
const MAX_AHEAD_MEAN: Millis = Millis(2_000);
/// Expected work that is granted ahead into one seat.
const AHEAD_WINDOW: Millis = Millis(200);
/// Maximum number of leases ahead in one seat, and on one worker.
const MAX_AHEAD_PER_SEAT: usize = 512;
const MAX_AHEAD_PER_WORKER: usize = 1_024;
/// A lease ahead that waits longer than this behind one test is recalled.
const AHEAD_STALE: Millis = Millis(5_000);
/// Maximum number of leases in one fact, and the lower maximum when several runs compete.
const MAX_CHUNK: usize = 1_024;
const MAX_CONTESTED_CHUNK: usize = 16;
/// Expected duration of a test of which nothing is known.
const UNKNOWN_COST: Millis = Millis(1_000);
/// When the best test of a class has not fitted anywhere for this period, a worker is emptied for
/// it.
const HOLD_AFTER: Millis = Millis(30_000);

/// A class from which a worker can be granted tests.
#[derive(Clone, Copy)]
struct Choice {
    head: Head,
    distance: Distance,
    class: ClassId,
    /// Whether the amounts are free; if not, tests are granted ahead.
    is_free: bool,
}

/// The devices that a seat of the class would get on a worker; `None` when it does not fit beside the
/// running tests.
fn place(worker: &Worker, class: &QueueClass) -> Option<Vec<u16>> {
    let devices = worker.free.place(&class.key.requirement, &worker.capability)?;
    worker.weights.has_room(class.weights).then_some(devices)
}

impl Scheduler {
    /// Returns the next grant or recall, while a worker with an open claim suits a waiting test.
    /// The caller applies it and calls again until there is none.
    ///
    /// Changes hints only.
    pub fn grant(&mut self, now: Timestamp) -> Option<Fact> {
        while let Some(id) = self.hints.hungry.first().copied() {
            if let Some(fact) = self.choose(now, id) {
                return Some(fact);
            }
            self.hints.hungry.remove(&id);
            if self.workers.get(&id).is_some_and(|worker| worker.free.slots > 0) {
                self.hints.idle.insert(id);
            }
        }
        while let Some(class) = self.hints.wanted.first().copied() {
            if let Some(worker) = self.idle_for(class) {
                self.hints.idle.remove(&worker);
                self.hints.hungry.insert(worker);
                if let Some(fact) = self.choose(now, worker) {
                    return Some(fact);
                }
                self.hints.hungry.remove(&worker);
                self.hints.idle.insert(worker);
                self.hints.wanted.remove(&class);
            } else {
                self.hints.wanted.remove(&class);
                if let Some(fact) = self.recall_for(now, class) {
                    return Some(fact);
                }
            }
        }
        None
    }

    /// Returns an idle worker with room for the class: among those with the fewest accelerators, one
    /// that has the weights.
    fn idle_for(&self, id: ClassId) -> Option<WorkerId> {
        let class = self.classes.get(id)?;
        class.head?;
        let mut groups: Vec<&Group> =
            self.groups.iter().filter(|group| group.classes.contains(id.0)).collect();
        let devices = |group: &&Group| group.shape.accelerators.len();
        groups.sort_by_key(devices);
        let has_room = |id: WorkerId, worker: &Worker| {
            place(worker, class).is_some() && self.may_take(id, worker, class)
        };
        let weights = class.weights.filter(|weights| self.weights.workers(weights.id) > 0);
        groups.chunk_by(|a, b| devices(a) == devices(b)).find_map(|alike| {
            let nearest = weights.and_then(|weights| {
                let is_near = |id: WorkerId, worker: &Worker| {
                    worker.weights.has(weights.id) && has_room(id, worker)
                };
                alike.iter().find_map(|group| self.idle_in(group, is_near))
            });
            nearest.or_else(|| alike.iter().find_map(|group| self.idle_in(group, has_room)))
        })
    }

    /// Returns an idle worker of a group that suits.
    fn idle_in(
        &self,
        group: &Group,
        suits: impl Fn(WorkerId, &Worker) -> bool,
    ) -> Option<WorkerId> {
        let suits = |id: &&WorkerId| self.workers.get(id).is_some_and(|worker| suits(**id, worker));
        // The smaller set is searched.
        if group.members.len() < self.hints.idle.len() {
            let idle = |worker: &&WorkerId| self.hints.idle.contains(worker);
            group.members.iter().filter(idle).find(suits).copied()
        } else {
            let member = |worker: &&WorkerId| group.members.contains(worker);
            self.hints.idle.iter().filter(member).find(suits).copied()
        }
    }

    /// Whether the worker may take tests of the class: not if they are for another worker, not if
    /// their weights are larger than its cache, and not if the infrastructure has just failed them
    /// there and another active worker meets the requirement.
    fn may_take(&self, id: WorkerId, worker: &Worker, class: &QueueClass) -> bool {
        if class.key.requirement.allows(id).is_err() || !worker.weights.could_have(class.weights) {
            return false;
        }
        class.key.avoid != Some(id) || !self.active_for(class).any(|other| other != id)
    }

    /// Chooses what to do for one worker: grant from the best class, recall leases ahead because a
    /// more urgent test waits, or nothing.
    fn choose(&mut self, now: Timestamp, id: WorkerId) -> Option<Fact> {
        let worker = self.workers.get(&id)?;
        if !worker.asking || worker.availability != Availability::Active {
            return None;
        }
        let group = self.groups.get(worker.group)?;
        let mut best: Option<Choice> = None;
        let mut passed_over: Option<(Head, ClassId)> = None;
        let is_full = worker.free.slots == 0;
        for (class_id, Ready { head, weights }) in self.classes.ready_of(&group.classes) {
            if best.is_some_and(|best| best.head < head) {
                continue;
            }
            // A worker without a free slot takes tests ahead only. A claim usually sees it so once.
            let is_later = |(found, _): (Head, ClassId)| found <= head;
            if is_full
                && passed_over.is_some_and(is_later)
                && !worker.by_class.contains_key(&class_id)
            {
                continue;
            }
            let equal = best.filter(|best| best.head == head).map(|best| best.distance);
            if equal == Some(Distance::Here) {
                continue;
            }
            let distance = self.distance(worker, weights);
            if equal.is_some_and(|best| best <= distance) {
                continue;
            }
            let Some(class) = self.classes.get(class_id) else { continue };
            if !self.may_take(id, worker, class) {
                continue;
            }
            let is_free = place(worker, class).is_some();
            if is_free || self.room_ahead(worker, class_id) > 0 && self.may_wait(class_id) {
                best = Some(Choice { head, distance, class: class_id, is_free });
            } else if passed_over.is_none_or(|(found, _)| head < found) {
                passed_over = Some((head, class_id));
            }
        }
        let passed_over = passed_over.filter(|(head, _)| best.is_none_or(|best| *head < best.head));
        if let Some((head, class)) = passed_over {
            if let Some(recall) = self.recall_lower(now, id, head) {
                return Some(recall);
            }
            if self.held_back(now, id, class) {
                return None;
            }
            // Further leases ahead of a less urgent class would keep the amounts from the urgent
            // one.
            if best.is_some_and(|best| !best.is_free && head.priority < best.head.priority) {
                return None;
            }
        }
        let Choice { class, is_free, .. } = best?;
        self.grant_from(now, id, class, is_free)
    }

    /// Whether the worker is being emptied for the best test of a class, which has not fitted
    /// anywhere for longer than [`HOLD_AFTER`].
    fn held_back(&mut self, now: Timestamp, worker: WorkerId, id: ClassId) -> bool {
        let alive = |id: WorkerId, workers: &std::collections::BTreeMap<WorkerId, Worker>| {
            workers.get(&id).is_some_and(|worker| worker.availability == Availability::Active)
        };
        let Some(class) = self.classes.get_mut(id) else { return false };
        let since = *class.passed_over.get_or_insert(now);
        if class.hold.is_some_and(|held| !alive(held, &self.workers)) {
            class.hold = None;
        }
        if class.hold.is_none() && now.since(since) > HOLD_AFTER {
            class.hold = Some(worker);
        }
        class.hold == Some(worker)
    }

    /// Whether the best test of a class may be granted ahead.
    fn may_wait(&self, id: ClassId) -> bool {
        let head = self
            .classes
            .get(id)
            .and_then(|class| Some(TestId { run: class.head?.run, index: class.front().next()? }));
        head.is_some_and(|test| self.may_be_lost(test))
    }

    /// Whether the test would be tried again after its worker was lost. When a worker is lost, it is
    /// not known whether a lease ahead has started, so a test that may run only once is not
    /// granted ahead.
    fn may_be_lost(&self, test: TestId) -> bool {
        self.find(test).is_some_and(|test| test.infrastructure < test.spec.retries.infrastructure)
    }

    /// Number of further leases of a class that the worker may hold ahead.
    fn room_ahead(&self, worker: &Worker, id: ClassId) -> usize {
        let Some(class) = self.classes.get(id) else { return 0 };
        let ahead = worker.ahead as usize;
        if !worker.by_class.contains_key(&id) {
            return 0;
        }
        let depth = match class.mean() {
            Some(Millis(0)) => MAX_AHEAD_PER_SEAT,
            Some(mean) if mean <= MAX_AHEAD_MEAN => {
                usize::try_from(AHEAD_WINDOW.0 / mean.0).unwrap_or(0).max(1)
            }
            _ => return 0,
        };
        let lengths = || worker.seats_of(id).map(|(_, seat)| seat.queue.len());
        let room: usize = lengths().map(|length| (depth + 1).saturating_sub(length)).sum();
        let own: usize = lengths().map(|length| length - 1).sum();
        // The same number remains for every other worker that meets the class.
        let takers = self.takers(id).max(1);
        let unstarted = usize::try_from(class.waiting).unwrap_or(usize::MAX).saturating_add(own);
        let share = (unstarted / takers).saturating_sub(own);
        room.min(MAX_AHEAD_PER_WORKER.saturating_sub(ahead)).min(share)
    }

    /// Grants from the head of a class: into free amounts, or ahead into its seats.
    fn grant_from(&self, now: Timestamp, id: WorkerId, class: ClassId, free: bool) -> Option<Fact> {
        let worker = self.workers.get(&id)?;
        let found = self.classes.get(class)?;
        let run = found.head?.run;
        let chunk = if found.contested() { MAX_CONTESTED_CHUNK } else { MAX_CHUNK };
        let mut tests = found.front().map(|index| TestId { run, index }).take(chunk);
        let mut epoch = self.epoch.0;
        let mut grants = Vec::new();
        let mut lease = |test: TestId, seat: Option<Epoch>, devices: Vec<u16>| {
            epoch += 1;
            let number = self.find(test).map_or(1, |found| found.attempts + 1);
            let lease = LeaseId { attempt: test.attempt(number), epoch: Epoch(epoch) };
            grants.push(Grant { lease, seat: seat.unwrap_or(lease.epoch), devices });
        };
        if free {
            let need = &found.key.requirement;
            let mut rest: Free = worker.free.clone();
            while let Some(devices) = rest.place(need, &worker.capability) {
                let Some(test) = tests.next() else { break };
                rest.take(need, &devices);
                lease(test, None, devices);
            }
        } else {
            let room = self.room_ahead(worker, class);
            let tests = tests.take_while(|test| self.may_be_lost(*test));
            for (seat, test) in spread(worker, class, room).into_iter().zip(tests) {
                lease(test, Some(seat), Vec::new());
            }
        }
        (!grants.is_empty()).then_some(Fact::LeasesGranted { worker: id, grants, at: now })
    }

    pub(super) fn apply_granted(
        &mut self,
        id: WorkerId,
        grants: &[Grant],
        at: Timestamp,
    ) -> Result<(), FactError> {
        for grant in grants {
            self.epoch = self.epoch.max(grant.lease.epoch);
            self.apply_grant(id, grant, at)?;
        }
        self.charge(grants);
        if let Some(worker) = self.workers.get(&id)
            && worker.asking
        {
            self.hints.idle.remove(&id);
            self.hints.hungry.insert(id);
        }
        Ok(())
    }

    fn apply_grant(&mut self, id: WorkerId, grant: &Grant, at: Timestamp) -> Result<(), FactError> {
        let test = grant.lease.attempt.test;
        let unknown = || FactError::UnknownTest(test);
        let run = self.runs.get_mut(&test.run).ok_or_else(unknown)?;
        let granted = run.tests.get(test.index as usize).ok_or_else(unknown)?;
        let State::Waiting { class, .. } = granted.state else {
            return Err(FactError::NotWaiting(test));
        };
        self.classes.dequeue(class, run.place(test));
        let queue = self.classes.get_mut(class).ok_or(FactError::NotWaiting(test))?;
        queue.passed_over = None;
        queue.hold = None;
        let (requirement, weights) = (Arc::clone(&queue.key.requirement), queue.weights);
        let worker = self.workers.get_mut(&id).ok_or(FactError::UnknownWorker(id))?;
        let entry = (test, grant.lease.epoch);
        if let Some(seat) = worker.seats.get_mut(&grant.seat) {
            seat.queue.push_back(entry);
            worker.ahead += 1;
        } else {
            worker.free.take(&requirement, &grant.devices);
            worker.weights.take(weights, &mut self.weights);
            queue.seats += 1;
            let devices = grant.devices.clone();
            let queue = VecDeque::from([entry]);
            let due = earliest_deadline(at);
            worker.due = worker.due.min(due);
            let seat =
                Seat { class, devices, ended: false, queue, since: at, due, is_due_exact: false };
            worker.seats.insert(grant.seat, seat);
            worker.by_class.entry(class).or_default().insert(grant.seat);
        }
        worker.notices.insert(grant.lease.epoch, Note::Granted(test));
        let state = State::Leased {
            worker: id,
            epoch: grant.lease.epoch,
            seat: grant.seat,
            stop: false,
            recall: false,
        };
        run.set_state(test.index, state);
        if let Some(test) = run.tests.get_mut(test.index as usize) {
            test.attempts = grant.lease.attempt.number;
        }
        Ok(())
    }

    /// Charges the run for the granted time. One fact grants tests of one run only.
    fn charge(&mut self, grants: &[Grant]) {
        let Some(first) = grants.first() else { return };
        let run = first.lease.attempt.test.run;
        let mean = self.mean_of(first);
        let cost = grants.iter().map(|grant| {
            let spec = self.find(grant.lease.attempt.test).map(|test| &test.spec);
            spec.and_then(|spec| spec.expected_ms).unwrap_or(mean).0.max(1)
        });
        let cost = cost.fold(0u64, u64::saturating_add);
        self.classes.charge(run, cost);
    }

    fn mean_of(&self, grant: &Grant) -> Millis {
        let seat = match self.find(grant.lease.attempt.test).map(|test| test.state) {
            Some(State::Leased { worker, seat, .. }) => {
                self.workers.get(&worker).and_then(|worker| worker.seats.get(&seat))
            }
            _ => None,
        };
        seat.and_then(|seat| self.classes.get(seat.class)?.mean()).unwrap_or(UNKNOWN_COST)
    }

    /// Recalls the leases ahead on a worker that are less urgent than `head`.
    fn recall_lower(&self, now: Timestamp, id: WorkerId, head: Head) -> Option<Fact> {
        let worker = self.workers.get(&id)?;
        if worker.ahead == 0 {
            return None;
        }
        let mut epoch = self.epoch.0;
        let mut notices = Vec::new();
        for lease in worker.seats.values().flat_map(|seat| seat.queue.iter().skip(1)) {
            let lower = |test: &super::state::Test| test.spec.priority < head.priority.0;
            if self.find(lease.0).is_some_and(lower) {
                notices.extend(self.recall_notice(id, *lease, &mut epoch));
            }
        }
        (!notices.is_empty()).then_some(Fact::LeasesRecalled { worker: id, notices, at: now })
    }

    /// Recalls leases ahead from one busy worker for a more urgent class.
    fn recall_for(&self, now: Timestamp, id: ClassId) -> Option<Fact> {
        let class = self.classes.get(id)?;
        let head = class.head?;
        self.active_for(class).find_map(|worker| self.recall_lower(now, worker, head))
    }

    /// Recalls leases ahead that wait behind a test which takes longer than expected.
    pub(super) fn recall_stuck(&self, now: Timestamp, facts: &mut Vec<Fact>) {
        let mut epoch = self.epoch.0;
        // The leases of a silent worker are released in the same tick.
        let heard = |worker: &Worker| now.since(worker.last_seen) <= LEASE_TIMEOUT;
        let ahead = self.workers.iter().filter(|(_, worker)| worker.ahead > 0 && heard(worker));
        for (id, worker) in ahead {
            let stuck = |seat: &&Seat| now.since(seat.since) > AHEAD_STALE;
            let mut notices = Vec::new();
            // The leases of an overdue seat are released in the same tick.
            let stuck = |seat: &&Seat| stuck(seat) && !seat.is_overdue(worker);
            for seat in worker.seats.values().filter(stuck) {
                for lease in seat.queue.iter().skip(1) {
                    notices.extend(self.recall_notice(*id, *lease, &mut epoch));
                }
            }
            if !notices.is_empty() {
                facts.push(Fact::LeasesRecalled { worker: *id, notices, at: now });
            }
        }
    }
}

/// Chooses seats for `count` leases ahead, the shortest queue first.
fn spread(worker: &Worker, class: ClassId, count: usize) -> Vec<Epoch> {
    let mut seats: std::collections::BinaryHeap<_> = worker
        .seats_of(class)
        .map(|(number, seat)| std::cmp::Reverse((seat.queue.len(), number)))
        .collect();
    let mut chosen = Vec::with_capacity(count);
    while chosen.len() < count {
        let Some(std::cmp::Reverse((length, number))) = seats.pop() else { break };
        chosen.push(number);
        seats.push(std::cmp::Reverse((length + 1, number)));
    }
    chosen
}
