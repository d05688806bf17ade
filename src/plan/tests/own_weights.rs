//! Weights in the directory of a model: which weights the tests get, and which are refused.

use super::{TestFiles, sources};
use crate::domain::digest::sha256_hex;
use crate::domain::launch::Environment;
use crate::domain::weights::{Manifest, ManifestFile};
use crate::models::description::Description;
use crate::models::source::{
    BaseModel, DirectoryEntries, KnownModel, ModelSource, Published, WeightsPath, WeightsRoot,
};
use crate::models::weights::source::{Chosen, Source};
use crate::plan::document::Plan;
use crate::plan::files::directory::PlanFiles;
use crate::plan::request::{Generated, Request, generate};
use crate::plan::submission::Submission;
use crate::text::error::{ReadError, SourceError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A machine in memory: plans read files below `/here`, and `/cache` is the model cache.
pub(super) struct Machine {
    files: TestFiles,
    /// Answers of the hub, by model.
    pub hub: BTreeMap<String, Published>,
}

/// The commit of the model cache.
pub(super) const CACHED: &str = "cccccccccccccccccccccccccccccccccccccccc";
pub(super) const CONFIG: &str = r#"{"model_type": "bert", "architectures": ["BertModel"]}"#;
const PIPELINE: &str = r#"{"_class_name": "StableDiffusionPipeline"}"#;
const UNET: &str = r#"{"_class_name": "UNet2DConditionModel"}"#;
pub(super) const POINTER: &str =
    "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n";
/// A header of 60 bytes, and one number.
pub(super) const WHOLE: &str = "\u{3c}\0\0\0\0\0\0\0\
    {\"a\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [0,4]}}\0\0\0\0";

impl PlanFiles for Machine {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        self.files.read(path)
    }
    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        self.files.list(path)
    }
}

impl ModelSource for Machine {
    fn configuration_file(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        self.files.configuration_file(path)
    }
    fn model_directory(&self, path: &str) -> Result<Description, ReadError> {
        self.files.model_directory(path)
    }
    fn directory(&self, at: WeightsPath<'_>) -> Result<Option<DirectoryEntries>, ReadError> {
        let (root, path) = match at.root {
            WeightsRoot::Plan("locked") => {
                return Err(ReadError("locked: permission denied".into()));
            }
            WeightsRoot::Plan(path) | WeightsRoot::Given(path) => {
                let path = path.trim_start_matches("./").trim_start_matches("/here/");
                (path.to_owned(), format!("/here/{path}"))
            }
            WeightsRoot::Cache { model, .. } => {
                (format!("cache/{model}"), format!("/cache/{model}"))
            }
        };
        if let Some(content) = self.files.0.get(&root) {
            let name = root.rsplit('/').next().unwrap_or_default().to_owned();
            let entries = [(name, Ok(content.len() as u64))].into();
            return Ok(Some(DirectoryEntries { path, is_file: true, entries }));
        }
        let prefix = [&*root, at.part, ""].join("/").replace("//", "/");
        let entries = self.files.0.iter().filter_map(|(file, bytes)| {
            let name = file.strip_prefix(prefix.trim_start_matches('/'))?;
            Some(match name.split_once('/') {
                Some((directory, _)) => (directory.to_owned(), Err("is not a file".to_owned())),
                None => (name.to_owned(), Ok(bytes.len() as u64)),
            })
        });
        let entries: std::collections::BTreeMap<_, _> = entries.collect();
        Ok((!entries.is_empty()).then(|| DirectoryEntries {
            path: path.trim_end_matches('/').into(),
            is_file: false,
            entries,
        }))
    }
    fn base_model(&self, adapter: &str) -> Result<Option<BaseModel>, ReadError> {
        let path = format!("{adapter}/base_model");
        let found = self.files.model_directory(path.trim_start_matches("/here/"));
        Ok(found.ok().map(|description| BaseModel { path, description }))
    }
    fn published(&self, model: &str, _: Option<&str>) -> Published {
        let away = || Published::Unknown("the hub cannot be reached".to_owned());
        self.hub.get(model).cloned().unwrap_or_else(away)
    }
    fn cached_model(
        &self,
        model: &str,
        revision: Option<&str>,
    ) -> Result<Option<KnownModel>, ReadError> {
        let Some(config) = self.files.0.get(&format!("cache/{model}/config.json")) else {
            return Ok(None);
        };
        let description = Description::config(config.clone());
        let revision = revision.unwrap_or(CACHED).to_owned();
        Ok(Some(KnownModel { description, revision }))
    }
    fn manifest(&self, folder: &str) -> Option<Arc<Manifest>> {
        let file = ManifestFile {
            path: "model.safetensors".into(),
            sha256: sha256_hex(folder.as_bytes()),
            size_bytes: 72,
            chunks: Vec::new(),
        };
        (folder != "/here/unread").then(|| Arc::new(Manifest::new(vec![file]).expect("valid")))
    }
    fn first_bytes(&self, file: &str, most: usize) -> Result<Vec<u8>, ReadError> {
        let inside = file.strip_prefix("/here/").or_else(|| file.strip_prefix('/'));
        let bytes = self.files.read(inside.unwrap_or_default())?;
        Ok(bytes[..bytes.len().min(most)].to_vec())
    }
}

