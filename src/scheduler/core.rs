//! Decide and apply: one arm per command, one arm per fact, one arm per signal.

use super::command::{Answer, Command, Identity, Signal, Step};
use super::error::{FactError, Rejected};
use super::report::AttemptEnd;
use super::state::Scheduler;
use crate::domain::added::template::AddedTemplate;
use crate::domain::fact::Fact;
use crate::domain::time::Timestamp;

impl Scheduler {
    /// Decides the consequences of a command, without a change of the state. The caller gives
    /// the signal to [`Self::note`] and each fact to [`Self::apply`], in this order.
    ///
    /// # Errors
    /// The command is refused.
    pub fn decide(&self, now: Timestamp, command: Command) -> Result<Step, Rejected> {
        match command {
            Command::Register { identity, name, capability, holding } => {
                self.decide_register(now, identity, name, capability, &holding)
            }
            Command::Heartbeat { worker, incarnation, received, holding } => {
                self.decide_heartbeat(now, worker, incarnation, received, &holding)
            }
            Command::OpenClaim { worker, incarnation, received, takes_tests } => {
                self.decide_open_claim(now, (worker, incarnation), received, takes_tests)
            }
            Command::ChangeCapability { worker, incarnation, capability } => {
                self.decide_change(now, worker, incarnation, capability)
            }
            Command::ReportCalibration { worker, incarnation, calibration } => {
                self.decide_calibration(now, worker, incarnation, calibration)
            }
            Command::ReportWeights { worker, incarnation, report } => {
                self.decide_report_weights(worker, incarnation, report)
            }
            Command::Drain { worker, by } => self.decide_drain(now, worker, by),
            Command::Resume { worker, by } => self.decide_resume(now, worker, by),
            Command::Leave { worker, incarnation } => self.decide_leave(now, worker, incarnation),
            Command::Submit(submission) => self.decide_submit(now, submission),
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
            Command::AddQuarantine(new) => self.decide_add_quarantine(now, new),
            Command::RemoveQuarantine { id, by } => self.decide_remove_quarantine(now, id, by),
            Command::AcceptSeries { run, series, reason, by } => {
                self.decide_accept(now, run, series, reason, by)
            }
            Command::RemoveAcceptance { id, by } => self.decide_remove_acceptance(now, id, by),
        }
    }

    /// Changes the state by a fact. Nothing else changes what the log can restore.
    ///
    /// # Errors
    /// The fact contradicts the state. The state is not usable afterwards.
    pub fn apply(&mut self, fact: &Fact) -> Result<(), FactError> {
        match fact {
            Fact::WorkerRegistered { worker, key, incarnation, place, name, capability, at } => {
                let place = place.clone();
                let identity = Identity { key: *key, incarnation: *incarnation, place };
                self.apply_registered(*worker, identity, name, capability, *at)
            }
            Fact::WorkerChanged { worker, capability, at } => {
                self.apply_changed(*worker, capability, *at)
            }
            Fact::WorkerCalibrated { worker, calibration, at } => {
                self.apply_calibrated(*worker, calibration, *at)
            }
            Fact::WorkerDraining { worker, epoch, .. } => self.apply_draining(*worker, *epoch),
            Fact::WorkerResumed { worker, epoch, .. } => self.apply_resumed(*worker, *epoch),
            Fact::WorkerLost { worker, clean, at } => self.apply_lost(*worker, *clean, *at),
            Fact::WorkerForgotten { worker, .. } => self.apply_forgotten(*worker),
            Fact::RunSubmitted { run, name, idempotency, user, closed_world, at } => {
                let idempotency = idempotency.as_ref();
                self.apply_submitted(*run, name, idempotency, user, *closed_world, *at)
            }
            Fact::TestsAdded { run, first, tests, last, part, at } => {
                self.apply_added(*run, *first, tests, *last, *part, *at)
            }
            Fact::LeasesGranted { worker, grants, at } => self.apply_granted(*worker, grants, *at),
            Fact::LeasesRecalled { worker, notices, .. } => self.apply_recalled(*worker, notices),
            Fact::LeaseReturned { lease, worker, lost, at } => {
                self.apply_returned(*lease, *worker, *lost, *at)
            }
            Fact::AttemptFinished {
                lease, worker, outcome, class, duration_ms, next, at, ..
            } => {
                let end = AttemptEnd {
                    lease: *lease,
                    worker: *worker,
                    outcome: *outcome,
                    class: *class,
                    duration: *duration_ms,
                    next: *next,
                };
                self.apply_finished(&end, *at)
            }
            Fact::TestSkipped { test, at, .. } => self.apply_skipped(*test, *at),
            Fact::TestExpired { test, at } => self.apply_expired(*test, *at),
            Fact::RunCancelled { run, notices, at, .. } => self.apply_cancelled(*run, notices, *at),
            Fact::TemplateAdded { path, sha256, version, user, at } => {
                let (version, at) = (*version, *at);
                let (sha256, user) = (sha256.clone(), user.clone());
                self.apply_template(path, AddedTemplate { version, sha256, user, at })
            }
            Fact::QuarantineAdded { id, quarantine } => {
                self.apply_quarantine(*id, quarantine);
                Ok(())
            }
            Fact::QuarantineRemoved { id, .. } => self.apply_quarantine_removed(*id),
            Fact::SeriesAccepted { id, .. } => {
                self.apply_accepted(*id);
                Ok(())
            }
            // The state keeps no acceptances.
            Fact::AcceptanceRemoved { .. } => Ok(()),
            Fact::RecordsLost { next_run, next_worker, epoch, .. } => {
                self.apply_records_lost(*next_run, *next_worker, *epoch);
                Ok(())
            }
            Fact::ClockChanged { from, at } => {
                self.apply_clock_changed(*from, *at);
                Ok(())
            }
            Fact::LateResult { lease, .. } => {
                self.lost_leases.remove(*lease);
                Ok(())
            }
        }
    }

    /// Takes note of a signal. It changes only what a restart loses anyway.
    pub fn note(&mut self, signal: &Signal) {
        match signal {
            Signal::WorkerSeen { worker, received, at } => self.note_seen(*worker, *received, *at),
            Signal::ClaimOpened { worker, received, takes_tests, at } => {
                self.note_seen(*worker, *received, *at);
                self.note_claim_opened(*worker, *takes_tests);
            }
            Signal::ClaimClosed { worker, sent } => self.note_claim_closed(*worker, *sent),
            Signal::WeightsReported { worker, report } => self.note_weights(*worker, report),
        }
    }
}

impl Step {
    /// A step that changes the state by facts alone and answers that it is done.
    pub(super) fn of(facts: Vec<Fact>) -> Self {
        Self::answered(facts, Answer::Done)
    }

    pub(super) fn answered(facts: Vec<Fact>, answer: Answer) -> Self {
        Self { signal: None, facts, answer }
    }
}
