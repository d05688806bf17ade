//! Tests that dtf generates for models.

use super::{TestFiles, launch, names, sources, submit};
use crate::domain::accelerator::Backend;
use crate::domain::launch::{Environment, Isolation, Program};
use crate::domain::weights::Weights;
use crate::plan::document::Plan;
use crate::plan::request::{Request, generate};
use crate::plan::sources::Sources;
use crate::plan::submission::Submission;
use crate::templates::library::Library;
use crate::templates::origin::{Origin, Text};
use serde_json::json;

fn text_of<'a>(submission: &'a Submission, name: &str) -> &'a str {
    let test = submission.tests.iter().find(|test| &*test.name == name).expect(name);
    let launch = launch(test);
    let digest = &launch.files[0].sha256;
    let file = submission.files.iter().find(|file| file.sha256 == *digest).expect("its script");
    std::str::from_utf8(&file.bytes).expect("text")
}

#[test]
fn each_backend_and_shape_is_a_test_and_small_ones_precede_large_ones() {
    let text = "
models:
  - model: bert-base-uncased
    backends: [cpu, auto]
    batch: [4, 1]
    dtype: [float32, bf16]
    exclude: [{backend: cuda, dtype: float32}, {backend: rocm}]
    labels: {suite: nightly}
";
    let submission = submit(text, &TestFiles::default(), &[Backend::CUDA]).expect("a plan");
    assert_eq!(
        names(&submission),
        [
            "bert-base-uncased/reference/s131",
            "bert-base-uncased/cpu/load",
            "bert-base-uncased/cuda/load",
            "bert-base-uncased/cpu/b1-s131-fp32",
            "bert-base-uncased/cpu/b1-s131-bf16",
            "bert-base-uncased/cpu/b4-s131-fp32",
            "bert-base-uncased/cpu/b4-s131-bf16",
            "bert-base-uncased/cuda/b1-s131-bf16",
            "bert-base-uncased/cuda/b4-s131-bf16",
        ]
    );
    let before: Vec<&[u32]> = submission.tests.iter().map(|test| &*test.depends_on).collect();
    let expected: [&[u32]; 9] =
        [&[], &[], &[], &[0, 1], &[0, 1], &[0, 3], &[0, 4], &[0, 2], &[0, 7]];
    assert_eq!(before, expected);
    let load = launch(&submission.tests[2]);
    assert_eq!((&*load.labels["role"], &*load.labels["dtype"]), ("load", "bf16"));
    let reference = launch(&submission.tests[0]);
    assert_eq!(reference.artifacts, ["reference.safetensors"]);
    assert_eq!((reference.backend, &*reference.labels["role"]), (Some(Backend::CPU), "reference"));
    let cuda = &submission.tests[7];
    assert_eq!((cuda.requirement.backend, cuda.requirement.accelerators), (Some(Backend::CUDA), 1));
    assert!(cuda.requirement.accelerator_memory_bytes > 1 << 30);
    let launch = launch(cuda);
    assert_eq!((launch.inputs.len(), launch.inputs[0].test), (1, 0));
    assert_eq!(launch.env["DTF_REFERENCE"], "reference.safetensors");
    assert_eq!((launch.isolation, launch.backend), (Isolation::Warm, Some(Backend::CUDA)));
    assert!(matches!(&launch.environment, Environment::Packages(p) if p.requirements.len() == 2));
    for (label, value) in [
        ("model", "bert-base-uncased"),
        ("family", "text_encoder"),
        ("backend", "cuda"),
        ("batch", "1"),
        ("dtype", "bf16"),
        ("sequence_length", "131"),
        ("weights", "auto"),
        ("suite", "nightly"),
    ] {
        assert_eq!(launch.labels[label], value, "{label}");
    }
    let script = text_of(&submission, "bert-base-uncased/cuda/b4-s131-bf16");
    assert!(script.contains("BACKEND = \"cuda\"") && script.contains("\"batch\": 4"));
}

