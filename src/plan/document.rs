//! Reads plan files (`docs/plan.md`).
//!
//! Limits: [`crate::text::source::MAX_SOURCE_BYTES`], [`MAX_TESTS`] and those beside the
//! types of this module. Promises: an unknown key is an error; every error has file, line and
//! field; equal files give equal tests in the same order.

use crate::domain::launch::MAX_LIST;
use crate::models::weights::requested::Requested;
use crate::plan::entry::{self, Entry, MAX_NAME_BYTES};
use crate::plan::generate::compare;
use crate::plan::keys::with_synonyms;
use crate::plan::matrix::Matrix;
use crate::plan::model_entry::ModelEntry;
use crate::plan::names;
use crate::plan::resolve;
use crate::plan::settings::{SHARED_KEYS, Settings};
use crate::text::error::{FieldError, FieldErrors, SourceError, ValueError};
use crate::text::fields::{Fields, text, whole};
use crate::text::locate::Path;
use crate::text::node::Node;
use crate::text::source::Source;

/// Version of the plan format.
pub const SCHEMA: i64 = 1;
/// Maximum number of tests of one plan, including generated ones.
pub const MAX_TESTS: usize = 500_000;

const KEYS: [&str; 5] = ["schema", "name", "defaults", "tests", "models"];
/// Mappings of `defaults` that are merged key by key. An entry replaces all other keys.
const MERGED: [&str; 4] = ["requires", "env", "labels", "retries"];

/// A plan that was read. Its files and models are not read yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub name: String,
    pub(super) source: Source,
    pub(super) entries: Vec<Entry>,
    pub(super) models: Vec<ModelEntry>,
    pub(super) require_weights: bool,
}

impl Plan {
    /// Reads a plan. `origin` is its file name: it appears in errors, is the default for the name
    /// of the plan, and decides between YAML and JSON (`.json`).
    ///
    /// # Errors
    /// Every error in the file, with lines and fields.
    pub fn parse(bytes: &[u8], origin: &str) -> Result<Self, SourceError> {
        let source = Source::new(bytes, origin)?;
        let root = source.parse()?;
        let (name, entries, models) = read(&root, &source).map_err(|p| source.locate(p))?;
        Ok(Self { name, source, entries, models, require_weights: false })
    }

    /// Refuses random weights.
    pub fn require_weights(&mut self) {
        self.require_weights = true;
        for model in &mut self.models {
            model.require_weights = true;
        }
    }

    /// The weights that tests request whose models dtf does not know.
    pub fn requested_weights(&self) -> impl Iterator<Item = &Requested> {
        self.entries.iter().filter_map(|entry| entry.requested_weights.as_ref())
    }

    /// The models of the plan, in its order.
    #[must_use]
    pub fn models(&self) -> &[ModelEntry] {
        &self.models
    }

    /// Models of the tests that are written out in the plan, from their labels.
    pub fn labelled_models(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| Some(entry.settings.labels.get("model")?.as_str()))
    }
}

fn read(root: &Node, source: &Source) -> Result<(String, Vec<Entry>, Vec<ModelEntry>), FieldError> {
    let top = Path::default();
    if *root == Node::Null {
        return Err(FieldError::new(&top, "the plan is empty").hint("see examples/quickstart.yaml"));
    }
    let mut errors = FieldErrors::default();
    let read = read_on(root, source, &mut errors);
    errors.end()?;
    read.ok_or_else(|| ValueError::expected("a mapping", root).at(&top))
}

fn read_on(
    root: &Node,
    source: &Source,
    errors: &mut FieldErrors,
) -> Option<(String, Vec<Entry>, Vec<ModelEntry>)> {
    let top = Path::default();
    let fields = Fields::open(root, &top, with_synonyms(&KEYS), errors)?;
    let schema = fields.optional("schema", |node| match node {
        Node::Int(SCHEMA) => Ok(()),
        Node::Int(newer) if *newer > SCHEMA => {
            let error =
                ValueError::new(format!("schema {newer} is newer than this dtf, which reads 1"));
            Err(error.hint("update dtf"))
        }
        other => whole(SCHEMA, SCHEMA)(other).map(drop),
    });
    // Another version may give the other keys another meaning.
    errors.keep(schema)?;
    let name = errors.keep(fields.optional("name", text)).flatten();
    let name = name.unwrap_or_else(|| stem(source.origin()));
    errors.keep(entry::check_name(&name, &top.key("name")));
    // Errors in `defaults` are reported once, not for every entry.
    let defaults = errors.keep(read_defaults(&fields)).flatten();
    let mut entries = Vec::new();
    let tests = for_each(&fields, "tests", |node, path| {
        expand(&with_defaults(node, defaults, &[]), path, &mut entries, errors);
    });
    errors.keep(tests);
    let mut model_entries = Vec::new();
    let models = for_each(&fields, "models", |node, path| {
        let node = match node {
            // A text is the name of a model.
            Node::Text(_) => &Node::Map(vec![("model".into(), node.clone())]),
            other => other,
        };
        // The template of the family provides these.
        let node = with_defaults(node, defaults, &["environment", "isolation", "files"]);
        model_entries.extend(errors.keep(compare::entries(&node, path)).unwrap_or_default());
    });
    errors.keep(models);
    names::make_prefixes_unique(&mut model_entries);
    if !errors.is_empty() {
        // The names of tests that are generated for models are not known yet.
        if fields.get("models").is_none() {
            resolve::resolve(&entries, errors);
        }
    } else if entries.is_empty() && model_entries.is_empty() {
        errors.note(FieldError::new(&top, "the plan has no test").hint("add tests: or models:"));
    }
    Some((name, entries, model_entries))
}

