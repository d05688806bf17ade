//! Why a plan is refused: which file and line, which field, what was expected, what to do.
//!
//! A refusal carries all problems that were found, up to [`MAX_PROBLEMS`]: readers go on after
//! the first ([`Found`]), so that a person mends them in one go.

use crate::text::locate::Path;
use crate::text::node::Node;
use std::fmt;

/// Maximum number of problems that one refusal carries.
pub const MAX_PROBLEMS: usize = 100;

/// A file that cannot be taken as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PlanError {
    /// File name as the caller gave it.
    pub origin: Box<str>,
    /// Line and column, counted from 1.
    pub position: Option<(u32, u32)>,
    /// Field, such as `tests[3].timeout`; empty for the whole file.
    pub field: String,
    pub message: String,
    pub hint: Option<String>,
    /// Further problems of the same file. They have no further ones of their own.
    pub also: Box<[PlanError]>,
}

impl PlanError {
    /// This problem and the further ones, in the order in which they were found.
    pub fn each(&self) -> impl Iterator<Item = &PlanError> {
        std::iter::once(self).chain(&self.also)
    }
}

impl fmt::Display for PlanError {
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
pub struct Problem {
    pub path: Path,
    pub message: String,
    pub hint: Option<String>,
    /// Further problems, which were found beside it.
    pub also: Vec<Problem>,
}

impl Problem {
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
pub struct Wrong {
    pub message: String,
    pub hint: Option<String>,
}

impl Wrong {
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
    pub fn at(self, path: &Path) -> Problem {
        Problem { path: path.clone(), message: self.message, hint: self.hint, also: Vec::new() }
    }
}

/// A file that cannot be read, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// Collects problems, so that reading goes on after the first.
#[derive(Debug, Default)]
pub struct Found(Vec<Problem>);

impl Found {
    /// The value, or nothing and the problem is noted.
    pub fn keep<T>(&mut self, read: Result<T, Problem>) -> Option<T> {
        read.map_err(|problem| self.note(problem)).ok()
    }

    /// Notes a problem with those that it carries. The same one again is not noted: a matrix
    /// reads one entry many times.
    pub fn note(&mut self, mut problem: Problem) {
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
        self.0.len() >= MAX_PROBLEMS
    }

    /// # Errors
    /// What was found, the first one with the others.
    pub fn end(self) -> Result<(), Problem> {
        let mut all = self.0.into_iter();
        match all.next() {
            None => Ok(()),
            Some(first) => Err(Problem { also: all.collect(), ..first }),
        }
    }
}

/// The known name that a typing mistake was meant to be. Names that have no letter in common, or
/// a number of another length (`fp8`, `fp16`), are other names and no mistake.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name: String = name.chars().take(64).collect();
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
    let (number, length) = (digits(&name), name.chars().count());
    known
        .into_iter()
        .filter(|candidate| digits(candidate) == number)
        .map(|candidate| (strsim::damerau_levenshtein(&name, candidate), candidate))
        .filter(|(distance, candidate)| {
            let other = candidate.chars().count();
            *distance <= 1 + other / 3 && *distance < other.min(length)
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// What people of other tools call the keys of a plan.
const SYNONYMS: [(&str, &str); 18] = [
    ("gpu", "accelerators"),
    ("gpus", "accelerators"),
    ("device", "accelerators"),
    ("devices", "accelerators"),
    ("gpu_memory", "accelerator_memory"),
    ("vram", "accelerator_memory"),
    ("ram", "memory"),
    ("mem", "memory"),
    ("cpus", "cpu"),
    ("cores", "cpu"),
    ("compute_capability", "min_architecture"),
    ("command", "cmd"),
    ("run", "cmd"),
    ("needs", "depends_on"),
    ("dependencies", "depends_on"),
    ("resources", "requires"),
    ("retry", "retries"),
    ("precision", "dtype"),
];

/// A hint that names the nearest known name, or all of them.
#[must_use]
pub fn did_you_mean(name: &str, known: &[&str]) -> String {
    let synonym = SYNONYMS.iter().find(|(other, key)| *other == name && known.contains(key));
    let near = synonym.map(|(_, key)| *key);
    match near.or_else(|| nearest(name, known.iter().copied())) {
        Some(candidate) => format!("did you mean {candidate:?}?"),
        None => format!("known are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_suggested_and_nothing_else() {
        assert_eq!(nearest("timout", ["timeout", "tags"]), Some("timeout"));
        assert_eq!(nearest("cudda", ["cpu", "cuda"]), Some("cuda"));
        assert_eq!(nearest("fp8", ["fp16", "bf16", "fp32"]), None);
        assert_eq!(nearest("bfloat61", ["bfloat16"]), Some("bfloat16"));
        assert_eq!(nearest("c", ["a", "b"]), None);
        assert_eq!(nearest("", ["a"]), None);
        assert_eq!(nearest("gpt3", ["gpt2"]), Some("gpt2"));
        assert_eq!(did_you_mean("gpu", &["cpu", "accelerators"]), "did you mean \"accelerators\"?");
        assert_eq!(did_you_mean("gpu", &["cpu"]), "did you mean \"cpu\"?");
        assert_eq!(did_you_mean("fp8", &["fp16"]), "known are fp16");
        assert_eq!(nearest("unti-12", ["unit-12", "unit-13"]), Some("unit-12"));
    }

    #[test]
    fn problems_are_collected_once_each_and_up_to_a_limit() {
        let mut found = Found::default();
        let at = |index| Problem::new(&Path::default().index(index), "wrong");
        assert_eq!(found.keep::<()>(Err(at(0))), None);
        found.note(Problem { also: vec![at(1), at(0)], ..at(0) });
        assert_eq!(found.keep(Ok(7)), Some(7));
        for index in 0..2 * MAX_PROBLEMS {
            found.note(at(index));
        }
        assert!(found.full());
        let first = found.end().expect_err("problems");
        assert_eq!((first.path.to_string(), first.also.len()), ("[0]".into(), MAX_PROBLEMS - 1));
        assert_eq!(Found::default().end(), Ok(()));
    }
}
