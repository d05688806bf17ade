//! Back-ends from the table: built-in ones with a runtime, and one that a user added.

use super::{TestFiles, launch, sources, submit};
use crate::domain::accelerator::Backend;
use crate::domain::launch::Environment;
use crate::domain::test::TestSpec;
use crate::plan::document::Plan;
use crate::plan::sources::Sources;
use crate::templates::library::Library;
use crate::templates::origin::{Origin, Text};

fn requirements(test: &TestSpec) -> Vec<String> {
    match launch(test).environment {
        Environment::Packages(packages) => packages.requirements,
        Environment::System => panic!("a generated test has packages"),
    }
}

fn generated(models: &str) -> std::sync::Arc<TestSpec> {
    let submission = submit(&format!("models: [{models}]"), &TestFiles::default(), &[]);
    submission.expect(models).tests.last().expect("a test").clone()
}

#[test]
fn a_back_end_of_a_runtime_uses_it() {
    for (backend, runtime, package) in [
        ("openvino", "openvino", "openvino"),
        ("onnxruntime", "onnxruntime", "onnxruntime"),
        ("directml", "onnxruntime", "onnxruntime-directml; sys_platform == 'win32'"),
    ] {
        let test = generated(&format!("{{model: dtf/tiny-bert, backends: [{backend}]}}"));
        assert_eq!(
            test.requirement.backend.map(|found| found.to_string()).as_deref(),
            Some(backend)
        );
        assert_eq!(test.requirement.accelerators, 0);
        assert_eq!(launch(&test).labels["runtime"], runtime);
        assert!(requirements(&test).iter().any(|wanted| wanted == package), "{backend}");
    }
}

#[test]
fn onnx_runtime_has_the_package_of_the_back_end() {
    for (backend, package) in [("cpu", "onnxruntime"), ("cuda", "onnxruntime-gpu")] {
        let model = "model: dtf/tiny-bert, runtime: onnxruntime";
        let test = generated(&format!("{{{model}, backends: [{backend}]}}"));
        let requirements = requirements(&test);
        let of_onnx: Vec<_> = requirements.iter().filter(|r| r.starts_with("onnxr")).collect();
        assert_eq!(of_onnx, [package]);
    }
}

#[test]
fn a_back_end_of_a_user_needs_its_table() {
    let plan = "models: [{model: dtf/tiny-bert, backends: [cpu, toy]}]\n\
        tests: [{name: a, cmd: [x], requires: {backend: toy, vendor: acme}}]";
    let parsed = || Plan::parse(plan.as_bytes(), "p").expect("a plan");
    let files = TestFiles::default();
    let error = parsed().into_submission(&sources(&files)).expect_err("no table has toy");
    assert!(error.message.starts_with("unknown back-end \"toy\""), "{error}");
    let table = "schema: 1\nbackends:\n  toy:\n    detect: { vendor: acme }\n    packages: [toy-torch]\n    \
        python: { device: 'cpu', synchronise: torch.cpu.synchronize }\n";
    let origin = Origin::Directory("mine".into());
    let text = Text { origin, text: table.into() };
    let library = Library::built_in().with_layer([("backends.yaml".to_owned(), text)]);
    let library = library.expect("a library");
    let sources = Sources { library: &library, ..sources(&files) };
    let submission = parsed().into_submission(&sources).expect("tests");
    let on_toy = submission
        .tests
        .iter()
        .filter(|test| test.requirement.backend == Some(Backend::new("toy").expect("a name")));
    let on_toy: Vec<_> = on_toy.collect();
    assert!(on_toy.len() >= 2 && on_toy.iter().all(|test| test.requirement.accelerators == 1));
    let model = on_toy.iter().find(|test| test.name.contains("tiny-bert")).expect("it");
    assert!(requirements(model).contains(&"toy-torch".to_owned()));
    let script = String::from_utf8_lossy(
        &submission.files.iter().flat_map(|f| f.bytes.to_vec()).collect::<Vec<u8>>(),
    )
    .into_owned();
    assert!(script.contains("\"synchronise\": \"torch.cpu.synchronize\""));
    // The digest of the template covers the table.
    let digest = |library: &Library| library.template("vlm", None).expect("it").digest;
    assert_ne!(digest(&library), digest(&Library::built_in()));
}
