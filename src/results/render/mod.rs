//! A report as text: tables for people, pages, and the formats of other programs.

mod bencher;
mod changed;
pub mod changes;
mod csv;
mod ctrf;
mod escape;
pub mod figures;
pub mod findings;
#[cfg(test)]
mod hostile;
mod html;
mod junit;
mod markdown;
pub mod marks;
mod ndjson;
mod quality;
mod report;
mod section;
mod sections;
mod table;
#[cfg(test)]
mod tests;
pub mod upgrade;
mod weights;
pub mod words;

pub use bencher::bencher;
pub use csv::{csv, text as csv_field};
pub use ctrf::ctrf;
pub use escape::{ends, markdown as markdown_text};
pub use html::html;
pub use junit::{Dialect, MAX_CASES, junit};
pub use markdown::markdown;
pub use ndjson::ndjson;
pub use report::{Report, json};
pub use table::{Style, table};
