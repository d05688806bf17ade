//! The tree of a YAML or JSON text.
//!
//! Limit: [`MAX_NODES`] values after aliases are expanded, so that a small file cannot become a
//! huge tree. Promises: keys are unique texts, and numbers are finite.

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::fmt;

/// Maximum number of values in one file, with aliases expanded.
pub const MAX_NODES: usize = 1_000_000;

/// A value of the tree.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    /// Keys and values in the order of the file.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Description of the value for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Node::Null => "nothing".into(),
            Node::Bool(value) => value.to_string(),
            Node::Int(value) => value.to_string(),
            Node::Float(value) => format!("{value:?}"),
            Node::Text(text) => format!("{:?}", shortened(text)),
            Node::List(_) => "a list".into(),
            Node::Map(_) => "a mapping".into(),
        }
    }

    /// The value of a key, if this is a mapping that has the key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        let Node::Map(entries) = self else { return None };
        entries.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// The text of a scalar, as placeholders show it. `None` for lists, mappings and null.
    #[must_use]
    pub fn scalar(&self) -> Option<String> {
        match self {
            Node::Bool(value) => Some(value.to_string()),
            Node::Int(value) => Some(value.to_string()),
            Node::Float(value) => Some(format!("{value:?}")),
            Node::Text(text) => Some(text.clone()),
            Node::Null | Node::List(_) | Node::Map(_) => None,
        }
    }
}

/// The first 80 characters of a text, for messages.
#[must_use]
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Builds a [`Node`] and counts its values.
pub struct Builder<'a> {
    left: &'a Cell<usize>,
}

impl<'a> Builder<'a> {
    /// `left` is the number of values that may still be built.
    #[must_use]
    pub fn new(left: &'a Cell<usize>) -> Self {
        Self { left }
    }
}

impl<'de> DeserializeSeed<'de> for Builder<'_> {
    type Value = Node;
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => {
                return Err(D::Error::custom(format_args!(
                    "more than {MAX_NODES} values; anchors and aliases count each time"
                )));
            }
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Builder<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a text, number, list or mapping")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        i64::try_from(value).map(Node::Int).map_err(|_| E::custom("the number is too large"))
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<Node, E> {
        Err(E::custom("the number is too large"))
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<Node, E> {
        Err(E::custom("the number is too large"))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        if value.is_finite() {
            Ok(Node::Float(value))
        } else {
            Err(E::custom("numbers must be finite; put a text in quotes"))
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Builder { left: self.left })? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map: Vec<(String, Node)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some(key) = entries.next_key_seed(Builder { left: self.left })? {
            let Some(key) = key.scalar() else {
                return Err(A::Error::custom("a key must be a text"));
            };
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format_args!("{:?} is given twice", shortened(&key))));
            }
            let value = entries.next_value_seed(Builder { left: self.left })?;
            map.push((key, value));
        }
        Ok(Node::Map(map))
    }
}
