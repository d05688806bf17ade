//! A model's folder as far as it tells what the model is: marker files, and the
//! configuration, of one model or of a whole pipeline.
//!
//! Limits: [`NAMES`] are all that is looked at, each at most
//! [`MAX_CONFIG_BYTES`].

use crate::plan::problem::Wrong;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Largest `config.json`.
pub const MAX_CONFIG_BYTES: usize = 1 << 20;

const CONFIG: &str = "config.json";
const PIPELINE: &str = "model_index.json";
const SENTENCE: &str = "config_sentence_transformers.json";
/// The components of a pipeline that a test needs, and the file of each.
const COMPONENTS: [(&str, &str); 3] = [
    ("unet", "unet/config.json"),
    ("transformer", "transformer/config.json"),
    ("scheduler", "scheduler/scheduler_config.json"),
];

/// Files that tell what a model is, in the order in which they are best asked for: a folder
/// with the first has none but the second besides, where it is not a pipeline.
pub const NAMES: [&str; 6] =
    [CONFIG, SENTENCE, PIPELINE, COMPONENTS[0].1, COMPONENTS[1].1, COMPONENTS[2].1];

/// Texts of those of [`NAMES`] that the folder has, and whether it has weights of llama.cpp.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    pub texts: BTreeMap<&'static str, Vec<u8>>,
    pub gguf: bool,
}

/// Which library a model is for, where a file of its folder says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Marker {
    /// The class of the pipeline.
    Diffusers(String),
    SentenceTransformers,
    Timm,
}

impl Description {
    /// A single `config.json`.
    #[must_use]
    pub fn config(text: Vec<u8>) -> Self {
        Self { texts: [(CONFIG, text)].into(), gguf: false }
    }

