//! The differences between two capabilities of a worker, in words.

use super::Capability;
use crate::domain::accelerator::Accelerator;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Display;

/// Maximum number of differences that are listed.
const MAX_CHANGES: usize = 32;

impl Capability {
    /// Whether this lacks something that an earlier capability of the same worker had.
    #[must_use]
    pub fn offers_less_than(&self, earlier: &Self) -> bool {
        let lacks = |device: &Accelerator| {
            let now = self.accelerators.iter().find(|now| now.id() == device.id());
            now.is_none_or(|now| device.offered().any(|backend| !now.offers(backend)))
        };
        self.cpu_milli < earlier.cpu_milli
            || self.memory_bytes < earlier.memory_bytes
            || self.slots < earlier.slots
            || !self.backends.is_superset(&earlier.backends)
            || earlier.accelerators.iter().any(lacks)
    }

    /// The differences to an earlier capability of the same worker, one phrase each, such as `8 → 4
    /// cores`. Empty if it offers the same.
    #[must_use]
    pub fn changes_since(&self, earlier: &Self) -> Vec<String> {
        let gib = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1u32 << 30));
        let cores = |milli: u64| format!("{}", milli as f64 / 1000.0);
        let mut changes = Vec::new();
        let mut note = |before: String, after: String, unit: &str| {
            if before != after {
                changes.push(format!("{before} → {after}{unit}"));
            }
        };
        note(earlier.os.clone(), self.os.clone(), "");
        note(earlier.arch.clone(), self.arch.clone(), "");
        note(earlier.cpu_model.clone(), self.cpu_model.clone(), "");
        note(earlier.container.clone(), self.container.clone(), " (container)");
        note(cores(earlier.cpu_milli), cores(self.cpu_milli), " cores");
        note(gib(earlier.memory_bytes), gib(self.memory_bytes), " GiB of memory");
        note(earlier.slots.to_string(), self.slots.to_string(), " slots");
        changes.extend(sets("back-end", &earlier.backends, &self.backends));
        changes.extend(sets("tag", &earlier.tags, &self.tags));
        changes.extend(device_changes(&earlier.accelerators, &self.accelerators));
        changes.extend(unusable_changes(&earlier.unusable, &self.unusable));
        let errors = |capability: &Self| -> BTreeSet<String> {
            capability.detection_errors.iter().cloned().collect()
        };
        let (before, after) = (errors(earlier), errors(self));
        changes.extend(after.difference(&before).cloned());
        changes.extend(before.difference(&after).map(|error| format!("no longer: {error}")));
        if changes.is_empty() && self != earlier {
            changes.push("small differences".to_owned());
        }
        changes.truncate(MAX_CHANGES);
        changes
    }
}

/// Elements that only one of two sets has.
fn sets<T: Ord + Display>(what: &str, before: &BTreeSet<T>, after: &BTreeSet<T>) -> Vec<String> {
    let lost = before.difference(after).map(|name| format!("{what} {name} is gone"));
    let new = after.difference(before).map(|name| format!("{what} {name} is new"));
    lost.chain(new).collect()
}

/// Devices that can no longer be used, or can be used again, with the reason.
fn unusable_changes(before: &[Accelerator], after: &[Accelerator]) -> Vec<String> {
    let list = |devices: &[Accelerator]| -> BTreeSet<String> {
        devices
            .iter()
            .map(|device| format!("{} ({}): {}", device.model, device.id(), device.reason))
            .collect()
    };
    let (before, after) = (list(before), list(after));
    let new = after.difference(&before).map(|text| format!("device cannot be used: {text}"));
    let gone = before.difference(&after).map(|text| format!("no longer: {text}"));
    new.chain(gone).collect()
}

/// Devices that are gone or new, and those with another value in a field.
fn device_changes(before: &[Accelerator], after: &[Accelerator]) -> Vec<String> {
    let find = |devices: &[Accelerator], wanted: &Accelerator| {
        devices.iter().find(|device| device.id() == wanted.id()).cloned()
    };
    let mut changes = Vec::new();
    for device in before {
        let name = format!("{} ({})", device.model, device.id());
        match find(after, device) {
            None => changes.push(format!("device {name} is gone")),
            Some(now) => {
                let fields = field_changes(device, &now).into_iter();
                changes.extend(fields.map(|field| format!("device {name}: {field}")));
            }
        }
    }
    let new = after.iter().filter(|device| find(before, device).is_none());
    changes.extend(new.map(|device| format!("device {} ({}) is new", device.model, device.id())));
    changes
}

/// The fields of a device that differ, apart from its number.
fn field_changes(before: &Accelerator, after: &Accelerator) -> Vec<String> {
    let fields = |device: &Accelerator| match serde_json::to_value(device) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (before, after) = (fields(before), fields(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    let text = |value: Option<&Value>| match value {
        None => "unknown".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    changed
        .filter(|name| *name != "index")
        .map(|name| format!("{name} {} → {}", text(before.get(name)), text(after.get(name))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn capability(cpu_milli: u64, devices: &[&str]) -> Capability {
        let device = |(index, uuid): (usize, &&str)| {
            json!({ "index": index, "vendor": "nvidia", "model": "L40S", "uuid": uuid,
                    "backend": "cuda" })
        };
        let devices: Vec<_> = devices.iter().enumerate().map(device).collect();
        serde_json::from_value(json!({
            "os": "linux", "arch": "x86_64", "cpu_milli": cpu_milli, "memory_bytes": 4_u64 << 30,
            "slots": 4, "backends": ["cpu"], "accelerators": devices,
        }))
        .expect("a capability")
    }

    #[test]
    fn differences_are_listed_with_both_values() {
        let before = capability(8000, &["GPU-a", "GPU-b"]);
        let mut after = capability(2500, &["GPU-b", "GPU-c"]);
        after.memory_bytes = 1 << 30;
        after.accelerators[0].driver = "570.1".into();
        after.detection_errors = vec!["cannot detect NVIDIA devices: lost".into()];
        assert_eq!(
            after.changes_since(&before),
            [
                "8 → 2.5 cores",
                "4.0 → 1.0 GiB of memory",
                "device L40S (nvidia:GPU-a) is gone",
                "device L40S (nvidia:GPU-b): driver unknown → 570.1",
                "device L40S (nvidia:GPU-c) is new",
                "cannot detect NVIDIA devices: lost",
            ]
        );
        assert_eq!(before.changes_since(&before), [""; 0]);
    }
}
