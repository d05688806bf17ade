//! Reads the test protocol: JSON lines that a script writes, while it runs, to the file named by
//! `DTF_RESULT` (`docs/protocol.md`).
//!
//! Limits: lines of [`MAX_LINE_BYTES`], [`MAX_KEPT_BYTES`] in total (the `result` line is kept in
//! addition), values nested [`MAX_DEPTH`] deep, [`MAX_METRICS`] metrics with [`MAX_VALUES`] finite
//! values each.
//!
//! Promise: no input is an error. Everything that is malformed or exceeds a limit is ignored and
//! counted, and the first ignored line is reported with its reason.

use crate::api::v1::test_views::{AttemptDetail, Better, Check, Metric, PhaseRecord};
use crate::domain::findings::Findings;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub const MAX_LINE_BYTES: usize = 256 * 1024;
pub const MAX_KEPT_BYTES: usize = 1024 * 1024;
pub const MAX_METRICS: usize = 1000;
pub const MAX_VALUES: usize = 10_000;
/// Maximum nesting of objects and lists. Readers of the details add some levels, and JSON parsers
/// commonly stop at 128.
pub const MAX_DEPTH: usize = 32;
/// Maximum number of phases, and of checks.
pub const MAX_RECORDS: usize = 1000;

/// Everything that a script has reported so far.
#[derive(Debug, Default)]
pub struct Transcript {
    /// The beginning of a line whose end was not read yet.
    open: Vec<u8>,
    /// The open line exceeds [`MAX_LINE_BYTES`].
    is_too_long: bool,
    kept: usize,
    phases: Vec<PhaseRecord>,
    metrics: Vec<Metric>,
    checks: Vec<Check>,
    environment: Map<String, Value>,
    result: Option<Map<String, Value>>,
    lines: usize,
    /// Number of ignored lines and values.
    ignored: usize,
    /// Number of the first line that was ignored, or of which a value was, and the reason.
    first_ignored: Option<(usize, &'static str)>,
}

/// Reason for which a line or a value is ignored.
type Reason = &'static str;

const TOO_MANY: Reason = "there are too many";
const NOT_FINITE: Reason = "a value is not a finite number";
const NOT_JSON: Reason = "NaN and Infinity are not JSON; write null";

#[derive(Deserialize)]
struct PhaseLine {
    #[serde(alias = "phase")]
    name: String,
    #[serde(default)]
    seconds: Option<f64>,
}

#[derive(Deserialize)]
struct MetricLine {
    name: String,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    better: Option<Better>,
    /// Anything else than a number of threads is unknown.
    #[serde(default)]
    threads: Value,
    #[serde(default)]
    values: Vec<Value>,
    #[serde(default)]
    value: Option<Value>,
}

#[derive(Deserialize)]
struct CheckLine {
    name: String,
    passed: bool,
    #[serde(default)]
    values: BTreeMap<String, Value>,
    #[serde(default)]
    tolerance: BTreeMap<String, Value>,
    #[serde(default)]
    message: Option<String>,
}

/// Whether a value has at most `levels` levels of objects and lists.
fn shallow(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| shallow(item, levels - 1)),
        Value::Object(items) => levels > 0 && items.values().all(|item| shallow(item, levels - 1)),
        _ => true,
    }
}

