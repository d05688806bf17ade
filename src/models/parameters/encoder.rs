//! Counts text encoders: their layers, and the head of each class.
//!
//! Formulae and defaults follow `modeling_<type>.py` and `configuration_<type>.py` of
//! transformers 5.

use crate::models::parameters::config::{Config, Type};
use crate::models::parameters::size::{Size, attention, block, conv, embedding, linear, norm};

pub(super) fn find(kind: &str) -> Option<Type> {
    let count: fn(Config) -> Option<Size> = match kind {
        "bert" | "xlm-roberta" | "camembert" => |c| bert(c, 30522),
        "roberta" => |c| bert(c, 50265),
        "distilbert" => distilbert,
        "electra" => electra,
        "albert" => albert,
        "mpnet" => mpnet,
        "deberta-v2" => deberta,
        "modernbert" => modernbert,
        "layoutlm" => layoutlm,
        "layoutlmv3" => layoutlmv3,
        _ => return None,
    };
    Some(Type { count, default_class: "Model" })
}

/// The heads of the classes of a type.
struct ClassHeads {
    hidden: Size,
    /// The head of the bare model.
    pooler: Size,
    /// The head that predicts words.
    prediction: Size,
    /// Between the layers and the classifier of a whole text.
    sequence: Size,
    /// Between the layers and the score of one choice.
    choice: Size,
    /// Between the layers and the classifier of each token.
    token: Size,
}

impl ClassHeads {
    /// The heads of BERT: a pooler of one linear layer, and the same before each text classifier.
    fn like_bert(c: Config, hidden: Size, vocabulary: Size) -> Self {
        let pooler = linear(hidden, hidden, true);
        Self {
            hidden,
            pooler,
            prediction: prediction(c, hidden, hidden, vocabulary),
            sequence: pooler,
            choice: pooler,
            token: Size::ZERO,
        }
    }

    fn of(&self, c: Config) -> Option<Size> {
        let classes = c.classifier(self.hidden);
        Some(match c.class() {
            "Model" => self.pooler,
            "MaskedLM" | "CausalLM" | "LMHead" => self.prediction,
            "SequenceClassification" => self.sequence + classes,
            "MultipleChoice" => self.choice + linear(self.hidden, 1.into(), true),
            "TokenClassification" | "QuestionAnswering" => self.token + classes,
            _ => return None,
        })
    }
}

/// A linear layer, a norm, and the scores of the words with a bias. The scores use the word table,
/// or a separate one.
fn prediction(c: Config, hidden: Size, width: Size, vocabulary: Size) -> Size {
    linear(hidden, width, true) + norm(width) + vocabulary + own_table(c, vocabulary) * width
}

/// [`prediction`] for classes whose separate output layer has a second bias.
fn prediction_of_two_biases(c: Config, hidden: Size, width: Size, vocabulary: Size) -> Size {
    prediction(c, hidden, width, vocabulary) + own_table(c, vocabulary)
}

/// Rows of the separate table of the output layer.
fn own_table(c: Config, vocabulary: Size) -> Size {
    c.tables(vocabulary, true) - vocabulary
}

/// The embeddings of words, positions and sentences, and their norm.
fn embeddings(c: Config, vocabulary: u64, width: Size) -> Size {
    let rows = c.number("vocab_size", vocabulary)
        + c.number("max_position_embeddings", 512)
        + c.number("type_vocab_size", 2);
    embedding(rows, width) + norm(width)
}

/// The layers of a model that may be configured as a decoder with cross attention.
fn layers(c: Config, hidden: Size, inner: u64) -> Size {
    let crossing =
        match (c.flag("add_cross_attention", false).get(), c.flag("is_decoder", false).get()) {
            (Some(0), Some(_)) => Size::ZERO,
            (Some(1), Some(1)) => attention(hidden) + norm(hidden),
            _ => Size::UNKNOWN,
        };
    let layer = block(hidden, c.number("intermediate_size", inner)) + crossing;
    c.number("num_hidden_layers", 12) * layer
}

fn bert(c: Config, vocabulary: u64) -> Option<Size> {
    let hidden = c.number("hidden_size", 768);
    let body = embeddings(c, vocabulary, hidden) + layers(c, hidden, 3072);
    let predict = prediction_of_two_biases(c, hidden, hidden, c.number("vocab_size", vocabulary));
    let heads = ClassHeads { prediction: predict, ..ClassHeads::like_bert(c, hidden, Size::ZERO) };
    // The head of next sentence prediction.
    let next = heads.pooler + linear(hidden, 2.into(), true);
    let head = match (c.text("model_type", ""), c.class()) {
        ("bert", "NextSentencePrediction") => next,
        ("bert", "PreTraining") => heads.prediction + next,
        _ => heads.of(c)?,
    };
    Some(body + head)
}

