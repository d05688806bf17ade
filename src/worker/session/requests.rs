//! Builds the requests of a worker, as futures that own everything they need.

use crate::api::v1::leases::{Claim, Claimed, MAX_REPORTS, MAX_WAIT, Report, Reported, Reports};
use crate::api::v1::workers::{Heartbeat, HeartbeatAnswer, Register, Registered};
use crate::domain::capability::Capability;
use crate::domain::capability::calibration::Calibration;
use crate::domain::held_weights::HeldWeights;
use crate::domain::id::{Epoch, LeaseId, RunId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::time::Millis;
use crate::sys::ids;
use crate::worker::attempt::context::AttemptContext;
use crate::worker::attempt::result::AttemptResult;
use crate::worker::calibration::Calibrations;
use crate::worker::link::{Link, LinkError, RefusedFile};
use crate::worker::machine::EndedLease;
use crate::worker::machine::Machine;
use crate::worker::offer::Offer;
use crate::worker::session::job::Job;
use crate::worker::settings::Settings;
use crate::worker::work_dir::spool::Spool;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

/// Maximum size of the details in one report request, which leaves room below the limit of a body.
const MAX_REQUEST_BYTES: usize = 8 * 1024 * 1024;
/// Maximum duration of a claim of an ephemeral worker, which leaves when no test is available.
const EPHEMERAL_WAIT: Millis = Millis::from_secs(2);
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Time after which a capability is reported again. A request that was delayed on its way may have
/// replaced it at the coordinator by an earlier one.
const REPEAT_INTERVAL: Duration = Duration::from_secs(60);
/// A third of a lease, so that a heartbeat that hangs leaves time for further ones.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(10);

pub struct Requests<L> {
    link: Arc<L>,
    key: Uuid,
    incarnation: Uuid,
    place: Box<str>,
    name: Box<str>,
    offer: Arc<Offer>,
    /// The capability that the coordinator knows, and the time of this report.
    known_capability: Option<(Arc<Capability>, Instant)>,
    /// The capability of the open registration.
    registering: Option<Arc<Capability>>,
    calibrations: Calibrations,
    /// The calibration that the coordinator knows.
    known_calibration: Option<Arc<Calibration>>,
    held: watch::Receiver<Arc<HeldWeights>>,
    /// Revision of the weights that the coordinator knows.
    known_weights: Option<u64>,
    logs: PathBuf,
    wait: Millis,
    /// Maximum number of entries in a report: 1 after a refusal, so that one bad result does not
    /// delay the others.
    max_entries: usize,
    /// The lease whose result was sent again because the coordinator lacked one of its files.
    sent_again: Option<LeaseId>,
    /// The last result that was refused, which is kept once.
    kept_refused: Option<LeaseId>,
}

/// The answer to a heartbeat, with what the heartbeat reported.
pub struct Beat {
    pub draining: bool,
    /// Absent if it did not change.
    pub capability: Option<Arc<Capability>>,
    pub calibration: Option<Arc<Calibration>>,
    pub answer: HeartbeatAnswer,
}

type Request<T> = BoxFuture<'static, Result<T, LinkError>>;

impl<L: Link> Requests<L> {
    pub fn new(settings: &Settings, context: &AttemptContext<L>) -> Self {
        Self {
            link: context.link.clone(),
            key: context.work_dir.key,
            incarnation: ids::new_id(),
            place: context.work_dir.place.as_str().into(),
            name: settings.name.as_str().into(),
            offer: context.offer.clone(),
            known_capability: None,
            registering: None,
            calibrations: context.calibrations.clone(),
            known_calibration: None,
            held: context.held.clone(),
            known_weights: None,
            logs: context.work_dir.logs(),
            wait: if settings.ephemeral { EPHEMERAL_WAIT } else { MAX_WAIT },
            max_entries: MAX_REPORTS,
            sent_again: None,
            kept_refused: None,
        }
    }

    pub fn register(&mut self, holding: Vec<LeaseId>) -> Request<Registered> {
        let capability = self.offer.current();
        self.registering = Some(Arc::clone(&capability));
        let body = Register {
            key: self.key,
            incarnation: self.incarnation,
            place: self.place.clone(),
            name: self.name.clone(),
            capability,
            holding,
            weights: Some(Arc::clone(&self.held.borrow())),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let link = self.link.clone();
        async move { link.register(body).await }.boxed()
    }

    /// Waits for notices. A worker that is held takes no new tests.
    pub fn claim(&self, worker: WorkerId, received: Epoch, is_held: bool) -> Request<Claimed> {
        let (incarnation, wait_ms) = (self.incarnation, self.wait);
        let body = Claim { incarnation, received, wait_ms, notices_only: is_held };
        let link = self.link.clone();
        async move { link.claim(worker, body).await }.boxed()
    }

    /// The coordinator has answered the registration.
    pub fn registered(&mut self) {
        self.known_capability = self.registering.take().map(|known| (known, Instant::now()));
        self.known_calibration = None;
    }

    /// Reports the weights if the last answer did not confirm their revision, and the capability if the
    /// coordinator may have another one. The answer comes with what was reported.
    pub fn heartbeat(
        &self,
        worker: WorkerId,
        received: Epoch,
        holding: Vec<LeaseId>,
        draining: bool,
    ) -> Request<Beat> {
        let offered = self.offer.current();
        let is_known = self.known_capability.as_ref().is_some_and(|(known, reported)| {
            *known == offered && reported.elapsed() < REPEAT_INTERVAL
        });
        let capability = (!is_known).then_some(offered);
        let calibration = self.calibrations.latest();
        let calibration =
            calibration.filter(|latest| self.known_calibration.as_ref() != Some(latest));
        let held = Arc::clone(&self.held.borrow());
        let weights = (self.known_weights != Some(held.revision)).then_some(held);
        let body = Heartbeat {
            incarnation: self.incarnation,
            received,
            holding,
            capability: capability.clone(),
            calibration: calibration.clone(),
            draining,
            weights,
        };
        let link = self.link.clone();
        async move {
            let answer = within(HEARTBEAT_TIMEOUT, link.heartbeat(worker, body)).await?;
            Ok(Beat { draining, capability, calibration, answer })
        }
        .boxed()
    }

    /// The coordinator knows what a heartbeat reported.
    pub fn reported(&mut self, beat: &Beat) {
        if let Some(capability) = &beat.capability {
            self.known_capability = Some((Arc::clone(capability), Instant::now()));
        }
        if let Some(calibration) = &beat.calibration {
            self.known_calibration = Some(Arc::clone(calibration));
        }
        self.known_weights = beat.answer.weights_revision;
    }

    /// The next report. Its output and artifacts are sent first. The answer comes with the number of
    /// its batch.
    pub fn report(
        &self,
        worker: WorkerId,
        machine: &mut Machine<Job, AttemptResult>,
    ) -> Option<Request<(u64, Reported)>> {
        let mut size = 0;
        let fits = |finished: &AttemptResult| {
            size += finished.report.detail.as_ref().map_or(0, |detail| detail.get().len());
            size <= MAX_REQUEST_BYTES
        };
        let batch = machine.batch(self.max_entries, fits)?;
        let number = batch.number;
        let results = || batch.finished.iter().filter_map(|ended| ended.result.as_ref());
        let blobs: Vec<(RunId, String)> = results()
            .flat_map(|finished| {
                let run = finished.report.lease.attempt.test.run;
                finished.blobs.iter().map(move |sha256| (run, sha256.clone()))
            })
            .collect();
        let body = Reports {
            incarnation: self.incarnation,
            finished: batch.finished.iter().map(report_of).collect(),
            returned: batch.returned.clone(),
        };
        let (link, directory) = (self.link.clone(), self.logs.clone());
        let request = async move {
            send_blobs(link.as_ref(), &directory, blobs).await?;
            Ok((number, link.report(worker, body).await?))
        };
        Some(request.boxed())
    }

    /// The coordinator refused a report as a whole, so repeating it is useless. Results are then
    /// reported one by one, and a single result that is refused is kept in the spool and reported without
    /// its details.
    pub fn report_refused(
        &mut self,
        machine: &mut Machine<Job, AttemptResult>,
        spool: &Spool,
        reason: &str,
    ) {
        self.max_entries = 1;
        let Some(ended) = machine.refused() else { return };
        let Some(result) = &mut ended.result else { return };
        let lease = ended.lease;
        if self.kept_refused.replace(lease) != Some(lease) {
            let kept = spool.keep_refused(result, reason);
            let kept = kept.unwrap_or_else(|error| format!("cannot be kept: {error}"));
            tracing::error!(
                ?lease,
                reason,
                kept,
                "the coordinator refused a result; reporting it without details"
            );
        }
        result.drop_detail(reason);
    }

    /// The coordinator lacks a file that a report names. Results are then reported one by one, and a
    /// single result once more with its files, then without them.
    pub fn file_missing(&mut self, machine: &mut Machine<Job, AttemptResult>, reason: &str) {
        self.max_entries = 1;
        let Some(ended) = machine.refused() else { return };
        let lease = ended.lease;
        if self.sent_again.replace(lease) == Some(lease)
            && let Some(result) = &mut ended.result
        {
            tracing::error!(
                ?lease,
                reason,
                "the coordinator lacks a file of a result; reporting it without files"
            );
            result.drop_files(|_| Some(reason));
        }
    }

    /// The coordinator does not store these files. The results that name them are reported without
    /// them.
    pub fn files_refused(machine: &mut Machine<Job, AttemptResult>, files: &[RefusedFile]) {
        for result in machine.batched_mut() {
            result.drop_files(|sha256| {
                let refused = files.iter().find(|file| file.sha256 == sha256);
                refused.map(|file| file.reason.as_str())
            });
        }
    }

    /// The coordinator accepted a report.
    pub fn report_accepted(&mut self) {
        self.max_entries = MAX_REPORTS;
    }

    /// Removes the spooled files of the batch that is about to be acknowledged.
    pub fn remove_blobs(&self, machine: &Machine<Job, AttemptResult>) {
        let results = machine.batched().iter().filter_map(|ended| ended.result.as_ref());
        for sha256 in results.flat_map(|finished| &finished.blobs) {
            // Another attempt with the same content may have sent and removed it.
            let _ = std::fs::remove_file(self.logs.join(sha256));
        }
    }

    pub async fn leave(&self, worker: WorkerId) -> Result<(), LinkError> {
        within(LEAVE_TIMEOUT, self.link.leave(worker, self.incarnation)).await
    }
}

async fn within<T>(
    limit: Duration,
    request: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    let answer = tokio::time::timeout(limit, request).await;
    answer.unwrap_or_else(|_| Err(LinkError::Away("no answer within the time limit".to_owned())))
}

fn report_of(ended: &EndedLease<AttemptResult>) -> Report {
    match &ended.result {
        Some(finished) => finished.report.clone(),
        None => AttemptResult::new(ended.lease, Outcome::Cancelled).report,
    }
}

/// Sends the files of results.
///
/// # Errors
/// The coordinator refuses some of them, or cannot be reached.
async fn send_blobs<L: Link>(
    link: &L,
    directory: &std::path::Path,
    blobs: Vec<(RunId, String)>,
) -> Result<(), LinkError> {
    let mut files = Vec::new();
    for (run, sha256) in blobs {
        let path = directory.join(&sha256);
        // Another attempt with the same content may have sent and removed it.
        if !path.exists() {
            continue;
        }
        match link.put_blob(sha256.clone(), run, path).await {
            Ok(()) => {}
            // The result is more important than its output and artifacts.
            Err(LinkError::Refused(reason) | LinkError::Local(reason)) => {
                tracing::error!(sha256, reason, "a file of an attempt cannot be sent");
                files.push(RefusedFile { sha256, reason });
            }
            Err(error) => return Err(error),
        }
    }
    if files.is_empty() { Ok(()) } else { Err(LinkError::RefusedFiles { files }) }
}
