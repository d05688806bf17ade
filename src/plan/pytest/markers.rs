//! What the markers of an item ask for.
//!
//! `@pytest.mark.dtf(…)` takes the keys of a test of a plan, those of `requires` among them.
//! Names that suites commonly use stand for the obvious; every other marker says nothing.

use crate::domain::accelerator::Backend;
use crate::plan::pytest::{Item, Mark};
use crate::plan::settings::{REQUIREMENT_KEYS, SHARED_KEYS};
use crate::text::error::ValueError;
use crate::text::node::Node;
use crate::text::suggest::did_you_mean;
use serde_json::Value;

/// Name of the group that any worker can run.
pub(super) const NO_NEEDS: &str = "any";
/// Marker with the plan's own keys.
const OWN: &str = "dtf";
/// Accelerators that a marker stands for, whichever they are.
const COUNTED: [(&str, i64); 5] =
    [("gpu", 1), ("accelerator", 1), ("require_torch_gpu", 1), ("multi_gpu", 2), ("multigpu", 2)];
/// Operating systems by the names that suites use for them.
const SYSTEMS: [(&str, &str); 5] = [
    ("linux", "linux"),
    ("windows", "windows"),
    ("win32", "windows"),
    ("macos", "macos"),
    ("darwin", "macos"),
];

/// Keys of an entry, in order of their names; the nearest marker says most, as in pytest.
pub(super) fn needs(item: &Item) -> Result<Node, ValueError> {
    let mut requires: Vec<(String, Node)> = Vec::new();
    let mut settings: Vec<(String, Node)> = Vec::new();
    for marker in &item.markers {
        for (key, value) in asked(marker)? {
            let list = if REQUIREMENT_KEYS.contains(&key.as_str()) {
                &mut requires
            } else if SHARED_KEYS.contains(&key.as_str()) {
                &mut settings
            } else {
                let known: Vec<&str> =
                    REQUIREMENT_KEYS.iter().chain(&SHARED_KEYS).copied().collect();
                let wrong = ValueError::new(format!("the marker dtf has no {key:?}"));
                return Err(wrong.hint(did_you_mean(&key, &known)));
            };
            if list.iter().all(|(said, _)| *said != key) {
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

/// Short name of a group: the back-end, else what else is needed.
pub(super) fn name(needs: &Node) -> String {
    let Some(requires) = needs.get("requires") else { return NO_NEEDS.to_owned() };
    let said = |key: &str| requires.get(key).and_then(Node::scalar);
    said("backend")
        .or_else(|| requires.get("accelerators").map(|_| "gpu".to_owned()))
        .or_else(|| said("os"))
        .unwrap_or_else(|| "more".to_owned())
}

fn asked(marker: &Mark) -> Result<Vec<(String, Node)>, ValueError> {
    let text = |text: &str| Node::Text(text.to_owned());
    if marker.name == OWN {
        if !marker.args.is_empty() {
            let wrong = ValueError::new("the marker dtf takes its values by name");
            return Err(wrong.hint("@pytest.mark.dtf(backend=\"cuda\", memory=\"8GiB\")"));
        }
        return Ok(marker.kwargs.iter().map(|(key, value)| (key.clone(), node(value))).collect());
    }
    if let Some((_, count)) = COUNTED.iter().find(|(name, _)| *name == marker.name) {
        return Ok(vec![("accelerators".to_owned(), Node::Int(*count))]);
    }
    if let Some((_, system)) = SYSTEMS.iter().find(|(name, _)| *name == marker.name) {
        return Ok(vec![("os".to_owned(), text(system))]);
    }
    // `cpu` is a back-end like others, and no reason to wait for a machine without a GPU.
    let backend = marker.name.parse::<Backend>().ok().filter(|backend| *backend != Backend::Cpu);
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
