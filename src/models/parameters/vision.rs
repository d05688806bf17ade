//! Counts models that read an image, a video or a spectrogram in patches: their layers, and the
//! head of each class.
//!
//! Formulae and defaults follow `modeling_<type>.py` and `configuration_<type>.py` of
//! transformers 5.

use crate::models::parameters::config::{Config, Type};
use crate::models::parameters::size::{Size, block, conv, linear, mlp, norm};

pub(super) fn find(kind: &str) -> Option<Type> {
    let (count, default_class): (fn(Config) -> Option<Size>, _) = match kind {
        "vit" => (|c| plain(c, 1), "ImageClassification"),
        "deit" => (|c| plain(c, 2), "ImageClassification"),
        "dinov2" => (dinov2, "ImageClassification"),
        "beit" => (beit, "ImageClassification"),
        "yolos" => (yolos, "ObjectDetection"),
        "videomae" => (videomae, "VideoClassification"),
        "timesformer" => (timesformer, "VideoClassification"),
        "audio-spectrogram-transformer" => (spectrogram, "AudioClassification"),
        _ => return None,
    };
    Some(Type { count, default_class })
}

/// The patches of an image.
pub(super) struct Patches {
    /// Parameters of the convolution that reads a patch.
    pub parameters: Size,
    /// Number of patches.
    pub count: Size,
}

pub(super) fn patches(c: Config, image: (u64, u64), patch: u64, width: Size) -> Patches {
    let (height, breadth) = c.sides("image_size", image);
    let patch = c.pair("patch_size", patch);
    let channels = c.number("num_channels", 3);
    Patches {
        parameters: conv(channels, width, patch.0 * patch.1, true),
        count: (height / patch.0) * (breadth / patch.1),
    }
}

/// Attention with an optional bias of query, key and value.
fn attention(c: Config, width: Size) -> Size {
    3 * linear(width, width, c.flag("qkv_bias", true)) + linear(width, width, true)
}

/// The layer that these models have in common.
pub(super) fn layer(c: Config, hidden: Size) -> Size {
    attention(c, hidden) + mlp(hidden, c.number("intermediate_size", 3072)) + 2 * norm(hidden)
}

/// The layers over patches and `tokens` further tokens, and the norm after the last layer.
pub(super) fn transformer(c: Config, hidden: Size, image: u64, tokens: u64) -> Size {
    let patches = patches(c, (image, image), 16, hidden);
    patches.parameters
        // The tokens, and the positions of patches and tokens.
        + (patches.count + 2 * tokens) * hidden
        + c.number("num_hidden_layers", 12) * layer(c, hidden)
        + norm(hidden)
}

/// `ViT` and `DeiT`, which differ in the number of further tokens.
fn plain(c: Config, tokens: u64) -> Option<Size> {
    let hidden = c.number("hidden_size", 768);
    let classifier = c.classifier(hidden);
    let head = match c.class() {
        "Model" => linear(hidden, c.number("pooler_output_size", hidden), true),
        "ImageClassification" => classifier,
        // One for the class token, and one for the distillation token.
        "ImageClassificationWithTeacher" if tokens > 1 => 2 * classifier,
        "MaskedImageModeling" => {
            let side = c.number("encoder_stride", 16);
            hidden + linear(hidden, side * side * c.number("num_channels", 3), true)
        }
        _ => return None,
    };
    Some(transformer(c, hidden, 224, tokens) + head)
}

/// `DINOv2`: scaled residuals, a mask token, and a classifier of the class token and the mean.
pub(super) fn dinov2(c: Config) -> Option<Size> {
    let hidden = c.number("hidden_size", 768);
    let patches = patches(c, (224, 224), 14, hidden);
    let inner = c.ratio("mlp_ratio", 4.0, hidden);
    let gated = c.flag("use_swiglu_ffn", false).get()? == 1;
    let forward = if gated {
        let inner = (2 * inner / 3).up_to_multiple_of(8);
        linear(hidden, inner, true) + mlp(hidden, inner)
    } else {
        mlp(hidden, inner)
    };
    let layer = attention(c, hidden) + forward + 2 * norm(hidden) + 2 * hidden;
    let body = patches.parameters
        + (patches.count + 2 + c.flag("use_mask_token", true)) * hidden
        + c.number("num_hidden_layers", 12) * layer
        + norm(hidden);
    let head = match c.class() {
        "Model" | "Backbone" => Size::ZERO,
        "ImageClassification" => c.classifier(2 * hidden),
        _ => return None,
    };
    Some(body + head)
}

