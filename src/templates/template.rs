//! A template that is ready to be rendered into scripts.
//!
//! A template starts with front matter; the rest has Jinja syntax and may use the parts in
//! `_shared`. Limits: [`FUEL`] steps and [`MAX_SCRIPT_BYTES`] for one script.

use crate::backends::Table;
use crate::models::weights::source::Source as WeightsSource;
use crate::templates::front_matter::{FrontMatter, PartFrontMatter, split};
use crate::templates::origin::{Origin, Text};
use crate::templates::quality::Numbers;
use crate::text::error::ValueError;
use crate::text::render::{Engine, Escape, Limits, Reason, RenderError};
use crate::text::suggest::did_you_mean;
use regex::Regex;
use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Maximum number of steps of one rendering.
pub const FUEL: u64 = 1_000_000;
/// Maximum size of a script, in bytes.
pub const MAX_SCRIPT_BYTES: usize = 4 << 20;

/// The values with which a template is rendered.
#[derive(Debug, Clone, Serialize)]
pub struct Context<'a> {
    pub test_name: &'a str,
    pub model: &'a str,
    pub family: &'a str,
    pub model_type: &'a str,
    pub backend: &'a str,
    /// Hooks of the CPU and of the back-end ([`Table::hooks`]).
    pub backends: &'a Map<String, Value>,
    pub config: &'a Map<String, Value>,
    pub parameters: &'a Map<String, Value>,
    pub revision: Option<&'a str>,
    /// Source of the weights, as JSON with the key `source`.
    pub weights: &'a WeightsSource,
    /// Reason for the source, if the request alone is not the reason.
    pub weights_reason: Option<&'a str>,
    /// Path of the tested graph in the directory of the weights, if the model was exported.
    pub graph: Option<&'a str>,
    /// Numbers of real weights, with the bounds of the plan.
    pub quality: &'a Numbers,
    pub requirements: &'a [String],
    pub template_version: u32,
    pub template_digest: &'a str,
    pub dtf_version: &'a str,
}

/// The template of a family, or of one back-end of a family.
#[derive(Debug)]
pub struct Template {
    pub front_matter: FrontMatter,
    pub origin: Origin,
    /// SHA-256 of its text and of every part that it can use, in hexadecimal
    /// ([`crate::templates::library`]).
    pub digest: String,
    /// Path in its layer, such as `vlm/test.py.j2`.
    path: String,
    /// Number of lines of the front matter by path. The engine does not count them.
    lines_before: BTreeMap<String, usize>,
    engine: Engine,
}

