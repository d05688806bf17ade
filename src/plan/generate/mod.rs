//! Tests for models: configuration → family → template → one script for each back-end and
//! shape.
//!
//! What runs before what stands in `plan::generate::order`.

mod case;
mod order;

use crate::domain::accelerator::Backend;
use crate::domain::launch::{Environment, Isolation, Packages, Program};
use crate::models::catalogue::{self, ModelConfig, Origin};
use crate::models::classify::{self, Classification, Confidence};
use crate::models::estimate::{self, Runtime, WeightsSource, Workload, estimate};
use crate::models::flags::{self, Flags};
use crate::models::quantised;
use crate::models::sizes;
use crate::models::source::ModelSource;
use crate::models::weights::{self, Weights};
use crate::plan::entry::{Entry, TakenFile, check_name};
use crate::plan::generate::case::{Case, Role};
use crate::plan::history::{History, SIZES};
use crate::plan::matrix::{Combination, Matrix};
use crate::plan::model_entry::{BackendChoice, DOWNLOAD, ModelEntry};
use crate::plan::names::script_name;
use crate::plan::needs::Known;
use crate::plan::priority::{self, Terms};
use crate::plan::sources::Sources;
use crate::templates::check::check_parameters;
use crate::templates::library::Library;
use crate::templates::origin;
use crate::templates::template::{Context, Template};
use crate::text::error::{FieldError, ValueError};
use crate::text::node::Node;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Parameters that have labels of their own, or on which no memory depends.
const USUAL: [&str; 16] = [
    "role",
    "batch",
    "sequence_length",
    "image_size",
    "max_new_tokens",
    "audio_seconds",
    "latent_size",
    "dtype",
    "attention",
    "runtime",
    "openvino_device",
    "weights",
    "seed",
    "warm_up",
    "iterations",
    "min_seconds",
];
/// Most of the label that names all other parameters; more than any template of the binary has.
const MAX_LABEL_CHARS: usize = 250;
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
    found: ModelConfig,
    class: Classification,
    template: Template,
    /// Back-ends with a template of their own.
    special: BTreeMap<Backend, Template>,
    weights: Weights,
}

/// What a model is, as far as it is known.
#[derive(Debug, Clone)]
pub struct About {
    pub model: String,
    pub class: Classification,
    pub flags: Flags,
    /// Where its configuration is from.
    pub origin: Origin,
    /// Commit of it; empty when unknown.
    pub revision: String,
    /// Which weights its tests use.
    pub weights: Weights,
}

impl About {
    /// Whether its family is but a guess.
    fn doubt(&self) -> Option<String> {
        let Classification { family, confidence, reason, .. } = &self.class;
        let doubted = *confidence == Confidence::Low;
        doubted.then(|| format!("{} is tested as {family}, which is a guess: {reason}", self.model))
    }
}

/// One test, and how it came to its place.
#[derive(Debug, Clone)]
pub struct Planned {
    pub entry: Entry,
    pub terms: Terms,
    pub known: Known,
}

/// The tests of one model, each after those that it waits for.
#[derive(Debug, Clone)]
pub struct ModelTests {
    pub about: About,
    pub tests: Vec<Planned>,
    /// Shapes that were asked for and that its template does not have.
    pub left_out: Vec<&'static str>,
    /// Why these tests cannot be run, though they can be explained.
    pub refusal: Option<FieldError>,
    /// In what they differ from the model that was asked for.
    differences: Vec<String>,
}

impl ModelTests {
    /// What people should know before they trust the tests.
    pub fn doubts(&self) -> impl Iterator<Item = String> {
        // Whatever is known of a test, be it by a plan or by earlier runs, reserves some.
        let unknown =
            self.tests.iter().any(|test| test.entry.settings.requires.memory_bytes.is_none());
        let unreserved = unknown.then(|| {
            let model = &self.about.model;
            format!("the size of {model} cannot be estimated: no memory is reserved for its tests")
        });
        self.about.doubt().into_iter().chain(unreserved).chain(self.differences.clone())
    }
}

