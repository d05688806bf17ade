//! Identifies directories from which no test can be written: an adapter, a model in the format of
//! another library, a directory of checkpoints, and others.
//!
//! A pure function over file names and small texts, so that directories, the model cache and the
//! hub give the same answer. A rule depends on the kinds of files, never on the name of a model.

use crate::models::description::{ADAPTER, CONFIG, Description, MODULES, PARAMS, PIPELINE};
use crate::text::error::ValueError;
use crate::text::node::shortened;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Maximum number of names that a message lists.
const MAX_LISTED: usize = 4;
/// Maximum number of bytes at the start of a file that are inspected.
const START_BYTES: usize = 512;

/// The kind of a directory, the evidence for it, and the next step for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Noun phrase that completes "this is …".
    pub what: String,
    /// Files and fields that show it; empty if there are none.
    pub evidence: String,
    /// The next step, as a hint.
    pub next: String,
}

impl Identity {
    fn new(what: impl Into<String>, evidence: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), evidence: evidence.into(), next: next.into() }
    }

    /// The error for a model that is called `name` in messages.
    #[must_use]
    pub fn to_error(&self, name: &str) -> ValueError {
        let Self { what, evidence, next } = self;
        let evidence = if evidence.is_empty() { String::new() } else { format!(" ({evidence})") };
        ValueError::new(format!("{name} is {what}{evidence}")).hint(next.clone())
    }
}

type Rule = fn(&Facts) -> Option<Identity>;

/// Rules that apply whatever `config.json` contains.
const ALWAYS: [Rule; 4] = [adapter, static_embedding, ctranslate2, component];
/// Rules for directories whose `config.json` is missing or describes no model. The first rule that
/// matches decides, so rules with stronger evidence precede the others.
const OTHERWISE: [Rule; 10] = [
    sentence_transformer,
    original_format,
    open_clip,
    checkpoints,
    nested,
    openvino,
    other_library,
    tokenizer,
    loose_weights,
    empty,
];

const NAME_ORIGIN: &str = "use the model that it was converted from; dtf tests models with a \
    config.json of transformers, diffusers or timm";
/// Models of other libraries, by the suffix of a file name.
const FORMATS: [(&str, &str); 17] = [
    (".gguf", "weights of llama.cpp (GGUF)"),
    (".ggml", "weights of llama.cpp (GGML)"),
    (".onnx", "an ONNX model"),
    ("saved_model.pb", "a TensorFlow model"),
    (".ckpt.index", "a TensorFlow model"),
    ("tf_model.h5", "a TensorFlow model"),
    (".h5", "a Keras model"),
    (".keras", "a Keras model"),
    (".tflite", "a TensorFlow Lite model"),
    (".msgpack", "a Flax model"),
    (".mlmodel", "a Core ML model"),
    (".mlpackage", "a Core ML model"),
    ("weights.npz", "an MLX model"),
    (".nemo", "a NeMo model"),
    (".engine", "a TensorRT engine"),
    (".pte", "an ExecuTorch program"),
    (".llamafile", "a llamafile"),
];
/// Names of the files of a tokenizer.
const TOKENIZER: [&str; 9] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "special_tokens_map.json",
    "spiece.model",
    "sentencepiece.bpe.model",
];
/// Suffixes of files with PyTorch weights.
const WEIGHTS: [&str; 6] =
    [".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".safetensors.index.json"];

/// A description with the questions that rules ask of it.
struct Facts<'a> {
    names: &'a BTreeSet<String>,
    description: &'a Description,
    config: Option<Map<String, Value>>,
}

impl Facts<'_> {
    fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Files at the top level of the directory.
    fn top(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str).filter(|name| !name.contains('/'))
    }

    /// Subdirectories that contain a file of this name.
    fn with(&self, file: &str) -> Vec<&str> {
        let below = self.names.iter().filter_map(|name| name.split_once('/'));
        below.filter(|(_, rest)| *rest == file).map(|(directory, _)| directory).collect()
    }

    fn weights(&self) -> impl Iterator<Item = &str> {
        self.top().filter(|name| WEIGHTS.iter().any(|ending| name.ends_with(ending)))
    }

    /// A field of `config.json`.
    fn field(&self, name: &str) -> Option<&Value> {
        self.config.as_ref()?.get(name)
    }

    /// Whether `config.json` describes a model of transformers or timm.
    fn describes(&self) -> bool {
        ["model_type", "architectures", "architecture", "pretrained_cfg"]
            .iter()
            .any(|name| self.field(name).is_some())
    }
}

