//! Searches one directory for weights, and explains why those that it contains cannot be used.

use crate::models::source::{ModelSource, WeightsPath};
use crate::models::weights::directory::{Contents, inspect};
use crate::models::weights::header::MAX_READ_BYTES;
use crate::text::error::ValueError;

/// Maximum number of characters of a message.
pub(super) const MAX_MESSAGE: usize = 1000;
const MODULES: &str = "modules.json";
pub(super) const WITHOUT: &str =
    "or test with random weights: --weights random (in a plan: weights: random)";
const ALLOW_PICKLE: &str = "convert the weights with save_pretrained(), allow pickles with \
    --allow-pickle (in a plan: allow_pickle: true)";
const REPLACE: &str = "replace the file, for example by downloading it again";

/// Absolute path of the directory if it contains weights that can be loaded; `None` without weights.
///
/// # Errors
/// The directory cannot be read, or its weights are damaged or in another format.
pub(super) fn find_in(
    at: WeightsPath<'_>,
    stem: &str,
    allow_pickle: bool,
    models: &dyn ModelSource,
) -> Result<Option<String>, ValueError> {
    let directory = models.directory(at).map_err(|error| {
        ValueError::new(format!("cannot read the directory: {error}"))
            .hint(hint("check the directory"))
    })?;
    let Some(directory) = directory else { return Ok(None) };
    let root = match directory.path.rsplit_once(['/', '\\']) {
        Some((parent, _)) if directory.is_file => parent,
        _ => directory.path.as_str(),
    };
    let parts = [root, at.part].into_iter().filter(|part| !part.is_empty());
    let place = parts.collect::<Vec<_>>().join("/");
    let read = |name: &str, most: usize| models.first_bytes(&format!("{place}/{name}"), most);
    match inspect(&directory.entries, stem, read) {
        Ok(Contents::Nothing) if at.part.is_empty() && directory.entries.contains_key(MODULES) => {
            let nested = transformer_part(&read(MODULES, MAX_READ_BYTES).unwrap_or_default());
            nested.map_or(Ok(None), |part| {
                let at = WeightsPath { part: &part, ..at };
                find_in(at, stem, allow_pickle, models)
            })
        }
        Ok(Contents::Nothing) => Ok(None),
        Ok(Contents::Safetensors | Contents::Adapter(_) | Contents::Gguf(_)) => {
            Ok(Some(directory.path))
        }
        Ok(Contents::Pickle(_)) if allow_pickle => Ok(Some(directory.path)),
        Ok(Contents::Pickle(name)) => {
            let message = format!(
                "{} contains only {name}, a pickle, which may run code when it is read",
                directory.path
            );
            Err(ValueError::new(plain(&message)).hint(hint(ALLOW_PICKLE)))
        }
        Ok(Contents::Others(names)) => {
            let names: Vec<&str> = names.iter().take(3).map(String::as_str).collect();
            let listed = names.join(", ");
            let message =
                format!("{} contains only {listed}, which cannot be loaded", directory.path);
            Err(ValueError::new(plain(&message))
                .hint(hint("convert the weights with save_pretrained()")))
        }
        Err(fault) => {
            let next = match &fault {
                fault if fault.contains("Git LFS") => "download the file with `git lfs pull`",
                fault if fault.contains("cannot be read") => "make the file readable",
                _ => REPLACE,
            };
            Err(ValueError::new(plain(&format!("{fault} (in {place})"))).hint(hint(next)))
        }
    }
}

/// The subdirectory of the transformers model, which older versions of sentence-transformers wrote.
fn transformer_part(modules: &[u8]) -> Option<String> {
    let modules: serde_json::Value = serde_json::from_slice(modules).ok()?;
    let path = modules.get(0)?.get("path")?.as_str()?;
    let plain = !path.is_empty() && !path.contains(['/', '\\']) && path != "..";
    plain.then(|| path.to_owned())
}

/// Makes a message safe to print: names of files and entries of a shard index are foreign text, so
/// control characters are replaced and the length is limited.
pub(super) fn plain(text: &str) -> String {
    let shown = text.chars().take(MAX_MESSAGE);
    shown.map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// A hint with the alternative of random weights.
fn hint(next: &str) -> String {
    format!("{next}, {WITHOUT}")
}
