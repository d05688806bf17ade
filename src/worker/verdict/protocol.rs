//! The test protocol: JSON lines that a script writes to the file in `DTF_RESULT`
//! (`docs/protocol.md`), read while it runs.
//!
//! Limits: [`MAX_LINE_BYTES`] a line, [`MAX_KEPT_BYTES`] kept in all (the `result` line is
//! kept beyond it), values [`MAX_DEPTH`] deep, [`MAX_METRICS`] metrics with [`MAX_VALUES`]
//! values each, finite only. What does not fit is counted and left out, and the first such
//! line is told with its reason; nothing here fails.

use crate::api::v1::test_views::{AttemptDetail, Better, Check, Metric, PhaseRecord};
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
    lines: usize,
    left_out: usize,
    /// Number of the first line of which something was left out, and why.
    first_left_out: Option<(usize, &'static str)>,
}

/// Why a line does not count.
type Reason = &'static str;

const TOO_MANY: Reason = "there are too many of them";
const NOT_FINITE: Reason = "a value is no finite number";
const NOT_JSON: Reason = "NaN and infinities are no JSON, write null";

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
        self.lines += 1;
        let taken = match line.trim_ascii() {
            _ if too_long => Err("it is too long"),
            [] => Ok(()),
            line => self.line(line),
        };
        if let Err(reason) = taken {
            self.leave_out(1, reason);
        }
    }

    /// Of the line that was read last.
    fn leave_out(&mut self, count: usize, reason: Reason) {
        if count > 0 {
            self.left_out += count;
            self.first_left_out.get_or_insert((self.lines, reason));
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Reason> {
        let Ok(Value::Object(mut object)) = serde_json::from_slice(line) else {
            let words = String::from_utf8_lossy(line);
            let not_finite = ["NaN", "Infinity"].iter().any(|word| words.contains(word));
            return Err(if not_finite { NOT_JSON } else { "it is no JSON object" });
        };
        let Some(Value::String(kind)) = object.remove("event") else {
            return Err("it has no event");
        };
        if !object.values().all(|value| shallow(value, MAX_DEPTH)) {
            return Err("its values are nested too deeply");
        }
        // Version of the line's format, and seconds since the start of the script.
        object.remove("v");
        object.remove("t");
        if kind == "result" {
            self.result = Some(object);
            return Ok(());
        }
        if self.kept + line.len() > MAX_KEPT_BYTES {
            return Err("all lines together are too long");
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
            _ => return Err("its event is unknown"),
        }
        self.kept += line.len();
        Ok(())
    }

    /// A phase is told at its begin and, with its length, at its end.
    fn phase(&mut self, line: PhaseLine) -> Result<(), Reason> {
        let seconds = line.seconds.filter(|seconds| seconds.is_finite());
        let open = |phase: &PhaseRecord| phase.name == line.name && phase.seconds.is_none();
        let begun = self.phases.iter().rposition(open).filter(|_| seconds.is_some());
        if let Some(phase) = begun.and_then(|position| self.phases.get_mut(position)) {
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
            return Err("it has no values");
        }
        let reason = if all > MAX_VALUES { TOO_MANY } else { NOT_FINITE };
        self.leave_out(all - values.len(), reason);
        // Without one finite value it says nothing.
        if values.is_empty() {
            return Ok(());
        }
        let better = line.better.unwrap_or(Better::Lower);
        self.metrics.push(Metric { name: line.name, unit: line.unit, better, values });
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

    /// In words, when lines or values were malformed, unknown or too many.
    #[must_use]
    pub fn left_out(&self) -> Option<String> {
        let (line, reason) = self.first_left_out?;
        let count = self.left_out;
        Some(format!("{count} left out of what it wrote, first in line {line}: {reason}"))
    }

    pub fn into_detail(self, detail: &mut AttemptDetail) {
        if let Some(words) = self.left_out() {
            detail.environment.insert("left_out".into(), words.into());
        }
        detail.phases = self.phases;
        detail.metrics = self.metrics;
        detail.checks = self.checks;
        detail.environment.extend(self.environment);
        detail.result = self.result.unwrap_or_default();
    }
}

fn fields<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, Reason> {
    serde_json::from_value(body).map_err(|_| "a field is missing or of another kind")
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
        let told = "4 left out of what it wrote, first in line 3: its values are nested too deeply";
        assert_eq!(transcript.left_out().as_deref(), Some(told));
        let mut detail = AttemptDetail::default();
        transcript.into_detail(&mut detail);
        let text = serde_json::to_string(&detail).expect("JSON");
        let read: AttemptDetail = serde_json::from_str(&text).expect("what is sent can be read");
        assert_eq!(read.environment["left_out"], told);
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
            let told = "1 left out of what it wrote, first in line 6: a value is";
            assert!(transcript.left_out().is_some_and(|words| words.starts_with(told)));
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
        let told = "7 left out of what it wrote, first in line 1: it is no JSON object";
        assert_eq!(transcript.left_out().as_deref(), Some(told));
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
    fn each_reason_is_told() {
        for (line, reason) in [
            (r#"{"event":"metric","name":"m","value":NaN}"#, NOT_JSON),
            (r#"{"event":"metric","name":"m","values":[1,null]}"#, NOT_FINITE),
            (r#"{"event":"metric","name":"m"}"#, "it has no values"),
            (r#"{"event":"check","name":"c"}"#, "a field is missing or of another kind"),
            (r#"{"name":"m"}"#, "it has no event"),
            (r#"{"event":"poem"}"#, "its event is unknown"),
        ] {
            let mut transcript = Transcript::default();
            transcript.feed(format!("{line}\n").as_bytes());
            let told = format!("1 left out of what it wrote, first in line 1: {reason}");
            assert_eq!(transcript.left_out(), Some(told), "{line}");
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
