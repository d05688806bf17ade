//! Detects Intel graphics with `xpu-smi`, and without it in the files of the graphics drivers i915 and
//! xe.
//!
//! The listing of the tool has no memory, so each device is queried. A device on bus 0 is a part of the
//! processor. PyTorch supports only some of these, so the back-end is offered for them after a runtime
//! has found the device. So it is for devices that a working tool does not list, since it does not know
//! every product. If the tool fails, no device can be used. A device on the bus without a driver is an
//! entry that no test may use (`bus`).
//!
//! Limit: [`MAX_QUERIES`] devices are queried.

use super::bus;
use super::device::{Device, SYSTEM_MEMORY, fact, product, set_memory};
use super::evidence::Seen;
use super::evidence::has_node;
use super::listing::{Maker, NoListing, VendorDevices, exited, reason};
use super::quote::quoted;
use super::{field, json};
use crate::detect::host::Host;
use crate::domain::accelerator::{Accelerator, Backend, DeviceState, Proof, Vendor};
use crate::sys::process::Completion;
use futures::future::join_all;
use serde_json::Value;
use std::collections::BTreeSet;
const TOOL: &str = "xpu-smi";
const MAKER: Maker = Maker { name: "Intel", vendor: Vendor::INTEL, backend: Backend::XPU };
const MAX_QUERIES: usize = 64;
const GRAPHICS: &str = "/sys/class/drm";
/// PCI vendor id of Intel.
const VENDOR: &str = "0x8086";

/// The facts of one device. A text is empty and a size None if it is unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Card {
    number: Option<u16>,
    name: String,
    uuid: String,
    bus: String,
    driver: String,
    memory: Option<u64>,
    source: &'static str,
    /// Whether the kernel reports memory of the device itself; None if it does not know the device.
    has_own_memory: Option<bool>,
    /// The device files of the driver are not available, as in a container that does not have the device.
    is_out_of_reach: bool,
}

/// Detects the devices. `host_memory` is the memory of the machine that may be used, in bytes, and
/// `processors` are the found devices for neural networks.
pub(super) async fn detect(
    host: &Host<'_>,
    seen: &Seen,
    host_memory: u64,
    processors: &[Device],
) -> VendorDevices {
    let kernel = kernel(host);
    let completion = host.run(TOOL, &["discovery", "-j"]).await;
    let listed = exited(&completion).filter(|(code, _)| *code == 0);
    let listing = listed.and_then(|(_, output)| Listing::of(&output.stdout.text));
    let is_empty = listed.is_some_and(|(_, output)| is_empty_listing(&output.stdout.text));
    let mut known = addresses(&kernel);
    let mut result = match listing {
        Some(mut listing) => {
            query(host, &mut listing.cards).await;
            known.extend(addresses(&listing.cards));
            listing.devices(&kernel, host_memory)
        }
        None if completion == Completion::NotFound => devices(kernel, host_memory),
        None if is_empty && !kernel.is_empty() => {
            let mut result = devices(kernel, host_memory);
            require_runtime(&mut result.devices);
            result.notes.push(format!("{TOOL} lists no device, so a runtime must find them"));
            result
        }
        None if kernel.is_empty() => {
            let listing = if is_empty { NoListing::NoDevice } else { NoListing::Unclear };
            let seen = seen.graphics();
            known.extend(seen.devices.iter().map(|device| device.address.clone()));
            MAKER.without_devices(TOOL, &completion, listing, &seen)
        }
        None => {
            let mut result = devices(kernel, host_memory);
            MAKER.distrust(&reason(TOOL, &completion), &mut result);
            result
        }
    };
    result.note_unknown_memory(TOOL);
    let known_processors = processors.iter().map(|device| device.accelerator.uuid.clone());
    known.extend(known_processors);
    add_without_driver(seen, &known, &mut result);
    result
}

/// Adds the graphics devices and the processors for neural networks that no driver controls.
fn add_without_driver(seen: &Seen, known: &BTreeSet<String>, result: &mut VendorDevices) {
    let (graphics, processors): (Vec<_>, Vec<_>) =
        seen.devices.iter().partition(|device| device.is_display);
    let networks = Maker { backend: Backend::OPENVINO, ..MAKER };
    result.add(bus::without_driver(MAKER, graphics.into_iter(), known, &["i915", "xe"]));
    result.add(bus::without_driver(networks, processors.into_iter(), known, &["intel_vpu"]));
}

/// The PCI addresses of devices.
fn addresses(cards: &[Card]) -> BTreeSet<String> {
    cards.iter().map(|card| card.bus.clone()).collect()
}

