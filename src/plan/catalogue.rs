//! The configuration of a model: from a folder or file, from the machine's model cache,
//! or from the binary.

use crate::plan::embedded;
use crate::plan::files::Files;
use crate::plan::models::Place;
use crate::plan::node::shortened;
use crate::plan::problem::{Wrong, nearest};
use crate::plan::source::is_json;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Largest `config.json`.
pub const MAX_CONFIG_BYTES: usize = 1 << 20;

/// A configuration and where it is from.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub config: Map<String, Value>,
    /// Commit of the cached version; empty when unknown.
    pub revision: String,
    pub origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Local,
    Cache,
    BuiltIn,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    #[serde(rename = "schema")]
    _schema: u32,
    models: BTreeMap<String, Listed>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    file: String,
    aliases: Vec<String>,
    #[serde(rename = "source")]
    _source: String,
}

/// Model names and aliases, and the file of each. Checked by a test, so it always loads.
static INDEX: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let index: Option<Index> = serde_yaml::from_str(embedded::catalogue_index()).ok();
    let mut files = BTreeMap::new();
    for (name, listed) in index.map(|index| index.models).unwrap_or_default() {
        for alias in listed.aliases {
            files.insert(alias, listed.file.clone());
        }
        files.insert(name, listed.file);
    }
    files
});

/// Names of the models that need no network, aliases included.
pub fn names() -> impl Iterator<Item = &'static str> {
    INDEX.keys().map(String::as_str)
}

/// Finds the configuration of a model.
///
/// # Errors
/// Nothing is known of the model, or its file is missing, broken or too large.
pub fn find(model: &str, place: &Place, files: &dyn Files) -> Result<Found, Wrong> {
    match place {
        Place::Local(path) => {
            let direct = is_json(path);
            let file = if direct { path.clone() } else { format!("{path}/config.json") };
            let bytes = files.read(&file).map_err(|problem| {
                Wrong::new(format!("cannot read {file:?}: {problem}"))
                    .hint("the path is relative to the plan; a folder holds a config.json")
            })?;
            let config = parse(&bytes, &file)?;
            Ok(Found { config, revision: String::new(), origin: Origin::Local })
        }
        Place::Named => named(model, files),
    }
}

fn named(model: &str, files: &dyn Files) -> Result<Found, Wrong> {
    // dtf's own models are nowhere else.
    let cached = if model.starts_with("dtf/") { None } else { files.cached_model(model) };
    if let Some(cached) = cached {
        let config = parse(&cached.config, &format!("the cached config.json of {model}"))?;
        return Ok(Found { config, revision: cached.revision, origin: Origin::Cache });
    }
    let carried = INDEX.get(model).and_then(|file| embedded::configuration(file));
    if let Some(text) = carried {
        let config = parse(text.as_bytes(), model)?;
        return Ok(Found { config, revision: String::new(), origin: Origin::BuiltIn });
    }
    let wrong = Wrong::new(format!("no configuration of {:?} is known here", shortened(model)));
    Err(match nearest(model, names()) {
        Some(candidate) => wrong.hint(format!("did you mean {candidate:?}?")),
        None => wrong.hint(
            "fetch it into the model cache, or give a folder or {config: path/to/config.json}",
        ),
    })
}

/// Reads a `config.json`.
///
/// # Errors
/// Too large, not JSON, too deep (128 levels), or not an object.
pub fn parse(bytes: &[u8], name: &str) -> Result<Map<String, Value>, Wrong> {
    if bytes.len() > MAX_CONFIG_BYTES {
        let message = format!("{name} has {} bytes, at most {MAX_CONFIG_BYTES}", bytes.len());
        return Err(Wrong::new(message).hint("is it a config.json?"));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(config)) => Ok(config),
        Ok(_) => Err(Wrong::new(format!("{name} is not a JSON object"))),
        Err(problem) => Err(Wrong::new(format!("{name} is not valid JSON: {problem}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::files::{CachedModel, NoFiles, Unreadable};

    #[test]
    fn every_configuration_of_the_binary_is_found_by_name() {
        assert!(INDEX.len() > 30);
        for name in names() {
            let found = named(name, &NoFiles).expect(name);
            assert_eq!(found.origin, Origin::BuiltIn);
            assert!(found.config.contains_key("model_type"), "{name}");
        }
    }

    struct Cache;
    impl Files for Cache {
        fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
            Ok(format!("{{\"from\": \"{path}\"}}").into_bytes())
        }
        fn list(&self, _: &str) -> Result<Vec<String>, Unreadable> {
            Err(Unreadable("unused".into()))
        }
        fn cached_model(&self, _: &str) -> Option<CachedModel> {
            Some(CachedModel {
                config: b"{\"model_type\": \"x\"}".to_vec(),
                revision: "abc".into(),
            })
        }
    }

    #[test]
    fn sources_are_asked_in_order() {
        let named = |model| find(model, &Place::Named, &Cache).expect("found");
        assert_eq!(named("bert-base-uncased").revision, "abc");
        assert_eq!(named("dtf/tiny-bert").origin, Origin::BuiltIn);
        let local = |path: &str| find("x", &Place::Local(path.into()), &Cache).expect("found");
        assert_eq!(local("m").config["from"], "m/config.json");
        assert_eq!(local("m/c.json").config["from"], "m/c.json");
        let wrong = find("bert-base-uncasd", &Place::Named, &NoFiles).expect_err("unknown");
        assert_eq!(wrong.hint.as_deref(), Some("did you mean \"bert-base-uncased\"?"));
    }

    #[test]
    fn broken_configurations_are_refused() {
        let deep = "[".repeat(100_000);
        for text in ["", "[]", "{", "{\"a\": NaN}", "\"x\"", deep.as_str(), "\u{0}"] {
            assert!(parse(text.as_bytes(), "config.json").is_err(), "{text:.20}");
        }
        assert!(parse(&vec![b' '; MAX_CONFIG_BYTES + 1], "config.json").is_err());
    }
}
