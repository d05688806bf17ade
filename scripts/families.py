#!/usr/bin/env python3
"""Compares templates/families.yaml with the model types of the installed transformers.

    families.py --check   exit 1 and list the types that are missing or contradict the
                          classes that transformers maps them to
    families.py --write   add the missing types under their family, sorted; comments stay

The family follows from the mapping of transformers (task -> model type -> class) that contains the
type: the first matching rule in RULES applies. EXCEPTIONS lists types whose mapping is misleading,
with the reason. Types that no template can run are listed by hand in the YAML file, under
`unsupported`.
Needs PyYAML and transformers.
"""

import argparse
import functools
import json
import pathlib
import re
import sys

import yaml

TABLE = pathlib.Path(__file__).parents[1] / "templates" / "families.yaml"

# MODEL_FOR_*_MAPPING_NAMES, family, task; in order of priority, specific before general.
# MODEL_MAPPING_NAMES (here "") and PRETRAINING do not determine the family. Neither do the
# classification heads for text, which encoders, decoders and vision-language models share.
RULES = (
    ("DOCUMENT_QUESTION_ANSWERING", "document", "document-question-answering"),
    ("TABLE_QUESTION_ANSWERING", "text_encoder", "table-question-answering"),
    ("RETRIEVAL", "embedding", "visual-document-retrieval"),
    ("TIME_SERIES_PREDICTION", "time_series", "time-series-forecasting"),
    ("TIME_SERIES_REGRESSION", "time_series", "time-series-forecasting"),
    ("TIME_SERIES_CLASSIFICATION", "time_series", "time-series-classification"),
    ("KEYPOINT_DETECTION", "depth_keypoint", "keypoint-detection"),
    ("KEYPOINT_MATCHING", "depth_keypoint", "keypoint-matching"),
    ("POSE_ESTIMATION", "depth_keypoint", "keypoint-detection"),
    ("DEPTH_ESTIMATION", "depth_keypoint", "depth-estimation"),
    ("ZERO_SHOT_OBJECT_DETECTION", "object_detection", "zero-shot-object-detection"),
    ("OBJECT_DETECTION", "object_detection", "object-detection"),
    ("MASK_GENERATION", "segmentation", "mask-generation"),
    ("UNIVERSAL_SEGMENTATION", "segmentation", "image-segmentation"),
    ("INSTANCE_SEGMENTATION", "segmentation", "image-segmentation"),
    ("IMAGE_SEGMENTATION", "segmentation", "image-segmentation"),
    ("VIDEO_CLASSIFICATION", "video", "video-classification"),
    ("TEXT_TO_WAVEFORM", "audio_generation", "text-to-audio"),
    ("TEXT_TO_SPECTROGRAM", "audio_generation", "text-to-audio"),
    ("SPEECH_SEQ_2_SEQ", "asr_seq2seq", "automatic-speech-recognition"),
    ("RNNT", "asr_seq2seq", "automatic-speech-recognition"),
    ("TDT", "asr_seq2seq", "automatic-speech-recognition"),
    ("CTC", "audio_encoder", "automatic-speech-recognition"),
    ("AUDIO_CLASSIFICATION", "audio_encoder", "audio-classification"),
    ("AUDIO_FRAME_CLASSIFICATION", "audio_encoder", "audio-classification"),
    ("AUDIO_XVECTOR", "audio_encoder", "audio-classification"),
    ("ZERO_SHOT_IMAGE_CLASSIFICATION", "vision_text_dual", "zero-shot-image-classification"),
    ("IMAGE_TEXT_TO_TEXT", "vlm", "image-text-to-text"),
    ("MULTIMODAL_LM", "vlm", "audio-text-to-text"),
    ("VISUAL_QUESTION_ANSWERING", "document", "visual-question-answering"),
    ("IMAGE_CLASSIFICATION", "vision_classifier", "image-classification"),
    # After classification, since backbones such as beit have a head for segmentation too.
    ("SEMANTIC_SEGMENTATION", "segmentation", "image-segmentation"),
    ("BACKBONE", "vision_classifier", "image-feature-extraction"),
    ("IMAGE", "vision_classifier", "image-feature-extraction"),
    ("SEQ_TO_SEQ_CAUSAL_LM", "encoder_decoder", "text2text-generation"),
    ("MASKED_LM", "text_encoder", "fill-mask"),
    ("CAUSAL_LM", "decoder_llm", "text-generation"),  # or _moe, _ssm: see decoder()
    ("TEXT_ENCODING", "text_encoder", "feature-extraction"),
)
EXPERTS = (
    "moe_num_experts",
    "n_routed_experts",
    "num_experts",
    "num_local_experts",
    "moe_intermediate_size",
)
# Layers that keep a state of fixed size instead of keys and values.
STATE_LAYERS = {"conv", "linear_attention", "mamba", "recurrent"}
# Family, task, reason, types; for types whose mapping is misleading or missing.
CURATED = (
    (
        "text_encoder",
        "feature-extraction",
        "has classification heads only",
        "canine openai_privacy_filter",
    ),
    ("text_encoder", "question-answering", "its one task is answering", "splinter"),
    ("text_encoder", "feature-extraction", "listed as causal, but reads both ways", "xlnet"),
    ("decoder_llm", "text-generation", "has a masked head, but its weights are causal", "reformer"),
    ("decoder_llm", "text-generation", "its experts are off by default", "doge"),
    ("decoder_moe", "text-generation", "its experts are counted in a nested configuration", "dbrx"),
    ("decoder_moe", "text-generation", "its default is a single expert", "hunyuan_v1_moe"),
    ("decoder_moe", "text-generation", "text only, though listed with images", "mistral4"),
    (
        "decoder_ssm",
        "text-generation",
        "most layers are Mamba, experts or not",
        "falcon_h1 granitemoehybrid jamba nemotron_h",
    ),
    (
        "decoder_ssm",
        "text-generation",
        "recurrent, but its configuration does not show it",
        "lfm2 rwkv xlstm",
    ),
    (
        "vision_classifier",
        "image-feature-extraction",
        "image encoder that is published alone",
        "chinese_clip_vision_model clip_vision_model radio",
    ),
    (
        "segmentation",
        "image-segmentation",
        "a text specifies what to segment",
        "clipseg sam3 sam3_lite_text",
    ),
    ("segmentation", "image-segmentation", "the classifier is only its backbone", "segformer"),
    (
        "asr_seq2seq",
        "automatic-speech-recognition",
        "speaks too, but recognition is the usual use",
        "seamless_m4t seamless_m4t_v2 speecht5",
    ),
    ("audio_generation", "text-to-audio", "listed with recognition, but makes speech", "dia"),
    (
        "audio_generation",
        "audio-codec",
        "codecs have no mapping",
        "dac encodec higgs_audio_v2_tokenizer mimi neucodec pocket_tts_audio_tokenizer "
        "vibevoice_acoustic_tokenizer wavtokenizer xcodec xcodec2",
    ),
    (
        "vision_text_dual",
        "image-text-retrieval",
        "matches images with texts",
        "blip bridgetower flava",
    ),
    (
        "vision_text_dual",
        "zero-shot-image-classification",
        "built like CLIP, but in no mapping",
        "aimv2 groupvit vision-text-dual-encoder",
    ),
    (
        "vision_text_dual",
        "zero-shot-audio-classification",
        "there is no mapping for audio with text",
        "clap pe_audio",
    ),
    (
        "vlm",
        "audio-text-to-text",
        "listed as sequence to sequence, but answers texts about audio",
        "audioflamingo3 musicflamingo voxtral",
    ),
    (
        "vlm",
        "any-to-any",
        "image, audio and text; some speak",
        "phi4_multimodal qwen2_5_omni qwen3_omni_moe",
    ),
    ("vlm", "image-text-to-text", "writes texts, though listed as classifying", "blip-2"),
    (
        "vlm",
        "image-text-to-text",
        "in transformers an image encoder, in Mistral's format the whole model",
        "pixtral",
    ),
    (
        "document",
        "token-classification",
        "reads a layout, and has no head for questions about it",
        "bros lilt",
    ),
    ("document", "question-answering", "reads marked-up text", "markuplm"),
    (
        "time_series",
        "time-series-forecasting",
        "forecasting has no mapping for these",
        "autoformer informer time_series_transformer",
    ),
    (
        "embedding",
        "sentence-similarity",
        "gives a pooled vector only",
        "dpr embedding_gemma2 embedding_gemma2_text",
    ),
    ("embedding", "visual-document-retrieval", "listed with pre-training only", "colqwen2"),
)
EXCEPTIONS = {
    model_type: (family, task, reason)
    for family, task, reason, types in CURATED
    for model_type in types.split()
}
# In the table, but not a type of every release. Only tokenizers are named code_llama. dtf defines the
# other name, since the pipelines of diffusers have no types.
NOT_MAPPED = {"code_llama", "stable-diffusion"}
# Encoders and decoders of other models, which are in no mapping for a task.
PART = re.compile(r"_(audio|decoder|encoder|qformer|text|vision|vqmodel|\w*_model)$")
PART_REASON = "part of another model, which is tested as a whole"


