//! The specification of a test that is run again on the same worker.

use crate::api::v1::test_views::AttemptQuery;
use crate::blobs::{BlobDigest, BlobStore};
use crate::domain::causes::with_causes;
use crate::domain::id::{TestId, WorkerId};
use crate::domain::launch::{CONFIRMS, FileRef, Input, Launch};
use crate::domain::outcome::Outcome;
use crate::domain::priority::Priority;
use crate::domain::requirement::Requirement;
use crate::domain::retry::Retries;
use crate::domain::test::TestSpec;
use crate::domain::time::Millis;
use crate::results::Reader;
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;

/// Lower than that of any test which a person waits for.
const PRIORITY: i64 = -100;
/// Maximum time for which it waits for its worker.
const MAX_WAIT: Millis = Millis::from_secs(6 * 3600);

/// Why a suspect is not run again.
#[derive(Debug, thiserror::Error)]
#[error("{test}: {reason}")]
pub(super) struct Unconfirmed {
    test: TestId,
    reason: String,
}

impl Unconfirmed {
    pub fn new(test: TestId, reason: impl Into<String>) -> Self {
        Self { test, reason: reason.into() }
    }

    pub fn because<E: std::error::Error>(test: TestId) -> impl Fn(E) -> Self {
        move |error| Self::new(test, with_causes(&error))
    }
}

/// The same test, pinned to a worker, as anybody may submit it.
///
/// # Errors
/// A file that it needs from another test is not stored any more.
pub(super) fn repeat(
    results: &Reader,
    blobs: &dyn BlobStore,
    spec: &TestSpec,
    original: TestId,
    worker: WorkerId,
) -> Result<TestSpec, Unconfirmed> {
    let mut launch = decoded(original, spec)?;
    for input in std::mem::take(&mut launch.inputs) {
        launch.files.push(file_of(results, blobs, original, input)?);
    }
    launch.labels.remove(CONFIRMS);
    Ok(TestSpec {
        requirement: Arc::new(Requirement { worker: Some(worker), ..(*spec.requirement).clone() }),
        priority: Priority::try_from(PRIORITY).unwrap_or_default(),
        retries: Retries { failed: 0, infrastructure: 1 },
        depends_on: Box::default(),
        expire_after_ms: Some(MAX_WAIT),
        launch: encoded(original, &launch)?,
        ..spec.clone()
    })
}

/// The test with the label that names the original, which only the coordinator may set.
///
/// # Errors
/// Its launch cannot be read or written.
pub(super) fn labelled(spec: &TestSpec, original: TestId) -> Result<TestSpec, Unconfirmed> {
    let mut launch = decoded(original, spec)?;
    launch.labels.insert(CONFIRMS.to_owned(), original.to_string());
    Ok(TestSpec { launch: encoded(original, &launch)?, ..spec.clone() })
}

fn decoded(original: TestId, spec: &TestSpec) -> Result<Launch, Unconfirmed> {
    serde_json::from_str(spec.launch.get())
        .map_err(|error| Unconfirmed::new(original, format!("its launch is damaged: {error}")))
}

fn encoded(original: TestId, launch: &Launch) -> Result<Box<RawValue>, Unconfirmed> {
    to_raw_value(launch)
        .map_err(|error| Unconfirmed::new(original, format!("cannot encode its launch: {error}")))
}

/// The file that another test of the run left for this one.
fn file_of(
    results: &Reader,
    blobs: &dyn BlobStore,
    original: TestId,
    input: Input,
) -> Result<FileRef, Unconfirmed> {
    let producer = TestId { index: input.test, ..original };
    let gone = |reason: &str| {
        let (artifact, reason) = (&input.artifact, reason.to_owned());
        Unconfirmed::new(original, format!("the file {artifact} of {producer} {reason}"))
    };
    let passed = AttemptQuery {
        test: Some(producer),
        outcome: Some(Outcome::Passed),
        ..AttemptQuery::default()
    };
    let attempts = results.attempts(&passed, None, 1).map_err(Unconfirmed::because(original))?;
    let mut artifacts = attempts.0.into_iter().flat_map(|attempt| attempt.detail.artifacts);
    let found = artifacts.find(|artifact| artifact.name == input.artifact);
    let found = found.ok_or_else(|| gone("was not stored"))?;
    let digest: BlobDigest = found.sha256.parse().map_err(|_| gone("has a damaged digest"))?;
    let stored =
        blobs.verify(&digest).map_err(|error| gone(&format!("cannot be read: {error}")))?;
    stored.ok_or_else(|| gone("is not stored any more"))?;
    Ok(FileRef {
        path: input.path.clone(),
        sha256: found.sha256,
        size_bytes: found.size_bytes,
        executable: found.executable,
    })
}
