//! Tests with recorded outputs of `rocm-smi` and `amd-smi`, and with files of the kernel.

use crate::detect::vendors::Devices;
use crate::detect::vendors::tests::{detected, printing, sample, unusable, usable};
use crate::sys::process::{Completion, crashed, exited};

/// A machine whose `rocm-smi` prints a text with these exit code and errors.
fn tool(files: &[(&str, &str)], code: i32, stdout: &str, stderr: &str) -> Devices {
    detected(files, |line| match line.split(' ').next() {
        Some("rocm-smi") => exited(code, stdout, stderr),
        _ => Completion::NotFound,
    })
}

#[test]
fn recorded_listings_of_every_version_are_read() {
    let mi100 = |index: u32, bus: &str| {
        format!(
            "amd {index} | Arcturus GL-XL [Instinct MI100] | 0000:{bus}:00.0 | 32752 MiB of rocm-smi | \
             6.2.4 | rocm=Driver"
        )
    };
    for (tool, text, expected) in [
        (
            "rocm-smi",
            sample!("amd-rocm-smi-rx6700xt-rocm430.json.txt"),
            vec!["amd 0 | PCI device 1002:73df | 0000:07:00.0 | 12272 MiB of rocm-smi | 6.3.6 | rocm=Driver".to_owned()],
        ),
        (
            "rocm-smi",
            sample!("amd-rocm-smi-rx6700xt-rocm612.json.txt"),
            vec!["amd 0 | Navi 22 [Radeon RX 6700/6700 XT / 6800M] | 0000:07:00.0 | 12272 MiB of rocm-smi | \
                  6.3.6 | gfx1031 | rocm=Driver".to_owned()],
        ),
        (
            "rocm-smi",
            sample!("amd-rocm-smi-mi100-rocm571.json.txt"),
            ["1e", "22", "3f", "43", "46", "49"].iter().zip(0..).map(|(bus, at)| mi100(at, bus)).collect(),
        ),
        (
            "rocm-smi",
            sample!("amd-rocm-smi-csv-v2-warning-preamble.txt"),
            [(0, "0x18f68e602b8a790f"), (1, "0x95a1ca7691e7c391")]
                .map(|(at, id)| format!("amd {at} | Instinct MI210 | {id} | 65520 MiB of rocm-smi | rocm=Driver"))
                .to_vec(),
        ),
        (
            "amd-smi",
            sample!("amd-smi-json-gpu-data-rx7800xt.json.txt"),
            vec!["amd 0 | AMD Radeon RX 7800 XT | 16368 MiB of amd-smi | rocm=Driver".to_owned()],
        ),
    ] {
        let found = printing(tool, text);
        assert_eq!(usable(&found), expected);
        assert_eq!((found.unusable.len(), found.errors.len()), (0, 0));
    }
    let none = printing("rocm-smi", sample!("amd-rocm-warn-low-power-no-gpu.txt"));
    assert_eq!((none.accelerators.len(), none.unusable.len(), none.errors.len()), (0, 0, 0));
}