/// Identifies the directory. `None` if it is a model, or of no known kind.
#[must_use]
pub fn identify(description: &Description) -> Option<Identity> {
    let config = match description.json(CONFIG) {
        Some(Value::Object(config)) => Some(config),
        _ => None,
    };
    let facts = Facts { names: &description.names, description, config };
    let broken = facts.config.is_none() && description.text(CONFIG).is_some();
    if description.text(PIPELINE).is_some() || broken {
        return None;
    }
    let further = OTHERWISE.iter().filter(|_| !facts.describes());
    ALWAYS.iter().chain(further).find_map(|rule| rule(&facts))
}

/// Identifies a file that was saved instead of the expected one: returns what it is, and a hint.
#[must_use]
pub fn identify_file(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let start = &bytes[..bytes.len().min(START_BYTES)];
    let lower = String::from_utf8_lossy(start).trim_start_matches('\u{feff}').to_lowercase();
    let lower = lower.trim_start();
    let starts = |texts: &[&str]| texts.iter().any(|text| lower.starts_with(text));
    if bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
        let next = "download it again; the download was interrupted, or the disk was full";
        return Some(("empty", next));
    }
    if starts(&["version https://git-lfs.github.com/", "version https://hawser.github.com/"]) {
        let next = "run `git lfs pull` in its directory, or download the file again";
        return Some(("a Git LFS pointer, not the file itself", next));
    }
    if starts(&["/annex/objects/", "../.git/annex/", ".git/annex/"]) {
        let next = "run `git annex get` in its directory";
        return Some(("a git-annex pointer, not the file itself", next));
    }
    if starts(&["<!doctype html", "<html", "<head", "<!-- html"]) {
        let next =
            "download it again; a web page, such as a login or error page, was saved instead";
        return Some(("an HTML page", next));
    }
    if starts(&["<?xml", "<error"]) {
        let next = "download it again; the server may have returned an error";
        return Some(("an XML document", next));
    }
    if starts(&["xet-pointer", "# xet version"]) {
        return Some(("a Xet pointer, not the file itself", "download the file again"));
    }
    if start.starts_with(b"\x1f\x8b") || start.starts_with(b"PK\x03\x04") {
        return Some(("a compressed archive", "unpack it"));
    }
    None
}

fn adapter(facts: &Facts) -> Option<Identity> {
    let lora: Vec<&str> =
        facts.top().filter(|name| name.starts_with("pytorch_lora_weights")).collect();
    if !lora.is_empty() && facts.config.is_none() {
        let next = "test the pipeline that it was trained for";
        return Some(Identity::new("a LoRA adapter for a diffusion pipeline", listed(&lora), next));
    }
    if !facts.has(ADAPTER) {
        return None;
    }
    let full = |name: &&str| !name.starts_with("adapter");
    if facts.describes() && facts.weights().any(|name| full(&name)) {
        return None; // a complete model with an adapter beside it
    }
    let settings = facts.description.json(ADAPTER);
    let text = |key: &str| settings.as_ref()?.get(key)?.as_str().map(clean);
    let base = text("base_model_name_or_path").filter(|base| !base.is_empty());
    let what = match &base {
        Some(base) => format!("a PEFT adapter for {base}"),
        None => "an adapter without a model".to_owned(),
    };
    let kind = text("peft_type").map(|kind| format!(", peft_type {kind}")).unwrap_or_default();
    let base =
        base.map_or_else(|| "its base model".to_owned(), |base| format!("{base}, its base model"));
    let next = format!(
        "test {base}, or merge the two with PEFT's merge_and_unload(), save the result and test \
         that directory"
    );
    Some(Identity::new(what, format!("{ADAPTER}{kind}"), next))
}

/// Type and path of each module of a sentence-transformers model.
fn modules(facts: &Facts) -> Vec<(String, String)> {
    let text = |module: &Value, key: &str| module.get(key).and_then(Value::as_str).map(clean);
    let module = |module: &Value| {
        let kind = text(module, "type")?;
        let kind = kind.rsplit('.').next().unwrap_or_default().to_owned();
        Some((kind, text(module, "path").unwrap_or_default()))
    };
    match facts.description.json(MODULES) {
        Some(Value::Array(list)) => list.iter().take(MAX_LISTED).filter_map(module).collect(),
        _ => Vec::new(),
    }
}

