//! The tables of the scheduler: runs with their tests, workers with their seats.

use super::added::table::Marks;
use super::amounts::Free;
use super::classes::{ClassId, Classes, IdSet, QueueClass};
use super::command::{Identity, Lease};
use super::status::Availability;
use super::weights::table::{WeightsTable, WorkerWeights};
use crate::domain::accelerator::Accelerator;
use crate::domain::access::Subject;
use crate::domain::added::template::AddedTemplate;
use crate::domain::capability::Capability;
use crate::domain::capability::calibration::Calibration;
use crate::domain::fact::Idempotency;
use crate::domain::id::{AttemptId, Epoch, LeaseId, RunId, TestId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::test::TestSpec;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use uuid::Uuid;

/// The whole state. Only `apply` changes it, apart from hints and notes of signals.
#[derive(Debug, Default)]
pub struct Scheduler {
    /// Last epoch used.
    pub(super) epoch: Epoch,
    pub(super) next_run: u32,
    pub(super) next_worker: u32,
    pub(super) runs: BTreeMap<RunId, Run>,
    /// By user and key.
    pub(super) submissions: HashMap<(Subject, Box<str>), RunId>,
    pub(super) workers: BTreeMap<WorkerId, Worker>,
    pub(super) worker_keys: HashMap<Uuid, WorkerId>,
    /// By path.
    pub(super) templates: BTreeMap<Box<str>, AddedTemplate>,
    pub(super) marks: Marks,
    pub(super) classes: Classes,
    pub(super) weights: WeightsTable,
    pub(super) groups: Vec<Group>,
    /// Tests that expire at a time if they still wait then.
    pub(super) expiries: BTreeSet<(Timestamp, TestId)>,
    pub(super) lost_leases: LostLeases,
    pub(super) hints: Hints,
}

/// Hints about what to serve next. They are derived, never stored, and safe to lose.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// Workers with an open claim that may have room.
    pub hungry: BTreeSet<WorkerId>,
    /// Workers with an open claim and a free slot for which nothing was found.
    pub idle: BTreeSet<WorkerId>,
    /// Classes that got a test while workers were idle.
    pub wanted: BTreeSet<ClassId>,
}

/// Workers that are equal to every requirement.
#[derive(Debug)]
pub(super) struct Group {
    /// Capability without the identifiers of single devices.
    pub shape: Capability,
    /// Classes whose requirement it meets, apart from the weights.
    pub classes: IdSet,
    pub members: BTreeSet<WorkerId>,
}

#[derive(Debug)]
pub(super) struct Run {
    pub name: Box<str>,
    pub user: Subject,
    pub idempotency: Option<Idempotency>,
    pub submitted_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// First index and time of each part.
    pub parts: Vec<(u32, Timestamp)>,
    /// No more tests follow.
    pub closed: bool,
    pub cancelled: bool,
    /// Tests that no present worker can run are skipped.
    pub closed_world: bool,
    /// Empty again when the run is finished: the results database has them.
    pub tests: Vec<Test>,
    /// Names of the tests so far, while more parts follow.
    pub names: HashSet<Named>,
    pub tally: Tally,
}

/// A test, in a set by its name.
#[derive(Debug)]
pub(super) struct Named(pub Arc<TestSpec>);

impl Borrow<str> for Named {
    fn borrow(&self) -> &str {
        &self.0.name
    }
}

impl Hash for Named {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Named {}

/// Number of tests of a run in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub total: u32,
    pub blocked: u32,
    pub waiting: u32,
    pub leased: u32,
    pub done: [u32; Outcome::ALL.len()],
    pub flaky: u32,
}

#[derive(Debug)]
pub(super) struct Test {
    pub spec: Arc<TestSpec>,
    pub state: State,
    /// Attempts so far, including the present one.
    pub attempts: u16,
    pub failed: u8,
    pub infrastructure: u8,
    /// Number of dependencies that have not ended.
    pub waiting_on: u32,
    pub dependants: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Blocked,
    Waiting { class: ClassId, since: Timestamp },
    Leased { worker: WorkerId, epoch: Epoch, seat: Epoch, stop: bool, recall: bool },
    Done { outcome: Outcome, flaky: bool },
}

