//! Detects NVIDIA devices with `nvidia-smi`.
//!
//! The CSV listing is read first. The XML report is read for the memory of the slices of devices in MIG
//! mode, and if there is no CSV listing. A device whose fields cannot be read is an entry that no test
//! may use, and so are all devices of a listing whose tool failed for an unknown reason.

use super::bus;
use super::device::{
    Device, SYSTEM_MEMORY, bare, divide_memory, fact, product, refused, set_memory,
};
use super::evidence::{Seen, has_nvidia_chip};
use super::listing::{Maker, NoListing, VendorDevices, exited, reason};
use crate::detect::host::Host;
use crate::domain::accelerator::{Accelerator, Backend, DeviceState, Vendor};
use crate::sys::process::Completion;
use card::{Card, Memory, Reading};
use csv::{Listing, QUERIES};
use slices::Slice;
use std::collections::BTreeSet;
use std::time::Duration;
use xml::XmlCard;

mod card;
mod csv;
mod kernel;
mod slices;
#[cfg(test)]
mod tests;
mod xml;

const TOOL: &str = "nvidia-smi";
/// Time limit of one call. Without persistence mode, the first call initialises every device of the
/// machine, which takes up to 40 s.
const TIMEOUT: Duration = Duration::from_secs(45);
const MAKER: Maker = Maker { name: "NVIDIA", vendor: Vendor::NVIDIA, backend: Backend::CUDA };
/// Name of the driver of devices on the bus.
const DRIVERS: &[&str] = &["nvidia"];
/// Exit code if a requested object does not exist, according to the manual of the tool.
const NO_OBJECT: i32 = 6;
/// Exit code after a warning about the configuration memory of a device. The listing is complete then.
const INFOROM_WARNING: i32 = 14;
/// Output of the tool on a machine without a device.
const NO_DEVICES: &str = "No devices were found";

/// Detects the devices. `host_memory` is the memory of the machine that may be used, in bytes.
pub(super) async fn detect(host: &Host<'_>, seen: &Seen, host_memory: u64) -> VendorDevices {
    let report = report(host).await;
    let Some(listing) = report.listing else {
        return match &report.completion {
            Completion::NotFound if has_nvidia_chip(host) => chip(host, host_memory),
            Completion::NotFound => MAKER.without_tool(seen, TOOL),
            completion => {
                let mut result =
                    MAKER.without_devices(TOOL, completion, no_listing(completion), seen);
                kernel::complete(host, &mut result.unusable);
                result
            }
        };
    };
    let mut result = VendorDevices { notes: listing.warnings.clone(), ..VendorDevices::default() };
    let distrust = doubts(&report.completion, &listing, &mut result);
    for (line, address) in &listing.lost {
        let mut device = bare(Vendor::NVIDIA, "", Some(Backend::CUDA));
        device.uuid = address.clone().unwrap_or_default();
        let reason = format!("{TOOL} reports: {line}");
        result.errors.push(MAKER.error(&reason));
        result.unusable.push(refused(device, DeviceState::Unusable, &reason));
    }
    if let Some(listed) = addresses(&listing) {
        let unlisted = kernel::unlisted(host, &listed);
        result.errors.extend(
            unlisted
                .iter()
                .map(|device| MAKER.error(&format!("{}: {}", device.uuid, device.reason))),
        );
        let known = listed.iter().cloned().chain(unlisted.iter().map(|device| device.uuid.clone()));
        let known = known.collect();
        result.unusable.extend(unlisted);
        result.add(bus::without_driver(MAKER, seen.devices.iter(), &known, DRIVERS));
    }
    let mut divided = Vec::new();
    for card in listing.cards {
        let device = device(&card, host_memory);
        match (&card.reading, &distrust) {
            (Reading::Failed { field, text, is_lost }, _) => {
                let reason = format!("{TOOL} reports \"{text}\" in place of the {field}");
                result.errors.push(MAKER.error(&format!("device {}: {reason}", card.index)));
                let state = if *is_lost { DeviceState::Unusable } else { DeviceState::Degraded };
                result
                    .unusable
                    .push(with_address(refused(device.accelerator, state, &reason), &card));
            }
            (Reading::Working, Some(reason)) => {
                result.unusable.push(refused(device.accelerator, DeviceState::Degraded, reason));
            }
            (Reading::Working, None) if card.is_divided => divided.push(device),
            (Reading::Working, None) => result.devices.push(device),
        }
    }
    if !divided.is_empty() {
        add_slices(host, divided, report.xml, &mut result).await;
    }
    result.devices.sort_by_key(|device| device.card);
    result.note_unknown_memory(TOOL);
    result
}

