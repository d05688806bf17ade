//! Description of a model's directory: the names in it, and the content of a few small files. The
//! directory may be on a disk, in the model cache or on the hub.
//!
//! [`Description::next_file`] returns the next file to read, so that the code that reads files
//! needs no rules. Reading a file has one of three results ([`FileRead`]); a failure is an error and
//! is never treated as a missing file.
//!
//! Limits: [`MAX_CONFIG_BYTES`] per file, [`MAX_NAMES`] names, [`MAX_DEPTH`] levels of directories.

use crate::models::markers;
use crate::models::quantised;
use crate::text::python_json;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Maximum size of a file that is read, in bytes.
pub const MAX_CONFIG_BYTES: usize = 1 << 20;
/// Maximum number of names of one directory that are kept.
pub const MAX_NAMES: usize = 2000;
/// Number of levels whose names are listed: the directory and its subdirectories.
pub const MAX_DEPTH: usize = 2;

pub const CONFIG: &str = "config.json";
pub(super) const PIPELINE: &str = "model_index.json";
pub(super) const SENTENCE: &str = "config_sentence_transformers.json";
pub(super) const MODULES: &str = "modules.json";
pub const ADAPTER: &str = "adapter_config.json";
pub(super) const PARAMS: &str = "params.json";

/// Result of reading a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileRead {
    Content(Vec<u8>),
    Absent,
    /// The file exists, or may exist, and could not be read, for this reason.
    Failed(String),
}

/// The directory of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    /// Paths of the known files, with `/`.
    pub(super) names: BTreeSet<String>,
    /// Reason why `names` is incomplete, if it is.
    pub(super) unlisted: Option<String>,
    files: BTreeMap<String, FileRead>,
}

impl Description {
    /// A directory that consists of a single `config.json`.
    #[must_use]
    pub fn config(text: Vec<u8>) -> Self {
        let mut description = Self::with_files(BTreeSet::from([CONFIG.to_owned()]));
        description.record(CONFIG.to_owned(), FileRead::Content(text));
        description
    }

    /// A directory with exactly these files.
    #[must_use]
    pub fn with_files(names: BTreeSet<String>) -> Self {
        Self { names, ..Self::default() }
    }

    /// A directory of which only some names are known; `why` is the reason.
    #[must_use]
    pub fn with_partial_files(names: BTreeSet<String>, why: String) -> Self {
        Self { names, unlisted: Some(why), ..Self::default() }
    }

    /// Reads every file that [`Description::next_file`] asks for.
    #[must_use]
    pub fn read_files(mut self, mut read: impl FnMut(&str) -> FileRead) -> Self {
        while let Some(name) = self.next_file() {
            let answer = read(&name);
            self.record(name, answer);
        }
        self
    }

    /// The next file to read. Each file is returned once, and there are about ten at most.
    #[must_use]
    pub fn next_file(&self) -> Option<String> {
        let unseen = |name: &String| {
            let possible = self.unlisted.is_some() || self.names.contains(name);
            possible && !self.files.contains_key(name)
        };
        self.relevant_files().into_iter().find(unseen)
    }

    fn relevant_files(&self) -> Vec<String> {
        let mut names = vec![CONFIG, SENTENCE];
        // A directory with a config.json is not a pipeline. Where names are unknown, asking for a
        // further file costs a request.
        if self.unlisted.is_none() || !self.has(CONFIG) {
            names.push(PIPELINE);
        }
        if self.has(PIPELINE) {
            names.extend(markers::COMPONENTS.map(|(_, file)| file));
        } else {
            names.extend(quantised::FILES);
            names.extend([MODULES, ADAPTER]);
            if !self.has(CONFIG) {
                names.push(PARAMS);
            }
        }
        let nested = self.nested_transformer().map(|part| format!("{part}/{CONFIG}"));
        names.into_iter().map(str::to_owned).chain(nested).collect()
    }

