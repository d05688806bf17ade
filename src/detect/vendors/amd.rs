//! Detects AMD devices with `rocm-smi` or the newer `amd-smi`, which print JSON.
//!
//! The case and wording of keys differ between `ROCm` versions, so keys are compared without case and
//! several are tried. The tools print warnings around the JSON, so the listing is the first part of the
//! output that parses as JSON and has the form of a listing.

use super::device::{Device, product};
use super::evidence::Presence;
use super::listing::{NoListing, VendorDevices, error, without_devices};
use crate::detect::host::Host;
use crate::domain::accelerator::{Accelerator, Backend, Vendor};
use crate::domain::capability::MAX_MEMORY_BYTES;
use crate::sys::process::Completion;
use serde_json::{Map, Value};

const VENDOR: &str = "AMD";
const TOOLS: [(&str, &[&str]); 2] = [
    ("rocm-smi", &["--showproductname", "--showmeminfo", "vram", "--showuniqueid", "--json"]),
    ("amd-smi", &["static", "--asic", "--vram", "--json"]),
];
/// Messages of the tools on a machine without a device.
const NO_DEVICE_MESSAGES: &[&str] = &["No AMD GPUs specified", "No JSON data to report"];
/// Maximum number of positions of the output at which JSON is parsed.
const MAX_STARTS: usize = 1000;
/// Targets of graphics devices that are a part of a processor.
const INTEGRATED_TARGETS: &[&str] = &[
    "gfx801", "gfx902", "gfx909", "gfx90c", "gfx1013", "gfx1033", "gfx1035", "gfx1036", "gfx1037",
    "gfx1103", "gfx1150", "gfx1151", "gfx1152", "gfx1153",
];
/// Maximum memory of an integrated device. It decides if no target is reported, since no compute card
/// has so little memory.
const MAX_INTEGRATED_BYTES: u64 = 2 << 30;

/// Detects the devices with the first tool that lists any.
pub(super) async fn detect(host: &Host<'_>, presence: Presence) -> VendorDevices {
    let mut results = Vec::new();
    for (tool, args) in TOOLS {
        let completion = host.run(tool, args).await;
        if completion == Completion::NotFound {
            continue;
        }
        let result = evaluate(tool, &completion, presence);
        if !result.devices.is_empty() {
            return result;
        }
        results.push(result);
    }
    if results.is_empty() && presence == Presence::Present {
        return VendorDevices::with_note(format!(
            "this machine has an {VENDOR} graphics device, but neither rocm-smi nor amd-smi is \
             installed; the device is not used"
        ));
    }
    // The result of one tool without an error is enough.
    let successful = results.iter().position(|result| result.errors.is_empty());
    let at = successful.unwrap_or(0);
    if at < results.len() { results.swap_remove(at) } else { VendorDevices::default() }
}

/// The devices that a completed call of a tool shows.
fn evaluate(tool: &str, completion: &Completion, presence: Presence) -> VendorDevices {
    let Completion::Exited(output) = completion else {
        return without_devices(VENDOR, tool, completion, NoListing::Unclear, presence);
    };
    let listing = output.exit.code.and_then(|_| listing(&output.stdout.text));
    let Some(listing) = listing.filter(|listing| listing.cards > 0) else {
        let both = [&output.stdout.text, &output.stderr.text];
        let reports_none =
            NO_DEVICE_MESSAGES.iter().any(|words| both.iter().any(|text| text.contains(words)));
        let no_listing = match output.exit.code {
            Some(0) if reports_none || listing_is_empty(&output.stdout.text) => NoListing::NoDevice,
            _ => NoListing::Unclear,
        };
        return without_devices(VENDOR, tool, completion, no_listing, presence);
    };
    let mut result = VendorDevices { devices: listing.devices, ..VendorDevices::default() };
    let unusable = listing.cards - result.devices.len();
    if unusable > 0 {
        let cards = listing.cards;
        let reason = format!("{tool} reports no usable data of {unusable} of {cards} devices");
        result.errors.push(error(VENDOR, &reason));
    } else if let Some(failure) = completion.failure() {
        let line = output.first_line().unwrap_or_default();
        result.errors.push(error(VENDOR, &format!("{tool} {failure}: {line}")));
    }
    let unknown_memory =
        result.devices.iter().filter(|device| device.accelerator.memory_bytes == 0);
    result.notes.extend(unknown_memory.map(|device| {
        let Accelerator { model, .. } = &device.accelerator;
        format!("{tool} does not report the memory of {model}; it may be too small for some tests")
    }));
    result
}