pub(super) fn machine(files: &[(&str, &str)]) -> Machine {
    Machine { files: TestFiles::with(files), hub: BTreeMap::new() }
}

pub(super) fn plan(text: &str, machine: &Machine) -> Result<Submission, SourceError> {
    Plan::parse(text.as_bytes(), "plan.yaml")?.into_submission(&sources(machine))
}

pub(super) fn tests(
    model: &str,
    weights: &[&str],
    machine: &Machine,
) -> Result<Generated, SourceError> {
    let weights = weights.iter().map(|asked| (*asked).to_owned()).collect();
    let request = Request { models: vec![model.into()], weights, ..Request::default() };
    generate("one", &request.models()?, &sources(machine))
}

/// The value of `WEIGHTS` in each script.
fn sources_of(made: &Generated) -> Vec<String> {
    let line = |(_, text): (&str, &std::sync::Arc<str>)| {
        let line = text.lines().find_map(|line| line.strip_prefix("WEIGHTS = "));
        line.expect("the line").to_owned()
    };
    made.scripts().map(line).collect()
}

const RANDOM: &str = "{\"source\": \"random\"}";
const MINE: &str = "{\"path\": \"/here/mine\", \"source\": \"folder\"}";

pub(super) fn folder(path: &str) -> Source {
    Source::Folder { path: path.into(), shared: false }
}

/// The only choice for the first model.
pub(super) fn chosen(made: &Generated) -> &Chosen {
    made.models[0].about.weights.values().next().expect("a choice")
}

#[test]
fn every_test_and_its_reference_use_the_weights_of_the_directory() {
    let here = machine(&[("mine/config.json", CONFIG), ("mine/model.safetensors", WHOLE)]);
    for weights in [&[][..], &["auto"], &["cached"], &["download"]] {
        let made = tests("./mine", weights, &here).expect("tests");
        assert!(made.tests().count() > 0);
        assert!(sources_of(&made).iter().all(|line| line == MINE), "{weights:?}");
        assert_eq!(*chosen(&made), Chosen { source: folder("/here/mine"), ..Chosen::random() });
        assert_eq!(made.submission.weights_notes.notes(true), [""; 0]);
    }
    let several = Request {
        models: vec!["./mine/config.json".into()],
        batch: vec![1, 4],
        ..Request::default()
    };
    let made = generate("one", &several.models().expect("models"), &sources(&here)).expect("tests");
    let roles: Vec<_> = made.tests().map(|test| &test.entry.settings.labels["role"]).collect();
    assert!(roles.iter().any(|role| *role == "reference"), "{roles:?}");
    assert!(sources_of(&made).iter().all(|line| line == MINE));
}

#[test]
fn random_weights_are_used_on_request_or_without_other_weights() {
    let broken = machine(&[("mine/config.json", CONFIG), ("mine/model.safetensors", POINTER)]);
    let made = tests("./mine", &["random"], &broken).expect("tests");
    assert!(sources_of(&made).iter().all(|line| line == RANDOM));
    assert_eq!(
        made.submission.weights_notes.notes(false),
        ["random weights for ./mine: as requested"]
    );

    let bare = machine(&[("mine/config.json", CONFIG), ("mine/small.json", CONFIG)]);
    let note = "random weights for ./mine: there are no weights beside the configuration";
    assert_eq!(
        tests("./mine", &[], &bare).expect("tests").submission.weights_notes.notes(false),
        [note]
    );
    assert_eq!(plan("models: [./mine]", &bare).expect("tests").weights_notes.notes(false), [note]);
    let refused = tests("./mine", &["cached"], &bare).expect_err("none");
    assert_eq!(refused.message, "./mine has no weights beside its configuration");
    assert_eq!(refused.field, "models[0].weights");

    // A configuration with another name does not belong to the files beside it.
    let beside = machine(&[("mine/small.json", CONFIG), ("mine/model.safetensors", WHOLE)]);
    let made = tests("./mine/small.json", &[], &beside).expect("tests");
    assert_eq!(chosen(&made).source, Source::Random);

    // One test with random weights, and one with the weights of the directory.
    let whole = machine(&[("mine/config.json", CONFIG), ("mine/model.safetensors", WHOLE)]);
    let made = tests("./mine", &["random", "cached"], &whole).expect("tests");
    for (line, test) in sources_of(&made).iter().zip(made.tests()) {
        let own = test.entry.settings.labels["weights"] == "cached";
        assert_eq!(line == MINE, own, "{}", test.entry.name);
    }
}

