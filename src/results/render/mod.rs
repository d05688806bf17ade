//! A report as text: a table for people, JSON for programs, CSV for spreadsheets.

mod csv;
pub mod figures;
pub mod findings;
pub mod marks;
mod quality;
mod table;
#[cfg(test)]
mod tests;
mod weights;
pub mod words;

pub use csv::{csv, text as csv_field};
pub use table::{Style, table};

use crate::api::v1::reports::ReportView;

/// Renders the document itself as indented JSON.
///
/// # Errors
/// Does not occur: every report can be encoded.
pub fn json(view: &ReportView) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(view).map(|text| words::json(&text) + "\n")
}
