//! Counts decoders built like Llama, dense or with experts.
//!
//! They share one formula: RMS norms, grouped attention, a gated MLP. One constant per type
//! contains its differences and the defaults of its fields. Formulae and defaults follow
//! `modeling_<type>.py` and `configuration_<type>.py` of transformers 5.

use crate::models::parameters::config::{Config, Experts, Type};
use crate::models::parameters::decoder::table_and_head;
use crate::models::parameters::size::{Size, linear, rms_norm};
use std::collections::BTreeSet;

/// Biases of the attention.
#[derive(Debug, Clone, Copy)]
enum Bias {
    Never,
    /// Query, key and value have a bias.
    Inputs,
    /// Query, key and value have a bias unless `qkv_bias` is false.
    InputsByField,
    /// Query, key, value and output have a bias if `attention_bias` is true.
    ByField,
}

/// Norms of queries and keys.
#[derive(Debug, Clone, Copy)]
enum QueryNorm {
    Without,
    /// Over each head, with the same parameters for all heads.
    Head,
    /// Over all heads together.
    Heads,
    /// Over all heads together, as wide as the layer.
    Hidden,
}

/// Defaults and differences of a type.
struct Decoder {
    vocabulary: u64,
    hidden: u64,
    inner: u64,
    layers: u64,
    heads: u64,
    /// Default number of key and value heads; `null` in a configuration means one per head.
    groups: Groups,
    /// Default width of a head; without one, the width of the layer divided by the heads.
    head: Option<u64>,
    tied: bool,
    bias: Bias,
    mlp_bias: bool,
    query_norm: QueryNorm,
    /// Number of norms per layer.
    norms: u64,
    /// Number of norms after the last layer.
    last_norms: u64,
}

/// Default number of key and value heads.
#[derive(Debug, Clone, Copy)]
enum Groups {
    AsHeads,
    Fixed(u64),
}

const LLAMA: Decoder = Decoder {
    vocabulary: 32000,
    hidden: 4096,
    inner: 11008,
    layers: 32,
    heads: 32,
    groups: Groups::AsHeads,
    head: None,
    tied: false,
    bias: Bias::ByField,
    mlp_bias: true,
    query_norm: QueryNorm::Without,
    norms: 2,
    last_norms: 1,
};

/// Query, key and value are one matrix, and so are gate and up; the numbers are the same.
const PHI3: Decoder = Decoder {
    vocabulary: 32064,
    hidden: 3072,
    inner: 8192,
    bias: Bias::Never,
    mlp_bias: false,
    ..LLAMA
};

const MISTRAL: Decoder =
    Decoder { inner: 14336, groups: Groups::Fixed(8), bias: Bias::Never, mlp_bias: false, ..LLAMA };

const QWEN2: Decoder = Decoder {
    vocabulary: 151_936,
    inner: 22016,
    groups: Groups::Fixed(32),
    bias: Bias::Inputs,
    mlp_bias: false,
    ..LLAMA
};

const QWEN3: Decoder =
    Decoder { head: Some(128), bias: Bias::ByField, query_norm: QueryNorm::Head, ..QWEN2 };

const GEMMA: Decoder = Decoder {
    vocabulary: 256_000,
    hidden: 3072,
    inner: 24576,
    layers: 28,
    heads: 16,
    groups: Groups::Fixed(16),
    head: Some(256),
    tied: true,
    mlp_bias: false,
    ..LLAMA
};

const GEMMA2: Decoder = Decoder {
    hidden: 2304,
    inner: 9216,
    layers: 26,
    heads: 8,
    groups: Groups::Fixed(4),
    norms: 4,
    ..GEMMA
};

const SMOLLM3: Decoder = Decoder {
    vocabulary: 128_256,
    hidden: 2048,
    layers: 36,
    heads: 16,
    groups: Groups::Fixed(4),
    tied: true,
    ..LLAMA
};

/// Its norms have no parameters.
const OLMO: Decoder =
    Decoder { vocabulary: 50304, mlp_bias: false, norms: 0, last_norms: 0, ..LLAMA };

const OLMO2: Decoder =
    Decoder { vocabulary: 50304, mlp_bias: false, query_norm: QueryNorm::Heads, ..LLAMA };

