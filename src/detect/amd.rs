//! AMD devices, as `rocm-smi` or the newer `amd-smi` list them in JSON.
//!
//! Keys changed case and wording between `ROCm` versions, so they are compared loosely. The tools
//! print warnings around the JSON; the document is the first text that parses as JSON and has the
//! form of a listing.

use super::{Device, Empty, Found, Host, Seen, product, unknown, without_devices};
use crate::domain::accelerator::{Accelerator, Backend, Vendor};
use crate::domain::capability::MAX_MEMORY_BYTES;
use crate::sys::process::Completion;
use serde_json::{Map, Value};

const VENDOR: &str = "AMD";
const TOOLS: [(&str, &[&str]); 2] = [
    ("rocm-smi", &["--showproductname", "--showmeminfo", "vram", "--showuniqueid", "--json"]),
    ("amd-smi", &["static", "--asic", "--vram", "--json"]),
];
/// What the tools print on a machine without a device.
const NO_DEVICE: &[&str] = &["No AMD GPUs specified", "No JSON data to report"];
/// Maximum number of places at which a document is looked for.
const MAX_STARTS: usize = 1000;
/// Targets that exist only as a part of a processor.
const INTEGRATED: &[&str] = &[
    "gfx801", "gfx902", "gfx909", "gfx90c", "gfx1013", "gfx1033", "gfx1035", "gfx1036", "gfx1037",
    "gfx1103", "gfx1150", "gfx1151", "gfx1152", "gfx1153",
];
/// Where the target is not reported: no card for computing has so little memory of its own.
const MAX_INTEGRATED_BYTES: u64 = 2 << 30;

pub(super) async fn look(host: Host<'_>, seen: Seen) -> Found {
    let mut all = Vec::new();
    for (tool, args) in TOOLS {
        let completion = host.ask(tool, args).await;
        if completion == Completion::NotFound {
            continue;
        }
        let found = judge(tool, &completion, seen);
        if !found.devices.is_empty() {
            return found;
        }
        all.push(found);
    }
    if all.is_empty() && seen == Seen::There {
        return Found::none(Some(format!(
            "this machine has an {VENDOR} graphics device, but neither rocm-smi nor amd-smi is \
             installed; it is not used"
        )));
    }
    // One tool that could look is enough.
    let clear = all.iter().position(|found| found.errors.is_empty());
    let at = clear.unwrap_or(0);
    if at < all.len() { all.swap_remove(at) } else { Found::default() }
}

fn judge(tool: &str, completion: &Completion, seen: Seen) -> Found {
    let Completion::Exited(output) = completion else {
        return without_devices(VENDOR, tool, completion, Empty::Unclear, seen);
    };
    let listing = output.exit.code.and_then(|_| listing(&output.stdout.text));
    let Some(listing) = listing.filter(|listing| listing.cards > 0) else {
        let both = [&output.stdout.text, &output.stderr.text];
        let says_none = NO_DEVICE.iter().any(|words| both.iter().any(|text| text.contains(words)));
        let empty = match output.exit.code {
            Some(0) if says_none || listing_is_empty(&output.stdout.text) => Empty::NoDevice,
            _ => Empty::Unclear,
        };
        return without_devices(VENDOR, tool, completion, empty, seen);
    };
    let mut found = Found { devices: listing.devices, ..Found::default() };
    let unusable = listing.cards - found.devices.len();
    if unusable > 0 {
        let why = format!("{tool} reports nothing usable about {unusable} of {}", listing.cards);
        found.errors.push(unknown(VENDOR, &why));
    } else if let Some(failure) = completion.failure() {
        let line = output.first_line().unwrap_or_default();
        found.errors.push(unknown(VENDOR, &format!("{tool} {failure}: {line}")));
    }
    let silent = found.devices.iter().filter(|device| device.accelerator.memory_bytes == 0);
    found.notes.extend(silent.map(|device| {
        let Accelerator { model, .. } = &device.accelerator;
        format!("{tool} does not report the memory of {model}; tests are given to it untested")
    }));
    found
}

/// Cards that are listed, and those of them that can be used.
struct Listing {
    cards: usize,
    devices: Vec<Device>,
}

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

/// Every text in the output that is JSON, from the left.
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

/// The card's number in this listing is the one that `ROCm` counts with: the tool's own numbers
/// are those of the graphics driver, which may have holes.
fn numbered<'a>(cards: impl Iterator<Item = Option<Told<'a>>>) -> Listing {
    let mut listing = Listing { cards: 0, devices: Vec::new() };
    for (position, card) in cards.enumerate() {
        listing.cards += 1;
        let position = u16::try_from(position).ok();
        listing.devices.extend(card.zip(position).and_then(|(card, at)| card.device(at)));
    }
    listing
}

/// None: no card is listed, so it is another document.
fn rocm_smi(root: &Map<String, Value>) -> Option<Listing> {
    let mut cards: Vec<(u32, &Value)> = root
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("card")?.parse().ok()?, value)))
        .collect();
    cards.sort_by_key(|(number, _)| *number);
    let listing = numbered(cards.iter().map(|(_, value)| told_by_rocm_smi(value)));
    (listing.cards > 0).then_some(listing)
}

