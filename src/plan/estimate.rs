//! How large a model is and how much memory its test needs, from its configuration alone.
//!
//! A prior, replaced by measured peaks where there are some. Parameter counts are exact for
//! the types listed in [`parameters`]; for others there is no estimate rather than a guess.
//! Configurations leave out fields that have their type's default, which are known here.

use crate::domain::accelerator::Backend;
use serde_json::{Map, Value};

/// Interpreter with torch and transformers imported, resident.
const HOST_BASE_BYTES: u64 = 832 << 20;
/// What a driver and its libraries take on a device before the first tensor.
const CONTEXT_BYTES: u64 = 1 << 30;
const SMALL_CONTEXT_BYTES: u64 = 512 << 20;
/// Estimates are rounded up to a multiple of this, so that similar tests share a queue.
const STEP_BYTES: u64 = 256 << 20;

/// What a test needs, beyond what its back-end needs anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    pub host_bytes: u64,
    /// Zero on the processor.
    pub accelerator_bytes: u64,
}

/// One shape that a model is tested with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub batch: u64,
    /// Tokens of one input, those that are generated counted; 0 for images.
    pub tokens: u64,
    /// Edge of the image in pixels; 0 for texts.
    pub image: u64,
    /// Bytes of one number.
    pub width: u64,
}

struct Config<'a>(&'a Map<String, Value>);

impl Config<'_> {
    fn number(&self, key: &str) -> Option<u64> {
        self.0.get(key).and_then(Value::as_u64)
    }

    fn or(&self, key: &str, default: u64) -> u64 {
        self.number(key).unwrap_or(default)
    }

    fn truth(&self, key: &str, default: bool) -> bool {
        self.0.get(key).and_then(Value::as_bool).unwrap_or(default)
    }
}

/// Number of parameters of the model that a test loads: encoders without a head (with
/// pooler where the type has one), decoders with their output layer, image models with
/// their classifier. Absent where the type is not known.
#[must_use]
pub fn parameters(config: &Map<String, Value>) -> Option<u64> {
    let config = Config(config);
    let count = match config.0.get("model_type")?.as_str()? {
        "bert" | "roberta" | "xlm-roberta" | "camembert" => bert(&config),
        "distilbert" => distilbert(&config),
        "gpt2" => gpt2(&config),
        kind @ ("llama" | "mistral" | "qwen2" | "qwen3" | "gemma") => llama(&config, kind),
        kind @ ("vit" | "deit") => vit(&config, kind),
        _ => None,
    };
    // Nothing real has more; a configuration may say anything.
    count.filter(|count| (1..1 << 50).contains(count))
}

/// `a * b + c …` without overflow.
fn sum(terms: &[&[u64]]) -> Option<u64> {
    terms.iter().try_fold(0u64, |total, factors| {
        let product = factors.iter().try_fold(1u64, |product, f| product.checked_mul(*f))?;
        total.checked_add(product)
    })
}

fn bert(c: &Config) -> Option<u64> {
    let h = c.number("hidden_size")?;
    let (l, i) = (c.number("num_hidden_layers")?, c.number("intermediate_size")?);
    let embeddings = [
        c.number("vocab_size")?,
        c.or("max_position_embeddings", 512),
        c.or("type_vocab_size", 2),
        2,
    ];
    let rows = embeddings.iter().try_fold(0u64, |rows, more| rows.checked_add(*more))?;
    let layer = sum(&[&[4, h, h], &[4, h], &[2, h], &[2, h, i], &[i], &[h], &[2, h]])?;
    sum(&[&[rows, h], &[l, layer], &[h, h], &[h]])
}

#[expect(clippy::many_single_char_names, reason = "the names of the formula")]
fn distilbert(c: &Config) -> Option<u64> {
    let (h, i) = (c.number("dim")?, c.number("hidden_dim")?);
    let (l, v) = (c.number("n_layers")?, c.number("vocab_size")?);
    let positions = c.or("max_position_embeddings", 512);
    let layer = sum(&[&[4, h, h], &[4, h], &[2, h], &[2, h, i], &[i], &[h], &[2, h]])?;
    sum(&[&[v, h], &[positions, h], &[2, h], &[l, layer]])
}

