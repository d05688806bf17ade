//! `dtf worker`.

use super::args::{Global, WorkerArgs, span};
use super::connect::{address, client_at, path, settings, text};
use super::console::Console;
use super::exit;
use super::failure::Failure;
use super::machine;
use crate::config::locate;
use crate::sys::memory;
use crate::sys::shutdown::Shutdown;
use crate::sys::spawn::Tasks;
use crate::worker;
use crate::worker::site::SiteError;
use std::sync::Arc;

pub async fn run(console: Console, global: &Global, args: WorkerArgs) -> Result<u8, Failure> {
    let file = settings(global)?;
    let (url, _) = address(&file, &args.server)?;
    let client = client_at(url.clone(), global, &file)?;
    let capability = machine::capability(console, &args.machine, &file).await?;
    let name = file.pick(args.name, "name", text)?.unwrap_or_else(machine::host_name);
    let work_dir = file.pick(args.work_dir, "work_dir", path)?;
    let work_dir = work_dir.unwrap_or_else(|| locate::data_dir("worker"));
    let summary = describe(&capability);
    let mut settings =
        machine::settings(console, &args.machine, &file, capability, name.clone(), work_dir)?;
    settings.ephemeral = args.ephemeral;
    settings.idle_timeout = file.pick(args.idle_timeout, "idle_timeout", span)?;
    settings.null_runner = args.null_runner;
    let mut tasks = Tasks::new();
    let shutdown = Shutdown::on_signals(&mut tasks)
        .map_err(|error| Failure::new(format!("cannot watch for signals: {error}")))?;
    console.note(&format!("worker {name} ({summary}) for {url}"));
    memory::forget_startup();
    let done = worker::run(settings, Arc::new(client), shutdown).await;
    let done = done.map_err(|error| refused(&error))?;
    let ended: Vec<_> =
        done.outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let ended = if ended.is_empty() { "no tests".to_owned() } else { ended.join(", ") };
    console.note(&format!("left after {ended}"));
    if done.unsent > 0 {
        console.warning(&format!(
            "{} results could not be sent; they are kept and sent when the worker starts again",
            done.unsent
        ));
    }
    Ok(exit::PASSED)
}

pub fn refused(error: &worker::WorkerError) -> Failure {
    let failure = Failure::chain(error);
    match error {
        worker::WorkerError::Unauthorized(_) => {
            Failure { code: exit::AUTHENTICATION, ..failure }.hint("check --token-file")
        }
        worker::WorkerError::NoCoordinator(_) => {
            failure.hint("is the coordinator running at that address?")
        }
        worker::WorkerError::Site(SiteError::Busy { .. }) => {
            failure.hint("stop that worker, or give another --work-dir")
        }
        worker::WorkerError::Site(SiteError::Unusable { .. }) => {
            failure.hint("give a --work-dir that this user may write to")
        }
        _ => failure,
    }
}

/// The machine in a few words.
pub fn describe(capability: &crate::domain::capability::Capability) -> String {
    let backends: Vec<_> = capability.backends.iter().map(|backend| backend.name()).collect();
    let mut text = format!(
        "{} slots, {} cores, {:.1} GiB, {}",
        capability.slots,
        capability.cpu_milli as f64 / 1000.0,
        capability.memory_bytes as f64 / f64::from(1u32 << 30),
        backends.join(" ")
    );
    for device in &capability.accelerators {
        text.push_str(", ");
        text.push_str(&device.model);
    }
    text
}
