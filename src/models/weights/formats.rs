//! The formats of weights, by the names of their files.

use crate::models::quantised::ACCELERATE;

/// Stem of the safetensors files of transformers; the next one is that of diffusers.
pub(super) const STEM: &str = "model";
pub(super) const PIPELINE_STEM: &str = "diffusion_pytorch_model";
const GGUF_SUFFIX: &str = ".gguf";
const SAFETENSORS_SUFFIX: &str = ".safetensors";
/// Suffixes of files with weights.
pub(super) const FORMATS: [&str; 11] = [
    SAFETENSORS_SUFFIX,
    ".bin",
    ".pt",
    ".pth",
    ".ckpt",
    ".h5",
    ".msgpack",
    GGUF_SUFFIX,
    ".onnx",
    ".pkl",
    ".npz",
];
/// Prefixes of files with the same suffixes that a training run writes and that are not weights.
pub(super) const NOT_WEIGHTS: [&str; 6] =
    ["training_args", "optimizer", "scheduler", "rng_state", "scaler", "random_states"];
/// Weights of a PEFT adapter, safetensors first.
pub(in crate::models) const ADAPTERS: [&str; 2] =
    ["adapter_model.safetensors", "adapter_model.bin"];

/// Whether the suffix of a file is that of weights.
pub(super) fn holds_weights(name: &str) -> bool {
    let lower = name.to_lowercase();
    FORMATS.iter().any(|ending| lower.ends_with(ending))
        && !NOT_WEIGHTS.iter().any(|beginning| name.starts_with(beginning))
}

/// Whether a path, which may be a model's name as well, names a single file with weights.
#[must_use]
pub fn is_single_file(path: &str) -> bool {
    let lower = path.to_lowercase();
    [GGUF_SUFFIX, SAFETENSORS_SUFFIX].iter().any(|suffix| lower.ends_with(suffix))
}

/// The name of a GGUF file without its suffix.
#[must_use]
pub fn gguf_stem(path: &str) -> Option<&str> {
    let at = path.len().checked_sub(GGUF_SUFFIX.len())?;
    let (stem, suffix) = path.split_at_checked(at)?;
    suffix.eq_ignore_ascii_case(GGUF_SUFFIX).then_some(stem)
}

/// Packages by which transformers loads GGUF files and adapters.
pub const GGUF: &[&str] = &["gguf>=0.10", ACCELERATE];
pub const ADAPTER_PACKAGES: &[&str] = &["peft>=0.15"];

/// Whether a file with weights is that of a model that was exported for ONNX Runtime or OpenVINO.
/// `has` returns whether a file exists.
pub(super) fn is_exported(name: &str, has: impl Fn(&str) -> bool) -> bool {
    let stem = |suffix| name.strip_suffix(suffix);
    stem(".onnx").is_some() || stem(".bin").is_some_and(|stem| has(&format!("{stem}.xml")))
}

/// Stem of the pickles of a library, whose safetensors have the given stem.
pub(super) fn pickle_stem(stem: &str) -> &str {
    if stem == STEM { "pytorch_model" } else { stem }
}

/// The variant in a file name such as `model.fp16.safetensors` (empty for the default), and whether
/// the file is a shard index. `suffix` is `safetensors` or `bin`.
pub(super) fn variant<'a>(name: &'a str, stem: &str, suffix: &str) -> Option<(&'a str, bool)> {
    let rest = name.strip_prefix(stem)?;
    let index = format!(".{suffix}.index");
    let (rest, listed) = match rest.strip_prefix(index.as_str()) {
        Some(rest) => (rest.strip_suffix(".json")?, true),
        None => (rest.strip_suffix(suffix)?.strip_suffix('.')?, false),
    };
    let variant = if rest.is_empty() { rest } else { rest.strip_prefix('.')? };
    let plain = !variant.contains('.') && !is_shard(variant);
    (plain && (rest.is_empty() || !variant.is_empty())).then_some((variant, listed))
}

/// Whether the text ends like the name of a shard: `fp16-00001-of-00002`.
pub fn is_shard(variant: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = variant.rsplit_once("-of-").and_then(|(left, all)| {
        let (_, this) = left.rsplit_once('-')?;
        Some(number(this) && number(all))
    });
    parts.unwrap_or(false)
}

/// The file that a library loads among these names, and whether it is a shard index. If there are a
/// single file and shards, libraries load the single file.
///
/// # Errors
/// There are several variants, and none is the default.
pub(super) fn main_file<'a>(
    names: impl Iterator<Item = &'a str>,
    stem: &str,
    suffix: &str,
) -> Result<Option<(&'a str, bool)>, String> {
    let mut variants = std::collections::BTreeMap::new();
    for name in names {
        match variant(name, stem, suffix) {
            Some((variant, true)) => drop(variants.entry(variant).or_insert((name, true))),
            Some((variant, false)) => drop(variants.insert(variant, (name, false))),
            None => {}
        }
    }
    if variants.len() > 1 && !variants.contains_key("") {
        let names: Vec<&str> = variants.into_keys().collect();
        let names = names.join(", ");
        return Err(format!("there are several variants ({names}) but no {stem}.{suffix}"));
    }
    Ok(variants.into_values().next())
}
