//! Detection of the devices of each vendor.
//!
//! The tool of each vendor has one of three results: devices, no device, or a failure. A failure is an
//! entry of `Capability::detection_errors`, so that it is not mistaken for a machine without devices.
//! The output of a tool is accepted only if it is a complete, well-formed listing, so no list of error
//! texts is needed. If a tool lists no device, the files of the operating system decide whether that is
//! credible (`evidence`). Parsers are pure functions of the output of a tool.

use super::host::Host;
use super::machine::Machine;
use crate::domain::accelerator::{Accelerator, Backend, Vendor};
use device::Device;
use evidence::{Evidence, Presence};
use listing::VendorDevices;
use std::collections::BTreeSet;

mod amd;
mod device;
mod evidence;
mod listing;
mod nvidia;
mod visible;
pub use visible::VisibleDevices;

/// The devices of all vendors.
#[derive(Debug, Default)]
pub(super) struct Devices {
    /// The devices in the state `ok`.
    pub accelerators: Vec<Accelerator>,
    /// The devices in another state.
    pub unusable: Vec<Accelerator>,
    pub notes: Vec<String>,
    /// The reasons why devices were not detected.
    pub errors: Vec<String>,
}

/// Detects the devices that `visible` does not hide. All vendors are asked at once.
pub(super) async fn detect(
    host: &Host<'_>,
    machine: &Machine,
    visible: &VisibleDevices,
) -> Devices {
    let mut notes = Vec::new();
    let evidence = Evidence::read(host);
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
    let mut accelerators = number(devices, &mut notes);
    accelerators.extend(apple(machine.memory_bytes));
    let errors = nvidia.errors.into_iter().chain(amd.errors).collect();
    Devices { accelerators, unusable: Vec::new(), notes, errors }
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
