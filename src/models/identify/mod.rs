//! Identifies directories from which no test can be written: an adapter, a model in the format of
//! another library, a directory of checkpoints, and others.
//!
//! A pure function over file names and small texts, so that directories, the model cache and the
//! hub give the same answer. A rule depends on the kinds of files, never on the name of a model.

mod facts;
mod file;
mod rules;
#[cfg(test)]
mod tests;

pub use facts::Identity;
pub use file::identify_file;

use crate::models::description::{CONFIG, Description, PIPELINE};
use facts::Facts;
use rules::{ALWAYS, OTHERWISE};
use serde_json::Value;

/// The base model that an adapter names, if the directory contains an adapter alone.
#[must_use]
pub fn base_of_adapter(description: &Description) -> Option<String> {
    rules::base_of_adapter(&facts_of(description))
}

/// Whether the directory contains an adapter alone.
#[must_use]
pub fn is_adapter(description: &Description) -> bool {
    rules::is_adapter(&facts_of(description))
}

fn facts_of(description: &Description) -> Facts<'_> {
    let config = match description.json(CONFIG) {
        Some(Value::Object(config)) => Some(config),
        _ => None,
    };
    Facts { names: &description.names, description, config }
}

/// Identifies the directory. `None` if it is a model, or of no known kind.
#[must_use]
pub fn identify(description: &Description) -> Option<Identity> {
    let facts = facts_of(description);
    let broken = facts.config.is_none() && description.text(CONFIG).is_some();
    if description.text(PIPELINE).is_some() || broken {
        return None;
    }
    let further = OTHERWISE.iter().filter(|_| !facts.describes());
    ALWAYS.iter().chain(further).find_map(|rule| rule(&facts))
}