#[test]
fn a_directory_with_the_name_of_an_unknown_model_is_pointed_out() {
    let here = machine(&[("mine/config.json", CONFIG), ("mine/model.safetensors", WHOLE)]);
    let refused = tests("mine", &[], &here).expect_err("a name");
    let hint = "there is a directory of this name; did you mean \"./mine\"?";
    assert_eq!(refused.hint.as_deref(), Some(hint), "{}", refused.message);
}

#[test]
fn weights_that_cannot_be_used_are_refused_before_anything_runs() {
    let refused = |file: &str, content: &str| {
        let here = machine(&[("mine/config.json", CONFIG), (file, content)]);
        let refused = tests("./mine", &[], &here).expect_err(file);
        assert_eq!(refused.field, "models[0].model");
        format!("{} | {}", refused.message, refused.hint.unwrap_or_default())
    };
    let random = "or test with random weights: --weights random (in a plan: weights: random)";
    assert_eq!(
        refused("mine/model.safetensors", POINTER),
        format!(
            "the weights of ./mine cannot be used: model.safetensors is a Git LFS pointer, not the \
             file itself (in /here/mine) | download the file with `git lfs pull`, {random}"
        )
    );
    assert_eq!(
        refused("mine/pytorch_model.bin", "PK\u{3}\u{4}"),
        format!(
            "the weights of ./mine cannot be used: /here/mine contains only \
             pytorch_model.bin, a pickle, which may run code when it is read | convert the \
             weights with save_pretrained(), allow pickles with --allow-pickle (in a plan: \
             allow_pickle: true), {random}"
        )
    );
    let list = r#"{"weight_map": {"a": "model-00001-of-00002.safetensors"}}"#;
    let missing = "(listed in model.safetensors.index.json) is missing";
    assert!(refused("mine/model.safetensors.index.json", list).contains(missing));
    let locked = machine(&[("locked/config.json", CONFIG)]);
    let message = tests("./locked", &[], &locked).expect_err("locked").message;
    let expected = "the weights of ./locked cannot be used: cannot read the directory: locked: \
                    permission denied";
    assert_eq!(message, expected);
}

/// The head of a GGUF file of a small Llama.
fn gguf_head() -> String {
    let long = |number: u8| format!("{}\0\0\0\0\0\0\0", char::from(number));
    let text = |text: &str| format!("{}{text}", long(u8::try_from(text.len()).expect("short")));
    let (of_text, of_number) = ("\u{8}\0\0\0", "\u{4}\0\0\0");
    [
        "GGUF\u{3}\0\0\0",
        &long(1),
        &long(3),
        &text("general.architecture"),
        of_text,
        &text("llama"),
        &text("llama.block_count"),
        of_number,
        "\u{2}\0\0\0",
        &text("llama.embedding_length"),
        of_number,
        "\u{40}\0\0\0",
    ]
    .concat()
}

#[test]
fn a_model_can_be_a_gguf_file_alone() {
    let head = gguf_head();
    let here = machine(&[
        ("mine/small.Q4.gguf", &head),
        ("mine/other.gguf", "GGUF"),
        ("mine/config.json", CONFIG),
        ("mine/model.safetensors", WHOLE),
        ("mine/big-00001-of-00002.gguf", &head),
    ]);
    let made = tests("./mine/small.Q4.gguf", &[], &here).expect("tests");
    assert_eq!(chosen(&made).source, folder("/here/mine/small.Q4.gguf"));
    assert_eq!(chosen(&made).packages, ["gguf>=0.10", "accelerate>=1.1"]);
    assert!(made.tests().any(|test| test.entry.name.starts_with("small.Q4/cpu/")));
    let of_plan = plan("models: [mine/small.Q4.gguf]", &here).expect("tests");
    assert_eq!(of_plan.weights_notes.notes(false), [""; 0]);

    let refused = |path: &str| {
        let refused = tests(path, &[], &here).expect_err(path);
        assert_eq!(refused.field, "models[0].model");
        format!("{} | {}", refused.message, refused.hint.unwrap_or_default())
    };
    assert_eq!(
        refused("./mine/model.safetensors"),
        "\"mine/model.safetensors\" contains weights without the configuration of their model | \
         test the directory /here/mine, with the config.json of the model beside the weights"
    );
    assert_eq!(
        refused("./mine/big-00001-of-00002.gguf"),
        "\"mine/big-00001-of-00002.gguf\" is a part of a divided GGUF file, which transformers \
         cannot load | combine the parts with `llama-gguf-split --merge`, and test the result"
    );
    assert!(refused("./mine/other.gguf").contains("the file ends before it describes a model"));
    assert!(refused("./mine/none.gguf").starts_with("cannot read \"mine/none.gguf\""));
}

