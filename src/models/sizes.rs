//! Checks sizes before anything is estimated from them or a script is written: sizes in the
//! configuration that no model has, such as zero layers, negative widths or fractions (`check`),
//! and inputs of a length that the model does not compute (`check_length`). A default length of the
//! template is changed instead (`fit_lengths`).
//!
//! Limit: only keys that have the same meaning in every configuration are checked. All 802 default
//! configurations of transformers 5.23 pass.

use crate::text::error::ValueError;
use crate::text::node::shortened;
use serde_json::{Map, Value};

/// Maximum plausible size.
const MAX_SIZE: u64 = 1 << 30;
/// Keys whose values are checked.
const KEYS: [&str; 33] = [
    "d_ff",
    "d_kv",
    "d_model",
    "decoder_attention_heads",
    "decoder_ffn_dim",
    "decoder_layers",
    "depths",
    "dim",
    "embed_dim",
    "encoder_attention_heads",
    "encoder_ffn_dim",
    "encoder_layers",
    "ffn_dim",
    "hidden_dim",
    "hidden_size",
    "hidden_sizes",
    "image_size",
    "intermediate_size",
    "n_embd",
    "n_head",
    "n_heads",
    "n_inner",
    "n_layer",
    "n_layers",
    "num_attention_heads",
    "num_channels",
    "num_decoder_layers",
    "num_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "num_layers",
    "patch_size",
    "vocab_size",
];

/// Checks the sizes of a configuration and its parts.
///
/// # Errors
/// A size is not a whole number from 1 to 2³⁰.
pub fn check(config: &Map<String, Value>) -> Result<(), ValueError> {
    within(config, "")
}

/// `place` is the prefix of the keys in messages: empty, or `vision_config.`.
fn within(config: &Map<String, Value>, place: &str) -> Result<(), ValueError> {
    for (key, value) in config {
        if KEYS.contains(&key.as_str()) && !is_size(value) {
            let value = shortened(&value.to_string());
            let message =
                format!("{place}{key} in its config.json is {value}, which is not a valid size");
            return Err(ValueError::new(message).hint("sizes are whole numbers of at least 1"));
        }
        if let Some(part) = value.as_object() {
            within(part, &format!("{place}{}.", shortened(key)))?;
        }
    }
    Ok(())
}

/// A list has one size per stage, a mapping one per direction, and `null` means the default.
fn is_size(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.iter().all(is_size),
        Value::Object(map) => map.values().all(is_size),
        other => other.as_u64().is_some_and(|size| (1..=MAX_SIZE).contains(&size)),
    }
}

/// Changes default lengths of the template to the only length that the model computes, or reduces
/// them to the number of its positions. Parameters in `fixed` are kept, and so are lengths for a
/// model that has room for no token: `check_length` refuses it.
pub fn fit_lengths(
    config: &Map<String, Value>,
    family: &str,
    fixed: &[String],
    parameters: &mut Map<String, Value>,
) {
    if let Some(only) = only_length(config)
        && let Some(length) = parameters.get_mut("sequence_length")
        && !fixed.iter().any(|fixed| fixed == "sequence_length")
    {
        *length = only.into();
    }
    let Some(limit) = max_tokens(config, family) else { return };
    let mut cut = |name: &str, most: u64| {
        let Some(length) = parameters.get_mut(name) else { return 0 };
        let usual = length.as_u64().unwrap_or(0);
        if (1..usual).contains(&most) && !fixed.iter().any(|fixed| fixed == name) {
            *length = most.into();
        }
        length.as_u64().unwrap_or(0)
    };
    let new = match family {
        // The decoder has its own positions, of which the start token takes one.
        "encoder_decoder" => cut("max_new_tokens", limit.saturating_sub(1)),
        // The other half is for the input.
        _ => cut("max_new_tokens", limit / 2),
    };
    cut("sequence_length", limit.saturating_sub(generated_tokens(family, new)));
}

