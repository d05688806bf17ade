//! Upload and download of files by their SHA-256.

use crate::api::v1::blobs::UploadQuery;
use crate::api::{MAX_BLOB_BYTES, transfer_time};
use crate::client::error::ClientError;
use crate::client::http::{Client, Payload, SendOptions, bad_response, read_limited, reason};
use crate::domain::id::RunId;
use reqwest::Method;
use std::path::Path;
use tokio::io::AsyncWriteExt;

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

    /// Stores the content of a file under its digest, as part of the results of `run`. The file is read
    /// while it is sent, so its size costs no memory.
    ///
    /// # Errors
    /// As for [`Client::put_blob`], and [`ClientError::Local`] if the file cannot be read.
    pub async fn put_blob_of_run(
        &self,
        sha256: &str,
        run: RunId,
        file: &Path,
    ) -> Result<(), ClientError> {
        let inspected = tokio::fs::metadata(file).await;
        let size = inspected.map_err(|error| ClientError::local(file, error))?.len();
        let query = UploadQuery { run: Some(run) };
        let request = self.request(Method::PUT, &path(sha256)).query(&query);
        let options = SendOptions { extra_time: transfer_time(size), ..SendOptions::REPEATABLE };
        self.send(request, &Payload::File(file.to_owned(), size), options).await?;
        Ok(())
    }

    /// Writes a whole blob of `limit` bytes into `file`, piece by piece. The rest of a larger one is not
    /// read. The caller checks size and digest.
    ///
    /// # Errors
    /// The blob is missing or damaged, and [`ClientError::Local`] if the file cannot be
    /// written.
    pub async fn get_blob_into(
        &self,
        sha256: &str,
        limit: u64,
        file: &Path,
    ) -> Result<(), ClientError> {
        let path = path(sha256);
        let options = SendOptions { extra_time: transfer_time(limit), ..SendOptions::REPEATABLE };
        let request = self.request(Method::GET, &path);
        let mut response = self.send(request, &Payload::None, options).await?;
        let local = |error| ClientError::local(file, error);
        let mut target = tokio::fs::File::create(file).await.map_err(local)?;
        let mut size = 0;
        loop {
            let piece = response.chunk().await;
            let piece = piece.map_err(|error| bad_response(&path, reason(&error)))?;
            let Some(piece) = piece else { break };
            size += piece.len() as u64;
            target.write_all(&piece).await.map_err(local)?;
            if size > limit {
                break;
            }
        }
        target.flush().await.map_err(local)
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
