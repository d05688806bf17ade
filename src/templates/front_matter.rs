//! The front matter of a template: YAML between two `---` lines at its start, with the family, the
//! parameters and their defaults, the packages and the back-ends. A shared part may have front
//! matter as well, with parameters and packages of every template that extends it.

use crate::backends::Table;
use crate::domain::accelerator::Backend;
use crate::templates::path::TemplatePath;
use crate::templates::quality::Better;
use crate::text::depth;
use crate::text::error::ValueError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The front matter of a template.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontMatter {
    pub family: String,
    pub version: u32,
    pub tasks: Vec<String>,
    #[serde(rename = "backends")]
    listed: Listed,
    /// The back-ends on which the template can run.
    #[serde(skip)]
    pub backends: Vec<Backend>,
    /// Every parameter that the template reads, with its default. The file gives only those that the
    /// parts which it extends do not give, and those with another default.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    pub requirements: Vec<String>,
    /// Additional packages of each runtime (`onnxruntime: [onnx, …]`).
    #[serde(default)]
    pub runtimes: BTreeMap<String, Vec<String>>,
    /// Numbers that the tests of real weights report (`perplexity: lower`).
    #[serde(default)]
    pub quality: BTreeMap<String, Better>,
}

/// The value of `backends`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Listed {
    These(Vec<Backend>),
    Word(Any),
}

/// The word `any`: every back-end that has Python hooks or a runtime.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Any {
    Any,
}

impl FrontMatter {
    /// Reads the front matter of the template at `path`.
    ///
    /// # Errors
    /// The YAML is broken or nested too deeply, does not match the path, or lists a back-end that
    /// `table` does not have.
    pub fn parse(path: &str, text: &str, table: &Table) -> Result<Self, ValueError> {
        let mut front_matter: Self = read(text)?;
        front_matter.backends = match &front_matter.listed {
            Listed::Word(Any::Any) => table.runnable(),
            Listed::These(listed) => listed.clone(),
        };
        for backend in &front_matter.backends {
            table.require(*backend)?;
        }
        if let Ok(TemplatePath::Test { family, backend }) = TemplatePath::parse(path) {
            if front_matter.family != family {
                let message = format!("the front matter has family {:?}", front_matter.family);
                return Err(ValueError::new(message)
                    .hint("a template must be in the directory of its family"));
            }
            if let Some(backend) = backend.filter(|own| !front_matter.backends.contains(own)) {
                let message = format!("the front matter does not list the back-end {backend}");
                return Err(ValueError::new(message));
            }
        }
        if front_matter.version == 0 {
            return Err(ValueError::new("the front matter has version 0, the first version is 1"));
        }
        Ok(front_matter)
    }

    /// Adds the parameters and packages of a part that the template extends. Its own have priority.
    pub fn inherit(&mut self, part: PartFrontMatter) {
        for (name, default) in part.parameters {
            self.parameters.entry(name).or_insert(default);
        }
        for (runtime, packages) in part.runtimes {
            self.runtimes.entry(runtime).or_insert(packages);
        }
    }

    /// Packages of a test that runs in `runtime`.
    #[must_use]
    pub fn packages(&self, runtime: &str) -> Vec<String> {
        let additional = self.runtimes.get(runtime).into_iter().flatten();
        self.requirements.iter().chain(additional).cloned().collect()
    }
}

/// The front matter of a shared part: defaults for the templates that extend it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartFrontMatter {
    #[serde(default)]
    parameters: Map<String, Value>,
    #[serde(default)]
    runtimes: BTreeMap<String, Vec<String>>,
}

impl PartFrontMatter {
    /// Reads the front matter of a shared part.
    ///
    /// # Errors
    /// The YAML is broken or nested too deeply, or has other fields.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        read(text)
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, ValueError> {
    if depth::too_deep(text).is_some() {
        return Err(ValueError::new("the front matter is nested too deeply"));
    }
    serde_yaml::from_str(text)
        .map_err(|error| ValueError::new(format!("cannot read the front matter: {error}")))
}

/// Divides a template into its front matter and the rest.
#[must_use]
pub fn split(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("---\n")?.split_once("\n---\n")
}
