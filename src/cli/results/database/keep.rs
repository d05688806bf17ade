//! `dtf results gc` and `dtf results rebuild`: the results database of a stopped coordinator, smaller or
//! written anew.

use super::source::data_dir;
use crate::cli::args::shared::Global;
use crate::cli::args::values::span;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::stored::no_results;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::coordinator::{Removed, count_old, is_data_directory, remove_old};
use crate::domain::time::Millis;
use crate::results;
use crate::results::render::figures::{bytes, counted};
use clap::Args;
use std::path::{Path, PathBuf};

/// Remove old runs, and shrink the files
///
/// Runs of which all tests ended before the period are removed from the results database, and records
/// older than the period from the event log. Open runs, quarantines, acceptances and the identities of
/// workers are kept. The coordinator must be stopped.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dtf results gc --keep 180d --dry-run\n  dtf results gc --keep 180d --data-dir /srv/dtf"
)]
pub struct GcArgs {
    /// Period of which the results are kept, such as 180d
    #[arg(long, value_parser = span, value_name = "DURATION")]
    pub keep: Millis,
    /// Show what would be removed, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Data directory of `dtf run` or of a stopped coordinator
    #[arg(long, env = "DTF_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Write the results database anew from the event log
///
/// The new database replaces the old one when it is complete. Records that were removed from the log are
/// taken from the archive. The coordinator must be stopped.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dtf results rebuild --data-dir /srv/dtf")]
pub struct RebuildArgs {
    /// Data directory of `dtf run` or of a stopped coordinator
    #[arg(long, env = "DTF_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

pub fn gc(console: Console, global: &Global, args: &GcArgs) -> Result<Exit, CliError> {
    let (directory, keep) = (data_dir(global, args.data_dir.clone())?, args.keep);
    require_results(&directory)?;
    if args.dry_run {
        let removed = count_old(&directory, keep).map_err(|error| CliError::from_error(&error))?;
        console.result(&format!("{} would be removed", runs(&removed)))?;
        return Ok(Exit::Passed);
    }
    let progress = Progress::new(console);
    let removed = remove_old(&directory, keep, &mut |step| progress.show(step));
    drop(progress);
    let removed = removed.map_err(|error| CliError::from_error(&error))?;
    if removed.runs == 0 && removed.records == 0 {
        console.result("no run is older")?;
        return Ok(Exit::Passed);
    }
    console.result(&format!(
        "removed {}, and {} of the event log; the results database has {} (before: {})",
        runs(&removed),
        counted(removed.records, "record"),
        bytes(removed.bytes_after as f64),
        bytes(removed.bytes as f64)
    ))?;
    Ok(Exit::Passed)
}

/// Refuses a directory that dtf has not written, which would become a data directory.
fn require_results(directory: &Path) -> Result<(), CliError> {
    // What cannot be inspected has its error when it is opened.
    if matches!(is_data_directory(directory), Ok(false)) {
        return Err(no_results(directory)
            .hint("--data-dir names the data directory of `dtf run` or of a stopped coordinator"));
    }
    Ok(())
}

fn runs(removed: &Removed) -> String {
    format!("{} with {}", counted(removed.runs, "run"), counted(removed.rows, "row"))
}

pub fn rebuild(console: Console, global: &Global, args: RebuildArgs) -> Result<Exit, CliError> {
    let directory = data_dir(global, args.data_dir)?;
    require_results(&directory)?;
    let progress = Progress::new(console);
    progress.show("writing the results database anew");
    let records = results::rebuild(&directory);
    drop(progress);
    let records = records.map_err(|error| CliError::from_error(&error))?;
    console.result(&format!(
        "the results database has {} of the event log",
        counted(records, "record")
    ))?;
    Ok(Exit::Passed)
}
