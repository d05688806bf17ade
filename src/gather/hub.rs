//! Fetches the descriptions of models from the model hub.
//!
//! The hub is used only for models that are not available locally, and never if the settings or the
//! variables of the hub's tools specify offline. After the first failed connection no further model
//! is fetched, so that a machine without a network waits two seconds, and not two per model.

use crate::client::{Hub, HubError, Secret};
use crate::gather::Notices;
use crate::gather::PlanDirectory;
use crate::models::catalogue;
use crate::models::description::{Description, FileRead};
use crate::models::source::{KnownModel, Location};
use crate::plan::model_entry::ModelEntry;
use crate::sys::caches::{self, Caches};
use std::collections::{BTreeSet, HashMap};
use std::io::ErrorKind;

/// The public hub.
const ADDRESS: &str = "https://huggingface.co";
/// Default revision of a model.
const LATEST: &str = "main";
/// Maximum size of a file with a token, in bytes.
const MAX_TOKEN_BYTES: u64 = 4096;

/// Fetches the models that are not available locally, by name.
pub async fn fetch(
    notices: &dyn Notices,
    directory: &PlanDirectory,
    models: &[ModelEntry],
) -> HashMap<String, KnownModel> {
    let mut fetched = HashMap::new();
    let wanted: Vec<&ModelEntry> = models
        .iter()
        .filter(|entry| entry.location == Location::Named && !entry.model.starts_with("dtf/"))
        .filter(|entry| {
            !catalogue::is_known_without_hub(&entry.model, entry.revision.as_deref(), directory)
        })
        .collect();
    if wanted.is_empty() || caches::offline(&caches::variable) {
        return fetched;
    }
    let hub = match hub(notices) {
        Ok(hub) => hub,
        Err(error) => {
            notices.warning(&format!("the model hub is not used: {error}"));
            return fetched;
        }
    };
    for entry in wanted {
        notices.step(&format!("fetching {} from the model hub", entry.model));
        let revision = entry.revision.as_deref().unwrap_or(LATEST);
        match describe(&hub, &entry.model, revision).await {
            Ok(Some(known)) => drop(fetched.insert(entry.model.clone(), known)),
            Ok(None) => {}
            Err(error @ HubError::Unreachable(_)) => {
                notices.note(&format!("note: {error}"));
                break;
            }
            Err(error) => notices.warning(&format!("{}: {error}", entry.model)),
        }
    }
    notices.done();
    fetched
}

/// Fetches the description of a model; `None` if the hub has no files of it.
async fn describe(hub: &Hub, model: &str, revision: &str) -> Result<Option<KnownModel>, HubError> {
    let mut description = match hub.names(model, revision).await? {
        Some(names) => Description::with_files(names),
        // Mirrors may serve only files.
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

/// The value of a variable of the hub's tools, unless it is empty.
fn variable(name: &str) -> Option<String> {
    caches::variable(name)?.into_string().ok().filter(|value| !value.is_empty())
}

/// Connects to the hub with the address and token that its tools would use.
fn hub(notices: &dyn Notices) -> Result<Hub, HubError> {
    let address = variable("HF_ENDPOINT").unwrap_or_else(|| ADDRESS.to_owned());
    let named = || variable("HF_TOKEN").or_else(|| variable("HUGGING_FACE_HUB_TOKEN"));
    // With this variable, tools send a token only if it is given for the request, which dtf has no
    // option for.
    let unasked = caches::is_true(caches::variable("HF_HUB_DISABLE_IMPLICIT_TOKEN"));
    let token =
        if unasked { None } else { named().and_then(cleaned).or_else(|| stored_token(notices)) };
    Hub::new(&address, token.map(Secret::new).as_ref())
}

/// The token that the hub's tools store after a login. A file that cannot be used is reported.
fn stored_token(notices: &dyn Notices) -> Option<String> {
    let file = Caches::of_process().token;
    let size = match std::fs::metadata(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        size => size.map(|data| data.len()),
    };
    let text = match size {
        Ok(size) if size > MAX_TOKEN_BYTES => {
            Err(format!("it is too large ({size} bytes, maximum {MAX_TOKEN_BYTES})"))
        }
        Ok(_) => std::fs::read_to_string(&file).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match text {
        Ok(text) => cleaned(text),
        Err(why) => {
            let file = file.display();
            notices.warning(&format!("the token of the model hub in {file} is not used: {why}"));
            None
        }
    }
}

/// Removes line breaks from a token, as the hub's tools do.
fn cleaned(token: String) -> Option<String> {
    Some(token.replace(['\r', '\n'], "").trim().to_owned()).filter(|token| !token.is_empty())
}
