//! Errors in texts that people write: file and line, field, what was expected, and what to do.
//!
//! An error has one of three forms, by how much of its place is known: [`ValueError`] (a value),
//! [`FieldError`] (a field of a tree), [`SourceError`] (a line of a file). Limit: at most
//! [`MAX_ERRORS`] errors of one file are reported together. Readers continue after an error
//! ([`FieldErrors`]), so that a person can correct all of them at once.

use crate::text::locate::Path;
use crate::text::node::Node;
use std::fmt;

/// Maximum number of errors that are reported together.
pub const MAX_ERRORS: usize = 100;

/// An error in a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SourceError {
    /// File name as the caller gave it.
    pub origin: Box<str>,
    /// Line and column, counted from 1.
    pub position: Option<(u32, u32)>,
    /// Field, such as `tests[3].timeout`. Empty for the whole file.
    pub field: String,
    pub message: String,
    pub hint: Option<String>,
    /// Further errors in the same file. Their own `also` is empty.
    pub also: Box<[SourceError]>,
}

impl SourceError {
    /// This error and the further ones.
    pub fn each(&self) -> impl Iterator<Item = &SourceError> {
        std::iter::once(self).chain(&self.also)
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)?;
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        if !self.field.is_empty() {
            write!(f, ": {}", self.field)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// An error in a field, before the file and the line are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    pub path: Path,
    pub message: String,
    pub hint: Option<String>,
    /// Further errors in the same tree.
    pub also: Vec<FieldError>,
}

impl FieldError {
    /// An error in the field at `path`.
    #[must_use]
    pub fn new(path: &Path, message: impl Into<String>) -> Self {
        Self { path: path.clone(), message: message.into(), hint: None, also: Vec::new() }
    }

    /// Adds the next step for the user.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// An error in a value. The reader of the field adds its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    pub message: String,
    pub hint: Option<String>,
}

impl ValueError {
    /// An error without a hint.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// A value of another type or form: "expected …, found …".
    #[must_use]
    pub fn expected(what: &str, node: &Node) -> Self {
        Self::new(format!("expected {what}, found {}", node.describe()))
    }

    /// Adds the next step for the user.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the place of the value.
    #[must_use]
    pub fn at(self, path: &Path) -> FieldError {
        FieldError { path: path.clone(), message: self.message, hint: self.hint, also: Vec::new() }
    }
}

/// Why a file or directory cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(pub String);

/// Collects errors, so that a reader can continue after the first.
#[derive(Debug, Default)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// Takes the value out of a result, or notes its error.
    pub fn keep<T>(&mut self, result: Result<T, FieldError>) -> Option<T> {
        result.map_err(|error| self.note(error)).ok()
    }

    /// Notes an error and the further ones in it. Equal errors are noted once, because a matrix
    /// reads one entry many times.
    pub fn note(&mut self, mut error: FieldError) {
        let also = std::mem::take(&mut error.also);
        for error in std::iter::once(error).chain(also) {
            if !self.full() && !self.0.contains(&error) {
                self.0.push(error);
            }
        }
    }

    /// Whether no error was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether [`MAX_ERRORS`] errors were noted, so that a reader can stop.
    #[must_use]
    pub fn full(&self) -> bool {
        self.0.len() >= MAX_ERRORS
    }

    /// Ends the collection.
    ///
    /// # Errors
    /// The first error, with the others in it.
    pub fn end(self) -> Result<(), FieldError> {
        let mut all = self.0.into_iter();
        match all.next() {
            None => Ok(()),
            Some(first) => Err(FieldError { also: all.collect(), ..first }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_errors_are_collected_once_and_up_to_a_limit() {
        let mut errors = FieldErrors::default();
        let at = |index| FieldError::new(&Path::default().index(index), "wrong");
        assert_eq!(errors.keep::<()>(Err(at(0))), None);
        errors.note(FieldError { also: vec![at(1), at(0)], ..at(0) });
        assert_eq!(errors.keep(Ok(7)), Some(7));
        for index in 0..2 * MAX_ERRORS {
            errors.note(at(index));
        }
        assert!(errors.full());
        let first = errors.end().expect_err("problems");
        assert_eq!((first.path.to_string(), first.also.len()), ("[0]".into(), MAX_ERRORS - 1));
        assert_eq!(FieldErrors::default().end(), Ok(()));
    }
}
