//! How commands find a `dtf run` that is active in a data directory: it publishes its address and
//! token in a file there that only the owner can read.
//!
//! Promises: the file is removed at the end of the run. A file that a killed process left is
//! ignored, because nothing answers at its address, or a coordinator with another identity.
//! Limit: [`ANSWER_TIMEOUT`] for an answer.

use crate::client::{Client, ClientError, ClientOptions, Retry, Secret};
use crate::coordinator;
use crate::sys::fs::{open_plain, write_whole};
use serde::{Deserialize, Serialize};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Name of the file in a data directory.
const FILE_NAME: &str = "serving.json";
/// Maximum size of the file, in bytes.
const MAX_BYTES: u64 = 4096;
/// Time limit for the answer of a run.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Serialize, Deserialize)]
struct Serving {
    process: u32,
    url: String,
    token: String,
}

/// A published address. Removed when dropped.
#[derive(Debug)]
pub struct Published(PathBuf);

impl Published {
    /// # Errors
    /// The directory cannot be written.
    pub fn new(data_dir: &Path, url: &str, token: &str) -> std::io::Result<Self> {
        let path = data_dir.join(FILE_NAME);
        let (url, token) = (url.to_owned(), token.to_owned());
        let content = serde_json::to_vec(&Serving { process: std::process::id(), url, token })?;
        write_whole(&path, &content)?;
        Ok(Self(path))
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, file = %self.0.display(), "cannot remove");
        }
    }
}

/// A `dtf run` that is active.
pub struct Working {
    pub process: u32,
    pub client: Client,
}

/// Finds the `dtf run` that is active in this directory and answers.
pub async fn find(data_dir: &Path) -> Option<Working> {
    let Serving { process, url, token } = read(data_dir)?;
    let mut options = ClientOptions::new(url);
    options.token = Some(Secret::new(token));
    let client = Client::new(options.clone()).ok()?;
    options.retry = Retry::NEVER;
    options.timeout = ANSWER_TIMEOUT;
    let answer = Client::new(options).ok()?.status().await;
    let identity = coordinator::identity_of(data_dir);
    match answer {
        // Another program may use the port by now.
        Ok(status) if Some(&status.coordinator) == identity.as_ref() => {
            Some(Working { process, client })
        }
        Ok(_) => None,
        Err(error) => {
            if !matches!(error, ClientError::Unreachable { refused: true, .. }) {
                tracing::warn!("`dtf run` (process {process}) does not answer: {error}");
            }
            None
        }
    }
}

fn read(data_dir: &Path) -> Option<Serving> {
    let mut content = Vec::new();
    let file = open_plain(&data_dir.join(FILE_NAME)).ok()?;
    file.take(MAX_BYTES).read_to_end(&mut content).ok()?;
    serde_json::from_slice(&content).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_killed_run_left_is_passed_over() {
        let directory = tempfile::tempdir().expect("a directory");
        assert!(find(directory.path()).await.is_none(), "nothing was published");
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port")
            .port();
        let url = format!("http://127.0.0.1:{port}");
        let published = Published::new(directory.path(), &url, "secret").expect("published");
        let read = read(directory.path()).expect("read");
        assert_eq!((read.process, &*read.url, &*read.token), (std::process::id(), &*url, "secret"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let data = std::fs::metadata(&published.0).expect("there");
            assert_eq!(data.permissions().mode() & 0o777, 0o600);
        }
        assert!(find(directory.path()).await.is_none(), "nobody listens there");
        for damaged in ["", "{", "{\"process\":1,\"url\":\"nonsense\",\"token\":\"\"}"] {
            std::fs::write(&published.0, damaged).expect("written");
            assert!(find(directory.path()).await.is_none(), "{damaged}");
        }
        let path = published.0.clone();
        drop(published);
        assert!(!path.exists());
    }
}
