//! The requests of a worker to its coordinator, independent of the transport.
//!
//! `http` implements them with the HTTP client, tests in memory.

mod http;

use crate::api::v1::leases::{Claim, Claimed, Reported, Reports};
use crate::api::v1::logs::Appended;
use crate::api::v1::test_views::Artifact;
use crate::api::v1::workers::{Heartbeat, HeartbeatAnswer, Register, Registered};
use crate::domain::id::{AttemptId, Epoch, RunId, TestId, WorkerId};
use crate::domain::weights::Manifest;
use bytes::Bytes;
use std::future::Future;
use std::path::PathBuf;
use tokio::sync::mpsc;
use uuid::Uuid;

/// Reasons for which a request failed, as far as the worker distinguishes them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The coordinator is unreachable, busy or restarting. The same request may succeed later.
    #[error("the coordinator is not available: {0}")]
    Away(String),
    /// The disk of the coordinator is full. The same request may succeed later.
    #[error("the coordinator cannot store the file: {0}")]
    Full(String),
    /// The coordinator does not know the worker (any more), which has to register again.
    #[error("the coordinator does not know this worker: {0}")]
    Unknown(String),
    /// Another process uses the key of this worker.
    #[error("another process uses the identity of this worker: {0}")]
    Taken(String),
    /// The request is invalid. Repeating it is useless.
    #[error("the coordinator refused: {0}")]
    Refused(String),
    /// Another protocol or service is at the address. Repeating the request is useless.
    #[error("{0}")]
    Misaddressed(String),
    /// A report names a file that the coordinator does not have. It has to be sent again.
    #[error("the coordinator lacks a file of a result: {0}")]
    MissingFile(String),
    /// The coordinator does not store these files of results. Repeating the request is useless.
    #[error("the coordinator does not store {}", files.first().map_or("a file", |file| &*file.reason))]
    RefusedFiles { files: Vec<RefusedFile> },
    /// A file of this machine cannot be read or written.
    #[error("{0}")]
    Local(String),
    #[error("the coordinator does not accept the token: {0}")]
    Unauthorized(String),
}

/// A file that the coordinator does not store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedFile {
    pub sha256: String,
    pub reason: String,
}

/// Requests for weights. Each future ends within a bounded time.
pub trait WeightsLink: Send + Sync + 'static {
    /// The list of the files of weights, which has this digest.
    fn weights_manifest(
        &self,
        sha256: String,
    ) -> impl Future<Output = Result<Manifest, LinkError>> + Send;

    /// Sends the content of a chunk of weights to `pieces` as it arrives. The receiver compares the
    /// content with the digest. Ends without an error when the receiver is gone.
    fn weights_chunk(
        &self,
        sha256: String,
        pieces: mpsc::Sender<Bytes>,
    ) -> impl Future<Output = Result<(), LinkError>> + Send;
}

/// Requests to the coordinator. Each future ends within a bounded time.
pub trait Link: WeightsLink {
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

    /// Appends output at `offset`. A piece that the coordinator already has is not an error.
    fn append_log(
        &self,
        attempt: AttemptId,
        epoch: Epoch,
        offset: u64,
        piece: Vec<u8>,
    ) -> impl Future<Output = Result<Appended, LinkError>> + Send;

    /// The artifacts of a test. Empty unless the test has passed.
    fn artifacts(
        &self,
        test: TestId,
    ) -> impl Future<Output = Result<Vec<Artifact>, LinkError>> + Send;

    /// Stores a file as part of the results of a run. The file is read while it is sent.
    fn put_blob(
        &self,
        sha256: String,
        run: RunId,
        file: PathBuf,
    ) -> impl Future<Output = Result<(), LinkError>> + Send;

    /// Writes a blob of at most `limit` bytes into a file, which may have a part of it after an error.
    /// The caller compares the content with the digest.
    fn get_blob(
        &self,
        sha256: String,
        limit: u64,
        file: PathBuf,
    ) -> impl Future<Output = Result<(), LinkError>> + Send;
}
