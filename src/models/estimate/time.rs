//! Estimates the duration of one attempt without building its environment: a prior, until medians
//! of earlier runs are known.
//!
//! One pass takes the longer of computing (`2 · active parameters · tokens`, and
//! `4 · tokens² · width` for attention) and reading the weights, plus a constant time for every
//! layer that Python calls. Generating is one pass for the prompt and one pass for every further
//! token. The hardware is unknown, so the range spans a factor of about a hundred. The figures are
//! those of typical test machines, not of the fastest ones:
//!
//! - a CPU computes 5 (two busy cores; 150 idle ones, measured) to 1000 billion operations per
//!   second and reads 5 to 100 GB per second; without instructions for a narrow precision, a tenth;
//! - a device computes 1 to 300 thousand billion operations and reads 50 to 2000 GB per second;
//! - calling a layer takes 0.02 to 2 ms;
//! - generating a random weight takes 0.5 to 60 ns (8 to 30 measured), rounding it takes less.

use crate::models::estimate::memory;
use crate::models::estimate::model::Model;
use crate::models::estimate::range::Span;
use crate::models::estimate::stages::Stage;
use crate::models::estimate::tower::Tower;
use crate::models::estimate::workload::{Runtime, ScriptRole, WeightsSource, Workload};

const MILLISECONDS: f64 = 1e3;
/// Seconds for starting an interpreter and importing the libraries; less in a warm runner.
const START: Span = Span::new(0.2, 5.0, 40.0);
/// Seconds per parameter for generating random weights or reading files.
const BUILD: Span = Span::new(0.5e-9, 16e-9, 60e-9);
/// Seconds per parameter and precision for rounding the weights of a reference.
const ROUND: Span = Span::new(0.1e-9, 2e-9, 10e-9);
/// Duration of settling random weights, in passes of one sample in fp32: one pass with gradients.
const SETTLE_PASSES: f64 = 2.0;
/// Duration of a reference in fp32: one pass in fp64, which takes the time of two, and three in fp32.
const FULL_PASSES: f64 = 5.0;
/// Passes of a reference in a narrow precision: three samples with rounded weights, and three in that
/// precision.
const ROUNDED_PASSES: f64 = 3.0;
const NARROW_PASSES: f64 = 3.0;
/// Passes of the model changed in standard ways, and two of the unchanged model.
const CHANGED_PASSES: f64 = 7.0;
/// Seconds for calling one layer from Python.
const CALL: Span = Span::new(2e-5, 3e-4, 2e-3);
/// Seconds per parameter for exporting.
const EXPORT: Span = Span::new(1e-9, 1e-8, 1e-7);
/// Seconds per layer for exporting.
const EXPORT_LAYER: Span = Span::new(0.1, 0.5, 3.0);

/// Likely maximum number of runs after which the times of a warm-up have settled. Measured over 4 seeds of
/// 5 models on a core without other programs: 6 to 9 runs.
const SETTLED_RUNS: u64 = 10;

/// Speed of some hardware: seconds per operation, and per byte read.
#[derive(Debug, Clone, Copy)]
struct Speed {
    operation: Span,
    byte: Span,
}

const PROCESSOR: Speed =
    Speed { operation: Span::new(1e-12, 2e-11, 2e-10), byte: Span::new(1e-11, 5e-11, 2e-10) };
/// Factor for narrow precisions, for which a CPU may lack instructions.
const NARROW: Span = Span::new(0.3, 1.5, 10.0);
const DEVICE: Speed =
    Speed { operation: Span::new(3.3e-15, 5e-14, 1e-12), byte: Span::new(5e-13, 2e-12, 2e-11) };

/// Seconds of one pass. `writing` is a pass that generates one token.
fn pass(model: &Model, workload: &Workload, speed: Speed, writing: bool) -> Span {
    let towers = model.towers.iter().filter(|tower| !writing || tower.keeps_cache);
    let assumed = model.assumed.map_or(0.0, |assumed| assumed.operations * workload.batch as f64);
    let seen: Span = towers.map(|tower| of_tower(model, tower, workload, speed, writing)).sum();
    seen + assumed * speed.operation
}

