//! Detects NVIDIA devices with `nvidia-smi`.
//!
//! Columns are found by the header. Each field has a form: a number, a name or a UUID. The tool prints
//! a missing value in brackets (`[N/A]`, `[GPU is lost]`). A row whose number, name or UUID is malformed
//! is a device that cannot be used. A device in MIG mode is replaced by its instances, which `-L` lists.

use super::device::{Device, product};
use super::evidence::Presence;
use super::listing::{NoListing, VendorDevices, error, quoted, without_devices};
use crate::detect::host::Host;
use crate::domain::accelerator::{Accelerator, Backend, Vendor};
use crate::domain::capability::MAX_MEMORY_BYTES;
use crate::sys::process::Completion;
use std::collections::BTreeSet;
use std::time::Duration;

const TOOL: &str = "nvidia-smi";
const VENDOR: &str = "NVIDIA";
/// Time limit of one call. Without persistence mode, the first call initialises every device of the
/// machine, which takes up to 40 s.
const TIMEOUT: Duration = Duration::from_secs(45);
/// Queries, tried in this order. Drivers before 510 do not know the compute capability, and drivers
/// before 450 do not know the MIG mode. A query with an unknown field fails as a whole.
const QUERIES: [&str; 3] = [
    "--query-gpu=index,name,uuid,memory.total,compute_cap,mig.mode.current",
    "--query-gpu=index,name,uuid,memory.total,mig.mode.current",
    "--query-gpu=index,name,uuid,memory.total",
];
/// Exit code if a requested object does not exist, according to the manual of the tool.
const NO_OBJECT: i32 = 6;
/// Exit code after a warning about the configuration memory of a device. The listing is complete then.
const INFOROM_WARNING: i32 = 14;
/// Output of the tool on a machine without a device.
const NO_DEVICES: &str = "No devices were found";
/// The failure of a call whose output exceeds the limit, as a predicate.
const TOO_MUCH_OUTPUT: &str = "printed too much";
/// Parts of the names of devices that use the memory of the machine.
const UNIFIED_MEMORY: &[&str] = &["GB10", "Thor", "Orin", "Xavier", "(nvgpu)"];

/// Detects the devices. `host_memory` is the memory of the machine, in bytes.
pub(super) async fn detect(host: &Host<'_>, presence: Presence, host_memory: u64) -> VendorDevices {
    let completion = query(host).await;
    let Completion::Exited(output) = &completion else {
        return match (&completion, presence) {
            (Completion::NotFound, Presence::Present) => VendorDevices::with_note(format!(
                "this machine has an {VENDOR} device, but {TOOL} is not installed; the device is \
                 not used"
            )),
            (Completion::NotFound, _) => VendorDevices::default(),
            _ => without_devices(VENDOR, TOOL, &completion, NoListing::Unclear, presence),
        };
    };
    let code = output.exit.code;
    let listing = code.and_then(|_| Listing::of(&output.stdout.text, host_memory));
    let Some(listing) = listing.filter(|listing| !listing.is_empty()) else {
        let text = &output.stdout.text;
        let no_listing = match code {
            Some(0 | NO_OBJECT) if text.trim() == NO_DEVICES || is_header_alone(text) => {
                NoListing::NoDevice
            }
            _ => NoListing::Unclear,
        };
        return without_devices(VENDOR, TOOL, &completion, no_listing, presence);
    };
    let mut result = VendorDevices { notes: listing.notes, ..VendorDevices::default() };
    result.errors.extend(listing.unusable.iter().map(|line| {
        error(VENDOR, &format!("{TOOL} printed a line that describes no usable device: {line}"))
    }));
    if output.stdout.truncated {
        result.errors.push(error(VENDOR, &format!("{TOOL} {TOO_MUCH_OUTPUT}")));
    }
    if let Some(failure) = completion.failure() {
        let line = output.first_line().unwrap_or_default();
        let reason = format!("{TOOL} {failure}: {line}");
        if code == Some(INFOROM_WARNING) {
            result.notes.push(reason);
        } else if result.errors.is_empty() {
            result.errors.push(error(VENDOR, &reason));
        }
    }
    let (divided, whole): (Vec<_>, Vec<_>) =
        listing.rows.into_iter().partition(|row| row.is_divided);
    result.devices = whole.into_iter().map(|row| row.device).collect();
    if !divided.is_empty() {
        let list = host.run_within(TIMEOUT, TOOL, &["-L"]).await;
        add_instances(divided.into_iter().map(|row| row.device).collect(), &list, &mut result);
    }
    result.devices.sort_by_key(|device| device.card);
    let unknown_memory = result.devices.iter().filter(|d| d.accelerator.memory_bytes == 0);
    result.notes.extend(unknown_memory.map(|device| {
        let Accelerator { model, .. } = &device.accelerator;
        format!("{TOOL} does not report the memory of {model}; it may be too small for some tests")
    }));
    result
}

