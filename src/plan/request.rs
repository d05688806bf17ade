//! Generates tests from the command line: for models (`dtf generate`, `dtf run MODEL`) and for
//! pytest suites.

use crate::domain::launch::Program;
use crate::plan::document::check_count;
use crate::plan::entry::Entry;
use crate::plan::files::directory::Overlay;
use crate::plan::generate::compare::{self, Answering};
use crate::plan::generate::{self, ModelTests, Planned};
use crate::plan::model_entry::{ALLOW_PICKLE, ModelEntry, TRUST_REMOTE_CODE};
use crate::plan::names;
use crate::plan::needs::{self, Known};
use crate::plan::packages;
use crate::plan::priority::Terms;
use crate::plan::pytest;
use crate::plan::pytest::suite::{Item, Suite};
use crate::plan::sources::Sources;
use crate::plan::submission::{Submission, submission};
use crate::plan::write;
use crate::text::error::{FieldError, SourceError};
use crate::text::locate::Path;
use crate::text::node::{Node, shortened};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Maximum number of models in one request.
pub const MAX_MODELS: usize = 1000;

/// Axes with one value each, as written on the command line.
pub type Rule = Vec<(String, String)>;

/// The options of the command line. For empty lists the defaults of the template apply.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Names, directories (`./my-model`) or `config.json` files.
    pub models: Vec<String>,
    /// Back-ends by name, or `auto`. The default is cpu.
    pub backends: Vec<String>,
    pub batch: Vec<u32>,
    /// Ignored for families that read no text.
    pub sequence_length: Vec<u32>,
    /// Ignored for families that read no images.
    pub image_size: Vec<u32>,
    pub dtype: Vec<String>,
    pub attention: Vec<String>,
    pub runtime: Vec<String>,
    /// Sources as short texts: `auto`, `random`, `hub:owner/model`, ….
    pub weights: Vec<String>,
    /// Whether pickled weights are loaded.
    pub allow_pickle: bool,
    /// Whether code in the directory of the model is run.
    pub trust_remote_code: bool,
    pub family: Option<String>,
    pub revision: Option<String>,
    /// Another checkpoint to compare the model with.
    pub compare: Option<String>,
    /// Further parameters of the template as written: `iterations` → `20`.
    pub parameters: Vec<(String, String)>,
    /// Combinations that are removed or added: `backend` → `cuda`, `batch` → `16`.
    pub exclude: Vec<Rule>,
    pub include: Vec<Rule>,
}

/// Generated tests, with the facts about them.
#[derive(Debug, Clone)]
pub struct Generated {
    /// The models and their tests, in the order of `submission`.
    pub models: Vec<ModelTests>,
    /// Tests that do not belong to a model.
    pub others: Vec<Planned>,
    pub submission: Submission,
    /// Generated files, by their paths relative to the plan.
    pub made: BTreeMap<String, Arc<[u8]>>,
}

/// Generates the tests of models.
///
/// # Errors
/// The same as for a plan file. Fields have the names of a plan.
pub fn generate(
    name: &str,
    models: &[ModelEntry],
    sources: &Sources,
) -> Result<Generated, SourceError> {
    let mut answering = Answering::default();
    let models = models.iter().map(|entry| {
        let mut made = generate::model_tests(entry, sources)?;
        answering.connect(entry, &mut made)?;
        Ok(made)
    });
    let models: Vec<ModelTests> = models.collect::<Result<_, _>>().map_err(refuse)?;
    check_shapes(&models).map_err(refuse)?;
    let name = if name.is_empty() { "generated" } else { name };
    put_together(name, models, Vec::new(), sources)
}

