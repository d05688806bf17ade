//! Quantised weights: whether the published weights of a model are quantised, and whether tests can
//! use them.
//!
//! The evidence is a section of `config.json` or of a part of it, a file beside it, or an 8-bit
//! data type; a name is not evidence. Tests compare with fp32 on the CPU, so they can use quantised
//! weights only if the library or the script converts them while loading. The requirements of the methods are
//! those of `transformers.quantizers` 5.24.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// Files beside a `config.json` that describe quantised weights.
pub(super) const FILES: [&str; 3] =
    ["hf_quant_config.json", "quantize_config.json", "quant_config.json"];
/// Sections of a configuration that describe quantised weights; the last one is used by MLX.
const SECTIONS: [&str; 3] = ["quantization_config", "compression_config", "quantization"];
const DTYPES: [&str; 2] = ["dtype", "torch_dtype"];
/// Maximum depth of the inspected parts of a configuration.
const MAX_DEPTH: usize = 4;
/// Maximum length of the kept name of a method, in characters.
const MAX_METHOD_CHARS: usize = 40;

/// Quantisation of the published weights.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Quantised {
    /// Method in the spelling of the library, such as `gptq`, if stated.
    pub method: Option<String>,
    /// Bits per weight, if stated.
    pub bits: Option<u32>,
    /// Field or file that states it, such as `quantization_config of config.json`.
    pub evidence: String,
}

/// A method of quantisation: its requirements, and whether tests can use its weights.
#[derive(Debug, PartialEq, Eq)]
pub struct Method {
    pub name: &'static str,
    /// Required packages besides torch and transformers.
    pub packages: &'static [&'static str],
    /// Back-ends that run such weights, for messages; empty if `can_be_dequantised`.
    pub runs: &'static str,
    /// Whether a test can convert the weights to fp32 on the CPU: the library does it if the
    /// configuration requests it, or the script does it, which needs no packages
    /// (`templates/_shared/dequantise.py.j2`).
    pub can_be_dequantised: bool,
}

/// The oldest version that the library accepts.
pub const ACCELERATE: &str = "accelerate>=1.1";
const METHODS: &[Method] = &[
    method("aqlm", &["aqlm", "accelerate"], "cpu and cuda"),
    method("auto-round", &["auto-round"], "cpu, cuda and xpu"),
    dequantised("awq", &[]),
    method("bitnet", &["accelerate"], "cpu and cuda"),
    dequantised("bitsandbytes", &[]),
    dequantised("compressed-tensors", &["compressed-tensors>=0.15", ACCELERATE]),
    method("eetq", &["kernels", "accelerate"], "cuda"),
    method("fbgemm_fp8", &["fbgemm-gpu", "accelerate"], "cuda (9.0 and later) and xpu"),
    dequantised("fp8", &[ACCELERATE]),
    method("fp_quant", &["fp_quant"], "cuda and xpu"),
    dequantised("gptq", &[]),
    method("higgs", &["flute-kernel", "accelerate"], "cuda"),
    method("hqq", &["hqq", "accelerate"], "cuda"),
    dequantised("mlx", &[]),
    dequantised("mxfp4", &[ACCELERATE]),
    dequantised("mxfp8", &[ACCELERATE]),
    method("quanto", &["optimum-quanto", "accelerate"], "cpu, cuda and mps"),
    method("quark", &["amd-quark"], "cpu, cuda and rocm"),
    method("spqr", &["spqr_quant", "accelerate"], "cuda"),
    method("torchao", &["torchao"], "cpu, cuda and xpu"),
    method("vptq", &["vptq", "accelerate"], "cuda"),
];

const fn method(
    name: &'static str,
    packages: &'static [&'static str],
    runs: &'static str,
) -> Method {
    Method { name, packages, runs, can_be_dequantised: false }
}

