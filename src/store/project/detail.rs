//! The parts of JSON texts that become columns: of the detail of an attempt
//! (`api::v1::test_views::AttemptDetail`) and of the labels of a launch. The rest is stored as JSON.
//!
//! Limits: DuckDB reads and rewrites the texts of 2,048 rows at once, within its working memory. So a
//! row has at most [`MAX_ROW_BYTES`] of a detail, and other texts of workers are cut at
//! [`MAX_MESSAGE_BYTES`] and [`MAX_NAME_BYTES`].

use super::software::{Software, Softwares};
use crate::domain::findings::{FIRST_DIFFERS, Findings, WOULD_NOT_NOTICE};
use crate::domain::weights::MAX_KEY_BYTES;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

/// Maximum length of the word for the origin of weights, in bytes.
const MAX_WORD: usize = 40;
/// Maximum size of a detail in a row, in bytes. A larger one is stored in several rows.
pub(in crate::store) const MAX_ROW_BYTES: usize = 8 * 1024;
/// Maximum size of the environment, and of the list of devices, as JSON in bytes. A larger one is only
/// in the detail.
const MAX_SHOWN_BYTES: usize = 8 * 1024;
/// Maximum size of a message in bytes. The detail has the whole text.
pub(in crate::store) const MAX_MESSAGE_BYTES: usize = 4 * 1024;
/// Maximum size of a name or a unit, in bytes. The detail has the whole text.
pub(in crate::store) const MAX_NAME_BYTES: usize = 256;
/// Maximum number of metrics, and of checks, of one attempt that have a row. dtf's worker reports no
/// more.
pub(in crate::store) const MAX_ROWS: usize = 1000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::store) struct Detail<'a> {
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
    #[serde(borrow)]
    environment: Option<&'a RawValue>,
    #[serde(borrow)]
    devices: Option<&'a RawValue>,
    #[serde(borrow)]
    log: Option<&'a RawValue>,
    #[serde(borrow)]
    artifacts: Option<&'a RawValue>,
}

/// A file that a detail names.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    size_bytes: u64,
}

/// The counts of the cases of a JUnit file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::store) struct Cases {
    pub tests: u32,
    pub failures: u32,
    pub errors: u32,
    pub skipped: u32,
    pub flaky: u32,
}

#[derive(Debug, Deserialize)]
pub(in crate::store) struct Metric<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(borrow, default)]
    pub unit: Cow<'a, str>,
    #[serde(borrow, default)]
    pub better: Cow<'a, str>,
    /// Number of CPU threads.
    #[serde(default)]
    pub threads: Option<u32>,
    /// The values. `null` represents a value that was not finite.
    pub values: Vec<Option<f64>>,
}

#[derive(Debug, Deserialize)]
pub(in crate::store) struct Check<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    pub passed: bool,
    #[serde(borrow, default)]
    pub message: Cow<'a, str>,
    #[serde(borrow, default)]
    values: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tolerance: Option<&'a RawValue>,
}

/// A finite figure of a check, and the tolerance of the same name.
pub(in crate::store) struct Figure {
    pub name: String,
    pub value: f64,
    pub tolerance: Option<f64>,
}

/// The part of an environment that states the available memory.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::store) struct Memory {
    pub memory_bytes: Option<u64>,
    pub device_memory_bytes: Option<u64>,
}

impl Check<'_> {
    /// The figures in the order of their names.
    fn figures(&self) -> Vec<Figure> {
        let (values, tolerances) = (numbers(self.values), numbers(self.tolerance));
        let figure = |(name, value): (String, f64)| {
            let tolerance = tolerances.get(&name).copied();
            let name = cut(&name, MAX_NAME_BYTES).into_owned();
            Figure { name, value, tolerance }
        };
        values.into_iter().map(figure).collect()
    }
}

/// The finite numbers of a JSON object.
fn numbers(json: Option<&RawValue>) -> BTreeMap<String, f64> {
    let object: Map<String, Value> = read(json);
    let finite = |value: &Value| value.as_f64().filter(|value| value.is_finite());
    object.into_iter().filter_map(|(name, value)| Some((name, finite(&value)?))).collect()
}

/// A part of a detail; empty if it has another form.
fn read<'t, T: Deserialize<'t> + Default>(json: Option<&'t RawValue>) -> T {
    json.and_then(|json| serde_json::from_str(json.get()).ok()).unwrap_or_default()
}

impl<'a> Detail<'a> {
    /// Parses a detail. If it cannot be parsed, its columns are empty, except for the error as the
    /// message. The text itself is stored in any case.
    pub fn parse(text: Option<&'a RawValue>) -> Self {
        let Some(text) = text else { return Self::default() };
        let mut detail: Self = serde_json::from_str(text.get()).unwrap_or_else(|error| Self {
            message: format!("the worker's detail cannot be read: {error}").into(),
            ..Self::default()
        });
        detail.metrics = joined(detail.metrics);
        detail
    }

