//! Determines the family of a model, with the confidence in it and the reason.
//!
//! Promise: a guess is always reported as one, by its low confidence and its reason.

use crate::models::family::{Families, relax};
use crate::models::flags::has_experts;
use crate::models::markers::Marker;
use crate::text::error::ValueError;
use crate::text::node::shortened;
use crate::text::suggest::did_you_mean;
use serde::Serialize;
use serde_json::{Map, Value};

/// Suffixes of architectures that describe the output or the training of a model but not its
/// input. The structure of the configuration, where it shows the input, is stronger evidence.
const AMBIGUOUS: [&str; 5] =
    ["ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "MTModel", "ForPreTraining"];

/// Proposes no family, because a wrong one would mislead.
const NAME_IT: &str = "if one of the families fits this model, specify it with --family (in a \
    plan: family:); docs/templates.md explains how to add a family";

/// Strength of the evidence for a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// The evidence is only the name of the model, or contradicts itself.
    Low,
    /// The evidence is the name of the architecture or the structure of the configuration.
    Medium,
    /// The evidence is the table of model types, a marker, or the choice of the user.
    High,
}

impl Confidence {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Confidence::Low => "low",
            Confidence::Medium => "medium",
            Confidence::High => "high",
        }
    }
}

/// Family and task of a model, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classification {
    pub family: String,
    pub task: String,
    pub confidence: Confidence,
    /// One phrase for messages.
    pub reason: String,
}

/// Determines the family from the first evidence in this order: the choice of the user, the marker
/// of the directory, `model_type`, `architectures[0]`, the structure of the configuration, the name
/// of the model.
///
/// # Errors
/// The chosen family is unknown, models of this type cannot be tested, or there is no evidence.
pub fn classify(
    tables: &Families,
    model: &str,
    marker: Option<&Marker>,
    config: Option<&Map<String, Value>>,
    chosen: Option<&str>,
) -> Result<Classification, ValueError> {
    if let Some(chosen) = chosen {
        let Some(about) = tables.families.get(chosen) else {
            let known: Vec<&str> = tables.families.keys().map(String::as_str).collect();
            let error = ValueError::new(format!("unknown family {:?}", shortened(chosen)));
            return Err(error.hint(did_you_mean(chosen, &known)));
        };
        let task = about.tasks.first().cloned().unwrap_or_default();
        return Ok(Classification {
            family: chosen.to_owned(),
            task,
            confidence: Confidence::High,
            reason: "specified by the user".into(),
        });
    }
    if let Some(marker) = marker {
        let (family, task, reason) = marker.classification();
        let (family, task) = (family.to_owned(), task.to_owned());
        return Ok(Classification { family, task, confidence: Confidence::High, reason });
    }
    if let Some((kind, why)) = config.and_then(|config| unsupported(tables, config)) {
        let message = format!("dtf cannot test models of type {:?}: {why}", shortened(kind));
        return Err(ValueError::new(message).hint(NAME_IT));
    }
    config
        .and_then(|config| by_config(tables, config))
        .or_else(|| by_name(tables, model))
        .ok_or_else(|| {
            let kind = config.and_then(|config| text(config, "model_type")).unwrap_or("none");
            ValueError::new(format!(
                "cannot determine the family of {:?} (model_type: {})",
                shortened(model),
                shortened(kind)
            ))
            .hint(NAME_IT)
        })
}

fn unsupported<'a>(
    tables: &'a Families,
    config: &'a Map<String, Value>,
) -> Option<(&'a str, &'a str)> {
    let kind = text(config, "model_type")?;
    Some((kind, tables.unsupported.get(kind)?.as_str()))
}

fn by_config(tables: &Families, config: &Map<String, Value>) -> Option<Classification> {
    if let Some(classification) = by_type(tables, config) {
        return Some(classification);
    }
    match by_architecture(tables, config) {
        Some((classification, true)) => Some(classification),
        unsure => by_structure(config).or(unsure.map(|(classification, _)| classification)),
    }
}

