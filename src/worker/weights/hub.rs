//! The files of a published model at a commit, on the model hub.
//!
//! Limits: [`MAX_ROUNDS`] rounds of small files that decide which files belong to the weights.
//!
//! Promises: only the files that a test needs are fetched. The test itself decides
//! whether it loads pickled weights or runs code. A path that the hub lists stays inside the directory.

use crate::client::{DownloadError, Downloads, Hub, HubError, HubListing};
use crate::models::weights::{Wanted, belonging};
use crate::text::error::ReadError;
use crate::worker::weights::error::WeightsError;
use crate::worker::weights::patience::{Limits, Patience};
use crate::worker::weights::plan::{AddressedFile, FetchPlan};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

/// Maximum number of rounds of small files.
const MAX_ROUNDS: usize = 20;

/// A published model on a hub.
#[derive(Debug, Clone, Copy)]
pub struct Published<'a> {
    pub hub: &'a Hub,
    pub model: &'a str,
    pub commit: &'a str,
}

impl Published<'_> {
    /// The files that a test needs.
    ///
    /// # Errors
    /// The hub refuses the model, stays away, or does not list its files.
    pub async fn plan(
        self,
        downloads: &Downloads,
        limits: Limits,
    ) -> Result<FetchPlan, WeightsError> {
        let listing = self.listing(limits).await?;
        let paths = self.belonging(downloads, &listing, limits).await?;
        let mut addressed = Vec::new();
        for path in paths {
            let listed = listing.files.get(&path).cloned().unwrap_or_default();
            let size_bytes = listed
                .size_bytes
                .ok_or_else(|| self.failed(format!("it does not list the size of {path}")))?;
            let (url, token) = self
                .hub
                .location(self.model, self.commit, &path)
                .map_err(|error| self.refused(&error))?;
            addressed.push(AddressedFile { path, size_bytes, sha256: listed.sha256, url, token });
        }
        Ok(FetchPlan { addressed, ..FetchPlan::default() })
    }

    /// A reason why a file is not provided, with the next step.
    #[must_use]
    pub fn explain(self, file: &str, error: &DownloadError) -> String {
        match error {
            DownloadError::Refused { status, headers, .. } => {
                words(&self.hub.refusal(*status, headers, self.model, self.commit, file))
            }
            other => other.to_string(),
        }
    }

    fn failed(self, reason: String) -> WeightsError {
        WeightsError::Remote { file: format!("{}@{}", self.model, self.commit), reason }
    }

    fn refused(self, error: &HubError) -> WeightsError {
        self.failed(words(error))
    }

    async fn listing(self, limits: Limits) -> Result<HubListing, WeightsError> {
        let mut patience = Patience::new(limits);
        loop {
            match self.hub.listing(self.model, self.commit).await {
                Ok(Some(mut listing)) => {
                    listing.files.retain(|path, _| is_inside(path));
                    return Ok(listing);
                }
                Ok(None) => {
                    return Err(self.failed("the hub does not list the files of models".into()));
                }
                Err(error) if error.is_unanswered() => {
                    let asked = match &error {
                        HubError::Busy { retry_after } => retry_after.map(Duration::from_secs),
                        _ => None,
                    };
                    if !patience.wait(0, asked).await {
                        return Err(self.refused(&error));
                    }
                }
                Err(error) => return Err(self.refused(&error)),
            }
        }
    }

    /// The paths of the files that belong to the weights. Small files that decide this are fetched as
    /// they are asked for.
    async fn belonging(
        self,
        downloads: &Downloads,
        listing: &HubListing,
        limits: Limits,
    ) -> Result<Vec<String>, WeightsError> {
        let size = |path: &String| listing.files.get(path).and_then(|file| file.size_bytes);
        let entries: BTreeMap<String, u64> =
            listing.files.keys().map(|path| (path.clone(), size(path).unwrap_or(1))).collect();
        let wanted = Wanted { allow_pickle: true, remote_code: true };
        let mut texts: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for _ in 0..MAX_ROUNDS {
            let missing = RefCell::new(BTreeMap::new());
            let read = |path: &str, most: usize| {
                if let Some(text) = texts.get(path) {
                    return Ok(text.get(..most).unwrap_or(text).to_vec());
                }
                missing.borrow_mut().insert(path.to_owned(), most);
                Err(ReadError("it is not fetched yet".to_owned()))
            };
            let chosen = belonging(&entries, wanted, read);
            let missing = missing.into_inner();
            if missing.is_empty() {
                return chosen.map_err(|error| self.failed(error.message));
            }
            for (path, most) in missing {
                let text = self.beginning(downloads, &path, most, limits).await?;
                texts.insert(path, text);
            }
        }
        Err(self.failed(format!("its files are not known after {MAX_ROUNDS} rounds")))
    }

    /// The first bytes of a file.
    async fn beginning(
        self,
        downloads: &Downloads,
        path: &str,
        most: usize,
        limits: Limits,
    ) -> Result<Vec<u8>, WeightsError> {
        let location = self.hub.location(self.model, self.commit, path);
        let (url, token) = location.map_err(|error| self.refused(&error))?;
        let read = async || {
            let mut content = downloads.open(&url, token.as_ref(), 0).await?;
            let mut text = Vec::new();
            while let Some(piece) = content.piece().await? {
                text.extend_from_slice(&piece);
                if text.len() >= most {
                    break;
                }
            }
            Ok(text)
        };
        let mut patience = Patience::new(limits);
        loop {
            match read().await {
                Ok(text) => return Ok(text),
                Err(error) => {
                    let is_final = matches!(error, DownloadError::Refused { .. });
                    if is_final || !patience.wait(0, error.retry_after()).await {
                        return Err(self.failed(self.explain(path, &error)));
                    }
                }
            }
        }
    }
}

/// An error of the hub with the next step.
fn words(error: &HubError) -> String {
    let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("{error}{hint}")
}

/// Whether a path stays inside its directory on every platform.
fn is_inside(path: &str) -> bool {
    path.len() <= 1024
        && !path.contains(['\\', ':'])
        && !path.chars().any(char::is_control)
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}