const fn dequantised(name: &'static str, packages: &'static [&'static str]) -> Method {
    Method { name, packages, runs: "", can_be_dequantised: true }
}

/// Finds the quantisation in a configuration and in the `FILES` beside it, which `file` reads.
#[must_use]
pub fn find(
    config: &Map<String, Value>,
    file: impl Fn(&str) -> Option<Value>,
) -> Option<Quantised> {
    let mut parts = Vec::new();
    collect(config, String::new(), MAX_DEPTH, &mut parts);
    let section = || parts.iter().find_map(|(place, part)| by_section(part, place));
    let beside = || FILES.iter().find_map(|name| in_file(name, file(name)?.as_object()?));
    let dtype = || parts.iter().find_map(|(place, part)| by_dtype(part, place));
    section().or_else(beside).or_else(dtype)
}

/// Collects the configuration and its parts, each with the prefix of its keys in messages.
fn collect<'a>(
    config: &'a Map<String, Value>,
    place: String,
    depth: usize,
    parts: &mut Vec<(String, &'a Map<String, Value>)>,
) {
    let inner = config.iter().filter_map(|(key, part)| Some((key, part.as_object()?)));
    let inner: Vec<_> = inner
        .map(|(key, part)| (format!("{place}{}.", key.chars().take(40).collect::<String>()), part))
        .collect();
    parts.push((place, config));
    if let Some(depth) = depth.checked_sub(1) {
        for (place, part) in inner {
            collect(part, place, depth, parts);
        }
    }
}

fn by_section(config: &Map<String, Value>, place: &str) -> Option<Quantised> {
    SECTIONS.iter().find_map(|key| {
        let section = config.get(*key)?.as_object()?;
        let bits = bits(section);
        let method = match named(section) {
            // Other libraries use a section of this name for other purposes.
            None if *key == "quantization" => bits.map(|_| "mlx".to_owned())?.into(),
            None if *key == "compression_config" => Some("compressed-tensors".to_owned()),
            other => other,
        };
        Some(Quantised { method, bits, evidence: format!("{place}{key} of config.json") })
    })
}

fn by_dtype(config: &Map<String, Value>, place: &str) -> Option<Quantised> {
    DTYPES.iter().find_map(|key| {
        let dtype = config.get(*key)?.as_str()?;
        let narrow = dtype.trim_start_matches("torch.").starts_with("float8");
        let evidence = format!("{place}{key} of config.json");
        narrow.then(|| Quantised { method: Some("float8".to_owned()), bits: Some(8), evidence })
    })
}

fn in_file(name: &str, file: &Map<String, Value>) -> Option<Quantised> {
    let evidence = name.to_owned();
    if let Some(section) = file.get("quantization").and_then(Value::as_object) {
        // Without quant_algo, only the key-value cache is quantised.
        let algorithm = section.get("quant_algo")?.as_str()?;
        let method = Some(format!("modelopt {algorithm}")).map(cut);
        return Some(Quantised { method, bits: bits(section), evidence });
    }
    let usual =
        if file.contains_key("w_bit") || file.contains_key("zero_point") { "awq" } else { "gptq" };
    let bits = bits(file)?;
    let method = Some(named(file).unwrap_or_else(|| usual.to_owned()));
    Some(Quantised { method, bits: Some(bits), evidence })
}

/// The method that a section specifies, in the spelling of [`METHODS`].
fn named(section: &Map<String, Value>) -> Option<String> {
    let text = |key: &str| section.get(key).and_then(Value::as_str);
    let truth = |key: &str| section.get(key) == Some(&Value::Bool(true));
    if truth("load_in_4bit") || truth("load_in_8bit") {
        return Some("bitsandbytes".to_owned());
    }
    let method = text("quant_method")?.to_lowercase().replace('_', "-");
    let method = method.rsplit('/').next().unwrap_or_default();
    let known = METHODS.iter().find(|known| known.name.replace('_', "-") == method);
    let spelled = known.map_or(method, |known| known.name);
    Some(cut(match text("quant_algo") {
        Some(algorithm) => format!("{spelled} {algorithm}"),
        None => spelled.to_owned(),
    }))
}

fn cut(method: String) -> String {
    method.chars().filter(|c| !c.is_control()).take(MAX_METHOD_CHARS).collect()
}

/// Bits per weight.
fn bits(section: &Map<String, Value>) -> Option<u32> {
    let whole = |value: &Value| {
        let bits = u32::try_from(value.as_u64()?).ok()?;
        (1..=16).contains(&bits).then_some(bits)
    };
    let own = ["bits", "w_bit", "wbits", "nbits", "weight_bits", "num_bits"];
    if let Some(bits) = own.iter().find_map(|key| whole(section.get(*key)?)) {
        return Some(bits);
    }
    for (key, bits) in [("load_in_4bit", 4), ("load_in_8bit", 8)] {
        if section.get(key) == Some(&Value::Bool(true)) {
            return Some(bits);
        }
    }
    let groups = section.get("config_groups").and_then(Value::as_object);
    let group = groups.into_iter().flat_map(Map::values);
    if let Some(bits) =
        group.filter_map(|group| whole(group.get("weights")?.get("num_bits")?)).max()
    {
        return Some(bits);
    }
    let name = ["quant_algo", "quant_method", "weights_dtype"];
    name.iter().find_map(|key| width_in(section.get(*key)?.as_str()?))
}

/// First number in a name such as `NVFP4`, `fp8`, `W4A16_AWQ` or `int8`, if it is a width in bits.
fn width_in(name: &str) -> Option<u32> {
    let digits: String =
        name.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|bits| [1, 2, 3, 4, 5, 6, 8].contains(bits))
}

