//! A section of a report as a table of text, and the values in it.

use super::figures;

/// Maximum number of lines of a section of a report.
const MAX_LINES: usize = 50;

/// A heading, a sentence, and a table. Texts of others are not escaped yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    pub title: &'static str,
    /// A sentence before the table. Empty: none.
    pub intro: String,
    /// The heading of the table and its lines. Empty: no table.
    pub lines: Vec<Vec<String>>,
    /// The first column that has numbers. All following ones have numbers, too.
    pub numbers_from: usize,
    /// Number of lines that were left out.
    pub left_out: usize,
    /// Whether a narrow terminal shows only the first columns.
    pub is_wide: bool,
    /// Headings of the columns that a narrow terminal leaves out, in this order. Empty: none.
    pub expendable: &'static [&'static str],
}

impl Section {
    /// Cuts the lines after the maximum of a report.
    #[must_use]
    pub fn cut(mut self) -> Self {
        self.left_out = self.lines.len().saturating_sub(1 + MAX_LINES);
        self.lines.truncate(1 + MAX_LINES);
        self
    }
}

/// A section with its lines, or with the statement that there are none.
pub fn section(
    title: &'static str,
    intro: &str,
    lines: Vec<Vec<String>>,
    numbers_from: usize,
) -> Section {
    let has_lines = lines.len() > 1;
    let intro = if has_lines || !intro.is_empty() { intro } else { "none" };
    let lines = if has_lines { lines } else { Vec::new() };
    Section { title, intro: intro.to_owned(), lines, numbers_from, ..Section::default() }
}

pub fn heading(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A ratio as a change in per cent, e.g. `+3.1 %`.
#[must_use]
pub fn change(ratio: f64) -> String {
    let sign = if ratio < 1.0 { "-" } else { "+" };
    format!("{sign}{}", figures::percent((ratio - 1.0).abs()))
}
