//! Tests with recorded outputs of `nvidia-smi`. Expected values are those of the recordings' machines.

use crate::detect::vendors::tests::{detected, printing, sample, unusable, usable};
use crate::sys::process::{Completion, crashed, exited};

const HEADER: &str = "index, name, uuid, pci.bus_id, memory.total [MiB], driver_version, compute_cap, mig.mode.current, addressing_mode";
const CARD_ON_BUS: [(&str, &str); 4] = [
    ("sys/bus/pci/devices/0000:3b:00.0/vendor", "0x10de\n"),
    ("sys/bus/pci/devices/0000:3b:00.0/class", "0x030200\n"),
    ("sys/bus/pci/devices/0000:3b:00.0/device", "0x2330\n"),
    ("sys/bus/pci/devices/0000:3b:00.0/uevent", "DRIVER=nvidia\nPCI_SLOT_NAME=0000:3b:00.0\n"),
];
const MEMORY: (&str, &str) = ("proc/meminfo", "MemTotal: 125829120 kB\n");

/// The usable and the unusable devices of a machine whose tool prints these rows.
fn rows(rows: &str) -> (Vec<String>, Vec<String>) {
    let text = format!("{HEADER}\n{rows}\n");
    let found = detected(&[MEMORY], |line| match line.split(' ').next() {
        Some("nvidia-smi") => exited(0, &text, ""),
        _ => Completion::NotFound,
    });
    (usable(&found), unusable(&found))
}

/// A machine whose tool answers the query, `-q -x` and `-L` with these outputs.
fn tools(
    query: &Completion,
    xml: &Completion,
    list: &Completion,
) -> crate::detect::vendors::Devices {
    detected(&[], |line| {
        if !line.starts_with("nvidia-smi ") {
            Completion::NotFound
        } else if line.ends_with("-q -x") {
            xml.clone()
        } else if line.ends_with("-L") {
            list.clone()
        } else {
            query.clone()
        }
    })
}

#[test]
fn recorded_listings_are_read() {
    for (text, expected) in [
        (
            sample!("nvidia-l40s-load-query-gpu-full.csv.txt"),
            "nvidia 0 | NVIDIA L40S | GPU-00000000-0000-0000-0000-000000000000 | 46068 MiB of nvidia-smi | \
             595.80 | 8.9 | cuda=Driver",
        ),
        (
            sample!("nvidia-windows-rtx2080s-591-query-gpu-full.csv.txt"),
            "nvidia 0 | NVIDIA GeForce RTX 2080 SUPER | GPU-00000000-0000-0000-0000-000000000000 | \
             8192 MiB of nvidia-smi | 591.86 | 7.5 | cuda=Driver",
        ),
        (
            sample!("nvidia-xml-gtx-1070-ti.txt"),
            "nvidia 0 | GeForce GTX 1070 Ti | GPU-f9ba66fc-a7f5-94c5-da19-019ef2f9c665 | \
             4096 MiB of nvidia-smi | cuda=Driver",
        ),
        (
            sample!("nvidia-xml-tesla-t4.txt"),
            "nvidia 0 | Tesla T4 | GPU-d37e67a5-91dd-3774-a5cb-99096249601a | 15360 MiB of nvidia-smi | \
             515.105.01 | cuda=Driver",
        ),
    ] {
        let found = printing("nvidia-smi", text);
        assert_eq!(usable(&found), [expected]);
        assert_eq!((found.unusable.len(), found.errors.len()), (0, 0), "{:?}", found.errors);
    }
}

