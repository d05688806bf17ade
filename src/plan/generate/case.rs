//! One cell of a model's matrix, before its script is written.

use crate::domain::accelerator::Backend;
use crate::plan::model_entry::DOWNLOAD;
use serde_json::{Map, Value, json};

/// What a script does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Computes what others compare with.
    Reference,
    /// Loads the model on a back-end and runs it once.
    Load,
    Test,
}

/// A back-end, and every parameter of the template.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub backend: Backend,
    /// Weights may be fetched.
    pub download: bool,
    pub parameters: Map<String, Value>,
}

impl Case {
    pub fn role(&self) -> Role {
        match self.text("role") {
            "reference" => Role::Reference,
            "load" => Role::Load,
            _ => Role::Test,
        }
    }

    /// The same with other values, of those parameters that the template has.
    fn with<const N: usize>(&self, values: [(&str, Value); N]) -> Self {
        let mut case = self.clone();
        for (name, value) in values {
            if let Some(parameter) = case.parameters.get_mut(name) {
                *parameter = value;
            }
        }
        case
    }

    /// The case that computes what this one compares with: one sample, on the processor, in
    /// full precision. `defaults` are those of the template that the processor's tests are
    /// written with, which may not have all that this one has.
    pub fn reference(&self, defaults: &Map<String, Value>) -> Self {
        let own = |(name, default): (&String, &Value)| {
            (name.clone(), self.parameters.get(name).unwrap_or(default).clone())
        };
        let parameters = defaults.iter().map(own).collect();
        let own = Self { backend: Backend::Cpu, download: self.download, parameters };
        own.with([
            ("role", json!("reference")),
            ("batch", json!(1)),
            ("dtype", json!("fp32")),
            ("attention", json!("default")),
            ("runtime", json!("torch")),
        ])
    }

    /// What tells cases of one back-end apart.
    pub fn key(&self) -> String {
        let mut key = Value::Object(self.parameters.clone()).to_string();
        if self.download {
            key.push_str(DOWNLOAD);
        }
        key
    }

    /// The case that only shows that the model loads and runs.
    pub fn load(&self) -> Self {
        self.with([("role", json!("load")), ("batch", json!(1))])
    }

    pub fn number(&self, key: &str) -> u64 {
        self.parameters.get(key).and_then(Value::as_u64).unwrap_or(0)
    }

    pub fn text(&self, key: &str) -> &str {
        self.parameters.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// As plans write it.
    pub fn weights(&self) -> &str {
        if self.download { DOWNLOAD } else { self.text("weights") }
    }

    /// Bytes of one number.
    pub fn width(&self) -> u64 {
        if self.text("dtype") == "fp32" { 4 } else { 2 }
    }

    /// Rough cost, only to put small before large.
    pub fn work(&self) -> u64 {
        let length = self.number("sequence_length") + self.number("max_new_tokens");
        let image = self.number("image_size");
        self.number("batch").max(1).saturating_mul(length.max(image.saturating_mul(image)).max(1))
    }
}
