#!/usr/bin/env python3
"""Writes tests/data/summed.json: default configurations of many model types, with the number of
parameters in transformers. src/models/estimate computes this number from widths and layers, and a
test limits its error.

Models are built on torch's meta device, which allocates no memory, and neither files nor the network
are read. Run this script after a type is added, with an interpreter that has torch and transformers:

    python scripts/summed.py
"""

import json
import pathlib

import torch
import transformers
from transformers import CONFIG_MAPPING

TARGET = pathlib.Path(__file__).resolve().parent.parent / "tests/data/summed.json"

# Without EfficientNet, VITS and CLAP, whose sizes do not follow from widths and layers.
TYPES = {
    "AutoModel": ["blip", "deberta-v2", "modernbert", "xlnet"],
    "AutoModelForAudioClassification": ["audio-spectrogram-transformer"],
    "AutoModelForCausalLM": [
        "codegen", "deepseek_v2", "falcon", "gemma3_text", "gpt_oss", "jamba", "mamba2",
    ],
    "AutoModelForDepthEstimation": ["depth_anything"],
    "AutoModelForImageClassification": ["beit", "pvt", "swinv2"],
    "AutoModelForImageTextToText": ["llava", "pix2struct", "qwen2_vl"],
    "AutoModelForMaskGeneration": ["sam"],
    "AutoModelForObjectDetection": ["detr", "yolos"],
    "AutoModelForSemanticSegmentation": ["segformer"],
    "AutoModelForSeq2SeqLM": ["led"],
    "AutoModelForSpeechSeq2Seq": ["moonshine", "speech_to_text"],
    "AutoModelForTokenClassification": ["layoutlm"],
    "AutoModelForVideoClassification": ["videomae"],
}
# Long fields that do not affect sizes.
IDLE = {"id2label", "label2id", "suppress_tokens", "begin_suppress_tokens", "generation_config"}


def slim(value):
    """Sizes, flags and types, without texts and without numbers that JSON cannot represent."""
    kept = {}
    for key, item in value.items():
        if isinstance(item, dict) and key not in IDLE and not key.startswith("rope"):
            kept[key] = slim(item)
        elif isinstance(item, list) and key not in IDLE and float("inf") not in item:
            kept[key] = item
        elif isinstance(item, (bool, int)) or key in ("model_type", "feed_forward_proj"):
            kept[key] = item
        elif isinstance(item, float) and abs(item) < 1e9:
            kept[key] = item
    return kept


def main():
    cases = []
    for auto_class, kinds in TYPES.items():
        for kind in kinds:
            config = CONFIG_MAPPING[kind]()
            with torch.device("meta"):
                model = getattr(transformers, auto_class).from_config(config)
            total = sum(parameter.numel() for parameter in model.parameters())
            cases.append({"total": total, "config": slim(config.to_dict())})
    lines = ",\n".join("    " + json.dumps(case, allow_nan=False) for case in cases)
    head = f'{{\n  "transformers": {json.dumps(transformers.__version__)},\n  "cases": [\n'
    TARGET.write_text(head + lines + "\n  ]\n}\n")
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
