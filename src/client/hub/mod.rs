//! Requests to the model hub: the commit of a revision with the list of its files, and the small files
//! that describe a model.
//!
//! Limits: [`MAX_CONFIG_BYTES`] per file, [`MAX_LISTING_BYTES`] per list, short time limits, so that a
//! machine without a network is not delayed. Only a request that the hub postpones (status 429) is
//! repeated, at most [`MAX_REPEATS`] times and within [`MAX_PAUSE`].
//!
//! Promises: only the requested files are fetched. The token is sent only to the address of the hub,
//! in one header, and never appears in a message.

mod error;
mod listing;

pub use error::HubError;
pub use listing::{HubListing, ListedFile};

use crate::client::http::{read_limited, reason};
use crate::client::secret::Secret;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{StatusCode, Url};
use std::time::Duration;

/// Maximum size of a file, in bytes.
pub const MAX_CONFIG_BYTES: usize = 1 << 20;
/// Maximum size of the list of files of a model, in bytes.
const MAX_LISTING_BYTES: usize = 16 << 20;
/// Time limit of a connection. It is short for machines without a network.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Time limit of one file or list.
const FILE_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum number of times that a postponed request is repeated.
const MAX_REPEATS: u32 = 2;
/// Maximum pause before a repetition. A hub that asks for a longer one is not asked again.
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// Pause if the hub does not report one.
const USUAL_PAUSE: Duration = Duration::from_secs(1);
/// Header with the commit of a file.
const COMMIT_HEADER: &str = "x-repo-commit";
/// Header with the reason of a refusal.
const ERROR_HEADER: &str = "x-error-code";

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

impl Hub {
    /// # Errors
    /// The address is not one of a hub, or an HTTP header cannot carry the token.
    pub fn new(address: &str, token: Option<&Secret>) -> Result<Self, HubError> {
        Self::with_time_limit(address, token, FILE_TIMEOUT)
    }

    /// As [`Self::new`], with a time limit for one file or list.
    ///
    /// # Errors
    /// The same.
    pub fn with_time_limit(
        address: &str,
        token: Option<&Secret>,
        limit: Duration,
    ) -> Result<Self, HubError> {
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
            .timeout(limit)
            // The hub may redirect to its store. reqwest drops the token if the host differs.
            .redirect(Policy::limited(3))
            .build()
            .map_err(|error| HubError::Unreachable(reason(&error)))?;
        Ok(Self { http, base, token })
    }

    /// The commit of a revision, with the files of the model at this commit. `None` if this hub does
    /// not list files, as mirrors that serve only files.
    ///
    /// # Errors
    /// See [`HubError`].
    pub async fn listing(
        &self,
        model: &str,
        revision: &str,
    ) -> Result<Option<HubListing>, HubError> {
        let path = format!("api/models/{model}/revision/{}?blobs=true", escaped(revision));
        let Some(response) = self.get(&path, model, revision).await? else { return Ok(None) };
        let text = read_limited(response, MAX_LISTING_BYTES).await;
        let text = text.map_err(|error| cut(&error))?;
        HubListing::parse(&text).map(Some).map_err(HubError::Response)
    }

    /// Reads one file of a model in a revision. `None` if there is no such file or no such model.
    ///
    /// # Errors
    /// See [`HubError`].
    pub async fn file(
        &self,
        model: &str,
        revision: &str,
        file: &str,
    ) -> Result<Option<HubFile>, HubError> {
        let path = format!("{model}/resolve/{}/{file}", escaped(revision));
        let response = match self.get(&path, model, revision).await {
            Ok(Some(response)) => response,
            Ok(None) | Err(HubError::NoModel(_) | HubError::NoRevision { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let commit = response.headers().get(COMMIT_HEADER).and_then(|value| value.to_str().ok());
        let commit = commit.unwrap_or_default().to_owned();
        let text = read_limited(response, MAX_CONFIG_BYTES).await;
        Ok(Some(HubFile { text: text.map_err(|error| cut(&error))?, commit }))
    }

    /// The address of a file, and the value of the header `Authorization` for it. The header is for the
    /// host of this address only: the hub redirects to stores of others.
    ///
    /// # Errors
    /// Model or file are not parts of an address.
    pub fn location(
        &self,
        model: &str,
        commit: &str,
        file: &str,
    ) -> Result<(Url, Option<HeaderValue>), HubError> {
        let path = format!("{model}/resolve/{}/{file}", escaped(commit));
        Ok((self.address(&path)?, self.token.clone()))
    }

    /// The error for a response of the hub that is not successful, to a request for a file of a model.
    #[must_use]
    pub fn refusal(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        model: &str,
        revision: &str,
        file: &str,
    ) -> HubError {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let code = header(ERROR_HEADER).unwrap_or_default();
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => HubError::Denied {
                model: model.to_owned(),
                status: status.as_u16(),
                gated: code == "GatedRepo",
                has_token: self.token.is_some(),
            },
            StatusCode::TOO_MANY_REQUESTS => HubError::Busy {
                retry_after: header(RETRY_AFTER.as_str()).and_then(|text| text.trim().parse().ok()),
            },
            StatusCode::NOT_FOUND if code == "RevisionNotFound" => {
                HubError::NoRevision { model: model.to_owned(), revision: revision.to_owned() }
            }
            StatusCode::NOT_FOUND if code == "RepoNotFound" => HubError::NoModel(model.to_owned()),
            _ => HubError::Refused { status: status.as_u16(), file: file.to_owned() },
        }
    }

    fn address(&self, path: &str) -> Result<Url, HubError> {
        self.base.join(path).map_err(|_| HubError::Address(path.to_owned()))
    }

    /// The response for a path; `None` for status 404 without a reason.
    async fn get(
        &self,
        path: &str,
        model: &str,
        revision: &str,
    ) -> Result<Option<reqwest::Response>, HubError> {
        let mut repeats = 0;
        loop {
            let mut request = self.http.get(self.address(path)?);
            if let Some(token) = &self.token {
                request = request.header(AUTHORIZATION, token.clone());
            }
            let response = request.send().await.map_err(|e| HubError::Unreachable(reason(&e)))?;
            let status = response.status();
            if status.is_success() {
                return Ok(Some(response));
            }
            let error = self.refusal(status, response.headers(), model, revision, path);
            if matches!(error, HubError::Refused { status: 404, .. }) {
                return Ok(None);
            }
            let HubError::Busy { retry_after } = &error else { return Err(error) };
            let pause = retry_after.map_or(USUAL_PAUSE, Duration::from_secs);
            if repeats == MAX_REPEATS || pause > MAX_PAUSE {
                return Err(error);
            }
            repeats += 1;
            tokio::time::sleep(pause).await;
        }
    }
}

/// A revision as one part of an address: the names of branches may contain `/`.
fn escaped(revision: &str) -> String {
    revision.replace('/', "%2F")
}

fn cut(error: &str) -> HubError {
    HubError::Unreachable(format!("its response is incomplete: {error}"))
}
