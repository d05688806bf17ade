//! A model's own weights: which files of its directory hold them, and whether those can be whole,
//! by their names, sizes and first bytes.
//!
//! A test takes the same look before it loads them (`templates/_shared/files_of_weights.py.j2`),
//! on the machine where it runs; here it is taken to refuse what cannot work before anything
//! runs. Limits: [`MAX_ENTRIES`] names in a directory, [`MAX_READ_BYTES`] of a file. What is larger
//! is left to the test.

use crate::plan::files::{Files, Unreadable};
use crate::plan::models::{ModelEntry, Place};
use crate::plan::problem::{Problem, Wrong};
use crate::plan::source::is_json;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Maximum number of names in one directory.
pub const MAX_ENTRIES: usize = 20_000;
/// Maximum number of bytes that are read of a header or of a list of shards.
pub const MAX_READ_BYTES: usize = 16 << 20;
/// Maximum number of characters of a message.
const MAX_MESSAGE: usize = 1000;
/// The format's own limit.
const MAX_HEADER_BYTES: u64 = 100_000_000;
/// Bytes that tell what a file is.
const FIRST_BYTES: usize = 512;
/// What safetensors files of transformers and of diffusers begin with.
const STEM: &str = "model";
const PIPELINE_STEM: &str = "diffusion_pytorch_model";
/// Endings of files that hold weights, and beginnings of those that a training run leaves beside
/// them and that hold none.
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
const NOT_WEIGHTS: [&str; 6] =
    ["training_args", "optimizer", "scheduler", "rng_state", "scaler", "random_states"];
const WITHOUT: &str = "or test with random weights: --weights random (in a plan: weights: random)";
const REPLACE: &str = "replace the file, for example by repeating the download";

/// Where a directory of weights is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At<'a> {
    pub root: Root<'a>,
    /// The component of a pipeline; empty for a single model.
    pub part: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root<'a> {
    /// A directory as the plan names it.
    Plan(&'a str),
    /// A model by its name, in the machine's model cache.
    Cache { model: &'a str, revision: Option<&'a str> },
}

/// A directory on this machine. Links in it are followed wherever they lead: weights are read
/// where they are, and never travel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    /// Absolute path of the root.
    pub path: String,
    /// Names in it, or in its part, and the size of each file; else what is wrong with it, in words that
    /// go on after its name. What is neither a file nor a link to one is no file.
    pub entries: BTreeMap<String, Result<u64, String>>,
}

/// Which weights the tests of a model use, as far as that is known before they run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weights {
    /// Those in this directory, an absolute path.
    Own(String),
    /// There are none beside the configuration: random ones.
    Absent,
    /// Random ones, and nothing else was asked for.
    Asked,
    /// Those of the worker's cache, or of the hub. `here`: this machine's cache has some, or they
    /// may be fetched.
    Published { here: bool },
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own(directory) => directory,
            Self::Absent => "random: there are no weights beside the configuration",
            Self::Asked => "random, as asked",
            Self::Published { .. } => "from the model cache of the worker, if it has them",
        })
    }
}

/// What a directory holds.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Safetensors,
    /// Weights in formats that are not loaded.
    Others(Vec<String>),
}

/// Looks for the weights of a model. `asked` has the value of `weights` of each test.
///
/// # Errors
/// The model's own directory has weights that cannot be used, or none where some must be.
pub fn of(
    entry: &ModelEntry,
    config: &Map<String, Value>,
    asked: &BTreeSet<&str>,
    files: &dyn Files,
) -> Result<Weights, Problem> {
    if asked.iter().all(|asked| *asked == "random") {
        return Ok(Weights::Asked);
    }
    let part = ["unet", "transformer"].into_iter().find(|part| config.contains_key(*part));
    let pipeline = config.contains_key("_class_name");
    let part = part.filter(|_| pipeline).unwrap_or_default();
    let stem = if pipeline { PIPELINE_STEM } else { STEM };
    let path = match &entry.place {
        Place::Named => {
            let root = Root::Cache { model: &entry.model, revision: entry.revision.as_deref() };
            let found = find(At { root, part }, stem, files);
            // What is there and broken is the test's to tell: another machine may run it.
            let here = asked.contains("download") || !matches!(found, Ok(None));
            return Ok(Weights::Published { here });
        }
        // A configuration by another name than a directory has it stands alone.
        Place::Local(path) if is_json(path) => match path.rsplit_once('/') {
            Some((directory, "config.json")) => Some(directory),
            None if path == "config.json" => Some(""),
            _ => None,
        },
        Place::Local(path) => Some(path.as_str()),
    };
    let found = match path {
        Some(path) => find(At { root: Root::Plan(path), part }, stem, files).map_err(|wrong| {
            let message =
                format!("the weights of {} cannot be used: {}", entry.model, wrong.message);
            Wrong { message, ..wrong }.at(&entry.path.key("model"))
        })?,
        None => None,
    };
    if found.is_none() && asked.contains("cached") {
        let message = format!("{} has no weights beside its configuration", entry.model);
        let problem = Problem::new(&entry.path.key("weights"), message);
        return Err(problem.hint(format!("save them there with save_pretrained, {WITHOUT}")));
    }
    Ok(found.map_or(Weights::Absent, Weights::Own))
}

