//! A report with all its parts, which every output format shows some of.

use super::words;
use crate::api::v1::changes::ChangesView;
use crate::api::v1::flaky::FlakyView;
use crate::api::v1::matrix::{MatrixView, SummaryView};
use crate::api::v1::reports::ReportView;
use crate::domain::id::TestId;
use serde::Serialize;
use std::collections::BTreeMap;

/// A report with everything that an output format can show.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    #[serde(flatten)]
    pub view: ReportView,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matrix: Option<MatrixView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<SummaryView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangesView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flaky_tests: Option<FlakyView>,
    /// Whether the report is about some of the tests of its runs.
    #[serde(skip)]
    pub is_filtered: bool,
    /// Output of tests that did not pass.
    #[serde(skip)]
    pub outputs: BTreeMap<TestId, String>,
}

impl From<ReportView> for Report {
    fn from(view: ReportView) -> Self {
        Self {
            view,
            matrix: None,
            summary: None,
            changes: None,
            flaky_tests: None,
            is_filtered: false,
            outputs: BTreeMap::new(),
        }
    }
}

/// Renders the document itself as indented JSON.
///
/// # Errors
/// Does not occur: every report can be encoded.
pub fn json(report: &Report) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(report).map(|text| words::json(&text) + "\n")
}
