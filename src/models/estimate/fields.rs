//! Reads the fields of a configuration under any of their names, with the default of the type.
//!
//! Unlike the exact count, an estimate treats a value that is not a number as absent: it need not
//! be right for a configuration that the class of the model refuses.

use crate::models::estimate::defaults::{self, Defaults};
use serde_json::{Map, Value};

/// A configuration or a part of one, with the defaults of its type. Other files call it `c`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    map: &'a Map<String, Value>,
    pub(super) kind: &'a str,
    pub(super) defaults: Defaults,
}

impl<'a> Fields<'a> {
    pub(super) fn new(map: &'a Map<String, Value>) -> Self {
        let kind = map.get("model_type").and_then(Value::as_str).unwrap_or_default();
        Self { map, kind, defaults: defaults::of(kind) }
    }

    /// The part under `key`. If its own type is unknown, the defaults follow from the type of the
    /// whole and the key.
    pub(super) fn part(self, map: &'a Map<String, Value>, key: &str) -> Self {
        let part = Self::new(map);
        if part.kind.is_empty() || defaults::of(part.kind).width == 0 {
            let key = key.trim_end_matches("_dict");
            return Self { defaults: defaults::of(&format!("{}.{key}", self.kind)), ..part };
        }
        part
    }

    /// The same fields with other defaults.
    pub(super) fn as_if(self, defaults: Defaults) -> Self {
        Self { defaults, ..self }
    }

    pub(super) fn get(self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn has(self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Objects among the fields, by name.
    pub(super) fn objects(self) -> impl Iterator<Item = (&'a str, &'a Map<String, Value>)> {
        self.map.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_object()?)))
    }

    /// The number under the first of `names` that has one; of a list, the largest.
    pub(super) fn number(self, names: &[&str]) -> Option<f64> {
        names.iter().find_map(|name| largest(self.get(name)?))
    }

    /// [`Fields::number`], otherwise the default unless it is 0.
    pub(super) fn or(self, names: &[&str], default: u64) -> Option<f64> {
        self.number(names).or((default > 0).then_some(default as f64))
    }

    /// The numbers of the list under the first of `names` that has one, otherwise the default.
    pub(super) fn list(self, names: &[&str], default: &[u64]) -> Vec<f64> {
        let list = names.iter().find_map(|name| self.get(name)?.as_array());
        match list {
            Some(list) => list.iter().filter_map(largest).collect(),
            None => default.iter().map(|value| *value as f64).collect(),
        }
    }

    pub(super) fn text(self, key: &str) -> &'a str {
        self.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn is(self, key: &str, wanted: bool) -> bool {
        self.get(key).and_then(Value::as_bool) == Some(wanted)
    }

    /// Share of the texts in the list under `key` that contain `word`.
    pub(super) fn share(self, key: &str, word: &str) -> Option<f64> {
        let list = self.get(key)?.as_array().filter(|list| !list.is_empty())?;
        let with = |value: &&Value| value.as_str().is_some_and(|text| text.contains(word));
        Some(list.iter().filter(with).count() as f64 / list.len() as f64)
    }
}

/// A number that is at least zero, or the largest of a list or of an object's values
/// (`{"height": 224, "width": 224}`), two levels deep.
fn largest(value: &Value) -> Option<f64> {
    let plain = |value: &Value| {
        let number = value.as_u64().map(|whole| whole as f64).or(value.as_f64());
        number.filter(|number| (0.0..=u64::MAX as f64).contains(number))
    };
    let most = |numbers: &mut dyn Iterator<Item = f64>| numbers.reduce(f64::max);
    match value {
        Value::Array(list) => most(&mut list.iter().filter_map(|item| match item {
            Value::Array(inner) => most(&mut inner.iter().filter_map(plain)),
            other => plain(other),
        })),
        Value::Object(map) => most(&mut map.values().filter_map(plain)),
        other => plain(other),
    }
}