fn by_type(tables: &Families, config: &Map<String, Value>) -> Option<Classification> {
    let model_type = text(config, "model_type")?;
    let relaxed = || tables.model_types.get(tables.relaxed.get(&relax(model_type))?);
    let kind = tables.model_types.get(model_type).or_else(relaxed)?;
    let reason = format!("model_type {}", shortened(model_type));
    let (confidence, reason) = match contradiction(tables, config, &relax(model_type)) {
        None => (Confidence::High, reason),
        Some(other) => (Confidence::Low, format!("{reason}, but its architecture is {other}")),
    };
    Some(classification(&kind.family, &kind.task, confidence, reason))
}

/// Classifies by the name of the architecture; the flag is false if its suffix is ambiguous.
fn by_architecture(
    tables: &Families,
    config: &Map<String, Value>,
) -> Option<(Classification, bool)> {
    let architecture = config.get("architectures")?.get(0)?.as_str()?;
    let entry = tables.architectures.iter().find(|e| architecture.ends_with(&e.suffix))?;
    let family = match entry.family.as_str() {
        "decoder_llm" if has_experts(config) => "decoder_moe",
        family => family,
    };
    let reason = format!("architecture {}", shortened(architecture));
    let sure = !AMBIGUOUS.contains(&entry.suffix.as_str());
    Some((classification(family, &entry.task, Confidence::Medium, reason), sure))
}

fn classification(
    family: &str,
    task: &str,
    confidence: Confidence,
    reason: String,
) -> Classification {
    Classification { family: family.to_owned(), task: task.to_owned(), confidence, reason }
}

/// The architecture, if it is named after a model type of another family. A part named after the
/// whole model, or the reverse (`gemma3_text`, `Gemma3ForCausalLM`), is not a contradiction.
fn contradiction(
    tables: &Families,
    config: &Map<String, Value>,
    relaxed_type: &str,
) -> Option<String> {
    let architecture = config.get("architectures")?.get(0)?.as_str()?;
    let plain = relax(architecture);
    let named = tables.relaxed.keys().filter(|kind| plain.starts_with(*kind));
    let other = named.max_by_key(|kind| kind.len())?;
    let family =
        |relaxed: &str| Some(&tables.model_types.get(tables.relaxed.get(relaxed)?)?.family);
    let part = other.starts_with(relaxed_type) || relaxed_type.starts_with(other.as_str());
    (!part && family(relaxed_type)? != family(other)?).then(|| shortened(architecture))
}

fn by_structure(config: &Map<String, Value>) -> Option<Classification> {
    let has = |key: &str| config.get(key).is_some_and(Value::is_object);
    let sees =
        has("vision_config") && (has("text_config") || config.contains_key("image_token_id"));
    let hears = has("audio_config") && has("text_config");
    let architecture = config.get("architectures").and_then(|list| list.get(0)?.as_str());
    let generates =
        architecture.is_some_and(|name| name.contains("Generation") || name.contains("CausalLM"));
    let compares = config.contains_key("projection_dim") && !generates;
    let (family, task, reason) = match (sees, hears) {
        (true, _) if compares => (
            "vision_text_dual",
            "zero-shot-image-classification",
            "vision and text with projection",
        ),
        (true, _) => ("vlm", "image-text-to-text", "vision_config with text_config"),
        (false, true) => ("vlm", "audio-text-to-text", "audio_config with text_config"),
        (false, false) => return None,
    };
    Some(classification(family, task, Confidence::Medium, reason.to_owned()))
}

fn by_name(tables: &Families, model: &str) -> Option<Classification> {
    let lower = model.to_lowercase();
    let (regex, family) = tables.names.iter().find(|(regex, _)| regex.is_match(&lower))?;
    let task = tables.families.get(family)?.tasks.first().cloned().unwrap_or_default();
    let reason = match regex.find(&lower) {
        Some(part) => format!("the name contains {:?}", shortened(part.as_str())),
        None => "the name".to_owned(),
    };
    Some(Classification { family: family.clone(), task, confidence: Confidence::Low, reason })
}

