//! The facts that all tests of one entry under `models` share: the configuration of the model, its
//! family, the templates of that family, and its weights.

use crate::backends::Table;
use crate::domain::accelerator::Backend;
use crate::models::catalogue::{self, ModelConfig, Origin};
use crate::models::classify::{self, Classification};
use crate::models::quantised;
use crate::models::sizes;
use crate::models::source::ModelSource;
use crate::models::weights::requested::Requested;
use crate::models::weights::source::{self, Chosen, Source, Tested};
use crate::plan::generate::case::{Case, RUNTIME, Role, TORCH};
use crate::plan::model_entry::{ALLOW_PICKLE, ModelEntry};
use crate::templates::check::check_parameters;
use crate::templates::library::Library;
use crate::templates::origin;
use crate::templates::quality::{self, Numbers};
use crate::templates::template::{Context, Template};
use crate::text::error::{FieldError, ValueError};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// A model that is to be tested.
pub(super) struct Subject<'a> {
    pub entry: &'a ModelEntry,
    /// The back-ends.
    pub table: &'a Table,
    pub model: ModelConfig,
    pub classification: Classification,
    /// Template of every back-end without a separate one.
    pub template: Template,
    /// Templates for one back-end.
    pub special: BTreeMap<Backend, Template>,
    /// The chosen weights by the request of a case.
    pub weights: BTreeMap<String, Chosen>,
}

impl<'a> Subject<'a> {
    /// Finds the configuration, the family and the templates of a model. The weights are not
    /// searched for: which ones are needed depends on the cases.
    ///
    /// # Errors
    /// There is no configuration, family or template, or the template has parameters that make no
    /// sense.
    pub fn look_up(
        entry: &'a ModelEntry,
        models: &dyn ModelSource,
        library: &'a Library,
    ) -> Result<Self, FieldError> {
        let at_model = |error: ValueError| error.at(&entry.path.key("model"));
        let revision = entry.revision.as_deref();
        let model =
            catalogue::find(&entry.model, &entry.location, revision, models).map_err(at_model)?;
        let family = entry.family.as_deref();
        sizes::check(&model.config).map_err(at_model)?;
        let marker = model.marker.as_ref();
        let families = library.families();
        let classification =
            classify::classify(families, &entry.prefix, marker, Some(&model.config), family)
                .map_err(|error| {
                    let key = if family.is_some() { "family" } else { "model" };
                    error.at(&entry.path.key(key))
                })?;
        let with_reason = |error: ValueError| {
            let message = format!("{} ({}: {})", error.message, entry.model, classification.reason);
            at_model(ValueError { message, hint: error.hint })
        };
        let load = |backend| library.template(&classification.family, backend).map_err(with_reason);
        let template = load(None)?;
        let special = library.special_backends(&classification.family);
        let special = special.map(|backend| Ok((backend, load(Some(backend))?)));
        let special = special.collect::<Result<_, FieldError>>()?;
        if !model.config.get("model_type").is_some_and(Value::is_string) {
            let error = ValueError::new("the configuration has no model_type");
            return Err(at_model(error.hint("add model_type to its config.json")));
        }
        let weights = BTreeMap::new();
        let table = library.backends();
        let subject = Self { entry, table, model, classification, template, special, weights };
        subject.check_parameters(library).map_err(at_model)?;
        Ok(subject)
    }

    /// Checks the parameters of templates that are not built in. A test checks those of the
    /// built-in templates.
    fn check_parameters(&self, library: &Library) -> Result<(), ValueError> {
        let templates = self.special.values().chain([&self.template]);
        for template in templates.filter(|template| template.origin != origin::Origin::BuiltIn) {
            let backend = template.front_matter.backends.first().copied();
            let backend = backend.unwrap_or(Backend::CPU);
            let hooks = self.table.hooks(backend);
            let render = |parameters: &_| {
                let name = &*self.entry.prefix;
                let numbers = self.numbers(template).ok()?;
                let config = &self.model.config;
                let cell = (name, backend.name(), &hooks);
                let context = self.context(template, cell, config, parameters, (&numbers, &[]));
                template.render(&context).ok()
            };
            check_parameters(library, template, render)?;
        }
        Ok(())
    }

    /// The numbers of a template, with the bounds of the plan.
    ///
    /// # Errors
    /// The plan bounds a number that the template does not have.
    pub fn numbers(&self, template: &Template) -> Result<Numbers, FieldError> {
        let front_matter = &template.front_matter;
        let bounded =
            quality::bounded(&front_matter.quality, &front_matter.family, &self.entry.quality);
        bounded.map_err(|(name, error)| error.at(&self.entry.path.key("quality").key(&name)))
    }

