//! Estimates the memory of a running test on the device and on the host, and its disk space.
//!
//! Formulae: weights are parameters times the width of a number. Keys and values are
//! `2 · layers · key-value heads · head size · batch · tokens · width`; layers with a window keep
//! at most the window; compressed ones (MLA) are `layers · (rank + rotary part)`; cross attention
//! adds the places of the encoder to those of the decoder; state space layers keep
//! `inner · (state + kernel)`, independent of the length. Activations are those of one layer, since
//! there are no gradients: `batch · tokens · width · max(attention, MLP)`; plain attention stores
//! its scores twice, `batch · heads · tokens²` before and after the softmax. Logits are
//! `batch · tokens · vocabulary`, because templates request them for every input token. They are
//! created after the activations of the last layer are freed, so only the larger of both is
//! needed.
//!
//! The generated scripts create the model on the host in fp32. A script that computes a reference
//! first holds a second copy of the weights, in fp64 or with rounded values in fp32
//! (`reference.py.j2`), while it computes one sample at a time with plain attention. It makes no
//! copy if this memory is not free then, so the low value does not contain it. Afterwards the model
//! is converted and moved tensor by tensor (`runtime_torch.py.j2`), so that it does not exist twice.

use crate::domain::accelerator::Backend;
use crate::models::estimate::model::Model;
use crate::models::estimate::range::Span;
use crate::models::estimate::tower::Tower;
use crate::models::estimate::workload::{Runtime, ScriptRole, WeightsSource, Workload};

const MIB: f64 = (1u64 << 20) as f64;
/// Size of a number on the host, in bytes.
pub(super) const FULL: f64 = 4.0;

/// The interpreter with torch and transformers after the first computation: measured 784 to
/// 903 MiB, and less if memory is short and the system drops pages of libraries
/// (`docs/estimates.md`).
const INTERPRETER: Span = Span::new(512.0 * MIB, 832.0 * MIB, 960.0 * MIB);
/// Host memory for a device: the tables of the driver, and the libraries of torch for the device.
/// Known figures, not measured here.
const DRIVER: Span = Span::new(0.0, 256.0 * MIB, 512.0 * MIB);
/// Device memory of the driver and its libraries before the first tensor: 0.5 to 1 GiB for CUDA and
/// `ROCm`, 0.2 to 0.5 GiB for the others. Known figures, not measured here.
const CONTEXT: Span = Span::new(256.0 * MIB, 640.0 * MIB, 1024.0 * MIB);
const SMALL_CONTEXT: Span = Span::new(64.0 * MIB, 256.0 * MIB, 512.0 * MIB);
/// Overhead of allocators: rounded blocks and fragmentation.
const MARGIN: Span = Span::new(1.0, 1.05, 1.15);
/// Overhead of a conversion tensor by tensor, which holds the largest tensor twice.
const CONVERTED: Span = Span::new(1.0, 1.02, 1.25);
/// Bytes for each parameter of the copy with which a reference computes: fp64 for tests in fp32, fp32
/// for others. The same as `COPY_BYTES` in `precision.py.j2`.
const COPIED: f64 = 8.0;
const COPIED_FOR_HALF: f64 = 4.0;
/// Share of the values of a layer that are in memory: kernels free some, or copy others into other
/// layouts.
const LIVE: Span = Span::new(0.25, 1.0, 2.5);
/// Number of copies of its scores that plain attention holds: the mask and the softmax create some.
const SCORES: Span = Span::new(0.5, 2.0, 3.0);
/// Copies of the weights during an export: the exporter holds a graph, and the runtime its own
/// copy.
const EXPORTED: Span = Span::new(1.0, 2.0, 3.0);
/// Disk space of headers, logs and results.
const FILES: Span = Span::new(0.0, 64.0 * 1024.0, MIB);
/// Number of fp32 outputs in the result of a reference: its own, and one for the errors of each
/// precision.
const PRECISIONS: f64 = 4.0;

/// Memory besides the weights during one run of the model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Working {
    pub cache: Span,
    pub activations: Span,
    pub logits: Span,
}

