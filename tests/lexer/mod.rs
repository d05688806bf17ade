//! Comments and literals of Rust sources, found without a parser: enough for checks on the text of
//! the tree. Positions are byte offsets; a nested block comment ends at its first `*/`.

use std::ops::Range;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Comment,
    /// A string literal: plain, raw or of bytes.
    Text,
    Character,
}

/// Comments and literals in the order of the text, with their delimiters.
pub fn spans(text: &str) -> Vec<(Kind, Range<usize>)> {
    let bytes = text.as_bytes();
    let mut spans = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match span_at(text, at) {
            Some((kind, end)) => {
                spans.push((kind, at..end));
                at = end;
            }
            None => at += 1,
        }
    }
    spans
}

fn span_at(text: &str, at: usize) -> Option<(Kind, usize)> {
    let bytes = text.as_bytes();
    match &bytes[at..] {
        [b'/', b'/', ..] => {
            let end = at + text[at..].find('\n').unwrap_or(text.len() - at);
            Some((Kind::Comment, end))
        }
        [b'/', b'*', ..] => {
            let end = text[at + 2..].find("*/").map_or(text.len(), |end| at + 2 + end + 2);
            Some((Kind::Comment, end))
        }
        [b'"', ..] => Some((Kind::Text, quoted_end(bytes, at))),
        [b'r', b'"' | b'#', ..] if !is_in_name(bytes, at) => {
            raw_string_end(text, at).map(|end| (Kind::Text, end))
        }
        [b'\'', b'\\', ..] => {
            let end = at + 3 + text[at + 3..].find('\'').unwrap_or(0) + 1;
            Some((Kind::Character, end))
        }
        [b'\'', ..] => character_end(text, at).map(|end| (Kind::Character, end)),
        _ => None,
    }
}

/// Replaces comments and literals by blanks; lines stay where they are.
pub fn blank(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    for (_, span) in spans(text) {
        for byte in &mut out[span] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }
    String::from_utf8(out).expect("only whole literals and comments are blanked")
}

pub fn is_name_character(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Whether the `r` at `at` belongs to a longer name; `br"…"` is a raw string as well.
fn is_in_name(bytes: &[u8], at: usize) -> bool {
    let in_name =
        |back: usize| at.checked_sub(back).is_some_and(|i| is_name_character(char::from(bytes[i])));
    let byte_string = at > 0 && bytes[at - 1] == b'b' && !in_name(2);
    in_name(1) && !byte_string
}

fn quoted_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn raw_string_end(text: &str, start: usize) -> Option<usize> {
    let rest = &text[start + 1..];
    let hashes = rest.bytes().take_while(|byte| *byte == b'#').count();
    let body = rest[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = body.find(&close).map_or(text.len(), |end| start + 2 + hashes + end + close.len());
    Some(end)
}

/// End of a character literal, which has one character; a lifetime has no closing quote.
fn character_end(text: &str, start: usize) -> Option<usize> {
    let mut rest = text[start + 1..].chars();
    let inside = rest.next()?;
    (rest.next()? == '\'').then(|| start + 1 + inside.len_utf8() + 1)
}

/// Start of the unit tests in blanked code: `#[cfg(test)] mod … {` at the end of a file.
pub fn unit_tests_at(code: &str) -> Option<usize> {
    let inline = |item: &str| {
        item.starts_with("mod ")
            && item.find('{').unwrap_or(usize::MAX) < item.find(';').unwrap_or(usize::MAX)
    };
    test_items(code).find(|(_, item)| inline(item)).map(|(at, _)| at)
}

/// Modules that the file declares as `#[cfg(test)] mod name;`: all of their files are tests.
pub fn declared_tests(code: &str) -> Vec<&str> {
    test_items(code)
        .filter_map(|(_, item)| item.strip_prefix("mod ")?.split_once(';').map(|(name, _)| name))
        .filter(|name| name.chars().all(is_name_character))
        .collect()
}

/// Items that only test builds have, `#[cfg(test)]` or `#[cfg(all(test, …))]`: the start of the
/// attribute, and the code that follows it.
fn test_items(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.match_indices("#[cfg(").filter_map(|(at, _)| {
        let (attribute, item) = code[at..].split_once(']')?;
        let only_tests = ["#[cfg(test)", "#[cfg(all(test,"];
        only_tests.iter().any(|start| attribute.starts_with(start)).then(|| (at, item.trim_start()))
    })
}
