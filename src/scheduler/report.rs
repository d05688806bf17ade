//! Attempts end: reports with and without the right to them, and leases that come back.

use super::deps::SkipsByRun;
use super::state::{Scheduler, State, Worker};
use super::{Answer, Finished, Rejected, Step};
use crate::domain::fact::{Fact, Next};
use crate::domain::id::{Epoch, LeaseId, TestId, WorkerId};
use crate::domain::outcome::{Blame, Class, Outcome};
use crate::domain::retry::MAX_ATTEMPTS;
use crate::domain::time::{Millis, Timestamp};
use std::collections::HashSet;
use uuid::Uuid;

/// An ended attempt, as stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub lease: LeaseId,
    pub worker: WorkerId,
    pub outcome: Outcome,
    pub class: Option<Class>,
    pub duration: Millis,
    pub next: Next,
}

/// What the leases are that a worker keeps when others are given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// Its process goes on: the first of a seat runs, the others have not started.
    Lives,
    /// The process has ended: what is kept are results, and the next of the seat may have started.
    Ended,
}

impl Scheduler {
    pub(super) fn decide_report(
        &self,
        now: Timestamp,
        id: WorkerId,
        incarnation: Uuid,
        finished: Vec<Finished>,
        returned: &[LeaseId],
    ) -> Result<Step, Rejected> {
        let worker = self.check_incarnation(id, incarnation)?;
        let mut events = vec![Fact::WorkerSeen { worker: id, received: worker.received, at: now }];
        let mut conflicts = Vec::new();
        let mut skips = SkipsByRun::new(now);
        let mut handled = HashSet::with_capacity(finished.len() + returned.len());
        for report in finished {
            let lease = report.lease;
            if worker.accepted.contains(lease.epoch) || !handled.insert(lease.epoch) {
                continue;
            }
            if self.holds(id, lease) && report.outcome.reportable() {
                events.push(self.finished(now, id, report, &mut skips));
            } else {
                conflicts.push(lease);
                let Finished { outcome, detail, .. } = report;
                events.push(Fact::LateResult { lease, worker: id, outcome, detail, at: now });
            }
        }
        for lease in returned {
            if self.holds(id, *lease) && handled.insert(lease.epoch) {
                events.push(Fact::LeaseReturned { lease: *lease, worker: id, at: now });
            }
        }
        events.extend(skips.into_events());
        Ok(Step { events, answer: Answer::Reported { conflicts } })
    }

    fn finished(
        &self,
        now: Timestamp,
        worker: WorkerId,
        report: Finished,
        skips: &mut SkipsByRun,
    ) -> Fact {
        let Finished { lease, outcome, class, flaky, duration, detail } = report;
        let test = lease.attempt.test;
        let next = self.what_next(test, outcome, class, flaky);
        if matches!(next, Next::Done { .. }) {
            self.skip_dependants(test, outcome, skips.of(test.run));
        }
        Fact::AttemptFinished {
            lease,
            worker,
            outcome,
            class,
            duration_ms: duration,
            detail,
            next,
            at: now,
        }
    }

    /// Again or over. Failures of the test and trouble of the infrastructure pay from
    /// separate budgets; what was cancelled is not tried again.
    fn what_next(&self, id: TestId, outcome: Outcome, class: Option<Class>, flaky: bool) -> Next {
        let over = Next::Done { flaky: false };
        let (Some(run), Some(test)) = (self.runs.get(&id.run), self.find(id)) else { return over };
        let again = !run.cancelled && test.attempts < MAX_ATTEMPTS;
        match outcome.blame(class) {
            Blame::Nobody => {
                Next::Done { flaky: outcome == Outcome::Passed && (flaky || test.failed > 0) }
            }
            // The same machine would say the same, and as much memory not suffice again. Whoever
            // generates tests anew asks for more, see `plan::history`.
            Blame::Test
                if matches!(class, Some(Class::UnsupportedBackend | Class::OutOfMemory)) =>
            {
                over
            }
            Blame::Test if again && test.failed < test.spec.retries.failed => {
                Next::Retry { elsewhere: false }
            }
            Blame::Infrastructure
                if again && test.infrastructure < test.spec.retries.infrastructure =>
            {
                Next::Retry { elsewhere: true }
            }
            Blame::Test | Blame::Infrastructure => over,
        }
    }

