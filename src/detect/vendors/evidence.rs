//! Evidence of devices without the tool of a vendor: devices on the PCI bus, and the files of a loaded
//! driver.

use crate::detect::host::Host;
use std::io;

/// Whether the machine has a device of a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Present,
    Absent,
    /// The machine has no PCI bus, or the bus cannot be read.
    Unknown,
}

/// The evidence of devices of each vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Evidence {
    pub nvidia: Presence,
    pub amd: Presence,
}

/// PCI vendor id of NVIDIA.
const NVIDIA: &str = "0x10de";
/// PCI vendor id of AMD.
const AMD: &str = "0x1002";
/// PCI classes of display controllers and processing accelerators.
const CLASSES: &[&str] = &["0x0300", "0x0302", "0x0380", "0x1200"];
/// Directory of the devices on the PCI bus.
const PCI_DEVICES: &str = "/sys/bus/pci/devices";

impl Evidence {
    /// Reads the evidence in the files of the host.
    pub fn read(host: &Host<'_>) -> Self {
        let driver = has_entry(host, "/dev", |name| {
            name.strip_prefix("nvidia").is_some_and(is_number)
        }) || has_entry(host, "/proc/driver/nvidia/gpus", |_| true)
            // The device of a system on a chip is not on a PCI bus.
            || host.exists("/dev/nvhost-gpu")
            || host.exists("/dev/nvgpu");
        let bus = |vendor| on_bus(host, vendor).ok().flatten();
        let of = |files: bool, vendor| match bus(vendor) {
            _ if files => Presence::Present,
            Some(true) => Presence::Present,
            // Under WSL, one file gives access to the devices of all vendors.
            Some(false) if !host.exists("/dev/dxg") => Presence::Absent,
            _ => Presence::Unknown,
        };
        Self { nvidia: of(driver, NVIDIA), amd: of(host.exists("/dev/kfd"), AMD) }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn has_entry(host: &Host<'_>, directory: &str, wanted: impl Fn(&str) -> bool) -> bool {
    host.list(directory).is_ok_and(|names| names.iter().any(|name| wanted(name)))
}

/// Whether the bus has a device of the vendor; None if it has no device at all, as in some virtual
/// machines.
fn on_bus(host: &Host<'_>, vendor: &str) -> io::Result<Option<bool>> {
    let mut any = false;
    for device in host.list(PCI_DEVICES)? {
        let is = |file: &str, wanted: &[&str]| -> io::Result<bool> {
            let text = host.read(&format!("{PCI_DEVICES}/{device}/{file}"))?;
            Ok(wanted.iter().any(|wanted| text.trim().starts_with(wanted)))
        };
        any = true;
        if is("vendor", &[vendor])? && is("class", CLASSES)? {
            return Ok(Some(true));
        }
    }
    Ok(any.then_some(false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::tests::recorded;

    const BRIDGE: [(&str, &str); 2] = [
        ("sys/bus/pci/devices/0000:00:00.0/vendor", "0x8086\n"),
        ("sys/bus/pci/devices/0000:00:00.0/class", "0x060000\n"),
    ];

    fn evidence(files: &[(&str, &str)]) -> Evidence {
        recorded(files, Evidence::read)
    }

    #[test]
    fn the_pci_bus_decides_if_it_can_be_read() {
        assert_eq!(evidence(&[]), Evidence { nvidia: Presence::Unknown, amd: Presence::Unknown });
        assert_eq!(evidence(&BRIDGE), Evidence { nvidia: Presence::Absent, amd: Presence::Absent });
        let card = [
            ("sys/bus/pci/devices/0000:3b:00.0/vendor", "0x10de\n"),
            ("sys/bus/pci/devices/0000:3b:00.0/class", "0x030200\n"),
        ];
        let both = [&BRIDGE[..], &card].concat();
        assert_eq!(evidence(&both), Evidence { nvidia: Presence::Present, amd: Presence::Absent });
        let sound = [
            ("sys/bus/pci/devices/0000:3b:00.1/vendor", "0x10de\n"),
            ("sys/bus/pci/devices/0000:3b:00.1/class", "0x040300\n"),
        ];
        assert_eq!(evidence(&sound).nvidia, Presence::Absent);
        let without_vendor = [("sys/bus/pci/devices/0000:3b:00.0/class", "0x030200\n")];
        assert_eq!(evidence(&without_vendor).nvidia, Presence::Unknown);
    }

    #[test]
    fn files_of_a_driver_are_evidence_without_a_bus() {
        assert_eq!(evidence(&[("dev/nvidia0", "")]).nvidia, Presence::Present);
        assert_eq!(evidence(&[("dev/nvidia-uvm", "")]).nvidia, Presence::Unknown);
        assert_eq!(evidence(&[("dev/kfd", "")]).amd, Presence::Present);
        let wsl = [&BRIDGE[..], &[("dev/dxg", "")]].concat();
        assert_eq!(evidence(&wsl).nvidia, Presence::Unknown);
    }
}