fn text<'a>(config: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    config.get(key).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::family::FAMILY_TABLES;

    fn family(model: &str, config: &str) -> String {
        let config: Option<Map<_, _>> = serde_json::from_str(config).ok();
        match classify(&FAMILY_TABLES, model, None, config.as_ref(), None) {
            Ok(class) => format!("{} {:?}", class.family, class.confidence),
            Err(error) => error.message,
        }
    }

    #[test]
    fn stronger_evidence_precedes_weaker_evidence() {
        for (model, config, expected) in [
            ("x", r#"{"model_type": "bert"}"#, "text_encoder High"),
            ("x", r#"{"model_type": "debertav2"}"#, "text_encoder High"),
            // An encoder, although libraries also list it as a causal model.
            (
                "x",
                r#"{"model_type": "bert", "architectures": ["BertForCausalLM"]}"#,
                "text_encoder High",
            ),
            (
                "x",
                r#"{"model_type": "bert", "architectures": ["LlamaForCausalLM"]}"#,
                "text_encoder Low",
            ),
            (
                "x",
                r#"{"model_type": "gemma3_text", "architectures": ["Gemma3ForCausalLM"]}"#,
                "decoder_llm High",
            ),
            (
                "x",
                r#"{"model_type": "new", "architectures": ["NewForCausalLM"]}"#,
                "decoder_llm Medium",
            ),
            (
                "x",
                r#"{"architectures": ["NewForCausalLM"], "num_local_experts": 8}"#,
                "decoder_moe Medium",
            ),
            ("x", r#"{"vision_config": {}, "text_config": {}}"#, "vlm Medium"),
            // An architecture is stronger evidence than the structure unless its suffix is ambiguous.
            (
                "x",
                r#"{"architectures": ["NewForObjectDetection"], "vision_config": {}, "text_config": {}}"#,
                "object_detection Medium",
            ),
            (
                "x",
                r#"{"architectures": ["NewForCausalLM"], "vision_config": {}, "text_config": {}}"#,
                "vlm Medium",
            ),
            (
                "x",
                r#"{"architectures": ["NewForConditionalGeneration"]}"#,
                "encoder_decoder Medium",
            ),
            (
                "x",
                r#"{"vision_config": {}, "text_config": {}, "projection_dim": 512}"#,
                "vision_text_dual Medium",
            ),
            ("facebook/bart-base", "", "encoder_decoder Low"),
            ("org/my-bert-v3", "", "text_encoder Low"),
            ("Qwen/Qwen2-VL-7B", "", "vlm Low"),
            ("openai/clip-vit-base-patch32", "", "vision_text_dual Low"),
            (
                "x",
                r#"{"model_type": "trocr"}"#,
                "dtf cannot test models of type \"trocr\": part of another model, which is tested as a whole",
            ),
            (
                "mystery",
                r#"{"model_type": "q"}"#,
                "cannot determine the family of \"mystery\" (model_type: q)",
            ),
        ] {
            assert_eq!(family(model, config), expected, "{model} {config}");
        }
    }

    #[test]
    fn an_unknown_type_gets_no_proposed_family() {
        for kind in ["decision_transformer", "trocr", "never_heard_of"] {
            let config = Map::from_iter([("model_type".to_owned(), kind.into())]);
            let error = classify(&FAMILY_TABLES, "x", None, Some(&config), None);
            let hint = error.expect_err(kind).hint.expect("a hint");
            assert!(hint.contains("--family") && hint.contains("docs/templates.md"), "{hint}");
            let proposed = FAMILY_TABLES.families.keys().find(|family| hint.contains(*family));
            assert_eq!(proposed, None, "{hint}");
        }
    }

    #[test]
    fn the_chosen_family_overrides_all_evidence_and_is_checked() {
        let classify = |chosen| classify(&FAMILY_TABLES, "bert", None, None, Some(chosen));
        let class = classify("decoder_llm").expect("a family");
        assert_eq!((class.family.as_str(), class.confidence), ("decoder_llm", Confidence::High));
        let error = classify("text_encodr").expect_err("a typing mistake");
        assert_eq!(error.hint.as_deref(), Some("did you mean \"text_encoder\"?"));
    }
}
