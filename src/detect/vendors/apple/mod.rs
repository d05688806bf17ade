//! Detects the graphics of a Mac with `system_profiler` and `sysctl`.
//!
//! The name is in `sppci_model`; `_name` is an internal key on some machines. The graphics of an
//! Apple processor use the memory of the machine: the budget is the limit that the system reports, or
//! three quarters of the memory, which is the usual limit of the system. PyTorch has no build for Macs with
//! an Intel processor since version 2.3, so their graphics are listed and not offered.
//!
//! Limit: [`PROFILER_TIMEOUT`], since the tool can hang in a service.

use super::device::{Device, SYSTEM_MEMORY, bare, product, refused, set_memory};
use super::listing::{VendorDevices, exited, reason};
use super::{field, json};
use crate::detect::host::Host;
use crate::domain::accelerator::{Accelerator, Backend, DeviceState, Proof, Vendor};
use crate::sys::process::Completion;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

#[cfg(test)]
mod tests;

const PROFILER: &str = "system_profiler";
const PROFILER_TIMEOUT: Duration = Duration::from_secs(10);
const SYSCTL_KEYS: [&str; 5] = [
    "hw.memsize",
    "hw.optional.arm64",
    "sysctl.proc_translated",
    "machdep.cpu.brand_string",
    "iogpu.wired_limit_mb",
];
/// File with the version of the system, and the first version whose Metal PyTorch can use.
const VERSION_FILE: &str = "/System/Library/CoreServices/SystemVersion.plist";
const MIN_VERSION: (u32, u32) = (12, 3);

/// Detects the devices. `host_memory` is the memory of the machine, in bytes.
pub(super) async fn detect(host: &Host<'_>, host_memory: u64) -> VendorDevices {
    let (profile, values) = tokio::join!(
        host.run_within(PROFILER_TIMEOUT, PROFILER, &["SPDisplaysDataType", "-json"]),
        host.sysctl(&SYSCTL_KEYS)
    );
    let mac = Mac::of(&values, host.text(VERSION_FILE).as_deref(), host_memory);
    let mut result = VendorDevices::default();
    let listed = exited(&profile).filter(|(code, _)| *code == 0);
    match listed.and_then(|(_, output)| displays(&output.stdout.text)) {
        Some(displays) => {
            for (position, display) in displays.iter().enumerate() {
                let Ok(position) = u16::try_from(position) else { break };
                mac.add(position, display, &mut result);
            }
        }
        // The graphics are added below.
        None if mac.is_apple_silicon => {}
        None => {
            let reason = reason(PROFILER, &profile);
            result.errors.push(format!("cannot detect graphics devices: {reason}"));
        }
    }
    mac.add_graphics_of_processor(&profile, &mut result);
    if mac.is_translated {
        result.notes.push(
            "this process is translated by Rosetta; tests run without it only if Python is built for \
             arm64"
                .to_owned(),
        );
    }
    result
}

/// The list of graphics devices in the output.
fn displays(output: &str) -> Option<Vec<Value>> {
    json::documents(output)
        .find_map(|document| document.get("spdisplaysdatatype")?.as_array().cloned())
}

/// The facts of the machine.
#[derive(Debug)]
struct Mac {
    processor: String,
    is_apple_silicon: bool,
    is_translated: bool,
    /// The version is too old for PyTorch, and which it is.
    old_version: Option<String>,
    memory: Option<u64>,
    /// The limit of memory for graphics that was set on this machine, in bytes.
    limit: Option<u64>,
}