impl Transcript {
    /// Takes the next bytes of the file. Returns whether they end a line, which shows that the
    /// script is active.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        let mut has_line = false;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.open.len() + piece.len() > MAX_LINE_BYTES {
                self.is_too_long = true;
                self.open.clear();
            } else if !self.is_too_long {
                self.open.extend_from_slice(piece);
            }
            if piece.ends_with(b"\n") {
                has_line = true;
                self.end_line();
            }
        }
        has_line
    }

    /// Takes the end of the file. A last line without a line end counts.
    pub fn finish(&mut self) {
        if !self.open.is_empty() || self.is_too_long {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.open);
        let too_long = std::mem::take(&mut self.is_too_long);
        self.lines += 1;
        let taken = match line.trim_ascii() {
            _ if too_long => Err("the line is too long"),
            [] => Ok(()),
            line => self.line(line),
        };
        if let Err(reason) = taken {
            self.ignore(1, reason);
        }
    }

    /// Counts parts of the last line that are ignored.
    fn ignore(&mut self, count: usize, reason: Reason) {
        if count > 0 {
            self.ignored += count;
            self.first_ignored.get_or_insert((self.lines, reason));
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Reason> {
        let Ok(Value::Object(mut object)) = serde_json::from_slice(line) else {
            let words = String::from_utf8_lossy(line);
            let not_finite = ["NaN", "Infinity"].iter().any(|word| words.contains(word));
            return Err(if not_finite { NOT_JSON } else { "the line is not a JSON object" });
        };
        let Some(Value::String(kind)) = object.remove("event") else {
            return Err("the line has no event");
        };
        if !object.values().all(|value| shallow(value, MAX_DEPTH)) {
            return Err("the values are nested too deeply");
        }
        // `v` is the version of the format, `t` the seconds since the start of the script.
        object.remove("v");
        object.remove("t");
        if kind == "result" {
            for reason in Findings::limit(&mut object) {
                self.ignore(1, reason);
            }
            self.result = Some(object);
            return Ok(());
        }
        if self.kept + line.len() > MAX_KEPT_BYTES {
            return Err("the protocol is too long");
        }
        let body = Value::Object(object);
        match kind.as_str() {
            "started" => {}
            "environment" => {
                if let Value::Object(object) = body {
                    self.environment.extend(object);
                }
            }
            "phase" => self.phase(fields(body)?)?,
            "metric" => self.metric(fields(body)?)?,
            "check" => self.check(fields(body)?)?,
            _ => return Err("the event is unknown"),
        }
        self.kept += line.len();
        Ok(())
    }

    /// A script reports a phase when it begins and, with its duration, when it ends.
    fn phase(&mut self, line: PhaseLine) -> Result<(), Reason> {
        let seconds = line.seconds.filter(|seconds| seconds.is_finite());
        let open = |phase: &PhaseRecord| phase.name == line.name && phase.seconds.is_none();
        let began = self.phases.iter().rposition(open).filter(|_| seconds.is_some());
        if let Some(phase) = began.and_then(|position| self.phases.get_mut(position)) {
            phase.seconds = seconds;
        } else if self.phases.len() < MAX_RECORDS {
            self.phases.push(PhaseRecord { name: line.name, seconds });
        } else {
            return Err(TOO_MANY);
        }
        Ok(())
    }

    fn metric(&mut self, line: MetricLine) -> Result<(), Reason> {
        if self.metrics.len() >= MAX_METRICS {
            return Err(TOO_MANY);
        }
        let all = line.values.len() + usize::from(line.value.is_some());
        let values: Vec<f64> =
            line.values.iter().chain(&line.value).filter_map(finite).take(MAX_VALUES).collect();
        if all == 0 {
            return Err("the metric has no values");
        }
        let reason = if all > MAX_VALUES { TOO_MANY } else { NOT_FINITE };
        self.ignore(all - values.len(), reason);
        if values.is_empty() {
            return Ok(());
        }
        let better = line.better.unwrap_or(Better::Lower);
        let threads = line.threads.as_u64().and_then(|threads| threads.try_into().ok());
        let MetricLine { name, unit, .. } = line;
        self.metrics.push(Metric { name, unit, better, threads, values });
        Ok(())
    }

    fn check(&mut self, line: CheckLine) -> Result<(), Reason> {
        if self.checks.len() >= MAX_RECORDS {
            return Err(TOO_MANY);
        }
        self.checks.push(Check {
            name: line.name,
            passed: line.passed,
            values: numbers(line.values),
            tolerance: numbers(line.tolerance),
            message: line.message.unwrap_or_default(),
        });
        Ok(())
    }

    /// The `result` line, once the script has written it.
    #[must_use]
    pub fn result(&self) -> Option<&Map<String, Value>> {
        self.result.as_ref()
    }

    #[must_use]
    pub fn has_metrics(&self) -> bool {
        !self.metrics.is_empty()
    }

    /// The phase that has begun and not ended: the innermost one.
    #[must_use]
    pub fn open_phase(&self) -> Option<&str> {
        self.phases.iter().rev().find(|p| p.seconds.is_none()).map(|p| p.name.as_str())
    }

    /// A sentence about the ignored lines and values, when there are any.
    #[must_use]
    pub fn ignored(&self) -> Option<String> {
        let (line, reason) = self.first_ignored?;
        let entries = if self.ignored == 1 { "entry" } else { "entries" };
        let count = self.ignored;
        Some(format!("{count} protocol {entries} ignored, first in line {line}: {reason}"))
    }

    pub fn into_detail(self, detail: &mut AttemptDetail) {
        if let Some(text) = self.ignored() {
            detail.environment.insert("left_out".into(), text.into());
        }
        // Behind those of the worker, which prepared the attempt.
        detail.phases.extend(self.phases);
        detail.metrics = self.metrics;
        detail.checks = self.checks;
        detail.environment.extend(self.environment);
        detail.result = self.result.unwrap_or_default();
    }
}

fn fields<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, Reason> {
    serde_json::from_value(body).map_err(|_| "a field is missing or has the wrong type")
}

/// A finite number. Python scripts write NaN and Infinity as texts or null, which are not numbers.
fn finite(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| number.is_finite())
}

