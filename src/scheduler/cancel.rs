//! Cancelling runs, and giving up on tests that waited too long.

use super::state::{Note, Run, Scheduler, State};
use super::{Answer, Rejected, Step};
use crate::domain::access::Subject;
use crate::domain::fact::{Fact, Notice};
use crate::domain::id::{Epoch, RunId, TestId};
use crate::domain::outcome::Outcome;
use crate::domain::time::Timestamp;

use super::classes::Place;
use super::deps::SkipsByRun;

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
            return Ok(Step { events: vec![], answer });
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
        let events = vec![Fact::RunCancelled { run: id, by, notices, at: now }];
        Ok(Step { events, answer: Answer::Cancelled { run: id, ended, stopping } })
    }

    pub(super) fn apply_cancelled(&mut self, id: RunId, notices: &[Notice], at: Timestamp) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        run.cancelled = true;
        run.closed = true;
        let waiting: Vec<u32> = (0u32..)
            .zip(&run.tests)
            .filter(|(_, test)| matches!(test.state, State::Blocked | State::Waiting { .. }))
            .map(|(index, _)| index)
            .collect();
        for notice in notices {
            self.epoch = self.epoch.max(notice.epoch);
            if let Some(test) = self.find_mut(notice.lease.attempt.test)
                && let State::Leased { stop, .. } = &mut test.state
            {
                *stop = true;
            }
            if let Some(worker) = self.workers.get_mut(&notice.worker) {
                worker.notices.insert(notice.epoch, Note::Stop(notice.lease));
            }
        }
        for index in waiting {
            self.finish(TestId { run: id, index }, Outcome::Cancelled, false, at);
        }
        self.close_if_over(id, at);
    }

    pub(super) fn decide_tick(&self, now: Timestamp) -> Step {
        let (mut events, mut skips) = (Vec::new(), SkipsByRun::new(now));
        self.lose_silent(now, &mut skips, &mut events);
        self.expire(now, &mut skips, &mut events);
        events.extend(skips.into_events());
        self.recall_stuck(now, &mut events);
        self.forget_gone(now, &mut events);
        Step { events, answer: Answer::Done }
    }

    /// Of tests that are due and depend on each other each one expires, and is not skipped.
    fn expire(&self, now: Timestamp, skips: &mut SkipsByRun, events: &mut Vec<Fact>) {
        let due = self.expiries.iter().take_while(|(due, _)| *due <= now).map(|(_, id)| *id);
        let waits = |id: &TestId| {
            let state = self.find(*id).map(|test| test.state);
            matches!(state, Some(State::Blocked | State::Waiting { .. }))
        };
        let due: Vec<TestId> =
            due.filter(waits).filter(|id| skips.of(id.run).leave_out(id.index)).collect();
        for id in due {
            events.push(Fact::TestExpired { test: id, at: now });
            self.skip_dependants(id, Outcome::Expired, skips.of(id.run));
        }
    }

    pub(super) fn apply_expired(&mut self, id: TestId, at: Timestamp) {
        self.finish(id, Outcome::Expired, false, at);
    }
}

impl Run {
    /// Where a test of this run waits.
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