#[test]
fn tests_with_the_same_input_share_a_reference() {
    let text = "
models:
  - {model: dtf/tiny-bert, sequence_length: [16, 32], runtime: [torch, onnxruntime], attention: [default, eager]}
  - {model: gpt2, sequence_length: [16, 32]}
";
    let submission = submit(text, &TestFiles::default(), &[]).expect("a plan");
    let references = ["dtf/tiny-bert/reference/s16", "dtf/tiny-bert/reference/s32"];
    assert_eq!(names(&submission)[..2], references);
    assert_eq!(submission.tests.len(), 2 + 1 + 8 + 1 + 2, "one test alone computes its own");
    let name = "dtf/tiny-bert/cpu/b2-s32-fp32-eager-onnxruntime";
    let test = submission.tests.iter().find(|test| &*test.name == name).expect(name);
    let launch = launch(test);
    assert_eq!(launch.inputs[0].test, 1);
    assert!(matches!(&launch.environment, Environment::Packages(p)
        if p.requirements.iter().any(|package| package == "onnxruntime")));
}

#[test]
fn values_in_rules_are_checked_like_values_in_lists() {
    let refused = |rule: &str| {
        let text = format!("models: [{{model: gpt2, batch: [1, 2], {rule}}}]");
        let error = submit(&text, &TestFiles::default(), &[]).expect_err(rule);
        format!("{error} | {}", error.hint.as_deref().unwrap_or_default())
    };
    let listed = refused("backends: [webgpu]");
    let added = refused("include: [{backend: webgpu, batch: 1}]");
    assert!(listed.contains("backends: decoder_llm tests cannot be generated for webgpu"));
    assert_eq!(added, listed.replace("].backends:", "].include:"));
    for (rule, expected) in [
        ("include: [{batch: 0}]", "include[0].batch"),
        ("dtype: fp32, include: [{batch: 4}, {batch: 8, dtype: fp33}]", "include[1].dtype"),
        ("dtype: [fp32], include: [{batch: 8, dtype: fp33}]", "did you mean \"fp32\"?"),
        ("include: [{batch: 8, backend: cudo}]", "cudo"),
        ("exclude: [{batch: 3}]", "batch has no value"),
        (
            "exclude: [{dtype: bf16}]",
            "exclude[0].dtype: dtype has no values to select from | specify its",
        ),
        ("include: [{sequence_length: 8}]", "--sequence-length (in a plan: sequence_length)"),
        (
            "exclude: [{batsh: 1}]",
            "exclude[0].batsh: unknown key \"batsh\" | did you mean \"batch\"?",
        ),
        ("exclude: [{dtyqe: bf16}]", "did you mean \"dtype\"?"),
    ] {
        assert!(refused(rule).contains(expected), "{}", refused(rule));
    }
    let text = "models: [{model: gpt2, dtype: [fp32], include: [{dtype: float16}]}]";
    let made = submit(text, &TestFiles::default(), &[]).expect("a plan");
    assert!(names(&made).contains(&"gpt2/cpu/b2-s131-fp16"), "{:?}", names(&made));
}

#[test]
fn the_command_line_applies_the_rules_of_plans() {
    let rule = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect::<Vec<_>>()
    };
    let request = Request {
        models: vec!["gpt2".into(), "dtf/tiny-vit".into()],
        batch: vec![1, 2],
        sequence_length: vec![16, 32],
        exclude: vec![rule(&[("batch", "2"), ("sequence_length", "32")]), rule(&[("batch", "1")])],
        include: vec![rule(&[("batch", "8"), ("sequence_length", "16")])],
        ..Request::default()
    };
    let files = TestFiles::default();
    let models = request.models().expect("models");
    let made = generate("two", &models, &sources(&files)).expect("tests");
    let cells: Vec<&str> =
        names(&made.submission).into_iter().filter(|name| name.contains("/b")).collect();
    // A rule about the length of texts does not apply to images.
    let expected = ["gpt2/cpu/b2-s16-fp32", "gpt2/cpu/b8-s16-fp32", "dtf/tiny-vit/cpu/b2-i32-fp32"];
    assert_eq!(cells, expected);
}