/// The number of cards in a listing, and the devices that can be used.
struct Listing {
    cards: usize,
    devices: Vec<Device>,
}

/// The first listing in the output of a tool.
fn listing(output: &str) -> Option<Listing> {
    documents(output).find_map(|value| match value {
        Value::Object(mut root) => match root.remove("gpu_data") {
            Some(Value::Array(cards)) => amd_smi(&cards),
            _ => rocm_smi(&root),
        },
        Value::Array(cards) => amd_smi(&cards),
        _ => None,
    })
}

/// All parts of the output that are JSON, in their order.
fn documents(output: &str) -> impl Iterator<Item = Value> {
    let starts = output.match_indices(['{', '[']).take(MAX_STARTS);
    starts.filter_map(|(start, _)| {
        let json = output.get(start..)?;
        serde_json::Deserializer::from_str(json).into_iter().next()?.ok()
    })
}

fn listing_is_empty(output: &str) -> bool {
    let empty = |value: &Value| match value {
        Value::Object(root) => {
            root.is_empty() || root.get("gpu_data") == Some(&Value::Array(Vec::new()))
        }
        Value::Array(cards) => cards.is_empty(),
        _ => false,
    };
    documents(output.trim_start()).next().is_some_and(|value| empty(&value))
}

/// Numbers the cards by their position in the listing, as `ROCm` does. The numbers of the tool are those
/// of the graphics driver, which may have gaps.
fn numbered<'a>(cards: impl Iterator<Item = Option<Card<'a>>>) -> Listing {
    let mut listing = Listing { cards: 0, devices: Vec::new() };
    for (position, card) in cards.enumerate() {
        listing.cards += 1;
        let position = u16::try_from(position).ok();
        listing.devices.extend(card.zip(position).and_then(|(card, at)| card.device(at)));
    }
    listing
}

/// The listing of `rocm-smi`; None if the document contains no card.
fn rocm_smi(root: &Map<String, Value>) -> Option<Listing> {
    let mut cards: Vec<(u32, &Value)> = root
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("card")?.parse().ok()?, value)))
        .collect();
    cards.sort_by_key(|(number, _)| *number);
    let listing = numbered(cards.iter().map(|(_, value)| card_of_rocm_smi(value)));
    (listing.cards > 0).then_some(listing)
}

/// The listing of `amd-smi`; None if the document contains no card.
fn amd_smi(cards: &[Value]) -> Option<Listing> {
    let number = |card: &Value| match card.get("gpu")? {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    let mut numbered_cards: Vec<(u64, &Value)> =
        cards.iter().map(|card| Some((number(card)?, card))).collect::<Option<_>>()?;
    numbered_cards.sort_by_key(|(number, _)| *number);
    let listing = numbered(numbered_cards.iter().map(|(_, card)| Some(card_of_amd_smi(card))));
    (listing.cards > 0).then_some(listing)
}

fn card_of_rocm_smi(value: &Value) -> Option<Card<'_>> {
    let card = value.as_object()?;
    let text = |key: &str| {
        let entry = card.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        entry.and_then(|(_, value)| value.as_str()).filter(|text| is_value(text))
    };
    // Old versions report a vendor id in place of the name.
    let name = |key: &str| text(key).filter(|name| !name.starts_with("0x"));
    Some(Card {
        model: name("Card series").or_else(|| name("Device Name")).or_else(|| name("Card model")),
        id: text("Unique ID"),
        target: text("GFX Version"),
        memory: text("VRAM Total Memory (B)").and_then(|text| text.parse().ok()),
    })
}

