#!/usr/bin/env python3
"""Writes tests/data/parameters.json: configurations of every model type whose parameters dtf
counts (src/models/parameters/), with the number of parameters in transformers. The variants below
are built as a test loads them, and one configuration of each class is random
(scripts/parameter_options.py).

Models are built on torch's meta device, which allocates no memory, and neither files nor the network
are read. Run this script after a type or a variant is added, with an interpreter that has torch and
transformers. The unit tests use the file and run no Python:

    python scripts/parameters.py        write the file
    python scripts/parameters.py TYPE…  print the counts of these types, without writing
"""

import json
import logging
import pathlib
import sys

import parameter_options
import torch
import transformers
from transformers import CONFIG_MAPPING

TARGET = pathlib.Path(__file__).resolve().parent.parent / "tests/data/parameters.json"

BERT = {
    "vocab_size": 120, "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "intermediate_size": 100, "max_position_embeddings": 40, "type_vocab_size": 3,
}
LLAMA = {
    "vocab_size": 96, "hidden_size": 64, "intermediate_size": 112, "num_hidden_layers": 3,
    "num_attention_heads": 8, "num_key_value_heads": 2,
}
BART = {
    "vocab_size": 90, "d_model": 32, "encoder_layers": 2, "decoder_layers": 3,
    "encoder_ffn_dim": 56, "decoder_ffn_dim": 72, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "max_position_embeddings": 30, "pad_token_id": 1,
    "bos_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 2,
}
T5 = {
    "vocab_size": 90, "d_model": 40, "d_kv": 6, "d_ff": 72, "num_layers": 2,
    "num_decoder_layers": 3, "num_heads": 4, "relative_attention_num_buckets": 16,
}
VIT = {
    "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 88, "image_size": 40, "patch_size": 8, "num_channels": 1,
}
AUDIO = {
    "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 80, "conv_dim": [16, 24, 32], "conv_kernel": [9, 3, 2],
    "conv_stride": [4, 2, 2], "num_conv_pos_embeddings": 12,
    "num_conv_pos_embedding_groups": 4,
}

