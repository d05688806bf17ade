//! Tests of the rules, through the interpretation of whole directories.

use super::rules::step;
use crate::models::description::{ADAPTER, CONFIG, MODULES, PARAMS, PIPELINE};
use crate::models::interpret::tests::directory;

const BERT: &str = r#"{"model_type": "bert"}"#;

fn interpreted(files: Files) -> String {
    match directory(files).interpret("x") {
        Ok(_) => "a model".to_owned(),
        Err(error) => format!("{}; {}", error.message, error.hint.unwrap_or_default()),
    }
}

type Files<'a> = &'a [(&'a str, &'a str)];

#[test]
#[expect(clippy::too_many_lines, reason = "one row for each kind")]
fn each_kind_of_directory_is_identified_with_the_next_step() {
    let modules = |kind: &str, path: &str| {
        format!(
            r#"[{{"idx": 0, "path": "{path}", "type": "sentence_transformers.models.{kind}"}}]"#
        )
    };
    let (st, fixed) = (modules("Transformer", "0_Encoder"), modules("StaticEmbedding", ""));
    let cases: [(Files, &str, &str); 33] = [
        (
            &[(ADAPTER, r#"{"base_model_name_or_path": "gpt2", "peft_type": "IA3"}"#)],
            "a PEFT adapter for gpt2 (adapter_config.json, peft_type IA3)",
            "test gpt2",
        ),
        (
            &[
                (ADAPTER, r#"{"base_model_name_or_path": "gpt2"}"#),
                (CONFIG, BERT),
                ("adapter_model.safetensors", ""),
            ],
            "a PEFT adapter for gpt2",
            "merge_and_unload",
        ),
        (&[(ADAPTER, "{}")], "an adapter without a model", "its base model"),
        (&[("pytorch_lora_weights.safetensors", "")], "a LoRA adapter for a diffusion", "pipeline"),
        (&[(MODULES, &fixed), ("model.safetensors", "")], "a static embedding", "vectors"),
        (&[(CONFIG, r#"{"model_type": "model2vec"}"#)], "a static embedding", "vectors"),
        (&[(MODULES, &st)], "a sentence-transformers model", "none was found"),
        (
            &[(PARAMS, r#"{"dim": 8, "n_layers": 1, "hidden_dim": 9}"#)],
            "a model in Mistral's own format (params.json)",
            "convert_mistral",
        ),
        (
            &[
                (PARAMS, r#"{"dim": 8, "n_heads": 1, "multiple_of": 256}"#),
                ("consolidated.00.pth", ""),
            ],
            "a model in Llama's own format (params.json, consolidated.00.pth)",
            "convert_llama",
        ),
        (
            &[
                ("model.bin", ""),
                ("shared_vocabulary.txt", ""),
                (CONFIG, r#"{"add_source_bos": false}"#),
            ],
            "a CTranslate2 model",
            "converted from",
        ),
        (
            &[("model.bin", ""), (CONFIG, r#"{"alignment_heads": [], "lang_ids": []}"#)],
            "a CTranslate2 model",
            "converted from",
        ),
        (
            &[("adapter_model.safetensors", "")],
            "the weights of a PEFT adapter without an adapter_config.json",
            "add the adapter_config.json",
        ),
        (&[("m-q4.gguf", "")], "weights of llama.cpp (GGUF) without a config.json", "download one"),
        (&[("onnx/model.onnx", "")], "an ONNX model", "add the config.json of the model"),
        (
            &[("openvino_model.xml", ""), ("openvino_model.bin", "")],
            "an OpenVINO model",
            "config.json",
        ),
        (&[("a.xml", ""), ("a.bin", "")], "an OpenVINO model", "config.json"),
        (&[("tf_model.h5", "")], "a TensorFlow model", "converted"),
        (&[("saved_model.pb", ""), ("variables/variables.index", "")], "a TensorFlow model", ""),
        (&[("flax_model.msgpack", "")], "a Flax model", ""),
        (&[("Model.mlpackage/Manifest.json", "")], "a Core ML model", ""),
        (&[("weights.npz", "")], "an MLX model", ""),
        (
            &[("open_clip_config.json", "{}"), ("open_clip_model.safetensors", "")],
            "an OpenCLIP model",
            "",
        ),
        (
            &[(CONFIG, r#"{"_class_name": "UNet2DConditionModel", "_diffusers_version": "0.2"}"#)],
            "a component of a diffusers pipeline",
            "model_index.json",
        ),
        (&[("scheduler_config.json", "{}")], "a component of a diffusers pipeline", ""),
        (
            &[
                ("checkpoint-500/config.json", BERT),
                ("checkpoint-1000/config.json", BERT),
                ("trainer_state.json", "{}"),
            ],
            "a directory of checkpoints (checkpoint-1000, checkpoint-500)",
            "did you mean the newest checkpoint, checkpoint-1000?",
        ),
        (
            &[("checkpoint-9/adapter_config.json", "{}")],
            "a directory of checkpoints",
            "checkpoint-9?",
        ),
        (
            &[("global_step90/config.json", ""), ("global_step100/config.json", "")],
            "a directory of",
            "step100?",
        ),
        (
            &[("final/config.json", BERT), ("README.md", "")],
            "not a model itself",
            "the model is in final",
        ),
        (&[("a/config.json", BERT), ("b/model_index.json", "")], "not a model itself", "a, b"),
        (
            &[("tokenizer.json", "{}"), ("vocab.json", "{}")],
            "a tokenizer without a model",
            "save_pretrained",
        ),
        (
            &[("model.safetensors", ""), ("tokenizer.json", "{}")],
            "weights without a config.json",
            "",
        ),
        (&[(CONFIG, "{}"), ("model.pt", "")], "weights whose config.json names no model_type", ""),
        (&[], "an empty directory", "config.json"),
    ];
    for (files, what, next) in cases {
        let message = interpreted(files);
        assert!(message.starts_with(&format!("x is {what}")), "{files:?}: {message}");
        assert!(message.contains(next), "{files:?}: {message}");
    }
}

#[test]
fn complete_models_match_no_rule() {
    let modules = r#"[{"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]"#;
    let older = r#"[{"path": "0_T", "type": "sentence_transformers.models.Transformer"}]"#;
    let cases: [Files; 8] = [
        &[(CONFIG, r#"{"__version__": "0.3"}"#), (MODULES, older), ("0_T/config.json", BERT)],
        &[(CONFIG, BERT)],
        &[(CONFIG, BERT), ("model.safetensors", ""), (ADAPTER, "{}")],
        &[(CONFIG, BERT), (MODULES, modules), ("1_Pooling/config.json", "{}")],
        &[(CONFIG, BERT), ("checkpoint-5/config.json", BERT)],
        &[(CONFIG, BERT), ("onnx/model.onnx", ""), ("tf_model.h5", ""), ("m.gguf", "")],
        &[(PIPELINE, r#"{"_class_name": "P"}"#), ("unet/config.json", "{}"), ("m.ckpt", "")],
        &[
            (CONFIG, r#"{"architecture": "resnet18", "global_pool": "avg"}"#),
            ("pytorch_model.bin", ""),
        ],
    ];
    for files in cases {
        assert_eq!(interpreted(files), "a model", "{files:?}");
    }
}

#[test]
fn a_file_saved_instead_of_a_configuration_is_identified() {
    for (text, what) in [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS pointer"),
        ("<!DOCTYPE html>\n<html><title>Sign in", "an HTML page"),
        ("\u{feff}  <HTML lang=en>", "an HTML page"),
        ("<?xml version=\"1.0\"?><Error><Code>AccessDenied", "an XML document"),
        ("", "empty"),
        ("\n  \0\0", "empty"),
        ("PK\u{3}\u{4}", "a compressed archive"),
        ("../.git/annex/objects/x", "git-annex"),
    ] {
        for file in [CONFIG, PIPELINE] {
            let message = interpreted(&[(file, text)]);
            assert!(message.starts_with(&format!("{file} of x is ")), "{message}");
            assert!(message.contains(what), "{text:?}: {message}");
        }
    }
    assert!(interpreted(&[(CONFIG, "{\"a\": ")]).contains("is not valid JSON"));
}

#[test]
fn foreign_texts_are_shown_without_control_characters() {
    let hostile = r#"{"base_model_name_or_path": "a\u001b]0;x\u0007\nb"}"#;
    let message = interpreted(&[(ADAPTER, hostile)]);
    assert!(!message.contains(char::is_control), "{message:?}");
}

#[test]
fn checkpoints_are_ordered_by_number() {
    for (name, number) in [
        ("checkpoint-1000", Some(1000)),
        ("step_20", Some(20)),
        ("epoch3", Some(3)),
        ("global_step500", Some(500)),
        ("checkpoint-", None),
        ("unet", None),
        ("resnet50", None),
        ("checkpoint-99999999999999999999999", None),
    ] {
        assert_eq!(step(name), number, "{name}");
    }
}
