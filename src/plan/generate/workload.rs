//! The amount of work of a case, from which memory and time are estimated.

use crate::models::estimate::{self, Runtime, WeightsSource, Workload};
use crate::models::weights::source::Source;
use crate::plan::generate::case::{Case, Role};
use crate::plan::generate::subject::Subject;
use serde_json::Value;

impl Subject<'_> {
    /// Edge of the images in pixels: that of the plan, else that of the configuration. 0 for models
    /// that read no images.
    pub fn image(&self, case: &Case) -> u64 {
        if !case.parameters.contains_key("image_size") {
            return 0;
        }
        match case.number("image_size") {
            0 => estimate::image_edge(&self.model.config, &self.classification.family),
            edge => edge,
        }
    }

    /// Edge of the latent image of a pipeline: that of the plan, else that of the configuration.
    pub fn latent(&self, case: &Case) -> u64 {
        let configured = |part| edge(self.model.config.get(part)?.get("sample_size"));
        match case.number("latent_size") {
            0 => ["unet", "transformer"].into_iter().find_map(configured).unwrap_or(64),
            edge => edge,
        }
    }

    /// The case as input of the estimate. `given` is true if another test computes the reference
    /// results.
    pub fn workload<'c>(&'c self, case: &'c Case, given: bool) -> Workload<'c> {
        let real = |key: &str| case.parameters.get(key).and_then(Value::as_f64).unwrap_or(0.0);
        Workload {
            family: &self.classification.family,
            batch: case.number("batch"),
            tokens: case.number("sequence_length"),
            new_tokens: case.number("max_new_tokens"),
            image: case.number("image_size"),
            audio_seconds: real("audio_seconds"),
            width: case.width(),
            eager_attention: case.text("attention") == "eager",
            backend: Some(case.backend).filter(|backend| self.table.needs_device(*backend)),
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
            weights: match self.source(case) {
                Source::Random => WeightsSource::Random,
                Source::Cache { or_random: true, .. } => WeightsSource::Either,
                _ => WeightsSource::Published,
            },
            iterations: case.number("iterations"),
            min_seconds: real("min_seconds"),
            warm_up: case.number("warm_up"),
        }
    }
}

/// The longer side of a size that is one number or a list of two.
fn edge(size: Option<&Value>) -> Option<u64> {
    match size? {
        Value::Array(sides) => sides.iter().filter_map(Value::as_u64).max(),
        other => other.as_u64(),
    }
}
