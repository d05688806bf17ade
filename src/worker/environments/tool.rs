//! Runs one tool of a build.
//!
//! Promises: each line of its output is reported at once, the error contains its last lines, and its
//! process tree is ended when the build is dropped.

use super::{BuildEvent, BuildProgress, EnvironmentError};
use crate::sys::ids;
use crate::sys::process::{Call, Completion, Keep, Limits, Stream, run_observed};
use crate::worker::variables::Variables;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Number of lines that an error quotes.
const QUOTED_LINES: usize = 12;
/// First words of lines that an error does not quote: they do not name its cause.
const UNINFORMATIVE: [&str; 2] = ["Using Python ", "Using CPython "];
/// Maximum size of a line, in bytes. The remainder is dropped.
const MAX_LINE_BYTES: usize = 1000;
/// Maximum size of the returned output of a tool, in bytes.
const MAX_OUTPUT_BYTES: usize = 1024 * 1024;

pub(super) struct Tool<'a> {
    /// The purpose of the call, as it continues "cannot …".
    pub what: &'a str,
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub cwd: &'a Path,
    pub env: Variables,
    /// Prefix of the marker of the processes of this worker's builds.
    pub marker: &'a str,
    pub limit: Duration,
}

impl Tool<'_> {
    /// Runs the tool and returns the end of its standard output.
    pub async fn run(
        self,
        environment: &str,
        progress: &dyn BuildProgress,
    ) -> Result<String, EnvironmentError> {
        let name = self.program.display().to_string();
        let call = Call {
            program: self.program.into(),
            args: self.args,
            cwd: self.cwd.to_owned(),
            env: self.env.into_iter().collect(),
            // Builds that run at the same time must not end each other's processes.
            marker: Some(format!("{}{}/", self.marker, ids::new_id().simple())),
            ..Call::default()
        };
        let limits = Limits { time: self.limit, output_bytes: MAX_OUTPUT_BYTES, keep: Keep::End };
        let lines = Mutex::new(Lines::new(environment, progress));
        let observer = |stream: Stream, piece: &[u8]| {
            lines.lock().unwrap_or_else(PoisonError::into_inner).add(stream, piece);
        };
        let completion = run_observed(&call, limits, &observer).await;
        let quoted = lines.into_inner().unwrap_or_else(PoisonError::into_inner).finish();
        let reason = match completion {
            Completion::Exited(output) if output.exit.code == Some(0) => {
                return Ok(output.stdout.text);
            }
            Completion::Exited(output) => format!("it {}: {quoted}", output.exit),
            Completion::TimedOut { limit, .. } => {
                format!("it did not finish within {} s", limit.as_secs())
            }
            Completion::NotFound => format!("{name} does not exist"),
            Completion::NotStarted(reason) => format!("{name} cannot be started: {reason}"),
        };
        Err(EnvironmentError::Failed { what: self.what.to_owned(), reason })
    }
}

/// Divides the output of a tool into lines and reports each of them.
struct Lines<'a> {
    environment: &'a str,
    progress: &'a dyn BuildProgress,
    /// The incomplete lines of standard output and standard error.
    open: [Vec<u8>; 2],
    /// The last lines of both streams.
    last: VecDeque<String>,
}

impl<'a> Lines<'a> {
    fn new(environment: &'a str, progress: &'a dyn BuildProgress) -> Self {
        Self { environment, progress, open: Default::default(), last: VecDeque::new() }
    }

    fn add(&mut self, stream: Stream, piece: &[u8]) {
        let at = usize::from(stream == Stream::Stderr);
        for part in piece.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            if self.open[at].len() < MAX_LINE_BYTES {
                self.open[at].extend_from_slice(part);
            }
            if part.ends_with(b"\n") || part.ends_with(b"\r") {
                self.end_line(at);
            }
        }
    }

    fn end_line(&mut self, at: usize) {
        let mut line = std::mem::take(&mut self.open[at]);
        line.truncate(MAX_LINE_BYTES);
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if text.is_empty() {
            return;
        }
        self.progress.event(BuildEvent::Line { environment: self.environment, line: &text });
        if UNINFORMATIVE.iter().any(|start| text.starts_with(start)) {
            return;
        }
        if self.last.len() >= QUOTED_LINES {
            self.last.pop_front();
        }
        self.last.push_back(text);
    }

    /// Ends the incomplete lines and returns the last lines as one text.
    fn finish(mut self) -> String {
        for at in 0..self.open.len() {
            self.end_line(at);
        }
        Vec::from(self.last).join("\n")
    }
}
