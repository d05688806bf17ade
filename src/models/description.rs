//! Description of a model's directory: the names in it, and the content of a few small files. The
//! directory may be on a disk, in the model cache or on the hub.
//!
//! [`Description::next_file`] returns the next file to read, so that the code that reads files needs
//! no rules. Reading a file has one of three results ([`FileRead`]); a failure is an error and is never
//! treated as a missing file.
//!
//! Limits: [`MAX_CONFIG_BYTES`] per file, [`MAX_NAMES`] names, [`MAX_DEPTH`] levels of directories.

use crate::models::identify;
use crate::models::markers::{self, Marker};
use crate::models::quantised::{self, Quantised};
use crate::text::error::ValueError;
use crate::text::node::shortened;
use crate::text::python_json;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Maximum size of a file that is read, in bytes.
pub const MAX_CONFIG_BYTES: usize = 1 << 20;
/// Maximum number of names of one directory that are kept.
pub const MAX_NAMES: usize = 2000;
/// Number of levels whose names are listed: the directory and its subdirectories.
pub const MAX_DEPTH: usize = 2;

pub(super) const CONFIG: &str = "config.json";
pub(super) const PIPELINE: &str = "model_index.json";
pub(super) const SENTENCE: &str = "config_sentence_transformers.json";
pub(super) const MODULES: &str = "modules.json";
pub(super) const ADAPTER: &str = "adapter_config.json";
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
    unlisted: Option<String>,
    files: BTreeMap<String, FileRead>,
}

/// The configuration of a testable model, and the facts that its directory adds.
#[derive(Debug, Clone, PartialEq)]
pub struct Interpreted {
    pub config: Map<String, Value>,
    pub marker: Option<Marker>,
    pub quantised: Option<Quantised>,
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
        names.into_iter().map(str::to_owned).collect()
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
        self.files.values().any(|read| *read != FileRead::Absent)
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

