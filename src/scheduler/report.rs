//! Ends of attempts: reports from the holder of a lease and from others, and returned leases.

use super::classes::ClassId;
use super::command::{Answer, Finished, Signal, Step};
use super::deps::SkipsByRun;
use super::error::{FactError, Rejected};
use super::state::{Scheduler, State, Worker};
use super::status::Availability;
use crate::domain::fact::{Fact, Next};
use crate::domain::id::{Epoch, LeaseId, TestId, WorkerId};
use crate::domain::outcome::{Blame, Class, Outcome};
use crate::domain::retry::MAX_ATTEMPTS;
use crate::domain::time::{Millis, Timestamp};
use std::collections::HashSet;
use uuid::Uuid;

/// The end of an attempt, as the fact has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct AttemptEnd {
    pub lease: LeaseId,
    pub worker: WorkerId,
    pub outcome: Outcome,
    pub class: Option<Class>,
    pub duration: Millis,
    pub next: Next,
}

/// The meaning of the leases that a worker keeps when others are released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// The process runs: the first lease of a seat has started, the others have not.
    Running,
    /// The process has ended: leases that it kept are results, and the lease after them in the
    /// seat may have started.
    Results,
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
        let signal = Signal::WorkerSeen { worker: id, received: worker.received, at: now };
        let mut facts = Vec::with_capacity(finished.len() + returned.len());
        let mut conflicts = Vec::new();
        let mut skips = SkipsByRun::new(now);
        // A report usually has one entry, which cannot be repeated within them.
        let several = finished.len() + returned.len() > 1;
        let mut handled = HashSet::new();
        let mut is_new = |epoch: Epoch| !several || handled.insert(epoch);
        for report in finished {
            let lease = report.lease;
            if worker.accepted.contains(lease.epoch) || !is_new(lease.epoch) {
                continue;
            }
            if self.holds(id, lease) && report.outcome.reportable() {
                facts.push(self.finished(now, id, report, &mut skips));
                continue;
            }
            conflicts.push(lease);
            if self.lost_leases.contains(lease, id) {
                let Finished { outcome, detail, .. } = report;
                facts.push(Fact::LateResult { lease, worker: id, outcome, detail, at: now });
            }
        }
        for lease in returned {
            if self.holds(id, *lease) && is_new(lease.epoch) {
                facts.push(Fact::LeaseReturned { lease: *lease, worker: id, lost: false, at: now });
            }
        }
        facts.extend(skips.into_facts());
        Ok(Step { signal: Some(signal), facts, answer: Answer::Reported { conflicts } })
    }

    pub(super) fn finished(
        &self,
        now: Timestamp,
        worker: WorkerId,
        report: Finished,
        skips: &mut SkipsByRun,
    ) -> Fact {
        let Finished { lease, outcome, class, flaky, duration, detail } = report;
        let test = lease.attempt.test;
        let next = self.next_for(test, outcome, class, flaky);
        let has_dependants = self.find(test).is_some_and(|found| !found.dependants.is_empty());
        if matches!(next, Next::Done { .. }) && has_dependants {
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

    /// Decides whether the test is tried again. Failures of the test and failures of the
    /// infrastructure have separate retry budgets; a test of a cancelled run is not tried again.
    fn next_for(&self, id: TestId, outcome: Outcome, class: Option<Class>, flaky: bool) -> Next {
        let over = Next::Done { flaky: false };
        let (Some(run), Some(test)) = (self.runs.get(&id.run), self.find(id)) else { return over };
        let again = !run.cancelled && test.attempts < MAX_ATTEMPTS;
        match outcome.blame(class) {
            Blame::Nobody => {
                Next::Done { flaky: outcome == Outcome::Passed && (flaky || test.failed > 0) }
            }
            // The same machine would report the same, and the same amount of memory would not
            // suffice. Generating the tests again asks for more, see `plan::history`.
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

    pub(super) fn apply_finished(
        &mut self,
        end: &AttemptEnd,
        at: Timestamp,
    ) -> Result<(), FactError> {
        let id = end.lease.attempt.test;
        let class = self.leave_seat(end.worker, end.lease, at)?;
        if end.outcome == Outcome::WorkerLost {
            self.lost_leases.insert(end.lease, end.worker);
        } else if let Some(worker) = self.workers.get_mut(&end.worker) {
            worker.accepted.insert(end.lease.epoch);
        }
        if end.outcome != Outcome::WorkerLost
            && let Some(class) = self.classes.get_mut(class)
        {
            class.learn(end.duration);
        }
        if let Some(test) = self.find_mut(id) {
            match end.outcome.blame(end.class) {
                Blame::Test => test.failed = test.failed.saturating_add(1),
                Blame::Infrastructure => {
                    test.infrastructure = test.infrastructure.saturating_add(1);
                }
                Blame::Nobody => {}
            }
        }
        match end.next {
            Next::Done { flaky } => self.finish(id, end.outcome, flaky, at),
            Next::Retry { elsewhere } => {
                self.make_ready(id, elsewhere.then_some(end.worker), at, &mut None)
            }
        }
    }

    pub(super) fn apply_returned(
        &mut self,
        lease: LeaseId,
        worker: WorkerId,
        lost: bool,
        at: Timestamp,
    ) -> Result<(), FactError> {
        let id = lease.attempt.test;
        // The test still avoids the worker on which the infrastructure failed it before.
        let avoid = self.avoided(worker, id);
        self.leave_seat(worker, lease, at)?;
        if lost {
            self.lost_leases.insert(lease, worker);
        }
        let cancelled = self.runs.get(&id.run).is_some_and(|run| run.cancelled);
        if let Some(test) = self.find_mut(id) {
            test.attempts = test.attempts.saturating_sub(1);
        }
        if cancelled {
            self.finish(id, Outcome::Cancelled, false, at)
        } else {
            self.make_ready(id, avoid, at, &mut None)
        }
    }

    /// The worker that a leased test avoids.
    fn avoided(&self, holder: WorkerId, id: TestId) -> Option<WorkerId> {
        let State::Leased { seat, .. } = self.find(id)?.state else { return None };
        let class = self.workers.get(&holder)?.seats.get(&seat)?.class;
        self.classes.get(class)?.key.avoid
    }

    /// Takes a live lease out of its seat, and frees the amounts when it was the last one.
    /// Otherwise the next lease in the seat runs with the same amounts.
    fn leave_seat(
        &mut self,
        id: WorkerId,
        lease: LeaseId,
        at: Timestamp,
    ) -> Result<ClassId, FactError> {
        let not_held = || FactError::NotHeld { lease, worker: id };
        if !self.holds(id, lease) {
            return Err(not_held());
        }
        let test = self.find(lease.attempt.test).ok_or_else(not_held)?;
        let State::Leased { seat: number, .. } = test.state else { return Err(not_held()) };
        let worker = self.workers.get_mut(&id).ok_or(FactError::UnknownWorker(id))?;
        let seat = worker.seats.get_mut(&number).ok_or_else(not_held)?;
        let class = seat.class;
        let position = seat.queue.iter().position(|(_, epoch)| *epoch == lease.epoch);
        let position = position.ok_or_else(not_held)?;
        seat.queue.remove(position);
        if position == 0 {
            seat.since = at;
            seat.restart_deadline(at);
            worker.due = worker.due.min(seat.due);
        }
        if seat.queue.is_empty() {
            if let Some(seat) = worker.remove_seat(number)
                && let Some(class) = self.classes.get_mut(class)
            {
                class.seats = class.seats.saturating_sub(1);
                if !seat.ended {
                    worker.free.give_back(&class.key.requirement, &seat.devices);
                    worker.weights.give_back(class.weights, &mut self.weights);
                }
            }
            self.forget_if_unused(class);
        } else {
            worker.ahead -= 1;
        }
        let worker = self.workers.get_mut(&id).ok_or(FactError::UnknownWorker(id))?;
        // A worker that has not received the lease yet does not need it any more.
        worker.notices.remove(&lease.epoch);
        if worker.asking && worker.availability == Availability::Active {
            self.hints.idle.remove(&id);
            self.hints.hungry.insert(id);
        }
        Ok(class)
    }

    /// Releases the leases of a worker that `gone` names: attempts that may have started are lost for the reason
    /// `why`, the other leases count as returned. The skips are left to the caller, who may release the
    /// leases of several workers at once.
    pub(super) fn release(
        &self,
        now: Timestamp,
        (id, worker): (WorkerId, &Worker),
        kept: Kept,
        (gone, why): (impl Fn(Epoch) -> bool, &str),
        skips: &mut SkipsByRun,
        facts: &mut Vec<Fact>,
    ) {
        for seat in worker.seats.values() {
            // No lease has started behind one that has not ended.
            let mut behind = false;
            for (position, (test, epoch)) in seat.queue.iter().enumerate() {
                if !gone(*epoch) {
                    behind |= kept == Kept::Running;
                    continue;
                }
                let Some(lease) = self.lease_in(*test, *epoch) else { continue };
                if !behind && *epoch <= worker.sent {
                    behind = true;
                    // When a test behind another one began is not known.
                    let held = if position == 0 { now.since(seat.since) } else { Millis(0) };
                    let lost = self.lost(lease, held, None, why);
                    facts.push(self.finished(now, id, lost, skips));
                } else {
                    facts.push(Fact::LeaseReturned { lease, worker: id, lost: true, at: now });
                }
            }
        }
    }

    /// The end of an attempt that was not reported within `held`, although its worker was heard.
    pub(super) fn overdue(&self, lease: LeaseId, held: Millis) -> Finished {
        let why = format!("the worker did not report within {} s", held.0 / 1000);
        self.lost(lease, held, Some(Class::Overdue), &why)
    }

    /// The end of an attempt that its worker had for this time, and that will not be reported.
    pub(super) fn lost(
        &self,
        lease: LeaseId,
        held: Millis,
        class: Option<Class>,
        why: &str,
    ) -> Finished {
        let run = self.runs.get(&lease.attempt.test.run);
        if run.is_some_and(|run| run.cancelled) {
            let outcome = Outcome::Cancelled;
            let (duration, detail) = (Millis(0), None);
            return Finished { lease, outcome, class: None, flaky: false, duration, detail };
        }
        let detail = serde_json::value::to_raw_value(&serde_json::json!({ "message": why }));
        Finished {
            lease,
            outcome: Outcome::WorkerLost,
            class,
            flaky: false,
            duration: held,
            detail: detail.ok(),
        }
    }
}
