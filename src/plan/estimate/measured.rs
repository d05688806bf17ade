//! What scripts took that were run, against the estimates of the same shapes: the figures of
//! `docs/estimates.md`.

use super::tests::{MIB, config, family, object, of, workload};
use super::*;
use serde_json::json;

/// Shape, and the peak in MiB of a script that was run with it; `docs/estimates.md` says how.
struct Measured {
    model: &'static str,
    batch: u64,
    tokens: u64,
    new_tokens: u64,
    width: u64,
    peak: u64,
}

/// Runs of the scripts that are generated for these models.
const MEASURED: [Measured; 18] = [
    of_text("dtf/tiny-bert", 1, 128, 0, 903),
    of_text("bert-base-uncased", 1, 128, 0, 1220),
    Measured { width: 2, ..of_text("bert-base-uncased", 1, 128, 0, 1098) },
    of_text("bert-base-uncased", 8, 512, 0, 1500),
    of_text("gpt2", 2, 128, 32, 1411),
    of_text("gpt2", 4, 900, 2, 2508),
    Measured { width: 2, ..of_text("gpt2", 4, 512, 2, 1495) },
    of_text("t5-small", 4, 512, 32, 1187),
    of_text("mamba-130m", 2, 128, 32, 1754),
    of_fixed("whisper-tiny", 1, 1037),
    of_fixed("whisper-tiny", 8, 1395),
    of_fixed("google/vit-base-patch16-224", 1, 1146),
    of_fixed("google/vit-base-patch16-224", 16, 1314),
    of_fixed("facebook/convnext-tiny-224", 1, 935),
    of_fixed("facebook/convnext-tiny-224", 16, 1317),
    of_fixed("microsoft/resnet-50", 16, 1145),
    of_fixed("swin-tiny", 16, 1421),
    of_text("clip-vit-base-patch32", 4, 32, 0, 1396),
];

const fn of_text(
    model: &'static str,
    batch: u64,
    tokens: u64,
    new_tokens: u64,
    peak: u64,
) -> Measured {
    Measured { model, batch, tokens, new_tokens, width: 4, peak }
}

/// Images and sound: what is read is as large as the configuration says.
const fn of_fixed(model: &'static str, batch: u64, peak: u64) -> Measured {
    of_text(model, batch, 0, 0, peak)
}

/// Models that were measured and are not carried.
fn measured_config(model: &str) -> Map<String, Value> {
    let fields = match model {
        "t5-small" => json!({"model_type": "t5", "d_model": 512, "d_kv": 64, "d_ff": 2048,
            "num_layers": 6, "num_heads": 8, "vocab_size": 32128}),
        "mamba-130m" => json!({"model_type": "mamba", "hidden_size": 768,
            "num_hidden_layers": 24, "vocab_size": 50280, "state_size": 16}),
        "whisper-tiny" => json!({"model_type": "whisper"}),
        "clip-vit-base-patch32" => json!({"model_type": "clip"}),
        "swin-tiny" => json!({"model_type": "swin"}),
        _ => return config(model),
    };
    object(fields)
}

impl Measured {
    fn estimate(&self) -> Estimate {
        let config = measured_config(self.model);
        let family = family(self.model, &config);
        let Self { batch, tokens, new_tokens, width, .. } = *self;
        of(&config, &Workload { batch, tokens, new_tokens, width, ..workload(&family) })
    }

    /// Model and shape for people.
    fn named(&self) -> (&str, String) {
        let mut shape = format!("batch {}", self.batch);
        if self.tokens > 0 {
            shape += &format!(", {} tokens", self.tokens);
        }
        if self.new_tokens > 0 {
            shape += &format!(" and {} new", self.new_tokens);
        }
        if self.width < 4 {
            shape += ", bf16";
        }
        (self.model.rsplit('/').next().unwrap_or_default(), shape)
    }

    /// A row of the table in the document.
    fn row(&self) -> String {
        let Range { low, likely, high } = self.estimate().host;
        let [low, likely, high] = [low, likely, high].map(|bytes| bytes / MIB);
        let (model, shape) = self.named();
        format!("| {model} | {shape} | {} | {low} | {likely} | {high} |", self.peak)
    }
}

/// Seconds of whole scripts with the usual warm-up, iterations and minimum time.
const TIMED: [(Measured, u64); 4] = [
    (of_text("dtf/tiny-bert", 1, 128, 0, 903), 11),
    (of_text("bert-base-uncased", 1, 128, 0, 1220), 107),
    (of_fixed("facebook/convnext-tiny-224", 1, 938), 21),
    (of_text("gpt2", 1, 128, 32, 1348), 27),
];

fn row_of_time((measured, seconds): &(Measured, u64)) -> String {
    let Range { low, likely, high } = measured.estimate().time;
    let [low, likely, high] = [low, likely, high].map(|milliseconds| milliseconds.div_ceil(1000));
    let (model, shape) = measured.named();
    format!("| {model} | {shape} | {seconds} | {low} | {likely} | {high} |")
}

#[test]
fn measured_times_lie_within_the_estimates() {
    for timed in &TIMED {
        let Range { low, high, .. } = timed.0.estimate().time;
        assert!((low..=high).contains(&(timed.1 * 1000)), "{}", row_of_time(timed));
    }
}

#[test]
fn measured_peaks_lie_within_the_estimates() {
    for measured in &MEASURED {
        let Range { low, high, .. } = measured.estimate().host;
        let within = (low..=high).contains(&(measured.peak * MIB));
        assert!(within, "{}", measured.row());
    }
}

#[test]
fn the_document_says_what_was_measured() {
    let document = include_str!("../../../docs/estimates.md");
    let rows = MEASURED.iter().map(Measured::row).chain(TIMED.iter().map(row_of_time));
    let rows: Vec<String> = rows.collect();
    let missing = rows.iter().filter(|row| !document.contains(row.as_str())).count();
    assert_eq!(missing, 0, "the table should be\n{}", rows.join("\n"));
}
