//! Compares measurements of generated scripts with the estimates for the same shapes. The figures
//! are those of `docs/estimates.md`.

use super::tests::{MIB, config, family, object, of, workload};
use super::*;
use crate::domain::accelerator::Backend;
use serde_json::json;

/// A shape, and the measured peak of its script in MiB; `docs/estimates.md` describes the method.
struct Measured {
    model: &'static str,
    batch: u64,
    tokens: u64,
    new_tokens: u64,
    width: u64,
    peak: u64,
}

/// Measured peaks on the host.
const MEASURED: [Measured; 8] = [
    of_text("dtf/tiny-bert", 1, 131, 0, 868),
    of_text("bert-base-uncased", 1, 131, 0, 2068),
    in_half(of_text("bert-base-uncased", 1, 131, 0, 1666)),
    of_text("bert-large-uncased", 2, 131, 0, 4782),
    in_half(of_text("bert-large-uncased", 2, 131, 0, 3565)),
    in_half(of_text("gpt2", 2, 131, 32, 1925)),
    of_text("mamba-130m", 2, 131, 32, 2366),
    of_fixed("microsoft/resnet-50", 16, 1194),
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

/// A shape for images or sound, whose size is that of the configuration.
const fn of_fixed(model: &'static str, batch: u64, peak: u64) -> Measured {
    of_text(model, batch, 0, 0, peak)
}

/// Configuration of a measured model, which need not be built in.
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

    /// Model and shape, as in the document.
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

/// Measured seconds of whole scripts with the default warm-up, iterations and minimum time.
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

/// A script that ran on an NVIDIA H200: its shape with the peak on the host, the peak of the used
/// device memory in MiB, and its duration in seconds.
struct OnDevice {
    shape: Measured,
    eager: bool,
    device: u64,
    seconds: u64,
}

const ON_DEVICE: [OnDevice; 16] = [
    on_device(of_text("dtf/tiny-bert", 1, 128, 0, 1144), 719, 18),
    on_device(of_text("bert-base-uncased", 1, 128, 0, 1363), 1191, 19),
    on_device(in_half(of_text("bert-base-uncased", 1, 128, 0, 1445)), 957, 24),
    OnDevice { eager: true, ..on_device(of_text("bert-base-uncased", 64, 512, 0, 3393), 3369, 51) },
    on_device(of_text("gpt2", 2, 128, 32, 1574), 1333, 21),
    on_device(of_text("gpt2", 4, 900, 2, 2166), 2503, 25),
    on_device(in_half(of_text("gpt2", 2, 128, 32, 1778)), 1027, 20),
    on_device(of_text("t5-small", 4, 512, 32, 1693), 1075, 18),
    on_device(of_text("mamba-130m", 2, 128, 32, 1598), 1403, 42),
    on_device(in_half(of_text("mamba-130m", 2, 128, 32, 1566)), 1143, 33),
    on_device(of_text("whisper-tiny", 8, 0, 32, 2096), 1189, 22),
    on_device(of_fixed("google/vit-base-patch16-224", 16, 1403), 1269, 19),
    on_device(of_fixed("facebook/convnext-tiny-224", 16, 1504), 1085, 22),
    on_device(of_fixed("microsoft/resnet-50", 16, 1331), 1089, 18),
    on_device(of_text("clip-vit-base-patch32", 4, 32, 0, 1630), 1363, 22),
    on_device(in_half(of_text("meta-llama/Llama-3.2-1B", 2, 128, 32, 6544)), 3191, 46),
];

const fn on_device(shape: Measured, device: u64, seconds: u64) -> OnDevice {
    OnDevice { shape, eager: false, device, seconds }
}

const fn in_half(shape: Measured) -> Measured {
    Measured { width: 2, ..shape }
}

impl OnDevice {
    fn estimate(&self) -> Estimate {
        let config = measured_config(self.shape.model);
        let family = family(self.shape.model, &config);
        let Measured { batch, tokens, new_tokens, width, .. } = self.shape;
        let (backend, eager_attention) = (Some(Backend::CUDA), self.eager);
        let usual = workload(&family);
        let workload =
            Workload { batch, tokens, new_tokens, width, eager_attention, backend, ..usual };
        of(&config, &workload)
    }

    /// A row of the table in the document.
    fn row(&self) -> String {
        let Estimate { device, host, time, .. } = self.estimate();
        let [low, likely, high, most] =
            [device.low, device.likely, device.high, host.high].map(|bytes| bytes / MIB);
        let (model, shape) = self.shape.named();
        let shape = if self.eager { format!("{shape}, plain attention") } else { shape };
        let (held, longest) = (self.shape.peak, time.high.div_ceil(1000));
        format!(
            "| {model} | {shape} | {} | {low} | {likely} | {high} | {held} | {most} | {} | {longest} |",
            self.device, self.seconds
        )
    }
}

#[test]
fn measurements_on_a_device_are_within_the_estimates() {
    for measured in &ON_DEVICE {
        let Estimate { device, host, time, .. } = measured.estimate();
        let within = |range: Range, value: u64| (range.low..=range.high).contains(&value);
        assert!(within(device, measured.device * MIB), "{}", measured.row());
        // These scripts computed the reference for the whole batch, and made no copy for it.
        assert!(host.low <= measured.shape.peak * MIB, "{}", measured.row());
        assert!(within(time, measured.seconds * 1000), "{}", measured.row());
    }
}

#[test]
fn measured_times_are_within_the_estimates() {
    for timed in &TIMED {
        let Range { low, high, .. } = timed.0.estimate().time;
        assert!((low..=high).contains(&(timed.1 * 1000)), "{}", row_of_time(timed));
    }
}

#[test]
fn measured_peaks_are_within_the_estimates() {
    for measured in &MEASURED {
        let Range { low, high, .. } = measured.estimate().host;
        let within = (low..=high).contains(&(measured.peak * MIB));
        assert!(within, "{}", measured.row());
    }
}

#[test]
fn the_document_contains_all_measurements() {
    let document = include_str!("../../../docs/estimates.md");
    let rows = MEASURED.iter().map(Measured::row).chain(TIMED.iter().map(row_of_time));
    let rows = rows.chain(ON_DEVICE.iter().map(OnDevice::row));
    let rows: Vec<String> = rows.collect();
    let missing = rows.iter().filter(|row| !document.contains(row.as_str())).count();
    assert_eq!(missing, 0, "the table should be\n{}", rows.join("\n"));
}
