//! `dtf worker`.

pub mod args;
pub mod describe;
pub mod error;
pub mod machine;
mod offers;
mod prefetch;
pub mod workers;

use crate::backends::Table;
use crate::backends::entry::Entry;
use crate::cli::args::shared::Global;
use crate::cli::connect::{connect, connection, settings};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use crate::cli::work::library;
use crate::cli::worker::args::WorkerArgs;
use crate::cli::worker::describe::describe;
use crate::cli::worker::error::refused;
use crate::config::Resolver;
use crate::config::roles::WorkerSettings;
use crate::detect::Detected;
use crate::domain::accelerator::{Backend, Vendor};
use crate::domain::launch::{Environment, Packages};
use crate::sys::memory;
use crate::sys::shutdown::Shutdown;
use crate::sys::spawn::Tasks;
use crate::worker;
use crate::worker::summary::Summary;
use std::sync::Arc;
use std::time::Duration;

pub async fn run(console: Console, global: &Global, args: WorkerArgs) -> Result<Exit, CliError> {
    let file = settings(global)?;
    let connection = connection(global, &file, args.server.coordinator.as_deref());
    let client = Arc::new(connect(&connection)?);
    let table = library::backends(&file, &args.templates.backends)?;
    let runtimes = libraries(&args.runtimes, &table)?;
    let role = WorkerSettings::resolve(
        args.name,
        args.work_dir,
        args.idle_timeout,
        &mut Resolver::new(&file),
    );
    // A worker that ends when it has no test must know all devices before it claims one.
    let is_lasting = !args.ephemeral && role.idle_timeout.is_none() && !args.prefetch_only;
    let patience = if is_lasting { machine::START_PATIENCE } else { Duration::MAX };
    let Detected { capability, unanswered, .. } =
        machine::detected(console, &args.machine, &file, &table, patience).await?;
    let (name, url) = (role.name, connection.url);
    let description = describe(&capability);
    let own = (capability, &table);
    let mut settings =
        machine::settings(console, &args.machine, &file, own, name.clone(), role.work_dir);
    if is_lasting && !unanswered.is_empty() {
        settings.assessors.pauses.first = Some(Duration::ZERO);
        let vendors: Vec<&str> = unanswered.iter().map(Vendor::name).collect();
        let vendors = vendors.join(", ");
        console.note(&format!("this worker registers now and waits longer for {vendors} devices"));
    }
    if let Some(plan) = &args.prefetch {
        let with = (settings.clone(), client.clone());
        let done = Box::pin(prefetch::run(console, &file, (plan, &args.templates), with)).await;
        match done {
            done if args.prefetch_only => return done,
            Ok(_) => {}
            // The worker may run other tests.
            Err(error) if error.exit == Exit::NoTest => console.warning(&error.message),
            Err(error) => return Err(error),
        }
    }
    settings.prove_first = runtimes;
    settings.ephemeral = args.ephemeral;
    settings.idle_timeout = role.idle_timeout;
    settings.null_runner = args.null_runner;
    let mut tasks = Tasks::new();
    let signals = Shutdown::on_signals(&mut tasks)
        .map_err(|error| CliError::new(format!("cannot watch for signals: {error}")))?;
    memory::forget_startup();
    console.note(&format!("worker {name} ({description}) for {url}"));
    let done = worker::run(settings, client, signals).await;
    print_summary(console, &done.map_err(|error| refused(&error))?);
    Ok(Exit::Passed)
}

/// The back-ends of `--runtimes`, with the environments of their libraries.
fn libraries(names: &[String], table: &Table) -> Result<Vec<(Backend, Environment)>, CliError> {
    let of = |name: &String| {
        let backend = Backend::new(name).map_err(|error| CliError::usage(error.to_string()))?;
        table.require(backend).map_err(library::refused)?;
        let requirements = table.get(backend).and_then(Entry::library).ok_or_else(|| {
            CliError::usage(format!(
                "--runtimes {name}: this back-end has no library besides torch"
            ))
            .hint("openvino and onnxruntime have one; devices are offered without this flag")
        })?;
        let packages = Packages { requirements, ..Packages::default() };
        Ok((backend, Environment::Packages(packages)))
    };
    names.iter().map(of).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::capability::Capability;

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
}
