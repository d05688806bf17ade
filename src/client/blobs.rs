//! Files by content.

use crate::api::{MAX_BLOB_BYTES, transfer_time};
use crate::client::error::ClientError;
use crate::client::http::{Care, Client, Payload, bad, read_limited};
use reqwest::Method;

fn path(sha256: &str) -> String {
    format!("api/v1/blobs/{sha256}")
}

impl Client {
    /// Stores `content` under its digest; the coordinator checks it. A repeat is harmless.
    pub async fn put_blob(&self, sha256: &str, content: Vec<u8>) -> Result<(), ClientError> {
        let request = self.request(Method::PUT, &path(sha256));
        let care = Care { extra: transfer_time(content.len() as u64), ..Care::REPEATABLE };
        self.send(request, &Payload::Bytes(content), care).await?;
        Ok(())
    }

    /// The whole blob, at most [`MAX_BLOB_BYTES`]. The caller checks the digest.
    pub async fn get_blob(&self, sha256: &str) -> Result<Vec<u8>, ClientError> {
        let path = path(sha256);
        let request = self.request(Method::GET, &path);
        // How long it is shows only with the answer.
        let care = Care { extra: transfer_time(MAX_BLOB_BYTES), ..Care::REPEATABLE };
        let answer = self.send(request, &Payload::None, care).await?;
        let most = usize::try_from(MAX_BLOB_BYTES).unwrap_or(usize::MAX);
        read_limited(answer, most).await.map_err(|reason| bad(&path, reason))
    }

    /// Whether the coordinator has it.
    pub async fn has_blob(&self, sha256: &str) -> Result<bool, ClientError> {
        let request = self.request(Method::HEAD, &path(sha256));
        match self.send(request, &Payload::None, Care::REPEATABLE).await {
            Ok(_) => Ok(true),
            Err(ClientError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
