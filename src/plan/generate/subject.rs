//! The facts that all tests of one entry under `models` share: the configuration of the model, its
//! family, the templates of that family, and its weights.

use crate::domain::accelerator::Backend;
use crate::models::catalogue::{self, ModelConfig, Origin};
use crate::models::classify::{self, Classification};
use crate::models::quantised;
use crate::models::sizes;
use crate::models::source::ModelSource;
use crate::models::weights::Weights;
use crate::plan::generate::case::Case;
use crate::plan::model_entry::ModelEntry;
use crate::templates::check::check_parameters;
use crate::templates::library::Library;
use crate::templates::origin;
use crate::templates::template::{Context, Template};
use crate::text::error::{FieldError, ValueError};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A model that is to be tested.
pub(super) struct Subject<'a> {
    pub entry: &'a ModelEntry,
    pub model: ModelConfig,
    pub classification: Classification,
    /// Template of every back-end without a separate one.
    pub template: Template,
    /// Templates for one back-end.
    pub special: BTreeMap<Backend, Template>,
    pub weights: Weights,
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
        library: &Library,
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
        let weights = Weights::Requested;
        let subject = Self { entry, model, classification, template, special, weights };
        subject.check_parameters(library).map_err(at_model)?;
        Ok(subject)
    }

    /// Checks the parameters of templates that are not built in. A test checks those of the
    /// built-in templates.
    fn check_parameters(&self, library: &Library) -> Result<(), ValueError> {
        let templates = self.special.values().chain([&self.template]);
        for template in templates.filter(|template| template.origin != origin::Origin::BuiltIn) {
            let backend = template.front_matter.backends.first().map_or("cpu", |b| b.name());
            let render = |parameters: &_| {
                let name = &*self.entry.prefix;
                let context =
                    self.context(template, (name, backend), &self.model.config, parameters, &[]);
                template.render(&context).ok()
            };
            check_parameters(library, template, render)?;
        }
        Ok(())
    }

    /// The values with which a template of this model is rendered.
    pub fn context<'c>(
        &'c self,
        template: &'c Template,
        (test_name, backend): (&'c str, &'c str),
        config: &'c Map<String, Value>,
        parameters: &'c Map<String, Value>,
        requirements: &'c [String],
    ) -> Context<'c> {
        let model_type = self.model.config.get("model_type").and_then(Value::as_str);
        let cached = Some(self.model.revision.as_str()).filter(|revision| !revision.is_empty());
        Context {
            test_name,
            model: &self.entry.model,
            family: &self.classification.family,
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

    /// Why the published weights of the model cannot be tested, if `case` uses them.
    pub fn refusal(&self, case: &Case) -> Option<FieldError> {
        let quantised = self.model.quantised.as_ref()?;
        if case.weights() == "random" || quantised.can_be_dequantised() {
            return None;
        }
        let (message, hint) = quantised.error(&self.entry.model);
        Some(FieldError::new(&self.entry.path.key("model"), message).hint(hint))
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
            Some(_) if case.weights() == "random" => {
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