#[test]
fn versions_without_json_are_asked_for_csv_and_text() {
    let usage =
        exited(2, "", "usage: rocm-smi [-h]\nrocm-smi: error: unrecognized arguments: --json\n");
    let text = "WARNING: AMD GPU device(s) is/are in a low-power state.\n\
        ======================= ROCm System Management Interface =======================\n\
        GPU[0]\t\t: Card series: \t\tNavi 21 [Radeon RX 6800]\nGPU[0]\t\t: Unique ID: 0xAB\n\
        GPU[0]\t\t: VRAM Total Memory (B): 17163091968\nGPU[0]\t\t: PCI Bus: 0000:03:00.0\n\
        GPU[2]\t\t: Card series: \t\tNavi 22\nGPU[2]\t\t: Unique ID: N/A\n\
        GPU[2]\t\t: PCI Bus: 0000:0C:00.0\nDriver version: 5.13\n";
    let table = "Device  Node  VRAM Total Memory (B)  VRAM Total Used Memory (B)\n\
        0       1     17163091968            28635136\n";
    let csv = "device,Card series,Unique ID,VRAM Total Memory (B)\ncard0,Navi 21,0xab,1073741824\n";
    for (answer, expected) in [
        (
            text,
            vec![
                "amd 0 | Navi 21 [Radeon RX 6800] | 0xab | 16368 MiB of rocm-smi | 5.13 | rocm=Driver",
                "amd 1 | Navi 22 | 0000:0c:00.0 | 5.13 | rocm=Driver",
            ],
        ),
        (table, vec!["amd 0 | unknown | 16368 MiB of rocm-smi | rocm=Driver"]),
    ] {
        let found = detected(&[], |line| match line.split(' ').next() {
            Some("rocm-smi") if line.contains("--json") || line.contains("--csv") => usage.clone(),
            Some("rocm-smi") => exited(0, answer, "WARNING: old\n"),
            _ => Completion::NotFound,
        });
        assert_eq!(usable(&found), expected);
        assert_eq!(found.errors, [""; 0]);
    }
    let found = detected(&[], |line| match line.split(' ').next() {
        Some("rocm-smi") if line.contains("--csv") => exited(0, csv, ""),
        Some("rocm-smi") => usage.clone(),
        _ => Completion::NotFound,
    });
    assert_eq!(usable(&found), ["amd 0 | Navi 21 | 0xab | 1024 MiB of rocm-smi | rocm=Driver"]);
    let none = detected(&[], |line| match line.split(' ').next() {
        Some("rocm-smi") => usage.clone(),
        _ => Completion::NotFound,
    });
    assert_eq!(
        none.errors,
        [
            "cannot detect AMD devices: rocm-smi exited with code 2: rocm-smi: error: unrecognized arguments: \
          --json"
        ]
    );
}

#[test]
fn both_roots_of_amd_smi_and_its_units_are_read() {
    let device = r#"{"gpu": "1", "asic": {"market_name": "AMD Radeon Graphics", "asic_serial": "0xAB12",
        "target_graphics_version": "gfx942"}, "board": {"product_name": "AMD Instinct MI300X"},
        "bus": {"bdf": "0000:0C:00.0"}, "driver": {"name": "amdgpu", "version": "6.8.5"},
        "vram": {"type": "HBM", "size": {"value": 196592, "unit": "MB"}}}"#;
    let expected = "amd 0 | AMD Instinct MI300X | 0xab12 | 196592 MiB of amd-smi | 6.8.5 | gfx942 | rocm=Driver";
    for text in [
        format!("[{device}]"),
        format!("SyntaxWarning: x\n{{\"gpu_data\": [{device}]}}\n] after"),
        format!("{{\"gpus\": [{device}]}}"),
    ] {
        assert_eq!(usable(&printing("amd-smi", &text)), [expected]);
    }
    let in_gigabytes = device.replace("196592", "\"191.98\"").replace("\"MB\"", "\"GB\"");
    let found = printing("amd-smi", &format!("[{in_gigabytes}]"));
    assert_eq!(found.accelerators[0].memory_bytes >> 20, 196_587);
    let unknown = device.replace("196592", "\"N/A\"").replace("AMD Instinct MI300X", "N/A");
    let found = printing("amd-smi", &format!("[{unknown}]"));
    assert_eq!(
        usable(&found),
        ["amd 0 | AMD Radeon Graphics | 0xab12 | 6.8.5 | gfx942 | rocm=Driver"]
    );
    assert_eq!(found.notes.len(), 1, "{:?}", found.notes);
}

#[test]
fn a_cut_document_is_not_a_listing() {
    let one = r#"{"card0": {"GFX Version": "gfx90a"}, "card1": {"GFX Version": "gfx90a"}}"#;
    assert_eq!(printing("rocm-smi", one).accelerators.len(), 2);
    for end in 0..one.len() - 1 {
        assert_eq!(printing("rocm-smi", &one[..end]).accelerators, [], "{end}");
    }
}