/// The absolute path of a directory that holds weights as safetensors.
fn find(at: At<'_>, stem: &str, files: &dyn Files) -> Result<Option<String>, Wrong> {
    let found = files.directory(at).map_err(|problem| {
        Wrong::new(format!("the directory cannot be read: {problem}")).hint(hint(REPLACE))
    })?;
    let Some(directory) = found else { return Ok(None) };
    let parts = [directory.path.as_str(), at.part].into_iter().filter(|part| !part.is_empty());
    let place = parts.collect::<Vec<_>>().join("/");
    let read = |name: &str, most: usize| files.first_bytes(&format!("{place}/{name}"), most);
    match look(&directory.entries, stem, read) {
        Ok(Found::Nothing) => Ok(None),
        Ok(Found::Safetensors) => Ok(Some(directory.path)),
        Ok(Found::Others(names)) => {
            let names: Vec<&str> = names.iter().take(3).map(String::as_str).collect();
            let message = format!("{} has only {}", directory.path, names.join(", "));
            let wrong = Wrong::new(plain(&format!("{message}, and dtf loads only safetensors")));
            Err(wrong.hint(hint("convert them with save_pretrained")))
        }
        Err(fault) => {
            let next = match &fault {
                fault if fault.contains("Git LFS") => "fetch the file with git lfs pull",
                fault if fault.contains("cannot be read") => "make the file readable",
                _ => REPLACE,
            };
            Err(Wrong::new(plain(&format!("{fault} (in {place})"))).hint(hint(next)))
        }
    }
}

/// Names of files, and what a list of shards names, are anybody's: cut, and without commands to
/// a terminal.
fn plain(text: &str) -> String {
    let shown = text.chars().take(MAX_MESSAGE);
    shown.map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn hint(next: &str) -> String {
    format!("{next}, {WITHOUT}")
}

/// What a directory holds; else which file is at fault, and why.
fn look(
    entries: &BTreeMap<String, Result<u64, String>>,
    stem: &str,
    read: impl Fn(&str, usize) -> Result<Vec<u8>, Unreadable>,
) -> Result<Found, String> {
    let mut variants: BTreeMap<&str, (bool, &str)> = BTreeMap::new();
    for name in entries.keys() {
        // Where a variant has one file and shards, libraries load the one file.
        match variant(name, stem) {
            Some((variant, true)) => drop(variants.entry(variant).or_insert((true, name))),
            Some((variant, false)) => drop(variants.insert(variant, (false, name))),
            None => {}
        }
    }
    if variants.len() > 1 && !variants.contains_key("") {
        let names: Vec<&str> = variants.into_keys().collect();
        let names = names.join(", ");
        return Err(format!("there are several variants ({names}) and no {stem}.safetensors"));
    }
    let Some((_, (listed, name))) = variants.pop_first() else {
        let others: Vec<String> =
            entries.keys().filter(|name| holds_weights(name)).cloned().collect();
        return Ok(if others.is_empty() { Found::Nothing } else { Found::Others(others) });
    };
    let fault_of = |name: &str| match entries.get(name) {
        None => Some("is not there".to_owned()),
        Some(Err(fault)) => Some(fault.clone()),
        Some(Ok(size)) => fault(*size, |most| read(name, most)),
    };
    if !listed {
        return fault_of(name)
            .map_or(Ok(Found::Safetensors), |fault| Err(format!("{name} {fault}")));
    }
    if let Some(Err(fault)) = entries.get(name) {
        return Err(format!("{name} {fault}"));
    }
    let text = read(name, MAX_READ_BYTES + 1);
    let text = text.map_err(|problem| format!("{name} cannot be read: {problem}"))?;
    for shard in shards(&text).map_err(|fault| format!("{name} {fault}"))? {
        if let Some(fault) = fault_of(&shard) {
            return Err(format!("{shard} ({name} lists it) {fault}"));
        }
    }
    Ok(Found::Safetensors)
}

/// The variant that a file name stands for (empty: none), and whether it is a list of shards.
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

/// `fp16-00001-of-00002`
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

/// The files that a list of shards names. One that is too long to be read here names none.
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
        return Err("is not a list of shards (JSON with a weight_map)".to_owned());
    };
    let plain = |name: &String| !name.is_empty() && !name.contains(['/', '\\']);
    if names.is_empty() || !names.iter().all(plain) {
        return Err("does not list files of its own directory".to_owned());
    }
    Ok(names)
}

