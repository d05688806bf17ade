//! What this machine has: processors, memory, devices.
//!
//! Promises: ends in bounded time ([`TOOL_LIMIT`] a tool) and never fails: what cannot be
//! found out is left out, with a note for people. Parsers are pure and take what tools print.

use crate::domain::accelerator::{Accelerator, Backend, Vendor};
use crate::domain::capability::{Capability, MAX_ACCELERATORS, MAX_NAME_BYTES, MAX_SLOTS};
use crate::domain::tag::Tag;
use futures::future::BoxFuture;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

mod amd;
mod machine;
mod nvidia;
mod tools;
pub use tools::SystemTools;

pub const TOOL_LIMIT: Duration = Duration::from_secs(5);
/// Most that is read of a tool's output.
pub const MAX_OUTPUT_BYTES: usize = 4 * 1024 * 1024;

/// Runs vendors' tools, or pretends to.
pub trait CommandRunner: Send + Sync {
    /// What the tool printed on both streams, whatever its exit code, cut at
    /// [`MAX_OUTPUT_BYTES`]; None when it is absent or took longer than [`TOOL_LIMIT`].
    fn run<'a>(&'a self, program: &'a str, args: &'a [&'a str]) -> BoxFuture<'a, Option<String>>;
}

/// What the person who starts the worker knows better.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub slots: Option<u32>,
    pub tags: BTreeSet<Tag>,
    pub cpu_milli: Option<u64>,
    pub memory_bytes: Option<u64>,
    /// Value of `CUDA_VISIBLE_DEVICES`: the worker offers no more than it was given itself.
    pub cuda_visible: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    pub capability: Capability,
    /// Oddities worth a log line.
    pub notes: Vec<String>,
}

/// Looks at this machine.
pub async fn capability(runner: &dyn CommandRunner, overrides: Overrides) -> Detected {
    let mut notes = Vec::new();
    let machine = machine::look(Path::new("/"));
    let (nvidia, amd) = tokio::join!(nvidia::look(runner), amd::look(runner));
    notes.extend(nvidia.notes);
    notes.extend(amd.notes);
    let mut accelerators = visible(nvidia.devices, overrides.cuda_visible.as_deref());
    accelerators.extend(amd.devices);
    accelerators.extend(apple(machine.memory_bytes));
    accelerators.truncate(MAX_ACCELERATORS);
    // Positions of one list; the vendors' own numbers may coincide.
    let pins_by_index = |device: &Accelerator| device.vendor != Vendor::Nvidia;
    if accelerators.iter().any(pins_by_index) && accelerators.iter().any(|d| !pins_by_index(d)) {
        renumber(&mut accelerators);
    }
    let mut backends: BTreeSet<Backend> = accelerators.iter().map(|d| d.backend).collect();
    backends.insert(Backend::Cpu);
    let cpu_milli = overrides.cpu_milli.unwrap_or(machine.cpu_milli).max(1);
    let cores = u32::try_from(cpu_milli / 1000).unwrap_or(MAX_SLOTS);
    let capability = Capability {
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        cpu_milli,
        memory_bytes: overrides.memory_bytes.unwrap_or(machine.memory_bytes).max(1),
        slots: overrides.slots.unwrap_or(cores.clamp(1, MAX_SLOTS)),
        backends,
        accelerators,
        tags: overrides.tags,
    };
    Detected { capability, notes }
}

/// NVIDIA devices go by their UUID, so their numbers may move out of the way of the others'.
fn renumber(accelerators: &mut [Accelerator]) {
    let taken: BTreeSet<u16> =
        accelerators.iter().filter(|d| d.vendor != Vendor::Nvidia).map(|d| d.index).collect();
    let mut free = (0..u16::MAX).filter(|number| !taken.contains(number));
    for device in accelerators.iter_mut().filter(|device| device.vendor == Vendor::Nvidia) {
        if let Some(number) = free.next() {
            device.index = number;
        }
    }
}

fn visible(devices: Vec<Accelerator>, given: Option<&str>) -> Vec<Accelerator> {
    let Some(given) = given else { return devices };
    let names: Vec<&str> = given.split(',').map(str::trim).collect();
    let listed = |device: &Accelerator| {
        let matches = |name: &&str| {
            let by_uuid = !name.is_empty() && device.uuid.starts_with(name);
            by_uuid || **name == device.index.to_string()
        };
        names.iter().any(matches)
    };
    devices.into_iter().filter(listed).collect()
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

/// What one vendor's tool led to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    devices: Vec<Accelerator>,
    notes: Vec<String>,
}

/// A product name that a capability may hold.
fn product(name: &str) -> String {
    let mut name: String = name.chars().filter(|c| !c.is_control()).collect();
    name.truncate(name.floor_char_boundary(MAX_NAME_BYTES));
    let name = name.trim();
    if name.is_empty() { "unknown".to_owned() } else { name.to_owned() }
}

/// The first line that says something, for a note.
fn gist(output: &str) -> String {
    let line = output.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("nothing");
    line.chars().take(200).collect()
}

#[cfg(test)]
mod tests;
