//! Tests of the detection with recorded output of real tools.

use super::*;
use crate::sys::process::{Call, Limits};
use crate::sys::process::{Completion, ProgramOutput, Runner};
use crate::sys::process::{Recorded, crashed, exited};
use futures::FutureExt;
use futures::future::BoxFuture;
use proptest::prelude::*;
use std::path::Path;
use std::time::Duration;

/// A temporary directory with these files.
pub(super) fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for (path, text) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("mkdir");
        std::fs::write(path, text).expect("written");
    }
    dir
}

/// The result for a recorded machine with these files and no programs.
pub(super) fn recorded<T>(files: &[(&str, &str)], act: impl FnOnce(&Host<'_>) -> T) -> T {
    let directory = root(files);
    act(&Host::recorded(&Recorded::default(), directory.path(), Waiting::SILENT))
}

fn printing(text: &str) -> Completion {
    exited(0, text, "")
}

fn timed_out() -> Completion {
    Completion::TimedOut { limit: Duration::from_secs(45), output: ProgramOutput::default() }
}

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../../tests/data/detect/", $name))
    };
}

const HEADER: &str = "index, name, uuid, memory.total [MiB], compute_cap, mig.mode.current\n";
const TWO: &str = "index, name, uuid, memory.total [MiB], compute_cap, mig.mode.current\n\
                   0, A, GPU-a, 1024 MiB, 8.0, [N/A]\n1, B, GPU-b, 2048 MiB, 9.0, [N/A]\n";
const MI210: &str = r#"{"card0": {"Device Name": "AMD Instinct MI210", "Unique ID": "0xabc0",
    "VRAM Total Memory (B)": "68702699520", "GFX Version": "gfx90a"}}"#;
const NVIDIA_ON_BUS: [(&str, &str); 2] = [
    ("sys/bus/pci/devices/0000:3b:00.0/vendor", "0x10de\n"),
    ("sys/bus/pci/devices/0000:3b:00.0/class", "0x030200\n"),
];
const AMD_ON_BUS: [(&str, &str); 2] = [
    ("sys/bus/pci/devices/0000:03:00.0/vendor", "0x1002\n"),
    ("sys/bus/pci/devices/0000:03:00.0/class", "0x038000\n"),
];
const BRIDGE_ON_BUS: [(&str, &str); 2] = [
    ("sys/bus/pci/devices/0000:00:00.0/vendor", "0x8086\n"),
    ("sys/bus/pci/devices/0000:00:00.0/class", "0x060000\n"),
];

