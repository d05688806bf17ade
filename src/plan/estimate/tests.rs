//! Estimates: known figures, every model of the binary, and configurations that lie.

use super::*;
use crate::plan::catalogue;
use crate::plan::files::NoFiles;
use crate::plan::models::Place;
use proptest::prelude::*;
use serde_json::json;

const MIB: u64 = 1 << 20;

fn work(backend: Backend) -> Workload {
    Workload {
        backend,
        batch: 1,
        tokens: 128,
        new_tokens: 0,
        image: 0,
        audio_ms: 0,
        width: 4,
        eager: false,
        runs: 25,
        measured_ms: 2000,
    }
}

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().expect("a map").clone()
}

#[test]
fn cache_and_logits_are_as_published() {
    let llama = map(&json!({
        "model_type": "llama", "vocab_size": 128_256, "hidden_size": 4096, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336
    }));
    let long = Workload { tokens: 8160, new_tokens: 32, width: 2, ..work(Backend::Cuda) };
    let found = estimate(&llama, None, &long).expect("an estimate");
    assert_eq!((found.parameters, found.exact), (8_030_261_248, true));
    assert_eq!(found.cache.likely, 1024 * MIB);
    // 15 GiB of weights, 1 of cache, 2 of logits, and what one layer and the driver take.
    assert!((18..20).contains(&(found.device.likely >> 30)), "{:?}", found.device);
    let qwen = map(&json!({
        "model_type": "qwen2", "vocab_size": 151_936, "hidden_size": 896, "num_hidden_layers": 24,
        "num_attention_heads": 14, "num_key_value_heads": 2, "intermediate_size": 4864,
        "tie_word_embeddings": true
    }));
    let two = Workload { batch: 2, tokens: 2047, new_tokens: 32, ..work(Backend::Cpu) };
    let found = estimate(&qwen, None, &two).expect("an estimate");
    assert_eq!(found.logits.likely, 2 * 2048 * 151_936 * 4);
    assert_eq!(found.device, Range::default());
}

#[test]
fn windows_states_and_short_forms_bound_the_cache() {
    let base = json!({
        "vocab_size": 1000, "hidden_size": 512, "num_hidden_layers": 4, "num_attention_heads": 8,
        "intermediate_size": 1024
    });
    let cache = |more: Value, tokens| {
        let mut config = map(&base);
        config.extend(map(&more));
        let work = Workload { tokens, new_tokens: 1, ..work(Backend::Cuda) };
        estimate(&config, None, &work).expect("an estimate").cache.likely
    };
    assert_eq!(cache(json!({}), 1023), 4 * 2 * 512 * 1024 * 4);
    assert_eq!(cache(json!({"sliding_window": 256}), 1023), 4 * 2 * 512 * 256 * 4);
    assert_eq!(cache(json!({"kv_lora_rank": 60, "qk_rope_head_dim": 4}), 1023), 4 * 64 * 1024 * 4);
    let state = json!({"state_size": 16, "conv_kernel": 4});
    assert_eq!(cache(state.clone(), 10), cache(state, 10_000));
}

#[test]
fn every_model_of_the_binary_has_an_estimate() {
    for name in catalogue::names() {
        let model = catalogue::find(name, &Place::Named, &NoFiles).expect(name);
        let work = Workload { new_tokens: 32, image: 224, audio_ms: 5000, ..work(Backend::Cuda) };
        let found = estimate(&model.config, model.parameters, &work);
        // Neither pipelines nor codecs are stacks of layers.
        let other = model.config.contains_key("_class_name") || name == "dtf/tiny-encodec";
        assert!(other || found.is_some(), "{name}");
        if let Some(found) = found.filter(|_| name.starts_with("dtf/tiny")) {
            assert!(found.host.high < 1100 * MIB, "{name}: {:?}", found.host);
        }
        // Where only sizes tell, they are of the right order.
        let derived = Dimensions::read(&model.config, &work).parameters(&model.config);
        // The vocoder of VITS is most of it, and no stack of layers.
        let formula = parameters::count(&model.config).is_some() || name == "facebook/mms-tts-eng";
        if let (Some(said), Some(derived), false) = (model.parameters, derived, formula) {
            assert!((said / 3..=said * 3).contains(&derived), "{name}: {derived} for {said}");
        }
    }
}

#[test]
fn a_configuration_that_lies_gets_no_estimate() {
    assert_eq!(estimate(&Map::new(), None, &work(Backend::Cpu)), None);
    let lie = map(&json!({
        "model_type": "bert", "hidden_size": u64::MAX, "num_hidden_layers": u64::MAX,
        "intermediate_size": 3, "vocab_size": 0, "num_attention_heads": 0
    }));
    assert_eq!(estimate(&lie, None, &work(Backend::Cpu)), None);
}

fn ordered(range: Range) -> bool {
    range.low <= range.likely && range.likely <= range.high
}

proptest! {
    #[test]
    fn larger_shapes_need_no_less_and_nothing_panics(
        fields in prop::collection::btree_map(
            prop::sample::select(vec![
                "hidden_size", "d_model", "num_hidden_layers", "num_layers", "decoder_layers",
                "num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size",
                "vocab_size", "patch_size", "num_frames", "tubelet_size", "context_length",
                "patch_length", "state_size", "sliding_window", "kv_lora_rank", "d_kv",
                "embed_dim", "embedding_size", "num_local_experts", "num_mel_bins",
            ]),
            prop_oneof![0u64..5000, any::<u64>()],
            0..12,
        ),
        sizes in prop::collection::vec(prop_oneof![0u64..10_000, any::<u64>()], 7),
        width in prop::sample::select(vec![2u64, 4]),
    ) {
        let mut config: Map<String, Value> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        config.insert("hidden_sizes".into(), json!([sizes[0], sizes[1]]));
        let small = Workload {
            batch: sizes[0] % 1000,
            tokens: sizes[1],
            new_tokens: sizes[2] % 3,
            image: sizes[3],
            audio_ms: sizes[4],
            width,
            runs: sizes[5],
            measured_ms: sizes[6],
            ..work(Backend::Cuda)
        };
        let large = Workload {
            batch: small.batch + 1,
            tokens: small.tokens.saturating_add(7),
            ..small
        };
        if let (Some(small), Some(large)) = (estimate(&config, None, &small), estimate(&config, None, &large)) {
            for range in [
                small.weights, small.cache, small.activations, small.logits, small.context,
                small.device, small.host, small.disk, small.time,
            ] {
                prop_assert!(ordered(range), "{range:?}");
            }
            for (small, large) in [
                (small.device, large.device), (small.host, large.host), (small.time, large.time)
            ] {
                prop_assert!(small.likely <= large.likely && small.high <= large.high);
            }
        }
    }
}
