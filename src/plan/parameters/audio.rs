//! Audio encoders as `AutoModel` loads them: they hear a waveform.
//!
//! Formulae and defaults follow `modeling_<type>.py` and `configuration_<type>.py` of
//! transformers 5; the adapter network that may follow the encoder is not counted.

use crate::plan::parameters::config::Config;
use crate::plan::parameters::size::{Size, block, conv, linear, norm};
use crate::plan::parameters::{Formula, Formula::Dense};

pub(super) fn find(kind: &str) -> Option<Formula> {
    Some(match kind {
        "wav2vec2" => Dense(|c| encoder(c, true.into(), Size::ZERO)),
        "hubert" => Dense(|c| {
            encoder(c, c.flag("feat_proj_layer_norm", true), c.flag("conv_pos_batch_norm", false))
        }),
        _ => return None,
    })
}

/// The features are normalised or not, positions by batch or by weight.
fn encoder(c: Config, normalised: Size, batch_norm: Size) -> Size {
    let hidden = c.number("hidden_size", 768);
    let (features, width) = features(c);
    let kernel = c.number("num_conv_pos_embeddings", 128);
    let groups = c.number("num_conv_pos_embedding_groups", 16);
    let positions = conv(hidden / groups, hidden, kernel, true)
        + batch_norm * norm(hidden)
        // One factor for each cell of the kernel.
        + (Size::from(1) - batch_norm) * kernel;
    let masks = c.positive("mask_time_prob", 0.05) + c.positive("mask_feature_prob", 0.0);
    let layer = block(hidden, c.number("intermediate_size", 3072)) + adapter(c, hidden);
    features
        + normalised * norm(width)
        + linear(width, hidden, true)
        + masks.any() * hidden
        + positions
        + norm(hidden)
        + c.number("num_hidden_layers", 12) * layer
        + c.without("add_adapter")
}

/// Convolutions over the waveform, and the width of the last.
fn features(c: Config) -> (Size, Size) {
    let widths = c.list("conv_dim", &[512; 7]);
    let kernels = c.list("conv_kernel", &[10, 3, 3, 3, 3, 2, 2]);
    let bias = c.flag("conv_bias", false);
    // A norm for each convolution, or for the first only.
    let norms = match c.text("feat_extract_norm", "group") {
        "group" => 1,
        "layer" => widths.len(),
        _ => return (Size::UNKNOWN, Size::UNKNOWN),
    };
    if widths.len() != kernels.len() {
        return (Size::UNKNOWN, Size::UNKNOWN);
    }
    let mut before = Size::from(1);
    let mut total = Size::ZERO;
    for (index, (width, kernel)) in widths.into_iter().zip(kernels).enumerate() {
        let normalised = Size::from(index < norms);
        total = total + conv(before, width, kernel, bias) + normalised * norm(width);
        before = width;
    }
    (total, before)
}

/// What fine-tuned models have in each layer for one language.
fn adapter(c: Config, hidden: Size) -> Size {
    let Some(width) = c.optional("adapter_attn_dim") else { return Size::ZERO };
    let adapter = norm(hidden) + linear(hidden, width, true) + linear(width, hidden, true);
    c.flag("do_stable_layer_norm", false) * adapter
}
