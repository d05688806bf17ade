//! The three forms of the output of `rocm-smi`: JSON, CSV and text. Each is read into the same mapping
//! of cards to their fields, with keys in their common form, since the case and wording of keys differ
//! between versions.

use super::card::Card;
use crate::detect::vendors::{field, json};
use serde_json::{Map, Value};

/// The cards in the first part of the output that is a listing, in the order of their numbers. An entry
/// is None if its card has no fields.
pub(super) fn cards(output: &str) -> Option<Vec<Option<Card>>> {
    json::documents(output)
        .find_map(|document| cards_of(&document))
        .or_else(|| cards_of(&csv(output)))
        .or_else(|| cards_of(&text(output)))
}

/// The cards of a mapping; None if it contains no card.
fn cards_of(root: &Value) -> Option<Vec<Option<Card>>> {
    let driver = json::first(root, &["system/driverversion"]);
    let number = |name: &str| name.strip_prefix("card")?.parse::<u32>().ok();
    let named = root.as_object()?.iter();
    let mut cards: Vec<(u32, &Value)> =
        named.filter_map(|(name, value)| Some((number(name)?, value))).collect();
    cards.sort_by_key(|(number, _)| *number);
    let cards: Vec<_> = cards.iter().map(|(_, value)| card(value, driver.as_ref())).collect();
    (!cards.is_empty()).then_some(cards)
}

fn card(value: &Value, driver: Option<&String>) -> Option<Card> {
    value.as_object()?;
    let text = |keys: &[&str]| json::first(value, keys);
    // Old versions report a vendor id in place of the name.
    let name = |key: &str| text(&[key]).filter(|name| !name.starts_with("0x"));
    let size = |keys: &[&str]| json::first_size(value, keys, 1);
    Some(Card {
        model: name("cardseries").or_else(|| name("devicename")).or_else(|| name("cardmodel")),
        id: text(&["uniqueid"]),
        bus: text(&["pcibus"]).and_then(|bus| field::pci_address(&bus)),
        device_id: text(&["deviceid", "gpuid"]),
        target: text(&["gfxversion"]),
        memory: size(&["vramtotalmemoryb", "vramtotalmemory"]),
        shared_memory: size(&["gtttotalmemoryb", "gtttotalmemory"]),
        driver: text(&["driverversion"]).or_else(|| driver.cloned()),
        source: "rocm-smi",
        ..Card::default()
    })
}

/// The CSV form: a header that starts with `device`, and one row for each card. A row whose number of
/// cells differs from that of the header is a card without fields.
fn csv(output: &str) -> Value {
    let mut header: Vec<String> = Vec::new();
    let mut root = Map::new();
    for line in output.lines().map(str::trim) {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let Some(first) = cells.first().filter(|_| cells.len() > 1) else { continue };
        if first.eq_ignore_ascii_case("device") {
            header = cells.iter().map(|cell| json::plain(cell)).collect();
        } else if !header.is_empty() && (json::plain(first) == "system" || is_card(first)) {
            let fields = header.iter().zip(&cells).filter(|_| header.len() == cells.len());
            let fields = fields.map(|(key, cell)| (key.clone(), Value::from(*cell)));
            extend(&mut root, json::plain(first), fields);
        }
    }
    Value::Object(root)
}

fn is_card(name: &str) -> bool {
    name.strip_prefix("card").is_some_and(|number| number.parse::<u32>().is_ok())
}

/// The text form: lines such as `GPU[0]  : Unique ID: 0x1`, and tables with a header that starts with
/// `Device` and columns that are separated by at least two blanks.
fn text(output: &str) -> Value {
    let mut root = Map::new();
    let mut header: Vec<String> = Vec::new();
    for line in output.lines().map(str::trim) {
        if let Some((number, key, value)) = labelled(line) {
            let fields = [(json::plain(key), Value::from(value.trim()))];
            extend(&mut root, format!("card{number}"), fields.into_iter());
            continue;
        }
        let cells = columns(line);
        match cells.first() {
            Some(first) if first.eq_ignore_ascii_case("device") && cells.len() > 1 => {
                header = cells.iter().map(|cell| json::plain(cell)).collect();
            }
            Some(number) if cells.len() == header.len() && number.parse::<u32>().is_ok() => {
                let fields = header.iter().zip(&cells).skip(1);
                let fields = fields.map(|(key, cell)| (key.clone(), Value::from(*cell)));
                extend(&mut root, format!("card{number}"), fields);
            }
            _ => {}
        }
        if let Some(version) = line.strip_prefix("Driver version:") {
            extend(
                &mut root,
                "system".to_owned(),
                [("driverversion".to_owned(), Value::from(version.trim()))].into_iter(),
            );
        }
    }
    Value::Object(root)
}

/// The number of the card, the key and the value of a line such as `GPU[0]  : Unique ID: 0x1`.
fn labelled(line: &str) -> Option<(u32, &str, &str)> {
    let (number, rest) = line.strip_prefix("GPU[")?.split_once(']')?;
    let (key, value) = rest.trim_start().strip_prefix(':')?.split_once(':')?;
    Some((number.parse().ok()?, key, value))
}

fn columns(line: &str) -> Vec<&str> {
    line.split("  ")
        .flat_map(|part| part.split('\t'))
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .collect()
}

fn extend(
    root: &mut Map<String, Value>,
    name: String,
    fields: impl Iterator<Item = (String, Value)>,
) {
    let entry = root.entry(name).or_insert_with(|| Value::Object(Map::new()));
    if let Some(entry) = entry.as_object_mut() {
        entry.extend(fields);
    }
}