# For each type, the differences of its variants from the default configuration, which is `{}`.
ENCODERS = {
    "bert": [{}, BERT],
    "roberta": [{}, BERT | {"type_vocab_size": 1}],
    "xlm-roberta": [{}, BERT],
    "camembert": [{}, BERT | {"vocab_size": 77}],
    "distilbert": [
        {},
        {"vocab_size": 99, "dim": 32, "hidden_dim": 60, "n_layers": 2, "n_heads": 4},
        {"dim": 32, "n_heads": 4, "sinusoidal_pos_embds": True, "max_position_embeddings": 20},
    ],
    "electra": [{}, BERT | {"embedding_size": 24}, BERT | {"embedding_size": 48}],
    "albert": [
        {},
        BERT | {"embedding_size": 24, "num_hidden_groups": 3, "inner_group_num": 2},
        BERT | {"embedding_size": 48},
    ],
    "mpnet": [{}, BERT, BERT | {"relative_attention_num_buckets": 20}],
    "clip": [
        {},
        {
            "projection_dim": 24,
            "text_config": {"vocab_size": 80, "hidden_size": 32, "intermediate_size": 50,
                            "num_hidden_layers": 2, "num_attention_heads": 4,
                            "max_position_embeddings": 20},
            "vision_config": {"hidden_size": 40, "intermediate_size": 70, "image_size": 50,
                              "num_hidden_layers": 3, "num_attention_heads": 4,
                              "patch_size": 8, "num_channels": 1},
        },
        {
            "text_config_dict": {"hidden_size": 64, "num_attention_heads": 4},
            "text_config": {"hidden_size": 96, "num_hidden_layers": 3},
            "vision_config": {"patch_size": 16},
        },
    ],
    "siglip": [
        {},
        {
            "text_config": {"vocab_size": 80, "hidden_size": 32, "intermediate_size": 50,
                            "num_hidden_layers": 2, "num_attention_heads": 4,
                            "max_position_embeddings": 20, "projection_size": 40},
            "vision_config": {"hidden_size": 40, "intermediate_size": 70, "image_size": 48,
                              "num_hidden_layers": 3, "num_attention_heads": 4,
                              "patch_size": 8},
        },
        {"vision_config": {"vision_use_head": False}},
    ],
    "wav2vec2": [
        {},
        AUDIO | {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True},
        AUDIO | {"do_stable_layer_norm": True, "adapter_attn_dim": 6, "mask_time_prob": 0.0},
    ],
    "hubert": [
        {},
        AUDIO | {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True},
        AUDIO | {"feat_proj_layer_norm": False, "conv_pos_batch_norm": True,
                 "mask_time_prob": 0, "mask_feature_prob": 0.1},
    ],
}
DECODERS = {
    "gpt2": [
        {},
        {"vocab_size": 99, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 40},
        {"vocab_size": 99, "n_embd": 32, "n_head": 4, "n_inner": 50,
         "tie_word_embeddings": False},
    ],
    "gpt_neo": [
        {},
        {"vocab_size": 99, "hidden_size": 32, "num_layers": 2, "num_heads": 4,
         "attention_types": [[["global", "local"], 1]], "max_position_embeddings": 30},
        {"vocab_size": 99, "hidden_size": 32, "num_layers": 2, "num_heads": 4,
         "attention_types": [[["global"], 2]], "intermediate_size": 50},
    ],
    "gpt_neox": [
        {},
        LLAMA,
        LLAMA | {"attention_bias": False, "tie_word_embeddings": True},
    ],
    "opt": [
        {},
        {"vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 2, "ffn_dim": 60,
         "num_attention_heads": 4, "max_position_embeddings": 30, "word_embed_proj_dim": 16,
         "do_layer_norm_before": False},
        {"vocab_size": 99, "hidden_size": 32, "num_attention_heads": 4, "enable_bias": False,
         "layer_norm_elementwise_affine": False, "word_embed_proj_dim": 32},
        {"vocab_size": 99, "hidden_size": 32, "num_attention_heads": 4,
         "word_embed_proj_dim": 32, "_remove_final_layer_norm": True,
         "tie_word_embeddings": False},
    ],
    "bloom": [
        {},
        {"vocab_size": 99, "hidden_size": 32, "n_layer": 3, "n_head": 4},
        {"vocab_size": 99, "n_embed": 48, "n_layer": 3, "n_head": 4,
         "tie_word_embeddings": False},
    ],
    "phi": [
        {},
        LLAMA | {"qk_layernorm": True},
        LLAMA | {"tie_word_embeddings": True, "num_key_value_heads": None},
    ],
    "phi3": [{}, LLAMA | {"pad_token_id": 0},
             LLAMA | {"pad_token_id": 0, "tie_word_embeddings": True, "head_dim": 12}],
    "llama": [
        {},
        LLAMA | {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True},
        LLAMA | {"num_key_value_heads": None, "head_dim": 12},
        {"hidden_size": 96, "num_attention_heads": 6},
    ],
    "mistral": [{}, LLAMA | {"head_dim": 12}, {"hidden_size": 96, "num_attention_heads": 8},
                LLAMA | {"head_dim": None}],
    "qwen2": [{}, LLAMA, LLAMA | {"tie_word_embeddings": True, "num_key_value_heads": 8}],
    "qwen3": [{}, LLAMA, LLAMA | {"head_dim": 12, "attention_bias": True}],
    "gemma": [{}, LLAMA, LLAMA | {"head_dim": 12, "tie_word_embeddings": False}],
    "gemma2": [{}, LLAMA, LLAMA | {"head_dim": 12, "attention_bias": True}],
    "smollm3": [{}, LLAMA | {"pad_token_id": 0},
                LLAMA | {"pad_token_id": 0, "mlp_bias": True, "attention_bias": True,
                         "tie_word_embeddings": False}],
    "olmo2": [{}, LLAMA, LLAMA | {"attention_bias": True, "tie_word_embeddings": True}],
    "granite": [{}, LLAMA | {"mlp_bias": True},
                LLAMA | {"attention_bias": True, "tie_word_embeddings": True}],
    "mixtral": [{}, LLAMA | {"num_local_experts": 5, "num_experts_per_tok": 3},
                LLAMA | {"head_dim": 12, "tie_word_embeddings": True}],
    "qwen2_moe": [
        {},
        LLAMA | {"num_experts": 6, "moe_intermediate_size": 20, "decoder_sparse_step": 2,
                 "shared_expert_intermediate_size": 28, "num_hidden_layers": 5},
        LLAMA | {"num_experts": 6, "mlp_only_layers": [0, 2, 9], "qkv_bias": False},
    ],
    "qwen3_moe": [
        {},
        LLAMA | {"num_experts": 6, "moe_intermediate_size": 20, "decoder_sparse_step": 2,
                 "mlp_only_layers": [1, 2], "num_hidden_layers": 7, "head_dim": 12},
        LLAMA | {"num_experts": 6, "attention_bias": True, "tie_word_embeddings": True},
    ],
    "olmoe": [{}, LLAMA | {"num_experts": 6}, LLAMA | {"num_experts": 3, "attention_bias": True}],
    "mamba": [
        {},
        {"vocab_size": 99, "hidden_size": 40, "state_size": 6, "num_hidden_layers": 2,
         "expand": 3, "conv_kernel": 5, "time_step_rank": 7, "use_bias": True},
        {"vocab_size": 99, "hidden_size": 40, "use_conv_bias": False,
         "tie_word_embeddings": False},
    ],
}
SEQ2SEQ = {
    # transformers always ties the tables of a T5; dtf follows the configuration.
    "t5": [{}, T5, T5 | {"feed_forward_proj": "gated-gelu", "num_decoder_layers": None}],
    "mt5": [{}, T5, T5 | {"feed_forward_proj": "relu"}],
    "bart": [{}, BART],
    "mbart": [{}, BART],
    "pegasus": [{}, BART],
    "marian": [{}, BART],
    "m2m_100": [{}, BART],
}
SPEECH = {
    "whisper": [
        {},
        BART | {"num_mel_bins": 20, "max_source_positions": 50, "max_target_positions": 30},
        BART | {"tie_word_embeddings": False},
    ],
}
STAGES = {"hidden_sizes": [16, 24, 32], "depths": [2, 1, 3]}
IMAGES = {
    "vit": [{}, VIT | {"num_labels": 10},
            VIT | {"qkv_bias": False, "image_size": [40, 24], "patch_size": [8, 4]},
            VIT | {"id2label": {"0": "a", "1": "b", "2": "c"}}],
    "deit": [
        {"architectures": ["DeiTForImageClassification"]},
        VIT | {"architectures": ["DeiTForImageClassificationWithTeacher"], "num_labels": 10},
        VIT | {"architectures": ["DeiTModel"], "qkv_bias": False, "image_size": 45},
    ],
    "dinov2": [
        {},
        VIT | {"use_swiglu_ffn": True, "num_labels": 7, "qkv_bias": False},
        VIT | {"mlp_ratio": 3, "use_mask_token": False, "image_size": 45},
    ],
    "swin": [
        {},
        {"image_size": 64, "patch_size": 2, "embed_dim": 24, "depths": [1, 3, 2],
         "num_heads": [2, 4, 8], "window_size": 4, "mlp_ratio": 3.3,
         "use_absolute_embeddings": True, "num_labels": 5},
        {"embed_dim": 24, "depths": [2, 2], "num_heads": [2, 4], "qkv_bias": False},
    ],
    "convnext": [
        {},
        STAGES | {"num_stages": 3, "num_channels": 1, "patch_size": 2, "num_labels": 9},
        STAGES | {"num_stages": 3, "layer_scale_init_value": 0.0},
    ],
    "resnet": [
        {},
        STAGES | {"embedding_size": 16, "layer_type": "basic", "num_labels": 9},
        STAGES | {"embedding_size": 16, "downsample_in_first_stage": True, "num_channels": 1},
        {"hidden_sizes": [16, 16, 32], "depths": [0, 1, 3], "embedding_size": 8},
    ],
}
GROUPS = [
    (transformers.AutoModel, ENCODERS),
    (transformers.AutoModelForCausalLM, DECODERS),
    (transformers.AutoModelForSeq2SeqLM, SEQ2SEQ),
    (transformers.AutoModelForSpeechSeq2Seq, SPEECH),
    (transformers.AutoModelForImageClassification, IMAGES),
]


