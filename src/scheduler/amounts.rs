//! The amounts of one worker: how much is free, and how much a seat takes.
//!
//! Promise: the amounts taken never exceed the capability; two tests share a device
//! only when both allow it and their memory fits.

use crate::domain::capability::Capability;
use crate::domain::requirement::Requirement;

/// The free amounts of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Free {
    pub cpu_milli: u64,
    pub memory_bytes: u64,
    pub slots: u32,
    pub devices: Vec<DeviceUse>,
}

/// The use of one device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct DeviceUse {
    pub used_bytes: u64,
    pub sharers: u16,
    pub exclusive: bool,
}

impl Free {
    pub fn all_of(capability: &Capability) -> Self {
        Self {
            cpu_milli: capability.cpu_milli,
            memory_bytes: capability.memory_bytes,
            slots: capability.slots,
            devices: vec![DeviceUse::default(); capability.accelerators.len()],
        }
    }

    /// The devices that a seat would get, the lowest positions first; `None` when it does not fit.
    pub fn place(&self, need: &Requirement, capability: &Capability) -> Option<Vec<u16>> {
        if !self.has_amounts(need) {
            return None;
        }
        let wanted = usize::from(need.accelerators);
        let devices: Vec<u16> = (0u16..)
            .zip(&self.devices)
            .zip(&capability.accelerators)
            .filter(|((_, usage), device)| {
                need.fits_device(device) && usage.takes(need, device.memory_bytes)
            })
            .map(|((position, _), _)| position)
            .take(wanted)
            .collect();
        (devices.len() == wanted).then_some(devices)
    }

    /// Whether a seat with these devices fits.
    pub fn has_room(&self, need: &Requirement, devices: &[u16], capability: &Capability) -> bool {
        self.has_amounts(need)
            && devices.iter().map(|position| usize::from(*position)).all(|position| {
                let (usage, device) =
                    (self.devices.get(position), capability.accelerators.get(position));
                usage.zip(device).is_some_and(|(usage, device)| {
                    need.fits_device(device) && usage.takes(need, device.memory_bytes)
                })
            })
    }

    /// Whether a slot, and enough cores and memory are free.
    fn has_amounts(&self, need: &Requirement) -> bool {
        self.slots > 0 && need.cpu_milli <= self.cpu_milli && need.memory_bytes <= self.memory_bytes
    }

    /// Takes the amounts of a seat. The caller has placed it, or replays a grant.
    pub fn take(&mut self, need: &Requirement, devices: &[u16]) {
        self.cpu_milli = self.cpu_milli.saturating_sub(need.cpu_milli);
        self.memory_bytes = self.memory_bytes.saturating_sub(need.memory_bytes);
        self.slots = self.slots.saturating_sub(1);
        for position in devices {
            if let Some(usage) = self.devices.get_mut(usize::from(*position)) {
                usage.used_bytes = usage.used_bytes.saturating_add(need.accelerator_memory_bytes);
                usage.sharers += 1;
                usage.exclusive |= !need.share_accelerator;
            }
        }
    }

    /// Frees the amounts that [`Self::take`] has taken.
    pub fn give_back(&mut self, need: &Requirement, devices: &[u16]) {
        self.cpu_milli = self.cpu_milli.saturating_add(need.cpu_milli);
        self.memory_bytes = self.memory_bytes.saturating_add(need.memory_bytes);
        self.slots += 1;
        for position in devices {
            if let Some(usage) = self.devices.get_mut(usize::from(*position)) {
                usage.used_bytes = usage.used_bytes.saturating_sub(need.accelerator_memory_bytes);
                usage.sharers = usage.sharers.saturating_sub(1);
                if usage.sharers == 0 {
                    *usage = DeviceUse::default();
                }
            }
        }
    }
}

impl DeviceUse {
    fn takes(&self, need: &Requirement, total_bytes: u64) -> bool {
        if self.sharers == 0 {
            return true;
        }
        // A device of unknown memory cannot be shared, since the sum cannot be checked.
        need.share_accelerator
            && !self.exclusive
            && total_bytes > 0
            && need.accelerator_memory_bytes > 0
            && self
                .used_bytes
                .checked_add(need.accelerator_memory_bytes)
                .is_some_and(|sum| sum <= total_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::accelerator::{Accelerator, Backend, Vendor};

    const GIB: u64 = 1 << 30;

    fn two_devices() -> Capability {
        let device = |index| Accelerator {
            architecture: "7.5".into(),
            memory_bytes: 16 * GIB,
            ..Accelerator::new(index, Vendor::NVIDIA, "T4").with_backend(Backend::CUDA)
        };
        Capability {
            os: "linux".into(),
            arch: "x86_64".into(),
            container: String::new(),
            cpu_model: String::new(),
            cpu_milli: 4000,
            memory_bytes: 8 * GIB,
            slots: 4,
            backends: [Backend::CPU, Backend::CUDA].into(),
            accelerators: vec![device(0), device(1)],
            tags: [].into(),
            unusable: Vec::new(),
            detection_errors: Vec::new(),
        }
    }

    fn cuda(bytes: u64, share: bool) -> Requirement {
        Requirement {
            backend: Some(Backend::CUDA),
            accelerators: 1,
            accelerator_memory_bytes: bytes,
            share_accelerator: share,
            ..Requirement::default()
        }
    }

    fn seat(free: &mut Free, need: &Requirement, capability: &Capability) -> Option<Vec<u16>> {
        let devices = free.place(need, capability)?;
        free.take(need, &devices);
        Some(devices)
    }

    #[test]
    fn exclusive_tests_get_a_device_each() {
        let worker = two_devices();
        let mut free = Free::all_of(&worker);
        let need = cuda(0, false);
        assert_eq!(seat(&mut free, &need, &worker), Some(vec![0]));
        assert_eq!(seat(&mut free, &need, &worker), Some(vec![1]));
        assert_eq!(seat(&mut free, &need, &worker), None);
        free.give_back(&need, &[0]);
        assert_eq!(seat(&mut free, &need, &worker), Some(vec![0]));
    }

    #[test]
    fn sharing_needs_both_and_the_sum() {
        let worker = two_devices();
        let mut free = Free::all_of(&worker);
        let (six, ten) = (cuda(6 * GIB, true), cuda(10 * GIB, true));
        assert_eq!(seat(&mut free, &six, &worker), Some(vec![0]));
        assert_eq!(seat(&mut free, &ten, &worker), Some(vec![0]));
        assert_eq!(seat(&mut free, &six, &worker), Some(vec![1]));
        // Device 0 is full, and device 1 is held by one that would share with sharers only.
        assert_eq!(free.place(&cuda(GIB, false), &worker), None);
        assert_eq!(free.place(&cuda(11 * GIB, true), &worker), None);
    }

    #[test]
    fn giving_back_restores_everything() {
        let worker = two_devices();
        let mut free = Free::all_of(&worker);
        let need = cuda(6 * GIB, true);
        let devices = seat(&mut free, &need, &worker).expect("fits");
        free.give_back(&need, &devices);
        assert_eq!(free, Free::all_of(&worker));
    }
}
