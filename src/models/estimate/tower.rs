//! Towers: the stacks of layers of a model, independent of the field names of its type.
//!
//! A text model is one tower, an encoder-decoder is two, and a model of image and text has one for
//! each part of its configuration. Networks that reduce their input step by step (Swin,
//! `ConvNeXt`, `ResNet`, `SegFormer`, the convolutions of wav2vec 2.0) have stages instead of
//! layers.

use crate::models::estimate::fields::Fields;
use crate::models::estimate::stages::Stage;

/// The input of a tower.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Input {
    /// Tokens of a text.
    Text,
    /// Images, cut into squares of `patch` pixels; `more` is the number of further tokens.
    Image { patch: f64, frames: f64, more: f64 },
    /// Sound, with `rate` places per second.
    Sound { rate: f64 },
    /// A number of places that the configuration determines, for inputs of any size.
    Fixed { places: f64 },
    /// The generated tokens, with cross attention to the other tower.
    Written,
}

/// Experts from which a router selects, instead of one MLP.
#[derive(Debug, Clone, Copy)]
pub(super) struct Experts {
    pub all: f64,
    /// Number of experts that are selected for a token.
    pub chosen: f64,
    pub inner: f64,
    /// Width of the shared expert that every token passes.
    pub shared: f64,
    /// Share of the layers that have experts.
    pub share: f64,
}

/// A state of fixed size, instead of attention.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    pub inner: f64,
    /// Number of values per channel.
    pub size: f64,
    /// Number of inputs that the convolution before the state keeps.
    pub kernel: f64,
    /// Share of the layers that have a state.
    pub share: f64,
}

/// A sliding window of attention.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub tokens: f64,
    /// Share of the layers that have the window.
    pub share: f64,
}

/// A stack of equal layers or stages.
#[derive(Debug, Clone)]
pub(super) struct Tower {
    pub input: Input,
    /// Whether it keeps keys and values, or a state, from token to token.
    pub keeps_cache: bool,
    /// Whether it outputs a score for each word of the vocabulary.
    pub has_logits: bool,
    /// Whether it attends to the output of another tower.
    pub has_cross_attention: bool,
    /// Whether it has no attention implementation that avoids storing scores.
    pub only_eager: bool,
    pub layers: f64,
    pub width: f64,
    pub heads: f64,
    /// Total width of the queries of all heads.
    pub queries: f64,
    /// Total width of the keys and values of all heads.
    pub pairs: f64,
    /// Number of values per token and layer if keys and values are kept compressed (MLA).
    pub latent: Option<f64>,
    pub inner: f64,
    /// Number of matrices of the MLP: two, or three with a gate.
    pub matrices: f64,
    pub vocabulary: f64,
    /// Number of word tables: one, or two if the output layer has its own.
    pub tables: f64,
    pub experts: Option<Experts>,
    pub state: Option<State>,
    pub window: Option<Window>,
    pub stages: Vec<Stage>,
}

/// Position of a tower in an encoder-decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Only,
    Encoder,
    Decoder,
}

const WIDTH: [&str; 10] = [
    "hidden_size",
    "d_model",
    "n_embd",
    "dim",
    "embed_dim",
    "n_embed",
    "emb_dim",
    "encoder_hidden_size",
    "encoder_hidden_dim",
    "model_dim",
];
const LAYERS: [&str; 6] =
    ["num_hidden_layers", "n_layer", "n_layers", "num_layers", "depth", "num_blocks"];
const ENCODER_LAYERS: [&str; 3] =
    ["encoder_layers", "num_encoder_layers", "encoder_num_hidden_layers"];
const DECODER_LAYERS: [&str; 3] =
    ["decoder_layers", "num_decoder_layers", "decoder_num_hidden_layers"];
const HEADS: [&str; 6] = [
    "num_attention_heads",
    "n_head",
    "n_heads",
    "num_heads",
    "encoder_attention_heads",
    "encoder_num_attention_heads",
];
const DECODER_HEADS: [&str; 2] = ["decoder_attention_heads", "decoder_num_attention_heads"];
const GROUPS: [&str; 3] = ["num_key_value_heads", "num_kv_heads", "n_kv_heads"];
const HEAD: [&str; 3] = ["head_dim", "d_kv", "d_head"];
const INNER: [&str; 8] = [
    "intermediate_size",
    "n_inner",
    "ffn_dim",
    "d_ff",
    "encoder_ffn_dim",
    "hidden_dim",
    "d_inner",
    "inner_dim",
];
const EXPERTS: [&str; 4] =
    ["num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"];
