//! Tests with recorded outputs of `xpu-smi`, and with files of the kernel.

use crate::detect::vendors::tests::{detected, sample, unusable, usable};
use crate::sys::process::{Completion, crashed, exited};

const MEMORY: (&str, &str) = ("proc/meminfo", "MemTotal: 16777216 kB\n");

fn card(driver: &'static str, bus: &'static str) -> [(&'static str, String); 3] {
    [
        ("sys/class/drm/card1/device/vendor", "0x8086\n".to_owned()),
        ("sys/class/drm/card1/device/device", "0x56a0\n".to_owned()),
        (
            "sys/class/drm/card1/device/uevent",
            format!("DRIVER={driver}\nPCI_CLASS=30000\nPCI_SLOT_NAME=0000:{bus}:00.0\n"),
        ),
    ]
}

fn kernel(
    driver: &'static str,
    bus: &'static str,
    more: &[(&str, &str)],
) -> crate::detect::vendors::Devices {
    let card = card(driver, bus);
    let mut files: Vec<(&str, &str)> =
        card.iter().map(|(path, text)| (*path, text.as_str())).collect();
    files.push(MEMORY);
    files.extend(more);
    detected(&files, |_| Completion::NotFound)
}

#[test]
fn each_listed_device_is_queried_for_its_memory() {
    let list = sample!("intel-xpu-smi-discovery-max1100.json.txt");
    let first = sample!("intel-xpu-smi-discovery-d0-max1100.json.txt");
    let found = detected(&[], |line| match line {
        "xpu-smi discovery -j" => exited(0, list, "warning"),
        "xpu-smi discovery -d 0 -j" => exited(0, first, ""),
        "xpu-smi discovery -d 1 -j" => exited(1, "{\"error\": \"device not found\"}", ""),
        _ => Completion::NotFound,
    });
    let name = "Intel(R) Data Center GPU Max 1100";
    assert_eq!(
        usable(&found),
        [
            format!(
                "intel 0 | {name} | 00000000-0000-0029-0000-002f0bda8086 | 49136 MiB of xpu-smi | \
                 I915_23.10.72_PSB_231129.76 | openvino=Hardware,xpu=Driver"
            ),
            format!(
                "intel 1 | {name} | 00000000-0000-009a-0000-002f0bda8086 | openvino=Hardware,xpu=Driver"
            ),
        ]
    );
    assert_eq!(found.notes.len(), 1, "the memory of the second is unknown: {:?}", found.notes);
}

#[test]
fn the_other_forms_of_the_list_are_read() {
    let text = r#"{"DEVICES": [{"Device_ID": "0", "Device_Name": "Intel Arc", "PCI_BDF_Address": "0000:03:00.0",
        "memory_physical_size_byte": 17079205888}]}"#;
    let list = text.trim_start_matches("{\"DEVICES\": ").trim_end_matches('}').to_owned();
    for text in [text.to_owned(), list] {
        let found = detected(&[], |line| match line {
            "xpu-smi discovery -j" => exited(0, &text, "[]"),
            _ => Completion::NotFound,
        });
        assert_eq!(
            usable(&found),
            [
                "intel 0 | Intel Arc | 0000:03:00.0 | 16288 MiB of xpu-smi | openvino=Hardware,xpu=Driver"
            ]
        );
    }
}

#[test]
fn a_failed_tool_is_a_degraded_device() {
    for completion in [exited(1, "{\"error\": \"level zero not initialized\"}", ""), crashed(6)] {
        let found = detected(&[], |line| match line.split(' ').next() {
            Some("xpu-smi") => completion.clone(),
            _ => Completion::NotFound,
        });
        assert_eq!((found.accelerators.len(), found.unusable.len(), found.errors.len()), (0, 1, 1));
    }
    let none = detected(&[], |line| match line.split(' ').next() {
        Some("xpu-smi") => exited(0, "{\"device_list\": []}", ""),
        _ => Completion::NotFound,
    });
    assert_eq!((none.unusable.len(), none.errors.len()), (0, 0));
}

#[test]
fn devices_are_found_in_the_files_of_the_drivers() {
    let i915 = kernel("i915", "03", &[("sys/class/drm/card1/lmem_total_bytes", "17179869184\n")]);
    let discrete = |driver: &str, memory: &str| {
        format!(
            "intel 0 | PCI device 8086:56a0 | 0000:03:00.0 | {memory} of sysfs | {driver} | \
             openvino=Hardware,xpu=Driver"
        )
    };
    assert_eq!(usable(&i915), [discrete("i915", "16384 MiB")]);
    let tiles = [
        ("sys/class/drm/card1/device/tile0/physical_vram_size_bytes", "17179869184\n"),
        ("sys/class/drm/card1/device/tile1/physical_vram_size_bytes", "17179869184\n"),
    ];
    assert_eq!(usable(&kernel("xe", "03", &tiles)), [discrete("xe", "32768 MiB")]);
    let integrated = kernel("i915", "00", &[]);
    assert_eq!(
        usable(&integrated),
        [
            "intel 0 | PCI device 8086:56a0 (integrated) | 0000:00:00.0 | 16384 MiB of system memory | unified | \
          i915 | openvino=Hardware,xpu=Hardware"
        ]
    );
    assert_eq!(integrated.accelerators[0].offered().count(), 0);
}

