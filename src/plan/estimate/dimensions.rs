//! The sizes of a model's parts, read from its configuration whatever its type calls them.
//!
//! Limits: only what estimates of memory and time need; what a configuration leaves out is
//! taken as most models have it. Never panics or wraps, whatever the configuration holds.

use crate::plan::estimate::Workload;
use serde_json::{Map, Value};

const HIDDEN: [&str; 6] = ["hidden_size", "n_embd", "d_model", "dim", "embed_dim", "model_dim"];
const LAYERS: [&str; 6] =
    ["num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "depth"];
const DECODER_LAYERS: [&str; 2] = ["decoder_layers", "num_decoder_layers"];
const HEADS: [&str; 6] = [
    "num_attention_heads",
    "n_head",
    "n_heads",
    "num_heads",
    "encoder_attention_heads",
    "attention_heads",
];
const INNER: [&str; 7] =
    ["intermediate_size", "n_inner", "d_ff", "encoder_ffn_dim", "ffn_dim", "hidden_dim", "mlp_dim"];
/// Parts of composite configurations.
const PARTS: [&str; 7] = [
    "text_config",
    "vision_config",
    "audio_config",
    "encoder",
    "decoder",
    "backbone_config",
    "text_encoder",
];
/// Positions that an encoder of Whisper's kind reads, whatever the length of the sound.
const WHISPER_POSITIONS: u64 = 1500;
/// Positions for a second of sound, where a convolution takes 20 ms together.
const FRAMES_PER_SECOND: u64 = 50;
/// What is larger is no size of anything; products of four such fit 160 bits and saturate.
const MOST: u64 = 1 << 40;
/// Edge of an image where neither test nor configuration says one.
const IMAGE: u64 = 224;
/// Edge of the latents of a diffusion pipeline where nothing is said.
const LATENT: u64 = 64;

/// A stack of equal layers, and what passes through it for one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stack {
    pub tokens: u64,
    pub layers: u64,
    pub hidden: u64,
    pub inner: u64,
    /// The layers in between have two inputs.
    pub gated: bool,
    pub heads: u64,
    pub groups: u64,
    pub head: u64,
    /// Tokens that a token sees at most.
    pub window: u64,
    /// Keeps keys and values of what it has read.
    pub keeps: bool,
    /// Tokens of another stack that it looks at.
    pub cross: u64,
    /// Numbers of a layer's state, which does not grow with the tokens.
    pub state: u64,
    /// Numbers that a token has in one layer when keys and values are kept in a short form.
    pub latent: u64,
}

/// A model as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Dimensions {
    pub stacks: Vec<Stack>,
    /// Numbers that the widest stage of a network of convolutions holds for one sample.
    pub stage: u128,
    pub vocabulary: u64,
    /// Positions of one sample for which logits are computed.
    pub scored: u64,
}

type Config = Map<String, Value>;

fn number(config: &Config, keys: &[&str]) -> Option<u64> {
    let found = keys.iter().find_map(|key| config.get(*key)?.as_u64());
    found.filter(|value| *value > 0).map(|value| value.min(MOST))
}

/// The largest of a list; a number is a list of one.
fn largest(config: &Config, keys: &[&str]) -> Option<u64> {
    keys.iter()
        .find_map(|key| match config.get(*key)? {
            Value::Array(values) => values.iter().filter_map(Value::as_u64).max(),
            value => value.as_u64(),
        })
        .map(|value| value.min(MOST))
}

fn list(config: &Config, key: &str) -> Option<Vec<u64>> {
    let values = config.get(key)?.as_array()?;
    Some(values.iter().filter_map(Value::as_u64).map(|value| value.min(MOST)).collect())
}

impl Dimensions {
    pub fn read(config: &Config, work: &Workload) -> Self {
        let parts = PARTS.iter().filter_map(|part| config.get(*part)?.as_object());
        let all: Vec<&Config> = std::iter::once(config).chain(parts).collect();
        let mut found = Self::default();
        for part in &all {
            found.stacks.extend(stacks(part, work));
            found.stage = found.stage.max(stage(part, work));
        }
        for component in ["unet", "transformer"] {
            if let Some(denoiser) = config.get(component).and_then(Value::as_object) {
                found.stage = found.stage.max(denoiser_stage(denoiser));
            }
        }
        // A decoder that sees images or sounds reads them as tokens.
        let seen: u64 =
            found.stacks.iter().filter(|s| !s.keeps).map(|s| s.tokens).max().unwrap_or(0);
        if all.len() > 1 {
            for stack in found.stacks.iter_mut().filter(|stack| stack.keeps && stack.cross == 0) {
                stack.tokens = stack.tokens.saturating_add(seen).min(MOST);
            }
        }
        if found.stacks.iter().any(|stack| stack.keeps) {
            found.vocabulary =
                all.iter().filter_map(|c| number(c, &["vocab_size"])).max().unwrap_or(0);
            found.scored = if found.stacks.iter().any(|stack| stack.cross > 0) {
                2
            } else {
                let longest = found.stacks.iter().filter(|s| s.keeps).map(|s| s.tokens).max();
                longest.unwrap_or(0).saturating_sub(work.new_tokens).saturating_add(1)
            };
        }
        found
    }

