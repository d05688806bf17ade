//! Tests for models: configuration → family → template → one script for each back-end and
//! shape.
//!
//! Promises: smaller shapes come first, and the smallest of a model on a back-end is a gate:
//! the others depend on it, so that a model that does not even load costs one attempt. Where
//! several tests would compute one reference, it is a test of its own, before them.

use crate::domain::accelerator::Backend;
use crate::domain::launch::{Environment, Isolation, Packages, Program};
use crate::plan::catalogue;
use crate::plan::classify::{self, Classified};
use crate::plan::entry::{Entry, TakenFile, check_name};
use crate::plan::estimate::{self, Shape};
use crate::plan::files::Files;
use crate::plan::library::Library;
use crate::plan::matrix::{Combination, Matrix};
use crate::plan::models::{BackendChoice, ModelEntry, Weights};
use crate::plan::node::Node;
use crate::plan::problem::{Problem, Wrong};
use crate::plan::template::{Context, Template};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Interpreters that generated scripts run on.
pub const PYTHON: &str = ">=3.10";
/// File that a reference hands on, and the variable that names it to those that compare.
const REFERENCE_FILE: &str = "reference.safetensors";
const REFERENCE: &str = "DTF_REFERENCE";
/// Variable that lets a script fetch weights.
const ALLOW_DOWNLOAD: &str = "DTF_ALLOW_DOWNLOAD";

/// All that the tests of one entry share.
struct Subject<'a> {
    entry: &'a ModelEntry,
    found: catalogue::Found,
    class: Classified,
    template: Template,
    /// Back-ends with a template of their own.
    special: BTreeMap<Backend, Template>,
}

/// One test before its script is written.
struct Case {
    backend: Backend,
    parameters: Map<String, Value>,
}

/// The tests of one model.
///
/// # Errors
/// No configuration, no family, no template, or a shape or parameter that does not fit.
pub fn entries(
    entry: &ModelEntry,
    files: &dyn Files,
    library: &Library,
    accelerators: &BTreeSet<Backend>,
) -> Result<Vec<Entry>, Problem> {
    let subject = Subject::look_up(entry, files, library)?;
    let mut cases = subject.cases(accelerators)?;
    // By back-end in the order of the plan, small before large.
    let mut order: Vec<Backend> = Vec::new();
    for case in &cases {
        if !order.contains(&case.backend) {
            order.push(case.backend);
        }
    }
    cases.sort_by_key(|case| (order.iter().position(|b| *b == case.backend), case.work()));
    let references = subject.references(&cases);
    let mut gates: HashMap<Backend, String> = HashMap::new();
    let mut tests = Vec::with_capacity(cases.len() + references.len());
    for reference in references.values() {
        tests.push(subject.reference(reference)?);
    }
    for case in &cases {
        let mut test = subject.test(case)?;
        if let Some(reference) = references.get(&subject.reference_of(case).key()) {
            test.inputs =
                vec![TakenFile { test: subject.name(reference), file: REFERENCE_FILE.to_owned() }];
            test.settings.env.insert(REFERENCE.into(), REFERENCE_FILE.into());
        }
        match gates.get(&case.backend) {
            Some(gate) => test.depends_on = vec![gate.clone()],
            None => {
                gates.insert(case.backend, test.name.clone());
            }
        }
        tests.push(test);
    }
    Ok(tests)
}

impl Case {
    fn is_reference(&self) -> bool {
        self.text("role") == "reference"
    }

    /// The case that computes what this one compares with: one sample, on the processor, in
    /// full precision. `defaults` are those of the template that the processor's tests are
    /// written with, which may not have all that this one has.
    fn reference(&self, defaults: &Map<String, Value>) -> Self {
        let own = |(name, default): (&String, &Value)| {
            (name.clone(), self.parameters.get(name).unwrap_or(default).clone())
        };
        let mut parameters: Map<String, Value> = defaults.iter().map(own).collect();
        for (name, value) in [
            ("role", json!("reference")),
            ("batch", json!(1)),
            ("dtype", json!("fp32")),
            ("attention", json!("default")),
            ("runtime", json!("torch")),
        ] {
            // Only what the template has.
            if let Some(parameter) = parameters.get_mut(name) {
                *parameter = value;
            }
        }
        Self { backend: Backend::Cpu, parameters }
    }

    /// What tells references apart.
    fn key(&self) -> String {
        Value::Object(self.parameters.clone()).to_string()
    }

