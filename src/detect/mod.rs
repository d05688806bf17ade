//! Detects the processors, the memory and the devices of this machine.
//!
//! The tool of each vendor has one of three results: devices, no device, or a failure. A failure is an
//! entry of [`Capability::detection_errors`], so that it is not mistaken for a machine without devices.
//! The output of a tool is accepted only if it is a complete, well-formed listing, so no list of error
//! texts is needed. If a tool lists no device, the files of the operating system decide whether that is
//! credible (`evidence`).
//!
//! Limits: [`TOOL_TIMEOUT`] and [`MAX_OUTPUT_BYTES`] for each call of a tool.
//!
//! Promises: detection never fails as a whole. Parsers are pure functions of the output of a tool.

use crate::domain::accelerator::{Accelerator, Backend, Vendor};
use crate::domain::capability::{
    Capability, MAX_ACCELERATORS, MAX_DETECTION_ERROR_BYTES, MAX_DETECTION_ERRORS, MAX_SLOTS,
};
use crate::domain::tag::Tag;
use crate::sys::process::printable;
use device::Device;
use evidence::{Evidence, Presence};
use std::collections::BTreeSet;
use vendor::VendorDevices;

mod amd;
mod cgroups;
mod device;
mod evidence;
mod host;
mod machine;
mod nvidia;
mod tools;
mod vendor;
mod visible;
pub use host::{Host, NOTICE_INTERVAL};
pub use tools::{MAX_OUTPUT_BYTES, TOOL_TIMEOUT};
pub use visible::VisibleDevices;

/// Values that the person who starts the worker sets instead of the detected ones.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub slots: Option<u32>,
    pub tags: BTreeSet<Tag>,
    pub cpu_milli: Option<u64>,
    pub memory_bytes: Option<u64>,
    /// The variables that hide devices from this process. The worker does not offer hidden devices.
    pub visible: VisibleDevices,
}

/// The result of the detection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    pub capability: Capability,
    /// Unusual findings, for a person. Detection errors are in the capability.
    pub notes: Vec<String>,
}

/// Detects the capability of this machine.
pub async fn capability(host: Host<'_>, overrides: Overrides) -> Detected {
    let machine = machine::detect(host.root);
    let mut notes = machine.notes;
    let evidence = Evidence::read(host.root);
    let visible = &overrides.visible;
    let (nvidia, amd) = tokio::join!(
        unless_hidden(visible.nvidia_hidden_by(), "NVIDIA", evidence.nvidia, async {
            nvidia::detect(host, evidence.nvidia, machine.memory_bytes).await
        }),
        unless_hidden(
            visible.amd_hidden_by(evidence.nvidia != Presence::Present),
            "AMD",
            evidence.amd,
            async { amd::detect(host, evidence.amd).await }
        ),
    );
    // On a machine without NVIDIA devices, CUDA_VISIBLE_DEVICES applies to AMD devices.
    let cuda_means_amd = nvidia.devices.is_empty()
        && nvidia.errors.is_empty()
        && evidence.nvidia != Presence::Present;
    let mut devices = visible.of_nvidia(nvidia.devices, &mut notes);
    devices.extend(visible.of_amd(amd.devices, cuda_means_amd, &mut notes));
    notes.extend(nvidia.notes);
    notes.extend(amd.notes);
    let mut accelerators: Vec<_> = number(devices, &mut notes);
    accelerators.extend(apple(machine.memory_bytes));
    if accelerators.len() > MAX_ACCELERATORS {
        notes.push(format!("only {MAX_ACCELERATORS} of {} devices are used", accelerators.len()));
        accelerators.truncate(MAX_ACCELERATORS);
    }
    let mut backends: BTreeSet<Backend> =
        accelerators.iter().flat_map(Accelerator::offered).collect();
    backends.insert(Backend::CPU);
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
        unusable: Vec::new(),
        tags: overrides.tags,
        detection_errors: errors.take(MAX_DETECTION_ERRORS).map(|e| bounded(&e)).collect(),
    };
    Detected { capability, notes }
}

/// Skips the detection of devices that a variable hides.
async fn unless_hidden(
    variable: Option<&'static str>,
    vendor: &str,
    presence: Presence,
    detection: impl Future<Output = VendorDevices>,
) -> VendorDevices {
    let Some(variable) = variable else { return detection.await };
    let note = || format!("{variable} hides every {vendor} device from this worker");
    let notes = (presence == Presence::Present).then(note).into_iter().collect();
    VendorDevices { notes, ..VendorDevices::default() }
}

/// Gives every device a different number. AMD devices, and devices without a UUID, keep the number of
/// their vendor, since tests are pinned by it. The other devices get a free number.
fn number(devices: Vec<Device>, notes: &mut Vec<String>) -> Vec<Accelerator> {
    let is_pinned_by_number = |d: &Accelerator| d.vendor != Vendor::NVIDIA || d.uuid.is_empty();
    let all: Vec<Accelerator> = devices.into_iter().map(|device| device.accelerator).collect();
    let mut taken = BTreeSet::new();
    let mut numbered = Vec::with_capacity(all.len());
    let (fixed, movable): (Vec<_>, Vec<_>) = all.into_iter().partition(is_pinned_by_number);
    for device in fixed {
        if taken.insert(device.index) {
            numbered.push(device);
        } else {
            let (model, index) = (&device.model, device.index);
            notes.push(format!("{model} is not used: another device also has the number {index}"));
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

/// Every Mac with an Apple processor has one device, which shares the memory of the machine.
fn apple(memory_bytes: u64) -> Option<Accelerator> {
    let is_apple = cfg!(all(target_os = "macos", target_arch = "aarch64"));
    is_apple.then(|| Accelerator {
        memory_bytes,
        unified: true,
        ..Accelerator::new(0, Vendor::APPLE, "Apple GPU").with_backend(Backend::MPS)
    })
}

/// Shortens an error to the form that a capability accepts.
fn bounded(error: &str) -> String {
    let mut error = printable(error, MAX_DETECTION_ERROR_BYTES);
    error.truncate(error.floor_char_boundary(MAX_DETECTION_ERROR_BYTES));
    error
}

#[cfg(test)]
mod tests;
