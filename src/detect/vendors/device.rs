//! Devices in the listing of a tool.

use crate::domain::accelerator::{Accelerator, Backend, DeviceState, Proof, Vendor};
use crate::domain::capability::{MAX_DETECTION_ERROR_BYTES, MAX_NAME_BYTES};
use crate::sys::process::printable;

/// The product name of a device whose name is unknown.
pub(super) const UNKNOWN: &str = "unknown";
/// The source of memory that a device shares with the processor.
pub(super) const SYSTEM_MEMORY: &str = "system memory";

/// One device in the listing of a tool. Later steps decide whether the worker offers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Device {
    pub accelerator: Accelerator,
    /// Number of the card in the numbering of its vendor, to which the variables that hide devices refer.
    pub card: u16,
    /// UUID of the card if the device is a part of it.
    pub card_uuid: String,
    /// The device is a part of the processor.
    pub integrated: bool,
}

impl Device {
    /// A whole card.
    pub fn new(accelerator: Accelerator) -> Self {
        let card = accelerator.index;
        Self { accelerator, card, card_uuid: String::new(), integrated: false }
    }
}

/// A device that no test may use, with the reason. What is known of its back-ends is that the hardware
/// exists.
pub(super) fn refused(
    mut accelerator: Accelerator,
    state: DeviceState,
    reason: &str,
) -> Accelerator {
    accelerator.state = state;
    accelerator.reason = bounded(reason, MAX_DETECTION_ERROR_BYTES);
    for proof in accelerator.backends.values_mut() {
        *proof = Proof::Hardware;
    }
    accelerator
}

/// A device whose hardware exists and of which nothing else is known.
pub(super) fn bare(vendor: Vendor, model: &str, backend: Option<Backend>) -> Accelerator {
    let mut accelerator = Accelerator::new(0, vendor, &product(model));
    accelerator.backends.extend(backend.map(|backend| (backend, Proof::Hardware)));
    accelerator
}

/// Shortens a product name to the form that a capability accepts.
pub(super) fn product(name: &str) -> String {
    let name = fact(name);
    if name.is_empty() { UNKNOWN.to_owned() } else { name }
}

/// Shortens a fact of a device to the form that a capability accepts.
pub(super) fn fact(text: &str) -> String {
    bounded(text, MAX_NAME_BYTES)
}

fn bounded(text: &str, max_bytes: usize) -> String {
    let mut text = printable(text, max_bytes);
    text.truncate(text.floor_char_boundary(max_bytes));
    text.truncate(text.trim_end().len());
    text
}

/// Sets the memory of a device with its source; an unknown one has no source.
pub(super) fn set_memory(accelerator: &mut Accelerator, bytes: Option<u64>, source: &str) {
    accelerator.memory_bytes = bytes.unwrap_or(0);
    accelerator.memory_source =
        if bytes.is_some_and(|bytes| bytes > 0) { fact(source) } else { String::new() };
}

/// Divides the memory of a card between the devices that share it, so that tests on all of them at the
/// same time have enough.
pub(super) fn divide_memory(accelerator: &mut Accelerator, sharing: u64, parts: &str) {
    if sharing > 1 && accelerator.memory_bytes > 0 {
        accelerator.memory_bytes /= sharing;
        accelerator.memory_estimated = true;
        let source = format!("{}, divided by {sharing} {parts}", accelerator.memory_source);
        accelerator.memory_source = fact(&source);
    }
}
