//! The result of the tools of one vendor.

use super::device::Device;
use super::evidence::Presence;
use crate::sys::process::{Completion, ProgramOutput, printable};

/// Maximum length of a quoted line of a tool, in characters.
const MAX_QUOTE_CHARS: usize = 120;

/// The devices of one vendor. Without devices, notes and errors, the machine has none of this vendor.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct VendorDevices {
    pub devices: Vec<Device>,
    pub notes: Vec<String>,
    /// The reasons why devices were not detected. The machine may nevertheless have devices.
    pub errors: Vec<String>,
}

impl VendorDevices {
    pub fn with_note(note: String) -> Self {
        Self { notes: vec![note], ..Self::default() }
    }

    pub fn with_error(vendor: &str, reason: &str) -> Self {
        Self { errors: vec![error(vendor, reason)], ..Self::default() }
    }
}

/// An entry of `Capability::detection_errors`.
pub(super) fn error(vendor: &str, reason: &str) -> String {
    format!("cannot detect {vendor} devices: {reason}")
}

/// The meaning of the output of a tool that contains no device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoListing {
    /// The tool works and reports that there is no device.
    NoDevice,
    /// The tool failed, or its output has an unknown form.
    Unclear,
}

/// The result for a tool that listed no device. The machine has no device only if the tool reports so
/// and the operating system does not show one.
pub(super) fn without_devices(
    vendor: &str,
    tool: &str,
    completion: &Completion,
    listing: NoListing,
    presence: Presence,
) -> VendorDevices {
    let line = completion.output().and_then(ProgramOutput::first_line);
    let reason = match (completion.failure(), line) {
        (Some(failure), Some(line)) => format!("{tool} {failure}: {line}"),
        (Some(failure), None) => format!("{tool} {failure}"),
        (None, Some(line)) => format!("{tool} printed no complete list of devices: {line}"),
        (None, None) => format!("{tool} printed nothing"),
    };
    match (listing, presence) {
        (NoListing::NoDevice, Presence::Absent | Presence::Unknown) => VendorDevices::default(),
        (NoListing::NoDevice, Presence::Present) => {
            VendorDevices::with_error(vendor, &format!("{reason}, but this machine has one"))
        }
        (NoListing::Unclear, _) => VendorDevices::with_error(vendor, &reason),
    }
}

/// A short, quoted form of a line that a tool printed.
pub(super) fn quoted(line: &str) -> String {
    format!("\"{}\"", printable(line, MAX_QUOTE_CHARS))
}