#[test]
fn a_query_without_unknown_columns_follows() {
    let refused = exited(2, "Field \"addressing_mode\" is not a valid field to query.\n", "");
    let found = detected(&[], |line| match line {
        line if !line.starts_with("nvidia-smi") => Completion::NotFound,
        line if line.contains("addressing_mode") || line.contains("compute_cap") => refused.clone(),
        _ => exited(
            0,
            "index, name, uuid, pci.bus_id, memory.total [MiB], driver_version, mig.mode.current\n\
             0, Tesla V100, GPU-1, 00000000:3B:00.0, 16160 MiB, 470.1, [N/A]\n",
            "",
        ),
    });
    assert_eq!(
        usable(&found),
        ["nvidia 0 | Tesla V100 | GPU-1 | 16160 MiB of nvidia-smi | 470.1 | cuda=Driver"]
    );
    let oldest = detected(&[MEMORY], |line| match line {
        line if !line.starts_with("nvidia-smi") => Completion::NotFound,
        line if line.contains("uuid") => refused.clone(),
        _ => exited(
            0,
            "index, name, memory.total [MiB], driver_version\n0, NVIDIA GB10, [N/A], 580\n",
            "",
        ),
    });
    assert_eq!(
        usable(&oldest),
        ["nvidia 0 | NVIDIA GB10 | 122880 MiB of system memory | unified | 580 | cuda=Driver"]
    );
    let all_refused = tools(&refused, &exited(0, sample!("nvidia-xml-tesla-t4.txt"), ""), &refused);
    assert_eq!(all_refused.accelerators.len(), 1, "the XML report");
    assert_eq!(all_refused.errors, [""; 0]);
}

#[test]
fn slices_have_their_own_memory_and_id() {
    let row = format!(
        "{HEADER}\n0, NVIDIA A100-SXM4-40GB, GPU-27b94a00-ed54-5c24-b1fd-1054085de32a, \
         00000000:00:04.0, 40960 MiB, 510.47.03, 8.0, Enabled, [N/A]\n"
    );
    let list = "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-27b94a00-ed54-5c24-b1fd-1054085de32a)\n  \
                MIG 3g.20gb     Device  0: (UUID: MIG-aaaa)\n  \
                MIG 3g.20gb     Device  1: (UUID: MIG-bbbb)\n";
    let xml = exited(0, sample!("nvidia-xml-a100-sxm4-mig.txt"), "");
    let found = tools(&exited(0, &row, ""), &xml, &exited(0, list, ""));
    let slice = |index: u32, model: &str, id: &str, memory: &str| {
        format!(
            "nvidia {index} | NVIDIA A100-SXM4-40GB MIG{model} | {id}{memory} | part of \
             GPU-27b94a00-ed54-5c24-b1fd-1054085de32a | 510.47.03 | 8.0 | cuda=Driver"
        )
    };
    let known = " | 19968 MiB of nvidia-smi";
    assert_eq!(
        usable(&found),
        [slice(0, " 3g.20gb", "MIG-aaaa", known), slice(1, " 3g.20gb", "MIG-bbbb", known)]
    );
    let without_xml = tools(&exited(0, &row, ""), &crashed(11), &exited(0, list, ""));
    assert_eq!(usable(&without_xml)[0], slice(0, " 3g.20gb", "MIG-aaaa", ""), "no guess");
    let without_list = tools(&exited(0, &row, ""), &xml, &crashed(11));
    let id = "MIG-GPU-27b94a00-ed54-5c24-b1fd-1054085de32a/1/0";
    assert_eq!(usable(&without_list)[0], slice(0, "", id, known));
    for found in [&without_xml, &without_list] {
        assert_eq!((found.accelerators.len(), found.unusable.len()), (2, 0));
    }
    let neither = tools(&exited(0, &row, ""), &crashed(11), &crashed(11));
    assert_eq!(neither.accelerators, []);
    assert!(neither.unusable[0].reason.contains("cannot be listed"), "{:?}", neither.unusable);
    assert_eq!(neither.errors.len(), 1);
}

