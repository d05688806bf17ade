//! Prints a report, and writes it to files.
//!
//! Promise: a file that cannot be written prevents neither the other files nor the printed report.

use crate::api::v1::reports::ReportView;
use crate::cli::error::CliError;
use crate::cli::results::formats::{Format, ReportFile, ReportFiles, render, shards};
use crate::cli::results::gather::{self, Selection};
use crate::cli::results::stored::Source;
use crate::cli::terminal::console::Console;
use crate::results::render::{Dialect, MAX_CASES, Style};
use crate::sys::fs::write_for_user;
use std::path::Path;

/// The part of a report that a command prints.
#[derive(Debug, Clone, Copy)]
pub struct Printed {
    pub format: Format,
    /// Whether matrix, changes, slowest tests and workers are part of it.
    pub sections: bool,
}

/// A report that was printed.
#[derive(Debug)]
pub struct Published {
    pub view: ReportView,
    /// Whether every file was written. The errors of the others were printed.
    pub is_complete: bool,
}

/// Prints the report of the selected tests, and writes it to the files.
///
/// # Errors
/// The results cannot be read, or the report does not fit the format on the standard output.
pub async fn publish(
    console: Console,
    source: &Source,
    selection: &Selection,
    printed: Printed,
    files: &ReportFiles,
) -> Result<Published, CliError> {
    let dialect = files.junit_dialect.into();
    let mut is_complete = true;
    for (at, file) in files.write.iter().enumerate() {
        let is_taken = files.write[..at].iter().any(|earlier| earlier.path == file.path);
        let saved = if is_taken {
            let path = file.path.display();
            Err(CliError::new(format!(
                "--write names {path} twice; only the first report is written"
            )))
        } else {
            save(console, source, selection, file, dialect).await
        };
        if let Err(error) = saved {
            console.failure(&error);
            is_complete = false;
        }
    }
    let Printed { format, sections } = printed;
    let report = gather::report(source, selection, format, sections).await?;
    let style = Style { colour: console.colour, width: console.width() };
    match &render(&report, format, style, dialect)?[..] {
        [text] => console.result(text)?,
        texts => {
            let message = format!(
                "the report has more than {MAX_CASES} tests, which makes {} JUnit files",
                texts.len()
            );
            return Err(CliError::usage(message).hint(
                "write them with --write junit=junit.xml, or show fewer tests with --limit",
            ));
        }
    }
    // A table has a line about it.
    if format != Format::Table {
        warn_cut(console, &report.view, "");
    }
    Ok(Published { view: report.view, is_complete })
}

async fn save(
    console: Console,
    source: &Source,
    selection: &Selection,
    file: &ReportFile,
    dialect: Dialect,
) -> Result<(), CliError> {
    let report = gather::report(source, selection, file.format, true).await?;
    let texts = render(&report, file.format, Style::default(), dialect)?;
    let paths = shards(&file.path, texts.len());
    for (path, text) in paths.iter().zip(texts) {
        write(path, &text)?;
        console.note(&format!("report written to {}", path.display()));
    }
    warn_cut(console, &report.view, &format!(" in {}", file.path.display()));
    Ok(())
}

/// Warns that a report has not all tests.
fn warn_cut(console: Console, view: &ReportView, place: &str) {
    if view.truncated {
        let (shown, all) = (view.rows.len(), view.totals.tests);
        console.warning(&format!(
            "only {shown} of {all} tests are shown{place}; use --limit N to show more"
        ));
    }
}

/// Writes a file completely or not at all. Its directory is created.
fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let made = parent.map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| write_for_user(path, text.as_bytes()))
        .map_err(|error| CliError::new(format!("cannot write {}: {error}", path.display())))
}
