//! Test templates: the settings at their top, and the scripts that they make.
//!
//! A template starts with YAML between two `---` lines (family, parameters with defaults,
//! packages, back-ends); the rest is a minijinja template. Templates include only
//! each other. Promises: an undefined name is an error, a template cannot run for ever
//! ([`FUEL`], which also bounds the memory that it takes), and what it renders is never
//! rendered again.

use crate::domain::accelerator::Backend;
use crate::templates::origin::{Origin, Text};
use crate::templates::path::TemplatePath;
use crate::text::depth;
use crate::text::error::ValueError;
use crate::text::python;
use crate::text::suggest::did_you_mean;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::error::Error as _;

/// Steps that one rendering may take.
pub const FUEL: u64 = 1_000_000;
/// Largest script that a template may make.
pub const MAX_SCRIPT_BYTES: usize = 4 << 20;
/// What most scripts fit in, so that they are written without moving.
const USUAL_SCRIPT_BYTES: usize = 64 << 10;

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
    /// Directory of the weights on the machine that runs the test, where the model has its own.
    pub weights_directory: Option<&'a str>,
    pub requirements: &'a [String],
    pub template_version: u32,
    pub template_digest: &'a str,
    pub dtf_version: &'a str,
}

/// A family's template, ready to render many times.
#[derive(Debug)]
pub struct Template {
    pub front_matter: FrontMatter,
    pub origin: Origin,
    /// SHA-256 over its text and every text that it can reach, hexadecimal
    /// ([`crate::templates::library`]).
    pub digest: String,
    /// Where it stands, such as `vlm/test.py.j2`.
    path: String,
    /// Lines of the front matter, which the engine does not see.
    lines_before: usize,
    environment: Environment<'static>,
}