    /// The values with which a template of this model is rendered.
    pub fn context<'c>(
        &'c self,
        template: &'c Template,
        (test_name, backend, backends): (&'c str, &'c str, &'c Map<String, Value>),
        config: &'c Map<String, Value>,
        parameters: &'c Map<String, Value>,
        (quality, requirements): (&'c Numbers, &'c [String]),
    ) -> Context<'c> {
        let model_type = self.model.config.get("model_type").and_then(Value::as_str);
        let chosen = self.chosen(parameters.get("weights"));
        let known = match self.source_of(parameters.get("weights")) {
            Source::Hub { commit, .. } => commit,
            _ => &self.model.revision,
        };
        let known = Some(known.as_str()).filter(|revision| !revision.is_empty());
        Context {
            test_name,
            model: &self.entry.model,
            family: &self.classification.family,
            model_type: model_type.unwrap_or_default(),
            backend,
            backends,
            config,
            parameters,
            revision: known.or(self.entry.revision.as_deref()),
            weights: self.source_of(parameters.get("weights")),
            weights_reason: chosen.and_then(|chosen| chosen.reason.as_deref()),
            graph: chosen.and_then(|chosen| chosen.graph.as_ref()).map(|graph| &*graph.file),
            quality,
            requirements,
            template_version: template.front_matter.version,
            template_digest: &template.digest,
            dtf_version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// Chooses the weights for each request of the cases.
    ///
    /// # Errors
    /// Requested weights cannot be used or do not exist.
    pub fn choose_weights(
        &mut self,
        cases: &[Case],
        models: &dyn ModelSource,
    ) -> Result<(), FieldError> {
        let entry = self.entry;
        let tested = Tested {
            model: &entry.model,
            location: &entry.location,
            revision: entry.revision.as_deref(),
            config: &self.model,
            require: entry.require_weights,
            allow_pickle: entry.allows(ALLOW_PICKLE),
        };
        let mut weights = BTreeMap::new();
        for text in cases.iter().map(Case::weights).collect::<BTreeSet<_>>() {
            let at = |(key, error): (&str, ValueError)| error.at(&entry.path.key(key));
            // A template of the user may be without this parameter.
            let requested = match text {
                "" => Requested::Auto,
                text => text.parse().map_err(|error| at(("weights", error)))?,
            };
            let chosen = source::choose(&requested, &tested, models).map_err(at)?;
            weights.insert(text.to_owned(), chosen);
        }
        self.weights = weights;
        Ok(())
    }

    /// The weights of a case.
    pub fn source(&self, case: &Case) -> &Source {
        self.source_of(case.parameters.get("weights"))
    }

    pub fn chosen(&self, requested: Option<&Value>) -> Option<&Chosen> {
        self.weights.get(requested.and_then(Value::as_str).unwrap_or_default())
    }

    fn source_of(&self, requested: Option<&Value>) -> &Source {
        self.chosen(requested).map_or(&Source::Random, |chosen| &chosen.source)
    }

    /// Why `case` cannot be tested: its weights cannot be used, or the plan bounds numbers of quality
    /// that it does not have.
    pub fn refusal(&self, case: &Case) -> Option<FieldError> {
        self.packed(case).or_else(|| self.unmeasured(case))
    }

    /// The error for quantised weights that cannot be converted.
    fn packed(&self, case: &Case) -> Option<FieldError> {
        let quantised = self.model.quantised.as_ref()?;
        if self.source(case).is_random() || quantised.can_be_dequantised() {
            return None;
        }
        let (message, hint) = quantised.error(&self.entry.model);
        Some(FieldError::new(&self.entry.path.key("model"), message).hint(hint))
    }

    /// The error for bounds of numbers that the test does not measure.
    fn unmeasured(&self, case: &Case) -> Option<FieldError> {
        let bounded: Vec<&str> = self.entry.quality.iter().map(|(name, _)| &**name).collect();
        if bounded.is_empty() || case.role() != Role::Test {
            return None;
        }
        let model = &self.entry.model;
        let (why, next) = match case.text(RUNTIME) {
            _ if self.source(case).is_random() => {
                let next =
                    "name a source with --weights (in a plan: weights:), or remove the bounds";
                (format!("{model} would have random weights, which have no quality"), next)
            }
            "" | TORCH => return None,
            runtime => {
                let next = "test other runtimes in an entry without bounds";
                (format!("tests with the runtime {runtime} do not measure quality"), next)
            }
        };
        let message = format!("{} cannot be bounded: {why}", bounded.join(", "));
        Some(FieldError::new(&self.entry.path.key("quality"), message).hint(next))
    }

    /// Notes on how the tests differ from the requested model. `random` is true if some of them use
    /// random weights.
    pub fn differences(&self, random: bool) -> Vec<String> {
        let model = &self.entry.model;
        let quantised = self.model.quantised.as_ref().filter(|_| random).map(|quantised| {
            let name = quantised.name();
            format!(
                "{model} is quantised ({name}); tests with random weights use the unquantised model"
            )
        });
        let built_in = self.model.origin == Origin::BuiltIn;
        let revision = self.entry.revision.as_ref().filter(|_| built_in).map(|revision| {
            format!(
                "revision {revision} of {model} is not available; the built-in configuration is used"
            )
        });
        quantised.into_iter().chain(revision).collect()
    }

    /// The configuration that is written into the script of `case`.
    pub fn config(&self, case: &Case) -> Cow<'_, Map<String, Value>> {
        let config = &self.model.config;
        match &self.model.quantised {
            None => Cow::Borrowed(config),
            Some(_) if self.source(case).is_random() => {
                Cow::Owned(quantised::without_sections(config))
            }
            Some(_) => Cow::Owned(quantised::with_dequantisation(config)),
        }
    }

    /// The template for a back-end.
    pub fn template(&self, backend: Backend) -> &Template {
        self.special.get(&backend).unwrap_or(&self.template)
    }
}
