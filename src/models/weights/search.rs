//! Searches one directory for weights, and explains why those that it contains cannot be used.

use crate::models::source::{BaseModel, ModelSource, WeightsPath, WeightsRoot};
use crate::models::weights::directory::{Contents, inspect};
use crate::models::weights::formats::{ADAPTER_PACKAGES, GGUF, PIPELINE_STEM};
use crate::models::weights::graph::{EXPORTS, Graph};
use crate::models::weights::header::MAX_READ_BYTES;
use crate::text::error::{ReadError, ValueError};

/// Maximum number of characters of a message.
pub(super) const MAX_MESSAGE: usize = 1000;
const MODULES: &str = "modules.json";
pub(super) const WITHOUT: &str =
    "or test with random weights: --weights random (in a plan: weights: random)";
const ALLOW_PICKLE: &str = "convert the weights with save_pretrained(), allow pickles with \
    --allow-pickle (in a plan: allow_pickle: true)";
const REPLACE: &str = "replace the file, for example by downloading it again";

/// Weights that were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Absolute path of their directory or file.
    pub path: String,
    /// Packages that the library needs to load them.
    pub packages: Vec<&'static str>,
    /// The graph that contains them, if the model was exported.
    pub graph: Option<Graph>,
}

/// A search for weights.
#[derive(Clone, Copy)]
pub(super) struct Search<'a> {
    /// Stem of the file names.
    pub stem: &'a str,
    pub allow_pickle: bool,
    pub models: &'a dyn ModelSource,
}

