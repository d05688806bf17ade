#!/usr/bin/env python3
"""Generates random configurations and counts the parameters of the models that transformers builds.

For every model type of OPTIONS and every class of the type, the options that change the shape of a
parameter are chosen at random, with a seed. The model is built on torch's meta device, which
allocates no memory. Prints one JSON object per line: `class`, `total` and `config`. A test compares
these counts with those of dtf (src/models/parameters).

    python scripts/parameter_options.py --seed 1 --each 4 [TYPE…]
"""

import argparse
import json
import logging
import random
import sys

import torch
import transformers
from transformers import CONFIG_MAPPING

# Maximum number of rejected configurations of a class, after which the class counts as broken.
ATTEMPTS = 40
LABELS = {"num_labels": [1, 2, 5]}
TIED = {"tie_word_embeddings": [True, False]}


def heads(hidden, counts=(4,), more=None):
    """Widths with numbers of heads that divide them, which must be chosen together."""
    return [
        {"hidden_size": width, "num_attention_heads": count} | (more or {})
        for width in hidden
        for count in counts
    ]


TEXT = (
    {
        "vocab_size": [97, 120], "num_hidden_layers": [1, 2, 3], "intermediate_size": [50, 96],
        "max_position_embeddings": [40, 66], "type_vocab_size": [1, 2, 3], "pad_token_id": [0, 1],
    }
    | LABELS
    | TIED
)
WIDTHS = heads([48, 64], (2, 4))
CROSS = [{}, {"is_decoder": True, "add_cross_attention": True}]
GROUPED = [
    {"hidden_size": 64, "num_attention_heads": count, "num_key_value_heads": groups}
    for count, groups in [(4, 4), (4, 2), (8, 2), (8, 1)]
]
DECODER = (
    {"vocab_size": [90, 128], "num_hidden_layers": [1, 2, 3], "intermediate_size": [56, 112],
     "pad_token_id": [0]}
    | LABELS
    | TIED
)
LLAMA = DECODER | {"attention_bias": [True, False], "mlp_bias": [True, False],
                   "head_dim": [None, 12, 16]}
MOE = DECODER | {"num_experts_per_tok": [1, 2], "head_dim": [16, 12]}
PATCHES = (
    {
        "num_hidden_layers": [1, 2, 3], "intermediate_size": [56, 96], "image_size": [32, 48],
        "patch_size": [8, 16], "num_channels": [1, 3], "qkv_bias": [True, False],
    }
    | LABELS
)
STAGES = [
    {"hidden_sizes": widths, "depths": depths, "num_stages": len(depths)}
    for widths, depths in [([16, 24, 32], [2, 1, 3]), ([8, 16, 24, 40], [1, 1, 2, 1])]
]
CONVOLUTIONS = [
    {"conv_dim": [16, 24, 32], "conv_kernel": [9, 3, 2], "conv_stride": [4, 2, 2]},
    {"conv_dim": [8, 8], "conv_kernel": [10, 3], "conv_stride": [5, 2]},
]
AUDIO = (
    {
        "num_hidden_layers": [1, 2], "intermediate_size": [56, 80], "vocab_size": [33, 40],
        "conv_bias": [True, False], "feat_extract_norm": ["group", "layer"],
        "do_stable_layer_norm": [True, False], "num_conv_pos_embeddings": [12, 16],
        "num_conv_pos_embedding_groups": [4, 8], "mask_time_prob": [0.0, 0.05],
        "mask_feature_prob": [0.0, 0.1], "use_weighted_layer_sum": [True, False],
        "classifier_proj_size": [20, 256],
    }
    | LABELS
)
XVECTOR = {
    "xvector_output_dim": [24, 512],
    "*tdnn": [
        {},
        {"tdnn_dim": [16, 20, 24], "tdnn_kernel": [5, 3, 1], "tdnn_dilation": [1, 2, 1]},
    ],
}
SEQ2SEQ = (
    {
        "vocab_size": [90, 99], "encoder_layers": [1, 2], "decoder_layers": [1, 3],
        "encoder_ffn_dim": [56, 64], "decoder_ffn_dim": [72, 80],
        "encoder_attention_heads": [4], "decoder_attention_heads": [4],
        "max_position_embeddings": [30, 40], "pad_token_id": [1], "bos_token_id": [0],
        "eos_token_id": [2], "decoder_start_token_id": [2], "d_model": [32, 48],
    }
    | LABELS
    | TIED
)
T5 = (
    {
        "vocab_size": [90, 99], "d_kv": [6, 8], "d_ff": [72, 64], "num_layers": [1, 2],
        "num_decoder_layers": [None, 1, 3], "num_heads": [2, 4], "d_model": [32, 40],
        "relative_attention_num_buckets": [16, 32],
        "feed_forward_proj": ["relu", "gated-gelu", "gated-silu"],
    }
    | LABELS
    | TIED
)
CLIP_TEXT = {"vocab_size": [80, 99], "intermediate_size": [50, 64],
             "num_hidden_layers": [1, 2], "max_position_embeddings": [20, 33],
             "*width": WIDTHS, "projection_dim": [24, 32]}