/// Settings of a run: those of the test, or those of the reference.
#[derive(Debug, Clone, Copy)]
struct RunSettings {
    width: f64,
    eager: bool,
    cached: bool,
}

impl Working {
    /// Total, given that logits are created after the activations are freed.
    pub(super) fn total(self) -> Span {
        self.cache + self.activations.one_or_both(self.logits)
    }
}

/// Memory of a run of the test, in the tested precision.
pub(super) fn tested(model: &Model, workload: &Workload) -> Working {
    let eager = workload.eager_attention;
    working(model, workload, RunSettings { width: width(workload), eager, cached: true })
}

/// Memory for computing a reference, without the loaded weights: a copy of them, and a run of one
/// sample with the numbers of the copy. Zero if the script computes none.
fn reference(model: &Model, parameters: Span, workload: &Workload) -> Span {
    let copied = match workload.role {
        ScriptRole::Compares | ScriptRole::Load => return Span::ZERO,
        ScriptRole::Test if width(workload) < FULL => COPIED_FOR_HALF,
        ScriptRole::Test | ScriptRole::Reference => COPIED,
    };
    let one = Workload { batch: 1, ..*workload };
    let run = working(model, &one, RunSettings { width: copied, eager: true, cached: false });
    (copied * parameters).or_zero() + run.total()
}

pub(super) fn width(workload: &Workload) -> f64 {
    workload.width.clamp(1, 8) as f64
}

fn working(model: &Model, workload: &Workload, settings: RunSettings) -> Working {
    let towers = || model.towers.iter();
    let cache: Span = if settings.cached {
        towers().map(|tower| cache(model, tower, workload, settings.width)).sum()
    } else {
        Span::ZERO
    };
    let live = towers().map(|tower| activations(model, tower, workload, settings));
    let assumed = model.assumed.map_or(0.0, |assumed| assumed.live * workload.batch as f64);
    let activations = live.fold(assumed * settings.width * LIVE, Span::at_least);
    let logits: Span = towers().map(|tower| logits(model, tower, workload, settings.width)).sum();
    let batch = workload.batch as f64;
    let maps = Span::exactly(batch * model.maps * settings.width);
    Working { cache, activations, logits: logits + maps }
}

/// Keys and values of all layers, or states, after the last token.
fn cache(model: &Model, tower: &Tower, workload: &Workload, width: f64) -> Span {
    if !tower.keeps_cache {
        return Span::ZERO;
    }
    let tokens = model.cached_places(tower, workload);
    let seen = match tower.window {
        Some(window) => window.share * tokens.min(window.tokens) + (1.0 - window.share) * tokens,
        None => tokens,
    };
    let attending = tower.layers * tower.attends();
    let per_token = match tower.latent {
        // Before transformers 5, compressed keys and values were kept uncompressed.
        Some(latent) => {
            Span::new(latent.min(tower.pairs), latent.min(tower.pairs), latent.max(tower.pairs))
        }
        None => Span::exactly(tower.pairs),
    };
    let crossed = if tower.has_cross_attention { model.encoder_places(workload) } else { 0.0 };
    let states = tower.state.map_or(0.0, |state| {
        tower.layers * state.share * state.inner * (state.size + state.kernel)
    });
    let batch = workload.batch as f64;
    batch * width * (attending * (seen + crossed) * per_token + Span::exactly(states))
}

/// Activations of one layer of a tower, or of the largest stage.
fn activations(model: &Model, tower: &Tower, workload: &Workload, settings: RunSettings) -> Span {
    let batch = workload.batch as f64;
    let places = model.input_places(tower, workload);
    let attention = tower.queries + tower.pairs + 2.0 * tower.width;
    let inner = match &tower.experts {
        // If kinds of layers alternate, the larger kind decides.
        Some(experts) if experts.share < 1.0 => {
            (experts.chosen * experts.inner + experts.shared).max(tower.inner)
        }
        Some(experts) => experts.chosen * experts.inner + experts.shared,
        None => tower.inner,
    };
    let mlp = 2.0 * inner + 2.0 * tower.width;
    // Without fused kernels, the states of all places are in memory in fp32, three times: decay,
    // input and product.
    let states = tower
        .state
        .map_or(0.0, |state| (state.inner * (state.size * 3.0 + 4.0)) * FULL / settings.width);
    let numbers = places * attention.max(mlp).max(states);
    let scores =
        if settings.eager || tower.only_eager { tower.heads * places * places } else { 0.0 };
    let staged = tower.stages.iter().map(|stage| {
        let places = model.stage_places(stage, tower, workload);
        (places * stage.live, places * stage.attention.scores(places))
    });
    let (stage, windows) = staged.fold((0.0, 0.0), |(live, scores): (f64, f64), next| {
        (live.max(next.0), scores.max(next.1))
    });
    let scale = batch * settings.width;
    scale * (numbers + stage) * LIVE + scale * (scores + windows) * SCORES
}

