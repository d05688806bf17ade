//! The test protocol: JSON lines that a script writes to the file in `DTF_RESULT`
//! (`docs/protocol.md`), read while it runs.
//!
//! Limits: [`MAX_LINE_BYTES`] a line, [`MAX_KEPT_BYTES`] kept in all (the `result` line is
//! kept beyond it), values [`MAX_DEPTH`] deep, [`MAX_METRICS`] metrics with [`MAX_VALUES`]
//! values each, finite only. What does not fit is counted and left out; nothing here fails.

use crate::api::v1::tests::{AttemptDetail, Better, Check, Metric, PhaseRecord};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub const MAX_LINE_BYTES: usize = 256 * 1024;
pub const MAX_KEPT_BYTES: usize = 1024 * 1024;
pub const MAX_METRICS: usize = 1000;
pub const MAX_VALUES: usize = 10_000;
/// Objects and lists in each other. Whoever reads the details adds some levels, and parsers
/// stop at 128.
pub const MAX_DEPTH: usize = 32;
/// Most phases and checks.
pub const MAX_RECORDS: usize = 1000;

/// What a script has told so far.
#[derive(Debug, Default)]
pub struct Transcript {
    /// The beginning of a line whose end has not come.
    open: Vec<u8>,
    /// The open line is longer than allowed.
    too_long: bool,
    kept: usize,
    phases: Vec<PhaseRecord>,
    metrics: Vec<Metric>,
    checks: Vec<Check>,
    environment: Map<String, Value>,
    result: Option<Map<String, Value>>,
    left_out: usize,
}

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

/// Whether a value is at most `levels` deep.
fn shallow(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| shallow(item, levels - 1)),
        Value::Object(items) => levels > 0 && items.values().all(|item| shallow(item, levels - 1)),
        _ => true,
    }
}

impl Transcript {
    /// Takes the next bytes of the file. True when a whole line came: a sign of life.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        let mut whole = false;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.open.len() + piece.len() > MAX_LINE_BYTES {
                self.too_long = true;
                self.open.clear();
            } else if !self.too_long {
                self.open.extend_from_slice(piece);
            }
            if piece.ends_with(b"\n") {
                whole = true;
                self.end_line();
            }
        }
        whole
    }

    /// No more bytes come; a last line without a line end still counts.
    pub fn finish(&mut self) {
        if !self.open.is_empty() || self.too_long {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.open);
        let too_long = std::mem::take(&mut self.too_long);
        let blank = line.trim_ascii().is_empty();
        if too_long || (!blank && self.line(&line).is_none()) {
            self.left_out += 1;
        }
    }

    /// None when it was left out.
    fn line(&mut self, line: &[u8]) -> Option<()> {
        let Ok(Value::Object(mut object)) = serde_json::from_slice(line) else { return None };
        let Some(Value::String(kind)) = object.remove("event") else { return None };
        if !object.values().all(|value| shallow(value, MAX_DEPTH)) {
            return None;
        }
        // Version of the line's format, and seconds since the start of the script.
        object.remove("v");
        object.remove("t");
        if kind == "result" {
            self.result = Some(object);
            return Some(());
        }
        if self.kept + line.len() > MAX_KEPT_BYTES {
            return None;
        }
        let body = Value::Object(object);
        match kind.as_str() {
            "started" => {}
            "environment" => {
                if let Value::Object(object) = body {
                    self.environment.extend(object);
                }
            }
            "phase" => self.phase(serde_json::from_value(body).ok()?)?,
            "metric" => self.metric(serde_json::from_value(body).ok()?)?,
            "check" => self.check(serde_json::from_value(body).ok()?)?,
            _ => return None,
        }
        self.kept += line.len();
        Some(())
    }

    /// A phase is told at its begin and, with its length, at its end.
    fn phase(&mut self, line: PhaseLine) -> Option<()> {
        let seconds = line.seconds.filter(|seconds| seconds.is_finite());
        let open = |phase: &PhaseRecord| phase.name == line.name && phase.seconds.is_none();
        let begun = self.phases.iter().rposition(open).filter(|_| seconds.is_some());
        if let Some(phase) = begun.and_then(|position| self.phases.get_mut(position)) {
            phase.seconds = seconds;
        } else if self.phases.len() < MAX_RECORDS {
            self.phases.push(PhaseRecord { name: line.name, seconds });
        } else {
            return None;
        }
        Some(())
    }

    fn metric(&mut self, line: MetricLine) -> Option<()> {
        if self.metrics.len() >= MAX_METRICS {
            return None;
        }
        let all = line.values.len() + usize::from(line.value.is_some());
        let values: Vec<f64> =
            line.values.iter().chain(&line.value).filter_map(finite).take(MAX_VALUES).collect();
        self.left_out += all - values.len();
        // Without one finite value it says nothing.
        if values.is_empty() {
            return (all > 0).then_some(());
        }
        let better = line.better.unwrap_or(Better::Lower);
        self.metrics.push(Metric { name: line.name, unit: line.unit, better, values });
        Some(())
    }

    fn check(&mut self, line: CheckLine) -> Option<()> {
        if self.checks.len() >= MAX_RECORDS {
            return None;
        }
        self.checks.push(Check {
            name: line.name,
            passed: line.passed,
            values: numbers(line.values),
            tolerance: numbers(line.tolerance),
            message: line.message.unwrap_or_default(),
        });
        Some(())
    }

    /// The script's verdict, once it has come.
    #[must_use]
    pub fn result(&self) -> Option<&Map<String, Value>> {
        self.result.as_ref()
    }

    #[must_use]
    pub fn has_metrics(&self) -> bool {
        !self.metrics.is_empty()
    }

    /// The phase that has begun and not ended.
    #[must_use]
    pub fn open_phase(&self) -> Option<&str> {
        self.phases.iter().rev().find(|p| p.seconds.is_none()).map(|p| p.name.as_str())
    }

    /// Lines and values that were malformed, unknown or too many.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    pub fn into_detail(self, detail: &mut AttemptDetail) {
        detail.phases = self.phases;
        detail.metrics = self.metrics;
        detail.checks = self.checks;
        detail.environment.extend(self.environment);
        detail.result = self.result.unwrap_or_default();
    }
}

/// Python writes `NaN` and `Infinity`, which are no JSON; as texts or null they are skipped here.
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
    fn what_a_reader_could_not_parse_any_more_is_left_out() {
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
        assert_eq!(transcript.left_out(), 4);
        let mut detail = AttemptDetail::default();
        transcript.into_detail(&mut detail);
        let text = serde_json::to_string(&detail).expect("JSON");
        let read: AttemptDetail = serde_json::from_str(&text).expect("what is sent can be read");
        assert_eq!(read.environment.len(), 1);
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
            assert_eq!(transcript.left_out(), 1, "the NaN");
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
    fn rubbish_is_counted_and_left_out() {
        let mut transcript = Transcript::default();
        transcript.feed(b"not json\n[1]\n{}\n{\"event\":\"poem\"}\n\n{\"event\":\"metric\"}\n");
        transcript.feed(&vec![b'x'; MAX_LINE_BYTES + 1]);
        transcript.feed(b"\n{\"event\":\"metric\",\"name\":\"m\",\"value\":NaN}\n");
        transcript.feed(b"{\"event\":\"result\",\"outcome\":\"failed\"}");
        transcript.finish();
        assert_eq!(transcript.left_out(), 7);
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

    proptest! {
        #[test]
        fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            let mut transcript = Transcript::default();
            transcript.feed(&bytes);
            transcript.finish();
        }
    }
}
