//! Models of a text and an image tower, as `AutoModel` loads them.
//!
//! Formulae and defaults follow `modeling_<type>.py` and `configuration_<type>.py` of
//! transformers 5; where an old configuration has a tower twice, `<tower>_config_dict` holds.

use crate::plan::parameters::config::Config;
use crate::plan::parameters::size::{Size, attention, block, conv, embedding, linear, mlp, norm};
use crate::plan::parameters::{Formula, Formula::Dense};

pub(super) fn find(kind: &str) -> Option<Formula> {
    Some(match kind {
        "clip" => Dense(clip),
        "siglip" => Dense(siglip),
        _ => return None,
    })
}

/// Width, and the blocks of all layers.
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

/// Patches, their positions and those of `more` tokens.
fn patches(c: Config, width: Size, patch: u64, more: u64, bias: bool) -> Size {
    let (image, patch) = (c.number("image_size", 224), c.number("patch_size", patch));
    let side = image / patch;
    conv(c.number("num_channels", 3), width, patch * patch, bias)
        + embedding(side * side + more, width)
}

/// Both towers are projected to one width, without bias; the temperature is one number.
fn clip(c: Config) -> Size {
    let texts = c.part(&["text_config_dict", "text_config"]);
    let images = c.part(&["vision_config_dict", "vision_config"]);
    let (Some(texts), Some(images)) = (texts, images) else { return Size::UNKNOWN };
    let (text, text_blocks) = tower(texts, 512, 2048);
    let (image, image_blocks) = tower(images, 768, 3072);
    let projection = c.number("projection_dim", 512);
    words(texts, text, 49408, 77)
        + text_blocks
        + norm(text)
        // The class token is no patch and has a position.
        + image
        + patches(images, image, 32, 1, false)
        + image_blocks
        + 2 * norm(image)
        + linear(text, projection, false)
        + linear(image, projection, false)
        + 1
}

/// No class token: a learned query gathers the image. Temperature and bias are numbers.
fn siglip(c: Config) -> Size {
    let (texts, images) = (c.part(&["text_config"]), c.part(&["vision_config"]));
    let (Some(texts), Some(images)) = (texts, images) else { return Size::UNKNOWN };
    let (text, text_blocks) = tower(texts, 768, 3072);
    let (image, image_blocks) = tower(images, 768, 3072);
    let gather = image
        + attention(image)
        + norm(image)
        + mlp(image, images.number("intermediate_size", 3072));
    words(texts, text, 32000, 64)
        + text_blocks
        + norm(text)
        + linear(text, texts.number("projection_size", text), true)
        + patches(images, image, 16, 0, true)
        + image_blocks
        + norm(image)
        + images.flag("vision_use_head", true) * gather
        + 2
}
