//! Writes JSON values as Python literals, so that values of users cannot become code.

use crate::text::python_json;
use serde_json::Value;
use std::fmt::Write;

/// Maximum length of a mapping on one line, in characters. A longer mapping has a line for each
/// entry.
const WIDTH: usize = 88;

/// The literal of a value, in ASCII: other characters are escaped. Lists stay on one line, so that
/// a list can be written into a comment.
#[must_use]
pub fn literal(value: &Value) -> String {
    let mut line = String::new();
    write_line(value, &mut line);
    let Value::Object(entries) = value else { return line };
    if line.len() <= WIDTH {
        return line;
    }
    let mut lines = String::from("{\n");
    for (key, value) in entries {
        lines.push_str("    ");
        write_text(key, &mut lines);
        lines.push_str(": ");
        write_line(value, &mut lines);
        lines.push_str(",\n");
    }
    lines.push('}');
    lines
}

fn write_line(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        // JSON numbers are Python numbers, including exponents.
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => match python_json::number(text) {
            Some(number) => out.push_str(number),
            None => write_text(text, out),
        },
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                write_line(item, out);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            out.push('{');
            for (at, (key, item)) in entries.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                write_text(key, out);
                out.push_str(": ");
                write_line(item, out);
            }
            out.push('}');
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            _ => {
                let code = u32::from(c);
                let _infallible = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn known_pairs() {
        for (value, expected) in [
            (json!(null), "None"),
            (json!([true, false]), "[True, False]"),
            (json!(1e-12), "1e-12"),
            (json!(2.0), "2.0"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!("it's \"so\"\n\\"), r#""it's \"so\"\n\\""#),
            (json!("{{7*7}}"), r#""{{7*7}}""#),
            (json!("é\u{2028}😀\u{0}"), r#""\xe9\u2028\U0001f600\x00""#),
            (json!({"a": [1, {"b": "c"}]}), r#"{"a": [1, {"b": "c"}]}"#),
        ] {
            assert_eq!(literal(&value), expected);
        }
    }

    #[test]
    fn long_mappings_take_a_line_for_each_entry() {
        let value = json!({"a": "x".repeat(50), "b": "y".repeat(50)});
        assert_eq!(literal(&value).lines().count(), 4);
        let list = json!(vec!["x".repeat(50); 9]);
        assert_eq!(literal(&list).lines().count(), 1);
    }

    /// Reads the output of [`write_text`] by the rules of Python.
    fn unescape(literal: &str) -> Option<String> {
        let mut chars = literal.strip_prefix('"')?.strip_suffix('"')?.chars();
        let mut text = String::new();
        while let Some(c) = chars.next() {
            if c == '"' || !c.is_ascii() || c.is_ascii_control() {
                return None;
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            let digits = match chars.next()? {
                'n' => Err('\n'),
                'r' => Err('\r'),
                't' => Err('\t'),
                'x' => Ok(2),
                'u' => Ok(4),
                'U' => Ok(8),
                other => Err(other),
            };
            match digits {
                Err(plain) => text.push(plain),
                Ok(count) => {
                    let hex: String = chars.by_ref().take(count).collect();
                    text.push(char::from_u32(u32::from_str_radix(&hex, 16).ok()?)?);
                }
            }
        }
        Some(text)
    }

    proptest! {
        #[test]
        fn any_text_reads_back_exactly(text in any::<String>()) {
            let mut out = String::new();
            write_text(&text, &mut out);
            prop_assert_eq!(unescape(&out), Some(text));
        }
    }
}