/// `BEiT`: absolute positions, or distances with one table for all layers or one per layer.
fn beit(c: Config) -> Option<Size> {
    let hidden = c.number("hidden_size", 768);
    let (height, width) = c.sides("image_size", (224, 224));
    let patch = c.pair("patch_size", 16);
    let (rows, columns) = (height / patch.0, width / patch.1);
    let patches = patches(c, (224, 224), 16, hidden);
    let distances = (2 * rows - 1) * (2 * columns - 1) + 3;
    let distances = distances * c.number("num_attention_heads", 12);
    let own = c.flag("use_relative_position_bias", false);
    let shared = c.flag("use_shared_relative_position_bias", false);
    // The key has no bias.
    let layer = block(hidden, c.number("intermediate_size", 3072)) - hidden
        + c.positive("layer_scale_init_value", 0.1) * 2 * hidden
        + own * distances;
    let body = patches.parameters
        + hidden
        + c.flag("use_mask_token", false) * hidden
        + c.flag("use_absolute_position_embeddings", false) * (patches.count + 1) * hidden
        + c.number("num_hidden_layers", 12) * layer
        + shared * distances;
    // Classes with mean pooling have the norm after the mean.
    let mean = c.flag("use_mean_pooling", true);
    let last = (Size::from(1) - mean) * norm(hidden);
    let head = match c.class() {
        "Model" => norm(hidden),
        "ImageClassification" => norm(hidden) + c.classifier(hidden),
        "MaskedImageModeling" => {
            last + norm(hidden) + linear(hidden, c.number("vocab_size", 8192), true)
        }
        "SemanticSegmentation" => last + beit_pyramid(hidden) + beit_heads(c, hidden)?,
        "Backbone" => last + c.flag("add_fpn", false) * beit_pyramid(hidden),
        _ => return None,
    };
    Some(body + head)
}

/// The pyramid that resizes the features of four layers to four sizes.
fn beit_pyramid(hidden: Size) -> Size {
    3 * conv(hidden, hidden, 4.into(), true) + norm(hidden)
}

fn beit_heads(c: Config, hidden: Size) -> Option<Size> {
    let joined = |input: Size, side: u64| conv(input, hidden, (side * side).into(), false);
    let joined = |input, side| joined(input, side) + norm(hidden);
    let scales = u64::try_from(c.list("pool_scales", &[1, 2, 3, 6]).len()).ok()?;
    let main = linear(hidden, c.labels(), true)
        + scales * joined(hidden, 1)
        + joined((1 + Size::from(scales)) * hidden, 3)
        + 3 * (joined(hidden, 1) + joined(hidden, 3))
        + joined(4 * hidden, 3);
    let width = c.number("auxiliary_channels", 256);
    let more = c.number("auxiliary_num_convs", 1);
    let of = |input: Size| conv(input, width, 9.into(), false) + norm(width);
    let auxiliary = more.any() * of(hidden)
        + (more - more.any()) * of(width)
        + c.flag("auxiliary_concat_input", false) * of(hidden + width)
        + c.classifier(width);
    Some(main + c.flag("use_auxiliary_head", true) * auxiliary)
}