CLIP_VISION = {"intermediate_size": [50, 64], "image_size": [32, 50], "patch_size": [8, 16],
               "num_hidden_layers": [1, 2], "num_channels": [1, 3], "*width": WIDTHS,
               "projection_dim": [24, 32]}
SIGLIP_TEXT = CLIP_TEXT | {"projection_size": [40, 48]}
SIGLIP_VISION = CLIP_VISION | {"vision_use_head": [True, False]}

# For each type, the choices of each field. A key with a star sets several fields together. A nested
# dictionary under a plain key is a part of the configuration with its own choices.
OPTIONS = {
    "bert": TEXT | {"*width": WIDTHS, "*cross": CROSS},
    "roberta": TEXT | {"*width": WIDTHS, "*cross": CROSS},
    "xlm-roberta": TEXT | {"*width": WIDTHS, "*cross": CROSS},
    "camembert": TEXT | {"*width": WIDTHS, "*cross": CROSS},
    "layoutlm": TEXT | {"*width": WIDTHS, "max_2d_position_embeddings": [64, 128]},
    "mpnet": TEXT | {"*width": WIDTHS, "relative_attention_num_buckets": [16, 32]},
    "electra": TEXT
    | {"*width": WIDTHS, "*cross": CROSS, "embedding_size": [24, 48, 64],
       "summary_use_proj": [True, False]},
    "albert": TEXT
    | {"*width": WIDTHS, "embedding_size": [24, 48], "num_hidden_groups": [1, 2],
       "inner_group_num": [1, 2]},
    "distilbert": {
        "vocab_size": [97, 120], "max_position_embeddings": [40, 66], "n_layers": [1, 2],
        "hidden_dim": [50, 96], "*width": [{"dim": 48, "n_heads": 4}, {"dim": 64, "n_heads": 2}],
        "sinusoidal_pos_embds": [True, False],
    } | LABELS | TIED,
    "deberta-v2": TEXT
    | {
        "*width": WIDTHS, "type_vocab_size": [0, 2], "relative_attention": [True, False],
        "pos_att_type": [["c2p", "p2c"], ["c2p"], ["p2c"], [], None],
        "share_att_key": [True, False], "position_biased_input": [True, False],
        "max_relative_positions": [-1, 20], "position_buckets": [-1, 16],
        "norm_rel_ebd": ["none", "layer_norm"], "conv_kernel_size": [0, 3],
        "conv_groups": [1, 2], "embedding_size": [24, 64], "pooler_hidden_size": [48, 64],
        "legacy": [True, False],
    },
    "modernbert": {
        "vocab_size": [97, 120], "num_hidden_layers": [1, 2, 3], "intermediate_size": [50, 96],
        "pad_token_id": [0], "*width": WIDTHS, "attention_bias": [True, False],
        "mlp_bias": [True, False], "norm_bias": [True, False],
        "classifier_bias": [True, False], "decoder_bias": [True, False],
    } | LABELS | TIED,
    "layoutlmv3": TEXT
    | {
        "*width": [
            {"hidden_size": 48, "num_attention_heads": 4, "coordinate_size": 8, "shape_size": 8},
            {"hidden_size": 60, "num_attention_heads": 4, "coordinate_size": 11, "shape_size": 8},
        ],
        "max_2d_position_embeddings": [64, 128], "has_relative_attention_bias": [True, False],
        "has_spatial_attention_bias": [True, False], "rel_pos_bins": [8, 32],
        "rel_2d_pos_bins": [16, 64], "text_embed": [True], "visual_embed": [True, False],
        "input_size": [32, 64], "patch_size": [8, 16], "num_channels": [1, 3],
    },
    "gpt2": {
        "vocab_size": [99, 120], "n_positions": [40, 64], "n_layer": [1, 2, 3],
        "n_inner": [None, 50], "*width": [{"n_embd": 32, "n_head": 4}, {"n_embd": 48, "n_head": 2}],
        "add_cross_attention": [True, False], "pad_token_id": [0],
    } | LABELS | TIED,
    "gpt_neo": {
        "vocab_size": [99, 120], "max_position_embeddings": [30, 64],
        "intermediate_size": [None, 50],
        "*width": [{"hidden_size": 32, "num_heads": 4}, {"hidden_size": 48, "num_heads": 2}],
        "*layers": [
            {"num_layers": 2, "attention_types": [[["global", "local"], 1]]},
            {"num_layers": 3, "attention_types": [[["global"], 3]]},
        ],
        "pad_token_id": [0],
    } | LABELS | TIED,
    "gpt_neox": DECODER | {"*width": WIDTHS, "attention_bias": [True, False]},
    "gptj": {
        "vocab_size": [99, 120], "n_layer": [1, 2], "n_inner": [None, 50],
        "*width": [{"n_embd": 64, "n_head": 4, "rotary_dim": 8}], "pad_token_id": [0],
    } | LABELS | TIED,
    "opt": {
        "vocab_size": [99, 120], "num_hidden_layers": [1, 2], "ffn_dim": [60, 80],
        "max_position_embeddings": [30, 64], "*width": WIDTHS,
        "word_embed_proj_dim": [16, 48, 64], "do_layer_norm_before": [True, False],
        "enable_bias": [True, False], "layer_norm_elementwise_affine": [True, False],
        "_remove_final_layer_norm": [True, False], "pad_token_id": [1],
    } | LABELS | TIED,
    "bloom": {
        "vocab_size": [99, 120], "n_layer": [1, 2, 3], "pad_token_id": [0],
        "*width": [{"hidden_size": 32, "n_head": 4}, {"hidden_size": 48, "n_head": 2}],
    } | LABELS | TIED,
    "falcon": {
        "vocab_size": [99, 120], "num_hidden_layers": [1, 2, 3], "pad_token_id": [0],
        "*width": WIDTHS, "ffn_hidden_size": [None, 56], "num_kv_heads": [None, 1, 2],
        "multi_query": [True, False], "new_decoder_architecture": [True, False],
        "num_ln_in_parallel_attn": [None, 1, 2], "parallel_attn": [True, False],
        "bias": [True, False], "alibi": [True, False],
    } | LABELS | TIED,
    "stablelm": DECODER
    | {
        "*width": GROUPED, "use_qkv_bias": [True, False], "qk_layernorm": [True, False],
        "use_parallel_residual": [True, False],
    },
    "phi": DECODER | {"*width": GROUPED, "qk_layernorm": [True, False]},
    "phi3": DECODER | {"*width": GROUPED, "head_dim": [None, 12]},
    "llama": LLAMA | {"*width": GROUPED},
    "granite": LLAMA | {"*width": GROUPED},
    "smollm3": LLAMA | {"*width": GROUPED},
    "mistral": DECODER | {"*width": GROUPED, "head_dim": [None, 12]},
    "qwen2": DECODER | {"*width": GROUPED},
    "qwen3": DECODER
    | {"*width": GROUPED, "head_dim": [12, 16], "attention_bias": [True, False]},
    "gemma": DECODER
    | {"*width": GROUPED, "head_dim": [12, 16], "attention_bias": [True, False]},
    "gemma2": DECODER
    | {"*width": GROUPED, "head_dim": [12, 16], "attention_bias": [True, False]},
    "olmo": DECODER | {"*width": GROUPED, "attention_bias": [True, False]},
    "olmo2": DECODER | {"*width": GROUPED, "attention_bias": [True, False]},
    "olmoe": DECODER
    | {"*width": GROUPED, "attention_bias": [True, False], "num_experts": [3, 6],
       "num_experts_per_tok": [1, 2]},
    "mixtral": MOE | {"*width": GROUPED, "num_local_experts": [3, 5]},
    "qwen2_moe": DECODER
    | {
        "*width": GROUPED, "num_experts": [3, 6], "moe_intermediate_size": [20, 28],
        "shared_expert_intermediate_size": [24, 40], "decoder_sparse_step": [1, 2],
        "mlp_only_layers": [[], [0], [0, 2]], "qkv_bias": [True, False],
        "num_experts_per_tok": [1, 2],
    },
    "qwen3_moe": MOE
    | {
        "*width": GROUPED, "num_experts": [3, 6], "moe_intermediate_size": [20, 28],
        "decoder_sparse_step": [1, 2], "mlp_only_layers": [[], [0], [0, 2]],
        "attention_bias": [True, False],
    },
    "mamba": {
        "vocab_size": [99, 120], "hidden_size": [32, 40], "state_size": [6, 16],
        "num_hidden_layers": [1, 2], "expand": [2, 3], "conv_kernel": [4, 5],
        "use_bias": [True, False], "use_conv_bias": [True, False],
        "time_step_rank": ["auto", 7],
    } | TIED,
    "t5": T5,
    "mt5": T5,
    "bart": SEQ2SEQ,
    "mbart": SEQ2SEQ,
    "pegasus": SEQ2SEQ,
    "marian": SEQ2SEQ
    | {"share_encoder_decoder_embeddings": [True, False], "decoder_vocab_size": [None, 70]},
    "m2m_100": SEQ2SEQ,
    "whisper": SEQ2SEQ
    | {"num_mel_bins": [20, 80], "max_source_positions": [50, 60],
       "max_target_positions": [30, 40], "use_weighted_layer_sum": [True, False],
       "classifier_proj_size": [20, 256]},
    "vit": PATCHES
    | {"*width": WIDTHS, "pooler_output_size": [None, 20], "encoder_stride": [8, 16]},
    "deit": PATCHES
    | {"*width": WIDTHS, "pooler_output_size": [None, 20], "encoder_stride": [8, 16]},
    "dinov2": PATCHES
    | {"*width": WIDTHS, "mlp_ratio": [2, 3, 4], "use_swiglu_ffn": [True, False],
       "use_mask_token": [True, False], "layerscale_value": [1.0, 0.5]},
    "beit": PATCHES
    | {
        "*width": WIDTHS, "use_mask_token": [True, False], "num_hidden_layers": [12],
        "use_absolute_position_embeddings": [True, False],
        "use_relative_position_bias": [True, False],
        "use_shared_relative_position_bias": [True, False],
        "layer_scale_init_value": [0.0, 0.1], "use_mean_pooling": [True, False],
        "out_indices": [[3, 5, 7, 11]], "reshape_hidden_states": [False],
        "use_auxiliary_head": [True, False], "auxiliary_channels": [16, 24],
        "auxiliary_num_convs": [1, 2], "pool_scales": [[1, 2], [1, 2, 3, 6]],
        "vocab_size": [99, 120],
    },
    "dpt": PATCHES
    | {
        "*width": WIDTHS, "neck_hidden_sizes": [[8, 16, 24, 32], [16, 16, 32, 32]],
        "fusion_hidden_size": [16, 24], "readout_type": ["ignore", "add", "project"],
        "use_batch_norm_in_fusion_residual": [True, False], "add_projection": [True, False],
        "use_bias_in_fusion_residual": [None, True, False],
        "use_auxiliary_head": [True, False], "pooler_output_size": [None, 20],
        "num_hidden_layers": [12],
    },
    "yolos": PATCHES
    | {"*width": WIDTHS, "num_detection_tokens": [5, 10],
       "use_mid_position_embeddings": [True, False]},
    "videomae": PATCHES
    | {
        "*width": WIDTHS, "num_frames": [4, 8], "tubelet_size": [2, 4],
        "use_mean_pooling": [True, False], "decoder_num_attention_heads": [4],
        "decoder_hidden_size": [24, 32], "decoder_num_hidden_layers": [1, 2],
        "decoder_intermediate_size": [40, 48],
    },
    "timesformer": PATCHES
    | {"*width": WIDTHS, "num_frames": [4, 8],
       "attention_type": ["divided_space_time", "space_only", "joint_space_time"]},
    "audio-spectrogram-transformer": {
        "*width": WIDTHS, "num_hidden_layers": [1, 2], "intermediate_size": [56, 96],
        "patch_size": [8, 16], "qkv_bias": [True, False], "frequency_stride": [8, 10],
        "time_stride": [8, 10], "max_length": [64, 100], "num_mel_bins": [32, 64],
    } | LABELS,
    "swin": {
        "image_size": [32, 64], "patch_size": [2, 4], "num_channels": [1, 3],
        "*stages": [
            {"embed_dim": 24, "depths": [1, 3, 2], "num_heads": [2, 4, 8]},
            {"embed_dim": 16, "depths": [2, 1], "num_heads": [2, 4]},
        ],
        "window_size": [2, 4], "mlp_ratio": [2.0, 3.3], "qkv_bias": [True, False],
        "use_absolute_embeddings": [True, False], "encoder_stride": [8, 16],
    } | LABELS,
    "convnext": {
        "*stages": STAGES, "num_channels": [1, 3], "patch_size": [2, 4],
        "layer_scale_init_value": [0.0, 1e-6],
    } | LABELS,
    "convnextv2": {"*stages": STAGES, "num_channels": [1, 3], "patch_size": [2, 4]} | LABELS,
    "resnet": {
        "*stages": [
            {"hidden_sizes": [16, 24, 32], "depths": [2, 1, 3]},
            {"hidden_sizes": [16, 16, 32, 40], "depths": [1, 1, 2, 1]},
        ],
        "embedding_size": [8, 16], "layer_type": ["basic", "bottleneck"],
        "downsample_in_first_stage": [True, False], "num_channels": [1, 3],
        "downsample_in_bottleneck": [True, False],
    } | LABELS,
    "mobilenet_v2": {
        "num_channels": [1, 3], "depth_multiplier": [0.5, 1.0, 1.4], "depth_divisible_by": [4, 8],
        "min_depth": [8, 16], "expand_ratio": [4.0, 6.0], "first_layer_is_expansion": [True, False],
        "finegrained_output": [True, False], "output_stride": [16, 32],
    } | LABELS,
    "segformer": {
        "num_channels": [1, 3], "decoder_hidden_size": [16, 24],
        "*stages": [
            {
                "num_encoder_blocks": 4, "depths": [1, 1, 1, 2], "sr_ratios": [8, 4, 2, 1],
                "hidden_sizes": [8, 16, 24, 32], "patch_sizes": [7, 3, 3, 3],
                "strides": [4, 2, 2, 2], "num_attention_heads": [1, 2, 4, 8],
                "mlp_ratios": [4, 4, 2, 2],
            },
            {
                "num_encoder_blocks": 3, "depths": [1, 2, 1], "sr_ratios": [4, 2, 1],
                "hidden_sizes": [8, 16, 24], "patch_sizes": [7, 5, 3],
                "strides": [4, 2, 2], "num_attention_heads": [1, 2, 4],
                "mlp_ratios": [2, 4, 4],
            },
        ],
    } | LABELS,
    "clip": {"text_config": CLIP_TEXT, "vision_config": CLIP_VISION, "projection_dim": [24, 32]}
    | LABELS,
    "clip_text_model": CLIP_TEXT,
    "clip_vision_model": CLIP_VISION | LABELS,
    "siglip": {"text_config": SIGLIP_TEXT, "vision_config": SIGLIP_VISION} | LABELS,
    "siglip_text_model": SIGLIP_TEXT,
    "siglip_vision_model": SIGLIP_VISION,
    "wav2vec2": AUDIO
    | XVECTOR
    | {
        "*width": WIDTHS, "*convolutions": CONVOLUTIONS, "adapter_attn_dim": [None, 6],
        "add_adapter": [True, False], "num_adapter_layers": [1, 3],
        "adapter_kernel_size": [3, 5], "output_hidden_size": [None, 24],
        "codevector_dim": [16, 32], "proj_codevector_dim": [16, 24],
        "num_codevectors_per_group": [10, 20], "num_codevector_groups": [2],
    },
    "hubert": AUDIO
    | {
        "*width": WIDTHS, "*convolutions": CONVOLUTIONS,
        "feat_proj_layer_norm": [True, False], "conv_pos_batch_norm": [True, False],
    },
    "wavlm": AUDIO
    | XVECTOR
    | {
        "*width": WIDTHS, "*convolutions": CONVOLUTIONS, "num_buckets": [32, 320],
        "max_bucket_distance": [100, 800], "add_adapter": [True, False],
        "num_adapter_layers": [1, 3], "adapter_kernel_size": [3, 5],
        "output_hidden_size": [None, 24],
    },
    "patchtst": {
        "num_input_channels": [1, 3], "context_length": [32, 48], "patch_length": [1, 8],
        "patch_stride": [1, 8], "num_hidden_layers": [1, 2],
        "*width": [{"d_model": 32, "num_attention_heads": 4}, {"d_model": 48, "num_attention_heads": 2}],
        "ffn_dim": [40, 64], "share_embedding": [True, False], "channel_attention": [True, False],
        "norm_type": ["batchnorm", "layernorm"], "bias": [True, False],
        "positional_encoding_type": ["random", "sincos"], "use_cls_token": [True, False],
        "share_projection": [True, False], "prediction_length": [8, 12],
        "distribution_output": ["student_t", "normal", "negative_binomial"],
        "loss": ["mse", "nll"], "num_targets": [1, 3], "pooling_type": ["mean", "max", None],
        "num_parallel_samples": [10], "scaling": ["std", "mean", None],
        "output_range": [None, [0.0, 1.0]],
    },
    "llava": {
        "text_config": LLAMA | {"*width": GROUPED, "model_type": ["llama"]},
        "vision_config": CLIP_VISION | {"model_type": ["clip_vision_model"]},
        "multimodal_projector_bias": [True, False], "image_token_index": [5],
        "vision_feature_layer": [-2, -1, [-1, -2]],
    } | TIED,
    "depth_anything": {
        "backbone_config": {
            "model_type": ["dinov2"], "*width": heads([48, 64]), "num_hidden_layers": [4],
            "image_size": [28, 42], "patch_size": [14],
            "*out": [{"out_features": ["stage1", "stage2", "stage3", "stage4"],
                      "reshape_hidden_states": False}],
        },
        "reassemble_hidden_size": [48], "patch_size": [14],
        "neck_hidden_sizes": [[8, 16, 24, 32], [16, 16, 32, 32]],
        "fusion_hidden_size": [16, 24], "head_hidden_size": [8, 32],
        "reassemble_factors": [[4, 2, 1, 0.5]],
    },
    "vits": {
        "vocab_size": [30, 38], "num_hidden_layers": [1, 2], "window_size": [4, 0, 2],
        "*width": [{"hidden_size": 32, "num_attention_heads": 2}], "use_bias": [True, False],
        "ffn_dim": [40, 48], "ffn_kernel_size": [3, 5], "flow_size": [32, 24],
        "spectrogram_bins": [33, 65], "use_stochastic_duration_prediction": [True, False],
        "*speakers": [{}, {"num_speakers": 3, "speaker_embedding_size": 8}],
        "upsample_initial_channel": [32, 64],
        "*steps": [{}, {"upsample_rates": [8, 4], "upsample_kernel_sizes": [16, 8]}],
        "*blocks": [
            {},
            {"resblock_kernel_sizes": [3, 5], "resblock_dilation_sizes": [[1, 3], [1, 3, 5]]},
        ],
        "depth_separable_num_layers": [2, 3], "duration_predictor_flow_bins": [8, 10],
        "duration_predictor_kernel_size": [3, 5], "duration_predictor_num_flows": [2, 4],
        "duration_predictor_filter_channels": [20, 32], "prior_encoder_num_flows": [2, 4],
        "prior_encoder_num_wavenet_layers": [2, 4], "wavenet_kernel_size": [3, 5],
        "posterior_encoder_num_wavenet_layers": [2, 16],
    },
    "encodec": {
        "audio_channels": [1, 2], "num_filters": [8, 16], "hidden_size": [16, 32],
        "num_residual_layers": [1, 2], "upsampling_ratios": [[4, 2], [8, 5, 4, 2]],
        "norm_type": ["weight_norm", "time_group_norm"], "kernel_size": [5, 7],
        "last_kernel_size": [5, 7], "residual_kernel_size": [3, 5], "compress": [2, 4],
        "num_lstm_layers": [1, 2], "use_conv_shortcut": [True, False],
        "codebook_size": [64, 128], "codebook_dim": [None],
    },
}

