//! Handles the answers of the coordinator.

use crate::api::v1::leases::{Claimed, LeaseView, Reported};
use crate::api::v1::workers::Registered;
use crate::domain::id::LeaseId;
use crate::worker::attempt::supervise::StopRequest;
use crate::worker::link::{Link, LinkError};
use crate::worker::machine::{Delivery, GrantedLease};
use crate::worker::session::job::Job;
use crate::worker::session::requests::{Beat, Requests};
use crate::worker::session::state::{Answer, Session};
use crate::worker::summary::WorkerError;
use std::time::Duration;
use tokio::time::Instant;

/// Shortest heartbeat interval that a coordinator may give.
const MIN_HEARTBEAT_INTERVAL: Duration = Duration::from_millis(10);

impl<L: Link> Session<L> {
    pub fn register_answered(&mut self, answer: Answer<Registered>) -> Result<(), WorkerError> {
        let registered = match answer {
            Ok(registered) => registered,
            Err(LinkError::Unauthorized(reason)) => return Err(WorkerError::Unauthorized(reason)),
            Err(LinkError::Refused(reason)) => return Err(WorkerError::Refused(reason)),
            Err(LinkError::Taken(reason)) => {
                self.next_register = self.dispute.refused(Instant::now(), &reason)?;
                return Ok(());
            }
            Err(LinkError::Misaddressed(reason)) => return Err(WorkerError::Misaddressed(reason)),
            Err(error) => {
                let wait = self.link_failures.pause();
                tracing::warn!(%error, retry_in = ?wait, "cannot register");
                self.next_register = Instant::now() + wait;
                return Ok(());
            }
        };
        self.link_failures.succeeded();
        self.dispute.registered();
        tracing::info!(worker = %registered.worker, "registered");
        let now = Instant::now();
        self.heartbeat_interval =
            Duration::from(registered.heartbeat_ms).max(MIN_HEARTBEAT_INTERVAL);
        (self.next_claim, self.next_report) = (now, now);
        self.next_heartbeat = now + self.heartbeat_interval;
        self.worker = Some(registered.worker);
        self.summary.worker = Some(registered.worker);
        self.requests.registered();
        self.is_drain_reported = false;
        self.machine.registered(registered.epoch);
        self.drop_stale(&registered.stale);
        Ok(())
    }

    pub fn claim_answered(&mut self, answer: Answer<Claimed>) {
        let claimed = match answer {
            Ok(claimed) => claimed,
            Err(error) => {
                self.next_claim = Instant::now() + self.request_failed("claim", &error);
                return;
            }
        };
        self.link_failures.succeeded();
        self.reregistrations.succeeded();
        let grant = |view: LeaseView| GrantedLease {
            lease: view.lease,
            seat: view.seat,
            job: Job { weights: self.context.pin_weights(&view), view: Box::new(view) },
        };
        let delivery = Delivery {
            received: claimed.received,
            leases: claimed.leases.into_iter().map(grant).collect(),
            stop: claimed.stop,
            recall: claimed.recall,
            drain: claimed.drain,
            resume: claimed.resume,
        };
        // A worker that drains on its own decision reports that again after a resume.
        self.is_drain_reported = (self.is_drain_reported && !delivery.resume) || delivery.drain;
        let mut actions = Vec::new();
        self.machine.claimed(delivery, &mut actions);
        self.perform(actions, StopRequest::Terminate);
        self.allow_requests_now();
    }

    pub fn heartbeat_answered(&mut self, answer: Answer<Beat>) {
        match answer {
            Ok(beat) => {
                self.link_failures.succeeded();
                self.is_drain_reported |= beat.draining;
                self.requests.reported(&beat);
                self.drop_stale(&beat.answer.stale);
            }
            Err(error) => {
                let wait = self.request_failed("heartbeat", &error).min(self.heartbeat_interval);
                self.next_heartbeat = Instant::now() + wait;
            }
        }
    }