fn static_embedding(facts: &Facts) -> Option<Identity> {
    let next = "dtf tests transformers models; a static embedding is only a table of vectors";
    let what = "a static embedding";
    if modules(facts).iter().any(|(kind, _)| kind == "StaticEmbedding") {
        return Some(Identity::new(what, format!("StaticEmbedding in {MODULES}"), next));
    }
    let model2vec = facts.field("model_type").and_then(Value::as_str) == Some("model2vec");
    model2vec.then(|| Identity::new(what, "model_type model2vec", next))
}

/// Older versions of sentence-transformers saved the transformers model in a subdirectory.
fn sentence_transformer(facts: &Facts) -> Option<Identity> {
    let modules = modules(facts);
    let inside = |path: &str| facts.has(&format!("{path}/{CONFIG}"));
    let nested = modules.iter().find(|(_, path)| !path.is_empty() && inside(path));
    let what = "a sentence-transformers model";
    if let Some((kind, path)) = nested.filter(|(kind, _)| !kind.contains("Pooling")) {
        let next = format!(
            "the transformers model is in {path}; use that directory, with --family embedding to \
             test its pooled output"
        );
        return Some(Identity::new(what, format!("{MODULES}: {kind} in {path}"), next));
    }
    let kinds: Vec<&str> = modules.iter().map(|(kind, _)| kind.as_str()).collect();
    let next = "dtf tests the transformers model inside such a model, but none was found";
    (!kinds.is_empty()).then(|| Identity::new(what, format!("{MODULES}: {}", listed(&kinds)), next))
}

/// The format in which Mistral and Meta publish models beside the version for transformers.
fn original_format(facts: &Facts) -> Option<Identity> {
    let shards: Vec<&str> = facts.top().filter(|name| name.starts_with("consolidated.")).collect();
    let params = facts.description.json(PARAMS);
    let has = |key: &str| params.as_ref().is_some_and(|params| params.get(key).is_some());
    let sized = has("dim") && (has("n_layers") || has("n_heads"));
    if !sized && (shards.is_empty() || !facts.has(PARAMS)) {
        return None;
    }
    // Llama derives its sizes from a multiple; Mistral states them.
    let (whose, script) = if has("multiple_of") || has("ffn_dim_multiplier") {
        ("Llama", "convert_llama_weights_to_hf.py")
    } else {
        ("Mistral", "convert_mistral_weights_to_hf.py")
    };
    let files: Vec<&str> = [PARAMS].into_iter().chain(shards).collect();
    let next = format!(
        "use the version of the model for transformers, which has a config.json, or convert it \
         with {script} of transformers"
    );
    Some(Identity::new(format!("a model in {whose}'s own format"), listed(&files), next))
}

fn ctranslate2(facts: &Facts) -> Option<Identity> {
    let vocabulary: Vec<&str> = facts
        .top()
        .filter(|name| {
            let stem = name.split_once('.').map_or(*name, |(stem, _)| stem);
            matches!(stem, "vocabulary" | "shared_vocabulary" | "source_vocabulary")
        })
        .collect();
    let own = ["alignment_heads", "suppress_ids_begin", "decoder_start_token", "unk_token"];
    let typed = facts.field("model_type").is_some() || facts.field("architectures").is_some();
    let keyed = own.iter().any(|key| facts.field(key).is_some());
    if typed || !facts.has("model.bin") || (vocabulary.is_empty() && !keyed) {
        return None;
    }
    let files: Vec<&str> = ["model.bin"].into_iter().chain(vocabulary).collect();
    Some(Identity::new(
        "a CTranslate2 model",
        listed(&files),
        "use the model that it was converted from",
    ))
}

fn open_clip(facts: &Facts) -> Option<Identity> {
    const FILE: &str = "open_clip_config.json";
    let next = "use the version of the model for transformers, which has a config.json";
    facts.has(FILE).then(|| Identity::new("an OpenCLIP model", FILE, next))
}

/// A component of a pipeline; only whole pipelines are tested.
fn component(facts: &Facts) -> Option<Identity> {
    let next = "use the directory of the pipeline, which contains a model_index.json";
    let class = facts.field("_class_name").and_then(Value::as_str);
    if let (Some(class), None) = (class, facts.field("model_type")) {
        let evidence = format!("_class_name {} in {CONFIG}", clean(class));
        return Some(Identity::new("a component of a diffusers pipeline", evidence, next));
    }
    const SCHEDULER: &str = "scheduler_config.json";
    (facts.has(SCHEDULER) && facts.config.is_none())
        .then(|| Identity::new("a component of a diffusers pipeline", SCHEDULER, next))
}

