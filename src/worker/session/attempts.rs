//! Starts and stops the attempts that the state machine requests, and takes their results.

use crate::domain::id::LeaseId;
use crate::domain::outcome::Outcome;
use crate::worker::attempt::result::AttemptResult;
use crate::worker::attempt::run::EndedAttempt;
use crate::worker::attempt::supervise::StopRequest;
use crate::worker::link::Link;
use crate::worker::machine::Action;
use crate::worker::session::job::Job;
use crate::worker::session::state::{AttemptStep, Session};
use crate::worker::verdict::Verdict;
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use tokio::sync::watch;

impl<L: Link> Session<L> {
    /// Takes this step and all further ones that have been reported.
    pub fn attempts_advanced(&mut self, first: AttemptStep) {
        let mut next = Some(first);
        while let Some(step) = next {
            let mut actions = Vec::new();
            match step {
                AttemptStep::Ended(ended) => self.vacate(ended, &mut actions),
                AttemptStep::Settled(result) => {
                    let lease = result.report.lease;
                    self.stop_requests.remove(&lease);
                    self.attempt_ended(lease, result, &mut actions);
                }
            }
            self.perform(actions, StopRequest::Terminate);
            next = self.steps.1.try_recv().ok();
        }
        if self.context.directories.is_failing() {
            // Further leases would fail as well.
            self.claim = None;
        }
        self.allow_requests_now();
    }

    /// Frees the seat first: the next attempt starts while this result is built, which takes longer
    /// than starting a process.
    fn vacate(&mut self, ended: Box<EndedAttempt>, actions: &mut Vec<Action<Job>>) {
        self.stop_requests.remove(&ended.lease());
        self.machine.vacated(ended.lease(), actions);
        self.perform(std::mem::take(actions), StopRequest::Terminate);
        let (context, steps) = (self.context.clone(), self.steps.0.clone());
        self.attempts.spawn("result", async move {
            let lease = ended.lease();
            let _ = steps.send(AttemptStep::Settled(
                context.settle(ended).await.unwrap_or_else(|| panicked(lease)),
            ));
        });
    }

    fn attempt_ended(
        &mut self,
        lease: LeaseId,
        result: AttemptResult,
        actions: &mut Vec<Action<Job>>,
    ) {
        self.summary.count(result.report.outcome);
        self.spool.add(&result);
        self.machine.ended(lease, result, actions);
    }

    /// Carries out the actions of the state machine. `urgency` applies to its stop actions.
    pub fn perform(&mut self, mut actions: Vec<Action<Job>>, urgency: StopRequest) {
        while let Some(action) = actions.pop() {
            match action {
                Action::Start { lease, .. } if self.null_runner => {
                    self.attempt_ended(
                        lease,
                        AttemptResult::new(lease, Outcome::Passed),
                        &mut actions,
                    );
                }
                Action::Start { lease, job } => self.start_attempt(lease, job),
                Action::Stop { lease } => {
                    if let Some(stop) = self.stop_requests.get(&lease) {
                        stop.send_modify(|stop| *stop = urgency.max(*stop));
                    }
                }
            }
        }
    }

    fn start_attempt(&mut self, lease: LeaseId, job: Job) {
        let (sender, stop) = watch::channel(StopRequest::None);
        self.stop_requests.insert(lease, sender);
        let (context, steps) = (self.context.clone(), self.steps.0.clone());
        self.attempts.spawn("attempt", async move {
            let ended = AssertUnwindSafe(context.run(job.view, stop)).catch_unwind().await;
            let step = match ended {
                Ok(ended) => AttemptStep::Ended(Box::new(ended)),
                Err(_) => AttemptStep::Settled(panicked(lease)),
            };
            // The receiver is gone only when the worker has ended.
            let _ = steps.send(step);
            drop(job.weights);
        });
    }
}

/// The result of an attempt whose task panicked: its seat must not wait for ever.
fn panicked(lease: LeaseId) -> AttemptResult {
    let verdict = Verdict::set_up(
        "internal error: the worker panicked; its log has the details, please report this",
    );
    AttemptResult::from_verdict(lease, &verdict)
}