/// # Errors
/// No configuration, no family, no template, or a shape or parameter that does not fit.
pub fn model_tests(entry: &ModelEntry, sources: &Sources) -> Result<ModelTests, FieldError> {
    let mut subject = Subject::look_up(entry, sources.models, sources.library)?;
    let mut cases = subject.cases(sources.accelerators)?;
    let asked = cases.iter().map(Case::weights).collect();
    let revision = entry.revision.as_deref();
    let config = &subject.found.config;
    subject.weights =
        weights::find(&entry.model, &entry.location, revision, config, &asked, sources.models)
            .map_err(|(key, wrong)| wrong.at(&entry.path.key(key)))?;
    order::sort(&mut cases);
    let plan = order::plan(cases, &subject.template(Backend::Cpu).front_matter.parameters);
    let behind = priority::waiting_behind(&plan.before);
    let names: Vec<String> = plan.cases.iter().map(|case| subject.name(case)).collect();
    let mut tests = Vec::with_capacity(names.len());
    let mut terms = Vec::with_capacity(names.len());
    for (at, case) in plan.cases.iter().enumerate() {
        let (mut test, known) =
            subject.test(&names[at], case, plan.reference[at].is_some(), sources.history)?;
        test.depends_on = plan.before[at].iter().map(|before| names[*before].clone()).collect();
        if let Some(reference) = plan.reference[at] {
            let taken = TakenFile { test: names[reference].clone(), file: REFERENCE_FILE.into() };
            test.depends_on.retain(|name| *name != taken.test);
            test.inputs = vec![taken];
            test.settings.env.insert(REFERENCE.into(), REFERENCE_FILE.into());
        }
        if case.role() == Role::Reference {
            test.artifacts = vec![REFERENCE_FILE.to_owned()];
        }
        let weight = entry.settings.priority.unwrap_or_default();
        let expected = test.settings.expected.map(|span| span.0).or(known.expected_ms());
        terms.push(Terms::new(weight, known.past.as_ref(), behind[at], expected));
        tests.push(Planned { entry: test, terms: Terms::default(), known });
    }
    priority::raise(&mut terms, &plan.before);
    for (test, terms) in tests.iter_mut().zip(terms) {
        test.terms = terms;
        test.entry.settings.priority = Some(terms.priority());
    }
    let left_out = subject.left_out().map(|(name, _)| *name).collect();
    let drawn = plan.cases.iter().any(|case| case.weights() == "random");
    let differences = subject.differences(drawn);
    let refusal = plan.cases.iter().find_map(|case| subject.refusal(case));
    let Subject { class, found, weights, .. } = subject;
    let ModelConfig { config, origin, revision, quantised, .. } = found;
    let flags = Flags::read(&class.family, &config, quantised.as_ref());
    let about = About { model: entry.model.clone(), class, flags, origin, revision, weights };
    Ok(ModelTests { about, tests, left_out, refusal, differences })
}

impl<'a> Subject<'a> {
    fn look_up(
        entry: &'a ModelEntry,
        models: &dyn ModelSource,
        library: &Library,
    ) -> Result<Self, FieldError> {
        let at_model = |wrong: ValueError| wrong.at(&entry.path.key("model"));
        let revision = entry.revision.as_deref();
        let found = catalogue::find(&entry.model, &entry.location, revision, models);
        let found = found.map_err(at_model)?;
        let said = entry.family.as_deref();
        sizes::check(&found.config).map_err(at_model)?;
        let marker = found.marker.as_ref();
        let families = library.families();
        let class = classify::classify(families, &entry.prefix, marker, Some(&found.config), said)
            .map_err(|wrong| {
                let key = if said.is_some() { "family" } else { "model" };
                wrong.at(&entry.path.key(key))
            })?;
        let explained = |wrong: ValueError| {
            let message = format!("{} ({}: {})", wrong.message, entry.model, class.reason);
            at_model(ValueError { message, hint: wrong.hint })
        };
        let load = |backend| library.template(&class.family, backend).map_err(explained);
        let template = load(None)?;
        let special = library.special_backends(&class.family);
        let special = special.map(|backend| Ok((backend, load(Some(backend))?)));
        let special = special.collect::<Result<_, FieldError>>()?;
        if !found.config.get("model_type").is_some_and(Value::is_string) {
            let wrong = ValueError::new("the configuration has no model_type");
            return Err(at_model(wrong.hint("its config.json must name one")));
        }
        let weights = Weights::Requested; // until it is known what the tests ask for
        let subject = Self { entry, found, class, template, special, weights };
        subject.check_parameters(library).map_err(at_model)?;
        Ok(subject)
    }