fn amd_smi(cards: &[Value]) -> Option<Listing> {
    let number = |card: &Value| match card.get("gpu")? {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    let mut numbered_cards: Vec<(u64, &Value)> =
        cards.iter().map(|card| Some((number(card)?, card))).collect::<Option<_>>()?;
    numbered_cards.sort_by_key(|(number, _)| *number);
    let listing = numbered(numbered_cards.iter().map(|(_, card)| Some(told_by_amd_smi(card))));
    (listing.cards > 0).then_some(listing)
}

fn told_by_rocm_smi(value: &Value) -> Option<Told<'_>> {
    let card = value.as_object()?;
    let text = |key: &str| {
        let found = card.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        found.and_then(|(_, value)| value.as_str()).filter(|text| is_value(text))
    };
    // Old versions give a number of the vendor where the name belongs.
    let name = |key: &str| text(key).filter(|name| !name.starts_with("0x"));
    Some(Told {
        model: name("Card series").or_else(|| name("Device Name")).or_else(|| name("Card model")),
        id: text("Unique ID"),
        target: text("GFX Version"),
        memory: text("VRAM Total Memory (B)").and_then(|text| text.parse().ok()),
    })
}

fn told_by_amd_smi(card: &Value) -> Told<'_> {
    let text = |pointer: &str| {
        let found = card.pointer(pointer).and_then(Value::as_str);
        found.filter(|text| is_value(text))
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
    Told {
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

/// What a tool reports of one card.
struct Told<'a> {
    model: Option<&'a str>,
    id: Option<&'a str>,
    target: Option<&'a str>,
    memory: Option<u64>,
}

impl Told<'_> {
    /// None when nothing is reported that tells what it is.
    fn device(&self, position: u16) -> Option<Device> {
        let target = self.target.filter(|target| is_target(target));
        let memory = self.memory.filter(|bytes| (1..=MAX_MEMORY_BYTES).contains(bytes));
        if target.is_none() && memory.is_none() && self.model.is_none() {
            return None;
        }
        let id = self.id.filter(|id| is_id(id)).unwrap_or_default();
        let little = memory.is_some_and(|bytes| bytes <= MAX_INTEGRATED_BYTES);
        let integrated = match target {
            Some(target) => INTEGRATED.contains(&target),
            None => id.is_empty() && little,
        };
        let model = self.model.unwrap_or_default();
        let mark = if integrated { " (integrated)" } else { "" };
        let accelerator = Accelerator {
            index: position,
            vendor: Vendor::Amd,
            model: product(&format!("{}{mark}", product(model))),
            uuid: id.to_owned(),
            backend: Backend::Rocm,
            architecture: target.unwrap_or_default().to_owned(),
            memory_bytes: memory.unwrap_or(0),
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
            include_str!(concat!("../../tests/data/detect/", $name))
        };
    }

    fn parse(output: &str) -> Vec<Accelerator> {
        let devices = listing(output).map(|listing| listing.devices).unwrap_or_default();
        devices.into_iter().map(|device| device.accelerator).collect()
    }

    #[test]
    fn every_generation_of_the_tool_is_understood() {
        let old = parse(sample!("amd-rocm-smi-rx6700xt-rocm430.json.txt"));
        assert_eq!((old.len(), old[0].memory_bytes), (1, 12_868_124_672));
        let new = parse(sample!("amd-rocm-smi-rx6700xt-rocm612.json.txt"));
        assert_eq!(new[0].architecture, "gfx1031");
        assert!(new[0].model.contains("6700"), "{new:?}");
        let mi100 = parse(sample!("amd-rocm-smi-mi100-rocm571.json.txt"));
        assert_eq!(mi100[0].memory_bytes, 34_342_961_152);
        assert_eq!(mi100[0].uuid, "", "N/A is no name");
        let amd_smi = parse(sample!("amd-smi-json-gpu-data-rx7800xt.json.txt"));
        assert_eq!(amd_smi[0].model, "AMD Radeon RX 7800 XT");
        assert_eq!(amd_smi[0].memory_bytes, 16_368 << 20);
    }

    #[test]
    fn text_around_the_document_changes_nothing() {
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
    fn half_a_document_is_no_listing() {
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
    fn holes_in_the_tool_s_numbers_are_none_in_rocm_s() {
        let text = r#"{"card3": {"GFX Version": "gfx90a"}, "card10": {"GFX Version": "gfx942"},
                       "system": {"Driver version": "6"}}"#;
        let numbers: Vec<_> = parse(text).into_iter().map(|d| (d.index, d.architecture)).collect();
        assert_eq!(numbers, [(0, "gfx90a".to_owned()), (1, "gfx942".to_owned())]);
    }

    #[test]
    fn fields_that_are_not_of_their_form_are_unknown() {
        let text = r#"{"card0": {"Card Series": "[Unknown]", "Unique ID": "lost",
                       "GFX Version": "gfx90a", "VRAM Total Memory (B)": "N/A"},
                       "card1": {"Card Series": "N/A", "GFX Version": "?"}}"#;
        let listing = listing(text).expect("a listing");
        let device = &listing.devices[0].accelerator;
        assert_eq!((listing.cards, listing.devices.len()), (2, 1));
        assert_eq!((&*device.model, &*device.uuid, device.memory_bytes), ("unknown", "", 0));
    }

    #[test]
    fn graphics_of_a_processor_are_marked() {
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
