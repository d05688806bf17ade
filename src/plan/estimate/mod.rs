//! What a test needs: memory of host and device, disk and time, from the model's
//! configuration and the shape that is tested.
//!
//! A prior, in three figures: `low` is hardly undercut, `likely` is the best single one, `high`
//! is what is reserved. Measured peaks and medians take its place where there are some
//! ([`crate::plan::history`]). Formulae and how they compare with measurements stand in
//! `docs/estimates.md`. Pure; never panics or wraps, whatever a configuration holds.

mod dimensions;
#[cfg(test)]
mod tests;

use crate::domain::accelerator::Backend;
use crate::plan::parameters;
use dimensions::Dimensions;
use serde::Serialize;
use serde_json::{Map, Value};

/// Interpreter with torch and transformers imported, resident: forked from a warm runner,
/// with what a script usually adds, and with the libraries of an accelerator.
const HOST_BASE: Range = Range { low: 300 << 20, likely: 550 << 20, high: 832 << 20 };
/// Bytes of the parameters that a process has at once on the host, each in fp32. Half
/// precision is made tensor by tensor, so both are there at once only in part.
const HOST_PARAMETER: u64 = 4;
/// Allocators hold more than was asked for.
const MARGIN_PERCENT: u64 = 115;
/// Outputs that a check holds beside each other, in fp32 and partly in double precision.
const HELD_OUTPUTS: u64 = 8;
/// Nothing real needs more; what a configuration says may.
const LIMIT: u64 = 1 << 56;
/// A start of a test with packages imported: forked, or by a fresh interpreter.
const START: Range = Range { low: 100, likely: 3_000, high: 30_000 };
/// Drawing the random weights of a model, in picoseconds a parameter.
const DRAW_PICOS: u64 = 9_000;

/// Bytes, or milliseconds. `low` ≤ `likely` ≤ `high`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Range {
    pub low: u64,
    pub likely: u64,
    pub high: u64,
}

/// What one test does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Workload {
    pub backend: Backend,
    pub batch: u64,
    /// Tokens of a prompt or text; 0: reads none.
    pub tokens: u64,
    /// Tokens that are generated; 0: does not generate.
    pub new_tokens: u64,
    /// Edge of the image in pixels; 0: sees none.
    pub image: u64,
    /// Length of the sound in milliseconds; 0: hears none.
    pub audio_ms: u64,
    /// Bytes of one number where it is tested.
    pub width: u64,
    /// Attention that holds all its scores at once.
    pub eager: bool,
    /// Runs of the model: warm-up, measured ones at least, and those of the checks.
    pub runs: u64,
    /// Measuring takes at least so long, in milliseconds.
    pub measured_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Estimate {
    pub parameters: u64,
    /// Counted by the formula of its type, or published; not derived from its sizes.
    pub exact: bool,
    pub weights: Range,
    /// Keys and values, or states, of what was read.
    pub cache: Range,
    /// One layer while it computes.
    pub activations: Range,
    pub logits: Range,
    /// Driver and libraries on the device before the first tensor.
    pub context: Range,
    /// Memory of the accelerator in all; zeros on the processor.
    pub device: Range,
    /// Memory of the worker in all.
    pub host: Range,
    /// Weights, should they be fetched, and the reference.
    pub disk: Range,
    /// Milliseconds of one attempt once its environment is there.
    pub time: Range,
}

/// Speed of a back-end, from a small device of its kind to a large one.
struct Speed {
    /// Operations in a microsecond.
    operations: Range,
    /// Bytes from its memory in a microsecond.
    bytes: Range,
}

impl Range {
    const fn exactly(value: u64) -> Self {
        Self { low: value, likely: value, high: value }
    }

    fn times(self, factor: u64) -> Option<Self> {
        let times = |value: u64| value.checked_mul(factor);
        Some(Self { low: times(self.low)?, likely: times(self.likely)?, high: times(self.high)? })
    }

    fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            low: self.low.checked_add(other.low)?,
            likely: self.likely.checked_add(other.likely)?,
            high: self.high.checked_add(other.high)?,
        })
    }

    /// From half of it to one and a half times as much: for what depends on the code.
    fn about(value: u64) -> Option<Self> {
        let high = value.checked_add(value / 2)?;
        Some(Self { low: value / 2, likely: value, high })
    }

    fn with_margin(self) -> Option<Self> {
        Some(Self { high: self.high.checked_mul(MARGIN_PERCENT)? / 100, ..self })
    }
}

