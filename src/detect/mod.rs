//! What this machine has: processors, memory, devices.
//!
//! Each vendor's tool has three answers: devices, no device, and could not look. The last one is
//! an entry of [`Capability::detection_errors`], so that it is never mistaken for a machine
//! without devices. What a tool prints counts when it is a complete, well-formed listing; there is
//! no list of error texts. Whether a tool that found nothing is right is decided by what the
//! machine itself shows (`evidence`).
//!
//! Promises: ends in bounded time ([`TOOL_TIMEOUT`] for each call of a tool) and never fails. Parsers
//! are pure and take what tools print.

use crate::domain::accelerator::{Accelerator, Backend, Vendor};
use crate::domain::capability::{
    Capability, MAX_ACCELERATORS, MAX_DETECTION_ERROR_BYTES, MAX_DETECTION_ERRORS, MAX_NAME_BYTES,
    MAX_SLOTS,
};
use crate::domain::tag::Tag;
use crate::sys::process::{Completion, ProgramOutput, Runner, printable};
use evidence::{Evidence, Seen};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

mod amd;
mod cgroups;
mod evidence;
mod machine;
mod nvidia;
mod tools;
mod visible;
pub use tools::{MAX_OUTPUT_BYTES, TOOL_TIMEOUT};
pub use visible::Visible;

/// After how long a person should hear that a tool is still running, and how often.
pub const WAITING_EVERY: Duration = Duration::from_secs(1);

/// The machine to look at.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    pub tools: &'a dyn Runner,
    /// `/`, or in tests a directory that looks like it.
    pub root: &'a Path,
    /// Hears which tool is waited for, and for how long already: [`WAITING_EVERY`], usually.
    pub every: Duration,
    pub waiting: &'a (dyn Fn(&str, Duration) + Send + Sync),
}

impl Host<'_> {
    async fn ask(&self, program: &str, args: &[&str]) -> Completion {
        let call = tools::call(program, args);
        let mut run = self.tools.run(&call, tools::LIMITS);
        let begun = tokio::time::Instant::now();
        loop {
            match tokio::time::timeout(self.every, &mut run).await {
                Ok(completion) => return completion,
                Err(_) => (self.waiting)(program, begun.elapsed()),
            }
        }
    }
}

/// What the person who starts the worker knows better.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub slots: Option<u32>,
    pub tags: BTreeSet<Tag>,
    pub cpu_milli: Option<u64>,
    pub memory_bytes: Option<u64>,
    /// The worker offers no more devices than it was given itself.
    pub visible: Visible,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    pub capability: Capability,
    /// Oddities that a person should see. Detection errors are in the capability.
    pub notes: Vec<String>,
}

/// Looks at this machine.
pub async fn capability(host: Host<'_>, overrides: Overrides) -> Detected {
    let machine = machine::look(host.root);
    let mut notes = machine.notes;
    let evidence = Evidence::look(host.root);
    let visible = &overrides.visible;
    let (nvidia, amd) = tokio::join!(
        unless_hidden(visible.nvidia_hidden_by(), "NVIDIA", evidence.nvidia, async {
            nvidia::look(host, evidence.nvidia, machine.memory_bytes).await
        }),
        unless_hidden(
            visible.amd_hidden_by(evidence.nvidia != Seen::There),
            "AMD",
            evidence.amd,
            async { amd::look(host, evidence.amd).await }
        ),
    );
    // CUDA's variable means AMD's devices where there is none of NVIDIA's.
    let cuda_is_foreign =
        nvidia.devices.is_empty() && nvidia.errors.is_empty() && evidence.nvidia != Seen::There;
    let mut devices = visible.of_nvidia(nvidia.devices, &mut notes);
    devices.extend(visible.of_amd(amd.devices, cuda_is_foreign, &mut notes));
    notes.extend(nvidia.notes);
    notes.extend(amd.notes);
    let mut accelerators: Vec<_> = number(devices, &mut notes);
    accelerators.extend(apple(machine.memory_bytes));
    if accelerators.len() > MAX_ACCELERATORS {
        notes.push(format!("only {MAX_ACCELERATORS} of {} devices are used", accelerators.len()));
        accelerators.truncate(MAX_ACCELERATORS);
    }
    let mut backends: BTreeSet<Backend> = accelerators.iter().map(|d| d.backend).collect();
    backends.insert(Backend::Cpu);
    let cpu_milli = overrides.cpu_milli.unwrap_or(machine.cpu_milli).max(1);
    let cores = u32::try_from(cpu_milli / 1000).unwrap_or(MAX_SLOTS);
    let errors = nvidia.errors.into_iter().chain(amd.errors);
    let capability = Capability {
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        cpu_milli,
        memory_bytes: overrides.memory_bytes.unwrap_or(machine.memory_bytes).max(1),
        slots: overrides.slots.unwrap_or(cores.clamp(1, MAX_SLOTS)),
        backends,
        accelerators,
        tags: overrides.tags,
        detection_errors: errors.take(MAX_DETECTION_ERRORS).map(|e| bounded(&e)).collect(),
    };
    Detected { capability, notes }
}

