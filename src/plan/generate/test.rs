//! One test: its script, its environment, its labels and its requirements.

use crate::domain::launch::{Environment, Isolation, Packages, Program};
use crate::domain::tag::Tag;
use crate::domain::weights::WEIGHTS_REASON;
use crate::models::estimate::estimate;
use crate::models::flags;
use crate::models::quantised::Quantised;
use crate::models::weights::GraphFormat;
use crate::models::weights::source::Source;
use crate::plan::entry::{Entry, check_name};
use crate::plan::generate::case::{Case, RUNTIME};
use crate::plan::generate::graphs::ONNXRUNTIME;
use crate::plan::generate::subject::Subject;
use crate::plan::history::SIZES;
use crate::plan::model_entry::{ALLOW_PICKLE, TRUST_REMOTE_CODE};
use crate::plan::names::script_name;
use crate::plan::needs::Known;
use crate::plan::packages::{PACKAGES, Pins};
use crate::plan::sources::Sources;
use crate::templates::front_matter::FrontMatter;
use crate::text::error::FieldError;
use std::collections::BTreeSet;

/// Parameters that have their own label, or that do not influence memory.
const LABELLED: [&str; 18] = [
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
    ALLOW_PICKLE,
    TRUST_REMOTE_CODE,
    "seed",
    "warm_up",
    "iterations",
    "min_seconds",
];
/// Maximum length of the label with all other parameters, in characters. No built-in template
/// reaches it.
const MAX_LABEL_CHARS: usize = 250;
/// Python versions on which generated scripts run.
const PYTHON: &str = ">=3.10";
/// Maximum length of the label with the reason for the weights, in characters.
const MAX_REASON_CHARS: usize = 300;

