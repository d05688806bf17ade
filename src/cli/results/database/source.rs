//! A closed results database, from a data directory or as a copy from a coordinator.

use crate::cli::args::results::ResultsArgs;
use crate::cli::args::shared::Global;
use crate::cli::connect::settings;
use crate::cli::error::CliError;
use crate::cli::results::stored::{IMPORTED, Source};
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::config::Resolver;
use crate::config::roles::LocalSettings;
use crate::store;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A results database that no part of this process has open.
pub struct Closed {
    pub path: PathBuf,
    /// Imported databases by their names.
    pub imported: Vec<(String, PathBuf)>,
    /// Holds the database if it is a copy.
    _copy: Option<TempDir>,
}

impl Closed {
    /// # Errors
    /// There are no results at the source, or the copy cannot be fetched.
    pub async fn of(
        console: Console,
        global: &Global,
        args: ResultsArgs,
    ) -> Result<Self, CliError> {
        match Source::of(console, global, args).await? {
            Source::Coordinator(client) => {
                let copy = tempfile::tempdir().map_err(|error| no_directory(&error))?;
                let path = copy.path().join(store::FILE_NAME);
                let progress = Progress::new(console);
                progress.show("copying the results of the coordinator");
                client.download_results(&path).await?;
                Ok(Self { path, imported: Vec::new(), _copy: Some(copy) })
            }
            Source::Stored(stored) => {
                let imported = imported(stored.directory())?;
                let (path, copy) = stored.into_file();
                Ok(Self { path, imported, _copy: copy })
            }
        }
    }
}

pub fn no_directory(error: &std::io::Error) -> CliError {
    CliError::new(format!("cannot create a temporary directory: {error}"))
}

/// The imported databases in a data directory, in the order of their names.
///
/// # Errors
/// The directory cannot be read.
pub fn imported(data_dir: &Path) -> Result<Vec<(String, PathBuf)>, CliError> {
    let directory = data_dir.join(IMPORTED);
    let failed = |error: std::io::Error| {
        CliError::new(format!("cannot read {}: {error}", directory.display()))
    };
    let entries = match std::fs::read_dir(&directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let database = path.join(store::FILE_NAME);
        // A name with a dot at its beginning is an import that runs.
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(name) = name.filter(|name| !name.starts_with('.') && database.is_file()) {
            found.push((name.to_owned(), database));
        }
    }
    found.sort();
    Ok(found)
}

/// The data directory of commands that change it: the one of the flag, the settings, or of `dtf run`.
///
/// # Errors
/// The settings cannot be read, or the directory does not exist.
pub fn data_dir(global: &Global, given: Option<PathBuf>) -> Result<PathBuf, CliError> {
    let file = settings(global)?;
    let directory = LocalSettings::resolve(given, &mut Resolver::new(&file)).data_dir;
    if directory.is_dir() {
        return Ok(directory);
    }
    Err(CliError::new(format!("{} is not a directory", directory.display()))
        .hint("--data-dir names the data directory of `dtf run` or of a stopped coordinator"))
}