fn card_of_amd_smi(card: &Value) -> Card<'_> {
    let text = |pointer: &str| {
        let value = card.pointer(pointer).and_then(Value::as_str);
        value.filter(|text| is_value(text))
    };
    let size = |pointer: &str| {
        let size = card.pointer(pointer)?;
        let value = match size.get("value")? {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        };
        let unit = match size.get("unit").and_then(Value::as_str).unwrap_or("MB") {
            "B" => 1,
            "KB" | "KiB" => 1 << 10,
            "MB" | "MiB" => 1 << 20,
            "GB" | "GiB" => 1 << 30,
            _ => return None,
        };
        value?.checked_mul(unit)
    };
    Card {
        model: text("/board/product_name").or_else(|| text("/asic/market_name")),
        id: text("/asic/asic_serial"),
        target: text("/asic/target_graphics_version"),
        memory: size("/vram/size")
            .or_else(|| size("/vram/vram_size"))
            .or_else(|| size("/mem_usage/total_vram")),
    }
}

fn is_value(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('[') && !text.eq_ignore_ascii_case("N/A")
}

/// The fields that a tool reports for one card.
struct Card<'a> {
    model: Option<&'a str>,
    id: Option<&'a str>,
    target: Option<&'a str>,
    memory: Option<u64>,
}

impl Card<'_> {
    /// The device; None if the fields do not identify one.
    fn device(&self, position: u16) -> Option<Device> {
        let target = self.target.filter(|target| is_target(target));
        let memory = self.memory.filter(|bytes| (1..=MAX_MEMORY_BYTES).contains(bytes));
        if target.is_none() && memory.is_none() && self.model.is_none() {
            return None;
        }
        let id = self.id.filter(|id| is_id(id)).unwrap_or_default();
        let is_small = memory.is_some_and(|bytes| bytes <= MAX_INTEGRATED_BYTES);
        let integrated = match target {
            Some(target) => INTEGRATED_TARGETS.contains(&target),
            None => id.is_empty() && is_small,
        };
        let model = self.model.unwrap_or_default();
        let suffix = if integrated { " (integrated)" } else { "" };
        let accelerator = Accelerator {
            uuid: id.to_owned(),
            architecture: target.unwrap_or_default().to_owned(),
            memory_bytes: memory.unwrap_or(0),
            ..Accelerator::new(
                position,
                Vendor::AMD,
                &product(&format!("{}{suffix}", product(model))),
            )
            .with_backend(Backend::ROCM)
        };
        Some(Device { accelerator, card: position, card_uuid: String::new(), integrated })
    }
}

