//! Values that break a script unless they are escaped, and the search for them in a script.

use crate::text::python;
use serde_json::json;
use std::collections::BTreeSet;

/// Texts that do harm if they are not escaped. Each has a quote and a line break, so that it
/// differs from its escaped form.
pub const HOSTILE: [&str; 12] = [
    "\"\nquote",
    "'\"\napostrophe",
    "\"\"\"\n'''\ntriple",
    "\"); raise SystemExit(99) #\nend",
    "\"\n$(exit 99)`exit 99`",
    "\"\n{{7*7}}{{ model }}",
    "\"\n{% raw %}{% include 'x' %}{# c #}",
    "\"\n../../etc/passwd",
    "\"\n\\",
    "\"\né\u{4e2d}\u{1f600}\u{202e}",
    "\"\n\r\u{2028}\u{85}\t",
    "\"\n\u{0}\u{7}\u{1b}[2J",
];

/// Problem of a value that is not escaped.
pub const UNESCAPED: &str = "is not escaped in the script; write {{ … | pyrepr }}";

/// Names of the values, as templates use them.
pub const NAMES: [&str; 7] =
    ["test_name", "model", "model_type", "revision", "weights", "config", "requirements"];

/// The values with which a template is rendered, except back-end and parameters.
#[derive(Clone)]
pub struct Values {
    pub test_name: String,
    pub model: String,
    pub model_type: String,
    pub revision: String,
    pub weights: String,
    pub config: String,
    pub requirement: String,
}

impl Values {
    /// Every value is `text` with its own name, so that no value is part of another.
    pub fn all(text: &str) -> Self {
        let named = |name: &str| format!("{text}<{name}>");
        let [test_name, model, model_type, revision, weights, config, requirement] =
            NAMES.map(named);
        Self { test_name, model, model_type, revision, weights, config, requirement }
    }

    fn fields(&self) -> [(&'static str, &str); 7] {
        let texts = [
            &self.test_name,
            &self.model,
            &self.model_type,
            &self.revision,
            &self.weights,
            &self.config,
            &self.requirement,
        ];
        let mut texts = texts.into_iter();
        NAMES.map(|name| (name, texts.next().map_or("", String::as_str)))
    }

    /// Replaces one value by that of `from`.
    pub fn take(&mut self, name: &str, from: &Self) {
        let (to, from) = match name {
            "test_name" => (&mut self.test_name, &from.test_name),
            "model" => (&mut self.model, &from.model),
            "model_type" => (&mut self.model_type, &from.model_type),
            "revision" => (&mut self.revision, &from.revision),
            "weights" => (&mut self.weights, &from.weights),
            "config" => (&mut self.config, &from.config),
            _ => (&mut self.requirement, &from.requirement),
        };
        to.clone_from(from);
    }

    /// The used values that Python must read back. Requirements are in a comment.
    pub fn of(&self, used: &BTreeSet<&str>) -> impl Iterator<Item = (&'static str, &str)> {
        let kept = |(name, _): &(&str, &str)| used.contains(name) && *name != "requirements";
        self.fields().into_iter().filter(kept)
    }

    /// Problems of the used values in a script: unescaped or changed.
    pub fn misplaced(&self, used: &BTreeSet<&str>, script: &str) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, text) in self.fields().into_iter().filter(|(name, _)| used.contains(name)) {
            let literal = python::literal(&json!(text));
            let escaped = literal.trim_matches('"');
            if script.contains(text) {
                problems.push(format!("{name} {UNESCAPED}"));
            } else if !script.contains(escaped) {
                problems.push(format!("{name} is changed in the script"));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_texts_differ_from_their_escaped_forms() {
        for text in HOSTILE {
            assert!(!python::literal(&json!(text)).contains(text), "{text:?}");
            assert!(text.contains('"') && text.contains('\n'), "{text:?}");
        }
    }
}