impl Template {
    /// `shared` is what it may extend and include.
    ///
    /// # Errors
    /// Front matter that is missing, not understood or of another family; broken syntax,
    /// here or in a shared text; with path and line.
    pub(super) fn build<'a>(
        path: &str,
        text: &Text,
        shared: impl Iterator<Item = (&'a str, &'a Text)>,
        digest: String,
    ) -> Result<Self, ValueError> {
        let of = of(&text.origin);
        let (front_matter, body) = split(&text.text).ok_or_else(|| {
            ValueError::new(format!("{path}{of} does not start with --- and its settings"))
                .hint("docs/templates.md shows one")
        })?;
        let settings = read_front_matter(path, front_matter).map_err(|wrong| ValueError {
            message: format!("{path}{of}: {}", wrong.message),
            ..wrong
        })?;
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment.add_filter("pyrepr", pyrepr);
        let mut template = Self {
            front_matter: settings,
            origin: text.origin.clone(),
            digest,
            path: path.to_owned(),
            lines_before: front_matter.matches('\n').count() + 3,
            environment,
        };
        for (name, text) in shared {
            let added = template.environment.add_template_owned(name.to_owned(), text.text.clone());
            added.map_err(|problem| template.broken(&problem))?;
        }
        let added = template.environment.add_template_owned(path.to_owned(), body.to_owned());
        added.map_err(|problem| template.broken(&problem))?;
        Ok(template)
    }

    /// The family, or family and back-end: `vlm`, `vlm/cuda`.
    #[must_use]
    pub fn name(&self) -> &str {
        let name = self.path.strip_suffix(".py.j2").unwrap_or(&self.path);
        name.strip_suffix("/test").unwrap_or(name)
    }

    /// Where it stands, such as `vlm/test.py.j2`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    fn broken(&self, outermost: &minijinja::Error) -> ValueError {
        // Of a part that was included only its own error says what and where.
        let mut problem = outermost;
        while let Some(inner) = problem.source().and_then(|source| source.downcast_ref()) {
            problem = inner;
        }
        let own = problem.name() == Some(&*self.path);
        let place = match (problem.name(), problem.line()) {
            (Some(name), Some(line)) => {
                format!("{name}:{}", if own { line + self.lines_before } else { line })
            }
            _ => self.path.clone(),
        };
        let detail = problem.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
        let (of, kind) = (of(&self.origin), problem.kind());
        // What was included may be to blame, and is to be found through what includes it.
        let through = if own { String::new() } else { format!(" (for {})", self.path) };
        let wrong =
            ValueError::new(format!("the template {place}{through}{of} failed: {kind}{detail}"));
        match kind {
            ErrorKind::OutOfFuel => wrong.hint("does one of its loops never end?"),
            ErrorKind::TemplateNotFound => {
                wrong.hint("templates extend and include _shared/PART.py.j2 only")
            }
            _ => wrong,
        }
    }

    /// The defaults with what was said instead.
    ///
    /// # Errors
    /// A parameter that the template does not have, or a value of another kind.
    pub fn parameters<'a>(
        &self,
        said: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Result<Map<String, Value>, (String, ValueError)> {
        let mut parameters = self.front_matter.parameters.clone();
        for (name, value) in said {
            let Some(default) = parameters.get_mut(name) else {
                let known: Vec<&str> = parameters.keys().map(String::as_str).collect();
                let family = &self.front_matter.family;
                let wrong = ValueError::new(format!("{family} has no parameter {name:?}"))
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
    pub fn render(&self, context: &Context) -> Result<String, ValueError> {
        let mut bytes = Vec::with_capacity(USUAL_SCRIPT_BYTES);
        self.environment
            .get_template(&self.path)
            .and_then(|template| {
                template.render_captured_to(minijinja::value::Serde(context), &mut bytes)
            })
            .map_err(|problem| self.broken(&problem))?;
        // The engine drops the last line break of a template.
        bytes.push(b'\n');
        let text = String::from_utf8(bytes)
            .map_err(|problem| ValueError::new(format!("{} made no text: {problem}", self.path)))?;
        if text.len() > MAX_SCRIPT_BYTES {
            let message = format!("{} made a script of over {MAX_SCRIPT_BYTES} bytes", self.path);
            return Err(ValueError::new(message));
        }
        Ok(text)
    }
}

/// A default tells the kind; one that is nothing takes a number.
fn same_kind(default: &Value, value: &Value) -> Result<(), ValueError> {
    let (fits, expected) = match default {
        Value::Number(number) if number.is_f64() => {
            (value.as_f64().is_some_and(|value| value >= 0.0), "a number from 0")
        }
        Value::Number(_) | Value::Null => (value.is_u64(), "a whole number from 0"),
        Value::Bool(_) => (value.is_boolean(), "true or false"),
        _ => (value.is_string(), "a text"),
    };
    if fits { Ok(()) } else { Err(ValueError::new(format!("expected {expected}, found {value}"))) }
}

/// The settings at the top and the rest.
fn split(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("---\n")?.split_once("\n---\n")
}

fn read_front_matter(path: &str, text: &str) -> Result<FrontMatter, ValueError> {
    if depth::too_deep(text).is_some() {
        return Err(ValueError::new("its settings are nested too deeply"));
    }
    let settings: FrontMatter = serde_yaml::from_str(text).map_err(|problem| {
        ValueError::new(format!("its settings are not understood: {problem}"))
    })?;
    if let Ok(TemplatePath::Test { family, backend }) = TemplatePath::parse(path) {
        if settings.family != family {
            let message = format!("its settings say family {:?}", settings.family);
            return Err(ValueError::new(message).hint("a template stands in its family's folder"));
        }
        if backend.is_some_and(|backend| !settings.backends.contains(&backend)) {
            return Err(ValueError::new("its settings do not list the back-end that it is for"));
        }
    }
    if settings.version == 0 {
        return Err(ValueError::new("versions count from 1"));
    }
    Ok(settings)
}

/// For messages; what everybody has needs no origin.
fn of(origin: &Origin) -> String {
    match origin {
        Origin::BuiltIn => String::new(),
        other => format!(" of {other}"),
    }
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
        build(body).expect("a template")
    }

    fn build(body: &str) -> Result<Template, ValueError> {
        let text = format!("{TOP}{body}").into();
        let text = Text { origin: Origin::Directory("mine".into()), text };
        Template::build("x/test.py.j2", &text, std::iter::empty(), String::new())
    }

    fn render(body: &str, model: &str) -> Result<String, ValueError> {
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
            weights_directory: None,
            requirements: &[],
            template_version: 3,
            template_digest: "",
            dtf_version: "0",
        })
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
        let refused = |body: &str| {
            let wrong = render(body, "").expect_err(body);
            format!("{} | {}", wrong.message, wrong.hint.unwrap_or_default())
        };
        assert_eq!(
            refused("\n{{ nothing }}"),
            "the template x/test.py.j2:10 of mine failed: undefined value: `nothing` is undefined | "
        );
        assert!(render("{{ nothing | pyrepr }}", "").is_err());
        let endless =
            "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}";
        assert_eq!(
            refused(endless),
            "the template x/test.py.j2:9 of mine failed: engine ran out of fuel | \
             does one of its loops never end?"
        );
        // Twice as long forty times over.
        let huge = "{% set n = namespace(x='x') %}{% for i in range(40) %}{% set n.x = n.x ~ n.x %}{% endfor %}";
        assert!(refused(huge).contains("out of fuel"));
        assert!(refused("{% include '/etc/passwd' %}").contains("_shared/PART.py.j2 only"));
        assert!(refused("{% include 'x/test.py.j2' %}").contains("failed"));
        let wrong = build("\n{% if %}").expect_err("broken syntax");
        assert!(wrong.message.contains("x/test.py.j2:10 of mine failed"), "{}", wrong.message);
    }

    #[test]
    fn front_matter_is_checked() {
        let build = |text: String| {
            let text = Text { origin: Origin::BuiltIn, text: text.into() };
            let built = Template::build("y/cuda.py.j2", &text, std::iter::empty(), String::new());
            built.expect_err("refused").message
        };
        let top = TOP.replacen("family: x", "family: y", 1);
        for (text, expected) in [
            (String::from("x = 1\n"), "y/cuda.py.j2 does not start with --- and its settings"),
            (TOP.into(), "y/cuda.py.j2: its settings say family \"x\""),
            (top.clone(), "y/cuda.py.j2: its settings do not list the back-end that it is for"),
            (
                top.replace("version: 3", "version: 0").replace("[cpu]", "[cuda]"),
                "y/cuda.py.j2: versions count from 1",
            ),
            (
                format!("---\n{}\n---\n", "[".repeat(500)),
                "y/cuda.py.j2: its settings are nested too deeply",
            ),
        ] {
            assert_eq!(build(text), expected);
        }
        assert!(build(top.replace("tasks", "task")).contains("unknown field `task`"));
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
    }
}
