//! Detects Ascend devices with `npu-smi`, which prints a table with two lines for each chip.

use crate::detect::host::Host;
use crate::detect::vendors::device::{Device, fact, product, refused, set_memory};
use crate::detect::vendors::evidence::Seen;
use crate::detect::vendors::field;
use crate::detect::vendors::listing::{Maker, NoListing, VendorDevices, exited};
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
    if result.devices.is_empty() && result.unusable.is_empty() {
        return MAKER.without_devices(TOOL, &completion, NoListing::Unclear, seen);
    }
    result.note_unknown_memory(TOOL);
    result
}

/// The chips of a table. They are numbered by their position, as the runtime does.
pub(super) fn devices(output: &str) -> VendorDevices {
    let mut result = VendorDevices::default();
    let mut card: Option<(String, String)> = None;
    let driver = output.lines().find_map(|line| line.split_once("Version:"));
    let driver = driver.map(|(_, rest)| rest.trim_matches([' ', '|'])).unwrap_or_default();
    for line in output.lines() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [first, second, rest] = cells[..] else { continue };
        let mut words = first.split_whitespace();
        let is_numbered = words.next().is_some_and(|word| word.parse::<u16>().is_ok());
        let name = words.collect::<Vec<_>>().join(" ");
        match (&card, field::pci_address(second)) {
            (_, None) if is_numbered && !name.is_empty() => card = Some((name, second.to_owned())),
            (Some((name, health)), Some(bus)) if is_numbered => {
                let position = result.devices.len() + result.unusable.len();
                let Ok(position) = u16::try_from(position) else { break };
                let model =
                    product(&format!("Ascend {}", name.trim_start_matches("Ascend").trim()));
                let mut accelerator =
                    Accelerator::new(position, Vendor::HUAWEI, &model).with_backend(Backend::NPU);
                accelerator.uuid = fact(&bus);
                accelerator.driver = fact(driver);
                set_memory(&mut accelerator, largest_total(rest), TOOL);
                if HEALTHY.iter().any(|word| health.eq_ignore_ascii_case(word)) {
                    result.devices.push(Device::new(accelerator));
                } else {
                    let reason = format!("{TOOL} reports the health \"{health}\"");
                    result.errors.push(MAKER.error(&reason));
                    result.unusable.push(refused(accelerator, DeviceState::Unusable, &reason));
                }
            }
            _ => {}
        }
    }
    result
}

/// The largest total of the pairs `used / total` in a cell, in bytes. A chip has one of two kinds of
/// memory, and the other has the total 0.
fn largest_total(cell: &str) -> Option<u64> {
    let totals = cell.split('/').skip(1).filter_map(|part| {
        part.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1 << 20)
    });
    totals.max().and_then(field::plausible)
}
