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
//! Pure. Promise: no configuration causes a panic. Limits: at most twelve parts, nested at most
//! four levels deep. There is no estimate above 2⁶⁰ bytes, and none for a model of which neither the
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
mod workload;

pub use model::image_edge;
pub use range::Range;
pub use workload::{Runtime, ScriptRole, WeightsSource, Workload};

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
