//! What a worker offers.

use crate::domain::accelerator::Accelerator;
use crate::domain::accelerator::Backend;
use crate::domain::name::{self, NameError};
use crate::domain::tag::{MAX_TAGS, Tag};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most accelerators that one worker may announce.
pub const MAX_ACCELERATORS: usize = 64;
/// Most tests that one worker may hold at a time.
pub const MAX_SLOTS: u32 = 4096;
/// Most CPU (16,384 cores) and memory (1 PiB) that a worker may announce.
pub const MAX_CPU_MILLI: u64 = 16_384_000;
pub const MAX_MEMORY_BYTES: u64 = 1 << 50;
/// Most detection errors that a worker may announce, and the longest, in bytes.
pub const MAX_DETECTION_ERRORS: usize = 16;
pub const MAX_DETECTION_ERROR_BYTES: usize = 512;
/// Longest name of a worker, operating system or architecture, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Capability {
    /// `linux`, `windows`, `macos`.
    pub os: String,
    /// `x86_64`, `aarch64`.
    pub arch: String,
    /// CPU that tests may use in thousandths of a core, quota of the container counted in.
    pub cpu_milli: u64,
    /// Memory that tests may use, limit of the container counted in.
    pub memory_bytes: u64,
    /// Most tests at a time.
    pub slots: u32,
    pub backends: BTreeSet<Backend>,
    #[serde(default)]
    pub accelerators: Vec<Accelerator>,
    #[serde(default)]
    pub tags: BTreeSet<Tag>,
    /// Devices that could not be looked for, each as a sentence with the reason. There may be such
    /// devices all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detection_errors: Vec<String>,
}

/// A capability that no machine has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImplausibleCapability {
    #[error("{what} is {value}, allowed is {least} to {most}")]
    OutOfRange { what: &'static str, value: u64, least: u64, most: u64 },
    #[error("{what} {error}")]
    BadText { what: &'static str, error: NameError },
    #[error("accelerator index {0} is announced twice")]
    DuplicateAccelerator(u16),
}

impl Capability {
    /// Refuses what cannot be true. A worker is not trusted with its own size.
    ///
    /// # Errors
    /// The first value that is out of bounds.
    pub fn check(&self) -> Result<(), ImplausibleCapability> {
        let ranges = [
            ("cpu_milli", self.cpu_milli, 1, MAX_CPU_MILLI),
            ("memory_bytes", self.memory_bytes, 1, MAX_MEMORY_BYTES),
            ("slots", u64::from(self.slots), 1, u64::from(MAX_SLOTS)),
            ("backends", self.backends.len() as u64, 1, Backend::ALL.len() as u64),
            ("accelerators", self.accelerators.len() as u64, 0, MAX_ACCELERATORS as u64),
            ("tags", self.tags.len() as u64, 0, MAX_TAGS as u64),
            (
                "detection_errors",
                self.detection_errors.len() as u64,
                0,
                MAX_DETECTION_ERRORS as u64,
            ),
        ];
        for (what, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(ImplausibleCapability::OutOfRange { what, value, least, most });
            }
        }
        check_text("os", &self.os, MAX_NAME_BYTES)?;
        check_text("arch", &self.arch, MAX_NAME_BYTES)?;
        for error in &self.detection_errors {
            check_text("a detection error", error, MAX_DETECTION_ERROR_BYTES)?;
        }
        let mut seen = BTreeSet::new();
        for accelerator in &self.accelerators {
            check_text("accelerator model", &accelerator.model, MAX_NAME_BYTES)?;
            if accelerator.memory_bytes > MAX_MEMORY_BYTES {
                return Err(ImplausibleCapability::OutOfRange {
                    what: "accelerator memory_bytes",
                    value: accelerator.memory_bytes,
                    least: 0,
                    most: MAX_MEMORY_BYTES,
                });
            }
            if !seen.insert(accelerator.index) {
                return Err(ImplausibleCapability::DuplicateAccelerator(accelerator.index));
            }
        }
        Ok(())
    }
}

fn check_text(
    what: &'static str,
    text: &str,
    max_bytes: usize,
) -> Result<(), ImplausibleCapability> {
    name::check(text, max_bytes).map_err(|error| ImplausibleCapability::BadText { what, error })
}