#[test]
fn the_weights_of_a_pipeline_are_those_of_its_denoiser() {
    let files = |weights: &'static str| {
        machine(&[
            ("pipe/model_index.json", PIPELINE),
            ("pipe/unet/config.json", UNET),
            ("pipe/scheduler/scheduler_config.json", "{\"_class_name\": \"DDIMScheduler\"}"),
            ("pipe/vae/diffusion_pytorch_model.safetensors", POINTER),
            ("pipe/unet/diffusion_pytorch_model.safetensors", weights),
        ])
    };
    let made = tests("./pipe", &[], &files(WHOLE)).expect("tests");
    assert!(sources_of(&made).iter().all(|line| *line == MINE.replace("mine", "pipe")));
    let error = tests("./pipe", &[], &files(POINTER)).expect_err("a pointer").message;
    assert!(error.contains("Git LFS pointer") && error.contains("/here/pipe/unet"), "{error}");
}

#[test]
fn an_adapter_is_tested_with_its_base_model_and_the_packages_for_both() {
    const ADAPTER: &str = r#"{"base_model_name_or_path": "gpt2", "peft_type": "LORA"}"#;
    let adapter =
        [("mine/adapter_config.json", ADAPTER), ("mine/adapter_model.safetensors", WHOLE)];
    let with = |more: &[(&str, &str)]| machine(&[&adapter[..], more].concat());
    let config = ("mine/base_model/config.json", CONFIG);
    let packages = |made: &Generated| {
        let test = made.tests().next().expect("a test");
        match &test.entry.settings.environment {
            Some(Environment::Packages(packages)) => packages.requirements.clone(),
            other => panic!("{other:?}"),
        }
    };
    let has = |made: &Generated, package: &str| packages(made).iter().any(|one| one == package);

    let whole = with(&[config, ("mine/base_model/model.safetensors", WHOLE)]);
    let made = tests("./mine", &[], &whole).expect("tests");
    assert_eq!(chosen(&made).source, folder("/here/mine"));
    assert!(has(&made, "peft>=0.15"), "{:?}", packages(&made));
    // The same weights for another model, whose directory has no adapter.
    let made = tests("gpt2", &["./mine"], &whole).expect("tests");
    assert!(has(&made, "peft>=0.15"), "{:?}", packages(&made));
    let plain = tests("gpt2", &["random"], &whole).expect("tests");
    assert!(!has(&plain, "peft>=0.15"), "{:?}", packages(&plain));

    let refused = |more: &[(&str, &str)]| {
        let error = tests("./mine", &[], &with(more)).expect_err("refused");
        format!("{} | {}", error.message, error.hint.unwrap_or_default())
    };
    let absent = "the base model of the adapter in /here/mine is not on this machine | download";
    assert!(refused(&[]).contains(absent), "{}", refused(&[]));
    assert!(refused(&[config]).contains(absent), "no weights: {}", refused(&[config]));
    let pointer = refused(&[config, ("mine/base_model/model.safetensors", POINTER)]);
    assert!(pointer.contains("is a Git LFS pointer"), "{pointer}");
    // Without weights, the architecture of the base model is tested.
    assert!(tests("./mine", &["random"], &with(&[config])).is_ok());
    let again = refused(&[("mine/base_model/adapter_config.json", ADAPTER)]);
    assert!(again.contains("a PEFT adapter for gpt2"), "{again}");
    let hidden = machine(&[
        ("given/adapter_config.json", ADAPTER),
        ("given/adapter_model.safetensors", WHOLE),
        ("given/base_model/adapter_config.json", ADAPTER),
        ("given/base_model/adapter_model.safetensors", WHOLE),
    ]);
    let error = tests("gpt2", &["./given"], &hidden).expect_err("refused").message;
    assert!(error.contains("is an adapter, too (/here/given/base_model)"), "{error}");
}