/// YOLOS: one token per detectable object, and positions in every layer.
fn yolos(c: Config) -> Option<Size> {
    let hidden = c.number("hidden_size", 768);
    let patches = patches(c, (512, 864), 16, hidden);
    let objects = c.number("num_detection_tokens", 100);
    let layers = c.number("num_hidden_layers", 12);
    let (height, width) = c.sides("image_size", (512, 864));
    let patch = c.pair("patch_size", 16);
    // The library counts the positions of later layers by area instead of whole patches.
    let places = 1 + (height * width) / (patch.0 * patch.0) + objects;
    let body = patches.parameters
        + (1 + objects) * hidden
        + (patches.count + objects + 1) * hidden
        + layers * layer(c, hidden)
        + c.flag("use_mid_position_embeddings", true) * (layers - 1) * places * hidden
        + norm(hidden);
    let dense = linear(hidden, hidden, true);
    let head = match c.class() {
        "Model" => dense,
        "ObjectDetection" => {
            4 * dense + linear(hidden, c.labels() + 1, true) + linear(hidden, 4.into(), true)
        }
        _ => return None,
    };
    Some(body + head)
}

/// `VideoMAE`: a patch covers several frames, and positions are computed.
fn videomae(c: Config) -> Option<Size> {
    let hidden = c.number("hidden_size", 768);
    let (patch, depth) = (c.pair("patch_size", 16), c.number("tubelet_size", 2));
    let channels = c.number("num_channels", 3);
    // The key has no bias; the bias of query and value is optional.
    let biases = c.flag_or("qkv_bias", c.flag("qv_bias", true));
    let layer = |width: Size, inner| block(width, inner) - width - (2 - 2 * biases) * width;
    let cells = depth * patch.0 * patch.1;
    let body = conv(channels, hidden, cells, true)
        + c.number("num_hidden_layers", 12) * layer(hidden, c.number("intermediate_size", 3072));
    let mean = c.flag("use_mean_pooling", true);
    let last = (Size::from(1) - mean) * norm(hidden);
    let head = match c.class() {
        "Model" => last,
        // With mean pooling, the norm belongs to the classifier.
        "VideoClassification" => norm(hidden) + c.classifier(hidden),
        "PreTraining" => {
            let width = c.number("decoder_hidden_size", 384);
            let inner = c.number("decoder_intermediate_size", 1536);
            last + linear(hidden, width, false)
                + width
                + c.number("decoder_num_hidden_layers", 4) * layer(width, inner)
                + norm(width)
                + linear(width, channels * cells, true)
        }
        _ => return None,
    };
    Some(body + head)
}

/// `TimeSformer`: attention within a frame and, if divided, over the same patch of all frames.
fn timesformer(c: Config) -> Option<Size> {
    let hidden = c.number("hidden_size", 768);
    let patches = patches(c, (224, 224), 16, hidden);
    let kind = c.text("attention_type", "divided_space_time");
    let divided = Size::from(kind == "divided_space_time");
    let timed = Size::from(kind != "space_only");
    let layer = layer(c, hidden)
        + divided * (attention(c, hidden) + norm(hidden) + linear(hidden, hidden, true));
    let body = patches.parameters
        + hidden
        + (patches.count + 1) * hidden
        + timed * c.number("num_frames", 8) * hidden
        + c.number("num_hidden_layers", 12) * layer
        + norm(hidden);
    let head = match c.class() {
        "Model" => Size::ZERO,
        "VideoClassification" => c.classifier(hidden),
        _ => return None,
    };
    Some(body + head)
}

/// Audio spectrogram transformer: overlapping patches, and two further tokens.
fn spectrogram(c: Config) -> Option<Size> {
    let hidden = c.number("hidden_size", 768);
    let patch = c.number("patch_size", 16);
    let places = |length: Size, stride| (length - patch) / stride + 1;
    let rows = places(c.number("num_mel_bins", 128), c.number("frequency_stride", 10));
    let columns = places(c.number("max_length", 1024), c.number("time_stride", 10));
    let body = conv(1.into(), hidden, patch * patch, true)
        + 2 * hidden
        + (rows * columns + 2) * hidden
        + c.number("num_hidden_layers", 12) * layer(c, hidden)
        + norm(hidden);
    let head = match c.class() {
        "Model" => Size::ZERO,
        "AudioClassification" => norm(hidden) + c.classifier(hidden),
        _ => return None,
    };
    Some(body + head)
}
