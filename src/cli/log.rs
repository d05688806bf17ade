//! `dtf log`: reads the event log of a data directory that no coordinator uses.
//!
//! Promise: nothing in the directory changes, also when the log has to be repaired. Records that
//! cannot be read are reported, and the others are read.

use crate::cli::args::shared::Global;
use crate::cli::connect::settings;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use crate::config::Resolver;
use crate::config::roles::{CoordinatorSettings, GivenStorage};
use crate::coordinator::RecoveryError;
use crate::domain::causes::with_causes;
use crate::domain::fact::Fact;
use crate::log::{LogError, Part, Salvage, Scope, Unreadable};
use crate::results::render::figures::counted;
use crate::results::render::words;
use crate::sys::lock::{LockError, ReadLock};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Read the event log of a coordinator that is not running
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf log dump | jq -c '.facts[]'             Print each fact of the log
  dtf log dump --after 1200 --limit 10        Print records 1201 to 1210
  dtf log export events.copy --data-dir DIR   Copy what can be read of a damaged log")]
pub struct LogArgs {
    #[command(subcommand)]
    pub command: LogCommand,
}

#[derive(Debug, Subcommand)]
pub enum LogCommand {
    Dump(DumpArgs),
    Export(ExportArgs),
}

/// Print the records of the log as JSON, one per line
///
/// Each line has the number of the record, its time, and its facts. Records that cannot be read are
/// reported on standard error, and the exit code is 1 then.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf log dump | jq -c '.facts[]'
  dtf log dump --after 1200 --limit 10 --data-dir /srv/dtf")]
pub struct DumpArgs {
    #[command(flatten)]
    pub place: Place,
    /// Print only records with a greater number
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub after: u64,
    /// Maximum number of records
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}

/// Write the readable records to a new log
///
/// The exit code is 1 if records could not be read. docs/operate.md describes how to start a
/// coordinator from the new log.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dtf log export events.copy --data-dir /srv/dtf")]
pub struct ExportArgs {
    #[command(flatten)]
    pub place: Place,
    /// File to write; it must not exist
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

#[derive(Debug, Args)]
pub struct Place {
    /// Directory of the event log
    #[arg(long, env = "DTF_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// One line of a dump.
#[derive(Serialize)]
struct Line<'a> {
    sequence: u64,
    /// UTC; absent for a record without facts.
    at: Option<String>,
    facts: &'a [Fact],
}

pub fn run(console: Console, global: &Global, args: LogArgs) -> Result<Exit, CliError> {
    match args.command {
        LogCommand::Dump(args) => dump(console, global, &args),
        LogCommand::Export(args) => export(console, global, &args),
    }
}

fn dump(console: Console, global: &Global, args: &DumpArgs) -> Result<Exit, CliError> {
    let (lock, mut log) = open(global, &args.place)?;
    report_damage(console, &log);
    let (mut written, mut whole, mut failure) = (0, log.damage().is_none(), None);
    let visited = log.visit(Scope::File, args.after, &mut |part| match part {
        Part::Record(..) if args.limit.is_some_and(|limit| written >= limit) => false,
        Part::Record(sequence, facts) => {
            written += 1;
            match print(console, sequence, &facts) {
                Ok(is_open) => is_open,
                Err(error) => {
                    failure = Some(error);
                    false
                }
            }
        }
        Part::Unreadable(gap) => {
            whole = false;
            report_gap(console, &gap);
            true
        }
    });
    visited.map_err(failed)?;
    unlock(lock)?;
    match failure {
        Some(error) => Err(error),
        None => Ok(if whole { Exit::Passed } else { Exit::Failed }),
    }
}

/// Prints a record. Returns false if nobody reads the output any more.
fn print(console: Console, sequence: u64, facts: &[Fact]) -> Result<bool, CliError> {
    let at = facts.last().and_then(|fact| words::instant(fact.at())).map(|at| at.to_string());
    let line = serde_json::to_string(&Line { sequence, at, facts })
        .map_err(|error| CliError::new(format!("cannot encode record {sequence}: {error}")))?;
    console.line(&words::json(&line))
}

fn report_gap(console: Console, gap: &Unreadable) {
    let (first, last) = (gap.records.start(), gap.records.end());
    let records = if first == last {
        format!("record {first}")
    } else {
        format!("records {first} to {last}")
    };
    console.warning(&format!("cannot read {records}: {}", gap.reason));
}

fn report_damage(console: Console, log: &Salvage) {
    if let Some(error) = log.damage() {
        let reason = with_causes(error);
        console.warning(&format!("{reason}; records are searched in the bytes of the file"));
    }
}

fn export(console: Console, global: &Global, args: &ExportArgs) -> Result<Exit, CliError> {
    let (lock, mut log) = open(global, &args.place)?;
    report_damage(console, &log);
    let exported = log.export(&args.file).map_err(failed)?;
    unlock(lock)?;
    if let Some(reason) = &exported.unreadable_state {
        console.warning(&format!("cannot read a state of removed records: {reason}"));
    }
    exported.unreadable.iter().for_each(|gap| report_gap(console, gap));
    if exported.left_out > 0 {
        let count = counted(exported.left_out, "record");
        console.warning(&format!("{count} after that are left out: they need the others"));
    }
    let (base, last, file) = (exported.base, exported.last, args.file.display());
    let first = base + 1;
    console.note(&match last.saturating_sub(base) {
        0 => format!("no record was written to {file}"),
        _ => format!("records {first} to {last} were written to {file}"),
    });
    Ok(if exported.unreadable.is_empty() { Exit::Passed } else { Exit::Failed })
}

fn open(global: &Global, place: &Place) -> Result<(ReadLock, Salvage), CliError> {
    let file = settings(global)?;
    let data_dir = place.data_dir.clone();
    let role = CoordinatorSettings::resolve(
        None,
        None,
        data_dir,
        GivenStorage::default(),
        None,
        &mut Resolver::new(&file),
    );
    let lock = lock(&role.data_dir)?;
    let log = Salvage::open(&role.data_dir).map_err(failed)?;
    Ok((lock, log))
}

/// Next step for a directory without a log.
const NAME_THE_DIRECTORY: &str = "name the data directory of a coordinator with --data-dir";

/// A failure of the log, with its next step.
fn failed(error: LogError) -> CliError {
    if matches!(error, LogError::Missing { .. }) {
        return CliError::from_error(&error).hint(NAME_THE_DIRECTORY);
    }
    let error = RecoveryError::from(error);
    CliError::from_error(&error).hint(error.hint())
}

/// Keeps coordinators out of the directory, in which nothing changes.
pub fn lock(data_dir: &Path) -> Result<ReadLock, CliError> {
    if !data_dir.is_dir() {
        return Err(CliError::new(format!("there is no directory {}", data_dir.display()))
            .hint(NAME_THE_DIRECTORY));
    }
    ReadLock::acquire(data_dir).map_err(not_locked)
}

/// Ends the lock. What was read counts only if no coordinator has begun meanwhile.
pub fn unlock(lock: ReadLock) -> Result<(), CliError> {
    lock.release().map_err(not_locked)
}

fn not_locked(error: LockError) -> CliError {
    let hint = match &error {
        LockError::Held { .. } => {
            "stop the coordinator first, or read a copy of its data directory"
        }
        LockError::Begun { .. } => "stop the coordinator, and repeat the command",
        LockError::Io { .. } => "use a --data-dir that this user may read, or a copy of it",
    };
    CliError::from_error(&error).hint(hint)
}
