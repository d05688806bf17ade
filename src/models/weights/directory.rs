//! Determines the files with weights among the entries of a directory, and checks them.

use super::formats::{ADAPTERS, holds_weights, is_exported, main_file, pickle_stem};
use super::graph::{Graph, is_part, main_graph};
use super::header::{
    FIRST_BYTES, MAX_READ_BYTES, fault, gguf_fault, pickle_fault, pointer_or_empty,
};
use crate::models::description::ADAPTER;
use crate::text::error::ReadError;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The weights in a directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Contents {
    Nothing,
    Safetensors,
    /// Pickled weights, which may run code when they are read, by their file.
    Pickle(String),
    /// Weights of a PEFT adapter, by their file.
    Adapter(String),
    /// A single GGUF file, by its name.
    Gguf(String),
    /// A graph that was exported for another runtime.
    Exported(Graph),
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
    let names = || entries.keys().map(String::as_str);
    let Some((name, listed)) = main_file(names(), stem, "safetensors")? else {
        return others(entries, stem, read);
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

/// Determines the weights in a directory without safetensors of a whole model.
fn others(
    entries: &BTreeMap<String, Result<u64, String>>,
    stem: &str,
    read: impl Fn(&str, usize) -> Result<Vec<u8>, ReadError>,
) -> Result<Contents, String> {
    let names = || entries.keys().map(String::as_str);
    let checked = |name: &str, check: &dyn Fn(u64, &[u8]) -> Option<String>| {
        let fault = match &entries[name] {
            Err(fault) => Some(fault.clone()),
            Ok(size) => match read(name, FIRST_BYTES) {
                Ok(first) => pointer_or_empty(&first).or_else(|| check(*size, &first)),
                Err(error) => Some(format!("cannot be read: {error}")),
            },
        };
        fault.map_or(Ok(()), |fault| Err(format!("{name} {fault}")))
    };
    if let Some((name, listed)) = main_file(names(), pickle_stem(stem), "bin")? {
        if !listed {
            checked(name, &|_, first| pickle_fault(first))?;
        }
        return Ok(Contents::Pickle(name.to_owned()));
    }
    if entries.contains_key(ADAPTER)
        && let Some(name) = ADAPTERS.iter().find(|name| entries.contains_key(**name))
    {
        if name.rsplit_once('.').is_some_and(|(_, suffix)| suffix == "bin") {
            checked(name, &|_, first| pickle_fault(first))?;
            return Ok(Contents::Pickle((*name).to_owned()));
        }
        checked(name, &|size, _| fault(size, |most| read(name, most)))?;
        return Ok(Contents::Adapter((*name).to_owned()));
    }
    let packed: Vec<&str> = names().filter(|name| name.to_lowercase().ends_with(".gguf")).collect();
    match packed.as_slice() {
        [] => {}
        [name] => {
            checked(name, &gguf_fault)?;
            return Ok(Contents::Gguf((*name).to_owned()));
        }
        several => {
            let listed = several.iter().take(4).copied().collect::<Vec<_>>().join(", ");
            return Err(format!("there are several GGUF files: {listed}"));
        }
    }
    let others: Vec<String> =
        names().filter(|name| holds_weights(name)).map(str::to_owned).collect();
    if !others.is_empty()
        && others.iter().all(|name| is_exported(name, |it| entries.contains_key(it)))
        && let Some(graph) = main_graph(names())?
    {
        for name in names().filter(|name| is_part(&graph.file, name)) {
            checked(name, &|_, _| None)?;
        }
        return Ok(Contents::Exported(graph));
    }
    match others.is_empty() {
        // The configuration of an adapter alone is not a model.
        true if entries.contains_key(ADAPTER) => Err(format!("{} is missing", ADAPTERS[0])),
        true => Ok(Contents::Nothing),
        false => Ok(Contents::Others(others)),
    }
}

/// Names of the files in a shard index; none if the index is too large to be read here.
pub(super) fn shards(text: &[u8]) -> Result<BTreeSet<String>, String> {
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