/// Does not ask about devices that would not be offered anyway.
async fn unless_hidden(
    variable: Option<&'static str>,
    vendor: &str,
    seen: Seen,
    look: impl Future<Output = Found>,
) -> Found {
    let Some(variable) = variable else { return look.await };
    let note = || format!("{variable} hides every {vendor} device from this worker");
    let notes = (seen == Seen::There).then(note).into_iter().collect();
    Found { notes, ..Found::default() }
}

/// One device as its tool lists it, before it is decided whether it is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Device {
    accelerator: Accelerator,
    /// Number of the card in the vendor's own numbering: what visible-device variables mean.
    card: u16,
    /// The card's own name where the device is a part of it.
    card_uuid: String,
    /// A part of the processor.
    integrated: bool,
}

/// What one vendor's tools led to. All empty: there is no device.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    devices: Vec<Device>,
    notes: Vec<String>,
    /// Why devices could not be looked at. There may be devices all the same.
    errors: Vec<String>,
}

impl Found {
    fn none(note: Option<String>) -> Self {
        Self { notes: note.into_iter().collect(), ..Self::default() }
    }

    fn error(vendor: &str, why: &str) -> Self {
        Self { errors: vec![unknown(vendor, why)], ..Self::default() }
    }
}

fn unknown(vendor: &str, why: &str) -> String {
    format!("could not look for {vendor} devices: {why}")
}

/// What a tool's answer without any device means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Empty {
    /// The tool works and lists no device.
    NoDevice,
    /// Anything else.
    Unclear,
}

/// Absence needs a tool that says so and a machine that does not show the opposite.
fn without_devices(
    vendor: &str,
    tool: &str,
    completion: &Completion,
    empty: Empty,
    seen: Seen,
) -> Found {
    let line = completion.output().and_then(ProgramOutput::first_line);
    let reason = match (completion.failure(), line) {
        (Some(failure), Some(line)) => format!("{tool} {failure}: {line}"),
        (Some(failure), None) => format!("{tool} {failure}"),
        (None, Some(line)) => format!("{tool} printed no complete list of devices: {line}"),
        (None, None) => format!("{tool} printed nothing"),
    };
    match (empty, seen) {
        (Empty::NoDevice, Seen::NotThere | Seen::Unknown) => Found::none(None),
        (_, Seen::There) if empty != Empty::Unclear => {
            Found::error(vendor, &format!("{reason}, but this machine has one"))
        }
        _ => Found::error(vendor, &reason),
    }
}

/// Gives every device a number of its own. AMD devices, and those without a name that pins can
/// use, keep the vendor's number; the others move out of their way.
fn number(devices: Vec<Device>, notes: &mut Vec<String>) -> Vec<Accelerator> {
    let pinned_by_number = |d: &Accelerator| d.vendor != Vendor::Nvidia || d.uuid.is_empty();
    let all: Vec<Accelerator> = devices.into_iter().map(|device| device.accelerator).collect();
    let mut taken = BTreeSet::new();
    let mut numbered = Vec::with_capacity(all.len());
    let (fixed, movable): (Vec<_>, Vec<_>) = all.into_iter().partition(pinned_by_number);
    for device in fixed {
        if taken.insert(device.index) {
            numbered.push(device);
        } else {
            let (model, index) = (&device.model, device.index);
            notes.push(format!("{model} is not used: another device has the number {index} too"));
        }
    }
    for mut device in movable {
        let free = (device.index..u16::MAX).chain(0..device.index);
        if let Some(index) = free.into_iter().find(|index| !taken.contains(index)) {
            taken.insert(index);
            device.index = index;
            numbered.push(device);
        }
    }
    numbered.sort_by_key(|device| (device.vendor, device.index));
    numbered
}

/// Every Mac with Apple's own processor has one device, which shares the memory.
fn apple(memory_bytes: u64) -> Option<Accelerator> {
    let there = cfg!(all(target_os = "macos", target_arch = "aarch64"));
    there.then(|| Accelerator {
        index: 0,
        vendor: Vendor::Apple,
        model: "Apple GPU".to_owned(),
        uuid: String::new(),
        backend: Backend::Mps,
        architecture: String::new(),
        memory_bytes,
    })
}

/// A product name that a capability may hold.
fn product(name: &str) -> String {
    let mut name: String = name.chars().filter(|c| !c.is_control()).collect();
    name.truncate(name.floor_char_boundary(MAX_NAME_BYTES));
    let name = name.trim();
    if name.is_empty() { "unknown".to_owned() } else { name.to_owned() }
}

/// An error that a capability may hold.
fn bounded(error: &str) -> String {
    let mut error = printable(error, MAX_DETECTION_ERROR_BYTES);
    error.truncate(error.floor_char_boundary(MAX_DETECTION_ERROR_BYTES));
    error
}

/// A line of a tool, short enough to quote.
fn quoted(line: &str) -> String {
    format!("\"{}\"", printable(line, 120))
}

#[cfg(test)]
mod tests;
