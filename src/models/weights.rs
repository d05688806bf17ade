//! Finds the weights of a model: the files in its directory that contain them, and whether these
//! files are intact as far as their names, sizes and headers show.
//!
//! Each test repeats this check on the machine where it runs, before it loads the weights
//! (`templates/_shared/files_of_weights.py.j2`). The check here refuses unusable weights before
//! anything runs. Limits: [`MAX_ENTRIES`] names in a directory, [`MAX_READ_BYTES`] per file. Larger
//! headers are left to the test.

use crate::models::source::{Location, ModelSource, WeightsPath, WeightsRoot};
use crate::text::error::{ReadError, ValueError};
use crate::text::source::is_json;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Maximum number of names in one directory.
pub const MAX_ENTRIES: usize = 20_000;
/// Maximum number of bytes that are read of a header or of a shard index.
pub const MAX_READ_BYTES: usize = 16 << 20;
/// Maximum number of characters of a message.
const MAX_MESSAGE: usize = 1000;
/// Maximum size of a header, as the safetensors format defines it.
const MAX_HEADER_BYTES: u64 = 100_000_000;
/// Number of bytes that are enough to recognise the kind of a file.
const FIRST_BYTES: usize = 512;
/// Stem of the safetensors files of transformers; the next one is that of diffusers.
const STEM: &str = "model";
const PIPELINE_STEM: &str = "diffusion_pytorch_model";
/// Suffixes of files with weights.
const FORMATS: [&str; 11] = [
    ".safetensors",
    ".bin",
    ".pt",
    ".pth",
    ".ckpt",
    ".h5",
    ".msgpack",
    ".gguf",
    ".onnx",
    ".pkl",
    ".npz",
];
/// Prefixes of files with the same suffixes that a training run writes and that are not weights.
const NOT_WEIGHTS: [&str; 6] =
    ["training_args", "optimizer", "scheduler", "rng_state", "scaler", "random_states"];
const WITHOUT: &str = "or test with random weights: --weights random (in a plan: weights: random)";
const REPLACE: &str = "replace the file, for example by downloading it again";

/// The weights that the tests of a model will use, as far as this is known before they run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weights {
    /// The weights in this directory, an absolute path.
    Own(String),
    /// Random weights, because there are none beside the configuration.
    Absent,
    /// Random weights, as requested.
    Requested,
    /// The weights in the model cache of the worker, or on the hub. `here` is true if the cache of
    /// this machine has weights, or if they may be downloaded.
    Published { here: bool },
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own(directory) => directory,
            Self::Absent => "random: there are no weights beside the configuration",
            Self::Requested => "random, as requested",
            Self::Published { .. } => "from the model cache of the worker, if it has them",
        })
    }
}

/// The weights in a directory.
#[derive(Debug, PartialEq, Eq)]
enum Contents {
    Nothing,
    Safetensors,
    /// Files with weights in formats that dtf does not load.
    Others(Vec<String>),
}

/// Finds the weights of a model. `asked` contains the values of `weights` of all its tests.
///
/// # Errors
/// The weights in the directory of the model cannot be used, or there are none although a test
/// requires them. Each error has the key of the plan that it belongs to.
pub fn find(
    model: &str,
    location: &Location,
    revision: Option<&str>,
    config: &Map<String, Value>,
    asked: &BTreeSet<&str>,
    models: &dyn ModelSource,
) -> Result<Weights, (&'static str, ValueError)> {
    if asked.iter().all(|asked| *asked == "random") {
        return Ok(Weights::Requested);
    }
    let part = ["unet", "transformer"].into_iter().find(|part| config.contains_key(*part));
    let pipeline = config.contains_key("_class_name");
    let part = part.filter(|_| pipeline).unwrap_or_default();
    let stem = if pipeline { PIPELINE_STEM } else { STEM };
    let path = match location {
        Location::Named => {
            let root = WeightsRoot::Cache { model, revision };
            let directory = find_in(WeightsPath { root, part }, stem, models);
            // The test reports damaged weights itself, since another machine may run it.
            let here = asked.contains("download") || !matches!(directory, Ok(None));
            return Ok(Weights::Published { here });
        }
        // A file with another name than config.json is a configuration without weights.
        Location::Local(path) if is_json(path) => match path.rsplit_once('/') {
            Some((directory, "config.json")) => Some(directory),
            None if path == "config.json" => Some(""),
            _ => None,
        },
        Location::Local(path) => Some(path.as_str()),
    };
    let directory = match path {
        Some(path) => find_in(WeightsPath { root: WeightsRoot::Plan(path), part }, stem, models)
            .map_err(|error| {
                let message = format!("the weights of {model} cannot be used: {}", error.message);
                ("model", ValueError { message, ..error })
            })?,
        None => None,
    };
    if directory.is_none() && asked.contains("cached") {
        let error = ValueError::new(format!("{model} has no weights beside its configuration"));
        let hint = format!("save them there with save_pretrained(), {WITHOUT}");
        return Err(("weights", error.hint(hint)));
    }
    Ok(directory.map_or(Weights::Absent, Weights::Own))
}

