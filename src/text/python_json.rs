//! Reads JSON as Python's `json` module does.
//!
//! Besides standard JSON, Python accepts `NaN`, `Infinity` and `-Infinity`, integers of any length,
//! numbers too large for a float (which become infinite), and a byte order mark at the start. A
//! [`Value`] cannot represent these numbers. Each becomes a string that starts with [`MARK`], which
//! [`crate::text::python::literal`] writes as the number again; code that expects a size finds a
//! string and ignores it. The same words inside strings are unchanged.
//!
//! Limits: 128 levels (a limit of the parser) and `MAX_DIGITS` digits per number.

use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// First character of a string that represents a number. Configurations do not contain it.
pub const MARK: char = '\0';
/// Maximum number of digits of a number, as in Python.
const MAX_DIGITS: usize = 4300;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Parses a document.
///
/// # Errors
/// The defect, as the predicate of a sentence: `is not valid JSON: …`.
pub fn read(bytes: &[u8]) -> Result<Value, String> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("is UTF-16 text; save it as UTF-8".to_owned());
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("is not UTF-8 text (byte {})", error.valid_up_to()))?;
    serde_json::from_str(&marked(text)).map_err(|error| format!("is not valid JSON: {error}"))
}

/// The Python expression for the number that a marked string represents.
#[must_use]
pub fn number(text: &str) -> Option<&str> {
    let name = text.strip_prefix(MARK)?;
    match name {
        "NaN" => Some("float(\"nan\")"),
        "Infinity" => Some("float(\"inf\")"),
        "-Infinity" => Some("float(\"-inf\")"),
        digits => {
            let plain = digits.strip_prefix('-').unwrap_or(digits);
            let whole = !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit());
            whole.then_some(digits)
        }
    }
}

/// The document with marked strings instead of the numbers that the parser rejects or rounds.
fn marked(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = end_of_text(bytes, at),
            byte if in_word(*byte) => {
                let end = at + bytes[at..].iter().take_while(|byte| in_word(**byte)).count();
                let word = &text[at..end];
                if let Some(number) = unusual(word).filter(|_| !is_key(&bytes[end..])) {
                    out.push_str(&text[copied..at]);
                    out.push_str("\"\\u0000");
                    out.push_str(number);
                    out.push('"');
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+-._".contains(&byte)
}

/// Position after the closing quote of the string that starts at `start`.
fn end_of_text(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Whether a colon follows, so that the word is a key. Python requires strings as keys, too.
fn is_key(rest: &[u8]) -> bool {
    rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

/// The number in this word, if the parser would reject or round it.
fn unusual(word: &str) -> Option<&str> {
    if matches!(word, "NaN" | "Infinity" | "-Infinity") {
        return Some(word);
    }
    let number = word.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    if !number || word.len() > MAX_DIGITS || serde_json::from_str::<&RawValue>(word).is_err() {
        return None;
    }
    if word.contains(['.', 'e', 'E']) {
        let value: f64 = word.parse().ok()?;
        let name = if value > 0.0 { "Infinity" } else { "-Infinity" };
        return value.is_infinite().then_some(name);
    }
    let fits = word.parse::<u64>().is_ok() || word.parse::<i64>().is_ok();
    (!fits).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::python::literal;
    use proptest::prelude::*;
    use serde_json::json;

    fn python(text: &str) -> Result<String, String> {
        read(text.as_bytes()).map(|value| literal(&value))
    }

    #[test]
    fn python_numbers_keep_their_value() {
        for (text, expected) in [
            ("[0.0, Infinity]", "[0.0, float(\"inf\")]"),
            ("{\"a\":-Infinity,\"b\":NaN}", "{\"a\": float(\"-inf\"), \"b\": float(\"nan\")}"),
            ("NaN", "float(\"nan\")"),
            ("[1e999, -1E+999]", "[float(\"inf\"), float(\"-inf\")]"),
            ("1000000000000000019884624838656", "1000000000000000019884624838656"),
            (
                "[18446744073709551615, -9223372036854775808]",
                "[18446744073709551615, -9223372036854775808]",
            ),
            ("-9223372036854775809", "-9223372036854775809"),
            // Inside strings and keys they are text.
            (
                r#"{"Infinity": "NaN", "a\"": "[-Infinity, \\", "b": ["NaN"]}"#,
                r#"{"Infinity": "NaN", "a\"": "[-Infinity, \\", "b": ["NaN"]}"#,
            ),
            ("\u{feff}{\"a\": Infinity}", "{\"a\": float(\"inf\")}"),
        ] {
            assert_eq!(python(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn documents_that_python_refuses_are_refused() {
        let long = "9".repeat(MAX_DIGITS + 1);
        for text in [
            "Inf",
            "nan",
            "+Infinity",
            "-NaN",
            "--Infinity",
            "NaN1",
            "Infinity.0",
            "{NaN: 1}",
            "[Infinity",
            "{\"a\": 01}",
            "{\"a\": 1.}",
            "\"NaN",
            "[\"\\",
            "00000000000000000000000",
            &format!("[{long}]"),
        ] {
            assert!(python(text).is_err(), "{text:.40}");
        }
        let wide = read(b"\xff\xfe{\x00}\x00").expect_err("UTF-16");
        assert!(wide.contains("UTF-16"), "{wide}");
        let latin = read(b"{\"a\": \"\xe9\"}").expect_err("not UTF-8");
        assert!(latin.contains("byte 7"), "{latin}");
    }

    proptest! {
        #[test]
        fn standard_json_is_read_unchanged(text in "[a-zNI\\-\"\\\\{}:,\\[\\] .]{0,40}", any in any::<String>()) {
            for text in [text, json!({ any.clone(): [any, 1.5, -7, null, true] }).to_string()] {
                if let Ok(value) = serde_json::from_str::<Value>(&text) {
                    prop_assert_eq!(read(text.as_bytes()), Ok(value));
                }
            }
        }

        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(&bytes);
        }
    }
}
