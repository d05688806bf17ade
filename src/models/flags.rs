//! Properties of a model besides its family, as stated by its configuration.

use crate::models::quantised::Quantised;
use serde::Serialize;
use serde_json::{Map, Value};

/// Fields that give a number of experts.
const EXPERTS: [&str; 5] = [
    "num_local_experts",
    "num_experts",
    "n_routed_experts",
    "moe_intermediate_size",
    "moe_num_experts",
];
/// Sections of composite configurations that are inspected too.
const PARTS: [&str; 4] = ["text_config", "vision_config", "audio_config", "decoder"];
/// Families whose models all have an encoder and a decoder, even where the configuration does not
/// state it: configurations omit the defaults of their type.
const ENCODER_DECODER: [&str; 2] = ["encoder_decoder", "asr_seq2seq"];

/// Properties that are independent of each other and of the family.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Flags {
    /// The model is a mixture of experts.
    pub moe: bool,
    pub encoder_decoder: bool,
    /// The published weights are quantised.
    pub quantised: bool,
    /// Method of quantisation, if stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantisation: Option<String>,
    /// Bits per weight, if stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantisation_bits: Option<u32>,
    /// The model includes Python code, which dtf never runs.
    pub remote_code: bool,
}

/// The package that a configuration needs besides those of its template: timm, if the configuration
/// names one of its backbones.
#[must_use]
pub fn packages(config: &Map<String, Value>) -> Option<&'static str> {
    let timm = |(key, value): (&String, &Value)| match (key.as_str(), value) {
        ("use_timm_backbone", value) => value == &Value::Bool(true),
        ("model_type", Value::String(kind)) => kind.starts_with("timm_"),
        (_, Value::Object(part)) => packages(part).is_some(),
        _ => false,
    };
    config.iter().any(timm).then_some("timm")
}

impl Flags {
    /// Reads the properties of a model of this family.
    #[must_use]
    pub fn read(family: &str, config: &Map<String, Value>, quantised: Option<&Quantised>) -> Self {
        let parts = || PARTS.iter().filter_map(|part| config.get(*part)?.as_object());
        let truth = |config: &Map<String, Value>, key: &str| {
            config.get(key).and_then(Value::as_bool).unwrap_or(false)
        };
        Self {
            moe: has_experts(config) || parts().any(has_experts),
            encoder_decoder: ENCODER_DECODER.contains(&family)
                || truth(config, "is_encoder_decoder"),
            quantised: quantised.is_some(),
            quantisation: quantised.and_then(|how| how.method.clone()),
            quantisation_bits: quantised.and_then(|how| how.bits),
            remote_code: config.get("auto_map").is_some_and(Value::is_object),
        }
    }

    /// Names of the properties that apply, for messages.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let bits = self.quantisation_bits.map(|bits| format!("{bits} bits"));
        let how: Vec<String> = self.quantisation.iter().cloned().chain(bits).collect();
        let quantised = match how.as_slice() {
            [] => "quantised".to_owned(),
            how => format!("quantised ({})", how.join(", ")),
        };
        let all = [
            (self.moe, "mixture of experts".to_owned()),
            (self.encoder_decoder, "encoder-decoder".to_owned()),
            (self.quantised, quantised),
            (self.remote_code, "remote code".to_owned()),
        ];
        all.into_iter().filter(|(holds, _)| *holds).map(|(_, name)| name).collect()
    }
}

/// Whether the configuration describes a mixture of experts.
#[must_use]
pub fn has_experts(config: &Map<String, Value>) -> bool {
    // A single expert is a dense model: there is no choice.
    let several = |key: &str| config.get(key).and_then(Value::as_u64).is_some_and(|n| n > 1);
    EXPERTS.iter().any(|key| several(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::quantised;
    use serde_json::json;

    #[test]
    fn timm_backbones_are_found_at_every_level() {
        for (config, expected) in [
            (json!({"model_type": "timm_wrapper"}), Some("timm")),
            (json!({"backbone_config": {"model_type": "timm_backbone"}}), Some("timm")),
            (json!({"model_type": "detr", "use_timm_backbone": true}), Some("timm")),
            (json!({"model_type": "detr", "use_timm_backbone": false}), None),
            (json!({"model_type": "bert", "backbone_config": {}}), None),
        ] {
            assert_eq!(packages(config.as_object().expect("a map")), expected, "{config}");
        }
    }

    #[test]
    fn flags_follow_the_configuration() {
        for (family, config, names) in [
            ("text_encoder", json!({}), &[][..]),
            ("decoder_moe", json!({"num_local_experts": 8}), &["mixture of experts"]),
            ("decoder_llm", json!({"num_local_experts": 1}), &[]),
            ("vlm", json!({"text_config": {"num_experts": 64}}), &["mixture of experts"]),
            ("encoder_decoder", json!({}), &["encoder-decoder"]),
            ("vlm", json!({"is_encoder_decoder": true}), &["encoder-decoder"]),
            (
                "decoder_llm",
                json!({"quantization_config": {"quant_method": "gptq", "bits": 4}}),
                &["quantised (gptq, 4 bits)"],
            ),
            (
                "decoder_llm",
                json!({"quantization_config": {}, "auto_map": {"AutoModel": "m.M"}}),
                &["quantised", "remote code"],
            ),
        ] {
            let config = config.as_object().expect("a map");
            let quantised = quantised::find(config, |_| None);
            assert_eq!(
                Flags::read(family, config, quantised.as_ref()).names(),
                names,
                "{config:?}"
            );
        }
    }
}
