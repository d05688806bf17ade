//! Tests of the counts against published numbers, against models that transformers builds, and with
//! hostile values.

use crate::models::parameters::{Count, count};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn counted(config: &Value) -> Option<Count> {
    count(config.as_object().expect("a map"))
}

/// `base` with the fields of `more`.
fn with(base: &Value, more: &Value) -> Value {
    let mut fields = base.as_object().expect("a map").clone();
    fields.extend(more.as_object().expect("a map").clone());
    Value::Object(fields)
}

fn built() -> Vec<Value> {
    let text = include_str!("../../../tests/data/parameters.json");
    let data: Value = serde_json::from_str(text).expect("the file is JSON");
    data["cases"].as_array().expect("a list").clone()
}

fn check(cases: &[(&str, Value, u64)]) {
    for (name, config, total) in cases {
        let actual = counted(config).map(|count| count.total);
        assert_eq!(actual, Some(*total), "{name}");
    }
}

#[test]
fn encoders_equal_the_published_counts() {
    let bert = json!({"model_type": "bert", "vocab_size": 30522, "hidden_size": 768,
        "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072,
        "max_position_embeddings": 512, "type_vocab_size": 2});
    let large = json!({"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
        "intermediate_size": 4096});
    let roberta = json!({"model_type": "roberta", "vocab_size": 50265,
        "max_position_embeddings": 514, "type_vocab_size": 1});
    check(&[
        ("bert-base-uncased", bert.clone(), 109_482_240),
        ("bert-large-uncased", with(&bert, &large), 335_141_888),
        ("roberta-base", with(&bert, &roberta), 124_645_632),
    ]);
    // The class that predicts masked words shares the word table and has no pooler.
    let masked = with(&bert, &json!({"architectures": ["BertForMaskedLM"]}));
    check(&[("bert-base-uncased for masked words", masked, 109_514_298)]);
}

