//! One device in a report of `nvidia-smi`, as text and as values.

use crate::detect::vendors::field::{self, Field};

/// The fields of one device, as printed. A field that the report lacks is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub index: String,
    pub name: String,
    pub uuid: String,
    pub bus: String,
    pub memory: String,
    pub driver: String,
    pub capability: String,
    pub mig: String,
    pub addressing: String,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Card {
    pub index: u16,
    /// Empty if unknown.
    pub name: String,
    /// Empty if the device has none: some systems identify their only device by its number.
    pub uuid: String,
    /// PCI address in the form of the kernel; empty if unknown.
    pub bus: String,
    pub memory: Memory,
    pub driver: String,
    pub capability: String,
    /// The device is in MIG mode, so it cannot be used as a whole.
    pub is_divided: bool,
    pub reading: Reading,
}

/// The memory of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memory {
    Bytes(u64),
    /// The device uses the memory of the machine.
    OfTheMachine,
    Unknown,
}

/// Whether the tool could read the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    Working,
    /// A field could not be read.
    Failed {
        field: &'static str,
        text: String,
        is_lost: bool,
    },
}

/// Parts of the names of devices that use the memory of the machine.
const UNIFIED: &[&str] = &["GB10", "N1X", "Thor", "Orin", "Xavier", "(nvgpu)"];
/// Maximum memory, in bytes, that is credible as a part of the machine's memory reserved for graphics.
/// Devices that share the page tables of the processor (addressing mode ATS) and have their own memory
/// have at least 80 GiB of it.
const MAX_RESERVED_BYTES: u64 = 16 << 30;

impl Fields {
    /// Reads the values; None if the number or the UUID has no valid form, so that this is not a device.
    pub fn read(&self) -> Option<Card> {
        let index = self.index.trim().parse().ok()?;
        let uuid = match Field::of(&self.uuid) {
            Field::Value(uuid) if is_uuid(uuid) => uuid,
            Field::Value(_) => return None,
            Field::Absent | Field::Failed(_) => "",
        };
        let value = |text: &str| field::value(text).unwrap_or_default().to_owned();
        let name = value(&self.name);
        let capability = field::value(&self.capability).filter(|text| is_capability(text));
        Some(Card {
            index,
            uuid: uuid.to_owned(),
            bus: field::pci_address(&self.bus).unwrap_or_default(),
            memory: memory(&name, &self.memory, &self.addressing),
            driver: value(&self.driver),
            capability: capability.unwrap_or_default().to_owned(),
            is_divided: self.mig.trim().eq_ignore_ascii_case("enabled"),
            reading: self.reading(),
            name,
        })
    }

    fn reading(&self) -> Reading {
        let fields = [
            ("name", &self.name),
            ("UUID", &self.uuid),
            ("memory", &self.memory),
            ("MIG mode", &self.mig),
            ("compute capability", &self.capability),
        ];
        let failed = fields.into_iter().find_map(|(field, text)| match Field::of(text) {
            Field::Failed(text) => Some((field, text)),
            Field::Value(_) | Field::Absent => None,
        });
        failed.map_or(Reading::Working, |(field, text)| {
            let words = text.to_ascii_lowercase();
            let is_lost = ["lost", "reset"].iter().any(|word| words.contains(word));
            Reading::Failed { field, text: text.to_owned(), is_lost }
        })
    }
}

fn memory(name: &str, memory: &str, addressing: &str) -> Memory {
    let shares_page_tables = addressing.trim().eq_ignore_ascii_case("ats");
    let is_unified = UNIFIED.iter().any(|word| name.contains(word));
    match (Field::of(memory), field::size(memory, 1 << 20)) {
        (Field::Failed(_), _) => Memory::Unknown,
        _ if is_unified => Memory::OfTheMachine,
        (Field::Absent, _) if shares_page_tables => Memory::OfTheMachine,
        (_, Some(bytes)) if shares_page_tables && bytes <= MAX_RESERVED_BYTES => {
            Memory::OfTheMachine
        }
        (_, Some(bytes)) => Memory::Bytes(bytes),
        _ => Memory::Unknown,
    }
}

/// Whether a text has the form of the UUID of a device or of a slice.
pub(super) fn is_uuid(text: &str) -> bool {
    let rest = text.strip_prefix("MIG-").unwrap_or(text);
    let rest = rest.strip_prefix("GPU-").unwrap_or(rest);
    let is_allowed = |c: char| c.is_ascii_hexdigit() || matches!(c, '-' | '/');
    rest.starts_with(|c: char| c.is_ascii_hexdigit())
        && text.len() <= 100
        && rest.chars().all(is_allowed)
}

/// A compute capability such as `8.9`.
fn is_capability(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.len() < 8
        && text.split_once('.').is_some_and(|(major, minor)| is_number(major) && is_number(minor))
}