    /// Parameters of a plain model of this size: for types without a formula.
    pub fn parameters(&self, config: &Config) -> Option<u64> {
        let experts = largest(config, &["num_local_experts", "num_experts", "n_routed_experts"]);
        let experts = u128::from(experts.unwrap_or(1).max(1));
        let narrow = number(config, &["moe_intermediate_size"]);
        let stacks: u128 = self
            .stacks
            .iter()
            .fold(0, |sum, stack| sum.saturating_add(stack.parameters(experts, narrow)));
        let width = self.stacks.iter().map(|stack| stack.hidden).max().unwrap_or(0);
        let vocabulary = largest(config, &["vocab_size"]).unwrap_or(0);
        let tables = u128::from(vocabulary).saturating_mul(u128::from(width));
        let widest = list(config, "hidden_sizes").and_then(|sizes| sizes.last().copied());
        // Two layers of a kernel of nine cells, and half as much in all narrower stages.
        let stages = widest.map_or(0, |width| u128::from(width).saturating_pow(2) * 27);
        let total = stacks.saturating_add(tables).saturating_add(stages);
        u64::try_from(total).ok().filter(|total| *total > 0)
    }
}

fn stacks(config: &Config, work: &Workload) -> Vec<Stack> {
    let (Some(hidden), Some(layers)) = (number(config, &HIDDEN), number(config, &LAYERS)) else {
        return Vec::new();
    };
    let heads = largest(config, &HEADS).unwrap_or(hidden / 64).max(1);
    let head = number(config, &["head_dim", "d_kv"]).unwrap_or(hidden / heads).max(1);
    let tokens = tokens(config, work).min(MOST);
    let inner = number(config, &INNER).unwrap_or(hidden.saturating_mul(4));
    let latent = number(config, &["kv_lora_rank"])
        .map_or(0, |rank| rank.saturating_add(number(config, &["qk_rope_head_dim"]).unwrap_or(0)));
    let state = number(config, &["state_size", "ssm_state_size", "mamba_d_state", "d_state"]);
    let plain = Stack {
        tokens,
        layers,
        hidden,
        inner,
        gated: config.contains_key("num_key_value_heads") || config.contains_key("rms_norm_eps"),
        heads,
        groups: largest(config, &["num_key_value_heads"]).unwrap_or(heads).max(1),
        head,
        window: number(config, &["sliding_window"]).unwrap_or(u64::MAX),
        keeps: false,
        cross: 0,
        state: state.map_or(0, |state| {
            let convolved = number(config, &["conv_kernel", "mamba_d_conv"]).unwrap_or(4);
            inner.max(hidden.saturating_mul(2)).saturating_mul(state.saturating_add(convolved))
        }),
        latent,
    };
    let reads_text = config.contains_key("vocab_size");
    if let (Some(further), true) = (number(config, &DECODER_LAYERS), work.new_tokens > 0) {
        let decoder = Stack {
            tokens: work.new_tokens.min(MOST) + 1,
            layers: further,
            keeps: true,
            cross: tokens,
            ..plain
        };
        return vec![plain, decoder];
    }
    // T5 and its relatives name the layers of both sides once.
    if work.new_tokens > 0 && config.contains_key("d_kv") {
        let decoder =
            Stack { tokens: work.new_tokens.min(MOST) + 1, keeps: true, cross: tokens, ..plain };
        return vec![plain, decoder];
    }
    vec![Stack { keeps: reads_text && work.new_tokens > 0, ..plain }]
}

/// Positions of one sample.
fn tokens(config: &Config, work: &Workload) -> u64 {
    let patch = largest(config, &["patch_size"]);
    if let (Some(patch), true) = (patch, work.image > 0) {
        let image = if work.image > 0 { work.image } else { IMAGE };
        let side = image.checked_div(patch).unwrap_or(0).max(1);
        let frames = number(config, &["num_frames"]).unwrap_or(1);
        let together = number(config, &["tubelet_size"]).unwrap_or(1);
        let clips = frames.checked_div(together).unwrap_or(1).max(1);
        let text = if config.contains_key("vocab_size") { work.tokens } else { 0 };
        return side.saturating_mul(side).saturating_mul(clips).saturating_add(1 + text);
    }
    if let Some(context) = number(config, &["context_length"]) {
        let patch = number(config, &["patch_length", "patch_size"]).unwrap_or(1);
        let channels = number(config, &["num_input_channels"]).unwrap_or(1);
        return context.checked_div(patch).unwrap_or(context).saturating_mul(channels);
    }
    if work.audio_ms > 0 {
        let whisper = config.contains_key("num_mel_bins");
        let fixed = number(config, &["max_source_positions"]);
        let frames = work.audio_ms.saturating_mul(FRAMES_PER_SECOND) / 1000;
        return if whisper { fixed.unwrap_or(WHISPER_POSITIONS) } else { frames };
    }
    work.tokens.saturating_add(work.new_tokens)
}

