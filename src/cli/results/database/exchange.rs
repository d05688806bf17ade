//! `dtf results export` and `dtf results import`: all tables as Parquet files, and such files of another
//! coordinator as a database beside the own results.
//!
//! Promises: an import changes neither the event log nor the results of the data directory, and one that fails
//! changes nothing. It is for comparisons; nothing is scheduled from it.

use super::source::{Closed, data_dir, imported, no_directory};
use crate::cli::args::results::ResultsArgs;
use crate::cli::args::shared::Global;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::stored::IMPORTED;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::results::render::figures::{bytes, counted};
use crate::store::archive::{Archive, ArchiveError};
use crate::store::{self, Store};
use crate::sys::clock::wall;
use crate::sys::fs::{create_private_dir, rename_durably};
use clap::Args;
use std::path::{Path, PathBuf};

/// Maximum length of the name of imported results, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// Names that DuckDB gives a meaning as databases or schemas, and the name of the own database.
const RESERVED: [&str; 6] =
    ["main", "temp", "system", "information_schema", "pg_catalog", "results"];

/// Write all tables as Parquet files
///
/// The directory gets one file for each table, and manifest.json with their digests.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dtf results export --parquet results/\n  dtf results export --parquet results/ --coordinator http://HOST:7700"
)]
pub struct ExportArgs {
    /// Directory to create
    #[arg(long, value_name = "DIR")]
    pub parquet: PathBuf,
    #[command(flatten)]
    pub results: ResultsArgs,
}

/// Add exported results of another coordinator, to compare with them
///
/// The results become a separate database in the data directory, under imported/NAME: `dtf results
/// query` sees its tables as NAME.tests and so on, and `dtf report --data-dir DIR/imported/NAME` reports it.
/// The event log and the own results do not change, and nothing is scheduled from it. A test has the same
/// `case_id` and `series_id` on every coordinator.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dtf results import results/ --name lab\n  dtf results query 'SELECT count(*) FROM tests JOIN lab.tests USING (case_id)'"
)]
pub struct ImportArgs {
    /// Directory that `dtf results export` has written
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Name of the imported results: letters, digits, `-` and `_` [default: that of the directory]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Replace imported results of this name
    #[arg(long)]
    pub replace: bool,
    /// Data directory of `dtf run` or of a coordinator
    #[arg(long, env = "DTF_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

pub async fn export(console: Console, global: &Global, args: ExportArgs) -> Result<Exit, CliError> {
    let target = args.parquet;
    if target.exists() {
        return Err(CliError::usage(format!("{} exists already", target.display())));
    }
    let closed = Closed::of(console, global, args.results).await?;
    let progress = Progress::new(console);
    progress.show("writing the tables");
    let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty());
    let fresh = tempfile::Builder::new()
        .prefix(".dtf-export-")
        .tempdir_in(parent.unwrap_or(Path::new(".")));
    let fresh = fresh.map_err(|error| no_directory(&error))?;
    let store =
        Store::open_read_only(&closed.path).map_err(|error| CliError::from_error(&error))?;
    let archive = store.export_to(fresh.path(), wall()).map_err(unusable)?;
    // From here on, the directory is not temporary.
    let renamed = rename_durably(&fresh.keep(), &target);
    renamed
        .map_err(|error| CliError::new(format!("cannot create {}: {error}", target.display())))?;
    drop(progress);
    let (rows, size) = (archive.manifest.rows(), archive.manifest.bytes());
    console.note(&format!(
        "wrote {} ({}) to {}",
        counted(rows, "row"),
        bytes(size as f64),
        target.display()
    ));
    Ok(Exit::Passed)
}

pub fn import(console: Console, global: &Global, args: ImportArgs) -> Result<Exit, CliError> {
    let directory = data_dir(global, args.data_dir)?;
    let name = args.name.or_else(|| {
        let canonical = args.directory.canonicalize().ok()?;
        Some(canonical.file_name()?.to_str()?.to_owned())
    });
    let name = name.filter(|name| is_name(name)).ok_or_else(|| {
        CliError::usage("the imported results need a name of letters, digits, `-` and `_`")
            .hint("give one with --name")
    })?;
    if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(&name)) {
        return Err(CliError::usage(format!("the name {name:?} has a meaning in SQL"))
            .hint("--name gives another name"));
    }
    let known: Vec<String> = imported(&directory)?.into_iter().map(|(known, _)| known).collect();
    let known = known.into_iter().find(|known| known.eq_ignore_ascii_case(&name));
    if let Some(known) = known.filter(|known| !args.replace || *known != name) {
        // SQL does not distinguish the case of names.
        return Err(CliError::usage(format!("there are imported results with the name {known:?}"))
            .hint("--replace replaces results of exactly this name, --name gives another name"));
    }
    let (imports, place) = (directory.join(IMPORTED), directory.join(IMPORTED).join(&name));
    let archive = Archive::at(&args.directory).map_err(unusable)?;
    let progress = Progress::new(console);
    progress.show("importing the tables");
    let create = |path: &Path| {
        create_private_dir(path)
            .map_err(|error| CliError::new(format!("cannot create {}: {error}", path.display())))
    };
    create(&imports)?;
    // Removed again if the import fails. No name of imported results begins with a dot.
    let site = tempfile::Builder::new().prefix(".new-").tempdir_in(&imports);
    let site = site.map_err(|error| no_directory(&error))?;
    let (fresh, database) = (site.path().join(store::FILE_NAME), place.join(store::FILE_NAME));
    archive.restore(&fresh).map_err(unusable)?;
    // An export of an earlier version gets the present schema.
    let identity = archive.manifest.identity;
    let opened = Store::open(&fresh, identity).map_err(|error| CliError::from_error(&error))?;
    opened.store.close();
    if opened.rebuilt.is_some() {
        // The error is in the log, and what was opened is empty.
        return Err(CliError::new("the tables cannot be read as a results database"));
    }
    drop(opened);
    create(&place)?;
    store::remove_database(&database).map_err(|error| CliError::from_error(&error))?;
    rename_durably(&fresh, &database)
        .map_err(|error| CliError::new(format!("cannot create {}: {error}", database.display())))?;
    drop(progress);
    let rows = counted(archive.manifest.rows(), "row");
    let quoted = quoted_name(&name);
    console.note(&format!("imported {rows} as {name}: dtf results query 'FROM {quoted}.runs'"));
    Ok(Exit::Passed)
}

/// The name in a query. A word may have a meaning in SQL, so each name has quotes.
fn quoted_name(name: &str) -> String {
    format!("\"{name}\"")
}

/// Whether a text is a name of a directory, and one that SQL takes after quoting.
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    (1..=MAX_NAME_BYTES).contains(&text.len()) && text.chars().all(plain)
}

fn unusable(error: ArchiveError) -> CliError {
    CliError::from_error(&error)
}