    pub(super) fn apply_finished(&mut self, ended: &Ended, at: Timestamp) {
        let id = ended.lease.attempt.test;
        let Some(class) = self.leave_seat(ended.worker, ended.lease, at) else { return };
        if ended.outcome.reportable()
            && let Some(worker) = self.workers.get_mut(&ended.worker)
        {
            worker.accepted.insert(ended.lease.epoch);
        }
        if ended.outcome != Outcome::WorkerLost
            && let Some(class) = self.classes.get_mut(class)
        {
            class.learn(ended.duration);
        }
        if let Some(test) = self.find_mut(id) {
            match ended.outcome.blame(ended.class) {
                Blame::Test => test.failed = test.failed.saturating_add(1),
                Blame::Infrastructure => {
                    test.infrastructure = test.infrastructure.saturating_add(1);
                }
                Blame::Nobody => {}
            }
        }
        match ended.next {
            Next::Done { flaky } => self.finish(id, ended.outcome, flaky, at),
            Next::Retry { elsewhere } => {
                self.make_ready(id, elsewhere.then_some(ended.worker), at, &mut None);
            }
        }
    }

    pub(super) fn apply_returned(&mut self, lease: LeaseId, worker: WorkerId, at: Timestamp) {
        let id = lease.attempt.test;
        // Where the infrastructure failed the attempt before still counts.
        let avoid = self.avoided(worker, id);
        if self.leave_seat(worker, lease, at).is_none() {
            return;
        }
        let cancelled = self.runs.get(&id.run).is_some_and(|run| run.cancelled);
        if let Some(test) = self.find_mut(id) {
            test.attempts = test.attempts.saturating_sub(1);
        }
        if cancelled {
            self.finish(id, Outcome::Cancelled, false, at);
        } else {
            self.make_ready(id, avoid, at, &mut None);
        }
    }

    /// The worker that a leased test was kept from.
    fn avoided(&self, holder: WorkerId, id: TestId) -> Option<WorkerId> {
        let State::Leased { seat, .. } = self.find(id)?.state else { return None };
        let class = self.workers.get(&holder)?.seats.get(&seat)?.class;
        self.classes.get(class)?.key.avoid
    }

    /// Takes a live lease out of its seat, and frees the amounts when it was the last one.
    /// The next in the seat runs with the same amounts from then on.
    fn leave_seat(
        &mut self,
        id: WorkerId,
        lease: LeaseId,
        at: Timestamp,
    ) -> Option<super::classes::ClassId> {
        if !self.holds(id, lease) {
            return None;
        }
        let State::Leased { seat: number, .. } = self.find(lease.attempt.test)?.state else {
            return None;
        };
        let worker = self.workers.get_mut(&id)?;
        let seat = worker.seats.get_mut(&number)?;
        let class = seat.class;
        let position = seat.queue.iter().position(|(_, epoch)| *epoch == lease.epoch)?;
        seat.queue.remove(position);
        seat.since = if position == 0 { at } else { seat.since };
        if seat.queue.is_empty() {
            let seat = worker.remove_seat(number)?;
            if !seat.ended {
                let requirement = &self.classes.get(class)?.key.requirement;
                worker.free.give_back(requirement, &seat.devices);
            }
            self.forget_if_unused(class);
        } else {
            worker.ahead -= 1;
        }
        let worker = self.workers.get_mut(&id)?;
        // If it was not heard of yet, it need not be.
        worker.notices.remove(&lease.epoch);
        if worker.asking && worker.availability == super::Availability::Active {
            self.hints.idle.remove(&id);
            self.hints.hungry.insert(id);
        }
        Some(class)
    }

    /// Gives up leases of a worker: what may have started there is lost, what had not goes back.
    /// What is skipped for it is left to the caller, who may give up several workers at once.
    pub(super) fn release(
        &self,
        now: Timestamp,
        (id, worker): (WorkerId, &Worker),
        kept: Kept,
        gone: impl Fn(Epoch) -> bool,
        skips: &mut SkipsByRun,
        events: &mut Vec<Fact>,
    ) {
        for seat in worker.seats.values() {
            // Behind one that has not ended, nothing has started.
            let mut behind = false;
            for (test, epoch) in &seat.queue {
                if !gone(*epoch) {
                    behind |= kept == Kept::Lives;
                    continue;
                }
                let Some(lease) = self.lease_in(*test, *epoch) else { continue };
                if !behind && *epoch <= worker.told {
                    behind = true;
                    let lost = self.lost(lease);
                    events.push(self.finished(now, id, lost, skips));
                } else {
                    events.push(Fact::LeaseReturned { lease, worker: id, at: now });
                }
            }
        }
    }

    fn lost(&self, lease: LeaseId) -> Finished {
        let run = self.runs.get(&lease.attempt.test.run);
        let cancelled = run.is_some_and(|run| run.cancelled);
        Finished {
            lease,
            outcome: if cancelled { Outcome::Cancelled } else { Outcome::WorkerLost },
            class: None,
            flaky: false,
            duration: Millis(0),
            detail: None,
        }
    }
}