/// Scores of all words of the vocabulary, for every input token.
fn logits(model: &Model, tower: &Tower, workload: &Workload, width: f64) -> Span {
    if !tower.has_logits {
        return Span::ZERO;
    }
    // Some models and older versions convert them to fp32.
    let bytes = Span::new(width, width, width.max(FULL));
    // The check of the cache reads one token more than the prompt, without logits for it.
    let tokens = (model.input_places(tower, workload) - 1.0).max(1.0);
    (workload.batch as f64 * tokens * tower.vocabulary) * bytes
}

/// Device memory: weights, working memory, and the context of the driver.
pub(super) fn device(weights: Span, working: Working, workload: &Workload) -> Span {
    match context(workload.backend) {
        Some(context) => MARGIN * (weights + working.total()) + context,
        None => Span::ZERO,
    }
}

/// Device memory of a back-end before the first tensor; `None` if it has no separate memory.
pub(super) fn context(backend: Option<Backend>) -> Option<Span> {
    Some(match backend? {
        Backend::CUDA | Backend::ROCM => CONTEXT,
        _ => SMALL_CONTEXT,
    })
}

/// Resident memory on the host: the interpreter, the weights in fp32, and the larger of reference
/// and test, which run one after the other.
pub(super) fn host(model: &Model, parameters: Span, tested: Working, workload: &Workload) -> Span {
    let on_device = workload.backend.is_some();
    let run = if on_device { Span::ZERO } else { tested.total() };
    let graph = match workload.runtime {
        Runtime::Torch => Span::ZERO,
        Runtime::Exported => width(workload) * (parameters * EXPORTED),
    };
    let driver = if on_device { DRIVER } else { Span::ZERO };
    let weights = FULL * (parameters * CONVERTED);
    let working = (graph + run).at_least(reference(model, parameters, workload));
    INTERPRETER + driver + MARGIN * (weights + working)
}

/// Disk space: weights unless they are random, an exported graph, and the output of a reference.
pub(super) fn disk(
    model: &Model,
    parameters: Span,
    published: Option<f64>,
    workload: &Workload,
) -> Span {
    let width_there = match published {
        Some(width) => Span::new(width, width, width),
        None => Span::new(2.0, FULL, FULL),
    };
    let weights = match workload.weights {
        WeightsSource::Random => Span::ZERO,
        WeightsSource::Published => parameters * width_there,
        WeightsSource::Either => (parameters * width_there).or_zero(),
    };
    let graph = match workload.runtime {
        Runtime::Torch => Span::ZERO,
        Runtime::Exported => width(workload) * parameters,
    };
    let output = match workload.role {
        ScriptRole::Reference => (PRECISIONS * FULL * outputs(model, workload)) * LIVE,
        ScriptRole::Test | ScriptRole::Compares | ScriptRole::Load => Span::ZERO,
    };
    weights + graph + output + FILES
}

/// Maximum number of values in the compared output.
fn outputs(model: &Model, workload: &Workload) -> f64 {
    let of_tower = |tower: &Tower| {
        if tower.has_logits {
            2.0 * tower.vocabulary
        } else {
            model.input_places(tower, workload) * tower.width
        }
    };
    let largest = model.towers.iter().map(of_tower).fold(0.0, f64::max);
    workload.batch as f64 * (largest + model.maps)
}