# Classes that no Auto class loads.
UNLISTED = {
    "clip_text_model": ["CLIPTextModelWithProjection"],
    "clip_vision_model": ["CLIPVisionModelWithProjection"],
    "gpt2": ["GPT2DoubleHeadsModel"],
    "patchtst": ["PatchTSTForPrediction", "PatchTSTForPretraining"],
    "siglip_text_model": ["SiglipTextModel"],
}


def choose(random, options):
    config = {}
    for field, choices in options.items():
        if isinstance(choices, dict):
            config[field] = choose(random, choices)
        elif field.startswith("*"):
            config |= random.choice(choices)
        elif random.random() < 0.85 or len(choices) == 1:
            config[field] = random.choice(choices)
    return config


def classes(kind):
    """All classes that transformers lists for a type, in a fixed order."""
    from transformers.models.auto import modeling_auto

    names = list(UNLISTED.get(kind, ()))
    for mapping in sorted(n for n in dir(modeling_auto) if n.endswith("_MAPPING_NAMES")):
        listed = getattr(modeling_auto, mapping).get(kind, ())
        names.extend((listed,) if isinstance(listed, str) else listed)
    found = {name: getattr(transformers, name, None) for name in names}
    # Processors, and classes that only use the configuration, have entries too.
    own = CONFIG_MAPPING[kind]
    return {n: c for n, c in found.items() if getattr(c, "config_class", None) is own}