#[test]
fn the_recorded_list_of_slices_is_read() {
    let query = sample!("nvidia-h100-mig-query-gpu-full.csv.txt");
    let list = sample!("nvidia-h100-mig-list.txt");
    let found = tools(&exited(0, query, ""), &Completion::NotFound, &exited(0, list, ""));
    let models: Vec<_> = found.accelerators.iter().map(|device| device.model.as_str()).collect();
    let slices = ["3g.40gb", "2g.20gb", "1g.10gb", "1g.10gb"];
    assert_eq!(models, slices.map(|slice| format!("NVIDIA H100 80GB HBM3 MIG {slice}")));
    assert!(found.accelerators.iter().all(|device| device.uuid.starts_with("MIG-0000000")));
}

#[test]
fn compute_instances_share_the_memory_of_their_instance() {
    let slice = |index: u32, gpu: u32, compute: u32, memory: &str| {
        format!(
            "<mig_device><index>{index}</index><gpu_instance_id>{gpu}</gpu_instance_id>\
             <compute_instance_id>{compute}</compute_instance_id><fb_memory_usage><total>{memory}\
             </total></fb_memory_usage></mig_device>"
        )
    };
    let slices = [
        slice(0, 1, 0, "40000 MiB"),
        slice(1, 1, 1, "40000 MiB"),
        slice(2, 2, 0, "20000 MiB"),
        slice(3, 3, 0, "[N/A]"),
    ];
    let xml = format!(
        "<?xml version=\"1.0\"?>\n<nvidia_smi_log><gpu id=\"00000000:01:00.0\"><uuid>GPU-1</uuid>\
         <mig_devices>{}</mig_devices></gpu></nvidia_smi_log>",
        slices.concat()
    );
    let row = format!("{HEADER}\n0, H100, GPU-1, 1, 81559 MiB, 590, 9.0, Enabled, None\n");
    let found = tools(&exited(0, &row, ""), &exited(0, &xml, ""), &Completion::NotFound);
    let memory: Vec<_> = found
        .accelerators
        .iter()
        .map(|device| {
            (device.memory_bytes >> 20, device.memory_estimated, device.memory_source.as_str())
        })
        .collect();
    let shared = "nvidia-smi, divided by 2 compute instances";
    assert_eq!(
        memory,
        [
            (20_000, true, shared),
            (20_000, true, shared),
            (20_000, false, "nvidia-smi"),
            (0, false, "")
        ]
    );
}

#[test]
fn a_card_without_slices_is_not_usable() {
    let row = format!(
        "{HEADER}\n0, H100, GPU-1, 00000000:3B:00.0, 81559 MiB, 590, 9.0, Enabled, None\n\
         1, H100, GPU-2, 00000000:5E:00.0, 81559 MiB, 590, 9.0, Disabled, None\n"
    );
    let list = "GPU 0: H100 (UUID: GPU-1)\nGPU 1: H100 (UUID: GPU-2)\n";
    let found = tools(&exited(0, &row, ""), &Completion::NotFound, &exited(0, list, ""));
    assert_eq!(found.accelerators.len(), 1);
    assert_eq!(
        unusable(&found),
        [
            "nvidia 0 | H100 | GPU-1 | 81559 MiB of nvidia-smi | 590 | 9.0 | cuda=Hardware | Unusable: MIG \
          mode is on and the device has no slice; create slices, or turn MIG mode off"
        ]
    );
    assert_eq!(found.errors, [""; 0], "a setting of the machine, not a failure");
}