    /// Parameters of a template that nobody has looked at yet must make sense, as those of the
    /// binary do.
    fn check_parameters(&self, library: &Library) -> Result<(), ValueError> {
        let templates = self.special.values().chain([&self.template]);
        for template in templates.filter(|template| template.origin != origin::Origin::BuiltIn) {
            let backend = template.front_matter.backends.first().map_or("cpu", |b| b.name());
            let render = |parameters: &_| {
                let cell = (&*self.entry.prefix, backend);
                let context = self.context(template, cell, &self.found.config, parameters, &[]);
                template.render(&context).ok()
            };
            check_parameters(library, template, render)?;
        }
        Ok(())
    }

    fn context<'c>(
        &'c self,
        template: &'c Template,
        (test_name, backend): (&'c str, &'c str),
        config: &'c Map<String, Value>,
        parameters: &'c Map<String, Value>,
        requirements: &'c [String],
    ) -> Context<'c> {
        let model_type = self.found.config.get("model_type").and_then(Value::as_str);
        let cached = Some(self.found.revision.as_str()).filter(|revision| !revision.is_empty());
        Context {
            test_name,
            model: &self.entry.model,
            family: &self.class.family,
            model_type: model_type.unwrap_or_default(),
            backend,
            config,
            parameters,
            revision: self.entry.revision.as_deref().or(cached),
            weights_directory: match &self.weights {
                Weights::Own(directory) if parameters.get("weights") != Some(&json!("random")) => {
                    Some(directory)
                }
                _ => None,
            },
            requirements,
            template_version: template.front_matter.version,
            template_digest: &template.digest,
            dtf_version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// Why published weights cannot be tested, where a test would take them.
    fn refusal(&self, case: &Case) -> Option<FieldError> {
        let quantised = self.found.quantised.as_ref()?;
        if case.weights() == "random" || quantised.can_be_dequantised() {
            return None;
        }
        let (message, hint) = quantised.error(&self.entry.model);
        Some(FieldError::new(&self.entry.path.key("model"), message).hint(hint))
    }

    /// In what the tests differ from the model that was asked for. `drawn`: some have random
    /// weights.
    fn differences(&self, drawn: bool) -> Vec<String> {
        let model = &self.entry.model;
        let quantised = self.found.quantised.as_ref().filter(|_| drawn).map(|quantised| {
            let name = quantised.name();
            format!(
                "{model} is quantised ({name}); its random weights are not: plain ones are tested"
            )
        });
        let carried = self.found.origin == Origin::BuiltIn;
        let revision = self.entry.revision.as_ref().filter(|_| carried).map(|revision| {
            format!("revision {revision} of {model} is not known here: its configuration is the one that dtf carries")
        });
        quantised.into_iter().chain(revision).collect()
    }

    /// The configuration as a script has it.
    fn config(&self, case: &Case) -> Cow<'_, Map<String, Value>> {
        let config = &self.found.config;
        match &self.found.quantised {
            None => Cow::Borrowed(config),
            Some(_) if case.weights() == "random" => {
                Cow::Owned(quantised::without_sections(config))
            }
            Some(_) => Cow::Owned(quantised::with_dequantisation(config)),
        }
    }

    fn template(&self, backend: Backend) -> &Template {
        self.special.get(&backend).unwrap_or(&self.template)
    }

    /// Shapes that do not fit, where that is no mistake.
    fn left_out(&self) -> impl Iterator<Item = &'a (&'static str, Vec<Node>)> {
        let known = &self.template.front_matter.parameters;
        let no_image = estimate::image_edge(&self.found.config, &self.class.family) == 0;
        let unknown = move |(name, _): &&(&str, _)| {
            !known.contains_key(*name) || (no_image && *name == "image_size")
        };
        self.entry.shapes.iter().filter(move |shape| self.entry.lenient && unknown(shape))
    }

    /// Every combination of back-ends and shapes that is not excluded.
    fn cases(&self, accelerators: &BTreeSet<Backend>) -> Result<Vec<Case>, FieldError> {
        let mut axes = vec![("backend".to_owned(), self.backends(accelerators)?)];
        let left_out: Vec<_> = self.left_out().collect();
        for shape in self.entry.shapes.iter().filter(|shape| !left_out.contains(shape)) {
            axes.push((shape.0.to_owned(), Node::List(shape.1.clone())));
        }
        // Rules about a shape that is left out are left out with it.
        let fits = |rule: &&Node| left_out.iter().all(|(name, _)| rule.get(name).is_none());
        let fitting = |rules: &Node| match rules {
            Node::List(items) => Node::List(items.iter().filter(fits).cloned().collect()),
            other => other.clone(),
        };
        if let Some(exclude) = &self.entry.exclude {
            axes.push(("exclude".into(), without_absent(&fitting(exclude), &axes)));
        }
        if let Some(include) = &self.entry.include {
            axes.push(("include".into(), fitting(include)));
        }
        axes.retain(|(_, node)| *node != Node::List(Vec::new()));
        let matrix = Matrix::read(&Node::Map(axes), &self.entry.path)?;
        matrix.combinations.iter().map(|combination| self.case(combination)).collect()
    }

    /// Back-ends that some template of the family lists.
    fn known_backends(&self) -> Vec<Backend> {
        let mut known = self.template.front_matter.backends.clone();
        let own: Vec<Backend> =
            self.special.keys().copied().filter(|own| !known.contains(own)).collect();
        known.extend(own);
        known
    }

    fn unknown_backend(&self, backend: Backend, key: &str) -> FieldError {
        let names: Vec<&str> = self.known_backends().iter().map(|known| known.name()).collect();
        let family = &self.class.family;
        let message = format!("{family} tests cannot be generated for {backend}");
        let problem = FieldError::new(&self.entry.path.key(key), message);
        let runtime = match backend {
            Backend::OpenVino => "; OpenVINO is a runtime: cpu with --runtime openvino",
            _ => "",
        };
        problem.hint(format!("known are {}{runtime}", names.join(", ")))
    }

    fn backends(&self, accelerators: &BTreeSet<Backend>) -> Result<Node, FieldError> {
        let known = self.known_backends();
        let mut chosen: Vec<Backend> = Vec::new();
        for choice in &self.entry.backends {
            let more: Vec<Backend> = match choice {
                BackendChoice::One(backend) if known.contains(backend) => vec![*backend],
                BackendChoice::One(backend) => {
                    return Err(self.unknown_backend(*backend, "backends"));
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

    fn case(&self, combination: &Combination) -> Result<Case, FieldError> {
        let mut backend = Backend::Cpu;
        let mut download = false;
        let mut said: Vec<(&str, Value)> = Vec::new();
        for (name, node) in &combination.0 {
            if name == "weights" && *node == Node::Text(DOWNLOAD.into()) {
                download = true;
                said.push((name, json!("auto")));
            } else if name == "backend" {
                let text = node.scalar().unwrap_or_default();
                backend =
                    text.parse().map_err(|problem: crate::domain::accelerator::BackendError| {
                        FieldError::new(&self.entry.path.key("include"), problem.to_string())
                    })?;
                // The list was looked at before: only an addition can name another one.
                if !self.known_backends().contains(&backend) {
                    return Err(self.unknown_backend(backend, "include"));
                }
            } else {
                said.push((name, json_of(node)));
            }
        }
        let shapes = said.len();
        said.extend(
            self.entry.parameters.iter().map(|(name, node)| (name.as_str(), json_of(node))),
        );
        let names: Vec<String> = said.iter().map(|(name, _)| (*name).into()).collect();
        let mut parameters = self.template(backend).parameters(said).map_err(|(name, wrong)| {
            let path = &self.entry.path;
            let shape = names[..shapes].contains(&name);
            wrong.at(&if shape { path.key(&name) } else { path.key("parameters").key(&name) })
        })?;
        let (config, family) = (&self.found.config, &self.class.family);
        sizes::reduce_lengths(config, family, &names, &mut parameters);
        let case = Case { backend, download, parameters };
        let length = sizes::check_length(
            config,
            &self.entry.model,
            family,
            case.number("sequence_length"),
            case.number("max_new_tokens"),
        );
        length.map_err(|wrong| {
            let path = &self.entry.path;
            let said = names.iter().any(|name| name == "sequence_length");
            wrong.at(&path.key(if said { "sequence_length" } else { "model" }))
        })?;
        Ok(case)
    }

    fn test(
        &self,
        name: &str,
        case: &Case,
        given: bool,
        history: &History,
    ) -> Result<(Entry, Known), FieldError> {
        check_name(name, &self.entry.path.key("model"))?;
        let template = self.template(case.backend);
        let front_matter = &template.front_matter;
        let mut usual = front_matter.packages(case.text("runtime"));
        usual.extend(flags::packages(&self.found.config).map(str::to_owned));
        if let Some(quantised) =
            self.found.quantised.as_ref().filter(|_| case.weights() != "random")
        {
            usual.extend(quantised.packages().map(str::to_owned));
        }
        let environment = self.entry.settings.environment.clone().unwrap_or_else(|| {
            let requirements = usual.clone();
            Environment::Packages(Packages {
                requirements,
                python: Some(PYTHON.into()),
                ..Packages::default()
            })
        });
        let requirements = match &environment {
            Environment::Packages(packages) => packages.requirements.clone(),
            Environment::System => usual,
        };
        let cell = (name, case.backend.name());
        let config = self.config(case);
        let context = self.context(template, cell, &config, &case.parameters, &requirements);
        let script = template.render(&context);
        let script = script.map_err(|wrong| wrong.at(&self.entry.path))?;
        let mut settings = self.entry.settings.clone();
        settings.environment = Some(environment);
        settings.isolation = Some(settings.isolation.unwrap_or(Isolation::Warm));
        settings.requires.backend = Some(case.backend);
        if case.download {
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
        let workload = self.workload(case, given);
        let mut known = Known {
            estimate: estimate(&self.found.config, self.found.parameters, &workload),
            past: history.past(name).cloned(),
            too_little: history.too_little(&settings.labels, case.backend.needs_accelerator()),
            raised: false,
        };
        known.fill(case.backend, &mut settings);
        let entry = Entry {
            path: self.entry.path.clone(),
            program: Program::Script(script_name(name)),
            name: name.to_owned(),
            files: Vec::new(),
            depends_on: Vec::new(),
            artifacts: Vec::new(),
            inputs: Vec::new(),
            junit: None,
            settings,
            generated: Some(script.into()),
        };
        Ok((entry, known))
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
        let size = format!("{length}{image}{}", self.unusual_sizes(case));
        match case.role() {
            Role::Reference if size.is_empty() => return format!("{prefix}/reference"),
            Role::Reference => return format!("{prefix}/reference/{}", &size[1..]),
            Role::Load => return format!("{prefix}/{}/load", case.backend),
            Role::Test => {}
        }
        let usual = ["", "default", "torch"];
        let further = ["attention", "runtime"].map(|name| case.text(name));
        let further = further.into_iter().filter(|text| !usual.contains(text));
        let weights = self.entry.lists("weights").then(|| case.weights());
        let further: String = further.chain(weights).map(|text| format!("-{text}")).collect();
        let batch = case.number("batch");
        format!("{prefix}/{}/b{batch}{size}-{}{further}", case.backend, case.text("dtype"))
    }

    /// Sizes that no list of the plan holds, where they are not the template's: another size is
    /// another test, of which the past of this one says nothing.
    fn unusual_sizes(&self, case: &Case) -> String {
        let defaults = &self.template(case.backend).front_matter.parameters;
        let letters = [("max_new_tokens", 'n'), ("audio_seconds", 'a'), ("latent_size", 'l')];
        let unusual = letters.iter().filter_map(|(name, letter)| {
            let size = case.parameters.get(*name)?.as_f64()?;
            (defaults.get(*name)?.as_f64() != Some(size)).then(|| format!("-{letter}{size}"))
        });
        unusual.collect()
    }

    /// Edge of the images; what the configuration says when the plan does not. 0 for texts,
    /// and for sound.
    fn image(&self, case: &Case) -> u64 {
        if !case.parameters.contains_key("image_size") {
            return 0;
        }
        match case.number("image_size") {
            0 => estimate::image_edge(&self.found.config, &self.class.family),
            said => said,
        }
    }

    /// Edge of what a pipeline turns into an image, likewise.
    fn latent(&self, case: &Case) -> u64 {
        let configured = |part| edge(self.found.config.get(part)?.get("sample_size"));
        match case.number("latent_size") {
            0 => ["unet", "transformer"].into_iter().find_map(configured).unwrap_or(64),
            said => said,
        }
    }

    /// The case as the estimate sees it. `given`: what the test compares with is computed by
    /// another one.
    fn workload<'c>(&'c self, case: &'c Case, given: bool) -> Workload<'c> {
        let real = |key: &str| case.parameters.get(key).and_then(Value::as_f64).unwrap_or(0.0);
        Workload {
            family: &self.class.family,
            batch: case.number("batch"),
            tokens: case.number("sequence_length"),
            new_tokens: case.number("max_new_tokens"),
            image: case.number("image_size"),
            audio_seconds: real("audio_seconds"),
            width: case.width(),
            eager_attention: case.text("attention") == "eager",
            backend: case.backend,
            runtime: match case.text("runtime") {
                "" | "torch" => Runtime::Torch,
                _ => Runtime::Exported,
            },
            role: match case.role() {
                Role::Reference => estimate::ScriptRole::Reference,
                Role::Load => estimate::ScriptRole::Load,
                Role::Test if given => estimate::ScriptRole::Compares,
                Role::Test => estimate::ScriptRole::Test,
            },
            weights: match (case.weights(), &self.weights) {
                ("random", _) | (_, Weights::Absent) => WeightsSource::Random,
                (_, Weights::Own(_)) => WeightsSource::Published,
                ("auto", _) => WeightsSource::Either,
                _ => WeightsSource::Published,
            },
            iterations: case.number("iterations"),
            min_seconds: real("min_seconds"),
            warm_up: case.number("warm_up"),
        }
    }

    fn labels(&self, case: &Case) -> Vec<(&'static str, String)> {
        let mut labels = vec![
            ("model", self.entry.model.clone()),
            ("family", self.class.family.clone()),
            ("task", self.class.task.clone()),
            ("backend", case.backend.to_string()),
            ("dtype", case.text("dtype").to_owned()),
            ("weights", case.weights().to_owned()),
        ];
        for name in ["role", "attention", "runtime"] {
            if case.parameters.contains_key(name) {
                labels.push((name, case.text(name).to_owned()));
            }
        }
        for name in SIZES {
            let size = match (name, case.parameters.get(name)) {
                ("image_size", Some(_)) if self.image(case) == 0 => continue,
                ("image_size", Some(_)) => self.image(case).to_string(),
                ("latent_size", Some(_)) => self.latent(case).to_string(),
                (_, Some(said)) => said.to_string(),
                (_, None) => continue,
            };
            labels.push((name, size));
        }
        let own = case.parameters.iter().filter(|(name, _)| !USUAL.contains(&name.as_str()));
        let own: Vec<String> = own.map(|(name, value)| format!("{name}={value}")).collect();
        if !own.is_empty() {
            let plain = own.join(" ").replace(char::is_control, "");
            labels.push(("parameters", plain.chars().take(MAX_LABEL_CHARS).collect()));
        }
        labels
    }
}

/// The longer side of what is given as one number or as two.
fn edge(size: Option<&Value>) -> Option<u64> {
    match size? {
        Value::Array(sides) => sides.iter().filter_map(Value::as_u64).max(),
        other => other.as_u64(),
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
