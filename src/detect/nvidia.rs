//! NVIDIA devices, as `nvidia-smi` lists them.
//!
//! Columns are found by the header. Each field has a form: a number, a name, a UUID. The tool
//! writes what is no value in brackets (`[N/A]`, `[GPU is lost]`); a row whose number, name or UUID is
//! not of its form is a device that cannot be used. A device in MIG mode stands for its parts,
//! which `-L` lists.

use super::{Device, Empty, Found, Host, Seen, product, quoted, unknown, without_devices};
use crate::domain::accelerator::{Accelerator, Backend, Vendor};
use crate::sys::process::Completion;
use std::collections::BTreeSet;

const TOOL: &str = "nvidia-smi";
const VENDOR: &str = "NVIDIA";
/// What to ask for. Drivers before 510 do not know the compute capability, those before 450 no MIG
/// mode; one field that is unknown makes the whole query fail.
const QUERIES: [&str; 3] = [
    "--query-gpu=index,name,uuid,memory.total,compute_cap,mig.mode.current",
    "--query-gpu=index,name,uuid,memory.total,mig.mode.current",
    "--query-gpu=index,name,uuid,memory.total",
];
/// Exit codes of the tool's manual: no such object, and a warning about a
/// device's configuration memory, after which the listing is complete.
const NO_OBJECT: i32 = 6;
const INFOROM_WARNING: i32 = 14;
const NO_DEVICES: &str = "No devices were found";
/// Names of systems whose device uses the machine's memory.
const UNIFIED: &[&str] = &["GB10", "Thor", "Orin", "Xavier", "(nvgpu)"];

pub(super) async fn look(host: Host<'_>, seen: Seen, host_memory: u64) -> Found {
    let mut completion = Completion::NotFound;
    for query in QUERIES {
        completion = host.ask(TOOL, &[query, "--format=csv"]).await;
        let refused = |text: &str| text.contains("is not a valid field");
        if !completion.output().is_some_and(|o| refused(&o.stdout.text) || refused(&o.stderr.text))
        {
            break;
        }
    }
    let Completion::Exited(output) = &completion else {
        return match (&completion, seen) {
            (Completion::NotFound, Seen::There) => Found::none(Some(format!(
                "this machine has an {VENDOR} device, but {TOOL} is not installed; it is not used"
            ))),
            (Completion::NotFound, _) => Found::none(None),
            _ => without_devices(VENDOR, TOOL, &completion, Empty::Unclear, seen),
        };
    };
    let code = output.exit.code;
    let listing = code.and_then(|_| Listing::of(&output.stdout.text, host_memory));
    let Some(listing) = listing.filter(|listing| !listing.is_empty()) else {
        let says_none =
            output.stdout.text.trim() == NO_DEVICES || header_alone(&output.stdout.text);
        let empty = match code {
            Some(0 | NO_OBJECT) if says_none => Empty::NoDevice,
            _ => Empty::Unclear,
        };
        return without_devices(VENDOR, TOOL, &completion, empty, seen);
    };
    let mut found = Found { notes: listing.notes, ..Found::default() };
    found.errors.extend(listing.unusable.iter().map(|line| {
        unknown(VENDOR, &format!("{TOOL} printed a line that names no usable device: {line}"))
    }));
    if output.stdout.truncated {
        found.errors.push(unknown(VENDOR, &format!("{TOOL} printed too much")));
    }
    if let Some(failure) = completion.failure() {
        let line = output.first_line().unwrap_or_default();
        let told = format!("{TOOL} {failure}: {line}");
        if code == Some(INFOROM_WARNING) {
            found.notes.push(told);
        } else if found.errors.is_empty() {
            found.errors.push(unknown(VENDOR, &told));
        }
    }
    let (divided, whole): (Vec<_>, Vec<_>) = listing.rows.into_iter().partition(|row| row.divided);
    found.devices = whole.into_iter().map(|row| row.device).collect();
    if !divided.is_empty() {
        let list = host.ask(TOOL, &["-L"]).await;
        divide(divided.into_iter().map(|row| row.device).collect(), &list, &mut found);
    }
    found.devices.sort_by_key(|device| device.card);
    let silent = found.devices.iter().filter(|device| device.accelerator.memory_bytes == 0);
    found.notes.extend(silent.map(|device| {
        let Accelerator { model, .. } = &device.accelerator;
        format!("{TOOL} does not report the memory of {model}; tests are given to it untested")
    }));
    found
}