fn checkpoints(facts: &Facts) -> Option<Identity> {
    let mut checkpoints: Vec<(u64, &str)> = [CONFIG, ADAPTER]
        .iter()
        .flat_map(|file| facts.with(file))
        .filter_map(|name| Some((step(name)?, name)))
        .collect();
    checkpoints.sort_unstable();
    checkpoints.dedup();
    let (_, newest) = checkpoints.last()?;
    let names: Vec<&str> = checkpoints.iter().rev().map(|(_, name)| *name).collect();
    let next = format!("did you mean the newest checkpoint, {}?", clean(newest));
    Some(Identity::new("a directory of checkpoints", listed(&names), next))
}

/// Number of a checkpoint from its directory name, such as `checkpoint-1000`, `step_2000`, `epoch3`
/// or `global_step500`.
fn step(name: &str) -> Option<u64> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &name[stem.len()..];
    let word = stem.trim_end_matches(['-', '_']).to_lowercase();
    let known = ["checkpoint", "ckpt", "step", "epoch", "iter"];
    let saved = known.iter().any(|known| word == *known || word.ends_with(&format!("_{known}")));
    if saved { digits.parse().ok() } else { None }
}

fn nested(facts: &Facts) -> Option<Identity> {
    let models: Vec<&str> = [CONFIG, PIPELINE].iter().flat_map(|file| facts.with(file)).collect();
    let what = "not a model itself, but contains";
    match models.as_slice() {
        [] => None,
        [one] => {
            let next = format!("the model is in {}; use that directory", clean(one));
            Some(Identity::new(format!("{what} one"), format!("{one}/{CONFIG}"), next))
        }
        several => {
            let next = format!("use one of its directories: {}", listed(several));
            Some(Identity::new(format!("{what} several"), listed(several), next))
        }
    }
}

/// An OpenVINO model: a graph and its weights in two files with the same stem.
fn openvino(facts: &Facts) -> Option<Identity> {
    let graph = |name: &&str| {
        name.strip_suffix(".xml").is_some_and(|stem| facts.has(&format!("{stem}.bin")))
    };
    let files: Vec<&str> = facts.names.iter().map(String::as_str).filter(graph).collect();
    let what = format!("an OpenVINO model (IR) {}", undescribed(facts));
    (!files.is_empty()).then(|| Identity::new(what, listed(&files), NAME_ORIGIN))
}

fn undescribed(facts: &Facts) -> &'static str {
    match facts.config {
        None => "without a config.json",
        Some(_) => "whose config.json names no model_type",
    }
}

fn other_library(facts: &Facts) -> Option<Identity> {
    let (what, files) = FORMATS.iter().find_map(|(ending, what)| {
        let of = |name: &&String| {
            let lower = name.to_lowercase();
            lower.ends_with(ending) || lower.contains(&format!("{ending}/"))
        };
        let files: Vec<&str> = facts.names.iter().filter(of).map(String::as_str).collect();
        (!files.is_empty()).then_some((*what, files))
    })?;
    Some(Identity::new(format!("{what} {}", undescribed(facts)), listed(&files), NAME_ORIGIN))
}

fn tokenizer(facts: &Facts) -> Option<Identity> {
    let files: Vec<&str> = facts.top().filter(|name| TOKENIZER.contains(name)).collect();
    if files.is_empty() || facts.weights().next().is_some() {
        return None;
    }
    let next = "save the model into the same directory with save_pretrained(), or use the \
                directory of the model";
    Some(Identity::new("a tokenizer without a model", listed(&files), next))
}

fn loose_weights(facts: &Facts) -> Option<Identity> {
    let files: Vec<&str> = facts.weights().collect();
    if files.is_empty() {
        return None;
    }
    let next = "add the config.json of the model; weights alone do not identify it";
    Some(Identity::new(format!("weights {}", undescribed(facts)), listed(&files), next))
}

fn empty(facts: &Facts) -> Option<Identity> {
    let next = "use the directory that contains the config.json of the model";
    facts.description.is_empty().then(|| Identity::new("an empty directory", "", next))
}

/// Formats up to [`MAX_LISTED`] names for a message.
fn listed(names: &[&str]) -> String {
    let more = if names.len() > MAX_LISTED { ", …" } else { "" };
    let first: Vec<String> = names.iter().take(MAX_LISTED).map(|name| clean(name)).collect();
    format!("{}{more}", first.join(", "))
}