    fn number(&self, key: &str) -> u64 {
        self.parameters.get(key).and_then(Value::as_u64).unwrap_or(0)
    }

    fn text(&self, key: &str) -> &str {
        self.parameters.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// Rough cost, only to put small before large.
    fn work(&self) -> u64 {
        let length = self.number("sequence_length") + self.number("max_new_tokens");
        let image = self.number("image_size");
        self.number("batch").max(1).saturating_mul(length.max(image.saturating_mul(image)).max(1))
    }
}

impl<'a> Subject<'a> {
    fn look_up(
        entry: &'a ModelEntry,
        files: &dyn Files,
        library: &Library,
    ) -> Result<Self, Problem> {
        let at_model = |wrong: Wrong| wrong.at(&entry.path.key("model"));
        let found = catalogue::find(&entry.model, &entry.place, files).map_err(at_model)?;
        let families = library.families();
        let said = entry.family.as_deref();
        let class = classify::classify(families, &entry.prefix, Some(&found.config), said)
            .map_err(|wrong| {
                let key = if said.is_some() { "family" } else { "model" };
                wrong.at(&entry.path.key(key))
            })?;
        let explained = |wrong: Wrong| {
            let message = format!("{} ({}: {})", wrong.message, entry.model, class.reason);
            at_model(Wrong { message, hint: wrong.hint })
        };
        let load = |backend| library.template(&class.family, backend).map_err(explained);
        let template = load(None)?;
        let special = library.special_backends(&class.family);
        let special = special.map(|backend| Ok((backend, load(Some(backend))?)));
        let special = special.collect::<Result<_, Problem>>()?;
        if !found.config.get("model_type").is_some_and(Value::is_string) {
            let wrong = Wrong::new("the configuration has no model_type");
            return Err(at_model(wrong.hint("its config.json must name one")));
        }
        Ok(Self { entry, found, class, template, special })
    }

    fn template(&self, backend: Backend) -> &Template {
        self.special.get(&backend).unwrap_or(&self.template)
    }

    /// What several cases compare with, by what they share.
    fn references(&self, cases: &[Case]) -> BTreeMap<String, Case> {
        let mut sharing: BTreeMap<String, (usize, Case)> = BTreeMap::new();
        for case in cases {
            let reference = self.reference_of(case);
            sharing.entry(reference.key()).or_insert((0, reference)).0 += 1;
        }
        let shared = sharing.into_iter().filter(|(_, (count, _))| *count > 1);
        shared.map(|(key, (_, reference))| (key, reference)).collect()
    }

    fn reference_of(&self, case: &Case) -> Case {
        case.reference(&self.template(Backend::Cpu).front_matter.parameters)
    }

    /// Every combination of back-ends and shapes that is not excluded.
    fn cases(&self, accelerators: &BTreeSet<Backend>) -> Result<Vec<Case>, Problem> {
        let mut axes = vec![("backend".to_owned(), self.backends(accelerators)?)];
        for (name, values) in &self.entry.shapes {
            let known = self.template.front_matter.parameters.contains_key(*name);
            if known || !self.entry.lenient {
                axes.push(((*name).to_owned(), Node::List(values.clone())));
            }
        }
        if let Some(exclude) = &self.entry.exclude {
            axes.push(("exclude".into(), without_absent(exclude, &axes)));
        }
        if let Some(include) = &self.entry.include {
            axes.push(("include".into(), include.clone()));
        }
        axes.retain(|(_, node)| *node != Node::List(Vec::new()));
        let matrix = Matrix::read(&Node::Map(axes), &self.entry.path)?;
        matrix.combinations.iter().map(|combination| self.case(combination)).collect()
    }

    fn backends(&self, accelerators: &BTreeSet<Backend>) -> Result<Node, Problem> {
        let mut known = self.template.front_matter.backends.clone();
        known.extend(
            self.special.keys().filter(|own| !self.template.front_matter.backends.contains(own)),
        );
        let mut chosen: Vec<Backend> = Vec::new();
        for choice in &self.entry.backends {
            let more: Vec<Backend> = match choice {
                BackendChoice::One(backend) if known.contains(backend) => vec![*backend],
                BackendChoice::One(backend) => {
                    let names: Vec<&str> = known.iter().map(|backend| backend.name()).collect();
                    let family = &self.class.family;
                    let message = format!("{family} tests cannot be generated for {backend}");
                    let problem = Problem::new(&self.entry.path.key("backends"), message);
                    return Err(problem.hint(format!("known are {}", names.join(", "))));
                }
                // What the template does not support is left out: auto asks for what works.
                BackendChoice::Auto => {
                    let found = accelerators.iter().copied().filter(|b| known.contains(b));
                    std::iter::once(Backend::Cpu).chain(found).collect()
                }
            };
            chosen.extend(more);
        }
        let mut seen = BTreeSet::new();
        chosen.retain(|backend| seen.insert(*backend));
        Ok(Node::List(chosen.iter().map(|backend| Node::Text(backend.name().into())).collect()))
    }

