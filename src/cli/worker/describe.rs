//! A machine in a few words.

use crate::domain::accelerator::Backend;
use crate::domain::capability::Capability;
use crate::results::render::figures::counted;

/// `1 core`, `1.5 cores`.
fn cores(milli: u64) -> String {
    if milli == 1000 {
        return "1 core".to_owned();
    }
    format!("{} cores", milli as f64 / 1000.0)
}

/// The amounts of the machine and its back-ends.
pub fn amounts(capability: &Capability) -> String {
    let backends: Vec<_> = capability.backends.iter().map(Backend::name).collect();
    format!(
        "{}, {}, {:.1} GiB, {}",
        counted(capability.slots.into(), "slot"),
        cores(capability.cpu_milli),
        capability.memory_bytes as f64 / f64::from(1u32 << 30),
        backends.join(" ")
    )
}

/// The machine in a few words.
pub fn describe(capability: &Capability) -> String {
    let mut text = amounts(capability);
    for device in &capability.accelerators {
        text.push_str(", ");
        text.push_str(&device.model);
        if device.memory().is_none() {
            text.push_str(" (memory unknown)");
        }
    }
    text
}
