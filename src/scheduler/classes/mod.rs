//! Waiting tests in queue classes: the tests of a class have the same requirement.
//!
//! A claim compares one head per class, never all tests. Order: priority, then fair share between
//! runs (virtual time, see [`Lane`]), then age of the run; within a run the longest expected test
//! first, then the order of submission.

mod id_set;

use crate::domain::id::{RunId, TestId, WorkerId};
use crate::domain::priority::Priority;
use crate::domain::requirement::Requirement;
use crate::domain::time::{Millis, Timestamp};
use crate::scheduler::weights::table::{ClassWeights, WeightsId};
pub(super) use id_set::IdSet;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ClassId(pub u32);

/// Number of classes beyond which empty ones are forgotten.
const MAX_EMPTY: usize = 4096;

/// The properties that the tests of a class share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ClassKey {
    pub requirement: Arc<Requirement>,
    /// The worker on which the infrastructure has just failed them.
    pub avoid: Option<WorkerId>,
}

/// The best waiting test of a class, in the terms by which classes are compared. Smaller is
/// better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Head {
    pub priority: Reverse<Priority>,
    pub pass: u64,
    pub run: RunId,
}

#[derive(Debug)]
pub(super) struct QueueClass {
    pub id: ClassId,
    pub key: ClassKey,
    /// The weights that the requirement names.
    pub weights: Option<ClassWeights>,
    pub head: Option<Head>,
    pub waiting: u64,
    /// Number of seats of the class.
    pub seats: u32,
    lanes: BTreeMap<Reverse<Priority>, Lane>,
    /// Exponential mean of durations, in eighths of a millisecond; `None` before the first one.
    mean_eighths: Option<u64>,
    /// A hint: time since which the best test has been passed over for lack of room.
    pub passed_over: Option<Timestamp>,
    /// A hint: the worker that is emptied for the best test.
    pub hold: Option<WorkerId>,
}

/// Waiting tests of one class and priority. Runs are ordered by `pass`: the expected time
/// that a run has been granted so far. The run with the least is served first, so that
/// each gets the same share of time (start-time fair queueing).
#[derive(Debug, Default)]
struct Lane {
    order: BTreeSet<(u64, RunId)>,
    queues: HashMap<RunId, Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    pass: u64,
    tests: BTreeSet<(Reverse<Millis>, u32)>,
}

/// The place of a waiting test within its class.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub priority: Priority,
    pub run: RunId,
    pub expected: Millis,
    pub index: u32,
}

impl QueueClass {
    fn new(id: ClassId, key: ClassKey) -> Self {
        Self {
            id,
            key,
            weights: None,
            head: None,
            waiting: 0,
            seats: 0,
            lanes: BTreeMap::new(),
            mean_eighths: None,
            passed_over: None,
            hold: None,
        }
    }

    pub fn mean(&self) -> Option<Millis> {
        self.mean_eighths.map(|eighths| Millis(eighths / 8))
    }

    pub fn learn(&mut self, duration: Millis) {
        let sample = duration.0.min(u64::MAX / 64);
        let mean = self.mean_eighths.unwrap_or(sample * 8);
        self.mean_eighths = Some(mean - mean / 8 + sample);
    }