/// Absolute path of the directory if it contains safetensors weights; `None` without weights.
///
/// # Errors
/// The directory cannot be read, or its weights are damaged or in another format.
fn find_in(
    at: WeightsPath<'_>,
    stem: &str,
    models: &dyn ModelSource,
) -> Result<Option<String>, ValueError> {
    let directory = models.directory(at).map_err(|error| {
        ValueError::new(format!("cannot read the directory: {error}"))
            .hint(hint("check the directory"))
    })?;
    let Some(directory) = directory else { return Ok(None) };
    let parts = [directory.path.as_str(), at.part].into_iter().filter(|part| !part.is_empty());
    let place = parts.collect::<Vec<_>>().join("/");
    let read = |name: &str, most: usize| models.first_bytes(&format!("{place}/{name}"), most);
    match inspect(&directory.entries, stem, read) {
        Ok(Contents::Nothing) => Ok(None),
        Ok(Contents::Safetensors) => Ok(Some(directory.path)),
        Ok(Contents::Others(names)) => {
            let names: Vec<&str> = names.iter().take(3).map(String::as_str).collect();
            let message = format!("{} contains only {}", directory.path, names.join(", "));
            let error =
                ValueError::new(plain(&format!("{message}, but dtf loads only safetensors")));
            Err(error.hint(hint("convert the weights with save_pretrained()")))
        }
        Err(fault) => {
            let next = match &fault {
                fault if fault.contains("Git LFS") => "download the file with `git lfs pull`",
                fault if fault.contains("cannot be read") => "make the file readable",
                _ => REPLACE,
            };
            Err(ValueError::new(plain(&format!("{fault} (in {place})"))).hint(hint(next)))
        }
    }
}

/// Makes a message safe to print: names of files and entries of a shard index are foreign text, so
/// control characters are replaced and the length is limited.
fn plain(text: &str) -> String {
    let shown = text.chars().take(MAX_MESSAGE);
    shown.map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn hint(next: &str) -> String {
    format!("{next}, {WITHOUT}")
}

/// Determines the weights in a directory from its entries.
///
/// # Errors
/// The name of a damaged file, and the reason.
fn inspect(
    entries: &BTreeMap<String, Result<u64, String>>,
    stem: &str,
    read: impl Fn(&str, usize) -> Result<Vec<u8>, ReadError>,
) -> Result<Contents, String> {
    let mut variants: BTreeMap<&str, (bool, &str)> = BTreeMap::new();
    for name in entries.keys() {
        // If a variant has both a single file and shards, libraries load the single file.
        match variant(name, stem) {
            Some((variant, true)) => drop(variants.entry(variant).or_insert((true, name))),
            Some((variant, false)) => drop(variants.insert(variant, (false, name))),
            None => {}
        }
    }
    if variants.len() > 1 && !variants.contains_key("") {
        let names: Vec<&str> = variants.into_keys().collect();
        let names = names.join(", ");
        return Err(format!("there are several variants ({names}) but no {stem}.safetensors"));
    }
    let Some((_, (listed, name))) = variants.pop_first() else {
        let others: Vec<String> =
            entries.keys().filter(|name| holds_weights(name)).cloned().collect();
        return Ok(if others.is_empty() { Contents::Nothing } else { Contents::Others(others) });
    };
    let fault_of = |name: &str| match entries.get(name) {
        None => Some("is missing".to_owned()),
        Some(Err(fault)) => Some(fault.clone()),
        Some(Ok(size)) => fault(*size, |most| read(name, most)),
    };
    if !listed {
        return fault_of(name)
            .map_or(Ok(Contents::Safetensors), |fault| Err(format!("{name} {fault}")));
    }
    if let Some(Err(fault)) = entries.get(name) {
        return Err(format!("{name} {fault}"));
    }
    let text = read(name, MAX_READ_BYTES + 1);
    let text = text.map_err(|error| format!("{name} cannot be read: {error}"))?;
    for shard in shards(&text).map_err(|fault| format!("{name} {fault}"))? {
        if let Some(fault) = fault_of(&shard) {
            return Err(format!("{shard} (listed in {name}) {fault}"));
        }
    }
    Ok(Contents::Safetensors)
}

/// The variant in a file name (empty for the default), and whether the file is a shard index.
fn variant<'a>(name: &'a str, stem: &str) -> Option<(&'a str, bool)> {
    let rest = name.strip_prefix(stem)?;
    let (rest, listed) = match rest.strip_prefix(".safetensors.index") {
        Some(rest) => (rest.strip_suffix(".json")?, true),
        None => (rest.strip_suffix(".safetensors")?, false),
    };
    let variant = if rest.is_empty() { rest } else { rest.strip_prefix('.')? };
    let plain = !variant.contains('.') && !is_shard(variant);
    (plain && (rest.is_empty() || !variant.is_empty())).then_some((variant, listed))
}

