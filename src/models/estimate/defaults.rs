//! Default sizes of model types, for fields that a configuration omits.
//!
//! A `config.json` need not repeat the defaults of its class. The values are those of
//! `configuration_<type>.py` of transformers 5, for the types whose parameters are counted. The
//! configurations of other types must contain their sizes.

/// Default sizes of one tower; 0 means that there is no default.
#[derive(Debug, Clone, Copy)]
pub(super) struct Defaults {
    pub width: u64,
    pub layers: u64,
    pub heads: u64,
    pub groups: u64,
    pub head: u64,
    pub inner: u64,
    pub vocabulary: u64,
    pub experts: u64,
    pub chosen: u64,
    pub expert_inner: u64,
    pub patch: u64,
    /// Whether the MLP has a gate.
    pub gated: bool,
    /// Widths of the stages.
    pub widths: &'static [u64],
    /// Numbers of layers of the stages.
    pub depths: &'static [u64],
}

pub(super) const NONE: Defaults = Defaults {
    width: 0,
    layers: 0,
    heads: 0,
    groups: 0,
    head: 0,
    inner: 0,
    vocabulary: 0,
    experts: 0,
    chosen: 0,
    expert_inner: 0,
    patch: 0,
    gated: false,
    widths: &[],
    depths: &[],
};

const BASE: Defaults =
    Defaults { width: 768, layers: 12, heads: 12, inner: 3072, vocabulary: 30522, ..NONE };
const VIT: Defaults = Defaults { vocabulary: 0, patch: 16, ..BASE };
const LLAMA: Defaults = Defaults {
    width: 4096,
    layers: 32,
    heads: 32,
    inner: 11008,
    vocabulary: 32000,
    gated: true,
    ..NONE
};
const MISTRAL: Defaults = Defaults { inner: 14336, groups: 8, ..LLAMA };
const QWEN2: Defaults = Defaults { inner: 22016, vocabulary: 151_936, ..LLAMA };
const QWEN2_MOE: Defaults = Defaults {
    width: 2048,
    layers: 24,
    heads: 16,
    inner: 5632,
    experts: 60,
    chosen: 4,
    expert_inner: 1408,
    ..QWEN2
};
const GEMMA: Defaults = Defaults {
    width: 3072,
    layers: 28,
    heads: 16,
    head: 256,
    inner: 24576,
    vocabulary: 256_000,
    ..LLAMA
};
const T5: Defaults =
    Defaults { width: 512, layers: 6, heads: 8, head: 64, inner: 2048, vocabulary: 32128, ..NONE };
const BART: Defaults =
    Defaults { width: 1024, layers: 12, heads: 16, inner: 4096, vocabulary: 50265, ..NONE };
/// Stages of `ResNet-50`, the usual backbone of a detector.
pub(super) const RESNET: Defaults =
    Defaults { widths: &[256, 512, 1024, 2048], depths: &[3, 4, 6, 3], ..NONE };

/// The defaults of a type, or of a part of one (`clip.text_config`).
pub(super) fn of(kind: &str) -> Defaults {
    text(kind).or_else(|| llama(kind)).or_else(|| image_or_sound(kind)).unwrap_or(NONE)
}

