//! Detects Gaudi devices with `hl-smi`.

use crate::detect::host::Host;
use crate::detect::vendors::device::{Device, fact, product, set_memory};
use crate::detect::vendors::evidence::Seen;
use crate::detect::vendors::field;
use crate::detect::vendors::listing::{Maker, NoListing, VendorDevices, exited};
use crate::domain::accelerator::{Accelerator, Backend, Vendor};
use crate::sys::process::Completion;

const TOOL: &str = "hl-smi";
const MAKER: Maker = Maker { name: "Habana", vendor: Vendor::HABANA, backend: Backend::HPU };
const QUERY: &str = "index,uuid,name,driver_version,memory.total";

/// Detects the devices with the tool. `nodes` are those of the kernel driver, without the tool.
pub(in crate::detect::vendors) async fn detect(
    host: &Host<'_>,
    seen: &Seen,
    nodes: Vec<Device>,
) -> VendorDevices {
    let completion = host.run(TOOL, &["-Q", QUERY, "-f", "csv"]).await;
    if completion == Completion::NotFound {
        if nodes.is_empty() {
            return MAKER.without_tool(seen, TOOL);
        }
        return VendorDevices { devices: nodes, ..VendorDevices::default() };
    }
    let listed = exited(&completion).filter(|(code, _)| *code == 0);
    let devices = listed.map(|(_, output)| devices(&output.stdout.text)).unwrap_or_default();
    if devices.is_empty() {
        return MAKER.without_devices(TOOL, &completion, NoListing::Unclear, seen);
    }
    let mut result = VendorDevices { devices, ..VendorDevices::default() };
    result.note_unknown_memory(TOOL);
    result
}

/// The devices of a listing. Its columns are those of its header, or of the query if it has none. A row
/// with another number of cells is not a device.
pub(super) fn devices(output: &str) -> Vec<Device> {
    let mut header: Vec<&str> = QUERY.split(',').collect();
    let mut devices = Vec::new();
    for line in output.lines() {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        if cells.contains(&"name") && cells.contains(&"uuid") {
            header = cells;
            continue;
        }
        let cell = |name: &str| {
            let at = header.iter().position(|cell| cell.split(' ').next() == Some(name))?;
            field::value(cells.get(at)?)
        };
        let is_row = cells.len() == header.len();
        let uuid = cell("uuid").filter(|uuid| is_row && is_serial(uuid));
        let index = match cell("index") {
            Some(text) => text.parse().ok(),
            None => u16::try_from(devices.len()).ok(),
        };
        let (Some(uuid), Some(name), Some(index)) = (uuid, cell("name"), index) else { continue };
        let mut accelerator =
            Accelerator::new(index, Vendor::HABANA, &product(name)).with_backend(Backend::HPU);
        accelerator.uuid = fact(uuid);
        accelerator.driver = fact(cell("driver_version").unwrap_or_default());
        let memory = cell("memory.total").and_then(|text| field::size(text, 1 << 20));
        set_memory(&mut accelerator, memory, TOOL);
        devices.push(Device::new(accelerator));
    }
    devices
}

/// Whether a text has the form of the id of a device, such as `01P4-HL3080A0-18-U4V193-22-07-00`.
fn is_serial(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    text.contains('-')
        && text.bytes().all(is_allowed)
        && text.bytes().any(|byte| byte.is_ascii_digit())
}
