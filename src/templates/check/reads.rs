//! Searches texts for the parameters that they read and for other patterns. A name that a text
//! computes is not found.

use regex::Regex;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Parameters that scripts and templates read.
#[derive(Default)]
pub struct Read<'t> {
    /// Read without a check.
    pub always: BTreeSet<&'t str>,
    /// Read only if they exist.
    pub optional: BTreeSet<&'t str>,
}

impl<'t> Read<'t> {
    /// Adds the parameters that a script reads from `PARAMETERS`.
    pub fn script(&mut self, text: &'t str) {
        collect(text, r#"\bPARAMETERS\[["']([a-z0-9_]+)["']\]"#, &mut self.always);
        collect(text, r#"\bPARAMETERS\.get\(\s*["']([a-z0-9_]+)["']"#, &mut self.optional);
        collect(text, r#"["']([a-z0-9_]+)["'] (?:not )?in PARAMETERS\b"#, &mut self.optional);
    }

    /// Adds the parameters that a template reads from `parameters`.
    pub fn template(&mut self, text: &'t str) {
        collect(text, r"\bparameters\.([a-z0-9_]+)", &mut self.always);
        collect(text, r#"\bparameters\[["']([a-z0-9_]+)["']\]"#, &mut self.always);
    }

    /// Parameters that are read without a check and are not in `known`.
    pub fn absent(&self, known: &Map<String, Value>) -> impl Iterator<Item = &'t str> {
        let absent = |name: &&&str| !known.contains_key(**name) && !self.optional.contains(**name);
        self.always.iter().filter(absent).copied()
    }
}

/// Adds the first group of every match of `pattern`.
pub fn collect<'t>(text: &'t str, pattern: &str, into: &mut BTreeSet<&'t str>) {
    // The patterns are constants, and the tests use each of them.
    let Ok(pattern) = Regex::new(pattern) else { return };
    into.extend(pattern.captures_iter(text).filter_map(|captures| Some(captures.get(1)?.as_str())));
}
