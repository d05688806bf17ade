//! Counts image models with stages, which become wider as the image becomes smaller: their layers,
//! and the head of each class.
//!
//! Formulae and defaults follow `modeling_<type>.py` and `configuration_<type>.py` of
//! transformers 5.

use crate::models::parameters::config::{Config, Type};
use crate::models::parameters::size::{Size, attention, conv, linear, mlp, norm};
use crate::models::parameters::vision::patches;

pub(super) fn find(kind: &str) -> Option<Type> {
    let (count, default_class): (fn(Config) -> Option<Size>, _) = match kind {
        "swin" => (swin, "ImageClassification"),
        "convnext" => (|c| convnext(c, false), "ImageClassification"),
        "convnextv2" => (|c| convnext(c, true), "ImageClassification"),
        "resnet" => (resnet, "ImageClassification"),
        "mobilenet_v2" => (mobilenet, "ImageClassification"),
        "segformer" => (segformer, "SemanticSegmentation"),
        _ => return None,
    };
    Some(Type { count, default_class })
}

/// Widths and depths of the stages; `None` if their numbers differ or are zero.
fn stages(c: Config, widths: &[u64], depths: &[u64]) -> Option<Vec<(Size, Size)>> {
    let (widths, depths) = (c.list("hidden_sizes", widths), c.list("depths", depths));
    let matched = !widths.is_empty() && widths.len() == depths.len();
    matched.then(|| widths.into_iter().zip(depths).collect())
}

/// Norms of the stages that a backbone outputs.
fn output_norms(c: Config, stem: Size, widths: &[Size]) -> Option<Size> {
    let last = widths.len().checked_sub(1)?;
    let names = |stage: usize| format!("stage{}", stage + 1);
    let width = |index: i64| match index {
        0 => Some(stem),
        _ if index < 0 => {
            widths.get((last + 1).checked_sub(usize::try_from(-index).ok()?)?).copied()
        }
        _ => widths.get(usize::try_from(index - 1).ok()?).copied(),
    };
    if c.has("out_indices") {
        return c
            .integers("out_indices")?
            .into_iter()
            .map(width)
            .map(|width| Some(norm(width?)))
            .sum();
    }
    if !c.has("out_features") {
        return Some(norm(widths[last]));
    }
    let listed = |(stage, width): (usize, &Size)| {
        Size::from(c.lists("out_features", &names(stage))) * norm(*width)
    };
    let first = Size::from(c.lists("out_features", "stem")) * norm(stem);
    Some(first + widths.iter().enumerate().map(listed).sum::<Size>())
}

/// Swin: between stages, four neighbouring places are merged into one of twice the width.
fn swin(c: Config) -> Option<Size> {
    let embedded = c.number("embed_dim", 96);
    let mut width = embedded;
    let patches = patches(c, (224, 224), 4, width);
    let depths = c.list("depths", &[2, 2, 6, 2]);
    let heads = c.list("num_heads", &[3, 6, 12, 24]);
    if depths.is_empty() || heads.len() < depths.len() {
        return Some(Size::UNKNOWN);
    }
    let window = c.number("window_size", 7);
    let bias = c.flag("qkv_bias", true);
    let mut body = patches.parameters
        + c.flag("use_absolute_embeddings", false) * patches.count * width
        + norm(width);
    let mut widths = Vec::new();
    for (stage, (depth, heads)) in depths.iter().zip(heads).enumerate() {
        if stage > 0 {
            body = body + linear(4 * width, 2 * width, false) + norm(4 * width);
            width = 2 * width;
        }
        let places = 2 * window - 1;
        let block = 3 * linear(width, width, bias)
            + linear(width, width, true)
            + places * places * heads
            + mlp(width, c.ratio("mlp_ratio", 4.0, width))
            + 2 * norm(width);
        body = body + *depth * block;
        widths.push(width);
    }
    let head = match c.class() {
        "Model" => Size::ZERO,
        "ImageClassification" => c.classifier(width),
        "MaskedImageModeling" => {
            let side = c.number("encoder_stride", 32);
            embedded + linear(width, side * side * c.number("num_channels", 3), true)
        }
        "Backbone" => output_norms(c, embedded, &widths)?,
        _ => return None,
    };
    Some(body + norm(width) + head)
}

