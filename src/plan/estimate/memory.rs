//! Bytes that a test holds while it runs: on the device, on the host and on disk.
//!
//! Formulae: weights are parameters times the width of a number. Keys and values are
//! `2 · layers · key-value heads · head size · batch · tokens · width`, of which layers with a
//! window keep no more than that; compressed ones (MLA) `layers · (rank + rotary part)`;
//! cross attention the encoder's places besides the decoder's; state space layers
//! `inner · (state + kernel)`, whatever the length. Activations are those of one layer, since
//! no gradients are kept: `batch · tokens · width · max(attention, MLP)`; plain attention
//! holds its scores twice, `batch · heads · tokens²`, before and after the softmax. Logits
//! are `batch · tokens · vocabulary`, for every token that is read: templates ask models for
//! all. They come when the last layer's activations are gone, so only the larger counts.
//!
//! What generated scripts do with them: the model is made on the host in fp32 and converted
//! and moved tensor by tensor (`weights.py.j2`), never held twice in whole; the reference is
//! computed there in fp32 with plain attention and without a cache (`reference.py.j2`),
//! before the model moves (`runtime_torch.py.j2`).

use crate::domain::accelerator::Backend;
use crate::plan::estimate::model::Model;
use crate::plan::estimate::range::Span;
use crate::plan::estimate::tower::Tower;
use crate::plan::estimate::{Role, Runtime, Source, Workload};

const MIB: f64 = (1u64 << 20) as f64;
/// Width of the host's numbers.
pub(super) const FULL: f64 = 4.0;

/// Interpreter with torch and transformers imported, and what the first computation sets up:
/// measured 784 to 903 MiB, and less where pages of libraries are taken back for want of memory
/// (`docs/estimates.md`).
const INTERPRETER: Span = Span::new(512.0 * MIB, 832.0 * MIB, 960.0 * MIB);
/// What the host keeps for a device: the driver's tables and the libraries of its build of
/// torch. From what such processes are known to take, not measured here.
const DRIVER: Span = Span::new(0.0, 256.0 * MIB, 512.0 * MIB);
/// What a driver and its libraries take on a device before the first tensor: 0.5 to 1 GiB for
/// CUDA and `ROCm`, 0.2 to 0.5 for the others. Known figures, not measured here.
const CONTEXT: Span = Span::new(256.0 * MIB, 640.0 * MIB, 1024.0 * MIB);
const SMALL_CONTEXT: Span = Span::new(64.0 * MIB, 256.0 * MIB, 512.0 * MIB);
/// What allocators keep beyond what is asked for: blocks are rounded and fall apart.
const MARGIN: Span = Span::new(1.0, 1.05, 1.15);
/// Conversions are made tensor by tensor, the largest of which is held twice.
const CONVERTED: Span = Span::new(1.0, 1.02, 1.25);
/// Kernels hold less than all that a layer makes, or copies in other layouts besides.
const LIVE: Span = Span::new(0.25, 1.0, 2.5);
/// Scores that plain attention holds at a time: the mask or the softmax is added to a copy.
const SCORES: Span = Span::new(0.5, 2.0, 3.0);
/// An exporter holds the graph beside the model, and the runtime its own copy.
const EXPORTED: Span = Span::new(1.0, 2.0, 3.0);
/// Headers, logs and results.
const FILES: Span = Span::new(0.0, 64.0 * 1024.0, MIB);
/// Outputs that a reference hands on, in fp32: its own, and one for the errors of each precision.
const PRECISIONS: f64 = 4.0;

/// What lives besides the weights during one run of the model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Working {
    pub cache: Span,
    pub activations: Span,
    pub logits: Span,
}

/// How the model is run: as tested, or as the reference.
#[derive(Debug, Clone, Copy)]
struct Manner {
    width: f64,
    eager: bool,
    cached: bool,
}

impl Working {
    /// Logits come when the activations are gone.
    pub(super) fn total(self) -> Span {
        self.cache + self.activations.one_or_both(self.logits)
    }
}

/// As tested, in the precision that is tested.
pub(super) fn tested(model: &Model, workload: &Workload) -> Working {
    let eager = workload.eager_attention;
    working(model, workload, Manner { width: width(workload), eager, cached: true })
}

/// Of the reference.
fn reference(model: &Model, workload: &Workload) -> Working {
    working(model, workload, Manner { width: FULL, eager: true, cached: false })
}

pub(super) fn width(workload: &Workload) -> f64 {
    workload.width.clamp(1, 8) as f64
}

fn working(model: &Model, workload: &Workload, manner: Manner) -> Working {
    let towers = || model.towers.iter();
    let cache: Span = if manner.cached {
        towers().map(|tower| cache(model, tower, workload, manner.width)).sum()
    } else {
        Span::ZERO
    };
    let live = towers().map(|tower| activations(model, tower, workload, manner));
    let unseen = model.unseen.map_or(0.0, |unseen| unseen.live * workload.batch as f64);
    let activations = live.fold(unseen * manner.width * LIVE, Span::at_least);
    let logits: Span = towers().map(|tower| logits(model, tower, workload, manner.width)).sum();
    let batch = workload.batch as f64;
    let maps = Span::exactly(batch * model.maps * manner.width);
    Working { cache, activations, logits: logits + maps }
}