impl Quantised {
    /// Description for messages: `gptq, 4 bits`.
    #[must_use]
    pub fn name(&self) -> String {
        let bits = self.bits.map(|bits| format!("{bits} bits"));
        let parts: Vec<String> = self.method.iter().cloned().chain(bits).collect();
        if parts.is_empty() { "unknown method".to_owned() } else { parts.join(", ") }
    }

    /// The method, if it is known.
    #[must_use]
    pub fn known_method(&self) -> Option<&'static Method> {
        let method = self.method.as_deref()?;
        METHODS.iter().find(|known| known.name == method)
    }

    /// Whether tests can use the published weights.
    #[must_use]
    pub fn can_be_dequantised(&self) -> bool {
        self.known_method().is_some_and(|method| method.can_be_dequantised)
    }

    /// Packages that the library needs to dequantise the weights.
    pub fn packages(&self) -> impl Iterator<Item = &'static str> {
        let method = self.known_method().filter(|method| method.can_be_dequantised);
        method.into_iter().flat_map(|method| method.packages).copied()
    }

    /// Message and hint for a test that requires published weights which cannot be dequantised.
    #[must_use]
    pub fn error(&self, model: &str) -> (String, String) {
        let message = format!(
            "{model} is quantised ({} in {}), and these weights cannot be dequantised for the \
             fp32 reference on the CPU",
            self.name(),
            self.evidence
        );
        let elsewhere = match self.known_method() {
            Some(method) => format!(
                "; transformers runs {} on {} with {}",
                method.name,
                method.runs,
                method.packages.join(" and ")
            ),
            None => String::new(),
        };
        let hint = format!(
            "test the model that was quantised, or test the architecture with --weights random \
             (in a plan: weights: random){elsewhere}"
        );
        (message, hint)
    }
}

/// The configuration without its quantisation sections, for random weights.
#[must_use]
pub fn without_sections(config: &Map<String, Value>) -> Map<String, Value> {
    let keep = |(key, value): (&String, &Value)| {
        if SECTIONS.contains(&key.as_str()) && value.is_object() {
            return None;
        }
        let value = match value {
            Value::Object(part) => Value::Object(without_sections(part)),
            other => other.clone(),
        };
        Some((key.clone(), value))
    };
    config.iter().filter_map(keep).collect()
}