/// The PCI addresses in a listing; None if one is unknown.
fn addresses(listing: &Listing) -> Option<BTreeSet<String>> {
    let of_card = |card: &Card| Some(card.bus.clone()).filter(|bus| !bus.is_empty());
    let cards = listing.cards.iter().map(of_card);
    let lost = listing.lost.iter().map(|(_, address)| address.clone());
    let is_complete = listing.malformed.is_empty();
    cards.chain(lost).collect::<Option<BTreeSet<String>>>().filter(|_| is_complete)
}

/// The device of a system on a chip, whose driver works without the tool.
fn chip(host: &Host<'_>, host_memory: u64) -> VendorDevices {
    let model = host.text("/proc/device-tree/model").unwrap_or_default();
    let mut accelerator =
        Accelerator::new(0, Vendor::NVIDIA, &product(&model)).with_backend(Backend::CUDA);
    accelerator.unified = true;
    set_memory(&mut accelerator, Some(host_memory), SYSTEM_MEMORY);
    VendorDevices { devices: vec![Device::new(accelerator)], ..VendorDevices::default() }
}

/// The output of the tool.
struct Report {
    completion: Completion,
    /// None if the output is not a listing, or an empty one.
    listing: Option<Listing>,
    /// The XML report, if it was read.
    xml: Option<Vec<XmlCard>>,
}

/// Calls the tool with the first query whose columns its version knows, and for the XML report if there
/// is no listing.
async fn report(host: &Host<'_>) -> Report {
    let mut completion = Completion::NotFound;
    let mut listing = None;
    for query in QUERIES {
        completion = host
            .run_within(TIMEOUT, TOOL, &[&format!("--query-gpu={query}"), "--format=csv"])
            .await;
        listing = completion
            .output()
            .and_then(|output| Listing::of(&output.stdout.text, query))
            .filter(|listing| !listing.is_empty());
        if !is_refused(&completion) {
            break;
        }
    }
    let is_clear = listing.as_ref().is_some_and(|listing| listing.malformed.is_empty());
    let is_answer = exited(&completion).is_some_and(|(code, _)| code == 0)
        && no_listing(&completion) == NoListing::Unclear;
    if !is_clear && (is_answer || is_refused(&completion)) {
        let report = host.run_within(TIMEOUT, TOOL, &["-q", "-x"]).await;
        if let Some(xml) = xml_cards(&report) {
            return Report {
                completion: report,
                listing: Some(listing_of_xml(&xml)),
                xml: Some(xml),
            };
        }
    }
    Report { completion, listing, xml: None }
}

fn is_refused(completion: &Completion) -> bool {
    let refuses = |text: &str| text.to_ascii_lowercase().contains("is not a valid field");
    let output = completion.output();
    output.is_some_and(|o| refuses(&o.stdout.text) || refuses(&o.stderr.text))
}

/// The devices of a complete XML report.
fn xml_cards(report: &Completion) -> Option<Vec<XmlCard>> {
    let (code, output) = exited(report)?;
    let is_complete = matches!(code, 0 | INFOROM_WARNING) && !output.stdout.truncated;
    xml::cards(&output.stdout.text).filter(|cards| is_complete && !cards.is_empty())
}

fn listing_of_xml(cards: &[XmlCard]) -> Listing {
    Listing {
        cards: cards.iter().filter_map(|card| card.fields.read()).collect(),
        ..Listing::default()
    }
}

/// The meaning of an output without a listing.
fn no_listing(completion: &Completion) -> NoListing {
    match exited(completion) {
        Some((0 | NO_OBJECT, output))
            if output.stdout.text.trim() == NO_DEVICES
                || csv::is_header_alone(&output.stdout.text) =>
        {
            NoListing::NoDevice
        }
        _ => NoListing::Unclear,
    }
}

/// Adds the errors of a listing, and returns why its devices cannot be trusted, if they cannot: the tool
/// failed, and no lost device in the listing explains this.
fn doubts(
    completion: &Completion,
    listing: &Listing,
    result: &mut VendorDevices,
) -> Option<String> {
    for line in &listing.malformed {
        let reason = format!("{TOOL} printed a line that describes no usable device: {line}");
        result.errors.push(MAKER.error(&reason));
        // A line that begins as a row is that of a device.
        let number = line.trim_start_matches('"').split(',').next().and_then(|n| n.parse().ok());
        let is_listed = |number: u16| listing.cards.iter().any(|card| card.index == number);
        if let Some(index) = number.filter(|number| line.contains(',') && !is_listed(*number)) {
            let mut device = bare(MAKER.vendor, "", Some(MAKER.backend));
            device.index = index;
            result.unusable.push(refused(device, DeviceState::Degraded, &reason));
        }
    }
    if completion.output().is_some_and(|output| output.stdout.truncated) {
        result.errors.push(MAKER.error(&format!("{TOOL} printed too much")));
    }
    completion.failure()?;
    let is_lost = |card: &Card| card.reading != Reading::Working;
    if exited(completion).is_some_and(|(code, _)| code == INFOROM_WARNING) {
        let meaning = "a warning about the configuration memory (infoROM) of a device";
        result.notes.push(format!("{TOOL} exited with code {INFOROM_WARNING}, {meaning}"));
        return None;
    }
    if !listing.lost.is_empty() || listing.cards.iter().any(is_lost) {
        return None;
    }
    let reason = reason(TOOL, completion);
    result.errors.push(MAKER.error(&reason));
    Some(reason)
}

