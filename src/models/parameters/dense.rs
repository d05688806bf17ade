//! Counts models that predict a depth or a class per pixel from a vision transformer: the features
//! of four layers are resized to four sizes and fused step by step.
//!
//! Formulae and defaults follow `modeling_<type>.py` and `configuration_<type>.py` of
//! transformers 5. Limit: a `dpt` with its own backbone (hybrid) has no formula.

use crate::models::parameters::config::{Config, Type};
use crate::models::parameters::size::{Size, conv, linear, norm};
use crate::models::parameters::vision::{dinov2, transformer};

pub(super) fn find(kind: &str) -> Option<Type> {
    let count: fn(Config) -> Option<Size> = match kind {
        "dpt" => dpt,
        "depth_anything" => depth_anything,
        _ => return None,
    };
    Some(Type { count, default_class: "DepthEstimation" })
}

/// A 3 × 3 convolution.
fn square(input: Size, output: Size, bias: impl Into<Size>) -> Size {
    conv(input, output, 9.into(), bias)
}

/// Projects the features of each layer to its width, and resizes them by its factor: above 1 they
/// become larger, below 1 smaller.
fn reassemble(c: Config, width: Size, widths: &[Size]) -> Option<Size> {
    let factors = c.reals("reassemble_factors", &[4.0, 2.0, 1.0, 0.5])?;
    let resize = |factor: f64, width: Size| {
        if factor > 1.0 {
            let side = Size::from(1).scaled(factor);
            conv(width, width, side * side, true)
        } else if factor < 1.0 {
            square(width, width, true)
        } else {
            Size::ZERO
        }
    };
    let each = widths.iter().zip(factors);
    Some(each.map(|(own, factor)| linear(width, *own, true) + resize(factor, *own)).sum())
}

/// Fuses the features, from the smallest to the largest.
fn fuse(width: Size, widths: &[Size], residual: Size) -> Option<Size> {
    let layers = u64::try_from(widths.len()).ok()?;
    let narrowed: Size = widths.iter().map(|own| square(*own, width, false)).sum();
    Some(narrowed + layers * (linear(width, width, true) + 2 * residual))
}

fn dpt(c: Config) -> Option<Size> {
    let hidden = c.number("hidden_size", 768);
    let backbone = c.part(&["backbone_config"])?;
    if backbone.is_there() || c.flag("is_hybrid", false).get()? != 0 {
        return None;
    }
    let body = transformer(c, hidden, 384, 1);
    let width = c.number("fusion_hidden_size", 256);
    let normalised = c.flag("use_batch_norm_in_fusion_residual", false);
    let bias = c.flag_or("use_bias_in_fusion_residual", Size::from(1) - normalised);
    let residual = 2 * square(width, width, bias) + normalised * 2 * norm(width);
    let widths = c.list("neck_hidden_sizes", &[96, 192, 384, 768]);
    // The class token is concatenated to each patch.
    let readout = match c.text("readout_type", "project") {
        "project" => u64::try_from(widths.len()).ok()? * linear(2 * hidden, hidden, true),
        _ => Size::ZERO,
    };
    let neck = readout + reassemble(c, hidden, &widths)? + fuse(width, &widths, residual)?;
    let classes = square(width, width, false) + norm(width) + c.classifier(width);
    Some(match c.class() {
        "Model" => body + linear(hidden, c.number("pooler_output_size", hidden), true),
        "DepthEstimation" => {
            let half = width / 2;
            let project = c.flag("add_projection", false) * square(256.into(), 256.into(), true);
            body + neck
                + project
                + square(width, half, true)
                + square(half, 32.into(), true)
                + linear(32.into(), 1.into(), true)
        }
        "SemanticSegmentation" => body + neck + (1 + c.flag("use_auxiliary_head", true)) * classes,
        _ => return None,
    })
}

/// Depth Anything: the backbone is another model, which must be a `dinov2`.
fn depth_anything(c: Config) -> Option<Size> {
    let backbone = c.part(&["backbone_config"])?;
    if c.class() != "DepthEstimation" || backbone.text("model_type", "dinov2") != "dinov2" {
        return None;
    }
    let width = c.number("fusion_hidden_size", 64);
    let widths = c.list("neck_hidden_sizes", &[48, 96, 192, 384]);
    let residual = 2 * square(width, width, true);
    let half = width / 2;
    let head = c.number("head_hidden_size", 32);
    Some(
        dinov2(backbone.as_class("Backbone"))?
            + reassemble(c, c.number("reassemble_hidden_size", 384), &widths)?
            + fuse(width, &widths, residual)?
            + square(width, half, true)
            + square(half, head, true)
            + linear(head, 1.into(), true),
    )
}
