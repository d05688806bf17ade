//! Detection of the devices of each vendor.
//!
//! The tool of each vendor has one of three results: devices, no device, or a failure. A failure is an
//! entry of `Capability::detection_errors`, and the devices that cannot be inspected are entries in the
//! state `degraded`, so that it is not mistaken for a machine without devices. The output of a tool is
//! accepted only if the tool succeeded and the output is a complete, well-formed listing, so no list of
//! error texts is needed. If a tool lists no device, the files of the operating system decide whether
//! that is credible (`evidence`). Parsers are pure functions of the output of a tool.

use super::fact::Machine;
use super::host::{Host, System};
use crate::domain::accelerator::{Accelerator, Vendor};
use device::Device;
use evidence::{Evidence, HABANA, HUAWEI, INTEL, Presence, Seen};
use listing::VendorDevices;
use std::collections::BTreeSet;

mod amd;
mod apple;
mod bus;
mod device;
mod evidence;
mod field;
mod intel;
mod json;
mod listing;
mod nvidia;
mod other;
mod quote;
mod visible;
mod windows;
pub use visible::VisibleDevices;

#[cfg(test)]
mod tests;

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
    /// The vendors of which a tool did not end in time, so that facts of their devices may be missing.
    pub unanswered: BTreeSet<Vendor>,
}

/// The programs that a vendor's devices are detected with.
const TOOLS: &[(Vendor, &[&str])] = &[
    (Vendor::NVIDIA, &["nvidia-smi"]),
    (Vendor::AMD, &["rocm-smi", "amd-smi"]),
    (Vendor::INTEL, &["xpu-smi"]),
    (Vendor::HABANA, &["hl-smi"]),
    (Vendor::AWS, &["neuron-ls"]),
    (Vendor::HUAWEI, &["npu-smi"]),
    (Vendor::APPLE, &["system_profiler", "sysctl"]),
];
/// Maximum length of an address that several devices have, in bytes.
const MAX_ADDRESS_BYTES: usize = 100;
/// The programs that list the devices of all vendors on Windows.
const TOOLS_OF_WINDOWS: &[&str] = &["powershell", "pwsh", "wmic"];

/// Detects the devices that `visible` does not hide. All vendors are asked at once.
pub(super) async fn detect(
    host: &Host<'_>,
    machine: &Machine,
    visible: &VisibleDevices,
) -> Devices {
    let evidence = Evidence::read(host);
    let memory = machine.usable_bytes().unwrap_or(0);
    let seen_nvidia = evidence.nvidia(host);
    let nvidia = unless_hidden(
        visible.nvidia_hidden_by(),
        "NVIDIA",
        &seen_nvidia,
        nvidia::detect(host, &seen_nvidia, memory),
    );
    match host.system {
        System::MacOs => {
            let found = apple::detect(host, memory).await;
            all_of(found, Vec::new(), unanswered(host))
        }
        System::Windows => {
            let (mut nvidia, answers) = tokio::join!(nvidia, windows::ask(host));
            let is_hidden = visible.nvidia_hidden_by().is_some();
            let mut others = windows::devices(&answers, &mut nvidia, is_hidden);
            let mut notes = Vec::new();
            let devices = visible.of_nvidia(std::mem::take(&mut nvidia.devices), &mut notes);
            others.add(VendorDevices { devices, ..nvidia });
            all_of(others, notes, unanswered(host))
        }
        System::Linux => {
            let seen_amd = evidence.amd(host);
            let is_nvidia_absent = seen_nvidia.presence != Presence::Present;
            let amd = unless_hidden(
                visible.amd_hidden_by(is_nvidia_absent),
                "AMD",
                &seen_amd,
                amd::detect(host, &seen_amd, memory),
            );
            let (mut nvidia, mut amd, mut found) =
                tokio::join!(nvidia, amd, others(host, &evidence, memory));
            let mut unanswered = unanswered(host);
            if amd.errors.is_empty() {
                // One of its tools has answered.
                unanswered.remove(&Vendor::AMD);
            }
            let mut notes = Vec::new();
            // On a machine without NVIDIA devices, CUDA_VISIBLE_DEVICES applies to AMD devices.
            let cuda_means_amd =
                nvidia.devices.is_empty() && nvidia.errors.is_empty() && is_nvidia_absent;
            let devices = visible.of_nvidia(std::mem::take(&mut nvidia.devices), &mut notes);
            found.add(VendorDevices { devices, ..nvidia });
            let devices =
                visible.of_amd(std::mem::take(&mut amd.devices), cuda_means_amd, &mut notes);
            found.add(VendorDevices { devices, ..amd });
            all_of(found, notes, unanswered)
        }
    }
}

