//! Tests with recorded outputs of the tools of these vendors, and with device files.

use crate::detect::vendors::tests::{detected, printing, sample, unusable, usable};
use crate::domain::accelerator::Accelerator;
use crate::sys::process::{Completion, exited};

#[test]
fn recorded_listings_are_read() {
    let gaudi = printing("hl-smi", sample!("habana-hl-smi-csv-1.18-hl205.txt"));
    assert_eq!(gaudi.accelerators.len(), 8);
    assert_eq!(
        usable(&gaudi)[7],
        "habana 7 | HL-205 | 00P1-HL2000A1-14-P64X00-08-05-09 | 32768 MiB of hl-smi | hpu=Driver"
    );
    let neuron = printing("neuron-ls", sample!("aws-neuron-ls-trn2.json.txt"));
    assert_eq!(
        usable(&neuron),
        [
            "aws 0 | AWS Neuron device (trn2.48xlarge) | 0000:e1:00.0 | 98304 MiB of neuron-ls | neuron=Driver"
        ]
    );
}

#[test]
fn the_forms_of_gaudi_rows_are_read() {
    let expected =
        "habana 0 | HL-325L | 01P4-HL3 | 131072 MiB of hl-smi | 1.22.1-97ec1a4 | hpu=Driver";
    for text in [
        "0, 01P4-HL3, HL-325L, 1.22.1-97ec1a4, 131072 MiB\n",
        "warning: x\n0, 01P4-HL3, HL-325L, 1.22.1-97ec1a4, 131072\n",
        "index, uuid, name, driver_version, memory.total [MiB]\n0, 01P4-HL3, HL-325L, 1.22.1-97ec1a4, 131072\n",
    ] {
        assert_eq!(usable(&printing("hl-smi", text)), [expected]);
    }
    let failed = printing("hl-smi", "0, 01P4-HL3, HL-325L\nerror: the driver is not loaded\n");
    assert_eq!((failed.accelerators.len(), failed.errors.len()), (0, 1));
    assert!(
        failed.unusable[0].reason.contains("the driver is not loaded"),
        "{:?}",
        failed.unusable
    );
}

#[test]
fn both_forms_of_neuron_addresses_are_read() {
    let text = r#"note [x] [{"neuron_device": 1, "bdf": "cc:00.0", "connected_to": null, "nc_count": 2,
        "memory_size": 34359738368}, {"neuron_device": 2, "bdf": "cd:00.0", "memory_size": "N/A"}]"#;
    assert_eq!(
        usable(&printing("neuron-ls", text)),
        [
            "aws 1 | AWS Neuron device | 0000:cc:00.0 | 32768 MiB of neuron-ls | neuron=Driver",
            "aws 2 | AWS Neuron device | 0000:cd:00.0 | neuron=Hardware",
        ]
    );
    assert_eq!(printing("neuron-ls", "[]").errors, [""; 0]);
    let nodes =
        detected(&[("dev/neuron0", ""), ("dev/neuron10", ""), ("dev/neuron_x", "")], |_| {
            Completion::NotFound
        });
    let numbers: Vec<_> = nodes.accelerators.iter().map(|device| device.index).collect();
    assert_eq!(numbers, [0, 10]);
}

