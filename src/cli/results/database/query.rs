//! `dtf results query`: answers one query in SQL, in a separate process with limits.

use super::answer::Order;
use super::source::{Closed, no_directory};
use crate::cli::args::results::ResultsArgs;
use crate::cli::args::shared::Global;
use crate::cli::args::values::span;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::config::SizeLimit;
use crate::domain::time::Millis;
use crate::results::render::figures::seconds;
use crate::results::render::words::plain;
use crate::store::sql::{Answer, Form, Question};
use clap::{Args, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use serde::Deserialize;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Maximum length of a cell in a table, in characters.
const MAX_CELL_CHARS: usize = 200;
/// Working memory of a query if none is given, in bytes.
const MEMORY_BYTES: u64 = 1 << 30;
/// Minimum working memory, in bytes: below it, DuckDB cannot open a database.
const MIN_MEMORY_BYTES: u64 = 16 << 20;
/// Time after which a query shows that it is running.
const QUIET: Duration = Duration::from_secs(1);
/// Maximum number of characters of an error of the process.
const MAX_ERROR_CHARS: usize = 4000;

/// Answer a query in SQL
///
/// The query reads the results of a data directory, or a copy of those of a coordinator, which does not
/// notice it. It can change nothing, and has no access to files, the network and settings. Imported
/// results are visible under their names: `SELECT * FROM lab.tests`. CSV and JSON have the texts as they
/// are, also those that a spreadsheet takes for formulas.
#[derive(Debug, Args)]
#[command(after_help = "\
docs/schema.md describes the tables, with a query for each usual question.

Examples:
  dtf results query 'SELECT outcome, count(*) FROM test_states GROUP BY outcome'
  dtf results query 'FROM metrics' --output parquet --file metrics.parquet
  dtf results query - < query.sql            Read the query from standard input")]
pub struct QueryArgs {
    /// Query, or `-` for standard input
    #[arg(value_name = "SQL")]
    pub sql: String,
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub output: Format,
    /// File to write instead of standard output; it must not exist
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Maximum number of rows [default: 1000 in a table, otherwise 1000000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub limit: Option<u64>,
    /// Maximum working memory; a query that needs more is stopped [default: 1GiB]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<SizeLimit>,
    /// Maximum time; a query that takes longer is stopped
    #[arg(long, value_parser = span, value_name = "DURATION", default_value = "1m")]
    pub timeout: Millis,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Table,
    Csv,
    Json,
    Parquet,
}

impl Format {
    fn form(self) -> Form {
        match self {
            Self::Table => Form::Table,
            Self::Csv => Form::Csv,
            Self::Json => Form::Json,
            Self::Parquet => Form::Parquet,
        }
    }

    fn default_rows(self) -> u64 {
        if self == Self::Table { 1000 } else { 1_000_000 }
    }
}

pub async fn run(console: Console, global: &Global, args: QueryArgs) -> Result<Exit, CliError> {
    let to_terminal = args.file.is_none() && std::io::stdout().is_terminal();
    if args.output == Format::Parquet && to_terminal {
        return Err(CliError::usage("Parquet is not a text").hint("name a file with --file"));
    }
    if let Some(file) = args.file.as_deref().filter(|file| file.exists()) {
        return Err(CliError::usage(format!("{} exists already", file.display())));
    }
    let memory_bytes = args.memory.and_then(|limit| limit.0).unwrap_or(MEMORY_BYTES);
    if memory_bytes < MIN_MEMORY_BYTES {
        return Err(CliError::usage("--memory is too small (minimum 16MiB)"));
    }
    let sql = if args.sql == "-" { standard_input()? } else { args.sql };
    let closed = Closed::of(console, global, args.results).await?;
    let site = tempfile::tempdir().map_err(|error| no_directory(&error))?;
    let question = Question {
        database: closed.path.clone(),
        others: closed.imported.clone(),
        sql,
        form: args.output.form(),
        rows: args.limit.unwrap_or_else(|| args.output.default_rows()),
        memory_bytes,
        scratch: site.path().join("temporary"),
        output: site.path().join("rows"),
    };
    let (rows, output) = (question.rows, question.output.clone());
    let progress = Progress::new(console);
    let answer = {
        let asked = ask(Order { question, time: args.timeout.into() });
        tokio::pin!(asked);
        tokio::select! {
            answer = &mut asked => answer?,
            () = tokio::time::sleep(QUIET) => {
                let limit = duration(args.timeout);
                progress.show(&format!("the query is running; it is stopped after {limit}"));
                asked.await?
            }
        }
    };
    drop(progress);
    deliver(console, args.output, &output, args.file.as_deref())?;
    if answer.is_cut {
        console
            .warning(&format!("only the first {rows} rows are shown; use --limit N to show more"));
    }
    Ok(Exit::Passed)
}

fn standard_input() -> Result<String, CliError> {
    let mut sql = String::new();
    let most = crate::store::sql::MAX_QUERY_BYTES as u64 + 1;
    let read = std::io::stdin().lock().take(most).read_to_string(&mut sql);
    read.map_err(|error| CliError::new(format!("cannot read the query: {error}")))?;
    Ok(sql)
}

/// Has a separate process answer, which is killed when the time is over.
async fn ask(order: Order) -> Result<Answer, CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(format!("cannot start the process of the query: {error}"))
    };
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(program);
    command.args(["results", "answer"]).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut text = serde_json::to_vec(&order)
        .map_err(|error| CliError::new(format!("cannot encode the query: {error}")))?;
    text.push(b'\n');
    let answered = async {
        let mut child = command.spawn()?;
        // It stays open: the process ends when this one does, however that happens.
        let mut input = child.stdin.take();
        if let Some(input) = &mut input {
            input.write_all(&text).await?;
        }
        child.wait_with_output().await
    };
    let limit = Millis::from(order.time);
    let output = match tokio::time::timeout(order.time, answered).await {
        Ok(output) => output.map_err(failed)?,
        Err(_) => {
            return Err(CliError::new(format!("the query was stopped after {}", duration(limit)))
                .hint("--timeout gives it more time"));
        }
    };
    if output.status.success() {
        return serde_json::from_slice(&output.stdout).map_err(|error| {
            CliError::new(format!("the process of the query gave no answer: {error}"))
        });
    }
    Err(refused(&String::from_utf8_lossy(&output.stderr), output.status.code()))
}

