//! Counts encoder-decoders: their layers, and what each class adds or omits.
//!
//! Formulae and defaults follow `modeling_<type>.py` and `configuration_<type>.py` of
//! transformers 5. A T5 with `tie_word_embeddings: false` is published with a separate output
//! table, but transformers 5 shares the word table anyway, so one table is counted.

use crate::models::parameters::config::{Config, Type};
use crate::models::parameters::size::{
    Size, attention, block, conv, embedding, linear, mlp, norm, rms_norm,
};

pub(super) fn find(kind: &str) -> Option<Type> {
    let count: fn(Config) -> Option<Size> = match kind {
        "t5" => |c| t5(c, &T5),
        "mt5" => |c| t5(c, &MT5),
        "bart" => |c| bart(c, &BART),
        "mbart" => |c| bart(c, &MBART),
        "pegasus" => |c| bart(c, &PEGASUS),
        "marian" => |c| bart(c, &MARIAN),
        "m2m_100" => |c| bart(c, &M2M_100),
        "whisper" => whisper,
        _ => return None,
    };
    Some(Type { count, default_class: "ConditionalGeneration" })
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

/// T5: no biases; the first layer of encoder and decoder contains the table of distances.
fn t5(c: Config, kind: &T5) -> Option<Size> {
    let width = c.named(&["d_model", "hidden_size"], 512);
    let heads = c.named(&["num_heads", "num_attention_heads"], kind.heads);
    let inner = c.number("d_ff", kind.inner);
    let layers = c.named(&["num_layers", "num_hidden_layers"], kind.layers);
    let decoder_layers = c.number("num_decoder_layers", layers);
    let gated = c.text("feed_forward_proj", kind.activation).split('-').next() == Some("gated");
    let attention = 4 * linear(width, heads * c.number("d_kv", 64), false) + rms_norm(width);
    let distances = embedding(c.number("relative_attention_num_buckets", 32), heads);
    let forward = (Size::from(2) + gated) * linear(width, inner, false) + rms_norm(width);
    let encoder = layers * (attention + forward) + layers.any() * distances + rms_norm(width);
    let decoder = decoder_layers * (2 * attention + forward)
        + decoder_layers.any() * distances
        + rms_norm(width);
    let words = embedding(c.number("vocab_size", kind.vocabulary), width);
    Some(match c.class() {
        "Model" | "ConditionalGeneration" => words + encoder + decoder,
        "QuestionAnswering" => words + encoder + decoder + c.classifier(width),
        "SequenceClassification" => {
            words + encoder + decoder + linear(width, width, true) + c.classifier(width)
        }
        "Encoder" => words + encoder,
        "TokenClassification" => words + encoder + c.classifier(width),
        _ => return None,
    })
}

/// Defaults and differences of a type built like BART.
struct Bart {
    vocabulary: u64,
    positions: Positions,
    /// Whether a norm follows the embeddings.
    first_norm: bool,
    /// Whether a norm follows the last layer.
    last_norm: bool,
    /// Whether the decoder may have its own word table.
    two_languages: bool,
    /// Default number of classes of a classifier.
    labels: u64,
}

enum Positions {
    /// Learned; they start at the third row.
    Offset,
    /// Computed, and stored as parameters.
    Kept,
    /// Computed, and not stored as parameters.
    Computed,
}

const BART: Bart = Bart {
    vocabulary: 50265,
    positions: Positions::Offset,
    first_norm: true,
    last_norm: false,
    two_languages: false,
    labels: 3,
};
const MBART: Bart = Bart { last_norm: true, labels: 2, ..BART };
const PEGASUS: Bart =
    Bart { positions: Positions::Kept, first_norm: false, last_norm: true, ..BART };
const MARIAN: Bart = Bart {
    vocabulary: 58101,
    positions: Positions::Kept,
    first_norm: false,
    two_languages: true,
    ..BART
};
const M2M_100: Bart = Bart {
    vocabulary: 128_112,
    positions: Positions::Computed,
    first_norm: false,
    last_norm: true,
    ..BART
};

/// Rows of all word tables: one that encoder, decoder and output share, or several.
fn words(c: Config, kind: &Bart) -> Size {
    let vocabulary = c.number("vocab_size", kind.vocabulary);
    let own = Size::from(1) - c.flag("tie_word_embeddings", true);
    let (decoder, one) = if kind.two_languages {
        let shared = c.flag("share_encoder_decoder_embeddings", true);
        (c.number("decoder_vocab_size", vocabulary), shared)
    } else {
        (vocabulary, true.into())
    };
    let two = Size::from(1) - one;
    let sides = vocabulary + two * decoder + one * own * (vocabulary + decoder);
    match c.class() {
        "CausalLM" => decoder + own * vocabulary,
        "ConditionalGeneration" => sides + own * (one * vocabulary + two * decoder),
        _ => sides,
    }
}

/// BART and its relatives. A layer of the decoder additionally has cross attention with a norm.
fn bart(c: Config, kind: &Bart) -> Option<Size> {
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
    let encoder = side + layers * block(width, c.number("encoder_ffn_dim", 4096));
    let decoder = side
        + c.number("decoder_layers", 12)
            * (block(width, c.number("decoder_ffn_dim", 4096)) + attention(width) + norm(width));
    let words = embedding(words(c, kind), width);
    let classifier = linear(width, c.labels_or(kind.labels), true);
    Some(match c.class() {
        "Model" | "ConditionalGeneration" => words + encoder + decoder,
        "CausalLM" => words + decoder,
        "SequenceClassification" => {
            words + encoder + decoder + linear(width, width, true) + classifier
        }
        // Start and end of the answer.
        "QuestionAnswering" => words + encoder + decoder + linear(width, 2.into(), true),
        _ => return None,
    })
}

/// Whisper: keys have no bias, and two convolutions over the spectrogram precede the encoder.
fn whisper(c: Config) -> Option<Size> {
    let width = c.named(&["d_model", "hidden_size"], 384);
    let attend = 3 * linear(width, width, true) + linear(width, width, false) + norm(width);
    let forward = |inner| mlp(width, inner) + norm(width);
    let kernel = Size::from(3);
    let layers = c.named(&["encoder_layers", "num_hidden_layers"], 4);
    let encoder = conv(c.number("num_mel_bins", 80), width, kernel, true)
        + conv(width, width, kernel, true)
        + embedding(c.number("max_source_positions", 1500), width)
        + layers * (attend + forward(c.number("encoder_ffn_dim", 1536)))
        + norm(width);
    let vocabulary = c.number("vocab_size", 51865);
    let decoder = embedding(vocabulary, width)
        + embedding(c.number("max_target_positions", 448), width)
        + c.number("decoder_layers", 4) * (2 * attend + forward(c.number("decoder_ffn_dim", 1536)))
        + norm(width);
    let own = (c.tables(vocabulary, true) - vocabulary) * width;
    Some(match c.class() {
        "Model" => encoder + decoder,
        "ConditionalGeneration" => encoder + decoder + own,
        "CausalLM" => decoder + own,
        "AudioClassification" => {
            let between = c.number("classifier_proj_size", 256);
            encoder
                + c.flag("use_weighted_layer_sum", false) * (layers + 1)
                + linear(width, between, true)
                + c.classifier(between)
        }
        _ => return None,
    })
}
