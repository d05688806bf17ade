"""The tiny models on which faults are tried: those that dtf carries, and others whose parts
these lack: learned and linear positions, sliding windows, caps, batch statistics, shifted windows,
layer scales, shared experts."""

import dataclasses

from test_templates import TINY, configuration

# Parameters that make every run short. They change sizes, and no check.
SHORT = {
    "weights": "random",
    "max_new_tokens": 4,
    "warm_up": 0,
    "iterations": 1,
    "min_seconds": 0,
    "audio_seconds": 0.25,
}


@dataclasses.dataclass(frozen=True)
class Tiny:
    """A tiny model: its family, its name, its configuration (None: that of the catalogue)."""

    family: str
    name: str
    config: dict | None = None

    @property
    def configuration(self):
        return self.config or configuration(self.name)


CARRIED = {
    "tiny-bert": "text_encoder",
    "tiny-llama": "decoder_llm",
    "tiny-vit": "vision_classifier",
    "tiny-mixtral": "decoder_moe",
    "tiny-mamba": "decoder_ssm",
    "tiny-t5": "encoder_decoder",
    "tiny-wav2vec2": "audio_encoder",
    "tiny-llava": "vlm",
    "tiny-minilm": "embedding",
    "tiny-yolos": "object_detection",
    "tiny-segformer": "segmentation",
    "tiny-depth-anything": "depth_keypoint",
    "tiny-videomae": "video",
    "tiny-whisper": "asr_seq2seq",
    "tiny-encodec": "audio_generation",
    "tiny-clip": "vision_text_dual",
    "tiny-layoutlm": "document",
    "tiny-patchtst": "time_series",
    "tiny-stable-diffusion": "diffusion",
}

# `render` needs a carried model of each family.
TINY.update({family: f"dtf/{name}" for name, family in CARRIED.items()})

# Sizes that most models of text share.
TEXT = {
    "vocab_size": 1024,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 512,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}

OTHERS = {
    "gpt2": (
        "decoder_llm",
        {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": 1024}
        | {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 512}
        | {"bos_token_id": 1, "eos_token_id": 2},
    ),
    "bloom": (
        "decoder_llm",
        {"architectures": ["BloomForCausalLM"], "model_type": "bloom", "vocab_size": 1024}
        | {"hidden_size": 64, "n_layer": 2, "n_head": 4}
        | {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3},
    ),
    "gemma2": (
        "decoder_llm",
        {"architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2", **TEXT}
        | {"num_key_value_heads": 2, "head_dim": 16, "sliding_window": 24}
        | {"query_pre_attn_scalar": 16, "attn_logit_softcapping": 5.0}
        | {"final_logit_softcapping": 3.0},
    ),
    "qwen2-moe": (
        "decoder_moe",
        {"architectures": ["Qwen2MoeForCausalLM"], "model_type": "qwen2_moe", **TEXT}
        | {"num_key_value_heads": 2, "num_experts": 4, "num_experts_per_tok": 2}
        | {"moe_intermediate_size": 64, "shared_expert_intermediate_size": 64}
        | {"norm_topk_prob": True, "decoder_sparse_step": 1},
    ),
    "bart": (
        "encoder_decoder",
        {"architectures": ["BartForConditionalGeneration"], "model_type": "bart"}
        | {"vocab_size": 1024, "d_model": 64, "encoder_layers": 2, "decoder_layers": 2}
        | {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "scale_embedding": True}
        | {"encoder_ffn_dim": 128, "decoder_ffn_dim": 128, "max_position_embeddings": 512}
        | {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
        | {"decoder_start_token_id": 2, "is_encoder_decoder": True},
    ),
    "modernbert": (
        "text_encoder",
        {"architectures": ["ModernBertForMaskedLM"], "model_type": "modernbert", **TEXT}
        | {"num_hidden_layers": 3, "local_attention": 16, "global_attn_every_n_layers": 3}
        | {"cls_token_id": 1, "sep_token_id": 2, "reference_compile": False},
    ),
    "resnet": (
        "vision_classifier",
        {"architectures": ["ResNetForImageClassification"], "model_type": "resnet"}
        | {"depths": [2, 2], "embedding_size": 16, "hidden_sizes": [32, 64]}
        | {"layer_type": "bottleneck", "image_size": 32, "num_labels": 10},
    ),
    "swin": (
        "vision_classifier",
        {"architectures": ["SwinForImageClassification"], "model_type": "swin"}
        | {"image_size": 32, "patch_size": 2, "embed_dim": 16, "depths": [2, 2]}
        | {"num_heads": [2, 4], "window_size": 4, "num_labels": 10},
    ),
}

MODELS = {
    **{name: Tiny(family, f"dtf/{name}") for name, family in CARRIED.items()},
    **{
        f"tiny-{name}": Tiny(family, f"dtf/tiny-{name}", config)
        for name, (family, config) in OTHERS.items()
    },
}


def named(model=None, family=None):
    """The names of the models that are asked for: by name, with or without `dtf/`, or by family."""
    short = model.removeprefix("dtf/") if model else None
    chosen = [
        name
        for name, tiny in MODELS.items()
        if (short is None or name == short) and (family is None or tiny.family == family)
    ]
    if not chosen:
        raise SystemExit(f"no model {model or ''} in family {family or '*'}; --list lists all")
    return chosen
