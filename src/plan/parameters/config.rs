//! Reading a model's configuration: a field, or what its type has where it is left out.
//!
//! `null` is as good as left out. A field that holds something else than is asked for makes
//! the count unknown, rather than giving way to a default that the model does not have.

use crate::plan::parameters::size::Size;
use serde_json::{Map, Value};

/// A configuration, or a part of one; a part may be left out altogether.
#[derive(Debug, Clone, Copy)]
pub(super) struct Config<'a>(Option<&'a Map<String, Value>>);

impl<'a> Config<'a> {
    pub(super) const fn new(fields: &'a Map<String, Value>) -> Self {
        Self(Some(fields))
    }

    fn field(self, key: &str) -> Option<&'a Value> {
        self.0?.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn is_null(self, key: &str) -> bool {
        self.0.and_then(|fields| fields.get(key)).is_some_and(Value::is_null)
    }

    /// The part under the first of `keys` that is there, an empty one if none is; nothing
    /// where it is no part.
    pub(super) fn part(self, keys: &[&str]) -> Option<Self> {
        match keys.iter().find_map(|key| self.field(key)) {
            None => Some(Self(None)),
            Some(value) => value.as_object().map(Self::new),
        }
    }

    pub(super) fn optional(self, key: &str) -> Option<Size> {
        self.field(key).map(|value| value.as_u64().into())
    }

    pub(super) fn number(self, key: &str, default: impl Into<Size>) -> Size {
        self.optional(key).unwrap_or_else(|| default.into())
    }

    /// A number that has several names, the first that is there.
    pub(super) fn named(self, keys: &[&str], default: impl Into<Size>) -> Size {
        keys.iter().find_map(|key| self.optional(key)).unwrap_or_else(|| default.into())
    }

    /// 1 or 0: to be multiplied with what is there only when it is set.
    pub(super) fn flag(self, key: &str, default: bool) -> Size {
        match self.field(key) {
            None => default.into(),
            Some(value) => value.as_bool().map(u64::from).into(),
        }
    }

    /// 0, or unknown where the flag is set: for variants that have no formula here.
    pub(super) fn without(self, key: &str) -> Size {
        match self.flag(key, false).get() {
            Some(0) => Size::ZERO,
            _ => Size::UNKNOWN,
        }
    }

    pub(super) fn text(self, key: &str, default: &'static str) -> &'a str {
        self.field(key).map_or(default, |value| value.as_str().unwrap_or_default())
    }

    pub(super) fn real(self, key: &str, default: f64) -> Option<f64> {
        self.field(key).map_or(Some(default), Value::as_f64)
    }

    /// 1 where the number is above zero, else 0.
    pub(super) fn positive(self, key: &str, default: f64) -> Size {
        self.real(key, default).map(|value| u64::from(value > 0.0)).into()
    }

    pub(super) fn list(self, key: &str, default: &[u64]) -> Vec<Size> {
        match self.field(key) {
            None => default.iter().copied().map(Size::from).collect(),
            Some(Value::Array(values)) => values.iter().map(|v| v.as_u64().into()).collect(),
            Some(_) => vec![Size::UNKNOWN],
        }
    }

    /// Height and width, given as two numbers or as one for both.
    pub(super) fn pair(self, key: &str, default: u64) -> (Size, Size) {
        match self.field(key) {
            Some(Value::Array(values)) => match values.as_slice() {
                [height, width] => (height.as_u64().into(), width.as_u64().into()),
                _ => (Size::UNKNOWN, Size::UNKNOWN),
            },
            _ => (self.number(key, default), self.number(key, default)),
        }
    }

    /// Whether the list under `key` holds the text.
    pub(super) fn lists(self, key: &str, text: &str) -> bool {
        let listed = self.field(key).and_then(Value::as_array);
        listed.is_some_and(|listed| listed.iter().any(|value| value == text))
    }

    /// Number of classes that a classifier tells apart.
    pub(super) fn labels(self) -> Size {
        match self.field("id2label") {
            None => self.number("num_labels", 2),
            Some(Value::Object(named)) => u64::try_from(named.len()).ok().into(),
            Some(_) => Size::UNKNOWN,
        }
    }

    /// Rows of tables for `vocabulary` tokens: one table, or two where the output has its own.
    pub(super) fn tables(self, vocabulary: Size, tied: bool) -> Size {
        vocabulary * (Size::from(2) - self.flag("tie_word_embeddings", tied))
    }
}
