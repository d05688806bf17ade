//! What becomes columns of the JSON texts that pass through: an attempt's detail
//! (`api::v1::tests::AttemptDetail`) and a launch's labels. Everything else stays JSON.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt::Write;

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
    #[serde(borrow)]
    pub metrics: Vec<Metric<'a>>,
    #[serde(borrow)]
    pub checks: Vec<Check<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Metric<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(borrow, default)]
    pub unit: Cow<'a, str>,
    #[serde(borrow, default)]
    pub better: Cow<'a, str>,
    /// `null` where a value was not finite.
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
    /// What cannot be read leaves its columns empty; the text itself is kept anyway.
    pub fn parse(text: Option<&'a RawValue>) -> Self {
        let Some(text) = text else { return Self::default() };
        serde_json::from_str(text.get()).unwrap_or_else(|error| Self {
            message: format!("the worker's detail cannot be read: {error}").into(),
            ..Self::default()
        })
    }
}

impl Metric<'_> {
    /// The values as DuckDB reads a list; text, because appenders take no lists.
    pub fn list(&self) -> String {
        let mut list = String::with_capacity(2 + 20 * self.values.len());
        list.push('[');
        for (place, value) in self.values.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
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