#[test]
fn a_failed_tool_is_a_degraded_device_with_the_reason() {
    let json = r#"{"card0": {"GFX Version": "gfx90a"}}"#;
    let driver = "ERROR:root:Driver not initialized (amdgpu not found in modules)";
    for (found, reason) in [
        (tool(&[], 0, "", driver), "rocm-smi printed no complete list of devices: ERRORroot"),
        (tool(&[], 1, json, driver), "rocm-smi exited with code 1: "),
        (
            tool(
                &[],
                1,
                "",
                "Traceback (most recent call last):\n  File \"x\", line 1\nKeyError: 'card0'\n",
            ),
            "rocm-smi exited with code 1: KeyError: 'card0'",
        ),
    ] {
        assert_eq!(found.accelerators, []);
        let [device] = &found.unusable[..] else { panic!("{:?}", found.unusable) };
        let words = |text: &str| text.replace(':', "");
        assert!(words(&device.reason).starts_with(&words(reason)), "{:?}", device.reason);
        assert_eq!(found.errors.len(), 1);
    }
}

const NODES: [(&str, &str); 6] = [
    ("sys/class/kfd/kfd/topology/nodes/0/properties", "cpu_cores_count 64\nsimd_count 0\n"),
    (
        "sys/class/kfd/kfd/topology/nodes/1/properties",
        "cpu_cores_count 0\nsimd_count 912\ngfx_target_version 90402\nvendor_id 4098\ndevice_id 29857\n\
         location_id 3072\ndomain 0\nunique_id 1234\n",
    ),
    (
        "sys/class/kfd/kfd/topology/nodes/1/mem_banks/0/properties",
        "heap_type 1\nsize_in_bytes 206141652992\n",
    ),
    ("sys/module/amdgpu/version", "6.8.5\n"),
    ("sys/class/drm/card0-HDMI-A-1/device/vendor", "0x1002\n"),
    ("sys/class/drm/renderD128/device/vendor", "0x1002\n"),
];

#[test]
fn devices_are_found_in_the_files_of_the_kernel_without_a_tool() {
    let found = detected(&NODES, |_| Completion::NotFound);
    assert_eq!(
        usable(&found),
        [
            "amd 0 | PCI device 1002:74a1 | 0x4d2 | 196592 MiB of sysfs | 6.8.5 | gfx942 | rocm=Driver"
        ]
    );
}

#[test]
fn a_tool_that_fails_makes_the_devices_of_the_kernel_degraded() {
    for (failed, reason) in [
        (crashed(11), "SIGSEGV"),
        (exited(0, "", "ERROR: driver not initialized"), "driver not initialized"),
        (exited(0, "{}", ""), "rocm-smi"),
    ] {
        let found = detected(&NODES, |line| match line.split(' ').next() {
            Some("rocm-smi") => failed.clone(),
            _ => Completion::NotFound,
        });
        assert_eq!((usable(&found), found.errors.len()), (Vec::new(), 1), "{failed:?}");
        let device = &unusable(&found)[..];
        assert!(device[0].contains("1002:74a1 | 0x4d2 | 196592 MiB"), "{device:?}");
        assert!(device[0].contains("Degraded: ") && device[0].contains(reason), "{device:?}");
    }
    // In a container without the device, its driver is not available either.
    let files = [&NODES[..], &[("dev/null", "")]].concat();
    let found = tool(&files, 1, "", "ERROR:root:Driver not initialized");
    assert!(unusable(&found)[0].contains("Unusable: the file /dev/kfd"), "{found:?}");
    assert_eq!((found.unusable.len(), found.errors.len()), (1, 0));
    // Another tool works.
    let other =
        r#"[{"gpu": 0, "asic": {"market_name": "MI300X"}, "bus": {"bdf": "0000:0c:00.0"}}]"#;
    let found = detected(&NODES, |line| match line.split(' ').next() {
        Some("rocm-smi") => crashed(11),
        Some("amd-smi") => exited(0, other, ""),
        _ => Completion::NotFound,
    });
    assert_eq!((found.accelerators.len(), found.errors.len()), (1, 0));
}

