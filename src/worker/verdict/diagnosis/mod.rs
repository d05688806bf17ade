//! What a program said before it ended badly: the error of its last Python traceback, else the
//! line that looks most like an error, else its last line. For one line in a report, so that few
//! have to open the log.
//!
//! Works on lines as a terminal shows them (`screen`), and follows the lines of one writer where
//! several write (`prefix`). Pure. Limits: looks at [`MAX_INSPECTED_BYTES`] of output, quotes
//! [`MAX_QUOTE_CHARS`].

mod prefix;
mod screen;
#[cfg(test)]
mod tests;
mod traceback;

use crate::domain::outcome::Class;
use traceback::Raised;

/// Of the end of the output.
pub const MAX_INSPECTED_BYTES: usize = 64 * 1024;
pub const MAX_QUOTE_CHARS: usize = 300;
/// Lines that may follow an error: some libraries add advice.
const MAX_AFTER: usize = 8;
/// Exceptions of those that only started another program. What that one raised says more.
const OF_STARTERS: [&str; 4] =
    ["CalledProcessError", "ChildFailedError", "ProcessExitedException", "ProcessRaisedException"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    pub text: String,
    /// What an uncaught exception of this name means for a script.
    pub class: Option<Class>,
}

/// None when the program said nothing.
#[must_use]
pub fn diagnose(end: &[u8]) -> Option<Diagnosis> {
    let lines = screen::lines(&String::from_utf8_lossy(end));
    if let Some(raised) = uncaught(&lines) {
        let class = classify(raised.errors());
        return Some(Diagnosis { text: quote(&raised.text()), class });
    }
    let line = like_an_error(&lines).or_else(|| lines.iter().rfind(|line| !blank(line)))?;
    Some(Diagnosis { text: quote(line), class: None })
}

fn quote(text: &str) -> String {
    text.trim().chars().take(MAX_QUOTE_CHARS).collect()
}

fn blank(line: &str) -> bool {
    line.trim().is_empty()
}

/// What the program raised last. None where it went on for long after it.
fn uncaught(lines: &[String]) -> Option<Raised> {
    let mut raised = traceback::all(lines);
    let last = raised.pop()?;
    if starter(&last) {
        return Some(raised.into_iter().rfind(|raised| !starter(raised)).unwrap_or(last));
    }
    let after = lines.iter().skip(last.end).filter(|line| !blank(line)).count();
    (after <= MAX_AFTER).then_some(last)
}

fn starter(raised: &Raised) -> bool {
    OF_STARTERS.contains(&short_name(&raised.error))
}

/// Of the last lines, the last that is written as errors are; frames below it are indented.
fn like_an_error(lines: &[String]) -> Option<&String> {
    let mut after = 0;
    for line in lines.iter().rev().filter(|line| !blank(line)) {
        if is_like_an_error(line) {
            return Some(line);
        }
        after += usize::from(!line.starts_with(char::is_whitespace));
        if after > MAX_AFTER {
            return None;
        }
    }
    None
}

fn is_like_an_error(line: &str) -> bool {
    let line = line.trim_start();
    // Of C++, of Python's fault handler, of Java.
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

/// What the exceptions mean together; lack of memory explains all others.
fn classify<'a>(errors: impl Iterator<Item = &'a str>) -> Option<Class> {
    let classes: Vec<Class> = errors.filter_map(class).collect();
    let memory = classes.iter().find(|class| **class == Class::OutOfMemory);
    memory.or(classes.first()).copied()
}

/// Words by which allocators of hosts and devices say that there is no more memory. What
/// raises them is often a plain `RuntimeError`.
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
        // Of Python, numpy, torch, JAX, CuPy and TensorFlow.
        name if name.ends_with("MemoryError") || name == "ResourceExhaustedError" => {
            Some(Class::OutOfMemory)
        }
        "ImportError" | "ModuleNotFoundError" => Some(Class::ImportError),
        // What a test itself says of memory is no lack of it.
        "AssertionError" => None,
        _ => {
            let error = error.to_ascii_lowercase();
            let memory = NO_MEMORY.iter().any(|words| error.contains(words));
            memory.then_some(Class::OutOfMemory)
        }
    }
}