    /// Indices of the tests at the head, best first.
    pub fn front(&self) -> impl Iterator<Item = u32> + '_ {
        self.head
            .and_then(|head| self.lanes.get(&head.priority)?.queues.get(&head.run))
            .into_iter()
            .flat_map(|queue| queue.tests.iter().map(|(_, index)| *index))
    }

    /// Whether tests of more than one run wait at the best priority.
    pub fn contested(&self) -> bool {
        self.head
            .and_then(|head| self.lanes.get(&head.priority))
            .is_some_and(|lane| lane.order.len() > 1)
    }

    /// Number of waiting tests of one run.
    pub fn waiting_of(&self, run: RunId) -> usize {
        self.lanes.values().filter_map(|lane| lane.queues.get(&run)).map(|q| q.tests.len()).sum()
    }

    /// Number of tests that precede this one: of higher priority, or earlier in the same queue.
    pub fn before(&self, place: Place) -> u64 {
        let own = Reverse(place.priority);
        let better: usize = self
            .lanes
            .range(..own)
            .flat_map(|(_, lane)| lane.queues.values())
            .map(|queue| queue.tests.len())
            .sum();
        let same =
            self.lanes.get(&own).and_then(|lane| lane.queues.get(&place.run)).map_or(0, |queue| {
                queue.tests.range(..(Reverse(place.expected), place.index)).count()
            });
        (better + same) as u64
    }

    /// All waiting tests of the class, in no particular order.
    pub fn tests(&self) -> impl Iterator<Item = TestId> + '_ {
        let queues = self.lanes.values().flat_map(|lane| &lane.queues);
        queues.flat_map(|(run, queue)| {
            queue.tests.iter().map(|(_, index)| TestId { run: *run, index: *index })
        })
    }

    fn insert(&mut self, place: Place, pass: u64) {
        let lane = self.lanes.entry(Reverse(place.priority)).or_default();
        let queue = lane.queues.entry(place.run).or_insert_with(|| {
            lane.order.insert((pass, place.run));
            Queue { pass, tests: BTreeSet::new() }
        });
        if queue.tests.insert((Reverse(place.expected), place.index)) {
            self.waiting += 1;
        }
        self.refresh();
    }

    fn remove(&mut self, place: Place) {
        let Some(lane) = self.lanes.get_mut(&Reverse(place.priority)) else { return };
        let Some(queue) = lane.queues.get_mut(&place.run) else { return };
        if queue.tests.remove(&(Reverse(place.expected), place.index)) {
            self.waiting -= 1;
        }
        if queue.tests.is_empty() {
            lane.order.remove(&(queue.pass, place.run));
            lane.queues.remove(&place.run);
            if lane.queues.is_empty() {
                self.lanes.remove(&Reverse(place.priority));
            }
            self.refresh();
        }
        if self.waiting == 0 {
            self.passed_over = None;
            self.hold = None;
        }
    }

    fn publish(&mut self, priority: Priority, run: RunId, pass: u64) {
        let Some(lane) = self.lanes.get_mut(&Reverse(priority)) else { return };
        let Some(queue) = lane.queues.get_mut(&run) else { return };
        lane.order.remove(&(queue.pass, run));
        queue.pass = pass;
        lane.order.insert((pass, run));
        self.refresh();
    }

    fn refresh(&mut self) {
        self.head = self.lanes.first_key_value().and_then(|(priority, lane)| {
            let (pass, run) = *lane.order.first()?;
            Some(Head { priority: *priority, pass, run })
        });
    }

    fn has(&self, priority: Priority, run: RunId) -> bool {
        self.lanes.get(&Reverse(priority)).is_some_and(|lane| lane.queues.contains_key(&run))
    }
}

/// The part of a class that a claim compares, without a search for it in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ready {
    pub head: Head,
    pub weights: Option<WeightsId>,
}

/// All classes, and the share that each run has had.
#[derive(Debug, Default)]
pub(super) struct Classes {
    slots: Vec<Option<QueueClass>>,
    /// The heads of the classes in which tests wait, by the number of the class.
    ready: Vec<Option<Ready>>,
    /// The classes in which tests wait.
    waiting: IdSet,
    free: Vec<u32>,
    by_key: HashMap<ClassKey, ClassId>,
    shares: BTreeMap<RunId, Share>,
    /// Pass of the run that was served last, with which a new run starts.
    virtual_time: u64,
}

#[derive(Debug, Default)]
struct Share {
    pass: u64,
    /// Grants since the pass was last published to the lanes.
    unpublished: usize,
    lanes: BTreeSet<(ClassId, Priority)>,
}

impl Classes {
    pub fn get(&self, id: ClassId) -> Option<&QueueClass> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    pub fn get_mut(&mut self, id: ClassId) -> Option<&mut QueueClass> {
        self.slots.get_mut(id.0 as usize)?.as_mut()
    }