#[expect(clippy::many_single_char_names, reason = "the names of the formula")]
fn gpt2(c: &Config) -> Option<u64> {
    let (v, h, l) = (c.number("vocab_size")?, c.number("n_embd")?, c.number("n_layer")?);
    let i = c.number("n_inner").or_else(|| h.checked_mul(4))?;
    let layer =
        sum(&[&[2, h], &[3, h, h], &[3, h], &[h, h], &[h], &[2, h], &[2, h, i], &[i], &[h]])?;
    sum(&[&[v, h], &[c.or("n_positions", 1024), h], &[l, layer], &[2, h]])
}

#[expect(clippy::many_single_char_names, reason = "the names of the formula")]
fn llama(c: &Config, kind: &str) -> Option<u64> {
    let (v, h) = (c.number("vocab_size")?, c.number("hidden_size")?);
    let (l, i) = (c.number("num_hidden_layers")?, c.number("intermediate_size")?);
    let heads = c.number("num_attention_heads")?;
    let groups = c.or("num_key_value_heads", heads);
    let head = c.number("head_dim").or_else(|| h.checked_div(heads))?;
    let mut attention = sum(&[&[2, h, heads, head], &[2, h, groups, head]])?;
    let bias = kind == "qwen2" || c.truth("attention_bias", false);
    if bias {
        attention = sum(&[&[attention], &[heads, head], &[2, groups, head]])?;
    }
    if bias && kind != "qwen2" {
        attention = attention.checked_add(h)?;
    }
    if kind == "qwen3" {
        attention = sum(&[&[attention], &[2, head]])?;
    }
    let mlp = if c.truth("mlp_bias", false) {
        sum(&[&[3, h, i], &[2, i], &[h]])?
    } else {
        sum(&[&[3, h, i]])?
    };
    let tied = c.truth("tie_word_embeddings", kind == "gemma");
    let tables = if tied { 1 } else { 2 };
    let layer = sum(&[&[attention], &[mlp], &[2, h]])?;
    sum(&[&[tables, v, h], &[l, layer], &[h]])
}

fn vit(c: &Config, kind: &str) -> Option<u64> {
    let (h, i, l) =
        (c.number("hidden_size")?, c.number("intermediate_size")?, c.number("num_hidden_layers")?);
    let (image, patch) = (c.or("image_size", 224), c.or("patch_size", 16));
    let channels = c.or("num_channels", 3);
    let side = image.checked_div(patch)?;
    let tokens = sum(&[&[side, side], &[1], &[u64::from(kind == "deit")]])?;
    let bias = if c.truth("qkv_bias", true) { 3 } else { 0 };
    let layer = sum(&[&[4, h, h], &[bias, h], &[h], &[2, h, i], &[i], &[h], &[4, h]])?;
    let labels = labels(c);
    // The distilled kind has a second token.
    let special = if kind == "deit" { 2 } else { 1 };
    sum(&[
        &[channels, patch, patch, h],
        &[h],
        &[special, h],
        &[tokens, h],
        &[l, layer],
        &[2, h],
        &[labels, h],
        &[labels],
    ])
}

fn labels(c: &Config) -> u64 {
    let listed = c.0.get("id2label").and_then(Value::as_object).map(|labels| labels.len() as u64);
    listed.or(c.number("num_labels")).unwrap_or(2)
}

/// Memory for one test of a generated script, which builds the model in fp32 on the host,
/// keeps an fp32 copy for the reference beside a narrower one, and then moves it.
#[must_use]
pub fn memory(config: &Map<String, Value>, shape: Shape, backend: Backend) -> Option<Memory> {
    let weights = parameters(config)?;
    let config = Config(config);
    let narrow = if shape.width < 4 { shape.width } else { 0 };
    let work = working(&config, shape)?;
    let host = sum(&[&[weights, 4], &[weights, narrow], &[work, 4]])?;
    let host_bytes = round_up(with_margin(host)?.checked_add(HOST_BASE_BYTES)?)?;
    let accelerator_bytes = if backend.needs_accelerator() {
        let context = match backend {
            Backend::Cuda | Backend::Rocm => CONTEXT_BYTES,
            _ => SMALL_CONTEXT_BYTES,
        };
        let held = sum(&[&[weights, shape.width], &[work, shape.width]])?;
        round_up(with_margin(held)?.checked_add(context)?)?
    } else {
        0
    };
    Some(Memory { host_bytes, accelerator_bytes })
}

