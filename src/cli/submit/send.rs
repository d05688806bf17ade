//! Sends a submission to the coordinator: weights and files first, then the tests in parts, under one key
//! that makes repeats harmless.

use crate::api::v1::runs::{AddTests, MAX_KEY_BYTES, SubmitRun, Submitted};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::cli::weights::push;
use crate::client::{Client, ClientError};
use crate::domain::id::RunId;
use crate::domain::test::TestSpec;
use crate::plan::files::planned::PlannedFile;
use crate::plan::submission::Submission;
use crate::results::render::figures::counted;
use futures::stream::{self, StreamExt, TryStreamExt};
use std::sync::Arc;

/// Maximum number of tests in one part.
const PART_TESTS: usize = 10_000;
/// Approximate maximum size of one part, in bytes.
const PART_BYTES: usize = 16 * 1024 * 1024;
/// Number of files that are sent at the same time.
const UPLOADS: usize = 4;

/// Sends weights, files and tests. In a closed world, tests that no present worker can run are skipped.
pub async fn send(
    console: Console,
    client: &Client,
    submission: &Submission,
    closed_world: bool,
) -> Result<Submitted, CliError> {
    if submission.tests.is_empty() {
        return Err(CliError::new("the plan has no tests").with_exit(Exit::NoTest));
    }
    push::send(console, client, &submission.weights).await?;
    let progress = Progress::new(console);
    upload(client, &submission.files, &progress).await?;
    progress.show(&format!("submitting {}", counted(submission.tests.len() as u64, "test")));
    let mut parts = parts(&submission.tests).into_iter().peekable();
    let first = SubmitRun {
        name: submission.name.as_str().into(),
        tests: parts.next().unwrap_or_default(),
        more: parts.peek().is_some(),
        closed_world,
    };
    let key = crate::sys::ids::new_id().to_string();
    debug_assert!(key.len() <= MAX_KEY_BYTES);
    let mut sent = client.submit(&first, Some(&key)).await?;
    let mut number = 0;
    while let Some(tests) = parts.next() {
        number += 1;
        let part = AddTests { part: number, tests, more: parts.peek().is_some() };
        let added = match client.add_tests(sent.run, &part).await {
            Ok(added) => added,
            Err(error) => return Err(cancelled(client, sent.run, error).await),
        };
        sent.tests = added.tests;
        sent.unschedulable.extend(added.unschedulable);
        progress.show(&format!("{} of {} tests submitted", sent.tests, submission.tests.len()));
    }
    Ok(sent)
}

/// Cancels a run of which a part was not accepted: nobody waits for it. Returns the error of the part.
async fn cancelled(client: &Client, run: RunId, error: ClientError) -> CliError {
    let error = CliError::from(error);
    let left = match client.cancel(run).await {
        Ok(_) => format!("{run} was cancelled"),
        Err(_) => format!("{run} is incomplete and could not be cancelled: dtf cancel {run}"),
    };
    let message = format!("{}; {left}", error.message);
    CliError { message, ..error }
}

async fn upload(
    client: &Client,
    files: &[PlannedFile],
    progress: &Progress,
) -> Result<(), CliError> {
    let missing: Vec<&PlannedFile> = stream::iter(files)
        .map(|file| async move {
            let there = client.has_blob(&file.sha256).await?;
            Ok::<_, CliError>((!there).then_some(file))
        })
        .buffered(UPLOADS)
        .try_filter_map(|file| async move { Ok(file) })
        .try_collect()
        .await?;
    let total = missing.len();
    let mut uploads = stream::iter(missing)
        .map(|file| async move { client.put_blob(&file.sha256, file.bytes.to_vec()).await })
        .buffer_unordered(UPLOADS);
    let mut done = 0;
    while let Some(uploaded) = uploads.next().await {
        uploaded?;
        done += 1;
        progress.show(&format!("{done} of {total} files sent"));
    }
    Ok(())
}

/// Divides the tests into parts that fit into a request.
fn parts(tests: &[Arc<TestSpec>]) -> Vec<Vec<Arc<TestSpec>>> {
    let mut parts = vec![];
    let mut part: Vec<Arc<TestSpec>> = vec![];
    let mut bytes = 0;
    for test in tests {
        // Names, requirement and punctuation are small beside the launch.
        let size = test.launch.get().len() + test.name.len() + 8 * test.depends_on.len() + 512;
        if !part.is_empty() && (part.len() == PART_TESTS || bytes + size > PART_BYTES) {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        bytes += size;
        part.push(Arc::clone(test));
    }
    parts.push(part);
    parts
}