/// The rows below a header.
#[derive(Debug, Default)]
struct Listing {
    rows: Vec<Row>,
    /// Lines that are no device.
    unusable: Vec<String>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Row {
    device: Device,
    /// In MIG mode: it cannot be used as a whole.
    divided: bool,
}

impl Listing {
    /// None without a header. A warning of the tool is no part of the listing.
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
        let (mut numbers, mut names) = (BTreeSet::new(), BTreeSet::new());
        for line in lines {
            let row = header.row(line, host_memory).filter(|row| {
                let uuid = &row.device.accelerator.uuid;
                numbers.insert(row.device.card) && (uuid.is_empty() || names.insert(uuid.clone()))
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

fn header_alone(text: &str) -> bool {
    let mut lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !is_warning(line));
    lines.next().is_some_and(|line| Header::of(line).is_some()) && lines.next().is_none()
}

/// Where the columns are.
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

    /// None when the line is no device that can be used.
    fn row(&self, line: &str, host_memory: u64) -> Option<Row> {
        let mut cells: Vec<String> = cells(line).into_iter().map(str::to_owned).collect();
        // The list has no quoting. Only a name holds free text, so a comma more is one of its.
        let more = cells.len().checked_sub(self.width)?;
        let end = self.name + more + 1;
        let name = cells.get(self.name..end)?.join(", ");
        cells.splice(self.name..end, [name]);
        let cell = |at: usize| cells.get(at).map(String::as_str).unwrap_or_default();
        let index: u16 = cell(self.index).parse().ok()?;
        let name = Some(cell(self.name)).filter(|name| is_value(name))?;
        let uuid = match cell(self.uuid) {
            uuid if is_uuid(uuid) => uuid,
            // Not every system gives its device one; it goes by its number then.
            uuid if is_not_available(uuid) => "",
            _ => return None,
        };
        let optional = |column: Option<usize>| column.map(cell).unwrap_or_default();
        let memory = optional(self.memory);
        let unified = is_not_available(memory) && UNIFIED.iter().any(|word| name.contains(word));
        let memory_bytes = if unified { host_memory } else { mebibytes(memory).unwrap_or(0) };
        let accelerator = Accelerator {
            index,
            vendor: Vendor::Nvidia,
            model: product(name),
            uuid: uuid.to_owned(),
            backend: Backend::Cuda,
            architecture: capability(optional(self.capability)).unwrap_or_default().to_owned(),
            memory_bytes,
        };
        let device =
            Device { accelerator, card: index, card_uuid: String::new(), integrated: false };
        Some(Row { device, divided: optional(self.mig) == "Enabled" })
    }
}

fn cells(line: &str) -> Vec<&str> {
    line.split(',').map(str::trim).collect()
}

/// The tool writes what is no value in brackets.
fn is_value(cell: &str) -> bool {
    !cell.is_empty() && !cell.starts_with('[') && cell != "N/A"
}

/// The field does not exist for this device: an answer, not a failure.
fn is_not_available(cell: &str) -> bool {
    let bare = cell.trim_start_matches('[').trim_end_matches(']');
    ["N/A", "Not Supported"].iter().any(|word| bare.eq_ignore_ascii_case(word))
}

fn is_uuid(text: &str) -> bool {
    let rest = text.strip_prefix("MIG-").unwrap_or(text);
    let rest = rest.strip_prefix("GPU-").unwrap_or(rest);
    let of_name = |c: char| c.is_ascii_hexdigit() || matches!(c, '-' | '/');
    rest.starts_with(|c: char| c.is_ascii_hexdigit())
        && text.len() <= 100
        && rest.chars().all(of_name)
}

/// `8.9`.
fn capability(text: &str) -> Option<&str> {
    let (major, minor) = text.split_once('.')?;
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (digits(major) && digits(minor) && text.len() < 8).then_some(text)
}

/// `81559 MiB`; the unit is not always there.
fn mebibytes(text: &str) -> Option<u64> {
    let number: u64 = text.strip_suffix("MiB").unwrap_or(text).trim().parse().ok()?;
    number
        .checked_mul(1 << 20)
        .filter(|bytes| (1..=crate::domain::capability::MAX_MEMORY_BYTES).contains(bytes))
}

/// Adds the parts of divided cards.
fn divide(cards: Vec<Device>, list: &Completion, found: &mut Found) {
    let text = match list {
        Completion::Exited(output) if output.exit.code == Some(0) && !output.stdout.truncated => {
            &output.stdout.text
        }
        _ => {
            let failure = list.failure().unwrap_or_else(|| "printed too much".to_owned());
            let why = format!("{TOOL} -L, which lists the parts of devices in MIG mode, {failure}");
            found.errors.push(unknown(VENDOR, &why));
            return;
        }
    };
    let parts = parts(text);
    for card in cards {
        let (number, model) = (card.card, &card.accelerator.model);
        let Some((_, parts)) = parts.iter().find(|(uuid, _)| *uuid == card.accelerator.uuid) else {
            let why = format!("{TOOL} -L does not list device {number}, which is in MIG mode");
            found.errors.push(unknown(VENDOR, &why));
            continue;
        };
        if parts.is_empty() {
            found.notes.push(format!(
                "device {number} ({model}) is in MIG mode and has no instance, so it is not used; \
                 create instances, or turn MIG mode off"
            ));
        }
        found.devices.extend(parts.iter().map(|(profile, uuid)| Device {
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

/// Each card's UUID, with the profiles and UUIDs of its parts.
fn parts(list: &str) -> Vec<(&str, Vec<(&str, &str)>)> {
    let mut cards: Vec<(&str, Vec<(&str, &str)>)> = Vec::new();
    for line in list.lines() {
        let uuid =
            line.rsplit_once("UUID: ").map(|(_, rest)| rest.trim_end_matches([')', ' ', '\r']));
        let Some(uuid) = uuid.filter(|uuid| is_uuid(uuid)) else { continue };
        match (line.trim_start().strip_prefix("MIG "), cards.last_mut()) {
            (None, _) => cards.push((uuid, Vec::new())),
            (Some(part), Some((_, parts))) => {
                parts.push((part.split_whitespace().next().unwrap_or_default(), uuid));
            }
            (Some(_), None) => {}
        }
    }
    cards
}

/// `3g.40gb`, also with `+me` behind. `1c.3g.40gb` is a third of such an instance, which
/// shares the memory of the whole.
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
            include_str!(concat!("../../tests/data/detect/", $name))
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
    fn real_listings_are_understood() {
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
    fn memory_that_is_not_reported_is_unknown_or_that_of_the_machine() {
        let memory = |line: &str| row(line).expect("a device").device.accelerator.memory_bytes;
        assert_eq!(memory("0, NVIDIA GB10, GPU-1, [N/A], 12.1, [N/A]"), HOST);
        assert_eq!(memory("0, Orin (nvgpu), N/A, [Not Supported], 8.7, [N/A]"), HOST);
        assert_eq!(memory("0, NVIDIA A10, GPU-1, [N/A], 8.6, [N/A]"), 0);
        // A failure says nothing about the memory of the machine.
        assert_eq!(memory("0, NVIDIA GB10, GPU-1, [Unknown Error], 12.1, [N/A]"), 0);
        for text in ["[Insufficient Permissions]", "", "-1 MiB", "0 MiB", "much", "9 GiB"] {
            assert_eq!(memory(&format!("0, A, GPU-1, {text}, 8.0, Disabled")), 0, "{text}");
        }
    }

    #[test]
    fn a_field_that_is_not_of_its_form_makes_no_device() {
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
        assert!(comma.divided);
        let odd = row("1, NVIDIA A100, GPU-1f, 1024 MiB, [Unknown Error], [Unknown Error]");
        assert_eq!(odd.expect("a device").device.accelerator.architecture, "");
    }

    #[test]
    fn warnings_around_a_listing_change_nothing() {
        let rows = "0, A, GPU-1, 1024 MiB, 8.0, Disabled\n";
        let text = format!("WARNING: infoROM is corrupted\n\n{HEADER}\n{rows}warning: again\n");
        assert_eq!(devices(&text), devices(&format!("{HEADER}\n{rows}")));
        let twice = Listing::of(&format!("{HEADER}\n{rows}{rows}"), HOST).expect("a header");
        assert_eq!((twice.rows.len(), twice.unusable.len()), (1, 1));
    }

    #[test]
    fn a_device_in_mig_mode_is_its_parts() {
        let mut card = devices(sample!("nvidia-h100-mig-query-gpu-full.csv.txt")).remove(0);
        card.uuid = "GPU-00000000-0000-0000-0000-000000000000".to_owned();
        let card =
            Device { accelerator: card, card: 0, card_uuid: String::new(), integrated: false };
        let listed = |text: &str| {
            let mut found = Found::default();
            let output = crate::sys::process::recorded::exited(0, text, "");
            divide(vec![card.clone()], &output, &mut found);
            found
        };
        let found = listed(sample!("nvidia-h100-mig-list.txt"));
        let memory: Vec<_> =
            found.devices.iter().map(|d| d.accelerator.memory_bytes >> 30).collect();
        assert_eq!(memory, [40, 20, 10, 10]);
        let sound = |d: &Device| {
            d.accelerator.uuid.starts_with("MIG-")
                && d.accelerator.architecture == "9.0"
                && d.card_uuid == card.accelerator.uuid
        };
        assert!(found.devices.iter().all(sound), "{found:?}");
        let bare = listed("GPU 0: NVIDIA H100 (UUID: GPU-00000000-0000-0000-0000-000000000000)\n");
        assert_eq!((bare.devices.len(), bare.notes.len(), bare.errors.len()), (0, 1, 0));
        let other = listed("GPU 0: NVIDIA H100 (UUID: GPU-1)\n");
        assert_eq!((other.devices.len(), other.errors.len()), (0, 1));
    }

    #[test]
    fn profiles_tell_their_memory() {
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
