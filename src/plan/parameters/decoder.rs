//! Decoders that are not built like Llama, as `AutoModelForCausalLM` loads them.
//!
//! Formulae and defaults follow `modeling_<type>.py` and `configuration_<type>.py` of
//! transformers 5. An output layer that shares the embedding's table is not counted twice.

use crate::plan::parameters::config::Config;
use crate::plan::parameters::size::{Size, block, conv, embedding, linear, mlp, norm, rms_norm};
use crate::plan::parameters::{Formula, Formula::Dense};

pub(super) fn find(kind: &str) -> Option<Formula> {
    Some(match kind {
        "gpt2" => Dense(gpt2),
        "gpt_neo" => Dense(gpt_neo),
        "gpt_neox" => Dense(gpt_neox),
        "opt" => Dense(opt),
        "bloom" => Dense(bloom),
        "phi" => Dense(phi),
        "mamba" => Dense(mamba),
        _ => return None,
    })
}

fn gpt2(c: Config) -> Size {
    let hidden = c.named(&["n_embd", "hidden_size"], 768);
    let positions = c.named(&["n_positions", "max_position_embeddings"], 1024);
    let inner = c.number("n_inner", 4 * hidden);
    embedding(c.tables(c.number("vocab_size", 50257), true), hidden)
        + embedding(positions, hidden)
        + c.named(&["n_layer", "num_hidden_layers"], 12) * block(hidden, inner)
        + norm(hidden)
        + c.without("add_cross_attention")
}

/// Only the output of the attention has a bias.
fn gpt_neo(c: Config) -> Size {
    let hidden = c.number("hidden_size", 2048);
    let inner = c.number("intermediate_size", 4 * hidden);
    let layer = 3 * linear(hidden, hidden, false)
        + linear(hidden, hidden, true)
        + mlp(hidden, inner)
        + 2 * norm(hidden);
    embedding(c.tables(c.number("vocab_size", 50257), true), hidden)
        + embedding(c.number("max_position_embeddings", 2048), hidden)
        + c.named(&["num_layers", "num_hidden_layers"], 24) * layer
        + norm(hidden)
}

fn gpt_neox(c: Config) -> Size {
    let hidden = c.number("hidden_size", 6144);
    let layer = 4 * linear(hidden, hidden, c.flag("attention_bias", true))
        + mlp(hidden, c.number("intermediate_size", 24576))
        + 2 * norm(hidden);
    embedding(c.tables(c.number("vocab_size", 50432), false), hidden)
        + c.number("num_hidden_layers", 44) * layer
        + norm(hidden)
}

/// Words may be narrower than layers; positions begin at the third row.
fn opt(c: Config) -> Size {
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
    embedding(c.tables(c.number("vocab_size", 50272), true), width)
        + embedding(c.number("max_position_embeddings", 2048) + 2, hidden)
        + project
        + c.number("num_hidden_layers", 12) * layer
        + last * norm(hidden) * affine
}

/// No positions (`ALiBi`), a norm after the embeddings.
fn bloom(c: Config) -> Size {
    let hidden = c.named(&["n_embed", "hidden_size"], 64);
    embedding(c.tables(c.number("vocab_size", 250_880), true), hidden)
        + norm(hidden)
        + c.named(&["n_layer", "num_hidden_layers"], 2) * block(hidden, 4 * hidden)
        + norm(hidden)
}

/// One norm a layer; the output layer has a bias even where it shares its table.
fn phi(c: Config) -> Size {
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
    embedding(c.tables(vocabulary, false), hidden)
        + vocabulary
        + c.number("num_hidden_layers", 24) * layer
        + norm(hidden)
}

/// State space layers; `time_step_rank` may be `"auto"`, a sixteenth of the width.
fn mamba(c: Config) -> Size {
    let (hidden, state) = (c.number("hidden_size", 768), c.number("state_size", 16));
    let inner = c.real("expand", 2.0).map_or(Size::UNKNOWN, |ratio| hidden.scaled(ratio));
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
    embedding(c.tables(c.number("vocab_size", 50280), true), hidden)
        + c.number("num_hidden_layers", 32) * (mixer + rms_norm(hidden))
        + rms_norm(hidden)
}