#[derive(Debug)]
pub(super) struct Worker {
    pub identity: Identity,
    pub name: Box<str>,
    pub capability: Arc<Capability>,
    /// Position in `groups`.
    pub group: usize,
    pub availability: Availability,
    pub registered_at: Timestamp,
    pub last_seen: Timestamp,
    /// A claim is open.
    pub asking: bool,
    /// The last claim was for notices only: the worker takes no new tests until it is calibrated.
    pub is_held: bool,
    /// Epoch of the last notice that the worker has confirmed.
    pub received: Epoch,
    /// Epoch of the last notice that was sent, and that the worker may therefore have received.
    pub sent: Epoch,
    /// The last change of the capability, while this process ran.
    pub change: Option<Change>,
    /// The latest calibrations, oldest first, each with the time of its report.
    pub calibrations: VecDeque<(Timestamp, Arc<Calibration>)>,
    pub free: Free,
    /// By the number of the seat, which is the epoch of its first lease.
    pub seats: BTreeMap<Epoch, Seat>,
    /// No deadline of the seats is earlier.
    pub due: Timestamp,
    pub by_class: BTreeMap<ClassId, BTreeSet<Epoch>>,
    /// Leases behind the first one of their seats.
    pub ahead: u32,
    pub notices: BTreeMap<Epoch, Note>,
    pub accepted: Accepted,
    pub weights: WorkerWeights,
}

/// A change of the capability of a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Change {
    /// The capability before it.
    pub before: Arc<Capability>,
    pub at: Timestamp,
}

/// Epochs of the reports accepted last, by which a repeat is recognised.
#[derive(Default)]
pub(super) struct Accepted {
    known: HashSet<Epoch>,
    /// Oldest first.
    order: VecDeque<Epoch>,
}

/// The leases that ended without a report of their worker, by their epochs and with the worker. So a
/// late result of such a lease is stored once, and nothing is stored for a lease that never existed.
///
/// Limit: [`MAX_LOST`] leases. The oldest lease is forgotten first; its late result is then refused.
#[derive(Debug, Default)]
pub(super) struct LostLeases(BTreeMap<Epoch, (AttemptId, WorkerId)>);

/// Amounts held on a worker, and the leases that use them one after the other.
#[derive(Debug)]
pub(super) struct Seat {
    pub class: ClassId,
    pub devices: Vec<u16>,
    /// An earlier process ran these leases: only results are expected, and no amounts are held.
    pub ended: bool,
    pub queue: VecDeque<(TestId, Epoch)>,
    /// Time at which the first lease of the queue became the first.
    pub since: Timestamp,
    /// Deadline of the first lease, or a time before it, see `deadline`.
    pub due: Timestamp,
    /// The limit of the first lease was read, so that `due` is its deadline.
    pub is_due_exact: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    Granted(TestId),
    Stop(LeaseId),
    Recall(LeaseId),
    Drain,
    Resume,
}

/// Maximum number of accepted epochs kept per worker: more than one request can carry.
const MAX_ACCEPTED: usize = 2_048;

/// Maximum number of lost leases that are remembered, about 2 MB.
const MAX_LOST: usize = 65_536;

impl Test {
    pub fn done(&self) -> Option<Outcome> {
        match self.state {
            State::Done { outcome, .. } => Some(outcome),
            _ => None,
        }
    }
}

impl Accepted {
    pub fn contains(&self, epoch: Epoch) -> bool {
        self.known.contains(&epoch)
    }

    /// The oldest report is forgotten first, not the oldest lease: a long attempt is not forgotten
    /// early.
    pub fn insert(&mut self, epoch: Epoch) {
        if self.known.insert(epoch) {
            self.order.push_back(epoch);
        }
        if self.order.len() > MAX_ACCEPTED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// In the order of the reports, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Epoch> + '_ {
        self.order.iter().copied()
    }
}

impl LostLeases {
    pub fn insert(&mut self, lease: LeaseId, worker: WorkerId) {
        self.0.insert(lease.epoch, (lease.attempt, worker));
        if self.0.len() > MAX_LOST {
            self.0.pop_first();
        }
    }

