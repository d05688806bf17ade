//! Markers: files or fields that identify the library for which a model was made.

use serde_json::{Map, Value};

/// Components of a pipeline that a test needs, and the configuration file of each.
pub(super) const COMPONENTS: [(&str, &str); 3] = [
    ("unet", "unet/config.json"),
    ("transformer", "transformer/config.json"),
    ("scheduler", "scheduler/scheduler_config.json"),
];

/// The library for which a model was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Marker {
    /// Diffusers, with the class of the pipeline.
    Diffusers(String),
    SentenceTransformers,
    Timm,
}

/// Returns the marker of a single model, and its configuration with `model_type` completed.
/// `sentence` states whether the directory has a file of sentence-transformers.
#[must_use]
pub fn mark(
    mut config: Map<String, Value>,
    sentence: bool,
) -> (Map<String, Value>, Option<Marker>) {
    if is_timm(&config) {
        config.entry("model_type").or_insert_with(|| "timm_wrapper".into());
        return (config, Some(Marker::Timm));
    }
    (config, sentence.then_some(Marker::SentenceTransformers))
}

/// Whether the configuration is one of timm. Older versions have the fields of `pretrained_cfg` at
/// the top level.
fn is_timm(config: &Map<String, Value>) -> bool {
    let named = config.get("architecture").is_some_and(Value::is_string);
    let older = ["num_features", "global_pool", "first_conv"];
    config.contains_key("pretrained_cfg")
        || named
            && !config.contains_key("model_type")
            && older.iter().any(|key| config.contains_key(*key))
}

impl Marker {
    /// Family, task, and the reason for messages.
    #[must_use]
    pub fn classification(&self) -> (&'static str, &'static str, String) {
        match self {
            Marker::Diffusers(class) => {
                let task = if ["Img2Img", "Inpaint", "Edit"].iter().any(|w| class.contains(w)) {
                    "image-to-image"
                } else if class.contains("Video") || class.starts_with("Wan") {
                    "text-to-video"
                } else {
                    "text-to-image"
                };
                ("diffusion", task, format!("model_index.json names {class}"))
            }
            Marker::SentenceTransformers => {
                let reason = "its directory has a config_sentence_transformers.json".to_owned();
                ("embedding", "sentence-similarity", reason)
            }
            Marker::Timm => {
                let reason = "its config.json is a timm configuration".to_owned();
                ("vision_classifier", "image-classification", reason)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn markers_identify_the_library() {
        let marked = |config: Value, sentence| match config {
            Value::Object(config) => mark(config, sentence),
            other => panic!("{other} is not a map"),
        };
        assert_eq!(marked(json!({}), false).1, None);
        assert_eq!(marked(json!({}), true).1, Some(Marker::SentenceTransformers));
        for config in [
            json!({"architecture": "resnet18", "pretrained_cfg": {}}),
            json!({"architecture": "resnet18", "num_classes": 1000, "global_pool": "avg"}),
        ] {
            let (config, marker) = marked(config, false);
            assert_eq!(config["model_type"], "timm_wrapper");
            assert_eq!(marker, Some(Marker::Timm));
        }
        assert_eq!(marked(json!({"architecture": "x", "model_type": "y"}), false).1, None);
    }

    #[test]
    fn the_class_of_a_pipeline_determines_the_task() {
        let task = |class: &str| Marker::Diffusers(class.into()).classification().1;
        assert_eq!(task("StableDiffusionImg2ImgPipeline"), "image-to-image");
        assert_eq!(task("WanPipeline"), "text-to-video");
    }
}