/// The node of a device at a bus, with more lines.
fn node(number: u32, bus: u64, more: &str) -> (String, String) {
    (
        format!("sys/class/kfd/kfd/topology/nodes/{number}/properties"),
        format!(
            "cpu_cores_count 0\nsimd_count 80\nvendor_id 4098\nlocation_id {}\n{more}",
            bus << 8
        ),
    )
}

#[test]
fn a_device_that_the_tool_leaves_out_keeps_its_number() {
    let nodes = [
        node(1, 3, "gfx_target_version 90010\ndrm_render_minor 128\n"),
        node(2, 0x43, "gfx_target_version 90010\ndrm_render_minor 129\n"),
        node(3, 0x63, "gfx_target_version 90010\ndrm_render_minor 130\n"),
    ];
    let nodes: Vec<(&str, &str)> = nodes.iter().map(|(path, text)| (&**path, &**text)).collect();
    let list = r#"{"card0": {"Card Series": "A", "PCI Bus": "0000:01:00.0"},
        "card2": {"Card Series": "B", "PCI Bus": "0000:43:00.0"},
        "card3": {"Card Series": "C", "PCI Bus": "0000:63:00.0"}}"#;
    let devices = |files: &[(&str, &str)]| {
        let found = tool(&[&nodes[..], files].concat(), 0, list, "");
        let number = |line: String| line.split(" | ").take(3).collect::<Vec<_>>().join(" ");
        let all = [usable(&found), unusable(&found)];
        (all.map(|lines| lines.into_iter().map(number).collect::<Vec<_>>()), found)
    };
    let ([usable, unusable], found) = devices(&[]);
    assert_eq!(usable, ["amd 1 B 0000:43:00.0", "amd 2 C 0000:63:00.0", "amd 3 A 0000:01:00.0"]);
    assert_eq!(unusable, ["amd 0 unknown 0000:03:00.0"]);
    assert!(found.errors[0].contains("rocm-smi does not list it"), "{:?}", found.errors);
    // The compute driver does not have the first one.
    assert_eq!(found.accelerators[2].offered().count(), 0);
    assert_eq!(found.accelerators[0].offered().count(), 1);
    // A container has the device files of two, and ROCm counts these.
    let files = [("dev/kfd", ""), ("dev/dri/renderD129", ""), ("dev/dri/renderD130", "")];
    let ([usable, unusable], found) = devices(&files);
    assert_eq!(usable[..2], ["amd 0 B 0000:43:00.0", "amd 1 C 0000:63:00.0"]);
    assert_eq!((unusable.len(), found.errors.len()), (0, 0), "{found:?}");
}

#[test]
fn devices_on_the_bus_that_the_tool_leaves_out_are_reported() {
    let device = |bus: &str, driver: &str| {
        let directory = format!("sys/bus/pci/devices/0000:{bus}:00.0");
        [
            (format!("{directory}/vendor"), "0x1002\n".to_owned()),
            (format!("{directory}/class"), "0x038000\n".to_owned()),
            (format!("{directory}/uevent"), format!("DRIVER={driver}\n")),
        ]
    };
    let all = [device("03", "amdgpu"), device("43", "amdgpu"), device("63", "vfio-pci")];
    let files: Vec<(&str, &str)> =
        all.iter().flatten().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let list = r#"{"card1": {"Card Series": "B", "PCI Bus": "0000:43:00.0"}}"#;
    let found = tool(&files, 0, list, "");
    assert_eq!(usable(&found), ["amd 1 | B | 0000:43:00.0 | rocm=Driver"]);
    let left_out = unusable(&found);
    assert!(left_out[0].contains("amd 0 ") && left_out[0].contains("does not list it"));
    assert!(left_out[1].contains("the driver vfio-pci controls the device; it needs amdgpu"));
    assert_eq!(found.errors.len(), 1);
}

