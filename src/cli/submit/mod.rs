//! `dtf submit`: files first, then the tests in parts, under one key that makes repeats
//! harmless.

pub mod args;
pub mod check;
pub mod send;

use crate::cli::args::shared::{Global, Output, Server, Templates, Verdict, Waiting};
use crate::cli::connect::{connect, connection, settings};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::formats::ReportFiles;
use crate::cli::submit::args::SubmitArgs;
use crate::cli::submit::send::send;
use crate::cli::terminal::console::Console;
use crate::cli::wait;
use crate::cli::work::{Work, warnings};
use crate::results::render::figures::counted;

pub async fn run(console: Console, global: &Global, args: SubmitArgs) -> Result<Exit, CliError> {
    let mut work = Work::plan(&args.plan)?;
    work.apply(args.real);
    work.pins = args.with.pins()?;
    let options = SubmitOptions {
        server: &args.server,
        templates: &args.templates,
        waiting: &args.waiting,
        verdict: args.verdict,
        output: args.output,
        files: &args.files,
        offline: None,
    };
    perform(console, global, work, &options).await
}

/// The destination of a submission, and whether to wait for its run.
pub struct SubmitOptions<'a> {
    pub server: &'a Server,
    pub templates: &'a Templates,
    pub waiting: &'a Waiting,
    pub verdict: Verdict,
    pub output: Output,
    /// Files with the report.
    pub files: &'a ReportFiles,
    /// Does not ask the model hub.
    pub offline: Option<bool>,
}

/// Submits the tests to the coordinator, and waits for the run if requested.
pub async fn perform(
    console: Console,
    global: &Global,
    mut work: Work,
    options: &SubmitOptions<'_>,
) -> Result<Exit, CliError> {
    if options.output == Output::Csv && !options.waiting.wait {
        return Err(CliError::usage("--output csv is the format of the report: add --wait"));
    }
    if !options.files.write.is_empty() && !options.waiting.wait {
        return Err(CliError::usage("--write writes the report at the end of the run: add --wait"));
    }
    let file = settings(global)?;
    work.ask_hub(console, &file, options.offline).await?;
    let client = connect(&connection(global, &file, options.server.coordinator.as_deref()))?;
    if let Err(away) = work.ask_coordinator(console, &client, &file, options.templates).await {
        work.check_alone()?;
        return Err(away);
    }
    let submission = work.submission_with_weights(console).await?;
    warnings::warn_doubts(console, &submission);
    warnings::note_weights(console, &submission, false);
    let sent = send(console, &client, &submission, false).await?;
    warnings::warn_unschedulable(console, &sent.unschedulable);
    if !options.waiting.wait {
        match options.output {
            Output::Json => console.json(&sent)?,
            Output::Table | Output::Csv => console.result(&sent.run.to_string())?,
        }
        console.note(&format!(
            "{} submitted; show results with: dtf report --run {}",
            counted(sent.tests.into(), "test"),
            sent.run
        ));
        return Ok(Exit::Passed);
    }
    let limits = wait::Limits {
        timeout: options.waiting.wait_timeout,
        unschedulable: options.waiting.unschedulable_timeout,
    };
    let shown = (options.output, options.files);
    wait::to_the_end(console, &client, sent.run, limits, options.verdict, shown).await
}