    /// Records the result for a file that [`Description::next_file`] returned.
    pub fn record(&mut self, name: String, answer: FileRead) {
        let answer = match answer {
            FileRead::Content(text) if text.len() > MAX_CONFIG_BYTES => {
                FileRead::Failed(format!("it is larger than {} MiB", MAX_CONFIG_BYTES >> 20))
            }
            other => other,
        };
        if answer != FileRead::Absent {
            self.names.insert(name.clone());
        }
        self.files.insert(name, answer);
    }

    /// Whether a file that identifies the model exists, or could not be read.
    #[must_use]
    pub fn has_evidence(&self) -> bool {
        self.packed().is_some() || self.files.values().any(|read| *read != FileRead::Absent)
    }

    /// Whether the directory is known to be empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.is_known() && self.unlisted.is_none()
    }

    /// Whether at least one file is known to be in the directory.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.names.is_empty()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    pub(super) fn text(&self, name: &str) -> Option<&[u8]> {
        match self.files.get(name)? {
            FileRead::Content(text) => Some(text),
            FileRead::Absent | FileRead::Failed(_) => None,
        }
    }

    /// The subdirectory of the transformers model in a directory that an older version of
    /// sentence-transformers wrote.
    pub(super) fn nested_transformer(&self) -> Option<String> {
        let modules = self.json(MODULES)?;
        let first = modules.get(0)?;
        let kind = first.get("type")?.as_str()?;
        let path = first.get("path")?.as_str()?;
        let plain = !path.is_empty() && !path.contains(['/', '\\']) && path != "..";
        (plain && kind.ends_with(".Transformer")).then(|| path.to_owned())
    }

    /// Whether a model of sentence-transformers makes one vector of the vectors of tokens.
    pub(super) fn pools(&self) -> bool {
        let modules = self.json(MODULES);
        let kinds = modules.iter().filter_map(Value::as_array).flatten();
        let mut kinds = kinds.filter_map(|module| module.get("type")?.as_str());
        kinds.any(|kind| kind.ends_with(".Pooling"))
    }

    /// The only GGUF file, if the directory has no configuration.
    pub(super) fn packed(&self) -> Option<&str> {
        let mut packed = self
            .names
            .iter()
            .filter(|name| !name.contains('/') && name.to_lowercase().ends_with(".gguf"));
        let only = packed.next().filter(|_| packed.next().is_none());
        only.map(String::as_str).filter(|_| !self.names.contains(CONFIG))
    }

    /// Whether the weights are in a GGUF file, and in no other format.
    pub(super) fn is_packed(&self) -> bool {
        let has =
            |ending: &str| self.names.iter().any(|name| name.to_lowercase().ends_with(ending));
        has(".gguf") && !has(".safetensors")
    }

    /// A file as JSON; `None` if it is absent or is not valid JSON.
    pub(super) fn json(&self, name: &str) -> Option<Value> {
        python_json::read(self.text(name)?).ok()
    }

    /// A file that could not be read, and the reason. `config.json` precedes the others.
    #[must_use]
    pub fn first_failure(&self) -> Option<(&str, &str)> {
        let config = self.files.get_key_value(CONFIG);
        config.into_iter().chain(&self.files).find_map(|(name, read)| match read {
            FileRead::Failed(reason) => Some((name.as_str(), reason.as_str())),
            FileRead::Content(_) | FileRead::Absent => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_may_exist_are_read_and_each_once() {
        let mut asked = Vec::new();
        let names = ["README.md", CONFIG, "weights.bin"].map(str::to_owned).into();
        let _ = Description::with_files(names).read_files(|name| {
            asked.push(name.to_owned());
            FileRead::Content(b"{}".to_vec())
        });
        assert_eq!(asked, [CONFIG]);
        // If names are unknown, a config.json makes these two files unnecessary.
        let mut asked = Vec::new();
        let _ =
            Description::with_partial_files(BTreeSet::new(), "a hub".into()).read_files(|name| {
                asked.push(name.to_owned());
                if name == CONFIG { FileRead::Content(b"{}".to_vec()) } else { FileRead::Absent }
            });
        assert!(!asked.iter().any(|name| name == PIPELINE || name == PARAMS), "{asked:?}");
        let unique: BTreeSet<&String> = asked.iter().collect();
        assert_eq!(unique.len(), asked.len());
    }
}
