//! Reads a mapping field by field. Unknown keys are errors, so that a mistyped key is not silently
//! replaced by a default.

use crate::text::error::{FieldError, FieldErrors, ValueError};
use crate::text::locate::Path;
use crate::text::node::{Node, shortened};
use crate::text::suggest::{did_you_mean, did_you_mean_name};

/// Maximum length of a text in one value, in bytes.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// The keys that a mapping may have.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    pub known: &'a [&'a str],
    /// Names that other tools use, each with the known key that has the same meaning.
    pub synonyms: &'a [(&'a str, &'a str)],
}

impl<'a> From<&'a [&'a str]> for Keys<'a> {
    fn from(known: &'a [&'a str]) -> Self {
        Self { known, synonyms: &[] }
    }
}

impl<'a, const N: usize> From<&'a [&'a str; N]> for Keys<'a> {
    fn from(known: &'a [&'a str; N]) -> Self {
        Self { known, synonyms: &[] }
    }
}

impl Keys<'_> {
    /// A hint for a name that is not known.
    #[must_use]
    pub fn hint(&self, name: &str) -> String {
        let same = |(other, key): &&(&str, &str)| *other == name && self.known.contains(key);
        match self.synonyms.iter().find(same) {
            Some((_, key)) => did_you_mean_name(key),
            None => did_you_mean(name, self.known),
        }
    }
}

/// A mapping with its place.
pub struct Fields<'a> {
    pub node: &'a Node,
    pub path: Path,
}

impl<'a> Fields<'a> {
    /// Opens a mapping.
    ///
    /// # Errors
    /// The node is not a mapping, or has a key that is not known.
    pub fn new<'k>(
        node: &'a Node,
        path: &Path,
        keys: impl Into<Keys<'k>>,
    ) -> Result<Self, FieldError> {
        let mut errors = FieldErrors::default();
        let fields = Self::open(node, path, keys, &mut errors);
        errors.end()?;
        fields.ok_or_else(|| ValueError::expected("a mapping", node).at(path))
    }

    /// Opens a mapping like [`Self::new`], but notes the errors, so that the known keys can be
    /// read. Returns `None` if the node is not a mapping.
    pub fn open<'k>(
        node: &'a Node,
        path: &Path,
        keys: impl Into<Keys<'k>>,
        errors: &mut FieldErrors,
    ) -> Option<Self> {
        let keys = keys.into();
        let Node::Map(entries) = node else {
            errors.note(ValueError::expected("a mapping", node).at(path));
            return None;
        };
        for (key, _) in entries.iter().filter(|(key, _)| !keys.known.contains(&key.as_str())) {
            let error =
                FieldError::new(&path.key(key), format!("unknown key {:?}", shortened(key)));
            errors.note(error.hint(keys.hint(key)));
        }
        Some(Self { node, path: path.clone() })
    }

    /// The value of a key. An empty value (`key:`) counts as absent.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        self.node.get(key).filter(|node| **node != Node::Null)
    }

    /// Reads the value of a key, if there is one.
    ///
    /// # Errors
    /// The error of `read`, with the path of the key.
    pub fn optional<T>(
        &self,
        key: &str,
        read: impl Fn(&Node) -> Result<T, ValueError>,
    ) -> Result<Option<T>, FieldError> {
        let Some(node) = self.get(key) else { return Ok(None) };
        read(node).map(Some).map_err(|error| error.at(&self.path.key(key)))
    }

    /// Reads the value of a key.
    ///
    /// # Errors
    /// The key is missing, or the error of `read`.
    pub fn required<T>(
        &self,
        key: &str,
        read: impl Fn(&Node) -> Result<T, ValueError>,
    ) -> Result<T, FieldError> {
        self.optional(key, read)?
            .ok_or_else(|| FieldError::new(&self.path, format!("{key:?} is missing")))
    }

    /// Reads every item of a list. Without the key the list is empty.
    ///
    /// # Errors
    /// The value is not a list or has more than `max` items, or the errors of `read`.
    pub fn list<T>(
        &self,
        key: &str,
        max: usize,
        read: impl Fn(&Node) -> Result<T, ValueError>,
    ) -> Result<Vec<T>, FieldError> {
        let Some(node) = self.get(key) else { return Ok(Vec::new()) };
        let path = self.path.key(key);
        let Node::List(items) = node else {
            return Err(ValueError::expected("a list", node)
                .hint(format!("write it as [{}]", node.scalar().unwrap_or_default()))
                .at(&path));
        };
        if items.len() > max {
            let message = format!("too many entries ({}, maximum {max})", items.len());
            return Err(FieldError::new(&path, message));
        }
        all(items
            .iter()
            .enumerate()
            .map(|(index, item)| read(item).map_err(|error| error.at(&path.index(index)))))
    }

    /// Reads a mapping with [`word`]s as values.
    ///
    /// # Errors
    /// The value is not a mapping or has more than `max` entries, or a value is not a word.
    pub fn texts(&self, key: &str, max: usize) -> Result<Vec<(String, String)>, FieldError> {
        let Some(node) = self.get(key) else { return Ok(Vec::new()) };
        let path = self.path.key(key);
        let Node::Map(entries) = node else {
            return Err(ValueError::expected("a mapping", node).at(&path));
        };
        if entries.len() > max {
            let message = format!("too many entries ({}, maximum {max})", entries.len());
            return Err(FieldError::new(&path, message));
        }
        let read = |(name, value): &(String, Node)| match word(value) {
            Ok(text) => Ok((name.clone(), text)),
            Err(error) => Err(error.at(&path.key(name))),
        };
        all(entries.iter().map(read))
    }
}