fn numbers(values: BTreeMap<String, Value>) -> BTreeMap<String, f64> {
    values.into_iter().filter_map(|(name, value)| Some((name, finite(&value)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SCRIPT: &str = r#"{"v":1,"t":0.1,"event":"started","script":"t.py"}
{"event":"environment","torch":"2.9.0"}
{"event":"phase","name":"load","status":"begin"}
{"event":"phase","name":"load","seconds":0.5}
{"event":"phase","name":"measure"}
{"event":"metric","name":"latency","unit":"ms","better":"lower","values":[1.5,2,"NaN"]}
{"event":"check","name":"cpu_reference","passed":true,"values":{"max_abs":1e-6},"tolerance":{"max_abs":1e-4}}
{"v":1,"t":2.5,"event":"result","outcome":"passed"}
"#;

    #[test]
    fn values_that_are_nested_too_deeply_are_ignored() {
        let mut transcript = Transcript::default();
        for depth in [MAX_DEPTH, MAX_DEPTH + 1, 126] {
            let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            let name = format!("deep{depth}");
            let line = format!("{{\"event\":\"environment\",\"{name}\":{nested}}}\n");
            transcript.feed(line.as_bytes());
            let line = format!("{{\"event\":\"result\",\"outcome\":\"passed\",\"x\":{nested}}}\n");
            transcript.feed(line.as_bytes());
        }
        transcript.finish();
        let expected =
            "4 protocol entries ignored, first in line 3: the values are nested too deeply";
        assert_eq!(transcript.ignored().as_deref(), Some(expected));
        let mut detail = AttemptDetail::default();
        transcript.into_detail(&mut detail);
        let text = serde_json::to_string(&detail).expect("JSON");
        let read: AttemptDetail = serde_json::from_str(&text).expect("the details can be parsed");
        assert_eq!(read.environment["left_out"], expected);
        assert_eq!(read.environment.len(), 2);
    }

    #[test]
    fn a_script_is_understood_however_its_bytes_arrive() {
        for size in [1, 7, 10_000] {
            let mut transcript = Transcript::default();
            for piece in SCRIPT.as_bytes().chunks(size) {
                transcript.feed(piece);
            }
            transcript.finish();
            assert_eq!(transcript.open_phase(), Some("measure"));
            let expected = "1 protocol entry ignored, first in line 6: a value is";
            assert!(transcript.ignored().is_some_and(|words| words.starts_with(expected)));
            let mut detail = AttemptDetail::default();
            transcript.into_detail(&mut detail);
            assert_eq!(detail.phases.len(), 2);
            assert_eq!(detail.phases[0].seconds, Some(0.5));
            assert_eq!(detail.metrics[0].values, [1.5, 2.0]);
            assert!(detail.checks[0].passed);
            assert_eq!(detail.environment["torch"], "2.9.0");
            assert_eq!(serde_json::json!(detail.result), serde_json::json!({"outcome": "passed"}));
        }
    }

    #[test]
    fn malformed_lines_are_counted_and_ignored() {
        let mut transcript = Transcript::default();
        transcript.feed(b"not json\n[1]\n{}\n{\"event\":\"poem\"}\n\n{\"event\":\"metric\"}\n");
        transcript.feed(&vec![b'x'; MAX_LINE_BYTES + 1]);
        transcript.feed(b"\n{\"event\":\"metric\",\"name\":\"m\",\"value\":NaN}\n");
        transcript.feed(b"{\"event\":\"result\",\"outcome\":\"failed\"}");
        transcript.finish();
        let expected = "7 protocol entries ignored, first in line 1: the line is not a JSON object";
        assert_eq!(transcript.ignored().as_deref(), Some(expected));
        assert!(transcript.result().is_some());
    }

    #[test]
    fn floods_are_bounded_and_the_result_still_counts() {
        let mut transcript = Transcript::default();
        let line = format!(
            "{{\"event\":\"metric\",\"name\":\"m\",\"values\":[{}1]}}\n",
            "1,".repeat(20_000)
        );
        for _ in 0..100 {
            transcript.feed(line.as_bytes());
        }
        transcript.feed(b"{\"event\":\"result\",\"outcome\":\"passed\"}\n");
        assert!(transcript.metrics.len() < 30);
        assert!(transcript.metrics.iter().all(|metric| metric.values.len() == MAX_VALUES));
        assert!(transcript.result().is_some());
    }

    #[test]
    fn each_reason_is_reported() {
        for (line, reason) in [
            (r#"{"event":"metric","name":"m","value":NaN}"#, NOT_JSON),
            (r#"{"event":"metric","name":"m","values":[1,null]}"#, NOT_FINITE),
            (r#"{"event":"metric","name":"m"}"#, "the metric has no values"),
            (r#"{"event":"check","name":"c"}"#, "a field is missing or has the wrong type"),
            (r#"{"name":"m"}"#, "the line has no event"),
            (r#"{"event":"poem"}"#, "the event is unknown"),
            (
                r#"{"event":"result","outcome":"passed","would_not_notice":"scale dropped"}"#,
                "would_not_notice is not a list of texts",
            ),
        ] {
            let mut transcript = Transcript::default();
            transcript.feed(format!("{line}\n").as_bytes());
            let expected = format!("1 protocol entry ignored, first in line 1: {reason}");
            assert_eq!(transcript.ignored(), Some(expected), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            let mut transcript = Transcript::default();
            transcript.feed(&bytes);
            transcript.finish();
        }
    }
}
