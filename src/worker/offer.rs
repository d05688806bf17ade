//! The present offer of this worker: the detected machine within its present limits, with the back-ends that
//! a runtime has proven.
//!
//! Each part is replaced separately, and the result is computed from all of them, so that no part
//! overwrites another one. Promise: an implausible result is logged and not offered.

use crate::detect::Limits;
use crate::domain::capability::{Capability, slots_for};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// A function that adds what is proven to a detected capability.
type Proofs = Box<dyn Fn(&mut Capability) + Send + Sync>;

/// See the head of this module.
pub struct Offer {
    parts: Mutex<Parts>,
    current: watch::Sender<Arc<Capability>>,
}

struct Parts {
    detected: Capability,
    limits: Limits,
    proofs: Proofs,
    /// The number of slots does not follow the number of cores.
    has_fixed_slots: bool,
}

impl Offer {
    /// `has_fixed_slots`: the number of slots was given, and does not follow the number of cores.
    #[must_use]
    pub fn new(detected: Capability, has_fixed_slots: bool) -> Arc<Self> {
        let current = watch::channel(Arc::new(detected.clone())).0;
        let (limits, proofs): (_, Proofs) = (Limits::default(), Box::new(|_| {}));
        let parts = Mutex::new(Parts { detected, limits, proofs, has_fixed_slots });
        Arc::new(Self { parts, current })
    }

    #[must_use]
    pub fn current(&self) -> Arc<Capability> {
        Arc::clone(&self.current.borrow())
    }

    /// Announces each change.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<Capability>> {
        self.current.subscribe()
    }

    /// The last detected capability, without limits that were read since and without proofs.
    #[must_use]
    pub fn last_detected(&self) -> Capability {
        self.with(|parts| parts.detected.clone())
    }

    /// Takes a new detection with the limits that it read. An unknown limit stays the last known one.
    pub fn detected(&self, capability: Capability, limits: Limits) {
        self.with(|parts| {
            parts.limits = limits.or(parts.amounts());
            parts.detected = capability;
            self.publish(parts);
        });
    }

    /// Takes the limits that were read again. An unknown limit stays the last known one.
    pub fn limited(&self, limits: Limits) {
        self.with(|parts| {
            let limits = limits.or(parts.limits);
            if parts.limits != limits {
                parts.limits = limits;
                self.publish(parts);
            }
        });
    }

    /// Takes what runtimes have proven, as a function that adds it to this and every later detection.
    pub fn proven(&self, proofs: impl Fn(&mut Capability) + Send + Sync + 'static) {
        self.with(|parts| {
            parts.proofs = Box::new(proofs);
            self.publish(parts);
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Parts) -> T) -> T {
        act(&mut self.parts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, parts: &Parts) {
        let next = parts.offered();
        if let Err(error) = next.check() {
            tracing::error!(%error, "this machine was detected with an implausible value, which is not used");
            return;
        }
        self.current.send_if_modified(|current| {
            if **current == next {
                return false;
            }
            let changes = next.changes_since(current).join(", ");
            if next.offers_less_than(current) {
                tracing::warn!(changes, "this machine offers less");
            } else {
                tracing::info!(changes, "this machine changed");
            }
            *current = Arc::new(next);
            true
        });
    }
}

impl Parts {
    /// The offered amounts, as limits.
    fn amounts(&self) -> Limits {
        let Capability { cpu_milli, memory_bytes, .. } = self.detected;
        let detected = Limits { cpu_milli: Some(cpu_milli), memory_bytes: Some(memory_bytes) };
        self.limits.or(detected)
    }

    fn offered(&self) -> Capability {
        let mut offered = self.detected.clone();
        if let Some(cpu_milli) = self.limits.cpu_milli {
            offered.cpu_milli = cpu_milli.max(1);
            if !self.has_fixed_slots {
                offered.slots = slots_for(offered.cpu_milli);
            }
        }
        if let Some(memory_bytes) = self.limits.memory_bytes {
            let before = offered.memory_bytes;
            offered.memory_bytes = memory_bytes.max(1);
            let shares = |bytes: u64| bytes == before;
            let devices = offered.accelerators.iter_mut().filter(|device| device.unified);
            for device in devices.filter(|device| shares(device.memory_bytes)) {
                device.memory_bytes = offered.memory_bytes;
            }
        }
        (self.proofs)(&mut offered);
        offered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::accelerator::{Accelerator, Backend, Vendor};

    fn capability(cpu_milli: u64) -> Capability {
        serde_json::from_value(serde_json::json!({
            "os": "linux", "arch": "x86_64", "cpu_milli": cpu_milli, "memory_bytes": 1 << 30,
            "slots": slots_for(cpu_milli), "backends": ["cpu"],
        }))
        .expect("a capability")
    }

    #[test]
    fn every_part_survives_a_change_of_the_others() {
        let offer = Offer::new(capability(8000), false);
        offer.proven(|offered| {
            offered.backends.insert(Backend::OPENVINO);
        });
        offer.limited(Limits { cpu_milli: Some(2500), memory_bytes: None });
        let now = offer.current();
        assert_eq!((now.cpu_milli, now.slots, now.backends.len()), (2500, 2, 2));
        // A detection reads the limits, too.
        let limits = Limits { cpu_milli: Some(4000), memory_bytes: Some(1 << 30) };
        offer.detected(capability(4000), limits);
        let now = offer.current();
        assert_eq!((now.cpu_milli, now.slots, now.backends.len()), (4000, 4, 2));
        // A limit that cannot be read is not another limit, neither in a heartbeat nor in a detection.
        offer.limited(Limits { cpu_milli: Some(3000), memory_bytes: Some(1 << 29) });
        offer.limited(Limits::default());
        offer.detected(capability(1000), Limits::default());
        let now = offer.current();
        assert_eq!((now.cpu_milli, now.slots, now.memory_bytes), (3000, 3, 1 << 29));
        offer.limited(Limits { cpu_milli: Some(0), memory_bytes: Some(1 << 60) });
        assert_eq!(offer.current(), now, "no machine has so much memory");
    }

    #[test]
    fn given_slots_stay_and_unified_devices_follow_the_memory() {
        let mut detected = capability(8000);
        let mut device = Accelerator::new(0, Vendor::NVIDIA, "GB10").with_backend(Backend::CUDA);
        (device.unified, device.memory_bytes) = (true, detected.memory_bytes);
        detected.accelerators = vec![device];
        let offer = Offer::new(detected, true);
        offer.limited(Limits { cpu_milli: Some(1000), memory_bytes: Some(1 << 29) });
        let now = offer.current();
        assert_eq!((now.slots, now.accelerators[0].memory_bytes), (8, 1 << 29));
    }
}