impl Template {
    /// Compiles a template. `shared` are the parts that it may extend and include, `table` has the
    /// back-ends.
    ///
    /// # Errors
    /// The front matter is missing or invalid, or the syntax of the template or of a part is
    /// broken. The message has path and line.
    pub(super) fn build<'a>(
        path: &str,
        text: &Text,
        shared: impl Iterator<Item = (&'a str, &'a Text)>,
        (digest, table): (String, &Table),
    ) -> Result<Self, ValueError> {
        let (front_matter, body) = split(&text.text).ok_or_else(|| {
            let of = of(&text.origin);
            ValueError::new(format!("{path}{of} does not start with --- and its front matter"))
                .hint("docs/templates.md has an example")
        })?;
        let parsed = FrontMatter::parse(path, front_matter, table);
        // One byte is left for the last line break.
        let limits = Limits { fuel: FUEL, max_bytes: MAX_SCRIPT_BYTES - 1 };
        let mut template = Self {
            front_matter: parsed.map_err(|error| in_text(path, text, error))?,
            origin: text.origin.clone(),
            digest,
            path: path.to_owned(),
            lines_before: BTreeMap::from([(path.to_owned(), lines(front_matter))]),
            engine: Engine::new(Escape::None, limits),
        };
        let mut parts = BTreeMap::new();
        for (name, text) in shared {
            let (front_matter, body) = match split(&text.text) {
                Some((front_matter, body)) => (Some(front_matter), Cow::Owned(body.to_owned())),
                None => (None, text.text.clone()),
            };
            if let Some(front_matter) = front_matter {
                template.lines_before.insert(name.to_owned(), lines(front_matter));
            }
            let added = template.engine.add(name, body);
            added.map_err(|error| template.failed(&error))?;
            parts.insert(name, (text, front_matter));
        }
        let added = template.engine.add(path, body.to_owned());
        added.map_err(|error| template.failed(&error))?;
        template.inherit(body, &mut parts)?;
        Ok(template)
    }

    /// Adds the front matter of the parts that a text extends. The nearest has priority.
    fn inherit(
        &mut self,
        text: &str,
        parts: &mut BTreeMap<&str, (&Text, Option<&str>)>,
    ) -> Result<(), ValueError> {
        let Some(name) = extended(text) else { return Ok(()) };
        // A part that was removed before is not visited again, so a cycle ends.
        let Some((part, front_matter)) = parts.remove(name) else { return Ok(()) };
        if let Some(front_matter) = front_matter {
            let inherited = PartFrontMatter::parse(front_matter);
            self.front_matter.inherit(inherited.map_err(|error| in_text(name, part, error))?);
        }
        self.inherit(&part.text, parts)
    }

    /// The family, or family and back-end: `vlm`, `vlm/cuda`.
    #[must_use]
    pub fn name(&self) -> &str {
        let name = self.path.strip_suffix(".py.j2").unwrap_or(&self.path);
        name.strip_suffix("/test").unwrap_or(name)
    }

    /// Path in its layer, such as `vlm/test.py.j2`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    fn failed(&self, error: &RenderError) -> ValueError {
        let own = error.template.as_ref() == Some(&self.path);
        let place = match (&error.template, error.line) {
            (Some(name), Some(line)) => {
                format!("{name}:{}", line + self.lines_before.get(name).unwrap_or(&0))
            }
            _ => self.path.clone(),
        };
        // A part may be used by several templates.
        let used_by = if own { String::new() } else { format!(" (for {})", self.path) };
        let of = of(&self.origin);
        let message = format!("the template {place}{used_by}{of} failed: {}", error.message);
        let failed = ValueError::new(message);
        match error.reason {
            Reason::OutOfFuel => failed.hint("does a loop never end?"),
            Reason::NotFound => failed.hint("templates extend and include _shared/PART.py.j2 only"),
            Reason::TooLarge | Reason::Other => failed,
        }
    }

    /// The defaults of the parameters, with those in `given` replaced.
    ///
    /// # Errors
    /// The template has no such parameter, or its value has another type.
    pub fn parameters<'a>(
        &self,
        given: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Result<Map<String, Value>, (String, ValueError)> {
        let mut parameters = self.front_matter.parameters.clone();
        for (name, value) in given {
            let Some(default) = parameters.get_mut(name) else {
                let known: Vec<&str> = parameters.keys().map(String::as_str).collect();
                let family = &self.front_matter.family;
                let error = ValueError::new(format!("{family} has no parameter {name:?}"))
                    .hint(did_you_mean(name, &known));
                return Err((name.to_owned(), error));
            };
            check_type(default, &value).map_err(|error| (name.to_owned(), error))?;
            *default = value;
        }
        Ok(parameters)
    }

    /// Renders a script.
    ///
    /// # Errors
    /// The template uses an undefined name or exceeds a limit.
    pub fn render(&self, context: &Context) -> Result<String, ValueError> {
        let mut text =
            self.engine.render(&self.path, context).map_err(|error| self.failed(&error))?;
        // The engine drops the last line break of a template.
        text.push('\n');
        Ok(text)
    }
}

/// Path of the text that a text extends.
fn extended(text: &str) -> Option<&str> {
    static EXTENDS: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"\{%-?\s*extends\s+["']([^"']+)["']"#).ok());
    Some(EXTENDS.as_ref()?.captures(text)?.get(1)?.as_str())
}

/// Number of lines of front matter, with the lines that delimit it.
fn lines(front_matter: &str) -> usize {
    front_matter.matches('\n').count() + 3
}

/// The error with the path and the origin of its text.
fn in_text(path: &str, text: &Text, error: ValueError) -> ValueError {
    let message = format!("{path}{}: {}", of(&text.origin), error.message);
    ValueError { message, ..error }
}

