//! AMD devices in the files of the kernel: the topology of its compute driver (KFD), and the graphics
//! driver. They are read without a tool, and add facts that the tools of old versions do not report.

use super::card::{Card, KERNEL, target_of_version};
use crate::detect::host::Host;
use crate::detect::vendors::evidence::{PciDevice, Seen};
use crate::detect::vendors::field;

const TOPOLOGY: &str = "/sys/class/kfd/kfd/topology/nodes";
const GRAPHICS: &str = "/sys/class/drm";
/// The file by which programs use the compute driver.
pub(super) const COMPUTE_DRIVER: &str = "/dev/kfd";
/// Directory of the files by which programs use devices.
const DEVICE_FILES: &str = "/dev/dri";
/// The driver of the devices.
pub(super) const DRIVER: &str = "amdgpu";
/// PCI vendor id of AMD, as a number and as text.
const VENDOR_NUMBER: u64 = 4098;
const VENDOR: &str = "0x1002";
/// Kinds of memory in the topology that belong to the device.
const DEVICE_MEMORY: &[u64] = &[1, 2];

/// The devices of the compute driver that this process can use, in the order in which `ROCm` numbers them,
/// and the others.
pub(super) fn cards(host: &Host<'_>, graphics: &[Card]) -> (Vec<Card>, Vec<Card>) {
    let mut nodes: Vec<u32> = host
        .list(TOPOLOGY)
        .unwrap_or_default()
        .iter()
        .filter_map(|name| name.parse().ok())
        .collect();
    nodes.sort_unstable();
    nodes
        .into_iter()
        .filter_map(|node| card(host, node, graphics))
        .partition(|card| is_available(host, card))
}

/// Whether this process has the file of a device: in a container that has the files of some devices, the
/// kernel shows all of the machine, and `ROCm` does not count the others.
pub(super) fn is_available(host: &Host<'_>, card: &Card) -> bool {
    let Some(minor) = card.render else { return true };
    let files = host.list(DEVICE_FILES).unwrap_or_default();
    let mut files = files.iter().filter(|name| name.starts_with("renderD")).peekable();
    files.peek().is_none() || files.any(|name| *name == format!("renderD{minor}"))
}

/// The devices on the bus that the graphics driver controls, in the order of their addresses.
pub(super) fn on_bus(seen: &Seen) -> Vec<Card> {
    let controlled = seen.devices.iter().filter(|device| device.driver.as_deref() == Some(DRIVER));
    let card = |device: &PciDevice| Card {
        bus: Some(device.address.clone()),
        device_id: device.device.map(|id| format!("{id:#06x}")),
        model: device.device.map(|id| format!("PCI device 1002:{id:04x}")),
        source: KERNEL,
        ..Card::default()
    };
    let mut cards: Vec<Card> = controlled.map(card).collect();
    cards.sort_by(|one, other| one.bus.cmp(&other.bus));
    cards
}

/// The device of a node; None if the node is a processor.
fn card(host: &Host<'_>, node: u32, graphics: &[Card]) -> Option<Card> {
    let directory = format!("{TOPOLOGY}/{node}");
    let text = host.text(&format!("{directory}/properties"))?;
    let value = |key: &str| number(&text, key);
    if value("simd_count").is_none_or(|count| count == 0)
        || value("vendor_id").is_some_and(|vendor| vendor != VENDOR_NUMBER)
    {
        return None;
    }
    let bus = value("location_id").map(|place| {
        let (bus, device, function) = (place >> 8 & 0xff, place >> 3 & 0x1f, place & 0x7);
        format!("{:04x}:{bus:02x}:{device:02x}.{function:x}", value("domain").unwrap_or(0))
    });
    let banks = host.list(&format!("{directory}/mem_banks")).unwrap_or_default();
    let sizes = banks.iter().filter_map(|bank| {
        let text = host.text(&format!("{directory}/mem_banks/{bank}/properties"))?;
        let is_own = number(&text, "heap_type").is_some_and(|kind| DEVICE_MEMORY.contains(&kind));
        number(&text, "size_in_bytes").filter(|_| is_own)
    });
    let total: u64 = sizes.fold(0, u64::saturating_add);
    let known = graphics.iter().find(|card| card.bus.is_some() && card.bus == bus);
    let known = known.cloned().unwrap_or_default();
    Some(Card {
        bus,
        id: value("unique_id").filter(|id| *id > 0).map(|id| format!("{id:#x}")).or(known.id),
        device_id: value("device_id").map(|id| format!("{id:#06x}")).or(known.device_id),
        target: value("gfx_target_version").and_then(target_of_version),
        // The kernel divides the memory between the partitions of a card.
        memory: field::plausible(total).or(known.memory),
        shared_memory: known.shared_memory,
        model: known.model,
        driver: driver(host),
        // Newer processors are nodes without cores as well, so 0 proves nothing.
        is_integrated: value("cpu_cores_count").filter(|count| *count > 0).map(|_| true),
        is_memory_of_partition: total > 0,
        has_compute_driver: Some(true),
        render: value("drm_render_minor").filter(|minor| *minor > 0),
        source: KERNEL,
        ..Card::default()
    })
}

/// The devices of the graphics driver. Entries such as `card0-HDMI-A-1` are connectors.
pub(super) fn graphics(host: &Host<'_>) -> Vec<Card> {
    let names = host.list(GRAPHICS).unwrap_or_default();
    let is_card = |name: &&String| {
        name.strip_prefix("card").is_some_and(|number| number.parse::<u32>().is_ok())
    };
    let of = |name: &String| {
        let directory = format!("{GRAPHICS}/{name}/device");
        let read = |file: &str| host.text(&format!("{directory}/{file}"));
        if read("vendor")? != VENDOR {
            return None;
        }
        let events = read("uevent").unwrap_or_default();
        let bus = events.lines().find_map(|line| line.strip_prefix("PCI_SLOT_NAME="));
        let size = |file: &str| read(file)?.parse().ok();
        let files = host.list(&format!("{directory}/drm")).unwrap_or_default();
        let render = files.iter().find_map(|name| name.strip_prefix("renderD")?.parse().ok());
        Some(Card {
            model: read("product_name").filter(|name| !name.is_empty()),
            id: read("unique_id").map(|id| format!("0x{id}")),
            bus: bus.and_then(field::pci_address),
            device_id: read("device"),
            memory: size("mem_info_vram_total"),
            shared_memory: size("mem_info_gtt_total"),
            driver: driver(host),
            render,
            source: KERNEL,
            ..Card::default()
        })
    };
    names.iter().filter(is_card).filter_map(of).collect()
}

fn driver(host: &Host<'_>) -> Option<String> {
    host.text("/sys/module/amdgpu/version").filter(|version| !version.is_empty())
}

/// The number behind a key of a file with one key and number on each line.
fn number(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}

/// Adds the facts of the kernel to cards of a tool that lack them. Cards are matched by their place on
/// the bus.
pub(super) fn complete(cards: &mut [Card], kernel: &[Card]) {
    for card in cards {
        let Some(known) = kernel.iter().find(|known| known.bus.is_some() && known.bus == card.bus)
        else {
            continue;
        };
        let Card { model, id, device_id, target, memory, shared_memory, driver, .. } =
            known.clone();
        card.model = card.model.take().or(model);
        card.id = card.id.take().or(id);
        card.device_id = card.device_id.take().or(device_id);
        card.target = target.or(card.target.take());
        card.memory = card.memory.or(memory);
        card.shared_memory = card.shared_memory.or(shared_memory);
        card.driver = card.driver.take().or(driver);
        card.is_integrated = card.is_integrated.or(known.is_integrated);
    }
}
