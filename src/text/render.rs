//! Renders templates with Jinja syntax.
//!
//! Limits are those of [`Limits`]: steps, which also bound the memory that a template takes, and
//! the size of the result. Promises: an undefined name is an error, templates include only each
//! other, and values are never rendered again as templates.

use crate::text::python;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};
use serde::Serialize;
use std::borrow::Cow;
use std::error::Error as _;
use std::io::{self, Write};

/// Size that most results do not exceed, reserved before rendering.
const USUAL_BYTES: usize = 64 << 10;

/// How values are written into the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// Unchanged. The template escapes what it must, for example with the filter `pyrepr`.
    None,
    /// As text of an HTML document.
    Html,
    /// Not at all: a text must pass a filter of [`Engine::add_quoting`] that quotes it for the
    /// language of the result, otherwise the rendering fails. Numbers are written unchanged. A line
    /// that only has a statement leaves no line in the result.
    Quoted,
}

/// Quotes a text for a language, or gives the reason why this language cannot contain it.
pub type Quote = fn(&str) -> Result<String, String>;

/// Limits of one rendering.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum number of steps.
    pub fuel: u64,
    /// Maximum size of the result, in bytes.
    pub max_bytes: usize,
}

/// Templates that may include and extend each other. The filter `pyrepr` writes a value as a Python
/// literal.
#[derive(Debug)]
pub struct Engine {
    environment: Environment<'static>,
    max_bytes: usize,
}

/// Why a template cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RenderError {
    /// Name of the template in which it failed. It may be one that is included.
    pub template: Option<String>,
    /// Line in this template, counted from 1.
    pub line: Option<usize>,
    pub reason: Reason,
    pub message: String,
}

/// Kind of a [`RenderError`], where a caller may have advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The template took more steps than [`Limits::fuel`].
    OutOfFuel,
    /// The result is larger than [`Limits::max_bytes`].
    TooLarge,
    /// A template that is included or extended does not exist.
    NotFound,
    /// Syntax, undefined names, failed filters and the like.
    Other,
}

impl Engine {
    /// An engine without templates.
    #[must_use]
    pub fn new(escape: Escape, limits: Limits) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(move |_| match escape {
            Escape::None | Escape::Quoted => AutoEscape::None,
            Escape::Html => AutoEscape::Html,
        });
        environment.set_fuel(Some(limits.fuel));
        environment.add_filter("pyrepr", pyrepr);
        if escape == Escape::Quoted {
            let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
            environment.set_syntax(syntax.expect("the usual delimiters"));
            environment.set_formatter(|out, state, value| {
                if value.is_safe() || value.is_integer() {
                    return minijinja::escape_formatter(out, state, value);
                }
                let reason = "a value is written without a filter that quotes it";
                Err(minijinja::Error::new(ErrorKind::BadEscape, reason))
            });
        }
        Self { environment, max_bytes: limits.max_bytes }
    }

    /// Adds a filter that quotes texts.
    pub fn add_quoting(&mut self, name: &'static str, quote: Quote) {
        self.environment.add_filter(name, move |value: &Value| {
            if value.is_undefined() {
                let detail = format!("{name} of an undefined value");
                return Err(minijinja::Error::new(ErrorKind::UndefinedError, detail));
            }
            let text = value.as_str().map(str::to_owned);
            let text = text.or_else(|| value.is_integer().then(|| value.to_string()));
            let text = text.ok_or_else(|| "only texts and whole numbers are quoted".to_owned());
            let quoted = text.and_then(|text| quote(&text));
            quoted
                .map(Value::from_safe_string)
                .map_err(|reason| minijinja::Error::new(ErrorKind::InvalidOperation, reason))
        });
    }

    /// Adds a template by its name.
    ///
    /// # Errors
    /// The syntax is broken.
    pub fn add(
        &mut self,
        name: &str,
        text: impl Into<Cow<'static, str>>,
    ) -> Result<(), RenderError> {
        let added = self.environment.add_template_owned(name.to_owned(), text.into());
        added.map_err(|error| RenderError::of(&error))
    }

    /// Renders a template. The last line break of the template is not part of the result.
    ///
    /// # Errors
    /// There is no such template, it uses a name that `context` does not have, or it exceeds a
    /// limit.
    pub fn render(&self, name: &str, context: &impl Serialize) -> Result<String, RenderError> {
        let template = self.environment.get_template(name);
        let template = template.map_err(|error| RenderError::of(&error))?;
        let mut output = Capped {
            bytes: Vec::with_capacity(USUAL_BYTES.min(self.max_bytes)),
            max_bytes: self.max_bytes,
            exceeded: false,
        };
        let rendered = template.render_captured_to(Serde(context), &mut output).map(drop);
        let failed = |reason, message| RenderError {
            template: Some(name.to_owned()),
            line: None,
            reason,
            message,
        };
        if output.exceeded {
            let message = format!("the result exceeds {} bytes", self.max_bytes);
            return Err(failed(Reason::TooLarge, message));
        }
        rendered.map_err(|error| RenderError::of(&error))?;
        String::from_utf8(output.bytes)
            .map_err(|error| failed(Reason::Other, format!("the result is not UTF-8: {error}")))
    }
}