    /// Whether a result of this worker for this lease may still arrive.
    pub fn contains(&self, lease: LeaseId, worker: WorkerId) -> bool {
        self.0.get(&lease.epoch) == Some(&(lease.attempt, worker))
    }

    pub fn remove(&mut self, lease: LeaseId) {
        self.0.remove(&lease.epoch);
    }

    /// The oldest lease first.
    pub fn iter(&self) -> impl Iterator<Item = (LeaseId, WorkerId)> + '_ {
        self.0.iter().map(|(epoch, (attempt, worker))| {
            (LeaseId { attempt: *attempt, epoch: *epoch }, *worker)
        })
    }
}

impl FromIterator<Epoch> for Accepted {
    fn from_iter<I: IntoIterator<Item = Epoch>>(epochs: I) -> Self {
        let mut accepted = Self::default();
        epochs.into_iter().for_each(|epoch| accepted.insert(epoch));
        accepted
    }
}

impl std::fmt::Debug for Accepted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.order.fmt(f)
    }
}

impl Worker {
    /// Seats that hold amounts for a class.
    pub fn seats_of(&self, class: ClassId) -> impl Iterator<Item = (Epoch, &Seat)> {
        let numbers = self.by_class.get(&class).into_iter().flatten();
        let seats = numbers.filter_map(|number| Some((*number, self.seats.get(number)?)));
        seats.filter(|(_, seat)| !seat.ended)
    }

    /// Removes an emptied seat and returns it.
    pub fn remove_seat(&mut self, number: Epoch) -> Option<Seat> {
        let seat = self.seats.remove(&number)?;
        if let Some(numbers) = self.by_class.get_mut(&seat.class) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.by_class.remove(&seat.class);
            }
        }
        Some(seat)
    }
}

impl Tally {
    fn slot(&mut self, state: &State) -> &mut u32 {
        match state {
            State::Blocked => &mut self.blocked,
            State::Waiting { .. } => &mut self.waiting,
            State::Leased { .. } => &mut self.leased,
            State::Done { outcome, .. } => &mut self.done[*outcome as usize],
        }
    }

    pub fn enter(&mut self, state: &State) {
        *self.slot(state) += 1;
        self.flaky += u32::from(matches!(state, State::Done { flaky: true, .. }));
    }

    pub fn leave(&mut self, state: &State) {
        *self.slot(state) -= 1;
    }
}

impl Run {
    pub fn set_state(&mut self, index: u32, state: State) {
        if let Some(test) = self.tests.get_mut(index as usize) {
            self.tally.leave(&test.state);
            self.tally.enter(&state);
            test.state = state;
        }
    }

    pub fn next_part(&self) -> u32 {
        u32::try_from(self.parts.len()).unwrap_or(u32::MAX)
    }

    /// Time at which the test expires if it still waits.
    pub fn expires_at(&self, index: u32) -> Option<Timestamp> {
        let after = self.tests.get(index as usize)?.spec.expire_after_ms?;
        let part = self.parts.partition_point(|(first, _)| *first <= index).checked_sub(1)?;
        Some(self.parts[part].1.after(after))
    }

    /// Whether no more tests follow and each has ended.
    pub fn over(&self) -> bool {
        let tally = &self.tally;
        self.closed && tally.blocked + tally.waiting + tally.leased == 0
    }
}

impl Scheduler {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn find(&self, test: TestId) -> Option<&Test> {
        self.runs.get(&test.run)?.tests.get(test.index as usize)
    }

    pub(super) fn find_mut(&mut self, test: TestId) -> Option<&mut Test> {
        self.runs.get_mut(&test.run)?.tests.get_mut(test.index as usize)
    }

    /// The live lease of a test.
    pub(super) fn lease_of(&self, id: TestId) -> Option<(WorkerId, LeaseId)> {
        let test = self.find(id)?;
        match test.state {
            State::Leased { worker, epoch, .. } => {
                Some((worker, LeaseId { attempt: id.attempt(test.attempts), epoch }))
            }
            _ => None,
        }
    }