@functools.cache
def mappings():
    """Model type -> names of the mappings that contain it: bert -> {"", "MASKED_LM", ...}."""
    from transformers.models.auto import modeling_auto

    types = {}
    for name, mapping in vars(modeling_auto).items():
        if found := re.fullmatch(r"MODEL_(?:FOR_)?(?:(\w+)_)?MAPPING_NAMES", name):
            for model_type in mapping:
                types.setdefault(model_type, set()).add(found[1] or "")
    return types


def default_config(model_type):
    from transformers import AutoConfig

    try:
        return AutoConfig.for_model(model_type)
    except Exception:  # Some configurations cannot be created without arguments.
        return None


@functools.cache
def decoder(model_type):
    """The family of a decoder, by the fields of its default configuration."""
    config = default_config(model_type)
    # A field may be absent, None, or a list with a number per layer.
    counts = [getattr(config, field, None) for field in EXPERTS]
    if any(isinstance(count, (list, int)) and count not in (0, 1) for count in counts):
        return "decoder_moe"
    if STATE_LAYERS & set(getattr(config, "layer_types", None) or ()):
        return "decoder_ssm"
    return "decoder_llm"


def derive(model_type, held):
    """Family and task of a type, by the mappings that contain it; None if they do not determine it."""
    if model_type in EXCEPTIONS:
        return EXCEPTIONS[model_type][:2]
    for mapping, family, task in RULES:
        if mapping in held:
            return (decoder(model_type) if mapping == "CAUSAL_LM" else family), task
    return None


