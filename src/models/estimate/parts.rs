//! Collects the towers that a configuration and its parts describe, with the input of each.
//!
//! Limits: parts are nested at most [`MAX_DEPTH`] levels deep, and collecting ends at
//! [`MAX_TOWERS`] or a few more towers.

use crate::models::estimate::defaults;
use crate::models::estimate::fields::Fields;
use crate::models::estimate::stages::{self, Stage};
use crate::models::estimate::tower::{self, Input, Side, Tower};
use serde_json::Map;

/// Maximum nesting depth of the inspected parts.
pub(super) const MAX_DEPTH: usize = 4;
/// Number of towers after which no further part is inspected.
const MAX_TOWERS: usize = 12;
/// Samples per second of the sound in generated tests.
const SAMPLES: f64 = 16_000.0;
/// Default number of places per second of sound encoders, that of wav2vec 2.0.
const SOUND_RATE: f64 = 50.0;

/// Whether the value of this key is a part of a configuration.
pub(super) fn is_part(key: &str) -> bool {
    key.ends_with("_config")
        || key.ends_with("_config_dict")
        || matches!(key, "encoder" | "decoder" | "text_encoder" | "audio_encoder" | "generator")
}

/// Collects the towers of a configuration and its parts. `key` is the key of `c`, or empty.
pub(super) fn collect(c: Fields, key: &str, family: &str, depth: usize, towers: &mut Vec<Tower>) {
    if towers.len() >= MAX_TOWERS {
        return;
    }
    add_own(c, key, family, towers);
    if depth >= MAX_DEPTH {
        return;
    }
    let empty = Map::new();
    let implied = defaults::parts(c.kind).iter().filter(|part| !c.has(part));
    let implied = implied.filter(|part| !c.has(&format!("{part}_dict")));
    for part in implied {
        collect(c.part(&empty, part), part, family, depth + 1, towers);
    }
    for (part, map) in c.objects().filter(|(part, _)| is_part(part)) {
        // Old configurations contain a part twice; the one with the longer name is valid.
        if !c.has(&format!("{part}_dict")) {
            collect(c.part(map, part), part, family, depth + 1, towers);
        }
    }
}

/// Adds the towers that the fields of `c` describe, without its parts.
fn add_own(c: Fields, key: &str, family: &str, towers: &mut Vec<Tower>) {
    let modality = modality(c, key, family);
    let staged = match modality {
        Modality::Image => stages::of_image(c),
        Modality::Sound => stages::of_sound(c),
        _ => Vec::new(),
    };
    let only_stages = modality == Modality::Image && !staged.is_empty();
    if !staged.is_empty() {
        towers.push(of_stages(staged, modality));
    }
    if only_stages {
        return;
    }
    // Image encoders may describe a decoder that only training uses (VideoMAE).
    if tower::is_pair(c) && !(modality == Modality::Image && c.has("decoder_num_hidden_layers")) {
        add_pair(c, modality, family, towers);
    } else if let Some(mut tower) = tower::read(c, Side::Only, input(c, modality, family)) {
        let (keeps_cache, has_logits) = outputs_of(c, key, family, modality);
        tower.keeps_cache = keeps_cache;
        tower.has_logits = has_logits;
        towers.push(tower);
    }
}

fn of_stages(stages: Vec<Stage>, modality: Modality) -> Tower {
    let input = match modality {
        Modality::Sound => Input::Sound { rate: SAMPLES },
        _ => Input::Image { patch: 1.0, frames: 1.0, more: 0.0 },
    };
    Tower {
        input,
        keeps_cache: false,
        has_logits: false,
        has_cross_attention: false,
        only_eager: false,
        layers: 0.0,
        width: 0.0,
        heads: 0.0,
        queries: 0.0,
        pairs: 0.0,
        latent: None,
        inner: 0.0,
        matrices: 0.0,
        vocabulary: 0.0,
        tables: 0.0,
        experts: None,
        state: None,
        window: None,
        stages,
    }
}

/// Whether a part describes the backbone, instead of only naming it.
fn has_backbone(c: Fields) -> bool {
    let part = c.get("backbone_config").and_then(|part| part.as_object());
    part.is_some_and(|map| {
        let part = c.part(map, "backbone_config");
        !stages::of_image(part).is_empty() || tower::read(part, Side::Only, Input::Text).is_some()
    })
}

