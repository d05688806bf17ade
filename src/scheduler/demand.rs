//! The demand for workers: which requirements wait, how many tests of each, and for how long.
//!
//! For a scaler of workers; only tests call it yet. The cost is proportional to the number of waiting
//! tests and of all tests in runs with blocked ones; nothing is kept for it between calls.

use super::state::{Run, Scheduler, State, Test};
use super::status::Demand;
use crate::domain::priority::Priority;
use crate::domain::requirement::Requirement;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

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
        for test in self.tests_in_demand() {
            let (need, priority) = (&test.spec.requirement, test.spec.priority);
            demands.entry(need).or_insert_with(|| Demand::new(need, priority)).add(test);
        }
        let mut demands: Vec<Demand> = demands.into_values().collect();
        demands.sort_by_key(|demand| {
            (demand.oldest.is_none(), Reverse(demand.priority), demand.oldest)
        });
        demands
    }

    /// Waiting and soon ready tests.
    fn tests_in_demand(&self) -> impl Iterator<Item = &Test> {
        let waiting = self.classes.iter().flat_map(|(_, class)| class.tests());
        let waiting = waiting.filter_map(|test| self.find(test));
        let open = self.runs.values().filter(|run| run.tally.blocked > 0);
        waiting.chain(open.flat_map(Run::soon_ready))
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
