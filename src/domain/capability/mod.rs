//! The capability of a worker: its resources, devices and tags.

use crate::domain::accelerator::Accelerator;
use crate::domain::accelerator::Backend;
use crate::domain::name::{self, NameError};
use crate::domain::tag::{MAX_TAGS, Tag};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

pub mod calibration;
mod change;

/// Maximum number of cores of one accelerator that are named.
pub const MAX_CORES: usize = 256;
/// Maximum number of accelerators of one worker.
pub const MAX_ACCELERATORS: usize = 64;
/// Maximum number of back-ends of one worker or device.
pub const MAX_BACKENDS: usize = 32;
/// Maximum number of tests that one worker may hold at the same time.
pub const MAX_SLOTS: u32 = 4096;
/// Maximum CPU of one worker, in thousandths of a core: 16,384 cores.
pub const MAX_CPU_MILLI: u64 = 16_384_000;
/// Maximum memory of one worker or device: 1 PiB.
pub const MAX_MEMORY_BYTES: u64 = 1 << 50;
/// Maximum number of detection errors of one worker.
pub const MAX_DETECTION_ERRORS: usize = 16;
/// Maximum length of a detection error, in bytes.
pub const MAX_DETECTION_ERROR_BYTES: usize = 512;
/// Maximum length of the name of a worker, operating system or architecture, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// The resources that a worker offers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Capability {
    /// Operating system: `linux`, `windows` or `macos`.
    pub os: String,
    /// Processor architecture, such as `x86_64` or `aarch64`.
    pub arch: String,
    /// Kind of the container in which the worker runs, such as `docker`; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub container: String,
    /// Product name of the processor; empty if it is unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cpu_model: String,
    /// CPU that tests may use, in thousandths of a core. It respects the quota of the container.
    pub cpu_milli: u64,
    /// Memory that tests may use. It respects the limit of the container.
    pub memory_bytes: u64,
    /// Maximum number of tests at the same time.
    pub slots: u32,
    pub backends: BTreeSet<Backend>,
    #[serde(default)]
    pub accelerators: Vec<Accelerator>,
    /// Devices that no test may use, each with its state and the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unusable: Vec<Accelerator>,
    #[serde(default)]
    pub tags: BTreeSet<Tag>,
    /// One sentence for each kind of device whose detection failed, with the reason. The worker may
    /// nevertheless have such devices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detection_errors: Vec<String>,
}

/// The reason why a capability is refused: no machine has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CapabilityError {
    #[error("{what} is {value}, outside the range {min} to {max}")]
    OutOfRange { what: &'static str, value: u64, min: u64, max: u64 },
    /// A text breaks the rule for names.
    #[error("{what} {error}")]
    BadText { what: &'static str, error: NameError },
    #[error("two accelerators have the index {0}")]
    DuplicateAccelerator(u16),
}

impl Capability {
    /// Refuses an implausible capability, since the report of a worker is not trusted.
    ///
    /// # Errors
    /// The first value that is outside of its limits.
    pub fn check(&self) -> Result<(), CapabilityError> {
        let ranges = [
            ("cpu_milli", self.cpu_milli, 1, MAX_CPU_MILLI),
            ("memory_bytes", self.memory_bytes, 1, MAX_MEMORY_BYTES),
            ("slots", u64::from(self.slots), 1, u64::from(MAX_SLOTS)),
            ("backends", self.backends.len() as u64, 1, MAX_BACKENDS as u64),
            ("accelerators", self.accelerators.len() as u64, 0, MAX_ACCELERATORS as u64),
            ("unusable", self.unusable.len() as u64, 0, MAX_ACCELERATORS as u64),
            ("tags", self.tags.len() as u64, 0, MAX_TAGS as u64),
            (
                "detection_errors",
                self.detection_errors.len() as u64,
                0,
                MAX_DETECTION_ERRORS as u64,
            ),
        ];
        for (what, value, min, max) in ranges {
            if !(min..=max).contains(&value) {
                return Err(CapabilityError::OutOfRange { what, value, min, max });
            }
        }
        check_text("os", &self.os, MAX_NAME_BYTES)?;
        check_text("arch", &self.arch, MAX_NAME_BYTES)?;
        for (what, text) in [("container", &self.container), ("cpu_model", &self.cpu_model)] {
            if !text.is_empty() {
                check_text(what, text, MAX_NAME_BYTES)?;
            }
        }
        for error in &self.detection_errors {
            check_text("a detection error", error, MAX_DETECTION_ERROR_BYTES)?;
        }
        let mut indices = BTreeSet::new();
        for accelerator in self.accelerators.iter().chain(&self.unusable) {
            check_device(accelerator)?;
        }
        for accelerator in &self.accelerators {
            if !indices.insert(accelerator.index) {
                return Err(CapabilityError::DuplicateAccelerator(accelerator.index));
            }
        }
        Ok(())
    }
}

/// Number of tests that a worker with this CPU runs at the same time, unless it is given another one.
#[must_use]
pub fn slots_for(cpu_milli: u64) -> u32 {
    u32::try_from(cpu_milli / 1000).unwrap_or(MAX_SLOTS).clamp(1, MAX_SLOTS)
}

fn check_device(device: &Accelerator) -> Result<(), CapabilityError> {
    let counted = device.backends.len() as u64;
    for (what, value, max) in [
        ("accelerator memory_bytes", device.memory_bytes, MAX_MEMORY_BYTES),
        ("backends of an accelerator", counted, MAX_BACKENDS as u64),
        ("cores of an accelerator", device.cores.len() as u64, MAX_CORES as u64),
    ] {
        if value > max {
            return Err(CapabilityError::OutOfRange { what, value, min: 0, max });
        }
    }
    check_text("accelerator model", &device.model, MAX_NAME_BYTES)?;
    for (what, text, max_bytes) in [
        ("accelerator uuid", &device.uuid, MAX_NAME_BYTES),
        ("accelerator architecture", &device.architecture, MAX_NAME_BYTES),
        ("accelerator memory_source", &device.memory_source, MAX_NAME_BYTES),
        ("accelerator partition_of", &device.partition_of, MAX_NAME_BYTES),
        ("accelerator driver", &device.driver, MAX_NAME_BYTES),
        ("accelerator reason", &device.reason, MAX_DETECTION_ERROR_BYTES),
    ] {
        if !text.is_empty() {
            check_text(what, text, max_bytes)?;
        }
    }
    Ok(())
}

fn check_text(what: &'static str, text: &str, max_bytes: usize) -> Result<(), CapabilityError> {
    name::check(text, max_bytes).map_err(|error| CapabilityError::BadText { what, error })
}