/// The configuration with the request to dequantise the weights while loading.
#[must_use]
pub fn with_dequantisation(config: &Map<String, Value>) -> Map<String, Value> {
    let change = |(key, value): (&String, &Value)| {
        let value = match value {
            Value::Object(section) if key == SECTIONS[0] || key == SECTIONS[1] => {
                let mut section = section.clone();
                section.insert("dequantize".to_owned(), json!(true));
                Value::Object(section)
            }
            Value::Object(part) => Value::Object(with_dequantisation(part)),
            other => other.clone(),
        };
        (key.clone(), value)
    };
    config.iter().map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_and_evidence(config: &Value, files: &[(&str, Value)]) -> Option<(String, String)> {
        let file = |name: &str| {
            files.iter().find(|(file, _)| *file == name).map(|(_, value)| value.clone())
        };
        let quantised = find(config.as_object().expect("a map"), file)?;
        Some((quantised.name(), quantised.evidence))
    }

    #[test]
    fn quantisation_is_found_in_all_places() {
        let plain = json!({"model_type": "llama"});
        for (config, files, name, evidence) in [
            (
                json!({"quantization_config": {"quant_method": "gptq", "bits": 4}}),
                vec![],
                "gptq, 4 bits",
                "quantization_config of config.json",
            ),
            (
                json!({"text_config": {"quantization_config": {"quant_method": "AWQ", "w_bit": 4}}}),
                vec![],
                "awq, 4 bits",
                "text_config.quantization_config of config.json",
            ),
            (
                json!({"quantization_config": {"load_in_4bit": true, "quant_method": "bitsandbytes"}}),
                vec![],
                "bitsandbytes, 4 bits",
                "quantization_config of config.json",
            ),
            (
                json!({"compression_config": {"config_groups": {"g": {"weights": {"num_bits": 8}}}}}),
                vec![],
                "compressed-tensors, 8 bits",
                "compression_config of config.json",
            ),
            (
                json!({"quantization_config": {"quant_method": "modelopt", "quant_algo": "NVFP4"}}),
                vec![],
                "modelopt NVFP4, 4 bits",
                "quantization_config of config.json",
            ),
            (
                json!({"quantization": {"group_size": 64, "bits": 4}}),
                vec![],
                "mlx, 4 bits",
                "quantization of config.json",
            ),
            (
                json!({"quantization_config": {}}),
                vec![],
                "unknown method",
                "quantization_config of config.json",
            ),
            (
                json!({"text_config": {"torch_dtype": "float8_e4m3fn"}}),
                vec![],
                "float8, 8 bits",
                "text_config.torch_dtype of config.json",
            ),
            (
                plain.clone(),
                vec![(
                    "hf_quant_config.json",
                    json!({"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "W4A16_AWQ"}}),
                )],
                "modelopt W4A16_AWQ, 4 bits",
                "hf_quant_config.json",
            ),
            (
                plain.clone(),
                vec![("quantize_config.json", json!({"bits": 3, "group_size": 128}))],
                "gptq, 3 bits",
                "quantize_config.json",
            ),
            (
                plain.clone(),
                vec![("quant_config.json", json!({"zero_point": true, "w_bit": 4}))],
                "awq, 4 bits",
                "quant_config.json",
            ),
        ] {
            let expected = Some((name.to_owned(), evidence.to_owned()));
            assert_eq!(name_and_evidence(&config, &files), expected, "{config}");
        }
    }

    #[test]
    fn other_mentions_of_quantisation_are_ignored() {
        for (config, files) in [
            (json!({"model_type": "llama-gptq-awq-4bit"}), vec![]),
            (json!({"quantization_config": null, "torch_dtype": "bfloat16"}), vec![]),
            // The quantisation of an audio codec does not concern its weights.
            (json!({"quantization": {"codebooks": 8}}), vec![]),
            (
                json!({}),
                vec![(
                    "hf_quant_config.json",
                    json!({"quantization": {"quant_algo": null, "kv_cache_quant_algo": "FP8"}}),
                )],
            ),
            (json!({}), vec![("quant_config.json", json!({"note": "none"}))]),
        ] {
            assert_eq!(name_and_evidence(&config, &files), None, "{config}");
        }
    }

    #[test]
    fn a_refusal_names_the_back_ends_and_packages_that_run_the_method() {
        let of = |method: &str| Quantised { method: Some(method.into()), ..Quantised::default() };
        let (message, hint) = of("eetq").error("\"m\"");
        assert!(message.contains("\"m\" is quantised") && message.contains("eetq"), "{message}");
        assert!(hint.contains("--weights random") && hint.contains("on cuda with kernels"));
        for method in ["gptq", "awq", "bitsandbytes", "mlx", "fp8", "mxfp4", "compressed-tensors"] {
            assert!(of(method).can_be_dequantised(), "{method}");
        }
        assert!(!of("eetq").can_be_dequantised() && !of("new").can_be_dequantised());
        assert_eq!(of("gptq").packages().count(), 0);
        assert!(!of("new").error("m").1.contains("transformers runs"));
    }

    #[test]
    fn sections_are_changed_at_every_level() {
        let config = json!({
            "a": 1, "quantization_config": {"quant_method": "fp8"},
            "text_config": {"b": 2, "quantization_config": {"quant_method": "fp8"}},
        });
        let config = config.as_object().expect("a map");
        assert_eq!(
            Value::Object(without_sections(config)),
            json!({"a": 1, "text_config": {"b": 2}})
        );
        let restored = with_dequantisation(config);
        assert_eq!(restored["text_config"]["quantization_config"]["dequantize"], true);
        assert_eq!(restored["quantization_config"]["quant_method"], "fp8");
    }
}
