//! Counts models with a text and an image tower, single towers, and models that insert an image
//! into a text: their layers, and the head of each class.
//!
//! Formulae and defaults follow `modeling_<type>.py` and `configuration_<type>.py` of
//! transformers 5. If an old configuration has a tower twice, `<tower>_config_dict` is valid.

use crate::models::parameters::config::{Config, Type};
use crate::models::parameters::size::{Size, attention, block, conv, embedding, linear, mlp, norm};

pub(super) fn find(kind: &str) -> Option<Type> {
    let (count, default_class): (fn(Config) -> Option<Size>, _) = match kind {
        "clip" => (clip, "Model"),
        "clip_text_model" => (clip_text, "Model"),
        "clip_vision_model" => (clip_vision, "Model"),
        "siglip" => (siglip, "Model"),
        "siglip_text_model" => (siglip_text, "Model"),
        "siglip_vision_model" => (siglip_vision, "Model"),
        "llava" => (llava, "ConditionalGeneration"),
        _ => return None,
    };
    Some(Type { count, default_class })
}

/// Width of a tower, and the parameters of all its layers.
fn tower(c: Config, hidden: u64, inner: u64) -> (Size, Size) {
    let hidden = c.number("hidden_size", hidden);
    let blocks =
        c.number("num_hidden_layers", 12) * block(hidden, c.number("intermediate_size", inner));
    (hidden, blocks)
}

fn words(c: Config, width: Size, vocabulary: u64, positions: u64) -> Size {
    embedding(c.number("vocab_size", vocabulary), width)
        + embedding(c.number("max_position_embeddings", positions), width)
}

/// The patch embedding, and the positions of patches and `more` further tokens.
fn patches(c: Config, width: Size, patch: u64, more: u64, bias: bool) -> Size {
    let (image, patch) = (c.number("image_size", 224), c.number("patch_size", patch));
    let side = image / patch;
    conv(c.number("num_channels", 3), width, patch * patch, bias)
        + embedding(side * side + more, width)
}

fn clip_text(c: Config) -> Option<Size> {
    let (hidden, blocks) = tower(c, 512, 2048);
    let body = words(c, hidden, 49408, 77) + blocks + norm(hidden);
    projected(c, hidden, body)
}

fn clip_vision(c: Config) -> Option<Size> {
    let (hidden, blocks) = tower(c, 768, 3072);
    // The class token is not a patch but has a position.
    let body = hidden + patches(c, hidden, 32, 1, false) + blocks + 2 * norm(hidden);
    projected(c, hidden, body)
}

/// A single tower, or one with a projection to the width that both towers share.
fn projected(c: Config, hidden: Size, body: Size) -> Option<Size> {
    match c.class() {
        "Model" => Some(body),
        "Projection" => Some(body + linear(hidden, c.number("projection_dim", 512), false)),
        _ => None,
    }
}

/// CLIP: both towers are projected to the same width without bias; the temperature is one number.
fn clip(c: Config) -> Option<Size> {
    let texts = c.part(&["text_config_dict", "text_config"])?;
    let images = c.part(&["vision_config_dict", "vision_config"])?;
    let (text, image) = (texts.number("hidden_size", 512), images.number("hidden_size", 768));
    let pictures = clip_vision(images.as_class("Model"))?;
    Some(match c.class() {
        "Model" => {
            let projection = c.number("projection_dim", 512);
            clip_text(texts.as_class("Model"))?
                + pictures
                + linear(text, projection, false)
                + linear(image, projection, false)
                + 1
        }
        "ImageClassification" => pictures + c.classifier(image),
        _ => return None,
    })
}

fn siglip_text(c: Config) -> Option<Size> {
    let (hidden, blocks) = tower(c, 768, 3072);
    let head = linear(hidden, c.number("projection_size", hidden), true);
    (c.class() == "Model").then(|| words(c, hidden, 32000, 64) + blocks + norm(hidden) + head)
}

/// The image tower of `SigLIP`: without class token; a learned query pools the patches.
fn siglip_vision(c: Config) -> Option<Size> {
    let (hidden, blocks) = tower(c, 768, 3072);
    let gather = hidden
        + attention(hidden)
        + norm(hidden)
        + mlp(hidden, c.number("intermediate_size", 3072));
    (c.class() == "Model").then(|| {
        patches(c, hidden, 16, 0, true)
            + blocks
            + norm(hidden)
            + c.flag("vision_use_head", true) * gather
    })
}

/// `SigLIP`: the temperature and the bias are one number each.
fn siglip(c: Config) -> Option<Size> {
    let texts = c.part(&["text_config"])?.as_class("Model");
    let images = c.part(&["vision_config"])?;
    Some(match c.class() {
        "Model" => siglip_text(texts)? + siglip_vision(images.as_class("Model"))? + 2,
        "ImageClassification" => {
            let width = images.number("hidden_size", 768);
            siglip_vision(images.as_class("Model"))? + c.classifier(width)
        }
        _ => return None,
    })
}

/// `LLaVA`: patches of an image are projected to the width of the word table of a text decoder.
fn llava(c: Config) -> Option<Size> {
    let texts = c.part(&["text_config"])?;
    let images = c.part(&["vision_config"])?;
    let text_class = match c.class() {
        "Model" => "Model",
        "ConditionalGeneration" => "CausalLM",
        _ => return None,
    };
    let layers = match c.integers("vision_feature_layer") {
        Some(layers) => u64::try_from(layers.len()).ok()?,
        None => 1,
    };
    let (text, image) = (texts.number("hidden_size", 4096), images.number("hidden_size", 1024));
    let bias = c.flag("multimodal_projector_bias", true);
    // The model or its text part may state that the word table is shared.
    let texts = match c.flag("tie_word_embeddings", false).get()? {
        0 => texts,
        _ => texts.tied_as(true.into()),
    };
    Some(
        images.count_as("Model", "clip_vision_model")?
            + linear(layers * image, text, bias)
            + linear(text, text, bias)
            + texts.count_as(text_class, "llama")?,
    )
}
