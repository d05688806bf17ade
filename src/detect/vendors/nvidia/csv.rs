//! The listing of `nvidia-smi --query-gpu=… --format=csv`.
//!
//! Columns are found by the header, or are those of the query if the listing has none. The format has
//! no quoting: a row with more cells than the header has commas in the name of the device, and a row
//! with fewer is not a row.

use super::card::{Card, Fields, Reading, is_uuid};
use crate::detect::vendors::field;
use crate::detect::vendors::quote::quoted;
use std::collections::BTreeSet;

/// Columns of the queries, tried in this order: drivers before 580 do not know the addressing mode,
/// drivers before 510 the compute capability, and drivers before 450 the MIG mode. A query with an
/// unknown column fails as a whole, so the last one has only the most common columns.
pub(super) const QUERIES: [&str; 5] = [
    "index,name,uuid,pci.bus_id,memory.total,driver_version,compute_cap,mig.mode.current,addressing_mode",
    "index,name,uuid,pci.bus_id,memory.total,driver_version,compute_cap,mig.mode.current",
    "index,name,uuid,pci.bus_id,memory.total,driver_version,mig.mode.current",
    "index,name,uuid,pci.bus_id,memory.total,driver_version",
    "index,name,memory.total,driver_version",
];

/// The lines of a listing.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub cards: Vec<Card>,
    /// Lines that are neither a device nor a warning.
    pub malformed: Vec<String>,
    /// Lines that report a lost device, with its PCI address if they name one.
    pub lost: Vec<(String, Option<String>)>,
    pub warnings: Vec<String>,
}

impl Listing {
    /// Parses an output; None if it has neither a header, nor rows of the query, nor a lost device.
    pub fn of(text: &str, query: &str) -> Option<Self> {
        let lines: Vec<&str> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let header = lines.iter().position(|line| Header::of(line).is_some());
        let columns = match header {
            Some(at) => Header::of(lines.get(at)?)?,
            None => Header::of(query).filter(|columns| {
                lines.iter().any(|line| columns.fits_strictly(line) || is_lost(line))
            })?,
        };
        let mut listing = Self::default();
        let mut known = Known::default();
        for (at, line) in lines.into_iter().enumerate() {
            if header == Some(at) {
                continue;
            }
            let before = header.is_some_and(|header| at < header);
            let card = columns.fields(line).filter(|_| !before).and_then(|fields| fields.read());
            match card {
                Some(card) if known.add(&card) => {
                    listing.cards.push(card);
                }
                _ if is_lost(line) => {
                    listing.lost.push((quoted(line), lost_address(line)));
                }
                _ if before || is_warning(line) => listing.warnings.push(quoted(line)),
                _ => listing.malformed.push(quoted(line)),
            }
        }
        Some(listing)
    }

    pub fn is_empty(&self) -> bool {
        self.cards.is_empty() && self.malformed.is_empty() && self.lost.is_empty()
    }
}

/// The numbers and UUIDs of earlier rows.
#[derive(Debug, Default)]
struct Known {
    numbers: BTreeSet<u16>,
    uuids: BTreeSet<String>,
}

impl Known {
    /// Adds a device; false if it has the number or the UUID of an earlier one.
    fn add(&mut self, card: &Card) -> bool {
        let is_identified = card.reading == Reading::Working && !card.uuid.is_empty();
        self.numbers.insert(card.index) && (!is_identified || self.uuids.insert(card.uuid.clone()))
    }
}

/// Whether the output consists of a header without rows.
pub(super) fn is_header_alone(text: &str) -> bool {
    let mut lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !is_warning(line));
    lines.next().is_some_and(|line| Header::of(line).is_some()) && lines.next().is_none()
}

fn is_warning(line: &str) -> bool {
    line.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("warning"))
}

/// Whether a line outside of the rows reports a lost device: `Unable to determine the device handle for
/// GPU 0000:0B:00.0: Unknown Error`, or `…: GPU is lost. Reboot the system to recover this GPU`.
pub(super) fn is_lost(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    line.contains("device handle for gpu") || line.contains("gpu is lost")
}

/// The PCI address in the report of a lost device.
pub(super) fn lost_address(line: &str) -> Option<String> {
    let words = line.split(|c: char| c.is_whitespace() || c == ',');
    words.map(|word| word.trim_end_matches([':', '.'])).find_map(field::pci_address)
}

/// The positions of the columns.
#[derive(Debug)]
struct Header {
    width: usize,
    index: usize,
    name: usize,
    /// A listing without this column has that of the memory.
    uuid: Option<usize>,
    bus: Option<usize>,
    memory: Option<usize>,
    driver: Option<usize>,
    capability: Option<usize>,
    mig: Option<usize>,
    addressing: Option<usize>,
}

impl Header {
    fn of(line: &str) -> Option<Self> {
        let cells = cells(line);
        let column = |name: &str| {
            let is = |cell: &&str| {
                cell.strip_prefix(name)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(" ["))
            };
            cells.iter().position(is)
        };
        let uuid = column("uuid").or_else(|| column("gpu_uuid"));
        let memory = column("memory.total");
        uuid.or(memory)?;
        Some(Self {
            width: cells.len(),
            index: column("index")?,
            name: column("name").or_else(|| column("gpu_name"))?,
            uuid,
            bus: column("pci.bus_id").or_else(|| column("gpu_bus_id")),
            memory,
            driver: column("driver_version"),
            capability: column("compute_cap"),
            mig: column("mig.mode.current"),
            addressing: column("addressing_mode"),
        })
    }

    /// Whether a line of a listing without a header has exactly the columns of the query.
    fn fits_strictly(&self, line: &str) -> bool {
        let cells = cells(line);
        let cell = |at: usize| cells.get(at).copied().unwrap_or_default();
        cells.len() == self.width
            && cell(self.index).parse::<u16>().is_ok()
            && self.uuid.is_none_or(|at| is_uuid(cell(at)) || field::value(cell(at)).is_none())
    }

    /// The fields of a row; None if it has too few cells.
    fn fields(&self, line: &str) -> Option<Fields> {
        let mut cells: Vec<String> = cells(line).into_iter().map(str::to_owned).collect();
        // Only a name is free text, so additional commas belong to it.
        let more = cells.len().checked_sub(self.width)?;
        let end = self.name + more + 1;
        let name = cells.get(self.name..end)?.join(", ");
        cells.splice(self.name..end, [name]);
        let cell = |at: usize| cells.get(at).cloned().unwrap_or_default();
        let optional = |column: Option<usize>| column.map(cell).unwrap_or_default();
        Some(Fields {
            index: cell(self.index),
            name: cell(self.name),
            uuid: optional(self.uuid),
            bus: optional(self.bus),
            memory: optional(self.memory),
            driver: optional(self.driver),
            capability: optional(self.capability),
            mig: optional(self.mig),
            addressing: optional(self.addressing),
        })
    }
}

fn cells(line: &str) -> Vec<&str> {
    line.split(',').map(str::trim).collect()
}
