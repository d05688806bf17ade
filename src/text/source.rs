//! A YAML or JSON text: parsed into a tree, and searched for the position of a field.
//!
//! Limits: [`MAX_SOURCE_BYTES`], [`MAX_DEPTH`], [`MAX_NODES`].

use crate::domain::text::{self, TextError};
use crate::text::depth::{MAX_DEPTH, too_deep};
use crate::text::error::{FieldError, SourceError};
use crate::text::locate::{Finder, Path};
use crate::text::node::{Builder, MAX_NODES, Node};
use serde::de::DeserializeSeed;
use std::cell::Cell;
use std::sync::Arc;

/// Maximum size of a file, in bytes.
pub const MAX_SOURCE_BYTES: usize = 4 << 20;

/// Line and column, counted from 1.
type Position = (u32, u32);

/// A position. The limit on the size of a file keeps its numbers small.
fn position(line: usize, column: usize) -> Position {
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// The text of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// File name as the caller gave it. A name that ends in `.json` means JSON.
    origin: String,
    text: Arc<str>,
}

impl Source {
    /// Decodes a file.
    ///
    /// # Errors
    /// The file is larger than [`MAX_SOURCE_BYTES`], is not text, or is nested deeper than
    /// [`MAX_DEPTH`].
    pub fn new(bytes: &[u8], origin: &str) -> Result<Self, SourceError> {
        let origin: String = origin.chars().take(4096).collect();
        let refuse = |position, message: String, hint: &str| SourceError {
            origin: origin.as_str().into(),
            position,
            field: String::new(),
            message,
            hint: (!hint.is_empty()).then(|| hint.to_owned()),
            also: Box::default(),
        };
        if bytes.len() > MAX_SOURCE_BYTES {
            let mebibytes = bytes.len() as f64 / f64::from(1 << 20);
            let max = MAX_SOURCE_BYTES >> 20;
            let message = format!("the file is too large ({mebibytes:.1} MiB, maximum {max} MiB)");
            return Err(refuse(
                None,
                message,
                "a matrix keeps plans small; large plans can be divided",
            ));
        }
        let text = text::decode(bytes).map_err(|error| match error {
            TextError::NotUtf8 { line, .. } => {
                refuse(Some(position(line, 1)), "the text is not UTF-8".into(), "")
            }
            other => refuse(None, other.to_string(), ""),
        })?;
        let source = Self { origin: origin.clone(), text: text.as_ref().into() };
        if let (false, Some(line)) = (source.is_json(), too_deep(&text)) {
            let message = format!("nested too deeply (maximum {MAX_DEPTH} brackets)");
            return Err(refuse(
                Some(position(line, 1)),
                message,
                "is a closing bracket or quote missing?",
            ));
        }
        Ok(source)
    }

    /// File name as the caller gave it.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    fn is_json(&self) -> bool {
        is_json(&self.origin)
    }

    /// Parses the text.
    ///
    /// # Errors
    /// The syntax is broken, a key occurs twice, a number is not finite, or there are too many
    /// values.
    pub fn parse(&self) -> Result<Node, SourceError> {
        let left = Cell::new(MAX_NODES);
        self.read(Builder::new(&left)).map_err(|(position, message)| {
            let tab = position.is_some_and(|(line, _)| {
                self.text
                    .lines()
                    .nth((line as usize).saturating_sub(1))
                    .is_some_and(|line| line.contains('\t'))
            });
            SourceError {
                origin: self.origin.as_str().into(),
                position,
                field: String::new(),
                message,
                hint: tab.then(|| "indent with spaces, not with tabs".to_owned()),
                also: Box::default(),
            }
        })
    }

    /// Adds file name, line and column to an error and the further ones in it, in the order of the
    /// file.
    #[must_use]
    pub fn locate(&self, mut error: FieldError) -> SourceError {
        let also = std::mem::take(&mut error.also);
        let mut first = self.locate_one(error);
        let mut others: Vec<_> = also.into_iter().map(|error| self.locate_one(error)).collect();
        others.sort_by_key(|other| other.position);
        if let Some(earliest) = others.first_mut().filter(|other| other.position < first.position) {
            std::mem::swap(earliest, &mut first);
            others.sort_by_key(|other| other.position);
        }
        SourceError { also: others.into(), ..first }
    }

    /// Line and column of a field, counted from 1; none for the whole file. For a field that the
    /// file does not have, it is a position in the mapping that lacks it: its start in YAML, its end
    /// in JSON.
    #[must_use]
    pub fn position(&self, path: &Path) -> Option<(u32, u32)> {
        if *path == Path::default() {
            return None;
        }
        match self.read(Finder { steps: &path.0 }) {
            Err((position, _)) => position,
            Ok(()) => None,
        }
    }

    fn locate_one(&self, error: FieldError) -> SourceError {
        SourceError {
            origin: self.origin.as_str().into(),
            position: self.position(&error.path),
            field: error.path.to_string(),
            message: error.message,
            hint: error.hint,
            also: Box::default(),
        }
    }

    fn read<'de, S: DeserializeSeed<'de>>(
        &'de self,
        seed: S,
    ) -> Result<S::Value, (Option<Position>, String)> {
        if self.is_json() {
            let mut from = serde_json::Deserializer::from_str(&self.text);
            let value = seed.deserialize(&mut from);
            let value = value.and_then(|value| from.end().map(|()| value));
            value.map_err(|error| {
                let at = position(error.line().max(1), error.column().max(1));
                let message = error.to_string();
                let suffix = format!(" at line {} column {}", error.line(), error.column());
                (Some(at), without(&message, &suffix))
            })
        } else {
            let value = seed.deserialize(serde_yaml::Deserializer::from_str(&self.text));
            value.map_err(|error| {
                let at = error.location().map(|at| position(at.line(), at.column()));
                let message = error.to_string();
                let suffix = at.map(|(line, column)| format!(" at line {line} column {column}"));
                (at, without(&message, &suffix.unwrap_or_default()))
            })
        }
    }
}

/// Whether a file is JSON, by its name.
#[must_use]
pub fn is_json(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case("json"))
}

fn without(message: &str, suffix: &str) -> String {
    message.strip_suffix(suffix).unwrap_or(message).to_owned()
}
