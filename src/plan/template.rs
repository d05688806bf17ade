//! Test templates: the settings at their top, and the scripts that they make.
//!
//! A template starts with YAML between two `---` lines (family, parameters with defaults,
//! packages, back-ends); the rest is a minijinja template. Templates include only
//! each other. Promises: an undefined name is an error, a template cannot run for ever
//! ([`FUEL`]), and what it renders is never rendered again.

use crate::domain::accelerator::Backend;
use crate::plan::embedded;
use crate::plan::problem::{Wrong, did_you_mean};
use crate::plan::python;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Steps that one rendering may take.
pub const FUEL: u64 = 1_000_000;
/// Largest script that a template may make.
pub const MAX_SCRIPT_BYTES: usize = 4 << 20;

/// What stands at the top of a template.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontMatter {
    pub family: String,
    pub version: u32,
    pub tasks: Vec<String>,
    pub backends: Vec<Backend>,
    /// Every parameter that the template reads, with its default.
    pub parameters: Map<String, Value>,
    pub requirements: Vec<String>,
    /// What else each runtime needs (`onnxruntime: [onnx, …]`).
    #[serde(default)]
    pub runtimes: BTreeMap<String, Vec<String>>,
}

impl FrontMatter {
    /// Packages of a test that runs in `runtime`.
    #[must_use]
    pub fn packages(&self, runtime: &str) -> Vec<String> {
        let more = self.runtimes.get(runtime).into_iter().flatten();
        self.requirements.iter().chain(more).cloned().collect()
    }
}

/// What a template is filled with.
#[derive(Debug, Clone, Serialize)]
pub struct Context<'a> {
    pub test_name: &'a str,
    pub model: &'a str,
    pub family: &'a str,
    pub model_type: &'a str,
    pub backend: &'a str,
    pub config: &'a Map<String, Value>,
    pub parameters: &'a Map<String, Value>,
    pub revision: Option<&'a str>,
    pub requirements: &'a [String],
    pub template_version: u32,
    pub dtf_version: &'a str,
}

/// A family's template, ready to render many times.
pub struct Template {
    pub front_matter: FrontMatter,
    environment: Environment<'static>,
}

/// Families that this version can generate tests for.
pub fn families() -> impl Iterator<Item = &'static str> {
    embedded::templates().filter_map(|(path, _)| path.strip_suffix("/test.py.j2"))
}

impl Template {
    /// # Errors
    /// There is no template for the family, or it is broken.
    pub fn load(family: &str) -> Result<Self, Wrong> {
        let path = format!("{family}/test.py.j2");
        let Some((_, text)) = embedded::templates().find(|(name, _)| *name == path) else {
            let known: Vec<&str> = families().collect();
            let message = format!("tests for the family {family} cannot be generated yet");
            let hint = format!("this version generates {}", known.join(", "));
            return Err(Wrong::new(message).hint(hint));
        };
        let others = embedded::templates().filter(|(name, _)| name.starts_with("_shared/"));
        Self::build(text, others)
    }

    fn build(
        text: &'static str,
        others: impl Iterator<Item = (&'static str, &'static str)>,
    ) -> Result<Self, Wrong> {
        let (front_matter, body) = split(text)
            .ok_or_else(|| Wrong::new("the template does not start with --- and its settings"))?;
        let front_matter: FrontMatter = serde_yaml::from_str(front_matter)
            .map_err(|problem| Wrong::new(format!("settings of the template: {problem}")))?;
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment.add_filter("pyrepr", pyrepr);
        for (name, text) in others {
            environment.add_template(name, text).map_err(broken)?;
        }
        environment.add_template("test", body).map_err(broken)?;
        Ok(Self { front_matter, environment })
    }

    /// The defaults with what was said instead.
    ///
    /// # Errors
    /// A parameter that the template does not have, or a value of another kind.
    pub fn parameters<'a>(
        &self,
        said: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Result<Map<String, Value>, (String, Wrong)> {
        let mut parameters = self.front_matter.parameters.clone();
        for (name, value) in said {
            let Some(default) = parameters.get_mut(name) else {
                let known: Vec<&str> = parameters.keys().map(String::as_str).collect();
                let family = &self.front_matter.family;
                let wrong = Wrong::new(format!("{family} has no parameter {name:?}"))
                    .hint(did_you_mean(name, &known));
                return Err((name.to_owned(), wrong));
            };
            if let Err(wrong) = same_kind(default, &value) {
                return Err((name.to_owned(), wrong));
            }
            *default = value;
        }
        Ok(parameters)
    }

    /// The text of a script.
    ///
    /// # Errors
    /// The template uses what it is not given, takes too long, or makes too much.
    pub fn render(&self, context: &Context) -> Result<String, Wrong> {
        let template = self.environment.get_template("test").map_err(broken)?;
        let mut text = template.render(minijinja::value::Serde(context)).map_err(broken)?;
        // The engine drops the last line break of a template.
        text.push('\n');
        if text.len() > MAX_SCRIPT_BYTES {
            return Err(Wrong::new(format!("the script is larger than {MAX_SCRIPT_BYTES} bytes")));
        }
        Ok(text)
    }
}