fn stem(origin: &str) -> String {
    let file = origin.rsplit(['/', '\\']).next().unwrap_or(origin);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let clean: String = stem.chars().filter(|c| !c.is_control()).take(100).collect();
    if clean.trim().is_empty() { "plan".into() } else { clean }
}

fn read_defaults<'a>(fields: &Fields<'a>) -> Result<Option<&'a Node>, FieldError> {
    let Some(node) = fields.get("defaults") else { return Ok(None) };
    let known: Vec<&str> = SHARED_KEYS.iter().copied().chain(["files"]).collect();
    let mut errors = FieldErrors::default();
    let known = with_synonyms(&known);
    if let Some(inner) = Fields::open(node, &fields.path.key("defaults"), known, &mut errors) {
        errors.keep(Settings::read(&inner));
        errors.keep(inner.list("files", MAX_LIST, text));
    }
    errors.end().map(|()| Some(node))
}

fn for_each(
    fields: &Fields,
    key: &str,
    mut read: impl FnMut(&Node, &Path),
) -> Result<(), FieldError> {
    let path = fields.path.key(key);
    match fields.get(key) {
        None => Ok(()),
        Some(Node::List(items)) => {
            for (at, node) in items.iter().enumerate() {
                read(node, &path.index(at));
            }
            Ok(())
        }
        Some(other) => Err(ValueError::expected("a list", other)
            .hint("start each entry with \"- \"")
            .at(&path)),
    }
}

/// The entry, with the values of `defaults` for the keys that it lacks.
fn with_defaults(node: &Node, defaults: Option<&Node>, except: &[&str]) -> Node {
    let (Node::Map(own), Some(Node::Map(defaults))) = (node, defaults) else {
        return node.clone();
    };
    let mut merged = own.clone();
    for (key, value) in defaults.iter().filter(|(key, _)| !except.contains(&key.as_str())) {
        match merged.iter_mut().find(|(name, _)| name == key) {
            None => merged.push((key.clone(), value.clone())),
            Some((_, Node::Map(inner))) if MERGED.contains(&key.as_str()) => {
                let Node::Map(more) = value else { continue };
                let missing: Vec<_> = more
                    .iter()
                    .filter(|(name, _)| !inner.iter().any(|(have, _)| have == name))
                    .cloned()
                    .collect();
                inner.extend(missing);
            }
            Some(_) => {}
        }
    }
    Node::Map(merged)
}

/// Reads one entry of `tests`, once for each combination of its matrix.
fn expand(node: &Node, path: &Path, entries: &mut Vec<Entry>, errors: &mut FieldErrors) {
    if errors.full() {
        return;
    }
    let matrix = node.get("matrix").filter(|matrix| **matrix != Node::Null);
    let (Some(matrix), Node::Map(template)) = (matrix, node) else {
        entries.extend(Entry::read_on(node, path, errors));
        errors.keep(check_count(entries.len(), path));
        return;
    };
    let read = Matrix::read(matrix, &path.key("matrix")).and_then(|matrix| {
        check_count(entries.len() + matrix.combinations.len(), path).map(|()| matrix)
    });
    let Some(matrix) = errors.keep(read) else {
        // Without combinations only the rest of the entry can be checked.
        let rest = template.iter().filter(|(key, _)| key != "matrix").cloned().collect();
        Entry::read_on(&Node::Map(rest), path, errors);
        return;
    };
    for combination in &matrix.combinations {
        entries.extend(Entry::read_on(&matrix.entry(template, combination), path, errors));
        if errors.full() {
            break;
        }
    }
}

/// Checks the number of tests.
///
/// # Errors
/// There are more than [`MAX_TESTS`].
pub(super) fn check_count(count: usize, path: &Path) -> Result<(), FieldError> {
    if count <= MAX_TESTS {
        return Ok(());
    }
    Err(FieldError::new(path, format!("more than {MAX_TESTS} tests")).hint("split the plan"))
}

const _: () = assert!(MAX_NAME_BYTES >= 256, "names of generated tests fit");