fn pointer_or_empty(first: &[u8]) -> Option<String> {
    if first.is_empty() {
        Some("is empty".to_owned())
    } else if first.starts_with(b"version https://git-lfs") {
        Some("is a Git LFS pointer and not the file itself".to_owned())
    } else {
        None
    }
}

/// What is wrong with a safetensors file of a size; `read` gives its beginning.
fn fault(size: u64, read: impl Fn(usize) -> Result<Vec<u8>, Unreadable>) -> Option<String> {
    let unreadable = |problem: Unreadable| Some(format!("cannot be read: {problem}"));
    let first = match read(FIRST_BYTES) {
        Ok(first) => first,
        Err(problem) => return unreadable(problem),
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
        return Some(format!("is cut short: it has {size} bytes, its header alone takes {least}"));
    }
    let end = usize::try_from(8 + length).unwrap_or(usize::MAX);
    if end > MAX_READ_BYTES {
        return None;
    }
    let start = match read(end) {
        Ok(start) => start,
        Err(problem) => return unreadable(problem),
    };
    let Some(ends) = start.get(8..).and_then(ends_of_tensors) else {
        return Some("has a damaged header".to_owned());
    };
    let Some(last) = ends.into_iter().max() else { return Some("has no tensors".to_owned()) };
    match last.saturating_add(8 + length) {
        whole if size < whole => Some(format!("is cut short: it has {size} of {whole} bytes")),
        whole if size > whole => {
            Some(format!("is damaged: it has {size} bytes, and its header describes {whole}"))
        }
        _ => None,
    }
}

/// Where each tensor ends, behind the header.
fn ends_of_tensors(header: &[u8]) -> Option<Vec<u64>> {
    let header: Value = serde_json::from_slice(header).ok()?;
    let tensors = header.as_object()?.iter().filter(|(name, _)| *name != "__metadata__");
    tensors.map(|(_, tensor)| tensor.get("data_offsets")?.get(1)?.as_u64()).collect()
}

/// What a file is that should be another, by its first bytes.
fn looks_like(first: &[u8]) -> String {
    let starts = |texts: &[&[u8]]| texts.iter().any(|text| first.starts_with(text));
    if starts(&[b"GGUF"]) {
        return "a GGUF file".to_owned();
    }
    if starts(&[b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"]) {
        return "a pickle of PyTorch".to_owned();
    }
    // The last character may have been cut.
    let text = String::from_utf8_lossy(first);
    let text = text.trim_end_matches('\u{fffd}').trim();
    if text.is_empty()
        || text.contains('\u{fffd}')
        || text.chars().any(|c| c.is_control() && !c.is_whitespace())
    {
        return "data of another kind".to_owned();
    }
    let lower = text.to_lowercase();
    if ["<!doctype", "<html", "<?xml"].iter().any(|start| lower.starts_with(start)) {
        return "an HTML page".to_owned();
    }
    format!("text that begins with {:?}", text.chars().take(40).collect::<String>())
}

/// Models whose tests use random weights, for people: one sentence for each reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Random {
    asked: Vec<String>,
    absent: Vec<String>,
    /// Known by name, and not in the cache of this machine.
    uncached: Vec<String>,
}

impl Random {
    pub fn add(&mut self, model: &str, weights: &Weights) {
        let list = match weights {
            Weights::Asked => &mut self.asked,
            Weights::Absent => &mut self.absent,
            Weights::Published { here: false } => &mut self.uncached,
            Weights::Published { here: true } | Weights::Own(_) => return,
        };
        list.push(model.to_owned());
    }

