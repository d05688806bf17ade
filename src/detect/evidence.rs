//! What the machine itself shows of a vendor's devices, without any tool: devices on the PCI bus,
//! and the files of a loaded driver.

use std::io;
use std::path::Path;

/// Whether a vendor's device is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    There,
    NotThere,
    /// There is no bus to look at, or it cannot be read.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Evidence {
    pub nvidia: Seen,
    pub amd: Seen,
}

const NVIDIA: &str = "0x10de";
const AMD: &str = "0x1002";
/// Display controllers of every kind, and processing accelerators.
const CLASSES: &[&str] = &["0x0300", "0x0302", "0x0380", "0x1200"];
/// Maximum number of entries of one directory that are looked at.
const MAX_ENTRIES: usize = 4096;

impl Evidence {
    pub fn look(root: &Path) -> Self {
        let there = |path: &str| root.join(path).exists();
        let driver = has_entry(&root.join("dev"), |name| {
            name.strip_prefix("nvidia").is_some_and(digits)
        }) || has_entry(&root.join("proc/driver/nvidia/gpus"), |_| true)
            // Devices of a system on a chip are on no PCI bus.
            || there("dev/nvhost-gpu")
            || there("dev/nvgpu");
        let bus = |vendor| on_bus(&root.join("sys/bus/pci/devices"), vendor).ok().flatten();
        let of = |files: bool, vendor| match bus(vendor) {
            _ if files => Seen::There,
            Some(true) => Seen::There,
            // Below Windows, devices of the host are reached through one file for all vendors.
            Some(false) if !there("dev/dxg") => Seen::NotThere,
            _ => Seen::Unknown,
        };
        Self { nvidia: of(driver, NVIDIA), amd: of(there("dev/kfd"), AMD) }
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn has_entry(directory: &Path, wanted: impl Fn(&str) -> bool) -> bool {
    let Ok(entries) = std::fs::read_dir(directory) else { return false };
    let mut names = entries.take(MAX_ENTRIES).filter_map(Result::ok).map(|entry| entry.file_name());
    names.any(|name| name.to_str().is_some_and(&wanted))
}

/// None when the bus has no device at all, which says nothing about this vendor's.
fn on_bus(devices: &Path, vendor: &str) -> io::Result<Option<bool>> {
    let mut any = false;
    for entry in std::fs::read_dir(devices)?.take(MAX_ENTRIES) {
        let device = entry?.path();
        let is = |file: &str, wanted: &[&str]| -> io::Result<bool> {
            let text = std::fs::read_to_string(device.join(file))?;
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
    use crate::detect::tests::root;

    const BRIDGE: [(&str, &str); 2] = [
        ("sys/bus/pci/devices/0000:00:00.0/vendor", "0x8086\n"),
        ("sys/bus/pci/devices/0000:00:00.0/class", "0x060000\n"),
    ];

    fn seen(files: &[(&str, &str)]) -> Evidence {
        Evidence::look(root(files).path())
    }

    #[test]
    fn a_bus_that_can_be_read_decides() {
        assert_eq!(seen(&[]), Evidence { nvidia: Seen::Unknown, amd: Seen::Unknown });
        assert_eq!(seen(&BRIDGE), Evidence { nvidia: Seen::NotThere, amd: Seen::NotThere });
        let card = [
            ("sys/bus/pci/devices/0000:3b:00.0/vendor", "0x10de\n"),
            ("sys/bus/pci/devices/0000:3b:00.0/class", "0x030200\n"),
        ];
        let both = [&BRIDGE[..], &card].concat();
        assert_eq!(seen(&both), Evidence { nvidia: Seen::There, amd: Seen::NotThere });
        let sound = [
            ("sys/bus/pci/devices/0000:3b:00.1/vendor", "0x10de\n"),
            ("sys/bus/pci/devices/0000:3b:00.1/class", "0x040300\n"),
        ];
        assert_eq!(seen(&sound).nvidia, Seen::NotThere);
        let dark = [("sys/bus/pci/devices/0000:3b:00.0/class", "0x030200\n")];
        assert_eq!(seen(&dark).nvidia, Seen::Unknown);
    }

    #[test]
    fn files_of_a_driver_show_a_device_where_no_bus_does() {
        assert_eq!(seen(&[("dev/nvidia0", "")]).nvidia, Seen::There);
        assert_eq!(seen(&[("dev/nvidia-uvm", "")]).nvidia, Seen::Unknown);
        assert_eq!(seen(&[("dev/kfd", "")]).amd, Seen::There);
        let windows_below = [&BRIDGE[..], &[("dev/dxg", "")]].concat();
        assert_eq!(seen(&windows_below).nvidia, Seen::Unknown);
    }
}