#[test]
fn decoders_equal_the_published_counts() {
    let gpt2 = |width: u64, layers: u64, heads: u64| {
        json!({"model_type": "gpt2", "vocab_size": 50257, "n_positions": 1024, "n_ctx": 1024,
            "n_embd": width, "n_layer": layers, "n_head": heads})
    };
    let llama = json!({"model_type": "llama", "vocab_size": 32000, "hidden_size": 4096,
        "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 32, "tie_word_embeddings": false});
    let llama3 = json!({"vocab_size": 128_256, "intermediate_size": 14336,
        "num_key_value_heads": 8, "attention_bias": false});
    let one = json!({"vocab_size": 128_256, "hidden_size": 2048, "intermediate_size": 8192,
        "num_hidden_layers": 16, "num_key_value_heads": 8, "head_dim": 64,
        "tie_word_embeddings": true});
    let tiny = json!({"hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22,
        "num_key_value_heads": 4});
    let mistral = json!({"model_type": "mistral", "vocab_size": 32000, "hidden_size": 4096,
        "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 8});
    let gemma = json!({"model_type": "gemma", "vocab_size": 256_000, "hidden_size": 2048,
        "intermediate_size": 16384, "num_hidden_layers": 18, "num_attention_heads": 8,
        "num_key_value_heads": 1, "head_dim": 256});
    check(&[
        ("gpt2", gpt2(768, 12, 12), 124_439_808),
        ("gpt2-medium", gpt2(1024, 24, 16), 354_823_168),
        ("gpt2-xl", gpt2(1600, 48, 25), 1_557_611_200),
        ("llama-2-7b", llama.clone(), 6_738_415_616),
        ("llama-3-8b", with(&llama, &llama3), 8_030_261_248),
        ("llama-3.2-1b", with(&llama, &one), 1_235_814_400),
        ("tinyllama", with(&llama, &tiny), 1_100_048_384),
        ("mistral-7b", mistral, 7_241_732_096),
        ("gemma-2b", gemma, 2_506_172_416),
    ]);
}

#[test]
fn the_qwen_models_equal_the_published_counts() {
    let small = json!({"model_type": "qwen2", "vocab_size": 151_936, "hidden_size": 896,
        "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14,
        "num_key_value_heads": 2, "tie_word_embeddings": true});
    let seven = json!({"model_type": "qwen2", "vocab_size": 152_064, "hidden_size": 3584,
        "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
        "num_key_value_heads": 4, "tie_word_embeddings": false});
    let third = json!({"model_type": "qwen3", "vocab_size": 151_936, "hidden_size": 1024,
        "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16,
        "num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": true});
    let eight = json!({"hidden_size": 4096, "intermediate_size": 12288,
        "num_hidden_layers": 36, "num_attention_heads": 32, "tie_word_embeddings": false});
    check(&[
        ("qwen2.5-0.5b", small, 494_032_768),
        ("qwen2.5-7b", seven, 7_615_616_512),
        ("qwen3-0.6b", third.clone(), 596_049_920),
        ("qwen3-8b", with(&third, &eight), 8_190_735_360),
    ]);
}

#[test]
fn models_with_experts_equal_the_published_counts() {
    let mixtral = json!({"model_type": "mixtral", "vocab_size": 32000, "hidden_size": 4096,
        "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 8, "num_local_experts": 8, "num_experts_per_tok": 2});
    let qwen = json!({"model_type": "qwen3_moe", "vocab_size": 151_936, "hidden_size": 2048,
        "intermediate_size": 6144, "moe_intermediate_size": 768, "num_hidden_layers": 48,
        "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128,
        "num_experts": 128, "num_experts_per_tok": 8, "decoder_sparse_step": 1,
        "mlp_only_layers": [], "tie_word_embeddings": false});
    let mixtral = counted(&mixtral).expect("mixtral-8x7b");
    assert_eq!(mixtral, Count { total: 46_702_792_704, active: 12_879_925_248 });
    let qwen = counted(&qwen).expect("qwen3-30b-a3b");
    assert_eq!(qwen, Count { total: 30_532_122_624, active: 3_353_032_704 });
}

#[test]
fn models_of_images_and_speech_equal_the_published_counts() {
    let vit = json!({"model_type": "vit", "hidden_size": 768, "num_hidden_layers": 12,
        "num_attention_heads": 12, "intermediate_size": 3072, "image_size": 224,
        "patch_size": 16, "num_channels": 3, "qkv_bias": true, "num_labels": 1000});
    let whisper = |width: u64, layers: u64| {
        json!({"model_type": "whisper", "vocab_size": 51865, "num_mel_bins": 80,
            "d_model": width, "encoder_layers": layers, "decoder_layers": layers,
            "encoder_ffn_dim": 4 * width, "decoder_ffn_dim": 4 * width,
            "max_source_positions": 1500, "max_target_positions": 448})
    };
    let third = json!({"vocab_size": 51866, "num_mel_bins": 128});
    let patch = json!({"model_type": "clip", "projection_dim": 512,
        "text_config": {"projection_dim": 512}, "vision_config": {"projection_dim": 512}});
    let large = json!({"model_type": "clip", "projection_dim": 768,
        "text_config_dict": {"hidden_size": 768, "intermediate_size": 3072,
            "num_attention_heads": 12, "num_hidden_layers": 12, "projection_dim": 768},
        "vision_config": {"hidden_size": 1024, "intermediate_size": 4096, "patch_size": 14,
            "num_attention_heads": 16, "num_hidden_layers": 24, "projection_dim": 768}});
    check(&[
        ("vit-base-patch16-224", vit.clone(), 86_567_656),
        ("whisper-tiny", whisper(384, 4), 37_760_640),
        ("whisper-base", whisper(512, 6), 72_593_920),
        ("whisper-small", whisper(768, 12), 241_734_912),
        ("whisper-large-v2", whisper(1280, 32), 1_543_304_960),
        ("whisper-large-v3", with(&whisper(1280, 32), &third), 1_543_490_560),
        ("clip-vit-base-patch32", patch, 151_277_313),
        ("clip-vit-large-patch14", large, 427_616_513),
    ]);
    // The published number is that of the model with a pooler instead of a classifier.
    let pooled = with(&vit, &json!({"architectures": ["ViTModel"]}));
    check(&[("vit, pooled", pooled, 86_389_248)]);
}

#[test]
fn t5_models_equal_the_published_counts() {
    let t5 = |width: u64, inner: u64, layers: u64, heads: u64| {
        json!({"model_type": "t5", "vocab_size": 32128, "d_model": width, "d_kv": 64,
            "d_ff": inner, "num_layers": layers, "num_heads": heads})
    };
    // Published with a separate output table (76,961,152 and 247,577,856), which transformers 5
    // does not have: 32,128 rows fewer.
    let flan = json!({"feed_forward_proj": "gated-gelu", "tie_word_embeddings": false});
    let small = with(&t5(512, 1024, 8, 6), &json!({"num_decoder_layers": 8}));
    check(&[
        ("t5-small", t5(512, 2048, 6, 8), 60_506_624),
        ("t5-base", t5(768, 3072, 12, 12), 222_903_552),
        ("t5-large", t5(1024, 4096, 24, 16), 737_668_096),
        ("flan-t5-small", with(&small, &flan), 76_961_152 - 32128 * 512),
        ("flan-t5-base", with(&t5(768, 2048, 12, 12), &flan), 247_577_856 - 32128 * 768),
    ]);
}

/// An unknown class is counted as the one that a test loads, and further classes are ignored.
#[test]
fn the_first_named_class_is_counted() {
    let bert = |architectures: Value| {
        let config = json!({"model_type": "bert", "architectures": architectures});
        counted(&config).expect("a count").total
    };
    let bare = bert(json!([]));
    for usual in [json!(null), json!(["BertModel"]), json!(["BertForSomethingNew"]), json!([7])] {
        assert_eq!(bert(usual.clone()), bare, "{usual}");
    }
    let masked = bert(json!(["BertForMaskedLM", "BertModel"]));
    assert_eq!(masked, bare - (768 * 768 + 768) + (768 * 768 + 768 + 2 * 768 + 30522));
}

/// `scripts/parameters.py` writes the file.
#[test]
fn counts_equal_those_of_models_that_transformers_builds() {
    let cases = built();
    assert!(cases.len() > 400, "{} cases", cases.len());
    let mismatches: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let count = counted(&case["config"]);
            let same = count.map(|count| count.total) == case["total"].as_u64();
            (!same).then(|| format!("{count:?} for {case}"))
        })
        .collect();
    assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
}

#[test]
fn only_models_with_experts_have_inactive_parameters() {
    let mut sparse = BTreeSet::new();
    for case in built() {
        let count = counted(&case["config"]).expect("a count");
        assert!(count.active <= count.total, "{case}");
        if count.active < count.total {
            sparse.insert(case["config"]["model_type"].to_string());
        }
    }
    let expected = ["mixtral", "olmoe", "qwen2_moe", "qwen3_moe"];
    assert_eq!(sparse, expected.map(|kind| json!(kind).to_string()).into());
}

/// Sets every field of every class to hostile values, and in the variants also the fields of all
/// other types.
#[test]
fn hostile_values_give_a_plausible_count_or_none() {
    let deep = json!([[[[u64::MAX]]]]);
    let hostile = [
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(-1),
        json!(2.5),
        json!(1e308),
        json!(u32::MAX),
        json!(u64::MAX),
        json!("12"),
        json!([]),
        json!([0, 0]),
        json!([u64::MAX, u64::MAX, u64::MAX, u64::MAX]),
        json!({}),
        json!({"hidden_size": u64::MAX, "patch_size": 0}),
        deep,
    ];
    let cases = built();
    let configs: Vec<_> = cases.iter().filter_map(|case| case["config"].as_object()).collect();
    let fields: BTreeSet<&String> = configs.iter().flat_map(|config| config.keys()).collect();
    for config in &configs {
        let drawn = config.contains_key("architectures");
        for field in fields.iter().filter(|field| !drawn || config.contains_key(**field)) {
            for value in &hostile {
                let mut config = (*config).clone();
                config.insert((*field).clone(), value.clone());
                if let Some(count) = count(&config) {
                    assert!(count.active <= count.total && count.total <= 1 << 50, "{config:?}");
                }
            }
        }
    }
}

#[test]
fn unknown_types_variants_and_values_have_no_count() {
    for config in [
        json!({}),
        json!({"model_type": 3}),
        json!({"model_type": "unheard-of"}),
        json!({"model_type": "bert", "hidden_size": "768"}),
        json!({"model_type": "gpt2", "n_embd": 0}),
        json!({"model_type": "bert", "hidden_size": u64::MAX}),
        json!({"model_type": "bert", "num_hidden_layers": 1u64 << 40}),
        json!({"model_type": "bert", "add_cross_attention": true}),
        json!({"model_type": "llama", "num_attention_heads": 0}),
        json!({"model_type": "llama", "tie_word_embeddings": "yes"}),
        json!({"model_type": "bart", "tie_word_embeddings": "no"}),
        json!({"model_type": "falcon", "multi_query": 1}),
        json!({"model_type": "patchtst", "architectures": ["PatchTSTForRegression"],
            "loss": "nll", "distribution_output": "poisson"}),
        json!({"model_type": "dpt", "is_hybrid": true}),
        json!({"model_type": "segformer", "num_encoder_blocks": 3}),
        json!({"model_type": "encodec", "norm_type": "layer_norm"}),
        json!({"model_type": "vit", "patch_size": 0}),
        json!({"model_type": "vit", "image_size": [224]}),
        json!({"model_type": "clip", "text_config": {"hidden_size": -1}}),
        json!({"model_type": "clip", "text_config": "the usual"}),
        json!({"model_type": "siglip", "vision_config": []}),
        json!({"model_type": "vit", "id2label": ["cat", "dog"]}),
        json!({"model_type": "swin", "depths": []}),
        json!({"model_type": "swin", "num_heads": [3]}),
        json!({"model_type": "swin", "mlp_ratio": -4}),
        json!({"model_type": "convnext", "num_stages": 5}),
        json!({"model_type": "resnet", "layer_type": "wide"}),
        json!({"model_type": "mamba", "time_step_rank": "many"}),
        json!({"model_type": "qwen2_moe", "decoder_sparse_step": 0}),
        json!({"model_type": "qwen3_moe", "mlp_only_layers": ["all"]}),
        json!({"model_type": "wav2vec2", "conv_kernel": [3]}),
        json!({"model_type": "wav2vec2", "add_adapter": "yes"}),
    ] {
        assert_eq!(counted(&config), None, "{config}");
    }
}
