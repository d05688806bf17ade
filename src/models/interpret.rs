//! Interprets the description of a directory as a testable model, or reports why it is not one.
//!
//! Promise: a file that could not be read is an error before anything is concluded from the others.

use crate::models::description::{CONFIG, Description, MAX_CONFIG_BYTES, PIPELINE, SENTENCE};
use crate::models::identify;
use crate::models::markers::{self, Marker};
use crate::models::quantised::{self, Quantised};
use crate::text::error::ValueError;
use crate::text::node::shortened;
use crate::text::python_json;
use serde_json::{Map, Value};

/// The configuration of a testable model, and the facts that its directory adds.
#[derive(Debug, Clone, PartialEq)]
pub struct Interpreted {
    pub config: Map<String, Value>,
    pub marker: Option<Marker>,
    pub quantised: Option<Quantised>,
}

impl Description {
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
        let map = |file: &str| self.text(file).map(|text| parse(text, &name_of(name, file)));
        let nested = self.nested_transformer().and_then(|part| map(&format!("{part}/{CONFIG}")));
        if let Some(config) = nested {
            let (config, marker) = markers::mark(config?, true);
            let quantised = quantised::find(&config, |_| None);
            return Ok(Interpreted { config, marker, quantised });
        }
        if let Some(identity) = identify::identify(self) {
            return Err(identity.to_error(name));
        }
        let (config, marker) = if let Some(index) = map(PIPELINE) {
            self.pipeline(name, index?)?
        } else if let Some(config) = map(CONFIG) {
            markers::mark(config?, self.has(SENTENCE) || self.pools())
        } else {
            return Err(self.missing_config(name));
        };
        let quantised = quantised::find(&config, |file| self.json(file));
        Ok(Interpreted { config, marker, quantised })
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
    use crate::models::description::{FileRead, MODULES};
    use std::collections::BTreeSet;

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
