//! Environment variables that hide devices from a process.
//!
//! Promises: the worker offers no device that is hidden from it. Tests are pinned with the numbers that
//! the variables of the worker use. The variables are read as their libraries read them: a list ends at
//! its first entry that names no device, and CUDA treats a list with a repeated device as empty.

use super::device::Device;
use crate::detect::host::HIDING_VARIABLES;
use crate::domain::accelerator::Vendor;
use std::collections::{BTreeMap, BTreeSet};

const NVIDIA_CONTAINER: &str = "NVIDIA_VISIBLE_DEVICES";
const CUDA: &str = "CUDA_VISIBLE_DEVICES";
const CUDA_ORDER: &str = "CUDA_DEVICE_ORDER";
const ROCR: &str = "ROCR_VISIBLE_DEVICES";
const HIP: &str = "HIP_VISIBLE_DEVICES";
const ORDINAL: &str = "GPU_DEVICE_ORDINAL";
/// Maximum number of entries of one list that are read.
const MAX_ENTRIES: usize = 1024;

/// The variables of this process that hide devices.
#[derive(Debug, Clone, Default)]
pub struct VisibleDevices(BTreeMap<&'static str, String>);

impl VisibleDevices {
    /// The names of all variables that are read.
    pub const NAMES: &[&str] = HIDING_VARIABLES;

    /// Reads the variables that are set.
    #[must_use]
    pub fn new(value: impl Fn(&str) -> Option<String>) -> Self {
        Self(Self::NAMES.iter().filter_map(|name| Some((*name, value(name)?))).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim())
    }

    /// The variable that hides every NVIDIA device, if there is one.
    pub(super) fn nvidia_hidden_by(&self) -> Option<&'static str> {
        if self.get(NVIDIA_CONTAINER) == Some("none") {
            return Some(NVIDIA_CONTAINER);
        }
        self.hiding_all(&[CUDA])
    }

    /// The variable that hides every AMD device, if there is one. With `cuda_too`, the variable of CUDA
    /// applies to AMD devices.
    pub(super) fn amd_hidden_by(&self, cuda_too: bool) -> Option<&'static str> {
        self.hiding_all(&[ROCR, self.hip(cuda_too), ORDINAL])
    }

    /// The variable that HIP reads: that of CUDA if its own is not set.
    fn hip(&self, cuda_too: bool) -> &'static str {
        if cuda_too && self.get(HIP).is_none() { CUDA } else { HIP }
    }

    fn hiding_all(&self, names: &[&'static str]) -> Option<&'static str> {
        let is_empty = |list: &str| entries(list).next().is_none_or(|first| !may_name(first));
        names.iter().copied().find(|name| self.get(name).is_some_and(is_empty))
    }

    /// The NVIDIA devices that are not hidden.
    pub(super) fn of_nvidia(&self, devices: Vec<Device>, notes: &mut Vec<String>) -> Vec<Device> {
        let mut devices = self.of_container(devices);
        let Some(list) = self.get(CUDA) else { return devices };
        let by_number = entries(list).any(|entry| entry.parse::<u16>().is_ok());
        let models: BTreeSet<_> = devices.iter().map(|device| &device.accelerator.model).collect();
        if by_number && models.len() > 1 && self.get(CUDA_ORDER) != Some("PCI_BUS_ID") {
            notes.push(format!(
                "dtf reads the numbers in {CUDA} in the order of nvidia-smi; CUDA orders devices by \
                 speed unless {CUDA_ORDER} is PCI_BUS_ID"
            ));
        }
        let chosen = chosen(list, &devices, by_card);
        let distinct: BTreeSet<usize> = chosen.iter().copied().collect();
        let has_repeated = distinct.len() < chosen.len();
        if has_repeated {
            notes.push(format!("{CUDA} names a device twice, so CUDA uses no device"));
        }
        keep(&mut devices, |at| !has_repeated && distinct.contains(&at));
        devices
    }

    /// The devices that the variable of the container runtime names. Usually the runtime has already
    /// hidden the others, and the numbers of the remaining ones start at 0 again, so all listed devices
    /// are kept. If more devices are listed than named, no runtime has hidden any. The runtime sets
    /// `void` if it provides devices in another way, so this value hides none.
    fn of_container(&self, mut devices: Vec<Device>) -> Vec<Device> {
        let list = self.get(NVIDIA_CONTAINER).unwrap_or_default();
        if matches!(list, "" | "void" | "all") {
            return devices;
        }
        let names: Vec<&str> = entries(list).collect();
        let cards: BTreeSet<u16> = devices.iter().map(|device| device.card).collect();
        let is_applied = cards.len() <= names.len();
        let named = |devices: &[Device], at: usize| {
            let device = &devices[at];
            let part = devices[..at].iter().filter(|other| other.card == device.card).count();
            names.iter().any(|name| match name.split_once(':') {
                Some((card, of_card)) => {
                    is_applied || (card.parse() == Ok(device.card) && of_card.parse() == Ok(part))
                }
                None if name.parse::<u16>().is_ok() => {
                    is_applied || name.parse() == Ok(device.card)
                }
                None => {
                    matches_uuid(device, name)
                        || (!device.card_uuid.is_empty() && device.card_uuid.starts_with(name))
                }
            })
        };
        let all = devices.clone();
        keep(&mut devices, |at| named(&all, at));
        devices
    }

    /// The AMD devices that are not hidden. The numbers in the variable of `ROCm` count all devices, and
    /// those in the variable of HIP count the remaining ones.
    pub(super) fn of_amd(
        &self,
        devices: Vec<Device>,
        cuda_too: bool,
        notes: &mut Vec<String>,
    ) -> Vec<Device> {
        let mut remaining = devices;
        let mut is_named = false;
        for name in [ROCR, self.hip(cuda_too), ORDINAL] {
            let Some(list) = self.get(name) else { continue };
            // The first variable counts all devices, also those that no test may use.
            let by_number = if is_named { by_position } else { by_card };
            is_named = true;
            let chosen = chosen(list, &remaining, by_number);
            keep(&mut remaining, |at| chosen.contains(&at));
        }
        if !is_named && remaining.iter().any(|device| !device.integrated) {
            remaining.retain(|device| {
                if device.integrated {
                    let model = &device.accelerator.model;
                    notes.push(format!(
                        "{model} is not used because the machine also has a graphics card; to use it, name it in \
                         {ROCR}"
                    ));
                }
                !device.integrated
            });
        }
        remaining
    }
}

fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).take(MAX_ENTRIES)
}

