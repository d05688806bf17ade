//! The machines of the workers, which change while they run, and what tests require of them.

use dtf::domain::accelerator::{Accelerator, Backend, Vendor};
use dtf::domain::capability::Capability;
use dtf::domain::requirement::Requirement;
use rand::Rng;
use rand::rngs::StdRng;
use std::sync::Arc;

/// Number of devices of a machine that works.
const DEVICES: u16 = 2;

/// A machine that can run every test.
pub fn whole() -> Arc<Capability> {
    machine(2_000, (0..DEVICES).map(|index| device(index, "1")).collect())
}

/// A machine after a change: another limit of the processors, lost devices, another driver.
pub fn changed(random: &mut StdRng) -> Arc<Capability> {
    let milli = [1_000, 2_000, 3_000][random.random_range(0..3)];
    let driver = ["1", "2"][random.random_range(0..2)];
    let mut devices: Vec<_> = (0..DEVICES)
        .filter(|_| random.random_bool(0.7))
        .map(|index| device(index, driver))
        .collect();
    // The positions in the list are not permanent.
    if random.random_bool(0.3) {
        devices.reverse();
    }
    machine(milli, devices)
}

/// The requirement of a test, without weights.
pub fn requirement(random: &mut StdRng) -> Requirement {
    let cpu_milli = if random.random_bool(0.1) { 2_000 } else { 1_000 };
    let plain = Requirement { cpu_milli, ..Requirement::default() };
    match random.random_range(0..8) {
        0 => Requirement { backend: Some(Backend::CUDA), accelerators: 1, ..plain },
        1 => {
            let shared = Requirement { share_accelerator: true, ..plain };
            let accelerator_memory_bytes = 4 << 30;
            Requirement { accelerators: 1, accelerator_memory_bytes, ..shared }
        }
        _ => plain,
    }
}

fn device(index: u16, driver: &str) -> Accelerator {
    let mut device = Accelerator::new(index, Vendor::NVIDIA, "L4").with_backend(Backend::CUDA);
    device.uuid = format!("GPU-{index}");
    device.driver = driver.into();
    device.memory_bytes = 8 << 30;
    device
}

fn machine(cpu_milli: u64, accelerators: Vec<Accelerator>) -> Arc<Capability> {
    let device = (!accelerators.is_empty()).then_some(Backend::CUDA);
    Arc::new(Capability {
        os: "linux".into(),
        arch: "x86_64".into(),
        container: String::new(),
        cpu_model: String::new(),
        cpu_milli,
        memory_bytes: 1 << 30,
        slots: u32::try_from(cpu_milli / 1_000).expect("a small number"),
        backends: [Backend::CPU].into_iter().chain(device).collect(),
        accelerators,
        tags: [].into(),
        unusable: Vec::new(),
        detection_errors: Vec::new(),
    })
}
