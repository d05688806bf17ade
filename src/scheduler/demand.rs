//! The demand for workers: which requirements wait, how many tests of each, and for how long.
//!
//! For a scaler of workers and for `dtf why`. The cost is proportional to the number of waiting
//! and blocked tests; nothing is kept for it between calls.

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
        for test in self.tests_in_demand(|_| true) {
            let (need, priority) = (&test.spec.requirement, test.spec.priority);
            demands.entry(need).or_insert_with(|| Demand::new(need, priority)).add(test);
        }
        let mut demands: Vec<Demand> = demands.into_values().collect();
        demands.sort_by_key(|demand| {
            (demand.oldest.is_none(), Reverse(demand.priority), demand.oldest)
        });
        demands
    }

    /// The demand for one requirement; `None` when no test with it waits or is soon ready.
    #[must_use]
    pub fn demand_for(&self, need: &Requirement) -> Option<Demand> {
        let mut tests = self.tests_in_demand(move |other| other == need).peekable();
        let first = tests.peek()?;
        let mut demand = Demand::new(&first.spec.requirement, first.spec.priority);
        tests.for_each(|test| demand.add(test));
        Some(demand)
    }

    /// Waiting and soon ready tests with a requirement that `wanted` accepts.
    fn tests_in_demand<'a>(
        &'a self,
        wanted: impl Fn(&Requirement) -> bool + Copy + 'a,
    ) -> impl Iterator<Item = &'a Test> {
        let classes = self.classes.iter().filter(move |(_, class)| wanted(&class.key.requirement));
        let waiting = classes.flat_map(|(_, class)| class.tests());
        let waiting = waiting.filter_map(|test| self.find(test));
        let open = self.runs.values().filter(|run| run.tally.blocked > 0);
        let soon = open.flat_map(Run::soon_ready);
        waiting.chain(soon.filter(move |test| wanted(&test.spec.requirement)))
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
