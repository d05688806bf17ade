//! Room in the data directory: weights that no open test needs are removed when anything else has to be
//! stored and there is no room for it.
//!
//! Promises: weights that an open test needs or that were just used stay; nothing is removed while there
//! is room.

use crate::api::error::Code;
use crate::blobs::BlobDigest;
use crate::coordinator::files::space::Purpose;
use crate::coordinator::http::app::App;
use crate::coordinator::http::blocking::blocking;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::weights::{WeightsError, WeightsStore};
use crate::domain::weights::WeightsKey;
use crate::scheduler::Scheduler;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Checks that there is room for `more` bytes. If there is not, removes weights that no open test needs.
///
/// # Errors
/// The data directory has no room for them, even without those weights.
pub(crate) async fn make_room(app: &Arc<App>, purpose: Purpose, more: u64) -> Result<(), ApiError> {
    let space = Arc::clone(&app.space);
    displace(app, move |_| space.check(purpose, more).is_ok()).await?;
    Ok(app.space.check(purpose, more)?)
}

/// Removes weights that no open test needs until `fits` is true. If it never is, returns the weights that
/// open tests need.
pub(crate) async fn displace(
    app: &Arc<App>,
    fits: impl Fn(&WeightsStore) -> bool + Send + 'static,
) -> Result<Option<BTreeSet<WeightsKey>>, ApiError> {
    if fits(&app.weights) {
        return Ok(None);
    }
    let (needed, now) = (needed(app).await?, app.clock.now());
    let store = Arc::clone(&app.weights);
    let made = blocking(move || {
        let is_needed = |digest: &BlobDigest| needed.contains(&key(digest));
        let made = store.make_room(&|| fits(&store), &is_needed, now)?;
        Ok((!made).then_some(needed))
    });
    made.await?.map_err(|error| refused(app, error))
}

/// The weights that tests need which have not ended.
pub(crate) async fn needed(app: &App) -> Result<BTreeSet<WeightsKey>, ApiError> {
    Ok(app.mailbox.ask(|scheduler: &Scheduler, _| scheduler.weights_needed()).await?)
}

/// The key by which requirements name the weights of a manifest.
pub(crate) fn key(digest: &BlobDigest) -> WeightsKey {
    WeightsKey::digest(digest.as_str())
}

/// The answer to a failed use of the stored weights.
pub(crate) fn refused(app: &App, error: WeightsError) -> ApiError {
    match error {
        WeightsError::Storage(error) => app.blob_error(error),
        error @ WeightsError::Incomplete { .. } => {
            ApiError::new(Code::MissingFile, error.to_string()).hint("upload them first")
        }
        error @ WeightsError::JustUsed(_) => {
            ApiError::new(Code::Conflict, error.to_string()).hint("try again in 3 minutes")
        }
        error @ WeightsError::TooMany => ApiError::new(Code::StorageFull, error.to_string())
            .hint("remove some: dtf weights remove"),
        error @ WeightsError::Malformed(_) => {
            ApiError::internal("stored weights cannot be read", &error)
        }
    }
}
