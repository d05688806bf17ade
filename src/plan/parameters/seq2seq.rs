//! Encoder-decoders: texts as `AutoModelForSeq2SeqLM`, Whisper as `AutoModelForSpeechSeq2Seq`.
//!
//! Formulae and defaults follow `modeling_<type>.py` and `configuration_<type>.py` of
//! transformers 5, with one exception: a T5 that says `tie_word_embeddings: false` is
//! published and counted with an output table of its own; transformers 5 shares it anyway.

use crate::plan::parameters::config::Config;
use crate::plan::parameters::size::{
    Size, attention, block, conv, embedding, linear, mlp, norm, rms_norm,
};
use crate::plan::parameters::{Formula, Formula::Dense};

pub(super) fn find(kind: &str) -> Option<Formula> {
    Some(match kind {
        "t5" => Dense(|c| t5(c, &T5)),
        "mt5" => Dense(|c| t5(c, &MT5)),
        "bart" => Dense(|c| bart(c, &BART)),
        "mbart" => Dense(|c| bart(c, &MBART)),
        "pegasus" => Dense(|c| bart(c, &PEGASUS)),
        "marian" => Dense(|c| bart(c, &MARIAN)),
        "m2m_100" => Dense(|c| bart(c, &M2M_100)),
        "whisper" => Dense(whisper),
        _ => return None,
    })
}

struct T5 {
    vocabulary: u64,
    inner: u64,
    layers: u64,
    heads: u64,
    activation: &'static str,
}

const T5: T5 = T5 { vocabulary: 32128, inner: 2048, layers: 6, heads: 8, activation: "relu" };
const MT5: T5 =
    T5 { vocabulary: 250_112, inner: 1024, layers: 8, heads: 6, activation: "gated-gelu" };

/// No biases; the first layer of either side holds the table of distances.
fn t5(c: Config, kind: &T5) -> Size {
    let width = c.named(&["d_model", "hidden_size"], 512);
    let heads = c.named(&["num_heads", "num_attention_heads"], kind.heads);
    let inner = c.number("d_ff", kind.inner);
    let layers = c.named(&["num_layers", "num_hidden_layers"], kind.layers);
    let decoder_layers = c.number("num_decoder_layers", layers);
    let gated = c.text("feed_forward_proj", kind.activation).split('-').next() == Some("gated");
    let attention = 4 * linear(width, heads * c.number("d_kv", 64), false) + rms_norm(width);
    let distances = embedding(c.number("relative_attention_num_buckets", 32), heads);
    let forward = (Size::from(2) + gated) * linear(width, inner, false) + rms_norm(width);
    let encoder = layers * (attention + forward) + layers.any() * distances;
    let decoder = decoder_layers * (2 * attention + forward) + decoder_layers.any() * distances;
    embedding(c.tables(c.number("vocab_size", kind.vocabulary), true), width)
        + encoder
        + decoder
        + 2 * rms_norm(width)
}

/// A relative of BART, all of which share one table of words.
struct Bart {
    vocabulary: u64,
    positions: Positions,
    /// A norm after the embeddings.
    first_norm: bool,
    /// A norm after the last layer.
    last_norm: bool,
}

enum Positions {
    /// Learned; they begin at the third row.
    Offset,
    /// Computed, and kept as parameters.
    Kept,
    /// Computed, and not kept.
    Computed,
}

const BART: Bart =
    Bart { vocabulary: 50265, positions: Positions::Offset, first_norm: true, last_norm: false };
const MBART: Bart = Bart { last_norm: true, ..BART };
const PEGASUS: Bart =
    Bart { positions: Positions::Kept, first_norm: false, last_norm: true, ..BART };
const MARIAN: Bart =
    Bart { vocabulary: 58101, positions: Positions::Kept, first_norm: false, ..BART };
const M2M_100: Bart = Bart {
    vocabulary: 128_112,
    positions: Positions::Computed,
    first_norm: false,
    last_norm: true,
};

/// Attention to the encoder, with its norm, comes on top of a decoder's block.
fn bart(c: Config, kind: &Bart) -> Size {
    let width = c.named(&["d_model", "hidden_size"], 1024);
    let positions = c.number("max_position_embeddings", 1024);
    let positions = match kind.positions {
        Positions::Offset => positions + 2,
        Positions::Kept => positions,
        Positions::Computed => Size::ZERO,
    };
    let side =
        embedding(positions, width) + (Size::from(kind.first_norm) + kind.last_norm) * norm(width);
    let layers = c.named(&["encoder_layers", "num_hidden_layers"], 12);
    let encoder = layers * block(width, c.number("encoder_ffn_dim", 4096));
    let decoder = c.number("decoder_layers", 12)
        * (block(width, c.number("decoder_ffn_dim", 4096)) + attention(width) + norm(width));
    embedding(c.number("vocab_size", kind.vocabulary), width)
        + 2 * side
        + encoder
        + decoder
        + always(c, "tie_word_embeddings")
        + always(c, "share_encoder_decoder_embeddings")
}

/// 0, or unknown where a flag that is on by itself is off.
fn always(c: Config, key: &str) -> Size {
    match c.flag(key, true).get() {
        Some(1) => Size::ZERO,
        _ => Size::UNKNOWN,
    }
}

/// Keys have no bias; two convolutions over the spectrogram come before the encoder.
fn whisper(c: Config) -> Size {
    let width = c.named(&["d_model", "hidden_size"], 384);
    let attend = 3 * linear(width, width, true) + linear(width, width, false) + norm(width);
    let forward = |inner| mlp(width, inner) + norm(width);
    let kernel = Size::from(3);
    let encoder = conv(c.number("num_mel_bins", 80), width, kernel, true)
        + conv(width, width, kernel, true)
        + embedding(c.number("max_source_positions", 1500), width)
        + c.named(&["encoder_layers", "num_hidden_layers"], 4)
            * (attend + forward(c.number("encoder_ffn_dim", 1536)))
        + norm(width);
    let decoder = embedding(c.tables(c.number("vocab_size", 51865), true), width)
        + embedding(c.number("max_target_positions", 448), width)
        + c.number("decoder_layers", 4) * (2 * attend + forward(c.number("decoder_ffn_dim", 1536)))
        + norm(width);
    encoder + decoder
}