#[test]
fn neuron_devices_are_named_by_their_cores() {
    let cores = |text: &str| -> Vec<Vec<u16>> {
        printing("neuron-ls", text).accelerators.into_iter().map(|device| device.cores).collect()
    };
    assert_eq!(cores(sample!("aws-neuron-ls-trn2.json.txt")), [[0, 1, 2, 3]]);
    let device = |number: u32, more: &str| format!("{{\"neuron_device\": {number}{more}}}");
    let two = ", \"nc_count\": 2";
    let list = |devices: &[String]| format!("[{}]", devices.join(", "));
    let counted = list(&[device(1, two), device(0, two), device(4, two)]);
    assert_eq!(cores(&counted), [[0, 1], [2, 3], [4, 5]]);
    let listed = list(&[
        device(0, ", \"neuroncore_ids\": [\"4\", 5]"),
        device(1, ", \"nc_count\": 2, \"neuroncore_ids\": [6, 7]"),
    ]);
    assert_eq!(cores(&listed), [[4, 5], [6, 7]]);
    // The list is a part of a mapping.
    let text = format!(
        "note {{\"x\": []}} {{\"instance_type\": \"trn2.3xlarge\", \"neuron_devices\": {listed}}}"
    );
    assert_eq!(cores(&text), [[4, 5], [6, 7]]);
    let all = printing("neuron-ls", &text);
    assert_eq!(all.accelerators[0].model, "AWS Neuron device (trn2.3xlarge)");
    assert_eq!(all.errors, [""; 0]);
    // A test cannot be pinned to one of several devices whose cores are unknown.
    let unknown = printing("neuron-ls", &list(&[device(0, two), device(1, "")]));
    assert_eq!(unknown.accelerators[1].offered().count(), 0);
    let one = detected(&[("dev/neuron0", "")], |_| Completion::NotFound);
    assert_eq!(usable(&one), ["aws 0 | AWS Neuron device | neuron=Driver"]);
}

#[test]
fn gaudi_devices_are_pinned_by_their_modules() {
    let modules = |found: &crate::detect::vendors::Devices| -> Vec<(u16, u16)> {
        found.accelerators.iter().map(|device| (device.index, device.pin_number())).collect()
    };
    let row = |start: &str| format!("{start}, 01P4-HL3-{start}, HL-325L, 1.22.1, 131072 MiB\n");
    let header = "index, module_id, uuid, name, driver_version, memory.total [MiB]\n";
    let text = format!(
        "{header}{}{}",
        "0, 6, 01P4-1, HL-325L, 1.22.1, 131072\n", "1, 2, 01P4-2, HL-325L, 1.22.1, 131072\n"
    );
    assert_eq!(modules(&printing("hl-smi", &text)), [(0, 6), (1, 2)]);
    // Another version of the tool does not know the column, and the driver has the number.
    let driver = |number: u32, module: u32| {
        let directory = format!("sys/class/accel/accel{number}/device");
        [
            (format!("{directory}/vendor"), "0x1da3\n".to_owned()),
            (format!("{directory}/module_id"), format!("{module}\n")),
        ]
    };
    let files = [driver(0, 3), driver(1, 7)];
    let files: Vec<(&str, &str)> =
        files.iter().flatten().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let found = detected(&files, |line| match line {
        line if line.contains("module_id") => exited(1, "", "invalid field"),
        line if line.starts_with("hl-smi") => exited(0, &(row("0") + &row("1")), ""),
        _ => Completion::NotFound,
    });
    assert_eq!((modules(&found), found.notes.len()), (vec![(0, 3), (1, 7)], 0));
    let without_tool = detected(&files, |_| Completion::NotFound);
    assert_eq!(modules(&without_tool), [(0, 3), (1, 7)]);
}

#[test]
fn rows_that_cannot_be_read_keep_their_place() {
    let gaudi = printing(
        "hl-smi",
        "0, 01P4-1, HL-325L, 1.22.1, 131072\n1, ERR!\n2, 01P4-3, HL-325L, 1.22.1, 131072\nnote, x\n",
    );
    let numbers: Vec<_> = gaudi.accelerators.iter().map(|device| device.index).collect();
    assert_eq!((numbers, gaudi.errors.len()), (vec![0, 2], 1));
    assert!(unusable(&gaudi)[0].starts_with("habana 1 | unknown"), "{gaudi:?}");
    assert!(unusable(&gaudi)[0].contains("\"1, ERR!\""), "{gaudi:?}");
    let card = |number: u32| format!("| {number}     910B3 | OK   | 92.8   38   0 / 0 |\n");
    let chip = |bus: &str| format!("| 0    | {bus} | 0   0 / 0   4149 / 65536 |\n");
    let good = |number: u32| card(number) + &chip(&format!("0000:C{number}:00.0"));
    for (bad, line) in [
        (card(1) + &chip("NA"), "| NA |"),
        (card(1), "910B3 | OK"),
        (chip("0000:C1:00.0"), "0000:C1:00.0"),
    ] {
        let found = printing("npu-smi", &(good(0) + &bad + &good(2)));
        let numbers: Vec<_> = found.accelerators.iter().map(|device| device.index).collect();
        assert_eq!((numbers, found.unusable.len()), (vec![0, 2], 1), "{bad}");
        assert!(unusable(&found)[0].starts_with("huawei 1 | "), "{found:?}");
        assert!(found.errors[0].contains(line), "{:?}", found.errors);
    }
    let cut = printing("npu-smi", &(good(0) + &card(1)));
    assert_eq!((cut.accelerators.len(), cut.unusable.len()), (1, 1));
}

