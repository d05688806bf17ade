//! Tests of the table of back-ends.

use crate::backends::Table;
use crate::backends::entry::Entry;
use crate::domain::accelerator::{Accelerator, Backend, Vendor};
use serde_json::json;

const TOY: &str = "schema: 1\nbackends:\n  toy:\n    title: Toy\n    pin: { set: { TOY: '{ids}' } }\n    \
    packages: [toy-torch]\n    python: { device: 'cpu', synchronise: none }\n";

fn toy() -> Backend {
    Backend::new("toy").expect("a name")
}

fn device(index: u16, vendor: Vendor, uuid: &str, backend: Backend) -> Accelerator {
    let mut device = Accelerator::new(index, vendor, "X").with_backend(backend);
    device.uuid = uuid.to_owned();
    device
}

fn pinned(table: &Table, held: &[&Accelerator]) -> Vec<String> {
    let variables = table.pin(held, false);
    variables.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

#[test]
fn the_built_in_table_has_every_built_in_name() {
    let table = Table::built_in();
    for backend in Backend::BUILT_IN {
        let title = table.get(backend).map(|entry| entry.title.is_some());
        assert_eq!(title, Some(true), "{backend}");
    }
    assert!(!table.needs_device(Backend::CPU) && table.needs_device(Backend::CUDA));
    assert!(!table.needs_device(Backend::OPENVINO) && table.needs_device(toy()));
    assert_eq!(table.runnable().first(), Some(&Backend::CPU));
    let hooks = table.hooks(Backend::CUDA);
    assert_eq!(hooks["cuda"]["synchronise"], "torch.cuda.synchronize");
    assert_eq!(hooks["cuda"]["providers"], json!([["CUDAExecutionProvider", {"use_tf32": "0"}]]));
    assert_eq!(hooks["cpu"]["device"], "cpu");
    assert_eq!(hooks["cpu"].get("synchronise"), None);
}

#[test]
fn a_table_of_a_user_adds_and_changes_back_ends() {
    let table = Table::built_in().merged(TOY).expect("a table");
    assert!(table.require(toy()).is_ok() && table.runnable().contains(&toy()));
    let changed = table.merged("schema: 1\nbackends: { cuda: { packages: [extra] } }\n");
    let changed = changed.expect("a table");
    let before = table.get(Backend::CUDA).expect("cuda");
    let expected = Entry { packages: Some(vec!["extra".to_owned()]), ..before.clone() };
    assert_eq!(changed.get(Backend::CUDA), Some(&expected), "the other keys stay");
    let requirements = |table: &Table, backend| {
        let of_template = vec!["torch".to_owned(), "onnxruntime".to_owned()];
        table.get(backend).expect("known").requirements(of_template)
    };
    assert_eq!(requirements(&changed, Backend::CUDA), ["torch", "onnxruntime-gpu", "extra"]);
    assert_eq!(requirements(&table, toy()), ["torch", "onnxruntime", "toy-torch"]);
    let mistyped = Backend::new("tooy").expect("a name");
    let error = table.require(mistyped).expect_err("unknown");
    assert_eq!(error.message, "unknown back-end \"tooy\"");
    assert!(error.hint.is_some_and(|hint| hint.starts_with("did you mean \"toy\"?")));
}

#[test]
fn what_a_table_must_not_contain_is_named() {
    let refused = |toy: &str| {
        let text = format!("schema: 1\nbackends: {{ toy: {{ {toy} }} }}\n");
        Table::built_in().merged(&text).expect_err(toy)
    };
    for (toy, expected) in [
        ("python: { device: cpu }", "missing field `synchronise`"),
        ("python: { device: cpu, sync: none, synchronise: none }", "unknown field `sync`"),
        (
            "python: { device: cpu, synchronise: 'torch.cuda.synchronize()' }",
            "backends.toy.python.synchronise: \"torch.cuda.synchronize()\" is not the name of a \
             function",
        ),
        ("python: { device: 'c p u', synchronise: none }", "is not a device such as cuda:0"),
        ("python: { device: c, synchronise: none, imports: ['a;b'] }", "not the name of a module"),
        ("pin: { set: { PATH: x } }", "the variable PATH must not be changed"),
        ("pin: { set: { DTF_TOKEN: x } }", "the variable DTF_TOKEN must not be changed"),
        ("pin: { set: { A: '{id}' } }", "may contain {ids}, {indexes} and {cores} only"),
        ("pin: { set: { 'A B': x } }", "is not the name of a variable"),
        ("detect: { files: [dev/toy] }", "is not the absolute path of a file"),
        ("detect: { files: [/dev/../etc/x] }", "has an empty part, `.` or `..`"),
        ("detect: { files: ['/dev/*/x'] }", "may have one `*`, in its last part"),
        ("packages: ['--index-url=x']", "is not a package requirement"),
        ("runtime: tensorrt", "is not one of torch, onnxruntime and openvino"),
        ("runtime: onnxruntime", "needs a package and providers"),
        ("torch: 'a b'", "a word of letters and digits is expected"),
        ("title: \"a\\nb\"", "the text has a control character"),
    ] {
        let error = refused(toy);
        assert!(error.contains(expected), "{toy}: {error}");
    }
    let merged = |text: &str| Table::built_in().merged(text).expect_err(text);
    assert!(merged("schema: 2\nbackends: {}\n").starts_with("unknown schema 2"));
    assert!(merged("schema: 1\nbackends: { any: {} }\n").contains("the name is reserved"));
    assert!(merged("schema: 1\nbackends: { Toy: {} }\n").contains("is not the name of a back-end"));
    let many: String = (0..64).map(|n| format!("b{n}: {{}}, ")).collect();
    assert!(merged(&format!("schema: 1\nbackends: {{ {many} }}\n")).contains("maximum 64"));
    assert!(merged(&"[".repeat(500)).contains("nested too deeply"));
}

#[test]
fn devices_are_pinned_by_their_stable_name_and_the_others_are_hidden() {
    let table = Table::built_in();
    let (a, b) = (
        device(0, Vendor::NVIDIA, "GPU-a", Backend::CUDA),
        device(1, Vendor::NVIDIA, "GPU-b", Backend::CUDA),
    );
    assert_eq!(
        pinned(table, &[&a, &b]),
        [
            "CUDA_DEVICE_ORDER=PCI_BUS_ID",
            "CUDA_VISIBLE_DEVICES=GPU-a,GPU-b",
            "HIP_VISIBLE_DEVICES=-1"
        ]
    );
    let amd = device(3, Vendor::AMD, "", Backend::ROCM);
    assert_eq!(pinned(table, &[&amd]), ["ROCR_VISIBLE_DEVICES=3"]);
    let on_windows = table.pin(&[&amd], true);
    assert_eq!(on_windows.into_iter().next(), Some(("HIP_VISIBLE_DEVICES".into(), "3".into())));
    let none = ["CUDA_VISIBLE_DEVICES=-1", "HIP_VISIBLE_DEVICES=-1"];
    assert_eq!(pinned(table, &[]), none);
}

#[test]
fn a_device_that_is_named_by_its_cores_is_pinned_by_them() {
    let table = Table::built_in();
    let neuron = |index: u16, cores: &[u16]| {
        let mut device = device(index, Vendor::AWS, "", Backend::NEURON);
        device.cores = cores.to_vec();
        device
    };
    let all = [neuron(0, &[0, 1]), neuron(1, &[3, 2]), neuron(3, &[6, 7]), neuron(4, &[])];
    let variable = |held: &[usize]| {
        let held: Vec<_> = held.iter().map(|at| &all[*at]).collect();
        table.pin(&held, false).remove("NEURON_RT_VISIBLE_CORES")
    };
    assert_eq!(variable(&[1]).as_deref(), Some("2-3"));
    assert_eq!(variable(&[0, 1]).as_deref(), Some("0-3"));
    assert_eq!(variable(&[0, 2]).as_deref(), Some("0,1,6,7"));
    assert_eq!(variable(&[3]), None, "a device with unknown cores is the only one");
}

#[test]
fn a_device_with_several_back_ends_is_pinned_for_all_of_them() {
    let table = Table::built_in().merged(TOY).expect("a table");
    let both = device(2, Vendor::NVIDIA, "GPU-c", Backend::CUDA).with_backend(toy());
    assert_eq!(
        pinned(&table, &[&both]),
        [
            "CUDA_DEVICE_ORDER=PCI_BUS_ID",
            "CUDA_VISIBLE_DEVICES=GPU-c",
            "HIP_VISIBLE_DEVICES=-1",
            "TOY=GPU-c"
        ]
    );
}
