//! The demand for workers: which requirements wait, how many tests of each, and for how long.
//!
//! For a scaler of workers and for `dtf why`. The cost is proportional to the number of waiting
//! and blocked tests; nothing is kept for it between calls.

use super::state::{Run, Scheduler, State, Test};
use crate::domain::priority::Priority;
use crate::domain::requirement::Requirement;
use crate::domain::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The tests with the same requirement that need a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    pub requirement: Arc<Requirement>,
    /// Tests that wait for a worker.
    pub waiting: u64,
    /// Blocked tests that become ready when tests that are running now end as expected.
    pub soon: u64,
    /// Time at which the test that has waited longest became ready; `None` when none waits.
    pub oldest: Option<Timestamp>,
    /// Highest priority among the waiting and the soon ready tests.
    pub priority: Priority,
}

impl Demand {
    fn new(requirement: &Arc<Requirement>, priority: Priority) -> Self {
        let requirement = Arc::clone(requirement);
        Self { requirement, waiting: 0, soon: 0, oldest: None, priority }
    }

    fn add(&mut self, test: &Test) {
        self.priority = self.priority.max(test.spec.priority);
        if let State::Waiting { since, .. } = test.state {
            self.waiting += 1;
            self.oldest = Some(self.oldest.map_or(since, |oldest| oldest.min(since)));
        } else {
            self.soon += 1;
        }
    }
}

impl Scheduler {
    /// The demand for each requirement of a waiting or soon ready test, the most urgent first: by
    /// priority, then by age. Requirements for which no test waits are last.
    #[must_use]
    pub fn demand(&self) -> Vec<Demand> {
        let mut demands: BTreeMap<&Arc<Requirement>, Demand> = BTreeMap::new();
        let waiting = self.classes.iter().flat_map(|(_, class)| class.tests());
        let waiting = waiting.filter_map(|test| self.find(test));
        let open = self.runs.values().filter(|run| run.tally.blocked > 0);
        let soon = open.flat_map(Run::soon_ready);
        for test in waiting.chain(soon) {
            let (need, priority) = (&test.spec.requirement, test.spec.priority);
            demands.entry(need).or_insert_with(|| Demand::new(need, priority)).add(test);
        }
        let mut demands: Vec<Demand> = demands.into_values().collect();
        demands.sort_by_key(|demand| {
            let oldest = demand.oldest;
            (oldest.is_none(), std::cmp::Reverse(demand.priority), oldest)
        });
        demands
    }
}

impl Run {
    /// Blocked tests whose dependencies have ended or are running.
    fn soon_ready(&self) -> impl Iterator<Item = &Test> {
        self.tests.iter().filter(|test| {
            test.state == State::Blocked
                && test.spec.depends_on.iter().all(|on| {
                    let dependency = self.tests.get(*on as usize).map(|test| test.state);
                    matches!(dependency, Some(State::Leased { .. } | State::Done { .. }))
                })
        })
    }
}