#[test]
fn ascend_tables_are_read() {
    let table = "\
+------------------------------------------------------------------------------------------------+
| npu-smi 23.0.0                   Version: 23.0.0                                               |
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
| 0     910B3               | OK            | 92.8        38                0    / 0             |
| 0                         | 0000:C1:00.0  | 0           0    / 0          4149 / 65536         |
+===========================+===============+====================================================+
| 1     910B3               | Alarm         | 92.8        38                0    / 0             |
| 0                         | 0000:C2:00.0  | 0           0    / 0          4149 / 65536         |
+===========================+===============+====================================================+
";
    let found = printing("npu-smi", table);
    let device = |index: u32, bus: &str, proof: &str| {
        format!(
            "huawei {index} | Ascend 910B3 | 0000:{bus}:00.0 | 65536 MiB of npu-smi | 23.0.0 | npu={proof}"
        )
    };
    assert_eq!(usable(&found), [device(0, "c1", "Driver")]);
    let alarm = "Unusable: npu-smi reports the health \"Alarm\"";
    assert_eq!(unusable(&found), [format!("{} | {alarm}", device(1, "c2", "Hardware"))]);
    let other_form = "\
| npu-smi 22.0.0                       Version:22.0.2                                        |
| NPU     Name      | Health          | Power(W)     Temp(C)           Hugepages-Usage(page) |
| Chip    Device    | Bus-Id          | AICore(%)    Memory-Usage(MB)                        |
| 0       Ascend310 | OK              | 16.2         42                0    / 0              |
| 0       0         | 0000:86:00.0    | 0            994  / 21534                            |
| 0       Ascend310 | OK              | -            42                0    / 0              |
| 1       1         | 0000:87:00.0    | 0            994  / 21534                            |
| NPU     Chip      | Process id      | Process name             | Process memory(MB)        |
| 0       0         | 1234            | python                   | 1000                      |
";
    let chip = |index: u32, bus: &str| {
        format!(
            "huawei {index} | Ascend 310 | 0000:{bus}:00.0 | 21534 MiB of npu-smi | 22.0.2 | npu=Driver"
        )
    };
    assert_eq!(usable(&printing("npu-smi", other_form)), [chip(0, "86"), chip(1, "87")]);
    let failed = printing("npu-smi", "DrvMngGetConsoleLogLevel failed. (g_conLogLevel=3)\n");
    assert_eq!((failed.accelerators.len(), failed.unusable.len()), (0, 1));
}

#[test]
fn devices_of_the_class_for_accelerators_belong_to_their_vendor() {
    let device = |name: &str, vendor: &str, driver: &str| {
        let directory = format!("sys/class/accel/{name}/device");
        [
            (format!("{directory}/vendor"), format!("{vendor}\n")),
            (
                format!("{directory}/uevent"),
                format!("DRIVER={driver}\nPCI_SLOT_NAME=0000:00:0b.0\n"),
            ),
        ]
    };
    let files = [
        device("accel0", "0x8086", "intel_vpu"),
        device("accel1", "0x1022", "amdxdna"),
        device("accel2", "0x1ae0", "gasket"),
        device("accel3", "0x1da3", "habanalabs"),
        device("accel4", "0x1ae0", "gasket"),
        device("accel5", "0x9999", "other"),
    ];
    let files: Vec<(&str, &str)> =
        files.iter().flatten().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let found = detected(&files, |_| Completion::NotFound);
    let kinds: Vec<_> = found
        .accelerators
        .iter()
        .map(|device| {
            let backends: Vec<String> =
                device.backends.iter().map(|(name, proof)| format!("{name}={proof:?}")).collect();
            format!("{} {} {}", device.vendor, device.pin_number(), backends.join(","))
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "amd 0 npu=Hardware",
            "google 0 tpu=Driver",
            "google 1 tpu=Driver",
            "habana 0 hpu=Driver",
            "intel 0 openvino=Hardware",
        ]
    );
    let mut in_container = files.clone();
    in_container.push(("dev/accel/accel1", ""));
    let found = detected(&in_container, |_| Completion::NotFound);
    assert_eq!(found.accelerators.len(), 1, "only one device file");
}

