//! Counts audio models that read a waveform: their layers, and the head of each class.
//!
//! Formulae and defaults follow `modeling_<type>.py` and `configuration_<type>.py` of
//! transformers 5.

use crate::models::parameters::config::{Config, Type};
use crate::models::parameters::size::{Size, block, conv, embedding, linear, norm};

pub(super) fn find(kind: &str) -> Option<Type> {
    let count: fn(Config) -> Option<Size> = match kind {
        "wav2vec2" => wav2vec2,
        "hubert" => hubert,
        "wavlm" => wavlm,
        "encodec" => encodec,
        _ => return None,
    };
    Some(Type { count, default_class: "Model" })
}

fn wav2vec2(c: Config) -> Option<Size> {
    encoder(c, true.into(), Size::ZERO, Size::ZERO)
}

/// Hubert: the norm of the features is optional, and the positions use a batch or weight norm.
fn hubert(c: Config) -> Option<Size> {
    let normalised = c.flag("feat_proj_layer_norm", true);
    encoder(c, normalised, c.flag("conv_pos_batch_norm", false), Size::ZERO)
}

/// `WavLM`: a gate in each layer weights the distances, whose table is in the first layer.
fn wavlm(c: Config) -> Option<Size> {
    let heads = c.number("num_attention_heads", 12);
    let layers = c.number("num_hidden_layers", 12);
    let gate = heads + linear(c.number("hidden_size", 768) / heads, 8.into(), true);
    let table = embedding(c.number("num_buckets", 320), heads);
    encoder(c, true.into(), Size::ZERO, layers * gate + layers.any() * table)
}

/// The encoder of a wav2vec 2.0 model. `distances` are the parameters of the relative positions of
/// all layers.
fn encoder(c: Config, normalised: Size, batch_norm: Size, distances: Size) -> Option<Size> {
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
    let body = features
        + normalised * norm(width)
        + linear(width, hidden, true)
        + masks.any() * hidden
        + positions
        + norm(hidden)
        + c.number("num_hidden_layers", 12) * layer
        + distances
        + adapter_network(c, hidden);
    Some(body + class_head(c, hidden, width)?)
}

/// Width of the output: that of the adapter network if there is one.
fn output_width(c: Config, hidden: Size) -> Size {
    let adapted = c.number("output_hidden_size", hidden);
    match c.flag("add_adapter", false).get() {
        Some(0) => hidden,
        Some(_) => adapted,
        None => Size::UNKNOWN,
    }
}

/// The adapter network, which shortens the output of the layers.
fn adapter_network(c: Config, hidden: Size) -> Size {
    let width = output_width(c, hidden);
    let project =
        if width == hidden { Size::ZERO } else { linear(hidden, width, true) + norm(width) };
    let kernel = c.number("adapter_kernel_size", 3);
    let layers = c.number("num_adapter_layers", 3) * conv(width, 2 * width, kernel, true);
    c.flag("add_adapter", false) * (project + layers)
}

/// The head of the class. `features` is the width of the output of the convolutions.
fn class_head(c: Config, hidden: Size, features: Size) -> Option<Size> {
    let weights = c.flag("use_weighted_layer_sum", false) * (c.number("num_hidden_layers", 12) + 1);
    Some(match c.class() {
        "Model" => Size::ZERO,
        "CTC" => linear(output_width(c, hidden), c.number("vocab_size", 32), true),
        "SequenceClassification" => {
            let between = c.number("classifier_proj_size", 256);
            weights + linear(hidden, between, true) + c.classifier(between)
        }
        "AudioFrameClassification" => weights + c.classifier(hidden),
        "XVector" => weights + speaker(c, hidden)?,
        "PreTraining" => {
            let groups = c.number("num_codevector_groups", 2);
            let vectors = groups * c.number("num_codevectors_per_group", 320);
            let width = c.number("codevector_dim", 256);
            let shared = c.number("proj_codevector_dim", 256);
            vectors * (width / groups)
                + linear(features, vectors, true)
                + linear(hidden, shared, true)
                + linear(width, shared, true)
        }
        _ => return None,
    })
}

