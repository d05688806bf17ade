//! Reads the configuration in a GGUF file: the metadata before its tensors, as far as they describe
//! the shape of the model.
//!
//! The result has the keys of a `config.json`, so that the family and the memory of the model are
//! determined as for other models. A test lets transformers read the whole configuration.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, versions 2 and 3. Limits:
//! `MAX_ENTRIES` entries, keys of `MAX_KEY_BYTES`; texts in arrays are skipped.
//!
//! Pure. Promise: no content causes a panic, and the time is proportional to its length.

use serde_json::{Map, Value, json};

/// Maximum number of bytes at the start of a file that are inspected. The shape of the model
/// precedes its vocabulary.
pub const MAX_HEAD_BYTES: usize = 4 << 20;
const MAX_ENTRIES: u64 = 10_000;
const MAX_KEY_BYTES: u64 = 1 << 16;
/// Nesting of arrays.
const MAX_DEPTH: u32 = 4;

/// Architectures that transformers 5.24 can load from GGUF, each with its `model_type`.
const ARCHITECTURES: [(&str, &str); 19] = [
    ("bloom", "bloom"),
    ("falcon", "falcon"),
    ("gemma2", "gemma2"),
    ("gemma3", "gemma3_text"),
    ("gpt-oss", "gpt_oss"),
    ("gpt2", "gpt2"),
    ("lfm2", "lfm2"),
    ("llama", "llama"),
    ("mamba", "mamba"),
    ("minimax-m2", "minimax_m2"),
    ("nemotron", "nemotron"),
    ("phi3", "phi3"),
    ("qwen2", "qwen2"),
    ("qwen2moe", "qwen2_moe"),
    ("qwen3", "qwen3"),
    ("qwen3moe", "qwen3_moe"),
    ("stablelm", "stablelm"),
    ("starcoder2", "starcoder2"),
    ("t5", "t5"),
];
/// Keys of GGUF behind the name of the architecture, each with the key of a `config.json`.
const KEYS: [(&str, &str); 11] = [
    ("context_length", "max_position_embeddings"),
    ("block_count", "num_hidden_layers"),
    ("embedding_length", "hidden_size"),
    ("feed_forward_length", "intermediate_size"),
    ("attention.head_count", "num_attention_heads"),
    ("attention.head_count_kv", "num_key_value_heads"),
    ("attention.key_length", "head_dim"),
    ("expert_count", "num_experts"),
    ("expert_used_count", "num_experts_per_tok"),
    ("expert_feed_forward_length", "moe_intermediate_size"),
    ("vocab_size", "vocab_size"),
];
/// The same for architectures with other keys.
const KEYS_OF_GPT2: [(&str, &str); 4] = [
    ("context_length", "n_positions"),
    ("block_count", "n_layer"),
    ("embedding_length", "n_embd"),
    ("attention.head_count", "n_head"),
];
const KEYS_OF_T5: [(&str, &str); 5] = [
    ("block_count", "num_layers"),
    ("embedding_length", "d_model"),
    ("feed_forward_length", "d_ff"),
    ("attention.head_count", "num_heads"),
    ("attention.key_length", "d_kv"),
];

