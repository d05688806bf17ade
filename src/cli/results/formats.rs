//! Output formats of a report, and the names of files with them.

use crate::cli::args::shared::Output;
use crate::cli::error::CliError;
use crate::results::render::{self, Dialect, Report};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// An output format of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables that fit the width of the terminal
    #[default]
    Table,
    /// One JSON document, see docs/results.md
    Json,
    /// One line of JSON for each test
    Ndjson,
    /// A row for each test, for spreadsheets
    Csv,
    /// Markdown, for summaries of CI systems
    Markdown,
    /// A page with everything, in one file that needs no network
    Html,
    /// JUnit XML, for CI systems
    Junit,
    /// Common Test Report Format, JSON
    Ctrf,
    /// Metrics for Bencher, JSON
    Bencher,
}

impl From<Output> for Format {
    fn from(output: Output) -> Self {
        match output {
            Output::Table => Self::Table,
            Output::Json => Self::Json,
            Output::Csv => Self::Csv,
        }
    }
}

impl Format {
    /// Whether the format shows matrix, slowest tests and workers.
    pub fn has_sections(self) -> bool {
        matches!(self, Self::Table | Self::Json | Self::Markdown | Self::Html)
    }

    /// Whether the format shows earlier attempts, past results and output.
    pub fn has_details(self) -> bool {
        matches!(self, Self::Html | Self::Junit | Self::Ctrf)
    }
}

/// Files with the report.
#[derive(Debug, Clone, Default, Args)]
pub struct ReportFiles {
    /// Also write the report to a file, such as junit=out/junit.xml; formats as of dtf report. Repeatable
    #[arg(long, value_parser = report_file, value_name = "FORMAT=FILE")]
    pub write: Vec<ReportFile>,
    /// Dialect of JUnit XML
    #[arg(long, value_enum, default_value_t, value_name = "DIALECT")]
    pub junit_dialect: JunitDialect,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum JunitDialect {
    /// With properties of tests and times of attempts
    #[default]
    Common,
    /// Only what the schema of Jenkins allows
    JenkinsStrict,
}

impl From<JunitDialect> for Dialect {
    fn from(dialect: JunitDialect) -> Self {
        match dialect {
            JunitDialect::Common => Self::Common,
            JunitDialect::JenkinsStrict => Self::JenkinsStrict,
        }
    }
}

/// A file to write a report to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    pub format: Format,
    pub path: PathBuf,
}

/// Parses `FORMAT=FILE`.
pub fn report_file(text: &str) -> Result<ReportFile, String> {
    let (format, path) = text
        .split_once('=')
        .filter(|(_, path)| !path.is_empty())
        .ok_or_else(|| "write FORMAT=FILE, such as junit=out/junit.xml".to_owned())?;
    let format = Format::from_str(format, true).map_err(|_| {
        let all = Format::value_variants().iter().filter_map(Format::to_possible_value);
        let names: Vec<String> = all.map(|value| value.get_name().to_owned()).collect();
        format!("{format:?} is not a format; the formats are {}", names.join(", "))
    })?;
    Ok(ReportFile { format, path: PathBuf::from(path) })
}

/// Renders a report. Only JUnit XML may have several files.
///
/// # Errors
/// The report cannot be encoded as JSON or HTML.
pub fn render(
    report: &Report,
    format: Format,
    style: render::Style,
    dialect: Dialect,
) -> Result<Vec<String>, CliError> {
    let failed =
        |error: &dyn std::error::Error| CliError::new(format!("cannot encode the report: {error}"));
    let text = match format {
        Format::Table => render::table(report, style),
        Format::Json => render::json(report).map_err(|error| failed(&error))?,
        Format::Ndjson => render::ndjson(report).map_err(|error| failed(&error))?,
        Format::Csv => render::csv(&report.view),
        Format::Markdown => render::markdown(report),
        Format::Html => render::html(report).map_err(|error| failed(&error))?,
        Format::Junit => return Ok(render::junit(report, dialect)),
        Format::Ctrf => render::ctrf(report),
        Format::Bencher => render::bencher(report),
    };
    Ok(vec![text])
}

/// The paths of several files: `junit.xml` becomes `junit-0001.xml`, `junit-0002.xml`.
pub fn shards(path: &Path, count: usize) -> Vec<PathBuf> {
    if count == 1 {
        return vec![path.to_owned()];
    }
    let part = |of: Option<&std::ffi::OsStr>| of.unwrap_or_default().to_string_lossy().into_owned();
    let (stem, extension) = (part(path.file_stem()), part(path.extension()));
    let dot = if extension.is_empty() { "" } else { "." };
    let name = |number| path.with_file_name(format!("{stem}-{number:04}{dot}{extension}"));
    (1..=count).map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_a_format_and_a_path() {
        let file = report_file("junit=out/a=b.xml").expect("a file");
        assert_eq!(file, ReportFile { format: Format::Junit, path: "out/a=b.xml".into() });
        for invalid in ["junit", "junit=", ""] {
            assert!(report_file(invalid).expect_err(invalid).contains("FORMAT=FILE"));
        }
        let unknown = report_file("xml=a").expect_err("unknown");
        assert!(unknown.contains("junit, ctrf, bencher"), "{unknown}");
    }

    #[test]
    fn several_files_have_numbers() {
        let names = shards(Path::new("out/junit.xml"), 2);
        assert_eq!(names, [Path::new("out/junit-0001.xml"), Path::new("out/junit-0002.xml")]);
        assert_eq!(shards(Path::new("out/report"), 1), [Path::new("out/report")]);
    }
}
