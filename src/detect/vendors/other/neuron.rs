//! Detects AWS Neuron devices with `neuron-ls`, and without it by their device files.
//!
//! The runtime names cores instead of devices, so a device has the numbers of its cores: those in the
//! list, or the next ones after the cores of the devices before it.

use crate::detect::host::Host;
use crate::detect::vendors::device::{Device, fact, product, set_memory};
use crate::detect::vendors::evidence::{Presence, Seen};
use crate::detect::vendors::listing::{Maker, NoListing, VendorDevices, exited};
use crate::detect::vendors::quote::quoted;
use crate::detect::vendors::{field, json};
use crate::domain::accelerator::{Accelerator, Backend, Proof, Vendor};
use crate::domain::capability::MAX_CORES;
use crate::sys::process::Completion;
use serde_json::Value;

const TOOL: &str = "neuron-ls";
const MAKER: Maker = Maker { name: "AWS Neuron", vendor: Vendor::AWS, backend: Backend::NEURON };

pub(in crate::detect::vendors) async fn detect(host: &Host<'_>) -> VendorDevices {
    let nodes = nodes(host);
    let completion = host.run(TOOL, &["-j"]).await;
    let presence = if nodes.is_empty() { Presence::Unknown } else { Presence::Present };
    let seen = Seen { presence, devices: Vec::new() };
    let mut result = if completion == Completion::NotFound {
        VendorDevices { devices: nodes, ..VendorDevices::default() }
    } else {
        let listed = exited(&completion).filter(|(code, _)| *code == 0);
        match listed.and_then(|(_, output)| devices(&output.stdout.text)) {
            Some(listed) if !listed.devices.is_empty() => listed,
            Some(_) => MAKER.without_devices(TOOL, &completion, NoListing::NoDevice, &seen),
            None => MAKER.without_devices(TOOL, &completion, NoListing::Unclear, &seen),
        }
    };
    require_cores(&mut result);
    result.note_unknown_memory(TOOL);
    result
}

/// A test cannot be pinned to one of several devices whose cores are unknown, so none is offered.
fn require_cores(result: &mut VendorDevices) {
    let is_unknown = |device: &Device| device.accelerator.cores.is_empty();
    let count = result.devices.len() + result.unusable.len();
    if count < 2 || !result.devices.iter().any(is_unknown) {
        return;
    }
    result.notes.push(format!(
        "the numbers of the cores of AWS Neuron devices are unknown, so no test can be pinned to one of \
         them; install {TOOL}"
    ));
    for device in result.devices.iter_mut().filter(|device| is_unknown(device)) {
        device.accelerator.backends.insert(Backend::NEURON, Proof::Hardware);
    }
}

/// The devices of the driver, whose files are `/dev/neuron0` and so on.
fn nodes(host: &Host<'_>) -> Vec<Device> {
    let names = host.list("/dev").unwrap_or_default();
    let mut numbers: Vec<u16> =
        names.iter().filter_map(|name| name.strip_prefix("neuron")?.parse().ok()).collect();
    numbers.sort_unstable();
    // The driver reports the number of physical cores, and the runtime numbers logical ones.
    let device = |number| {
        let accelerator = Accelerator::new(number, Vendor::AWS, "AWS Neuron device");
        Device::new(accelerator.with_backend(Backend::NEURON))
    };
    numbers.into_iter().map(device).collect()
}

/// Consecutive numbers of cores for devices with these counts; none after an unknown count.
fn consecutive(counts: &[Option<usize>]) -> Vec<Vec<u16>> {
    let mut next = Some(0_usize);
    let cores = |count: &Option<usize>| {
        let count = count.filter(|count| (1..=MAX_CORES).contains(count));
        let (Some(first), Some(count)) = (next, count) else {
            next = None;
            return Vec::new();
        };
        next = Some(first + count);
        (first..first + count).filter_map(|core| u16::try_from(core).ok()).collect()
    };
    counts.iter().map(cores).collect()
}

/// The devices in the part of the output that is a listing, in which an entry that cannot be read is a
/// device that cannot be inspected. None if there is no listing.
pub(super) fn devices(output: &str) -> Option<VendorDevices> {
    let lists = json::documents(output).filter_map(|document| {
        // In some versions, the list is a part of a mapping with facts of the machine.
        let list = document.get("neurondevices").unwrap_or(&document).as_array()?;
        let instance = json::first(&document, &["instancetype"]);
        let mut result = VendorDevices::default();
        for (position, entry) in (0..).zip(list) {
            if let Some(device) = device(entry, instance.as_deref()) {
                result.devices.push(device);
            } else {
                let entry = quoted(&entry.to_string());
                MAKER.unreadable(TOOL, &entry, position, &mut result);
            }
        }
        let is_listing = list.is_empty() || !result.devices.is_empty();
        number_cores(list, &mut result);
        is_listing.then_some(result)
    });
    // An empty list can also be a part of a warning before the listing.
    lists.max_by_key(|listed| !listed.devices.is_empty())
}

/// Gives devices whose cores are not listed the consecutive numbers of their counts, as the runtime
/// does. If the list has cores of some devices only, or entries that cannot be read, the others are unknown.
fn number_cores(list: &[Value], result: &mut VendorDevices) {
    let devices = &mut result.devices;
    let has_cores = devices.iter().any(|device| !device.accelerator.cores.is_empty());
    if has_cores || !result.unusable.is_empty() {
        return;
    }
    let count = |value: &Value| json::first(value, &["nccount"])?.parse::<usize>().ok();
    let mut order: Vec<usize> = (0..devices.len()).collect();
    order.sort_by_key(|at| devices[*at].accelerator.index);
    let counts: Vec<Option<usize>> = order.iter().map(|at| count(&list[*at])).collect();
    for (at, cores) in order.into_iter().zip(consecutive(&counts)) {
        devices[at].accelerator.cores = cores;
    }
}

/// The device of an entry. `instance` is the type of the machine, if the list is a part of its facts.
fn device(value: &Value, instance: Option<&str>) -> Option<Device> {
    let text = |keys: &[&str]| json::first(value, keys);
    let number = text(&["neurondevice"])?.parse().ok()?;
    let instance = text(&["instancetype"]).or_else(|| instance.map(str::to_owned));
    let instance = instance.map(|kind| format!(" ({kind})")).unwrap_or_default();
    let model = product(&format!("AWS Neuron device{instance}"));
    let mut accelerator =
        Accelerator::new(number, Vendor::AWS, &model).with_backend(Backend::NEURON);
    let bus = text(&["bdf"]).and_then(|bus| field::pci_address(&bus));
    accelerator.uuid = fact(&bus.unwrap_or_default());
    accelerator.cores = cores(value);
    set_memory(&mut accelerator, json::first_size(value, &["memorysize"], 1), TOOL);
    Some(Device::new(accelerator))
}

/// The listed cores of a device; none if one of them is not a number.
fn cores(value: &Value) -> Vec<u16> {
    let listed = value.get("neuroncoreids").and_then(Value::as_array);
    let cores = listed.filter(|cores| cores.len() <= MAX_CORES).into_iter().flatten();
    let numbers: Option<Vec<u16>> = cores.map(|core| json::text(core)?.parse().ok()).collect();
    numbers.unwrap_or_default()
}
