//! Detects Gaudi devices with `hl-smi`.
//!
//! The runtime names the module of a device, whose number differs from that of the device. Tools before
//! it was known are queried again without it; the number of a device is then that of the kernel
//! driver's file.

use crate::detect::host::Host;
use crate::detect::vendors::device::{Device, fact, product, set_memory};
use crate::detect::vendors::evidence::Seen;
use crate::detect::vendors::field;
use crate::detect::vendors::listing::{Maker, NoListing, VendorDevices, exited};
use crate::detect::vendors::quote::quoted;
use crate::domain::accelerator::{Accelerator, Backend, Vendor};
use crate::sys::process::Completion;

const TOOL: &str = "hl-smi";
const MAKER: Maker = Maker { name: "Habana", vendor: Vendor::HABANA, backend: Backend::HPU };
/// The columns that are queried, in this order: earlier tools do not know the module.
const QUERIES: [&str; 2] = [
    "index,module_id,uuid,name,driver_version,memory.total",
    "index,uuid,name,driver_version,memory.total",
];

/// Detects the devices with the tool. `nodes` are those of the kernel driver, without the tool.
pub(in crate::detect::vendors) async fn detect(
    host: &Host<'_>,
    seen: &Seen,
    nodes: Vec<Device>,
) -> VendorDevices {
    let mut completion = Completion::NotFound;
    for query in QUERIES {
        completion = host.run(TOOL, &["-Q", query, "-f", "csv"]).await;
        if completion == Completion::NotFound {
            if nodes.is_empty() {
                return MAKER.without_tool(seen, TOOL);
            }
            return VendorDevices { devices: nodes, ..VendorDevices::default() };
        }
        let listed = exited(&completion).filter(|(code, _)| *code == 0);
        let result = listed.map(|(_, output)| devices(&output.stdout.text, query));
        let mut result = result.unwrap_or_default();
        if !result.devices.is_empty() {
            add_modules(&mut result, &nodes);
            result.note_unknown_memory(TOOL);
            return result;
        }
        if exited(&completion).is_none() {
            break;
        }
    }
    MAKER.without_devices(TOOL, &completion, NoListing::Unclear, seen)
}

/// Adds the numbers of modules that the tool does not list and the kernel driver has.
fn add_modules(result: &mut VendorDevices, nodes: &[Device]) {
    let of_driver = |index: u16| {
        let node = nodes.iter().find(|node| node.accelerator.index == index)?;
        node.accelerator.number
    };
    for device in &mut result.devices {
        let accelerator = &mut device.accelerator;
        accelerator.number = accelerator.number.or_else(|| of_driver(accelerator.index));
        if accelerator.number.is_none() {
            result.notes.push(format!(
                "{TOOL} does not report the module of device {}, so tests are pinned to it by its number",
                accelerator.index
            ));
        }
    }
}

/// The devices of a listing. Its columns are those of its header, or of the query if it has none. A row
/// that does not describe a device is a device that cannot be inspected; other lines are warnings.
pub(super) fn devices(output: &str, query: &str) -> VendorDevices {
    let mut header: Vec<&str> = query.split(',').collect();
    let mut result = VendorDevices::default();
    for line in output.lines() {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        if cells.contains(&"name") && cells.contains(&"uuid") {
            header = cells;
            continue;
        }
        let position = result.devices.len() + result.unusable.len();
        let Ok(position) = u16::try_from(position) else { break };
        match device(&header, &cells, position) {
            Some(device) => result.devices.push(device),
            None if is_row(&header, &cells) => {
                MAKER.unreadable(TOOL, &quoted(line), position, &mut result);
            }
            None => {}
        }
    }
    result
}

/// Whether a line has the form of a row, also of one that was cut off: it has several cells, and the
/// first one is a number, or there are as many as columns.
fn is_row(header: &[&str], cells: &[&str]) -> bool {
    let is_numbered =
        header.first() == Some(&"index") && cells.first().is_some_and(|n| n.parse::<u16>().is_ok());
    cells.len() > 1 && (is_numbered || cells.len() == header.len())
}

fn device(header: &[&str], cells: &[&str], position: u16) -> Option<Device> {
    let cell = |name: &str| {
        let at = header.iter().position(|cell| cell.split(' ').next() == Some(name))?;
        field::value(cells.get(at)?)
    };
    let uuid = cell("uuid").filter(|uuid| cells.len() == header.len() && is_serial(uuid))?;
    let index = cell("index").map_or(Some(position), |text| text.parse().ok())?;
    let mut accelerator =
        Accelerator::new(index, Vendor::HABANA, &product(cell("name")?)).with_backend(Backend::HPU);
    accelerator.number = cell("module_id").and_then(|text| text.parse().ok());
    accelerator.uuid = fact(uuid);
    accelerator.driver = fact(cell("driver_version").unwrap_or_default());
    let memory = cell("memory.total").and_then(|text| field::size(text, 1 << 20));
    set_memory(&mut accelerator, memory, TOOL);
    Some(Device::new(accelerator))
}

/// Whether a text has the form of the id of a device, such as `01P4-HL3080A0-18-U4V193-22-07-00`.
fn is_serial(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    text.contains('-')
        && text.bytes().all(is_allowed)
        && text.bytes().any(|byte| byte.is_ascii_digit())
}
