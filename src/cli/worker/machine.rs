//! From settings to what this machine offers, for `worker` and `run`.

use crate::cli::args::machine::Machine;
use crate::cli::args::values::program;
use crate::cli::connect::{path, text};
use crate::cli::error::CliError;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::config::{File, locate};
use crate::detect::{self, Detected};
use crate::domain::capability::Capability;
use crate::domain::tag::{Tag, TagError};
use crate::sys::process::SystemRunner;
use crate::worker::settings::Settings;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// What detection finds, with what the settings say about it. Tells what a person should know
/// about it; what could not be looked for is also in the capability.
pub async fn capability(
    console: Console,
    machine: &Machine,
    file: &File,
) -> Result<Capability, CliError> {
    let progress = Progress::new(console);
    progress.say("looking at the hardware of this machine");
    let waiting = |tool: &str, span: Duration| {
        let text = format!("waiting for {tool} ({} s)", span.as_secs());
        // The first such line must not wait for its turn.
        let first = span < Duration::from_secs(2);
        if first && !console.moving { progress.note(&text) } else { progress.say(&text) }
    };
    let found = look(machine, file, &waiting).await?;
    drop(progress);
    for note in &found.notes {
        console.note(&format!("note: {note}"));
    }
    for error in &found.capability.detection_errors {
        console.warning(error);
    }
    Ok(found.capability)
}

/// Looks at this machine.
pub async fn look(
    machine: &Machine,
    file: &File,
    waiting: &(dyn Fn(&str, Duration) + Send + Sync),
) -> Result<Detected, CliError> {
    let slots = file.pick(machine.slots, "slots", u32::from_str)?;
    let tags = file.pick(machine.tags.clone(), "tags", text)?;
    let tags: BTreeSet<Tag> = list(tags.as_deref())
        .map(str::parse)
        .collect::<Result<_, TagError>>()
        .map_err(|error| CliError::usage(error.to_string()))?;
    let visible = detect::VisibleDevices::new(own_variable);
    let wanted = detect::Overrides { slots, tags, visible, ..Default::default() };
    let host = detect::Host {
        tools: &SystemRunner,
        root: Path::new("/"),
        notice_interval: detect::NOTICE_INTERVAL,
        on_wait: waiting,
    };
    let found = detect::capability(host, wanted).await;
    found.capability.check().map_err(|error| CliError::usage(error.to_string()))?;
    Ok(found)
}

/// Settings of a worker on this machine.
pub fn settings(
    console: Console,
    machine: &Machine,
    file: &File,
    capability: Capability,
    name: String,
    work_dir: PathBuf,
) -> Result<Settings, CliError> {
    let environments = file.pick(machine.environments_dir.clone(), "environments_dir", path)?;
    let pass_env = file.pick(machine.pass_env.clone(), "pass_env", text)?;
    Ok(Settings {
        name,
        capability,
        work_dir,
        environments_dir: Some(environments.unwrap_or_else(|| locate::cache_dir("environments"))),
        ephemeral: false,
        idle_timeout: None,
        null_runner: false,
        offline: file.pick(machine.offline, "offline", bool::from_str)?.unwrap_or(false),
        python: file.pick(machine.python.clone(), "python", program)?,
        system_packages: file
            .pick(machine.system_packages, "system_packages", bool::from_str)?
            .unwrap_or(false),
        torch_backend: file.pick(machine.torch_backend.clone(), "torch_backend", text)?,
        pass_env: list(pass_env.as_deref()).map(str::to_owned).collect(),
        progress: Arc::new(Progress::new(console)),
    })
}

#[expect(clippy::disallowed_methods, reason = "what this process was given, no setting")]
fn own_variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Items between commas.
fn list(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// The name that people know this machine by.
pub fn host_name() -> String {
    sysinfo::System::host_name().unwrap_or_else(|_| "worker".to_owned())
}
