//! Decide and apply: one line per command, one line per fact.

use super::state::Scheduler;
use super::{Answer, Command, Identity, Rejected, Step};
use crate::domain::fact::Fact;
use crate::domain::template::AddedTemplate;
use crate::domain::time::Timestamp;

impl Scheduler {
    /// What a command leads to. Reads only: the caller stores the events, then applies them.
    ///
    /// # Errors
    /// An expected refusal; nothing has changed then.
    pub fn decide(&self, now: Timestamp, command: Command) -> Result<Step, Rejected> {
        match command {
            Command::Register { identity, name, capability, holding } => {
                self.decide_register(now, identity, name, capability, &holding)
            }
            Command::Heartbeat { worker, incarnation, received, holding } => {
                self.decide_heartbeat(now, worker, incarnation, received, &holding)
            }
            Command::OpenClaim { worker, incarnation, received } => {
                self.decide_open_claim(now, worker, incarnation, received)
            }
            Command::CloseClaim { worker } => Ok(Step::of(vec![Fact::ClaimClosed { worker }])),
            Command::Drain { worker, by } => self.decide_drain(now, worker, by),
            Command::Resume { worker, by } => self.decide_resume(now, worker, by),
            Command::Leave { worker, incarnation } => self.decide_leave(now, worker, incarnation),
            Command::Submit { name, tests, more, closed_world, idempotency, user } => {
                self.decide_submit(now, name, tests, more, closed_world, idempotency, user)
            }
            Command::AddTests { run, part, tests, more } => {
                self.decide_add(now, run, part, tests, more)
            }
            Command::CancelRun { run, by } => self.decide_cancel(now, run, by),
            Command::Report { worker, incarnation, finished, returned } => {
                self.decide_report(now, worker, incarnation, finished, &returned)
            }
            Command::AddTemplates { seen, templates, user } => {
                self.decide_add_templates(now, seen, templates, &user)
            }
            Command::Tick => Ok(self.decide_tick(now)),
        }
    }

    /// Makes a fact true. The only mutation of facts.
    pub fn apply(&mut self, event: &Fact) {
        match event {
            Fact::WorkerRegistered { worker, key, incarnation, place, name, capability, at } => {
                let place = place.clone();
                let identity = Identity { key: *key, incarnation: *incarnation, place };
                self.apply_registered(*worker, identity, name, capability, *at);
            }
            Fact::NoticesSent { worker, epoch } => self.apply_sent(*worker, *epoch),
            Fact::WorkerSeen { worker, received, at } => self.apply_seen(*worker, *received, *at),
            Fact::ClaimOpened { worker } => self.apply_claim_opened(*worker),
            Fact::ClaimClosed { worker } => self.apply_claim_closed(*worker),
            Fact::WorkerDraining { worker, epoch, .. } => self.apply_draining(*worker, *epoch),
            Fact::WorkerResumed { worker, epoch, .. } => self.apply_resumed(*worker, *epoch),
            Fact::WorkerLost { worker, clean, at } => self.apply_lost(*worker, *clean, *at),
            Fact::WorkerForgotten { worker, .. } => self.apply_forgotten(*worker),
            Fact::RunSubmitted { run, name, idempotency, user, closed_world, at } => {
                let sent = idempotency.as_ref();
                self.apply_submitted(*run, name, sent, user, *closed_world, *at);
            }
            Fact::TestsAdded { run, first, tests, last, part, at } => {
                self.apply_added(*run, *first, tests, *last, *part, *at);
            }
            Fact::LeasesGranted { worker, grants, at } => self.apply_granted(*worker, grants, *at),
            Fact::LeasesRecalled { worker, notices, .. } => self.apply_recalled(*worker, notices),
            Fact::LeaseReturned { lease, worker, at } => self.apply_returned(*lease, *worker, *at),
            Fact::AttemptFinished {
                lease, worker, outcome, class, duration_ms, next, at, ..
            } => {
                let ended = super::report::Ended {
                    lease: *lease,
                    worker: *worker,
                    outcome: *outcome,
                    class: *class,
                    duration: *duration_ms,
                    next: *next,
                };
                self.apply_finished(&ended, *at);
            }
            Fact::TestSkipped { test, at, .. } => self.apply_skipped(*test, *at),
            Fact::TestExpired { test, at } => self.apply_expired(*test, *at),
            Fact::RunCancelled { run, notices, at, .. } => {
                self.apply_cancelled(*run, notices, *at);
            }
            Fact::TemplateAdded { path, sha256, version, user, at } => {
                let (version, at) = (*version, *at);
                let (sha256, user) = (sha256.clone(), user.clone());
                self.apply_template(path, AddedTemplate { version, sha256, user, at });
            }
            Fact::LateResult { .. } => {}
        }
    }
}

impl Step {
    pub(super) fn of(events: Vec<Fact>) -> Self {
        Self { events, answer: Answer::Done }
    }
}
