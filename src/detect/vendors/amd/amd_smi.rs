//! The JSON of `amd-smi static`. Its root is a list of devices in some versions, and a mapping with the
//! list in others.

use super::card::Card;
use crate::detect::vendors::{field, json};
use serde_json::Value;

const MEBIBYTE: u64 = 1 << 20;

/// The devices in the first part of the output that is a listing, in the order of their numbers.
pub(super) fn cards(output: &str) -> Option<Vec<Option<Card>>> {
    json::documents(output).find_map(|document| cards_of(list(&document)?))
}

/// Whether the output is a listing without a device.
pub(super) fn is_empty_listing(output: &str) -> bool {
    json::documents(output)
        .next()
        .is_some_and(|document| list(&document).is_some_and(Vec::is_empty))
}

/// The list in a document: the document itself, or a list in it.
fn list(document: &Value) -> Option<&Vec<Value>> {
    let in_mapping = || document.as_object()?.values().find_map(Value::as_array);
    document.as_array().or_else(in_mapping)
}

/// None if an entry has no number, so that this is another list.
fn cards_of(list: &[Value]) -> Option<Vec<Option<Card>>> {
    let number = |card: &Value| json::first(card, &["gpu"])?.parse::<u64>().ok();
    let mut cards: Vec<(u64, &Value)> =
        list.iter().map(|card| Some((number(card)?, card))).collect::<Option<_>>()?;
    cards.sort_by_key(|(number, _)| *number);
    (!cards.is_empty()).then(|| cards.iter().map(|(_, value)| Some(card(value))).collect())
}

fn card(value: &Value) -> Card {
    let text = |keys: &[&str]| json::first(value, keys);
    let size = |keys: &[&str]| json::first_size(value, keys, MEBIBYTE);
    Card {
        // The name of the board is more exact than that of the market.
        model: text(&["board/productname", "asic/marketname"]),
        id: text(&["asic/asicserial"]),
        bus: text(&["bus/bdf", "bdf"]).and_then(|bus| field::pci_address(&bus)),
        device_id: text(&["asic/deviceid"]),
        target: text(&["asic/targetgraphicsversion"]),
        memory: size(&["vram/size", "vram/vramsize", "vram/vramtotal", "memusage/totalvram"]),
        shared_memory: size(&["memusage/totalgtt"]),
        driver: text(&["driver/version", "driver/driverversion"]),
        source: "amd-smi",
        ..Card::default()
    }
}
