//! Requests for the weights of a coordinator: what is stored, and their manifests and chunks.

mod push;

pub use push::{PushError, Pushing};

use crate::api::transfer_time;
use crate::api::v1::weights::{
    MissingChunks, PushQuery, RemovedWeights, VerifiedChunks, VerifyChunks, WeightsList,
};
use crate::client::error::ClientError;
use crate::client::http::{
    Client, NO_QUERY, Payload, SendOptions, bad_response, decode, read_limited, reason,
};
use crate::domain::digest::sha256_hex;
use crate::domain::weights::{CHUNK_BYTES, MAX_MANIFEST_BYTES, Manifest};
use bytes::Bytes;
use reqwest::header::RANGE;
use reqwest::{Method, Response, StatusCode};
use std::path::Path;

const PATH: &str = "api/v1/weights";
/// Maximum size of a list of chunks, in bytes.
const MAX_LIST_BYTES: usize = 64 * 1024 * 1024;
/// A request with a manifest.
const MANIFEST: SendOptions =
    SendOptions { repeatable: true, extra_time: transfer_time(MAX_MANIFEST_BYTES as u64) };

fn path(sha256: &str) -> String {
    format!("{PATH}/{sha256}")
}

fn chunk_path(sha256: &str) -> String {
    format!("{PATH}/chunks/{sha256}")
}

/// The content of a chunk that arrives.
#[derive(Debug)]
pub struct WeightsChunk {
    response: Response,
    path: String,
}

impl WeightsChunk {
    /// The next piece; `None` at the end. The caller compares the whole with its digest.
    ///
    /// # Errors
    /// The content broke off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        let piece = self.response.chunk().await;
        piece.map_err(|error| bad_response(&self.path, reason(&error)))
    }
}

impl Client {
    /// Lists the stored weights.
    pub async fn weights(&self) -> Result<WeightsList, ClientError> {
        self.get(PATH, &NO_QUERY).await
    }

    /// The manifest with this digest.
    ///
    /// # Errors
    /// See [`ClientError`]; also if the answer has another digest, or is not a manifest.
    pub async fn weights_manifest(&self, sha256: &str) -> Result<Manifest, ClientError> {
        let path = path(sha256);
        let response =
            self.send(self.request(Method::GET, &path), &Payload::None, MANIFEST).await?;
        let text = read_limited(response, MAX_MANIFEST_BYTES).await;
        let text = text.map_err(|reason| bad_response(&path, reason))?;
        if sha256_hex(&text) != sha256 {
            return Err(bad_response(&path, "the manifest does not match its digest".to_owned()));
        }
        Manifest::parse(&text).map_err(|error| bad_response(&path, error.to_string()))
    }

    /// Begins to receive a chunk from the byte `from`.
    ///
    /// # Errors
    /// See [`ClientError`]; `NotFound` if the chunk is not stored, code `damaged` if it is damaged.
    pub async fn weights_chunk(
        &self,
        sha256: &str,
        from: u64,
    ) -> Result<WeightsChunk, ClientError> {
        let path = chunk_path(sha256);
        let mut request = self.request(Method::GET, &path);
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let options =
            SendOptions { extra_time: transfer_time(CHUNK_BYTES), ..SendOptions::REPEATABLE };
        let response = self.send(request, &Payload::None, options).await?;
        let expected = if from > 0 { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        if response.status() != expected {
            let reason = format!("status {} instead of {expected}", response.status());
            return Err(bad_response(&path, reason));
        }
        Ok(WeightsChunk { response, path })
    }

    /// Reads up to [`crate::api::v1::weights::MAX_VERIFIED`] stored chunks and compares them with
    /// their digests.
    pub async fn verify_chunks(&self, chunks: &[String]) -> Result<VerifiedChunks, ClientError> {
        let body = VerifyChunks { chunks: chunks.to_vec() };
        let options = SendOptions {
            extra_time: transfer_time(CHUNK_BYTES * chunks.len() as u64 / 8),
            ..SendOptions::REPEATABLE
        };
        self.post(&format!("{PATH}/verify"), &body, options).await
    }

    /// Removes stored weights.
    ///
    /// # Errors
    /// See [`ClientError`]; `Conflict` if a test that has not ended needs them.
    pub async fn remove_weights(&self, sha256: &str) -> Result<RemovedWeights, ClientError> {
        let path = path(sha256);
        let request = self.request(Method::DELETE, &path);
        let response = self.send(request, &Payload::None, SendOptions::ONCE).await?;
        decode(&path, response, MAX_LIST_BYTES).await
    }

    /// The chunks of a manifest that the coordinator lacks.
    async fn missing_chunks(
        &self,
        sha256: &str,
        manifest: &Payload,
    ) -> Result<MissingChunks, ClientError> {
        let path = format!("{}/missing", path(sha256));
        let request = self.request(Method::POST, &path);
        let response = self.send(request, manifest, MANIFEST).await?;
        decode(&path, response, MAX_LIST_BYTES).await
    }

    /// Stores a part of a file as a chunk. The file is read while it is sent.
    async fn put_chunk(
        &self,
        sha256: &str,
        file: &Path,
        offset: u64,
        size: u64,
    ) -> Result<(), ClientError> {
        let request = self.request(Method::PUT, &chunk_path(sha256));
        let options = SendOptions { extra_time: transfer_time(size), ..SendOptions::REPEATABLE };
        let payload = Payload::Part { file: file.to_owned(), offset, size };
        self.send(request, &payload, options).await?;
        Ok(())
    }

    /// Stores a manifest, all of whose chunks the coordinator has.
    async fn put_manifest(
        &self,
        sha256: &str,
        manifest: &Payload,
        query: &PushQuery,
    ) -> Result<(), ClientError> {
        let request = self.request(Method::PUT, &path(sha256)).query(query);
        self.send(request, manifest, MANIFEST).await?;
        Ok(())
    }
}