#[test]
fn a_device_without_permission_or_device_file_is_not_usable() {
    let without_file =
        detected(&[&NODES[..], &[("dev/null", "")]].concat(), |_| Completion::NotFound);
    assert_eq!(without_file.accelerators, []);
    assert!(without_file.unusable[0].reason.contains("/dev/kfd"), "{:?}", without_file.unusable);
    let status = (
        "proc/self/status",
        "Name:\tx\nUid:\t4242\t4242\t4242\t4242\nGid:\t4242\t4242\t4242\t4242\nGroups:\t4242\n",
    );
    let files = [&NODES[..], &[("dev/kfd", ""), status]].concat();
    let forbidden = detected(&files, |_| Completion::NotFound);
    assert_eq!(forbidden.accelerators, []);
    assert!(
        unusable(&forbidden)[0].contains("Unusable: this user has no permission"),
        "{forbidden:?}"
    );
}

#[test]
fn graphics_in_a_processor_use_its_memory() {
    let card = |vram: u64, gtt: u64| {
        format!(
            "{{\"card0\": {{\"GFX Version\": \"gfx1151\", \"Card Series\": \"N/A\", \"VRAM Total Memory (B)\": \
             \"{}\", \"GTT Total Memory (B)\": \"{}\"}}}}",
            vram << 20,
            gtt << 20
        )
    };
    let facts = |memory: &str| {
        format!("amd 0 | unknown (integrated) | {memory} | unified | gfx1151 | rocm=Driver")
    };
    let lent = printing("rocm-smi", &card(512, 63_000));
    assert_eq!(usable(&lent), [facts("63000 MiB of rocm-smi, memory of the machine (GTT)")]);
    let reserved = printing("rocm-smi", &card(98_304, 15_000));
    assert_eq!(usable(&reserved), [facts("98304 MiB of rocm-smi")]);
}

#[test]
fn partitions_of_a_card_share_its_memory() {
    let card = r#"{"GFX Version": "gfx942", "Unique ID": "0xAB", "PCI Bus": "0000:0C:00.0",
        "VRAM Total Memory (B)": "206141652992"}"#;
    let found = printing("rocm-smi", &format!("{{\"card0\": {card}, \"card1\": {card}}}"));
    let part = |at: u32| {
        format!(
            "amd {at} | unknown | 0xab/{at} | about 98296 MiB of rocm-smi, divided by 2 partitions | part of \
             0xab | gfx942 | rocm=Driver"
        )
    };
    assert_eq!(usable(&found), [part(0), part(1)]);
}

#[test]
fn an_entry_without_facts_is_not_usable() {
    let text = r#"{"card0": {"GFX Version": "gfx90a"}, "card1": {"Card Series": "N/A", "PCI Bus": "0000:0C:00.0"}}"#;
    let found = printing("rocm-smi", text);
    assert_eq!(usable(&found), ["amd 0 | unknown | gfx90a | rocm=Driver"]);
    assert_eq!(
        unusable(&found),
        [
            "amd 1 | unknown | 0000:0c:00.0 | rocm=Hardware | Degraded: its tool reports no name, target or \
          memory of the device"
        ]
    );
    assert_eq!(
        found.errors,
        ["cannot detect AMD devices: rocm-smi reports no usable data of 1 of 2 devices"]
    );
}

