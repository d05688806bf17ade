//! The traits of a test that have columns, from its name and its launch.

use crate::domain::launch::{Launch, Program};
use crate::domain::series::CaseId;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The labels with sizes besides the batch, in the order in which a shape names them.
pub(in crate::store) const SIZES: [&str; 5] =
    ["sequence_length", "image_size", "max_new_tokens", "audio_seconds", "latent_size"];

/// Facts about a test that are known before it runs. `None`: it does not apply.
#[derive(Debug, Default)]
pub(super) struct Traits {
    pub case: Option<CaseId>,
    labels: BTreeMap<String, String>,
    backend: Option<String>,
    pub kind: Option<String>,
}

impl Traits {
    /// A launch that this version cannot read has no traits.
    pub fn of(name: &str, launch: &RawValue) -> Self {
        let Ok(launch) = serde_json::from_str::<Launch>(launch.get()) else {
            return Self::default();
        };
        let program = match launch.run {
            Program::Script(_) => "script",
            Program::Command(_) => "command",
        };
        let kind = launch.labels.get("role").cloned().unwrap_or_else(|| program.to_owned());
        Self {
            case: Some(CaseId::of(name, &launch)),
            backend: launch.backend.as_ref().map(ToString::to_string),
            kind: Some(kind),
            labels: launch.labels,
        }
    }

    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    pub fn backend(&self) -> Option<&str> {
        self.label("backend").or(self.backend.as_deref())
    }

    /// A label with a whole number.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.label(name)?.parse().ok()
    }

    /// The sizes of the test, such as `sequence_length=128 max_new_tokens=16`.
    pub fn shape(&self) -> Option<String> {
        let sizes = SIZES.iter().filter_map(|name| Some((name, self.label(name)?)));
        let sizes: Vec<String> = sizes.map(|(name, size)| format!("{name}={size}")).collect();
        (!sizes.is_empty()).then(|| sizes.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn traits(launch: &serde_json::Value) -> Traits {
        let launch = RawValue::from_string(launch.to_string()).expect("JSON");
        Traits::of("name", &launch)
    }

    #[test]
    fn traits_are_those_of_the_labels_and_the_launch() {
        let generated = traits(&json!({
            "run": {"script": "t.py"}, "backend": "cuda",
            "labels": {"role": "load", "model": "bert", "backend": "cuda", "batch": "4",
                "max_new_tokens": "16", "sequence_length": "128", "template_version": "x"},
        }));
        assert_eq!(generated.kind.as_deref(), Some("load"));
        assert_eq!(generated.shape().as_deref(), Some("sequence_length=128 max_new_tokens=16"));
        let numbers = (generated.number("batch"), generated.number("template_version"));
        assert_eq!((numbers, generated.label("model")), ((Some(4), None), Some("bert")));
        let plain = traits(&json!({"run": {"command": ["true"]}, "backend": "rocm"}));
        assert_eq!((plain.backend(), plain.kind.as_deref()), (Some("rocm"), Some("command")));
        assert_eq!((plain.shape(), plain.label("model")), (None, None));
        let unknown = traits(&json!({"run": {"wasm": "x"}}));
        assert_eq!((unknown.case, unknown.kind), (None, None));
    }
}