fn of_tower(
    model: &Model,
    tower: &Tower,
    workload: &Workload,
    speed: Speed,
    writing: bool,
) -> Span {
    let all = model.input_places(tower, workload);
    let (places, seen) =
        if writing { (1.0, model.cached_places(tower, workload)) } else { (all, all) };
    let head = if tower.has_logits { tower.vocabulary * tower.width } else { 0.0 };
    let attention = 2.0 * tower.layers * tower.queries * seen;
    let of_stage =
        |stage: &Stage| model.stage_places(stage, tower, workload) * stage.depth * stage.parameters;
    let stages: f64 = tower.stages.iter().map(of_stage).sum();
    let once = 2.0 * places * (tower.active() + head + attention) + 2.0 * stages;
    let operations = workload.batch as f64 * once;
    let weights = memory::width(workload) * (tower.active() + head);
    let depth: f64 = tower.stages.iter().map(|stage| stage.depth).sum();
    (operations * speed.operation).at_least(weights * speed.byte) + (tower.layers + depth) * CALL
}

/// Duration of an attempt, in milliseconds.
pub(super) fn attempt(model: &Model, parameters: Span, workload: &Workload) -> Span {
    let narrow = workload.width < 4;
    let tested = match (workload.backend.is_some(), narrow) {
        (true, _) => DEVICE,
        (false, false) => PROCESSOR,
        (false, true) => Speed { operation: PROCESSOR.operation * NARROW, byte: PROCESSOR.byte },
    };
    let build = parameters * BUILD;
    let sample = pass(model, &Workload { batch: 1, ..*workload }, PROCESSOR, false);
    let rounded = ROUNDED_PASSES * sample + NARROW_PASSES * (sample * NARROW) + parameters * ROUND;
    let settled = if workload.weights == WeightsSource::Published { 0.0 } else { SETTLE_PASSES };
    let computed = match workload.role {
        ScriptRole::Reference => {
            let passes = (settled + FULL_PASSES + CHANGED_PASSES) * sample + 2.0 * rounded;
            return MILLISECONDS * (START + build + passes);
        }
        ScriptRole::Compares | ScriptRole::Load => settled * sample,
        ScriptRole::Test if narrow => (settled + CHANGED_PASSES) * sample + rounded,
        ScriptRole::Test => (settled + FULL_PASSES + CHANGED_PASSES) * sample,
    };
    let prompt = pass(model, workload, tested, false);
    let token = pass(model, workload, tested, true);
    let generates = matches!(workload.runtime, Runtime::Torch) && workload.new_tokens > 0;
    let run = |tokens: f64| if generates { prompt + tokens * token } else { prompt };
    if workload.role == ScriptRole::Load {
        return MILLISECONDS * (START + build + run(1.0));
    }
    let measured = run((workload.new_tokens as f64 - 1.0).max(0.0));
    let seconds = if workload.min_seconds.is_finite() { workload.min_seconds } else { 0.0 };
    let least = Span::exactly(seconds.clamp(0.0, 1e9));
    let measure = (workload.iterations as f64 * measured).at_least(least);
    // The first run, the run that measures memory, and up to three checks.
    let checks = if workload.batch > 1 { 3.0 } else { 1.0 };
    let further = measured + (1.0 + checks) * run(1.0);
    let warm = workload.warm_up.min(SETTLED_RUNS) as f64 * run(1.0);
    let layers: f64 = model.towers.iter().map(|tower| tower.layers).sum();
    let export = match workload.runtime {
        Runtime::Torch => Span::ZERO,
        Runtime::Exported => parameters * EXPORT + layers * EXPORT_LAYER,
    };
    MILLISECONDS * (START + build + computed + export + further + warm + measure)
}
