//! The model hub, as far as dtf asks it: the small files that describe a model.
//!
//! Limits: `MAX_CONFIG_BYTES` a file, short timeouts, no repeats: without a network the
//! answer is quick. Promises: nothing but the named files is fetched; the token goes to the
//! hub's own address only, in one header, and never into a message.

use crate::client::http::{read_limited, reason};
use crate::client::secret::Secret;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// Largest file.
pub const MAX_CONFIG_BYTES: usize = 1 << 20;
/// Until a connection stands; a machine without a network finds out here.
const CONNECT: Duration = Duration::from_secs(2);
/// For one file.
const WHOLE: Duration = Duration::from_secs(10);
/// Header in which the hub names the commit of a file.
const COMMIT: &str = "x-repo-commit";

/// Cheap to clone.
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
    /// Commit that it is from; empty when the hub does not say.
    pub commit: String,
}

#[derive(Debug, thiserror::Error)]
pub enum HubError {
    #[error("{0} is not the address of a hub")]
    Address(String),
    /// No connection, or none that answers in time.
    #[error("the hub cannot be reached: {0}")]
    Unreachable(String),
    /// It is there, and does not give the file.
    #[error("the hub answered {status} for {file}")]
    Refused { status: u16, file: String },
}

impl Hub {
    /// # Errors
    /// An address that is none, or a token that no header can carry.
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
                    .map_err(|_| HubError::Address("the token holds odd characters".into()))?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            // Small files come from the hub itself or from its own store; reqwest drops the
            // token when another host is named.
            .redirect(Policy::limited(3))
            .build()
            .map_err(|error| HubError::Unreachable(reason(&error)))?;
        Ok(Self { http, base, token })
    }

    /// The files of a model in a revision. None: no such model, or this hub lists none, or more
    /// than fit in `MAX_CONFIG_BYTES`.
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
        let answer = match self.get(&format!("api/models/{model}/revision/{revision}")).await {
            Ok(Some(answer)) => answer,
            // The files may be there all the same.
            Ok(None) | Err(HubError::Refused { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let text = read_limited(answer, MAX_CONFIG_BYTES).await;
        let listing = text.ok().and_then(|text| serde_json::from_slice::<Listing>(&text).ok());
        Ok(listing
            .map(|listing| listing.siblings.into_iter().map(|sibling| sibling.rfilename).collect()))
    }

    /// One file of a model in a revision. `Ok(None)`: the model has no such file, or there is
    /// no such model.
    ///
    /// # Errors
    /// See [`HubError`].
    pub async fn file(
        &self,
        model: &str,
        revision: &str,
        file: &str,
    ) -> Result<Option<HubFile>, HubError> {
        let Some(answer) = self.get(&format!("{model}/resolve/{revision}/{file}")).await? else {
            return Ok(None);
        };
        let commit = answer.headers().get(COMMIT).and_then(|value| value.to_str().ok());
        let commit = commit.unwrap_or_default().to_owned();
        let text = read_limited(answer, MAX_CONFIG_BYTES).await;
        Ok(Some(HubFile { text: text.map_err(HubError::Unreachable)?, commit }))
    }

    /// None: not found.
    async fn get(&self, path: &str) -> Result<Option<reqwest::Response>, HubError> {
        let url = self.base.join(path).map_err(|_| HubError::Address(path.to_owned()))?;
        let mut request = self.http.get(url);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        let answer = request.send().await.map_err(|e| HubError::Unreachable(reason(&e)))?;
        let status = answer.status();
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !status.is_success() {
            return Err(HubError::Refused { status: status.as_u16(), file: path.to_owned() });
        }
        Ok(Some(answer))
    }
}
