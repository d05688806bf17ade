//! Dependencies between tests of a run: cycles are refused, and the end of a test releases or
//! skips its dependants.

use super::classes::ClassId;
use super::error::{FactError, Rejected};
use super::state::{Scheduler, State};
use crate::domain::fact::Fact;
use crate::domain::id::{RunId, TestId};
use crate::domain::outcome::Outcome;
use crate::domain::test::{OnFailure, SkipCause, TestSpec};
use crate::domain::time::Timestamp;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Maximum number of names shown of a cycle.
const MAX_SHOWN: usize = 20;

/// Whether a dependant is skipped when its dependency ends with this outcome.
pub(super) fn dooms(outcome: Outcome, on_failure: OnFailure) -> bool {
    outcome != Outcome::Passed && on_failure == OnFailure::Skip
}

/// The tests of a run that are going to be skipped, each once.
pub(super) struct Skips {
    now: Timestamp,
    run: RunId,
    order: Vec<(u32, SkipCause)>,
    known: HashSet<u32>,
}

impl Skips {
    pub fn new(now: Timestamp, run: RunId) -> Self {
        Self { now, run, order: Vec::new(), known: HashSet::new() }
    }

    pub fn has(&self, index: u32) -> bool {
        self.known.contains(&index)
    }

    /// Keeps a test that ends for another reason from being skipped as well. Returns false when it
    /// is to be skipped already.
    pub fn leave_out(&mut self, index: u32) -> bool {
        self.known.insert(index)
    }

    pub fn push(&mut self, index: u32, because: SkipCause) {
        if self.known.insert(index) {
            self.order.push((index, because));
        }
    }

    pub fn dependency(&mut self, index: u32, on: u32) {
        let test = TestId { run: self.run, index: on };
        self.push(index, SkipCause::Dependency(test));
    }

    pub fn into_facts(self) -> impl Iterator<Item = Fact> {
        let Self { now, run, order, .. } = self;
        order.into_iter().map(move |(index, because)| Fact::TestSkipped {
            test: TestId { run, index },
            because,
            at: now,
        })
    }
}

/// The skips of several runs, in order of the runs. All tests that end in one step share it, since
/// a test may depend on several of them and is skipped once.
pub(super) struct SkipsByRun {
    now: Timestamp,
    runs: BTreeMap<RunId, Skips>,
}

impl SkipsByRun {
    pub fn new(now: Timestamp) -> Self {
        Self { now, runs: BTreeMap::new() }
    }

    pub fn of(&mut self, run: RunId) -> &mut Skips {
        self.runs.entry(run).or_insert_with(|| Skips::new(self.now, run))
    }

    pub fn into_facts(self) -> impl Iterator<Item = Fact> {
        self.runs.into_values().flat_map(Skips::into_facts)
    }
}

impl Scheduler {
    /// Collects the tests that are skipped, directly or in turn, when a test ends without passing.
    pub(super) fn skip_dependants(&self, ended: TestId, outcome: Outcome, skips: &mut Skips) {
        let mut doomed = vec![(ended.index, outcome)];
        let Some(run) = self.runs.get(&ended.run) else { return };
        while let Some((index, outcome)) = doomed.pop() {
            let Some(test) = run.tests.get(index as usize) else { continue };
            for dependant in &test.dependants {
                let Some(found) = run.tests.get(*dependant as usize) else { continue };
                let waits = found.state == State::Blocked && !skips.has(*dependant);
                if waits && dooms(outcome, found.spec.on_failure) {
                    skips.dependency(*dependant, index);
                    doomed.push((*dependant, Outcome::Skipped));
                }
            }
        }
    }

    pub(super) fn apply_skipped(&mut self, test: TestId, at: Timestamp) -> Result<(), FactError> {
        self.finish(test, Outcome::Skipped, false, at)
    }

