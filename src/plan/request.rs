//! `dtf generate` and `dtf run MODEL`: a plan that nobody wrote, from the command line.

use crate::domain::accelerator::Backend;
use crate::plan::entry::Entry;
use crate::plan::files::Files;
use crate::plan::generate;
use crate::plan::library::Library;
use crate::plan::locate::Path;
use crate::plan::models;
use crate::plan::node::Node;
use crate::plan::problem::{PlanError, Problem, Wrong};
use crate::plan::submission::{Submission, submission};
use crate::plan::write;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most models in one request.
pub const MAX_MODELS: usize = 1000;

/// What the command line asks for. Empty lists take the defaults of the family's template.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Name of the plan and run.
    pub name: String,
    /// Names, folders (`./my-model`) or `config.json` files.
    pub models: Vec<String>,
    /// Back-ends by name, or `auto`; empty: cpu.
    pub backends: Vec<String>,
    pub batch: Vec<u32>,
    /// Left out for families that read no text.
    pub sequence_length: Vec<u32>,
    /// Left out for families that see no images.
    pub image_size: Vec<u32>,
    pub dtype: Vec<String>,
    pub attention: Vec<String>,
    pub runtime: Vec<String>,
    /// `auto`, `download`, `random` or `cached`.
    pub weights: Option<String>,
    pub family: Option<String>,
    pub revision: Option<String>,
    /// Further parameters of the template as written: `iterations` → `20`.
    pub parameters: Vec<(String, String)>,
}

/// A plan file, its scripts, and the same as tests.
#[derive(Debug, Clone)]
pub struct Generated {
    /// YAML that [`crate::plan::document::Plan`] reads; scripts stand beside it.
    pub plan: String,
    /// File name and text of each script.
    pub scripts: Vec<(String, Arc<str>)>,
    pub submission: Submission,
}

/// Makes the tests for some models.
///
/// # Errors
/// As for a plan file; fields are named after the plan's.
pub fn generate(
    request: &Request,
    files: &dyn Files,
    library: &Library,
    accelerators: &BTreeSet<Backend>,
) -> Result<Generated, PlanError> {
    let refuse = |problem: Problem| PlanError {
        origin: "command line".into(),
        position: None,
        field: problem.path.to_string(),
        message: problem.message,
        hint: problem.hint,
    };
    let entries = entries(request, files, library, accelerators).map_err(refuse)?;
    let name = if request.name.is_empty() { "generated" } else { request.name.as_str() };
    let submission = submission(name.to_owned(), &entries, files).map_err(refuse)?;
    let plan = write::plan(name, &entries).map_err(|message| {
        refuse(Problem::new(&Path::default(), format!("the plan cannot be written: {message}")))
    })?;
    let script = |entry: Entry| match (entry.program, entry.generated) {
        (crate::domain::launch::Program::Script(path), Some(text)) => Some((path, text)),
        _ => None,
    };
    let scripts = entries.into_iter().filter_map(script).collect();
    Ok(Generated { plan, scripts, submission })
}

fn entries(
    request: &Request,
    files: &dyn Files,
    library: &Library,
    accelerators: &BTreeSet<Backend>,
) -> Result<Vec<Entry>, Problem> {
    let path = Path::default().key("models");
    if !(1..=MAX_MODELS).contains(&request.models.len()) {
        let message = format!("{} models, allowed are 1 to {MAX_MODELS}", request.models.len());
        return Err(Problem::new(&path, message));
    }
    let mut entries = Vec::new();
    for (at, model) in request.models.iter().enumerate() {
        let node = request.node(model).map_err(|wrong| wrong.at(&path.index(at)))?;
        let mut entry = models::read(&node, &path.index(at))?;
        entry.lenient = true;
        entries.extend(generate::entries(&entry, files, library, accelerators)?);
    }
    check_scripts(&entries)?;
    Ok(entries)
}

/// Names of tests may differ where names of files do not.
fn check_scripts(entries: &[Entry]) -> Result<(), Problem> {
    let mut seen = std::collections::HashMap::new();
    for entry in entries {
        let crate::domain::launch::Program::Script(script) = &entry.program else { continue };
        if let Some(other) = seen.insert(script, &entry.name) {
            let message = format!("{:?} and {other:?} would share the file {script}", entry.name);
            return Err(Problem::new(&entry.path, message).hint("generate them one by one"));
        }
    }
    Ok(())
}

impl Request {
    /// The same as an entry of a plan's `models`.
    fn node(&self, model: &str) -> Result<Node, Wrong> {
        let text = |text: &str| Node::Text(text.to_owned());
        let texts = |list: &[String]| Node::List(list.iter().map(|item| text(item)).collect());
        let numbers = |list: &[u32]| {
            Node::List(list.iter().map(|number| Node::Int(i64::from(*number))).collect())
        };
        let parameters = self.parameters.iter().map(|(name, value)| (name.clone(), scalar(value)));
        let mut map = vec![
            ("model".to_owned(), text(model)),
            ("backends".to_owned(), texts(&self.backends)),
            ("batch".to_owned(), numbers(&self.batch)),
            ("sequence_length".to_owned(), numbers(&self.sequence_length)),
            ("image_size".to_owned(), numbers(&self.image_size)),
            ("dtype".to_owned(), texts(&self.dtype)),
            ("attention".to_owned(), texts(&self.attention)),
            ("runtime".to_owned(), texts(&self.runtime)),
            ("parameters".to_owned(), Node::Map(parameters.collect())),
        ];
        for (key, value) in
            [("weights", &self.weights), ("family", &self.family), ("revision", &self.revision)]
        {
            map.extend(value.iter().map(|value| (key.to_owned(), text(value))));
        }
        let mut seen = BTreeSet::new();
        match self.parameters.iter().find(|(name, _)| !seen.insert(name)) {
            Some((name, _)) => Err(Wrong::new(format!("the parameter {name:?} is given twice"))),
            None => Ok(Node::Map(map)),
        }
    }
}

/// A number where it looks like one.
fn scalar(text: &str) -> Node {
    if let Ok(number) = text.parse::<i64>() {
        return Node::Int(number);
    }
    match (text, text.parse::<f64>()) {
        ("true", _) => Node::Bool(true),
        ("false", _) => Node::Bool(false),
        (_, Ok(number)) if number.is_finite() => Node::Float(number),
        _ => Node::Text(text.to_owned()),
    }
}
