//! The rules that identify directories without a testable model, in order of priority.
//!
//! Each rule returns the identity of the directory if it matches, and otherwise nothing. A rule
//! depends on the kinds of files and on fields in small texts, never on the name of a model.

use super::facts::{Facts, Identity, MAX_LISTED, clean, listed};
use crate::models::description::{ADAPTER, CONFIG, MODULES, PARAMS, PIPELINE};
use crate::models::weights::formats::ADAPTERS;
use serde_json::Value;

pub(super) type Rule = fn(&Facts) -> Option<Identity>;

/// Rules that apply whatever `config.json` contains.
pub(super) const ALWAYS: [Rule; 4] = [adapter, static_embedding, ctranslate2, component];
/// Rules for directories whose `config.json` is missing or describes no model. The first rule that
/// matches decides, so rules with stronger evidence precede the others.
pub(super) const OTHERWISE: [Rule; 10] = [
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
const GGUF: &str = ".gguf";
const PACKED: &str = "download one of the files and test it, for example with `dtf run ./FILE.gguf`, or \
    use the model that it was converted from";
/// Models of other libraries, by the suffix of a file name.
const FORMATS: [(&str, &str); 17] = [
    (GGUF, "weights of llama.cpp (GGUF)"),
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

fn adapter(facts: &Facts) -> Option<Identity> {
    let lora: Vec<&str> =
        facts.top().filter(|name| name.starts_with("pytorch_lora_weights")).collect();
    if !lora.is_empty() && facts.config.is_none() {
        let next = "test the pipeline that it was trained for";
        return Some(Identity::new("a LoRA adapter for a diffusion pipeline", listed(&lora), next));
    }
    if !is_adapter(facts) {
        return None;
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
        "download the adapter and test its directory, test {base}, or merge the two with PEFT's \
         merge_and_unload(), save the result and test that directory"
    );
    Some(Identity::new(what, format!("{ADAPTER}{kind}"), next))
}

/// Whether the directory contains an adapter alone, and not a complete model with one beside it.
pub(super) fn is_adapter(facts: &Facts) -> bool {
    let full = |name: &str| !name.starts_with("adapter");
    facts.has(ADAPTER) && !(facts.describes() && facts.weights().any(full))
}

pub(super) fn base_of_adapter(facts: &Facts) -> Option<String> {
    let settings = facts.description.json(ADAPTER).filter(|_| is_adapter(facts))?;
    let base = settings.get("base_model_name_or_path")?.as_str()?;
    (!base.is_empty()).then(|| base.to_owned())
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
pub(super) fn step(name: &str) -> Option<u64> {
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
    (!files.is_empty()).then(|| Identity::new(what, listed(&files), EXPORTED.to_owned()))
}

/// The next step for an exported model: its tests need the configuration, which names its family and
/// the ranges of its inputs.
const EXPORTED: &str = "add the config.json of the model beside it, which exporters write, too";

fn undescribed(facts: &Facts) -> &'static str {
    match facts.config {
        None => "without a config.json",
        Some(_) => "whose config.json names no model_type",
    }
}

fn other_library(facts: &Facts) -> Option<Identity> {
    let (what, files, next) = FORMATS.iter().find_map(|(ending, what)| {
        let of = |name: &&String| {
            let lower = name.to_lowercase();
            lower.ends_with(ending) || lower.contains(&format!("{ending}/"))
        };
        let files: Vec<&str> = facts.names.iter().filter(of).map(String::as_str).collect();
        let next = match *ending {
            GGUF => PACKED.to_owned(),
            ".onnx" => EXPORTED.to_owned(),
            _ => NAME_ORIGIN.to_owned(),
        };
        (!files.is_empty()).then_some((*what, files, next))
    })?;
    Some(Identity::new(format!("{what} {}", undescribed(facts)), listed(&files), next))
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
    if files.iter().any(|name| ADAPTERS.contains(name)) {
        let next = "add the adapter_config.json that was saved with them";
        let what = "the weights of a PEFT adapter without an adapter_config.json";
        return Some(Identity::new(what, listed(&files), next));
    }
    let next = "add the config.json of the model; weights alone do not identify it";
    Some(Identity::new(format!("weights {}", undescribed(facts)), listed(&files), next))
}

fn empty(facts: &Facts) -> Option<Identity> {
    let next = "use the directory that contains the config.json of the model";
    facts.description.is_empty().then(|| Identity::new("an empty directory", "", next))
}
