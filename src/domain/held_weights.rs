//! The weights that a test needs, and those that a worker has.
//!
//! A worker reports what it has when it registers, and again when it has changed. The report is
//! about the place of tests only: whether an attempt has its weights is decided on the worker.

use crate::domain::weights::{Weights, WeightsKey};
use serde::{Deserialize, Serialize};

/// Maximum number of weights that a worker reports. The ones used last are reported.
pub const MAX_HELD_WEIGHTS: usize = 512;
/// Maximum size of the cache of a worker, in bytes: 1 EiB.
pub const MAX_CAPACITY_BYTES: u64 = 1 << 60;

/// The weights that a test needs at its worker. Tests of one model have the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsNeed {
    pub key: WeightsKey,
    /// Their size; absent if it is unknown or if they take no space on the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
}

impl WeightsNeed {
    /// The need of a test with these weights; `None` if a worker cannot keep them for other tests.
    #[must_use]
    pub fn of(weights: &Weights) -> Option<Self> {
        let is_in_place = matches!(weights, Weights::Folder { in_place: true, .. });
        let size_bytes = if is_in_place { None } else { weights.size_bytes() };
        Some(Self { key: weights.key()?, size_bytes })
    }
}

/// The weights that a worker has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldWeights {
    /// Changes with the content of this report.
    pub revision: u64,
    /// Total size of the weights that fit if no other weights were kept: the limit of the cache, or
    /// less on a fuller disk. Absent if it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_bytes: Option<u64>,
    /// Weights that are complete, the ones used last first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<WeightsKey>,
}

/// The reason why a report of weights is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeldWeightsError {
    #[error("there are {0} weights (maximum {MAX_HELD_WEIGHTS})")]
    TooMany(usize),
    #[error("the cache of weights has {0} bytes (maximum {MAX_CAPACITY_BYTES})")]
    TooLarge(u64),
}

impl HeldWeights {
    /// Refuses an implausible report.
    ///
    /// # Errors
    /// The first limit that it exceeds.
    pub fn check(&self) -> Result<(), HeldWeightsError> {
        if self.keys.len() > MAX_HELD_WEIGHTS {
            return Err(HeldWeightsError::TooMany(self.keys.len()));
        }
        match self.capacity_bytes {
            Some(bytes) if bytes > MAX_CAPACITY_BYTES => Err(HeldWeightsError::TooLarge(bytes)),
            _ => Ok(()),
        }
    }
}
