//! Tests of the estimates against published sizes, exact counts and each other.

use super::*;
use crate::domain::accelerator::Backend;
use crate::models::catalogue;
use crate::models::classify;
use crate::models::family::FAMILY_TABLES;
use crate::models::source::{Location, NoModels};
use proptest::prelude::*;
use serde_json::json;

pub(super) const MIB: u64 = 1 << 20;

pub(super) fn config(model: &str) -> Map<String, Value> {
    catalogue::find(model, &Location::Named, None, &NoModels).expect(model).config
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other}"),
    }
}

pub(super) fn workload(family: &str) -> Workload<'_> {
    Workload {
        family,
        batch: 1,
        tokens: 128,
        new_tokens: 0,
        image: 0,
        audio_seconds: 5.0,
        width: 4,
        eager_attention: false,
        backend: None,
        runtime: Runtime::Torch,
        role: ScriptRole::Test,
        weights: WeightsSource::Random,
        iterations: 10,
        min_seconds: 2.0,
        warm_up: 10,
    }
}

pub(super) fn of(config: &Map<String, Value>, workload: &Workload) -> Estimate {
    estimate(config, None, workload).unwrap_or_else(|| panic!("no estimate: {config:?}"))
}

fn llama() -> Map<String, Value> {
    object(json!({"model_type": "llama", "vocab_size": 128_256, "hidden_size": 4096,
        "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 8}))
}

#[test]
fn keys_and_values_of_llama_take_a_gibibyte() {
    let cached = |tokens| Workload { tokens, width: 2, ..workload("decoder_llm") };
    // The check of the cache adds one token.
    let needs = of(&llama(), &cached(8191));
    assert_eq!(needs.cache, Range { low: 1024 * MIB, likely: 1024 * MIB, high: 1024 * MIB });
    assert_eq!((needs.parameters, needs.exact), (8_030_261_248, true));
    assert_eq!(needs.weights.likely, 2 * 8_030_261_248);
}

#[test]
fn logits_of_a_large_vocabulary_take_gibibytes() {
    let needs = of(
        &config("Qwen/Qwen2.5-0.5B"),
        &Workload { batch: 2, tokens: 2048, ..workload("decoder_llm") },
    );
    assert_eq!(needs.logits.likely, 2 * 2048 * 151_936 * 4);
    assert_eq!(format!("{:.1}", needs.logits.likely as f64 / (1u64 << 30) as f64), "2.3");
}

#[test]
fn the_cache_depends_on_the_kind_of_layer() {
    let cache = |config: Value, family: &str, tokens: u64| {
        of(&object(config), &Workload { tokens, ..workload(family) }).cache.likely
    };
    let llama = |more: Value| {
        let mut config = json!({"model_type": "llama", "hidden_size": 64, "vocab_size": 100,
            "intermediate_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4});
        for (key, value) in object(more) {
            config[key] = value;
        }
        config
    };
    let kept = |more: Value, tokens: u64| cache(llama(more), "decoder_llm", tokens - 1);
    let token = 4 * 2 * 64 * 4; // layers, keys and values, width, bytes
    assert_eq!(kept(json!({}), 1000), 1000 * token);
    assert_eq!(kept(json!({"num_key_value_heads": 1}), 1000), 1000 * token / 4);
    assert_eq!(kept(json!({"head_dim": 32}), 1000), 1000 * token * 2);
    assert_eq!(kept(json!({"sliding_window": 100}), 1000), 100 * token);
    assert_eq!(kept(json!({"sliding_window": null}), 1000), 1000 * token);
    let off = json!({"sliding_window": 100, "use_sliding_window": false});
    assert_eq!(kept(off, 1000), 1000 * token);
    let types = ["sliding_attention", "full_attention", "full_attention", "full_attention"];
    let mixed = json!({"sliding_window": 100, "layer_types": types});
    assert_eq!(kept(mixed, 1000), (100 + 3 * 1000) * token / 4);
    let compressed = json!({"kv_lora_rank": 8, "qk_rope_head_dim": 4});
    assert_eq!(kept(compressed, 1000), 1000 * 4 * 12 * 4);
    // The size of a state is independent of the length: layers, width, state and convolution.
    let mamba = |tokens| {
        let mamba = json!({"model_type": "mamba", "hidden_size": 64, "num_hidden_layers": 4,
            "state_size": 8, "vocab_size": 100});
        cache(mamba, "decoder_ssm", tokens)
    };
    assert_eq!((mamba(10), mamba(1000)), (4 * 128 * (8 + 4) * 4, mamba(10)));
    // Two tokens of the decoder and all tokens of the encoder; only the decoder has logits.
    let t5 = object(json!({"model_type": "t5", "d_model": 64, "d_kv": 16, "d_ff": 128,
        "num_layers": 4, "num_heads": 4, "vocab_size": 100}));
    let needs = of(&t5, &Workload { tokens: 1000, ..workload("encoder_decoder") });
    assert_eq!(needs.cache.likely, (2 + 1000) * token);
    assert_eq!(needs.logits.likely, 100 * 4);
    // Encoders keep nothing.
    assert_eq!(of(&config("bert-base-uncased"), &workload("text_encoder")).cache.high, 0);
}

#[test]
fn activations_are_those_of_the_largest_stage() {
    let activations = |name: &str, image| {
        let shape = Workload { image, ..workload("vision_classifier") };
        of(&config(name), &shape).activations.likely
    };
    // 56 × 56 places of 96 channels, and four times as many channels in the MLP, twice.
    assert_eq!(activations("facebook/convnext-tiny-224", 224), 56 * 56 * 960 * 4);
    assert_eq!(activations("microsoft/resnet-50", 224), 56 * 56 * 3 * 256 * 4);
    assert_eq!(activations("microsoft/resnet-50", 448), 112 * 112 * 3 * 256 * 4);
}

#[test]
fn attention_that_stores_its_scores_needs_more_memory() {
    let bert = config("bert-base-uncased");
    let shape = Workload { tokens: 512, backend: Some(Backend::CUDA), ..workload("text_encoder") };
    let fused = of(&bert, &shape);
    let eager = of(&bert, &Workload { eager_attention: true, ..shape });
    let scores = 2 * 12 * 512 * 512 * 4;
    assert_eq!(eager.activations.likely - fused.activations.likely, scores);
    assert!(eager.device.likely > fused.device.likely);
    // The reference always stores them, unless another script computes it.
    let given = of(&bert, &Workload { role: ScriptRole::Compares, ..shape });
    assert_eq!(eager.host, fused.host);
    assert!(given.host.high < fused.host.high && given.time.likely < fused.time.likely);
}

#[test]
fn inactive_experts_need_memory_but_no_time() {
    let mixtral = |chosen: u64| {
        object(json!({"model_type": "mixtral", "num_experts_per_tok": chosen,
            "hidden_size": 1024, "intermediate_size": 3584, "num_hidden_layers": 8}))
    };
    let long = Workload { tokens: 2048, ..workload("decoder_moe") };
    let (few, all) = (of(&mixtral(1), &long), of(&mixtral(8), &long));
    assert_eq!(few.weights, all.weights);
    assert!(few.time.likely < all.time.likely);
}

#[test]
fn only_back_ends_with_a_device_need_device_memory() {
    let bert = config("bert-base-uncased");
    let on = |backend| of(&bert, &Workload { backend, ..workload("text_encoder") });
    let none = Range::default();
    assert_eq!((on(None).device, on(None).context), (none, none));
    let (cuda, mps) = (on(Some(Backend::CUDA)), on(Some(Backend::MPS)));
    assert!(cuda.device.low > cuda.weights.low && cuda.device.high > cuda.weights.high);
    assert!(cuda.context.high > mps.context.high && mps.context.low > 0);
}

#[test]
fn disk_space_includes_files_with_weights_and_references() {
    let disk = |weights, role, dtype: &str| {
        let mut config = config("bert-base-uncased");
        config.insert("torch_dtype".into(), json!(dtype));
        of(&config, &Workload { role, weights, ..workload("text_encoder") }).disk
    };
    // The configuration names the class that predicts masked words.
    let total = 109_514_298;
    assert!(disk(WeightsSource::Random, ScriptRole::Test, "float32").high <= MIB);
    let there = disk(WeightsSource::Published, ScriptRole::Test, "bfloat16");
    assert!(there.low == 2 * total && there.high <= 2 * total + MIB);
    let either = disk(WeightsSource::Either, ScriptRole::Test, "float32");
    assert!(either.low == 0 && either.high >= 4 * total);
    let handed_on = disk(WeightsSource::Random, ScriptRole::Reference, "float32");
    assert!(handed_on.likely >= 3 * 4 * 128 * 768);
}

/// The family that the generator determines.
pub(super) fn family(name: &str, config: &Map<String, Value>) -> String {
    classify::classify(&FAMILY_TABLES, name, None, Some(config), None).expect(name).family
}

#[test]
fn every_built_in_model_has_an_estimate() {
    let mut without: Vec<&str> = Vec::new();
    for name in catalogue::names() {
        let model = catalogue::find(name, &Location::Named, None, &NoModels).expect(name);
        let family = family(name, &model.config);
        let shape = Workload { new_tokens: 32, ..workload(&family) };
        match estimate(&model.config, model.parameters, &shape) {
            Some(needs) => assert!(needs.activations.likely > 0, "{name}"),
            None => without.push(name),
        }
    }
    // The index of a pipeline has no layers, and this one has no published size.
    assert_eq!(without, ["dtf/tiny-stable-diffusion"]);
}

#[test]
fn a_model_of_which_only_the_size_is_known_has_an_estimate() {
    let pipeline = object(json!({"model_type": "stable-diffusion"}));
    let shape = Workload { width: 2, backend: Some(Backend::CUDA), ..workload("diffusion") };
    let of_size = |published| estimate(&pipeline, published, &shape);
    assert_eq!(of_size(None), None);
    let needs = of_size(Some(860 << 20)).expect("an estimate");
    assert_eq!((needs.parameters, needs.exact), (860 << 20, true));
    assert_eq!((needs.weights.likely, needs.activations.likely), (1720 * MIB, 430 * MIB));
    assert!(needs.device.likely > needs.weights.likely + needs.activations.likely);
    assert!(needs.time.likely > 0);
}

#[test]
fn loading_takes_less_time_than_testing_and_no_reference() {
    let shape = Workload { tokens: 512, backend: Some(Backend::CUDA), ..workload("text_encoder") };
    let bert = config("bert-base-uncased");
    let [test, load] =
        [ScriptRole::Test, ScriptRole::Load].map(|role| of(&bert, &Workload { role, ..shape }));
    assert!(load.time.likely < test.time.likely && load.host.high < test.host.high);
    assert_eq!(load.device, test.device);
}

#[test]
fn tiny_models_reserve_no_more_than_a_gibibyte() {
    for name in catalogue::names().filter(|name| name.starts_with("dtf/")) {
        let config = config(name);
        let family = family(name, &config);
        let shape = Workload { batch: 2, new_tokens: 32, ..workload(&family) };
        if let Some(needs) = estimate(&config, None, &shape) {
            assert!(needs.host.high <= 1024 * MIB, "{name}: {:?}", needs.host);
        }
    }
}

/// For types with an exact count, widths and layers must add up to about the same number. This
/// also verifies the sizes from which the memory besides the weights is estimated.
#[test]
fn widths_and_layers_add_up_to_the_exact_count() {
    let data: Value =
        serde_json::from_str(include_str!("../../../tests/data/parameters.json")).expect("JSON");
    let mut mismatches = Vec::new();
    let mut compared = 0;
    for case in data["cases"].as_array().expect("cases") {
        let config = object(case["config"].clone());
        let total = case["total"].as_f64().expect("a total");
        // Configurations with a class are random and unlike real models.
        if config.contains_key("architectures") {
            continue;
        }
        let kind = config["model_type"].as_str().expect("a type");
        // The sum omits biases, positions and norms, which dominate small models, and does not know
        // layers that share their weights or word tables narrower than the layers.
        if total < 5e6 || ["albert", "electra"].contains(&kind) {
            continue;
        }
        let family = family(kind, &config);
        let Some(model) = model::read(&config, &workload(&family)) else {
            mismatches.push(format!("no towers: {config:?}"));
            continue;
        };
        let summed: f64 = model.towers.iter().map(tower::Tower::parameters).sum();
        compared += 1;
        if !(0.85..=1.15).contains(&(summed / total)) {
            mismatches.push(format!("{:.2} of {total}: {config:?}", summed / total));
        }
    }
    assert!(compared > 40, "{compared}");
    assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
}

/// `scripts/summed.py` writes the file, which contains the default models of the library.
#[test]
fn sums_of_other_types_are_within_the_stated_uncertainty() {
    let data: Value =
        serde_json::from_str(include_str!("../../../tests/data/summed.json")).expect("JSON");
    let cases = data["cases"].as_array().expect("cases");
    assert!(cases.len() >= 25, "{} cases", cases.len());
    let mut mismatches = Vec::new();
    for case in cases {
        let config = object(case["config"].clone());
        let kind = config["model_type"].as_str().expect("a type");
        let total = case["total"].as_f64().expect("a total");
        let family = family(kind, &config);
        let towers = model::read(&config, &workload(&family)).expect(kind).towers;
        let share = towers.iter().map(tower::Tower::parameters).sum::<f64>() / total;
        // Closer than the uncertainty of such sums, `DERIVED`.
        if !(0.75..=1.25).contains(&share) {
            mismatches.push(format!("{kind}: {share:.2} of {total}"));
        }
    }
    assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
}

#[test]
fn unknown_models_and_implausible_sizes_have_no_estimate() {
    let shape = workload("decoder_llm");
    for config in [
        json!({}),
        json!({"model_type": "unheard-of"}),
        json!({"model_type": "unheard-of", "hidden_size": 64}),
        json!({"model_type": "unheard-of", "hidden_size": 0, "num_hidden_layers": 0}),
        json!({"model_type": "unheard-of", "hidden_size": u64::MAX, "num_hidden_layers": 9}),
    ] {
        assert_eq!(estimate(&object(config.clone()), None, &shape), None, "{config}");
    }
    let huge = Workload { batch: u64::MAX, tokens: u64::MAX, ..shape };
    assert_eq!(estimate(&llama(), None, &huge), None);
    let summed = json!({"model_type": "unheard-of", "hidden_size": 64, "num_hidden_layers": 2});
    let needs = of(&object(summed), &shape);
    assert!(!needs.exact && needs.weights.low < needs.weights.likely);
}

fn ordered(range: Range) -> bool {
    range.low <= range.likely && range.likely <= range.high
}

fn at_most(small: Range, large: Range) -> bool {
    small.low <= large.low && small.likely <= large.likely && small.high <= large.high
}

fn ranges(needs: &Estimate) -> [Range; 9] {
    let Estimate { weights, cache, activations, logits, context, device, host, disk, time, .. } =
        *needs;
    [weights, cache, activations, logits, context, device, host, disk, time]
}

const FAMILIES: [&str; 8] = [
    "decoder_llm",
    "text_encoder",
    "encoder_decoder",
    "vision_classifier",
    "object_detection",
    "audio_encoder",
    "vlm",
    "time_series",
];

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0u64..100).prop_map(|n| json!(n)),
        (0u64..1 << 20).prop_map(|n| json!(n)),
        any::<u64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        any::<bool>().prop_map(|b| json!(b)),
        Just(json!(null)),
        Just(json!("text")),
        proptest::collection::vec(any::<u64>(), 0..5).prop_map(|list| json!(list)),
        Just(json!({"height": u64::MAX, "width": 0})),
        Just(json!({"hidden_size": u64::MAX, "num_hidden_layers": u64::MAX})),
    ]
}

/// Built-in configurations with some fields replaced by arbitrary values.
fn hostile() -> impl Strategy<Value = Map<String, Value>> {
    let bases: Vec<Map<String, Value>> = catalogue::names().map(config).collect();
    let keys: Vec<String> = bases.iter().flat_map(|base| base.keys().cloned()).collect();
    let more = ["sliding_window", "kv_lora_rank", "state_size", "embed_dim", "vision_config"];
    let keys: Vec<String> = keys.into_iter().chain(more.map(String::from)).collect();
    let change = (proptest::sample::select(keys), value());
    (proptest::sample::select(bases), proptest::collection::vec(change, 0..6)).prop_map(
        |(mut config, changes)| {
            config.extend(changes);
            config
        },
    )
}

proptest! {
    #[test]
    fn nothing_panics_and_larger_shapes_need_no_less(
        config in hostile(),
        family in proptest::sample::select(&FAMILIES[..]),
        batch in prop_oneof![0u64..64, any::<u64>()],
        tokens in prop_oneof![0u64..4096, any::<u64>()],
        more in (0u64..1000, 0u64..1000),
        width in prop_oneof![Just(2u64), Just(4), any::<u64>()],
        seconds in any::<f64>(),
        backend in proptest::option::of(proptest::sample::select(&Backend::BUILT_IN[..])),
    ) {
        let shape = Workload {
            batch, tokens, width, backend, audio_seconds: seconds, min_seconds: seconds,
            new_tokens: 8, ..workload(family)
        };
        let larger = Workload {
            batch: batch.saturating_add(more.0), tokens: tokens.saturating_add(more.1), ..shape
        };
        match (estimate(&config, None, &shape), estimate(&config, None, &larger)) {
            (Some(small), Some(large)) => {
                for (small, large) in ranges(&small).into_iter().zip(ranges(&large)) {
                    prop_assert!(ordered(small) && ordered(large), "{small:?} {large:?}");
                    prop_assert!(at_most(small, large), "{small:?} {large:?}");
                }
            }
            (small, Some(_)) => prop_assert!(small.is_some(), "only the larger is known"),
            (_, None) => {}
        }
    }
}
