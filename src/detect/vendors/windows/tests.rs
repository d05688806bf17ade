//! Tests with recorded outputs of Windows.

use super::{records, size_of, sizes};
use crate::detect::vendors::Devices;
use crate::detect::vendors::tests::{detected, sample, unusable, usable};
use crate::domain::text::decode_lossy;
use crate::sys::process::{Completion, exited};

const CARD: &str = r#"{"Name":"NVIDIA GeForce RTX 4070 Ti","AdapterRAM":4293918720,
    "DriverVersion":"31.0.15.1","PNPDeviceID":"PCI\\VEN_10DE&DEV_2782"}"#;
const GRAPHICS: &str = r#"{"Name":"AMD Radeon(TM) Graphics","AdapterRAM":536870912,
    "DriverVersion":"31.0.1","PNPDeviceID":"PCI\\VEN_1002&DEV_164E","ConfigManagerErrorCode":0}"#;
const REGISTRY: &str = r#"[{"DriverDesc":"AMD Radeon Graphics","HardwareInformation.qwMemorySize":536870912},
    {"DriverDesc":"NVIDIA GeForce RTX 4070 Ti","HardwareInformation.qwMemorySize":[0,0,160,255,2,0,0,0]}]"#;

fn windows(controllers: &str, accelerators: &str, nvidia: &Completion) -> Devices {
    detected(&[("Windows/System32/x", "")], |line| match line {
        line if line.starts_with("nvidia-smi") => nvidia.clone(),
        line if line.contains("Win32_VideoController") => exited(0, controllers, ""),
        line if line.contains("qwMemorySize") => exited(0, REGISTRY, ""),
        line if line.contains("ComputeAccelerator") => exited(0, accelerators, ""),
        _ => Completion::NotFound,
    })
}

#[test]
fn memory_is_that_of_the_registry() {
    let amd = "amd 0 | AMD Radeon(TM) Graphics | PCI\\VEN_1002&DEV_164E | 512 MiB of registry | 31.0.1 | \
               rocm=Hardware";
    let virtual_ones = r#"{"Name":"Microsoft Remote Display Adapter","PNPDeviceID":"SWD\\REMOTEDISPLAYENUM"},
        {"Name":"Parsec Virtual Display Adapter","PNPDeviceID":"ROOT\\DISPLAY\\0000"},
        {"Name":"Microsoft Basic Display Adapter","PNPDeviceID":"PCI\\VEN_1414&DEV_8E"}"#;
    let found = windows(&format!("[{virtual_ones},{GRAPHICS},{CARD}]"), "", &Completion::NotFound);
    assert_eq!(usable(&found), [amd]);
    assert_eq!(
        unusable(&found),
        [
            "nvidia 0 | NVIDIA GeForce RTX 4070 Ti | PCI\\VEN_10DE&DEV_2782 | 12282 MiB of registry | 31.0.15.1 | \
          cuda=Hardware | Degraded: nvidia-smi is not installed, so the device cannot be inspected"
        ]
    );
    let wrapped = format!("{{\"value\":[{GRAPHICS},{virtual_ones}],\"Count\":4}}");
    let wrapped = windows(&wrapped, "{\"value\":[],\"Count\":0}", &Completion::NotFound);
    assert_eq!((usable(&wrapped), wrapped.errors), (vec![amd.to_owned()], Vec::new()));
    let one = windows(GRAPHICS, "", &Completion::NotFound);
    assert_eq!(usable(&one), [amd], "one device is not a list");
    let none = windows("", "", &Completion::NotFound);
    assert_eq!((none.accelerators.len(), none.errors.len()), (0, 0));
}