/// Reads the configuration from the first bytes of a file.
///
/// # Errors
/// It is not a GGUF file of a known version, ends before it describes a model, or has an
/// architecture that transformers cannot load. The message completes a sentence that starts with
/// the name of the file.
pub fn config(head: &[u8]) -> Result<Map<String, Value>, String> {
    let mut reader = Reader { rest: head };
    if reader.take(4) != Some(b"GGUF") {
        return Err("is not a GGUF file".to_owned());
    }
    let cut = || "ends before it describes a model".to_owned();
    let version = reader.u32().ok_or_else(cut)?;
    if !(2..=3).contains(&version) {
        return Err(format!("has version {version} of GGUF, known are 2 and 3"));
    }
    let _tensors = reader.u64().ok_or_else(cut)?;
    let entries = reader.u64().ok_or_else(cut)?.min(MAX_ENTRIES);
    let mut facts = Map::new();
    // The file continues behind the inspected part, usually in the middle of a vocabulary.
    for _ in 0..entries {
        let Some((key, value)) = reader.entry() else { break };
        facts.insert(key, value);
    }
    let architecture = facts.get("general.architecture").and_then(Value::as_str);
    let architecture = architecture.ok_or_else(cut)?;
    let known = ARCHITECTURES.iter().find(|(name, _)| *name == architecture);
    let Some((_, model_type)) = known else {
        let names: Vec<&str> = ARCHITECTURES.iter().map(|(name, _)| *name).collect();
        let shown: String = architecture.chars().filter(|c| !c.is_control()).take(40).collect();
        let known = names.join(", ");
        return Err(format!(
            "has the architecture {shown:?}; transformers loads these from GGUF: {known}"
        ));
    };
    let keys: &[(&str, &str)] = match *model_type {
        "gpt2" | "bloom" => &KEYS_OF_GPT2,
        "t5" => &KEYS_OF_T5,
        _ => &KEYS,
    };
    let mut config = Map::from_iter([("model_type".to_owned(), json!(model_type))]);
    for (from, to) in keys {
        // Some models list a number for each layer.
        if let Some(value) = facts.get(&format!("{architecture}.{from}")).filter(|v| v.is_number())
        {
            config.insert((*to).to_owned(), value.clone());
        }
    }
    if !keys.iter().any(|(from, to)| *from == "block_count" && config.contains_key(*to)) {
        return Err(cut());
    }
    if let Some(words) = facts.get("tokenizer.ggml.tokens").filter(|words| words.is_number()) {
        config.entry("vocab_size").or_insert_with(|| words.clone());
    }
    Ok(config)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn text(&mut self, max: u64) -> Option<&'a [u8]> {
        let length = self.u64().filter(|length| *length <= max)?;
        self.take(usize::try_from(length).ok()?)
    }

    fn entry(&mut self) -> Option<(String, Value)> {
        let key = String::from_utf8_lossy(self.text(MAX_KEY_BYTES)?).into_owned();
        let kind = self.u32()?;
        if kind == 9 {
            // The number of entries of an array replaces its content, and is known even if the
            // content is not in the inspected part.
            let (inner, count) = (self.u32()?, self.u64()?);
            if self.skip(inner, count, MAX_DEPTH).is_none() {
                self.rest = &[];
            }
            return Some((key, json!(count)));
        }
        Some((key, self.value(kind)?))
    }

    fn value(&mut self, kind: u32) -> Option<Value> {
        Some(match kind {
            0 => json!(*self.take(1)?.first()?),
            1 => json!(i8::from_le_bytes(self.take(1)?.try_into().ok()?)),
            2 => json!(u16::from_le_bytes(self.take(2)?.try_into().ok()?)),
            3 => json!(i16::from_le_bytes(self.take(2)?.try_into().ok()?)),
            4 => json!(self.u32()?),
            5 => json!(i32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            6 => json!(f32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            7 => json!(*self.take(1)?.first()? != 0),
            8 => json!(String::from_utf8_lossy(self.text(1 << 20)?)),
            10 => json!(self.u64()?),
            11 => json!(i64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            12 => json!(f64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            _ => return None,
        })
    }

    /// Skips the entries of an array.
    fn skip(&mut self, kind: u32, count: u64, depth: u32) -> Option<()> {
        let width = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 => 8,
            8 | 9 => 0,
            _ => return None,
        };
        if width > 0 {
            let bytes = usize::try_from(count.checked_mul(width)?).ok()?;
            return self.take(bytes).map(|_| ());
        }
        for _ in 0..count {
            if kind == 8 {
                self.text(1 << 20)?;
            } else {
                let (inner, count) = (self.u32()?, self.u64()?);
                self.skip(inner, count, depth.checked_sub(1)?)?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(bytes: &mut Vec<u8>, text: &str) {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    }

    fn head(version: u32, architecture: &str) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(version.to_le_bytes());
        bytes.extend(7u64.to_le_bytes());
        bytes.extend(4u64.to_le_bytes());
        text(&mut bytes, "general.architecture");
        bytes.extend(8u32.to_le_bytes());
        text(&mut bytes, architecture);
        for (key, value) in [("block_count", 12u32), ("embedding_length", 64)] {
            text(&mut bytes, &format!("{architecture}.{key}"));
            bytes.extend(4u32.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        text(&mut bytes, "tokenizer.ggml.tokens");
        bytes.extend(9u32.to_le_bytes());
        bytes.extend(8u32.to_le_bytes());
        bytes.extend(2u64.to_le_bytes());
        text(&mut bytes, "a");
        text(&mut bytes, "b");
        bytes
    }

    #[test]
    fn the_shape_of_a_model_is_read_from_its_metadata() {
        for version in [2, 3] {
            let config = config(&head(version, "qwen2")).expect("a model");
            let expected = json!({"model_type": "qwen2", "num_hidden_layers": 12,
                "hidden_size": 64, "vocab_size": 2});
            assert_eq!(Value::Object(config), expected);
        }
        // The words of the vocabulary may be behind the inspected part.
        let whole = head(3, "gpt2");
        let config = config(&whole[..whole.len() - 5]).expect("a model");
        assert_eq!((&config["n_layer"], &config["vocab_size"]), (&json!(12), &json!(2)));
    }

    #[test]
    fn other_files_are_refused_with_the_reason() {
        let refused = |bytes: &[u8]| config(bytes).expect_err("refused");
        assert_eq!(refused(b"PK"), "is not a GGUF file");
        assert_eq!(refused(&head(1, "llama")), "has version 1 of GGUF, known are 2 and 3");
        assert_eq!(refused(&head(3, "llama")[..40]), "ends before it describes a model");
        let message = refused(&head(3, "unheard\u{1b}"));
        assert!(message.starts_with("has the architecture \"unheard\"; transformers loads"));
    }

    proptest! {
        #[test]
        fn no_content_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0usize..150) {
            let mut content = head(3, "llama");
            for (to, from) in content.iter_mut().skip(at).zip(&bytes) {
                *to = *from;
            }
            let _ = config(&content);
            let _ = config(&bytes);
        }
    }
}
