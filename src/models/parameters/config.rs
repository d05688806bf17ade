//! Reads the fields of a configuration, with the default of the model type for absent fields.
//!
//! `null` is equivalent to an absent field. Promise: a field of an unexpected type makes the count
//! unknown; a default that the model does not have is never used instead.

use crate::models::parameters::size::{Size, linear};
use serde_json::{Map, Value};

/// A model type: its formula, and the class that a test loads.
#[derive(Clone, Copy)]
pub(super) struct Type {
    /// Counts the parameters of the class in the [`Config`]; `None` if the type has no such class.
    pub count: fn(Config) -> Option<Size>,
    /// Class that a test loads, in the form of [`class_of`].
    pub default_class: &'static str,
}

/// The experts of a layer that are counted. The router is always counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Experts {
    All,
    /// The number of experts that are selected for a token.
    Chosen,
}

/// A configuration, or a part of one, which may be absent. Formulae call it `c`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Config<'a> {
    fields: Option<&'a Map<String, Value>>,
    class: &'a str,
    experts: Experts,
    /// Finds the type of a part.
    find: fn(&str) -> Option<Type>,
    /// Whether the output layer shares the word table, if the whole model decides it for the part.
    tied: Option<Size>,
}

impl<'a> Config<'a> {
    /// `class` is the counted class in the form of [`class_of`].
    pub(super) const fn new(
        fields: &'a Map<String, Value>,
        class: &'a str,
        experts: Experts,
        find: fn(&str) -> Option<Type>,
    ) -> Self {
        Self { fields: Some(fields), class, experts, find, tied: None }
    }