#[test]
fn devices_without_memory_use_that_of_the_machine() {
    let of_machine = "122880 MiB of system memory | unified";
    for (name, memory, addressing, expected) in [
        ("NVIDIA GB10", "[N/A]", "ATS", of_machine),
        ("NVIDIA GB10", "[Not Supported]", "[N/A]", of_machine),
        ("NVIDIA Thor", "[n/a]", "ats", of_machine),
        ("Orin (nvgpu)", "N/A", "N/A", of_machine),
        ("NVIDIA N1X", "8128 MiB", "None", of_machine),
        ("NVIDIA of the future", "[N/A]", "ATS", of_machine),
        ("NVIDIA of the future", "8128 MiB", "ATS", of_machine),
        ("NVIDIA GH200 480GB", "97871 MiB", "ATS", "97871 MiB of nvidia-smi"),
        ("NVIDIA A10", "23028 MiB", "HMM", "23028 MiB of nvidia-smi"),
        ("NVIDIA A10", "[N/A]", "None", ""),
        ("NVIDIA A10", "[Insufficient Permissions]", "", ""),
    ] {
        let (usable, _) =
            rows(&format!("0, {name}, GPU-1, 1, {memory}, 580, 12.1, [N/A], {addressing}"));
        let separator = if expected.is_empty() { "" } else { " | " };
        let device =
            format!("nvidia 0 | {name} | GPU-1{separator}{expected} | 580 | 12.1 | cuda=Driver");
        assert_eq!(usable, [device]);
    }
    // The recorded listing of a machine with unified memory has these tokens.
    assert!(sample!("nvidia-gb10-dgx-spark.csv.txt").contains("\n[N/A], [N/A], [N/A], 0 %"));
}

#[test]
fn a_field_that_cannot_be_read_is_a_failure() {
    for (row, expected) in [
        (
            "1, [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], x, x, x",
            "nvidia 1 | unknown | cuda=Hardware | Unusable: nvidia-smi reports \"GPU is lost\" in place of \
             the name",
        ),
        (
            "1, NVIDIA GB10, GPU-1, 00000000:0B:00.0, [Unknown Error], 580, 12.1, [N/A], ATS",
            "nvidia 1 | NVIDIA GB10 | GPU-1 | 580 | 12.1 | cuda=Hardware | Degraded: nvidia-smi reports \
             \"Unknown Error\" in place of the memory",
        ),
        (
            "1, A100, [Unknown Error], 00000000:0B:00.0, 1 MiB, 580, 8.0, Disabled, None",
            "nvidia 1 | A100 | 0000:0b:00.0 | 1 MiB of nvidia-smi | 580 | 8.0 | cuda=Hardware | Degraded: \
             nvidia-smi reports \"Unknown Error\" in place of the UUID",
        ),
    ] {
        assert_eq!(rows(row), (vec![], vec![expected.to_owned()]));
    }
}

#[test]
fn a_malformed_row_is_not_a_device() {
    for row in [
        "3, NVIDIA A100, GPU is gone, 1, 81920 MiB, 580, 8.0, Disabled, None",
        "3, NVIDIA A100, GPU-, 1, 81920 MiB, 580, 8.0, Disabled, None",
        "3, NVIDIA A100, GPU-1",
        "x, NVIDIA A100, GPU-1, 1, 81920 MiB, 580, 8.0, Disabled, None",
        "NVIDIA A100, GPU-1, 1, 81920 MiB, 580, 8.0, Disabled, None, 1",
    ] {
        let (usable, _) = rows(row);
        assert_eq!(usable, [""; 0], "{row}");
    }
    let text = "index, name, uuid, memory.total [MiB]\n0, A, GPU-0, 1024 MiB\n1, B, GPU\n0, A, GPU-0, 1024 MiB\n";
    let found = printing("nvidia-smi", text);
    let numbers: Vec<u16> = found.unusable.iter().map(|device| device.index).collect();
    assert_eq!((found.accelerators.len(), numbers, found.errors.len()), (1, vec![1], 2));
    assert!(found.unusable[0].reason.contains("\"1, B, GPU\""), "{:?}", found.unusable);
    let (usable, _) = rows("1, NVIDIA, of a kind, GPU-1f, 1, 1024 MiB, 580, 8.0, Disabled, None");
    assert_eq!(
        usable,
        [
            "nvidia 1 | NVIDIA, of a kind | GPU-1f | 1024 MiB of nvidia-smi | 580 | 8.0 | cuda=Driver"
        ]
    );
    let headless = printing(
        "nvidia-smi",
        "0, NVIDIA L4, GPU-1, 00000000:00:03.0, 23034, 550.54, 8.9, [N/A], None\n",
    );
    assert_eq!(usable_models(&headless), ["NVIDIA L4"]);
    assert_eq!(headless.accelerators[0].memory_bytes, 23_034 << 20);
}

