//! Requirements and settings from the markers of an item.
//!
//! `@pytest.mark.dtf(…)` takes the keys of a test in a plan, including those of `requires`. Some
//! names that suites commonly use, such as `gpu` or `linux`, are requirements, too; other markers
//! are ignored.

use crate::domain::accelerator::Backend;
use crate::plan::keys::with_synonyms;
use crate::plan::pytest::suite::{Item, Mark};
use crate::plan::settings::{REQUIREMENT_KEYS, SHARED_KEYS};
use crate::text::error::ValueError;
use crate::text::node::Node;
use serde_json::Value;

/// Name of the group of items that any worker can run.
pub(super) const NO_NEEDS: &str = "any";
/// Marker that takes the keys of a plan.
const OWN: &str = "dtf";
/// Markers that require a number of accelerators of any kind.
const COUNTED: [(&str, i64); 5] =
    [("gpu", 1), ("accelerator", 1), ("require_torch_gpu", 1), ("multi_gpu", 2), ("multigpu", 2)];
/// Markers that require an operating system.
const SYSTEMS: [(&str, &str); 5] = [
    ("linux", "linux"),
    ("windows", "windows"),
    ("win32", "windows"),
    ("macos", "macos"),
    ("darwin", "macos"),
];

/// The keys of an entry, sorted by name. The nearest marker overrides the others, as in pytest.
pub(super) fn needs(item: &Item) -> Result<Node, ValueError> {
    let mut requires: Vec<(String, Node)> = Vec::new();
    let mut settings: Vec<(String, Node)> = Vec::new();
    for marker in &item.markers {
        for (key, value) in keys(marker)? {
            let list = if REQUIREMENT_KEYS.contains(&key.as_str()) {
                &mut requires
            } else if SHARED_KEYS.contains(&key.as_str()) {
                &mut settings
            } else {
                let known: Vec<&str> =
                    REQUIREMENT_KEYS.iter().chain(&SHARED_KEYS).copied().collect();
                let error = ValueError::new(format!("the marker dtf has no argument {key:?}"));
                return Err(error.hint(with_synonyms(&known).hint(&key)));
            };
            if list.iter().all(|(name, _)| *name != key) {
                list.push((key, value));
            }
        }
    }
    requires.sort_by(|a, b| a.0.cmp(&b.0));
    settings.sort_by(|a, b| a.0.cmp(&b.0));
    if !requires.is_empty() {
        settings.push(("requires".to_owned(), Node::Map(requires)));
    }
    Ok(Node::Map(settings))
}

/// Short name of a group: the back-end, or else another requirement.
pub(super) fn name(needs: &Node) -> String {
    let Some(requires) = needs.get("requires") else { return NO_NEEDS.to_owned() };
    let value = |key: &str| requires.get(key).and_then(Node::scalar);
    value("backend")
        .or_else(|| requires.get("accelerators").map(|_| "gpu".to_owned()))
        .or_else(|| value("os"))
        .unwrap_or_else(|| "more".to_owned())
}

fn keys(marker: &Mark) -> Result<Vec<(String, Node)>, ValueError> {
    let text = |text: &str| Node::Text(text.to_owned());
    if marker.name == OWN {
        if !marker.args.is_empty() {
            let error = ValueError::new("the marker dtf takes keyword arguments only");
            return Err(error.hint("@pytest.mark.dtf(backend=\"cuda\", memory=\"8GiB\")"));
        }
        return Ok(marker.kwargs.iter().map(|(key, value)| (key.clone(), node(value))).collect());
    }
    if let Some((_, count)) = COUNTED.iter().find(|(name, _)| *name == marker.name) {
        return Ok(vec![("accelerators".to_owned(), Node::Int(*count))]);
    }
    if let Some((_, system)) = SYSTEMS.iter().find(|(name, _)| *name == marker.name) {
        return Ok(vec![("os".to_owned(), text(system))]);
    }
    // The marker `cpu` does not require a machine without a GPU.
    let backend = marker.name.parse::<Backend>().ok().filter(|backend| *backend != Backend::CPU);
    Ok(backend.map(|backend| ("backend".to_owned(), text(backend.name()))).into_iter().collect())
}

fn node(value: &Value) -> Node {
    match value {
        Value::Null => Node::Null,
        Value::Bool(value) => Node::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Node::Int(whole),
            (None, Some(real)) => Node::Float(real),
            (None, None) => Node::Text(number.to_string()),
        },
        Value::String(text) => Node::Text(text.clone()),
        Value::Array(values) => Node::List(values.iter().map(node).collect()),
        Value::Object(map) => {
            Node::Map(map.iter().map(|(key, value)| (key.clone(), node(value))).collect())
        }
    }
}