/// Whether the text ends like the name of a shard: `fp16-00001-of-00002`.
fn is_shard(variant: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = variant.rsplit_once("-of-").and_then(|(left, all)| {
        let (_, this) = left.rsplit_once('-')?;
        Some(number(this) && number(all))
    });
    parts.unwrap_or(false)
}

fn holds_weights(name: &str) -> bool {
    let lower = name.to_lowercase();
    FORMATS.iter().any(|ending| lower.ends_with(ending))
        && !NOT_WEIGHTS.iter().any(|beginning| name.starts_with(beginning))
}

/// Names of the files in a shard index; none if the index is too large to be read here.
fn shards(text: &[u8]) -> Result<BTreeSet<String>, String> {
    if let Some(fault) = pointer_or_empty(text) {
        return Err(fault);
    }
    if text.len() > MAX_READ_BYTES {
        return Ok(BTreeSet::new());
    }
    let parsed: Option<Value> = serde_json::from_slice(text).ok();
    let map = parsed.as_ref().and_then(|list| list.get("weight_map")?.as_object());
    let names =
        map.and_then(|map| map.values().map(|file| Some(file.as_str()?.to_owned())).collect());
    let Some(names): Option<BTreeSet<String>> = names else {
        return Err("is not a shard index (JSON with a weight_map)".to_owned());
    };
    let plain = |name: &String| !name.is_empty() && !name.contains(['/', '\\']);
    if names.is_empty() {
        return Err("lists no files".to_owned());
    }
    if !names.iter().all(plain) {
        return Err("lists files outside its directory".to_owned());
    }
    Ok(names)
}

fn pointer_or_empty(first: &[u8]) -> Option<String> {
    if first.is_empty() {
        Some("is empty".to_owned())
    } else if first.starts_with(b"version https://git-lfs") {
        Some("is a Git LFS pointer, not the file itself".to_owned())
    } else {
        None
    }
}

/// Why a safetensors file of this size is unusable; `read` returns its first bytes.
fn fault(size: u64, read: impl Fn(usize) -> Result<Vec<u8>, ReadError>) -> Option<String> {
    let unreadable = |error: ReadError| Some(format!("cannot be read: {error}"));
    let first = match read(FIRST_BYTES) {
        Ok(first) => first,
        Err(error) => return unreadable(error),
    };
    if let Some(fault) = pointer_or_empty(&first) {
        return Some(fault);
    }
    let mut number = [0; 8];
    for (to, from) in number.iter_mut().zip(&first) {
        *to = *from;
    }
    let length = u64::from_le_bytes(number);
    if length > MAX_HEADER_BYTES || first.get(8).is_some_and(|byte| *byte != b'{') {
        return Some(format!("is not a safetensors file but {}", looks_like(&first)));
    }
    if size < 8 + length || size < 10 {
        let least = 8 + length;
        return Some(format!("is truncated: it has {size} bytes, its header alone has {least}"));
    }
    let end = usize::try_from(8 + length).unwrap_or(usize::MAX);
    if end > MAX_READ_BYTES {
        return None;
    }
    let start = match read(end) {
        Ok(start) => start,
        Err(error) => return unreadable(error),
    };
    let Some(ends) = start.get(8..).and_then(ends_of_tensors) else {
        return Some("has a damaged header".to_owned());
    };
    let Some(last) = ends.into_iter().max() else { return Some("has no tensors".to_owned()) };
    match last.saturating_add(8 + length) {
        whole if size < whole => Some(format!("is truncated: it has {size} of {whole} bytes")),
        whole if size > whole => {
            Some(format!("is damaged: it has {size} bytes, but its header describes {whole}"))
        }
        _ => None,
    }
}

