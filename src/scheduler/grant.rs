//! Who gets what next.
//!
//! Workers with an open claim and room are served from the best class that they meet.
//! A test that is expected to be short is also granted ahead: it waits at the worker, in
//! the seat of a running test of the same class, and takes over its amounts. So nothing
//! is overcommitted, and a slot never idles for the length of a round trip. A test that may not
//! be tried again after its worker was lost is never granted ahead.

use super::Availability;
use super::amounts::Free;
use super::classes::{ClassId, Head};
use super::state::{Group, Scheduler, Seat, State, Worker};
use crate::domain::fact::{Fact, Grant};
use crate::domain::id::{Epoch, TestId, WorkerId};
use crate::domain::time::{Millis, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;

/// Tests of a class with a longer mean are never granted ahead.
const MAX_AHEAD_MEAN: Millis = Millis(2_000);
/// So much expected work is put into one seat ahead.
const AHEAD_WINDOW: Millis = Millis(200);
/// Most leases ahead in one seat, and on one worker.
const MAX_AHEAD_PER_SEAT: usize = 512;
const MAX_AHEAD_PER_WORKER: usize = 1_024;
/// A lease ahead that waits longer than this behind one test is taken back.
const AHEAD_STALE: Millis = Millis(5_000);
/// Most leases in one event, and when several runs compete.
const MAX_CHUNK: usize = 1_024;
const MAX_CONTESTED_CHUNK: usize = 16;
/// What a test is taken to cost when nothing is known.
const UNKNOWN_COST: Millis = Millis(1_000);
/// When the best test of a class has not fitted anywhere for so long, a worker is emptied for it.
const HOLD_AFTER: Millis = Millis(30_000);

/// What to do for one worker.
enum Choice {
    Grant(Fact),
    /// Ask for the leases ahead back: something more urgent waits.
    Recall(Fact),
    Nothing,
}

impl Scheduler {
    /// The next grant or recall, while any worker with an open claim suits any waiting test.
    /// Apply it, then ask again until there is none.
    ///
    /// Changes hints only.
    pub fn grant(&mut self, now: Timestamp) -> Option<Fact> {
        while let Some(id) = self.hints.hungry.first().copied() {
            match self.choose(now, id) {
                Choice::Grant(event) | Choice::Recall(event) => return Some(event),
                Choice::Nothing => {
                    self.hints.hungry.remove(&id);
                    if self.workers.get(&id).is_some_and(|worker| worker.free.slots > 0) {
                        self.hints.idle.insert(id);
                    }
                }
            }
        }
        while let Some(class) = self.hints.wanted.first().copied() {
            if let Some(worker) = self.idle_for(class) {
                self.hints.idle.remove(&worker);
                self.hints.hungry.insert(worker);
                match self.choose(now, worker) {
                    Choice::Grant(event) | Choice::Recall(event) => return Some(event),
                    Choice::Nothing => {
                        self.hints.hungry.remove(&worker);
                        self.hints.idle.insert(worker);
                        self.hints.wanted.remove(&class);
                    }
                }
            } else {
                self.hints.wanted.remove(&class);
                if let Some(event) = self.recall_for(now, class) {
                    return Some(event);
                }
            }
        }
        None
    }

    /// An idle worker with room for the class; the one with the fewest accelerators.
    fn idle_for(&self, id: ClassId) -> Option<WorkerId> {
        let class = self.classes.get(id)?;
        class.head?;
        let mut groups: Vec<&Group> =
            self.groups.iter().filter(|group| group.classes.contains(&id)).collect();
        groups.sort_by_key(|group| group.shape.accelerators.len());
        let need = &class.key.requirement;
        groups.into_iter().find_map(|group| {
            // Walk the smaller set.
            let has_room = |worker: &&WorkerId| {
                self.workers.get(worker).is_some_and(|found| {
                    found.free.place(need, &found.capability).is_some()
                        && self.may_take(**worker, id)
                })
            };
            if group.members.len() < self.hints.idle.len() {
                let idle = |worker: &&WorkerId| self.hints.idle.contains(worker);
                group.members.iter().filter(idle).find(has_room).copied()
            } else {
                let member = |worker: &&WorkerId| group.members.contains(worker);
                self.hints.idle.iter().filter(member).find(has_room).copied()
            }
        })
    }

    /// Not where the infrastructure just failed, as long as another worker could do it.
    fn may_take(&self, worker: WorkerId, id: ClassId) -> bool {
        let avoid = self.classes.get(id).and_then(|class| class.key.avoid);
        avoid != Some(worker) || !self.active_for(id).any(|other| other != worker)
    }

    fn choose(&mut self, now: Timestamp, id: WorkerId) -> Choice {
        let Some(worker) = self.workers.get(&id) else { return Choice::Nothing };
        if !worker.asking || worker.availability != Availability::Active {
            return Choice::Nothing;
        }
        let Some(group) = self.groups.get(worker.group) else { return Choice::Nothing };
        let mut best: Option<(Head, ClassId, bool)> = None;
        let mut passed_over: Option<(Head, ClassId)> = None;
        for class_id in &group.classes {
            let Some(class) = self.classes.get(*class_id) else { continue };
            let Some(head) = class.head else { continue };
            if best.is_some_and(|(found, ..)| found <= head) {
                continue;
            }
            if !self.may_take(id, *class_id) {
                continue;
            }
            let need = &class.key.requirement;
            if worker.free.place(need, &worker.capability).is_some() {
                best = Some((head, *class_id, true));
            } else if self.may_wait(*class_id) && self.room_ahead(worker, *class_id) > 0 {
                best = Some((head, *class_id, false));
            } else if passed_over.is_none_or(|(found, _)| head < found) {
                passed_over = Some((head, *class_id));
            }
        }
        let passed_over = passed_over.filter(|(head, _)| best.is_none_or(|(b, ..)| *head < b));
        if let Some((head, class)) = passed_over {
            if let Some(event) = self.recall_lower(now, id, head) {
                return Choice::Recall(event);
            }
            if self.held_back(now, id, class) {
                return Choice::Nothing;
            }
            // More of a less urgent class ahead would keep the amounts from the urgent one.
            let urgent = |(b, _, free): &(Head, ClassId, bool)| !free && head.priority < b.priority;
            if best.as_ref().is_some_and(urgent) {
                return Choice::Nothing;
            }
        }
        match best {
            Some((_, class, free)) => {
                self.grant_from(now, id, class, free).map_or(Choice::Nothing, Choice::Grant)
            }
            None => Choice::Nothing,
        }
    }

    /// Whether the worker is being emptied for the best test of a class, which has not
    /// found room anywhere for long.
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

    /// Whether it would be tried again after its worker was lost. When a worker is lost, nobody
    /// can tell whether a lease ahead has started; so a test that may run once waits here.
    fn may_be_lost(&self, test: TestId) -> bool {
        self.find(test).is_some_and(|test| test.infrastructure < test.spec.retries.infrastructure)
    }

    /// How many more leases of a class the worker may hold ahead.
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
        // Never more than leaves as much for every other worker that could do it.
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
            let lease =
                crate::domain::id::LeaseId { attempt: test.attempt(number), epoch: Epoch(epoch) };
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

    pub(super) fn apply_granted(&mut self, id: WorkerId, grants: &[Grant], at: Timestamp) {
        for grant in grants {
            self.epoch = self.epoch.max(grant.lease.epoch);
            self.apply_grant(id, grant, at);
        }
        self.charge(grants);
        if let Some(worker) = self.workers.get(&id)
            && worker.asking
        {
            self.hints.idle.remove(&id);
            self.hints.hungry.insert(id);
        }
    }

    fn apply_grant(&mut self, id: WorkerId, grant: &Grant, at: Timestamp) -> Option<()> {
        let test = grant.lease.attempt.test;
        let State::Waiting { class, .. } = self.find(test)?.state else { return None };
        let run = self.runs.get(&test.run)?;
        self.classes.dequeue(class, run.place(test));
        if let Some(class) = self.classes.get_mut(class) {
            class.passed_over = None;
            class.hold = None;
        }
        let requirement = Arc::clone(&self.classes.get(class)?.key.requirement);
        let worker = self.workers.get_mut(&id)?;
        let entry = (test, grant.lease.epoch);
        if let Some(seat) = worker.seats.get_mut(&grant.seat) {
            seat.queue.push_back(entry);
            worker.ahead += 1;
        } else {
            worker.free.take(&requirement, &grant.devices);
            let devices = grant.devices.clone();
            let queue = VecDeque::from([entry]);
            let seat = Seat { class, devices, ended: false, queue, since: at };
            worker.seats.insert(grant.seat, seat);
            worker.by_class.entry(class).or_default().insert(grant.seat);
        }
        Self::note_grant(worker, grant);
        let state = State::Leased {
            worker: id,
            epoch: grant.lease.epoch,
            seat: grant.seat,
            stop: false,
            recall: false,
        };
        let run = self.runs.get_mut(&test.run)?;
        run.set_state(test.index, state);
        run.tests.get_mut(test.index as usize)?.attempts = grant.lease.attempt.number;
        Some(())
    }

    /// One event grants tests of one run only.
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

    /// Leases ahead on a worker that are less urgent than `head`.
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

    /// Takes leases ahead back from one busy worker for a more urgent class.
    fn recall_for(&self, now: Timestamp, id: ClassId) -> Option<Fact> {
        let head = self.classes.get(id)?.head?;
        self.active_for(id).find_map(|worker| self.recall_lower(now, worker, head))
    }

    /// Leases ahead that are stuck behind a test that takes long after all.
    pub(super) fn recall_stuck(&self, now: Timestamp, events: &mut Vec<Fact>) {
        let mut epoch = self.epoch.0;
        for (id, worker) in self.workers.iter().filter(|(_, worker)| worker.ahead > 0) {
            let stuck = |seat: &&Seat| now.since(seat.since) > AHEAD_STALE;
            let mut notices = Vec::new();
            for seat in worker.seats.values().filter(stuck) {
                for lease in seat.queue.iter().skip(1) {
                    notices.extend(self.recall_notice(*id, *lease, &mut epoch));
                }
            }
            if !notices.is_empty() {
                events.push(Fact::LeasesRecalled { worker: *id, notices, at: now });
            }
        }
    }
}

/// Seats for `count` leases ahead, shortest queue first.
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
