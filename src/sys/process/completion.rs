//! How a call of another program ended, and its output.

use super::exit::Exit;
use std::time::Duration;

/// Maximum length of the line that [`ProgramOutput::first_line`] returns, in characters.
const MAX_LINE_CHARS: usize = 200;

/// The four ways in which a call ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    /// There is no program of this name.
    NotFound,
    /// The program exists, but the system did not start it, for this reason: its permissions,
    /// its format, or an interpreter that is missing.
    NotStarted(String),
    /// The program was still running at the time limit and was killed with everything it had
    /// started.
    TimedOut { limit: Duration, output: ProgramOutput },
    /// The program ended before the time limit.
    Exited(ProgramOutput),
}

/// The exit and the output of a program. The exit is empty for a program that was killed at the
/// time limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProgramOutput {
    pub exit: Exit,
    pub stdout: Captured,
    pub stderr: Captured,
}

/// One output stream of a program, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    pub text: String,
    /// The stream was longer than the limit, so a part of it is missing.
    pub truncated: bool,
}

impl Completion {
    /// The output of the program, whether or not it ended before the time limit.
    #[must_use]
    pub fn output(&self) -> Option<&ProgramOutput> {
        match self {
            Self::NotFound | Self::NotStarted(_) => None,
            Self::TimedOut { output, .. } | Self::Exited(output) => Some(output),
        }
    }

    /// The reason why the call failed, as a predicate that follows the name of the program.
    /// None when the program exited with code 0.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        match self {
            Self::NotFound => Some("is not installed".to_owned()),
            Self::NotStarted(reason) => Some(format!("cannot be started: {reason}")),
            Self::TimedOut { limit, .. } => {
                Some(format!("did not finish within {} s", limit.as_secs()))
            }
            Self::Exited(output) if output.exit.code == Some(0) => None,
            Self::Exited(output) => Some(output.exit.to_string()),
        }
    }
}

impl ProgramOutput {
    /// The first line that is not empty, of standard error if it has one, as [`printable`] text.
    #[must_use]
    pub fn first_line(&self) -> Option<String> {
        let lines = self.stderr.text.lines().chain(self.stdout.text.lines());
        lines.map(|line| printable(line, MAX_LINE_CHARS)).find(|line| !line.is_empty())
    }
}

/// Returns at most `max_chars` characters of untrusted text, without the characters that control a
/// terminal or reorder the text around them.
#[must_use]
pub fn printable(text: &str, max_chars: usize) -> String {
    let is_shown = |c: &char| c.is_alphanumeric() || c.is_ascii_graphic() || *c == ' ';
    let text: String = text.chars().filter(is_shown).take(max_chars).collect();
    text.trim().to_owned()
}
