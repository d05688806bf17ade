//! The capability of this machine and the settings of its worker, for `worker` and `run`.

use crate::backends::Table;
use crate::cli::args::machine::Machine;
use crate::cli::error::CliError;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::notices::TerminalNotices;
use crate::cli::terminal::progress::Progress;
use crate::config::roles::{GivenMachine, MachineSettings};
use crate::config::{File, Resolver};
use crate::detect::{self, Detected};
use crate::domain::capability::Capability;
use crate::gather;
use crate::sys::caches;
use crate::sys::process::SystemRunner;
use crate::worker::calibration::hold::PATIENCE;
use crate::worker::offer::Offer;
use crate::worker::places::Places;
use crate::worker::reassess::{Assessors, Detect, Found, ReadLimits};
use crate::worker::settings::Settings;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Time that a lasting worker waits for the tools before it registers. It calls a tool that takes longer
/// again, with the whole time limit, while it runs.
pub const START_PATIENCE: Duration = Duration::from_secs(10);

/// The capability that [`detected`] finds, with the whole time limit of each tool.
pub async fn capability(
    console: Console,
    machine: &Machine,
    file: &File,
    backends: &Table,
) -> Result<Capability, CliError> {
    Ok(detected(console, machine, file, backends, Duration::MAX).await?.capability)
}

/// Detects this machine, limited by the settings, and waits at most `patience` for its tools. Prints
/// notes, and a warning for each kind of device that cannot be detected; the capability has these errors,
/// too.
pub async fn detected(
    console: Console,
    machine: &Machine,
    file: &File,
    backends: &Table,
    patience: Duration,
) -> Result<Detected, CliError> {
    let progress = Progress::new(console);
    progress.show("detecting the hardware of this machine");
    let waiting = |tool: &str, span: Duration| {
        let text = format!("waiting for {tool} ({} s)", span.as_secs());
        // The first line must appear at once, also where progress lines are rare.
        let first = span < Duration::from_secs(2);
        if first && !console.moving { progress.note(&text) } else { progress.show(&text) }
    };
    let detected = detect(machine, file, backends, (&waiting, patience)).await?;
    drop(progress);
    for note in &detected.notes {
        console.note(&format!("note: {note}"));
    }
    for error in &detected.capability.detection_errors {
        console.warning(error);
    }
    Ok(detected)
}

/// Receives the name of a tool that takes long, and the time since it was started.
pub type Notice<'a> = &'a (dyn Fn(&str, Duration) + Send + Sync);

/// Detects this machine without printing. Calls `waiting` while a vendor's tool takes long.
pub async fn detect(
    machine: &Machine,
    file: &File,
    backends: &Table,
    (waiting, patience): (Notice<'_>, Duration),
) -> Result<Detected, CliError> {
    let MachineSettings { slots, tags, .. } = resolve(machine, &mut Resolver::new(file));
    let tags = tags.into_iter().collect();
    let visible = detect::VisibleDevices::new(own_variable);
    let backends = Arc::new(backends.clone());
    let wanted = detect::Overrides { slots, tags, visible, backends, ..Default::default() };
    let waiting = detect::Waiting { interval: detect::NOTICE_INTERVAL, notice: waiting };
    let host = detect::Host::own(&SystemRunner, own_variable, waiting).with_patience(patience);
    let detected = detect::capability(&host, wanted).await;
    detected.capability.check().map_err(|error| CliError::usage(error.to_string()))?;
    Ok(detected)
}

/// Settings of a worker on this machine.
pub fn settings(
    console: Console,
    machine: &Machine,
    file: &File,
    (capability, backends): (Capability, &Table),
    name: String,
    work_dir: PathBuf,
) -> Settings {
    let flags = machine;
    let machine = resolve(flags, &mut Resolver::new(file));
    let hub = if machine.offline || caches::offline(&caches::variable) {
        Err("this worker is offline (--offline or HF_HUB_OFFLINE)".to_owned())
    } else {
        gather::hub::connect(&TerminalNotices::new(console)).map_err(|error| error.to_string())
    };
    Settings {
        name,
        backends: Arc::new(backends.clone()),
        places: Places::of(&capability, machine.mounts),
        offer: Offer::new(capability, machine.slots.is_some()),
        assessors: assessors(flags, file, backends),
        prove_first: Vec::new(),
        calibration_patience: PATIENCE,
        work_dir,
        environments_dir: Some(machine.environments_dir),
        weights: machine.weights,
        hub,
        ephemeral: false,
        idle_timeout: None,
        null_runner: false,
        quiet_machine: flags.one_at_a_time,
        offline: machine.offline,
        python: machine.python,
        system_packages: machine.system_packages,
        torch_backend: machine.torch_backend,
        pass_env: machine.pass_env,
        progress: Arc::new(Progress::new(console)),
    }
}

/// The means to assess this machine again while its worker runs.
fn assessors(machine: &Machine, file: &File, backends: &Table) -> Assessors {
    let given = Arc::new((machine.clone(), file.clone(), backends.clone()));
    let detect: Detect = Arc::new(move || {
        let given = Arc::clone(&given);
        Box::pin(async move {
            let (machine, file, backends) = &*given;
            match detect(machine, file, backends, (&|_, _| {}, Duration::MAX)).await {
                Ok(Detected { capability, machine, unanswered, .. }) => {
                    Some(Found { capability, limits: machine.limits(), unanswered })
                }
                Err(error) => {
                    tracing::warn!(error = error.message, "this machine cannot be detected again");
                    None
                }
            }
        })
    });
    let limits: ReadLimits = Arc::new(|| {
        let host = detect::Host::own(&SystemRunner, own_variable, detect::Waiting::SILENT);
        detect::limits(&host)
    });
    Assessors { detect: Some(detect), limits: Some(limits), ..Assessors::default() }
}

/// The value of a variable of this process.
#[expect(clippy::disallowed_methods, reason = "what this process was given, no setting")]
pub fn own_variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Merges the flags about this machine with the other sources.
pub fn resolve(flags: &Machine, resolver: &mut Resolver<'_>) -> MachineSettings {
    let Machine {
        slots,
        tags,
        environments_dir,
        weights_dir,
        weights_cache_size,
        python,
        torch_backend,
        pass_env,
        mounts,
        ..
    } = flags.clone();
    let (system_packages, offline) = (flags.system_packages, flags.offline);
    let allow_remote_code = flags.allow_remote_code;
    let slots = if flags.one_at_a_time { Some(1) } else { slots };
    let given = GivenMachine {
        slots,
        tags,
        allow_remote_code,
        environments_dir,
        weights_dir,
        weights_cache_size,
        python,
        system_packages,
        torch_backend,
        offline,
        pass_env,
        mounts,
    };
    MachineSettings::resolve(given, resolver)
}
