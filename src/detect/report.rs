//! The document of `dtf detect --json`.
//!
//! Promise: the names in it are stable within a version of the schema. An unknown value is null, never 0
//! or an empty text.

use super::fact::Machine;
use super::host::System;
use crate::domain::accelerator::{Accelerator, Backend, DeviceState, Proof};
use crate::domain::capability::Capability;
use serde::Serialize;
use std::collections::BTreeMap;

/// Version of the document.
const SCHEMA: u32 = 1;

/// The facts about a machine and its devices.
#[derive(Debug, Serialize)]
pub struct Report {
    schema: u32,
    os: &'static str,
    arch: Option<String>,
    cpu_model: Option<String>,
    logical_cores: Option<u64>,
    physical_cores: Option<u64>,
    cpu_milli: Option<u64>,
    memory_bytes: Option<u64>,
    memory_limit_bytes: Option<u64>,
    container: Option<String>,
    devices: Vec<ReportedDevice>,
}

#[derive(Debug, Serialize)]
struct ReportedDevice {
    vendor: String,
    product: Option<String>,
    id: Option<String>,
    memory_bytes: Option<u64>,
    memory_source: Option<String>,
    unified: bool,
    partition_of: Option<String>,
    state: DeviceState,
    reason: Option<String>,
    driver: Option<String>,
    architecture: Option<String>,
    /// The back-ends that use the device, with what is known of each.
    backends: BTreeMap<Backend, Proof>,
}

impl Report {
    pub fn of(system: System, machine: &Machine, capability: &Capability) -> Self {
        let machine = machine.clone();
        let devices = capability.accelerators.iter().chain(&capability.unusable);
        Self {
            schema: SCHEMA,
            os: system.name(),
            arch: machine.arch.value,
            cpu_model: machine.cpu_model.value,
            logical_cores: machine.logical_cores.value,
            physical_cores: machine.physical_cores.value,
            cpu_milli: machine.cpu_milli.value,
            memory_bytes: machine.memory_bytes.value,
            memory_limit_bytes: machine.memory_limit_bytes.value.flatten(),
            container: machine.container.value,
            devices: devices.map(ReportedDevice::of).collect(),
        }
    }
}

impl ReportedDevice {
    fn of(device: &Accelerator) -> Self {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let estimated = if device.memory_estimated { " (estimated)" } else { "" };
        Self {
            vendor: device.vendor.to_string(),
            product: text(&device.model).filter(|model| model != UNKNOWN_PRODUCT),
            id: text(&device.uuid),
            memory_bytes: device.memory(),
            memory_source: text(&device.memory_source).map(|source| format!("{source}{estimated}")),
            unified: device.unified,
            partition_of: text(&device.partition_of),
            state: device.state,
            reason: text(&device.reason),
            driver: text(&device.driver),
            architecture: text(&device.architecture),
            backends: device.backends.clone(),
        }
    }
}

/// Product of a device whose name is unknown.
const UNKNOWN_PRODUCT: &str = "unknown";