def counted(loader, kind: str, fields: dict) -> dict:
    config = CONFIG_MAPPING[kind].from_dict({"model_type": kind} | json.loads(json.dumps(fields)))
    named = fields.get("architectures")
    with torch.device("meta"):
        model = getattr(transformers, named[0])(config) if named else loader.from_config(config)
    # A shared table is one parameter and is listed once.
    total = sum(parameter.numel() for parameter in model.parameters())
    return {"total": total, "config": {"model_type": kind} | fields}


def main(wanted: list) -> None:
    transformers.logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    cases = [
        counted(loader, kind, fields)
        for loader, kinds in GROUPS
        for kind, variants in kinds.items()
        if not wanted or kind in wanted
        for fields in variants
    ]
    cases += [
        {"total": total, "config": fields}
        for kind in parameter_options.OPTIONS
        if not wanted or kind in wanted
        for _, fields, total in parameter_options.drawn(kind, seed=1, each=1)
    ]
    lines = ",\n".join("    " + json.dumps(case) for case in cases)
    if wanted:
        print(lines)
        return
    head = f'  "transformers": "{transformers.__version__}",\n  "cases": [\n'
    TARGET.write_text("{\n" + head + lines + "\n  ]\n}\n", encoding="utf-8")
    print(f"{len(cases)} counts written to {TARGET}")


if __name__ == "__main__":
    main(sys.argv[1:])