/// Text models that are not built like Llama.
fn text(kind: &str) -> Option<Defaults> {
    Some(match kind {
        "bert" | "mpnet" | "xlm-roberta" | "camembert" => BASE,
        "roberta" => Defaults { vocabulary: 50265, ..BASE },
        "distilbert" => Defaults { layers: 6, ..BASE },
        "electra" => Defaults { width: 256, heads: 4, inner: 1024, ..BASE },
        "albert" => Defaults { width: 4096, heads: 64, inner: 16384, vocabulary: 30000, ..BASE },
        "gpt2" => Defaults { vocabulary: 50257, ..BASE },
        "gpt_neo" => {
            Defaults { width: 2048, layers: 24, heads: 16, inner: 8192, vocabulary: 50257, ..NONE }
        }
        "gpt_neox" => {
            Defaults { width: 6144, layers: 44, heads: 64, inner: 24576, vocabulary: 50432, ..NONE }
        }
        "opt" => Defaults { vocabulary: 50272, ..BASE },
        "bloom" => Defaults { width: 64, layers: 2, heads: 8, vocabulary: 250_880, ..NONE },
        "phi" => {
            Defaults { width: 2048, layers: 24, heads: 32, inner: 8192, vocabulary: 51200, ..NONE }
        }
        "mamba" => Defaults { width: 768, layers: 32, vocabulary: 50280, ..NONE },
        "t5" => T5,
        "mt5" => {
            Defaults { layers: 8, heads: 6, inner: 1024, vocabulary: 250_112, gated: true, ..T5 }
        }
        "bart" | "mbart" | "pegasus" => BART,
        "marian" => Defaults { vocabulary: 58101, ..BART },
        "m2m_100" => Defaults { vocabulary: 128_112, ..BART },
        _ => return None,
    })
}

/// Decoders built like Llama.
fn llama(kind: &str) -> Option<Defaults> {
    Some(match kind {
        "llama" | "granite" => LLAMA,
        "olmo2" => Defaults { vocabulary: 50304, ..LLAMA },
        "phi3" => Defaults { width: 3072, inner: 8192, vocabulary: 32064, ..LLAMA },
        "mistral" => MISTRAL,
        "mixtral" => Defaults { experts: 8, chosen: 2, ..MISTRAL },
        "qwen2" => QWEN2,
        "qwen3" => Defaults { head: 128, ..QWEN2 },
        "qwen2_moe" => QWEN2_MOE,
        "qwen3_moe" => Defaults {
            heads: 32,
            groups: 4,
            inner: 6144,
            experts: 128,
            chosen: 8,
            expert_inner: 768,
            ..QWEN2_MOE
        },
        "olmoe" => Defaults {
            width: 2048,
            layers: 16,
            heads: 16,
            inner: 2048,
            vocabulary: 50304,
            experts: 64,
            chosen: 8,
            ..LLAMA
        },
        "gemma" => GEMMA,
        "gemma2" => Defaults { width: 2304, layers: 26, heads: 8, groups: 4, inner: 9216, ..GEMMA },
        "smollm3" => {
            Defaults { width: 2048, layers: 36, heads: 16, groups: 4, vocabulary: 128_256, ..LLAMA }
        }
        _ => return None,
    })
}

/// Models that read images or sound, and their parts.
fn image_or_sound(kind: &str) -> Option<Defaults> {
    Some(match kind {
        "whisper" => {
            Defaults { width: 384, layers: 4, heads: 6, inner: 1536, vocabulary: 51865, ..NONE }
        }
        "wav2vec2" | "hubert" => Defaults { vocabulary: 0, ..BASE },
        "vit" | "deit" => VIT,
        // The width of the MLP is a multiple of `width`.
        "dinov2" => Defaults { inner: 0, patch: 14, ..VIT },
        "clip.text_config" | "clip_text_model" => {
            Defaults { width: 512, heads: 8, inner: 2048, vocabulary: 49408, ..BASE }
        }
        "clip.vision_config" | "clip_vision_model" => Defaults { patch: 32, ..VIT },
        "siglip.text_config" | "siglip_text_model" => Defaults { vocabulary: 32000, ..BASE },
        "siglip.vision_config" | "siglip_vision_model" => VIT,
        "swin" => {
            Defaults { widths: &[96, 192, 384, 768], depths: &[2, 2, 6, 2], patch: 4, ..NONE }
        }
        "convnext" => {
            Defaults { widths: &[96, 192, 384, 768], depths: &[3, 3, 9, 3], patch: 4, ..NONE }
        }
        "resnet" => RESNET,
        _ => return None,
    })
}

/// Parts of a type that exist even if its configuration omits them.
pub(super) fn parts(kind: &str) -> &'static [&'static str] {
    match kind {
        "clip" | "siglip" => &["text_config", "vision_config"],
        _ => &[],
    }
}