/// Calls the tool with the first query whose fields its version knows.
async fn query(host: &Host<'_>) -> Completion {
    let mut completion = Completion::NotFound;
    for query in QUERIES {
        completion = host.run_within(TIMEOUT, TOOL, &[query, "--format=csv"]).await;
        let is_refused = |text: &str| text.contains("is not a valid field");
        let output = completion.output();
        if !output.is_some_and(|o| is_refused(&o.stdout.text) || is_refused(&o.stderr.text)) {
            break;
        }
    }
    completion
}

/// The rows below a header.
#[derive(Debug, Default)]
struct Listing {
    rows: Vec<Row>,
    /// Lines that describe no usable device.
    unusable: Vec<String>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Row {
    device: Device,
    /// The device is in MIG mode, so it cannot be used as a whole.
    is_divided: bool,
}

impl Listing {
    /// Parses the output; None if it has no header. Warnings of the tool become notes.
    fn of(text: &str, host_memory: u64) -> Option<Self> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut listing = Self::default();
        let header = lines.by_ref().find_map(|line| {
            let header = Header::of(line);
            if header.is_none() {
                listing.notes.push(format!("{TOOL}: {}", quoted(line)));
            }
            header
        })?;
        let (mut numbers, mut uuids) = (BTreeSet::new(), BTreeSet::new());
        for line in lines {
            let row = header.row(line, host_memory).filter(|row| {
                let uuid = &row.device.accelerator.uuid;
                numbers.insert(row.device.card) && (uuid.is_empty() || uuids.insert(uuid.clone()))
            });
            match row {
                Some(row) => listing.rows.push(row),
                None if is_warning(line) => {
                    listing.notes.push(format!("{TOOL}: {}", quoted(line)));
                }
                None => listing.unusable.push(quoted(line)),
            }
        }
        Some(listing)
    }

    fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.unusable.is_empty()
    }
}

fn is_warning(line: &str) -> bool {
    line.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("warning"))
}

/// Whether the output consists of a header without rows.
fn is_header_alone(text: &str) -> bool {
    let mut lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !is_warning(line));
    lines.next().is_some_and(|line| Header::of(line).is_some()) && lines.next().is_none()
}

/// The positions of the columns.
#[derive(Debug)]
struct Header {
    width: usize,
    index: usize,
    name: usize,
    uuid: usize,
    memory: Option<usize>,
    capability: Option<usize>,
    mig: Option<usize>,
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
        Some(Self {
            width: cells.len(),
            index: column("index")?,
            name: column("name")?,
            uuid: column("uuid")?,
            memory: column("memory.total"),
            capability: column("compute_cap"),
            mig: column("mig.mode.current"),
        })
    }

    /// Parses a row; None if it describes no usable device.
    fn row(&self, line: &str, host_memory: u64) -> Option<Row> {
        let mut cells: Vec<String> = cells(line).into_iter().map(str::to_owned).collect();
        // The format has no quoting. Only a name is free text, so additional commas belong to it.
        let more = cells.len().checked_sub(self.width)?;
        let end = self.name + more + 1;
        let name = cells.get(self.name..end)?.join(", ");
        cells.splice(self.name..end, [name]);
        let cell = |at: usize| cells.get(at).map(String::as_str).unwrap_or_default();
        let index: u16 = cell(self.index).parse().ok()?;
        let name = Some(cell(self.name)).filter(|name| is_value(name))?;
        let uuid = match cell(self.uuid) {
            uuid if is_uuid(uuid) => uuid,
            // Some systems have no UUID for their device, which is identified by its number then.
            uuid if is_not_available(uuid) => "",
            _ => return None,
        };
        let optional = |column: Option<usize>| column.map(cell).unwrap_or_default();
        let memory = optional(self.memory);
        let is_unified =
            is_not_available(memory) && UNIFIED_MEMORY.iter().any(|word| name.contains(word));
        let memory_bytes = if is_unified { host_memory } else { mebibytes(memory).unwrap_or(0) };
        let accelerator = Accelerator {
            uuid: uuid.to_owned(),
            architecture: capability(optional(self.capability)).unwrap_or_default().to_owned(),
            memory_bytes,
            unified: is_unified,
            ..Accelerator::new(index, Vendor::NVIDIA, &product(name)).with_backend(Backend::CUDA)
        };
        let device =
            Device { accelerator, card: index, card_uuid: String::new(), integrated: false };
        Some(Row { device, is_divided: optional(self.mig) == "Enabled" })
    }
}

