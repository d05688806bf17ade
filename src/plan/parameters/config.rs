//! Reading a model's configuration: a field, or what its type has where it is left out.
//!
//! `null` is as good as left out. A field that holds something else than is asked for makes
//! the count unknown, rather than giving way to a default that the model does not have.

use crate::plan::parameters::size::{Size, linear};
use serde_json::{Map, Value};

/// Which experts of a layer are counted; the router always counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Experts {
    All,
    /// As many as are chosen for a token.
    Chosen,
}

/// A configuration, or a part of one; a part may be left out altogether.
#[derive(Debug, Clone, Copy)]
pub(super) struct Config<'a> {
    fields: Option<&'a Map<String, Value>>,
    class: &'a str,
    experts: Experts,
    /// Where a model decides for its part: whether the output layer shares the table of words.
    tied: Option<Size>,
}

impl<'a> Config<'a> {
    /// `class` is what the counted class adds to its type, see [`class_of`].
    pub(super) const fn new(
        fields: &'a Map<String, Value>,
        class: &'a str,
        experts: Experts,
    ) -> Self {
        Self { fields: Some(fields), class, experts, tied: None }
    }

    /// What the counted class adds to its type: `MaskedLM`, or `Model` for the layers alone.
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

    /// The same part of a model that decides whether tables of words are shared.
    pub(super) const fn tied_as(self, tied: Size) -> Self {
        Self { tied: Some(tied), ..self }
    }

    fn field(self, key: &str) -> Option<&'a Value> {
        self.fields?.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn is_null(self, key: &str) -> bool {
        self.fields.and_then(|fields| fields.get(key)).is_some_and(Value::is_null)
    }

    /// The part under the first of `keys` that is there, an empty one if none is; nothing
    /// where it is no part.
    pub(super) fn part(self, keys: &[&str]) -> Option<Self> {
        match keys.iter().find_map(|key| self.field(key)) {
            None => Some(Self { fields: None, ..self }),
            Some(value) => value.as_object().map(|fields| Self { fields: Some(fields), ..self }),
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
        self.sides(key, (default, default))
    }

    /// The same where the default is no square.
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

    /// The part of `width` that `key` names, rounded down.
    pub(super) fn ratio(self, key: &str, default: f64, width: Size) -> Size {
        self.real(key, default).map_or(Size::UNKNOWN, |ratio| width.scaled(ratio))
    }

    /// A list of numbers; none where it holds something else.
    pub(super) fn reals(self, key: &str, default: &[f64]) -> Option<Vec<f64>> {
        match self.field(key) {
            None => Some(default.to_vec()),
            Some(value) => value.as_array()?.iter().map(Value::as_f64).collect(),
        }
    }

    /// A list of integers; none where there is no list, or one of something else.
    pub(super) fn integers(self, key: &str) -> Option<Vec<i64>> {
        self.field(key)?.as_array()?.iter().map(Value::as_i64).collect()
    }

    /// Lengths of the lists in a list; none where it holds something else.
    pub(super) fn lengths(self, key: &str, default: &[u64]) -> Option<Vec<u64>> {
        let Some(lists) = self.field(key) else { return Some(default.to_vec()) };
        let length = |list: &Value| u64::try_from(list.as_array()?.len()).ok();
        lists.as_array()?.iter().map(length).collect()
    }

    pub(super) fn has(self, key: &str) -> bool {
        self.field(key).is_some()
    }

    /// Whether there is a text under `key` that says something, `default` being one.
    pub(super) fn has_text(self, key: &str, default: &'static str) -> bool {
        !self.is_null(key) && !self.text(key, default).is_empty()
    }

    /// Whether the part was given at all.
    pub(super) const fn is_there(self) -> bool {
        self.fields.is_some()
    }

    /// A flag whose default depends on other fields.
    pub(super) fn flag_or(self, key: &str, default: Size) -> Size {
        if self.has(key) { self.flag(key, false) } else { default }
    }

    /// Whether the list under `key` holds the text.
    pub(super) fn lists(self, key: &str, text: &str) -> bool {
        let listed = self.field(key).and_then(Value::as_array);
        listed.is_some_and(|listed| listed.iter().any(|value| value == text))
    }

    /// 1 where the text under `key` (parts between bars) or the list there holds `word`, else 0.
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

    /// A number for which less than one, as -1, means that there is none.
    pub(super) fn at_least_one(self, key: &str) -> Option<Size> {
        match self.field(key)?.as_i64() {
            Some(number) if number < 1 => None,
            Some(number) => Some(u64::try_from(number).ok().into()),
            None => Some(Size::UNKNOWN),
        }
    }

    /// A linear layer that tells the classes apart.
    pub(super) fn classifier(self, width: Size) -> Size {
        linear(width, self.labels(), true)
    }

    /// Number of classes that a classifier tells apart.
    pub(super) fn labels(self) -> Size {
        self.labels_or(2)
    }

    /// The same for a type that tells other than two apart where nothing is said.
    pub(super) fn labels_or(self, default: u64) -> Size {
        match self.field("id2label") {
            None => self.number("num_labels", default),
            Some(Value::Object(named)) => u64::try_from(named.len()).ok().into(),
            Some(_) => Size::UNKNOWN,
        }
    }

    /// Rows of tables for `vocabulary` tokens: one table, or two where the output has its own.
    pub(super) fn tables(self, vocabulary: Size, tied: bool) -> Size {
        let tied = self.tied.unwrap_or_else(|| self.flag("tie_word_embeddings", tied));
        vocabulary * (Size::from(2) - tied)
    }
}

/// What a class adds to the layers of its type, as its name tells: `MaskedLM` of
/// `BertForMaskedLM`, `LMHead` of `GPT2LMHeadModel`, `Model` of `BertModel`.
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