const QWEN2_MOE: Decoder = Decoder {
    hidden: 2048,
    inner: 5632,
    layers: 24,
    heads: 16,
    groups: Groups::Fixed(16),
    bias: Bias::InputsByField,
    ..QWEN2
};

const QWEN3_MOE: Decoder = Decoder {
    inner: 6144,
    heads: 32,
    groups: Groups::Fixed(4),
    bias: Bias::ByField,
    query_norm: QueryNorm::Head,
    ..QWEN2_MOE
};

const OLMOE: Decoder = Decoder {
    vocabulary: 50304,
    hidden: 2048,
    inner: 2048,
    layers: 16,
    heads: 16,
    mlp_bias: false,
    query_norm: QueryNorm::Hidden,
    ..LLAMA
};

pub(super) fn find(kind: &str) -> Option<Type> {
    let count: fn(Config) -> Option<Size> = match kind {
        // Granite differs in its computation, not in its parameters.
        "llama" | "granite" => |c| dense(c, &LLAMA),
        "phi3" => |c| dense(c, &PHI3),
        "mistral" => |c| dense(c, &MISTRAL),
        "qwen2" => |c| dense(c, &QWEN2),
        "qwen3" => |c| dense(c, &QWEN3),
        "gemma" => |c| dense(c, &GEMMA),
        "gemma2" => |c| dense(c, &GEMMA2),
        "smollm3" => |c| dense(c, &SMOLLM3),
        "olmo" => |c| dense(c, &OLMO),
        "olmo2" => |c| dense(c, &OLMO2),
        "mixtral" => mixtral,
        "qwen2_moe" => qwen2_moe,
        "qwen3_moe" => qwen3_moe,
        "olmoe" => olmoe,
        _ => return None,
    };
    Some(Type { count, default_class: "CausalLM" })
}

impl Decoder {
    fn hidden(&self, c: Config) -> Size {
        c.number("hidden_size", self.hidden)
    }

    fn inner(&self, c: Config) -> Size {
        c.number("intermediate_size", self.inner)
    }

    fn layers(&self, c: Config) -> Size {
        c.number("num_hidden_layers", self.layers)
    }

    fn attention(&self, c: Config) -> Size {
        let hidden = self.hidden(c);
        let heads = c.number("num_attention_heads", self.heads);
        let groups = match self.groups {
            Groups::Fixed(groups) if !c.is_null("num_key_value_heads") => groups.into(),
            _ => heads,
        };
        let groups = c.number("num_key_value_heads", groups);
        // `null` overrides the default width of the type.
        let head = match self.head {
            Some(head) if !c.is_null("head_dim") => head.into(),
            _ => hidden / heads,
        };
        let head = c.number("head_dim", head);
        let (inputs, output) = match self.bias {
            Bias::Never => (Size::ZERO, Size::ZERO),
            Bias::Inputs => (true.into(), Size::ZERO),
            Bias::InputsByField => (c.flag("qkv_bias", true), Size::ZERO),
            Bias::ByField => (c.flag("attention_bias", false), c.flag("attention_bias", false)),
        };
        let query_norm = match self.query_norm {
            QueryNorm::Without => Size::ZERO,
            QueryNorm::Head => 2 * rms_norm(head),
            QueryNorm::Heads => rms_norm(heads * head) + rms_norm(groups * head),
            QueryNorm::Hidden => rms_norm(hidden) + rms_norm(hidden / heads * groups),
        };
        linear(hidden, heads * head, inputs)
            + 2 * linear(hidden, groups * head, inputs)
            + linear(heads * head, hidden, output)
            + query_norm
    }

    /// All parameters except those of the MLPs.
    fn frame(&self, c: Config) -> Option<Size> {
        let hidden = self.hidden(c);
        let vocabulary = c.number("vocab_size", self.vocabulary);
        let layer = self.attention(c) + self.norms * rms_norm(hidden);
        let table_and_head = table_and_head(c, hidden, vocabulary, self.tied)?;
        Some(table_and_head + self.layers(c) * layer + self.last_norms * rms_norm(hidden))
    }
}

