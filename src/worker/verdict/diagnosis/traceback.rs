//! Finds Python tracebacks: plain ones and exception groups, also when each line has a prefix.
//!
//! Limits: [`MAX_LINES`] for each traceback, [`MAX_MEMBERS`] for each group.

use super::prefix::Prefix;

const OPENING: &str = "Traceback (most recent call last):";
const GROUP: &str = "+ Exception Group ";
/// Maximum number of lines of one traceback or group.
const MAX_LINES: usize = 2_000;
/// Maximum number of lines in which the prefix of the first line is searched. They may belong to other
/// writers.
const MAX_PREFIX_LINES: usize = 64;
/// Maximum number of exceptions of a group that are kept.
const MAX_MEMBERS: usize = 20;

/// An exception that was printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raised {
    /// `ValueError: no such layer`
    pub error: String,
    /// The exceptions in a group; empty for a plain traceback.
    pub members: Vec<String>,
    /// Index of the line after the traceback.
    pub end: usize,
}

impl Raised {
    pub fn errors(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.error).chain(&self.members).map(String::as_str)
    }

    pub fn text(&self) -> String {
        if self.members.is_empty() {
            return self.error.clone();
        }
        format!("{}: {}", self.error, self.members.join("; "))
    }
}

/// All printed tracebacks, in the order of their ends.
pub(super) fn all(lines: &[String]) -> Vec<Raised> {
    let mut raised_all: Vec<Raised> = Vec::new();
    let mut covered = 0;
    for (at, line) in lines.iter().enumerate() {
        // Tracebacks inside a group belong to it.
        let Some(before) = line.trim_end().strip_suffix(OPENING).filter(|_| at >= covered) else {
            continue;
        };
        let (before, grouped) = match before.strip_suffix(GROUP) {
            Some(before) => (before.trim_end_matches(' '), true),
            None => (before, false),
        };
        let after = lines.iter().map(String::as_str).enumerate().skip(at + 1).take(MAX_LINES);
        let next_lines = after.clone().map(|(_, line)| line).take(MAX_PREFIX_LINES);
        let raised = Prefix::candidates(before, next_lines).into_iter().find_map(|prefix| {
            let own = after.clone().filter_map(|(at, line)| Some((at, prefix.strip(line)?)));
            if grouped { group(own) } else { plain(own) }
        });
        if let Some(raised) = raised {
            covered = if raised.members.is_empty() { covered } else { raised.end };
            raised_all.push(raised);
        }
    }
    raised_all.sort_by_key(|raised| raised.end);
    raised_all
}

/// A plain traceback: the exception is the first line after the indented frames.
fn plain<'a>(mut after: impl Iterator<Item = (usize, &'a str)>) -> Option<Raised> {
    let frame = |line: &str| line.starts_with(' ') || line.is_empty();
    let (at, error) = after.find(|(_, line)| !frame(line))?;
    let error = error.trim().to_owned();
    Some(Raised { error, members: Vec::new(), end: at + 1 })
}

/// An exception group, printed with `|` before each line and `+---- 1 ----` before each member. The
/// members of an inner group count as members.
fn group<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Option<Raised> {
    let (mut error, mut members) = (None, Vec::new());
    let mut end = 0;
    // Whether the next line that is not indented is an exception.
    let mut due = true;
    for (at, line) in lines {
        let drawn = line.trim_start();
        let Some(inside) = drawn.strip_prefix('|') else {
            if !drawn.starts_with('+') {
                break;
            }
            end = at + 1;
            due = true;
            continue;
        };
        end = at + 1;
        let inside = inside.strip_prefix(' ').unwrap_or(inside);
        if inside.ends_with(OPENING) {
            due = true;
        } else if due && !inside.starts_with(' ') && !inside.is_empty() {
            due = false;
            let named = inside.trim().to_owned();
            if error.is_none() {
                error = Some(named);
            } else if members.len() < MAX_MEMBERS {
                members.push(named);
            }
        }
    }
    Some(Raised { error: error?, members, end })
}