impl Mac {
    fn of(values: &BTreeMap<String, String>, version: Option<&str>, host_memory: u64) -> Self {
        let number = |key: &str| values.get(key)?.parse::<u64>().ok();
        let processor = values.get("machdep.cpu.brand_string").cloned().unwrap_or_default();
        let version = version.and_then(product_version);
        let is_old = |version: &&str| {
            let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
            (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < MIN_VERSION
        };
        Self {
            is_apple_silicon: number("hw.optional.arm64") == Some(1)
                || processor.starts_with("Apple"),
            processor,
            is_translated: number("sysctl.proc_translated") == Some(1),
            old_version: version.filter(is_old).map(str::to_owned),
            memory: number("hw.memsize").or(Some(host_memory)).and_then(field::plausible),
            limit: number("iogpu.wired_limit_mb")
                .and_then(|limit| limit.checked_mul(1 << 20))
                .and_then(field::plausible),
        }
    }

    /// Adds the device of an entry of the profiler.
    fn add(&self, position: u16, display: &Value, result: &mut VendorDevices) {
        let text = |keys: &[&str]| json::first(display, keys);
        let model = text(&["sppcimodel", "name"]).unwrap_or_default();
        let maker = text(&["spdisplaysvendor"]).unwrap_or_default().to_lowercase();
        let vendor = if maker.contains("apple") || model.starts_with("Apple") {
            Vendor::APPLE
        } else if maker.contains("amd") || maker.contains("0x1002") {
            Vendor::AMD
        } else if maker.contains("nvidia") || maker.contains("0x10de") {
            Vendor::NVIDIA
        } else if maker.contains("intel") {
            Vendor::INTEL
        } else {
            return;
        };
        let metal =
            text(&["spdisplaysmtlgpufamilysupport", "spdisplaysmetal", "spdisplaysmetalfamily"]);
        let has_metal = metal.as_deref().is_some_and(|word| {
            word.starts_with("spdisplays_metal") || word == "spdisplays_supported"
        });
        let mut device = Accelerator::new(position, vendor, &product(&model));
        if vendor == Vendor::APPLE {
            let proof = if has_metal { Proof::Driver } else { Proof::Hardware };
            device.backends.insert(Backend::MPS, proof);
            let family = metal.as_deref().and_then(|word| word.strip_prefix("spdisplays_"));
            device.architecture = family
                .filter(|word| word.starts_with("metal"))
                .map(str::to_owned)
                .unwrap_or_default();
            self.budget(&mut device);
        } else {
            device.backends.insert(Backend::MPS, Proof::Hardware);
            own_memory(&mut device, display);
        }
        self.offer(device, result);
    }

    /// Adds the graphics of an Apple processor if the profiler does not list them: every such processor
    /// has them.
    fn add_graphics_of_processor(&self, profile: &Completion, result: &mut VendorDevices) {
        let is_apple = |device: &Accelerator| device.vendor == Vendor::APPLE;
        let is_listed = result.devices.iter().any(|device| is_apple(&device.accelerator))
            || result.unusable.iter().any(is_apple);
        if !self.is_apple_silicon || is_listed {
            return;
        }
        let reason = match exited(profile) {
            Some((0, output)) if displays(&output.stdout.text).is_some() => {
                format!("{PROFILER} does not list them")
            }
            _ => reason(PROFILER, profile),
        };
        result.notes.push(format!(
            "the graphics of this Mac are offered after a runtime has found them: {reason}"
        ));
        let mut device = bare(Vendor::APPLE, &self.processor, Some(Backend::MPS));
        self.budget(&mut device);
        self.offer(device, result);
    }

    /// Adds a device, which PyTorch cannot use if the system is too old.
    fn offer(&self, device: Accelerator, result: &mut VendorDevices) {
        let integrated = device.unified;
        match &self.old_version {
            Some(version) if device.vendor == Vendor::APPLE => {
                let reason = format!("PyTorch requires macOS 12.3, and this machine has {version}");
                result.unusable.push(refused(device, DeviceState::Unusable, &reason));
            }
            _ => result.devices.push(Device { integrated, ..Device::new(device) }),
        }
    }

    /// Sets the memory that programs may use for graphics.
    fn budget(&self, device: &mut Accelerator) {
        device.unified = true;
        match (self.limit, self.memory) {
            (Some(limit), _) => set_memory(device, Some(limit), "iogpu.wired_limit_mb"),
            (None, Some(memory)) => {
                set_memory(device, Some(memory / 4 * 3), &format!("75 % of {SYSTEM_MEMORY}"));
                device.memory_estimated = true;
            }
            (None, None) => {}
        }
    }
}

/// The memory of graphics in a Mac with an Intel processor: its own, or a part of the machine's.
fn own_memory(device: &mut Accelerator, display: &Value) {
    let size = |key: &str| json::first_size(display, &[key], 1 << 20);
    let shared = size("spdisplaysvramshared");
    device.unified = shared.is_some();
    set_memory(device, shared.or_else(|| size("spdisplaysvram")), PROFILER);
}

/// The version in the property list of the system.
fn product_version(list: &str) -> Option<&str> {
    let rest = list.split_once("<key>ProductVersion</key>")?.1;
    let version = rest.split_once("<string>")?.1.split_once("</string>")?.0;
    Some(version.trim())
}
