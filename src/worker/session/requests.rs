//! The worker's requests as futures that own what they need, and the waits between tries.

use crate::api::v1::leases::{
    Claim, Claimed, LeaseView, MAX_REPORTS, MAX_WAIT, Report, Reported, Reports,
};
use crate::api::v1::workers::{Heartbeat, HeartbeatAnswer, Register, Registered};
use crate::domain::backoff::Backoff;
use crate::domain::capability::Capability;
use crate::domain::id::{Epoch, LeaseId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::time::Millis;
use crate::sys::ids;
use crate::worker::attempt::{AttemptContext, AttemptResult};
use crate::worker::link::{Link, LinkError};
use crate::worker::machine::EndedLease;
use crate::worker::machine::Machine;
use crate::worker::settings::Settings;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Detail of one report request; with everything else it stays well below the body's limit.
const MAX_REQUEST_BYTES: usize = 8 * 1024 * 1024;
/// An ephemeral worker wants to hear soon that there is nothing.
const EPHEMERAL_WAIT: Millis = Millis::from_secs(2);
const LEAVE_LIMIT: Duration = Duration::from_secs(5);
/// A heartbeat that hangs must not cost the lease: a third of it is left for further ones.
const HEARTBEAT_LIMIT: Duration = Duration::from_secs(10);

/// The pauses between tries of a request that fails.
const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(200), max: Duration::from_millis(12_800) };

/// Counts the failures of a request, and draws the pause before the next try.
#[derive(Debug, Default)]
pub(super) struct Tries {
    failures: u32,
}

impl Tries {
    pub fn pause(&mut self) -> Duration {
        let pause = BACKOFF.pause(self.failures, ids::fraction());
        self.failures = self.failures.saturating_add(1);
        pause
    }

    pub fn worked(&mut self) {
        self.failures = 0;
    }

    pub fn failing(&self) -> bool {
        self.failures > 0
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

pub(super) struct Requests<L> {
    link: Arc<L>,
    key: Uuid,
    incarnation: Uuid,
    place: Box<str>,
    name: Box<str>,
    capability: Arc<Capability>,
    logs: PathBuf,
    wait: Millis,
    /// Entries of a report. One after a refusal, so that one bad result holds up no others.
    most: usize,
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
            capability: context.capability.clone(),
            logs: context.work_dir.logs(),
            wait: if settings.ephemeral { EPHEMERAL_WAIT } else { MAX_WAIT },
            most: MAX_REPORTS,
        }
    }

    pub fn register(&self, holding: Vec<LeaseId>) -> Request<Registered> {
        let body = Register {
            key: self.key,
            incarnation: self.incarnation,
            place: self.place.clone(),
            name: self.name.clone(),
            capability: self.capability.clone(),
            holding,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let link = self.link.clone();
        async move { link.register(body).await }.boxed()
    }

    pub fn claim(&self, worker: WorkerId, received: Epoch) -> Request<Claimed> {
        let body = Claim { incarnation: self.incarnation, received, wait_ms: self.wait };
        let link = self.link.clone();
        async move { link.claim(worker, body).await }.boxed()
    }

    /// Comes back with whether it told of a drain.
    pub fn heartbeat(
        &self,
        worker: WorkerId,
        received: Epoch,
        holding: Vec<LeaseId>,
        draining: bool,
    ) -> Request<(bool, HeartbeatAnswer)> {
        let body = Heartbeat { incarnation: self.incarnation, received, holding, draining };
        let link = self.link.clone();
        async move {
            let answer = in_time(HEARTBEAT_LIMIT, link.heartbeat(worker, body)).await?;
            Ok((draining, answer))
        }
        .boxed()
    }

    /// The next report, with the number of its batch; output and files go before it.
    pub fn report(
        &self,
        worker: WorkerId,
        machine: &mut Machine<Box<LeaseView>, AttemptResult>,
    ) -> Option<Request<(u64, Reported)>> {
        let mut size = 0;
        let fits = |finished: &AttemptResult| {
            size += finished.report.detail.as_ref().map_or(0, |detail| detail.get().len());
            size <= MAX_REQUEST_BYTES
        };
        let batch = machine.batch(self.most, fits)?;
        let number = batch.number;
        let results = || batch.finished.iter().filter_map(|ended| ended.result.as_ref());
        let blobs: Vec<String> = results().flat_map(|finished| finished.blobs.clone()).collect();
        let body = Reports {
            incarnation: self.incarnation,
            finished: batch.finished.iter().map(report).collect(),
            returned: batch.returned.clone(),
        };
        let (link, directory) = (self.link.clone(), self.logs.clone());
        let request = async move {
            send_blobs(link.as_ref(), &directory, blobs).await?;
            Ok((number, link.report(worker, body).await?))
        };
        Some(request.boxed())
    }

    /// A report was refused as a whole, which no repeat mends: results are told one by one,
    /// and one that is refused by itself goes without its details.
    pub fn refused(&mut self, machine: &mut Machine<Box<LeaseView>, AttemptResult>, reason: &str) {
        self.most = 1;
        let Some(ended) = machine.refused() else { return };
        if let Some(result) = &mut ended.result {
            tracing::error!(lease = ?ended.lease, reason, "the details of a result are given up");
            result.give_up_detail();
        }
    }

    /// A report was taken.
    pub fn taken(&mut self) {
        self.most = MAX_REPORTS;
    }

    /// Removes the spooled files of the batch that is about to be acknowledged.
    pub fn forget_blobs(&self, machine: &Machine<Box<LeaseView>, AttemptResult>) {
        let results = machine.batched().iter().filter_map(|ended| ended.result.as_ref());
        for sha256 in results.flat_map(|finished| &finished.blobs) {
            // Of two attempts with the same content the second finds it gone, and sent.
            let _ = std::fs::remove_file(self.logs.join(sha256));
        }
    }

    pub async fn leave(&self, worker: WorkerId) -> Result<(), LinkError> {
        in_time(LEAVE_LIMIT, self.link.leave(worker, self.incarnation)).await
    }
}

async fn in_time<T>(
    limit: Duration,
    request: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    let answer = tokio::time::timeout(limit, request).await;
    answer.unwrap_or_else(|_| Err(LinkError::Away("no answer in time".to_owned())))
}

fn report(ended: &EndedLease<AttemptResult>) -> Report {
    match &ended.result {
        Some(finished) => finished.report.clone(),
        None => AttemptResult::new(ended.lease, Outcome::Cancelled).report,
    }
}

async fn send_blobs<L: Link>(
    link: &L,
    directory: &std::path::Path,
    blobs: Vec<String>,
) -> Result<(), LinkError> {
    for sha256 in blobs {
        let Ok(content) = std::fs::read(directory.join(&sha256)) else { continue };
        match link.put_blob(sha256.clone(), content).await {
            Ok(()) => {}
            // The result matters more than its output and files.
            Err(LinkError::Refused(reason)) => {
                tracing::error!(sha256, reason, "a file of an attempt is refused");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_start_over() {
        let mut tries = Tries::default();
        for failures in 0..20 {
            let (least, most) = (BACKOFF.pause(failures, 0.0), BACKOFF.pause(failures, 1.0));
            assert!((least..=most).contains(&tries.pause()));
        }
        assert!(tries.failing());
        tries.worked();
        assert!(tries.pause() <= BACKOFF.first);
    }
}
