//! Selects the files of a directory that the tests of its model need: those that travel to workers,
//! and whose digests identify the weights.
//!
//! They are the weights in the format that is loaded, the configuration, the tokenizer and the
//! processor, and code only if it may be run. States of optimisers, weights in a second format,
//! documents and results of a training run do not belong to it. Changing them does not change the
//! identity of the weights.

use super::directory::shards;
use super::formats::{ADAPTERS, PIPELINE_STEM, STEM, main_file, pickle_stem};
use super::graph::{EXPORTS, is_part, main_graph};
use super::header::MAX_READ_BYTES;
use crate::models::catalogue::BASE_DIRECTORY;
use crate::models::description::ADAPTER;
use crate::text::error::{ReadError, ValueError};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Suffixes of configurations, vocabularies and templates of conversations.
const TEXTS: [&str; 9] =
    [".json", ".txt", ".model", ".jinja", ".tiktoken", ".spm", ".bpe", ".codes", ".vocab"];
/// Prefixes of files with these suffixes that describe the training or the model to people.
const NOT_TEXTS: [&str; 10] = [
    "trainer_state",
    "training_args",
    "all_results",
    "train_results",
    "eval_results",
    "predict_results",
    "README",
    "LICENSE",
    "NOTICE",
    "requirements",
];
/// Subdirectories with texts that libraries read.
const TEMPLATES: [&str; 2] = ["additional_chat_templates", "chat_templates"];

/// How the weights will be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Whether pickled weights are loaded if there are no others.
    pub allow_pickle: bool,
    /// Whether code in the directory may be run.
    pub remote_code: bool,
}

/// Returns the paths of the files that tests need, sorted. `entries` has the size of each file in
/// the directory and its subdirectories, by its path with `/`. `read` returns the first bytes of a
/// file.
///
/// # Errors
/// The files with weights cannot be determined: a shard index is damaged or lists a missing file,
/// or there are several candidates.
pub fn belonging(
    entries: &BTreeMap<String, u64>,
    wanted: Wanted,
    read: impl Fn(&str, usize) -> Result<Vec<u8>, ReadError>,
) -> Result<Vec<String>, ValueError> {
    let mut paths = select(entries, wanted, &read)?;
    // An adapter needs its base model.
    if entries.contains_key(ADAPTER) && ADAPTERS.iter().any(|name| paths.contains(*name)) {
        let inside = entries.iter().filter_map(|(path, size)| {
            Some((path.strip_prefix(BASE_DIRECTORY)?.strip_prefix('/')?.to_owned(), *size))
        });
        let read = |path: &str, most: usize| read(&join(BASE_DIRECTORY, path), most);
        let base = select(&inside.collect(), wanted, &read)?;
        paths.extend(base.iter().map(|path| join(BASE_DIRECTORY, path)));
    }
    Ok(paths.into_iter().collect())
}

/// The files of one model, without a base model.
fn select(
    entries: &BTreeMap<String, u64>,
    wanted: Wanted,
    read: &Reader<'_>,
) -> Result<BTreeSet<String>, ValueError> {
    let directory = Directory { entries, wanted, read };
    let parts = directory.parts()?;
    let mut paths = BTreeSet::new();
    for part in &parts {
        let is_component = directory.is_pipeline();
        if !is_component || part == "unet" || part == "transformer" {
            paths.extend(directory.weights(part).map_err(ValueError::new)?);
        }
        paths.extend(
            directory.inside(part).filter(|name| is_text(name)).map(|name| join(part, name)),
        );
        if wanted.remote_code {
            paths.extend(
                directory
                    .inside(part)
                    .filter(|name| has_suffix(name, "py"))
                    .map(|name| join(part, name)),
            );
        }
    }
    paths.retain(|path| entries.contains_key(path));
    Ok(paths)
}

/// Reads the first bytes of a file, at most the given number.
type Reader<'a> = dyn Fn(&str, usize) -> Result<Vec<u8>, ReadError> + 'a;

/// Whether a name has this suffix after its last dot.
fn has_suffix(name: &str, suffix: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| end == suffix)
}

struct Directory<'a> {
    entries: &'a BTreeMap<String, u64>,
    wanted: Wanted,
    read: &'a Reader<'a>,
}