/// A default tells the kind; one that is nothing takes a number.
fn same_kind(default: &Value, value: &Value) -> Result<(), Wrong> {
    let (fits, expected) = match default {
        Value::Number(number) if number.is_f64() => {
            (value.as_f64().is_some_and(|value| value >= 0.0), "a number from 0")
        }
        Value::Number(_) | Value::Null => (value.is_u64(), "a whole number from 0"),
        Value::Bool(_) => (value.is_boolean(), "true or false"),
        _ => (value.is_string(), "a text"),
    };
    if fits { Ok(()) } else { Err(Wrong::new(format!("expected {expected}, found {value}"))) }
}

/// The settings at the top and the rest.
fn split(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("---\n")?.split_once("\n---\n")
}

fn broken(problem: minijinja::Error) -> Wrong {
    let place = match (problem.name(), problem.line()) {
        (Some(name), Some(line)) => format!(" ({name}, line {line})"),
        _ => String::new(),
    };
    let detail = problem.detail().unwrap_or_default();
    Wrong::new(format!("the template failed: {}: {detail}{place}", problem.kind()))
}

/// Filter: the Python literal of a value.
fn pyrepr(value: &minijinja::Value) -> Result<String, minijinja::Error> {
    if value.is_undefined() {
        return Err(minijinja::Error::new(ErrorKind::UndefinedError, "pyrepr of nothing"));
    }
    let json = serde_json::to_value(value).map_err(|problem| {
        minijinja::Error::new(ErrorKind::InvalidOperation, problem.to_string())
    })?;
    Ok(python::literal(&json))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TOP: &str = "---\nfamily: x\nversion: 3\ntasks: [t]\nbackends: [cpu]\n\
        parameters: {batch: 2, image_size: null, dtype: fp32, min_seconds: 2.0}\n\
        requirements: [torch]\n---\n";

    fn template(body: &str) -> Template {
        let text: &'static str = format!("{TOP}{body}").leak();
        Template::build(text, std::iter::empty()).expect("a template")
    }

    fn render(body: &str, model: &str) -> Result<String, Wrong> {
        let config = json!({"eps": 1e-12}).as_object().cloned().expect("a map");
        template(body).render(&Context {
            test_name: "t",
            model,
            family: "x",
            model_type: "x",
            backend: "cpu",
            config: &config,
            parameters: &Map::new(),
            revision: None,
            requirements: &[],
            template_version: 3,
            dtf_version: "0",
        })
    }

    #[test]
    fn every_embedded_template_loads() {
        for family in families() {
            let template = Template::load(family).expect(family);
            assert_eq!(template.front_matter.family, family);
        }
        assert_eq!(families().count(), 19);
    }

    #[test]
    fn what_is_filled_in_stays_data() {
        let hostile = "\"); import os #{{7*7}}{% raw %}\n'''";
        let text = render("M = {{ model | pyrepr }}\n", hostile).expect("a script");
        assert_eq!(text, "M = \"\\\"); import os #{{7*7}}{% raw %}\\n'''\"\n");
        let text = render("{{ config | pyrepr }} {{ revision | pyrepr }}", "").expect("a script");
        assert_eq!(text, "{\"eps\": 1e-12} None\n");
    }

    #[test]
    fn undefined_names_and_endless_loops_are_errors() {
        assert!(render("{{ nothing }}", "").is_err());
        assert!(render("{{ nothing | pyrepr }}", "").is_err());
        assert!(
            render(
                "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
                ""
            )
            .is_err()
        );
        let text: &'static str = format!("{TOP}{{% include '/etc/passwd' %}}").leak();
        let outside = Template::build(text, std::iter::empty()).expect("a template");
        assert!(outside.environment.get_template("test").expect("it").render(()).is_err());
    }

    #[test]
    fn parameters_are_checked_against_the_defaults() {
        let template = template("");
        let said = |name, value| template.parameters([(name, value)]);
        assert_eq!(said("batch", json!(8)).expect("known")["batch"], 8);
        assert_eq!(said("image_size", json!(64)).expect("known")["image_size"], 64);
        assert!(said("min_seconds", json!(0)).is_ok());
        for (name, value) in [
            ("batch", json!("8")),
            ("batch", json!(-1)),
            ("dtype", json!(32)),
            ("min_seconds", json!(-0.5)),
        ] {
            assert!(said(name, value.clone()).is_err(), "{name} {value}");
        }
        let (_, wrong) = said("bach", json!(8)).expect_err("a typing mistake");
        assert_eq!(wrong.hint.as_deref(), Some("did you mean \"batch\"?"));
        let hint = Template::load("colour").err().and_then(|wrong| wrong.hint);
        assert!(hint.is_some_and(|hint| hint.starts_with("this version generates asr_seq2seq, ")));
    }
}
