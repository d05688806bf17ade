//! `dtf detect`: shows the hardware that a worker finds, of this machine or of a recorded one.

use crate::backends::Table;
use crate::cli::args::shared::{Backends, Global};
use crate::cli::connect::settings;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::machine::explain;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::cli::work::library;
use crate::cli::worker::machine::own_variable;
use crate::config::roles::{GivenMachine, MachineSettings, WorkerSettings};
use crate::config::{File, Resolver};
use crate::detect::{
    self, Detected, Fact, Host, NOTICE_INTERVAL, Overrides, Report, VisibleDevices, Waiting,
};
use crate::sys::disk::DiskSpace;
use crate::sys::process::SystemRunner;
use crate::worker::proofs::kept;
use clap::Args;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Show the processors, memory and devices of this machine
///
/// Runs no test and needs no coordinator. A worker on this machine offers the devices in the state
/// ok; a degraded one cannot be inspected, and on an unusable one no test can run. The reason is shown.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf detect
  dtf detect --json
  dtf detect --explain                   Show where each fact is from
  dtf detect --fake-root captures/mac-1  Read the recorded files of another machine")]
pub struct DetectArgs {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Show the source of each fact: the files and programs that were read
    #[arg(long, conflicts_with = "json")]
    explain: bool,
    /// Directory with recorded files of another machine, instead of those of this one
    ///
    /// Programs are searched in usr/bin of the directory, then in PATH; those in PATH describe this
    /// machine. No file, system call or variable that selects devices of this machine is used.
    #[arg(long, value_name = "DIR")]
    fake_root: Option<PathBuf>,
    /// Directory of the Python environments whose answers about devices --explain shows
    #[arg(long, env = "DTF_ENVIRONMENTS_DIR", value_name = "DIR")]
    environments_dir: Option<PathBuf>,
    #[command(flatten)]
    backends: Backends,
}

pub async fn run(console: Console, global: &Global, args: DetectArgs) -> Result<Exit, CliError> {
    let file = settings(global)?;
    let table = Arc::new(library::backends(&file, &args.backends)?);
    // It ends before anything is printed.
    let progress = Mutex::new(Some(Progress::new(console)));
    let notice = |tool: &str, span: Duration| {
        let progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(progress) = &*progress {
            progress.show(&format!("waiting for {tool} ({} s)", span.as_secs()));
        }
    };
    let waiting = Waiting { interval: NOTICE_INTERVAL, notice: &notice };
    let host = match &args.fake_root {
        Some(directory) if directory.is_dir() => Host::recorded(&SystemRunner, directory, waiting),
        Some(directory) => {
            let reason = format!("{} is not a directory", directory.display());
            return Err(CliError::usage(reason)
                .hint("--fake-root needs a directory with the recorded files of a machine"));
        }
        None => Host::own(&SystemRunner, own_variable, waiting),
    };
    let visible = VisibleDevices::new(|name| host.variable(name));
    let overrides = Overrides { visible, backends: table.clone(), ..Overrides::default() };
    let detected = detect::capability(&host, overrides).await;
    drop(progress.lock().unwrap_or_else(PoisonError::into_inner).take());
    warn(console, &detected);
    if args.json {
        console.json(&Report::of(host.system, &detected.machine, &detected.capability))?;
    } else if args.explain {
        let mut text = explain::whole(&host, &detected, &disk(&host, &file));
        if host.is_own() {
            text.push_str(&proofs(&table, &detected, &file, args.environments_dir));
        }
        console.result(&text)?;
    } else {
        console.result(&explain::summary(&host, &detected, &disk(&host, &file)))?;
    }
    Ok(Exit::Passed)
}

/// The answers of the environments of this machine about its devices.
fn proofs(
    table: &Table,
    detected: &Detected,
    file: &File,
    environments_dir: Option<PathBuf>,
) -> String {
    let given = GivenMachine { environments_dir, ..GivenMachine::default() };
    let directory = MachineSettings::resolve(given, &mut Resolver::new(file)).environments_dir;
    explain::proofs(&directory, &kept(table, &detected.capability.accelerators, &directory))
}

/// The disk of the work directory of a worker on this machine, or of the directory above it that exists.
fn disk(host: &Host<'_>, file: &File) -> Fact<DiskSpace> {
    if !host.is_own() {
        return Fact {
            value: None,
            source: "a system call, which describes this machine".to_owned(),
        };
    }
    let directory = WorkerSettings::resolve(None, None, None, &mut Resolver::new(file)).work_dir;
    let space = directory.ancestors().find_map(|directory| DiskSpace::of(directory).ok());
    Fact { value: space.flatten(), source: format!("the system, for {}", directory.display()) }
}

fn warn(console: Console, detected: &Detected) {
    for note in &detected.notes {
        console.note(&format!("note: {note}"));
    }
    for error in &detected.capability.detection_errors {
        console.warning(error);
    }
}
