//! The result of a check.

use serde::Serialize;
use std::path::{Path, PathBuf};

/// Version of the JSON form.
pub const SCHEMA: u32 = 1;
/// Maximum number of findings that are listed for a part; further ones are counted.
pub const MAX_FINDINGS: usize = 100;

/// The result of a check of a data directory.
#[derive(Debug, Serialize)]
pub struct Report {
    pub schema: u32,
    pub data_dir: PathBuf,
    /// Identity of the event log.
    pub identity: Option<String>,
    /// Whether nothing is damaged, missing or different.
    pub whole: bool,
    pub parts: Vec<Part>,
}

/// The result for one part of the directory.
#[derive(Debug, Serialize)]
pub struct Part {
    pub name: &'static str,
    pub path: PathBuf,
    /// The content, for people.
    pub content: String,
    pub findings: Vec<Finding>,
    /// Findings that are not listed.
    pub further_findings: usize,
}

/// Something that is damaged, missing or different.
#[derive(Debug, Serialize)]
pub struct Finding {
    pub file: PathBuf,
    /// The place in the file, such as `record 12`.
    pub position: Option<String>,
    pub problem: String,
    pub next_step: String,
}

impl Part {
    pub fn new(name: &'static str, path: impl Into<PathBuf>) -> Self {
        Self {
            name,
            path: path.into(),
            content: String::new(),
            findings: Vec::new(),
            further_findings: 0,
        }
    }

    /// A part that does not exist.
    pub fn absent(name: &'static str, path: impl Into<PathBuf>) -> Self {
        Self { content: "there is none".to_owned(), ..Self::new(name, path) }
    }

    /// Adds a finding about the file of the part.
    pub fn add(&mut self, position: Option<String>, problem: impl Into<String>, next_step: &str) {
        let file = self.path.clone();
        self.add_about(&file, position, problem, next_step);
    }

    pub fn add_about(
        &mut self,
        file: &Path,
        position: Option<String>,
        problem: impl Into<String>,
        next_step: &str,
    ) {
        if self.findings.len() >= MAX_FINDINGS {
            self.further_findings += 1;
            return;
        }
        self.findings.push(Finding {
            file: file.to_owned(),
            position,
            problem: problem.into(),
            next_step: next_step.to_owned(),
        });
    }
}

impl Report {
    pub fn new(data_dir: &Path, identity: Option<String>, parts: Vec<Part>) -> Self {
        let whole = parts.iter().all(|part| part.findings.is_empty());
        Self { schema: SCHEMA, data_dir: data_dir.to_owned(), identity, whole, parts }
    }
}
