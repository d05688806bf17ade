//! Counts text-to-speech models.
//!
//! Formulae and defaults follow `modeling_<type>.py` and `configuration_<type>.py` of
//! transformers 5.

use crate::models::parameters::config::{Config, Type};
use crate::models::parameters::size::{Size, conv, embedding, linear, norm};

pub(super) fn find(kind: &str) -> Option<Type> {
    (kind == "vits").then_some(Type { count: vits, default_class: "Model" })
}

/// VITS: a text encoder, a flow, a spectrogram encoder that only training uses, a predictor of
/// durations, and a network that generates the waveform.
fn vits(c: Config) -> Option<Size> {
    if c.class() != "Model" {
        return None;
    }
    let (hidden, flow) = (c.number("hidden_size", 192), c.number("flow_size", 192));
    let speaker = c.number("speaker_embedding_size", 0);
    let speakers = c.number("num_speakers", 1);
    let named = if speakers.get()? > 1 { embedding(speakers, speaker) } else { Size::ZERO };
    let half = flow / 2;
    let coupling = linear(half, hidden, true)
        + wavenet(c, hidden, speaker, c.number("prior_encoder_num_wavenet_layers", 4))
        + linear(hidden, half, true);
    let posterior = linear(c.number("spectrogram_bins", 513), hidden, true)
        + wavenet(c, hidden, speaker, c.number("posterior_encoder_num_wavenet_layers", 16))
        + linear(hidden, 2 * flow, true);
    Some(
        text(c, hidden, flow)
            + c.number("prior_encoder_num_flows", 4) * coupling
            + posterior
            + durations(c, hidden, speaker)?
            + waveform(c, flow, speaker)?
            + named,
    )
}

/// The projection of a speaker embedding to a layer of `width`.
fn voice(speaker: Size, width: Size) -> Size {
    speaker.any() * linear(speaker, width, true)
}

/// The text encoder: attention with relative positions in a window, and convolutions instead of
/// linear layers.
fn text(c: Config, hidden: Size, flow: Size) -> Size {
    let window = c.number("window_size", 4);
    let head = hidden / c.number("num_attention_heads", 2);
    let kernel = c.number("ffn_kernel_size", 3);
    let inner = c.number("ffn_dim", 768);
    let layer = 4 * linear(hidden, hidden, c.flag("use_bias", true))
        + window.any() * 2 * (2 * window + 1) * head
        + conv(hidden, inner, kernel, true)
        + conv(inner, hidden, kernel, true)
        + 2 * norm(hidden);
    embedding(c.number("vocab_size", 38), hidden)
        + c.number("num_hidden_layers", 6) * layer
        + linear(hidden, 2 * flow, true)
}

/// Gated convolutions with weight norm: each has a factor per output channel.
fn wavenet(c: Config, hidden: Size, speaker: Size, layers: Size) -> Size {
    let kernel = c.number("wavenet_kernel_size", 5);
    let factored = |input, output: Size, kernel| conv(input, output, kernel, true) + output;
    let wide = 2 * hidden;
    let one = Size::from(1);
    layers * (factored(hidden, wide, kernel) + factored(hidden, wide, one))
        // The output of the last layer is half as wide.
        - layers.any() * factored(hidden, wide, one)
        + layers.any() * factored(hidden, hidden, one)
        + speaker.any() * factored(speaker, wide * layers, one)
}

fn durations(c: Config, hidden: Size, speaker: Size) -> Option<Size> {
    let kernel = c.number("duration_predictor_kernel_size", 3);
    let one = Size::from(1);
    if c.flag("use_stochastic_duration_prediction", true).get()? == 0 {
        let width = c.number("duration_predictor_filter_channels", 256);
        return Some(
            conv(hidden, width, kernel, true)
                + conv(width, width, kernel, true)
                + 2 * norm(width)
                + linear(width, one, true)
                + voice(speaker, hidden),
        );
    }
    let separable =
        conv(one, hidden, kernel, true) + linear(hidden, hidden, true) + 2 * norm(hidden);
    let separable = c.number("depth_separable_num_layers", 3) * separable;
    let channels = c.number("depth_separable_channels", 2);
    let bins = 3 * c.number("duration_predictor_flow_bins", 10) - 1;
    let flow =
        linear(channels / 2, hidden, true) + separable + linear(hidden, channels / 2 * bins, true);
    let flows = 2 * channels + c.number("duration_predictor_num_flows", 4) * flow;
    let dense = linear(hidden, hidden, true);
    Some(2 * (flows + separable) + 3 * dense + linear(one, hidden, true) + voice(speaker, hidden))
}

/// The waveform generator: each step halves the channels and is followed by residual blocks.
fn waveform(c: Config, flow: Size, speaker: Size) -> Option<Size> {
    let first = c.number("upsample_initial_channel", 512);
    let kernels = c.list("upsample_kernel_sizes", &[16, 16, 4, 4]);
    let rates = c.list("upsample_rates", &[8, 8, 2, 2]);
    let blocks = c.list("resblock_kernel_sizes", &[3, 7, 11]);
    let dilations = c.lengths("resblock_dilation_sizes", &[3, 3, 3])?;
    let mut width = first;
    let mut total = conv(flow, first, 7.into(), true) + voice(speaker, first);
    for (_, kernel) in rates.into_iter().zip(kernels) {
        let narrow = width / 2;
        total = total + conv(width, narrow, kernel, true);
        width = narrow;
        let block = |(kernel, dilations): (&Size, &u64)| {
            2 * Size::from(*dilations) * conv(width, width, *kernel, true)
        };
        total = total + blocks.iter().zip(&dilations).map(block).sum::<Size>();
    }
    Some(total + conv(width, 1.into(), 7.into(), false))
}