/// Generates the tests of a pytest suite.
///
/// # Errors
/// The same as for a plan file. Fields have the names of items.
pub fn suite(suite: &Suite, items: &[Item], sources: &Sources) -> Result<Generated, SourceError> {
    let pytest::Made { mut entries, files: made, mut doubts } =
        pytest::entries(suite, items).map_err(refuse)?;
    doubts.extend(packages::entries::pin(&mut entries, sources.pins).map_err(refuse)?);
    let planned = |mut entry: Entry| {
        let weight = entry.settings.priority.unwrap_or_default();
        let expected = entry.settings.expected.map(|span| span.0);
        // Shards are divided again each time, so the history of a name does not apply.
        let terms = Terms::new(weight, None, 0, expected);
        entry.settings.priority = Some(terms.priority());
        Planned { entry, terms, known: Known::default() }
    };
    let others = entries.into_iter().map(planned).collect();
    let files = Overlay { made: &made, files: sources.files };
    let sources = Sources { files: &files, ..*sources };
    let mut generated = put_together(&suite.name, Vec::new(), others, &sources)?;
    generated.submission.doubts.extend(doubts);
    generated.made = made;
    Ok(generated)
}

fn put_together(
    name: &str,
    mut models: Vec<ModelTests>,
    mut others: Vec<Planned>,
    sources: &Sources,
) -> Result<Generated, SourceError> {
    let all = models.iter_mut().flat_map(|model| &mut model.tests).chain(&mut others);
    names::make_script_names_unique(all.map(|test| &mut test.entry));
    let tests = models.iter().flat_map(|model| &model.tests).chain(&others);
    let entries: Vec<Entry> = tests.map(|test| test.entry.clone()).collect();
    check_count(entries.len(), &Path::default().key("models")).map_err(refuse)?;
    let mut submission = submission(name.to_owned(), &entries, sources).map_err(refuse)?;
    submission.doubts.extend(models.iter().flat_map(ModelTests::doubts));
    for ModelTests { about, .. } in &models {
        for chosen in about.weights.values() {
            submission.weights_notes.add(&about.model, chosen);
        }
    }
    let raised = models.iter().flat_map(|model| &model.tests).filter(|test| test.known.raised);
    submission.doubts.extend(needs::note(raised.map(|test| &*test.entry.name)));
    Ok(Generated { models, others, submission, made: BTreeMap::new() })
}

impl Generated {
    /// All tests in the order of `submission`.
    pub fn tests(&self) -> impl Iterator<Item = &Planned> {
        self.models.iter().flat_map(|model| &model.tests).chain(&self.others)
    }

    /// Returns the tests if all of them can be run.
    ///
    /// # Errors
    /// The tests of a model can be listed, but not run.
    pub fn runnable(self) -> Result<Self, SourceError> {
        match self.models.iter().find_map(|model| model.refusal.clone()) {
            Some(error) => Err(refuse(error)),
            None => Ok(self),
        }
    }

    /// File name and text of each generated script.
    pub fn scripts(&self) -> impl Iterator<Item = (&str, &Arc<str>)> {
        self.tests().filter_map(|test| match (&test.entry.program, &test.entry.generated) {
            (Program::Script(path), Some(text)) => Some((path.as_str(), text)),
            _ => None,
        })
    }

    /// A plan file for [`crate::plan::document::Plan`]. The scripts are files beside it.
    ///
    /// # Errors
    /// YAML cannot represent a value.
    pub fn plan(&self) -> Result<String, SourceError> {
        let entries: Vec<Entry> = self.tests().map(|test| test.entry.clone()).collect();
        write::plan(&self.submission.name, &entries).map_err(|message| {
            refuse(FieldError::new(
                &Path::default(),
                format!("the plan cannot be written: {message}"),
            ))
        })
    }
}

fn refuse(error: FieldError) -> SourceError {
    SourceError {
        origin: "command line".into(),
        position: None,
        field: error.path.to_string(),
        message: error.message,
        hint: error.hint,
        also: error.also.into_iter().map(refuse).collect(),
    }
}

/// Checks that each shape applies to at least one of the models.
fn check_shapes(models: &[ModelTests]) -> Result<(), FieldError> {
    let Some((first, others)) = models.split_first() else { return Ok(()) };
    let unused = |name: &&&str| others.iter().all(|model| model.left_out.contains(*name));
    let Some(name) = first.left_out.iter().find(unused) else { return Ok(()) };
    let families: BTreeSet<&str> =
        models.iter().map(|model| model.about.classification.family.as_str()).collect();
    let families = families.into_iter().collect::<Vec<_>>().join(", ");
    let message = format!("these tests of {families} have no {name}");
    let option = name.replace('_', "-");
    let hint = format!("leave --{option} out, or name a model that has it");
    Err(FieldError::new(&Path::default().key(name), message).hint(hint))
}

