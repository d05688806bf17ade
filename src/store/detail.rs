//! The parts of JSON texts that become columns: of the detail of an attempt
//! (`api::v1::test_views::AttemptDetail`) and of the labels of a launch. The rest is stored as JSON.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt::Write;

/// Maximum length of the word for the origin of weights, in bytes.
const MAX_WORD: usize = 40;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Detail<'a> {
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    #[serde(borrow)]
    pub message: Cow<'a, str>,
    #[serde(borrow)]
    pub isolation: Cow<'a, str>,
    pub peak_memory_bytes: Option<u64>,
    pub cpu_ms: Option<u64>,
    pub junit: Option<Cases>,
    #[serde(borrow)]
    pub metrics: Vec<Metric<'a>>,
    #[serde(borrow)]
    pub checks: Vec<Check<'a>>,
    /// The result that the test itself reported: any JSON.
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

/// The counts of the cases of a JUnit file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cases {
    pub tests: u32,
    pub failures: u32,
    pub errors: u32,
    pub skipped: u32,
    pub flaky: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Metric<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(borrow, default)]
    pub unit: Cow<'a, str>,
    #[serde(borrow, default)]
    pub better: Cow<'a, str>,
    /// The values. `null` represents a value that was not finite.
    pub values: Vec<Option<f64>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Check<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    pub passed: bool,
    #[serde(borrow, default)]
    pub message: Cow<'a, str>,
}

impl<'a> Detail<'a> {
    /// Parses a detail. If it cannot be parsed, its columns are empty, except for the error as the
    /// message. The text itself is stored in any case.
    pub fn parse(text: Option<&'a RawValue>) -> Self {
        let Some(text) = text else { return Self::default() };
        serde_json::from_str(text.get()).unwrap_or_else(|error| Self {
            message: format!("the worker's detail cannot be read: {error}").into(),
            ..Self::default()
        })
    }

    /// The origin of the weights, if the test reported it as one word.
    pub fn weights(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Reported {
            weights: Option<String>,
        }
        let reported = serde_json::from_str::<Reported>(self.result?.get()).ok()?.weights?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let word = (1..=MAX_WORD).contains(&reported.len()) && reported.chars().all(plain);
        word.then_some(reported)
    }
}

impl Metric<'_> {
    /// The values as text that DuckDB casts to a list. The appender of the crate accepts no lists.
    pub fn list(&self) -> String {
        let mut list = String::with_capacity(2 + 20 * self.values.len());
        list.push('[');
        for (position, value) in self.values.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            match value.filter(|value| value.is_finite()) {
                // Writing to a string cannot fail.
                Some(value) => drop(write!(list, "{comma}{value:e}")),
                None => drop(write!(list, "{comma}NULL")),
            }
        }
        list.push(']');
        list
    }
}

/// The labels of a launch, as JSON text.
pub(super) fn labels(launch: &RawValue) -> &str {
    #[derive(Deserialize)]
    struct Labelled<'a> {
        #[serde(borrow, default)]
        labels: Option<&'a RawValue>,
    }
    let parsed: Result<Labelled<'_>, _> = serde_json::from_str(launch.get());
    parsed.ok().and_then(|launch| launch.labels).map_or("{}", RawValue::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_of_weights_is_one_word() {
        let weights = |detail: &str| {
            let detail = RawValue::from_string(detail.to_owned()).expect("JSON");
            let parsed = Detail::parse(Some(&detail));
            assert_eq!(parsed.message, "kept", "whatever the test reports");
            parsed.weights()
        };
        let of =
            |result: &str| weights(&format!("{{\"message\": \"kept\", \"result\": {result}}}"));
        assert_eq!(of(r#"{"outcome": "passed", "weights": "random"}"#).as_deref(), Some("random"));
        assert_eq!(of(r#"{"weights": "f\u006flder"}"#).as_deref(), Some("folder"));
        for other in ["null", "{}", "[1]", "3"] {
            assert_eq!(of(other), None, "{other}");
        }
        for word in ["null", "7", "[\"random\"]", "\"\"", "\"two words\"", "\"\\u001b[2J\""] {
            assert_eq!(of(&format!("{{\"weights\": {word}}}")), None, "{word}");
        }
        assert_eq!(of(&format!("{{\"weights\": \"{}\"}}", "x".repeat(41))), None);
        assert_eq!(weights(r#"{"message": "kept"}"#), None);
    }
}
