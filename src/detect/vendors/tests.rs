//! Tests of the detection of all vendors together, and what the tests of each vendor share.

use super::{Devices, VisibleDevices, detect};
use crate::detect::host::{Host, Waiting};
use crate::detect::platform;
use crate::detect::tests::root;
use crate::domain::accelerator::{Accelerator, DeviceState, Vendor};
use crate::sys::process::{Call, Completion, Limits, Runner, crashed, exited};
use futures::FutureExt;
use futures::future::BoxFuture;
use proptest::prelude::*;

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/detect/", $name))
    };
}
pub(in crate::detect::vendors) use sample;

/// A runner that answers each command line, in which words are separated by blanks.
struct Tools<F>(F);

impl<F: Fn(&str) -> Completion + Send + Sync> Runner for Tools<F> {
    fn run<'a>(&'a self, call: &'a Call, _: Limits) -> BoxFuture<'a, Completion> {
        let words = std::iter::once(&call.program).chain(&call.args);
        let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
        futures::future::ready((self.0)(&words.join(" "))).boxed()
    }
}

/// The devices of a machine with these files and tools.
pub(in crate::detect::vendors) fn detected(
    files: &[(&str, &str)],
    tools: impl Fn(&str) -> Completion + Send + Sync,
) -> Devices {
    let directory = root(files);
    let tools = Tools(tools);
    let host = Host::recorded(&tools, directory.path(), Waiting::SILENT);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(async {
        let machine = platform::of_system(host.system).machine(&host).await;
        detect(&host, &machine, &VisibleDevices::default()).await
    })
}

/// A machine with one tool, which prints a text for every call.
pub(in crate::detect::vendors) fn printing(tool: &str, text: &str) -> Devices {
    detected(&[], |line| {
        let is_called = line.split(' ').next() == Some(tool);
        if is_called { exited(0, text, "") } else { Completion::NotFound }
    })
}

/// All facts of a device in one line; unknown ones are left out.
pub(in crate::detect::vendors) fn facts(device: &Accelerator) -> String {
    let backends: Vec<String> =
        device.backends.iter().map(|(name, proof)| format!("{name}={proof:?}")).collect();
    let memory = if device.memory_bytes > 0 {
        let rest = device.memory_bytes % (1 << 20);
        let size = if rest == 0 {
            format!("{} MiB", device.memory_bytes >> 20)
        } else {
            format!("{} B", device.memory_bytes)
        };
        let estimated = if device.memory_estimated { "about " } else { "" };
        format!("{estimated}{size} of {}", device.memory_source)
    } else {
        assert_eq!(device.memory_source, "", "the source of an unknown memory");
        String::new()
    };
    let state = match device.state {
        DeviceState::Ok => String::new(),
        state => format!("{state:?}: {}", device.reason),
    };
    assert_eq!(device.state == DeviceState::Ok, device.reason.is_empty());
    let part = &device.partition_of;
    let parts = [
        format!("{} {}", device.vendor, device.index),
        device.model.clone(),
        device.uuid.clone(),
        memory,
        if device.unified { "unified".to_owned() } else { String::new() },
        if part.is_empty() { String::new() } else { format!("part of {part}") },
        device.driver.clone(),
        device.architecture.clone(),
        backends.join(","),
        state,
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" | ")
}

pub(in crate::detect::vendors) fn usable(devices: &Devices) -> Vec<String> {
    devices.accelerators.iter().map(facts).collect()
}

pub(in crate::detect::vendors) fn unusable(devices: &Devices) -> Vec<String> {
    devices.unusable.iter().map(facts).collect()
}

