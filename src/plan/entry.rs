//! One test of a plan that runs a command or a script.

use crate::domain::launch::{Junit, MAX_LIST, Program};
use crate::domain::name;
use crate::models::weights::requested::Requested;
use crate::models::weights::source::Source;
use crate::plan::files::path::normalise;
use crate::plan::keys::with_synonyms;
use crate::plan::settings::{SHARED_KEYS, Settings};
use crate::plan::weights;
use crate::text::error::{FieldError, FieldErrors, ValueError};
use crate::text::fields::{Fields, all, text, whole, word};
use crate::text::locate::Path;
use crate::text::node::Node;
use std::num::NonZeroU32;
use std::sync::Arc;

/// Maximum length of the name of a test, in bytes.
pub use crate::domain::test::MAX_NAME_BYTES;
/// Maximum number of names and patterns in one `depends_on`.
pub const MAX_DEPENDENCIES: usize = 1000;

const OWN_KEYS: [&str; 10] = [
    "name",
    "cmd",
    "script",
    "files",
    "weights",
    "depends_on",
    "artifacts",
    "inputs",
    "junit",
    "matrix",
];

/// One test, after its matrix was expanded.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Path in the file. All entries of one matrix have the same path.
    pub path: Path,
    pub name: String,
    pub program: Program,
    /// Files, directories and patterns, relative to the plan.
    pub files: Vec<String>,
    /// Names or patterns of other tests.
    pub depends_on: Vec<String>,
    pub junit: Option<Junit>,
    /// Files that the test hands on to tests that depend on it.
    pub artifacts: Vec<String>,
    /// Files that the test takes from other tests. It depends on these tests.
    pub inputs: Vec<TakenFile>,
    pub settings: Settings,
    /// Weights that the plan requests for a test whose model dtf does not know.
    pub requested_weights: Option<Requested>,
    /// Weights that were chosen. [`crate::plan::submission`] chooses those of `requested_weights`.
    pub weights: Option<Source>,
    /// Text of a generated script. `None` if the script is a file of the plan.
    pub generated: Option<Arc<str>>,
}

/// A file that another test hands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenFile {
    /// Name of the test.
    pub test: String,
    /// One of the artifacts of that test. It is placed at the same path.
    pub file: String,
}

/// Every key of an entry under `tests`.
#[must_use]
pub fn keys() -> Vec<&'static str> {
    OWN_KEYS.iter().chain(&SHARED_KEYS).copied().collect()
}

impl Entry {
    /// Reads an entry without a matrix.
    ///
    /// # Errors
    /// Every error in the entry.
    pub fn read(node: &Node, path: &Path) -> Result<Self, FieldError> {
        let mut errors = FieldErrors::default();
        let entry = Self::read_on(node, path, &mut errors);
        errors.end()?;
        entry.ok_or_else(|| FieldError::new(path, "not an entry"))
    }

    /// Reads an entry like [`Self::read`], but notes the errors. The entry is returned if its name
    /// is valid, because other tests may refer to it.
    pub(super) fn read_on(node: &Node, path: &Path, errors: &mut FieldErrors) -> Option<Self> {
        let fields = Fields::open(node, path, with_synonyms(&keys()), errors)?;
        let name = errors.keep(fields.required("name", word));
        let name = name.filter(|name| errors.keep(check_name(name, &path.key("name"))).is_some());
        let program = errors.keep(read_program(&fields));
        let entry = Self {
            path: path.clone(),
            name: name.clone().unwrap_or_default(),
            program: program.unwrap_or(Program::Command(Vec::new())),
            files: errors.keep(fields.list("files", MAX_LIST, text)).unwrap_or_default(),
            depends_on: errors
                .keep(fields.list("depends_on", MAX_DEPENDENCIES, word))
                .unwrap_or_default(),
            artifacts: errors
                .keep(fields.list("artifacts", MAX_LIST, relative_path))
                .unwrap_or_default(),
            inputs: errors.keep(read_inputs(&fields)).unwrap_or_default(),
            junit: errors.keep(read_junit(&fields)).flatten(),
            settings: errors.keep(Settings::read(&fields)).unwrap_or_default(),
            requested_weights: errors.keep(fields.optional("weights", weights::of_test)).flatten(),
            weights: None,
            generated: None,
        };
        name.map(|_| entry)
    }
}

/// Reads a path that is relative to the directory of the plan.
fn relative_path(node: &Node) -> Result<String, ValueError> {
    normalise(&text(node)?)
}

/// Reads `junit: report.xml` or `junit: {file: report.xml, cases: 60}`.
fn read_junit(fields: &Fields) -> Result<Option<Junit>, FieldError> {
    let Some(node @ Node::Map(_)) = fields.get("junit") else {
        let file = fields.optional("junit", relative_path)?;
        return Ok(file.map(|file| Junit { file, cases: None }));
    };
    let inner = Fields::new(node, &fields.path.key("junit"), &["file", "cases"])?;
    let cases = inner.optional("cases", whole(1, i64::from(u32::MAX)))?;
    let cases = cases.and_then(|cases| NonZeroU32::new(u32::try_from(cases).ok()?));
    Ok(Some(Junit { file: inner.required("file", relative_path)?, cases }))
}

fn read_inputs(fields: &Fields) -> Result<Vec<TakenFile>, FieldError> {
    let Some(node) = fields.get("inputs") else { return Ok(Vec::new()) };
    let path = fields.path.key("inputs");
    let Node::List(items) = node else {
        let error = FieldError::new(&path, "expected a list");
        return Err(error.hint("for example [{test: make-data, file: data.bin}]"));
    };
    let read = |(at, item): (usize, &Node)| {
        let inner = Fields::new(item, &path.index(at), &["test", "file"])?;
        let test = inner.required("test", word)?;
        Ok(TakenFile { test, file: inner.required("file", relative_path)? })
    };
    all(items.iter().take(MAX_LIST + 1).enumerate().map(read))
}

/// Checks the name of a test.
///
/// # Errors
/// The name is empty, is too long, or has control characters.
pub fn check_name(name: &str, path: &Path) -> Result<(), FieldError> {
    let name = if name.trim().is_empty() { "" } else { name };
    name::check(name, MAX_NAME_BYTES)
        .map_err(|error| FieldError::new(path, format!("the name {error}")))
}

fn read_program(fields: &Fields) -> Result<Program, FieldError> {
    match (fields.get("cmd"), fields.get("script")) {
        (Some(_), Some(_)) => {
            let error = FieldError::new(&fields.path, "both cmd and script are given");
            Err(error.hint("cmd runs any command, script a Python file with the test protocol"))
        }
        (None, None) => {
            let error = FieldError::new(&fields.path, "neither cmd nor script is given");
            Err(error.hint("cmd: [pytest, -q] or script: test_it.py"))
        }
        (Some(Node::Text(line)), None) => {
            let error = FieldError::new(&fields.path.key("cmd"), "expected a list of words");
            let words: Vec<&str> = line.split_whitespace().collect();
            Err(error.hint(format!("write [{}], or [sh, -c, \"…\"] for a shell", words.join(", "))))
        }
        (Some(_), None) => {
            let words = fields.list("cmd", MAX_LIST, word)?;
            match words.first() {
                Some(first) if !first.is_empty() => Ok(Program::Command(words)),
                _ => Err(FieldError::new(&fields.path.key("cmd"), "the command is empty")),
            }
        }
        (None, Some(_)) => {
            let script = fields.required("script", relative_path)?;
            Ok(Program::Script(script))
        }
    }
}