/// A runtime must find devices that the tool does not list.
fn require_runtime(devices: &mut [Device]) {
    for proof in devices.iter_mut().flat_map(|device| device.accelerator.backends.values_mut()) {
        *proof = Proof::Hardware;
    }
}

/// The list of the tool.
struct Listing {
    cards: Vec<Card>,
    /// The entries that describe no device, with their position.
    unreadable: Vec<(u16, String)>,
}

impl Listing {
    /// The first part of the output that lists a device.
    fn of(output: &str) -> Option<Self> {
        let of_list = |list: &Vec<Value>| {
            let mut listing = Self { cards: Vec::new(), unreadable: Vec::new() };
            for (position, entry) in (0..).zip(list) {
                match card(entry) {
                    Some(card) => listing.cards.push(card),
                    None => listing.unreadable.push((position, quoted(&entry.to_string()))),
                }
            }
            listing
        };
        json::documents(output)
            .filter_map(|document| Some(of_list(list(&document)?)))
            .find(|listing| !listing.cards.is_empty())
    }

    /// The devices, completed from the files of the kernel, and those that the tool left out.
    fn devices(mut self, kernel: &[Card], host_memory: u64) -> VendorDevices {
        let listed = addresses(&self.cards);
        for card in &mut self.cards {
            complete(card, kernel);
        }
        let mut result = devices(self.cards, host_memory);
        for (position, line) in &self.unreadable {
            MAKER.unreadable(TOOL, line, *position, &mut result);
        }
        // Without the addresses of all listed devices, it is unknown which ones are not listed.
        if listed.contains("") || !self.unreadable.is_empty() {
            return result;
        }
        let left_out = kernel.iter().filter(|card| !listed.contains(&card.bus)).cloned();
        let mut left_out = devices(left_out.collect(), host_memory);
        require_runtime(&mut left_out.devices);
        let first =
            result.devices.iter().map(|device| device.card).max().map_or(0, |last| last + 1);
        for (number, device) in (first..).zip(&mut left_out.devices) {
            (device.card, device.accelerator.index) = (number, number);
            let model = &device.accelerator.model;
            result.notes.push(format!("{TOOL} does not list {model}, so a runtime must find it"));
        }
        result.add(left_out);
        result
    }
}

/// The list in a document: one of these entries, or the document itself.
fn list(document: &Value) -> Option<&Vec<Value>> {
    let entry = document.get("devicelist").or_else(|| document.get("devices"));
    entry.unwrap_or(document).as_array()
}

fn is_empty_listing(output: &str) -> bool {
    json::documents(output).any(|document| list(&document).is_some_and(Vec::is_empty))
}

fn card(value: &Value) -> Option<Card> {
    let text = |keys: &[&str]| json::first(value, keys);
    Some(Card {
        number: Some(text(&["deviceid", "id"])?.parse().ok()?),
        name: text(&["devicename", "name"])?,
        uuid: text(&["uuid"]).unwrap_or_default(),
        bus: text(&["pcibdfaddress", "bdf"])
            .and_then(|bus| field::pci_address(&bus))
            .unwrap_or_default(),
        driver: text(&["driverversion"]).unwrap_or_default(),
        memory: memory(value),
        source: TOOL,
        ..Card::default()
    })
}

fn memory(value: &Value) -> Option<u64> {
    json::first_size(value, &["memoryphysicalsizebyte", "memoryphysicalsize"], 1)
}

/// Queries the devices for their memory and driver, all at the same time.
async fn query(host: &Host<'_>, cards: &mut [Card]) {
    let asked = cards.iter_mut().take(MAX_QUERIES).filter(|card| card.memory.is_none());
    join_all(asked.map(|card| async {
        let Some(number) = card.number else { return };
        let completion = host.run(TOOL, &["discovery", "-d", &number.to_string(), "-j"]).await;
        let Some((0, output)) = exited(&completion) else { return };
        let is_own = |value: &Value| {
            let reported = json::first(value, &["deviceid"]).and_then(|text| text.parse().ok());
            reported == Some(number)
        };
        let Some(value) = json::documents(&output.stdout.text).find(is_own) else { return };
        card.memory = memory(&value);
        if let Some(driver) = json::first(&value, &["driverversion"]) {
            card.driver = driver;
        }
    }))
    .await;
}

/// The devices of the graphics drivers. Entries such as `card0-HDMI-A-1` are connectors.
fn kernel(host: &Host<'_>) -> Vec<Card> {
    let names = host.list(GRAPHICS).unwrap_or_default();
    let is_card = |name: &&String| {
        name.strip_prefix("card").is_some_and(|number| number.parse::<u32>().is_ok())
    };
    let mut cards: Vec<Card> =
        names.iter().filter(is_card).filter_map(|name| kernel_card(host, name)).collect();
    for (position, card) in cards.iter_mut().enumerate() {
        card.number = u16::try_from(position).ok();
    }
    cards
}

