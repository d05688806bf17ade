//! The result of the search: what the script reported, and its files.

use crate::api::v1::test_views::{Artifact, AttemptView};
use crate::cli::args::shared::Shape;
use crate::cli::debug::again::FILES;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use crate::client::Client;
use crate::domain::id::TestId;
use crate::domain::outcome::Outcome;
use crate::results::render::figures::bytes;
use crate::results::render::words::plain;
use crate::sys::hashing;
use serde::Serialize;
use serde_json::{Map, Value};
use std::fs::File;
use std::path::{Path, PathBuf};

const SCHEMA: u32 = 1;
/// Maximum length of one line that the script reports, in characters.
const LINE_CHARS: usize = 300;
/// Maximum size of a script that is printed, in bytes.
const MAX_PRINTED_BYTES: u64 = 64 * 1024;

/// The document with `--output json`.
#[derive(Serialize)]
struct Found<'a> {
    schema: u32,
    test: TestId,
    worker: String,
    /// The module, its kind and figures, as the test reported them.
    first_differs: &'a Value,
    /// The operator, its figures and a message, as the test reported them.
    operator: &'a Value,
    files: Vec<PathBuf>,
}

/// Prints what the test found, and saves its files in `directory`.
///
/// # Errors
/// The test found nothing, or a file cannot be saved.
pub async fn result(
    console: Console,
    client: &Client,
    test: TestId,
    directory: &Path,
    output: Shape,
) -> Result<Exit, CliError> {
    let view = client.test(test).await?;
    let attempt = match view.attempts {
        0 => return Err(CliError::new(format!("{test} did not run")).hint(why(test))),
        number => client.attempt(test.attempt(number)).await?,
    };
    let report = &attempt.detail.result;
    let first = report.get("first_differs").unwrap_or(&Value::Null);
    let operator = report.get("debug").unwrap_or(&Value::Null);
    if operator.is_null() {
        return Err(nothing_found(test, &attempt));
    }
    let files = save(client, &attempt.detail.artifacts, directory).await?;
    if output == Shape::Json {
        let worker = attempt.worker_name.clone();
        let found = Found { schema: SCHEMA, test, worker, first_differs: first, operator, files };
        console.json(&found)?;
        return Ok(Exit::Passed);
    }
    console.result(&lines(report, &attempt.detail.artifacts, &files).join("\n"))?;
    let script = files.iter().find(|file| file.ends_with(FILES[0]));
    if let Some(text) = script.and_then(|script| readable(script)) {
        console.foreign(&format!("\n{text}"))?;
    }
    Ok(Exit::Passed)
}

fn why(test: TestId) -> String {
    format!("dtf why {test} shows the reason, dtf logs {test} the output")
}

fn nothing_found(test: TestId, attempt: &AttemptView) -> CliError {
    let message = plain(&attempt.detail.message, LINE_CHARS);
    match attempt.outcome {
        Outcome::Passed => CliError::new(format!("the test passed this time, as {test}"))
            .hint("run it several times: the failure does not appear in every run"),
        Outcome::Failed | Outcome::ReducedPrecision => CliError::new(format!(
            "{test} failed again, but found no operator: {message}"
        ))
        .hint("scripts of earlier versions do not search; generate the test again with this one"),
        other => {
            CliError::new(format!("{test} ended as {}: {message}", other.words())).hint(why(test))
        }
    }
}

/// Module, operator and files, one line each.
fn lines(report: &Map<String, Value>, artifacts: &[Artifact], files: &[PathBuf]) -> Vec<String> {
    let text = |place: &str, key: &str| {
        let value = report.get(place).and_then(|value| value.get(key));
        value.and_then(Value::as_str).map(|text| plain(text, LINE_CHARS))
    };
    let mut lines = Vec::new();
    if let Some(module) = text("first_differs", "module") {
        let kind = text("first_differs", "kind").unwrap_or_default();
        lines.push(format!("module    {module} ({kind})"));
    }
    if let Some(operator) = text("debug", "operator") {
        lines.push(format!("operator  {operator}"));
    }
    lines.extend(text("debug", "message").map(|message| format!("result    {message}")));
    for (artifact, file) in artifacts.iter().zip(files) {
        lines.push(format!("saved     {} ({})", file.display(), bytes(artifact.size_bytes as f64)));
    }
    lines
}

/// Downloads the files, and checks their digests.
async fn save(
    client: &Client,
    artifacts: &[Artifact],
    directory: &Path,
) -> Result<Vec<PathBuf>, CliError> {
    let failed = |path: &Path, reason: &dyn std::fmt::Display| {
        CliError::new(format!("cannot save {}: {reason}", path.display()))
    };
    let mut files = Vec::new();
    // Only these names: a worker does not decide where files are written.
    for artifact in artifacts.iter().filter(|artifact| FILES.contains(&artifact.name.as_str())) {
        std::fs::create_dir_all(directory).map_err(|error| failed(directory, &error))?;
        let path = directory.join(&artifact.name);
        client.get_blob_into(&artifact.sha256, artifact.size_bytes, &path).await?;
        let hashed = File::open(&path).and_then(|mut file| hashing::hash(&mut file));
        let hashed = hashed.map_err(|error| failed(&path, &error))?;
        if hashed.sha256 != artifact.sha256 {
            return Err(failed(&path, &"the coordinator sent another content"));
        }
        files.push(path);
    }
    Ok(files)
}

/// The text of a script that is short enough to be printed.
fn readable(path: &Path) -> Option<String> {
    let size = std::fs::metadata(path).ok()?.len();
    (size <= MAX_PRINTED_BYTES).then(|| std::fs::read_to_string(path).ok()).flatten()
}
