//! How large a model is and how much memory its test needs, from its configuration alone.
//!
//! A prior, to be replaced by measured peaks where there are some. Types that
//! [`parameters`] does not know get no estimate rather than a guess.

use crate::domain::accelerator::Backend;
use crate::plan::parameters;
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
}

/// `a * b + c …` without overflow.
fn sum(terms: &[&[u64]]) -> Option<u64> {
    terms.iter().try_fold(0u64, |total, factors| {
        let product = factors.iter().try_fold(1u64, |product, f| product.checked_mul(*f))?;
        total.checked_add(product)
    })
}

/// Memory for one test of a generated script, which builds the model in fp32 on the host,
/// keeps an fp32 copy for the reference beside a narrower one, and then moves it.
#[must_use]
pub fn memory(config: &Map<String, Value>, shape: Shape, backend: Backend) -> Option<Memory> {
    let weights = parameters::count(config)?.total;
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
        assert_eq!(memory(&Map::new(), shape, Backend::Cpu), None);
    }
}