    fn case(&self, combination: &Combination) -> Result<Case, Problem> {
        let mut backend = Backend::Cpu;
        let mut said: Vec<(&str, Value)> = Vec::new();
        for (name, node) in &combination.0 {
            if name == "backend" {
                let text = node.scalar().unwrap_or_default();
                backend = text.parse().map_err(
                    |problem: crate::domain::accelerator::UnknownBackend| {
                        Problem::new(&self.entry.path.key("include"), problem.to_string())
                    },
                )?;
            } else {
                said.push((name, json_of(node)));
            }
        }
        let shapes = said.len();
        said.extend(
            self.entry.parameters.iter().map(|(name, node)| (name.as_str(), json_of(node))),
        );
        if let Some(weights) = self.entry.weights {
            said.push(("weights", json!(weights.parameter())));
        }
        let names: Vec<String> = said.iter().take(shapes).map(|(name, _)| (*name).into()).collect();
        let parameters = self.template(backend).parameters(said).map_err(|(name, wrong)| {
            let path = &self.entry.path;
            let shape = names.contains(&name);
            wrong.at(&if shape { path.key(&name) } else { path.key("parameters").key(&name) })
        })?;
        Ok(Case { backend, parameters })
    }

    fn reference(&self, case: &Case) -> Result<Entry, Problem> {
        let mut entry = self.test(case)?;
        entry.artifacts = vec![REFERENCE_FILE.to_owned()];
        Ok(entry)
    }

    fn test(&self, case: &Case) -> Result<Entry, Problem> {
        let name = self.name(case);
        check_name(&name, &self.entry.path.key("model"))?;
        let template = self.template(case.backend);
        let front_matter = &template.front_matter;
        let environment = self.entry.settings.environment.clone().unwrap_or_else(|| {
            let requirements = front_matter.packages(case.text("runtime"));
            Environment::Packages(Packages { requirements, python: Some(PYTHON.into()) })
        });
        let requirements = match &environment {
            Environment::Packages(packages) => packages.requirements.clone(),
            Environment::System => front_matter.packages(case.text("runtime")),
        };
        let model_type = self.found.config.get("model_type").and_then(Value::as_str);
        let cached = Some(self.found.revision.as_str()).filter(|revision| !revision.is_empty());
        let script = template.render(&Context {
            test_name: &name,
            model: &self.entry.model,
            family: &self.class.family,
            model_type: model_type.unwrap_or_default(),
            backend: case.backend.name(),
            config: &self.found.config,
            parameters: &case.parameters,
            revision: self.entry.revision.as_deref().or(cached),
            requirements: &requirements,
            template_version: front_matter.version,
            dtf_version: env!("CARGO_PKG_VERSION"),
        });
        let script = script.map_err(|wrong| wrong.at(&self.entry.path))?;
        let mut settings = self.entry.settings.clone();
        settings.environment = Some(environment);
        settings.isolation = Some(settings.isolation.unwrap_or(Isolation::Warm));
        self.require(case, &mut settings.requires);
        if self.entry.weights == Some(Weights::Download) {
            settings.env.entry(ALLOW_DOWNLOAD.into()).or_insert_with(|| "1".into());
        }
        for (label, value) in self.labels(case) {
            settings.labels.entry(label.into()).or_insert(value);
        }
        // What wrote the test is a fact, whatever the plan says.
        for (label, value) in [
            ("template", template.name().to_owned()),
            ("template_version", front_matter.version.to_string()),
            ("template_digest", template.digest.clone()),
        ] {
            settings.labels.insert(label.into(), value);
        }
        Ok(Entry {
            path: self.entry.path.clone(),
            program: Program::Script(script_name(&name)),
            name,
            files: Vec::new(),
            depends_on: Vec::new(),
            artifacts: Vec::new(),
            inputs: Vec::new(),
            junit: None,
            settings,
            generated: Some(script.into()),
        })
    }