/// Keys and values of all layers, or states, when the last token is written.
fn cache(model: &Model, tower: &Tower, workload: &Workload, width: f64) -> Span {
    if !tower.keeps {
        return Span::ZERO;
    }
    let tokens = model.kept_by(tower, workload);
    let seen = match tower.window {
        Some(window) => window.share * tokens.min(window.tokens) + (1.0 - window.share) * tokens,
        None => tokens,
    };
    let attending = tower.layers * tower.attends();
    let per_token = match tower.latent {
        // Before transformers 5 what is compressed was kept unpacked.
        Some(latent) => {
            Span::new(latent.min(tower.pairs), latent.min(tower.pairs), latent.max(tower.pairs))
        }
        None => Span::exactly(tower.pairs),
    };
    let crossed = if tower.crosses { model.crossed(workload) } else { 0.0 };
    let states = tower.state.map_or(0.0, |state| {
        tower.layers * state.share * state.inner * (state.size + state.kernel)
    });
    let batch = workload.batch as f64;
    batch * width * (attending * (seen + crossed) * per_token + Span::exactly(states))
}

/// One live layer of a tower, or the largest stage.
fn activations(model: &Model, tower: &Tower, workload: &Workload, manner: Manner) -> Span {
    let batch = workload.batch as f64;
    let places = model.read_by(tower, workload);
    let attention = tower.queries + tower.pairs + 2.0 * tower.width;
    let inner = match &tower.experts {
        // Where layers alternate, the larger kind decides.
        Some(experts) if experts.share < 1.0 => {
            (experts.chosen * experts.inner + experts.shared).max(tower.inner)
        }
        Some(experts) => experts.chosen * experts.inner + experts.shared,
        None => tower.inner,
    };
    let mlp = 2.0 * inner + 2.0 * tower.width;
    // Without fused kernels the whole course of the state is laid out, in fp32 and thrice:
    // decay, input and product.
    let states = tower
        .state
        .map_or(0.0, |state| (state.inner * (state.size * 3.0 + 4.0)) * FULL / manner.width);
    let numbers = places * attention.max(mlp).max(states);
    let scores = if manner.eager || tower.only_eager { tower.heads * places * places } else { 0.0 };
    let staged = tower.stages.iter().map(|stage| {
        let places = model.places_of(stage, tower, workload);
        (places * stage.live, places * stage.attention.scores(places))
    });
    let (stage, windows) = staged.fold((0.0, 0.0), |(live, scores): (f64, f64), next| {
        (live.max(next.0), scores.max(next.1))
    });
    let scale = batch * manner.width;
    scale * (numbers + stage) * LIVE + scale * (scores + windows) * SCORES
}

/// Values for every word of the vocabulary, after every token that is read.
fn logits(model: &Model, tower: &Tower, workload: &Workload, width: f64) -> Span {
    if !tower.speaks {
        return Span::ZERO;
    }
    // Some models, and older versions, turn them into fp32.
    let bytes = Span::new(width, width, width.max(FULL));
    // Templates read one token more than the prompt to check the cache; the prompt counts.
    let tokens = (model.read_by(tower, workload) - 1.0).max(1.0);
    (workload.batch as f64 * tokens * tower.vocabulary) * bytes
}

/// On the device: weights, and what lives besides them, and what the driver takes.
pub(super) fn device(weights: Span, working: Working, workload: &Workload) -> Span {
    match context(workload.backend) {
        Some(context) => MARGIN * (weights + working.total()) + context,
        None => Span::ZERO,
    }
}

/// What a back-end takes before the first tensor; `None` where it has no memory of its own.
pub(super) fn context(backend: Backend) -> Option<Span> {
    backend.needs_accelerator().then_some(match backend {
        Backend::Cuda | Backend::Rocm => CONTEXT,
        _ => SMALL_CONTEXT,
    })
}

/// Resident on the host: interpreter, weights in fp32, and the larger of reference and test,
/// which come one after the other.
pub(super) fn host(model: &Model, parameters: Span, tested: Working, workload: &Workload) -> Span {
    let on_device = workload.backend.needs_accelerator();
    let run = if on_device { Span::ZERO } else { tested.total() };
    let computed = reference(model, workload).total();
    let working = match workload.role {
        Role::Compares | Role::Load => run,
        Role::Test | Role::Reference => run.at_least(computed),
    };
    let graph = match workload.runtime {
        Runtime::Torch => Span::ZERO,
        Runtime::Exported => width(workload) * (parameters * EXPORTED),
    };
    let driver = if on_device { DRIVER } else { Span::ZERO };
    let weights = FULL * (parameters * CONVERTED);
    INTERPRETER + driver + MARGIN * (weights + graph + working)
}

/// Files: weights where they are not drawn, an exported graph, and what a reference hands on.
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
        Source::Random => Span::ZERO,
        Source::Published => parameters * width_there,
        Source::Either => (parameters * width_there).perhaps(),
    };
    let graph = match workload.runtime {
        Runtime::Torch => Span::ZERO,
        Runtime::Exported => width(workload) * parameters,
    };
    let output = match workload.role {
        Role::Reference => (PRECISIONS * FULL * outputs(model, workload)) * LIVE,
        Role::Test | Role::Compares | Role::Load => Span::ZERO,
    };
    weights + graph + output + FILES
}

/// Numbers in the output that is compared, at most.
fn outputs(model: &Model, workload: &Workload) -> f64 {
    let of_tower = |tower: &Tower| {
        if tower.speaks {
            2.0 * tower.vocabulary
        } else {
            model.read_by(tower, workload) * tower.width
        }
    };
    let largest = model.towers.iter().map(of_tower).fold(0.0, f64::max);
    workload.batch as f64 * (largest + model.maps)
}
