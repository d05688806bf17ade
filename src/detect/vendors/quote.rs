//! Quotations of the output of the tools in reasons and notes.

use crate::sys::process::{ProgramOutput, printable};

/// Maximum length of a quoted line of a tool, in characters.
const MAX_QUOTE_CHARS: usize = 120;
/// Maximum length of a line in a reason, in characters.
const MAX_REASON_CHARS: usize = 200;
/// Maximum number of lines in a reason.
const MAX_LINES: usize = 2;
/// Words of a line that names a failure.
const TELLING: &[&str] = &[
    "error",
    "fail",
    "cannot",
    "can't",
    "could not",
    "couldn't",
    "unable",
    "denied",
    "lost",
    "mismatch",
    "not found",
    "not initialized",
    "not loaded",
    "no such",
    "unrecognized",
    "not permitted",
];
/// Starts of lines that explain how to call the tool, or introduce a trace of calls.
const PREAMBLE: &[&str] = &["usage:", "traceback", "options:", "warning", "for more"];

/// The lines of an output that state why a tool failed, as one line: the first line that names a failure
/// with the line after it, else the first line. For a trace of calls in Python, its last line. None if
/// the tool printed nothing.
pub(super) fn telling(output: &ProgramOutput) -> Option<String> {
    [&output.stderr.text, &output.stdout.text]
        .into_iter()
        .find_map(|text| named_failure(text))
        .or_else(|| {
            let both = output.stderr.text.lines().chain(output.stdout.text.lines());
            shown(both).find(|line| !is_preamble(line)).or_else(|| output.first_line())
        })
}

fn named_failure(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.iter().any(|line| line.to_ascii_lowercase().starts_with("traceback")) {
        return shown(lines.last().copied().into_iter()).next();
    }
    let at = lines.iter().position(|line| is_telling(line))?;
    let block = lines.get(at..)?.iter().copied().enumerate();
    let block = block.take_while(|(place, line)| *place == 0 || is_continuation(line));
    let block: Vec<String> = shown(block.map(|(_, line)| line)).take(MAX_LINES).collect();
    Some(block.join("; "))
}

fn is_telling(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    !is_preamble(line) && TELLING.iter().any(|word| lower.contains(word))
}

fn is_preamble(line: &str) -> bool {
    let lower = line.trim_start().to_ascii_lowercase();
    // The lines of a usage text after the first are indented.
    line.starts_with([' ', '\t']) || PREAMBLE.iter().any(|start| lower.starts_with(start))
}

fn is_continuation(line: &str) -> bool {
    !is_preamble(line)
}

fn shown<'a>(lines: impl Iterator<Item = &'a str>) -> impl Iterator<Item = String> {
    lines.map(|line| printable(line, MAX_REASON_CHARS)).filter(|line| !line.is_empty())
}

/// A short, quoted form of a line that a tool printed.
pub(super) fn quoted(line: &str) -> String {
    format!("\"{}\"", printable(line, MAX_QUOTE_CHARS))
}
