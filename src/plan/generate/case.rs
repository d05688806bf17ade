//! A case: one combination of back-end and parameters, from which a script is rendered.

use crate::domain::accelerator::Backend;
use crate::plan::packages::Pins;
use serde_json::{Map, Value, json};

/// Parameter with the library that runs the model, and its default.
pub(super) const RUNTIME: &str = "runtime";
pub(super) const TORCH: &str = "torch";

/// Task of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Computes the results with which other tests compare theirs.
    Reference,
    /// Loads the model on a back-end and runs it once.
    Load,
    /// Runs, measures and compares.
    Test,
}

/// A back-end, a value for every parameter of the template, and the pinned packages.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub backend: Backend,
    pub parameters: Map<String, Value>,
    /// Its set of packages in the plan, without those of the command line.
    pub packages: Pins,
    /// Whether the model is a graph that was exported. Its tests compute their reference themselves.
    pub is_graph: bool,
}

impl Case {
    pub fn role(&self) -> Role {
        match self.text("role") {
            "reference" => Role::Reference,
            "load" => Role::Load,
            _ => Role::Test,
        }
    }

    /// This case with other values. Parameters that the template does not have are ignored.
    fn with<const N: usize>(&self, values: [(&str, Value); N]) -> Self {
        let mut case = self.clone();
        for (name, value) in values {
            if let Some(parameter) = case.parameters.get_mut(name) {
                *parameter = value;
            }
        }
        case
    }

    /// The case that computes the reference results for this one: one sample, on the CPU, in full
    /// precision. `defaults` are the parameters of the template for the CPU, which may have fewer
    /// parameters than the template of this case.
    pub fn reference(&self, defaults: &Map<String, Value>) -> Self {
        let value = |(name, default): (&String, &Value)| {
            (name.clone(), self.parameters.get(name).unwrap_or(default).clone())
        };
        let parameters = defaults.iter().map(value).collect();
        let packages = self.packages.clone();
        let case = Self { backend: Backend::CPU, parameters, packages, ..*self };
        case.with([
            ("role", json!("reference")),
            ("batch", json!(1)),
            ("dtype", json!("fp32")),
            ("attention", json!("default")),
            ("runtime", json!("torch")),
        ])
    }

    /// Key that differs between the cases of one back-end.
    pub fn key(&self) -> String {
        format!("{} {}", self.packages.label(), Value::Object(self.parameters.clone()))
    }

    /// The case that only loads the model and runs it once.
    pub fn load(&self) -> Self {
        self.with([("role", json!("load")), ("batch", json!(1))])
    }

    /// Value of a whole-number parameter; 0 if the template does not have it.
    pub fn number(&self, key: &str) -> u64 {
        self.parameters.get(key).and_then(Value::as_u64).unwrap_or(0)
    }

    /// Value of a text parameter; empty if the template does not have it.
    pub fn text(&self, key: &str) -> &str {
        self.parameters.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// The requested weights, as one short text.
    pub fn weights(&self) -> &str {
        self.text("weights")
    }

    /// The requested weights as people see them: an address without its query, which may be a
    /// signature that grants access.
    pub fn shown_weights(&self) -> String {
        let text = self.weights();
        match text.split_once('?') {
            Some((start, query)) if text.starts_with("url:") => {
                let digest = query.find('#').map_or("", |at| &query[at..]);
                format!("{start}{digest}")
            }
            _ => text.to_owned(),
        }
    }

    /// Size of one number in bytes.
    pub fn width(&self) -> u64 {
        if self.text("dtype") == "fp32" { 4 } else { 2 }
    }

    /// Rough cost, used only to sort small cases before large ones.
    pub fn work(&self) -> u64 {
        let length = self.number("sequence_length") + self.number("max_new_tokens");
        let image = self.number("image_size");
        self.number("batch").max(1).saturating_mul(length.max(image.saturating_mul(image)).max(1))
    }
}
