//! The link to the coordinator over HTTP.

use crate::api::error::Code;
use crate::api::v1::leases::{Claim, Claimed, Reported, Reports};
use crate::api::v1::logs::Appended;
use crate::api::v1::test_views::{Artifact, AttemptQuery};
use crate::api::v1::workers::{Heartbeat, HeartbeatAnswer, Leave, Register, Registered};
use crate::client::Client;
use crate::client::ClientError;
use crate::domain::id::{AttemptId, Epoch, RunId, TestId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::weights::Manifest;
use crate::worker::link::{Link, LinkError, WeightsLink};
use bytes::Bytes;
use std::path::PathBuf;
use tokio::sync::mpsc;
use uuid::Uuid;

impl From<ClientError> for LinkError {
    fn from(error: ClientError) -> Self {
        let reason = error.to_string();
        match &error {
            ClientError::Unauthorized(_) => Self::Unauthorized(reason),
            // Repeating the request is useless until somebody uploads the file again.
            ClientError::Refused(refusal) if refusal.body.code == Code::Damaged => {
                let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
                Self::Refused(reason + &hint)
            }
            ClientError::Refused(refusal) if refusal.body.code == Code::StorageFull => {
                Self::Full(reason)
            }
            ClientError::Refused(refusal) if refusal.body.code == Code::MissingFile => {
                Self::MissingFile(reason)
            }
            // A problem of the coordinator or of a proxy. It may be temporary.
            ClientError::Refused(refusal) if refusal.status >= 500 => Self::Away(reason),
            ClientError::OtherProtocol { .. } => {
                let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
                Self::Misaddressed(reason + &hint)
            }
            ClientError::BadUrl { .. } | ClientError::BadToken | ClientError::Refused(_) => {
                Self::Refused(reason)
            }
            ClientError::Local { .. } => Self::Local(reason),
            // The unknown thing in a request of a worker is the worker itself.
            ClientError::NotFound(_) => Self::Unknown(reason),
            ClientError::Conflict(_) => Self::Taken(reason),
            // The log of a worker shows no hints, so the message has to contain it.
            ClientError::ThroughProxy { proxy, .. } => {
                Self::Away(format!("{reason} ({})", proxy.hint()))
            }
            ClientError::Unreachable { .. }
            | ClientError::Busy(_)
            | ClientError::BadResponse { .. } => Self::Away(reason),
        }
    }
}

/// The error of a request about files or output. An unknown file is a refusal, and does not mean that
/// the worker is unknown.
fn about_data(error: ClientError) -> LinkError {
    match LinkError::from(error) {
        LinkError::Unknown(reason) | LinkError::Taken(reason) => LinkError::Refused(reason),
        other => other,
    }
}

/// The error of a report. Only the coordinator may refuse results; an error page of a proxy may not.
fn about_results(error: ClientError) -> LinkError {
    let foreign = error.refusal().is_some_and(|refusal| refusal.body.code == Code::Unknown);
    match LinkError::from(error) {
        LinkError::Refused(reason) if foreign => LinkError::Away(reason),
        other => other,
    }
}

impl Link for Client {
    async fn register(&self, body: Register) -> Result<Registered, LinkError> {
        Client::register(self, &body).await.map_err(|error| match LinkError::from(error) {
            LinkError::Unknown(reason) => LinkError::Refused(reason),
            other => other,
        })
    }

    async fn heartbeat(
        &self,
        worker: WorkerId,
        body: Heartbeat,
    ) -> Result<HeartbeatAnswer, LinkError> {
        Ok(Client::heartbeat(self, worker, &body).await?)
    }

    async fn claim(&self, worker: WorkerId, body: Claim) -> Result<Claimed, LinkError> {
        Ok(Client::claim(self, worker, &body).await?)
    }

    async fn report(&self, worker: WorkerId, body: Reports) -> Result<Reported, LinkError> {
        Client::report(self, worker, &body).await.map_err(about_results)
    }

    async fn leave(&self, worker: WorkerId, incarnation: Uuid) -> Result<(), LinkError> {
        Ok(Client::leave(self, worker, &Leave { incarnation }).await.map(|_| ())?)
    }

    async fn append_log(
        &self,
        attempt: AttemptId,
        epoch: Epoch,
        offset: u64,
        piece: Vec<u8>,
    ) -> Result<Appended, LinkError> {
        Client::append_log(self, attempt, epoch, offset, piece).await.map_err(about_data)
    }

    async fn artifacts(&self, test: TestId) -> Result<Vec<Artifact>, LinkError> {
        let (outcome, limit) = (Some(Outcome::Passed), Some(1));
        let query = AttemptQuery { test: Some(test), outcome, limit, ..AttemptQuery::default() };
        let found = self.attempts(&query).await.map_err(about_data)?;
        Ok(found.items.into_iter().flat_map(|attempt| attempt.detail.artifacts).collect())
    }

    async fn put_blob(&self, sha256: String, run: RunId, file: PathBuf) -> Result<(), LinkError> {
        Client::put_blob_of_run(self, &sha256, run, &file).await.map_err(about_data)
    }

    async fn get_blob(&self, sha256: String, limit: u64, file: PathBuf) -> Result<(), LinkError> {
        Client::get_blob_into(self, &sha256, limit, &file).await.map_err(about_data)
    }
}

impl WeightsLink for Client {
    async fn weights_manifest(&self, sha256: String) -> Result<Manifest, LinkError> {
        Client::weights_manifest(self, &sha256).await.map_err(about_data)
    }

    async fn weights_chunk(
        &self,
        sha256: String,
        pieces: mpsc::Sender<Bytes>,
    ) -> Result<(), LinkError> {
        let mut chunk = Client::weights_chunk(self, &sha256, 0).await.map_err(about_data)?;
        while let Some(piece) = chunk.next().await.map_err(about_data)? {
            if pieces.send(piece).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_coordinator_can_refuse_results() {
        let answer = |status, body: &str| ClientError::from_response(status, None, body.as_bytes());
        let own = answer(422, r#"{"code":"unprocessable","message":"a metric is not finite"}"#);
        assert!(matches!(about_results(own), LinkError::Refused(_)));
        let page = answer(413, "<html>too large</html>");
        assert!(matches!(about_results(page), LinkError::Away(_)));
        let full = answer(507, r#"{"code":"storage_full","message":"no space left"}"#);
        assert!(matches!(about_data(full), LinkError::Full(_)));
        let down = answer(502, "<html>bad gateway</html>");
        assert!(matches!(about_data(down), LinkError::Away(_)));
        let missing = answer(422, r#"{"code":"missing_file","message":"send it again"}"#);
        assert!(matches!(about_results(missing), LinkError::MissingFile(_)));
        let damaged =
            answer(500, r#"{"code":"damaged","message":"x is damaged","hint":"upload it"}"#);
        let LinkError::Refused(reason) = about_data(damaged) else { panic!("not refused") };
        assert!(reason.ends_with("x is damaged; upload it"), "{reason}");
    }
}