    /// `here`: the tests run on this machine, so that its cache is the one that counts.
    #[must_use]
    pub fn told(&self, here: bool) -> Vec<String> {
        let uncached = if here { self.uncached.as_slice() } else { &[] };
        [
            (self.asked.as_slice(), "as asked"),
            (&self.absent, "there are no weights beside the configuration"),
            (uncached, "the model cache of this machine has no weights for it"),
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
    use crate::plan::embedded;
    use proptest::prelude::*;

    /// Files by name; a text in the place of bytes is what is wrong with an entry.
    type Content<'a> = (&'a str, Result<Vec<u8>, &'a str>);

    fn found(files: &[Content<'_>]) -> Result<Found, String> {
        let entry = |(name, content): &Content<'_>| {
            let size = content.as_ref().map(|bytes| bytes.len() as u64);
            ((*name).to_owned(), size.map_err(|fault| (*fault).to_owned()))
        };
        let entries = files.iter().map(entry).collect();
        look(&entries, STEM, |name, most| {
            let found = files.iter().find(|(file, _)| *file == name).map(|(_, content)| content);
            let Some(Ok(bytes)) = found else { return Err(Unreadable("not there".into())) };
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
    fn weights_are_found_by_their_names() {
        let ok = |names: &[&str]| {
            let files: Vec<Content<'_>> = names.iter().map(|name| (*name, Ok(whole()))).collect();
            found(&files)
        };
        assert_eq!(ok(&["config.json", "vocab.txt", "optimizer.pt"]), Ok(Found::Nothing));
        assert_eq!(ok(&["model.safetensors", "pytorch_model.bin"]), Ok(Found::Safetensors));
        assert_eq!(ok(&["model.fp16.safetensors"]), Ok(Found::Safetensors));
        let variants = "there are several variants (bf16, fp16) and no model.safetensors";
        let two = ["model.fp16.safetensors", "model.bf16.safetensors"];
        assert_eq!(ok(&two), Err(variants.to_owned()));
        assert_eq!(ok(&["model.safetensors", two[0], two[1]]), Ok(Found::Safetensors));
        for other in
            ["pytorch_model.bin", "model.ckpt", "tf_model.h5", "a.Q4_K.GGUF", "x.safetensors"]
        {
            assert_eq!(ok(&["training_args.bin", other]), Ok(Found::Others(vec![other.into()])));
        }
        // Shards without their list cannot be loaded.
        let shard = "model-00001-of-00002.safetensors";
        assert_eq!(ok(&[shard]), Ok(Found::Others(vec![shard.into()])));
        let shard = "model.fp16-00001-of-00002.safetensors";
        assert_eq!(ok(&[shard]), Ok(Found::Others(vec![shard.into()])));
        assert_eq!(variant("model.safetensors.index.fp16.json", STEM), Some(("fp16", true)));
        assert_eq!(
            variant("diffusion_pytorch_model.safetensors", PIPELINE_STEM),
            Some(("", false))
        );
    }

    #[test]
    fn damaged_files_are_told_by_their_first_bytes() {
        let pointer =
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n".to_vec();
        let mut cut = whole();
        cut.pop();
        let mut long = whole();
        long.push(0);
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        let kind = "is not a safetensors file but";
        for (content, fault) in [
            (Ok(pointer), "is a Git LFS pointer and not the file itself".to_owned()),
            (Ok(Vec::new()), "is empty".to_owned()),
            (Ok(b"\n<!DOCTYPE html><p>".to_vec()), format!("{kind} an HTML page")),
            (
                Ok("Entry not found: \u{1b}[2J é".repeat(40).into_bytes()),
                format!("{kind} data of another kind"),
            ),
            (Ok(b"Not found.\n".to_vec()), format!("{kind} text that begins with \"Not found.\"")),
            (Ok(b"GGUF\x03\0\0\0\0\0\0".to_vec()), format!("{kind} a GGUF file")),
            (Ok(b"PK\x03\x04123456789".to_vec()), format!("{kind} a pickle of PyTorch")),
            (Ok(vec![0xff; 600]), format!("{kind} data of another kind")),
            (
                Ok(vec![9, 0, 0]),
                "is cut short: it has 3 bytes, its header alone takes 17".to_owned(),
            ),
            (
                Ok(cut),
                format!("is cut short: it has {} of {} bytes", whole().len() - 1, whole().len()),
            ),
            (
                Ok(whole()[..60].to_vec()),
                format!(
                    "is cut short: it has 60 bytes, its header alone takes {}",
                    TENSOR.len() + 8
                ),
            ),
            (
                Ok(long),
                format!(
                    "is damaged: it has {} bytes, and its header describes {}",
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
            let told = format!("model.safetensors {fault}");
            assert_eq!(found(&[("model.safetensors", content)]), Err(told), "{fault}");
        }
        assert_eq!(found(&[("model.safetensors", Ok(whole()))]), Ok(Found::Safetensors));
    }

    #[test]
    fn each_shard_is_looked_at() {
        const LIST: &str = "model.safetensors.index.json";
        let shard = || ("a.safetensors", Ok(whole()));
        let listed = |files: &[&str]| (LIST, Ok(list(files)));
        assert_eq!(found(&[shard(), listed(&["a.safetensors"])]), Ok(Found::Safetensors));
        let both = listed(&["a.safetensors", "b.safetensors"]);
        let lacks = format!("b.safetensors ({LIST} lists it) is not there");
        assert_eq!(found(&[shard(), both]), Err(lacks));
        let pointer = ("a.safetensors", Ok(b"version https://git-lfs.github.com/spec/v1".to_vec()));
        let told = found(&[pointer, listed(&["a.safetensors"])]).expect_err("a pointer");
        assert!(told.contains("lists it) is a Git LFS pointer"), "{told}");
        for (text, fault) in [
            (&b""[..], "is empty"),
            (b"<html>", "is not a list of shards"),
            (b"{\"weight_map\": [1]}", "is not a list of shards"),
            (b"{\"weight_map\": {\"a\": 1}}", "is not a list of shards"),
            (b"{\"weight_map\": {}}", "does not list files of its own directory"),
            (b"{\"weight_map\": {\"a\": \"../a.safetensors\"}}", "does not list files of its own"),
        ] {
            let told = found(&[(LIST, Ok(text.to_vec()))]).expect_err("no list");
            assert!(told.starts_with(&format!("{LIST} {fault}")), "{told}");
        }
        // One file is loaded rather than shards.
        assert_eq!(
            found(&[("model.safetensors", Ok(whole())), listed(&["b.safetensors"])]),
            Ok(Found::Safetensors)
        );
    }

    #[test]
    fn names_cannot_command_a_terminal() {
        let list = list(&["\u{1b}[2J.safetensors"]);
        let told = found(&[("model.safetensors.index.json", Ok(list))]).expect_err("missing");
        let shown = plain(&told);
        assert!(shown.contains("[2J.safetensors (model") && !shown.contains('\u{1b}'), "{shown}");
        assert_eq!(plain(&"x".repeat(MAX_MESSAGE + 1)).len(), MAX_MESSAGE);
    }

    #[test]
    fn a_test_takes_the_same_look() {
        let part = embedded::templates().find(|(path, _)| path.ends_with("files_of_weights.py.j2"));
        let (_, part) = part.expect("there");
        let quoted = |text: &&str| part.contains(&format!("\"{text}\""));
        assert!(FORMATS.iter().chain(&NOT_WEIGHTS).all(quoted));
        for words in ["is a Git LFS pointer and not the file itself", "has a damaged header"] {
            assert!(part.contains(words), "{words}");
        }
    }

    #[test]
    fn random_weights_are_told_once_for_each_reason() {
        let mut random = Random::default();
        random.add("./a", &Weights::Absent);
        random.add("./b", &Weights::Absent);
        random.add("gpt2", &Weights::Published { here: false });
        random.add("bert", &Weights::Published { here: true });
        random.add("./c", &Weights::Own("/c".into()));
        let absent =
            "random weights for ./a and 1 more: there are no weights beside the configuration";
        let cache =
            "random weights for gpt2: the model cache of this machine has no weights for it";
        assert_eq!(random.told(true), [absent, cache]);
        assert_eq!(random.told(false), [absent]);
    }

    proptest! {
        #[test]
        fn no_content_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), length in 0u64..300) {
            let _ = found(&[("model.safetensors", Ok(bytes.clone()))]);
            let _ = found(&[("model.safetensors.index.json", Ok(bytes.clone()))]);
            let mut headed = length.to_le_bytes().to_vec();
            headed.push(b'{');
            headed.extend(bytes);
            let _ = found(&[("model.safetensors", Ok(headed))]);
        }
    }
}