/// Collects every value, or every error.
///
/// # Errors
/// The errors of the items.
pub fn all<T>(items: impl Iterator<Item = Result<T, FieldError>>) -> Result<Vec<T>, FieldError> {
    let mut errors = FieldErrors::default();
    let mut values = Vec::new();
    for item in items {
        values.extend(errors.keep(item));
        if errors.full() {
            break;
        }
    }
    errors.end().map(|()| values)
}

/// Reads a text that is not empty.
///
/// # Errors
/// The value is not a text, is empty, or is too long.
pub fn text(node: &Node) -> Result<String, ValueError> {
    match node {
        Node::Text(text) if text.is_empty() => Err(ValueError::new("the text is empty")),
        Node::Text(text) if text.len() > MAX_TEXT_BYTES => {
            Err(ValueError::new(format!("the text is too long (maximum {MAX_TEXT_BYTES} bytes)")))
        }
        Node::Text(text) => Ok(text.clone()),
        Node::Int(_) | Node::Float(_) | Node::Bool(_) => {
            Err(ValueError::expected("a text", node).hint("put it in quotes"))
        }
        Node::Null | Node::List(_) | Node::Map(_) => Err(ValueError::expected("a text", node)),
    }
}

/// Reads a word of a command. Empty texts, whole numbers and booleans are words, too.
///
/// # Errors
/// The value is a list or mapping, is too long, or is a number with a fraction, because the parser
/// does not keep how it was written.
pub fn word(node: &Node) -> Result<String, ValueError> {
    if let Node::Float(_) = node {
        return Err(
            ValueError::expected("a text", node).hint("put it in quotes: YAML reads 1.10 as 1.1")
        );
    }
    match node.scalar() {
        Some(text) if text.len() <= MAX_TEXT_BYTES => Ok(text),
        Some(_) => {
            Err(ValueError::new(format!("the text is too long (maximum {MAX_TEXT_BYTES} bytes)")))
        }
        None => Err(ValueError::expected("a text", node)),
    }
}

/// Reads `true` or `false`.
///
/// # Errors
/// The value is another one.
pub fn truth(node: &Node) -> Result<bool, ValueError> {
    match node {
        Node::Bool(value) => Ok(*value),
        other => Err(ValueError::expected("true or false", other)),
    }
}

/// Returns a reader of whole numbers from `min` to `max`.
pub fn whole(min: i64, max: i64) -> impl Fn(&Node) -> Result<i64, ValueError> {
    move |node| match node {
        Node::Int(value) if (min..=max).contains(value) => Ok(*value),
        other => Err(ValueError::expected(&format!("a whole number from {min} to {max}"), other)),
    }
}

/// Returns a reader of one of some words.
pub fn one_of<T: Copy>(choices: &[(&str, T)]) -> impl Fn(&Node) -> Result<T, ValueError> {
    move |node| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let Node::Text(text) = node else {
            return Err(ValueError::expected(&format!("one of {}", names.join(", ")), node));
        };
        let choice = choices.iter().find(|(name, _)| name == text).map(|(_, value)| *value);
        choice.ok_or_else(|| {
            ValueError::expected(&format!("one of {}", names.join(", ")), node)
                .hint(did_you_mean(text, &names))
        })
    }
}