/// Refuses more tokens than the model has positions for, as `require_length` in the script does, and
/// another length than the only one that the model computes. Only the script knows the positions that a configuration leaves to its type, and the number of
/// tokens that represent an image.
///
/// # Errors
/// The input and the generated tokens together exceed the number of positions.
pub fn check_length(
    config: &Map<String, Value>,
    model: &str,
    family: &str,
    length: u64,
    new: u64,
) -> Result<(), ValueError> {
    let more = generated_tokens(family, new);
    if let Some(only) = only_length(config).filter(|only| *only != length) {
        let model = shortened(model);
        let message = format!("{length} tokens are requested, but {model} computes exactly {only}");
        let hint = format!("use --sequence-length (in a plan: sequence_length) {only}");
        return Err(ValueError::new(message).hint(hint));
    }
    match max_tokens(config, family) {
        Some(limit) if length.saturating_add(more) > limit => {
            let written = if more > 0 { format!(" and {more} new") } else { String::new() };
            let message = format!(
                "{length} tokens{written} are requested, but {} has positions for {limit}",
                shortened(model)
            );
            let hint = match limit.saturating_sub(more) {
                0 => {
                    "reduce max_new_tokens, or increase the number of positions in its config.json"
                        .to_owned()
                }
                most => {
                    format!("use --sequence-length (in a plan: sequence_length) of at most {most}")
                }
            };
            Err(ValueError::new(message).hint(hint))
        }
        _ => Ok(()),
    }
}

/// Number of tokens that the model has positions for, if they limit the length of its input.
fn max_tokens(config: &Map<String, Value>, family: &str) -> Option<u64> {
    match family {
        "text_encoder" | "embedding" | "document" | "encoder_decoder" | "decoder_llm"
        | "decoder_moe" | "decoder_ssm" => positions(config),
        "vision_text_dual" | "vlm" => positions(config.get("text_config")?.as_object()?),
        _ => None,
    }
}

/// The only length that a model computes: that of the segments which it averages.
fn only_length(config: &Map<String, Value>) -> Option<u64> {
    if config.get("model_type")?.as_str()? != "nystromformer" {
        return None;
    }
    let size = |key: &str| config.get(key).and_then(Value::as_u64).unwrap_or(64);
    let only = size("segment_means_seq_len");
    (only != size("num_landmarks")).then_some(only)
}

/// Number of tokens that are generated after the input. The warm-up generates two.
fn generated_tokens(family: &str, new: u64) -> u64 {
    match family {
        "decoder_llm" | "decoder_moe" | "decoder_ssm" => new.max(2),
        _ => 0,
    }
}

/// Model types that do not use the positions up to that of padding.
const AFTER_PADDING: [&str; 17] = [
    "altclip_text_model",
    "bridgetower_text_model",
    "camembert",
    "clap_text_model",
    "data2vec-text",
    "ibert",
    "layoutlmv3",
    "lilt",
    "longformer",
    "luke",
    "markuplm",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
];