    /// Ends a test and releases the tests that waited for it.
    pub(super) fn finish(
        &mut self,
        id: TestId,
        outcome: Outcome,
        flaky: bool,
        at: Timestamp,
    ) -> Result<(), FactError> {
        self.unqueue(id);
        let run = self.runs.get_mut(&id.run).ok_or(FactError::UnknownTest(id))?;
        let test = run.tests.get(id.index as usize).ok_or(FactError::UnknownTest(id))?;
        if test.done().is_some() {
            return Err(FactError::TestEnded(id));
        }
        run.set_state(id.index, State::Done { outcome, flaky });
        if let Some(due) = run.expires_at(id.index) {
            self.expiries.remove(&(due, id));
        }
        let dependants = std::mem::take(&mut run.tests[id.index as usize].dependants);
        let mut ready = Vec::new();
        for index in dependants {
            let Some(test) = run.tests.get_mut(index as usize) else { continue };
            if test.state != State::Blocked || dooms(outcome, test.spec.on_failure) {
                continue;
            }
            test.waiting_on = test.waiting_on.saturating_sub(1);
            if test.waiting_on == 0 && !run.cancelled {
                ready.push(index);
            }
        }
        for index in ready {
            self.make_ready(TestId { run: id.run, index }, None, at, &mut None)?;
        }
        self.close_if_over(id.run, at);
        Ok(())
    }

    /// Takes a waiting test out of its queue.
    pub(super) fn unqueue(&mut self, id: TestId) {
        let Some(test) = self.find(id) else { return };
        let State::Waiting { class, .. } = test.state else { return };
        let Some(run) = self.runs.get(&id.run) else { return };
        let place = run.place(id);
        self.classes.dequeue(class, place);
        self.forget_if_unused(class);
    }

    /// Removes a class in which no test waits or runs, if it avoids a worker or if there are very
    /// many classes.
    pub(super) fn forget_if_unused(&mut self, class: ClassId) {
        if self.classes.disposable(class) {
            if let Some(weights) = self.classes.forget(class) {
                self.weights.unname(weights.id);
            }
            self.hints.wanted.remove(&class);
            for group in &mut self.groups {
                group.classes.remove(class.0);
            }
        }
    }

    pub(super) fn close_if_over(&mut self, id: RunId, at: Timestamp) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        if run.over() && run.finished_at.is_none() {
            run.finished_at = Some(at);
            run.tests = Vec::new();
            self.classes.forget_run(id);
        }
    }
}

/// Refuses cycles, by Kahn's algorithm over the tests of one part. Edges to earlier parts cannot
/// close a cycle.
pub(super) fn check_acyclic(first: u32, tests: &[Arc<TestSpec>]) -> Result<(), Rejected> {
    let inside = |on: u32| on.checked_sub(first).map(|on| on as usize);
    if tests.iter().all(|test| test.depends_on.is_empty()) {
        return Ok(());
    }
    let mut waiting_on = vec![0u32; tests.len()];
    let mut dependants: Vec<Vec<usize>> = vec![Vec::new(); tests.len()];
    for (index, test) in tests.iter().enumerate() {
        for on in test.depends_on.iter().filter_map(|on| inside(*on)) {
            waiting_on[index] += 1;
            dependants[on].push(index);
        }
    }
    let mut free: Vec<usize> = (0..tests.len()).filter(|index| waiting_on[*index] == 0).collect();
    let mut done = free.len();
    while let Some(index) = free.pop() {
        for dependant in std::mem::take(&mut dependants[index]) {
            waiting_on[dependant] -= 1;
            if waiting_on[dependant] == 0 {
                free.push(dependant);
                done += 1;
            }
        }
    }
    if done == tests.len() {
        return Ok(());
    }
    Err(Rejected::Cycle(find_cycle(first, tests, &waiting_on)))
}

/// Follows the dependencies among tests that never became free until one of them repeats.
fn find_cycle(first: u32, tests: &[Arc<TestSpec>], waiting_on: &[u32]) -> Vec<String> {
    let stuck = |on: &&u32| {
        on.checked_sub(first)
            .and_then(|on| waiting_on.get(on as usize))
            .is_some_and(|waiting| *waiting > 0)
    };
    let mut path: Vec<usize> = Vec::new();
    let mut seen = HashSet::new();
    let mut at = waiting_on.iter().position(|waiting| *waiting > 0).unwrap_or(0);
    while seen.insert(at) {
        path.push(at);
        match tests[at].depends_on.iter().find(stuck) {
            Some(on) => at = (*on - first) as usize,
            None => break,
        }
    }
    let start = path.iter().position(|index| *index == at).unwrap_or(0);
    let mut names: Vec<String> =
        path[start..].iter().map(|index| tests[*index].name.to_string()).collect();
    names.push(tests[at].name.to_string());
    if names.len() > MAX_SHOWN {
        let last = names.pop();
        names.truncate(MAX_SHOWN - 2);
        names.push("…".into());
        names.extend(last);
    }
    names
}
