//! Cancelling runs, and ending tests that have waited too long.

use super::classes::Place;
use super::command::{Answer, Step};
use super::deps::SkipsByRun;
use super::error::{FactError, Rejected};
use super::state::{Note, Run, Scheduler, State};
use crate::domain::access::Subject;
use crate::domain::fact::{Fact, Notice};
use crate::domain::id::{Epoch, RunId, TestId};
use crate::domain::outcome::Outcome;
use crate::domain::time::Timestamp;

impl Scheduler {
    pub(super) fn decide_cancel(
        &self,
        now: Timestamp,
        id: RunId,
        by: Subject,
    ) -> Result<Step, Rejected> {
        let run = self.runs.get(&id).ok_or(Rejected::UnknownRun(id))?;
        let stopping = run.tally.leased;
        if run.cancelled || run.finished_at.is_some() {
            let answer = Answer::Cancelled { run: id, ended: 0, stopping };
            return Ok(Step::answered(vec![], answer));
        }
        let mut epoch = self.epoch.0;
        let notices = (0u32..)
            .zip(&run.tests)
            .filter_map(|(index, test)| {
                let State::Leased { worker, epoch: held, .. } = test.state else { return None };
                epoch += 1;
                let lease = self.lease_in(TestId { run: id, index }, held)?;
                Some(Notice { lease, worker, epoch: Epoch(epoch) })
            })
            .collect();
        let ended = run.tally.blocked + run.tally.waiting;
        let facts = vec![Fact::RunCancelled { run: id, by, notices, at: now }];
        Ok(Step::answered(facts, Answer::Cancelled { run: id, ended, stopping }))
    }

    pub(super) fn apply_cancelled(
        &mut self,
        id: RunId,
        notices: &[Notice],
        at: Timestamp,
    ) -> Result<(), FactError> {
        let run = self.runs.get_mut(&id).ok_or(FactError::UnknownRun(id))?;
        run.cancelled = true;
        run.closed = true;
        let waiting: Vec<u32> = (0u32..)
            .zip(&run.tests)
            .filter(|(_, test)| matches!(test.state, State::Blocked | State::Waiting { .. }))
            .map(|(index, _)| index)
            .collect();
        for Notice { lease, worker, epoch } in notices.iter().copied() {
            self.epoch = self.epoch.max(epoch);
            if !self.holds(worker, lease) {
                return Err(FactError::NotHeld { lease, worker });
            }
            if let Some(test) = self.find_mut(lease.attempt.test)
                && let State::Leased { stop, .. } = &mut test.state
            {
                *stop = true;
            }
            if let Some(worker) = self.workers.get_mut(&worker) {
                worker.notices.insert(epoch, Note::Stop(lease));
            }
        }
        for index in waiting {
            self.finish(TestId { run: id, index }, Outcome::Cancelled, false, at)?;
        }
        self.close_if_over(id, at);
        Ok(())
    }

    /// Decides what the passing of time leads to: silent workers are lost, tests that waited too
    /// long expire, leases end at their deadlines, and leases behind a test that takes long are
    /// recalled. Apart from the facts, it changes hints only.
    #[must_use = "store the facts and apply them"]
    pub fn tick(&mut self, now: Timestamp) -> Vec<Fact> {
        let (mut facts, mut skips) = (Vec::new(), SkipsByRun::new(now));
        self.lose_silent(now, &mut skips, &mut facts);
        self.end_overdue(now, &mut skips, &mut facts);
        self.expire(now, &mut skips, &mut facts);
        facts.extend(skips.into_facts());
        self.recall_stuck(now, &mut facts);
        self.forget_gone(now, &mut facts);
        facts
    }

    /// When tests that depend on each other are due together, each of them expires and none is
    /// skipped.
    fn expire(&self, now: Timestamp, skips: &mut SkipsByRun, facts: &mut Vec<Fact>) {
        let due = self.expiries.iter().take_while(|(due, _)| *due <= now).map(|(_, id)| *id);
        let waits = |id: &TestId| {
            let state = self.find(*id).map(|test| test.state);
            matches!(state, Some(State::Blocked | State::Waiting { .. }))
        };
        let due: Vec<TestId> =
            due.filter(waits).filter(|id| skips.of(id.run).leave_out(id.index)).collect();
        for id in due {
            facts.push(Fact::TestExpired { test: id, at: now });
            self.skip_dependants(id, Outcome::Expired, skips.of(id.run));
        }
    }

    pub(super) fn apply_expired(&mut self, id: TestId, at: Timestamp) -> Result<(), FactError> {
        self.finish(id, Outcome::Expired, false, at)
    }
}

impl Run {
    /// The place of a test of this run in the queue of its class.
    pub(super) fn place(&self, id: TestId) -> Place {
        let spec = &self.tests[id.index as usize].spec;
        Place {
            priority: spec.priority,
            run: id.run,
            expected: spec.expected_ms.unwrap_or_default(),
            index: id.index,
        }
    }
}