/// `published` is the number of parameters where that is known of the model, for types that
/// have no formula. None where nothing tells how large the model is, and where numbers leave
/// every bound.
#[must_use]
pub fn estimate(
    config: &Map<String, Value>,
    published: Option<u64>,
    work: &Workload,
) -> Option<Estimate> {
    let model = Dimensions::read(config, work);
    let (total, active, exact) = if let Some(count) = parameters::count(config) {
        (count.total, count.active, true)
    } else if let Some(published) = published {
        (published, published, true)
    } else {
        let derived = model.parameters(config)?;
        (derived, derived, false)
    };
    let batch = work.batch.max(1);
    let sized = |numbers: u128, width: u64| {
        let bytes = numbers.checked_mul(u128::from(batch))?.checked_mul(u128::from(width))?;
        u64::try_from(bytes).ok().filter(|bytes| *bytes <= LIMIT)
    };
    // Where nothing tells the sizes inside: a quarter of the weights, as small models have it.
    let live = |eager: bool| {
        let stacks = model.stacks.iter().map(|stack| stack.live(eager)).max().unwrap_or(0);
        match stacks.max(model.stage) {
            0 => u128::from(total / 4),
            live => live,
        }
    };
    let kept = model.stacks.iter().fold(0u128, |sum, stack| sum.saturating_add(stack.kept()));
    let scored = u128::from(model.vocabulary).saturating_mul(u128::from(model.scored));
    let stored = if exact { Range::exactly(total) } else { Range::about(total)? };
    let weights = stored.times(work.width)?;
    let cache = Range::exactly(sized(kept, work.width)?);
    let activations = Range::about(sized(live(work.eager), work.width)?)?;
    // Some models turn them into fp32 before they are looked at.
    let narrow = sized(scored, work.width)?;
    let logits = Range { low: narrow, likely: narrow, high: sized(scored, 4)? };
    let working = cache.plus(activations)?.plus(logits)?;
    let context = context(work.backend);
    let device = if work.backend.needs_accelerator() {
        weights.plus(working)?.with_margin()?.plus(context)?
    } else {
        Range::default()
    };
    // The reference is computed with plain attention in fp32, from the same process.
    let reference = Range::about(sized(live(true), 4)?)?.plus(Range::exactly(sized(scored, 4)?))?;
    let held =
        Range { low: 0, ..Range::exactly(sized(u128::from(model.vocabulary), 4 * HELD_OUTPUTS)?) };
    let computed = if work.backend.needs_accelerator() { Range::default() } else { working };
    let computed = Range {
        low: 0,
        likely: computed.likely.max(reference.likely),
        high: computed.high.max(reference.high),
    };
    // While precision changes, a part of the weights is there twice.
    let both = if work.width < 4 {
        Range { low: 0, likely: 0, high: weights.high }
    } else {
        Range::default()
    };
    let host = stored.times(HOST_PARAMETER)?.plus(both)?.plus(computed)?.plus(held)?;
    let host = host.with_margin()?.plus(HOST_BASE)?;
    let reference_file = sized(u128::from(model.vocabulary), 8)?;
    let disk = Range {
        low: 0,
        likely: reference_file,
        high: stored.times(4)?.high.checked_add(reference_file)?,
    };
    let time = time(&model, work, total, active)?;
    let found = Estimate {
        parameters: total,
        exact,
        weights,
        cache,
        activations,
        logits,
        context,
        device,
        host,
        disk,
        time,
    };
    (host.high <= LIMIT && device.high <= LIMIT).then_some(found)
}

fn context(backend: Backend) -> Range {
    match backend {
        Backend::Cpu | Backend::OpenVino => Range::default(),
        Backend::Cuda | Backend::Rocm => Range { low: 300 << 20, likely: 600 << 20, high: 1 << 30 },
        _ => Range { low: 100 << 20, likely: 256 << 20, high: 512 << 20 },
    }
}

fn speed(backend: Backend) -> Speed {
    match backend {
        Backend::Cuda | Backend::Rocm | Backend::Hpu | Backend::Tpu => Speed {
            operations: Range { low: 4_000_000, likely: 30_000_000, high: 400_000_000 },
            bytes: Range { low: 150_000, likely: 700_000, high: 4_000_000 },
        },
        Backend::Cpu | Backend::OpenVino => Speed {
            operations: Range { low: 20_000, likely: 80_000, high: 3_000_000 },
            bytes: Range { low: 8_000, likely: 20_000, high: 300_000 },
        },
        _ => Speed {
            operations: Range { low: 500_000, likely: 5_000_000, high: 50_000_000 },
            bytes: Range { low: 50_000, likely: 150_000, high: 1_000_000 },
        },
    }
}

/// Operations or bytes, whichever takes longer, for every run; then drawing the weights, the
/// reference, and the start.
fn time(model: &Dimensions, work: &Workload, total: u64, active: u64) -> Option<Range> {
    let tokens = model.stacks.iter().map(|stack| stack.tokens).max().unwrap_or(1).max(1);
    let samples = u128::from(work.batch.max(1));
    // A network of convolutions uses each weight at many places; 100 is usual.
    let places = if model.stage > 0 { tokens.max(100) } else { tokens };
    let operations = 2 * u128::from(active) * samples * u128::from(places);
    // A new token reads all weights again.
    let bytes = u128::from(active) * u128::from(work.width) * u128::from(work.new_tokens.max(1));
    let one = |speed: &Speed, pick: fn(&Range) -> u64, start: u128| {
        let computing = operations / u128::from(pick(&speed.operations).max(1));
        let reading = bytes / u128::from(pick(&speed.bytes).max(1));
        // In microseconds; a run launches some hundred kernels whatever their size.
        computing.max(reading) + start
    };
    let device = speed(work.backend);
    let host = speed(Backend::Cpu);
    let whole = |pick: fn(&Range) -> u64, start: u64| {
        let run = one(&device, pick, 2_000);
        let runs = run.saturating_mul(u128::from(work.runs));
        let measured = runs.max(u128::from(work.measured_ms) * 1000);
        let reference = one(&host, pick, 2_000);
        let drawing = u128::from(total) * u128::from(DRAW_PICOS) / 1_000_000;
        let micros = measured.saturating_add(reference).saturating_add(drawing);
        u64::try_from(micros / 1000).ok()?.checked_add(start)
    };
    Some(Range {
        low: whole(|range| range.high, START.low)?,
        likely: whole(|range| range.likely, START.likely)?,
        high: whole(|range| range.low, START.high)?,
    })
}
