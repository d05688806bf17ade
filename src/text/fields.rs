//! Reads a mapping field by field. A key that nobody knows is refused first, with the
//! nearest known one, so that a typing mistake never passes for a default.

use crate::text::error::{FieldError, FieldErrors, ValueError};
use crate::text::locate::Path;
use crate::text::node::{Node, shortened};
use crate::text::suggest::did_you_mean;

/// Longest text that a plan may hold in one value, in bytes.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

pub struct Fields<'a> {
    pub node: &'a Node,
    pub path: Path,
}

impl<'a> Fields<'a> {
    /// # Errors
    /// Not a mapping, or a key that is not in `known`.
    pub fn new(node: &'a Node, path: &Path, known: &[&str]) -> Result<Self, FieldError> {
        let mut found = FieldErrors::default();
        let fields = Self::open(node, path, known, &mut found);
        found.end()?;
        fields.ok_or_else(|| ValueError::expected("a mapping", node).at(path))
    }

    /// As [`Self::new`], but what is wrong is noted, and the known keys can be read. Nothing
    /// comes back when there are no keys.
    pub fn open(
        node: &'a Node,
        path: &Path,
        known: &[&str],
        found: &mut FieldErrors,
    ) -> Option<Self> {
        let Node::Map(entries) = node else {
            found.note(ValueError::expected("a mapping", node).at(path));
            return None;
        };
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            let problem =
                FieldError::new(&path.key(key), format!("unknown key {:?}", shortened(key)));
            found.note(problem.hint(did_you_mean(key, known)));
        }
        Some(Self { node, path: path.clone() })
    }

    /// The value of a key; an empty one (`key:`) counts as absent.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        self.node.get(key).filter(|node| **node != Node::Null)
    }

    /// Reads one value with `read` and adds the path to what goes wrong.
    ///
    /// # Errors
    /// What `read` refuses.
    pub fn optional<T>(
        &self,
        key: &str,
        read: impl Fn(&Node) -> Result<T, ValueError>,
    ) -> Result<Option<T>, FieldError> {
        let Some(node) = self.get(key) else { return Ok(None) };
        read(node).map(Some).map_err(|wrong| wrong.at(&self.path.key(key)))
    }

    /// # Errors
    /// The key is missing, or what `read` refuses.
    pub fn required<T>(
        &self,
        key: &str,
        read: impl Fn(&Node) -> Result<T, ValueError>,
    ) -> Result<T, FieldError> {
        self.optional(key, read)?
            .ok_or_else(|| FieldError::new(&self.path, format!("{key:?} is missing")))
    }

    /// Reads every item of a list of at most `most`; absent: empty.
    ///
    /// # Errors
    /// Not a list, too long, or what `read` refuses, with the item's position.
    pub fn list<T>(
        &self,
        key: &str,
        most: usize,
        read: impl Fn(&Node) -> Result<T, ValueError>,
    ) -> Result<Vec<T>, FieldError> {
        let Some(node) = self.get(key) else { return Ok(Vec::new()) };
        let path = self.path.key(key);
        let Node::List(items) = node else {
            return Err(ValueError::expected("a list", node)
                .hint(format!("write it as [{}]", node.scalar().unwrap_or_default()))
                .at(&path));
        };
        if items.len() > most {
            let message = format!("{} entries, at most {most} are allowed", items.len());
            return Err(FieldError::new(&path, message));
        }
        all(items
            .iter()
            .enumerate()
            .map(|(index, item)| read(item).map_err(|wrong| wrong.at(&path.index(index)))))
    }

    /// Reads a mapping of at most `most` texts: [`word`]s.
    ///
    /// # Errors
    /// Not a mapping, too long, or a value that is no word.
    pub fn texts(&self, key: &str, most: usize) -> Result<Vec<(String, String)>, FieldError> {
        let Some(node) = self.get(key) else { return Ok(Vec::new()) };
        let path = self.path.key(key);
        let Node::Map(entries) = node else {
            return Err(ValueError::expected("a mapping", node).at(&path));
        };
        if entries.len() > most {
            let message = format!("{} entries, at most {most} are allowed", entries.len());
            return Err(FieldError::new(&path, message));
        }
        let read = |(name, value): &(String, Node)| match word(value) {
            Ok(text) => Ok((name.clone(), text)),
            Err(wrong) => Err(wrong.at(&path.key(name))),
        };
        all(entries.iter().map(read))
    }
}

/// Every item, or every problem.
///
/// # Errors
/// What is wrong with some items.
pub fn all<T>(items: impl Iterator<Item = Result<T, FieldError>>) -> Result<Vec<T>, FieldError> {
    let mut found = FieldErrors::default();
    let mut read = Vec::new();
    for item in items {
        read.extend(found.keep(item));
        if found.full() {
            break;
        }
    }
    found.end().map(|()| read)
}

/// # Errors
/// Not a text, empty, or too long.
pub fn text(node: &Node) -> Result<String, ValueError> {
    match node {
        Node::Text(text) if text.is_empty() => Err(ValueError::new("the text is empty")),
        Node::Text(text) if text.len() > MAX_TEXT_BYTES => {
            Err(ValueError::new(format!("the text is longer than {MAX_TEXT_BYTES} bytes")))
        }
        Node::Text(text) => Ok(text.clone()),
        Node::Int(_) | Node::Float(_) | Node::Bool(_) => {
            Err(ValueError::expected("a text", node).hint("put it in quotes"))
        }
        Node::Null | Node::List(_) | Node::Map(_) => Err(ValueError::expected("a text", node)),
    }
}

/// A word of a command: whole numbers and booleans are taken as written, empty texts too.
///
/// # Errors
/// A list or mapping, too long, or a number with a fraction: how it was written is lost.
pub fn word(node: &Node) -> Result<String, ValueError> {
    if let Node::Float(_) = node {
        return Err(
            ValueError::expected("a text", node).hint("put it in quotes: YAML takes 1.10 for 1.1")
        );
    }
    match node.scalar() {
        Some(text) if text.len() <= MAX_TEXT_BYTES => Ok(text),
        Some(_) => Err(ValueError::new(format!("the text is longer than {MAX_TEXT_BYTES} bytes"))),
        None => Err(ValueError::expected("a text", node)),
    }
}

/// # Errors
/// Not `true` or `false`.
pub fn truth(node: &Node) -> Result<bool, ValueError> {
    match node {
        Node::Bool(value) => Ok(*value),
        other => Err(ValueError::expected("true or false", other)),
    }
}

/// A reader of whole numbers within bounds, both included.
pub fn whole(least: i64, most: i64) -> impl Fn(&Node) -> Result<i64, ValueError> {
    move |node| match node {
        Node::Int(value) if (least..=most).contains(value) => Ok(*value),
        other => {
            Err(ValueError::expected(&format!("a whole number from {least} to {most}"), other))
        }
    }
}

/// A reader of one of some words.
pub fn one_of<T: Copy>(choices: &[(&str, T)]) -> impl Fn(&Node) -> Result<T, ValueError> {
    move |node| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let Node::Text(text) = node else {
            return Err(ValueError::expected(&format!("one of {}", names.join(", ")), node));
        };
        let found = choices.iter().find(|(name, _)| name == text).map(|(_, value)| *value);
        found.ok_or_else(|| {
            ValueError::expected(&format!("one of {}", names.join(", ")), node)
                .hint(did_you_mean(text, &names))
        })
    }
}
