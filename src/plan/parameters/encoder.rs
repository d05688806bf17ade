//! Text encoders as `AutoModel` loads them: no head, with pooler where the type has one.
//!
//! Formulae and defaults follow `modeling_<type>.py` and `configuration_<type>.py` of
//! transformers 5. Encoders set up as decoders with cross attention are not counted.

use crate::plan::parameters::config::Config;
use crate::plan::parameters::size::{Size, block, embedding, linear, norm};
use crate::plan::parameters::{Formula, Formula::Dense};

pub(super) fn find(kind: &str) -> Option<Formula> {
    Some(match kind {
        "bert" | "xlm-roberta" | "camembert" => Dense(|c| bert(c, 30522)),
        "roberta" => Dense(|c| bert(c, 50265)),
        "distilbert" => Dense(distilbert),
        "electra" => Dense(electra),
        "albert" => Dense(albert),
        "mpnet" => Dense(mpnet),
        _ => return None,
    })
}

/// Words, positions and sentences, summed and normalised.
fn embeddings(c: Config, vocabulary: u64, width: Size) -> Size {
    let rows = c.number("vocab_size", vocabulary)
        + c.number("max_position_embeddings", 512)
        + c.number("type_vocab_size", 2);
    embedding(rows, width) + norm(width) + c.without("add_cross_attention")
}

fn bert(c: Config, vocabulary: u64) -> Size {
    let hidden = c.number("hidden_size", 768);
    let layers = c.number("num_hidden_layers", 12);
    embeddings(c, vocabulary, hidden)
        + layers * block(hidden, c.number("intermediate_size", 3072))
        + linear(hidden, hidden, true)
}

fn distilbert(c: Config) -> Size {
    let hidden = c.named(&["dim", "hidden_size"], 768);
    let rows = c.number("vocab_size", 30522) + c.number("max_position_embeddings", 512);
    let layers = c.named(&["n_layers", "num_hidden_layers"], 6);
    embedding(rows, hidden) + norm(hidden) + layers * block(hidden, c.number("hidden_dim", 3072))
}

/// Narrow embeddings, widened where the layers are wider; no pooler.
fn electra(c: Config) -> Size {
    let (width, hidden) = (c.number("embedding_size", 128), c.number("hidden_size", 256));
    let layers = c.number("num_hidden_layers", 12);
    let widen = if width == hidden { Size::ZERO } else { linear(width, hidden, true) };
    embeddings(c, 30522, width)
        + widen
        + layers * block(hidden, c.number("intermediate_size", 1024))
}

/// Layers of a group share their parameters, so only groups count.
fn albert(c: Config) -> Size {
    let (width, hidden) = (c.number("embedding_size", 128), c.number("hidden_size", 4096));
    let blocks = c.number("num_hidden_groups", 1) * c.number("inner_group_num", 1);
    embeddings(c, 30000, width)
        + linear(width, hidden, true)
        + blocks * block(hidden, c.number("intermediate_size", 16384))
        + linear(hidden, hidden, true)
}

/// As BERT without sentence embeddings, with one table of distances for all layers.
fn mpnet(c: Config) -> Size {
    let hidden = c.number("hidden_size", 768);
    let rows = c.number("vocab_size", 30527) + c.number("max_position_embeddings", 512);
    let buckets = c.number("relative_attention_num_buckets", 32);
    let layers = c.number("num_hidden_layers", 12);
    embedding(rows, hidden)
        + norm(hidden)
        + embedding(buckets, c.number("num_attention_heads", 12))
        + layers * block(hidden, c.number("intermediate_size", 3072))
        + linear(hidden, hidden, true)
}
