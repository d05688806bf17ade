//! `dtf worker`.

pub mod args;
pub mod describe;
pub mod machine;
mod prefetch;
pub mod workers;

use crate::cli::args::shared::Global;
use crate::cli::connect::{connect, connection, settings};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use crate::cli::work::library;
use crate::cli::worker::args::WorkerArgs;
use crate::cli::worker::describe::describe;
use crate::client::Client;
use crate::config::Resolver;
use crate::config::roles::WorkerSettings;
use crate::domain::capability::Capability;
use crate::sys::memory;
use crate::sys::shutdown::Shutdown;
use crate::sys::spawn::Tasks;
use crate::worker;
use crate::worker::settings::Settings;
use crate::worker::summary::{Summary, WorkerError};
use crate::worker::work_dir::WorkDirError;
use std::sync::Arc;
use std::time::Duration;

/// Delay before a worker first repeats a failed detection of devices, and the maximum delay between
/// two detections.
const DETECTION_INTERVALS: [Duration; 2] = [Duration::from_mins(5), Duration::from_hours(1)];

pub async fn run(console: Console, global: &Global, args: WorkerArgs) -> Result<Exit, CliError> {
    let file = settings(global)?;
    let connection = connection(global, &file, args.server.coordinator.as_deref());
    let client = connect(&connection)?;
    let table = library::backends(&file, &args.templates.backends)?;
    let mut capability = machine::capability(console, &args.machine, &file, &table).await?;
    let role = WorkerSettings::resolve(
        args.name,
        args.work_dir,
        args.idle_timeout,
        &mut Resolver::new(&file),
    );
    let (name, url) = (role.name, connection.url);
    let own = (capability.clone(), &table);
    let mut settings =
        machine::settings(console, &args.machine, &file, own, name.clone(), role.work_dir);
    if let Some(plan) = &args.prefetch {
        let with = (settings, Arc::new(client));
        return prefetch::run(console, &file, (plan, &args.templates), with).await;
    }
    settings.ephemeral = args.ephemeral;
    settings.idle_timeout = role.idle_timeout;
    settings.null_runner = args.null_runner;
    let mut tasks = Tasks::new();
    let signals = Shutdown::on_signals(&mut tasks)
        .map_err(|error| CliError::new(format!("cannot watch for signals: {error}")))?;
    memory::forget_startup();
    let client = Arc::new(client);
    let detect_again =
        async || match machine::detect(&args.machine, &file, &table, &|_, _| {}).await {
            Ok(detected) => Some(detected.capability),
            Err(_) => None,
        };
    loop {
        console.note(&format!("worker {name} ({}) for {url}", describe(&capability)));
        let (done, better) = live(&settings, &client, &signals, &capability, &detect_again).await;
        print_summary(console, &done.map_err(|error| refused(&error))?);
        match better {
            Some(better) if !signals.is_stopping() => capability = better,
            _ => return Ok(Exit::Passed),
        }
        console.note("detected the devices of this machine again; registering with them");
        settings.capability = capability.clone();
    }
}

/// Runs the worker. If the detection of some devices failed, repeats it at intervals, and stops
/// with the new capability once no detection fails or the devices differ: a running worker cannot
/// change its capability.
async fn live(
    settings: &Settings,
    client: &Arc<Client>,
    signals: &Shutdown,
    capability: &Capability,
    detect_again: &impl AsyncFn() -> Option<Capability>,
) -> (Result<Summary, WorkerError>, Option<Capability>) {
    let (trigger, shutdown) = Shutdown::manual();
    let mut signals = signals.clone();
    let stopping = shutdown.clone();
    let follow = async {
        signals.stop().await;
        if !stopping.is_stopping() {
            trigger.next();
        }
        signals.now().await;
        trigger.next();
        std::future::pending::<()>().await;
    };
    let again = async {
        let detected = detect_until_better(capability, DETECTION_INTERVALS, detect_again).await;
        if !stopping.is_stopping() {
            trigger.next();
        }
        detected
    };
    let mut better = None;
    let mut run = std::pin::pin!(worker::run(settings.clone(), client.clone(), shutdown));
    let (mut follow, mut again) = (std::pin::pin!(follow), std::pin::pin!(again));
    let done = loop {
        tokio::select! {
            done = &mut run => break done,
            () = &mut follow => {}
            detected = &mut again, if better.is_none() => better = Some(detected),
        }
    };
    (done, better)
}