const CHOSEN: [&str; 4] = ["num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_top_k"];

/// Types without fused attention in transformers 5. Others may lack it, too, in earlier versions or
/// because of their settings.
const ONLY_EAGER: [&str; 14] = [
    "bloom",
    "deberta",
    "deberta-v2",
    "fnet",
    "funnel",
    "layoutlmv2",
    "layoutlmv3",
    "longt5",
    "mpnet",
    "reformer",
    "speech_to_text",
    "tapas",
    "xlm",
    "xlnet",
];

/// Whether the configuration describes an encoder and a decoder in one.
pub(super) fn is_pair(c: Fields) -> bool {
    DECODER_LAYERS.iter().any(|name| c.has(name))
        || c.is("is_encoder_decoder", true)
        || matches!(
            c.kind,
            "t5" | "mt5" | "bart" | "mbart" | "pegasus" | "marian" | "m2m_100" | "whisper"
        )
}

/// Reads one tower; `None` if its width or number of layers is unknown.
pub(super) fn read(c: Fields, side: Side, input: Input) -> Option<Tower> {
    let defaults = c.defaults;
    let width = c.or(&WIDTH, defaults.width)?;
    let layers = layers(c, side)?;
    let heads = match side {
        Side::Decoder => c.number(&DECODER_HEADS),
        _ => None,
    };
    let heads = heads.or_else(|| c.or(&HEADS, defaults.heads)).unwrap_or(width / 64.0).max(1.0);
    let head = c.or(&HEAD, defaults.head).unwrap_or(width / heads);
    let groups = c.or(&GROUPS, defaults.groups).unwrap_or(heads);
    let inner = match side {
        Side::Decoder => c.number(&["decoder_ffn_dim"]),
        _ => None,
    };
    let ratio = c.number(&["mlp_ratio", "ffn_ratio"]).unwrap_or(4.0);
    let inner = inner.or_else(|| c.or(&INNER, defaults.inner)).unwrap_or(ratio * width);
    let state = state(c, width, layers);
    let stateful = state.is_some_and(|state| state.share >= 1.0);
    let attends = if stateful { 0.0 } else { 1.0 };
    Some(Tower {
        input,
        keeps_cache: false,
        has_logits: false,
        has_cross_attention: side == Side::Decoder,
        only_eager: ONLY_EAGER.contains(&c.kind),
        layers,
        width,
        heads: heads * attends,
        queries: heads * head * attends,
        pairs: 2.0 * groups * head * attends,
        latent: latent(c),
        // In state space layers, the projections of the state replace the MLP.
        inner: inner * attends,
        matrices: if gated(c) { 3.0 } else { 2.0 },
        vocabulary: c.or(&["vocab_size", "n_vocab"], defaults.vocabulary).unwrap_or(0.0),
        tables: if c.is("tie_word_embeddings", false) { 2.0 } else { 1.0 },
        experts: experts(c, inner),
        state,
        window: window(c, layers),
        stages: Vec::new(),
    })
}

fn layers(c: Fields, side: Side) -> Option<f64> {
    let all = || c.or(&LAYERS, c.defaults.layers);
    match side {
        Side::Only => all().or_else(|| c.number(&ENCODER_LAYERS)),
        Side::Encoder => c.number(&ENCODER_LAYERS).or_else(all),
        Side::Decoder => c.number(&DECODER_LAYERS).or_else(all),
    }
}

/// Whether the MLP has a gate. Text models with RMS norms usually have one, older models do not.
fn gated(c: Fields) -> bool {
    let activation = c.text("feed_forward_proj");
    c.defaults.gated
        || activation.starts_with("gated")
        || (activation.is_empty() && (c.has("rms_norm_eps") || c.is("use_swiglu_ffn", true)))
}

/// Compressed keys and values (MLA, `DeepSeek`): one latent vector and the rotary part.
fn latent(c: Fields) -> Option<f64> {
    Some(c.number(&["kv_lora_rank"])? + c.number(&["qk_rope_head_dim"])?)
}

