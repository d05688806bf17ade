//! Detects AWS Neuron devices with `neuron-ls`, and without it by their device files.

use crate::detect::host::Host;
use crate::detect::vendors::device::{Device, fact, product, set_memory};
use crate::detect::vendors::evidence::{Presence, Seen};
use crate::detect::vendors::listing::{Maker, NoListing, VendorDevices, exited};
use crate::detect::vendors::{field, json};
use crate::domain::accelerator::{Accelerator, Backend, Vendor};
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
            Some(devices) if !devices.is_empty() => {
                VendorDevices { devices, ..VendorDevices::default() }
            }
            Some(_) => MAKER.without_devices(TOOL, &completion, NoListing::NoDevice, &seen),
            None => MAKER.without_devices(TOOL, &completion, NoListing::Unclear, &seen),
        }
    };
    result.note_unknown_memory(TOOL);
    result
}

/// The devices of the driver, whose files are `/dev/neuron0` and so on.
fn nodes(host: &Host<'_>) -> Vec<Device> {
    let names = host.list("/dev").unwrap_or_default();
    let mut numbers: Vec<u16> =
        names.iter().filter_map(|name| name.strip_prefix("neuron")?.parse().ok()).collect();
    numbers.sort_unstable();
    let device = |number| {
        let accelerator = Accelerator::new(number, Vendor::AWS, "AWS Neuron device");
        Device::new(accelerator.with_backend(Backend::NEURON))
    };
    numbers.into_iter().map(device).collect()
}

/// The devices in the part of the output that is a listing; None if there is none.
pub(super) fn devices(output: &str) -> Option<Vec<Device>> {
    let lists = json::documents(output).filter_map(|document| {
        let list = document.as_array()?;
        list.iter().map(device).collect::<Option<Vec<_>>>()
    });
    // An empty list can also be a part of a warning before the listing.
    lists.max_by_key(|devices| !devices.is_empty())
}

fn device(value: &Value) -> Option<Device> {
    let text = |keys: &[&str]| json::first(value, keys);
    let number = text(&["neurondevice"])?.parse().ok()?;
    let instance = text(&["instancetype"]).map(|kind| format!(" ({kind})")).unwrap_or_default();
    let model = product(&format!("AWS Neuron device{instance}"));
    let mut accelerator =
        Accelerator::new(number, Vendor::AWS, &model).with_backend(Backend::NEURON);
    let bus = text(&["bdf"]).and_then(|bus| field::pci_address(&bus));
    accelerator.uuid = fact(&bus.unwrap_or_default());
    set_memory(&mut accelerator, json::first_size(value, &["memorysize"], 1), TOOL);
    Some(Device::new(accelerator))
}
