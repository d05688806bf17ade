//! Image models as `AutoModelForImageClassification` loads them.
//!
//! Formulae and defaults follow `modeling_<type>.py` and `configuration_<type>.py` of
//! transformers 5.

use crate::plan::parameters::config::Config;
use crate::plan::parameters::size::{Size, conv, linear, mlp, norm};
use crate::plan::parameters::{Formula, Formula::Dense};

pub(super) fn find(kind: &str) -> Option<Formula> {
    Some(match kind {
        "vit" => Dense(vit),
        "deit" => Dense(deit),
        "dinov2" => Dense(dinov2),
        "swin" => Dense(swin),
        "convnext" => Dense(convnext),
        "resnet" => Dense(resnet),
        _ => return None,
    })
}

/// An image cut into patches: the convolution that reads one, and how many there are.
struct Patches {
    parameters: Size,
    count: Size,
}

fn patches(c: Config, image: u64, patch: u64, width: Size) -> Patches {
    let ((height, breadth), patch) = (c.pair("image_size", image), c.pair("patch_size", patch));
    let channels = c.number("num_channels", 3);
    Patches {
        parameters: conv(channels, width, patch.0 * patch.1, true),
        count: (height / patch.0) * (breadth / patch.1),
    }
}

/// Attention whose query, key and value may have no bias.
fn attention(c: Config, width: Size) -> Size {
    3 * linear(width, width, c.flag("qkv_bias", true)) + linear(width, width, true)
}

/// What `vit` and `deit` share: all but the tokens that are no patches, and the classifier.
fn transformer(c: Config, hidden: Size, tokens: u64) -> Size {
    let patches = patches(c, 224, 16, hidden);
    let layer =
        attention(c, hidden) + mlp(hidden, c.number("intermediate_size", 3072)) + 2 * norm(hidden);
    patches.parameters
        // The tokens themselves, and the positions of all.
        + (patches.count + 2 * tokens) * hidden
        + c.number("num_hidden_layers", 12) * layer
        + norm(hidden)
}

fn vit(c: Config) -> Size {
    let hidden = c.number("hidden_size", 768);
    transformer(c, hidden, 1) + linear(hidden, c.labels(), true)
}

/// Two classifiers where the configuration names the class that learns from a teacher.
fn deit(c: Config) -> Size {
    let hidden = c.number("hidden_size", 768);
    let classifier = linear(hidden, c.labels(), true);
    let student = "DeiTForImageClassification";
    let pupil = "DeiTForImageClassificationWithTeacher";
    let heads =
        if c.lists("architectures", pupil) && !c.lists("architectures", student) { 2 } else { 1 };
    transformer(c, hidden, 2) + heads * classifier
}

/// Scaled residuals, a token for masked patches, a classifier of the first token and a mean.
fn dinov2(c: Config) -> Size {
    let hidden = c.number("hidden_size", 768);
    let patches = patches(c, 224, 14, hidden);
    let inner = ratio(c, hidden);
    let forward = match c.flag("use_swiglu_ffn", false).get() {
        Some(0) => mlp(hidden, inner),
        Some(_) => {
            let inner = (2 * inner / 3).up_to_multiple_of(8);
            linear(hidden, inner, true) + mlp(hidden, inner)
        }
        None => Size::UNKNOWN,
    };
    let layer = attention(c, hidden) + forward + 2 * norm(hidden) + 2 * hidden;
    patches.parameters
        + (patches.count + 2 + c.flag("use_mask_token", true)) * hidden
        + c.number("num_hidden_layers", 12) * layer
        + norm(hidden)
        + linear(2 * hidden, c.labels(), true)
}

/// Width of an MLP given as a multiple.
fn ratio(c: Config, width: Size) -> Size {
    c.real("mlp_ratio", 4.0).map_or(Size::UNKNOWN, |ratio| width.scaled(ratio))
}

/// Each stage but the last ends by merging four neighbours into one of twice the width.
fn swin(c: Config) -> Size {
    let mut width = c.number("embed_dim", 96);
    let patches = patches(c, 224, 4, width);
    let depths = c.list("depths", &[2, 2, 6, 2]);
    let heads = c.list("num_heads", &[3, 6, 12, 24]);
    if depths.is_empty() || heads.len() < depths.len() {
        return Size::UNKNOWN;
    }
    let side = 2 * c.number("window_size", 7) - 1;
    let mut total = patches.parameters
        + norm(width)
        + c.flag("use_absolute_embeddings", false) * patches.count * width;
    for (stage, (depth, heads)) in depths.iter().zip(heads).enumerate() {
        if stage > 0 {
            total = total + norm(4 * width) + linear(4 * width, 2 * width, false);
            width = 2 * width;
        }
        let block = attention(c, width)
            + side * side * heads
            + mlp(width, ratio(c, width))
            + 2 * norm(width);
        total = total + *depth * block;
    }
    total + norm(width) + linear(width, c.labels(), true)
}

/// Widths and depths of the stages; unknown where there are not as many of either.
fn stages(c: Config, widths: &[u64], depths: &[u64]) -> Option<Vec<(Size, Size)>> {
    let (widths, depths) = (c.list("hidden_sizes", widths), c.list("depths", depths));
    let matched = !widths.is_empty() && widths.len() == depths.len();
    matched.then(|| widths.into_iter().zip(depths).collect())
}

fn convnext(c: Config) -> Size {
    let Some(stages) = stages(c, &[96, 192, 384, 768], &[3, 3, 9, 3]) else {
        return Size::UNKNOWN;
    };
    if c.number("num_stages", 4) != u64::try_from(stages.len()).ok().into() {
        return Size::UNKNOWN;
    }
    let scaled = c.positive("layer_scale_init_value", 1e-6);
    let patch = c.pair("patch_size", 4);
    let channels = c.number("num_channels", 3);
    let mut before = Size::ZERO;
    let mut total = Size::ZERO;
    for (stage, (width, depth)) in stages.into_iter().enumerate() {
        total = total
            + if stage == 0 {
                conv(channels, width, patch.0 * patch.1, true) + norm(width)
            } else {
                norm(before) + conv(before, width, 4.into(), true)
            };
        // A kernel of 7 by 7 for each channel by itself.
        let block = conv(1.into(), width, 49.into(), true)
            + norm(width)
            + mlp(width, 4 * width)
            + scaled * width;
        total = total + depth * block;
        before = width;
    }
    total + norm(before) + linear(before, c.labels(), true)
}

/// A convolution without bias, and its batch norm.
fn conv_norm(input: Size, output: Size, side: u64) -> Size {
    conv(input, output, Size::from(side) * side, false) + norm(output)
}

fn resnet(c: Config) -> Size {
    let Some(stages) = stages(c, &[256, 512, 1024, 2048], &[3, 4, 6, 3]) else {
        return Size::UNKNOWN;
    };
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
        // What goes around the first layer is projected where its shape changes.
        let halved =
            if stage > 0 { true.into() } else { c.flag("downsample_in_first_stage", false) };
        let projected = if before == width { halved } else { true.into() };
        // The first layer is there however few are asked for.
        let more = depth - depth.any();
        total = total
            + layer(before, width)
            + projected * conv_norm(before, width, 1)
            + more * layer(width, width);
        before = width;
    }
    total + linear(before, c.labels(), true)
}