fn device(card: &Card, host_memory: u64) -> Device {
    let mut accelerator = Accelerator::new(card.index, Vendor::NVIDIA, &product(&card.name))
        .with_backend(Backend::CUDA);
    accelerator.uuid.clone_from(&card.uuid);
    accelerator.architecture.clone_from(&card.capability);
    accelerator.driver = fact(&card.driver);
    match card.memory {
        Memory::Bytes(bytes) => set_memory(&mut accelerator, Some(bytes), TOOL),
        Memory::OfTheMachine => {
            accelerator.unified = true;
            set_memory(&mut accelerator, Some(host_memory), SYSTEM_MEMORY);
        }
        Memory::Unknown => {}
    }
    Device::new(accelerator)
}

/// A refused device without a UUID is identified by its PCI address.
fn with_address(mut device: Accelerator, card: &Card) -> Accelerator {
    if device.uuid.is_empty() {
        device.uuid.clone_from(&card.bus);
    }
    device
}

/// Adds the slices of cards in MIG mode.
async fn add_slices(
    host: &Host<'_>,
    cards: Vec<Device>,
    xml: Option<Vec<XmlCard>>,
    result: &mut VendorDevices,
) {
    let report = async {
        if let Some(xml) = xml {
            return Ok(xml);
        }
        let report = host.run_within(TIMEOUT, TOOL, &["-q", "-x"]).await;
        xml_cards(&report).ok_or_else(|| reason("nvidia-smi -q -x", &report))
    };
    let (list, report) = tokio::join!(host.run_within(TIMEOUT, TOOL, &["-L"]), report);
    let listed = match exited(&list) {
        Some((0, output)) if !output.stdout.truncated => slices::listed(&output.stdout.text),
        _ => Vec::new(),
    };
    for card in cards {
        let uuid = &card.accelerator.uuid;
        let of_list = listed.iter().find(|(card, _)| card == uuid).map(|(_, slices)| slices);
        let of_report = report.as_ref().ok().and_then(|cards| {
            let card = cards.iter().find(|card| card.fields.uuid == *uuid)?;
            card.slices.as_ref()
        });
        if of_list.is_none() && of_report.is_none() {
            let failure = reason("nvidia-smi -L", &list);
            let reason =
                format!("the device is in MIG mode, and its slices cannot be listed: {failure}");
            result.errors.push(MAKER.error(&format!("device {}: {reason}", card.card)));
            result.unusable.push(refused(card.accelerator, DeviceState::Degraded, &reason));
            continue;
        }
        let none = (Vec::new(), Vec::new());
        let slices =
            slices::combined(uuid, of_list.unwrap_or(&none.0), of_report.unwrap_or(&none.1));
        if slices.is_empty() {
            result.notes.push(format!(
                "device {} ({}) is in MIG mode and has no slice, so it is not used; create slices, or \
                 turn MIG mode off",
                card.card, card.accelerator.model
            ));
            let reason =
                "MIG mode is on and the device has no slice; create slices, or turn MIG mode off";
            result.unusable.push(refused(card.accelerator, DeviceState::Unusable, reason));
            continue;
        }
        if let (None, Err(failure)) = (of_report, &report) {
            result.notes.push(format!(
                "the memory of the slices of device {} is unknown: {failure}",
                card.card
            ));
        }
        result.devices.extend(slices.into_iter().map(|slice| part(&card, slice)));
    }
}

/// A slice of a card as a device.
fn part(card: &Device, slice: Slice) -> Device {
    let parent = &card.accelerator;
    let model = format!("{} MIG {}", parent.model, slice.profile);
    let mut accelerator = Accelerator {
        model: product(model.trim()),
        uuid: slice.uuid,
        partition_of: parent.uuid.clone(),
        ..parent.clone()
    };
    set_memory(&mut accelerator, slice.memory, TOOL);
    divide_memory(&mut accelerator, slice.sharing, "compute instances");
    Device { accelerator, card_uuid: parent.uuid.clone(), ..card.clone() }
}