    /// Whether the worker holds this lease, with this epoch.
    pub(super) fn holds(&self, worker: WorkerId, lease: LeaseId) -> bool {
        self.lease_of(lease.attempt.test) == Some((worker, lease))
    }

    pub(super) fn lease_in(&self, test: TestId, epoch: Epoch) -> Option<LeaseId> {
        let number = self.find(test)?.attempts;
        Some(LeaseId { attempt: AttemptId { test, number }, epoch })
    }

    /// Number of active workers that meet the class, apart from its weights.
    pub(super) fn takers(&self, class: ClassId) -> usize {
        let meets = |group: &&Group| group.classes.contains(class.0);
        let groups = self.groups.iter().filter(meets);
        match self.classes.get(class).and_then(|class| class.key.requirement.worker) {
            None => groups.map(|group| group.members.len()).sum(),
            Some(only) => groups.filter(|group| group.members.contains(&only)).count(),
        }
    }

    /// Active workers that meet the class and could have its weights.
    pub(super) fn active_for(&self, class: &QueueClass) -> impl Iterator<Item = WorkerId> + '_ {
        let (id, only, weights) = (class.id, class.key.requirement.worker, class.weights);
        let could_have = move |id: &WorkerId| {
            weights.is_none()
                || self.workers.get(id).is_some_and(|worker| worker.weights.could_have(weights))
        };
        self.groups
            .iter()
            .filter(move |group| group.classes.contains(id.0))
            .flat_map(|group| group.members.iter().copied())
            .filter(move |worker| only.is_none_or(|only| only == *worker))
            .filter(could_have)
    }

    /// The lease of a granted test, for a delivery.
    pub(super) fn granted_lease(&self, worker: &Worker, test: TestId) -> Option<Lease> {
        let found = self.find(test)?;
        let State::Leased { epoch, seat, .. } = found.state else { return None };
        let devices = worker.seats.get(&seat)?.devices.clone();
        let device = |position: &u16| worker.capability.accelerators.get(usize::from(*position));
        Some(Lease {
            lease: LeaseId { attempt: test.attempt(found.attempts), epoch },
            seat,
            device_ids: devices.iter().filter_map(device).map(Accelerator::id).collect(),
            devices,
            spec: Arc::clone(&found.spec),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_report_is_forgotten_first_whatever_the_age_of_its_lease() {
        let maximum = u64::try_from(MAX_ACCEPTED).expect("small");
        // The lease of epoch 1 ran on while all others ended.
        let reported = (2..maximum + 500).chain([1]).map(Epoch);
        let accepted: Accepted = reported.collect();
        assert_eq!(accepted.iter().count(), MAX_ACCEPTED);
        assert!(accepted.contains(Epoch(1)));
        assert!(accepted.contains(Epoch(maximum + 499)));
        assert!(!accepted.contains(Epoch(2)), "the first report is forgotten first");
    }

    /// A run may have two million tests, so each byte counts.
    #[test]
    fn a_waiting_test_takes_few_bytes() {
        assert!(size_of::<Test>() <= 64, "{}", size_of::<Test>());
        assert!(size_of::<TestSpec>() <= 104, "{}", size_of::<TestSpec>());
        assert_eq!(size_of::<Named>(), size_of::<usize>());
    }

    #[test]
    fn the_oldest_lease_is_forgotten_first() {
        let lease = |epoch| {
            let attempt = TestId { run: RunId(1), index: 0 }.attempt(1);
            LeaseId { attempt, epoch: Epoch(epoch) }
        };
        let maximum = u64::try_from(MAX_LOST).expect("small");
        let mut lost = LostLeases::default();
        for epoch in 1..=maximum + 1 {
            lost.insert(lease(epoch), WorkerId(3));
        }
        assert_eq!(lost.iter().count(), MAX_LOST);
        assert!(!lost.contains(lease(1), WorkerId(3)));
        assert!(lost.contains(lease(2), WorkerId(3)));
        assert!(!lost.contains(lease(2), WorkerId(4)), "another worker");
    }
}