    /// `bert-base-uncased/cpu/b1-s128-fp32`
    fn name(&self, case: &Case) -> String {
        let length = match case.parameters.get("sequence_length") {
            Some(length) => format!("-s{length}"),
            None => String::new(),
        };
        let image = match self.image(case) {
            0 => String::new(),
            image => format!("-i{image}"),
        };
        let prefix = &self.entry.prefix;
        if case.is_reference() {
            let size = format!("{length}{image}");
            let size = size.trim_start_matches('-');
            return format!("{prefix}/reference{}{size}", if size.is_empty() { "" } else { "/" });
        }
        let shape = format!("b{}{length}{image}", case.number("batch"));
        let usual = ["", "default", "torch"];
        let further = ["attention", "runtime"].map(|name| case.text(name));
        let further = further.iter().filter(|text| !usual.contains(text));
        let further: String = further.map(|text| format!("-{text}")).collect();
        format!("{prefix}/{}/{shape}-{}{further}", case.backend, case.text("dtype"))
    }

    /// Edge of the images; what the configuration says when the plan does not. 0 for texts.
    fn image(&self, case: &Case) -> u64 {
        if !case.parameters.contains_key("image_size") {
            return 0;
        }
        let configured = || match self.found.config.get("image_size") {
            Some(Value::Array(sides)) => sides.iter().filter_map(Value::as_u64).max(),
            other => other.and_then(Value::as_u64),
        };
        match case.number("image_size") {
            0 => configured().unwrap_or(224),
            said => said,
        }
    }

    fn require(&self, case: &Case, requires: &mut crate::plan::settings::Requires) {
        requires.backend = Some(case.backend);
        let shape = Shape {
            batch: case.number("batch"),
            tokens: case.number("sequence_length") + case.number("max_new_tokens"),
            image: self.image(case),
            width: if case.text("dtype") == "fp32" { 4 } else { 2 },
        };
        if let Some(memory) = estimate::memory(&self.found.config, shape, case.backend) {
            requires.memory_bytes.get_or_insert(memory.host_bytes);
            if memory.accelerator_bytes > 0 {
                requires.accelerator_memory_bytes.get_or_insert(memory.accelerator_bytes);
            }
        }
    }

    fn labels(&self, case: &Case) -> Vec<(&'static str, String)> {
        let mut labels = vec![
            ("model", self.entry.model.clone()),
            ("family", self.class.family.clone()),
            ("task", self.class.task.clone()),
            ("backend", case.backend.to_string()),
            ("batch", case.number("batch").to_string()),
            ("dtype", case.text("dtype").to_owned()),
            ("weights", case.text("weights").to_owned()),
        ];
        for name in ["role", "attention", "runtime"] {
            if case.parameters.contains_key(name) {
                labels.push((name, case.text(name).to_owned()));
            }
        }
        if case.parameters.contains_key("sequence_length") {
            labels.push(("sequence_length", case.number("sequence_length").to_string()));
        }
        if self.image(case) > 0 {
            labels.push(("image_size", self.image(case).to_string()));
        }
        labels
    }
}

/// `exclude` may name back-ends that `auto` did not find.
fn without_absent(exclude: &Node, axes: &[(String, Node)]) -> Node {
    let Node::List(items) = exclude else { return exclude.clone() };
    let found = axes.iter().find(|(name, _)| name == "backend").map(|(_, node)| node);
    let present = |item: &&Node| match (item.get("backend"), found) {
        (Some(backend @ Node::Text(name)), Some(Node::List(found))) => {
            found.contains(backend) || name.parse::<Backend>().is_err()
        }
        _ => true,
    };
    Node::List(items.iter().filter(present).cloned().collect())
}

fn json_of(node: &Node) -> Value {
    match node {
        Node::Bool(value) => json!(value),
        Node::Int(value) => json!(value),
        Node::Float(value) => json!(value),
        Node::Text(text) => json!(text),
        Node::Null | Node::List(_) | Node::Map(_) => Value::Null,
    }
}

/// The file of a generated test: a name that every file system and Python accept. Two tests
/// may get the same one; each has a directory of its own, and a request refuses it.
fn script_name(test: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let name: String = test.chars().map(plain).take(150).collect();
    format!("test_{name}.py")
}
