//! Determines the files with weights among the entries of a directory, and checks them.

use super::header::{MAX_READ_BYTES, fault, pointer_or_empty};
use crate::text::error::ReadError;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Suffixes of files with weights.
pub(super) const FORMATS: [&str; 11] = [
    ".safetensors",
    ".bin",
    ".pt",
    ".pth",
    ".ckpt",
    ".h5",
    ".msgpack",
    ".gguf",
    ".onnx",
    ".pkl",
    ".npz",
];
/// Prefixes of files with the same suffixes that a training run writes and that are not weights.
pub(super) const NOT_WEIGHTS: [&str; 6] =
    ["training_args", "optimizer", "scheduler", "rng_state", "scaler", "random_states"];

/// The weights in a directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Contents {
    Nothing,
    Safetensors,
    /// Files with weights in formats that dtf does not load.
    Others(Vec<String>),
}

/// Determines the weights in a directory from its entries.
///
/// # Errors
/// The name of a damaged file, and the reason.
pub(super) fn inspect(
    entries: &BTreeMap<String, Result<u64, String>>,
    stem: &str,
    read: impl Fn(&str, usize) -> Result<Vec<u8>, ReadError>,
) -> Result<Contents, String> {
    let mut variants: BTreeMap<&str, (bool, &str)> = BTreeMap::new();
    for name in entries.keys() {
        // If a variant has both a single file and shards, libraries load the single file.
        match variant(name, stem) {
            Some((variant, true)) => drop(variants.entry(variant).or_insert((true, name))),
            Some((variant, false)) => drop(variants.insert(variant, (false, name))),
            None => {}
        }
    }
    if variants.len() > 1 && !variants.contains_key("") {
        let names: Vec<&str> = variants.into_keys().collect();
        let names = names.join(", ");
        return Err(format!("there are several variants ({names}) but no {stem}.safetensors"));
    }
    let Some((_, (listed, name))) = variants.pop_first() else {
        let others: Vec<String> =
            entries.keys().filter(|name| holds_weights(name)).cloned().collect();
        return Ok(if others.is_empty() { Contents::Nothing } else { Contents::Others(others) });
    };
    let fault_of = |name: &str| match entries.get(name) {
        None => Some("is missing".to_owned()),
        Some(Err(fault)) => Some(fault.clone()),
        Some(Ok(size)) => fault(*size, |most| read(name, most)),
    };
    if !listed {
        return fault_of(name)
            .map_or(Ok(Contents::Safetensors), |fault| Err(format!("{name} {fault}")));
    }
    if let Some(Err(fault)) = entries.get(name) {
        return Err(format!("{name} {fault}"));
    }
    let text = read(name, MAX_READ_BYTES + 1);
    let text = text.map_err(|error| format!("{name} cannot be read: {error}"))?;
    for shard in shards(&text).map_err(|fault| format!("{name} {fault}"))? {
        if let Some(fault) = fault_of(&shard) {
            return Err(format!("{shard} (listed in {name}) {fault}"));
        }
    }
    Ok(Contents::Safetensors)
}

/// The variant in a file name (empty for the default), and whether the file is a shard index.
pub(super) fn variant<'a>(name: &'a str, stem: &str) -> Option<(&'a str, bool)> {
    let rest = name.strip_prefix(stem)?;
    let (rest, listed) = match rest.strip_prefix(".safetensors.index") {
        Some(rest) => (rest.strip_suffix(".json")?, true),
        None => (rest.strip_suffix(".safetensors")?, false),
    };
    let variant = if rest.is_empty() { rest } else { rest.strip_prefix('.')? };
    let plain = !variant.contains('.') && !is_shard(variant);
    (plain && (rest.is_empty() || !variant.is_empty())).then_some((variant, listed))
}

/// Whether the text ends like the name of a shard: `fp16-00001-of-00002`.
fn is_shard(variant: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = variant.rsplit_once("-of-").and_then(|(left, all)| {
        let (_, this) = left.rsplit_once('-')?;
        Some(number(this) && number(all))
    });
    parts.unwrap_or(false)
}

/// Whether the suffix of a file is that of weights.
fn holds_weights(name: &str) -> bool {
    let lower = name.to_lowercase();
    FORMATS.iter().any(|ending| lower.ends_with(ending))
        && !NOT_WEIGHTS.iter().any(|beginning| name.starts_with(beginning))
}

/// Names of the files in a shard index; none if the index is too large to be read here.
fn shards(text: &[u8]) -> Result<BTreeSet<String>, String> {
    if let Some(fault) = pointer_or_empty(text) {
        return Err(fault);
    }
    if text.len() > MAX_READ_BYTES {
        return Ok(BTreeSet::new());
    }
    let parsed: Option<Value> = serde_json::from_slice(text).ok();
    let map = parsed.as_ref().and_then(|list| list.get("weight_map")?.as_object());
    let names =
        map.and_then(|map| map.values().map(|file| Some(file.as_str()?.to_owned())).collect());
    let Some(names): Option<BTreeSet<String>> = names else {
        return Err("is not a shard index (JSON with a weight_map)".to_owned());
    };
    let plain = |name: &String| !name.is_empty() && !name.contains(['/', '\\']);
    if names.is_empty() {
        return Err("lists no files".to_owned());
    }
    if !names.iter().all(plain) {
        return Err("lists files outside its directory".to_owned());
    }
    Ok(names)
}
