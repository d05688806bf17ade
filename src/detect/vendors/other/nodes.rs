//! Devices of the kernel's class for compute accelerators, in `/sys/class/accel`. The drivers of several
//! vendors share it, so the vendor is that of the PCI device.

use crate::detect::host::Host;
use crate::detect::vendors::device::{Device, bare, fact};
use crate::detect::vendors::evidence::has_node;
use crate::detect::vendors::field;
use crate::domain::accelerator::{Accelerator, Backend, Proof, Vendor};

const CLASS: &str = "/sys/class/accel";

/// The kinds of devices: PCI vendor, vendor, product, back-end, and whether the driver alone is proof
/// for it. For the others, a runtime must find the device.
const KINDS: [(&str, Vendor, &str, Backend, Proof); 6] = [
    ("0x8086", Vendor::INTEL, "Intel NPU", Backend::OPENVINO, Proof::Hardware),
    ("0x1022", Vendor::AMD, "AMD XDNA NPU", Backend::NPU, Proof::Hardware),
    ("0x1002", Vendor::AMD, "AMD XDNA NPU", Backend::NPU, Proof::Hardware),
    ("0x1da3", Vendor::HABANA, "Gaudi", Backend::HPU, Proof::Driver),
    ("0x1ae0", Vendor::GOOGLE, "TPU", Backend::TPU, Proof::Driver),
    ("0x17cb", Vendor::QUALCOMM, "Qualcomm accelerator", Backend::QNN, Proof::Hardware),
];
/// File of the signal processor that runs neural networks on Qualcomm systems.
const HEXAGON: &str = "/dev/fastrpc-cdsp";

/// The devices of these kinds.
pub(in crate::detect::vendors) fn detect(host: &Host<'_>) -> Vec<Device> {
    let mut names: Vec<(u16, String)> = host
        .list(CLASS)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|name| Some((name.strip_prefix("accel")?.parse().ok()?, name)))
        .collect();
    names.sort_unstable();
    let mut devices: Vec<Device> = Vec::new();
    for (_, name) in names {
        let text = |file: &str| host.text(&format!("{CLASS}/{name}/device/{file}"));
        let vendor = text("vendor").unwrap_or_default();
        let Some((_, vendor, model, backend, proof)) = KINDS.iter().find(|kind| kind.0 == vendor)
        else {
            continue;
        };
        // Newer kernels put the files into a directory.
        let paths = [format!("/dev/accel/{name}"), format!("/dev/{name}")];
        if !paths.iter().any(|path| has_node(host, path)) {
            continue;
        }
        let number = devices.iter().filter(|device| device.accelerator.vendor == *vendor).count();
        let events = text("uevent").unwrap_or_default();
        let event = |key: &str| events.lines().find_map(|line| line.strip_prefix(key));
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        let mut accelerator = Accelerator::new(number, *vendor, model);
        accelerator.backends.insert(*backend, *proof);
        accelerator.uuid =
            fact(&event("PCI_SLOT_NAME=").and_then(field::pci_address).unwrap_or_default());
        accelerator.driver = fact(event("DRIVER=").unwrap_or_default());
        // The runtime of Gaudi numbers modules.
        accelerator.number = text("module_id").and_then(|module| module.parse().ok());
        devices.push(Device::new(accelerator));
    }
    if host.exists(HEXAGON) {
        devices.push(Device::new(bare(Vendor::QUALCOMM, "Hexagon NPU", Some(Backend::QNN))));
    }
    devices
}

/// The TPU chips that the driver gives to programs through VFIO, on machines without the class.
pub(in crate::detect::vendors) fn tpus(host: &Host<'_>) -> Vec<Device> {
    const PCI_DEVICES: &str = "/sys/bus/pci/devices";
    let is_number = |name: &String| name.parse::<u32>().is_ok();
    if !host.list("/dev/vfio").is_ok_and(|names| names.iter().any(is_number)) {
        return Vec::new();
    }
    let mut devices = Vec::new();
    for address in host.list(PCI_DEVICES).unwrap_or_default() {
        let is = |file: &str, start: &str| {
            let text = host.text(&format!("{PCI_DEVICES}/{address}/{file}"));
            text.is_some_and(|text| text.starts_with(start))
        };
        // Network adapters of virtual machines have the same vendor.
        let is_tpu = is("vendor", "0x1ae0") && !is("class", "0x02") && !is("class", "0x01");
        let Some(number) = u16::try_from(devices.len()).ok().filter(|_| is_tpu) else { continue };
        let mut accelerator =
            Accelerator::new(number, Vendor::GOOGLE, "TPU").with_backend(Backend::TPU);
        accelerator.uuid = fact(&field::pci_address(&address).unwrap_or(address));
        devices.push(Device::new(accelerator));
    }
    devices
}