fn distilbert(c: Config) -> Option<Size> {
    let hidden = c.named(&["dim", "hidden_size"], 768);
    let vocabulary = c.number("vocab_size", 30522);
    let rows = vocabulary + c.number("max_position_embeddings", 512);
    let layers = c.named(&["n_layers", "num_hidden_layers"], 6);
    let heads = ClassHeads { pooler: Size::ZERO, ..ClassHeads::like_bert(c, hidden, vocabulary) };
    let inner = c.number("hidden_dim", 3072);
    Some(embedding(rows, hidden) + norm(hidden) + layers * block(hidden, inner) + heads.of(c)?)
}

/// ELECTRA: embeddings are projected if the layers have another width; there is no pooler.
fn electra(c: Config) -> Option<Size> {
    let (width, hidden) = (c.number("embedding_size", 128), c.number("hidden_size", 256));
    let widen = if width == hidden { Size::ZERO } else { linear(width, hidden, true) };
    let body = embeddings(c, 30522, width) + widen + layers(c, hidden, 1024);
    let dense = linear(hidden, hidden, true);
    let heads = ClassHeads {
        pooler: Size::ZERO,
        prediction: prediction(c, hidden, width, c.number("vocab_size", 30522)),
        choice: c.flag("summary_use_proj", true) * dense,
        ..ClassHeads::like_bert(c, hidden, Size::ZERO)
    };
    let head = match c.class() {
        // The head that detects replaced words.
        "PreTraining" => dense + linear(hidden, 1.into(), true),
        _ => heads.of(c)?,
    };
    Some(body + head)
}

/// ALBERT: the layers of a group share their parameters, so groups are counted.
fn albert(c: Config) -> Option<Size> {
    let (width, hidden) = (c.number("embedding_size", 128), c.number("hidden_size", 4096));
    let blocks = c.number("num_hidden_groups", 1) * c.number("inner_group_num", 1);
    let body = embeddings(c, 30000, width)
        + linear(width, hidden, true)
        + blocks * block(hidden, c.number("intermediate_size", 16384));
    let heads = ClassHeads {
        prediction: prediction_of_two_biases(c, hidden, width, c.number("vocab_size", 30000)),
        ..ClassHeads::like_bert(c, hidden, Size::ZERO)
    };
    let head = match c.class() {
        // The head that detects the order of two sentences.
        "PreTraining" => heads.pooler + heads.prediction + c.classifier(hidden),
        _ => heads.of(c)?,
    };
    Some(body + head)
}

/// `MPNet`: like BERT without sentence embeddings, with one table of distances for all layers.
fn mpnet(c: Config) -> Option<Size> {
    let hidden = c.number("hidden_size", 768);
    let vocabulary = c.number("vocab_size", 30527);
    let rows = vocabulary + c.number("max_position_embeddings", 512);
    let buckets = c.number("relative_attention_num_buckets", 32);
    let layers = c.number("num_hidden_layers", 12);
    let body = embedding(rows, hidden)
        + norm(hidden)
        + embedding(buckets, c.number("num_attention_heads", 12))
        + layers * block(hidden, c.number("intermediate_size", 3072));
    let predict = prediction_of_two_biases(c, hidden, hidden, vocabulary);
    let heads = ClassHeads { prediction: predict, ..ClassHeads::like_bert(c, hidden, Size::ZERO) };
    Some(body + heads.of(c)?)
}

/// `DeBERTa`: attention to distances as well as to words. All layers share a table of distances,
/// and each layer projects it unless it uses the projections of the words.
fn deberta(c: Config) -> Option<Size> {
    let hidden = c.number("hidden_size", 1536);
    let width = c.number("embedding_size", hidden);
    let vocabulary = c.number("vocab_size", 128_100);
    let positions = c.number("max_position_embeddings", 512);
    let rows = vocabulary
        + c.flag("position_biased_input", true) * positions
        + c.number("type_vocab_size", 0);
    let project = if width == hidden { Size::ZERO } else { linear(width, hidden, false) };
    let relative = c.flag("relative_attention", false);
    let one = Size::from(1);
    let projected = c.mentions("pos_att_type", "c2p") + c.mentions("pos_att_type", "p2c");
    let distances = (one - c.flag("share_att_key", false)) * projected;
    let layer = block(hidden, c.number("intermediate_size", 6144))
        + relative * distances * linear(hidden, hidden, true);
    // A number below one means that there is none.
    let furthest = c.at_least_one("max_relative_positions").unwrap_or(positions);
    let furthest = c.at_least_one("position_buckets").unwrap_or(furthest);
    let kernel = c.number("conv_kernel_size", 0);
    let groups = c.number("conv_groups", 1);
    let body = embedding(rows, width)
        + project
        + norm(hidden)
        + c.number("num_hidden_layers", 24) * layer
        + relative * embedding(2 * furthest, hidden)
        + c.mentions("norm_rel_ebd", "layer_norm") * norm(hidden)
        + kernel.any() * (conv(hidden / groups, hidden, kernel, true) + norm(hidden));
    // Old checkpoints predict words through the width of the embeddings, new ones with the word
    // table.
    let predict = match c.flag("legacy", true).get() {
        Some(1) => prediction_of_two_biases(c, hidden, width, vocabulary),
        Some(_) => linear(hidden, hidden, true) + norm(hidden) + vocabulary,
        None => Size::UNKNOWN,
    };
    let pooler = c.number("pooler_hidden_size", hidden);
    let pooler = linear(pooler, pooler, true);
    let heads = ClassHeads {
        pooler: Size::ZERO,
        prediction: predict,
        sequence: pooler,
        choice: pooler,
        ..ClassHeads::like_bert(c, hidden, Size::ZERO)
    };
    Some(body + heads.of(c)?)
}

