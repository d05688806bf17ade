//! Detects the processors, the memory and the devices of this machine.
//!
//! [`Host`] gives access to the files and programs of a machine, which is this one or a recorded one.
//!
//! Limits: [`TOOL_TIMEOUT`] and [`MAX_OUTPUT_BYTES`] for each call of a tool.
//!
//! Promises: detection never fails as a whole. Parsers are pure functions of texts.

use crate::backends::Table;
use crate::domain::accelerator::{Accelerator, Backend, Vendor};
use crate::domain::capability::{
    Capability, MAX_ACCELERATORS, MAX_DETECTION_ERROR_BYTES, MAX_DETECTION_ERRORS, MAX_NAME_BYTES,
    MAX_SLOTS,
};
use crate::domain::tag::Tag;
use crate::sys::process::printable;
use std::collections::BTreeSet;
use std::sync::Arc;

mod declared;
mod fact;
mod host;
mod linux;
mod macos;
mod platform;
mod report;
mod vendors;
mod windows;
pub use fact::{Fact, Limits, Machine};
pub use host::{
    Event, Host, MAX_OUTPUT_BYTES, NOTICE_INTERVAL, System, TOOL_TIMEOUT, Trace, Waiting,
};
pub use platform::{Platform, of_machine as platform_of};
pub use report::Report;
pub use vendors::VisibleDevices;

/// Architecture of a machine that does not report it.
const UNKNOWN_ARCH: &str = "unknown";

/// Values that the person who starts the worker sets instead of the detected ones.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub slots: Option<u32>,
    pub tags: BTreeSet<Tag>,
    pub cpu_milli: Option<u64>,
    pub memory_bytes: Option<u64>,
    /// The variables that hide devices from this process. The worker does not offer hidden devices.
    pub visible: VisibleDevices,
    /// The table of back-ends, which declares further devices.
    pub backends: Arc<Table>,
}

/// The result of the detection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    pub capability: Capability,
    pub machine: Machine,
    /// Unusual findings, for a person. Detection errors are in the capability.
    pub notes: Vec<String>,
    /// The vendors of which a tool did not end in time, so that facts of their devices may be missing.
    pub unanswered: BTreeSet<Vendor>,
}

/// Detects the capability of this machine.
pub async fn capability(host: &Host<'_>, overrides: Overrides) -> Detected {
    let machine = platform::of_system(host.system).machine(host).await;
    let devices = vendors::detect(host, &machine, &overrides.visible).await;
    let mut notes = machine.notes.clone();
    notes.extend(unknown(&machine));
    notes.extend(devices.notes);
    let mut accelerators = devices.accelerators;
    declared::add(host, &overrides.backends, &mut accelerators);
    if accelerators.len() > MAX_ACCELERATORS {
        notes.push(format!("only {MAX_ACCELERATORS} of {} devices are used", accelerators.len()));
        accelerators.truncate(MAX_ACCELERATORS);
    }
    let mut unusable = devices.unusable;
    if unusable.len() > MAX_ACCELERATORS {
        let count = unusable.len();
        notes.push(format!("only {MAX_ACCELERATORS} of {count} devices without use are listed"));
        unusable.truncate(MAX_ACCELERATORS);
    }
    let mut backends: BTreeSet<Backend> =
        accelerators.iter().flat_map(Accelerator::offered).collect();
    backends.insert(Backend::CPU);
    let cpu_milli = overrides.cpu_milli.or(machine.cpu_milli.value).unwrap_or(1000).max(1);
    let cores = u32::try_from(cpu_milli / 1000).unwrap_or(MAX_SLOTS);
    let capability = Capability {
        os: host.system.name().to_owned(),
        arch: machine.arch.value.clone().unwrap_or_else(|| UNKNOWN_ARCH.to_owned()),
        container: short(machine.container.value.as_deref()),
        cpu_model: short(machine.cpu_model.value.as_deref()),
        cpu_milli,
        memory_bytes: overrides.memory_bytes.or(machine.usable_bytes()).unwrap_or(1).max(1),
        slots: overrides.slots.unwrap_or(cores.clamp(1, MAX_SLOTS)),
        backends,
        accelerators,
        unusable,
        tags: overrides.tags,
        detection_errors: devices
            .errors
            .iter()
            .take(MAX_DETECTION_ERRORS)
            .map(|e| bounded(e))
            .collect(),
    };
    Detected { capability, machine, notes, unanswered: devices.unanswered }
}

/// Reads the limits of this process, which may change while it runs.
pub fn limits(host: &Host<'_>) -> Limits {
    platform::of_system(host.system).limits(host)
}

/// Notes about unknown facts that decide which tests run here.
fn unknown(machine: &Machine) -> Vec<String> {
    let mut notes = Vec::new();
    if machine.cpu_milli.value.is_none() {
        let source = &machine.cpu_milli.source;
        notes.push(format!("the number of processors is unknown ({source}); one is assumed"));
    }
    if machine.usable_bytes().is_none() {
        let limit = &machine.memory_limit_bytes;
        let reason =
            if limit.value.is_none() { &limit.source } else { &machine.memory_bytes.source };
        notes.push(format!(
            "the memory of this machine is unknown ({reason}), so no test that requires memory can run \
             here"
        ));
    }
    notes
}

/// A name in the form that a capability accepts; empty if it is unknown.
fn short(name: Option<&str>) -> String {
    let mut name = printable(name.unwrap_or_default().trim(), MAX_NAME_BYTES);
    name.truncate(name.floor_char_boundary(MAX_NAME_BYTES));
    name
}

/// Shortens an error to the form that a capability accepts.
fn bounded(error: &str) -> String {
    let mut error = printable(error, MAX_DETECTION_ERROR_BYTES);
    error.truncate(error.floor_char_boundary(MAX_DETECTION_ERROR_BYTES));
    error
}

#[cfg(test)]
mod tests;
