//! Devices in the listing of a tool.

use crate::domain::accelerator::Accelerator;
use crate::domain::capability::MAX_NAME_BYTES;

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

/// Shortens a product name to the form that a capability accepts.
pub(super) fn product(name: &str) -> String {
    let mut name: String = name.chars().filter(|c| !c.is_control()).collect();
    name.truncate(name.floor_char_boundary(MAX_NAME_BYTES));
    let name = name.trim();
    if name.is_empty() { "unknown".to_owned() } else { name.to_owned() }
}