impl RenderError {
    fn of(outermost: &minijinja::Error) -> Self {
        // Only the innermost error of a part that is included has its name and line.
        let mut error = outermost;
        while let Some(inner) = error.source().and_then(|source| source.downcast_ref()) {
            error = inner;
        }
        let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
        Self {
            template: error.name().map(str::to_owned),
            line: error.line(),
            reason: match error.kind() {
                ErrorKind::OutOfFuel => Reason::OutOfFuel,
                ErrorKind::TemplateNotFound => Reason::NotFound,
                _ => Reason::Other,
            },
            message: format!("{}{detail}", error.kind()),
        }
    }
}

/// A buffer that refuses to grow beyond a size.
struct Capped {
    bytes: Vec<u8>,
    max_bytes: usize,
    exceeded: bool,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.max_bytes {
            self.exceeded = true;
            return Err(io::Error::other("the result is too large"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The filter `pyrepr`: the Python literal of a value.
fn pyrepr(value: &Value) -> Result<String, minijinja::Error> {
    if value.is_undefined() {
        return Err(minijinja::Error::new(
            ErrorKind::UndefinedError,
            "pyrepr of an undefined value",
        ));
    }
    let json = serde_json::to_value(value)
        .map_err(|error| minijinja::Error::new(ErrorKind::InvalidOperation, error.to_string()))?;
    Ok(python::literal(&json))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(
        escape: Escape,
        limits: Limits,
        text: &str,
        context: &serde_json::Value,
    ) -> Result<String, RenderError> {
        let mut engine = Engine::new(escape, limits);
        engine.add("part", "\n{{ nothing }}")?;
        engine.add("main", text.to_owned())?;
        engine.render("main", context)
    }

    const LIMITS: Limits = Limits { fuel: 10_000, max_bytes: 100 };

    #[test]
    fn values_are_escaped_by_the_mode() {
        let context = json!({"x": "<b>{{ y }}</b>\""});
        let rendered = |escape, text| render(escape, LIMITS, text, &context).expect("rendered");
        assert_eq!(rendered(Escape::None, "{{ x }}"), "<b>{{ y }}</b>\"");
        assert_eq!(
            rendered(Escape::Html, "<i>{{ x }}"),
            "<i>&lt;b&gt;{{ y }}&lt;&#x2f;b&gt;&quot;"
        );
        assert_eq!(rendered(Escape::None, "{{ x | pyrepr }}"), "\"<b>{{ y }}</b>\\\"\"");
    }

    #[test]
    fn no_text_is_written_unquoted_where_quoting_is_required() {
        let rendered = |text: &str| {
            let mut engine = Engine::new(Escape::Quoted, LIMITS);
            engine.add_quoting("q", |text| match text {
                "bad" => Err("it is bad".into()),
                text => Ok(format!("<{text}>")),
            });
            engine.add("main", text.to_owned())?;
            engine.render("main", &json!({"x": "a", "n": 3, "bad": "bad", "list": ["a"]}))
        };
        assert_eq!(rendered("{{ x | q }}{{ n | q }} {{ n }}").as_deref(), Ok("<a><3> 3"));
        let refused = |text| rendered(text).expect_err(text).message;
        for text in ["{{ x }}", "{{ x ~ n }}", "{{ x | q ~ x }}", "{{ list }}", "{{ x | upper }}"] {
            assert!(refused(text).contains("without a filter that quotes it"), "{text}");
        }
        assert!(refused("{{ bad | q }}").ends_with("it is bad"));
        assert!(refused("{{ list | q }}").contains("only texts"));
        assert!(refused("{{ y | q }}").contains("undefined"));
    }

    #[test]
    fn limits_hold() {
        let refused = |text| render(Escape::None, LIMITS, text, &json!({})).expect_err(text).reason;
        assert_eq!(refused("{% for i in range(99999) %}{% endfor %}"), Reason::OutOfFuel);
        assert_eq!(refused("{% for i in range(101) %}x{% endfor %}"), Reason::TooLarge);
        let fits =
            render(Escape::None, LIMITS, "{% for i in range(100) %}x{% endfor %}", &json!({}));
        assert_eq!(fits.map(|text| text.len()), Ok(100));
    }

    #[test]
    fn errors_name_the_innermost_template_and_its_line() {
        let refused = |text| render(Escape::None, LIMITS, text, &json!({})).expect_err(text);
        let inner = refused("{% include 'part' %}");
        assert_eq!((inner.template.as_deref(), inner.line), (Some("part"), Some(2)));
        assert_eq!(inner.message, "undefined value: `nothing` is undefined");
        assert_eq!(refused("{% include '/etc/passwd' %}").reason, Reason::NotFound);
        assert_eq!(refused("\n\n{% if %}").line, Some(3));
    }
}