impl Search<'_> {
    /// Searches a directory or file. `None` if it does not exist or has no weights.
    ///
    /// # Errors
    /// The directory cannot be read, or its weights are damaged or in another format.
    pub fn run(self, at: WeightsPath<'_>) -> Result<Option<Found>, ValueError> {
        let Self { stem, allow_pickle, models } = self;
        let directory = models.directory(at).map_err(|error| {
            ValueError::new(format!("cannot read the directory: {error}"))
                .hint(hint("check the directory"))
        })?;
        let Some(directory) = directory else { return Ok(None) };
        let root = match directory.path.rsplit_once(['/', '\\']) {
            Some((parent, _)) if directory.is_file => parent,
            _ => directory.path.as_str(),
        };
        let parts = [root, at.part].into_iter().filter(|part| !part.is_empty());
        let place = parts.collect::<Vec<_>>().join("/");
        let read = |name: &str, most: usize| models.first_bytes(&format!("{place}/{name}"), most);
        let whole = at.part.is_empty();
        let has = |name: &str| directory.entries.contains_key(name);
        let found = match inspect(&directory.entries, stem, read) {
            Ok(Contents::Nothing) => {
                if whole && has(MODULES) {
                    let modules = read(MODULES, MAX_READ_BYTES).unwrap_or_default();
                    if let Some(part) = transformer_part(&modules) {
                        return self.run(WeightsPath { part: &part, ..at });
                    }
                }
                for part in EXPORTS.into_iter().filter(|part| whole && has(part)) {
                    if let Some(found) = self.run(WeightsPath { part, ..at })? {
                        return Ok(Some(found));
                    }
                }
                return Ok(None);
            }
            Ok(Contents::Adapter(_)) => Ok(self.with_base(&directory.path)?),
            Ok(Contents::Gguf(_)) => Ok(GGUF.to_vec()),
            Ok(Contents::Safetensors) => Ok(Vec::new()),
            Ok(Contents::Pickle(_)) if allow_pickle => Ok(Vec::new()),
            Ok(Contents::Pickle(name)) => {
                let message = format!(
                    "{} contains only {name}, a pickle, which may run code when it is read",
                    directory.path
                );
                Err(ValueError::new(plain(&message)).hint(hint(ALLOW_PICKLE)))
            }
            Ok(Contents::Exported(_)) if stem == PIPELINE_STEM => {
                let message = format!("{place} has only a graph that was exported");
                let next = "test a directory of the pipeline with weights of torch";
                return Err(ValueError::new(plain(&message)).hint(hint(next)));
            }
            Ok(Contents::Exported(graph)) => {
                let (path, graph) = (directory.path, Some(graph.inside(at.part)));
                return Ok(Some(Found { path, packages: Vec::new(), graph }));
            }
            Ok(Contents::Others(names)) => {
                let listed = first_of(&names);
                let message =
                    format!("{} contains only {listed}, which cannot be loaded", directory.path);
                Err(ValueError::new(plain(&message))
                    .hint(hint("convert the weights with save_pretrained()")))
            }
            Err(fault) => {
                let next = match &fault {
                    fault if fault.contains("Git LFS") => "download the file with `git lfs pull`",
                    fault if fault.contains("cannot be read") => "make the file readable",
                    _ => REPLACE,
                };
                Err(ValueError::new(plain(&format!("{fault} (in {place})"))).hint(hint(next)))
            }
        };
        found.map(|packages| Some(Found { path: directory.path, packages, graph: None }))
    }

    /// The packages for an adapter and its base model, whose weights must be on this machine.
    fn with_base(self, adapter: &str) -> Result<Vec<&'static str>, ValueError> {
        let failed = |error: ReadError| {
            ValueError::new(format!("cannot read the base model of the adapter: {error}"))
                .hint(hint("check its directory"))
        };
        let base = self.models.base_model(adapter).map_err(failed)?;
        if let Some(BaseModel { path, .. }) = base.as_ref().filter(|base| base.is_adapter()) {
            let message =
                format!("the base model of the adapter in {adapter} is an adapter, too ({path})");
            return Err(ValueError::new(plain(&message))
                .hint(hint("save the base model merged with its adapter")));
        }
        let of_base = base
            .map(|base| self.run(WeightsPath { root: WeightsRoot::Given(&base.path), part: "" }));
        let of_base = of_base.transpose()?.flatten();
        if let Some(Found { graph: Some(graph), .. }) = &of_base {
            let (what, file) = (graph.format.name(), &graph.file);
            let message = format!("the base model of the adapter in {adapter} is {what} ({file})");
            return Err(ValueError::new(plain(&message))
                .hint(hint("use its weights for torch, to which an adapter can be added")));
        }
        let Some(Found { packages, .. }) = of_base else {
            let message =
                format!("the base model of the adapter in {adapter} is not on this machine");
            return Err(ValueError::new(plain(&message)).hint(hint(
                "download it into the model cache, or put it or a link to it into the directory \
                 base_model beside the adapter",
            )));
        };
        Ok([ADAPTER_PACKAGES, &packages].concat())
    }
}

/// The error for a published model that was exported for another runtime.
pub(super) fn exported(model: &str, names: &[String]) -> ValueError {
    let listed = first_of(names);
    let message = format!(
        "{model} on the hub contains only {listed}, an exported model without torch weights"
    );
    let next = "download it (hf download) and test its directory";
    ValueError::new(plain(&message)).hint(hint(next))
}

fn first_of(names: &[String]) -> String {
    let names: Vec<&str> = names.iter().take(3).map(String::as_str).collect();
    names.join(", ")
}

/// The subdirectory of the transformers model, which older versions of sentence-transformers wrote.
fn transformer_part(modules: &[u8]) -> Option<String> {
    let modules: serde_json::Value = serde_json::from_slice(modules).ok()?;
    let path = modules.get(0)?.get("path")?.as_str()?;
    let plain = !path.is_empty() && !path.contains(['/', '\\']) && path != "..";
    plain.then(|| path.to_owned())
}

/// Makes a message safe to print: names of files and entries of a shard index are foreign text, so
/// control characters are replaced and the length is limited.
pub(super) fn plain(text: &str) -> String {
    let shown = text.chars().take(MAX_MESSAGE);
    shown.map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// A hint with the alternative of random weights.
fn hint(next: &str) -> String {
    format!("{next}, {WITHOUT}")
}