/// End of each tensor, in bytes after the header.
fn ends_of_tensors(header: &[u8]) -> Option<Vec<u64>> {
    let header: Value = serde_json::from_slice(header).ok()?;
    let tensors = header.as_object()?.iter().filter(|(name, _)| *name != "__metadata__");
    tensors.map(|(_, tensor)| tensor.get("data_offsets")?.get(1)?.as_u64()).collect()
}

/// Describes the kind of a file that is not safetensors, by its first bytes.
fn looks_like(first: &[u8]) -> String {
    let starts = |texts: &[&[u8]]| texts.iter().any(|text| first.starts_with(text));
    if starts(&[b"GGUF"]) {
        return "a GGUF file".to_owned();
    }
    if starts(&[b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"]) {
        return "a PyTorch pickle".to_owned();
    }
    // The last character may be incomplete.
    let text = String::from_utf8_lossy(first);
    let text = text.trim_end_matches('\u{fffd}').trim();
    if text.is_empty()
        || text.contains('\u{fffd}')
        || text.chars().any(|c| c.is_control() && !c.is_whitespace())
    {
        return "other binary data".to_owned();
    }
    let lower = text.to_lowercase();
    if ["<!doctype", "<html", "<?xml"].iter().any(|start| lower.starts_with(start)) {
        return "an HTML page".to_owned();
    }
    format!("text that starts with {:?}", text.chars().take(40).collect::<String>())
}

/// Models whose tests use random weights, grouped by reason for the notes to the user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RandomWeights {
    asked: Vec<String>,
    absent: Vec<String>,
    /// Models that are specified by name and are not in the model cache of this machine.
    uncached: Vec<String>,
}

impl RandomWeights {
    /// Records a model if its tests will use random weights.
    pub fn add(&mut self, model: &str, weights: &Weights) {
        let list = match weights {
            Weights::Requested => &mut self.asked,
            Weights::Absent => &mut self.absent,
            Weights::Published { here: false } => &mut self.uncached,
            Weights::Published { here: true } | Weights::Own(_) => return,
        };
        list.push(model.to_owned());
    }