/// The vendors of which a tool did not end in time.
fn unanswered(host: &Host<'_>) -> BTreeSet<Vendor> {
    if host.has_hung(TOOLS_OF_WINDOWS) {
        return Vendor::BUILT_IN.into_iter().collect();
    }
    let hung = TOOLS.iter().filter(|(_, programs)| host.has_hung(programs));
    hung.map(|(vendor, _)| *vendor).collect()
}

/// The devices of the vendors whose devices no variable hides.
async fn others(host: &Host<'_>, evidence: &Evidence, memory: u64) -> VendorDevices {
    let (gaudi_nodes, nodes): (Vec<Device>, Vec<Device>) = other::nodes::detect(host)
        .into_iter()
        .partition(|device| device.accelerator.vendor == Vendor::HABANA);
    let has_tpu = nodes.iter().any(|device| device.accelerator.vendor == Vendor::GOOGLE);
    let (intel, gaudi) = (evidence.of(INTEL, false), evidence.of(HABANA, !gaudi_nodes.is_empty()));
    let ascend = evidence.accelerators_of(HUAWEI, host.exists("/dev/davinci_manager"));
    let (mut found, gaudi, neuron, ascend) = tokio::join!(
        intel::detect(host, &intel, memory, &nodes),
        other::gaudi::detect(host, &gaudi, gaudi_nodes),
        other::neuron::detect(host),
        other::ascend::detect(host, &ascend),
    );
    for devices in [gaudi, neuron, ascend] {
        found.add(devices);
    }
    found.devices.extend(nodes);
    if !has_tpu {
        found.devices.extend(other::nodes::tpus(host));
    }
    found
}

/// The devices of all vendors with their numbers. `notes` are those about hidden devices.
fn all_of(found: VendorDevices, mut notes: Vec<String>, unanswered: BTreeSet<Vendor>) -> Devices {
    notes.extend(found.notes);
    Devices {
        accelerators: number(found.devices),
        unusable: found.unusable,
        notes,
        errors: found.errors,
        unanswered,
    }
}

/// Skips the detection of devices that a variable hides.
async fn unless_hidden(
    variable: Option<&'static str>,
    vendor: &str,
    seen: &Seen,
    detection: impl Future<Output = VendorDevices>,
) -> VendorDevices {
    let Some(variable) = variable else { return detection.await };
    let note = || format!("{variable} hides every {vendor} device from this worker");
    let notes = (seen.presence == Presence::Present).then(note).into_iter().collect();
    VendorDevices { notes, ..VendorDevices::default() }
}

/// Gives every device a different number and a different id. A device whose number is taken keeps that of
/// its vendor as well, since tests are pinned by it; NVIDIA devices are pinned by their UUID. Chips of one
/// card can have the same address.
fn number(devices: Vec<Device>) -> Vec<Accelerator> {
    let is_pinned_by_number = |d: &Accelerator| d.vendor != Vendor::NVIDIA || d.uuid.is_empty();
    let all: Vec<Accelerator> = devices.into_iter().map(|device| device.accelerator).collect();
    let (fixed, movable): (Vec<_>, Vec<_>) = all.into_iter().partition(is_pinned_by_number);
    let (mut taken, mut ids) = (BTreeSet::new(), BTreeSet::new());
    let mut numbered = Vec::with_capacity(fixed.len() + movable.len());
    for mut device in fixed.into_iter().chain(movable) {
        let mut address = device.uuid.clone();
        address.truncate(address.floor_char_boundary(MAX_ADDRESS_BYTES));
        let mut others = 0;
        while !ids.insert(device.id()) && is_pinned_by_number(&device) && !address.is_empty() {
            others += 1;
            device.uuid = format!("{address}/{others}");
        }
        let free = (device.index..=u16::MAX).chain(0..device.index);
        let Some(index) = free.into_iter().find(|index| !taken.contains(index)) else { break };
        taken.insert(index);
        if index != device.index {
            device.number.get_or_insert(device.index);
            device.index = index;
        }
        numbered.push(device);
    }
    numbered.sort_by_key(|device| (device.vendor, device.index));
    numbered
}