#[test]
fn the_target_can_be_overridden() {
    let environment = ("proc/self/environ", "HSA_OVERRIDE_GFX_VERSION=10.3.0\0");
    let found = tool(&[environment], 0, r#"{"card0": {"GFX Version": "gfx1031"}}"#, "");
    assert_eq!(found.accelerators[0].architecture, "gfx1030");
    assert_eq!(found.notes.len(), 2, "{:?}", found.notes);
}

#[test]
fn graphics_in_a_processor_need_a_tool_or_a_runtime() {
    let properties = "cpu_cores_count 16\nsimd_count 4\ngfx_target_version 100306\nvendor_id 4098\n\
                      location_id 1024\n";
    let files = [("sys/class/kfd/kfd/topology/nodes/0/properties", properties)];
    let found = detected(&files, |_| Completion::NotFound);
    assert_eq!(
        usable(&found),
        ["amd 0 | unknown (integrated) | 0000:04:00.0 | unified | gfx1036 | rocm=Hardware"]
    );
}

/// The driver lists graphics of newer processors without their cores.
#[test]
fn graphics_in_a_newer_processor_use_its_memory() {
    let (path, text) = node(1, 0xc4, "gfx_target_version 110501\n");
    let drm = |file: &str| format!("sys/class/drm/card1/device/{file}");
    let files = [
        (path, text),
        ("proc/meminfo".to_owned(), "MemTotal: 131072000 kB\n".to_owned()),
        (drm("vendor"), "0x1002\n".to_owned()),
        (drm("uevent"), "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:c4:00.0\n".to_owned()),
        (drm("mem_info_vram_total"), "536870912\n".to_owned()),
        (drm("mem_info_gtt_total"), "66060288000\n".to_owned()),
    ];
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let listed = r#"{"card1": {"Card Series": "N/A", "GFX Version": "gfx1151", "PCI Bus": "0000:C4:00.0",
        "VRAM Total Memory (B)": "536870912"}}"#;
    let facts = |source: &str, proof: &str| {
        format!(
            "amd 0 | unknown (integrated) | 0000:c4:00.0 | 63000 MiB of {source}, memory of the machine \
             (GTT) | unified | gfx1151 | rocm={proof}"
        )
    };
    assert_eq!(usable(&tool(&files, 0, listed, "")), [facts("rocm-smi", "Driver")]);
    let without_tool = detected(&files, |_| Completion::NotFound);
    assert_eq!(usable(&without_tool), [facts("sysfs", "Hardware")]);
    // Without the limit of the driver, its usual value is assumed.
    let without_limit = tool(&files[..3], 0, listed, "");
    assert!(
        usable(&without_limit)[0].contains("about 64000 MiB of 50 % of system memory"),
        "{without_limit:?}"
    );
}

#[test]
fn a_graphics_driver_alone_is_no_proof() {
    let files = [
        ("sys/class/drm/card1/device/vendor", "0x1002\n"),
        ("sys/class/drm/card1/device/device", "0x744c\n"),
        ("sys/class/drm/card1/device/uevent", "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:03:00.0\n"),
        ("sys/class/drm/card1/device/mem_info_vram_total", "25753026560\n"),
        ("sys/class/drm/card1/device/unique_id", "5f2c4d1e00000000\n"),
    ];
    let found = detected(&files, |_| Completion::NotFound);
    assert_eq!(
        usable(&found),
        ["amd 0 | PCI device 1002:744c | 0x5f2c4d1e00000000 | 24560 MiB of sysfs | rocm=Hardware"]
    );
}

/// The files of a device that the graphics driver has, with the number of its device file.
fn graphics(card: u32, bus: &str, render: u32) -> [(String, String); 6] {
    let directory = format!("sys/class/drm/card{card}/device");
    let on_bus = format!("sys/bus/pci/devices/{bus}");
    [
        (format!("{directory}/vendor"), "0x1002\n".to_owned()),
        (format!("{directory}/uevent"), format!("DRIVER=amdgpu\nPCI_SLOT_NAME={bus}\n")),
        (format!("{directory}/mem_info_vram_total"), "17163091968\n".to_owned()),
        (format!("{directory}/drm/renderD{render}/x"), String::new()),
        (format!("{on_bus}/vendor"), "0x1002\n".to_owned()),
        (format!("{on_bus}/uevent"), "DRIVER=amdgpu\n".to_owned()),
    ]
}