fn cells(line: &str) -> Vec<&str> {
    line.split(',').map(str::trim).collect()
}

/// Whether a field has a value. The tool prints a missing one in brackets.
fn is_value(cell: &str) -> bool {
    !cell.is_empty() && !cell.starts_with('[') && cell != "N/A"
}

/// Whether the field does not exist for this device. This is valid output, not a failure of the tool.
fn is_not_available(cell: &str) -> bool {
    let bare = cell.trim_start_matches('[').trim_end_matches(']');
    ["N/A", "Not Supported"].iter().any(|word| bare.eq_ignore_ascii_case(word))
}

fn is_uuid(text: &str) -> bool {
    let rest = text.strip_prefix("MIG-").unwrap_or(text);
    let rest = rest.strip_prefix("GPU-").unwrap_or(rest);
    let is_allowed = |c: char| c.is_ascii_hexdigit() || matches!(c, '-' | '/');
    rest.starts_with(|c: char| c.is_ascii_hexdigit())
        && text.len() <= 100
        && rest.chars().all(is_allowed)
}

/// A compute capability such as `8.9`.
fn capability(text: &str) -> Option<&str> {
    let (major, minor) = text.split_once('.')?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(major) && is_number(minor) && text.len() < 8).then_some(text)
}

/// The number of bytes of a size such as `81559 MiB`, whose unit may be missing.
fn mebibytes(text: &str) -> Option<u64> {
    let number: u64 = text.strip_suffix("MiB").unwrap_or(text).trim().parse().ok()?;
    number.checked_mul(1 << 20).filter(|bytes| (1..=MAX_MEMORY_BYTES).contains(bytes))
}

/// Adds the instances of cards in MIG mode, from the output of `nvidia-smi -L`.
fn add_instances(cards: Vec<Device>, list: &Completion, result: &mut VendorDevices) {
    let text = match list {
        Completion::Exited(output) if output.exit.code == Some(0) && !output.stdout.truncated => {
            &output.stdout.text
        }
        _ => {
            let failure = list.failure().unwrap_or_else(|| TOO_MUCH_OUTPUT.to_owned());
            let reason =
                format!("{TOOL} -L, which lists the instances of devices in MIG mode, {failure}");
            result.errors.push(error(VENDOR, &reason));
            return;
        }
    };
    let listed = instances(text);
    for card in cards {
        let (number, model) = (card.card, &card.accelerator.model);
        let Some((_, instances)) = listed.iter().find(|(uuid, _)| *uuid == card.accelerator.uuid)
        else {
            let reason = format!("{TOOL} -L does not list device {number}, which is in MIG mode");
            result.errors.push(error(VENDOR, &reason));
            continue;
        };
        if instances.is_empty() {
            result.notes.push(format!(
                "device {number} ({model}) is in MIG mode and has no instance, so it is not used; \
                 create instances, or turn MIG mode off"
            ));
        }
        result.devices.extend(instances.iter().map(|(profile, uuid)| Device {
            accelerator: Accelerator {
                model: product(&format!("{model} MIG {profile}")),
                uuid: (*uuid).to_owned(),
                memory_bytes: profile_bytes(profile).unwrap_or(0),
                ..card.accelerator.clone()
            },
            card_uuid: card.accelerator.uuid.clone(),
            ..card.clone()
        }));
    }
}