/// Adds encoder and decoder of one configuration.
fn add_pair(c: Fields, modality: Modality, family: &str, towers: &mut Vec<Tower>) {
    if modality == Modality::Image && !c.has("patch_size") && !has_backbone(c) {
        towers.push(of_stages(stages::usual_backbone(c), modality));
    }
    let read = input(c, modality, family);
    if let Some(mut encoder) = tower::read(c, Side::Encoder, read) {
        // The word table is counted with the decoder, which shares it.
        encoder.vocabulary = 0.0;
        towers.push(encoder);
    }
    let asked = |names: &[&str], usual| Input::Fixed { places: c.number(names).unwrap_or(usual) };
    let written = match modality {
        Modality::Image => asked(&["num_queries", "num_object_queries"], 100.0),
        Modality::Series => asked(&["prediction_length"], 24.0),
        Modality::Text | Modality::Sound => Input::Written,
    };
    if let Some(mut decoder) = tower::read(c, Side::Decoder, written) {
        // Embeddings are the output of the encoder alone.
        let writes = written == Input::Written && family != "embedding";
        decoder.keeps_cache = writes;
        decoder.has_logits = writes;
        towers.push(decoder);
    }
}

/// The kind of input of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Modality {
    Text,
    Image,
    Sound,
    Series,
}

/// The kind of input of a part: by its name, then by the family, then by its fields.
fn modality(c: Fields, key: &str, family: &str) -> Modality {
    let named = |words: &[&str]| words.iter().any(|word| key.contains(word));
    let has = |names: &[&str]| names.iter().any(|name| c.has(name));
    let sound = ["num_mel_bins", "conv_dim", "sampling_rate", "input_feat_per_channel"];
    let image = ["image_size", "num_channels", "patch_size", "depths", "in_chans"];
    if named(&["text", "decoder", "llm", "language", "qformer"]) {
        return Modality::Text;
    }
    if named(&["vision", "image", "backbone"]) {
        return Modality::Image;
    }
    if named(&["audio", "speech"]) {
        return Modality::Sound;
    }
    match family {
        "vision_classifier" | "object_detection" | "segmentation" | "depth_keypoint" | "video" => {
            Modality::Image
        }
        "audio_encoder" | "asr_seq2seq" => Modality::Sound,
        "time_series" => Modality::Series,
        _ if has(&sound) => Modality::Sound,
        _ if has(&image) && !has(&["vocab_size"]) => Modality::Image,
        _ => Modality::Text,
    }
}

fn input(c: Fields, modality: Modality, family: &str) -> Input {
    let number = |names: &[&str], usual| c.number(names).unwrap_or(usual);
    match modality {
        Modality::Text => Input::Text,
        Modality::Image => {
            // Detectors without patches read features at a 32nd of the image size, or at several
            // levels that start at an eighth.
            let levels = number(&["num_feature_levels"], 1.0);
            let features = if levels > 1.0 { 7.0 } else { 32.0 };
            let patch = c.or(&["patch_size"], c.defaults.patch).unwrap_or(features).max(1.0);
            let frames = if family == "video" {
                let frames = number(&["num_frames", "frames_per_clip"], 16.0);
                (frames / number(&["tubelet_size"], 1.0).max(1.0)).max(1.0)
            } else {
                1.0
            };
            let more = 2.0 + number(&["num_detection_tokens"], 0.0);
            Input::Image { patch, frames, more }
        }
        Modality::Sound if c.kind == "audio-spectrogram-transformer" => {
            let cells = number(&["max_length"], 1024.0) * number(&["num_mel_bins"], 128.0);
            let stride = number(&["time_stride"], 10.0) * number(&["frequency_stride"], 10.0);
            Input::Fixed { places: 2.0 + cells / stride.max(1.0) }
        }
        Modality::Sound if c.has("input_feat_per_channel") => {
            // 100 frames per second, of which two convolutions leave a quarter.
            Input::Sound { rate: 25.0 }
        }
        // These models read a window of fixed length, however long the sound is.
        Modality::Sound if c.kind.contains("whisper") || c.has("max_source_positions") => {
            Input::Fixed { places: number(&["max_source_positions"], 1500.0) }
        }
        Modality::Sound => Input::Sound { rate: SOUND_RATE },
        Modality::Series => {
            let step = number(&["patch_stride", "patch_length"], 1.0).max(1.0);
            let channels = number(&["num_input_channels"], 1.0).max(1.0);
            let length = number(&["context_length"], 512.0);
            Input::Fixed { places: channels * (length / step).ceil() + 1.0 }
        }
    }
}

/// Whether a tower keeps keys and values, and whether it outputs scores of words.
fn outputs_of(c: Fields, key: &str, family: &str, modality: Modality) -> (bool, bool) {
    if modality != Modality::Text || key.contains("encoder") || key.contains("qformer") {
        return (false, false);
    }
    match family {
        "decoder_llm" | "decoder_moe" | "decoder_ssm" | "vlm" | "audio_generation" => (true, true),
        "encoder_decoder" | "asr_seq2seq" => (true, true),
        // Decoders can be used for embeddings, too, and then keep keys and values unnecessarily.
        "embedding" | "text_encoder" => (c.has("num_key_value_heads"), false),
        _ => (false, false),
    }
}
