//! Requests to the model hub: the list of the files of a model, and the small files that describe it.
//!
//! Limits: [`MAX_CONFIG_BYTES`] per file, short time limits and no repeats, so that a machine without
//! a network is not delayed.
//!
//! Promises: only the requested files are fetched. The token is sent only to the address of the hub,
//! in one header, and never appears in a message.

use crate::client::http::{read_limited, reason};
use crate::client::secret::Secret;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// Maximum size of a file, in bytes.
pub const MAX_CONFIG_BYTES: usize = 1 << 20;
/// Time limit of a connection. It is short for machines without a network.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Time limit of one file.
const FILE_TIMEOUT: Duration = Duration::from_secs(10);
/// Header with the commit of a file.
const COMMIT_HEADER: &str = "x-repo-commit";

/// A client of the model hub. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Hub {
    http: reqwest::Client,
    base: Url,
    token: Option<HeaderValue>,
}

/// A file of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubFile {
    pub text: Vec<u8>,
    /// Commit of the file; empty if the hub does not report it.
    pub commit: String,
}

/// The reason why the hub does not provide a file.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    #[error("{0} is not the address of a hub")]
    Address(String),
    #[error("the token of the hub contains characters that an HTTP header cannot carry")]
    Token,
    /// There is no connection, or no response within the time limit.
    #[error("the hub cannot be reached: {0}")]
    Unreachable(String),
    /// The hub is reachable but does not provide the file.
    #[error("the hub responded with status {status} to the request for {file}")]
    Refused { status: u16, file: String },
}

impl Hub {
    /// # Errors
    /// The address is not one of a hub, or an HTTP header cannot carry the token.
    pub fn new(address: &str, token: Option<&Secret>) -> Result<Self, HubError> {
        let bad = || HubError::Address(address.to_owned());
        let mut base: Url = address.parse().map_err(|_| bad())?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(bad());
        }
        if !base.path().ends_with('/') {
            let path = format!("{}/", base.path());
            base.set_path(&path);
        }
        let token = match token {
            None => None,
            Some(token) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {}", token.reveal()))
                    .map_err(|_| HubError::Token)?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(FILE_TIMEOUT)
            // The hub may redirect to its store. reqwest drops the token if the host differs.
            .redirect(Policy::limited(3))
            .build()
            .map_err(|error| HubError::Unreachable(reason(&error)))?;
        Ok(Self { http, base, token })
    }

    /// The names of the files of a model in a revision. None if there is no such model, this hub does
    /// not list files, or the list exceeds `MAX_CONFIG_BYTES`.
    ///
    /// # Errors
    /// The hub cannot be reached.
    pub async fn names(
        &self,
        model: &str,
        revision: &str,
    ) -> Result<Option<BTreeSet<String>>, HubError> {
        #[derive(Deserialize)]
        struct Listing {
            siblings: Vec<Sibling>,
        }
        #[derive(Deserialize)]
        struct Sibling {
            rfilename: String,
        }
        let response = match self.get(&format!("api/models/{model}/revision/{revision}")).await {
            Ok(Some(response)) => response,
            // The hub may still provide the files.
            Ok(None) | Err(HubError::Refused { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let text = read_limited(response, MAX_CONFIG_BYTES).await;
        let listing = text.ok().and_then(|text| serde_json::from_slice::<Listing>(&text).ok());
        Ok(listing
            .map(|listing| listing.siblings.into_iter().map(|sibling| sibling.rfilename).collect()))
    }

    /// Reads one file of a model in a revision. None if there is no such file or no such model.
    ///
    /// # Errors
    /// See [`HubError`].
    pub async fn file(
        &self,
        model: &str,
        revision: &str,
        file: &str,
    ) -> Result<Option<HubFile>, HubError> {
        let Some(response) = self.get(&format!("{model}/resolve/{revision}/{file}")).await? else {
            return Ok(None);
        };
        let commit = response.headers().get(COMMIT_HEADER).and_then(|value| value.to_str().ok());
        let commit = commit.unwrap_or_default().to_owned();
        let text = read_limited(response, MAX_CONFIG_BYTES).await;
        Ok(Some(HubFile { text: text.map_err(HubError::Unreachable)?, commit }))
    }

    /// The response for a path; None for status 404.
    async fn get(&self, path: &str) -> Result<Option<reqwest::Response>, HubError> {
        let url = self.base.join(path).map_err(|_| HubError::Address(path.to_owned()))?;
        let mut request = self.http.get(url);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        let response = request.send().await.map_err(|e| HubError::Unreachable(reason(&e)))?;
        let status = response.status();
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !status.is_success() {
            return Err(HubError::Refused { status: status.as_u16(), file: path.to_owned() });
        }
        Ok(Some(response))
    }
}