#[test]
fn devices_of_several_vendors_have_different_numbers_and_keep_their_own() {
    let found = detected(&[], |line| match line.split(' ').next() {
        Some("nvidia-smi") => exited(0, "index, name, uuid\n0, A, GPU-a\n1, B, GPU-b\n", ""),
        Some("rocm-smi") => exited(0, r#"{"card0": {"GFX Version": "gfx90a"}}"#, ""),
        Some("hl-smi") => exited(0, "index, uuid, name\n0, 01P4-1, HL-325L\n", ""),
        _ => Completion::NotFound,
    });
    let numbers =
        |device: &Accelerator| (device.vendor.to_string(), device.index, device.pin_number());
    let numbers: Vec<_> = found.accelerators.iter().map(numbers).collect();
    let expected = [("amd", 1, 0), ("habana", 0, 0), ("nvidia", 2, 0), ("nvidia", 3, 1)];
    assert_eq!(numbers, expected.map(|(vendor, index, pin)| (vendor.to_owned(), index, pin)));
    assert_eq!(found.errors, [""; 0]);
}

/// Outputs of real tools, and texts that tools print when they fail.
fn sources() -> Vec<&'static str> {
    vec![
        sample!("nvidia-h100-mig-list.txt"),
        sample!("nvidia-h100-mig-query-gpu-full.csv.txt"),
        sample!("nvidia-l40s-load-query-gpu-full.csv.txt"),
        sample!("nvidia-xml-a100-sxm4-mig.txt"),
        sample!("nvidia-err-no-driver.txt"),
        sample!("nvidia-err-lib-mismatch-2lines.txt"),
        sample!("amd-rocm-smi-rx6700xt-rocm430.json.txt"),
        sample!("amd-rocm-smi-csv-v2-warning-preamble.txt"),
        sample!("amd-smi-json-gpu-data-rx7800xt.json.txt"),
        sample!("intel-xpu-smi-discovery-max1100.json.txt"),
        sample!("habana-hl-smi-csv-1.18-hl205.txt"),
        sample!("aws-neuron-ls-trn2.json.txt"),
        sample!("apple-m1-system-profiler.json.txt"),
        r#"[{"Name":"NVIDIA A","PNPDeviceID":"PCI\\VEN_10DE","AdapterRAM":4293918720}]"#,
        "usage: tool [-h]\nerror: unrecognized arguments: --json",
        "[[{{\"card0\": \u{1b}é, ,,,GPU[0]: : :|||",
        "Der Treiber wurde nicht gefunden. Gerät verloren\u{202e}",
    ]
}

fn garbled() -> impl Strategy<Value = String> {
    let sources = sources();
    let piece = (0..sources.len(), any::<u16>(), any::<u16>()).prop_map(move |(at, from, to)| {
        let text = sources[at];
        let place = |number: u16| text.floor_char_boundary(usize::from(number) % (text.len() + 1));
        let (from, to) = (place(from).min(place(to)), place(from).max(place(to)));
        text[from..to].to_owned()
    });
    prop::collection::vec(prop_oneof![4 => piece, 1 => any::<String>()], 0..4)
        .prop_map(|all| all.concat())
}