/// A compute card, a card without an entry of the compute driver, and one that another driver has.
#[test]
fn every_card_is_reported_with_and_without_a_tool() {
    let mut files = vec![node(1, 3, "gfx_target_version 90010\ndrm_render_minor 128\n")];
    for (card, bus, render) in [(0, "0000:03:00.0", 128), (1, "0000:43:00.0", 129)] {
        files.extend(graphics(card, bus, render));
        files.push((format!("sys/bus/pci/devices/{bus}/class"), "0x030000\n".to_owned()));
    }
    for (file, text) in
        [("vendor", "0x1002\n"), ("class", "0x030000\n"), ("uevent", "DRIVER=vfio-pci\n")]
    {
        files.push((format!("sys/bus/pci/devices/0000:63:00.0/{file}"), text.to_owned()));
    }
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let ids = |lines: Vec<String>| -> Vec<String> {
        let id = |line: &String| line.split(" | ").nth(2).unwrap_or_default().to_owned();
        lines.iter().map(id).collect()
    };
    let all = |found: &Devices| (ids(usable(found)), ids(unusable(found)));
    let addresses = |list: &[&str]| -> Vec<String> {
        list.iter().map(|bus| format!("0000:{bus}:00.0")).collect()
    };
    let found = detected(&files, |_| Completion::NotFound);
    assert_eq!(all(&found), (addresses(&["03", "43"]), addresses(&["63"])));
    assert!(unusable(&found)[0].contains("the driver vfio-pci controls the device"));
    // A test needs the compute driver.
    let offered: Vec<_> =
        found.accelerators.iter().map(|device| device.offered().count()).collect();
    assert_eq!(offered, [1, 0]);
    let list = r#"{"card0": {"Card Series": "A", "PCI Bus": "0000:03:00.0"}}"#;
    let found = tool(&files, 0, list, "");
    assert_eq!(all(&found), (addresses(&["03"]), addresses(&["43", "63"])));
    let failed = tool(&files, 1, "", "Traceback");
    assert_eq!(all(&failed), (Vec::new(), addresses(&["63", "03", "43"])));
    // A container has the file of one of them, and its kernel shows all.
    let container = [&files[..], &[("dev/kfd", ""), ("dev/dri/renderD128", "")]].concat();
    let found = detected(&container, |_| Completion::NotFound);
    assert_eq!(all(&found), (addresses(&["03"]), addresses(&["63"])));
}

#[test]
fn a_list_that_may_mean_any_device_gives_no_number() {
    let nodes =
        [node(1, 3, "gfx_target_version 90010\n"), node(2, 0x43, "gfx_target_version 90010\n")];
    let files: Vec<(&str, &str)> =
        nodes.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let found = tool(&files, 0, r#"{"card0": {"GFX Version": "gfx90a"}}"#, "");
    assert_eq!((found.accelerators.len(), found.unusable.len(), found.errors.len()), (0, 2, 1));
    assert!(
        found.errors[0].contains("does not give the address of every device"),
        "{:?}",
        found.errors
    );
}

#[test]
fn graphics_in_a_processor_that_the_tool_leaves_out_are_no_failure() {
    let nodes = [
        node(1, 3, "gfx_target_version 110000\n"),
        node(2, 0x0e, "gfx_target_version 100306\ncpu_cores_count 8\n"),
    ];
    let files: Vec<(&str, &str)> =
        nodes.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let list = r#"{"card0": {"Card Series": "A", "PCI Bus": "0000:03:00.0"}}"#;
    let found = tool(&files, 0, list, "");
    assert_eq!((usable(&found).len(), found.unusable.len(), found.errors.len()), (1, 0, 0));
    assert!(found.notes.iter().any(|note| note.contains("a runtime must find it")), "{found:?}");
}