    /// One note per reason. `here` states that the tests run on this machine, so that its model
    /// cache decides.
    #[must_use]
    pub fn notes(&self, here: bool) -> Vec<String> {
        let uncached = if here { self.uncached.as_slice() } else { &[] };
        [
            (self.asked.as_slice(), "as requested"),
            (&self.absent, "there are no weights beside the configuration"),
            (uncached, "not in the model cache of this machine"),
        ]
        .into_iter()
        .filter_map(|(models, why)| {
            let (first, rest) = models.split_first()?;
            let more =
                if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            Some(format!("random weights for {first}{more}: {why}"))
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assets;
    use proptest::prelude::*;

    /// A file by name, with its content or the reason why the entry cannot be used.
    type Content<'a> = (&'a str, Result<Vec<u8>, &'a str>);

    fn contents(files: &[Content<'_>]) -> Result<Contents, String> {
        let entry = |(name, content): &Content<'_>| {
            let size = content.as_ref().map(|bytes| bytes.len() as u64);
            ((*name).to_owned(), size.map_err(|fault| (*fault).to_owned()))
        };
        let entries = files.iter().map(entry).collect();
        inspect(&entries, STEM, |name, most| {
            let content = files.iter().find(|(file, _)| *file == name).map(|(_, content)| content);
            let Some(Ok(bytes)) = content else { return Err(ReadError("not there".into())) };
            Ok(bytes[..bytes.len().min(most)].to_vec())
        })
    }

    fn safetensors(header: &str, data: usize) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    }

    const TENSOR: &str = r#"{"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}"#;

    fn whole() -> Vec<u8> {
        safetensors(TENSOR, 8)
    }

    fn list(files: &[&str]) -> Vec<u8> {
        let map: Map<String, Value> =
            files.iter().map(|file| (format!("of {file}"), Value::from(*file))).collect();
        serde_json::json!({ "weight_map": map }).to_string().into_bytes()
    }

    #[test]
    fn weights_are_found_by_file_name() {
        let ok = |names: &[&str]| {
            let files: Vec<Content<'_>> = names.iter().map(|name| (*name, Ok(whole()))).collect();
            contents(&files)
        };
        assert_eq!(ok(&["config.json", "vocab.txt", "optimizer.pt"]), Ok(Contents::Nothing));
        assert_eq!(ok(&["model.safetensors", "pytorch_model.bin"]), Ok(Contents::Safetensors));
        assert_eq!(ok(&["model.fp16.safetensors"]), Ok(Contents::Safetensors));
        let variants = "there are several variants (bf16, fp16) but no model.safetensors";
        let two = ["model.fp16.safetensors", "model.bf16.safetensors"];
        assert_eq!(ok(&two), Err(variants.to_owned()));
        assert_eq!(ok(&["model.safetensors", two[0], two[1]]), Ok(Contents::Safetensors));
        for other in
            ["pytorch_model.bin", "model.ckpt", "tf_model.h5", "a.Q4_K.GGUF", "x.safetensors"]
        {
            assert_eq!(ok(&["training_args.bin", other]), Ok(Contents::Others(vec![other.into()])));
        }
        // Shards without an index cannot be loaded.
        let shard = "model-00001-of-00002.safetensors";
        assert_eq!(ok(&[shard]), Ok(Contents::Others(vec![shard.into()])));
        let shard = "model.fp16-00001-of-00002.safetensors";
        assert_eq!(ok(&[shard]), Ok(Contents::Others(vec![shard.into()])));
        assert_eq!(variant("model.safetensors.index.fp16.json", STEM), Some(("fp16", true)));
        assert_eq!(
            variant("diffusion_pytorch_model.safetensors", PIPELINE_STEM),
            Some(("", false))
        );
    }

    #[test]
    fn damaged_files_are_recognised_by_their_first_bytes() {
        let pointer =
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n".to_vec();
        let mut cut = whole();
        cut.pop();
        let mut long = whole();
        long.push(0);
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        let kind = "is not a safetensors file but";
        for (content, fault) in [
            (Ok(pointer), "is a Git LFS pointer, not the file itself".to_owned()),
            (Ok(Vec::new()), "is empty".to_owned()),
            (Ok(b"\n<!DOCTYPE html><p>".to_vec()), format!("{kind} an HTML page")),
            (
                Ok("Entry not found: \u{1b}[2J é".repeat(40).into_bytes()),
                format!("{kind} other binary data"),
            ),
            (Ok(b"Not found.\n".to_vec()), format!("{kind} text that starts with \"Not found.\"")),
            (Ok(b"GGUF\x03\0\0\0\0\0\0".to_vec()), format!("{kind} a GGUF file")),
            (Ok(b"PK\x03\x04123456789".to_vec()), format!("{kind} a PyTorch pickle")),
            (Ok(vec![0xff; 600]), format!("{kind} other binary data")),
            (Ok(vec![9, 0, 0]), "is truncated: it has 3 bytes, its header alone has 17".to_owned()),
            (
                Ok(cut),
                format!("is truncated: it has {} of {} bytes", whole().len() - 1, whole().len()),
            ),
            (
                Ok(whole()[..60].to_vec()),
                format!("is truncated: it has 60 bytes, its header alone has {}", TENSOR.len() + 8),
            ),
            (
                Ok(long),
                format!(
                    "is damaged: it has {} bytes, but its header describes {}",
                    whole().len() + 1,
                    whole().len()
                ),
            ),
            (Ok(safetensors("{\"a\": nothing}", 0)), "has a damaged header".to_owned()),
            (Ok(safetensors("{\"a\": [0, 8]}", 8)), "has a damaged header".to_owned()),
            (Ok(safetensors(&deep, 8)), "has a damaged header".to_owned()),
            (Ok(safetensors("{\"__metadata__\": {}}", 0)), "has no tensors".to_owned()),
            (Err("is not a file"), "is not a file".to_owned()),
        ] {
            let message = format!("model.safetensors {fault}");
            assert_eq!(contents(&[("model.safetensors", content)]), Err(message), "{fault}");
        }
        assert_eq!(contents(&[("model.safetensors", Ok(whole()))]), Ok(Contents::Safetensors));
    }

    #[test]
    fn each_shard_is_checked() {
        const LIST: &str = "model.safetensors.index.json";
        let shard = || ("a.safetensors", Ok(whole()));
        let listed = |files: &[&str]| (LIST, Ok(list(files)));
        assert_eq!(contents(&[shard(), listed(&["a.safetensors"])]), Ok(Contents::Safetensors));
        let both = listed(&["a.safetensors", "b.safetensors"]);
        let missing = format!("b.safetensors (listed in {LIST}) is missing");
        assert_eq!(contents(&[shard(), both]), Err(missing));
        let pointer = ("a.safetensors", Ok(b"version https://git-lfs.github.com/spec/v1".to_vec()));
        let message = contents(&[pointer, listed(&["a.safetensors"])]).expect_err("a pointer");
        let expected = format!("a.safetensors (listed in {LIST}) is a Git LFS pointer");
        assert!(message.starts_with(&expected), "{message}");
        for (text, fault) in [
            (&b""[..], "is empty"),
            (b"<html>", "is not a shard index"),
            (b"{\"weight_map\": [1]}", "is not a shard index"),
            (b"{\"weight_map\": {\"a\": 1}}", "is not a shard index"),
            (b"{\"weight_map\": {}}", "lists no files"),
            (
                b"{\"weight_map\": {\"a\": \"../a.safetensors\"}}",
                "lists files outside its directory",
            ),
        ] {
            let message = contents(&[(LIST, Ok(text.to_vec()))]).expect_err("an invalid index");
            assert!(message.starts_with(&format!("{LIST} {fault}")), "{message}");
        }
        // A single file has priority over shards.
        assert_eq!(
            contents(&[("model.safetensors", Ok(whole())), listed(&["b.safetensors"])]),
            Ok(Contents::Safetensors)
        );
    }

    #[test]
    fn control_characters_in_names_are_replaced() {
        let list = list(&["\u{1b}[2J.safetensors"]);
        let message = contents(&[("model.safetensors.index.json", Ok(list))]).expect_err("missing");
        let shown = plain(&message);
        let kept = shown.contains("[2J.safetensors (listed in model");
        assert!(kept && !shown.contains('\u{1b}'), "{shown}");
        assert_eq!(plain(&"x".repeat(MAX_MESSAGE + 1)).len(), MAX_MESSAGE);
    }

    #[test]
    fn the_check_in_tests_uses_the_same_names_and_messages() {
        let part = assets::templates().find(|(path, _)| path.ends_with("files_of_weights.py.j2"));
        let (_, part) = part.expect("there");
        let quoted = |text: &&str| part.contains(&format!("\"{text}\""));
        assert!(FORMATS.iter().chain(&NOT_WEIGHTS).all(quoted));
        for words in ["is a Git LFS pointer, not the file itself", "has a damaged header"] {
            assert!(part.contains(words), "{words}");
        }
    }

    #[test]
    fn random_weights_get_one_note_per_reason() {
        let mut random = RandomWeights::default();
        random.add("./a", &Weights::Absent);
        random.add("./b", &Weights::Absent);
        random.add("gpt2", &Weights::Published { here: false });
        random.add("bert", &Weights::Published { here: true });
        random.add("./c", &Weights::Own("/c".into()));
        let absent =
            "random weights for ./a and 1 more: there are no weights beside the configuration";
        let cache = "random weights for gpt2: not in the model cache of this machine";
        assert_eq!(random.notes(true), [absent, cache]);
        assert_eq!(random.notes(false), [absent]);
    }

    proptest! {
        #[test]
        fn no_content_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), length in 0u64..300) {
            let _ = contents(&[("model.safetensors", Ok(bytes.clone()))]);
            let _ = contents(&[("model.safetensors.index.json", Ok(bytes.clone()))]);
            let mut headed = length.to_le_bytes().to_vec();
            headed.push(b'{');
            headed.extend(bytes);
            let _ = contents(&[("model.safetensors", Ok(headed))]);
        }
    }
}
