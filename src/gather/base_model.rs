//! Finds the base model of an adapter on this machine.
//!
//! It is in `base_model` beside the adapter, or in the directory that `adapter_config.json` names: an
//! absolute path, or one that is relative to the directory of the adapter or to one of the
//! `MAX_PARENTS` directories above it, where the training may have run. Otherwise it is in the model
//! cache. A test searches in the same order (`templates/_shared/adapters.py.j2`).

use crate::gather::model_directory::{read_capped, snapshot};
use crate::models::catalogue::BASE_DIRECTORY;
use crate::models::description::{ADAPTER, CONFIG, MAX_CONFIG_BYTES};
use crate::sys::caches::Caches;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Number of directories above that of an adapter to which the name of its base model may be relative.
const MAX_PARENTS: usize = 2;

/// The fields of `adapter_config.json` that name the base model.
#[derive(Deserialize)]
struct Settings {
    base_model_name_or_path: String,
    #[serde(default)]
    revision: Option<String>,
}

/// The directory of the base model of an adapter. `None` if it is not on this machine, or if the
/// directory has no adapter.
#[must_use]
pub fn of(adapter: &Path) -> Option<PathBuf> {
    let beside = adapter.join(BASE_DIRECTORY);
    if beside.is_dir() { Some(beside) } else { elsewhere(adapter) }
}

/// The same if the base model is not beside the adapter.
#[must_use]
pub fn elsewhere(adapter: &Path) -> Option<PathBuf> {
    if adapter.join(BASE_DIRECTORY).is_dir() {
        return None;
    }
    // A file that cannot be read is reported where the adapter is described.
    let text = read_capped(&adapter.join(ADAPTER).canonicalize().ok()?, MAX_CONFIG_BYTES).ok()?;
    let Settings { base_model_name_or_path: name, revision } =
        serde_json::from_slice(&text).ok()?;
    if name.is_empty() {
        return None;
    }
    let full = adapter.canonicalize().ok()?;
    let mut places = full.ancestors().take(1 + MAX_PARENTS).map(|place| place.join(&name));
    let is_base = |place: &PathBuf| {
        let is_itself = || place.canonicalize().is_ok_and(|real| real == full);
        place.join(CONFIG).is_file() && !is_itself()
    };
    places.find(is_base).or_else(|| {
        let models = Caches::of_process().models;
        snapshot(&models, &name, revision.as_deref()).ok().flatten().map(|(place, _)| place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_model_is_beside_the_adapter_or_where_the_training_found_it() {
        let root = tempfile::tempdir().expect("a directory");
        let root = root.path().canonicalize().expect("a path");
        let adapter = root.join("runs/tuned");
        std::fs::create_dir_all(&adapter).expect("made");
        let named = |name: &str| {
            let text = serde_json::json!({"base_model_name_or_path": name, "revision": null});
            std::fs::write(adapter.join(ADAPTER), text.to_string()).expect("written");
            of(&adapter)
        };
        assert_eq!(named("./base"), None, "it is not there");
        let base = root.join("base");
        std::fs::create_dir_all(&base).expect("made");
        assert_eq!(named("./base"), None, "a directory without a model");
        std::fs::write(base.join(CONFIG), "{}").expect("written");
        let found = named("./base").expect("relative to the directory of the training");
        assert_eq!(found.canonicalize().expect("a path"), base);
        assert_eq!(named(base.to_str().expect("a plain path")), Some(base));
        std::fs::write(adapter.join(CONFIG), "{}").expect("written");
        assert_eq!(named("../tuned"), None, "the adapter itself is not its base");
        assert_eq!(named("../../../../../base"), None);
        assert_eq!(named(""), None);
        let beside = adapter.join(BASE_DIRECTORY);
        std::fs::create_dir_all(&beside).expect("made");
        assert_eq!(named("./base"), Some(beside));
        assert_eq!(elsewhere(&adapter), None);
    }
}