/// A gated MLP: gate, up and down.
fn gated(hidden: Size, inner: Size, bias: Size) -> Size {
    2 * linear(hidden, inner, bias) + linear(inner, hidden, bias)
}

fn dense(c: Config, kind: &Decoder) -> Option<Size> {
    let bias = if kind.mlp_bias { c.flag("mlp_bias", false) } else { Size::ZERO };
    Some(kind.frame(c)? + kind.layers(c) * gated(kind.hidden(c), kind.inner(c), bias))
}

/// A router and the counted experts.
fn experts(c: Config, hidden: Size, inner: Size, all: Size, chosen: Size) -> Size {
    let counted = match c.experts() {
        Experts::All => all,
        Experts::Chosen => chosen.at_most(all),
    };
    linear(hidden, all, false) + counted * gated(hidden, inner, Size::ZERO)
}

fn mixtral(c: Config) -> Option<Size> {
    let all = c.named(&["num_local_experts", "num_experts"], 8);
    let chosen = c.number("num_experts_per_tok", 2);
    let (hidden, inner) = (MISTRAL.hidden(c), MISTRAL.inner(c));
    Some(MISTRAL.frame(c)? + MISTRAL.layers(c) * experts(c, hidden, inner, all, chosen))
}

fn olmoe(c: Config) -> Option<Size> {
    let all = c.named(&["num_experts", "num_local_experts"], 64);
    let chosen = c.number("num_experts_per_tok", 8);
    let (hidden, inner) = (OLMOE.hidden(c), OLMOE.inner(c));
    Some(OLMOE.frame(c)? + OLMOE.layers(c) * experts(c, hidden, inner, all, chosen))
}

/// Qwen2 with experts: besides the experts, a shared expert for every token, with a gate of one number.
fn qwen2_moe(c: Config) -> Option<Size> {
    let all = c.named(&["num_experts", "num_local_experts"], 60);
    let chosen = c.number("num_experts_per_tok", 4);
    let (hidden, inner) = (QWEN2_MOE.hidden(c), c.number("moe_intermediate_size", 1408));
    let shared = gated(hidden, c.number("shared_expert_intermediate_size", 5632), Size::ZERO);
    let sparse = experts(c, hidden, inner, all, chosen) + shared + linear(hidden, 1.into(), false);
    mixed(c, &QWEN2_MOE, all, sparse)
}

fn qwen3_moe(c: Config) -> Option<Size> {
    let all = c.named(&["num_experts", "num_local_experts"], 128);
    let chosen = c.number("num_experts_per_tok", 8);
    let (hidden, inner) = (QWEN3_MOE.hidden(c), c.number("moe_intermediate_size", 768));
    mixed(c, &QWEN3_MOE, all, experts(c, hidden, inner, all, chosen))
}

/// A model with sparse and dense layers: every `decoder_sparse_step`th layer is sparse, unless
/// `mlp_only_layers` lists it.
fn mixed(c: Config, kind: &Decoder, experts: Size, sparse: Size) -> Option<Size> {
    let (layers, step) = (kind.layers(c), c.number("decoder_sparse_step", 1));
    let plain: BTreeSet<_> = c.list("mlp_only_layers", &[]).into_iter().map(Size::get).collect();
    let listed: Size = plain.iter().map(|index| of_step(*index, layers, step)).sum();
    let with_experts = (layers / step - listed) * experts.any();
    let without = layers - with_experts;
    Some(
        kind.frame(c)?
            + with_experts * sparse
            + without * gated(kind.hidden(c), kind.inner(c), Size::ZERO),
    )
}

/// 1 if the layer exists and its number, counted from 1, is a multiple of `step`, so that it would
/// be sparse without the list; otherwise 0.
fn of_step(index: Option<u64>, layers: Size, step: Size) -> Size {
    let turn = |index: u64, layers: u64, step: u64| {
        Some(u64::from(index < layers && index.checked_add(1)?.checked_rem(step)? == 0))
    };
    match (index, layers.get(), step.get()) {
        (Some(index), Some(layers), Some(step)) => turn(index, layers, step).into(),
        _ => Size::UNKNOWN,
    }
}