#[test]
fn nvidia_devices_are_those_of_its_tool() {
    let row =
        "index, name, uuid, memory.total [MiB]\n0, NVIDIA GeForce RTX 4070 Ti, GPU-1, 12282 MiB\n";
    let found = windows(CARD, "", &exited(0, row, ""));
    assert_eq!(
        usable(&found),
        ["nvidia 0 | NVIDIA GeForce RTX 4070 Ti | GPU-1 | 12282 MiB of nvidia-smi | cuda=Driver"]
    );
    assert_eq!(found.unusable, []);
    let failed = windows(CARD, "", &exited(9, "NVIDIA-SMI has failed", ""));
    let [device] = &failed.unusable[..] else { panic!("{:?}", failed.unusable) };
    assert!(device.reason.contains("NVIDIA-SMI has failed"), "{device:?}");
    assert_eq!(device.memory_bytes, 12_878_610_432, "as nvidia-smi reports");
}

#[test]
fn processors_for_neural_networks_are_listed() {
    let text = r#"[{"Name":"Intel(R) AI Boost","PNPDeviceID":"PCI\\VEN_8086&DEV_7D1D"},
        {"Name":"Qualcomm(R) Hexagon(TM) NPU","PNPDeviceID":"ACPI\\QCOM0D0A"},
        {"Name":"NPU Compute Accelerator Device","PNPDeviceID":"PCI\\VEN_1022&DEV_1502","ConfigManagerErrorCode":43}]"#;
    let found = windows("[]", text, &Completion::NotFound);
    assert_eq!(
        usable(&found),
        [
            "intel 0 | Intel(R) AI Boost | PCI\\VEN_8086&DEV_7D1D | openvino=Hardware",
            "qualcomm 1 | Qualcomm(R) Hexagon(TM) NPU | ACPI\\QCOM0D0A | qnn=Hardware",
        ]
    );
    assert!(
        unusable(&found)[0]
            .ends_with("Degraded: Windows reports the problem code 43 for the device")
    );
}

#[test]
fn the_recorded_dump_is_read_without_its_wrong_memory() {
    let bytes = include_bytes!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/detect/windows-wmi-videocontroller-nvidia-geforce-rtx-2060-super.txt"
    ));
    let text = decode_lossy(bytes);
    assert_eq!(records(&text).len(), 1);
    let found = windows(&text, "", &Completion::NotFound);
    assert_eq!(
        unusable(&found),
        ["nvidia 0 | NVIDIA GeForce RTX 2060 SUPER | \
          PCI\\VEN_10DE&DEV_1F06&SUBSYS_1339196E&REV_A1\\4&2F503515&0&0019 | 31.0.15.1694 | cuda=Hardware | \
          Degraded: nvidia-smi is not installed, so the device cannot be inspected"]
    );
}

#[test]
fn sizes_are_paired_by_name() {
    let sizes = sizes(&records(
        r#"[{"DriverDesc":"AMD Radeon RX 7900 XTX","HardwareInformation.qwMemorySize":25753026560},
        {"DriverDesc":"Intel(R) UHD Graphics","HardwareInformation.qwMemorySize":1048576},
        {"DriverDesc":"NVIDIA RTX A","HardwareInformation.qwMemorySize":"8589934592"},
        {"DriverDesc":"NVIDIA RTX B","HardwareInformation.qwMemorySize":4294967296},
        {"DriverDesc":null}]"#,
    ));
    for (name, size) in [
        ("AMD Radeon(TM) RX 7900 XTX", Some(25_753_026_560)),
        ("Radeon RX 7900 XTX", Some(25_753_026_560)),
        ("Intel(R) UHD Graphics", None),
        ("NVIDIA RTX", None),
        ("NVIDIA RTX B", Some(4 << 30)),
        ("Other", None),
    ] {
        assert_eq!(size_of(name, &sizes), size, "{name}");
    }
}

/// The result if the queries of Windows end in this way.
fn queried(query: &Completion, nvidia: &Completion) -> Devices {
    detected(&[("Windows/System32/x", "")], |line| match line {
        line if line.starts_with("nvidia-smi") => nvidia.clone(),
        line if line.starts_with("powershell") => query.clone(),
        _ => Completion::NotFound,
    })
}

