//! JSON in the output of the tools of the vendors.
//!
//! The tools print warnings before and after the JSON, and the case and wording of keys differ between
//! their versions. Keys are therefore compared in one form: lower-case letters and digits alone.
//!
//! Limits: at most [`MAX_STARTS`] positions are tried, and at most [`MAX_TRIED_BYTES`] of text that is
//! not JSON are read.

use super::field;
use serde_json::{Map, Value};

/// Maximum number of positions of the output at which JSON is parsed.
const MAX_STARTS: usize = 1000;
/// Maximum number of bytes that are read at positions at which there is no JSON.
const MAX_TRIED_BYTES: usize = 8 << 20;

/// All parts of the output that are JSON documents, in their order, with keys in their common form.
pub(super) fn documents(output: &str) -> impl Iterator<Item = Value> {
    let (mut at, mut starts, mut tried) = (0, 0, 0);
    std::iter::from_fn(move || {
        loop {
            let rest = output.get(at..)?;
            let start = at + rest.find(['{', '['])?;
            starts += 1;
            if starts > MAX_STARTS || tried > MAX_TRIED_BYTES {
                return None;
            }
            let json = output.get(start..)?;
            let mut stream = serde_json::Deserializer::from_str(json).into_iter::<Value>();
            match stream.next()? {
                Ok(value) => {
                    at = start + stream.byte_offset();
                    return Some(with_plain_keys(value));
                }
                Err(error) => {
                    tried += offset(json, error.line(), error.column());
                    at = start + 1;
                }
            }
        }
    })
}

/// Number of bytes before a line and column, both of which count from 1.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    before + column
}

/// The common form of a key.
pub(super) fn plain(key: &str) -> String {
    key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn with_plain_keys(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut plain_map = Map::new();
            for (key, value) in map {
                let value = with_plain_keys(value);
                match plain_map.get_mut(&plain(&key)) {
                    // Of two spellings of one key, the one with a value counts.
                    Some(present) if text(present).is_none() => *present = value,
                    Some(_) => {}
                    None => drop(plain_map.insert(plain(&key), value)),
                }
            }
            Value::Object(plain_map)
        }
        Value::Array(values) => Value::Array(values.into_iter().map(with_plain_keys).collect()),
        other => other,
    }
}

/// The text of a scalar; None if it is absent. A mapping or list has a text, which no field accepts.
pub(super) fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Array(_) | Value::Object(_) => "[structure]".to_owned(),
    };
    field::value(&text).map(str::to_owned)
}

/// The first key that has a value, as text. A key with slashes is a path.
pub(super) fn first(value: &Value, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| text(at(value, key)?))
}

/// The value at a path of keys in their common form, separated by slashes.
pub(super) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('/').try_fold(value, |value, key| value.get(key))
}

/// The first key that is a size, in bytes: a number or text, or a mapping of `value` and `unit`.
/// `unit` is the number of bytes of a number without a unit.
pub(super) fn first_size(value: &Value, keys: &[&str], unit: u64) -> Option<u64> {
    keys.iter().find_map(|key| {
        let size = at(value, key)?;
        let text = match size.get("value") {
            Some(number) => {
                let unit = size.get("unit").and_then(text).unwrap_or_default();
                format!("{} {unit}", text(number)?)
            }
            None => text(size)?,
        };
        field::size(&text, unit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_found_among_other_text() {
        let text =
            "WARNING: [drm] card\n{\"A b\": 1}\nnote {a: 1} [2] \u{1b}[0m{\"C\": {\"D\": []}} }";
        let all: Vec<_> = documents(text).collect();
        assert_eq!(
            all,
            [
                serde_json::json!({"ab": 1}),
                serde_json::json!([2]),
                serde_json::json!({"c": {"d": []}})
            ]
        );
        assert_eq!(documents("").count(), 0);
    }

    #[test]
    fn text_that_is_almost_json_is_read_within_limits() {
        let nested = "[".repeat(1 << 20);
        assert_eq!(documents(&nested).count(), 0);
        let broken = format!("{{\"a\": [{}", "[1],".repeat(1 << 18));
        let begun = documents(&broken).count();
        assert!(begun <= MAX_STARTS, "{begun}");
    }

    #[test]
    fn sizes_are_numbers_texts_or_mappings() {
        let value = serde_json::json!({
            "a": "1024", "b": 2048, "c": {"value": 1, "unit": "MB"}, "d": "N/A",
            "e": {"value": "2", "unit": "GB"}, "f": {"value": "N/A"}
        });
        let size = |keys: &[&str]| first_size(&value, keys, 1);
        assert_eq!(size(&["a"]), Some(1024));
        assert_eq!(size(&["b"]), Some(2048));
        assert_eq!(size(&["d", "c"]), Some(1 << 20));
        assert_eq!(size(&["e"]), Some(2 << 30));
        assert_eq!(size(&["f", "x", "d"]), None);
    }
}