impl Request {
    /// The models, as entries of a plan.
    ///
    /// # Errors
    /// The same as for a plan file.
    pub fn models(&self) -> Result<Vec<ModelEntry>, SourceError> {
        let path = Path::default().key("models");
        if !(1..=MAX_MODELS).contains(&self.models.len()) {
            let message = format!("{} models, allowed are 1 to {MAX_MODELS}", self.models.len());
            return Err(refuse(FieldError::new(&path, message)));
        }
        let mut seen = BTreeSet::new();
        if let Some((at, model)) = self.models.iter().enumerate().find(|(_, m)| !seen.insert(*m)) {
            let message = format!("{:?} is given twice", shortened(model));
            return Err(refuse(FieldError::new(&path.index(at), message)));
        }
        let read = |(at, model): (usize, &String)| {
            let path = path.index(at);
            let node = self.node(model, &path)?;
            compare::entries(&node, &path)
        };
        if self.compare.is_some() && self.models.len() > 1 {
            let error = FieldError::new(&Path::default().key("compare"), "needs exactly one model");
            return Err(refuse(error.hint("compare each model in its own command")));
        }
        let models = self.models.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>();
        let mut models = models.map_err(refuse)?.concat();
        for model in &mut models {
            model.lenient = true;
        }
        names::make_prefixes_unique(&mut models);
        Ok(models)
    }

    /// The request for one model as an entry under `models`.
    fn node(&self, model: &str, path: &Path) -> Result<Node, FieldError> {
        let text = |text: &str| Node::Text(text.to_owned());
        let texts = |list: &[String]| Node::List(list.iter().map(|item| text(item)).collect());
        let numbers = |list: &[u32]| {
            Node::List(list.iter().map(|number| Node::Int(i64::from(*number))).collect())
        };
        let pairs = |pairs: &Rule| {
            Node::Map(pairs.iter().map(|(name, value)| (name.clone(), scalar(value))).collect())
        };
        let mut map = vec![
            ("model".to_owned(), text(model)),
            ("backends".to_owned(), texts(&self.backends)),
            ("batch".to_owned(), numbers(&self.batch)),
            ("sequence_length".to_owned(), numbers(&self.sequence_length)),
            ("image_size".to_owned(), numbers(&self.image_size)),
            ("dtype".to_owned(), texts(&self.dtype)),
            ("attention".to_owned(), texts(&self.attention)),
            ("runtime".to_owned(), texts(&self.runtime)),
            ("weights".to_owned(), texts(&self.weights)),
            ("parameters".to_owned(), pairs(&self.parameters)),
        ];
        for (key, rules) in [("exclude", &self.exclude), ("include", &self.include)] {
            for (at, rule) in rules.iter().enumerate() {
                check_keys(rule, &path.key(key).index(at))?;
            }
            if !rules.is_empty() {
                map.push((key.to_owned(), Node::List(rules.iter().map(pairs).collect())));
            }
        }
        let named =
            [("family", &self.family), ("revision", &self.revision), ("compare", &self.compare)];
        for (key, value) in named {
            map.extend(value.iter().map(|value| (key.to_owned(), text(value))));
        }
        let risks =
            [(ALLOW_PICKLE, self.allow_pickle), (TRUST_REMOTE_CODE, self.trust_remote_code)];
        let allowed = risks.iter().filter(|(_, allowed)| *allowed);
        map.extend(allowed.map(|(name, _)| ((*name).to_owned(), Node::Bool(true))));
        check_keys(&self.parameters, &path.key("parameters"))?;
        Ok(Node::Map(map))
    }
}

/// Checks that no key occurs twice, as the parser does for a plan file.
fn check_keys(pairs: &Rule, path: &Path) -> Result<(), FieldError> {
    let mut seen = BTreeSet::new();
    match pairs.iter().find(|(name, _)| !seen.insert(name)) {
        Some((name, _)) => {
            Err(FieldError::new(path, format!("{:?} is given twice", shortened(name))))
        }
        None => Ok(()),
    }
}

/// A number or boolean if the text is one.
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
