//! Devices on the PCI bus that no driver of their vendor controls, so that neither the tool of the vendor
//! nor a file of its driver shows them.

use super::device::refused;
use super::evidence::PciDevice;
use super::listing::{Maker, VendorDevices};
use crate::domain::accelerator::DeviceState;
use std::collections::BTreeSet;

/// The devices whose addresses are not `known` and that none of the drivers in `wanted` controls. If
/// an unknown address is among the known ones, any device may be known, so there are none.
pub(super) fn without_driver<'a>(
    maker: Maker,
    seen: impl Iterator<Item = &'a PciDevice>,
    known: &BTreeSet<String>,
    wanted: &[&str],
) -> VendorDevices {
    let mut result = VendorDevices::default();
    if known.contains("") {
        return result;
    }
    for device in seen.filter(|device| !known.contains(&device.address)) {
        let drivers = wanted.join(" or ");
        let reason = match device.driver.as_deref() {
            None => format!("no driver is known to control the device; it needs {drivers}"),
            Some("") => format!("no driver controls the device; it needs {drivers}"),
            Some(driver) if wanted.contains(&driver) => continue,
            Some(driver) => format!("the driver {driver} controls the device; it needs {drivers}"),
        };
        let entry = device.bare(maker.vendor, Some(maker.backend));
        result.notes.push(format!("{} ({}) is not used: {reason}", entry.model, entry.uuid));
        result.unusable.push(refused(entry, DeviceState::Degraded, &reason));
    }
    result
}
