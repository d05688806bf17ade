//! The environment variables that show a test exactly the devices that it holds.

use crate::backends::Table;
use crate::domain::accelerator::{Accelerator, Backend};
use std::collections::{BTreeMap, BTreeSet};

impl Table {
    /// The variables of a test that holds `held`, for every back-end of these devices: one back-end
    /// may use the driver of another.
    #[must_use]
    pub fn pin(&self, held: &[&Accelerator], on_windows: bool) -> BTreeMap<String, String> {
        let mut devices: BTreeMap<Backend, Vec<&Accelerator>> = BTreeMap::new();
        for device in held {
            for backend in device.backends.keys() {
                devices.entry(*backend).or_default().push(device);
            }
        }
        let pins = || self.entries().filter_map(|(name, entry)| Some((name, entry.pin.as_ref()?)));
        let mut variables = BTreeMap::new();
        for (name, pin) in pins() {
            let Some(devices) = devices.get(&name) else { continue };
            let set = pin.windows.as_ref().filter(|_| on_windows).unwrap_or(&pin.set);
            let filled =
                |(name, value): (&String, &String)| Some((name.clone(), filled(value, devices)?));
            variables.extend(set.iter().filter_map(filled));
        }
        let followed = |variable: &String| {
            pins().any(|(name, pin)| devices.contains_key(&name) && pin.reads.contains(variable))
        };
        for (_, pin) in pins().filter(|(name, _)| !devices.contains_key(name)) {
            for (name, value) in pin.hide.iter().filter(|(name, _)| !followed(name)) {
                variables.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        variables
    }
}

/// The value of a variable, with the devices in place of `{ids}`, `{indexes}` and `{cores}`. A device
/// without an id is named by its number. None if the cores are requested and unknown: the detection
/// offers such a device only if it is the only one, which needs no variable.
fn filled(value: &str, devices: &[&Accelerator]) -> Option<String> {
    let list = |name: fn(&Accelerator) -> String| {
        devices.iter().map(|device| name(device)).collect::<Vec<_>>().join(",")
    };
    let index = |device: &Accelerator| device.pin_number().to_string();
    let id = |device: &Accelerator| match device.uuid.as_str() {
        "" => device.pin_number().to_string(),
        uuid => uuid.to_owned(),
    };
    let is_by_core = value.contains("{cores}");
    if is_by_core && devices.iter().any(|device| device.cores.is_empty()) {
        return None;
    }
    let value = value.replace("{ids}", &list(id)).replace("{indexes}", &list(index));
    Some(if is_by_core { value.replace("{cores}", &cores(devices)) } else { value })
}

/// The cores of devices, as a range if there is no gap, which every version of the runtimes reads.
fn cores(devices: &[&Accelerator]) -> String {
    let all = devices.iter().flat_map(|device| device.cores.iter().copied());
    let all: BTreeSet<u16> = all.collect();
    match (all.first(), all.last()) {
        (Some(first), Some(last)) if first < last && usize::from(last - first) + 1 == all.len() => {
            format!("{first}-{last}")
        }
        _ => all.iter().map(u16::to_string).collect::<Vec<_>>().join(","),
    }
}