fn usable_models(found: &crate::detect::vendors::Devices) -> Vec<&str> {
    found.accelerators.iter().map(|device| device.model.as_str()).collect()
}

#[test]
fn a_broken_driver_is_a_degraded_device_with_the_reason() {
    let mismatch = sample!("nvidia-err-lib-mismatch-2lines.txt");
    let no_driver = sample!("nvidia-err-no-driver.txt");
    for (code, stdout, stderr, reason) in [
        (
            9,
            no_driver,
            "",
            "nvidia-smi exited with code 9: NVIDIA-SMI has failed because it couldn't communicate with the \
             NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running",
        ),
        (
            18,
            mismatch,
            "",
            "nvidia-smi exited with code 18: Failed to initialize NVML: Driver/library version mismatch; \
             NVML library version: 570.124",
        ),
        (
            1,
            "usage: nvidia-smi [options]\n  -h  help\n",
            "warning: old\nerror: the library cannot be loaded\n",
            "nvidia-smi exited with code 1: error: the library cannot be loaded",
        ),
        (
            0,
            mismatch,
            "",
            "nvidia-smi printed no complete list of devices: Failed to initialize NVML: ",
        ),
    ] {
        let tool = |line: &str| match line.split(' ').next() {
            Some("nvidia-smi") => exited(code, stdout, stderr),
            _ => Completion::NotFound,
        };
        let on_bus = detected(&CARD_ON_BUS, tool);
        assert_eq!(on_bus.accelerators, []);
        let [device] = &on_bus.unusable[..] else { panic!("{:?}", on_bus.unusable) };
        assert!(device.reason.starts_with(reason.trim_end()), "{:?}", device.reason);
        assert_eq!(
            (device.model.as_str(), device.uuid.as_str()),
            ("PCI device 10de:2330", "0000:3b:00.0")
        );
        assert_eq!(on_bus.errors.len(), 1);
        let without_bus = detected(&[], tool);
        assert_eq!((without_bus.unusable.len(), without_bus.errors.len()), (1, 1));
        assert_eq!(without_bus.unusable[0].model, "unknown");
    }
}

#[test]
fn a_degraded_device_is_named_by_the_kernel() {
    let files = [
        &CARD_ON_BUS[..],
        &[
            ("sys/module/nvidia/version", "570.124.06\n"),
            (
                "proc/driver/nvidia/gpus/0000:3b:00.0/information",
                "Model: \t\t NVIDIA H100\nIRQ:   24\n",
            ),
        ],
    ]
    .concat();
    let found = detected(&files, |line| match line.split(' ').next() {
        Some("nvidia-smi") => crashed(11),
        _ => Completion::NotFound,
    });
    assert_eq!(
        unusable(&found),
        [
            "nvidia 0 | NVIDIA H100 | 0000:3b:00.0 | 570.124.06 | cuda=Hardware | Degraded: nvidia-smi ended by \
          signal 11 (SIGSEGV)"
        ]
    );
}

#[test]
fn a_lost_device_does_not_hide_the_others() {
    for line in [
        "Unable to determine the device handle for GPU 0000:0B:00.0: Unknown Error",
        "Unable to determine the device handle for GPU0000:0B:00.0: GPU is lost.  Reboot the system to \
         recover this GPU",
    ] {
        let text =
            format!("{HEADER}\n0, A, GPU-a, 1, 1024 MiB, 580, 8.0, Disabled, None\n{line}\n");
        for (stdout, code) in [(text.as_str(), 15), (text.as_str(), 0)] {
            let found = detected(&[], |line| match line.split(' ').next() {
                Some("nvidia-smi") => exited(code, stdout, ""),
                _ => Completion::NotFound,
            });
            assert_eq!(usable_models(&found), ["A"]);
            let [lost] = &found.unusable[..] else { panic!("{:?}", found.unusable) };
            assert_eq!(lost.uuid, "0000:0b:00.0");
            assert!(lost.reason.contains("device handle"), "{lost:?}");
            assert_eq!(found.errors.len(), 1);
        }
    }
}

