//! Comparison of two checkpoints: `compare:` of a model entry.
//!
//! The other checkpoint becomes a separate entry with the same shapes, before the first one. Its
//! reference hands on the answers to the carried questions, and each test of the first entry compares
//! its own answers with them. A label names the test of the other checkpoint that has the same
//! shape, so that reports show both side by side.

use crate::plan::entry::TakenFile;
use crate::plan::generate::{ANSWERS_FILE, ModelTests};
use crate::plan::model_entry::{self, Comparison, ModelEntry};
use crate::text::error::{FieldError, ValueError};
use crate::text::fields::text;
use crate::text::locate::Path;
use crate::text::node::Node;

/// Environment variable that names this file.
const COMPARE: &str = "DTF_COMPARE";
/// Label with the name of the test of the other checkpoint.
const COMPARED_WITH: &str = "compared_with";
/// Keys of an entry that are about its own weights.
const OWN_WEIGHTS: [&str; 5] = ["compare", "name", "revision", "weights", "quality"];

/// Reads an entry under `models`. With `compare`, the entry of the other checkpoint precedes it.
///
/// # Errors
/// All errors of the entry, or those of the other checkpoint.
pub fn entries(node: &Node, path: &Path) -> Result<Vec<ModelEntry>, FieldError> {
    let mut first = model_entry::read(node, path)?;
    let given = node.get("compare").filter(|given| **given != Node::Null);
    let (Some(given), Node::Map(keys)) = (given, node) else { return Ok(vec![first]) };
    let at = path.key("compare");
    let mut other: Vec<(String, Node)> =
        keys.iter().filter(|(key, _)| !OWN_WEIGHTS.contains(&key.as_str())).cloned().collect();
    let mut set = |key: &str, value: Node| {
        other.retain(|(name, _)| name != key);
        other.push((key.to_owned(), value));
    };
    match given {
        Node::Text(_) => set("model", given.clone()),
        Node::Map(_) if given.get("folder").is_some() => {
            set("model", Node::Text(directory(given).map_err(|error| error.at(&at))?));
        }
        Node::Map(_) if given.get("hub").is_some() => {
            set("model", given.get("hub").cloned().unwrap_or(Node::Null));
            if let Some(revision) = given.get("revision") {
                set("revision", revision.clone());
            }
        }
        Node::Map(_) => {
            set("name", Node::Text(format!("{}-compared", first.prefix)));
            set("weights", given.clone());
        }
        other => {
            let error = ValueError::expected("a model, or a source of weights", other);
            return Err(error.hint("for example ./base-model, or {folder: ./base-model}").at(&at));
        }
    }
    let mut other = model_entry::read(&Node::Map(other), path).map_err(|error| FieldError {
        path: at.clone(),
        message: format!("the other checkpoint: {}", error.message),
        ..error
    })?;
    other.comparison = Comparison::Answers;
    first.comparison = Comparison::Compares;
    Ok(vec![other, first])
}

/// The directory of `{folder: ./x}`, as a model.
fn directory(given: &Node) -> Result<String, ValueError> {
    let directory = text(given.get("folder").unwrap_or(&Node::Null))?;
    let is_local = directory.starts_with("./") || directory.ends_with('/');
    Ok(if is_local { directory } else { format!("./{directory}") })
}

/// The tests of a checkpoint whose answers others are compared with.
#[derive(Debug, Default)]
pub struct Answering {
    family: String,
    /// Shape, name and reference of each test.
    tests: Vec<(String, String, String)>,
}

impl Answering {
    /// Notes the tests of `entry` if others are compared with them, or connects them with the tests
    /// that were noted before.
    ///
    /// # Errors
    /// The checkpoints cannot be compared.
    pub fn connect(&mut self, entry: &ModelEntry, made: &mut ModelTests) -> Result<(), FieldError> {
        if entry.comparison != Comparison::None
            && made.about.weights.values().any(|chosen| chosen.source.is_random())
        {
            let model = &entry.model;
            let message = format!("{model} has random weights, whose answers mean nothing");
            let error = FieldError::new(&entry.path.key("compare"), message);
            return Err(error.hint("compare two models with weights"));
        }
        match entry.comparison {
            Comparison::None => Ok(()),
            Comparison::Answers => {
                *self = Self::of(entry, made);
                Ok(())
            }
            Comparison::Compares => std::mem::take(self).connected(entry, made),
        }
    }

    fn of(entry: &ModelEntry, made: &ModelTests) -> Self {
        let tests = made.tests.iter().filter_map(|test| {
            let taken = test.entry.inputs.first()?;
            let shape = shape(entry, &test.entry.name)?;
            Some((shape.to_owned(), test.entry.name.clone(), taken.test.clone()))
        });
        Self { family: made.about.classification.family.clone(), tests: tests.collect() }
    }

    fn connected(self, entry: &ModelEntry, made: &mut ModelTests) -> Result<(), FieldError> {
        let at = entry.path.key("compare");
        let family = &made.about.classification.family;
        if *family != self.family {
            let message = format!("the families differ: {family} and {}", self.family);
            return Err(FieldError::new(&at, message));
        }
        let mut connected = 0;
        for test in &mut made.tests {
            let test = &mut test.entry;
            let Some(shape) = shape(entry, &test.name) else { continue };
            let Some((_, other, reference)) = self.tests.iter().find(|(own, ..)| own == shape)
            else {
                continue;
            };
            if test.inputs.is_empty() {
                continue; // a reference or load test
            }
            test.inputs.push(TakenFile { test: reference.clone(), file: ANSWERS_FILE.into() });
            test.settings.env.insert(COMPARE.into(), ANSWERS_FILE.into());
            test.settings.labels.insert(COMPARED_WITH.into(), other.clone());
            connected += 1;
        }
        if connected == 0 {
            let message = "no test of the other checkpoint has the same shape";
            return Err(FieldError::new(&at, message)
                .hint("specify batch, sequence_length or image_size, so that they are equal"));
        }
        Ok(())
    }
}

/// The name of a test without the prefix of its model.
fn shape<'n>(entry: &ModelEntry, name: &'n str) -> Option<&'n str> {
    name.strip_prefix(&*entry.prefix)?.strip_prefix('/')
}