fn kernel_card(host: &Host<'_>, name: &str) -> Option<Card> {
    let directory = format!("{GRAPHICS}/{name}");
    let read = |file: &str| host.text(&format!("{directory}/{file}"));
    if read("device/vendor")? != VENDOR {
        return None;
    }
    let events = read("device/uevent").unwrap_or_default();
    let event = |key: &str| events.lines().find_map(|line| line.strip_prefix(key));
    let id = read("device/device").unwrap_or_default();
    let id = id.strip_prefix("0x").unwrap_or_default();
    let name_of_id = if id.is_empty() { String::new() } else { format!("PCI device 8086:{id}") };
    let memory = kernel_memory(host, &directory);
    Some(Card {
        name: name_of_id,
        bus: event("PCI_SLOT_NAME=").and_then(field::pci_address).unwrap_or_default(),
        driver: event("DRIVER=").unwrap_or_default().to_owned(),
        memory,
        source: "sysfs",
        has_own_memory: Some(memory.is_some()),
        is_out_of_reach: !has_node(host, &format!("/dev/dri/{name}")),
        ..Card::default()
    })
}

/// The memory that the driver i915 or xe reports. The latter reports each tile.
fn kernel_memory(host: &Host<'_>, directory: &str) -> Option<u64> {
    let size = |path: &str| host.text(path)?.parse::<u64>().ok();
    let of_i915 = || size(&format!("{directory}/lmem_total_bytes"));
    let tiles = host.list(&format!("{directory}/device")).unwrap_or_default();
    let tiles = tiles
        .iter()
        .filter(|name| name.strip_prefix("tile").is_some_and(|n| n.parse::<u32>().is_ok()));
    let of_xe = tiles
        .filter_map(|tile| size(&format!("{directory}/device/{tile}/physical_vram_size_bytes")))
        .fold(0, u64::saturating_add);
    of_i915().and_then(field::plausible).or_else(|| field::plausible(of_xe))
}

/// Adds what the kernel reports of the memory of a device.
fn complete(card: &mut Card, kernel: &[Card]) {
    let is_same = |known: &&Card| !known.bus.is_empty() && known.bus == card.bus;
    let Some(known) = kernel.iter().find(is_same) else { return };
    card.has_own_memory = known.has_own_memory;
    if card.memory.is_none() {
        card.memory = known.memory;
        card.source = known.source;
    }
}

fn devices(cards: Vec<Card>, host_memory: u64) -> VendorDevices {
    let mut result = VendorDevices::default();
    for (position, card) in cards.into_iter().enumerate() {
        let Ok(position) = u16::try_from(position) else { break };
        let integrated = card.is_integrated();
        let accelerator = card.accelerator(position, integrated, host_memory);
        if card.is_out_of_reach {
            // Graphics in the processor are visible in every container of the machine.
            let reason = "the files of the device in /dev/dri are not available here";
            let refused = super::device::refused(accelerator, DeviceState::Unusable, reason);
            result.unusable.extend(Some(refused).filter(|_| !integrated));
        } else {
            result.devices.push(Device { integrated, ..Device::new(accelerator) });
        }
    }
    result
}

impl Card {
    fn is_integrated(&self) -> bool {
        match (self.has_own_memory, self.bus.split(':').nth(1)) {
            (Some(true), _) | (None, None) => false,
            (_, Some(bus)) => bus == "00",
            (Some(false), None) => true,
        }
    }

    fn accelerator(&self, position: u16, integrated: bool, host_memory: u64) -> Accelerator {
        let suffix = if integrated { " (integrated)" } else { "" };
        let model = product(&format!("{}{suffix}", product(&self.name)));
        let number = self.number.unwrap_or(position);
        let mut accelerator = Accelerator::new(number, Vendor::INTEL, &model);
        let proof = if integrated { Proof::Hardware } else { Proof::Driver };
        accelerator.backends.insert(Backend::XPU, proof);
        accelerator.backends.insert(Backend::OPENVINO, Proof::Hardware);
        accelerator.uuid = fact(if self.uuid.is_empty() { &self.bus } else { &self.uuid });
        accelerator.driver = fact(&self.driver);
        accelerator.unified = integrated;
        match self.memory {
            Some(bytes) => set_memory(&mut accelerator, Some(bytes), self.source),
            None if integrated => set_memory(&mut accelerator, Some(host_memory), SYSTEM_MEMORY),
            None => {}
        }
        accelerator
    }
}

#[cfg(test)]
mod tests;