/// Foreign text for a message: on one line, without control characters, and shortened.
fn clean(text: &str) -> String {
    shortened(&text.replace(char::is_control, " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::description::tests::directory;

    const BERT: &str = r#"{"model_type": "bert"}"#;

    fn interpreted(files: Files) -> String {
        match directory(files).interpret("x") {
            Ok(_) => "a model".to_owned(),
            Err(error) => format!("{}; {}", error.message, error.hint.unwrap_or_default()),
        }
    }

    type Files<'a> = &'a [(&'a str, &'a str)];

    #[test]
    #[expect(clippy::too_many_lines, reason = "one row for each kind")]
    fn each_kind_of_directory_is_identified_with_the_next_step() {
        let modules = |kind: &str, path: &str| {
            format!(
                r#"[{{"idx": 0, "path": "{path}", "type": "sentence_transformers.models.{kind}"}}]"#
            )
        };
        let (st, fixed) = (modules("Transformer", "0_Encoder"), modules("StaticEmbedding", ""));
        let cases: [(Files, &str, &str); 33] = [
            (
                &[(ADAPTER, r#"{"base_model_name_or_path": "gpt2", "peft_type": "IA3"}"#)],
                "a PEFT adapter for gpt2 (adapter_config.json, peft_type IA3)",
                "test gpt2",
            ),
            (
                &[
                    (ADAPTER, r#"{"base_model_name_or_path": "gpt2"}"#),
                    (CONFIG, BERT),
                    ("adapter_model.safetensors", ""),
                ],
                "a PEFT adapter for gpt2",
                "merge_and_unload",
            ),
            (&[(ADAPTER, "{}")], "an adapter without a model", "its base model"),
            (
                &[("pytorch_lora_weights.safetensors", "")],
                "a LoRA adapter for a diffusion",
                "pipeline",
            ),
            (&[(MODULES, &fixed), ("model.safetensors", "")], "a static embedding", "vectors"),
            (&[(CONFIG, r#"{"model_type": "model2vec"}"#)], "a static embedding", "vectors"),
            (
                &[
                    (CONFIG, r#"{"__version__": "0.3"}"#),
                    (MODULES, &st),
                    ("0_Encoder/config.json", BERT),
                ],
                "a sentence-transformers model",
                "the transformers model is in 0_Encoder",
            ),
            (&[(MODULES, &st)], "a sentence-transformers model", "none was found"),
            (
                &[(PARAMS, r#"{"dim": 8, "n_layers": 1, "hidden_dim": 9}"#)],
                "a model in Mistral's own format (params.json)",
                "convert_mistral",
            ),
            (
                &[
                    (PARAMS, r#"{"dim": 8, "n_heads": 1, "multiple_of": 256}"#),
                    ("consolidated.00.pth", ""),
                ],
                "a model in Llama's own format (params.json, consolidated.00.pth)",
                "convert_llama",
            ),
            (
                &[
                    ("model.bin", ""),
                    ("shared_vocabulary.txt", ""),
                    (CONFIG, r#"{"add_source_bos": false}"#),
                ],
                "a CTranslate2 model",
                "converted from",
            ),
            (
                &[("model.bin", ""), (CONFIG, r#"{"alignment_heads": [], "lang_ids": []}"#)],
                "a CTranslate2 model",
                "converted from",
            ),
            (
                &[("m-q4.gguf", "")],
                "weights of llama.cpp (GGUF) without a config.json",
                "converted",
            ),
            (&[("onnx/model.onnx", "")], "an ONNX model", "converted from"),
            (
                &[("openvino_model.xml", ""), ("openvino_model.bin", "")],
                "an OpenVINO model",
                "converted",
            ),
            (&[("a.xml", ""), ("a.bin", "")], "an OpenVINO model", "converted"),
            (&[("tf_model.h5", "")], "a TensorFlow model", "converted"),
            (
                &[("saved_model.pb", ""), ("variables/variables.index", "")],
                "a TensorFlow model",
                "",
            ),
            (&[("flax_model.msgpack", "")], "a Flax model", ""),
            (&[("Model.mlpackage/Manifest.json", "")], "a Core ML model", ""),
            (&[("weights.npz", "")], "an MLX model", ""),
            (
                &[("open_clip_config.json", "{}"), ("open_clip_model.safetensors", "")],
                "an OpenCLIP model",
                "",
            ),
            (
                &[(
                    CONFIG,
                    r#"{"_class_name": "UNet2DConditionModel", "_diffusers_version": "0.2"}"#,
                )],
                "a component of a diffusers pipeline",
                "model_index.json",
            ),
            (&[("scheduler_config.json", "{}")], "a component of a diffusers pipeline", ""),
            (
                &[
                    ("checkpoint-500/config.json", BERT),
                    ("checkpoint-1000/config.json", BERT),
                    ("trainer_state.json", "{}"),
                ],
                "a directory of checkpoints (checkpoint-1000, checkpoint-500)",
                "did you mean the newest checkpoint, checkpoint-1000?",
            ),
            (
                &[("checkpoint-9/adapter_config.json", "{}")],
                "a directory of checkpoints",
                "checkpoint-9?",
            ),
            (
                &[("global_step90/config.json", ""), ("global_step100/config.json", "")],
                "a directory of",
                "step100?",
            ),
            (
                &[("final/config.json", BERT), ("README.md", "")],
                "not a model itself",
                "the model is in final",
            ),
            (&[("a/config.json", BERT), ("b/model_index.json", "")], "not a model itself", "a, b"),
            (
                &[("tokenizer.json", "{}"), ("vocab.json", "{}")],
                "a tokenizer without a model",
                "save_pretrained",
            ),
            (
                &[("model.safetensors", ""), ("tokenizer.json", "{}")],
                "weights without a config.json",
                "",
            ),
            (
                &[(CONFIG, "{}"), ("model.pt", "")],
                "weights whose config.json names no model_type",
                "",
            ),
            (&[], "an empty directory", "config.json"),
        ];
        for (files, what, next) in cases {
            let message = interpreted(files);
            assert!(message.starts_with(&format!("x is {what}")), "{files:?}: {message}");
            assert!(message.contains(next), "{files:?}: {message}");
        }
    }

    #[test]
    fn complete_models_match_no_rule() {
        let modules = r#"[{"path": "", "type": "sentence_transformers.models.Transformer"},
            {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]"#;
        let cases: [Files; 7] = [
            &[(CONFIG, BERT)],
            &[(CONFIG, BERT), ("model.safetensors", ""), (ADAPTER, "{}")],
            &[(CONFIG, BERT), (MODULES, modules), ("1_Pooling/config.json", "{}")],
            &[(CONFIG, BERT), ("checkpoint-5/config.json", BERT)],
            &[(CONFIG, BERT), ("onnx/model.onnx", ""), ("tf_model.h5", ""), ("m.gguf", "")],
            &[(PIPELINE, r#"{"_class_name": "P"}"#), ("unet/config.json", "{}"), ("m.ckpt", "")],
            &[
                (CONFIG, r#"{"architecture": "resnet18", "global_pool": "avg"}"#),
                ("pytorch_model.bin", ""),
            ],
        ];
        for files in cases {
            assert_eq!(interpreted(files), "a model", "{files:?}");
        }
    }

    #[test]
    fn a_file_saved_instead_of_a_configuration_is_identified() {
        for (text, what) in [
            (
                "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
                "Git LFS pointer",
            ),
            ("<!DOCTYPE html>\n<html><title>Sign in", "an HTML page"),
            ("\u{feff}  <HTML lang=en>", "an HTML page"),
            ("<?xml version=\"1.0\"?><Error><Code>AccessDenied", "an XML document"),
            ("", "empty"),
            ("\n  \0\0", "empty"),
            ("PK\u{3}\u{4}", "a compressed archive"),
            ("../.git/annex/objects/x", "git-annex"),
        ] {
            for file in [CONFIG, PIPELINE] {
                let message = interpreted(&[(file, text)]);
                assert!(message.starts_with(&format!("{file} of x is ")), "{message}");
                assert!(message.contains(what), "{text:?}: {message}");
            }
        }
        assert!(interpreted(&[(CONFIG, "{\"a\": ")]).contains("is not valid JSON"));
    }

    #[test]
    fn foreign_texts_are_shown_without_control_characters() {
        let hostile = r#"{"base_model_name_or_path": "a\u001b]0;x\u0007\nb"}"#;
        let message = interpreted(&[(ADAPTER, hostile)]);
        assert!(!message.contains(char::is_control), "{message:?}");
    }

    #[test]
    fn checkpoints_are_ordered_by_number() {
        for (name, number) in [
            ("checkpoint-1000", Some(1000)),
            ("step_20", Some(20)),
            ("epoch3", Some(3)),
            ("global_step500", Some(500)),
            ("checkpoint-", None),
            ("unet", None),
            ("resnet50", None),
            ("checkpoint-99999999999999999999999", None),
        ] {
            assert_eq!(step(name), number, "{name}");
        }
    }
}