/// The speaker head: convolutions over time, then one vector for the whole recording.
fn speaker(c: Config, hidden: Size) -> Option<Size> {
    let widths = c.list("tdnn_dim", &[512, 512, 512, 512, 1500]);
    let kernels = c.list("tdnn_kernel", &[5, 3, 3, 1, 1]);
    let (first, last) = (*widths.first()?, *widths.last()?);
    if kernels.len() < widths.len() {
        return None;
    }
    let mut before = first;
    let mut layers = Size::ZERO;
    for (width, kernel) in widths.into_iter().zip(kernels) {
        layers = layers + linear(before * kernel, width, true);
        before = width;
    }
    let output = c.number("xvector_output_dim", 512);
    Some(
        linear(hidden, first, true)
            + layers
            + linear(2 * last, output, true)
            + linear(output, output, true)
            // Weights of the loss.
            + output * c.labels(),
    )
}

/// The convolutions over the waveform, and the width of the last one.
fn features(c: Config) -> (Size, Size) {
    let widths = c.list("conv_dim", &[512; 7]);
    let kernels = c.list("conv_kernel", &[10, 3, 3, 3, 3, 2, 2]);
    let bias = c.flag("conv_bias", false);
    // Every convolution has a norm, or only the first one.
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

/// The adapter for one language in each layer of a fine-tuned model.
fn adapter(c: Config, hidden: Size) -> Size {
    let Some(width) = c.optional("adapter_attn_dim") else { return Size::ZERO };
    let adapter = norm(hidden) + linear(hidden, width, true) + linear(width, hidden, true);
    c.flag("do_stable_layer_norm", false) * adapter
}

/// `EnCodec`: convolutions that shorten the sound by `upsampling_ratios` and double the width, a
/// recurrent network, and the mirrored decoder. The codebooks are not parameters.
fn encodec(c: Config) -> Option<Size> {
    if c.class() != "Model" {
        return None;
    }
    let weighted = match c.text("norm_type", "weight_norm") {
        "weight_norm" => true,
        "time_group_norm" => false,
        _ => return None,
    };
    // A factor per channel of the first dimension of the weights, or a norm of the output.
    let extra = |first: Size, output: Size| if weighted { first } else { norm(output) };
    let layer = |input: Size, output: Size, kernel: Size| {
        conv(input, output, kernel, true) + extra(output, output)
    };
    let (channels, filters) = (c.number("audio_channels", 1), c.number("num_filters", 32));
    let (kernel, last) = (c.number("kernel_size", 7), c.number("last_kernel_size", 7));
    let residuals = c.number("num_residual_layers", 1);
    let residual = |width: Size| {
        let narrow = width / c.number("compress", 2);
        layer(width, narrow, c.number("residual_kernel_size", 3))
            + layer(narrow, width, 1.into())
            + c.flag("use_conv_shortcut", true) * layer(width, width, 1.into())
    };
    let mut width = filters;
    let mut total = layer(channels, filters, kernel) + layer(filters, channels, last);
    for ratio in c.list("upsampling_ratios", &[8, 5, 4, 2]).into_iter().rev() {
        let wide = 2 * width;
        total = total
            + 2 * residuals * residual(width)
            + layer(width, wide, 2 * ratio)
            // The decoder: the first dimension of its weights is the wider one.
            + conv(wide, width, 2 * ratio, false)
            + width
            + extra(wide, width);
        width = wide;
    }
    let hidden = c.number("hidden_size", 128);
    let recurrent = c.number("num_lstm_layers", 2) * (8 * width * width + 8 * width);
    Some(total + 2 * recurrent + layer(width, hidden, last) + layer(hidden, width, kernel))
}
