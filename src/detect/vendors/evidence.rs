//! Evidence of devices without the tool of a vendor: devices on the PCI bus, and the files of a loaded
//! driver.

use super::device::{bare, fact, refused};
use super::field;
use crate::detect::host::Host;
use crate::domain::accelerator::{Accelerator, Backend, DeviceState, Vendor};
use std::io;

/// Whether the machine has a device of a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Present,
    Absent,
    /// The machine has no PCI bus, or the bus cannot be read.
    Unknown,
}

/// PCI vendor ids.
pub(super) const NVIDIA: u16 = 0x10de;
pub(super) const AMD: u16 = 0x1002;
pub(super) const INTEL: u16 = 0x8086;
pub(super) const HABANA: u16 = 0x1da3;
pub(super) const HUAWEI: u16 = 0x19e5;
/// PCI classes, by their first two digits: display controllers and processing accelerators.
const CLASSES: &[u32] = &[DISPLAY, 0x12];
const DISPLAY: u32 = 0x03;
/// Directory of the devices on the PCI bus.
const PCI_DEVICES: &str = "/sys/bus/pci/devices";

/// One display controller or processing accelerator on the PCI bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PciDevice {
    pub address: String,
    pub vendor: u16,
    /// Device id; None if unknown.
    pub device: Option<u16>,
    /// A display controller, not an accelerator.
    pub is_display: bool,
    /// Name of the driver that controls the device: empty if none does, None if it is unknown.
    pub driver: Option<String>,
}

/// The devices of this kind on the PCI bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Evidence {
    /// None if the machine has no bus, or it cannot be read.
    devices: Option<Vec<PciDevice>>,
    /// Under WSL, one file gives access to the devices of all vendors.
    has_shared_access: bool,
}

/// The evidence of devices of one vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub presence: Presence,
    pub devices: Vec<PciDevice>,
}

impl Evidence {
    /// Reads the evidence in the files of the host.
    pub fn read(host: &Host<'_>) -> Self {
        Self { devices: on_bus(host).ok().flatten(), has_shared_access: host.exists("/dev/dxg") }
    }

    /// The evidence of the devices of a vendor. `has_driver` is whether the files of its driver exist.
    pub fn of(&self, vendor: u16, has_driver: bool) -> Seen {
        let all = self.devices.iter().flatten();
        let devices: Vec<_> = all.filter(|device| device.vendor == vendor).cloned().collect();
        let presence = match &self.devices {
            _ if has_driver || !devices.is_empty() => Presence::Present,
            Some(_) if !self.has_shared_access => Presence::Absent,
            _ => Presence::Unknown,
        };
        Seen { presence, devices }
    }

    /// The evidence of accelerators of a vendor that also makes display controllers for servers.
    pub fn accelerators_of(&self, vendor: u16, has_driver: bool) -> Seen {
        let mut seen = self.of(vendor, has_driver);
        seen.devices.retain(|device| !device.is_display);
        if seen.devices.is_empty() && !has_driver && seen.presence == Presence::Present {
            seen.presence = Presence::Absent;
        }
        seen
    }

    pub fn nvidia(&self, host: &Host<'_>) -> Seen {
        let is_card = |name: &String| name.strip_prefix("nvidia").is_some_and(is_number);
        let has_driver = host.list("/dev").is_ok_and(|names| names.iter().any(is_card))
            || host.list("/proc/driver/nvidia/gpus").is_ok_and(|names| !names.is_empty())
            || has_nvidia_chip(host);
        self.of(NVIDIA, has_driver)
    }

    pub fn amd(&self, host: &Host<'_>) -> Seen {
        self.of(AMD, host.exists("/dev/kfd"))
    }
}

impl Seen {
    /// The evidence of display controllers alone.
    pub fn graphics(&self) -> Self {
        let mut seen = self.clone();
        seen.devices.retain(|device| device.is_display);
        if seen.devices.is_empty() && !self.devices.is_empty() {
            seen.presence = Presence::Absent;
        }
        seen
    }

    /// Entries for devices that cannot be inspected, for this reason: those on the bus, or one without
    /// an id if the machine has a device that is not on it, or may have one.
    pub fn degraded(&self, vendor: Vendor, backend: Backend, reason: &str) -> Vec<Accelerator> {
        let refuse = |device| refused(device, DeviceState::Degraded, reason);
        if self.devices.is_empty() && self.presence != Presence::Absent {
            return vec![refuse(bare(vendor, "", Some(backend)))];
        }
        self.devices.iter().map(|device| refuse(device.bare(vendor, Some(backend)))).collect()
    }
}

impl PciDevice {
    /// The device, of which only the facts on the bus are known.
    pub fn bare(&self, vendor: Vendor, backend: Option<Backend>) -> Accelerator {
        let id = self.device.map(|id| format!("PCI device {:04x}:{id:04x}", self.vendor));
        let mut device = bare(vendor, &id.unwrap_or_default(), backend);
        device.uuid = fact(&self.address);
        device
    }
}

/// Whether the driver for the NVIDIA device of a system on a chip is loaded. This device is not on a PCI
/// bus.
pub(super) fn has_nvidia_chip(host: &Host<'_>) -> bool {
    host.exists("/dev/nvhost-gpu") || host.exists("/dev/nvgpu")
}

/// Whether a device file exists. True if the files of the machine do not include any device file, as in
/// most recordings.
pub(super) fn has_node(host: &Host<'_>, path: &str) -> bool {
    host.exists(path) || host.list("/dev").map_or(true, |names| names.is_empty())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The devices on the bus; None if it has no device at all, as in some virtual machines.
fn on_bus(host: &Host<'_>) -> io::Result<Option<Vec<PciDevice>>> {
    let names = host.list(PCI_DEVICES)?;
    let mut devices = Vec::new();
    for name in &names {
        devices.extend(pci_device(host, &format!("{PCI_DEVICES}/{name}"), name)?);
    }
    Ok((!names.is_empty()).then_some(devices))
}

/// The device in a directory of `/sys`; None if it is of another class.
fn pci_device(host: &Host<'_>, directory: &str, name: &str) -> io::Result<Option<PciDevice>> {
    let number = |text: &str| u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok();
    let read = |file: &str| host.read(&format!("{directory}/{file}"));
    let class = number(&read("class")?).map(|class| class >> 16);
    let Some(class) = class.filter(|class| CLASSES.contains(class)) else { return Ok(None) };
    let id = |text: &str| number(text).and_then(|id| u16::try_from(id).ok());
    let Some(vendor) = id(&read("vendor")?) else { return Ok(None) };
    let driver = |events: String| {
        let driver = events.lines().find_map(|line| line.strip_prefix("DRIVER="));
        driver.unwrap_or_default().to_owned()
    };
    Ok(Some(PciDevice {
        address: field::pci_address(name).unwrap_or_else(|| name.to_owned()),
        vendor,
        device: read("device").ok().and_then(|text| id(&text)),
        is_display: class == DISPLAY,
        driver: host.text(&format!("{directory}/uevent")).map(driver),
    }))
}