    pub fn iter(&self) -> impl Iterator<Item = (ClassId, &QueueClass)> {
        (0..).map(ClassId).zip(&self.slots).filter_map(|(id, class)| Some((id, class.as_ref()?)))
    }

    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Forgets since when tests have been passed over.
    pub fn forget_passed_over(&mut self) {
        self.slots.iter_mut().flatten().for_each(|class| class.passed_over = None);
    }

    /// The class of a key, and whether it is new.
    pub fn intern(&mut self, key: &ClassKey) -> (ClassId, bool) {
        if let Some(id) = self.by_key.get(key) {
            return (*id, false);
        }
        let id = self.free.pop().map(ClassId).unwrap_or_else(|| {
            self.slots.push(None);
            ClassId(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
        });
        self.slots[id.0 as usize] = Some(QueueClass::new(id, key.clone()));
        self.by_key.insert(key.clone(), id);
        (id, true)
    }

    /// Whether no test of a class waits or runs and it should be forgotten, because it avoids a worker
    /// or because there are very many classes.
    pub fn disposable(&self, id: ClassId) -> bool {
        self.get(id).is_some_and(|class| {
            let is_empty = class.waiting == 0 && class.seats == 0;
            is_empty && (class.key.avoid.is_some() || self.by_key.len() > MAX_EMPTY)
        })
    }

    /// The classes of a set in which tests wait, with their heads.
    pub fn ready_of<'a>(&'a self, set: &'a IdSet) -> impl Iterator<Item = (ClassId, Ready)> + 'a {
        let ready = |id: u32| Some((ClassId(id), self.ready.get(id as usize).copied()??));
        set.common(&self.waiting).filter_map(ready)
    }

    /// Copies the head of a class after a change to where claims compare it.
    fn note_head(&mut self, id: ClassId) {
        let Some(class) = self.get(id) else { return };
        let weights = class.weights.map(|weights| weights.id);
        let ready = class.head.map(|head| Ready { head, weights });
        if ready.is_some() {
            self.waiting.insert(id.0);
        } else {
            self.waiting.remove(id.0);
        }
        let at = id.0 as usize;
        if self.ready.len() <= at {
            self.ready.resize(at + 1, None);
        }
        self.ready[at] = ready;
    }

    /// Forgets an empty class. Returns the weights that it named.
    pub fn forget(&mut self, id: ClassId) -> Option<ClassWeights> {
        let class = self.slots.get_mut(id.0 as usize).and_then(Option::take)?;
        self.by_key.remove(&class.key);
        self.free.push(id.0);
        class.weights
    }

    pub fn enqueue(&mut self, id: ClassId, place: Place) {
        let virtual_time = self.virtual_time;
        let share = self
            .shares
            .entry(place.run)
            .or_insert_with(|| Share { pass: virtual_time, ..Share::default() });
        // A run without waiting tests does not save up its share.
        if share.lanes.is_empty() {
            share.pass = share.pass.max(virtual_time);
        }
        share.lanes.insert((id, place.priority));
        let pass = share.pass;
        if let Some(class) = self.get_mut(id) {
            class.insert(place, pass);
        }
        self.note_head(id);
    }

    pub fn dequeue(&mut self, id: ClassId, place: Place) {
        let Some(class) = self.get_mut(id) else { return };
        class.remove(place);
        if !class.has(place.priority, place.run)
            && let Some(share) = self.shares.get_mut(&place.run)
        {
            share.lanes.remove(&(id, place.priority));
        }
        self.note_head(id);
    }

    /// Charges a run for the expected milliseconds that it was granted.
    pub fn charge(&mut self, run: RunId, cost: u64) {
        let Some(share) = self.shares.get_mut(&run) else { return };
        self.virtual_time = self.virtual_time.max(share.pass);
        share.pass = share.pass.saturating_add(cost);
        share.unpublished += 1;
        // Publishing the pass costs as much as the run has lanes. A run with many lanes does it
        // less often, so that a grant costs the same for all runs.
        if share.unpublished * 8 < share.lanes.len() {
            return;
        }
        share.unpublished = 0;
        let pass = share.pass;
        for (id, priority) in share.lanes.clone() {
            if let Some(class) = self.get_mut(id) {
                class.publish(priority, run, pass);
            }
            self.note_head(id);
        }
    }

    pub fn forget_run(&mut self, run: RunId) {
        self.shares.remove(&run);
    }

    /// The share of each run, and the pass with which new runs start, for the snapshot.
    pub fn shares(&self) -> (u64, Vec<(RunId, u64)>) {
        (self.virtual_time, self.shares.iter().map(|(run, share)| (*run, share.pass)).collect())
    }

    pub fn restore_shares(&mut self, virtual_time: u64, shares: &[(RunId, u64)]) {
        self.virtual_time = virtual_time;
        for (run, pass) in shares {
            self.shares.insert(*run, Share { pass: *pass, ..Share::default() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(run: u32, index: u32, priority: i64, expected: u64) -> Place {
        Place {
            priority: Priority::try_from(priority).expect("in range"),
            run: RunId(run),
            expected: Millis(expected),
            index,
        }
    }

    fn one_class() -> (Classes, ClassId) {
        let mut classes = Classes::default();
        let (id, new) = classes.intern(&ClassKey { requirement: Arc::default(), avoid: None });
        assert!(new);
        (classes, id)
    }

    /// Takes the best test off the queue and charges its run.
    fn pop(classes: &mut Classes, id: ClassId, cost: u64) -> (u32, u32) {
        let class = classes.get(id).expect("the class");
        let head = class.head.expect("a head");
        let index = class.front().next().expect("a test");
        let expected = Millis(if head.run == RunId(9) { 5 } else { 0 });
        classes.dequeue(id, Place { priority: head.priority.0, run: head.run, expected, index });
        classes.charge(head.run, cost);
        (head.run.0, index)
    }

    #[test]
    fn priority_comes_first_then_age_of_the_run() {
        let (mut classes, id) = one_class();
        classes.enqueue(id, place(2, 0, 0, 0));
        classes.enqueue(id, place(1, 0, 0, 0));
        classes.enqueue(id, place(3, 0, 7, 0));
        let order: Vec<_> = (0..3).map(|_| pop(&mut classes, id, 0).0).collect();
        assert_eq!(order, [3, 1, 2]);
    }

    #[test]
    fn longest_expected_first_within_a_run() {
        let (mut classes, id) = one_class();
        for (index, expected) in [(0, 10), (1, 500), (2, 10)] {
            classes.enqueue(id, place(1, index, 0, expected));
        }
        let order: Vec<_> = classes.get(id).expect("the class").front().collect();
        assert_eq!(order, [1, 0, 2]);
    }

    #[test]
    fn runs_share_time_not_counts() {
        let (mut classes, id) = one_class();
        for index in 0..100 {
            classes.enqueue(id, place(1, index, 0, 0));
            classes.enqueue(id, place(2, index, 0, 0));
        }
        let (mut first, mut second) = (0, 0);
        for _ in 0..60 {
            let run = classes.get(id).and_then(|class| class.head).expect("a head").run;
            let cost = if run == RunId(1) { 50 } else { 10 };
            if pop(&mut classes, id, cost).0 == 1 { first += 1 } else { second += 1 }
        }
        assert_eq!((first, second), (10, 50));
    }

    #[test]
    fn a_late_run_neither_starves_nor_is_starved() {
        let (mut classes, id) = one_class();
        for index in 0..50 {
            classes.enqueue(id, place(1, index, 0, 0));
        }
        for _ in 0..20 {
            pop(&mut classes, id, 10);
        }
        for index in 0..10 {
            classes.enqueue(id, place(2, index, 0, 0));
        }
        let late = (0..10).filter(|_| pop(&mut classes, id, 10).0 == 2).count();
        assert!((4..=6).contains(&late), "{late} of 10 went to the late run");
    }

    #[test]
    fn a_class_learns_the_mean_duration() {
        let (mut classes, id) = one_class();
        let class = classes.get_mut(id).expect("the class");
        assert_eq!(class.mean(), None);
        class.learn(Millis(80));
        assert_eq!(class.mean(), Some(Millis(80)));
        for _ in 0..100 {
            class.learn(Millis(8));
        }
        assert!(class.mean().is_some_and(|mean| (8..=9).contains(&mean.0)));
    }
}