#[test]
fn several_values_of_weights_give_tests_with_different_names() {
    let text = "models: [{model: gpt2, weights: [random, {random: 7}, {path: /m/gpt2}], batch: 1}]";
    let submission = submit(text, &TestFiles::default(), &[]).expect("a plan");
    let [random, seven, path] = ["random", "random:7", "path:/m/gpt2"]
        .map(|weights| format!("gpt2/cpu/b1-s131-fp32-{weights}"));
    assert_eq!(names(&submission), ["gpt2/cpu/load", &*random, &*seven, &*path]);
    let weights = |at: usize| launch(&submission.tests[at]).weights;
    let there = Weights::Path { path: "/m/gpt2".into() };
    assert_eq!([1, 2, 3].map(weights), [Weights::Random {}, Weights::Random {}, there].map(Some));
    assert!(text_of(&submission, &random).contains("\"seed\": 1337"));
    assert!(text_of(&submission, &seven).contains("\"seed\": 7"));
    let source = "WEIGHTS = {\"path\": \"/m/gpt2\", \"source\": \"path\"}";
    assert!(text_of(&submission, &path).contains(source));
}

#[test]
fn a_model_of_unknown_size_gets_one_warning() {
    let config = r#"{"model_type": "bert", "hidden_size": 1000000000, "vocab_size": 1000}"#;
    let files = TestFiles::with(&[("mine/config.json", config)]);
    let doubts = |more: &str| {
        let text = format!("models: [dtf/tiny-bert, {{model: ./mine, batch: [1, 2]{more}}}]");
        submit(&text, &files, &[]).expect("a plan").doubts
    };
    let warning = "cannot estimate the size of ./mine: no memory is reserved for its tests";
    assert_eq!(doubts(""), [warning]);
    assert_eq!(doubts(", requires: {memory: 2 GiB}"), [""; 0]);
    let request = Request { models: vec!["./mine".into()], ..Request::default() };
    let models = request.models().expect("models");
    let made = generate("one", &models, &sources(&files)).expect("tests");
    assert_eq!(made.submission.doubts, [warning]);
}

#[test]
fn the_template_of_the_family_gets_the_parameters() {
    let text = "
models:
  - {model: dtf/tiny-llama, parameters: {max_new_tokens: 4, min_seconds: 0.5}, weights: random}
  - {model: dtf/tiny-vit, image_size: [32, 64], weights: auto}
  - {model: {config: mine/config.json}, name: other, family: text_encoder}
  - ./mine
";
    let files = TestFiles::with(&[("mine/config.json", "{\"model_type\": \"bert\"}")]);
    let submission = submit(text, &files, &[]).expect("a plan");
    assert_eq!(
        names(&submission),
        [
            "dtf/tiny-llama/cpu/b2-s131-n4-fp32",
            "dtf/tiny-vit/cpu/load",
            "dtf/tiny-vit/cpu/b2-i32-fp32",
            "dtf/tiny-vit/cpu/b2-i64-fp32",
            "other/cpu/b2-s131-fp32",
            "mine/cpu/b2-s131-fp32",
        ]
    );
    let script = text_of(&submission, "dtf/tiny-llama/cpu/b2-s131-n4-fp32");
    assert!(script.contains("\"max_new_tokens\": 4") && script.contains("\"min_seconds\": 0.5"));
    assert_eq!(launch(&submission.tests[2]).labels["image_size"], "32");
}

#[test]
fn the_name_of_a_test_contains_the_size_of_its_image() {
    let files = TestFiles::with(&[("mine/config.json", "{\"model_type\": \"segformer\"}")]);
    let text = "
models:
  - {model: LiheYoung/depth-anything-small-hf, dtype: fp32}
  - {model: llava-hf/llava-1.5-7b-hf, dtype: fp32}
  - ./mine
";
    let submission = submit(text, &files, &[]).expect("a plan");
    let all = names(&submission).join(" ");
    // The size in a part of the configuration, and the default of the template.
    for image in ["depth-anything-small-hf/cpu/b2-i518", "-i336-", "mine/cpu/b2-i512"] {
        assert!(all.contains(image), "{image}: {all}");
    }
}

#[test]
fn the_name_of_a_test_without_image_contains_no_size() {
    let voxtral = "{\"model_type\": \"voxtral\", \"audio_config\": {}, \"text_config\": {}}";
    let files = TestFiles::with(&[("mine/config.json", voxtral)]);
    let text = "models: [microsoft/layoutlm-base-uncased, microsoft/layoutlmv3-base, ./mine]";
    let submission = submit(text, &files, &[]).expect("a plan");
    let images = ["microsoft/layoutlm-base", "microsoft/layoutlmv3", "mine"].map(|model| {
        let test = submission.tests.iter().find(|test| test.name.starts_with(model));
        let test = test.expect(model);
        (test.name.contains("-i"), launch(test).labels.get("image_size").cloned())
    });
    assert_eq!(images, [(false, None), (true, Some("224".into())), (false, None)]);
}

