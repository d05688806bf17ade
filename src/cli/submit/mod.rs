//! `dtf submit`: files first, then the tests in parts, under one key that makes repeats
//! harmless.

pub mod args;
pub mod send;

use crate::cli::args::shared::{Global, Output, Server, Templates, Verdict, Waiting};
use crate::cli::connect::{connect, connection, settings};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::submit::args::SubmitArgs;
use crate::cli::submit::send::send;
use crate::cli::terminal::console::Console;
use crate::cli::wait;
use crate::cli::work::{Work, warnings};
use crate::results::render::figures::counted;

pub async fn run(console: Console, global: &Global, args: SubmitArgs) -> Result<Exit, CliError> {
    let work = Work::plan(&args.plan)?;
    let how = SubmitOptions {
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
pub struct SubmitOptions<'a> {
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
    how: &SubmitOptions<'_>,
) -> Result<Exit, CliError> {
    if how.output == Output::Csv && !how.waiting.wait {
        return Err(CliError::usage("--output csv is for the report at the end: add --wait"));
    }
    let file = settings(global)?;
    work.ask_hub(console, &file, how.offline).await?;
    let client = connect(&connection(global, &file, how.server.coordinator.as_deref()))?;
    if let Err(away) = work.ask_coordinator(console, &client, &file, how.templates).await {
        work.check_alone()?;
        return Err(away);
    }
    let submission = work.submission()?;
    warnings::warn_doubts(console, &submission);
    warnings::note_random_weights(console, &submission, false);
    let sent = send(console, &client, &submission, false).await?;
    warnings::warn_unschedulable(console, &sent.unschedulable);
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
        return Ok(Exit::Passed);
    }
    let limits = wait::Limits {
        timeout: how.waiting.wait_timeout,
        unschedulable: how.waiting.unschedulable_timeout,
    };
    wait::to_the_end(console, &client, sent.run, limits, how.verdict, how.output).await
}