    fn has(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    pub(super) fn text(&self, name: &str) -> Option<&[u8]> {
        match self.files.get(name)? {
            FileRead::Content(text) => Some(text),
            FileRead::Absent | FileRead::Failed(_) => None,
        }
    }

    /// A file as JSON; `None` if it is absent or is not valid JSON.
    pub(super) fn json(&self, name: &str) -> Option<Value> {
        python_json::read(self.text(name)?).ok()
    }

    /// Interprets the files as a testable model, which is called `name` in messages.
    ///
    /// # Errors
    /// A file could not be read, the directory contains something that cannot be tested, or a file
    /// is invalid.
    pub fn interpret(&self, name: &str) -> Result<Interpreted, ValueError> {
        if let Some((file, reason)) = self.first_failure() {
            return Err(ValueError::new(format!("cannot read {file} of {name}: {reason}"))
                .hint("dtf needs this file to identify the model"));
        }
        if let Some(identity) = identify::identify(self) {
            return Err(identity.to_error(name));
        }
        let map = |file: &str| self.text(file).map(|text| parse(text, &name_of(name, file)));
        let (config, marker) = if let Some(index) = map(PIPELINE) {
            self.pipeline(name, index?)?
        } else if let Some(config) = map(CONFIG) {
            markers::mark(config?, self.has(SENTENCE))
        } else {
            return Err(self.missing_config(name));
        };
        let quantised = quantised::find(&config, |file| self.json(file));
        Ok(Interpreted { config, marker, quantised })
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

    fn missing_config(&self, name: &str) -> ValueError {
        let error = ValueError::new(format!("{name} has no {CONFIG}"));
        if let Some(why) = &self.unlisted {
            return error.hint(format!("its files cannot be listed: {why}"));
        }
        let some: Vec<String> = self.names.iter().take(4).map(|name| shortened(name)).collect();
        error.hint(format!(
            "a model is a directory with a config.json; this one contains {}{}",
            some.join(", "),
            if self.names.len() > some.len() { ", …" } else { "" }
        ))
    }

    fn pipeline(
        &self,
        name: &str,
        mut index: Map<String, Value>,
    ) -> Result<(Map<String, Value>, Option<Marker>), ValueError> {
        let class = index.get("_class_name").and_then(Value::as_str).unwrap_or("Pipeline");
        let class = class.to_owned();
        for (component, file) in markers::COMPONENTS {
            if let Some(text) = self.text(file) {
                let config = parse(text, &name_of(name, file))?;
                index.insert(component.to_owned(), Value::Object(config));
            }
        }
        index.entry("model_type").or_insert_with(|| "diffusers".into());
        Ok((index, Some(Marker::Diffusers(class))))
    }
}

fn name_of(model: &str, file: &str) -> String {
    format!("{file} of {model}")
}

/// Parses a `config.json`, which is called `name` in messages.
///
/// # Errors
/// It is too large, not JSON, nested more than 128 levels deep, or not an object. The message names
/// the actual kind of file if it is recognised.
pub fn parse(bytes: &[u8], name: &str) -> Result<Map<String, Value>, ValueError> {
    if bytes.len() > MAX_CONFIG_BYTES {
        let message = format!(
            "{name} is too large ({} bytes, maximum {} MiB)",
            bytes.len(),
            MAX_CONFIG_BYTES >> 20
        );
        return Err(ValueError::new(message).hint("is it a config.json?"));
    }
    match python_json::read(bytes) {
        Ok(Value::Object(config)) => Ok(config),
        Ok(_) => Err(ValueError::new(format!("{name} is not a JSON object"))),
        Err(error) => Err(match identify::identify_file(bytes) {
            Some((what, next)) => ValueError::new(format!("{name} is {what}")).hint(next),
            None => ValueError::new(format!("{name} {error}")),
        }),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::models) fn directory(files: &[(&str, &str)]) -> Description {
        let names = files.iter().map(|(name, _)| (*name).to_owned()).collect();
        Description::with_files(names).read_files(|name| {
            match files.iter().find(|(file, _)| *file == name) {
                Some((_, text)) => FileRead::Content(text.as_bytes().to_vec()),
                None => FileRead::Absent,
            }
        })
    }

    #[test]
    fn a_pipeline_is_composed_of_its_components() {
        let pipeline = directory(&[
            (PIPELINE, r#"{"_class_name": "FluxPipeline", "transformer": ["diffusers", "F"]}"#),
            ("transformer/config.json", r#"{"_class_name": "FluxTransformer2DModel"}"#),
            ("scheduler/scheduler_config.json", r#"{"_class_name": "S", "shift": Infinity}"#),
            ("vae/config.json", "{}"),
        ]);
        let Interpreted { config, marker, .. } = pipeline.interpret("x").expect("a pipeline");
        assert_eq!(config["transformer"]["_class_name"], "FluxTransformer2DModel");
        assert_eq!(config["scheduler"]["_class_name"], "S");
        let marker = marker.expect("marked");
        let (family, task, reason) = marker.classification();
        assert_eq!((family, task), ("diffusion", "text-to-image"));
        assert_eq!(reason, "model_index.json names FluxPipeline");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error() {
        for file in [CONFIG, SENTENCE, "hf_quant_config.json", MODULES] {
            let names = [CONFIG, file].map(str::to_owned).into();
            let model = Description::with_files(names).read_files(|name| match name {
                name if name == file => FileRead::Failed("Permission denied".into()),
                CONFIG => FileRead::Content(b"{\"model_type\": \"bert\"}".to_vec()),
                _ => FileRead::Absent,
            });
            let error = model.interpret("x").expect_err(file);
            assert_eq!(error.message, format!("cannot read {file} of x: Permission denied"));
        }
        let blind = Description::with_partial_files(BTreeSet::new(), "Permission denied".into());
        let locked = blind.clone().read_files(|_| FileRead::Failed("Permission denied".into()));
        assert_eq!(
            locked.first_failure(),
            Some((CONFIG, "Permission denied")),
            "the main file first"
        );
        let error = blind.read_files(|_| FileRead::Absent).interpret("x").expect_err("nothing");
        let hint = error.hint.expect("a hint");
        assert!(hint.contains("cannot be listed: Permission denied"), "{hint}");
    }

    #[test]
    fn a_file_that_is_too_large_is_an_error() {
        let names = [CONFIG.to_owned()].into();
        let large = Description::with_files(names)
            .read_files(|_| FileRead::Content(vec![b' '; MAX_CONFIG_BYTES + 1]))
            .interpret("x")
            .expect_err("too large");
        assert!(large.message.contains("larger than 1 MiB"), "{}", large.message);
    }

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

    #[test]
    fn invalid_configurations_are_refused() {
        let deep = "[".repeat(100_000);
        for text in ["", "[]", "{", "{\"a\": Inf}", "\"x\"", deep.as_str(), "\u{0}"] {
            assert!(directory(&[(CONFIG, text)]).interpret("x").is_err(), "{text:.20}");
            assert!(directory(&[(PIPELINE, text)]).interpret("x").is_err(), "{text:.20}");
        }
        assert!(parse(&vec![b' '; MAX_CONFIG_BYTES + 1], "config.json").is_err());
        let error = directory(&[("README.md", ""), ("notes/a.txt", "")]).interpret("x");
        let error = error.expect_err("no model");
        assert_eq!(error.message, "x has no config.json");
        assert!(error.hint.expect("a hint").contains("README.md, notes/a.txt"));
    }
}