/// A duration in words.
fn duration(time: Millis) -> String {
    seconds(time.0 as f64 / 1000.0)
}

/// The error of a process that gave no answer.
fn refused(reported: &str, code: Option<i32>) -> CliError {
    let message = reported.trim().trim_start_matches("error: ");
    let message: String = message.chars().take(MAX_ERROR_CHARS).collect();
    let memory = "--memory allows more working memory";
    match code {
        Some(_) if message.contains("Out of Memory") => CliError::new(message).hint(memory),
        Some(code) if !message.is_empty() => {
            let is_mistake = code == Exit::Usage as i32;
            CliError::new(message).with_exit(if is_mistake { Exit::Usage } else { Exit::Failed })
        }
        // A signal, of the operating system that refused memory or processor time, or of a person.
        _ => CliError::new("the process of the query was ended by the operating system")
            .hint(format!("{memory}, and --timeout more time")),
    }
}

/// Cells as the process writes them for a table.
#[derive(Deserialize)]
struct Cells {
    columns: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
}

fn deliver(
    console: Console,
    format: Format,
    rows: &Path,
    file: Option<&Path>,
) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::new(format!("cannot read the rows: {error}"));
    if format == Format::Table {
        let text = std::fs::read(rows).map_err(failed)?;
        let cells: Cells = serde_json::from_slice(&text)
            .map_err(|error| CliError::new(format!("cannot read the rows: {error}")))?;
        let table = table(&cells, console.width());
        return match file {
            None => console.result(&table),
            Some(file) => write_new(file, &mut table.as_bytes()),
        };
    }
    let mut content = std::fs::File::open(rows).map_err(failed)?;
    match file {
        Some(file) => write_new(file, &mut content),
        None if std::io::stdout().is_terminal() => {
            let text = std::fs::read_to_string(rows).map_err(failed)?;
            console.foreign(&text)
        }
        None => match std::io::copy(&mut content, &mut std::io::stdout().lock()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(failed(error)),
            _ => Ok(()),
        },
    }
}

/// Writes a file that must not exist.
fn write_new(path: &Path, content: &mut dyn std::io::Read) -> Result<(), CliError> {
    let written =
        std::fs::File::create_new(path).and_then(|mut file| std::io::copy(content, &mut file));
    let failed = |error| CliError::new(format!("cannot write {}: {error}", path.display()));
    written.map(drop).map_err(failed)
}

fn table(cells: &Cells, width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table.set_header(cells.columns.iter().map(|name| plain(name, MAX_CELL_CHARS)));
    for row in &cells.rows {
        let cell = |cell: &Option<String>| {
            cell.as_deref().map_or_else(|| "NULL".to_owned(), |text| plain(text, MAX_CELL_CHARS))
        };
        table.add_row(row.iter().map(cell));
    }
    table.to_string()
}
