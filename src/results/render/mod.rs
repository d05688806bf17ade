//! A report as text: for people, for programs, for spreadsheets.

mod csv;
pub mod figures;
mod table;
#[cfg(test)]
mod tests;
pub mod words;

pub use csv::{csv, text as csv_field};
pub use table::{Style, table};

use crate::api::v1::reports::ReportView;

/// The document itself, indented.
///
/// # Errors
/// Never for a report that was assembled.
pub fn json(view: &ReportView) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(view).map(|text| words::json(&text) + "\n")
}