#[test]
fn a_query_that_fails_is_not_a_machine_without_devices() {
    let denied = "Get-CimInstance : Access denied";
    for query in [
        Completion::NotFound,
        exited(1, "", denied),
        exited(0, "", denied),
        exited(0, "Zugriff verweigert", ""),
        exited(0, "{\"Meldung\": \"Zugriff verweigert\"}", ""),
        Completion::NotStarted("no memory".to_owned()),
    ] {
        let found = queried(&query, &Completion::NotFound);
        assert_eq!(found.errors.len(), 2, "{query:?}: {:?}", found.errors);
        assert!(found.errors[0].starts_with("cannot detect graphics devices: "), "{query:?}");
    }
    for query in [exited(0, "", ""), exited(0, "[]", ""), exited(0, "WARNING: x\r\n[]\r\n", "")] {
        assert_eq!(queried(&query, &Completion::NotFound).errors, [""; 0], "{query:?}");
    }
    // The older tool has the display controllers.
    let list = "\r\nConfigManagerErrorCode=0\r\nName=AMD Radeon RX 6800\r\nPNPDeviceID=PCI\\VEN_1002&amp;DEV_73BF\r\n";
    let found = detected(&[("Windows/System32/x", "")], |line| match line {
        line if line.starts_with("wmic path Win32_VideoController") => exited(0, list, ""),
        _ => Completion::NotFound,
    });
    assert_eq!(found.accelerators[0].model, "AMD Radeon RX 6800");
}

/// Controllers with these names and problem codes.
fn cards(cards: &[(&str, u32)]) -> String {
    let card = |(at, (name, code)): (usize, &(&str, u32))| {
        format!(
            "{{\"Name\":\"{name}\",\"PNPDeviceID\":\"PCI\\\\VEN_10DE&{at}\",\"ConfigManagerErrorCode\":{code}}}"
        )
    };
    format!("[{}]", cards.iter().enumerate().map(card).collect::<Vec<_>>().join(","))
}

#[test]
fn the_reason_why_an_nvidia_device_is_not_listed_is_the_true_one() {
    let listed = |names: &[&str]| {
        let row = |(at, name): (usize, &&str)| format!("{at}, {name}, GPU-{at}, 1024 MiB\n");
        let rows: String = names.iter().enumerate().map(row).collect();
        exited(0, &format!("index, name, uuid, memory.total [MiB]\n{rows}"), "")
    };
    let none = exited(6, "No devices were found\n", "");
    for (controllers, nvidia, usable, reasons) in [
        (&[("RTX A", 0)][..], Completion::NotFound, 0, &["nvidia-smi is not installed"][..]),
        (&[("RTX A", 0)], none.clone(), 0, &["nvidia-smi reports no device"]),
        (
            &[("RTX A", 43)],
            none,
            0,
            &["the problem code 43 for the device, and nvidia-smi reports"],
        ),
        (&[("RTX A", 0), ("RTX A", 43)], listed(&["RTX A"]), 1, &["the problem code 43"]),
        (&[("RTX A", 43), ("RTX A", 0)], listed(&["RTX A"]), 1, &["the problem code 43"]),
        (&[("RTX A", 0), ("RTX B", 0)], listed(&["RTX B"]), 1, &["nvidia-smi does not list"]),
        (&[("RTX A", 0), ("RTX B", 0)], listed(&["RTX B", "RTX A"]), 2, &[]),
        (&[("Quadro", 0)], listed(&["NVIDIA T4"]), 1, &[]),
        (&[], listed(&["Tesla T4"]), 1, &[]),
        (
            &[("RTX A", 0), ("RTX B", 0)],
            exited(9, "NVIDIA-SMI has failed", ""),
            0,
            &["NVIDIA-SMI has failed", "NVIDIA-SMI has failed"],
        ),
    ] {
        let found = windows(&cards(controllers), "[]", &nvidia);
        let given: Vec<&str> = found.unusable.iter().map(|d| d.reason.as_str()).collect();
        assert_eq!(given.len(), reasons.len(), "{controllers:?}: {given:?}");
        for (given, expected) in given.iter().zip(reasons) {
            assert!(given.contains(expected), "{controllers:?}: {given}");
        }
        assert_eq!(found.accelerators.len(), usable, "{controllers:?}");
    }
}

