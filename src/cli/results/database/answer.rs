//! The process that answers one query. [`super::query`] starts it, and ends it.
//!
//! Limits: those that the question names for DuckDB; beyond them, those of the operating system for the
//! address space, the size of the output file, and the processor time. It ends when the process that started it
//! does, which keeps its standard input open.

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use crate::store::sql::{self, MAX_QUERY_BYTES, Question};
use crate::sys::limits::{confine, end_with_input};
use serde::{Deserialize, Serialize};
use std::io::{BufRead as _, Read as _};
use std::time::Duration;

/// Maximum size of a question as JSON, in bytes: a query in which each byte is escaped, and the paths.
const MAX_QUESTION_BYTES: usize = 8 * MAX_QUERY_BYTES;
/// Address space beside the working memory of DuckDB: the program, its libraries and stacks, in bytes.
const PROGRAM_BYTES: u64 = 3 << 30;
/// Maximum size of the file with the rows, and of a temporary file, in bytes.
const MAX_FILE_BYTES: u64 = 8 << 30;

/// A question and the time for it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    pub question: Question,
    pub time: Duration,
}

/// Reads an [`Order`] from the first line of standard input and prints the [`sql::Answer`] as JSON.
pub fn run(console: Console) -> Result<Exit, CliError> {
    let mut text = Vec::new();
    let read = std::io::stdin().lock().take(MAX_QUESTION_BYTES as u64).read_until(b'\n', &mut text);
    read.map_err(|error| CliError::new(format!("cannot read the query: {error}")))?;
    let Order { question, time } = serde_json::from_slice(&text)
        .map_err(|error| CliError::new(format!("cannot read the query: {error}")))?;
    let address_bytes = question.memory_bytes.saturating_mul(2).saturating_add(PROGRAM_BYTES);
    // Several threads use processor time at once.
    let confined = confine(address_bytes, MAX_FILE_BYTES, time.saturating_mul(4));
    confined.map_err(|error| CliError::new(format!("cannot limit the query: {error}")))?;
    end_with_input();
    let answer = sql::answer(&question).map_err(|error| {
        let exit = if error.is_mistake() { Exit::Usage } else { Exit::Failed };
        CliError::from_error(&error).with_exit(exit)
    })?;
    console.json(&answer)?;
    Ok(Exit::Passed)
}
