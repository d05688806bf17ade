//! Findings of a test beside its verdict: the changes of a model that its checks would not notice, and
//! the module whose output is the first to differ. They are fields of the `result` line of a script.
//!
//! Limits: [`MAX_CHANGES`] changes of [`MAX_TEXT_CHARS`], names of [`MAX_NAME_CHARS`] and
//! [`MAX_VALUES`] values. Longer texts are cut, further entries are left out. The texts are those of the
//! script: code that prints them escapes them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

pub const WOULD_NOT_NOTICE: &str = "would_not_notice";
pub const FIRST_DIFFERS: &str = "first_differs";

/// Maximum number of changes that a test lists.
pub const MAX_CHANGES: usize = 16;
/// Maximum length of a change, a kind of module or a name of a value, in characters.
pub const MAX_TEXT_CHARS: usize = 80;
/// Maximum length of the name of a module, in characters.
pub const MAX_NAME_CHARS: usize = 256;
/// Maximum number of values of a module.
pub const MAX_VALUES: usize = 16;

/// The findings of one test. A field is `None` if the test does not report it, which differs from an empty
/// list: such a test would notice all changes that were tried.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    pub would_not_notice: Option<Vec<String>>,
    pub first_differs: Option<FirstDifference>,
}

/// The first module, in the order of execution, whose output differs more than it may.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FirstDifference {
    /// Name of the module in its model, such as `model.layers.3.self_attn.rotary_emb`.
    pub module: String,
    /// Name of its class. Empty if the test does not report it.
    #[serde(default)]
    pub kind: String,
    /// Figures of the comparison. All of them are finite.
    #[serde(default)]
    pub values: BTreeMap<String, f64>,
}

impl Findings {
    /// Reads the fields of a `result` line within the limits. A field of another shape is absent.
    #[must_use]
    pub fn of(result: &Map<String, Value>) -> Self {
        Self {
            would_not_notice: result.get(WOULD_NOT_NOTICE).and_then(changes),
            first_differs: result.get(FIRST_DIFFERS).and_then(FirstDifference::read),
        }
    }

    /// Replaces the fields of a `result` line by what [`Self::of`] reads from them, and removes those that
    /// it cannot read. Returns a reason for each removed field.
    pub fn limit(result: &mut Map<String, Value>) -> Vec<&'static str> {
        let read = Self::of(result);
        let mut reasons = Vec::new();
        let mut replace = |name: &str, value: Option<Value>, reason| match value {
            Some(value) => drop(result.insert(name.to_owned(), value)),
            // A `null` represents an absent value.
            None if result.remove(name).is_some_and(|value| !value.is_null()) => {
                reasons.push(reason);
            }
            None => {}
        };
        let changes = read.would_not_notice.map(Value::from);
        replace(WOULD_NOT_NOTICE, changes, "would_not_notice is not a list of texts");
        let module = read.first_differs.and_then(|module| serde_json::to_value(module).ok());
        replace(FIRST_DIFFERS, module, "first_differs is not an object with the name of a module");
        reasons
    }
}

impl FirstDifference {
    fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let module = cut(text("module"), MAX_NAME_CHARS);
        if module.is_empty() {
            return None;
        }
        let values = value.get("values").and_then(Value::as_object).into_iter().flatten();
        let values = values.filter_map(|(name, value)| {
            Some((cut(name, MAX_TEXT_CHARS), value.as_f64().filter(|value| value.is_finite())?))
        });
        let kind = cut(text("kind"), MAX_TEXT_CHARS);
        Some(Self { module, kind, values: values.take(MAX_VALUES).collect() })
    }
}

impl fmt::Display for FirstDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.module)?;
        if self.kind.is_empty() { Ok(()) } else { write!(f, " ({})", self.kind) }
    }
}

/// The changes of a list of texts. `None` if it is not such a list.
fn changes(value: &Value) -> Option<Vec<String>> {
    let texts = value.as_array()?.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
    Some(texts.into_iter().take(MAX_CHANGES).map(|text| cut(text, MAX_TEXT_CHARS)).collect())
}

/// A text of at most `limit` characters, with an ellipsis in place of the rest.
fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => text.chars().take(limit - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn findings_have_limits() {
        let long = "ä".repeat(MAX_NAME_CHARS + 1);
        let mut result = object(&json!({
            "outcome": "passed", "weights": "random",
            "would_not_notice": vec![long.as_str(); MAX_CHANGES + 1],
            "first_differs": {
                "module": long, "kind": long, "values": {"error": 0.5, "allowed": null}, "more": [],
            },
        }));
        let read = Findings::of(&result);
        let changes = read.would_not_notice.as_deref().expect("a list");
        assert_eq!(changes.len(), MAX_CHANGES);
        assert_eq!(changes[0], "ä".repeat(MAX_TEXT_CHARS - 1) + "…");
        let module = read.first_differs.as_ref().expect("a module");
        let lengths = [&module.module, &module.kind].map(|text| text.chars().count());
        assert_eq!(lengths, [MAX_NAME_CHARS, MAX_TEXT_CHARS]);
        assert_eq!(module.values, [("error".to_owned(), 0.5)].into());
        assert_eq!(Findings::limit(&mut result), [""; 0]);
        assert_eq!(Findings::of(&result), read, "limits are applied once");
        assert_eq!(result["weights"], "random");
    }

    #[test]
    fn an_empty_list_is_not_an_absent_one() {
        let mut nothing = object(&json!({"would_not_notice": [], "first_differs": null}));
        let read = Findings::of(&nothing);
        assert_eq!(read, Findings { would_not_notice: Some(vec![]), first_differs: None });
        assert_eq!(Findings::limit(&mut nothing), [""; 0]);
        assert_eq!(json!(nothing), json!({"would_not_notice": []}));
        assert_eq!(Findings::of(&Map::new()), Findings::default());
    }

    #[test]
    fn fields_of_another_shape_are_left_out_with_a_reason() {
        for (field, value) in [
            (WOULD_NOT_NOTICE, json!("positions shifted")),
            (WOULD_NOT_NOTICE, json!(["positions shifted", 1])),
            (WOULD_NOT_NOTICE, json!({"positions shifted": 1})),
            (FIRST_DIFFERS, json!("model.layers.0")),
            (FIRST_DIFFERS, json!({"module": ""})),
            (FIRST_DIFFERS, json!({"module": 7})),
            (FIRST_DIFFERS, json!([])),
        ] {
            let mut result = object(&json!({ "outcome": "passed", field: value }));
            let reasons = Findings::limit(&mut result);
            assert!(reasons.len() == 1 && reasons[0].starts_with(field), "{value}: {reasons:?}");
            assert_eq!(json!(result), json!({"outcome": "passed"}));
        }
    }

    #[test]
    fn a_module_is_named_with_its_kind() {
        let module = |kind: &str| {
            let value = json!({"module": "model.norm", "kind": kind});
            FirstDifference::read(&value).expect("a module").to_string()
        };
        assert_eq!(module("LlamaRMSNorm"), "model.norm (LlamaRMSNorm)");
        assert_eq!(module(""), "model.norm");
    }
}