    /// The environment as JSON, if there is one that is not too large to be shown.
    pub fn environment(&self) -> Option<&'a str> {
        shown(self.environment)
    }

    /// The devices as JSON, if there are some and they are not too large to be shown.
    pub fn devices(&self) -> Option<&'a str> {
        shown(self.devices)
    }

    /// The figures of the checks that have a row, with the name of the check; at most [`MAX_ROWS`].
    pub fn figures(&self) -> impl Iterator<Item = (Cow<'_, str>, Figure)> {
        let checks = self.checks.iter().take(MAX_ROWS);
        let figures = checks.flat_map(|check| {
            let name = cut(&check.name, MAX_NAME_BYTES);
            check.figures().into_iter().map(move |figure| (name.clone(), figure))
        });
        figures.take(MAX_ROWS)
    }

    /// Products of the devices that the attempt held.
    pub fn products(&self) -> Vec<String> {
        read(self.devices)
    }

    /// The memory that was available.
    pub fn memory(&self) -> Memory {
        read(self.environment)
    }

    /// The versions of the environment.
    pub fn software<'s>(&self, known: &'s mut Softwares) -> Option<&'s Software> {
        known.of(self.environment?.get())
    }

    /// Size in bytes of the files that the detail names.
    pub fn file_bytes(&self) -> u64 {
        let (log, artifacts): (File, Vec<File>) = (read(self.log), read(self.artifacts));
        artifacts.iter().chain([&log]).map(|file| file.size_bytes).fold(0, u64::saturating_add)
    }

    /// The facts of the result that have columns. Empty if it is not an object.
    pub fn reported(&self) -> Reported {
        let fields = self.result.and_then(|result| serde_json::from_str(result.get()).ok());
        fields.map(Reported::of).unwrap_or_default()
    }
}

/// Facts that the test itself reported in its result.
#[derive(Debug, Default)]
pub(in crate::store) struct Reported {
    /// The origin of the weights, if it is one word.
    pub weights: Option<String>,
    /// The identity of the weights, if it has the form of one.
    pub weights_id: Option<String>,
    /// A list of texts, as JSON.
    pub would_not_notice: Option<String>,
    /// An object, as JSON.
    pub first_differs: Option<String>,
}

impl Reported {
    fn of(fields: ResultFields) -> Self {
        let ResultFields { weights, weights_id, would_not_notice, first_differs } = fields;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let is_word = |text: &&str| (1..=MAX_WORD).contains(&text.len()) && text.chars().all(plain);
        let findings: Map<String, Value> = [
            (WOULD_NOT_NOTICE.to_owned(), would_not_notice),
            (FIRST_DIFFERS.to_owned(), first_differs),
        ]
        .into_iter()
        .collect();
        let Findings { would_not_notice, first_differs } = Findings::of(&findings);
        Self {
            weights: weights.as_str().filter(is_word).map(str::to_owned),
            weights_id: weights_id.as_str().filter(|text| is_identity(text)).map(str::to_owned),
            would_not_notice: would_not_notice.map(|texts| Value::from(texts).to_string()),
            first_differs: first_differs.and_then(|module| serde_json::to_string(&module).ok()),
        }
    }
}

/// Whether a text has the form of an identity: printable, without blanks, within the limit of keys.
fn is_identity(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic();
    (1..=MAX_KEY_BYTES).contains(&text.len()) && text.chars().all(plain)
}

/// The fields of a result that are read: any JSON, `null` if they are absent. Others are skipped.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ResultFields {
    weights: Value,
    weights_id: Value,
    would_not_notice: Value,
    first_differs: Value,
}

fn shown(json: Option<&RawValue>) -> Option<&str> {
    json.map(RawValue::get).filter(|text| text.len() <= MAX_SHOWN_BYTES)
}

/// Joins the values of metrics with the same name, so that each name has one summary.
fn joined(metrics: Vec<Metric<'_>>) -> Vec<Metric<'_>> {
    let mut positions: HashMap<Cow<'_, str>, usize> = HashMap::with_capacity(metrics.len());
    let mut joined: Vec<Metric<'_>> = Vec::with_capacity(metrics.len());
    for metric in metrics {
        match positions.entry(metric.name.clone()) {
            Entry::Occupied(first) => {
                let first = &mut joined[*first.get()];
                first.values.extend(metric.values);
                first.threads = first.threads.filter(|threads| Some(*threads) == metric.threads);
            }
            Entry::Vacant(place) => {
                place.insert(joined.len());
                joined.push(metric);
            }
        }
    }
    joined
}

/// A text of a worker for a column: cut at `limit` bytes, with an ellipsis.
pub(in crate::store) fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return text.into();
    }
    format!("{}…", &text[..text.floor_char_boundary(limit)]).into()
}