    /// Reads what a folder has by its names.
    pub fn read(
        mut text: impl FnMut(&'static str) -> Option<Vec<u8>>,
        gguf: impl FnOnce() -> bool,
    ) -> Self {
        let mut texts = BTreeMap::new();
        for name in NAMES {
            // Components belong to a pipeline.
            if !name.contains('/') || texts.contains_key(PIPELINE) {
                texts.extend(text(name).map(|text| (name, text)));
            }
        }
        let gguf = texts.is_empty() && gguf();
        Self { texts, gguf }
    }

    /// The configuration that a test is written from, and what marks it.
    ///
    /// # Errors
    /// There is none, or it is broken or too large. `name` is of the model, for people.
    pub fn interpret(&self, name: &str) -> Result<(Map<String, Value>, Option<Marker>), Wrong> {
        let map = |file: &str| self.texts.get(file).map(|text| parse(text, &at(name, file)));
        if let Some(index) = map(PIPELINE) {
            return self.pipeline(name, index?);
        }
        let Some(config) = map(CONFIG) else {
            let wrong = Wrong::new(format!("{name} has no {CONFIG}"));
            return Err(if self.gguf {
                wrong.hint("it holds weights of llama.cpp (.gguf), which no template drives")
            } else {
                wrong.hint(
                    "a model is a folder with a config.json or that file, relative to the plan",
                )
            });
        };
        let mut config = config?;
        if config.contains_key("pretrained_cfg") {
            config.entry("model_type").or_insert_with(|| "timm_wrapper".into());
            return Ok((config, Some(Marker::Timm)));
        }
        let sentence = self.texts.contains_key(SENTENCE);
        Ok((config, sentence.then_some(Marker::SentenceTransformers)))
    }

    fn pipeline(
        &self,
        name: &str,
        mut index: Map<String, Value>,
    ) -> Result<(Map<String, Value>, Option<Marker>), Wrong> {
        let class = index.get("_class_name").and_then(Value::as_str).unwrap_or("Pipeline");
        let class = class.to_owned();
        for (component, file) in COMPONENTS {
            if let Some(text) = self.texts.get(file) {
                let config = parse(text, &at(name, file))?;
                index.insert(component.to_owned(), Value::Object(config));
            }
        }
        index.entry("model_type").or_insert_with(|| "diffusers".into());
        Ok((index, Some(Marker::Diffusers(class))))
    }
}

impl Marker {
    /// Family and task, and the reason for people.
    #[must_use]
    pub fn verdict(&self) -> (&'static str, &'static str, String) {
        match self {
            Marker::Diffusers(class) => {
                let task = if ["Img2Img", "Inpaint", "Edit"].iter().any(|w| class.contains(w)) {
                    "image-to-image"
                } else if class.contains("Video") || class.starts_with("Wan") {
                    "text-to-video"
                } else {
                    "text-to-image"
                };
                ("diffusion", task, format!("{PIPELINE} names {class}"))
            }
            Marker::SentenceTransformers => {
                ("embedding", "sentence-similarity", format!("it has a {SENTENCE}"))
            }
            Marker::Timm => {
                let reason = "its configuration has a pretrained_cfg, as those of timm".to_owned();
                ("vision_classifier", "image-classification", reason)
            }
        }
    }
}

fn at(model: &str, file: &str) -> String {
    format!("{file} of {model}")
}

/// Reads a `config.json`.
///
/// # Errors
/// Too large, not JSON, too deep (128 levels), or not an object.
pub fn parse(bytes: &[u8], name: &str) -> Result<Map<String, Value>, Wrong> {
    if bytes.len() > MAX_CONFIG_BYTES {
        let message = format!("{name} has {} bytes, at most {MAX_CONFIG_BYTES}", bytes.len());
        return Err(Wrong::new(message).hint("is it a config.json?"));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(config)) => Ok(config),
        Ok(_) => Err(Wrong::new(format!("{name} is not a JSON object"))),
        Err(problem) => Err(Wrong::new(format!("{name} is not valid JSON: {problem}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> Description {
        let text = |name: &str| {
            let found = files.iter().find(|(file, _)| *file == name)?;
            Some(found.1.as_bytes().to_vec())
        };
        Description::read(text, || files.iter().any(|(file, _)| file.contains(".gguf")))
    }

    #[test]
    fn a_pipeline_is_put_together_from_its_components() {
        let found = folder(&[
            (PIPELINE, r#"{"_class_name": "FluxPipeline", "transformer": ["diffusers", "F"]}"#),
            ("transformer/config.json", r#"{"_class_name": "FluxTransformer2DModel"}"#),
            ("scheduler/scheduler_config.json", r#"{"_class_name": "S"}"#),
            ("vae/config.json", "{}"),
        ]);
        let (config, marker) = found.interpret("x").expect("a pipeline");
        assert_eq!(config["transformer"]["_class_name"], "FluxTransformer2DModel");
        assert_eq!(config["scheduler"]["_class_name"], "S");
        let marker = marker.expect("marked");
        let (family, task, reason) = marker.verdict();
        assert_eq!((family, task), ("diffusion", "text-to-image"));
        assert_eq!(reason, "model_index.json names FluxPipeline");
        let task = |class: &str| Marker::Diffusers(class.into()).verdict().1;
        assert_eq!(task("StableDiffusionImg2ImgPipeline"), "image-to-image");
        assert_eq!(task("WanPipeline"), "text-to-video");
    }

    #[test]
    fn markers_tell_the_library() {
        let marker = |files: &[(&str, &str)]| folder(files).interpret("x").map(|(_, m)| m);
        assert_eq!(marker(&[(CONFIG, "{}")]), Ok(None));
        let sentence = marker(&[(CONFIG, "{}"), (SENTENCE, "{}")]);
        assert_eq!(sentence, Ok(Some(Marker::SentenceTransformers)));
        let timm = folder(&[(CONFIG, r#"{"architecture": "resnet18", "pretrained_cfg": {}}"#)]);
        let (config, marker) = timm.interpret("x").expect("a configuration");
        assert_eq!(
            (config["model_type"].as_str(), marker),
            (Some("timm_wrapper"), Some(Marker::Timm))
        );
    }

    #[test]
    fn what_is_no_model_is_refused() {
        let hint = |files: &[(&str, &str)]| {
            let wrong = folder(files).interpret("x").expect_err("no model");
            format!("{}: {}", wrong.message, wrong.hint.unwrap_or_default())
        };
        assert!(hint(&[("model-q4.gguf", "")]).contains("llama.cpp"));
        assert!(hint(&[("README.md", "")]).starts_with("x has no config.json: "));
        let deep = "[".repeat(100_000);
        for text in ["", "[]", "{", "{\"a\": NaN}", "\"x\"", deep.as_str(), "\u{0}"] {
            assert!(folder(&[(CONFIG, text)]).interpret("x").is_err(), "{text:.20}");
            assert!(folder(&[(PIPELINE, text)]).interpret("x").is_err(), "{text:.20}");
        }
        assert!(parse(&vec![b' '; MAX_CONFIG_BYTES + 1], "config.json").is_err());
    }
}