fn experts(c: Fields, inner: f64) -> Option<Experts> {
    let all = c.or(&EXPERTS, c.defaults.experts).filter(|all| *all > 1.0)?;
    let inner = c
        .or(&["moe_intermediate_size", "expert_ffn_hidden_size"], c.defaults.expert_inner)
        .unwrap_or(inner);
    let shared = c.number(&["shared_expert_intermediate_size"]);
    let shared = shared.or_else(|| Some(c.number(&["n_shared_experts"])? * inner)).unwrap_or(0.0);
    let chosen = c.or(&CHOSEN, c.defaults.chosen).unwrap_or(1.0).min(all);
    // Only every `period`th layer has experts (Jamba); the others have one MLP.
    let period = c.number(&["expert_layer_period", "decoder_sparse_step"]).unwrap_or(1.0);
    Some(Experts { all, chosen, inner, shared, share: 1.0 / period.max(1.0) })
}

fn state(c: Fields, width: f64, layers: f64) -> Option<State> {
    let size = c.number(&["state_size", "d_state", "mamba_d_state", "ssm_state_size"]);
    let mamba = c.kind == "mamba";
    let size = size.or(mamba.then_some(16.0))?;
    let expand = c.number(&["expand", "mamba_expand"]).unwrap_or(2.0);
    let kernel = c.number(&["conv_kernel", "d_conv", "mamba_d_conv"]).unwrap_or(4.0);
    let attention = if mamba || !c.has("num_attention_heads") {
        0.0
    } else {
        let named = ["layers_block_type", "layer_types"];
        let listed = named.iter().find_map(|name| c.share(name, "attention"));
        let period = || c.number(&["attn_layer_period"]).map(|period| 1.0 / period.max(1.0));
        // Without a pattern, half of the layers are assumed to have attention.
        listed.or_else(period).unwrap_or(0.5)
    };
    let share = if layers > 0.0 { 1.0 - attention } else { 0.0 };
    Some(State { inner: expand * width, size, kernel, share })
}

fn window(c: Fields, layers: f64) -> Option<Window> {
    if c.is("use_sliding_window", false) {
        return None;
    }
    let tokens = c.number(&["sliding_window"])?;
    let listed = c.share("layer_types", "sliding");
    let pattern = || c.number(&["sliding_window_pattern"]).map(|n| 1.0 - 1.0 / n.max(1.0));
    // The layers before this one have no window.
    let from = || {
        let full = c.number(&["max_window_layers"])?;
        Some((1.0 - full / layers.max(1.0)).max(0.0))
    };
    let usual = if c.kind.starts_with("gemma2") { 0.5 } else { 1.0 };
    Some(Window { tokens, share: listed.or_else(pattern).or_else(from).unwrap_or(usual) })
}

impl Tower {
    /// Number of parameters of one layer, counting the experts that `experts` returns.
    fn layer(&self, experts: impl Fn(&Experts) -> f64) -> f64 {
        let attention = self.width * (2.0 * self.queries + self.pairs);
        let mlp = match &self.experts {
            None => self.matrices * self.width * self.inner,
            Some(own) => {
                let widths = experts(own) * own.inner + own.shared;
                let sparse = self.matrices * self.width * widths + self.width * own.all;
                let dense = self.matrices * self.width * self.inner;
                own.share * sparse + (1.0 - own.share) * dense
            }
        };
        let crossing = if self.has_cross_attention { 4.0 * self.width * self.queries } else { 0.0 };
        let state = self.state.map_or(0.0, |state| {
            let within = 3.0 * self.width + 3.0 * state.size + self.width / 8.0;
            state.share * state.inner * within
        });
        let attends = self.attends();
        attention * attends + mlp + crossing + state
    }

    /// Share of the layers that have attention.
    pub(super) fn attends(&self) -> f64 {
        1.0 - self.state.map_or(0.0, |state| state.share)
    }

    /// Approximate number of parameters: matrices and tables, without biases, norms and positions.
    pub(super) fn parameters(&self) -> f64 {
        let stages: f64 = self.stages.iter().map(|stage| stage.depth * stage.parameters).sum();
        let patches = match self.input {
            Input::Image { patch, .. } => 3.0 * patch * patch * self.width,
            _ => 0.0,
        };
        self.layers * self.layer(|experts| experts.all)
            + self.tables * self.vocabulary * self.width
            + patches
            + stages
    }

    /// Number of parameters of all layers that are used to compute one token.
    pub(super) fn active(&self) -> f64 {
        self.layers * self.layer(|experts| experts.chosen)
    }
}
