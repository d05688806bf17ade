//! Words of a report: states of tests, and safe forms of text from others.

use crate::api::v1::reports::{Cases, ReportRow};
use crate::domain::outcome::Outcome;
use crate::domain::test::Phase;
use crate::domain::time::Timestamp;
use crate::text::invisible::is_invisible;
use std::fmt::Write;

/// The date and time of a timestamp. `None` after the year 9999.
pub fn instant(at: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok()
}

/// The state of a test, in one or two words.
pub fn state(row: &ReportRow) -> &'static str {
    match row.outcome {
        None => match row.phase {
            Some(Phase::Leased) => "running",
            Some(Phase::Blocked) => "blocked",
            _ => "waiting",
        },
        Some(Outcome::Passed) if row.flaky => "flaky",
        Some(outcome) => outcome.words(),
    }
}

/// The command that reproduces a test, or explains it if no command reproduces it.
pub fn reproduce(row: &ReportRow) -> String {
    row.reproduce.clone().unwrap_or_else(|| format!("dtf why {}", row.test))
}

/// Counts of cases, e.g. `47 passed, 1 skipped`. Counts of zero are left out, except for passed cases.
pub fn cases(counts: &Cases) -> String {
    let mut text = format!("{} passed", counts.passed);
    for (count, word) in [
        (counts.failed, "failed"),
        (counts.errors, "in error"),
        (counts.skipped, "skipped"),
        (counts.flaky, "flaky"),
    ] {
        if count > 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, ", {count} {word}");
        }
    }
    text
}

/// The words of [`state`], each with the terminal code of its colour.
pub const COLOURS: [(&str, &str); 13] = [
    ("passed", "32"),
    ("flaky", "33"),
    ("failed", "31"),
    ("reduced precision", "31"),
    ("error", "31"),
    ("timed out", "31"),
    ("worker lost", "35"),
    ("cancelled", "33"),
    ("skipped", "2"),
    ("expired", "33"),
    ("waiting", "36"),
    ("blocked", "36"),
    ("running", "36"),
];

/// A text on one line, without characters that could control a terminal or change the reading
/// direction. It is cut after `max` characters.
pub fn plain(text: &str, max: usize) -> String {
    // Nearly all texts are plain already.
    if text.len() <= max && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len().min(max));
    for (count, character) in text.chars().enumerate() {
        if count == max {
            plain.push('…');
            break;
        }
        match character {
            '\n' | '\r' | '\t' => plain.push(' '),
            c => push_visible(&mut plain, c),
        }
    }
    plain
}

/// A text as in [`plain`], but with its lines and tabs. `colours` keeps the codes of colours.
pub fn lines(text: &str, colours: bool) -> String {
    let mut lines = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t');
        let (plain, others) = rest.split_at(rest.bytes().take_while(|b| is_plain(b)).count());
        lines.push_str(plain);
        rest = others;
        let Some(character) = rest.chars().next() else { break };
        let taken = if colours { colour_code(rest) } else { 0 };
        let (kept, after) = rest.split_at(taken.max(character.len_utf8()));
        if taken > 0 || matches!(character, '\n' | '\r' | '\t') {
            lines.push_str(kept);
        } else {
            push_visible(&mut lines, character);
        }
        rest = after;
    }
    lines
}

/// A JSON document with the same meaning, without characters that could control a terminal. In JSON,
/// such characters are only in strings.
pub fn json(document: &str) -> String {
    let mut safe = String::with_capacity(document.len());
    let mut units = [0; 2];
    for character in document.chars() {
        if character == '\n' || !(character.is_control() || is_invisible(character)) {
            safe.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut units) {
            // Writing to a string cannot fail.
            let _ = write!(safe, "\\u{unit:04x}");
        }
    }
    safe
}

/// Length in bytes of the code at the beginning of the text, if it only changes the style of
/// characters (ECMA-48, SGR). 0 if there is none.
fn colour_code(text: &str) -> usize {
    let Some(code) = text.strip_prefix("\u{1b}[") else { return 0 };
    let end = code.find(|c: char| !c.is_ascii_digit() && !";:".contains(c));
    end.filter(|end| code[*end..].starts_with('m')).map_or(0, |end| "\u{1b}[m".len() + end)
}

fn push_visible(text: &mut String, character: char) {
    if character.is_control() || is_invisible(character) {
        // Writing to a string cannot fail.
        let _ = write!(text, "\\u{{{:x}}}", u32::from(character));
    } else {
        text.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_controls_a_terminal() {
        let hostile = "a\u{1b}[31mb\u{9b}2J\u{202e}c\nd\0";
        assert_eq!(plain(hostile, 100), "a\\u{1b}[31mb\\u{9b}2J\\u{202e}c d\\u{0}");
        assert_eq!(plain("abcdef", 3), "abc…");
        assert_eq!(plain("naïve 模型 🙂", 100), "naïve 模型 🙂");
        assert_eq!(lines(hostile, false), "a\\u{1b}[31mb\\u{9b}2J\\u{202e}c\nd\\u{0}");
        assert_eq!(lines(hostile, true), "a\u{1b}[31mb\\u{9b}2J\\u{202e}c\nd\\u{0}");
        for other in ["\u{1b}[2J", "\u{1b}[", "\u{1b}", "\u{1b}]0;m", "\u{1b}[3é1m"] {
            assert!(!lines(other, true).contains('\u{1b}'), "{other:?}");
        }
        assert_eq!(lines("\u{1b}[1;38:5:9mé\u{1b}[m", true), "\u{1b}[1;38:5:9mé\u{1b}[m");
    }

    #[test]
    fn a_json_document_keeps_its_meaning() {
        let hostile = "a\u{1b}[31mb\u{9b}2J\u{202e}c\nd\0\u{e0041}é\u{7f}";
        let document = serde_json::to_string_pretty(&[hostile]).expect("JSON");
        let safe = json(&document);
        assert!(safe.contains("\\u202e") && safe.contains("\\udb40\\udc41"), "{safe}");
        assert!(
            !safe.chars().any(|c| (c.is_control() && c != '\n') || is_invisible(c)),
            "{safe:?}"
        );
        assert_eq!(serde_json::from_str::<[String; 1]>(&safe).expect("JSON"), [hostile]);
    }

    #[test]
    fn every_outcome_has_a_colour() {
        for outcome in Outcome::ALL {
            assert!(COLOURS.iter().any(|(word, _)| *word == outcome.words()), "{outcome}");
        }
    }
}