impl Directory<'_> {
    fn is_pipeline(&self) -> bool {
        self.entries.contains_key("model_index.json")
    }

    /// Names of the files directly inside a subdirectory; the empty path is the directory itself.
    fn inside<'s>(&'s self, part: &'s str) -> impl Iterator<Item = &'s str> {
        self.entries.keys().filter_map(move |path| {
            let name =
                if part.is_empty() { path } else { path.strip_prefix(part)?.strip_prefix('/')? };
            (!name.contains('/')).then_some(name)
        })
    }

    /// The directory itself, and the subdirectories that its files name: components of a pipeline,
    /// and modules of sentence-transformers.
    fn parts(&self) -> Result<BTreeSet<String>, ValueError> {
        let mut parts = BTreeSet::from([String::new()]);
        parts.extend(TEMPLATES.map(str::to_owned));
        if self.is_pipeline() {
            if let Value::Object(index) = self.json("model_index.json")? {
                parts.extend(index.into_iter().map(|(name, _)| name));
            }
        } else if self.entries.contains_key("modules.json")
            && let Value::Array(modules) = self.json("modules.json")?
        {
            let path = |module: &Value| Some(module.get("path")?.as_str()?.to_owned());
            parts.extend(modules.iter().filter_map(path));
        }
        parts.retain(|part| !part.split('/').any(|name| name == ".."));
        Ok(parts)
    }

    fn json(&self, path: &str) -> Result<Value, ValueError> {
        let text = (self.read)(path, MAX_READ_BYTES)
            .map_err(|error| ValueError::new(format!("{path} cannot be read: {error}")))?;
        serde_json::from_slice(&text)
            .map_err(|error| ValueError::new(format!("{path} is not valid JSON: {error}")))
    }

    /// Files with weights in a part of the directory.
    fn weights(&self, part: &str) -> Result<Vec<String>, String> {
        let stem = if self.is_pipeline() { PIPELINE_STEM } else { STEM };
        if let Some(files) = self.with_stem(part, stem, "safetensors")? {
            return Ok(files);
        }
        if self.wanted.allow_pickle
            && let Some(files) = self.with_stem(part, pickle_stem(stem), "bin")?
        {
            return Ok(files);
        }
        let adapter = ADAPTERS.iter().find(|name| self.entries.contains_key(&join(part, name)));
        if let Some(name) =
            adapter.filter(|name| self.wanted.allow_pickle || !has_suffix(name, "bin"))
        {
            return Ok(vec![join(part, name)]);
        }
        let packed = self.inside(part).filter(|name| name.to_lowercase().ends_with(".gguf"));
        let packed: Vec<String> = packed.map(|name| join(part, name)).collect();
        if packed.is_empty() && !self.is_pipeline() { self.graph(part) } else { Ok(packed) }
    }

    /// Files of the graph in a part, or in the subdirectories of exporters.
    fn graph(&self, part: &str) -> Result<Vec<String>, String> {
        let more: &[&str] = if part.is_empty() { &EXPORTS } else { &[] };
        for place in std::iter::once(part).chain(more.iter().copied()) {
            let names: Vec<&str> = self.inside(place).collect();
            if let Some(graph) = main_graph(names.iter().copied())? {
                let files = names.iter().filter(|name| is_part(&graph.file, name));
                return Ok(files.map(|name| join(place, name)).collect());
            }
        }
        Ok(Vec::new())
    }

    /// The single file with this stem, or the shard index and its files.
    fn with_stem(
        &self,
        part: &str,
        stem: &str,
        suffix: &str,
    ) -> Result<Option<Vec<String>>, String> {
        let Some((name, listed)) = main_file(self.inside(part), stem, suffix)? else {
            return Ok(None);
        };
        let path = join(part, name);
        let mut files = vec![path.clone()];
        if listed {
            let text = (self.read)(&path, MAX_READ_BYTES + 1)
                .map_err(|error| format!("{path} cannot be read: {error}"))?;
            for shard in shards(&text).map_err(|fault| format!("{path} {fault}"))? {
                let shard = join(part, &shard);
                if !self.entries.contains_key(&shard) {
                    return Err(format!("{shard} (listed in {path}) is missing"));
                }
                files.push(shard);
            }
        }
        Ok(Some(files))
    }
}

fn join(part: &str, name: &str) -> String {
    if part.is_empty() { name.to_owned() } else { format!("{part}/{name}") }
}

/// Whether a file is a configuration, a vocabulary or a template. Lists of the shards of weights are
/// not: those of the format in use belong to the weights.
fn is_text(name: &str) -> bool {
    let lower = name.to_lowercase();
    TEXTS.iter().any(|ending| lower.ends_with(ending))
        && !name.starts_with('.')
        && !lower.contains(".index.")
        && !NOT_TEXTS.iter().any(|start| name.starts_with(start))
}
