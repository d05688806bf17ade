//! Counts time series models that read patches of values: their layers, and the head of each class.
//!
//! Formulae and defaults follow `modeling_<type>.py` and `configuration_<type>.py` of
//! transformers 5.

use crate::models::parameters::config::{Config, Type};
use crate::models::parameters::size::{Size, linear, norm};

pub(super) fn find(kind: &str) -> Option<Type> {
    (kind == "patchtst").then_some(Type { count: patchtst, default_class: "Prediction" })
}

fn patchtst(c: Config) -> Option<Size> {
    let width = c.number("d_model", 128);
    let channels = c.number("num_input_channels", 1);
    let patch = c.number("patch_length", 1);
    let length = c.number("context_length", 32);
    let patches = (length.at_least(patch) - patch) / c.number("patch_stride", 1) + 1;
    let bias = c.flag("bias", true);
    let first = c.flag("use_cls_token", false);
    let shared = c.flag("share_embedding", true);
    let across = c.flag("channel_attention", false);
    let inner = c.number("ffn_dim", 512);
    // Layer norms and batch norms have the same size. Attention across channels adds one norm.
    let layer = 4 * linear(width, width, true)
        + linear(width, inner, bias)
        + linear(inner, width, bias)
        + (2 + across) * norm(width);
    let embedded = linear(patch, width, true);
    let readers = shared + (Size::from(1) - shared) * channels;
    let body = readers * embedded
        + first * width
        // Computed positions are parameters, too.
        + (patches + first) * width
        + c.number("num_hidden_layers", 3) * layer;
    let pooled = first.get()? == 1 || c.has_text("pooling_type", "mean");
    let head = match c.class() {
        "Model" => Size::ZERO,
        "Pretraining" => linear(width, patch, true),
        "Classification" => linear(channels * width, c.number("num_targets", 1), true),
        "Regression" => outputs(c, channels * width, c.number("num_targets", 1))?,
        "Prediction" => {
            let input = if pooled { width } else { width * patches };
            let one = outputs(c, input, c.number("prediction_length", 24))?;
            let alike = c.flag("share_projection", true);
            (alike + (Size::from(1) - alike) * channels) * one
        }
        _ => return None,
    };
    Some(body + head)
}

/// The output layer: one value per output, or the parameters of its distribution.
fn outputs(c: Config, input: Size, output: Size) -> Option<Size> {
    let parameters = match (c.text("loss", "mse"), c.text("distribution_output", "student_t")) {
        ("mse", _) => 1,
        (_, "student_t") => 3,
        (_, "normal" | "negative_binomial") => 2,
        _ => return None,
    };
    Some(parameters * linear(input, output, true))
}