/// `ModernBERT`: gated layers with optional biases; the first layer has no norm before it.
fn modernbert(c: Config) -> Option<Size> {
    let (hidden, vocabulary) = (c.number("hidden_size", 768), c.number("vocab_size", 50368));
    let inner = c.number("intermediate_size", 1152);
    let bias = |name| c.flag(name, false);
    let norm = hidden + bias("norm_bias") * hidden;
    let layers = c.number("num_hidden_layers", 22);
    let layer = 4 * linear(hidden, hidden, Size::ZERO)
        + bias("attention_bias") * 4 * hidden
        + linear(hidden, 2 * inner, bias("mlp_bias"))
        + linear(inner, hidden, bias("mlp_bias"))
        + 2 * norm;
    let body = embedding(vocabulary, hidden) + norm + layers * layer - layers.any() * norm + norm;
    let dense = linear(hidden, hidden, bias("classifier_bias")) + norm;
    let own = c.tables(vocabulary, true) - vocabulary;
    let heads = ClassHeads {
        hidden,
        pooler: Size::ZERO,
        prediction: dense + own * hidden + c.flag("decoder_bias", true) * vocabulary,
        sequence: dense,
        choice: dense,
        token: dense,
    };
    Some(body + heads.of(c)?)
}

/// `LayoutLM`: like BERT, with tables of the positions on a page, and a pooler in every class.
fn layoutlm(c: Config) -> Option<Size> {
    let hidden = c.number("hidden_size", 768);
    let places = 4 * c.number("max_2d_position_embeddings", 1024);
    let body = embeddings(c, 30522, hidden)
        + embedding(places, hidden)
        + c.number("num_hidden_layers", 12) * block(hidden, c.number("intermediate_size", 3072));
    let like_bert = ClassHeads::like_bert(c, hidden, Size::ZERO);
    let pooler = like_bert.pooler;
    let predict = prediction_of_two_biases(c, hidden, hidden, c.number("vocab_size", 30522));
    let heads = ClassHeads { prediction: pooler + predict, token: pooler, ..like_bert };
    Some(body + heads.of(c)?)
}

/// `LayoutLMv3`: text, positions on a page, and the page image in patches.
fn layoutlmv3(c: Config) -> Option<Size> {
    let hidden = c.number("hidden_size", 768);
    let places = 2 * c.number("max_2d_position_embeddings", 1024);
    let texts = embeddings(c, 50265, hidden)
        + places * (c.number("coordinate_size", 128) + c.number("shape_size", 128));
    let (height, width) = c.pair("patch_size", 16);
    let side = c.number("input_size", 224) / height;
    // One token for the whole page, which has a position, and two norms.
    let page = conv(c.number("num_channels", 3), hidden, height * width, true)
        + hidden
        + embedding(side * side + 1, hidden)
        + 2 * norm(hidden);
    let heads = c.number("num_attention_heads", 12);
    let distances = c.flag("has_relative_attention_bias", true) * c.number("rel_pos_bins", 32)
        + c.flag("has_spatial_attention_bias", true) * 2 * c.number("rel_2d_pos_bins", 64);
    let body = c.flag("text_embed", true) * texts
        + c.flag("visual_embed", true) * page
        + distances * heads
        + c.number("num_hidden_layers", 12) * block(hidden, c.number("intermediate_size", 3072));
    let classes = c.classifier(hidden);
    let dense = linear(hidden, hidden, true);
    // With fewer than ten labels, the classifier is a single layer.
    let few = c.labels().get()? < 10;
    Some(match c.class() {
        "Model" => body,
        "TokenClassification" if few => body + classes,
        "TokenClassification" | "SequenceClassification" | "QuestionAnswering" => {
            body + dense + classes
        }
        _ => return None,
    })
}
