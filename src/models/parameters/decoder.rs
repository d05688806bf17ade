//! Counts decoders that are not built like Llama: their layers, and the head of each class.
//!
//! Formulae and defaults follow `modeling_<type>.py` and `configuration_<type>.py` of
//! transformers 5. An output layer that shares the embedding table is not counted twice.

use crate::models::parameters::config::{Config, Type};
use crate::models::parameters::size::{
    Size, attention, block, conv, embedding, linear, mlp, norm, rms_norm,
};

pub(super) fn find(kind: &str) -> Option<Type> {
    let count: fn(Config) -> Option<Size> = match kind {
        "gpt2" => gpt2,
        "gpt_neo" => gpt_neo,
        "gpt_neox" => gpt_neox,
        "gptj" => gptj,
        "opt" => opt,
        "bloom" => bloom,
        "falcon" => falcon,
        "stablelm" => stablelm,
        "phi" => phi,
        "mamba" => mamba,
        _ => return None,
    };
    Some(Type { count, default_class: "CausalLM" })
}

/// The word table and the head of the class. `tied` is the default of whether the output layer,
/// which has no bias, shares the word table.
pub(super) fn table_and_head(c: Config, width: Size, vocabulary: Size, tied: bool) -> Option<Size> {
    let words = embedding(vocabulary, width);
    Some(match c.class() {
        "Model" => words,
        "CausalLM" | "LMHead" => embedding(c.tables(vocabulary, tied), width),
        "SequenceClassification" => words + linear(width, c.labels(), false),
        "TokenClassification" => words + c.classifier(width),
        "QuestionAnswering" => words + linear(width, 2.into(), true),
        _ => return None,
    })
}

/// The bias of the output layer, which exists even if the layer shares the word table.
fn output_bias(c: Config, vocabulary: Size) -> Size {
    Size::from(c.class() == "CausalLM") * vocabulary
}

fn gpt2(c: Config) -> Option<Size> {
    let hidden = c.named(&["n_embd", "hidden_size"], 768);
    let positions = c.named(&["n_positions", "max_position_embeddings"], 1024);
    let inner = c.number("n_inner", 4 * hidden);
    let vocabulary = c.number("vocab_size", 50257);
    let table_and_head = match c.class() {
        // Besides the word scores, one score for multiple choice.
        "DoubleHeads" => {
            let choice = c.flag("summary_use_proj", true) * linear(hidden, 1.into(), true);
            table_and_head(c.as_class("LMHead"), hidden, vocabulary, true)? + choice
        }
        _ => table_and_head(c, hidden, vocabulary, true)?,
    };
    let crossing = c.flag("add_cross_attention", false) * (attention(hidden) + norm(hidden));
    Some(
        table_and_head
            + embedding(positions, hidden)
            + c.named(&["n_layer", "num_hidden_layers"], 12) * (block(hidden, inner) + crossing)
            + norm(hidden),
    )
}

/// GPT Neo: in the attention, only the output has a bias.
fn gpt_neo(c: Config) -> Option<Size> {
    let hidden = c.number("hidden_size", 2048);
    let inner = c.number("intermediate_size", 4 * hidden);
    let layer = 3 * linear(hidden, hidden, false)
        + linear(hidden, hidden, true)
        + mlp(hidden, inner)
        + 2 * norm(hidden);
    Some(
        table_and_head(c, hidden, c.number("vocab_size", 50257), true)?
            + embedding(c.number("max_position_embeddings", 2048), hidden)
            + c.named(&["num_layers", "num_hidden_layers"], 24) * layer
            + norm(hidden),
    )
}

fn gpt_neox(c: Config) -> Option<Size> {
    let hidden = c.number("hidden_size", 6144);
    let layer = 4 * linear(hidden, hidden, c.flag("attention_bias", true))
        + mlp(hidden, c.number("intermediate_size", 24576))
        + 2 * norm(hidden);
    Some(
        table_and_head(c, hidden, c.number("vocab_size", 50432), false)?
            + c.number("num_hidden_layers", 44) * layer
            + norm(hidden),
    )
}

/// GPT-J: one norm per layer, no bias in the attention, and a bias in the output layer.
fn gptj(c: Config) -> Option<Size> {
    let hidden = c.named(&["n_embd", "hidden_size"], 4096);
    let inner = c.number("n_inner", 4 * hidden);
    let vocabulary = c.number("vocab_size", 50400);
    let layer = 4 * linear(hidden, hidden, false) + mlp(hidden, inner) + norm(hidden);
    Some(
        table_and_head(c, hidden, vocabulary, false)?
            + output_bias(c, vocabulary)
            + c.named(&["n_layer", "num_hidden_layers"], 28) * layer
            + norm(hidden),
    )
}

/// OPT: the word table may be narrower than the layers, and positions start at the third row.
fn opt(c: Config) -> Option<Size> {
    let hidden = c.number("hidden_size", 768);
    let (inner, bias) = (c.number("ffn_dim", 3072), c.flag("enable_bias", true));
    let width = c.number("word_embed_proj_dim", hidden);
    let project = if width == hidden { Size::ZERO } else { 2 * linear(width, hidden, false) };
    let affine = c.flag("layer_norm_elementwise_affine", true);
    let last = c.flag("do_layer_norm_before", true)
        * (Size::from(1) - c.flag("_remove_final_layer_norm", false));
    let layer = 4 * linear(hidden, hidden, bias)
        + linear(hidden, inner, bias)
        + linear(inner, hidden, bias)
        + 2 * norm(hidden) * affine;
    Some(
        table_and_head(c, width, c.number("vocab_size", 50272), true)?
            + embedding(c.number("max_position_embeddings", 2048) + 2, hidden)
            + project
            + c.number("num_hidden_layers", 12) * layer
            + last * norm(hidden) * affine,
    )
}

