//! Upload and download of files by their SHA-256.

use crate::api::{MAX_BLOB_BYTES, transfer_time};
use crate::client::error::ClientError;
use crate::client::http::{Client, Payload, SendOptions, bad_response, read_limited};
use reqwest::Method;

fn path(sha256: &str) -> String {
    format!("api/v1/blobs/{sha256}")
}

impl Client {
    /// Stores `content` under its digest, which the coordinator checks. Repeating the call is harmless.
    pub async fn put_blob(&self, sha256: &str, content: Vec<u8>) -> Result<(), ClientError> {
        let request = self.request(Method::PUT, &path(sha256));
        let options = SendOptions {
            extra_time: transfer_time(content.len() as u64),
            ..SendOptions::REPEATABLE
        };
        self.send(request, &Payload::Bytes(content), options).await?;
        Ok(())
    }

    /// Reads a whole blob, at most [`MAX_BLOB_BYTES`]. The caller checks the digest.
    pub async fn get_blob(&self, sha256: &str) -> Result<Vec<u8>, ClientError> {
        let path = path(sha256);
        let request = self.request(Method::GET, &path);
        // The size is not known before the response.
        let options =
            SendOptions { extra_time: transfer_time(MAX_BLOB_BYTES), ..SendOptions::REPEATABLE };
        let response = self.send(request, &Payload::None, options).await?;
        let max_bytes = usize::try_from(MAX_BLOB_BYTES).unwrap_or(usize::MAX);
        read_limited(response, max_bytes).await.map_err(|reason| bad_response(&path, reason))
    }

    /// Whether the coordinator has a file with this digest.
    pub async fn has_blob(&self, sha256: &str) -> Result<bool, ClientError> {
        let request = self.request(Method::HEAD, &path(sha256));
        match self.send(request, &Payload::None, SendOptions::REPEATABLE).await {
            Ok(_) => Ok(true),
            Err(ClientError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