/// `ConvNeXt`; the second version normalises the response of each layer instead of scaling it.
fn convnext(c: Config, second: bool) -> Option<Size> {
    let stages = stages(c, &[96, 192, 384, 768], &[3, 3, 9, 3])?;
    if c.number("num_stages", 4) != u64::try_from(stages.len()).ok().into() {
        return None;
    }
    let scaled = if second { Size::ZERO } else { c.positive("layer_scale_init_value", 1e-6) };
    let patch = c.pair("patch_size", 4);
    let channels = c.number("num_channels", 3);
    let widths: Vec<Size> = stages.iter().map(|(width, _)| *width).collect();
    let mut before = *widths.first()?;
    let mut body = conv(channels, before, patch.0 * patch.1, true) + norm(before);
    for (stage, (width, depth)) in stages.into_iter().enumerate() {
        if stage > 0 {
            body = body + norm(before) + conv(before, width, 4.into(), true);
        }
        // A depthwise 7 × 7 kernel.
        let block = conv(1.into(), width, 49.into(), true)
            + norm(width)
            + mlp(width, 4 * width)
            + scaled * width
            + Size::from(second) * norm(4 * width);
        body = body + depth * block;
        before = width;
    }
    Some(match c.class() {
        "Model" => body + norm(before),
        "ImageClassification" => body + norm(before) + c.classifier(before),
        "Backbone" => body + output_norms(c, *widths.first()?, &widths)?,
        _ => return None,
    })
}

/// A convolution without bias, and its batch norm.
fn conv_norm(input: Size, output: Size, side: u64) -> Size {
    conv(input, output, Size::from(side) * side, false) + norm(output)
}

fn resnet(c: Config) -> Option<Size> {
    let stages = stages(c, &[256, 512, 1024, 2048], &[3, 4, 6, 3])?;
    let layer = |input: Size, output: Size| match c.text("layer_type", "bottleneck") {
        "bottleneck" => {
            let narrow = output / 4;
            conv_norm(input, narrow, 1)
                + conv_norm(narrow, narrow, 3)
                + conv_norm(narrow, output, 1)
        }
        "basic" => conv_norm(input, output, 3) + conv_norm(output, output, 3),
        _ => Size::UNKNOWN,
    };
    let mut before = c.number("embedding_size", 64);
    let mut total = conv_norm(c.number("num_channels", 3), before, 7);
    for (stage, (width, depth)) in stages.into_iter().enumerate() {
        // The shortcut of the first layer is projected if its shape changes.
        let halved =
            if stage > 0 { true.into() } else { c.flag("downsample_in_first_stage", false) };
        let projected = if before == width { halved } else { true.into() };
        // A stage has at least one layer.
        let more = depth - depth.any();
        total = total
            + layer(before, width)
            + projected * conv_norm(before, width, 1)
            + more * layer(width, width);
        before = width;
    }
    Some(match c.class() {
        "Model" | "Backbone" => total,
        "ImageClassification" => total + c.classifier(before),
        _ => return None,
    })
}

