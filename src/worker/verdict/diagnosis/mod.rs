//! Finds the error in the output of a program that ended badly: the exception of the last Python
//! traceback, otherwise the last line that is written like an error, otherwise the last line. The
//! message of a verdict quotes it, so that few people have to open the log.
//!
//! It works on lines as a terminal shows them (`screen`), and separates the lines of several
//! writers (`prefix`). Pure.
//!
//! Limits: the last [`MAX_INSPECTED_BYTES`] of the output are inspected, [`MAX_QUOTE_CHARS`] are
//! quoted.

mod prefix;
mod screen;
#[cfg(test)]
mod tests;
mod traceback;

use crate::domain::outcome::Class;
use traceback::Raised;

/// Maximum size of the inspected end of the output.
pub const MAX_INSPECTED_BYTES: usize = 64 * 1024;
pub const MAX_QUOTE_CHARS: usize = 300;
/// Maximum number of lines after an error, because some libraries print advice after it.
const MAX_LINES_AFTER: usize = 8;
/// Exceptions of programs that only started another one, whose own exception is more precise.
const LAUNCHER_ERRORS: [&str; 4] =
    ["CalledProcessError", "ChildFailedError", "ProcessExitedException", "ProcessRaisedException"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    pub text: String,
    /// The class of a script that ended with this exception.
    pub class: Option<Class>,
}

/// Finds the error in the end of an output. None when the output is blank.
#[must_use]
pub fn diagnose(end: &[u8]) -> Option<Diagnosis> {
    let lines = screen::lines(&String::from_utf8_lossy(end));
    if let Some(raised) = uncaught(&lines) {
        let class = classify(raised.errors());
        return Some(Diagnosis { text: quote(&raised.text()), class });
    }
    let line = find_error_line(&lines).or_else(|| lines.iter().rfind(|line| !is_blank(line)))?;
    Some(Diagnosis { text: quote(line), class: None })
}

fn quote(text: &str) -> String {
    text.trim().chars().take(MAX_QUOTE_CHARS).collect()
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

/// The last exception. None when the program printed more than [`MAX_LINES_AFTER`] lines after it, so
/// that it was not the end.
fn uncaught(lines: &[String]) -> Option<Raised> {
    let mut raised = traceback::all(lines);
    let last = raised.pop()?;
    if is_launcher_error(&last) {
        return Some(raised.into_iter().rfind(|raised| !is_launcher_error(raised)).unwrap_or(last));
    }
    let after = lines.iter().skip(last.end).filter(|line| !is_blank(line)).count();
    (after <= MAX_LINES_AFTER).then_some(last)
}

fn is_launcher_error(raised: &Raised) -> bool {
    LAUNCHER_ERRORS.contains(&short_name(&raised.error))
}

/// The last line that is written like an error, among the last lines. Indented lines are its frames.
fn find_error_line(lines: &[String]) -> Option<&String> {
    let mut after = 0;
    for line in lines.iter().rev().filter(|line| !is_blank(line)) {
        if is_like_an_error(line) {
            return Some(line);
        }
        after += usize::from(!line.starts_with(char::is_whitespace));
        if after > MAX_LINES_AFTER {
            return None;
        }
    }
    None
}

fn is_like_an_error(line: &str) -> bool {
    let line = line.trim_start();
    // C++, the fault handler of Python, Java.
    let opens = ["what():", "Fatal Python error: ", "Exception in thread "];
    opens.iter().any(|words| line.starts_with(words)) || is_name_of_error(line)
}

/// `torch.OutOfMemoryError: …`, `Error: …`, `java.lang.IllegalStateException`
fn is_name_of_error(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or_default();
    let named = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '$'));
    named && (name.ends_with("Error") || name.ends_with("Exception"))
}

/// `OutOfMemoryError` of `torch.cuda.OutOfMemoryError: no room`
fn short_name(error: &str) -> &str {
    let name = error.split(':').next().unwrap_or_default().trim();
    name.rsplit('.').next().unwrap_or_default()
}

/// The class of several exceptions. Lack of memory explains all others.
fn classify<'a>(errors: impl Iterator<Item = &'a str>) -> Option<Class> {
    let classes: Vec<Class> = errors.filter_map(class).collect();
    let memory = classes.iter().find(|class| **class == Class::OutOfMemory);
    memory.or(classes.first()).copied()
}

/// Phrases of allocators of hosts and devices for lack of memory. The exception is often a plain
/// `RuntimeError`.
const NO_MEMORY: [&str; 9] = [
    "out of memory",
    "out_of_memory",
    "outofmemory",
    "can't allocate memory",
    "cannot allocate memory",
    "resource_exhausted",
    "alloc_failed",
    "memoryallocation",
    "bad_alloc",
];

fn class(error: &str) -> Option<Class> {
    match short_name(error) {
        // Python, numpy, torch, JAX, CuPy and TensorFlow.
        name if name.ends_with("MemoryError") || name == "ResourceExhaustedError" => {
            Some(Class::OutOfMemory)
        }
        "ImportError" | "ModuleNotFoundError" => Some(Class::ImportError),
        // The message of an assertion may mention memory without a lack of it.
        "AssertionError" => None,
        _ => {
            let error = error.to_ascii_lowercase();
            let memory = NO_MEMORY.iter().any(|words| error.contains(words));
            memory.then_some(Class::OutOfMemory)
        }
    }
}
