//! Asks the model hub about models: the commit of a revision, its files, and the description of the
//! model.
//!
//! The hub is asked once per model and revision, and never if the settings or the variables of the
//! hub's tools specify offline. After the first failed connection no further model is asked for, so
//! that a machine without a network waits two seconds, and not two per model.

use crate::client::{Hub, HubError, HubListing, Secret};
use crate::domain::weights::is_commit;
use crate::gather::Notices;
use crate::gather::PlanDirectory;
use crate::models::description::{Description, FileRead};
use crate::models::source::{ModelSource, Published, PublishedModel};
use crate::models::weights::requested::ModelVersion;
use crate::sys::caches::{self, Caches};
use crate::text::error::ValueError;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;

/// The public hub.
const ADDRESS: &str = "https://huggingface.co";
/// Default revision of a model.
const LATEST: &str = "main";
/// Maximum size of a file with a token, in bytes.
const MAX_TOKEN_BYTES: u64 = 4096;

/// A question to the hub: the commit of a revision of a model, with its files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    pub version: ModelVersion,
    /// Whether the description of the model is fetched, too.
    pub describe: bool,
}

/// The answers by model and revision.
pub type Answers = BTreeMap<ModelVersion, Published>;

/// Asks the hub. `offline` states why the hub must not be asked.
pub async fn ask(
    notices: &dyn Notices,
    directory: &PlanDirectory,
    questions: BTreeSet<Question>,
    offline: Option<String>,
) -> Answers {
    if questions.is_empty() {
        return Answers::new();
    }
    let variable = || "offline, as a variable of the hub's tools specifies";
    let offline =
        offline.or_else(|| caches::offline(&caches::variable).then(|| variable().to_owned()));
    let hub = match offline {
        Some(reason) => Err(reason),
        None => connect(notices).map_err(|error| {
            let reason = format!("the model hub is not used: {error}");
            notices.warning(&reason);
            reason
        }),
    };
    ask_at(hub, notices, directory, questions).await
}

/// Asks this hub, or answers with the reason why there is none.
async fn ask_at(
    hub: Result<Hub, String>,
    notices: &dyn Notices,
    directory: &PlanDirectory,
    questions: BTreeSet<Question>,
) -> Answers {
    let mut answers = Answers::new();
    // After the first failed connection, the others are not tried.
    let mut away = hub.as_ref().err().cloned();
    for Question { version, describe } in questions {
        let answer = match (&hub, &away) {
            (Ok(hub), None) => {
                notices.step(&format!("asking the model hub about {version}"));
                let answer = published(hub, directory, &version, describe).await;
                if let Err(error @ HubError::Unreachable(_)) = &answer {
                    away = Some(error.to_string());
                }
                answer.unwrap_or_else(|error| refused(&error))
            }
            (_, reason) => Published::Unknown(reason.clone().unwrap_or_default()),
        };
        answers.insert(version, answer);
    }
    notices.done();
    answers
}

/// The meaning of an error of the hub for a model.
fn refused(error: &HubError) -> Published {
    let message = error.to_string();
    match error {
        HubError::NoModel(_) | HubError::NoRevision { .. } => Published::Absent(message),
        HubError::Denied { .. } => Published::Denied(ValueError { message, hint: error.hint() }),
        _ => Published::Unknown(message),
    }
}

/// Asks about one model.
async fn published(
    hub: &Hub,
    directory: &PlanDirectory,
    version: &ModelVersion,
    describe: bool,
) -> Result<Published, HubError> {
    let ModelVersion { model, revision } = version;
    let revision = revision.as_deref().unwrap_or(LATEST);
    let listing = hub.listing(model, revision).await?;
    let mut known = match listing {
        Some(HubListing { commit, files }) => {
            let sizes = files.into_iter().map(|(name, file)| (name, file.size_bytes)).collect();
            PublishedModel { commit, files: Some(sizes), description: None }
        }
        // Mirrors may serve only files.
        None => PublishedModel::default(),
    };
    let is_cached = !known.commit.is_empty()
        && directory
            .cached_model(model, Some(&known.commit))
            .is_ok_and(|cached| cached.is_some_and(|it| it.description.interpret(model).is_ok()));
    if describe && !is_cached {
        // The files of the commit, even if the branch moves now.
        let at = if known.commit.is_empty() { revision } else { &known.commit }.to_owned();
        let (description, commit) = fetch(hub, model, &at, known.files.as_ref()).await?;
        if !description.is_known() {
            return Ok(Published::Absent(format!("the hub has no files of {model}")));
        }
        if is_commit(&commit) && known.commit.is_empty() {
            known.commit = commit;
        }
        known.description = Some(description);
    }
    Ok(Published::Known(known))
}

/// Fetches the description of a model, with the commit of its files; empty if the hub does not report
/// it.
async fn fetch(
    hub: &Hub,
    model: &str,
    revision: &str,
    files: Option<&BTreeMap<String, Option<u64>>>,
) -> Result<(Description, String), HubError> {
    let mut description = match files {
        Some(files) => Description::with_files(files.keys().cloned().collect()),
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
    Ok((description, commit))
}

/// The value of a variable of the hub's tools, unless it is empty.
fn variable(name: &str) -> Option<String> {
    caches::variable(name)?.into_string().ok().filter(|value| !value.is_empty())
}

/// Connects to the hub with the address and token that its tools would use.
///
/// # Errors
/// The address or the token cannot be used.
pub fn connect(notices: &dyn Notices) -> Result<Hub, HubError> {
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

#[cfg(test)]
mod tests;
