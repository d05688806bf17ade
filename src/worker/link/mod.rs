//! What a worker needs from the coordinator, whoever carries it.
//!
//! The client implements this over HTTP, tests in memory.

mod http;

use crate::api::v1::leases::{Claim, Claimed, Reported, Reports};
use crate::api::v1::logs::Appended;
use crate::api::v1::test_views::Artifact;
use crate::api::v1::workers::{Heartbeat, HeartbeatAnswer, Register, Registered};
use crate::domain::id::{AttemptId, Epoch, TestId, WorkerId};
use std::future::Future;
use uuid::Uuid;

/// Why a request did not work out, as far as the worker acts on it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Out of reach, busy or restarting: the same request may work later.
    #[error("the coordinator is out of reach: {0}")]
    Away(String),
    /// The worker is not known there (any more): register again.
    #[error("the coordinator does not know this worker: {0}")]
    Unknown(String),
    /// Another process goes by this worker's key.
    #[error("the coordinator knows another process by this worker's identity: {0}")]
    Taken(String),
    /// The request makes no sense: no repeat helps.
    #[error("the coordinator refused: {0}")]
    Refused(String),
    /// Another protocol is spoken at the address: no repeat helps.
    #[error("{0}")]
    Misaddressed(String),
    #[error("the coordinator does not accept the token: {0}")]
    Unauthorized(String),
}

/// Requests to the coordinator. Each future gives up by itself in bounded time.
pub trait Link: Send + Sync + 'static {
    fn register(
        &self,
        body: Register,
    ) -> impl Future<Output = Result<Registered, LinkError>> + Send;

    fn heartbeat(
        &self,
        worker: WorkerId,
        body: Heartbeat,
    ) -> impl Future<Output = Result<HeartbeatAnswer, LinkError>> + Send;

    fn claim(
        &self,
        worker: WorkerId,
        body: Claim,
    ) -> impl Future<Output = Result<Claimed, LinkError>> + Send;

    fn report(
        &self,
        worker: WorkerId,
        body: Reports,
    ) -> impl Future<Output = Result<Reported, LinkError>> + Send;

    fn leave(
        &self,
        worker: WorkerId,
        incarnation: Uuid,
    ) -> impl Future<Output = Result<(), LinkError>> + Send;

    /// `offset` is where the piece belongs; a piece that is there already is no fault.
    fn append_log(
        &self,
        attempt: AttemptId,
        epoch: Epoch,
        offset: u64,
        piece: Vec<u8>,
    ) -> impl Future<Output = Result<Appended, LinkError>> + Send;

    /// What the test hands on; nothing unless it has passed.
    fn artifacts(
        &self,
        test: TestId,
    ) -> impl Future<Output = Result<Vec<Artifact>, LinkError>> + Send;

    fn put_blob(
        &self,
        sha256: String,
        content: Vec<u8>,
    ) -> impl Future<Output = Result<(), LinkError>> + Send;

    /// At most `limit` bytes; more is refused.
    fn get_blob(
        &self,
        sha256: String,
        limit: u64,
    ) -> impl Future<Output = Result<Vec<u8>, LinkError>> + Send;
}