    pub fn report_answered(&mut self, answer: Answer<(u64, Reported)>) {
        let (number, reported) = match answer {
            Ok(reported) => reported,
            Err(error) => {
                self.next_report = Instant::now() + self.request_failed("report", &error);
                self.report_failed(&error);
                return;
            }
        };
        self.link_failures.succeeded();
        self.requests.report_accepted();
        if !reported.conflicts.is_empty() {
            let first = reported.conflicts.first();
            let first = first.map(|lease| lease.attempt.to_string()).unwrap_or_default();
            tracing::warn!(
                count = reported.conflicts.len(),
                first,
                "results arrived after their leases were lost"
            );
        }
        self.summary.conflicts += reported.conflicts.len() as u64;
        self.requests.remove_blobs(&self.machine);
        self.machine.acknowledged(number);
        self.allow_requests_now();
        let needed = self.machine.unacknowledged().filter_map(|ended| ended.result.as_ref());
        if let Err(error) = self.spool.compact(needed) {
            tracing::warn!(%error, "cannot compact the spool");
        }
    }

    /// Changes a report that the coordinator did not accept, so that a repetition succeeds.
    fn report_failed(&mut self, error: &LinkError) {
        match error {
            LinkError::Refused(reason) => {
                self.requests.report_refused(&mut self.machine, &self.spool, reason);
            }
            LinkError::MissingFile(reason) => {
                self.requests.file_missing(&mut self.machine, reason);
            }
            LinkError::RefusedFiles { files } => {
                Requests::<L>::files_refused(&mut self.machine, files);
                self.next_report = Instant::now();
            }
            // Results without files do not wait for a full disk.
            LinkError::Full(_) if self.machine.defer(|result| !result.blobs.is_empty()) => {
                self.next_report = Instant::now();
            }
            _ => {}
        }
    }

    /// Handles a failed request. Returns the pause before the next one.
    pub fn request_failed(&mut self, what: &'static str, error: &LinkError) -> Duration {
        let wait = self.link_failures.pause();
        tracing::warn!(%error, what, retry_in = ?wait, "a request to the coordinator failed");
        if let LinkError::Taken(reason) = error {
            self.failure = self.dispute.displaced(reason).err();
        }
        if matches!(error, LinkError::Unknown(_) | LinkError::Taken(_)) {
            // Answers that belong to the old registration must not reach the new one. The answer to a
            // report is about results of this process, so they are not sent again.
            self.worker = None;
            (self.claim, self.heartbeat) = (None, None);
            if matches!(error, LinkError::Taken(_)) {
                self.report = None;
            }
            self.unregistered_since = Instant::now();
            // After a pause: the coordinator may forget this worker again for the same reason.
            self.next_register = self.unregistered_since + self.reregistrations.pause();
        }
        wait
    }

    /// Takes the leases that this worker has lost.
    pub fn drop_stale(&mut self, leases: &[LeaseId]) {
        if leases.is_empty() {
            return;
        }
        let first = leases.first().map(|lease| lease.attempt.to_string()).unwrap_or_default();
        // A lease of which only the result is left to send loses no work.
        if leases.iter().any(|lease| self.stop_requests.contains_key(lease)) {
            tracing::warn!(
                count = leases.len(),
                first,
                "leases were lost; stopping their attempts"
            );
        } else {
            tracing::info!(count = leases.len(), first, "leases were lost");
        }
        let mut actions = Vec::new();
        self.machine.stale(leases, &mut actions);
        self.perform(actions, StopRequest::Kill);
    }

    /// Allows a report and a claim at once when no lease is queued, because the coordinator may
    /// have more.
    pub fn allow_requests_now(&mut self) {
        if !self.machine.has_queued() {
            let now = Instant::now();
            if !self.link_failures.is_failing() {
                self.next_report = self.next_report.min(now);
                self.next_claim = self.next_claim.min(now);
            }
        }
    }
}