fn is_target(text: &str) -> bool {
    let digits = text.strip_prefix("gfx").unwrap_or_default();
    (3..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix("0x").unwrap_or_default();
    (1..=32).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! sample {
        ($name:literal) => {
            include_str!(concat!("../../../tests/data/detect/", $name))
        };
    }

    fn parse(output: &str) -> Vec<Accelerator> {
        let devices = listing(output).map(|listing| listing.devices).unwrap_or_default();
        devices.into_iter().map(|device| device.accelerator).collect()
    }

    #[test]
    fn the_output_of_every_version_is_parsed() {
        let old = parse(sample!("amd-rocm-smi-rx6700xt-rocm430.json.txt"));
        assert_eq!((old.len(), old[0].memory_bytes), (1, 12_868_124_672));
        let new = parse(sample!("amd-rocm-smi-rx6700xt-rocm612.json.txt"));
        assert_eq!(new[0].architecture, "gfx1031");
        assert!(new[0].model.contains("6700"), "{new:?}");
        let mi100 = parse(sample!("amd-rocm-smi-mi100-rocm571.json.txt"));
        assert_eq!(mi100[0].memory_bytes, 34_342_961_152);
        assert_eq!(mi100[0].uuid, "", "N/A is not an id");
        let amd_smi = parse(sample!("amd-smi-json-gpu-data-rx7800xt.json.txt"));
        assert_eq!(amd_smi[0].model, "AMD Radeon RX 7800 XT");
        assert_eq!(amd_smi[0].memory_bytes, 16_368 << 20);
    }

    #[test]
    fn text_around_the_json_is_ignored() {
        for text in [
            sample!("amd-rocm-warn-low-power-no-gpu.txt"),
            sample!("amd-rocm-smi-csv-v2-warning-preamble.txt"),
            "WARNING: {not json",
            "",
        ] {
            assert_eq!(parse(text), []);
        }
        let json = sample!("amd-rocm-smi-rx6700xt-rocm612.json.txt");
        let plain = parse(json);
        assert_eq!(plain.len(), 1);
        for before in [
            "WARNING: AMD GPU in low-power state\n",
            "WARNING: [drm] amdgpu: card1 is in a low-power state\n",
            "note {a: 1} [1, 2] {\"b\": []} ",
        ] {
            assert_eq!(parse(&format!("{before}{json}\n] and }} after\n")), plain, "{before}");
        }
    }

    #[test]
    fn an_incomplete_document_is_not_a_listing() {
        let one = r#"{"card0": {"GFX Version": "gfx90a"}, "card1": {"GFX Version": "gfx90a"}}"#;
        assert_eq!(parse(one).len(), 2);
        let array = r#"[{"gpu": 0, "asic": {"target_graphics_version": "gfx942"}}, {"gpu": 1}]"#;
        for text in [one, array] {
            for end in 0..text.len() - 1 {
                assert_eq!(parse(&text[..end]), [], "{end} of {text}");
            }
        }
    }

    #[test]
    fn devices_are_numbered_without_gaps() {
        let text = r#"{"card3": {"GFX Version": "gfx90a"}, "card10": {"GFX Version": "gfx942"},
                       "system": {"Driver version": "6"}}"#;
        let numbers: Vec<_> = parse(text).into_iter().map(|d| (d.index, d.architecture)).collect();
        assert_eq!(numbers, [(0, "gfx90a".to_owned()), (1, "gfx942".to_owned())]);
    }

    #[test]
    fn malformed_fields_are_unknown() {
        let text = r#"{"card0": {"Card Series": "[Unknown]", "Unique ID": "lost",
                       "GFX Version": "gfx90a", "VRAM Total Memory (B)": "N/A"},
                       "card1": {"Card Series": "N/A", "GFX Version": "?"}}"#;
        let listing = listing(text).expect("a listing");
        let device = &listing.devices[0].accelerator;
        assert_eq!((listing.cards, listing.devices.len()), (2, 1));
        assert_eq!((&*device.model, &*device.uuid, device.memory_bytes), ("unknown", "", 0));
    }

    #[test]
    fn integrated_devices_are_marked() {
        let integrated = |fields: &str| {
            let listing = listing(&format!("{{\"card0\": {{{fields}}}}}")).expect("a listing");
            listing.devices[0].integrated
        };
        assert!(integrated(r#""GFX Version": "gfx1036", "VRAM Total Memory (B)": "536870912""#));
        assert!(integrated(r#""GFX Version": "gfx1151", "VRAM Total Memory (B)": "103079215104""#));
        assert!(integrated(r#""VRAM Total Memory (B)": "536870912""#));
        assert!(!integrated(r#""VRAM Total Memory (B)": "536870912", "Unique ID": "0x1""#));
        assert!(!integrated(r#""GFX Version": "gfx906", "VRAM Total Memory (B)": "34342961152""#));
    }
}
