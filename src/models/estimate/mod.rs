//! Estimates the requirements of a test from the configuration of its model alone: memory on host
//! and device, disk, and time.
//!
//! An estimate is a prior; measured peaks and medians replace it where they exist.
//! `docs/estimates.md` explains the formulae and compares them with measurements.
//!
//! ```text
//! configuration ─ fields (+ defaults) ─ tower, stages ─ parts ─ model ┬ memory ┬ Estimate
//!                                               parameters::count ────┴ time ──┘
//! ```
//!
//! Pure. Promise: no configuration causes a panic. Limits: at most twelve parts, nested at most four
//! levels deep. There is no estimate above 2⁶⁰ bytes, and none for a model of which neither the
//! number of parameters nor width and layers are known.

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
use crate::models::estimate::model::Model;
use crate::models::parameters;
use crate::models::quantised;
use range::Span;
use serde::Serialize;
use serde_json::{Map, Value};

/// Uncertainty of a number of parameters that is summed up from widths and layers.
const DERIVED: Span = Span::new(0.7, 1.0, 1.6);
/// Maximum plausible number of parameters, the same as for exact counts.
const MOST_PARAMETERS: f64 = (1u64 << 50) as f64;

/// The work of one generated test.
#[derive(Debug, Clone, Copy)]
pub struct Workload<'a> {
    pub family: &'a str,
    /// Number of inputs that are processed together.
    pub batch: u64,
    /// Number of tokens of one input.
    pub tokens: u64,
    /// Number of generated tokens; 0 if the test does not generate.
    pub new_tokens: u64,
    /// Edge of the image in pixels; 0 for that of the configuration, or the default of the family.
    pub image: u64,
    /// Length of the sound, in seconds.
    pub audio_seconds: f64,
    /// Size of a number on the device, in bytes: 4 or 2.
    pub width: u64,
    /// Whether attention stores its scores.
    pub eager_attention: bool,
    pub backend: Backend,
    pub runtime: Runtime,
    pub role: ScriptRole,
    pub weights: WeightsSource,
    /// Minimum number of measured runs.
    pub iterations: u64,
    /// Minimum duration of the measured runs, in seconds.
    pub min_seconds: f64,
    /// Number of runs before the measured ones.
    pub warm_up: u64,
}

/// The library that runs the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    Torch,
    /// A library that reads a graph which torch exports.
    Exported,
}

/// The purpose of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptRole {
    /// Tests, and computes its own reference.
    Test,
    /// Tests, and compares with a reference from another script.
    Compares,
    /// Computes the reference for other scripts.
    Reference,
    /// Loads the model and runs it once.
    Load,
}

/// The source of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightsSource {
    /// Random weights; nothing is read.
    Random,
    /// Files, from a cache or downloaded.
    Published,
    /// Files if available, otherwise random weights.
    Either,
}

/// Requirements of a test, in bytes, and in milliseconds for time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Number of parameters of the whole model, including inactive experts.
    pub parameters: u64,
    /// Whether the number of parameters is counted or published instead of summed up from widths
    /// and layers.
    pub exact: bool,
    /// Weights in the tested precision, on the device or, without one, on the host.
    pub weights: Range,
    /// Keys and values, or states.
    pub cache: Range,
    /// Activations of one layer, including the attention scores if they are stored.
    pub activations: Range,
    /// Scores of the words of the vocabulary, or masks of images.
    pub logits: Range,
    /// Device memory that the back-end itself uses.
    pub context: Range,
    /// Total device memory; zero if the back-end has no separate memory.
    pub device: Range,
    /// Total resident memory on the host.
    pub host: Range,
    /// Weights, exported graphs and result files. `low` is without weights if they may be random.
    pub disk: Range,
    /// Duration of one attempt, without building its environment.
    pub time: Range,
}

/// Estimates the requirements of a test of the model with this configuration (`config.json`).
/// `published` is the published number of parameters, which is used for types without a formula.
///
/// `None` if the size of the model is unknown, or a number is implausibly large.
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

/// Size of a number in the published files, in bytes, if the configuration states it.
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
