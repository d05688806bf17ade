//! What a test will need, from the model's configuration alone: memory on host and device,
//! disk and time.
//!
//! A prior, to be replaced by measured peaks and medians where there are some; formulae and
//! how they compare with measurements: `docs/estimates.md`.
//!
//! ```text
//! configuration ─ fields (+ defaults) ─ tower, stages ─ parts ─ model ┬ memory ┬ Estimate
//!                                               parameters::count ────┴ time ──┘
//! ```
//!
//! Pure; never panics, whatever the configuration holds. Limits: parts nested four deep and
//! twelve in all; anything above 2⁶⁰ bytes gives no estimate. A model of which neither the
//! number of parameters nor width and layers are known gives none either.

mod defaults;
mod fields;
#[cfg(test)]
mod measured;
mod memory;
mod model;
mod parts;
mod range;
mod stages;
#[cfg(test)]
mod tests;
mod time;
mod tower;

pub use model::image_edge;
pub use range::Range;

use crate::domain::accelerator::Backend;
use crate::plan::estimate::model::Model;
use crate::plan::parameters;
use crate::plan::quantised;
use range::Span;
use serde::Serialize;
use serde_json::{Map, Value};

/// A number of parameters that is summed up from widths and layers may be off by so much.
const DERIVED: Span = Span::new(0.7, 1.0, 1.6);
/// Largest number of parameters that is believed, as with exact counts.
const MOST_PARAMETERS: f64 = (1u64 << 50) as f64;

/// What one generated test does.
#[derive(Debug, Clone, Copy)]
pub struct Workload<'a> {
    pub family: &'a str,
    /// Inputs at a time.
    pub batch: u64,
    /// Tokens of one input.
    pub tokens: u64,
    /// Tokens that are generated; 0 where none are.
    pub new_tokens: u64,
    /// Edge of the image in pixels; 0: what the configuration says, else the family's usual.
    pub image: u64,
    /// Length of sound.
    pub audio_seconds: f64,
    /// Bytes of a number on the device: 4 or 2.
    pub width: u64,
    /// Attention keeps its scores.
    pub eager_attention: bool,
    pub backend: Backend,
    pub runtime: Runtime,
    pub role: Role,
    pub weights: Source,
    /// Runs that are measured, and for how many seconds at least.
    pub iterations: u64,
    pub min_seconds: f64,
    /// Runs before that.
    pub warm_up: u64,
}

/// What executes the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    Torch,
    /// A graph that torch writes and another library reads.
    Exported,
}

/// What a script is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Tests, and computes what it compares with itself.
    Test,
    /// Tests, and is given what it compares with.
    Compares,
    /// Computes what others compare with.
    Reference,
    /// Runs once, to see that it does.
    Load,
}

/// Where weights come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Drawn; nothing is read.
    Random,
    /// Files, cached or fetched.
    Published,
    /// Files where there are some, else drawn.
    Either,
}

/// What a test needs. Bytes, and milliseconds for time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Of the whole model, experts at rest included.
    pub parameters: u64,
    /// Whether they are counted or published, or summed up from widths and layers.
    pub exact: bool,
    /// On the device (or, there being none, the host) in the precision that is tested.
    pub weights: Range,
    /// Keys and values, and states.
    pub cache: Range,
    /// Of one layer, with the attention's scores where it keeps them.
    pub activations: Range,
    /// Values for each word of the vocabulary, or masks of images.
    pub logits: Range,
    /// What the back-end takes by itself.
    pub context: Range,
    /// Device memory in all; zeros where the back-end has none of its own.
    pub device: Range,
    /// Resident in all.
    pub host: Range,
    /// Weights, graphs and files handed on. `low` is without weights where those may be drawn.
    pub disk: Range,
    /// Of one attempt, once its environment exists.
    pub time: Range,
}

/// What a test of the model with this configuration (`config.json`) will need. `published` is
/// the number of parameters where that is known of the model; it serves types that have no
/// formula.
///
/// `None` where the size of the model is unknown, or a number is larger than anything real.
#[must_use]
pub fn estimate(
    config: &Map<String, Value>,
    published: Option<u64>,
    workload: &Workload,
) -> Option<Estimate> {
    let counted = parameters::count(config).map(|count| count.total).or(published);
    let model = match (model::read(config, workload), counted) {
        (Some(model), _) => model,
        (None, Some(total)) => Model::of_size(total),
        (None, None) => return None,
    };
    let number = match counted {
        Some(total) => total as f64,
        None => model.towers.iter().map(tower::Tower::parameters).sum(),
    };
    if !(1.0..=MOST_PARAMETERS).contains(&number) {
        return None;
    }
    let parameters = match counted {
        Some(_) => Span::exactly(number),
        None => number * DERIVED,
    };
    let weights = memory::width(workload) * parameters;
    let working = memory::tested(&model, workload);
    let disk = memory::disk(&model, parameters, published_width(config), workload);
    Some(Estimate {
        parameters: number as u64,
        exact: counted.is_some(),
        weights: weights.range()?,
        cache: working.cache.range()?,
        activations: working.activations.range()?,
        logits: working.logits.range()?,
        context: memory::context(workload.backend).unwrap_or(Span::ZERO).range()?,
        device: memory::device(weights, working, workload).range()?,
        host: memory::host(&model, parameters, working, workload).range()?,
        disk: disk.range()?,
        time: time::attempt(&model, parameters, workload).range()?,
    })
}

/// Bytes of a number in the published files, where the configuration tells.
fn published_width(config: &Map<String, Value>) -> Option<f64> {
    if let Some(bits) = quantised::find(config, |_| None).and_then(|how| how.bits) {
        return Some(f64::from(bits) / 8.0);
    }
    let named = ["dtype", "torch_dtype"].iter().find_map(|key| config.get(*key)?.as_str())?;
    match named {
        "float32" => Some(4.0),
        "float16" | "bfloat16" => Some(2.0),
        _ => None,
    }
}