/// Number of tokens for which a configuration has positions. The name of the field depends on the
/// model type.
fn positions(config: &Map<String, Value>) -> Option<u64> {
    let kind = config.get("model_type").and_then(Value::as_str).unwrap_or_default();
    let key = match kind {
        "codegen" | "ctrl" | "gpt-sw3" | "gpt2" | "gpt_bigcode" | "gptj" | "openai-gpt" => {
            "n_positions"
        }
        "bailing_hybrid" | "kimi_linear" => "model_max_length",
        "dbrx" => "max_seq_len",
        "rwkv" => "context_length",
        _ => "max_position_embeddings",
    };
    let limit = config.get(key)?.as_u64().filter(|limit| *limit > 0)?;
    if !AFTER_PADDING.contains(&kind) {
        return Some(limit);
    }
    let padding = config.get("pad_token_id").and_then(Value::as_u64).unwrap_or(1);
    Some(limit.saturating_sub(padding.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn inputs_longer_than_the_model_are_refused() {
        let checked = |family: &str, config: Value, length: u64, new: u64| {
            check_length(config.as_object().expect("a map"), "m", family, length, new)
                .map_err(|error| format!("{} | {}", error.message, error.hint.unwrap_or_default()))
        };
        let bert = json!({"model_type": "bert", "max_position_embeddings": 512});
        assert_eq!(checked("text_encoder", bert.clone(), 512, 0), Ok(()));
        let error = "513 tokens are requested, but m has positions for 512 | \
                     use --sequence-length (in a plan: sequence_length) of at most 512";
        assert_eq!(checked("text_encoder", bert.clone(), 513, 0), Err(error.to_owned()));
        // Models of this family read no text.
        assert_eq!(checked("vision_classifier", bert, 513, 0), Ok(()));
        let gpt2 = json!({"model_type": "gpt2", "n_positions": 64});
        assert_eq!(checked("decoder_llm", gpt2.clone(), 60, 4), Ok(()));
        let error = "60 tokens and 5 new are requested, but m has positions for 64 | \
                     use --sequence-length (in a plan: sequence_length) of at most 59";
        assert_eq!(checked("decoder_llm", gpt2, 60, 5), Err(error.to_owned()));
        let roberta = json!({"model_type": "roberta", "max_position_embeddings": 514});
        assert_eq!(checked("text_encoder", roberta.clone(), 512, 0), Ok(()));
        assert!(checked("text_encoder", roberta, 513, 0).is_err());
        // Relative positions do not limit the length.
        let t5 = json!({"model_type": "t5", "n_positions": 512});
        assert_eq!(checked("encoder_decoder", t5, 4096, 8), Ok(()));
        let clip = json!({"model_type": "clip", "text_config":
            {"model_type": "clip_text_model", "max_position_embeddings": 77}});
        assert!(checked("vision_text_dual", clip, 78, 0).is_err());
        for none in [json!({"model_type": "bert"}), json!({"max_position_embeddings": -1})] {
            assert_eq!(checked("text_encoder", none, u64::MAX, 0), Ok(()));
        }
    }

    #[test]
    fn a_model_of_one_length_gets_it() {
        let config = |segments: u64| {
            let model = json!({"model_type": "nystromformer", "segment_means_seq_len": segments,
                "num_landmarks": 64, "max_position_embeddings": 512});
            model.as_object().expect("a map").clone()
        };
        let fitted = |config: &Map<String, Value>, fixed: &[String]| {
            let mut parameters = Map::from_iter([("sequence_length".to_owned(), json!(131))]);
            fit_lengths(config, "text_encoder", fixed, &mut parameters);
            parameters["sequence_length"].as_u64()
        };
        assert_eq!(fitted(&config(256), &[]), Some(256));
        assert_eq!(fitted(&config(256), &["sequence_length".to_owned()]), Some(131));
        assert_eq!(fitted(&config(64), &[]), Some(131));
        let checked = |length| check_length(&config(256), "m", "text_encoder", length, 0);
        assert!(checked(256).is_ok());
        let error = checked(131).expect_err("another length");
        assert_eq!(error.message, "131 tokens are requested, but m computes exactly 256");
    }

    fn checked(config: Value) -> Result<(), String> {
        check(config.as_object().expect("a map")).map_err(|error| error.message)
    }

    #[test]
    fn sizes_are_whole_numbers_from_one() {
        for good in [
            json!({"hidden_size": 768, "num_hidden_layers": 1, "image_size": [224, 224]}),
            json!({"image_size": {"height": 32, "width": 64}, "n_inner": null, "depths": [2, 6]}),
            json!({"layer_norm_eps": 0.0, "pad_token_id": -1, "dropout": 0}),
        ] {
            assert_eq!(checked(good.clone()), Ok(()), "{good}");
        }
        for bad in [json!(0), json!(-64), json!(1e300), json!(0.5), json!("768"), json!([2, 0])] {
            let error = checked(json!({"hidden_size": bad})).expect_err("refused");
            assert!(error.starts_with("hidden_size in its config.json is "), "{error}");
        }
        let error = checked(json!({"vision_config": {"num_channels": 0}}));
        let expected =
            "vision_config.num_channels in its config.json is 0, which is not a valid size";
        assert_eq!(error, Err(expected.to_owned()));
    }
}