/// Whether an entry can name a device at all.
fn may_name(entry: &str) -> bool {
    entry.parse::<u16>().is_ok() || entry.starts_with("GPU-") || entry.starts_with("MIG-")
}

/// The positions in `devices` that a list names, up to the first entry that names no device.
fn chosen(
    list: &str,
    devices: &[Device],
    by_number: fn(u16, &[Device]) -> Option<usize>,
) -> Vec<usize> {
    let position = |entry: &str| match entry.parse::<u16>() {
        Ok(number) => by_number(number, devices),
        Err(_) => by_name(entry, devices),
    };
    entries(list).map_while(position).collect()
}

/// The position of a card by its number; of its first instance if the card is divided.
fn by_card(number: u16, devices: &[Device]) -> Option<usize> {
    devices.iter().position(|device| device.card == number)
}

/// The position of a device by its number in the list of remaining devices.
fn by_position(number: u16, devices: &[Device]) -> Option<usize> {
    let at = usize::from(number);
    (at < devices.len()).then_some(at)
}

/// The position of the only device whose UUID begins with the entry, or of the first instance of the
/// only card.
fn by_name(entry: &str, devices: &[Device]) -> Option<usize> {
    if !may_name(entry) {
        return None;
    }
    let only = |matches: &dyn Fn(&Device) -> bool| {
        let mut at = (0..devices.len()).filter(|at| matches(&devices[*at]));
        at.next().map(|first| (first, at.all(|other| devices[other].card == devices[first].card)))
    };
    let whole = only(&|device| matches_uuid(device, entry));
    let part =
        || only(&|device| device.card_uuid.starts_with(entry) && !device.card_uuid.is_empty());
    let (first, unique) = whole.or_else(part)?;
    unique.then_some(first)
}

/// Whether an entry is the beginning of the UUID of a device.
fn matches_uuid(device: &Device, entry: &str) -> bool {
    let uuid = &device.accelerator.uuid;
    match device.accelerator.vendor {
        // ROCm accepts the unique id of an AMD device with this prefix.
        Vendor::AMD => {
            let id = entry.strip_prefix("GPU-").unwrap_or_default();
            !id.is_empty()
                && uuid.strip_prefix("0x").is_some_and(|own| own.eq_ignore_ascii_case(id))
        }
        _ => !uuid.is_empty() && uuid.starts_with(entry),
    }
}

