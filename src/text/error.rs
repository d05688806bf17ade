//! Why a plan is refused: which file and line, which field, what was expected, what to do.
//!
//! A refusal carries all problems that were found, up to [`MAX_ERRORS`]: readers go on after
//! the first ([`FieldErrors`]), so that a person mends them in one go.

use crate::text::locate::Path;
use crate::text::node::Node;
use std::fmt;

/// Maximum number of problems that one refusal carries.
pub const MAX_ERRORS: usize = 100;

/// A file that cannot be taken as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SourceError {
    /// File name as the caller gave it.
    pub origin: Box<str>,
    /// Line and column, counted from 1.
    pub position: Option<(u32, u32)>,
    /// Field, such as `tests[3].timeout`; empty for the whole file.
    pub field: String,
    pub message: String,
    pub hint: Option<String>,
    /// Further problems of the same file. They have no further ones of their own.
    pub also: Box<[SourceError]>,
}

impl SourceError {
    /// This problem and the further ones, in the order in which they were found.
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

/// The same before the file and the line are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    pub path: Path,
    pub message: String,
    pub hint: Option<String>,
    /// Further problems, which were found beside it.
    pub also: Vec<FieldError>,
}

impl FieldError {
    #[must_use]
    pub fn new(path: &Path, message: impl Into<String>) -> Self {
        Self { path: path.clone(), message: message.into(), hint: None, also: Vec::new() }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// What is wrong with one value; the reader of the field adds where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    pub message: String,
    pub hint: Option<String>,
}

impl ValueError {
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    #[must_use]
    pub fn expected(what: &str, found: &Node) -> Self {
        Self::new(format!("expected {what}, found {}", found.describe()))
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn at(self, path: &Path) -> FieldError {
        FieldError { path: path.clone(), message: self.message, hint: self.hint, also: Vec::new() }
    }
}

/// A file that cannot be read, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(pub String);

/// Collects problems, so that reading goes on after the first.
#[derive(Debug, Default)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// The value, or nothing and the problem is noted.
    pub fn keep<T>(&mut self, read: Result<T, FieldError>) -> Option<T> {
        read.map_err(|problem| self.note(problem)).ok()
    }

    /// Notes a problem with those that it carries. The same one again is not noted: a matrix
    /// reads one entry many times.
    pub fn note(&mut self, mut problem: FieldError) {
        let also = std::mem::take(&mut problem.also);
        for problem in std::iter::once(problem).chain(also) {
            if !self.full() && !self.0.contains(&problem) {
                self.0.push(problem);
            }
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is no room for more: reading on is of no use.
    #[must_use]
    pub fn full(&self) -> bool {
        self.0.len() >= MAX_ERRORS
    }

    /// # Errors
    /// What was found, the first one with the others.
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
    fn problems_are_collected_once_each_and_up_to_a_limit() {
        let mut found = FieldErrors::default();
        let at = |index| FieldError::new(&Path::default().index(index), "wrong");
        assert_eq!(found.keep::<()>(Err(at(0))), None);
        found.note(FieldError { also: vec![at(1), at(0)], ..at(0) });
        assert_eq!(found.keep(Ok(7)), Some(7));
        for index in 0..2 * MAX_ERRORS {
            found.note(at(index));
        }
        assert!(found.full());
        let first = found.end().expect_err("problems");
        assert_eq!((first.path.to_string(), first.also.len()), ("[0]".into(), MAX_ERRORS - 1));
        assert_eq!(FieldErrors::default().end(), Ok(()));
    }
}
