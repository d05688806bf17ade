//! Fetches what describes models that this machine does not know, from the model hub.
//!
//! Only when nothing else knows them, and never when the settings or the hub's own variables
//! say offline. The first time that the hub cannot be reached is the last: a machine without
//! a network loses two seconds, not two for each model.

use super::console::Console;
use super::folder::Folder;
use super::progress::Progress;
use crate::client::{Hub, HubError, Secret};
use crate::plan::catalogue;
use crate::plan::files::KnownModel;
use crate::plan::markers::{Description, NAMES};
use crate::plan::models::{ModelEntry, Place};
use std::collections::HashMap;
use std::path::PathBuf;

/// The public hub.
const ADDRESS: &str = "https://huggingface.co";
/// Revision of a model when none is named.
const LATEST: &str = "main";
/// Largest file with a token.
const MAX_TOKEN_BYTES: u64 = 4096;

/// What the hub knows of those models that nothing here knows, by name.
pub async fn fetch(
    console: Console,
    folder: &Folder,
    models: &[ModelEntry],
) -> HashMap<String, KnownModel> {
    let mut fetched = HashMap::new();
    let wanted: Vec<&ModelEntry> = models
        .iter()
        .filter(|entry| entry.place == Place::Named && !entry.model.starts_with("dtf/"))
        .filter(|entry| entry.revision.is_some() || !catalogue::knows(&entry.model, folder))
        .collect();
    if wanted.is_empty() || said_offline() {
        return fetched;
    }
    let hub = match hub() {
        Ok(hub) => hub,
        Err(error) => {
            console.warning(&format!("the model hub is not asked: {error}"));
            return fetched;
        }
    };
    let progress = Progress::new(console);
    for entry in wanted {
        progress.say(&format!("asking the model hub about {}", entry.model));
        let revision = entry.revision.as_deref().unwrap_or(LATEST);
        match describe(&hub, &entry.model, revision).await {
            Ok(Some(known)) => drop(fetched.insert(entry.model.clone(), known)),
            Ok(None) => {}
            Err(error @ HubError::Unreachable(_)) => {
                console.note(&format!("note: {error}"));
                break;
            }
            Err(error) => console.warning(&format!("{}: {error}", entry.model)),
        }
    }
    fetched
}

/// None: the hub has no such model, or nothing that describes it.
async fn describe(hub: &Hub, model: &str, revision: &str) -> Result<Option<KnownModel>, HubError> {
    let mut texts = HashMap::new();
    let mut commit = String::new();
    for name in NAMES {
        // Components are asked for when there is a pipeline, that where no model is.
        let needless = if name.contains('/') {
            !texts.contains_key("model_index.json")
        } else {
            name == "model_index.json" && texts.contains_key("config.json")
        };
        if needless {
            continue;
        }
        if let Some(file) = hub.file(model, revision, name).await? {
            commit = file.commit;
            texts.insert(name, file.text);
        }
    }
    if texts.is_empty() {
        return Ok(None);
    }
    let description = Description::read(|name| texts.remove(name), || false);
    Ok(Some(KnownModel { description, revision: commit }))
}

#[expect(clippy::disallowed_methods, reason = "variables of the model hub's tools, no settings")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn said_offline() -> bool {
    ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"].into_iter().any(|name| {
        variable(name).is_some_and(|value| {
            ["1", "ON", "YES", "TRUE"].contains(&value.to_uppercase().as_str())
        })
    })
}

fn hub() -> Result<Hub, HubError> {
    let address = variable("HF_ENDPOINT").unwrap_or_else(|| ADDRESS.to_owned());
    let token = variable("HF_TOKEN").or_else(kept_token).map(Secret::new);
    Hub::new(&address, token.as_ref())
}

/// Where the hub's own tools keep a token after a login.
fn kept_token() -> Option<String> {
    let home = variable("HF_HOME").map(PathBuf::from);
    let base = || Some(directories::BaseDirs::new()?.home_dir().join(".cache/huggingface"));
    let file = home.or_else(base)?.join("token");
    let small = std::fs::metadata(&file).is_ok_and(|data| data.len() <= MAX_TOKEN_BYTES);
    let text = if small { std::fs::read_to_string(&file).ok()? } else { return None };
    Some(text.trim().to_owned()).filter(|token| !token.is_empty())
}
