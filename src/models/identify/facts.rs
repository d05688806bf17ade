//! The questions that rules ask about a directory, and the answer of a rule.

use crate::models::description::Description;
use crate::text::error::ValueError;
use crate::text::node::shortened;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Maximum number of names that a message lists.
pub(super) const MAX_LISTED: usize = 4;
/// Suffixes of files with PyTorch weights.
const WEIGHTS: [&str; 6] =
    [".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".safetensors.index.json"];

/// The kind of a directory, the evidence for it, and the next step for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Noun phrase that completes "this is …".
    pub what: String,
    /// Files and fields that show it; empty if there are none.
    pub evidence: String,
    /// The next step, as a hint.
    pub next: String,
}

impl Identity {
    pub(super) fn new(
        what: impl Into<String>,
        evidence: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self { what: what.into(), evidence: evidence.into(), next: next.into() }
    }

    /// The error for a model that is called `name` in messages.
    #[must_use]
    pub fn to_error(&self, name: &str) -> ValueError {
        let Self { what, evidence, next } = self;
        let evidence = if evidence.is_empty() { String::new() } else { format!(" ({evidence})") };
        ValueError::new(format!("{name} is {what}{evidence}")).hint(next.clone())
    }
}

/// A description with the questions that rules ask of it.
pub(super) struct Facts<'a> {
    pub names: &'a BTreeSet<String>,
    pub description: &'a Description,
    pub config: Option<Map<String, Value>>,
}

impl Facts<'_> {
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Files at the top level of the directory.
    pub fn top(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str).filter(|name| !name.contains('/'))
    }

    /// Subdirectories that contain a file of this name.
    pub fn with(&self, file: &str) -> Vec<&str> {
        let below = self.names.iter().filter_map(|name| name.split_once('/'));
        below.filter(|(_, rest)| *rest == file).map(|(directory, _)| directory).collect()
    }

    pub fn weights(&self) -> impl Iterator<Item = &str> {
        self.top().filter(|name| WEIGHTS.iter().any(|ending| name.ends_with(ending)))
    }

    /// A field of `config.json`.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.config.as_ref()?.get(name)
    }

    /// Whether `config.json` describes a model of transformers or timm.
    pub fn describes(&self) -> bool {
        ["model_type", "architectures", "architecture", "pretrained_cfg"]
            .iter()
            .any(|name| self.field(name).is_some())
    }
}

/// Formats up to [`MAX_LISTED`] names for a message.
pub(super) fn listed(names: &[&str]) -> String {
    let more = if names.len() > MAX_LISTED { ", …" } else { "" };
    let first: Vec<String> = names.iter().take(MAX_LISTED).map(|name| clean(name)).collect();
    format!("{}{more}", first.join(", "))
}

/// Foreign text for a message: on one line, without control characters, and shortened.
pub(super) fn clean(text: &str) -> String {
    shortened(&text.replace(char::is_control, " "))
}
