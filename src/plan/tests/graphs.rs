//! Directories of exported models: the graph that is tested, its runtime and its back-ends.

use super::launch;
use super::own_weights::{CONFIG, POINTER, WHOLE, chosen, folder, machine, plan, tests};
use crate::domain::accelerator::Backend;
use crate::domain::launch::Environment;
use crate::models::weights::GraphFormat;
use crate::plan::document::Plan;
use crate::plan::sources::Sources;
use crate::text::error::SourceError;
use std::collections::BTreeSet;

const ONNX: &[(&str, &str)] = &[("mine/config.json", CONFIG), ("mine/model.onnx", "graph")];
const OPENVINO: &[(&str, &str)] = &[
    ("mine/config.json", CONFIG),
    ("mine/openvino_model.xml", "<net/>"),
    ("mine/openvino_model.bin", "weights"),
];

/// The name of each test of an entry for `./mine`, with these files there.
fn names(entry: &str, files: &[(&str, &str)]) -> Result<Vec<String>, SourceError> {
    let text = format!("models: [{{model: ./mine, {entry}}}]");
    let submission = plan(&text, &machine(files))?;
    Ok(submission.tests.iter().map(|test| test.name.to_string()).collect())
}

fn refusal(entry: &str, files: &[(&str, &str)]) -> String {
    let error = names(entry, files).expect_err(entry);
    format!("{}: {} | {}", error.field, error.message, error.hint.unwrap_or_default())
}

#[test]
fn a_graph_runs_on_its_usual_runtime() {
    let here = machine(ONNX);
    let made = tests("./mine", &[], &here).expect("tests");
    let found = chosen(&made);
    assert_eq!(found.source, folder("/here/mine"));
    let graph = found.graph.as_ref().expect("a graph");
    assert_eq!((graph.format, &*graph.file), (GraphFormat::Onnx, "model.onnx"));
    let (_, script) = made.scripts().next().expect("a script");
    assert!(script.contains("\nGRAPH = \"model.onnx\"\n") && script.contains("class OnnxGraph"));
    assert_eq!(
        names("backends: [cpu, openvino]", ONNX).expect("tests"),
        ["mine/cpu/b2-s131-fp32-onnxruntime", "mine/openvino/b2-s131-fp32-openvino"]
    );
    assert_eq!(
        names("backends: [cpu]", OPENVINO).expect("tests"),
        ["mine/cpu/b2-s131-fp32-openvino"]
    );
    let inside = [("mine/config.json", CONFIG), ("mine/onnx/model.onnx", "graph")];
    let made = tests("./mine", &[], &machine(&inside)).expect("tests");
    let graph = chosen(&made).graph.as_ref().expect("a graph");
    assert_eq!(graph.file, "onnx/model.onnx");
    // sentence-transformers lists the modules of its directory.
    let modules = ("mine/modules.json", r#"[{"path": "", "type": "Transformer"}]"#);
    let made = tests("./mine", &[], &machine(&[&inside[..], &[modules]].concat()));
    let graph = chosen(&made.expect("tests")).graph.as_ref().map(|graph| graph.file.clone());
    assert_eq!(graph.as_deref(), Some("onnx/model.onnx"));
    // A model of torch with a graph beside it is tested as before.
    let both = [ONNX, &[("mine/model.safetensors", WHOLE)]].concat();
    assert_eq!(names("backends: [cpu]", &both).expect("tests"), ["mine/cpu/b2-s131-fp32"]);
}

#[test]
fn tests_of_a_graph_compute_their_reference_themselves() {
    let entry = "backends: [cpu], batch: [1, 4]";
    let of_graph = names(entry, ONNX).expect("tests");
    assert!(of_graph.iter().all(|name| !name.contains("reference")), "{of_graph:?}");
    assert!(of_graph.contains(&"mine/cpu/load".to_owned()), "{of_graph:?}");
    let torch = [("mine/config.json", CONFIG), ("mine/model.safetensors", WHOLE)];
    let of_torch = names(entry, &torch).expect("tests");
    assert!(of_torch.iter().any(|name| name.contains("reference")), "{of_torch:?}");
    // ONNX Runtime computes the reference of OpenVINO, too.
    let text = "models: [{model: ./mine, backends: [cpu], runtime: openvino}]";
    let submission = plan(text, &machine(ONNX)).expect("tests");
    let Environment::Packages(packages) = launch(&submission.tests[0]).environment else {
        panic!("a generated test has packages");
    };
    for package in ["onnxruntime", "onnx", "openvino"] {
        let count = packages.requirements.iter().filter(|one| *one == package).count();
        assert_eq!(count, 1, "{package} in {:?}", packages.requirements);
    }
}

#[test]
fn what_cannot_run_a_graph_is_refused() {
    assert_eq!(
        refusal("backends: [cpu], runtime: torch", ONNX),
        "models[0].runtime: torch does not run an ONNX graph (model.onnx) | use the runtime \
         onnxruntime or openvino"
    );
    let other = refusal("backends: [cpu], runtime: onnxruntime", OPENVINO);
    assert!(other.contains("onnxruntime does not run an OpenVINO graph"), "{other}");
    assert_eq!(
        refusal("backends: [cuda]", OPENVINO),
        "models[0].backends: ./mine is an OpenVINO graph, which openvino does not run on cuda | \
         back-ends of this runtime are cpu, openvino"
    );
    let hpu = refusal("backends: [hpu]", ONNX);
    assert!(hpu.contains("which onnxruntime does not run on hpu | back-ends"), "{hpu}");
    let bounded = refusal("backends: [cpu], quality: {cosine: {min: 0.9}}", ONNX);
    assert!(bounded.contains("do not measure quality"), "{bounded}");
    let other = [("other/config.json", CONFIG), ("other/model.safetensors", WHOLE)];
    let compared = refusal("backends: [cpu], compare: ./other", &[ONNX, &other].concat());
    let reason = "quality is not measured, so that it cannot be compared";
    assert!(compared.contains(reason), "{compared}");
    let pointer = [ONNX[0], ("mine/model.onnx", POINTER)];
    assert!(refusal("backends: [cpu]", &pointer).contains("model.onnx is a Git LFS pointer"));
    let pipeline = [
        ("mine/model_index.json", r#"{"_class_name": "StableDiffusionPipeline"}"#),
        ("mine/unet/config.json", r#"{"_class_name": "UNet2DConditionModel"}"#),
        ("mine/unet/model.onnx", "graph"),
    ];
    let parts = refusal("backends: [cpu]", &pipeline);
    assert!(parts.contains("mine/unet has only a graph that was exported"), "{parts}");
    let two = [ONNX[0], ("mine/encoder_model.onnx", "a"), ("mine/decoder_model.onnx", "b")];
    let several = refusal("backends: [cpu]", &two);
    assert!(several.contains("several graphs (decoder_model.onnx, encoder_model.onnx)"));
}

#[test]
fn back_ends_of_auto_that_cannot_run_a_graph_are_named() {
    let accelerators: BTreeSet<Backend> = [Backend::CUDA, Backend::OPENVINO].into();
    let here = machine(OPENVINO);
    let parsed = Plan::parse(b"models: [{model: ./mine, backends: [auto]}]", "p").expect("a plan");
    let sources = Sources { accelerators: &accelerators, ..super::sources(&here) };
    let submission = parsed.into_submission(&sources).expect("tests");
    let names: Vec<&str> = submission.tests.iter().map(|test| &*test.name).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let left_out = "no tests for cuda: ./mine is an OpenVINO graph, which openvino does not run on";
    assert!(submission.doubts.iter().any(|text| text.contains(left_out)));
}