impl Subject<'_> {
    /// The requirements of a test: of its template, its back-end, its model and its weights.
    fn packages(&self, case: &Case, front_matter: &FrontMatter) -> Vec<String> {
        let mut packages = front_matter.packages(case.text("runtime"));
        if let Some(entry) = self.table.get(case.backend) {
            packages = entry.requirements(packages);
        }
        packages.extend(flags::packages(&self.model.config).map(str::to_owned));
        let is_onnx = self.graph(case).is_some_and(|graph| graph.format == GraphFormat::Onnx);
        if is_onnx {
            // ONNX Runtime computes the reference, whichever runtime is tested.
            let of_reference = match case.text(RUNTIME) {
                ONNXRUNTIME => Vec::new(),
                _ => front_matter.packages(ONNXRUNTIME),
            };
            packages.extend(of_reference);
            let mut seen = BTreeSet::new();
            packages.retain(|package| seen.insert(package.clone()));
        }
        if !self.source(case).is_random() {
            let quantised = self.model.quantised.as_ref();
            let quantised = quantised.into_iter().flat_map(Quantised::packages);
            packages.extend(quantised.map(str::to_owned));
            let of_format = match (self.source(case), self.chosen(case.parameters.get("weights"))) {
                (Source::Folder { .. }, Some(chosen)) => &chosen.packages[..],
                _ => self.model.packages,
            };
            packages.extend(of_format.iter().map(|package| (*package).to_owned()));
        }
        packages
    }

    /// Generates the test of a case. `given` is true if another test computes the reference
    /// results.
    ///
    /// # Errors
    /// The name is too long, or the template cannot be rendered.
    pub fn test(
        &self,
        name: &str,
        case: &Case,
        given: bool,
        sources: &Sources,
    ) -> Result<(Entry, Known), FieldError> {
        check_name(name, &self.entry.path.key("model"))?;
        let template = self.template(case.backend);
        let front_matter = &template.front_matter;
        let packages = self.packages(case, front_matter);
        let mut environment = self.entry.settings.environment.clone().unwrap_or_else(|| {
            let requirements = packages.clone();
            Environment::Packages(Packages {
                requirements,
                python: Some(PYTHON.into()),
                ..Packages::default()
            })
        });
        let pins = self.pin(case, &mut environment, sources.pins)?;
        let requirements = match &environment {
            Environment::Packages(chosen) => chosen.requirements.clone(),
            Environment::System => packages,
        };
        let hooks = self.table.hooks(case.backend);
        let cell = (name, case.backend.name(), &hooks);
        let config = self.config(case);
        let numbers = self.numbers(template)?;
        let further = (&numbers, &*requirements);
        let context = self.context(template, cell, &config, &case.parameters, further);
        let script = template.render(&context);
        let script = script.map_err(|error| error.at(&self.entry.path))?;
        let mut settings = self.entry.settings.clone();
        settings.environment = Some(environment);
        settings.isolation = Some(settings.isolation.unwrap_or(Isolation::Warm));
        settings.requires.backend = Some(case.backend);
        if case.parameters.get(TRUST_REMOTE_CODE) == Some(&true.into()) {
            let tag = Tag::remote_code();
            if !settings.requires.tags.contains(&tag) {
                settings.requires.tags.push(tag);
            }
        }
        for (label, value) in self.labels(case) {
            settings.labels.entry(label.into()).or_insert(value);
        }
        for risk in [ALLOW_PICKLE, TRUST_REMOTE_CODE] {
            if case.parameters.get(risk) == Some(&true.into()) {
                settings.labels.insert(risk.to_owned(), "true".to_owned());
            }
        }
        // The plan cannot override these labels: they state how the test was made.
        for (label, value) in [
            ("template", template.name().to_owned()),
            ("template_version", front_matter.version.to_string()),
            ("template_digest", template.digest.clone()),
        ] {
            settings.labels.insert(label.into(), value);
        }
        pins.label_in(&mut settings.labels);
        let workload = self.workload(case, given);
        let on_device = self.table.needs_device(case.backend);
        let mut known = Known {
            estimate: estimate(&self.model.config, self.model.parameters, &workload),
            past: sources.history.past(name).cloned(),
            too_little: sources.history.too_little(&settings.labels, on_device),
            raised: false,
        };
        known.fill(on_device, &mut settings);
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
            requested_weights: None,
            weights: Some(self.source(case).clone()),
            generated: Some(script.into()),
        };
        Ok((entry, known))
    }

    /// Adds the pins of a case and those of the command line to its environment. The latter do not apply
    /// to the environment of the worker.
    fn pin(
        &self,
        case: &Case,
        environment: &mut Environment,
        given: &Pins,
    ) -> Result<Pins, FieldError> {
        let own = &case.packages;
        let pins = match environment {
            Environment::System => Ok(own.clone()),
            Environment::Packages(_) => own.with(given),
        };
        let wheels = &self.entry.settings.wheels;
        let added = pins.and_then(|pins| pins.add_to(environment, wheels).map(|()| pins));
        let key = if own.is_empty() { "model" } else { PACKAGES };
        added.map_err(|error| error.at(&self.entry.path.key(key)))
    }

    /// Labels of a case, unless the plan gives them other values.
    fn labels(&self, case: &Case) -> Vec<(&'static str, String)> {
        let mut labels = vec![
            ("model", self.entry.model.clone()),
            ("family", self.classification.family.clone()),
            ("task", self.classification.task.clone()),
            ("backend", case.backend.to_string()),
            ("dtype", case.text("dtype").to_owned()),
            ("weights", case.shown_weights()),
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
                (_, Some(size)) => size.to_string(),
                (_, None) => continue,
            };
            labels.push((name, size));
        }
        let chosen = self.weights.get(case.weights());
        if let Some(reason) = chosen.and_then(|chosen| chosen.reason.as_ref()) {
            let plain = reason.replace(char::is_control, "");
            labels.push((WEIGHTS_REASON, plain.chars().take(MAX_REASON_CHARS).collect()));
        }
        let own = case.parameters.iter().filter(|(name, _)| !LABELLED.contains(&name.as_str()));
        let own: Vec<String> = own.map(|(name, value)| format!("{name}={value}")).collect();
        if !own.is_empty() {
            let plain = own.join(" ").replace(char::is_control, "");
            labels.push(("parameters", plain.chars().take(MAX_LABEL_CHARS).collect()));
        }
        labels
    }
}
