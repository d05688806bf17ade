//! One AMD device, as its tool or the kernel reports it.

use crate::detect::vendors::device::{
    Device, SYSTEM_MEMORY, divide_memory, fact, product, set_memory,
};
use crate::detect::vendors::field;
use crate::domain::accelerator::{Accelerator, Backend, Proof, Vendor};

/// The source of facts that no tool reports.
pub(super) const KERNEL: &str = "sysfs";
/// Targets of graphics devices that are a part of a processor.
const INTEGRATED_TARGETS: &[&str] = &[
    "gfx801", "gfx902", "gfx909", "gfx90c", "gfx1013", "gfx1033", "gfx1035", "gfx1036", "gfx1037",
    "gfx1103", "gfx1150", "gfx1151", "gfx1152", "gfx1153",
];
/// Maximum memory of an integrated device. It decides if neither the kernel nor a target does, since no
/// compute card has so little memory.
const MAX_INTEGRATED_BYTES: u64 = 2 << 30;

/// The facts of one device. A field is None if it is unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Card {
    pub model: Option<String>,
    pub id: Option<String>,
    /// PCI address in the form of the kernel.
    pub bus: Option<String>,
    /// PCI id of the product, such as `0x73df`.
    pub device_id: Option<String>,
    pub target: Option<String>,
    /// Memory of the device; for graphics in a processor, the part of the machine's memory that is
    /// reserved for them.
    pub memory: Option<u64>,
    /// Memory of the machine that the device can use.
    pub shared_memory: Option<u64>,
    pub driver: Option<String>,
    /// Whether the device is a part of the processor, if the kernel reports it. It does so only for some.
    pub is_integrated: Option<bool>,
    /// Number of partitions of the card; 0 or 1 for a whole one.
    pub partitions: u64,
    /// Place among these partitions.
    pub partition: u64,
    /// Whether the compute driver has the device, if that is known.
    pub has_compute_driver: Option<bool>,
    /// Number of the file by which programs use the device, `/dev/dri/renderD128`.
    pub render: Option<u64>,
    /// The memory is that of the partition, not that of the card.
    pub is_memory_of_partition: bool,
    /// The tool that reported these facts, or [`KERNEL`].
    pub source: &'static str,
}

impl Card {
    /// The place on the bus, without the function: partitions of a card differ in it.
    pub fn place(&self) -> Option<&str> {
        Some(self.bus.as_deref()?.rsplit_once('.')?.0)
    }

    /// The permanent id as a number.
    pub fn unique_id(&self) -> Option<u128> {
        let digits = self.id.as_deref().filter(|id| is_id(id))?.strip_prefix("0x")?;
        u128::from_str_radix(digits, 16).ok()
    }

    /// The device with a number; None if the facts do not identify one. `host_memory` is the memory of
    /// the machine, in bytes.
    pub fn device(&self, position: u16, host_memory: u64) -> Option<Device> {
        let target = self.target.as_deref().and_then(target);
        let memory = self.memory.and_then(field::plausible);
        if target.is_none() && memory.is_none() && self.model.is_none() {
            return None;
        }
        let unique = self.id.as_deref().filter(|id| is_id(id));
        let is_known = target.as_deref().is_some_and(|name| INTEGRATED_TARGETS.contains(&name));
        let is_small = memory.is_some_and(|bytes| bytes <= MAX_INTEGRATED_BYTES);
        let integrated =
            self.is_integrated == Some(true) || is_known || unique.is_none() && is_small;
        let id = self.device_id.as_deref().and_then(|id| id.strip_prefix("0x"));
        let name = self.model.clone().or_else(|| id.map(|id| format!("PCI device 1002:{id}")));
        let suffix = if integrated { " (integrated)" } else { "" };
        let model = product(&format!("{}{suffix}", product(&name.unwrap_or_default())));
        let mut accelerator =
            Accelerator::new(position, Vendor::AMD, &model).with_backend(Backend::ROCM);
        let id = unique.map(str::to_ascii_lowercase).or_else(|| self.bus.clone());
        accelerator.uuid = id.unwrap_or_default();
        accelerator.architecture = target.unwrap_or_default();
        accelerator.driver = fact(self.driver.as_deref().unwrap_or_default());
        set_memory(&mut accelerator, memory, self.source);
        if integrated {
            self.share_with_processor(&mut accelerator, memory, host_memory);
        }
        // Not all graphics in processors are supported, so without a tool a runtime must find them.
        let is_unproven =
            self.source == KERNEL && (integrated || self.has_compute_driver.is_none());
        if is_unproven || self.has_compute_driver == Some(false) {
            accelerator.backends.insert(Backend::ROCM, Proof::Hardware);
        }
        if self.partitions > 1 {
            accelerator.partition_of.clone_from(&accelerator.uuid);
            accelerator.uuid = format!("{}/{}", accelerator.partition_of, self.partition);
            if !self.is_memory_of_partition {
                divide_memory(&mut accelerator, self.partitions, "partitions");
            }
        }
        Some(Device { integrated, ..Device::new(accelerator) })
    }