const SYSTEMS: [&[(&str, &str)]; 4] = [
    &[],
    &[
        ("sys/bus/pci/devices/0000:3b:00.0/vendor", "0x10de\n"),
        ("sys/bus/pci/devices/0000:3b:00.0/class", "0x030200\n"),
    ],
    &[("System/Library/CoreServices/SystemVersion.plist", "<plist/>")],
    &[("Windows/System32/x", "")],
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    /// A tool that prints anything, with any exit code or signal, never makes the detection panic, and a
    /// tool that failed never gives a device that tests may use.
    #[test]
    fn no_output_breaks_the_detection_and_no_failed_tool_is_trusted(
        texts in prop::collection::vec(garbled(), 3),
        code in prop_oneof![Just(0), 1..256_i32, Just(-11)],
        system in 0..SYSTEMS.len(),
    ) {
        let found = detected(SYSTEMS[system], |line| match code {
            -11 => crashed(11),
            code => exited(code, &texts[line.len() % 2], &texts[2]),
        });
        for device in found.accelerators.iter().chain(&found.unusable) {
            facts(device);
            prop_assert!(device.reason.len() <= 512 && !device.model.is_empty());
        }
        // A lost device, or a warning about the memory of a device, explains a failure of nvidia-smi.
        let is_explained = |device: &Accelerator| {
            ["in place of", "reports: "].iter().any(|words| device.reason.contains(words))
        };
        if !matches!(code, 0 | 14) && !found.unusable.iter().any(is_explained) {
            let trusted = found.accelerators.iter().flat_map(Accelerator::offered).count();
            prop_assert_eq!(trusted, 0);
        }
    }

    /// A listing that is cut off has no device that the whole one does not have.
    #[test]
    fn a_cut_listing_has_no_wrong_device(at in 0..17_usize, end in any::<u16>()) {
        let text = sources()[at];
        let cut = &text[..text.floor_char_boundary(usize::from(end) % (text.len() + 1))];
        let devices = |text: &str| {
            let found = detected(&[], |_| exited(0, text, ""));
            found.accelerators.iter().map(|device| (device.vendor, device.uuid.clone())).collect::<Vec<_>>()
        };
        let whole = devices(text);
        for device in devices(cut) {
            prop_assert!(whole.contains(&device), "{:?} is not in {:?}", device, whole);
        }
    }
}

