//! Workers: registration, signs of life, draining, leaving.

use super::amounts::Free;
use super::classes::IdSet;
use super::command::{Answer, Delivery, Identity, Signal, Step};
use super::deadline::{LEASE_TIMEOUT, NEVER};
use super::deps::SkipsByRun;
use super::error::{FactError, Rejected};
use super::report::Kept;
use super::state::{Accepted, Change, Group, Note, Scheduler, State, Worker};
use super::status::Availability;
use super::weights::table::{WeightsTable, WorkerWeights};
use crate::domain::access::Subject;
use crate::domain::capability::{Capability, MAX_NAME_BYTES};
use crate::domain::fact::{Fact, Notice};
use crate::domain::id::{Epoch, LeaseId, TestId, WorkerId};
use crate::domain::name;
use crate::domain::time::{Millis, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use uuid::Uuid;

mod change;

/// Maximum number of notices in one delivery; the rest follows in the next one.
const MAX_DELIVERY: usize = 2_048;
/// Maximum number of workers that are remembered, including those that have left.
const MAX_WORKERS: usize = 100_000;
/// Time for which a worker that has left stays in the list.
const KEEP_WORKERS: Millis = Millis::from_secs(7 * 24 * 3600);

impl Worker {
    pub(super) fn new(identity: Identity, capability: &Arc<Capability>, at: Timestamp) -> Self {
        Self {
            identity,
            name: "".into(),
            capability: Arc::clone(capability),
            group: 0,
            availability: Availability::Active,
            registered_at: at,
            last_seen: at,
            asking: false,
            is_held: false,
            received: Epoch(0),
            sent: Epoch(0),
            change: None,
            calibrations: VecDeque::new(),
            free: Free::all_of(capability),
            seats: BTreeMap::new(),
            due: NEVER,
            by_class: BTreeMap::new(),
            ahead: 0,
            notices: BTreeMap::new(),
            accepted: Accepted::default(),
            weights: WorkerWeights::default(),
        }
    }

    /// Whether signs of life are expected.
    pub(super) fn present(&self) -> bool {
        matches!(self.availability, Availability::Active | Availability::Draining)
    }

    /// Whether a process in this place proves that the known process has ended.
    fn has_ended(&self, place: &str) -> bool {
        !place.is_empty() && *self.identity.place == *place
    }

    /// Marks the seats of an ended process: its leases are results for the new process. They need
    /// no amounts, of which the new process may have fewer, and nothing is granted behind them.
    fn end_seats(&mut self, capability: &Capability, table: &mut WeightsTable) {
        self.free = Free::all_of(capability);
        self.weights.end_seats(table);
        self.weights.report(None, table);
        for seat in self.seats.values_mut() {
            seat.ended = true;
        }
    }
}

impl Scheduler {
    pub(super) fn decide_register(
        &self,
        now: Timestamp,
        identity: Identity,
        name: Box<str>,
        capability: Arc<Capability>,
        holding: &[LeaseId],
    ) -> Result<Step, Rejected> {
        let Identity { key, incarnation, place } = identity;
        capability.check().map_err(Rejected::Implausible)?;
        name::check(&name, MAX_NAME_BYTES)
            .map_err(|error| Rejected::BadName(format!("the name of the worker {error}")))?;
        let known = self.worker_keys.get(&key).copied();
        if known.is_none() && self.workers.len() >= MAX_WORKERS {
            let count = self.workers.len() as u64 + 1;
            let maximum = MAX_WORKERS as u64;
            return Err(Rejected::TooMany { what: "workers", count, maximum });
        }
        let worker = known.unwrap_or(WorkerId(self.next_worker));
        let old = self.workers.get(&worker);
        let same_process = old.is_some_and(|old| old.identity.incarnation == incarnation);
        if let Some(old) = old {
            let silent = now.since(old.last_seen);
            if !same_process && old.present() && silent <= LEASE_TIMEOUT && !old.has_ended(&place) {
                let name = old.name.clone();
                return Err(Rejected::IdentityInUse { worker, name, silent });
            }
        }
        let (mut kept, mut stale) =
            holding.iter().copied().partition::<Vec<_>, _>(|lease| self.holds(worker, *lease));
        let mut facts = Vec::new();
        if let Some(old) = old {
            // A process that does not know a lease will never report on it. Grants that
            // are still under way to the same process are not lost.
            let under_way = |epoch: Epoch| same_process && epoch > old.received;
            let known: HashSet<Epoch> = kept.iter().map(|lease| lease.epoch).collect();
            let stays = |epoch: Epoch| known.contains(&epoch) || under_way(epoch);
            // A process that changed while it was not registered.
            let unfit = if same_process && *old.capability != *capability {
                self.unfit(old, &capability, stays)
            } else {
                BTreeMap::new()
            };
            let unfit: HashSet<Epoch> = unfit
                .keys()
                .filter_map(|number| old.seats.get(number))
                .flat_map(|seat| seat.queue.iter().map(|(_, epoch)| *epoch))
                .collect();
            stale.extend(kept.extract_if(.., |lease| unfit.contains(&lease.epoch)));
            let gone = |epoch: Epoch| !stays(epoch) || unfit.contains(&epoch);
            let mut skips = SkipsByRun::new(now);
            let (kept, why) = if same_process {
                (Kept::Running, "the worker registered again without the test")
            } else {
                (Kept::Results, "the worker was started again")
            };
            self.release(now, (worker, old), kept, (gone, why), &mut skips, &mut facts);
            facts.extend(skips.into_facts());
        }
        facts.push(Fact::WorkerRegistered {
            worker,
            key,
            incarnation,
            place,
            name,
            capability,
            at: now,
        });
        let answer = Answer::Registered { worker, epoch: self.epoch, kept, stale };
        Ok(Step::answered(facts, answer))
    }

    pub(super) fn apply_registered(
        &mut self,
        id: WorkerId,
        identity: Identity,
        name: &str,
        capability: &Arc<Capability>,
        at: Timestamp,
    ) -> Result<(), FactError> {
        self.next_worker = self.next_worker.max(id.0 + 1);
        self.worker_keys.insert(identity.key, id);
        let same = |old: &Worker| old.identity.incarnation == identity.incarnation;
        if self.workers.get(&id).is_some_and(same) {
            self.adopt(id, capability)?;
        }
        let old = self.workers.remove(&id);
        if let Some(old) = &old {
            self.leave_group(id, old.group);
        }
        let group = self.join_group(id, capability);
        let incarnation = identity.incarnation;
        let same_process = old.as_ref().is_some_and(|old| old.identity.incarnation == incarnation);
        let draining = same_process
            && old.as_ref().is_some_and(|old| old.availability == Availability::Draining);
        if draining {
            self.leave_group(id, group);
        }
        let mut old = old.unwrap_or_else(|| Worker::new(identity.clone(), capability, at));
        old.heard(at);
        if *old.capability != **capability {
            old.change = Some(Change { before: Arc::clone(&old.capability), at });
        }
        if !same_process {
            old.end_seats(capability, &mut self.weights);
        }
        let worker = Worker {
            identity,
            name: name.into(),
            capability: Arc::clone(capability),
            group,
            availability: if draining { Availability::Draining } else { Availability::Active },
            registered_at: at,
            asking: false,
            is_held: false,
            received: if same_process { old.received } else { Epoch(0) },
            // The leases that a new process holds are results; it does not get them again.
            notices: if same_process { old.notices } else { BTreeMap::new() },
            ..old
        };
        self.workers.insert(id, worker);
        self.forget_hints(id);
        Ok(())
    }

    /// Forgets workers that left long ago, so that short-lived ones do not fill the table.
    pub(super) fn forget_gone(&self, now: Timestamp, facts: &mut Vec<Fact>) {
        let forgotten = |worker: &Worker| {
            matches!(worker.availability, Availability::Lost | Availability::Gone)
                && worker.seats.is_empty()
                && now.since(worker.last_seen) > KEEP_WORKERS
        };
        let workers = self.workers.iter().filter(|(_, worker)| forgotten(worker));
        facts.extend(workers.map(|(id, _)| Fact::WorkerForgotten { worker: *id, at: now }));
    }

    pub(super) fn apply_forgotten(&mut self, id: WorkerId) -> Result<(), FactError> {
        let mut worker = self.workers.remove(&id).ok_or(FactError::UnknownWorker(id))?;
        worker.weights.report(None, &mut self.weights);
        self.worker_keys.remove(&worker.identity.key);
        self.leave_group(id, worker.group);
        self.forget_hints(id);
        Ok(())
    }

    pub(super) fn forget_hints(&mut self, worker: WorkerId) {
        self.hints.hungry.remove(&worker);
        self.hints.idle.remove(&worker);
    }

    pub(super) fn leave_group(&mut self, worker: WorkerId, group: usize) {
        if let Some(group) = self.groups.get_mut(group) {
            group.members.remove(&worker);
        }
    }

    /// Adds the worker to the group of its shape. An empty group stays until another shape needs its
    /// place, so the number of groups is at most the number of shapes present at one time.
    pub(super) fn join_group(&mut self, worker: WorkerId, capability: &Capability) -> usize {
        let mut shape = capability.clone();
        for device in &mut shape.accelerators {
            device.uuid.clear();
        }
        let position = self.groups.iter().position(|group| group.shape == shape);
        let position = position.unwrap_or_else(|| {
            let unused = self.groups.iter().position(|group| group.members.is_empty());
            let classes = self.classes.iter();
            let classes: IdSet = classes
                .filter(|(_, class)| class.key.requirement.met_by(&shape).is_ok())
                .map(|(id, _)| id.0)
                .collect();
            let group = Group { shape, classes, members: BTreeSet::new() };
            let position = unused.unwrap_or(self.groups.len());
            if position < self.groups.len() {
                self.groups[position] = group;
            } else {
                self.groups.push(group);
            }
            position
        });
        self.groups[position].members.insert(worker);
        position
    }

    pub(super) fn check_incarnation(
        &self,
        id: WorkerId,
        incarnation: Uuid,
    ) -> Result<&Worker, Rejected> {
        let worker = self.workers.get(&id).ok_or(Rejected::UnknownWorker(id))?;
        if worker.identity.incarnation != incarnation {
            return Err(Rejected::OtherIncarnation(id));
        }
        Ok(worker)
    }

    /// A worker that was lost must register again, to learn which leases it has lost.
    pub(super) fn check_present(
        &self,
        id: WorkerId,
        incarnation: Uuid,
    ) -> Result<&Worker, Rejected> {
        let worker = self.check_incarnation(id, incarnation)?;
        if worker.present() { Ok(worker) } else { Err(Rejected::UnknownWorker(id)) }
    }

    pub(super) fn decide_heartbeat(
        &self,
        now: Timestamp,
        id: WorkerId,
        incarnation: Uuid,
        received: Epoch,
        holding: &[LeaseId],
    ) -> Result<Step, Rejected> {
        let worker = self.check_present(id, incarnation)?;
        let received = received.min(self.epoch);
        let signal = Signal::WorkerSeen { worker: id, received, at: now };
        let mut facts = Vec::new();
        let stale: Vec<LeaseId> =
            holding.iter().copied().filter(|lease| !self.holds(id, *lease)).collect();
        // A lease that was delivered and is neither held nor reported is lost.
        let held: HashSet<Epoch> = holding.iter().map(|lease| lease.epoch).collect();
        let gone = |epoch: Epoch| epoch <= received && !held.contains(&epoch);
        let mut skips = SkipsByRun::new(now);
        let gone = (gone, "the worker does not hold the test any more");
        self.release(now, (id, worker), Kept::Running, gone, &mut skips, &mut facts);
        facts.extend(skips.into_facts());
        let answer = Answer::Heartbeat { stale, weights: self.weights_revision(id) };
        Ok(Step { signal: Some(signal), facts, answer })
    }

    pub(super) fn decide_open_claim(
        &self,
        now: Timestamp,
        (id, incarnation): (WorkerId, Uuid),
        received: Epoch,
        takes_tests: bool,
    ) -> Result<Step, Rejected> {
        self.check_present(id, incarnation)?;
        let received = received.min(self.epoch);
        let signal = Signal::ClaimOpened { worker: id, received, takes_tests, at: now };
        Ok(Step { signal: Some(signal), ..Step::of(Vec::new()) })
    }

    pub(super) fn note_seen(&mut self, id: WorkerId, received: Epoch, at: Timestamp) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.heard(at);
        if received > worker.received {
            worker.received = received;
            worker.sent = worker.sent.max(received);
            worker.notices = worker.notices.split_off(&Epoch(received.0 + 1));
        }
    }

    pub(super) fn note_claim_opened(&mut self, id: WorkerId, takes_tests: bool) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.asking = takes_tests;
        worker.is_held = !takes_tests;
        if !takes_tests {
            // The claim may replace one that asked for tests.
            self.forget_hints(id);
        } else if worker.availability == Availability::Active {
            self.hints.hungry.insert(id);
        }
    }

    pub(super) fn note_claim_closed(&mut self, id: WorkerId, sent: Epoch) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.asking = false;
            worker.sent = worker.sent.max(sent);
        }
        self.forget_hints(id);
    }

    /// The notices that the worker has not confirmed; `None` when there are none.
    #[must_use]
    pub fn delivery(&self, id: WorkerId) -> Option<Delivery> {
        let worker = self.workers.get(&id)?;
        if worker.notices.is_empty() {
            return None;
        }
        let mut delivery = Delivery {
            received: worker.received,
            drain: worker.availability == Availability::Draining,
            ..Delivery::default()
        };
        for (epoch, note) in worker.notices.iter().take(MAX_DELIVERY) {
            delivery.received = *epoch;
            match *note {
                // A lease that ended before it was delivered is left out.
                Note::Granted(test) => delivery.leases.extend(self.granted_lease(worker, test)),
                Note::Stop(lease) => delivery.stop.push(lease),
                Note::Recall(lease) => delivery.recall.push(lease),
                Note::Drain => {}
                Note::Resume => delivery.resume = !delivery.drain,
            }
        }
        Some(delivery)
    }

    pub(super) fn decide_drain(
        &self,
        now: Timestamp,
        id: WorkerId,
        by: Subject,
    ) -> Result<Step, Rejected> {
        let worker = self.workers.get(&id).ok_or(Rejected::UnknownWorker(id))?;
        if worker.availability != Availability::Active {
            return Ok(Step::of(vec![]));
        }
        let mut epoch = self.epoch.0 + 1;
        let mut facts = vec![Fact::WorkerDraining { worker: id, epoch: Epoch(epoch), by, at: now }];
        let mut notices = Vec::new();
        for lease in worker.seats.values().flat_map(|seat| seat.queue.iter().skip(1)) {
            if let Some(notice) = self.recall_notice(id, *lease, &mut epoch) {
                notices.push(notice);
            }
        }
        if !notices.is_empty() {
            facts.push(Fact::LeasesRecalled { worker: id, notices, at: now });
        }
        Ok(Step::of(facts))
    }

    /// Lets a draining worker take tests again. A worker that wants to leave drains anew.
    pub(super) fn decide_resume(
        &self,
        now: Timestamp,
        id: WorkerId,
        by: Subject,
    ) -> Result<Step, Rejected> {
        let worker = self.workers.get(&id).ok_or(Rejected::UnknownWorker(id))?;
        match worker.availability {
            Availability::Active => Ok(Step::of(vec![])),
            Availability::Draining => {
                let epoch = Epoch(self.epoch.0 + 1);
                Ok(Step::of(vec![Fact::WorkerResumed { worker: id, epoch, by, at: now }]))
            }
            Availability::Lost | Availability::Gone => Err(Rejected::WorkerGone(id)),
        }
    }

    pub(super) fn apply_resumed(&mut self, id: WorkerId, epoch: Epoch) -> Result<(), FactError> {
        self.epoch = self.epoch.max(epoch);
        let worker = self.workers.get_mut(&id).ok_or(FactError::UnknownWorker(id))?;
        worker.availability = Availability::Active;
        worker.notices.insert(epoch, Note::Resume);
        let (capability, asking) = (Arc::clone(&worker.capability), worker.asking);
        let group = self.join_group(id, &capability);
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.group = group;
        }
        if asking {
            self.hints.hungry.insert(id);
        }
        Ok(())
    }

    /// The notice that recalls a lease; `None` when it was recalled or stopped before.
    pub(super) fn recall_notice(
        &self,
        worker: WorkerId,
        (test, lease): (TestId, Epoch),
        epoch: &mut u64,
    ) -> Option<Notice> {
        match self.find(test)?.state {
            State::Leased { recall: false, stop: false, .. } => {
                *epoch += 1;
                let lease = self.lease_in(test, lease)?;
                Some(Notice { lease, worker, epoch: Epoch(*epoch) })
            }
            _ => None,
        }
    }

    /// A lease that has ended since the recall was decided does not contradict it: older logs have
    /// recalls of leases that the same step released.
    pub(super) fn apply_recalled(
        &mut self,
        id: WorkerId,
        notices: &[Notice],
    ) -> Result<(), FactError> {
        for notice in notices {
            self.epoch = self.epoch.max(notice.epoch);
            if let Some(test) = self.find_mut(notice.lease.attempt.test)
                && let State::Leased { recall, .. } = &mut test.state
            {
                *recall = true;
            }
            let worker = self.workers.get_mut(&id).ok_or(FactError::UnknownWorker(id))?;
            worker.notices.insert(notice.epoch, Note::Recall(notice.lease));
        }
        Ok(())
    }

    pub(super) fn apply_draining(&mut self, id: WorkerId, epoch: Epoch) -> Result<(), FactError> {
        self.epoch = self.epoch.max(epoch);
        let worker = self.workers.get_mut(&id).ok_or(FactError::UnknownWorker(id))?;
        worker.availability = Availability::Draining;
        worker.notices.insert(epoch, Note::Drain);
        let group = worker.group;
        self.leave_group(id, group);
        self.forget_hints(id);
        Ok(())
    }

    pub(super) fn decide_leave(
        &self,
        now: Timestamp,
        id: WorkerId,
        incarnation: Uuid,
    ) -> Result<Step, Rejected> {
        let worker = self.check_incarnation(id, incarnation)?;
        let (mut facts, mut skips) = (Vec::new(), SkipsByRun::new(now));
        let all = (|_| true, "the worker stopped");
        self.release(now, (id, worker), Kept::Results, all, &mut skips, &mut facts);
        facts.extend(skips.into_facts());
        facts.push(Fact::WorkerLost { worker: id, at: now, clean: true });
        Ok(Step::of(facts))
    }

    /// Gives up the workers that were silent for longer than a lease lasts.
    pub(super) fn lose_silent(
        &self,
        now: Timestamp,
        skips: &mut SkipsByRun,
        facts: &mut Vec<Fact>,
    ) {
        for (id, worker) in &self.workers {
            if worker.present() && now.since(worker.last_seen) > LEASE_TIMEOUT {
                let silence = now.since(worker.last_seen).0 / 1000;
                let why = format!("the worker sent no heartbeat for {silence} s");
                let all = (|_| true, &*why);
                self.release(now, (*id, worker), Kept::Results, all, skips, facts);
                facts.push(Fact::WorkerLost { worker: *id, at: now, clean: false });
            }
        }
    }

    pub(super) fn apply_lost(
        &mut self,
        id: WorkerId,
        clean: bool,
        at: Timestamp,
    ) -> Result<(), FactError> {
        let worker = self.workers.get_mut(&id).ok_or(FactError::UnknownWorker(id))?;
        // Signs of life are not stored, so the time of the last one follows from this fact.
        let seen = if clean { at } else { Timestamp(at.0.saturating_sub(LEASE_TIMEOUT.0)) };
        worker.last_seen = worker.last_seen.max(seen);
        worker.availability = if clean { Availability::Gone } else { Availability::Lost };
        worker.asking = false;
        worker.notices.clear();
        // It registers before it takes tests again, and reports its weights then.
        worker.weights.report(None, &mut self.weights);
        let group = worker.group;
        self.leave_group(id, group);
        self.forget_hints(id);
        Ok(())
    }

    /// Gives every present worker a fresh lease time, after this process was stopped for a while
    /// and could not receive signs of life.
    pub fn resume(&mut self, now: Timestamp) {
        self.forgive(now);
    }

    /// Prepares the state after a restart: which notices were sent is not stored, so each worker may
    /// have received all of them.
    pub fn restarted(&mut self, now: Timestamp) {
        let epoch = self.epoch;
        self.workers.values_mut().for_each(|worker| worker.sent = epoch);
        self.resume(now);
        self.renew_deadlines(now);
    }
}