/// Checks the type of a value against the default. A default of null takes a number.
fn check_type(default: &Value, value: &Value) -> Result<(), ValueError> {
    let (fits, expected) = match default {
        Value::Number(number) if number.is_f64() => {
            (value.as_f64().is_some_and(|value| value >= 0.0), "a number of at least 0")
        }
        Value::Number(_) | Value::Null => (value.is_u64(), "a whole number of at least 0"),
        Value::Bool(_) => (value.is_boolean(), "true or false"),
        _ => (value.is_string(), "a text"),
    };
    if fits { Ok(()) } else { Err(ValueError::new(format!("expected {expected}, found {value}"))) }
}

/// The origin in messages. Built-in templates need none.
fn of(origin: &Origin) -> String {
    match origin {
        Origin::BuiltIn => String::new(),
        other => format!(" of {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TOP: &str = "---\nfamily: x\nversion: 3\ntasks: [t]\nbackends: [cpu]\n\
        parameters: {batch: 2, image_size: null, dtype: fp32, min_seconds: 2.0}\n\
        requirements: [torch]\n---\n";

    fn none() -> (String, &'static Table) {
        (String::new(), Table::built_in())
    }

    fn template(body: &str) -> Template {
        build(body).expect("a template")
    }

    fn build(body: &str) -> Result<Template, ValueError> {
        let text = format!("{TOP}{body}").into();
        let text = Text { origin: Origin::Directory("mine".into()), text };
        Template::build("x/test.py.j2", &text, std::iter::empty(), none())
    }

    fn render(body: &str, model: &str) -> Result<String, ValueError> {
        let config = json!({"eps": 1e-12}).as_object().cloned().expect("a map");
        template(body).render(&Context {
            test_name: "t",
            model,
            family: "x",
            model_type: "x",
            backend: "cpu",
            backends: &Map::new(),
            config: &config,
            parameters: &Map::new(),
            revision: None,
            weights: &WeightsSource::Random,
            weights_reason: None,
            graph: None,
            quality: &Numbers::new(),
            requirements: &[],
            template_version: 3,
            template_digest: "",
            dtf_version: "0",
        })
    }

    #[test]
    fn values_stay_data() {
        let hostile = "\"); import os #{{7*7}}{% raw %}\n'''";
        let text = render("M = {{ model | pyrepr }}\n", hostile).expect("a script");
        assert_eq!(text, "M = \"\\\"); import os #{{7*7}}{% raw %}\\n'''\"\n");
        let text = render("{{ config | pyrepr }} {{ revision | pyrepr }}", "").expect("a script");
        assert_eq!(text, "{\"eps\": 1e-12} None\n");
    }

    #[test]
    fn undefined_names_and_endless_loops_are_errors() {
        let refused = |body: &str| {
            let error = render(body, "").expect_err(body);
            format!("{} | {}", error.message, error.hint.unwrap_or_default())
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
             does a loop never end?"
        );
        // Twice as long forty times over.
        let huge = "{% set n = namespace(x='x') %}{% for i in range(40) %}{% set n.x = n.x ~ n.x %}{% endfor %}";
        assert!(refused(huge).contains("out of fuel"));
        assert!(refused("{% include '/etc/passwd' %}").contains("_shared/PART.py.j2 only"));
        assert!(refused("{% include 'x/test.py.j2' %}").contains("failed"));
        let error = build("\n{% if %}").expect_err("broken syntax");
        assert!(error.message.contains("x/test.py.j2:10 of mine failed"), "{}", error.message);
    }

    #[test]
    fn front_matter_is_checked() {
        let build = |text: String| {
            let text = Text { origin: Origin::BuiltIn, text: text.into() };
            let built = Template::build("y/cuda.py.j2", &text, std::iter::empty(), none());
            built.expect_err("refused").message
        };
        let top = TOP.replacen("family: x", "family: y", 1);
        for (text, expected) in [
            (String::from("x = 1\n"), "y/cuda.py.j2 does not start with --- and its front matter"),
            (TOP.into(), "y/cuda.py.j2: the front matter has family \"x\""),
            (top.clone(), "y/cuda.py.j2: the front matter does not list the back-end cuda"),
            (
                top.replace("version: 3", "version: 0").replace("[cpu]", "[cuda]"),
                "y/cuda.py.j2: the front matter has version 0, the first version is 1",
            ),
            (
                format!("---\n{}\n---\n", "[".repeat(500)),
                "y/cuda.py.j2: the front matter is nested too deeply",
            ),
        ] {
            assert_eq!(build(text), expected);
        }
        assert!(build(top.replace("tasks", "task")).contains("unknown field `task`"));
    }

    #[test]
    fn parameters_are_checked_against_the_defaults() {
        let template = template("");
        let given = |name, value| template.parameters([(name, value)]);
        assert_eq!(given("batch", json!(8)).expect("known")["batch"], 8);
        assert_eq!(given("image_size", json!(64)).expect("known")["image_size"], 64);
        assert!(given("min_seconds", json!(0)).is_ok());
        for (name, value) in [
            ("batch", json!("8")),
            ("batch", json!(-1)),
            ("dtype", json!(32)),
            ("min_seconds", json!(-0.5)),
        ] {
            assert!(given(name, value.clone()).is_err(), "{name} {value}");
        }
        let (_, error) = given("bach", json!(8)).expect_err("a mistyped name");
        assert_eq!(error.hint.as_deref(), Some("did you mean \"batch\"?"));
    }

    fn with_parts(body: &str, parts: &[(&str, &str)]) -> Result<Template, ValueError> {
        let text = |text: String| Text { origin: Origin::BuiltIn, text: text.into() };
        let parts: Vec<_> =
            parts.iter().map(|(path, body)| (*path, text((*body).to_owned()))).collect();
        let shared = parts.iter().map(|(path, text)| (*path, text));
        Template::build("x/test.py.j2", &text(format!("{TOP}{body}")), shared, none())
    }

    #[test]
    fn parameters_and_packages_of_extended_parts_are_inherited() {
        let middle =
            "---\nparameters: {batch: 3, seed: 5, depth: 1}\n---\n{% extends '_shared/b.py.j2' %}";
        let lowest = "---\nparameters: {seed: 6, heads: 2}\nruntimes: {openvino: [openvino]}\n---\n\
            {{ parameters | pyrepr }}";
        let other = "---\nparameters: {unused: 1}\n---\n";
        let parts =
            [("_shared/a.py.j2", middle), ("_shared/b.py.j2", lowest), ("_shared/c.py.j2", other)];
        let template = with_parts("{%- extends \"_shared/a.py.j2\" -%}", &parts).expect("it");
        let parameters = Value::Object(template.front_matter.parameters.clone());
        let expected = json!({"batch": 2, "depth": 1, "dtype": "fp32", "heads": 2,
            "image_size": null, "min_seconds": 2.0, "seed": 5});
        assert_eq!(parameters, expected, "the nearest default has priority");
        assert_eq!(template.front_matter.packages("openvino"), ["torch", "openvino"]);
        // Front matter is optional, and a cycle ends.
        let cycle = [("_shared/a.py.j2", "{% extends \"_shared/a.py.j2\" %}")];
        let template = with_parts("{% extends \"_shared/a.py.j2\" %}", &cycle).expect("it");
        assert_eq!(template.front_matter.parameters.len(), 4);
    }

    #[test]
    fn errors_in_a_part_count_its_front_matter() {
        let extends = "{% extends \"_shared/a.py.j2\" %}";
        let part = "---\nparameters: {seed: 5}\n---\n\n{% if %}";
        let error = with_parts(extends, &[("_shared/a.py.j2", part)]).expect_err("broken syntax");
        assert!(error.message.contains("_shared/a.py.j2:5 (for x/"), "{}", error.message);
        let part = "---\nfamily: x\n---\n";
        let error = with_parts(extends, &[("_shared/a.py.j2", part)]).expect_err("unknown field");
        assert!(error.message.starts_with("_shared/a.py.j2: cannot read"), "{}", error.message);
    }
}
