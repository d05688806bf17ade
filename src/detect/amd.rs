//! AMD devices, as `rocm-smi` or the newer `amd-smi` tell in JSON.
//!
//! Keys changed case and wording between `ROCm` versions, so they are compared loosely; text
//! before the JSON is skipped.

use super::{CommandRunner, Found, gist, product};
use crate::domain::accelerator::{Accelerator, Backend, Vendor};
use serde_json::{Map, Value};

const ROCM_SMI: &[&str] =
    &["--showproductname", "--showmeminfo", "vram", "--showuniqueid", "--json"];
const AMD_SMI: &[&str] = &["static", "--asic", "--vram", "--json"];

pub(super) async fn look(runner: &dyn CommandRunner) -> Found {
    let mut notes = Vec::new();
    for (tool, args) in [("rocm-smi", ROCM_SMI), ("amd-smi", AMD_SMI)] {
        let Some(output) = runner.run(tool, args).await else { continue };
        let devices = parse(&output);
        if !devices.is_empty() {
            return Found { devices, notes: Vec::new() };
        }
        notes.push(format!("{tool} lists no device: {}", gist(&output)));
    }
    Found { devices: Vec::new(), notes }
}

fn parse(output: &str) -> Vec<Accelerator> {
    let json = output.find(['{', '[']).and_then(|start| output.get(start..)).unwrap_or_default();
    let mut values = serde_json::Deserializer::from_str(json).into_iter::<Value>();
    match values.next() {
        Some(Ok(Value::Object(mut root))) => match root.remove("gpu_data") {
            Some(Value::Array(cards)) => amd_smi(&cards),
            _ => rocm_smi(&root),
        },
        Some(Ok(Value::Array(cards))) => amd_smi(&cards),
        _ => Vec::new(),
    }
}

fn rocm_smi(root: &Map<String, Value>) -> Vec<Accelerator> {
    let card = |(name, value): (&String, &Value)| {
        let index = name.strip_prefix("card")?.parse().ok()?;
        let card = value.as_object()?;
        let text = |key: &str| {
            let found = card.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
            found.and_then(|(_, value)| value.as_str()).filter(|text| !matches!(*text, "" | "N/A"))
        };
        let memory = text("VRAM Total Memory (B)").and_then(|text| text.parse().ok());
        let model =
            text("Card series").or_else(|| text("Device Name")).or_else(|| text("Card model"));
        Some(Accelerator {
            index,
            vendor: Vendor::Amd,
            model: product(model.unwrap_or_default()),
            uuid: text("Unique ID").unwrap_or_default().to_owned(),
            backend: Backend::Rocm,
            architecture: text("GFX Version").unwrap_or_default().to_owned(),
            memory_bytes: memory.unwrap_or_default(),
        })
    };
    let mut devices: Vec<Accelerator> = root.iter().filter_map(card).collect();
    devices.sort_by_key(|device| device.index);
    devices
}

fn amd_smi(cards: &[Value]) -> Vec<Accelerator> {
    let card = |card: &Value| {
        let text =
            |pointer: &str| card.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let size = |pointer: &str| {
            let size = card.pointer(pointer)?;
            let value = size.get("value").and_then(Value::as_u64)?;
            let unit = size.get("unit").and_then(Value::as_str).unwrap_or("MB");
            value.checked_mul(if unit.starts_with('G') { 1 << 30 } else { 1 << 20 })
        };
        Some(Accelerator {
            index: u16::try_from(card.get("gpu")?.as_u64()?).ok()?,
            vendor: Vendor::Amd,
            model: product(text("/asic/market_name")),
            uuid: String::new(),
            backend: Backend::Rocm,
            architecture: text("/asic/target_graphics_version").to_owned(),
            memory_bytes: size("/vram/size")
                .or_else(|| size("/mem_usage/total_vram"))
                .unwrap_or_default(),
        })
    };
    cards.iter().filter_map(card).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! sample {
        ($name:literal) => {
            include_str!(concat!("../../tests/data/detect/", $name))
        };
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
    fn warnings_and_other_formats_are_no_devices() {
        for text in [
            sample!("amd-rocm-warn-low-power-no-gpu.txt"),
            sample!("amd-rocm-smi-csv-v2-warning-preamble.txt"),
            "WARNING: {not json",
            "",
        ] {
            assert_eq!(parse(text), []);
        }
        let json = sample!("amd-rocm-smi-rx6700xt-rocm612.json.txt");
        assert_eq!(parse(&format!("WARNING: AMD GPU in low-power state\n{json}")).len(), 1);
    }
}
