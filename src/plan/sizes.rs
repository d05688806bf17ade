//! Sizes that no model has: configurations with zero layers, negative widths, or fractions
//! are refused before anything is estimated from them or a script is written.
//!
//! Only keys that mean the same wherever they stand; of the 802 default configurations of
//! transformers 5.23 none breaks the rule.

use crate::plan::node::shortened;
use crate::plan::problem::Wrong;
use serde_json::{Map, Value};

/// Largest size that is believed.
const MAX: u64 = 1 << 30;
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

/// # Errors
/// A size of the configuration, or of a part of it, is no whole number from 1 to 2³⁰.
pub fn check(config: &Map<String, Value>) -> Result<(), Wrong> {
    within(config, "")
}

/// `place` is what stands before the key in messages: empty, or `vision_config.`.
fn within(config: &Map<String, Value>, place: &str) -> Result<(), Wrong> {
    for (key, value) in config {
        if KEYS.contains(&key.as_str()) && !is_size(value) {
            let value = shortened(&value.to_string());
            let message = format!("{place}{key} of its config.json is {value}, which is no size");
            return Err(Wrong::new(message).hint("sizes are whole numbers from 1"));
        }
        if let Some(part) = value.as_object() {
            within(part, &format!("{place}{}.", shortened(key)))?;
        }
    }
    Ok(())
}

/// Lists have a size for each stage, mappings for each direction; nothing: the default.
fn is_size(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.iter().all(is_size),
        Value::Object(map) => map.values().all(is_size),
        other => other.as_u64().is_some_and(|size| (1..=MAX).contains(&size)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn checked(config: Value) -> Result<(), String> {
        check(config.as_object().expect("a map")).map_err(|wrong| wrong.message)
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
            let told = checked(json!({"hidden_size": bad})).expect_err("refused");
            assert!(told.starts_with("hidden_size of its config.json is "), "{told}");
        }
        let told = checked(json!({"vision_config": {"num_channels": 0}}));
        let expected = "vision_config.num_channels of its config.json is 0, which is no size";
        assert_eq!(told, Err(expected.to_owned()));
    }
}
