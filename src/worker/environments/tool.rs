//! Runs one tool of a build: its output as lines to whoever listens, its last lines into
//! the error, its whole tree gone when the build is given up.

use super::{BuildEvent, BuildProgress, EnvironmentError};
use crate::sys::process::{MARKER, Output, Start, Tree};
use crate::worker::variables::Variables;
use crate::worker::variables::set;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

/// Lines that an error quotes.
const QUOTED_LINES: usize = 12;
/// Longest line, the rest is cut.
const MAX_LINE_BYTES: usize = 1000;
/// Most of a tool's output that is returned.
const MAX_OUTPUT_BYTES: usize = 1024 * 1024;

pub(super) struct Tool<'a> {
    pub what: &'a str,
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub cwd: &'a Path,
    pub env: Variables,
    pub marker: &'a str,
    pub limit: Duration,
}

struct KillOnDrop(Option<Tree>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let Some(tree) = self.0.take() {
            tree.kill();
        }
    }
}

impl Tool<'_> {
    /// Returns what it printed.
    pub async fn run(
        mut self,
        environment: &str,
        progress: &dyn BuildProgress,
    ) -> Result<Vec<u8>, EnvironmentError> {
        let failed = |reason: String| {
            let what = self.what.to_owned();
            EnvironmentError::Failed { what, reason }
        };
        set(&mut self.env, MARKER, self.marker);
        let start = Start {
            program: self.program,
            args: self.args,
            cwd: self.cwd.to_owned(),
            env: self.env.into_iter().collect(),
        };
        let (mut child, output) = start.spawn().map_err(|error| {
            failed(format!("{} does not start: {error}", start.program.display()))
        })?;
        let mut guard = KillOnDrop(Some(child.tree(self.marker)));
        let mut last = VecDeque::new();
        let work = async {
            let printed = read(output, environment, progress, &mut last).await;
            (child.wait().await, printed)
        };
        let Ok((exit, printed)) = tokio::time::timeout(self.limit, work).await else {
            return Err(failed(format!("it took longer than {} s", self.limit.as_secs())));
        };
        guard.0 = None;
        match exit {
            Ok(exit) if exit.code == Some(0) => Ok(printed),
            Ok(exit) => {
                let how =
                    exit.code.map_or("by a signal".to_owned(), |code| format!("with code {code}"));
                let quoted = Vec::from(last).join("\n");
                Err(failed(format!("it ended {how}: {quoted}")))
            }
            Err(error) => Err(failed(error.to_string())),
        }
    }
}

async fn read(
    mut output: Output,
    environment: &str,
    progress: &dyn BuildProgress,
    last: &mut VecDeque<String>,
) -> Vec<u8> {
    let (mut all, mut open, mut buffer) = (Vec::new(), Vec::new(), vec![0; 8192]);
    let mut end_line = |line: &mut Vec<u8>| {
        line.truncate(MAX_LINE_BYTES);
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        line.clear();
        if text.is_empty() {
            return;
        }
        progress.event(BuildEvent::Line { environment, line: &text });
        if last.len() >= QUOTED_LINES {
            last.pop_front();
        }
        last.push_back(text);
    };
    while let Ok(count @ 1..) = output.read(&mut buffer).await {
        let piece = &buffer[..count];
        let room = MAX_OUTPUT_BYTES.saturating_sub(all.len()).min(count);
        all.extend_from_slice(&piece[..room]);
        for part in piece.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            if open.len() < MAX_LINE_BYTES {
                open.extend_from_slice(part);
            }
            if part.ends_with(b"\n") || part.ends_with(b"\r") {
                end_line(&mut open);
            }
        }
    }
    end_line(&mut open);
    all
}