/// Removes the devices at unwanted positions.
fn keep(devices: &mut Vec<Device>, wanted: impl Fn(usize) -> bool) {
    let mut at = 0;
    devices.retain(|_| {
        at += 1;
        wanted(at - 1)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::accelerator::{Accelerator, Backend};

    fn device(vendor: Vendor, card: u16, uuid: &str, card_uuid: &str) -> Device {
        let accelerator = Accelerator {
            uuid: uuid.into(),
            memory_bytes: 1,
            ..Accelerator::new(card, vendor, "M").with_backend(Backend::CUDA)
        };
        Device { accelerator, card, card_uuid: card_uuid.into(), integrated: false }
    }

    fn visible(values: &[(&str, &str)]) -> VisibleDevices {
        let value = |wanted: &str| values.iter().find(|(name, _)| *name == wanted);
        VisibleDevices::new(|name| value(name).map(|(_, value)| (*value).to_owned()))
    }

    /// The UUIDs of the visible devices of three cards, the second of which has two instances.
    fn nvidia(values: &[(&str, &str)]) -> Vec<String> {
        let devices = vec![
            device(Vendor::NVIDIA, 0, "GPU-a0", ""),
            device(Vendor::NVIDIA, 1, "MIG-b1", "GPU-b0"),
            device(Vendor::NVIDIA, 1, "MIG-b2", "GPU-b0"),
            device(Vendor::NVIDIA, 2, "GPU-ac", ""),
        ];
        let visible = visible(values);
        if visible.nvidia_hidden_by().is_some() {
            return Vec::new();
        }
        let left = visible.of_nvidia(devices, &mut Vec::new());
        left.into_iter().map(|device| device.accelerator.uuid).collect()
    }

    #[test]
    fn cuda_lists_are_read_as_cuda_reads_them() {
        for (list, left) in [
            ("0", &["GPU-a0"][..]),
            ("2,0", &["GPU-a0", "GPU-ac"]),
            (" 2 , 0 ", &["GPU-a0", "GPU-ac"]),
            ("GPU-ac", &["GPU-ac"]),
            ("GPU-a", &[]),
            ("MIG-b2", &["MIG-b2"]),
            ("1", &["MIG-b1"]),
            ("GPU-b0", &["MIG-b1"]),
            ("0,-1,2", &["GPU-a0"]),
            ("0,9,2", &["GPU-a0"]),
            ("0,0", &[]),
            ("", &[]),
            ("-1", &[]),
            ("NoDevFiles", &[]),
            ("all", &[]),
        ] {
            assert_eq!(nvidia(&[(CUDA, list)]), left, "{list:?}");
        }
    }

    #[test]
    fn the_variable_of_containers_hides_devices_only_once() {
        let all = ["GPU-a0", "MIG-b1", "MIG-b2", "GPU-ac"];
        for (list, left) in [
            ("all", &all[..]),
            ("void", &all),
            ("", &all),
            ("none", &[]),
            ("5,6,7", &all),
            ("2", &["GPU-ac"]),
            ("1:1", &["MIG-b2"]),
            ("GPU-a0", &["GPU-a0"]),
            ("GPU-b0,MIG-b2", &["MIG-b1", "MIG-b2"]),
        ] {
            assert_eq!(nvidia(&[(NVIDIA_CONTAINER, list)]), left, "{list:?}");
        }
        assert_eq!(nvidia(&[(NVIDIA_CONTAINER, "0,2"), (CUDA, "2")]), ["GPU-ac"]);
    }

    fn amd(values: &[(&str, &str)], cuda_too: bool) -> Vec<u16> {
        let devices = (0..4).map(|n| device(Vendor::AMD, n, &format!("0xabc{n}"), "")).collect();
        let visible = visible(values);
        if visible.amd_hidden_by(cuda_too).is_some() {
            return Vec::new();
        }
        let left = visible.of_amd(devices, cuda_too, &mut Vec::new());
        left.into_iter().map(|device| device.accelerator.index).collect()
    }

    #[test]
    fn amd_lists_apply_in_sequence_and_keep_the_numbers_of_the_machine() {
        assert_eq!(amd(&[], true), [0, 1, 2, 3]);
        assert_eq!(amd(&[(ROCR, "2")], true), [2]);
        assert_eq!(amd(&[(ROCR, "3,GPU-abc1")], true), [1, 3]);
        assert_eq!(amd(&[(ROCR, "1,2,3"), (HIP, "1")], true), [2]);
        assert_eq!(amd(&[(HIP, "1,7,2")], true), [1]);
        assert_eq!(amd(&[(CUDA, "1")], true), [1]);
        assert_eq!(amd(&[(CUDA, "1")], false), [0, 1, 2, 3]);
        assert_eq!(amd(&[(CUDA, "1"), (HIP, "0")], true), [0]);
        assert_eq!(amd(&[(ORDINAL, "3")], true), [3]);
        assert_eq!(amd(&[(ROCR, "")], true), [0; 0]);
        assert_eq!(amd(&[(HIP, "-1")], true), [0; 0]);
    }

    #[test]
    fn integrated_devices_are_used_only_alone_or_if_named() {
        let both = || {
            let mut devices: Vec<_> = (0..2).map(|n| device(Vendor::AMD, n, "", "")).collect();
            devices[1].integrated = true;
            devices
        };
        let left = |values: &[(&str, &str)], devices: Vec<Device>| {
            let mut notes = Vec::new();
            let left = visible(values).of_amd(devices, true, &mut notes);
            (left.iter().map(|device| device.card).collect::<Vec<_>>(), notes.len())
        };
        assert_eq!(left(&[], both()), (vec![0], 1));
        assert_eq!(left(&[(ROCR, "1")], both()), (vec![1], 0));
        assert_eq!(left(&[], both().split_off(1)), (vec![1], 0));
    }
}