#[test]
fn requested_lengths_that_exceed_the_model_are_refused() {
    let refused = |text: &str| {
        let error = submit(text, &TestFiles::default(), &[]).expect_err(text);
        (error.field, error.message, error.hint.expect("a hint"))
    };
    let (field, message, hint) =
        refused("models: [{model: bert-base-uncased, sequence_length: [512, 1024]}]");
    assert_eq!(field, "models[0].sequence_length");
    assert_eq!(message, "1024 tokens are requested, but bert-base-uncased has positions for 512");
    assert!(hint.contains("--sequence-length") && hint.ends_with("at most 512"), "{hint}");
    let (field, message, _) =
        refused("models: [{model: gpt2, parameters: {max_new_tokens: 1024}}]");
    assert_eq!(field, "models[0].model");
    assert_eq!(message, "131 tokens and 1024 new are requested, but gpt2 has positions for 1024");
}

#[test]
fn default_lengths_are_reduced_to_the_positions_of_the_model() {
    let cells = |kind: &str, positions: u64, more: &str| {
        let config = json!({"model_type": kind, "max_position_embeddings": positions,
            "n_positions": positions});
        let files = TestFiles::with(&[("mine/config.json", &config.to_string())]);
        let text = format!("models: [{{model: ./mine{more}}}]");
        match submit(&text, &files, &[]) {
            Ok(made) => names(&made).join(" ").replace("mine/cpu/b2-", "").replace("-fp32", ""),
            Err(error) => format!("{}; {}", error.message, error.hint.unwrap_or_default()),
        }
    };
    assert_eq!(cells("bert", 16, ""), "s16");
    assert_eq!(cells("bert", 128, ""), "s128");
    assert_eq!(cells("gpt2", 16, ""), "s8-n8");
    assert_eq!(cells("gpt2", 100, ""), "s68");
    assert_eq!(cells("gpt2", 1024, ", parameters: {max_new_tokens: 1000}"), "s24-n1000");
    assert_eq!(cells("bart", 16, ""), "s16-n15");
    // Requested lengths are not changed, and an input has at least one token.
    for (kind, positions, more, expected) in [
        ("bert", 16, ", sequence_length: 17", "17 tokens are requested"),
        ("gpt2", 16, ", sequence_length: [4, 9]", "of at most 8"),
        ("gpt2", 16, ", parameters: {max_new_tokens: 16}", "131 tokens and 16 new are requested"),
        ("gpt2", 2, "", "reduce max_new_tokens"),
    ] {
        let error = cells(kind, positions, more);
        assert!(error.contains(expected), "{kind} {more}: {error}");
    }
}

#[test]
fn a_written_plan_gives_the_same_tests_again() {
    let request = Request {
        models: ["bert-base-uncased", "gpt2", "google/vit-base-patch16-224"]
            .map(String::from)
            .into(),
        backends: ["cpu", "cuda"].map(String::from).into(),
        batch: vec![1, 4],
        sequence_length: vec![64],
        image_size: vec![224],
        dtype: vec!["fp32".into()],
        weights: vec!["random".into()],
        parameters: vec![("iterations".into(), "3".into()), ("min_seconds".into(), "0.25".into())],
        ..Request::default()
    };
    let models = request.models().expect("models");
    let generated = generate("three", &models, &sources(&TestFiles::default())).expect("a plan");
    assert_eq!(generated.scripts().count(), 15 + 6);
    let scripts: Vec<(&str, &str)> =
        generated.scripts().map(|(path, text)| (path, &**text)).collect();
    let again = submit(&generated.plan().expect("a plan"), &TestFiles::with(&scripts), &[])
        .expect("a plan");
    assert_eq!(again.name, generated.submission.name);
    let json = |submission: &Submission| serde_json::to_string(&submission.tests).expect("json");
    assert_eq!(json(&again), json(&generated.submission));
    assert_eq!(again.files.len(), generated.submission.files.len());
}