#[test]
fn a_tool_of_one_vendor_that_fails_does_not_hide_the_others() {
    let found = detected(&[], |line| match line.split(' ').next() {
        Some("hl-smi") => exited(0, "0, 01P4-HL3, HL-325L, 1.22.1, 131072 MiB\n", ""),
        Some("neuron-ls") => exited(1, "", "cannot open the device"),
        _ => Completion::NotFound,
    });
    assert_eq!((found.accelerators.len(), found.errors.len()), (1, 1));
}

#[test]
fn tpu_chips_behind_vfio_are_not_mistaken_for_network_adapters() {
    let device = |address: &str, class: &str| {
        let directory = format!("sys/bus/pci/devices/{address}");
        [
            (format!("{directory}/vendor"), "0x1ae0\n".to_owned()),
            (format!("{directory}/class"), class.to_owned()),
        ]
    };
    let files = [
        device("0000:00:04.0", "0x088000"),
        device("0000:00:05.0", "0x020000"),
        device("0000:00:06.0", "0x088000"),
    ];
    let mut files: Vec<(&str, &str)> =
        files.iter().flatten().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    assert_eq!(detected(&files, |_| Completion::NotFound).accelerators, []);
    files.push(("dev/vfio/0", ""));
    assert_eq!(
        usable(&detected(&files, |_| Completion::NotFound)),
        [
            "google 0 | TPU | 0000:00:04.0 | tpu=Driver",
            "google 1 | TPU | 0000:00:06.0 | tpu=Driver"
        ]
    );
}

#[test]
fn the_signal_processor_of_qualcomm_needs_a_runtime() {
    let found = detected(&[("dev/fastrpc-cdsp", "")], |_| Completion::NotFound);
    assert_eq!(usable(&found), ["qualcomm 0 | Hexagon NPU | qnn=Hardware"]);
}

#[test]
fn chips_with_one_address_have_different_ids() {
    let rows = "| 0     310P3 | OK   | 92.8   38   0 / 0 |\n| 0    | 0000:C1:00.0 | 0   0 / 0   10 / 21527 |\n";
    let found = printing("npu-smi", &rows.repeat(3));
    let ids: Vec<_> = found.accelerators.iter().map(Accelerator::id).collect();
    let expected = ["0000:c1:00.0", "0000:c1:00.0/1", "0000:c1:00.0/2"];
    assert_eq!(ids, expected.map(|id| format!("huawei:{id}")));
}

#[test]
fn an_entry_of_neuron_that_cannot_be_read_loses_no_other() {
    let list = |more: &str| {
        format!(
            "[{{\"neuron_device\": 0, \"nc_count\": 2{more}}}, {{\"neuron_device\": \"?\"}}, \
             {{\"neuron_device\": 2, \"nc_count\": 2}}]"
        )
    };
    let found = printing("neuron-ls", &list(", \"neuroncore_ids\": [0, 1]"));
    assert_eq!((found.accelerators.len(), found.unusable.len(), found.errors.len()), (2, 1, 1));
    assert_eq!(found.accelerators[0].cores, [0, 1]);
    assert!(found.errors[0].contains("neurondevice"), "{:?}", found.errors);
    // The cores of the unknown device count, so those of the others are unknown.
    let found = printing("neuron-ls", &list(""));
    assert!(found.accelerators.iter().all(|device| device.offered().count() == 0), "{found:?}");
    assert_eq!(printing("neuron-ls", "[{\"x\": 1}]").accelerators, []);
}
