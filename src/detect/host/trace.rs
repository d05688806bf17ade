//! The record of what the detection read and which programs it called, for `dtf detect --explain`.
//!
//! Limits: [`MAX_EVENTS`], and [`MAX_SHOWN_BYTES`] of each text.

use crate::sys::process::{Captured, Completion};
use serde::Serialize;
use std::io;
use std::time::Duration;

/// Maximum number of recorded events. Later ones are only counted.
const MAX_EVENTS: usize = 4096;
/// Maximum number of bytes of a file or of the output of a program that are recorded.
const MAX_SHOWN_BYTES: usize = 500;

/// One access to the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Event {
    /// A file was read.
    File { path: String, start: Option<String>, error: Option<String> },
    /// A directory was listed.
    Directory { path: String, entries: Option<usize>, error: Option<String> },
    /// The existence of a file was checked.
    Check { path: String, exists: bool },
    /// A program was called.
    Program {
        command: String,
        exit_code: Option<i32>,
        /// The reason why the call failed; null if the program exited with code 0.
        failure: Option<String>,
        duration_ms: u64,
        stdout: String,
        stderr: String,
    },
}

/// All recorded events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Trace {
    pub events: Vec<Event>,
    /// Number of events after the first `MAX_EVENTS`.
    pub omitted: usize,
}

impl Trace {
    pub(super) fn add(&mut self, event: Event) {
        if self.events.len() < MAX_EVENTS {
            self.events.push(event);
        } else {
            self.omitted += 1;
        }
    }
}

impl Event {
    pub(super) fn read(path: &str, result: &io::Result<String>) -> Self {
        let (start, error) = match result {
            Ok(text) => (Some(start(text)), None),
            Err(error) => (None, Some(reason(error))),
        };
        Self::File { path: path.to_owned(), start, error }
    }

    pub(super) fn list(path: &str, result: &io::Result<Vec<String>>) -> Self {
        let (entries, error) = match result {
            Ok(names) => (Some(names.len()), None),
            Err(error) => (None, Some(reason(error))),
        };
        Self::Directory { path: path.to_owned(), entries, error }
    }

    pub(super) fn program(
        program: &str,
        args: &[&str],
        completion: &Completion,
        duration: Duration,
    ) -> Self {
        let output = completion.output();
        let shown = |stream: Option<&Captured>| {
            stream.map(|stream| start(&stream.text)).unwrap_or_default()
        };
        let command: Vec<&str> = std::iter::once(program).chain(args.iter().copied()).collect();
        Self::Program {
            command: command.join(" "),
            exit_code: output.and_then(|output| output.exit.code),
            failure: completion.failure(),
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            stdout: shown(output.map(|output| &output.stdout)),
            stderr: shown(output.map(|output| &output.stderr)),
        }
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "not found".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

fn start(text: &str) -> String {
    text.get(..text.floor_char_boundary(MAX_SHOWN_BYTES)).unwrap_or_default().to_owned()
}
