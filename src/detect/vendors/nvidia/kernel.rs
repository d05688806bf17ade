//! NVIDIA devices in the files of the kernel driver.

use crate::detect::host::Host;
use crate::detect::vendors::device::{bare, fact, product, refused};
use crate::detect::vendors::field;
use crate::domain::accelerator::{Accelerator, Backend, DeviceState, Vendor};
use std::collections::BTreeSet;

const DEVICES: &str = "/proc/driver/nvidia/gpus";
const VERSION: &str = "/sys/module/nvidia/version";

/// Adds the product and the driver, which the kernel also knows if the tool does not work.
pub(super) fn complete(host: &Host<'_>, devices: &mut [Accelerator]) {
    for device in devices {
        device.driver = fact(&host.text(VERSION).unwrap_or_default());
        if !device.uuid.is_empty()
            && let Some(model) = value(host, &device.uuid, "Model")
        {
            device.model = product(&model);
        }
    }
}

/// The devices of the driver that the tool does not list, although this process has their device files.
/// In a container, the driver also shows the devices that the container does not have.
pub(super) fn unlisted(host: &Host<'_>, listed: &BTreeSet<String>) -> Vec<Accelerator> {
    let names = host.list(DEVICES).unwrap_or_default();
    let is_unlisted = |name: &&String| {
        let has_file = || {
            let number = value(host, name, "Device Minor");
            number.is_some_and(|number| host.exists(&format!("/dev/nvidia{number}")))
        };
        field::pci_address(name).is_some_and(|address| !listed.contains(&address)) && has_file()
    };
    let entry = |name: &String| {
        let mut device = bare(Vendor::NVIDIA, "", Some(Backend::CUDA));
        device.uuid = field::pci_address(name).unwrap_or_default();
        let reason = "the driver has the device, but nvidia-smi does not list it";
        let mut device = [refused(device, DeviceState::Degraded, reason)];
        complete(host, &mut device);
        let [device] = device;
        device
    };
    names.iter().filter(is_unlisted).map(entry).collect()
}

/// A value in the description of a device.
fn value(host: &Host<'_>, address: &str, key: &str) -> Option<String> {
    let text = host.text(&format!("{DEVICES}/{address}/information"))?;
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(name, _)| name.trim() == key)?;
    Some(value.trim().to_owned()).filter(|value| !value.is_empty())
}