    /// A device in a processor uses the larger of the reserved memory and of the memory that the driver
    /// lends it. The usual limit of the driver is assumed if the limit is unknown.
    fn share_with_processor(
        &self,
        accelerator: &mut Accelerator,
        reserved: Option<u64>,
        host_memory: u64,
    ) {
        accelerator.unified = true;
        let known = self.shared_memory.and_then(field::plausible);
        let source = match known {
            Some(_) => format!("{}, memory of the machine (GTT)", self.source),
            None => format!("50 % of {SYSTEM_MEMORY}"),
        };
        let lent = known.or_else(|| field::plausible(host_memory / 2));
        if let Some(lent) = lent.filter(|lent| Some(*lent) > reserved) {
            set_memory(accelerator, Some(lent), &source);
            accelerator.memory_estimated = known.is_none();
        }
    }
}

/// A target such as `gfx90a`. Some versions of the tool print the number of the version in decimal:
/// `gfx9008` for `gfx908`.
fn target(text: &str) -> Option<String> {
    let digits = text.strip_prefix("gfx")?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !(3..=8).contains(&digits.len()) || !is_hex {
        return None;
    }
    let decimal = digits.strip_prefix('9').filter(|rest| rest.len() == 3);
    let decimal = decimal.and_then(|rest| {
        Some((rest.get(..1)?.parse::<u32>().ok()?, rest.get(1..)?.parse::<u32>().ok()?))
    });
    Some(match decimal {
        Some((minor, stepping)) => format!("gfx9{minor}{stepping:x}"),
        None => text.to_owned(),
    })
}

/// The target with this number of the kernel: 90402 is `gfx942`.
pub(super) fn target_of_version(version: u64) -> Option<String> {
    let (major, minor, stepping) = (version / 10_000, version / 100 % 100, version % 100);
    (major > 0).then(|| format!("gfx{major}{minor:x}{stepping:x}"))
}

/// The target of a version such as `10.3.0`, as in the variable that overrides it.
pub(super) fn target_of_override(version: &str) -> Option<String> {
    let parts: Vec<u64> =
        version.trim().split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [major, minor, stepping] = parts[..] else { return None };
    let is_valid = (1..100).contains(&major) && minor < 16 && stepping < 16;
    is_valid.then(|| format!("gfx{major}{minor:x}{stepping:x}"))
}

fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix("0x").unwrap_or_default();
    (1..=32).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        && digits.bytes().any(|byte| byte != b'0')
}

/// Counts the partitions of each card: they have the same place on the bus, except for the function.
pub(super) fn count_partitions(cards: &mut [Card]) {
    let places: Vec<Option<String>> =
        cards.iter().map(|card| card.place().map(str::to_owned)).collect();
    for (at, card) in cards.iter_mut().enumerate() {
        let own = places.get(at).filter(|place| place.is_some());
        let count = |places: &[Option<String>]| {
            places.iter().filter(|place| Some(*place) == own).count() as u64
        };
        card.partitions = count(&places);
        card.partition = count(places.get(..at).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_one_form() {
        for (text, expected) in [
            ("gfx1031", Some("gfx1031")),
            ("gfx90a", Some("gfx90a")),
            ("gfx9008", Some("gfx908")),
            ("gfx9010", Some("gfx90a")),
            ("gfx9402", Some("gfx942")),
            ("gfx12", None),
            ("gfx", None),
            ("1031", None),
        ] {
            assert_eq!(target(text).as_deref(), expected, "{text}");
        }
        for (version, expected) in [
            (90_402, Some("gfx942")),
            (90_010, Some("gfx90a")),
            (100_301, Some("gfx1031")),
            (0, None),
        ] {
            assert_eq!(target_of_version(version).as_deref(), expected, "{version}");
        }
    }
}