/// Never ends if no detection failed.
async fn detect_until_better(
    capability: &Capability,
    [first, last]: [Duration; 2],
    detect_again: &impl AsyncFn() -> Option<Capability>,
) -> Capability {
    if capability.detection_errors.is_empty() {
        return std::future::pending().await;
    }
    let mut pause = first;
    loop {
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(last);
        if let Some(detected) = detect_again().await
            && (detected.detection_errors.is_empty()
                || detected.accelerators != capability.accelerators)
        {
            return detected;
        }
    }
}

/// Reports the end of the worker.
fn print_summary(console: Console, done: &Summary) {
    let ended: Vec<_> =
        done.outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let ended = if ended.is_empty() { "no tests".to_owned() } else { ended.join(", ") };
    console.note(&format!("the worker has left after {ended}"));
    if done.unsent > 0 {
        console.warning(&format!(
            "cannot send {} results; they are kept and sent when the worker starts again",
            done.unsent
        ));
    }
}

pub fn refused(error: &WorkerError) -> CliError {
    let failure = CliError::from_error(error);
    match error {
        WorkerError::Unauthorized(_) => {
            failure.with_exit(Exit::Authentication).hint("check --token-file")
        }
        WorkerError::Misaddressed(_) => failure.with_exit(Exit::Usage),
        WorkerError::NoCoordinator(_) => {
            failure.hint("is the coordinator running at that address?")
        }
        WorkerError::IdentityTaken(_) => {
            failure.hint("was the work directory copied? give each worker a separate --work-dir")
        }
        WorkerError::WorkDir(WorkDirError::Busy { .. }) => {
            failure.hint("stop that worker, or use another --work-dir")
        }
        WorkerError::WorkDir(WorkDirError::Unusable { .. }) => {
            failure.hint("use a --work-dir that this user may write to")
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn capability(errors: &[&str], accelerators: u16) -> Capability {
        let devices: Vec<_> = (0..accelerators)
            .map(|index| {
                serde_json::json!({ "index": index, "vendor": "nvidia", "model": "NVIDIA GB10",
                    "backend": "cuda" })
            })
            .collect();
        serde_json::from_value(serde_json::json!({
            "os": "linux", "arch": "x86_64", "cpu_milli": 1500, "memory_bytes": 1 << 30,
            "slots": 1, "backends": ["cpu"], "accelerators": devices, "detection_errors": errors,
        }))
        .expect("a capability")
    }

    #[test]
    fn what_is_unknown_is_named() {
        let text = describe(&capability(&[], 1));
        assert_eq!(text, "1 slot, 1.5 cores, 1.0 GiB, cpu, NVIDIA GB10 (memory unknown)");
    }

    #[tokio::test]
    async fn a_worker_looks_again_until_it_finds_more() {
        let broken = capability(&["cannot detect NVIDIA devices: x"], 0);
        let looks = Cell::new(0);
        let detect_again = async || {
            looks.set(looks.get() + 1);
            match looks.get() {
                1 => Some(broken.clone()),
                2 => None,
                3 => Some(capability(&["cannot detect NVIDIA devices: y"], 0)),
                _ => Some(capability(&[], 2)),
            }
        };
        let pauses = [Duration::from_millis(1), Duration::from_millis(2)];
        let detected = detect_until_better(&broken, pauses, &detect_again).await;
        assert_eq!((detected.accelerators.len(), looks.get()), (2, 4));
        // Without a failed detection, nothing is detected again.
        let sound = capability(&[], 0);
        let never = std::pin::pin!(detect_until_better(&sound, [Duration::ZERO; 2], &detect_again));
        assert!(futures::poll!(never).is_pending());
        assert_eq!(looks.get(), 4);
    }
}