    /// The counted class in the form of [`class_of`]: `MaskedLM`, or `Model` for the layers alone.
    pub(super) const fn class(self) -> &'a str {
        self.class
    }

    pub(super) const fn experts(self) -> Experts {
        self.experts
    }

    /// The same configuration, counted as another class.
    pub(super) const fn as_class(self, class: &'a str) -> Self {
        Self { class, ..self }
    }

    /// The same part, for a model that decides whether the word table is shared.
    pub(super) const fn tied_as(self, tied: Size) -> Self {
        Self { tied: Some(tied), ..self }
    }

    fn field(self, key: &str) -> Option<&'a Value> {
        self.fields?.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn is_null(self, key: &str) -> bool {
        self.fields.and_then(|fields| fields.get(key)).is_some_and(Value::is_null)
    }

    /// The part under the first present key, or an absent part if no key is present. `None` if the
    /// value is not an object.
    pub(super) fn part(self, keys: &[&str]) -> Option<Self> {
        match keys.iter().find_map(|key| self.field(key)) {
            None => Some(Self { fields: None, ..self }),
            Some(value) => value.as_object().map(|fields| Self { fields: Some(fields), ..self }),
        }
    }

    /// Counts a part as a class of the type that the part names, otherwise of type `default`.
    pub(super) fn count_as(self, class: &'a str, default: &'static str) -> Option<Size> {
        ((self.find)(self.text("model_type", default))?.count)(self.as_class(class))
    }

    pub(super) fn optional(self, key: &str) -> Option<Size> {
        self.field(key).map(|value| value.as_u64().into())
    }

    pub(super) fn number(self, key: &str, default: impl Into<Size>) -> Size {
        self.optional(key).unwrap_or_else(|| default.into())
    }

    /// A number under the first present key of several.
    pub(super) fn named(self, keys: &[&str], default: impl Into<Size>) -> Size {
        keys.iter().find_map(|key| self.optional(key)).unwrap_or_else(|| default.into())
    }

    /// A flag as 1 or 0, a factor of the parameters that depend on it.
    pub(super) fn flag(self, key: &str, default: bool) -> Size {
        match self.field(key) {
            None => default.into(),
            Some(value) => value.as_bool().map(u64::from).into(),
        }
    }

    pub(super) fn text(self, key: &str, default: &'static str) -> &'a str {
        self.field(key).map_or(default, |value| value.as_str().unwrap_or_default())
    }

    pub(super) fn real(self, key: &str, default: f64) -> Option<f64> {
        self.field(key).map_or(Some(default), Value::as_f64)
    }

    /// 1 if the number is greater than zero, otherwise 0.
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

    /// Height and width, which are two numbers or one for both.
    pub(super) fn pair(self, key: &str, default: u64) -> (Size, Size) {
        self.sides(key, (default, default))
    }

    /// Height and width like [`Config::pair`], with different defaults.
    pub(super) fn sides(self, key: &str, default: (u64, u64)) -> (Size, Size) {
        match self.field(key) {
            None => (default.0.into(), default.1.into()),
            Some(Value::Array(values)) => match values.as_slice() {
                [height, width] => (height.as_u64().into(), width.as_u64().into()),
                _ => (Size::UNKNOWN, Size::UNKNOWN),
            },
            Some(value) => (value.as_u64().into(), value.as_u64().into()),
        }
    }

    /// `width` multiplied by the ratio under `key`, rounded down.
    pub(super) fn ratio(self, key: &str, default: f64, width: Size) -> Size {
        self.real(key, default).map_or(Size::UNKNOWN, |ratio| width.scaled(ratio))
    }

    /// A list of numbers; `None` for a value of another type.
    pub(super) fn reals(self, key: &str, default: &[f64]) -> Option<Vec<f64>> {
        match self.field(key) {
            None => Some(default.to_vec()),
            Some(value) => value.as_array()?.iter().map(Value::as_f64).collect(),
        }
    }

    /// A list of integers; `None` for an absent field or a value of another type.
    pub(super) fn integers(self, key: &str) -> Option<Vec<i64>> {
        self.field(key)?.as_array()?.iter().map(Value::as_i64).collect()
    }

    /// Lengths of the lists in a list; `None` for a value of another type.
    pub(super) fn lengths(self, key: &str, default: &[u64]) -> Option<Vec<u64>> {
        let Some(lists) = self.field(key) else { return Some(default.to_vec()) };
        let length = |list: &Value| u64::try_from(list.as_array()?.len()).ok();
        lists.as_array()?.iter().map(length).collect()
    }

    pub(super) fn has(self, key: &str) -> bool {
        self.field(key).is_some()
    }

    /// Whether the text under `key`, or `default` if the field is absent, is not empty.
    pub(super) fn has_text(self, key: &str, default: &'static str) -> bool {
        !self.is_null(key) && !self.text(key, default).is_empty()
    }

    /// Whether the part is present.
    pub(super) const fn is_there(self) -> bool {
        self.fields.is_some()
    }

    /// A flag with a computed default.
    pub(super) fn flag_or(self, key: &str, default: Size) -> Size {
        if self.has(key) { self.flag(key, false) } else { default }
    }

    /// Whether the list under `key` contains the text.
    pub(super) fn lists(self, key: &str, text: &str) -> bool {
        let listed = self.field(key).and_then(Value::as_array);
        listed.is_some_and(|listed| listed.iter().any(|value| value == text))
    }

    /// 1 if the text under `key` (split at `|`) or the list there contains `word`, otherwise 0.
    pub(super) fn mentions(self, key: &str, word: &str) -> Size {
        match self.field(key) {
            None => false.into(),
            Some(Value::String(text)) => {
                text.to_lowercase().split('|').any(|part| part.trim() == word).into()
            }
            Some(Value::Array(_)) => self.lists(key, word).into(),
            Some(_) => Size::UNKNOWN,
        }
    }

    /// A number; values below 1, such as -1, mean that there is none.
    pub(super) fn at_least_one(self, key: &str) -> Option<Size> {
        match self.field(key)?.as_i64() {
            Some(number) if number < 1 => None,
            Some(number) => Some(u64::try_from(number).ok().into()),
            None => Some(Size::UNKNOWN),
        }
    }

    /// Parameters of a linear classifier.
    pub(super) fn classifier(self, width: Size) -> Size {
        linear(width, self.labels(), true)
    }

    /// Number of classes of a classifier, 2 by default.
    pub(super) fn labels(self) -> Size {
        self.labels_or(2)
    }

    /// Number of classes of a classifier, with the default of the type.
    pub(super) fn labels_or(self, default: u64) -> Size {
        match self.field("id2label") {
            None => self.number("num_labels", default),
            Some(Value::Object(named)) => u64::try_from(named.len()).ok().into(),
            Some(_) => Size::UNKNOWN,
        }
    }

    /// Rows of the word tables for `vocabulary` tokens: one table, or two if the output layer has
    /// its own. `tied` is the default.
    pub(super) fn tables(self, vocabulary: Size, tied: bool) -> Size {
        let tied = self.tied.unwrap_or_else(|| self.flag("tie_word_embeddings", tied));
        vocabulary * (Size::from(2) - tied)
    }
}

/// The part of a class name that follows the type: `MaskedLM` for `BertForMaskedLM`, `LMHead` for
/// `GPT2LMHeadModel`, `Model` for `BertModel`.
pub(super) fn class_of(name: &str) -> &str {
    if let Some((_, added)) = name.split_once("For").filter(|(_, added)| !added.is_empty()) {
        return added;
    }
    const ENDINGS: [(&str, &str); 6] = [
        ("LMHeadModel", "LMHead"),
        ("DoubleHeadsModel", "DoubleHeads"),
        ("EncoderModel", "Encoder"),
        ("MTModel", "ConditionalGeneration"),
        ("ModelWithProjection", "Projection"),
        ("Backbone", "Backbone"),
    ];
    let ending = ENDINGS.iter().find(|(ending, _)| name.ends_with(ending));
    ending.map_or("Model", |(_, added)| added)
}
