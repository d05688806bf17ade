//! Plan files: what people write so that tests run (`docs/plan.md`).
//!
//! Limits: [`crate::plan::source::MAX_PLAN_BYTES`], [`MAX_TESTS`] and those beside the
//! types of this module. Promises: nothing is guessed (an unknown key is an error), every
//! refusal names file, line and field, and equal files give equal tests in equal order.

use crate::domain::launch::MAX_LIST;
use crate::plan::entry::{self, Entry, MAX_NAME_BYTES};
use crate::plan::fields::{Fields, text, whole};
use crate::plan::locate::Path;
use crate::plan::matrix::Matrix;
use crate::plan::models::{self, ModelEntry};
use crate::plan::names;
use crate::plan::node::Node;
use crate::plan::problem::{PlanError, Problem, Wrong};
use crate::plan::settings::{SHARED_KEYS, Settings};
use crate::plan::source::Source;

/// Version of the plan format that this dtf reads.
pub const SCHEMA: i64 = 1;
/// Most tests of one plan, generated ones counted.
pub const MAX_TESTS: usize = 500_000;

const KEYS: [&str; 5] = ["schema", "name", "defaults", "tests", "models"];
/// Mappings of `defaults` that are merged key by key; everything else is replaced.
const MERGED: [&str; 4] = ["requires", "env", "labels", "retries"];

/// A plan that was read and understood; files and models were not looked at yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub name: String,
    pub(super) source: Source,
    pub(super) entries: Vec<Entry>,
    pub(super) models: Vec<ModelEntry>,
}

impl Plan {
    /// Reads a plan. `origin` is its file name: it appears in errors, names a plan that
    /// does not name itself, and decides between YAML and JSON (`.json`).
    ///
    /// # Errors
    /// The first thing that is not understood, with line and field.
    pub fn parse(bytes: &[u8], origin: &str) -> Result<Self, PlanError> {
        let source = Source::new(bytes, origin)?;
        let root = source.parse()?;
        let (name, entries, models) = read(&root, &source).map_err(|p| source.refuse(p))?;
        Ok(Self { name, source, entries, models })
    }

    /// Models that the plan names, in its order.
    #[must_use]
    pub fn models(&self) -> &[ModelEntry] {
        &self.models
    }

    /// Models whose tests stand in the plan, as the labels of these say.
    pub fn labelled_models(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| Some(entry.settings.labels.get("model")?.as_str()))
    }
}

fn read(root: &Node, source: &Source) -> Result<(String, Vec<Entry>, Vec<ModelEntry>), Problem> {
    let top = Path::default();
    if *root == Node::Null {
        return Err(Problem::new(&top, "the plan is empty").hint("see examples/quickstart.yaml"));
    }
    let fields = Fields::new(root, &top, &KEYS)?;
    fields.optional("schema", |node| match node {
        Node::Int(SCHEMA) => Ok(()),
        Node::Int(newer) if *newer > SCHEMA => {
            let wrong = Wrong::new(format!("schema {newer} is newer than this dtf, which reads 1"));
            Err(wrong.hint("update dtf"))
        }
        other => whole(SCHEMA, SCHEMA)(other).map(drop),
    })?;
    let name = fields.optional("name", text)?.unwrap_or_else(|| stem(source.origin()));
    entry::check_name(&name, &top.key("name"))?;
    let defaults = read_defaults(&fields)?;
    let mut entries = Vec::new();
    for_each(&fields, "tests", |node, path| {
        expand(&with_defaults(node, defaults, &[]), path, &mut entries)
    })?;
    let mut model_entries = Vec::new();
    for_each(&fields, "models", |node, path| {
        let node = match node {
            // A model by its name alone.
            Node::Text(_) => &Node::Map(vec![("model".into(), node.clone())]),
            other => other,
        };
        // These come from the template of the model's family.
        let node = with_defaults(node, defaults, &["environment", "isolation", "files"]);
        model_entries.push(models::read(&node, path)?);
        Ok(())
    })?;
    names::tell_apart(&mut model_entries);
    if entries.is_empty() && model_entries.is_empty() {
        return Err(Problem::new(&top, "the plan has no test").hint("add tests: or models:"));
    }
    Ok((name, entries, model_entries))
}

fn stem(origin: &str) -> String {
    let file = origin.rsplit(['/', '\\']).next().unwrap_or(origin);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let clean: String = stem.chars().filter(|c| !c.is_control()).take(100).collect();
    if clean.trim().is_empty() { "plan".into() } else { clean }
}

fn read_defaults<'a>(fields: &Fields<'a>) -> Result<Option<&'a Node>, Problem> {
    let Some(node) = fields.get("defaults") else { return Ok(None) };
    let known: Vec<&str> = SHARED_KEYS.iter().copied().chain(["files"]).collect();
    let inner = Fields::new(node, &fields.path.key("defaults"), &known)?;
    Settings::read(&inner)?;
    inner.list("files", MAX_LIST, text)?;
    Ok(Some(node))
}

fn for_each(
    fields: &Fields,
    key: &str,
    mut read: impl FnMut(&Node, &Path) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let path = fields.path.key(key);
    match fields.get(key) {
        None => Ok(()),
        Some(Node::List(items)) => {
            items.iter().enumerate().try_for_each(|(at, node)| read(node, &path.index(at)))
        }
        Some(other) => {
            Err(Wrong::expected("a list", other).hint("start each entry with \"- \"").at(&path))
        }
    }
}

/// The entry with what `defaults` says about keys that it leaves out.
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
fn expand(node: &Node, path: &Path, entries: &mut Vec<Entry>) -> Result<(), Problem> {
    let fields = Fields::new(node, path, &entry::keys())?;
    let (Some(matrix), Node::Map(template)) = (fields.get("matrix"), node) else {
        entries.push(Entry::read(node, path)?);
        return check_count(entries.len(), path);
    };
    let matrix = Matrix::read(matrix, &path.key("matrix"))?;
    check_count(entries.len() + matrix.combinations.len(), path)?;
    for combination in &matrix.combinations {
        entries.push(Entry::read(&matrix.entry(template, combination), path)?);
    }
    Ok(())
}

/// # Errors
/// More than [`MAX_TESTS`].
pub(super) fn check_count(count: usize, path: &Path) -> Result<(), Problem> {
    if count <= MAX_TESTS {
        return Ok(());
    }
    Err(Problem::new(path, format!("more than {MAX_TESTS} tests")).hint("split the plan"))
}

const _: () = assert!(MAX_NAME_BYTES >= 256, "names of generated tests fit");