/// Numbers that live besides the weights: one layer's activations, attention scores,
/// keys and values of all layers, and the output.
fn working(c: &Config, shape: Shape) -> Option<u64> {
    let first = |keys: &[&str]| keys.iter().find_map(|key| c.number(key));
    let hidden = first(&["hidden_size", "n_embd", "dim"])?;
    let layers = first(&["num_hidden_layers", "n_layer", "n_layers"])?;
    let heads = first(&["num_attention_heads", "n_head", "n_heads"])?.max(1);
    let inner = first(&["intermediate_size", "n_inner", "hidden_dim"]);
    let inner = inner.or_else(|| hidden.checked_mul(4))?;
    let (tokens, output) = if shape.image > 0 {
        let side = shape.image.checked_div(c.or("patch_size", 16))?;
        (sum(&[&[side, side], &[2]])?, 0)
    } else {
        (shape.tokens, c.or("vocab_size", 0))
    };
    let decodes = output > 0 && c.number("type_vocab_size").is_none();
    let groups = c.or("num_key_value_heads", heads);
    let head = c.number("head_dim").or_else(|| hidden.checked_div(heads))?;
    let cache = if decodes { sum(&[&[2, layers, groups, head]])? } else { 0 };
    let wide = sum(&[&[2, inner], &[4, hidden], &[cache], &[heads, tokens]])?;
    let output = if decodes { output } else { 0 };
    sum(&[&[shape.batch, tokens, wide], &[shape.batch, tokens, output]])
}

fn with_margin(bytes: u64) -> Option<u64> {
    bytes.checked_add(bytes / 100 * 15)
}

fn round_up(bytes: u64) -> Option<u64> {
    bytes.div_ceil(STEP_BYTES).checked_mul(STEP_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::catalogue;
    use crate::plan::files::NoFiles;
    use crate::plan::models::Place;
    use serde_json::json;

    fn config(model: &str) -> Map<String, Value> {
        catalogue::find(model, &Place::Named, &NoFiles).expect(model).config
    }

    #[test]
    fn counts_equal_the_published_ones() {
        for (model, expected) in [
            ("bert-base-uncased", 109_482_240),
            ("roberta-base", 124_645_632),
            ("distilbert-base-uncased", 66_362_880),
            ("gpt2", 124_439_808),
            ("distilgpt2", 81_912_576),
            ("meta-llama/Llama-3.2-1B", 1_235_814_400),
            ("TinyLlama/TinyLlama-1.1B-Chat-v1.0", 1_100_048_384),
            ("Qwen/Qwen2.5-0.5B", 494_032_768),
            ("Qwen/Qwen3-0.6B", 596_049_920),
            ("google/vit-base-patch16-224", 86_567_656),
        ] {
            assert_eq!(parameters(&config(model)), Some(expected), "{model}");
        }
    }

    #[test]
    fn larger_shapes_need_more_and_nothing_overflows() {
        let shape = Shape { batch: 1, tokens: 128, image: 0, width: 4 };
        let bert = config("bert-base-uncased");
        let small = memory(&bert, shape, Backend::Cpu).expect("an estimate");
        let large = memory(&bert, Shape { batch: 256, ..shape }, Backend::Cpu).expect("one");
        assert!(small.host_bytes < 2 << 30 && small.accelerator_bytes == 0);
        assert!(large.host_bytes > small.host_bytes);
        let cuda = memory(&bert, shape, Backend::Cuda).expect("an estimate");
        assert!((1 << 30..3 << 30).contains(&cuda.accelerator_bytes));
        let lie = json!({
            "model_type": "bert", "hidden_size": u64::MAX, "num_hidden_layers": u64::MAX,
            "intermediate_size": 3, "vocab_size": 0, "num_attention_heads": 0
        });
        let lie = lie.as_object().expect("a map");
        assert_eq!(memory(lie, shape, Backend::Cpu), None);
        assert_eq!(parameters(&Map::new()), None);
    }
}
