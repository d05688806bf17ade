//! The result of the tools of one vendor.

use super::device::{Device, bare, refused};
use super::evidence::{Presence, Seen};
use super::quote;
use crate::domain::accelerator::{Accelerator, Backend, DeviceState, Vendor};
use crate::sys::process::{Completion, ProgramOutput};

/// The devices of one vendor. Without devices, notes and errors, the machine has none of this vendor.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct VendorDevices {
    pub devices: Vec<Device>,
    /// Devices that no test may use, with the reason.
    pub unusable: Vec<Accelerator>,
    pub notes: Vec<String>,
    /// The reasons why devices were not detected. The machine may nevertheless have devices.
    pub errors: Vec<String>,
    /// Why the tool lists no device although it did not fail, for a device that another source shows.
    pub absence: String,
}

/// The name of a vendor, in texts and in capabilities, and its main back-end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Maker {
    pub name: &'static str,
    pub vendor: Vendor,
    pub backend: Backend,
}

impl VendorDevices {
    pub fn with_note(note: String) -> Self {
        Self { notes: vec![note], ..Self::default() }
    }

    /// Adds a note for each device whose memory the tool does not report.
    pub fn note_unknown_memory(&mut self, tool: &str) {
        let unknown = self.devices.iter().filter(|device| device.accelerator.memory_bytes == 0);
        self.notes.extend(unknown.map(|device| {
            let model = &device.accelerator.model;
            format!(
                "{tool} does not report the memory of {model}; it may be too small for some tests"
            )
        }));
    }

    /// Adds what another detector of the vendor found.
    pub fn add(&mut self, other: Self) {
        self.devices.extend(other.devices);
        self.unusable.extend(other.unusable);
        self.notes.extend(other.notes);
        self.errors.extend(other.errors);
    }
}

impl Maker {
    /// An entry of `Capability::detection_errors`.
    pub fn error(&self, reason: &str) -> String {
        format!("cannot detect {} devices: {reason}", self.name)
    }

    /// The devices of the machine cannot be inspected, which is an error.
    pub fn failed(&self, seen: &Seen, reason: &str) -> VendorDevices {
        VendorDevices {
            unusable: seen.degraded(self.vendor, self.backend, reason),
            errors: vec![self.error(reason)],
            ..VendorDevices::default()
        }
    }

    /// The tool failed, so the devices that other sources show cannot be used, which is an error.
    pub fn distrust(&self, reason: &str, result: &mut VendorDevices) {
        result.errors.push(self.error(reason));
        let doubtful = result.devices.drain(..).map(|device| device.accelerator);
        let refused = doubtful.map(|device| refused(device, DeviceState::Degraded, reason));
        result.unusable.extend(refused);
    }

    /// A row of a list that cannot be read is a device that cannot be inspected, so that the positions of
    /// the others stay. `line` is the quoted row.
    pub fn unreadable(&self, tool: &str, line: &str, position: u16, result: &mut VendorDevices) {
        let reason = format!("{tool} printed a row that describes no usable device: {line}");
        let mut device = bare(self.vendor, "", Some(self.backend));
        device.index = position;
        result.errors.push(self.error(&reason));
        result.unusable.push(refused(device, DeviceState::Degraded, &reason));
    }

    /// The tool is not installed. This is not an error: the machine may have the device for other
    /// purposes.
    pub fn without_tool(&self, seen: &Seen, tool: &str) -> VendorDevices {
        let reason = format!("{tool} is not installed, so the device cannot be inspected");
        if seen.presence != Presence::Present {
            return VendorDevices { absence: reason, ..VendorDevices::default() };
        }
        let name = self.name;
        let note = format!(
            "this machine has a device of {name}, but {tool} is not installed; the device is not used"
        );
        VendorDevices {
            unusable: seen.degraded(self.vendor, self.backend, &reason),
            ..VendorDevices::with_note(note)
        }
    }

    /// The result for a tool that listed no device. The machine has no device only if the tool reports
    /// so and the operating system does not show one.
    pub fn without_devices(
        &self,
        tool: &str,
        completion: &Completion,
        listing: NoListing,
        seen: &Seen,
    ) -> VendorDevices {
        let reason = reason(tool, completion);
        match (listing, seen.presence) {
            (NoListing::NoDevice, Presence::Absent | Presence::Unknown) => VendorDevices {
                absence: format!("{tool} reports no device"),
                ..VendorDevices::default()
            },
            (NoListing::NoDevice, Presence::Present) => {
                self.failed(seen, &format!("{reason}, but this machine has one"))
            }
            (NoListing::Unclear, _) => self.failed(seen, &reason),
        }
    }
}

/// The meaning of the output of a tool that contains no device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoListing {
    /// The tool works and reports that there is no device.
    NoDevice,
    /// The tool failed, or its output has an unknown form.
    Unclear,
}

/// Why a tool listed no device: how it ended, with the lines that name the reason.
pub(super) fn reason(tool: &str, completion: &Completion) -> String {
    let line = completion.output().and_then(quote::telling);
    match (completion.failure(), line) {
        (Some(failure), Some(line)) => format!("{tool} {failure}: {line}"),
        (Some(failure), None) => format!("{tool} {failure}"),
        (None, Some(line)) => format!("{tool} printed no complete list of devices: {line}"),
        (None, None) => format!("{tool} printed nothing"),
    }
}

/// The exit code and the output of a tool; None for one that crashed or was stopped.
pub(super) fn exited(completion: &Completion) -> Option<(i32, &ProgramOutput)> {
    match completion {
        Completion::Exited(output) => Some((output.exit.code?, output)),
        _ => None,
    }
}
