//! Detects Ascend devices with `npu-smi`, which prints a table with two lines for each chip.

use crate::detect::host::Host;
use crate::detect::vendors::device::{Device, fact, product, refused, set_memory};
use crate::detect::vendors::evidence::Seen;
use crate::detect::vendors::field;
use crate::detect::vendors::listing::{Maker, NoListing, VendorDevices, exited};
use crate::detect::vendors::quote::quoted;
use crate::domain::accelerator::{Accelerator, Backend, DeviceState, Vendor};
use crate::sys::process::Completion;

const TOOL: &str = "npu-smi";
const MAKER: Maker = Maker { name: "Ascend", vendor: Vendor::HUAWEI, backend: Backend::NPU };
/// States of a chip that can run tests.
const HEALTHY: &[&str] = &["OK", "Warning"];

pub(in crate::detect::vendors) async fn detect(host: &Host<'_>, seen: &Seen) -> VendorDevices {
    let completion = host.run(TOOL, &["info"]).await;
    if completion == Completion::NotFound {
        return MAKER.without_tool(seen, TOOL);
    }
    let listed = exited(&completion).filter(|(code, _)| *code == 0);
    let mut result = listed.map(|(_, output)| devices(&output.stdout.text)).unwrap_or_default();
    // An output without any readable chip failed as a whole.
    if result.devices.is_empty() && result.unusable.iter().all(|chip| chip.uuid.is_empty()) {
        return MAKER.without_devices(TOOL, &completion, NoListing::Unclear, seen);
    }
    result.note_unknown_memory(TOOL);
    result
}

/// The chips of a table. They are numbered by their position, as the runtime does. Each has two rows:
/// the first one begins with the number and name of the card and has its health, the second one begins
/// with numbers and has the bus.
pub(super) fn devices(output: &str) -> VendorDevices {
    let mut result = VendorDevices::default();
    let mut first: Option<(Row<'_>, &str)> = None;
    let driver = output.lines().find_map(|line| line.split_once("Version:"));
    let driver = driver.map(|(_, rest)| rest.trim_matches([' ', '|'])).unwrap_or_default();
    for line in output.lines() {
        let position = result.devices.len() + result.unusable.len();
        let Ok(position) = u16::try_from(position) else { break };
        let Some(row) = Row::of(line) else { continue };
        if row.is_of_card() {
            if let Some((_, line)) = first.replace((row, line)) {
                // The second row of the chip before is missing.
                MAKER.unreadable(TOOL, &quoted(line), position, &mut result);
            }
            continue;
        }
        match (first.take(), field::pci_address(row.second)) {
            (Some((card, _)), Some(bus)) => {
                add_chip(&card, (&bus, row.rest, driver), position, &mut result);
            }
            _ => MAKER.unreadable(TOOL, &quoted(line), position, &mut result),
        }
    }
    if let Some((_, line)) = first
        && let Ok(position) = u16::try_from(result.devices.len() + result.unusable.len())
    {
        MAKER.unreadable(TOOL, &quoted(line), position, &mut result);
    }
    result
}

/// A row of three cells whose first one begins with a number.
struct Row<'a> {
    name: String,
    second: &'a str,
    rest: &'a str,
}

impl<'a> Row<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [first, second, rest] = cells[..] else { return None };
        let mut words = first.split_whitespace();
        let is_numbered = words.next().is_some_and(|word| word.parse::<u16>().is_ok());
        let name = words.collect::<Vec<_>>().join(" ");
        is_numbered.then_some(Self { name, second, rest })
    }

    /// Whether this is the first row of a chip: the other one has numbers or nothing in place of a name,
    /// and an address in place of the health.
    fn is_of_card(&self) -> bool {
        let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphabetic());
        let has_health = field::value(self.second).is_some_and(is_word);
        let has_letter = self.name.bytes().any(|byte| byte.is_ascii_alphabetic());
        !self.name.is_empty() && (has_letter || has_health)
    }
}

/// Adds a chip whose card is in `card`, with its bus, its sizes of memory and the driver.
fn add_chip(
    card: &Row<'_>,
    (bus, memory, driver): (&str, &str, &str),
    position: u16,
    result: &mut VendorDevices,
) {
    let (name, health) = (card.name.trim_start_matches("Ascend").trim(), card.second);
    let model = product(&format!("Ascend {name}"));
    let mut accelerator =
        Accelerator::new(position, Vendor::HUAWEI, &model).with_backend(Backend::NPU);
    accelerator.uuid = fact(bus);
    accelerator.driver = fact(driver);
    set_memory(&mut accelerator, largest_total(memory), TOOL);
    if HEALTHY.iter().any(|word| health.eq_ignore_ascii_case(word)) {
        result.devices.push(Device::new(accelerator));
    } else {
        let reason = format!("{TOOL} reports the health \"{health}\"");
        result.errors.push(MAKER.error(&reason));
        result.unusable.push(refused(accelerator, DeviceState::Unusable, &reason));
    }
}

/// The largest total of the pairs `used / total` in a cell, in bytes. A chip has one of two kinds of
/// memory, and the other has the total 0.
fn largest_total(cell: &str) -> Option<u64> {
    let totals = cell.split('/').skip(1).filter_map(|part| {
        part.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1 << 20)
    });
    totals.max().and_then(field::plausible)
}
