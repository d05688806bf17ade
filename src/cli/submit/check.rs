//! `dtf check PLAN`: its mistakes, without submitting it.

use crate::cli::args::shared::{Global, Lender, Templates};
use crate::cli::args::with::With;
use crate::cli::connect::{connect, connection, settings};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use crate::cli::work::{Work, library, warnings};
use crate::results::render::figures::counted;
use clap::Args;
use std::path::PathBuf;

/// Check a plan and list its mistakes without submitting it
#[derive(Debug, Args)]
#[command(after_help = "\
Reads the plan, the files that it names and the configurations of its models. Each mistake is
listed with its line. Exit codes: 0 the plan can be submitted, 2 it has mistakes.

Examples:
  dtf check plan.yaml")]
pub struct CheckArgs {
    #[command(flatten)]
    pub lender: Lender,
    /// Plan file (see docs/plan.md)
    pub plan: PathBuf,
    #[command(flatten)]
    pub with: With,
    #[command(flatten)]
    pub templates: Templates,
    /// Do not ask the model hub about models that this machine does not know
    #[arg(long, env = "DTF_OFFLINE", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub offline: Option<bool>,
}

pub async fn run(console: Console, global: &Global, args: CheckArgs) -> Result<Exit, CliError> {
    let mut work = Work::plan(&args.plan)?;
    work.pins = args.with.pins()?;
    let file = settings(global)?;
    if let Some(url) = &args.lender.coordinator {
        let client = connect(&connection(global, &file, Some(url)))?;
        work.ask_coordinator(console, &client, &file, &args.templates).await?;
    } else {
        work.library = library::library(console, &file, &args.templates, Vec::new())?;
    }
    work.ask_hub(console, &file, args.offline).await?;
    let submission = work.submission()?;
    warnings::warn_doubts(console, &submission);
    console.result(&format!(
        "{}: {}, {}",
        args.plan.display(),
        counted(submission.tests.len() as u64, "test"),
        counted(submission.files.len() as u64, "file")
    ))?;
    Ok(Exit::Passed)
}