async fn on(root: &Path, tools: &[(&'static str, Completion)], overrides: Overrides) -> Detected {
    let tools = Recorded::new(tools.iter().cloned());
    let host = Host::recorded(&tools, root, Waiting::SILENT);
    let detected = capability(&host, overrides).await;
    assert_eq!(detected.capability.check(), Ok(()));
    detected
}

/// Detection on a machine whose PCI bus cannot be read.
async fn with(tools: &[(&'static str, Completion)]) -> Detected {
    on(root(&[]).path(), tools, Overrides::default()).await
}

fn models(detected: &Detected) -> Vec<&str> {
    detected.capability.accelerators.iter().map(|device| &*device.model).collect()
}

#[tokio::test]
async fn a_machine_without_tools_has_a_processor() {
    let detected = with(&[]).await;
    assert!(detected.capability.backends.contains(&Backend::CPU));
    assert_eq!(detected.capability.detection_errors, [""; 0]);
}

#[tokio::test]
async fn devices_bring_their_back_end() {
    let detected = with(&[("nvidia-smi", printing(TWO))]).await;
    assert!(detected.capability.backends.contains(&Backend::CUDA));
    assert_eq!(models(&detected), ["A", "B"]);
    assert_eq!(detected.capability.detection_errors, [""; 0]);
}

/// Each case has a tool, its completion, and whether that is an error on three machines: without a PCI
/// bus, with the device of the vendor on the bus, and with another device on the bus.
#[tokio::test]
async fn a_failed_detection_is_not_an_absent_device() {
    let no_driver = sample!("nvidia-err-no-driver.txt");
    let cases: Vec<(&'static str, Completion, [bool; 3])> = vec![
        ("nvidia-smi", Completion::NotFound, [false, false, false]),
        ("nvidia-smi", Completion::NotStarted("permission denied".into()), [true; 3]),
        ("nvidia-smi", timed_out(), [true; 3]),
        ("nvidia-smi", crashed(11), [true; 3]),
        ("nvidia-smi", exited(0, "", ""), [true; 3]),
        ("nvidia-smi", printing(sample!("nvidia-err-no-devices.txt")), [false, true, false]),
        ("nvidia-smi", exited(6, sample!("nvidia-err-no-devices.txt"), ""), [false, true, false]),
        ("nvidia-smi", printing(HEADER), [false, true, false]),
        ("nvidia-smi", exited(9, no_driver, ""), [true; 3]),
        ("nvidia-smi", printing(no_driver), [true; 3]),
        ("nvidia-smi", exited(18, sample!("nvidia-err-lib-mismatch-2lines.txt"), ""), [true; 3]),
        ("nvidia-smi", exited(12, "", "the library cannot be loaded"), [true; 3]),
        ("nvidia-smi", printing("Segmentation fault"), [true; 3]),
        ("rocm-smi", crashed(6), [true; 3]),
        ("rocm-smi", printing(sample!("amd-rocm-warn-low-power-no-gpu.txt")), [false, true, false]),
        (
            "rocm-smi",
            exited(0, "", "ERROR:root:Driver not initialized (amdgpu not found in modules)"),
            [true; 3],
        ),
        ("rocm-smi", exited(1, "Traceback (most recent call last):", ""), [true; 3]),
        ("amd-smi", printing("{\"gpu_data\": []}"), [false, true, false]),
        ("amd-smi", timed_out(), [true; 3]),
    ];
    let both = [NVIDIA_ON_BUS, AMD_ON_BUS].concat();
    let machines = [root(&[]), root(&both), root(&BRIDGE_ON_BUS)];
    for (tool, completion, failed) in cases {
        for (machine, failed) in machines.iter().zip(failed) {
            let detected =
                on(machine.path(), &[(tool, completion.clone())], Overrides::default()).await;
            let errors = &detected.capability.detection_errors;
            assert_eq!(models(&detected), [""; 0]);
            assert_eq!(!errors.is_empty(), failed, "{tool} {completion:?}: {errors:?}");
        }
    }
}

#[tokio::test]
async fn the_error_contains_the_reason() {
    for (completion, error) in [
        (crashed(11), "cannot detect NVIDIA devices: nvidia-smi ended by signal 11 (SIGSEGV)"),
        (timed_out(), "cannot detect NVIDIA devices: nvidia-smi did not finish within 45 s"),
        (
            exited(12, "no \u{1b}[31mlibrary\nmore", ""),
            "cannot detect NVIDIA devices: nvidia-smi exited with code 12: no [31mlibrary",
        ),
    ] {
        let detected = with(&[("nvidia-smi", completion)]).await;
        assert_eq!(detected.capability.detection_errors, [error]);
    }
}

#[tokio::test]
async fn a_device_without_its_tool_is_noted() {
    let detected = on(root(&NVIDIA_ON_BUS).path(), &[], Overrides::default()).await;
    let notes = &detected.notes;
    assert!(notes.iter().any(|note| note.contains("nvidia-smi is not installed")), "{notes:?}");
}

#[tokio::test]
async fn devices_beside_a_broken_one_are_used_and_the_broken_one_is_an_error() {
    let text = format!(
        "{HEADER}0, A, GPU-a, 1024 MiB, 8.0, Disabled\n1, [GPU is lost], [GPU is lost], \
         [GPU is lost], [GPU is lost], [GPU is lost]\n2, C, GPU-c, 1024 MiB, 8.0, Disabled\n"
    );
    for completion in [printing(&text), exited(15, &text, "")] {
        let detected = with(&[("nvidia-smi", completion)]).await;
        assert_eq!(models(&detected), ["A", "C"]);
        let numbers: Vec<_> =
            detected.capability.accelerators.iter().map(|device| device.index).collect();
        assert_eq!(numbers, [0, 2]);
        let errors = &detected.capability.detection_errors;
        assert!(errors[0].contains("GPU is lost"), "{errors:?}");
    }
}

#[tokio::test]
async fn a_warning_about_the_configuration_memory_is_not_an_error() {
    let text = format!("{TWO}WARNING: infoROM is corrupted at gpu 0000:3B:00.0\n");
    let detected = with(&[("nvidia-smi", exited(14, &text, ""))]).await;
    assert_eq!((models(&detected).len(), detected.capability.detection_errors.len()), (2, 0));
    assert!(detected.notes.iter().any(|note| note.contains("infoROM")), "{:?}", detected.notes);
}

#[tokio::test]
async fn a_card_in_mig_mode_is_never_offered_as_a_whole() {
    let rows = format!(
        "{HEADER}0, NVIDIA H100 80GB HBM3, GPU-1, 81559 MiB, 9.0, Enabled\n\
         1, NVIDIA H100 80GB HBM3, GPU-2, 81559 MiB, 9.0, Disabled\n"
    );
    let bare =
        "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1)\nGPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-2)\n";
    let parts = bare.replace('\n', "\n  MIG 3g.40gb     Device  0: (UUID: MIG-9)\n");
    for (list, left, errors) in [
        (printing(bare), vec!["GPU-2"], 0),
        (printing(&parts), vec!["MIG-9", "GPU-2"], 0),
        (crashed(11), vec!["GPU-2"], 1),
        (printing("GPU 0: NVIDIA H100"), vec!["GPU-2"], 1),
    ] {
        let detected =
            with(&[("nvidia-smi", printing(&rows)), ("nvidia-smi -L", list.clone())]).await;
        let uuids: Vec<_> =
            detected.capability.accelerators.iter().map(|device| &*device.uuid).collect();
        assert_eq!(uuids, left, "{list:?}");
        assert_eq!(detected.capability.detection_errors.len(), errors, "{list:?}");
    }
}

#[tokio::test]
async fn the_worker_offers_no_hidden_device() {
    for (given, left) in
        [("1", vec!["B"]), ("GPU-a", vec!["A"]), ("", vec![]), ("1,0", vec!["A", "B"])]
    {
        let visible =
            VisibleDevices::new(|name| (name == "CUDA_VISIBLE_DEVICES").then(|| given.to_owned()));
        let overrides = Overrides { visible, ..Overrides::default() };
        let tools = [("nvidia-smi", printing(TWO))];
        let detected = on(root(&[]).path(), &tools, overrides).await;
        assert_eq!(models(&detected), left, "{given:?}");
    }
}

#[tokio::test]
async fn hidden_devices_are_not_detected() {
    let visible = VisibleDevices::new(|name| (name == "CUDA_VISIBLE_DEVICES").then(String::new));
    let overrides = Overrides { visible, ..Overrides::default() };
    let tools = [("nvidia-smi", crashed(11)), ("rocm-smi", crashed(11))];
    let detected = on(root(&NVIDIA_ON_BUS).path(), &tools, overrides.clone()).await;
    let errors = &detected.capability.detection_errors;
    assert!(matches!(&errors[..], [one] if one.contains("AMD")), "{errors:?}");
    // Without an NVIDIA device, the variable applies to AMD devices.
    let detected = on(root(&BRIDGE_ON_BUS).path(), &tools, overrides).await;
    assert_eq!(detected.capability.detection_errors, [""; 0]);
}

#[tokio::test]
async fn two_vendors_do_not_share_numbers() {
    let detected = with(&[("nvidia-smi", printing(TWO)), ("rocm-smi", printing(MI210))]).await;
    let numbers: Vec<_> = detected.capability.accelerators.iter().map(|d| d.index).collect();
    assert_eq!(numbers, [0, 1, 2], "AMD devices are pinned by number");
}

#[tokio::test]
async fn one_working_tool_of_a_vendor_is_enough() {
    let amd_smi = sample!("amd-smi-json-gpu-data-rx7800xt.json.txt");
    let detected = with(&[("rocm-smi", crashed(11)), ("amd-smi", printing(amd_smi))]).await;
    assert_eq!(models(&detected), ["AMD Radeon RX 7800 XT"]);
    assert_eq!(detected.capability.detection_errors, [""; 0]);
}

#[tokio::test]
async fn a_slow_tool_is_reported_while_it_runs() {
    /// A runner whose tool ends after three notices.
    struct Slow(tokio::sync::Semaphore);
    impl Runner for Slow {
        fn run<'a>(&'a self, call: &'a Call, _: Limits) -> BoxFuture<'a, Completion> {
            async move {
                if call.program != "nvidia-smi" {
                    return Completion::NotFound;
                }
                let waited = self.0.acquire_many(3).await;
                waited.expect("open").forget();
                printing(TWO)
            }
            .boxed()
        }
    }
    let slow = Slow(tokio::sync::Semaphore::new(0));
    let on_wait = |tool: &str, span: Duration| {
        assert!(tool == "nvidia-smi" && span > Duration::ZERO);
        slow.0.add_permits(1);
    };
    let waiting = Waiting { interval: Duration::from_millis(1), notice: &on_wait };
    let empty = root(&[]);
    let host = Host::recorded(&slow, empty.path(), waiting);
    let detected = capability(&host, Overrides::default()).await;
    assert_eq!(models(&detected), ["A", "B"]);
}

/// The patience of a host shortens the time limits of its programs.
#[tokio::test]
async fn programs_end_within_the_patience_of_a_host() {
    /// A runner whose programs hang.
    struct Hung(std::sync::Mutex<Vec<Duration>>);
    impl Runner for Hung {
        fn run<'a>(&'a self, _: &'a Call, limits: Limits) -> BoxFuture<'a, Completion> {
            self.0.lock().expect("a lock").push(limits.time);
            let output = ProgramOutput::default();
            futures::future::ready(Completion::TimedOut { limit: limits.time, output }).boxed()
        }
    }
    let hung = Hung(std::sync::Mutex::default());
    let empty = root(&[]);
    for patience in [Duration::MAX, Duration::from_secs(10), Duration::ZERO] {
        let host = Host::recorded(&hung, empty.path(), Waiting::SILENT).with_patience(patience);
        host.run("a", &[]).await;
        assert!(host.has_hung(&["b", "a"]) && !host.has_hung(&["b"]));
    }
    let limits = hung.0.into_inner().expect("a lock");
    assert_eq!((limits[0], limits[2]), (TOOL_TIMEOUT, Duration::from_secs(1)));
    assert!(limits[1] <= Duration::from_secs(10) && limits[1] > Duration::from_secs(1));
}

/// As much output as is read, of the forms that cost most, from every tool at once.
#[tokio::test]
async fn huge_outputs_are_read_within_the_limits() {
    for piece in ["[", "{\"card0\": [", "GPU[0]: a: 1\n", "0, A, GPU-a, 1 MiB\n", "\u{fffd}\0| 0 "]
    {
        let text = piece.repeat(MAX_OUTPUT_BYTES / piece.len());
        let tools =
            ["nvidia-smi", "rocm-smi", "amd-smi", "xpu-smi", "hl-smi", "neuron-ls", "npu-smi"];
        let tools = tools.map(|tool| (tool, exited(0, &text, &text)));
        let detected = with(&tools).await;
        let capability = &detected.capability;
        assert!(!capability.detection_errors.is_empty(), "{piece:?}");
        assert!(capability.unusable.len() <= MAX_ACCELERATORS, "{piece:?}");
    }
}

/// Parts of real output in random combinations.
fn outputs() -> impl Strategy<Value = String> {
    let sources = [
        TWO,
        MI210,
        sample!("nvidia-h100-mig-list.txt"),
        sample!("nvidia-l40s-load-query-gpu-full.csv.txt"),
        sample!("amd-rocm-smi-rx6700xt-rocm612.json.txt"),
        sample!("amd-smi-json-gpu-data-rx7800xt.json.txt"),
        sample!("nvidia-err-no-driver.txt"),
        "[[{{\"card0\": \u{1b}é, ,,,",
    ];
    let piece = (0..sources.len(), any::<u16>(), any::<u16>()).prop_map(move |(at, from, to)| {
        let text = sources[at];
        let place = |number: u16| text.floor_char_boundary(usize::from(number) % (text.len() + 1));
        let (from, to) = (place(from).min(place(to)), place(from).max(place(to)));
        text[from..to].to_owned()
    });
    prop::collection::vec(prop_oneof![piece, any::<String>()], 0..4).prop_map(|all| all.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// No output of a tool makes the detection panic or produce a capability that coordinators refuse.
    #[test]
    fn no_output_breaks_the_detection(texts in prop::collection::vec(outputs(), 4), code in -1..20i32) {
        let run = |text: &String| exited(code.max(0), text, text);
        let tools = [
            ("nvidia-smi", run(&texts[0])),
            ("nvidia-smi -L", run(&texts[1])),
            ("rocm-smi", run(&texts[2])),
            ("amd-smi", run(&texts[3])),
        ];
        let detection = with(&tools);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(detection);
    }
}
