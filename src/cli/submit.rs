//! `dtf submit`: files first, then the tests in parts, under one key that makes repeats
//! harmless.

use super::args::{Global, Output, Server, SubmitArgs, Templates, Verdict, Waiting};
use super::connect::{address, client_at, settings};
use super::console::Console;
use super::exit;
use super::failure::Failure;
use super::progress::Progress;
use super::wait;
use super::work::{Work, is_plan};
use crate::api::v1::runs::{AddTests, MAX_KEY_BYTES, SubmitRun, Submitted, Unschedulable};
use crate::client::Client;
use crate::domain::test::TestSpec;
use crate::plan::document::Plan;
use crate::plan::files::PlannedFile;
use crate::plan::submission::Submission;
use crate::results::render::figures::counted;
use futures::stream::{self, StreamExt, TryStreamExt};
use std::path::Path;
use std::sync::Arc;

/// Tests and bytes of one part.
const PART_TESTS: usize = 10_000;
const PART_BYTES: usize = 16 * 1024 * 1024;
/// Files sent at a time.
const UPLOADS: usize = 4;
/// Largest plan file; the parser's own limit is lower.
const MAX_PLAN_BYTES: u64 = 64 * 1024 * 1024;

pub async fn run(console: Console, global: &Global, args: SubmitArgs) -> Result<u8, Failure> {
    let work = Work::plan(&args.plan)?;
    let how = How {
        server: &args.server,
        templates: &args.templates,
        waiting: &args.waiting,
        verdict: args.verdict,
        output: args.output,
        offline: None,
    };
    perform(console, global, work, &how).await
}

/// Where a submission goes, and what happens then.
pub struct How<'a> {
    pub server: &'a Server,
    pub templates: &'a Templates,
    pub waiting: &'a Waiting,
    pub verdict: Verdict,
    pub output: Output,
    /// Asks no model hub.
    pub offline: Option<bool>,
}

/// Sends it to the coordinator, and waits where that is asked for.
pub async fn perform(
    console: Console,
    global: &Global,
    mut work: Work,
    how: &How<'_>,
) -> Result<u8, Failure> {
    if how.output == Output::Csv && !how.waiting.wait {
        return Err(Failure::usage("--output csv is for the report at the end: add --wait"));
    }
    let file = settings(global)?;
    work.ask_hub(console, &file, how.offline).await?;
    let client = client_at(address(&file, how.server)?.0, global, &file)?;
    if let Err(away) = work.ask_coordinator(console, &client, &file, how.templates).await {
        work.check_alone()?;
        return Err(away);
    }
    let submission = work.submission()?;
    tell_doubts(console, &submission);
    tell_random(console, &submission, false);
    let sent = send(console, &client, &submission, false).await?;
    tell_unschedulable(console, &sent.unschedulable);
    if !how.waiting.wait {
        match how.output {
            Output::Json => console.json(&sent)?,
            Output::Table | Output::Csv => console.result(&sent.run.to_string())?,
        }
        console.note(&format!(
            "{} submitted; follow with: dtf report --run {}",
            counted(sent.tests.into(), "test"),
            sent.run
        ));
        return Ok(exit::PASSED);
    }
    let limits = wait::Limits {
        timeout: how.waiting.wait_timeout,
        unschedulable: how.waiting.unschedulable_timeout,
    };
    wait::to_the_end(console, &client, sent.run, limits, how.verdict, how.output).await
}

/// Reads a plan file.
pub fn read_plan(path: &Path) -> Result<Plan, Failure> {
    let name = path.display().to_string();
    let size = std::fs::metadata(path).map(|data| data.len());
    let bytes = match size {
        Ok(size) if size > MAX_PLAN_BYTES => {
            return Err(Failure::usage(format!(
                "{name} has {size} bytes, which is more than a plan may have"
            )));
        }
        Ok(_) => std::fs::read(path),
        Err(error) => Err(error),
    };
    let bytes = bytes.map_err(|error| {
        let failure = Failure::usage(format!("cannot read the plan {name}: {error}"));
        if is_plan(path) {
            return failure;
        }
        failure.hint(format!(
            "a plan is a .yaml or .json file; to test a model: dtf generate {name} --submit, or \
             dtf run {name} on this machine"
        ))
    })?;
    Ok(Plan::parse(&bytes, &name)?)
}

/// Sends files and tests. In a closed world, what no present worker can run is skipped.
pub async fn send(
    console: Console,
    client: &Client,
    submission: &Submission,
    closed_world: bool,
) -> Result<Submitted, Failure> {
    if submission.tests.is_empty() {
        return Err(Failure { code: exit::NO_TEST, ..Failure::new("the plan has no tests") });
    }
    let progress = Progress::new(console);
    upload(client, &submission.files, &progress).await?;
    progress.say(&format!("submitting {}", counted(submission.tests.len() as u64, "test")));
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
        let added = client.add_tests(sent.run, &part).await?;
        sent.tests = added.tests;
        sent.unschedulable.extend(added.unschedulable);
        progress.say(&format!("{} of {} tests submitted", sent.tests, submission.tests.len()));
    }
    Ok(sent)
}

async fn upload(
    client: &Client,
    files: &[PlannedFile],
    progress: &Progress,
) -> Result<(), Failure> {
    let missing: Vec<&PlannedFile> = stream::iter(files)
        .map(|file| async move {
            let there = client.has_blob(&file.sha256).await?;
            Ok::<_, Failure>((!there).then_some(file))
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
        progress.say(&format!("{done} of {total} files sent"));
    }
    Ok(())
}

/// Cuts the tests into parts that fit a request.
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

/// Says of which models it is only guessed what they are.
pub fn tell_doubts(console: Console, submission: &Submission) {
    for doubt in &submission.doubts {
        console.warning(doubt);
    }
}

/// Says which models are tested with random weights. `here`: the tests run on this machine.
pub fn tell_random(console: Console, submission: &Submission, here: bool) {
    for told in submission.random.notes(here) {
        console.note(&told);
    }
}

/// Says what no worker can run, and how near the nearest come.
pub fn tell_unschedulable(console: Console, unschedulable: &[Unschedulable]) {
    for group in unschedulable {
        let more = match group.tests {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        let nearest: Vec<_> =
            group.nearest.iter().map(|miss| format!("{} {}", miss.name, miss.lacks)).collect();
        let nearest = match nearest.as_slice() {
            [] => "there are no workers".to_owned(),
            misses => misses.join("; "),
        };
        console.warning(&format!("no worker can run {}{more}: {nearest}", group.test));
    }
}
