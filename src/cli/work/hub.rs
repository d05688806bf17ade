//! Fetches what describes models that this machine does not know, from the model hub.
//!
//! Only when nothing else knows them, and never when the settings or the hub's own variables
//! say offline. The first time that the hub cannot be reached is the last: a machine without
//! a network loses two seconds, not two for each model.

use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::cli::work::folder::Folder;
use crate::client::{Hub, HubError, Secret};
use crate::models::catalogue;
use crate::models::description::{Description, FileRead};
use crate::models::source::{KnownModel, Location};
use crate::plan::model_entry::ModelEntry;
use crate::sys::caches::{self, Caches};
use std::collections::{BTreeSet, HashMap};

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
        .filter(|entry| entry.location == Location::Named && !entry.model.starts_with("dtf/"))
        .filter(|entry| {
            !catalogue::is_known_without_hub(&entry.model, entry.revision.as_deref(), folder)
        })
        .collect();
    if wanted.is_empty() || caches::offline(&caches::variable) {
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
    let mut description = match hub.names(model, revision).await? {
        Some(names) => Description::with_files(names),
        // Mirrors may serve files and nothing else.
        None => Description::with_partial_files(
            BTreeSet::new(),
            "the hub does not list them".to_owned(),
        ),
    };
    let mut commit = String::new();
    while let Some(name) = description.next_file() {
        let answer = match hub.file(model, revision, &name).await? {
            Some(file) => {
                commit = file.commit;
                FileRead::Content(file.text)
            }
            None => FileRead::Absent,
        };
        description.record(name, answer);
    }
    Ok(description.is_known().then_some(KnownModel { description, revision: commit }))
}

/// A variable of the hub's tools.
fn variable(name: &str) -> Option<String> {
    caches::variable(name)?.into_string().ok().filter(|value| !value.is_empty())
}

fn hub() -> Result<Hub, HubError> {
    let address = variable("HF_ENDPOINT").unwrap_or_else(|| ADDRESS.to_owned());
    let named = || variable("HF_TOKEN").or_else(|| variable("HUGGING_FACE_HUB_TOKEN"));
    // Who has said so sends a token only where it is named for the request, which nobody can here.
    let unasked = caches::is_true(caches::variable("HF_HUB_DISABLE_IMPLICIT_TOKEN"));
    let token = if unasked { None } else { named().and_then(cleaned).or_else(kept_token) };
    Hub::new(&address, token.map(Secret::new).as_ref())
}

/// Where the hub's own tools keep a token after a login.
fn kept_token() -> Option<String> {
    let file = Caches::of_process().token;
    let small = std::fs::metadata(&file).is_ok_and(|data| data.len() <= MAX_TOKEN_BYTES);
    let text = if small { std::fs::read_to_string(&file).ok()? } else { return None };
    cleaned(text)
}

/// A token without line breaks, as the hub's tools take it.
fn cleaned(token: String) -> Option<String> {
    Some(token.replace(['\r', '\n'], "").trim().to_owned()).filter(|token| !token.is_empty())
}