/// A JSON document with its keys in another case and order.
fn respelled(value: &serde_json::Value, upper: bool, reversed: bool) -> String {
    match value {
        serde_json::Value::Object(fields) => {
            let key = |key: &str| if upper { key.to_uppercase() } else { key.to_lowercase() };
            let field = |(name, value): (&String, &serde_json::Value)| {
                format!("{}: {}", serde_json::json!(key(name)), respelled(value, upper, reversed))
            };
            let mut fields: Vec<String> = fields.iter().map(field).collect();
            if reversed {
                fields.reverse();
            }
            format!("{{{}}}", fields.join(", "))
        }
        serde_json::Value::Array(values) => {
            let values = values.iter().map(|value| respelled(value, upper, reversed));
            format!("[{}]", values.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    /// Text before the JSON, and keys in another case or order, change nothing.
    #[test]
    fn noise_and_the_form_of_keys_change_nothing(
        noise in prop::collection::vec("(WARNING|note|DEBUG): [a-zA-Z0-9 .:/()\\[\\]{}]{0,60}\n", 0..4),
        upper in any::<bool>(),
        reversed in any::<bool>(),
        case in 0..6_usize,
    ) {
        let controllers = r#"[{"Name":"AMD Radeon RX 6800","DriverVersion":"31",
            "PNPDeviceID":"PCI\\VEN_1002&DEV_73BF","ConfigManagerErrorCode":0}]"#;
        let mac: &[(&str, &str)] = &[("System/Library/CoreServices/SystemVersion.plist", "")];
        let windows: &[(&str, &str)] = &[("Windows/System32/x", "")];
        let (files, called, text): (&[(&str, &str)], &str, &str) = [
            (SYSTEMS[0], "rocm-smi", sample!("amd-rocm-smi-rx6700xt-rocm612.json.txt")),
            (SYSTEMS[0], "amd-smi", sample!("amd-smi-json-gpu-data-rx7800xt.json.txt")),
            (SYSTEMS[0], "xpu-smi discovery -j", sample!("intel-xpu-smi-discovery-max1100.json.txt")),
            (SYSTEMS[0], "neuron-ls", sample!("aws-neuron-ls-trn2.json.txt")),
            (mac, "system_profiler", sample!("apple-m1-system-profiler.json.txt")),
            (windows, "powershell", controllers),
        ][case];
        let found = |text: &str| {
            let tool = |line: &str| match line {
                line if line.contains("ComputeAccelerator") => exited(0, "[]", ""),
                line if line.starts_with(called) => exited(0, text, ""),
                _ => Completion::NotFound,
            };
            let found = detected(files, tool);
            (usable(&found), unusable(&found), found.errors)
        };
        let plain = found(text);
        prop_assert_eq!((plain.0.is_empty(), plain.2.len()), (false, 0));
        let document = serde_json::from_str(text).expect("JSON");
        let text = respelled(&document, upper, reversed);
        prop_assert_eq!(found(&format!("{}{text}\nafter ] }}\n", noise.concat())), plain);
    }
}

#[test]
fn a_display_controller_of_a_server_is_not_an_accelerator() {
    let on_bus = |class: &str| {
        let files = [
            ("sys/bus/pci/devices/0000:03:00.0/vendor", "0x19e5\n"),
            ("sys/bus/pci/devices/0000:03:00.0/class", class),
            ("sys/bus/pci/devices/0000:03:00.0/device", "0xd802\n"),
        ];
        unusable(&detected(&files, |_| Completion::NotFound))
    };
    assert_eq!(on_bus("0x030000\n"), [""; 0]);
    assert_eq!(
        on_bus("0x120000\n"),
        [
            "huawei 0 | PCI device 19e5:d802 | 0000:03:00.0 | npu=Hardware | Degraded: npu-smi is not \
          installed, so the device cannot be inspected"
        ]
    );
}

/// A hung call marks its vendor in every form: a listing that was cut off, a second query, a tool of the
/// system.
#[test]
fn a_vendor_whose_tool_hangs_in_any_call_is_unanswered() {
    type Answers<'a> = &'a [(&'a str, Completion)];
    type Files<'a> = &'a [(&'a str, &'a str)];
    let hung = |stdout: &str| {
        let output = exited(0, stdout, "").output().cloned().expect("an output");
        Completion::TimedOut { limit: std::time::Duration::from_secs(1), output }
    };
    let mig = "index, name, uuid, memory.total [MiB], compute_cap, mig.mode.current\n\
               0, NVIDIA H100, GPU-1, 81559 MiB, 9.0, Enabled\n";
    let mac = [("System/Library/CoreServices/SystemVersion.plist", "")];
    let windows = [("Windows/System32/x", "")];
    let xpu = sample!("intel-xpu-smi-discovery-max1100.json.txt");
    let none: &[(&str, &str)] = &[];
    let amd = r#"[{"gpu": 0, "asic": {"market_name": "MI300X"}, "bus": {"bdf": "0000:0c:00.0"}}]"#;
    let cases: &[(Files<'_>, Answers<'_>, &[Vendor])] = &[
        (none, &[("nvidia-smi", hung(""))], &[Vendor::NVIDIA]),
        (none, &[("nvidia-smi", hung(mig))], &[Vendor::NVIDIA]),
        (
            none,
            &[("nvidia-smi -L", hung("")), ("nvidia-smi", exited(0, mig, ""))],
            &[Vendor::NVIDIA],
        ),
        (none, &[("rocm-smi", crashed(11)), ("amd-smi", hung(""))], &[Vendor::AMD]),
        (none, &[("rocm-smi", hung("")), ("amd-smi", exited(0, amd, ""))], &[]),
        (
            none,
            &[("xpu-smi discovery -d", hung("")), ("xpu-smi", exited(0, xpu, ""))],
            &[Vendor::INTEL],
        ),
        (&mac, &[("system_profiler", hung(""))], &[Vendor::APPLE]),
        (&windows, &[("powershell", hung(""))], &Vendor::BUILT_IN),
    ];
    for (files, tools, expected) in cases {
        let found = detected(files, |line| {
            let answer = tools.iter().find(|(start, _)| line.starts_with(start));
            answer.map_or(Completion::NotFound, |(_, completion)| completion.clone())
        });
        let expected: std::collections::BTreeSet<Vendor> = expected.iter().copied().collect();
        assert_eq!(found.unanswered, expected, "{tools:?}");
    }
}
