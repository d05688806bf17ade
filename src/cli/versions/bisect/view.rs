//! The result of a search.

use crate::api;
use crate::cli::exit::Exit;
use crate::domain::id::RunId;
use crate::results::render::figures::counted;
use crate::results::render::words::plain;
use serde::Serialize;

/// Maximum length of a shown reason, in characters.
const REASON_CHARS: usize = 300;

/// The result of a search.
#[derive(Debug, Clone, Serialize)]
pub struct BisectView {
    pub schema: u32,
    pub package: String,
    /// `version` or `commit`.
    pub of: &'static str,
    /// Number of candidates, with both ends.
    pub candidates: usize,
    /// Absent if it cannot be determined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<String>,
    pub last_good: String,
    /// Candidates between the last good one and the bad ones that could not be tried: any of them may be
    /// the first bad one.
    pub untried: Vec<String>,
    /// The first candidate that is known to be bad. It is `first_bad` if nothing is untried.
    pub bad: String,
    /// Why it is bad.
    pub reason: String,
    /// Later candidates that are good again.
    pub good_again: Vec<String>,
    pub steps: Vec<Step>,
}

/// The runs of one candidate, and their result.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    pub name: String,
    /// `good`, `bad` or `skipped`.
    pub answer: &'static str,
    pub passed: u32,
    pub failed: u32,
    pub runs: Vec<RunId>,
    /// Median of the searched metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl BisectView {
    pub fn schema() -> u32 {
        api::SCHEMA
    }

    pub fn exit(&self) -> Exit {
        if self.first_bad.is_some() { Exit::Passed } else { Exit::Infrastructure }
    }

    /// The result for people.
    pub fn text(&self) -> String {
        let Self { package, of, .. } = self;
        let reason = plain(&self.reason, REASON_CHARS);
        let mut text = match &self.first_bad {
            Some(bad) => format!("first bad {of}: {package} {bad}\n  {reason}\n"),
            None => format!(
                "the first bad {of} cannot be determined: it is one of {}, {}\n  {}: {reason}\n",
                self.untried.join(", "),
                self.bad,
                self.bad
            ),
        };
        text.push_str(&format!("last good {of}: {package} {}\n", self.last_good));
        for step in self.steps.iter().filter(|step| self.untried.contains(&step.name)) {
            let reason = plain(&step.reason, REASON_CHARS);
            text.push_str(&format!("{} cannot be tried: {reason}\n", step.name));
        }
        if !self.good_again.is_empty() {
            let again = self.good_again.join(", ");
            text.push_str(&format!("good again: {again}; the failure comes and goes\n"));
        }
        let runs: usize = self.steps.iter().map(|step| step.runs.len()).sum();
        let tried = self.steps.iter().filter(|step| step.answer != "skipped").count();
        text.push_str(&format!(
            "tried {tried} of {} in {}\n",
            counted(self.candidates as u64, of),
            counted(runs as u64, "run")
        ));
        text
    }
}