/// BLOOM: no positions (`ALiBi`), and a norm after the embeddings.
fn bloom(c: Config) -> Option<Size> {
    let hidden = c.named(&["n_embed", "hidden_size"], 64);
    Some(
        table_and_head(c, hidden, c.number("vocab_size", 250_880), true)?
            + norm(hidden)
            + c.named(&["n_layer", "num_hidden_layers"], 2) * block(hidden, 4 * hidden)
            + norm(hidden),
    )
}

/// Falcon: keys and values per head, one for all heads, or (newer architecture) grouped.
fn falcon(c: Config) -> Option<Size> {
    let hidden = c.number("hidden_size", 4544);
    let heads = c.named(&["num_attention_heads", "n_head"], 71);
    let head = hidden / heads;
    let newer = c.flag("new_decoder_architecture", false).get()? == 1;
    let groups = match c.flag("multi_query", true).get()? {
        _ if newer => c.number("num_kv_heads", heads),
        1 => 1.into(),
        _ => heads,
    };
    let bias = c.flag("bias", false);
    let inner = c.number("ffn_hidden_size", 4 * hidden);
    let norms = match c.flag("parallel_attn", true).get()? {
        1 if c.number("num_ln_in_parallel_attn", 1 + u64::from(newer)) != 2.into() => 1,
        _ => 2,
    };
    let layer = linear(hidden, (heads + 2 * groups) * head, bias)
        + linear(hidden, hidden, bias)
        + linear(hidden, inner, bias)
        + linear(inner, hidden, bias)
        + norms * norm(hidden);
    Some(
        table_and_head(c, hidden, c.number("vocab_size", 65024), true)?
            + c.named(&["num_hidden_layers", "n_layer"], 32) * layer
            + norm(hidden),
    )
}

/// `StableLM`: like Llama with norms that have a bias, except the norms of queries and keys, one
/// per head.
fn stablelm(c: Config) -> Option<Size> {
    let hidden = c.number("hidden_size", 2560);
    let heads = c.number("num_attention_heads", 32);
    let groups = c.number("num_key_value_heads", 32);
    let groups = if c.is_null("num_key_value_heads") { heads } else { groups };
    let head = hidden / heads;
    let inner = c.number("intermediate_size", 6912);
    let norms = Size::from(2) - c.flag("use_parallel_residual", false);
    let layer = linear(hidden, (heads + 2 * groups) * head, c.flag("use_qkv_bias", false))
        + linear(hidden, hidden, false)
        + c.flag("qk_layernorm", false) * (heads + groups) * rms_norm(head)
        + 3 * linear(hidden, inner, false)
        + norms * norm(hidden);
    Some(
        table_and_head(c, hidden, c.number("vocab_size", 50304), false)?
            + c.number("num_hidden_layers", 32) * layer
            + norm(hidden),
    )
}

/// Phi: one norm per layer, and a bias in the output layer even if it shares the word table.
fn phi(c: Config) -> Option<Size> {
    let (vocabulary, hidden) = (c.number("vocab_size", 51200), c.number("hidden_size", 2048));
    let heads = c.number("num_attention_heads", 32);
    let groups = c.number("num_key_value_heads", heads);
    let of_head = hidden / heads;
    let head = c.number("head_dim", of_head);
    let layer = linear(hidden, heads * head, true)
        + 2 * linear(hidden, groups * head, true)
        + linear(heads * head, hidden, true)
        + c.flag("qk_layernorm", false) * 2 * norm(of_head)
        + mlp(hidden, c.number("intermediate_size", 8192))
        + norm(hidden);
    Some(
        table_and_head(c, hidden, vocabulary, false)?
            + output_bias(c, vocabulary)
            + c.number("num_hidden_layers", 24) * layer
            + norm(hidden),
    )
}

/// Mamba: state space layers. `time_step_rank` may be `"auto"`, a sixteenth of the width.
fn mamba(c: Config) -> Option<Size> {
    let (hidden, state) = (c.number("hidden_size", 768), c.number("state_size", 16));
    let inner = c.real("expand", 2.0).map_or(Size::UNKNOWN, |ratio| hidden.scaled(ratio));
    let inner = c.number("intermediate_size", inner);
    let rank = match c.text("time_step_rank", "auto") {
        "auto" => (hidden + 15) / 16,
        _ => c.number("time_step_rank", Size::UNKNOWN),
    };
    let bias = c.flag("use_bias", false);
    let kernel = c.number("conv_kernel", 4);
    let mixer = linear(hidden, 2 * inner, bias)
        + conv(1.into(), inner, kernel, c.flag("use_conv_bias", true))
        + linear(inner, rank + 2 * state, false)
        + linear(rank, inner, true)
        + inner * state
        + inner
        + linear(inner, hidden, bias);
    Some(
        table_and_head(c, hidden, c.number("vocab_size", 50280), true)?
            + c.number("num_hidden_layers", 32) * (mixer + rms_norm(hidden))
            + rms_norm(hidden),
    )
}
