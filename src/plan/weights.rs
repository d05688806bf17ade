//! Reads `weights:` of a plan, a word or a mapping, and writes it.

use crate::models::weights::requested::{
    ModelVersion, Requested, absolute, check_model, check_revision, folder, url,
};
use crate::models::weights::source::Source;
use crate::text::error::ValueError;
use crate::text::fields::{text, truth};
use crate::text::node::Node;
use serde_yaml::{Mapping, Value};

/// The first key of a mapping, which names the source, and its other keys.
const FORMS: [(&str, &[&str]); 6] = [
    ("folder", &["shared"]),
    ("path", &[]),
    ("hub", &["revision"]),
    ("cached", &["revision", "otherwise"]),
    ("url", &["sha256"]),
    ("random", &[]),
];
/// The value of `otherwise`: random weights if the model cache does not have the model.
const RANDOM: &str = "random";

/// Reads requested weights.
///
/// # Errors
/// The node is not a source of weights.
pub fn requested(node: &Node) -> Result<Requested, ValueError> {
    match node {
        Node::Text(text) => text.parse(),
        Node::Map(entries) => mapping(node, entries),
        other => {
            let error = ValueError::expected("a word or a mapping", other);
            Err(error
                .hint("examples: auto, random, {folder: ./x}, {hub: owner/model, revision: v1}"))
        }
    }
}

fn mapping(node: &Node, entries: &[(String, Node)]) -> Result<Requested, ValueError> {
    let named = |form: &&(&str, &[&str])| node.get(form.0).is_some();
    let mut forms = FORMS.iter().filter(named);
    let (Some((source, more)), None) = (forms.next(), forms.next()) else {
        let names = FORMS.map(|(name, _)| name).join(", ");
        let message = format!("a source of weights has exactly one of the keys {names}");
        return Err(ValueError::new(message).hint("for example {folder: ./x}"));
    };
    let known = |key: &str| key == *source || more.contains(&key);
    if let Some((key, _)) = entries.iter().find(|(key, _)| !known(key)) {
        let others = if more.is_empty() { "no other key".to_owned() } else { more.join(" and ") };
        let message = format!("weights from {source} have no key {key:?}");
        return Err(ValueError::new(message).hint(format!("beside {source} there is {others}")));
    }
    let own = node.get(source).unwrap_or(&Node::Null);
    let optional = |key: &str| node.get(key).map(text).transpose();
    let version = || -> Result<ModelVersion, ValueError> {
        let (model, revision) = (text(own)?, optional("revision")?);
        check_model(&model)?;
        revision.as_deref().map_or(Ok(()), check_revision)?;
        Ok(ModelVersion { model, revision })
    };
    match *source {
        "folder" => {
            folder(&text(own)?, node.get("shared").map(truth).transpose()?.unwrap_or(false))
        }
        "path" => absolute(&text(own)?),
        "hub" => version().map(Some).map(Requested::Hub),
        "cached" => {
            let or_random = match optional("otherwise")?.as_deref() {
                None => false,
                Some(RANDOM) => true,
                Some(_) => return Err(ValueError::new("otherwise: can only be random")),
            };
            Ok(Requested::Cached { version: Some(version()?), or_random })
        }
        "url" => match optional("sha256")? {
            Some(sha256) => url(&text(own)?, &sha256),
            None => Err(ValueError::new("\"sha256\" is missing")
                .hint("weights from an address are verified; sha256sum FILE prints the digest")),
        },
        _ => match own {
            Node::Int(seed) if *seed >= 0 => Ok(Requested::Random(Some(seed.unsigned_abs()))),
            other => Err(ValueError::expected("a seed (a whole number)", other)),
        },
    }
}

/// Reads the weights of an entry under `tests`, whose script has no model that dtf knows.
///
/// # Errors
/// The source depends on a model.
pub fn of_test(node: &Node) -> Result<Requested, ValueError> {
    match requested(node)? {
        given @ (Requested::Auto
        | Requested::Hub(None)
        | Requested::Cached { version: None, .. }) => {
            let message =
                format!("weights: {given} needs a model, which only models: entries have");
            Err(ValueError::new(message)
                .hint("name the source, such as {folder: ./x} or {hub: owner/model}"))
        }
        other => Ok(other),
    }
}

/// The value of `weights:` for weights that were chosen.
pub(super) fn written(source: &Source) -> Value {
    let mut map = Mapping::new();
    let mut put = |key: &str, value: Value| drop(map.insert(key.into(), value));
    match source {
        Source::Random => return RANDOM.into(),
        Source::Folder { path, shared } => {
            put("folder", path.as_str().into());
            if *shared {
                put("shared", true.into());
            }
        }
        Source::Hub { model, commit, .. } => {
            put("hub", model.as_str().into());
            put("revision", commit.as_str().into());
        }
        Source::Cache { model, revision, or_random } => {
            put("cached", model.as_str().into());
            if let Some(revision) = revision {
                put("revision", revision.as_str().into());
            }
            if *or_random {
                put("otherwise", RANDOM.into());
            }
        }
        Source::Path { path } => put("path", path.as_str().into()),
        Source::Url { address, sha256 } => {
            put("url", address.as_str().into());
            put("sha256", sha256.as_str().into());
        }
    }
    map.into()
}