#[test]
fn a_device_that_a_container_does_not_have_is_not_usable() {
    let without_file = kernel("xe", "03", &[("dev/null", "")]);
    assert_eq!(without_file.accelerators, []);
    assert!(
        unusable(&without_file)[0].contains("Unusable: the files of the device"),
        "{without_file:?}"
    );
    let with_file = kernel("xe", "03", &[("dev/dri/card1", "")]);
    assert_eq!(with_file.accelerators.len(), 1);
    let integrated = kernel("i915", "00", &[("dev/null", "")]);
    assert_eq!((integrated.accelerators.len(), integrated.unusable.len()), (0, 0));
}

#[test]
fn entries_that_cannot_be_read_and_devices_that_are_left_out_are_reported() {
    let text = r#"{"device_list": [{"device_id": 0, "device_name": "A", "pci_bdf_address": "0000:4d:00.0",
        "memory_physical_size_byte": "1073741824"}, {"device_id": "?", "device_name": "B"},
        {"device_id": 2, "device_name": "C", "memory_physical_size_byte": "1073741824"}]}"#;
    let list = |text: String| {
        move |line: &str| match line {
            "xpu-smi discovery -j" => exited(0, &text, ""),
            _ => Completion::NotFound,
        }
    };
    let found = detected(&[], list(text.to_owned()));
    let numbers: Vec<_> = found.accelerators.iter().map(|device| device.index).collect();
    assert_eq!((numbers, found.errors.len()), (vec![0, 2], 1));
    assert!(unusable(&found)[0].starts_with("intel 1 | unknown"), "{found:?}");
    assert!(unusable(&found)[0].contains("devicename"), "{found:?}");
    // The tool does not know every product.
    let card = card("xe", "03");
    let mut files: Vec<(&str, &str)> =
        card.iter().map(|(path, text)| (*path, text.as_str())).collect();
    files.push(("sys/class/drm/card1/lmem_total_bytes", "17179869184\n"));
    let one = r#"{"device_list": [{"device_id": 0, "device_name": "A", "pci_bdf_address": "0000:4d:00.0",
        "memory_physical_size_byte": "1073741824"}]}"#;
    for (text, count) in [(one, 2), (r#"{"device_list": []}"#, 1)] {
        let found = detected(&files, list(text.to_owned()));
        assert_eq!((found.accelerators.len(), found.errors.len()), (count, 0), "{found:?}");
        let arc = found.accelerators.last().expect("a device");
        assert_eq!((arc.uuid.as_str(), arc.offered().count()), ("0000:03:00.0", 0));
    }
    // A tool that fails makes it degraded.
    let found = detected(&files, |line| match line.split(' ').next() {
        Some("xpu-smi") => crashed(6),
        _ => Completion::NotFound,
    });
    assert_eq!((found.accelerators.len(), found.errors.len()), (0, 1));
    assert!(unusable(&found)[0].contains("8086:56a0") && unusable(&found)[0].contains("Degraded"));
}

#[test]
fn a_device_without_a_driver_is_degraded() {
    let device = |address: &str, class: &str, driver: &str| {
        let directory = format!("sys/bus/pci/devices/{address}");
        [
            (format!("{directory}/vendor"), "0x8086\n".to_owned()),
            (format!("{directory}/class"), format!("{class}\n")),
            (format!("{directory}/device"), "0x56a0\n".to_owned()),
            (format!("{directory}/uevent"), format!("{driver}PCI_CLASS=38000\n")),
        ]
    };
    let files = [
        device("0000:03:00.0", "0x030000", ""),
        device("0000:00:0b.0", "0x120000", ""),
        device("0000:00:1f.0", "0x060100", ""),
    ];
    let files: Vec<(&str, &str)> =
        files.iter().flatten().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let found = detected(&files, |_| Completion::NotFound);
    assert_eq!(
        unusable(&found),
        [
            "intel 0 | PCI device 8086:56a0 | 0000:03:00.0 | xpu=Hardware | Degraded: no driver controls \
             the device; it needs i915 or xe",
            "intel 0 | PCI device 8086:56a0 | 0000:00:0b.0 | openvino=Hardware | Degraded: no driver \
             controls the device; it needs intel_vpu",
        ]
    );
    assert_eq!((found.accelerators.len(), found.errors.len(), found.notes.len()), (0, 0, 2));
}