#[test]
fn requests_are_refused_like_plans() {
    let refused = |request: Request| {
        let files = TestFiles::default();
        let made = request.models().and_then(|models| generate("", &models, &sources(&files)));
        let error = made.expect_err("refused");
        format!("{error} | {}", error.hint.clone().unwrap_or_default())
    };
    let one = |model: &str| Request { models: vec![model.into()], ..Request::default() };
    assert_eq!(
        refused(Request::default()),
        "command line: models: 0 models, allowed are 1 to 1000 | "
    );
    assert_eq!(
        refused(one("gpt3")),
        "command line: models[0].model: no configuration found for \"gpt3\" (the model hub is not asked) | \
         did you mean \"gpt2\"?"
    );
    let twice = Request {
        parameters: vec![("seed".into(), "1".into()), ("seed".into(), "2".into())],
        ..one("gpt2")
    };
    assert!(refused(twice).contains("models[0].parameters: \"seed\" is given twice"));
    let rule = ["4", "8"].map(|size| ("batch".to_owned(), size.to_owned())).to_vec();
    let sizes = Request { batch: vec![4, 8], ..one("gpt2") };
    let excluded = Request { exclude: vec![rule.clone()], ..sizes.clone() };
    assert!(refused(excluded).contains("models[0].exclude[0]: \"batch\" is given twice"));
    let included = Request { include: vec![rule], ..sizes };
    assert!(refused(included).contains("models[0].include[0]: \"batch\" is given twice"));
    let models = ["gpt2", "dtf/tiny-bert", "gpt2"].map(String::from).into();
    let again = Request { models, ..Request::default() };
    assert!(refused(again).contains("models[2]: \"gpt2\" is given twice"));
    let backend = Request { backends: vec!["cudo".into()], ..one("gpt2") };
    assert!(refused(backend).contains("did you mean \"cuda\"?"));
}

#[test]
fn every_model_of_the_catalogue_can_be_generated() {
    for name in crate::models::catalogue::names() {
        let plan = Plan::parse(format!("models: [{name}]").as_bytes(), "p").expect(name);
        let submission = plan.into_submission(&sources(&TestFiles::default())).expect(name);
        let test = &submission.tests[0];
        assert!(matches!(launch(test).run, Program::Script(_)), "{name}");
    }
}

#[test]
fn a_template_of_a_user_can_read_its_own_parameters_and_no_others() {
    let made = |parameters: &str, body: &str| {
        let text = format!(
            "---\nfamily: text_encoder\nversion: 1\ntasks: [fill-mask]\nbackends: [cpu]\n\
             parameters: {{{parameters}}}\nrequirements: []\n---\n\
             WIDTH = {{{{ config.hidden_size | pyrepr }}}}\n\
             PARAMETERS = {{{{ parameters | pyrepr }}}}\n{body}\n"
        );
        let text = Text { origin: Origin::Directory("mine".into()), text: text.into() };
        let layer = vec![("text_encoder/test.py.j2".to_owned(), text)];
        let library = Library::built_in().with_layer(layer).expect("a library");
        let plan = Plan::parse(b"models: [dtf/tiny-bert]", "plan.yaml").expect("a plan");
        let files = TestFiles::default();
        let made = plan.into_submission(&Sources { library: &library, ..sources(&files) });
        made.map(|made| made.tests.len()).map_err(|error| error.message)
    };
    assert_eq!(made("batch: 2", "print(PARAMETERS['batch'])"), Ok(1));
    let of = "text_encoder/test.py.j2 of mine";
    assert_eq!(
        made("batch: 2, depth: 1", "print(PARAMETERS['batch'])"),
        Err(format!("{of}: nothing reads the parameter depth"))
    );
    assert_eq!(
        made("batch: 2", "print(PARAMETERS['batch'], PARAMETERS['depth'])"),
        Err(format!("{of}: the script reads PARAMETERS[\"depth\"], which is not a parameter"))
    );
    // An error in rendering names the line of the template.
    let broken = made("batch: 2", "{{ nothing }}").expect_err("refused");
    assert!(broken.contains("text_encoder/test.py.j2:11 of mine failed"), "{broken}");
}
