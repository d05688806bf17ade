//! NVIDIA devices, as `nvidia-smi` lists them.
//!
//! Columns are found by the header, so warnings before it and units do no harm. A device in
//! MIG mode stands for its parts, which `-L` names.

use super::{CommandRunner, Found, gist, product};
use crate::domain::accelerator::{Accelerator, Backend, Vendor};

const QUERY: &str = "--query-gpu=index,name,uuid,memory.total,compute_cap,mig.mode.current";
/// Drivers before 510 do not know the compute capability.
const OLD_QUERY: &str = "--query-gpu=index,name,uuid,memory.total";

pub(super) async fn look(runner: &dyn CommandRunner) -> Found {
    let Some(mut output) = runner.run("nvidia-smi", &[QUERY, "--format=csv"]).await else {
        return Found::default();
    };
    if output.contains("is not a valid field") {
        output = runner.run("nvidia-smi", &[OLD_QUERY, "--format=csv"]).await.unwrap_or_default();
    }
    let devices = parse(&output);
    if devices.is_empty() {
        let notes = vec![format!("nvidia-smi lists no device: {}", gist(&output))];
        return Found { devices, notes };
    }
    if output.lines().any(|line| line.split(", ").any(|cell| cell == "Enabled")) {
        let list = runner.run("nvidia-smi", &["-L"]).await.unwrap_or_default();
        return with_parts(devices, &list);
    }
    let notes = devices
        .iter()
        .filter(|device| device.memory_bytes == 0)
        .map(|device| format!("{} does not tell its memory; it may be shared", device.model))
        .collect();
    Found { devices, notes }
}

fn parse(output: &str) -> Vec<Accelerator> {
    let mut lines = output.lines().map(cells);
    let named = |cell: &&str, name: &str| {
        cell.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(" ["))
    };
    let has = |cells: &Vec<&str>, name| cells.iter().any(|cell| named(cell, name));
    let Some(header) = lines.find(|cells| has(cells, "name") && has(cells, "uuid")) else {
        return Vec::new();
    };
    let column = |name: &str| header.iter().position(|cell| named(cell, name));
    let columns = ["index", "name", "uuid", "memory.total", "compute_cap"].map(column);
    let device = |(line, cells): (usize, Vec<&str>)| {
        let [index, name, uuid, memory, capability] =
            columns.map(|column| column.and_then(|c| cells.get(c).copied()).filter(known));
        let index = index.and_then(|text| text.parse().ok());
        Some(Accelerator {
            index: index.or_else(|| u16::try_from(line).ok())?,
            vendor: Vendor::Nvidia,
            model: product(name?),
            uuid: uuid.unwrap_or_default().to_owned(),
            backend: Backend::Cuda,
            architecture: capability.unwrap_or_default().to_owned(),
            memory_bytes: memory.and_then(mebibytes).unwrap_or_default(),
        })
    };
    let rows = lines.filter(|cells| cells.len() == header.len()).enumerate();
    rows.filter_map(device).collect()
}

fn cells(line: &str) -> Vec<&str> {
    line.split(',').map(str::trim).collect()
}

fn known(cell: &&str) -> bool {
    !matches!(
        *cell,
        "" | "[N/A]" | "N/A" | "[Not Supported]" | "[Unknown Error]" | "[Insufficient Permissions]"
    )
}

fn mebibytes(text: &str) -> Option<u64> {
    let number: u64 = text.trim_end_matches("MiB").trim().parse().ok()?;
    number.checked_mul(1 << 20)
}

/// Replaces each device that is cut into parts by its parts.
fn with_parts(devices: Vec<Accelerator>, list: &str) -> Found {
    let mut found = Found::default();
    let mut parent: Option<&Accelerator> = None;
    let mut cut = Vec::new();
    for line in list.lines() {
        let uuid = line.rsplit_once("UUID: ").map(|(_, rest)| rest.trim_end_matches([')', ' ']));
        let Some(uuid) = uuid else { continue };
        let Some(part) = line.trim_start().strip_prefix("MIG ") else {
            parent = devices.iter().find(|device| device.uuid == uuid);
            continue;
        };
        let Some(device) = parent else { continue };
        let profile = part.split_whitespace().next().unwrap_or_default();
        cut.push(device.uuid.clone());
        found.devices.push(Accelerator {
            model: product(&format!("{} MIG {profile}", device.model)),
            uuid: uuid.to_owned(),
            memory_bytes: profile_bytes(profile),
            ..device.clone()
        });
    }
    let whole = devices.into_iter().filter(|device| !cut.contains(&device.uuid));
    found.devices.extend(whole);
    for (number, device) in found.devices.iter_mut().enumerate() {
        device.index = u16::try_from(number).unwrap_or(u16::MAX);
    }
    found.notes.push(format!("devices in MIG mode are offered as {} parts", cut.len()));
    found
}

/// `3g.40gb`, also with `+me` behind.
fn profile_bytes(profile: &str) -> u64 {
    let size = profile.split('.').nth(1).and_then(|text| text.split("gb").next());
    let size: Option<u64> = size.and_then(|text| text.parse().ok());
    size.unwrap_or_default().saturating_mul(1 << 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! sample {
        ($name:literal) => {
            include_str!(concat!("../../tests/data/detect/", $name))
        };
    }

    #[test]
    fn real_listings_are_understood() {
        let l40s = parse(sample!("nvidia-l40s-load-query-gpu-full.csv.txt"));
        assert_eq!(l40s.len(), 1);
        assert_eq!(l40s[0].model, "NVIDIA L40S");
        assert_eq!(l40s[0].architecture, "8.9");
        assert!(l40s[0].memory_bytes > 40 << 30, "{l40s:?}");
        assert!(l40s[0].uuid.starts_with("GPU-"));
        let windows = parse(sample!("nvidia-windows-rtx2080s-591-query-gpu-full.csv.txt"));
        assert_eq!(windows[0].architecture, "7.5");
        assert_eq!(windows[0].memory_bytes, 8 << 30);
    }

    #[test]
    fn missing_memory_is_zero_and_warnings_before_do_no_harm() {
        let text = "WARNING: infoROM is corrupted at gpu 0000:00:1E.0\n\
                    index, name, uuid, memory.total [MiB], compute_cap\n\
                    0, NVIDIA GB10, GPU-1, [N/A], 12.1\n";
        let devices = parse(text);
        assert_eq!((devices[0].memory_bytes, devices[0].architecture.as_str()), (0, "12.1"));
    }

    #[test]
    fn errors_are_no_devices() {
        for text in [
            sample!("nvidia-err-lib-mismatch-2lines.txt"),
            sample!("nvidia-err-no-devices.txt"),
            sample!("nvidia-err-no-driver.txt"),
            "",
        ] {
            assert_eq!(parse(text), []);
        }
    }

    #[test]
    fn a_device_in_mig_mode_is_its_parts() {
        let mut parent = parse(sample!("nvidia-h100-mig-query-gpu-full.csv.txt"));
        assert_eq!(parent.len(), 1);
        parent[0].uuid = "GPU-00000000-0000-0000-0000-000000000000".to_owned();
        let found = with_parts(parent, sample!("nvidia-h100-mig-list.txt"));
        let memory: Vec<_> = found.devices.iter().map(|d| d.memory_bytes >> 30).collect();
        assert_eq!(memory, [40, 20, 10, 10]);
        assert!(
            found.devices.iter().all(|d| d.uuid.starts_with("MIG-") && d.architecture == "9.0")
        );
        assert_eq!(found.devices[3].index, 3);
    }
}