/// Numbers of the widest stage where an image shrinks from stage to stage.
fn stage(config: &Config, work: &Workload) -> u128 {
    let widths = list(config, "hidden_sizes").or_else(|| {
        // Of Swin and its relatives: doubled from stage to stage.
        let first = number(config, &["embed_dim"])?;
        let stages = list(config, "depths")?.len().min(8);
        Some((0..stages).map(|at| first.saturating_mul(1 << at)).collect())
    });
    let Some(widths) = widths.filter(|_| work.image > 0) else { return 0 };
    let side = |at: usize| u128::from(work.image >> (at.min(16) + 2)).max(1);
    let stages = widths.iter().enumerate().map(|(at, width)| {
        // The block between is four times as wide; input, output and a norm's copy beside it.
        side(at).saturating_pow(2).saturating_mul(u128::from(*width)).saturating_mul(7)
    });
    let stem = number(config, &["embedding_size"]).unwrap_or(64);
    let stem = u128::from(work.image / 2).saturating_pow(2).saturating_mul(u128::from(stem) * 3);
    stages.max().unwrap_or(0).max(stem)
}

/// The same of what takes noise away: the first stage of a `UNet`, or a transformer's layer.
fn denoiser_stage(config: &Config) -> u128 {
    let side = u128::from(number(config, &["sample_size"]).unwrap_or(LATENT)).min(1 << 16);
    let first = list(config, "block_out_channels").and_then(|widths| widths.first().copied());
    let heads = largest(config, &["attention_head_dim", "num_attention_heads"]).unwrap_or(8);
    let width = first.unwrap_or_else(|| heads.saturating_mul(64));
    let positions = side.saturating_pow(2);
    let attention = positions.saturating_mul(positions).saturating_mul(u128::from(heads.min(8)));
    positions.saturating_mul(u128::from(width)).saturating_mul(10).saturating_add(attention)
}

impl Stack {
    /// Numbers of one layer while it computes, for one sample.
    pub fn live(&self, eager: bool) -> u128 {
        let [tokens, hidden, inner] = [self.tokens, self.hidden, self.inner].map(u128::from);
        let [heads, groups, head] = [self.heads, self.groups, self.head].map(u128::from);
        let between = inner * if self.gated { 2 } else { 1 } + 2 * hidden;
        let attention = (heads + 2 * groups) * head + 2 * hidden;
        let seen = u128::from(self.tokens.min(self.window).max(self.cross));
        // Scores, and what becomes of them.
        let scores = if eager { 2 * heads * seen } else { 0 };
        let scanned = if self.state > 0 { 3 * u128::from(self.state) } else { 0 };
        tokens.saturating_mul(between.max(attention).saturating_add(scores).saturating_add(scanned))
    }

    /// Numbers that it keeps of what it has read, for one sample.
    pub fn kept(&self) -> u128 {
        if !self.keeps {
            return 0;
        }
        let seen = u128::from(self.tokens.min(self.window));
        let token = match self.latent {
            0 => 2 * u128::from(self.groups) * u128::from(self.head),
            latent => u128::from(latent),
        };
        let cross = 2 * u128::from(self.hidden) * u128::from(self.cross);
        // A state instead of keys and values, in types that have one.
        let layer = if self.state > 0 { u128::from(self.state) } else { seen * token + cross };
        u128::from(self.layers).saturating_mul(layer)
    }

    /// `narrow` is how wide a single expert is, where that is told apart.
    fn parameters(&self, experts: u128, narrow: Option<u64>) -> u128 {
        let inner = narrow.unwrap_or(self.inner);
        let [layers, hidden, inner] = [self.layers, self.hidden, inner].map(u128::from);
        let [heads, groups, head] = [self.heads, self.groups, self.head].map(u128::from);
        let attention = hidden.saturating_mul(2 * head * (heads + groups));
        let between = hidden * inner * if self.gated { 3 } else { 2 };
        let cross = if self.cross > 0 { attention } else { 0 };
        let layer = attention.saturating_add(cross).saturating_add(between.saturating_mul(experts));
        layers.saturating_mul(layer)
    }
}
