//! Stored weights as tables.

use super::local::{self, Cache};
use crate::api::v1::weights::WeightsList;
use crate::domain::time::Timestamp;
use crate::results::render::figures::bytes;
use crate::results::render::words::{instant, plain};
use crate::worker::weights::layout::Stored;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

/// Number of digits of a digest.
const SHORT: usize = 12;
/// Maximum length of a name, in characters.
const NAME_CHARS: usize = 60;

/// The weights of a coordinator, and the space that they use.
pub fn stored(list: &WeightsList, width: Option<u16>) -> String {
    let used = bytes(list.used_bytes as f64);
    let space = match list.max_bytes {
        Some(most) => format!("they use {used} of {}", bytes(most as f64)),
        None => format!("they use {used}"),
    };
    if list.items.is_empty() {
        return format!("no weights are stored; {space}");
    }
    let mut table =
        table(width, &["weights", "name", "size", "files", "last used", "user", "state"]);
    for item in &list.items {
        let state = match (item.needed, item.in_place) {
            (true, _) => "needed by open tests",
            (false, true) => "manifest only, files in place",
            (false, false) => "",
        };
        table.add_row([
            short(&format!("sha256:{}", item.sha256)),
            plain(&item.name, NAME_CHARS),
            bytes(item.size_bytes as f64),
            item.files.to_string(),
            when(item.used_at),
            plain(&item.user, NAME_CHARS),
            state.to_owned(),
        ]);
    }
    format!("{table}\n{space}")
}

/// The weights in the cache of this machine.
pub fn fetched(cache: &Cache, stored: &[Stored], width: Option<u16>) -> String {
    let directory = cache.directory().display();
    if stored.is_empty() {
        return format!("no weights are in {directory}");
    }
    let mut table = table(width, &["weights", "size", "last used", "state"]);
    for one in stored {
        let present = bytes(one.present_bytes as f64);
        table.add_row([
            short(&one.key),
            bytes(one.size_bytes as f64),
            when(Timestamp(local::millis(one.used))),
            if one.is_complete { "complete".to_owned() } else { format!("{present} fetched") },
        ]);
    }
    let used: u64 = stored.iter().map(|one| one.present_bytes).sum();
    format!("{table}\nthey use {} of the disk of {directory}", bytes(used as f64))
}

fn table(width: Option<u16>, header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table
}

/// A key with few digits.
fn short(key: &str) -> String {
    match key.strip_prefix("sha256:") {
        Some(digest) => format!("sha256:{}", digest.get(..SHORT).unwrap_or(digest)),
        None => key.to_owned(),
    }
}

fn when(at: Timestamp) -> String {
    instant(at).map_or_else(String::new, |time| time.strftime("%Y-%m-%d %H:%M").to_string())
}