/// Divides a text into parts of at most [`MAX_ROW_BYTES`].
pub(in crate::store) fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (part, after) = rest.split_at(rest.floor_char_boundary(MAX_ROW_BYTES));
        rest = after;
        Some(part)
    })
}

/// The labels of a launch, as JSON text.
pub(in crate::store) fn labels(launch: &RawValue) -> &str {
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
            parsed.reported().weights
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

    #[test]
    fn the_identity_of_weights_is_a_digest_or_a_commit() {
        let of = |identity: &str| {
            let text = format!("{{\"result\": {{\"weights_id\": {identity}}}}}");
            let detail = RawValue::from_string(text).expect("JSON");
            Detail::parse(Some(&detail)).reported().weights_id
        };
        for identity in ["sha256:1a2b", "owner/model@0123abc"] {
            assert_eq!(of(&format!("{identity:?}")).as_deref(), Some(identity));
        }
        for other in ["null", "7", "\"\"", "\"two words@1\"", "\"\\u001b[2J\""] {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(of(&format!("{:?}", "x".repeat(MAX_KEY_BYTES + 1))), None);
    }

    #[test]
    fn findings_are_read_one_by_one() {
        let columns = |result: &str| {
            let detail = RawValue::from_string(format!("{{\"result\": {result}}}"));
            let detail = detail.expect("JSON");
            let Reported { weights, would_not_notice, first_differs, .. } =
                Detail::parse(Some(&detail)).reported();
            [weights, would_not_notice, first_differs]
        };
        let none = [None, None, None];
        for other in ["null", "[1]", "3", r#"{"would_not_notice": null, "first_differs": 7}"#] {
            assert_eq!(columns(other), none, "{other}");
        }
        let read = columns(
            r#"{"would_not_notice": ["scale dropped"], "weights": 7, "more": {"x": [1]},
            "first_differs": {"module": "model.norm", "values": {"error": 0.5, "allowed": null}}}"#,
        );
        let module = r#"{"module":"model.norm","kind":"","values":{"error":0.5}}"#;
        assert_eq!(read, [None, Some(r#"["scale dropped"]"#.to_owned()), Some(module.to_owned())]);
        // An empty list is a finding, too.
        let empty = columns(r#"{"weights": "random", "would_not_notice": []}"#);
        assert_eq!(empty, [Some("random".to_owned()), Some("[]".to_owned()), None]);
        let long = format!(r#"{{"would_not_notice": {:?}}}"#, vec!["x".repeat(5000); 500]);
        let [_, limited, _] = columns(&long);
        assert!(limited.is_some_and(|json| json.len() < 16 * 100), "columns have limits");
    }

    #[test]
    fn a_text_is_divided_between_characters() {
        let text = "aä€😀".repeat(5000);
        let divided: Vec<&str> = parts(&text).collect();
        assert!(divided.iter().all(|part| (1..=MAX_ROW_BYTES).contains(&part.len())));
        assert_eq!((divided.concat(), divided.len()), (text, 7));
        assert_eq!(parts("").count(), 0);
    }

    #[test]
    fn texts_of_workers_have_a_limit_in_columns() {
        let fits = "x".repeat(MAX_MESSAGE_BYTES);
        let cut = |text: &str| cut(text, MAX_MESSAGE_BYTES).into_owned();
        assert_eq!(cut(&fits), fits);
        assert_eq!(cut(&format!("{fits}y")), format!("{fits}…"));
        let cut_before = cut(&format!("{}€", &fits[1..]));
        assert_eq!(cut_before, format!("{}…", &fits[1..]));
        let large = format!("{{\"environment\":{{\"a\":\"{fits}{fits}\"}},\"devices\":[1]}}");
        let detail = RawValue::from_string(large).expect("JSON");
        let parsed = Detail::parse(Some(&detail));
        assert_eq!((parsed.environment(), parsed.devices()), (None, Some("[1]")));
    }

    #[test]
    fn metrics_with_the_same_name_are_one() {
        let metric = |name, value, threads| {
            format!("{{\"name\":\"{name}\",\"values\":[{value}],\"threads\":{threads}}}")
        };
        let (one, two, three) = (metric("a", 1, 4), metric("b", 2, 4), metric("a", 3, 8));
        let detail = RawValue::from_string(format!("{{\"metrics\":[{one},{two},{three}]}}"));
        let detail = detail.expect("JSON");
        let joined = Detail::parse(Some(&detail)).metrics;
        let values: Vec<_> = joined.iter().map(|metric| (&*metric.name, &*metric.values)).collect();
        assert_eq!(values, [("a", &[Some(1.0), Some(3.0)][..]), ("b", &[Some(2.0)])]);
        // The number of threads is that of all values.
        let threads: Vec<_> = joined.iter().map(|metric| metric.threads).collect();
        assert_eq!(threads, [None, Some(4)]);
    }
}