#[test]
fn rows_of_a_failed_tool_are_not_trusted() {
    let text = format!("{HEADER}\n0, A, GPU-a, 1, 1024 MiB, 580, 8.0, Disabled, None\n");
    for completion in [exited(9, &text, "NVML: an internal error"), exited(255, &text, "")] {
        let found = tools(&completion, &Completion::NotFound, &Completion::NotFound);
        assert_eq!(found.accelerators, []);
        assert!(found.unusable[0].reason.contains("exited with code"), "{:?}", found.unusable);
    }
    let warned = tools(&exited(14, &text, "WARNING: infoROM"), &crashed(11), &crashed(11));
    assert_eq!((warned.accelerators.len(), warned.errors.len()), (1, 0));
}

#[test]
fn the_device_of_a_system_on_a_chip_needs_no_tool() {
    let files =
        [MEMORY, ("dev/nvhost-gpu", ""), ("proc/device-tree/model", "NVIDIA Jetson AGX Xavier\0")];
    assert_eq!(
        usable(&detected(&files, |_| Completion::NotFound)),
        [
            "nvidia 0 | NVIDIA Jetson AGX Xavier | 122880 MiB of system memory | unified | cuda=Driver"
        ]
    );
}

#[test]
fn a_listing_of_lost_devices_alone_names_them() {
    let text = "Unable to determine the device handle for GPU0000:07:00.0: Unknown Error\n";
    let found = printing("nvidia-smi", text);
    assert_eq!(found.accelerators, []);
    assert_eq!((found.unusable.len(), found.unusable[0].uuid.as_str()), (1, "0000:07:00.0"));
}

#[test]
fn a_device_of_the_driver_that_is_not_listed_is_degraded() {
    let row = "0, A, GPU-a, 00000000:3B:00.0, 1024 MiB, 580, 8.0, Disabled, None";
    let text = format!("{HEADER}\n{row}\n");
    let with = |files: &[(&str, &str)]| {
        let of_driver = [
            ("proc/driver/nvidia/gpus/0000:3b:00.0/information", "Model: A\nDevice Minor: 0\n"),
            ("proc/driver/nvidia/gpus/0000:5e:00.0/information", "Model: B\nDevice Minor: 1\n"),
            ("sys/module/nvidia/version", "580.1\n"),
            ("dev/nvidia0", ""),
        ];
        let found =
            detected(&[&of_driver[..], files].concat(), |line| match line.split(' ').next() {
                Some("nvidia-smi") => exited(0, &text, ""),
                _ => Completion::NotFound,
            });
        assert_eq!(usable_models(&found), ["A"]);
        (unusable(&found), found.errors.len())
    };
    let expected = "nvidia 0 | B | 0000:5e:00.0 | 580.1 | cuda=Hardware | Degraded: the driver has the device, \
                    but nvidia-smi does not list it";
    assert_eq!(with(&[("dev/nvidia1", "")]), (vec![expected.to_owned()], 1));
    assert_eq!(with(&[]), (vec![], 0), "a container without the second device");
}

/// A wrapper that answers every call with the version of the tool.
#[test]
fn the_recorded_version_is_not_a_list() {
    let found = printing("nvidia-smi", sample!("nvidia-version-590.txt"));
    assert_eq!(found.accelerators, []);
    let reason = "nvidia-smi printed no complete list of devices: NVIDIA-SMI version  : 590.48.01";
    assert_eq!(
        unusable(&found),
        [format!("nvidia 0 | unknown | cuda=Hardware | Degraded: {reason}")]
    );
    assert_eq!(found.errors, [format!("cannot detect NVIDIA devices: {reason}")]);
}