def count(cls, kind, fields):
    config = CONFIG_MAPPING[kind].from_dict(json.loads(json.dumps(fields)))
    with torch.device("meta"):
        model = cls(config)
    # A shared table is one parameter and is listed once.
    return sum(parameter.numel() for parameter in model.parameters())


def draw(kind, name, cls, generator):
    """One configuration that the class accepts, and the number of its parameters."""
    for _ in range(ATTEMPTS):
        fields = {"model_type": kind, "architectures": [name]} | choose(generator, OPTIONS[kind])
        try:
            return fields, count(cls, kind, fields)
        except Exception as error:  # any exception for options that a class does not combine
            last = error
    raise SystemExit(f"{name} accepts none of {ATTEMPTS} draws: {last!r}")


def drawn(kind, seed, each):
    """For every class of a type: its name, `each` configurations, and their parameter counts."""
    for name, cls in classes(kind).items():
        generator = random.Random(f"{seed} {name}")
        for _ in range(each):
            yield name, *draw(kind, name, cls, generator)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", default="1")
    parser.add_argument("--each", type=int, default=4, help="configurations per class")
    parser.add_argument("types", nargs="*")
    wanted = parser.parse_args()
    transformers.logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    for kind in wanted.types or OPTIONS:
        for name, fields, total in drawn(kind, wanted.seed, wanted.each):
            print(json.dumps({"class": name, "total": total, "config": fields}))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