/// The UUID of each card, with the profiles and UUIDs of its instances.
fn instances(list: &str) -> Vec<(&str, Vec<(&str, &str)>)> {
    let mut cards: Vec<(&str, Vec<(&str, &str)>)> = Vec::new();
    for line in list.lines() {
        let uuid =
            line.rsplit_once("UUID: ").map(|(_, rest)| rest.trim_end_matches([')', ' ', '\r']));
        let Some(uuid) = uuid.filter(|uuid| is_uuid(uuid)) else { continue };
        match (line.trim_start().strip_prefix("MIG "), cards.last_mut()) {
            (None, _) => cards.push((uuid, Vec::new())),
            (Some(instance), Some((_, instances))) => {
                instances.push((instance.split_whitespace().next().unwrap_or_default(), uuid));
            }
            (Some(_), None) => {}
        }
    }
    cards
}

/// Memory of an instance, from its profile such as `3g.40gb` or `1g.10gb+me`. The profile `1c.3g.40gb`
/// is a third of the instance `3g.40gb`, so it counts a third of its memory.
fn profile_bytes(profile: &str) -> Option<u64> {
    let part = |unit: &str| {
        let mut parts = profile.split(['.', '+']).filter_map(|part| part.strip_suffix(unit));
        parts.find_map(|number| number.parse::<u64>().ok())
    };
    let bytes = part("gb")?.checked_mul(1 << 30)?;
    match (part("c"), part("g")) {
        (Some(computes), Some(of @ 1..)) if computes < of => {
            bytes.checked_mul(computes)?.checked_div(of)
        }
        _ => Some(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! sample {
        ($name:literal) => {
            include_str!(concat!("../../../tests/data/detect/", $name))
        };
    }

    const HOST: u64 = 120 << 30;
    const HEADER: &str = "index, name, uuid, memory.total [MiB], compute_cap, mig.mode.current";

    fn devices(text: &str) -> Vec<Accelerator> {
        let listing = Listing::of(text, HOST).expect("a header");
        assert_eq!(listing.unusable, [""; 0]);
        listing.rows.into_iter().map(|row| row.device.accelerator).collect()
    }

    fn row(row: &str) -> Option<Row> {
        Header::of(HEADER).expect("a header").row(row, HOST)
    }

    #[test]
    fn real_listings_are_parsed() {
        let l40s = devices(sample!("nvidia-l40s-load-query-gpu-full.csv.txt"));
        assert_eq!(l40s.len(), 1);
        assert_eq!(l40s[0].model, "NVIDIA L40S");
        assert_eq!(l40s[0].architecture, "8.9");
        assert!(l40s[0].memory_bytes > 40 << 30, "{l40s:?}");
        assert!(l40s[0].uuid.starts_with("GPU-"));
        let windows = devices(sample!("nvidia-windows-rtx2080s-591-query-gpu-full.csv.txt"));
        assert_eq!(windows[0].architecture, "7.5");
        assert_eq!(windows[0].memory_bytes, 8 << 30);
    }

    #[test]
    fn missing_memory_is_unknown_or_that_of_the_machine() {
        let memory = |line: &str| row(line).expect("a device").device.accelerator.memory_bytes;
        assert_eq!(memory("0, NVIDIA GB10, GPU-1, [N/A], 12.1, [N/A]"), HOST);
        assert_eq!(memory("0, Orin (nvgpu), N/A, [Not Supported], 8.7, [N/A]"), HOST);
        assert_eq!(memory("0, NVIDIA A10, GPU-1, [N/A], 8.6, [N/A]"), 0);
        // After a failure, the memory is unknown.
        assert_eq!(memory("0, NVIDIA GB10, GPU-1, [Unknown Error], 12.1, [N/A]"), 0);
        for text in ["[Insufficient Permissions]", "", "-1 MiB", "0 MiB", "much", "9 GiB"] {
            assert_eq!(memory(&format!("0, A, GPU-1, {text}, 8.0, Disabled")), 0, "{text}");
        }
    }

    #[test]
    fn a_row_with_a_malformed_field_is_not_a_device() {
        for line in [
            "3, [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost]",
            "3, NVIDIA A100, [GPU is lost], 81920 MiB, 8.0, Disabled",
            "3, NVIDIA A100, GPU is lost, 81920 MiB, 8.0, Disabled",
            "3, [Unknown Error], GPU-1, 81920 MiB, 8.0, Disabled",
            "[Unknown Error], NVIDIA A100, GPU-1, 81920 MiB, 8.0, Disabled",
            "3, NVIDIA A100, GPU-, 81920 MiB, 8.0, Disabled",
            "3, NVIDIA A100, GPU-1",
            "Unable to determine the device handle for GPU 0000:0B:00.0: Unknown Error",
        ] {
            assert!(row(line).is_none(), "{line}");
        }
        let comma = row("1, NVIDIA, of a kind, GPU-1f, 1024 MiB, 8.0, Enabled").expect("a device");
        let device = &comma.device.accelerator;
        assert_eq!((&*device.model, &*device.uuid), ("NVIDIA, of a kind", "GPU-1f"));
        assert!(comma.is_divided);
        let odd = row("1, NVIDIA A100, GPU-1f, 1024 MiB, [Unknown Error], [Unknown Error]");
        assert_eq!(odd.expect("a device").device.accelerator.architecture, "");
    }

    #[test]
    fn warnings_around_a_listing_are_ignored() {
        let rows = "0, A, GPU-1, 1024 MiB, 8.0, Disabled\n";
        let text = format!("WARNING: infoROM is corrupted\n\n{HEADER}\n{rows}warning: again\n");
        assert_eq!(devices(&text), devices(&format!("{HEADER}\n{rows}")));
        let twice = Listing::of(&format!("{HEADER}\n{rows}{rows}"), HOST).expect("a header");
        assert_eq!((twice.rows.len(), twice.unusable.len()), (1, 1));
    }

    #[test]
    fn a_device_in_mig_mode_is_replaced_by_its_instances() {
        let mut card = devices(sample!("nvidia-h100-mig-query-gpu-full.csv.txt")).remove(0);
        card.uuid = "GPU-00000000-0000-0000-0000-000000000000".to_owned();
        let card =
            Device { accelerator: card, card: 0, card_uuid: String::new(), integrated: false };
        let listed = |text: &str| {
            let mut result = VendorDevices::default();
            let output = crate::sys::process::exited(0, text, "");
            add_instances(vec![card.clone()], &output, &mut result);
            result
        };
        let list = listed(sample!("nvidia-h100-mig-list.txt"));
        let memory: Vec<_> =
            list.devices.iter().map(|d| d.accelerator.memory_bytes >> 30).collect();
        assert_eq!(memory, [40, 20, 10, 10]);
        let is_instance = |d: &Device| {
            d.accelerator.uuid.starts_with("MIG-")
                && d.accelerator.architecture == "9.0"
                && d.card_uuid == card.accelerator.uuid
        };
        assert!(list.devices.iter().all(is_instance), "{list:?}");
        let bare = listed("GPU 0: NVIDIA H100 (UUID: GPU-00000000-0000-0000-0000-000000000000)\n");
        assert_eq!((bare.devices.len(), bare.notes.len(), bare.errors.len()), (0, 1, 0));
        let other = listed("GPU 0: NVIDIA H100 (UUID: GPU-1)\n");
        assert_eq!((other.devices.len(), other.errors.len()), (0, 1));
    }

    #[test]
    fn profiles_contain_the_memory_of_instances() {
        for (profile, gib) in [
            ("3g.40gb", Some(40)),
            ("1g.10gb+me", Some(10)),
            ("1c.3g.72gb", Some(24)),
            ("7g", None),
            ("", None),
        ] {
            assert_eq!(profile_bytes(profile).map(|bytes| bytes >> 30), gib, "{profile}");
        }
    }
}