def load():
    return yaml.safe_load(TABLE.read_text(encoding="utf-8"))


def problems(table, types):
    """The differences between the table and transformers, one line each."""
    rows, unsupported = table["model_types"], table["unsupported"]
    for model_type, held in sorted(types.items()):
        expected = derive(model_type, held)
        found = ", ".join(expected or ()) or "no mapping: add it to CURATED or to unsupported"
        row = rows.get(model_type)
        if row is None:
            if model_type not in unsupported:
                yield f"{model_type}: missing ({found})"
        elif model_type in unsupported:
            yield f"{model_type}: has a family, and is in unsupported"
        elif (row["family"], row["task"]) != expected:
            yield f"{model_type}: {row['family']}, {row['task']} contradicts transformers ({found})"
    for model_type in sorted({*rows, *unsupported} - set(types) - NOT_MAPPED):
        yield f"{model_type}: transformers does not know it"


def insert(lines, header, entries):
    """Adds entry lines to the block below a header, which ends at the next header."""
    start = lines.index(header) + 1
    block = re.compile(re.escape(re.match(" *", entries[0])[0]) + r"[^\s#]")
    end = start
    while end < len(lines) and block.match(lines[end]):
        end += 1
    lines[start:end] = sorted(lines[start:end] + entries, key=lambda line: line.split(":")[0])


def write(table, types):
    """Adds the missing types whose family is known, and returns their number."""
    blocks = {}
    for model_type, held in types.items():
        if model_type in table["model_types"] or model_type in table["unsupported"]:
            continue
        if expected := derive(model_type, held):
            family, task = expected
            header = f"  # {table['families'][family]['title']}"
            line = f"  {model_type}: {{ family: {family}, task: {task} }}"
        elif PART.search(model_type):
            header, line = "unsupported:", f"  {model_type}: {json.dumps(PART_REASON)}"
        else:
            continue
        blocks.setdefault(header, []).append(line)
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    for header, entries in blocks.items():
        insert(lines, header, entries)
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return sum(map(len, blocks.values()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true", help="exit 1 where they disagree")
    action.add_argument("--write", action="store_true", help="add the missing types")
    arguments = parser.parse_args()
    types = mappings()
    if arguments.write:
        print(f"{write(load(), types)} types added")
    left = list(problems(load(), types))
    print("\n".join(left) or f"{len(types)} types agree with transformers")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