/// `MobileNetV2`: layers that expand, filter each channel, and project back.
fn mobilenet(c: Config) -> Option<Size> {
    const WIDTHS: [u64; 17] =
        [16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320];
    let multiplier = c.real("depth_multiplier", 1.0)?;
    let (step, least) = (c.number("depth_divisible_by", 8).get()?, c.number("min_depth", 8).get()?);
    let ratio = c.real("expand_ratio", 6.0)?;
    // Rounded as in the library: half to even, then to a multiple of `step` that is at least nine
    // tenths of the value.
    let multiple = |value: u64, by: f64| {
        let wanted = f64::from(u32::try_from(value).ok()?) * by;
        let wanted: u64 = format!("{:.0}", wanted.round_ties_even()).parse().ok()?;
        let step = step.max(1);
        let near = (wanted.checked_add(step / 2)? / step * step).max(least);
        let short = near.checked_mul(10)? < wanted.checked_mul(9)?;
        if short { near.checked_add(step) } else { Some(near) }
    };
    let widths: Option<Vec<u64>> =
        WIDTHS.iter().map(|width| multiple(*width, multiplier)).collect();
    let widths = widths?;
    let stem: Size = multiple(32, multiplier)?.into();
    let alone = |width: Size| conv(1.into(), width, 9.into(), false) + norm(width);
    let expanded = match c.flag("first_layer_is_expansion", true).get()? {
        0 => conv_norm(stem, stem, 1),
        _ => Size::ZERO,
    };
    let mut body = conv_norm(c.number("num_channels", 3), stem, 3)
        + expanded
        + alone(stem)
        + conv_norm(stem, widths[0].into(), 1);
    for pair in widths.windows(2) {
        let (input, output) = (Size::from(pair[0]), Size::from(pair[1]));
        let wide: Size = multiple(pair[0], ratio)?.into();
        body = body + conv_norm(input, wide, 1) + alone(wide) + conv_norm(wide, output, 1);
    }
    let last: Size = widths[16].into();
    let fine = c.flag("finegrained_output", true).get()? == 1 && multiplier < 1.0;
    let output: Size = if fine { 1280 } else { multiple(1280, multiplier)? }.into();
    body = body + conv_norm(last, output, 1);
    Some(match c.class() {
        "Model" => body,
        "ImageClassification" => body + c.classifier(output),
        "SemanticSegmentation" => {
            body + 2 * conv_norm(last, 256.into(), 1)
                + conv_norm(512.into(), 256.into(), 1)
                + c.classifier(256.into())
        }
        _ => return None,
    })
}

/// `SegFormer`: patches overlap, and except in the last stage there are fewer keys and values than
/// queries.
fn segformer(c: Config) -> Option<Size> {
    let stages = stages(c, &[32, 64, 160, 256], &[2, 2, 2, 2])?;
    let kernels = c.list("patch_sizes", &[7, 3, 3, 3]);
    let reductions = c.list("sr_ratios", &[8, 4, 2, 1]);
    let ratios = c.reals("mlp_ratios", &[4.0; 4])?;
    let count = c.number("num_encoder_blocks", 4);
    let known = kernels.len().min(reductions.len()).min(ratios.len()) >= stages.len();
    if !known || count != u64::try_from(stages.len()).ok().into() {
        return None;
    }
    let mut before = c.number("num_channels", 3);
    let mut body = Size::ZERO;
    for (stage, (width, depth)) in stages.iter().copied().enumerate() {
        let reduced = if reductions[stage] == 1.into() {
            Size::ZERO
        } else {
            conv(width, width, reductions[stage] * reductions[stage], true) + norm(width)
        };
        let inner = width.scaled(ratios[stage]);
        let layer = attention(width)
            + reduced
            + mlp(width, inner)
            + conv(1.into(), inner, 9.into(), true)
            + 2 * norm(width);
        body = body
            + conv(before, width, kernels[stage] * kernels[stage], true)
            + norm(width)
            + depth * layer
            + norm(width);
        before = width;
    }
    let width = c.number("decoder_hidden_size", 256);
    let head = match c.class() {
        "Model" => Size::ZERO,
        "ImageClassification" => c.classifier(before),
        "SemanticSegmentation" => {
            stages.iter().map(|(own, _)| linear(*own, width, true)).sum::<Size>()
                + linear(count * width, width, false)
                + norm(width)
                + c.classifier(width)
        }
        _ => return None,
    };
    Some(body + head)
}
