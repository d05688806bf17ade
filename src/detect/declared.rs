//! Devices that the table of back-ends declares: by their device files, or as a further back-end of
//! the devices of a vendor.
//!
//! Limit: [`MAX_FILES`] of one pattern.

use super::host::Host;
use crate::backends::Table;
use crate::backends::entry::Entry;
use crate::domain::accelerator::{Accelerator, Backend, Proof, Vendor};
use std::collections::{BTreeMap, BTreeSet};

/// Maximum number of device files of one pattern.
const MAX_FILES: usize = 64;

/// Adds the declared back-ends to the devices of their vendors, then the devices with files.
pub(super) fn add(host: &Host<'_>, table: &Table, devices: &mut Vec<Accelerator>) {
    for (backend, entry) in table.entries() {
        claim(backend, entry, devices);
    }
    let mut taken: BTreeSet<u16> = devices.iter().map(|device| device.index).collect();
    for (backend, entry) in table.entries() {
        for (number, path) in files(host, entry) {
            let Some(index) = (number..=u16::MAX).find(|index| !taken.contains(index)) else {
                continue;
            };
            taken.insert(index);
            devices.extend(device(index, number, &path, backend, entry));
        }
    }
}

/// Adds a back-end of a user to the devices of its vendor, with the proof that they have. For built-in
/// back-ends, the detector of the vendor decides.
fn claim(backend: Backend, entry: &Entry, devices: &mut [Accelerator]) {
    let vendor = entry.detect.as_ref().and_then(|detect| detect.vendor);
    if vendor.is_none() || Backend::BUILT_IN.contains(&backend) {
        return;
    }
    for device in devices.iter_mut().filter(|device| Some(device.vendor) == vendor) {
        let proof = device.backends.values().copied().max().unwrap_or(Proof::Hardware);
        device.backends.entry(backend).or_insert(proof);
    }
}

fn device(
    index: u16,
    number: u16,
    path: &str,
    backend: Backend,
    entry: &Entry,
) -> Option<Accelerator> {
    let vendor = entry.detect.as_ref().and_then(|detect| detect.vendor);
    // Without a vendor, the back-end gives the name.
    let vendor = vendor.or_else(|| Vendor::new(backend.name()).ok())?;
    let title = entry.title.as_deref().unwrap_or(backend.name());
    Some(Accelerator {
        uuid: path.to_owned(),
        number: (number != index).then_some(number),
        // The driver made the file.
        ..Accelerator::new(index, vendor, title).with_backend(backend)
    })
}

/// The device files of a back-end by the number of the device. A pattern without `*` is one file; such
/// files are numbered in the order of the table.
fn files(host: &Host<'_>, entry: &Entry) -> BTreeMap<u16, String> {
    let mut files = BTreeMap::new();
    let mut next = 0;
    for pattern in entry.detect.iter().flat_map(|detect| &detect.files) {
        if !pattern.contains('*') {
            if host.exists(pattern) {
                files.entry(next).or_insert_with(|| pattern.clone());
                next += 1;
            }
            continue;
        }
        let Some((directory, name)) = pattern.rsplit_once('/') else { continue };
        let Some((start, end)) = name.split_once('*') else { continue };
        let directory = if directory.is_empty() { "/" } else { directory };
        for found in host.list(directory).unwrap_or_default() {
            let number = found.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
            let digits = number.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let Some(number) = digits.and_then(|text| text.parse::<u16>().ok()) else { continue };
            if files.len() < MAX_FILES {
                files.entry(number).or_insert_with(|| format!("{directory}/{found}"));
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::tests::recorded;

    fn found(table: &str, files: &[(&str, &str)], before: Vec<Accelerator>) -> Vec<Accelerator> {
        let table = Table::built_in().merged(&format!("schema: 1\nbackends: {table}\n"));
        let table = table.expect("a table");
        recorded(files, |host| {
            let mut devices = before;
            add(host, &table, &mut devices);
            devices
        })
    }

    fn shown(devices: &[Accelerator]) -> Vec<String> {
        let one = |d: &Accelerator| {
            let backends: Vec<_> = d.backends.keys().map(Backend::name).collect();
            format!("{} {} {} {:?} {}", d.index, d.vendor, d.uuid, d.number, backends.join(","))
        };
        devices.iter().map(one).collect()
    }

    #[test]
    fn device_files_are_devices_with_the_number_in_their_name() {
        let files = [
            ("dev/toy0", ""),
            ("dev/toy12", ""),
            ("dev/toyctl", ""),
            ("dev/toy", ""),
            ("dev/x", ""),
        ];
        let table = "{ toy: { title: Toy, detect: { files: ['/dev/toy*'] } } }";
        let devices = found(table, &files, Vec::new());
        assert_eq!(shown(&devices), ["0 toy /dev/toy0 None toy", "12 toy /dev/toy12 None toy"]);
        assert_eq!(devices[0].model, "Toy");
        assert_eq!(devices[0].backends.values().copied().next(), Some(Proof::Driver));
        // A number that another vendor has.
        let card = Accelerator::new(0, Vendor::NVIDIA, "L4").with_backend(Backend::CUDA);
        let devices = found(table, &files, vec![card]);
        assert_eq!(shown(&devices)[1], "1 toy /dev/toy0 Some(0) toy");
        // Files without a number.
        let table = "{ toy: { detect: { files: [/dev/none, /dev/x, /dev/toy] } } }";
        let devices = found(table, &files, Vec::new());
        assert_eq!(shown(&devices), ["0 toy /dev/x None toy", "1 toy /dev/toy None toy"]);
    }

    #[test]
    fn built_in_rows_find_their_device_files() {
        let files = [
            ("dev/tenstorrent/0", ""),
            ("dev/tenstorrent/by-id/x", ""),
            ("dev/rbln0", ""),
            ("sys/class/rngd_mgmt/rngd!npu3mgmt", ""),
        ];
        assert_eq!(
            shown(&found("{}", &files, Vec::new())),
            [
                "3 furiosa /sys/class/rngd_mgmt/rngd!npu3mgmt None furiosa",
                "0 rebellions /dev/rbln0 None rebellions",
                "1 tenstorrent /dev/tenstorrent/0 Some(0) tenstorrent",
            ]
        );
    }

    #[test]
    fn a_back_end_of_a_user_has_the_proof_of_its_vendors_devices() {
        let card = Accelerator::new(0, Vendor::NVIDIA, "L4").with_backend(Backend::CUDA);
        let mut bare = Accelerator::new(1, Vendor::NVIDIA, "L4");
        bare.backends.insert(Backend::CUDA, Proof::Hardware);
        let amd = Accelerator::new(2, Vendor::AMD, "X").with_backend(Backend::ROCM);
        let devices =
            found("{ trt: { detect: { vendor: nvidia } } }", &[], vec![card, bare, amd.clone()]);
        let trt = Backend::new("trt").expect("a name");
        assert_eq!(devices[0].backends[&trt], Proof::Driver);
        assert_eq!(devices[1].backends[&trt], Proof::Hardware);
        assert_eq!(devices[2], amd);
    }
}