#[test]
fn a_powershell_that_fails_is_replaced_by_wmic() {
    let controllers = "Name=AMD Radeon\r\nPNPDeviceID=PCI\\VEN_1002&amp;DEV_164E\r\n\r\n";
    let networks = "Name=NPU\r\nPNPDeviceID=PCI\\VEN_1022&amp;DEV_1502\r\n\r\n";
    for failed in [Completion::NotFound, exited(1, "", "blocked by policy")] {
        let found = detected(&[("Windows/System32/x", "")], |line| match line {
            line if line.starts_with("powershell") => failed.clone(),
            line if line.starts_with("wmic path Win32_VideoController") => {
                exited(0, controllers, "")
            }
            line if line.starts_with("wmic path Win32_PnPEntity") => exited(0, networks, ""),
            _ => Completion::NotFound,
        });
        assert_eq!(
            usable(&found),
            [
                "amd 0 | AMD Radeon | PCI\\VEN_1002&DEV_164E | rocm=Hardware",
                "amd 1 | NPU | PCI\\VEN_1022&DEV_1502 | npu=Hardware",
            ],
            "{failed:?}"
        );
        assert_eq!(found.errors, [""; 0], "{failed:?}");
    }
}

#[test]
fn wmic_reports_in_any_language_that_there_is_no_record() {
    let controllers = "Name=AMD Radeon\r\nPNPDeviceID=PCI\\VEN_1002&amp;DEV_164E\r\n\r\n";
    let with = |networks: &Completion| {
        detected(&[("Windows/System32/x", "")], |line| match line {
            line if line.starts_with("wmic path Win32_VideoController") => {
                exited(0, controllers, "")
            }
            line if line.starts_with("wmic path Win32_PnPEntity") => networks.clone(),
            _ => Completion::NotFound,
        })
    };
    let none = with(&exited(0, "\r\n", "Keine Instanzen verfügbar.\r\n"));
    assert_eq!((none.accelerators.len(), &*none.errors), (1, &[][..]));
    let note = "the memory of graphics devices is unknown: powershell is not installed";
    assert!(none.notes.iter().any(|given| given == note), "{:?}", none.notes);
    let failed = with(&exited(-2_147_217_392, "", "Beschreibung = Ungültige Klasse"));
    assert_eq!(failed.errors.len(), 1, "{:?}", failed.errors);
}

/// Measured on two machines: the field of 32 bits is wrong for the larger card alone.
#[test]
fn the_recorded_sizes_of_the_registry_are_used() {
    let capture = sample!("windows-adapterram-vs-registry.txt");
    let row = |name: &str| -> Vec<&str> {
        let line = capture.lines().find(|line| line.starts_with(name)).expect(name);
        line.split(", ").skip(1).collect()
    };
    let (field, registry) = (row("Win32_VideoController"), row("HardwareInformation"));
    let names = ["Radeon A", "Radeon B", "Radeon C"];
    let records = |one: &dyn Fn(usize) -> String| -> String {
        format!("[{}]", (0..3).map(one).collect::<Vec<_>>().join(","))
    };
    let controllers = records(&|at| {
        let (name, size) = (names[at], field[at]);
        format!(
            "{{\"Name\":\"{name}\",\"AdapterRAM\":{size},\"PNPDeviceID\":\"PCI\\\\VEN_1002&{at}\"}}"
        )
    });
    let sizes = records(&|at| {
        let (name, size) = (names[at], registry[at]);
        format!("{{\"DriverDesc\":\"{name}\",\"HardwareInformation.qwMemorySize\":{size}}}")
    });
    let found = detected(&[("Windows/System32/x", "")], |line| match line {
        line if line.contains("Win32_VideoController") => exited(0, &controllers, ""),
        line if line.contains("qwMemorySize") => exited(0, &sizes, ""),
        line if line.starts_with("powershell") => exited(0, "[]", ""),
        _ => Completion::NotFound,
    });
    let memory: Vec<u64> = found.accelerators.iter().map(|device| device.memory_bytes).collect();
    assert_eq!(memory, [12_282 << 20, 512 << 20, 512 << 20]);
    assert_ne!(field[0], registry[0]);
}
