//! One query in SQL that a person wrote, over a closed database.
//!
//! It is meant for a separate process, so that a query ends with its process. Promises: the
//! database is opened read-only; the query is a part of a SELECT, so that it cannot be another statement; it
//! has no access to files, the network, extensions and settings, except for its own output file.
//! Limits: the number of rows, the working memory, and `MAX_SPILLED` of temporary files. The query runs once.

mod json;
mod question;

pub use question::{Answer, Form, MAX_QUERY_BYTES, Question, SqlError};

use crate::store::archive::quoted;
use duckdb::{AccessMode, Config, Connection};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufWriter, Write as _};

/// Maximum size of the temporary files of a query.
const MAX_SPILLED: &str = "8GiB";
/// Number of threads of a query.
const THREADS: i64 = 2;
/// The temporary table with the rows.
const ROWS: &str = "temp.\"rows of the query\"";

/// Answers a question and writes the rows to its output file.
///
/// # Errors
/// The database cannot be opened, or the query is refused or fails.
pub fn answer(question: &Question) -> Result<Answer, SqlError> {
    let connection = open(question)?;
    confine(&connection, question)?;
    let sql = question.query()?;
    check_select(&connection, &sql)?;
    keep(&connection, &sql, question)?;
    match question.form {
        Form::Table => write_cells(&connection, question)?,
        Form::Csv => copy(&connection, question, "FORMAT csv, HEADER")?,
        Form::Json => {
            copy(&connection, question, "FORMAT json, ARRAY true")?;
            let path = &question.output;
            json::without_infinities(path)
                .map_err(|source| SqlError::Output { path: path.clone(), source })?;
        }
        Form::Parquet => copy(&connection, question, "FORMAT parquet, COMPRESSION zstd")?,
    }
    let sql = format!("SELECT count(*) FROM {ROWS}");
    let rows: u64 = connection.query_row(&sql, [], |row| row.get(0)).map_err(SqlError::query)?;
    Ok(Answer { rows: rows.min(question.rows), is_cut: rows > question.rows })
}

fn open(question: &Question) -> Result<Connection, SqlError> {
    let failed = |source: duckdb::Error| SqlError::open(&question.database, source);
    let config = Config::default()
        .access_mode(AccessMode::ReadOnly)
        .and_then(|config| config.max_memory(&format!("{}B", question.memory_bytes)))
        .and_then(|config| config.threads(THREADS))
        .and_then(|config| config.with("autoinstall_known_extensions", "false"))
        .and_then(|config| config.with("autoload_known_extensions", "false"))
        .and_then(|config| config.with("max_temp_directory_size", MAX_SPILLED))
        .and_then(|config| config.with("temp_directory", question.scratch.to_string_lossy()));
    let connection = Connection::open_with_flags(&question.database, config.map_err(failed)?);
    let connection = connection.map_err(failed)?;
    for (name, path) in &question.others {
        let path_text = quoted(&path.to_string_lossy());
        let sql = format!("ATTACH {path_text} AS {} (READ_ONLY)", identifier(name));
        connection.execute_batch(&sql).map_err(|source| SqlError::open(path, source))?;
    }
    Ok(connection)
}

/// Takes away everything except the open databases and the output file, for good.
fn confine(connection: &Connection, question: &Question) -> Result<(), SqlError> {
    let output = quoted(&question.output.to_string_lossy());
    let sql = format!(
        "SET allowed_paths = [{output}]; SET enable_external_access = false; \
         SET lock_configuration = true"
    );
    connection.execute_batch(&sql).map_err(SqlError::query)
}

/// Runs the query once, and keeps its rows: at most one more than the maximum.
fn keep(connection: &Connection, sql: &str, question: &Question) -> Result<(), SqlError> {
    let limit = question.rows.saturating_add(1);
    let whole = format!("CREATE TEMP TABLE {ROWS} AS SELECT * FROM ({sql}\n) LIMIT {limit}");
    connection.execute_batch(&whole).map_err(|error| match connection.prepare(sql) {
        Ok(statement) if statement.parameter_count() > 0 => SqlError::Parameters,
        Err(mistake) if SqlError::is_about_text(&mistake) => SqlError::mistake(mistake),
        _ => SqlError::query(error),
    })
}

/// Writes the rows in a format of DuckDB.
fn copy(connection: &Connection, question: &Question, format: &str) -> Result<(), SqlError> {
    let output = quoted(&question.output.to_string_lossy());
    let sql = format!(
        "COPY (SELECT * FROM {ROWS} LIMIT {}) TO {output} ({format}, USE_TMP_FILE false)",
        question.rows
    );
    connection.execute(&sql, []).map(drop).map_err(SqlError::query)
}

/// The answer of DuckDB about the text of a query.
#[derive(Deserialize)]
struct Parsed {
    error: bool,
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    error_message: String,
    #[serde(default)]
    statements: Vec<serde_json::Value>,
}

/// Checks that a text is one SELECT, before it becomes a part of another one.
fn check_select(connection: &Connection, sql: &str) -> Result<(), SqlError> {
    let parsed: String = connection
        .query_row("SELECT json_serialize_sql(?::VARCHAR)::VARCHAR", [sql], |row| row.get(0))
        .map_err(SqlError::query)?;
    let parsed: Parsed =
        serde_json::from_str(&parsed).map_err(|error| SqlError::Query(error.to_string()))?;
    match parsed {
        Parsed { error: true, error_type, error_message, .. } if error_type == "parser" => {
            Err(SqlError::Mistake(error_message))
        }
        Parsed { error: false, statements, .. } if statements.len() == 1 => Ok(()),
        // DuckDB reads it as several statements.
        _ if sql.to_ascii_lowercase().contains("pivot") => Err(SqlError::PivotWithoutValues),
        _ => Err(SqlError::NotOneSelect),
    }
}

/// Names of the columns of the rows, in their order.
fn columns(connection: &Connection) -> Result<Vec<String>, SqlError> {
    let sql = format!("SELECT column_name FROM (DESCRIBE {ROWS})");
    let mut statement = connection.prepare(&sql).map_err(SqlError::query)?;
    let columns = statement.query_map([], |row| row.get(0)).map_err(SqlError::query)?;
    columns.collect::<duckdb::Result<_>>().map_err(SqlError::query)
}

/// The rows of a table, as texts.
#[derive(Debug, Serialize)]
struct Cells {
    columns: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
}

/// Writes the rows as JSON with texts.
fn write_cells(connection: &Connection, question: &Question) -> Result<(), SqlError> {
    let columns = columns(connection)?;
    let cells: Vec<String> =
        columns.iter().map(|name| format!("CAST({} AS VARCHAR)", identifier(name))).collect();
    let sql = format!("SELECT {} FROM {ROWS} LIMIT {}", cells.join(", "), question.rows);
    let mut statement = connection.prepare(&sql).map_err(SqlError::query)?;
    let mut read = statement.query([]).map_err(SqlError::query)?;
    let mut table = Cells { columns, rows: Vec::new() };
    while let Some(row) = read.next().map_err(SqlError::query)? {
        let cells = (0..table.columns.len()).map(|column| row.get::<_, Option<String>>(column));
        table.rows.push(cells.collect::<duckdb::Result<_>>().map_err(SqlError::query)?);
    }
    let written = File::create(&question.output).and_then(|file| {
        let mut file = BufWriter::new(file);
        serde_json::to_writer(&mut file, &table)?;
        file.flush()
    });
    written.map_err(|source| SqlError::Output { path: question.output.clone(), source })
}

/// A name in SQL.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
