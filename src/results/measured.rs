//! The conditions under which an attempt measured, in one sentence.

use crate::api::v1::test_views::{AttemptDetail, Metric};
use crate::results::render::figures::{counted, percent};
use crate::results::render::words::plain;
use crate::store::{MAX_SPREAD, Summary};
use serde_json::Value;

/// Maximum number of characters of the name of a metric.
const MAX_NAME: usize = 120;

/// Describes the measurements of an attempt, e.g. `measured with 1 CPU thread, beside up to 3 other
/// tests (1 at the end), after 7 runs of warm-up, whose times had settled; noisy: latency_seconds
/// (spread 31 %)`. Unknown conditions are left out. `None` if nothing was measured.
pub(super) fn measured(detail: &AttemptDetail) -> Option<String> {
    if detail.metrics.is_empty() {
        return None;
    }
    let number = |name: &str| detail.environment.get(name).and_then(Value::as_u64);
    let flag = |name: &str| detail.environment.get(name).and_then(Value::as_bool);
    let threads =
        number("threads").map(|threads| format!("with {}", counted(threads, "CPU thread")));
    let neighbours = number("neighbours").map(|most| match (most, number("neighbours_at_end")) {
        (0, _) => "without another test of the worker at the same time".to_owned(),
        (most, at_end) => {
            let at_end = at_end.map(|count| format!(" ({count} at the end)")).unwrap_or_default();
            format!("beside up to {}{at_end}", counted(most, "other test"))
        }
    });
    let shared = (flag("device_shared") == Some(true)).then(|| "on a shared device".to_owned());
    let warm_up = number("warm_up_runs").map(|runs| {
        let settled = match flag("warm_up_settled") {
            Some(true) => "whose times had settled",
            Some(false) => "whose times had not settled",
            None => "too few to know whether their times had settled",
        };
        format!("after {} of warm-up, {settled}", counted(runs, "run"))
    });
    let machine = detail.environment.get("machine_noise").and_then(Value::as_f64);
    let machine = machine
        .filter(|noise| *noise > MAX_SPREAD)
        .map(|noise| format!("on a machine whose speed varies by {}", percent(noise)));
    let conditions: Vec<String> =
        [threads, neighbours, shared, machine, warm_up].into_iter().flatten().collect();
    let noisy: Vec<String> = detail.metrics.iter().filter_map(noise).collect();
    let mut parts = Vec::new();
    if !conditions.is_empty() {
        parts.push(format!("measured {}", conditions.join(", ")));
    }
    if !noisy.is_empty() {
        parts.push(format!("noisy: {}", noisy.join(", ")));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn noise(metric: &Metric) -> Option<String> {
    let values: Vec<Option<f64>> = metric.values.iter().copied().map(Some).collect();
    let spread = Summary::of(&values).spread.filter(|spread| *spread > MAX_SPREAD)?;
    Some(format!("{} (spread {})", plain(&metric.name, MAX_NAME), percent(spread)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(environment: &Value, values: &[f64]) -> Option<String> {
        let metric = json!({ "name": "latency_seconds", "unit": "seconds", "better": "lower",
                             "values": values });
        let detail = json!({ "environment": environment, "metrics": [metric] });
        measured(&serde_json::from_value(detail).expect("a detail"))
    }

    #[test]
    fn known_conditions_are_described() {
        let conditions = json!({ "threads": 1, "neighbours": 3, "neighbours_at_end": 1,
                                 "device_shared": true, "warm_up_runs": 7, "warm_up_settled": true });
        let expected = "measured with 1 CPU thread, beside up to 3 other tests (1 at the end), on a \
                        shared device, after 7 runs of warm-up, whose times had settled; noisy: \
                        latency_seconds (spread 100 %)";
        assert_eq!(of(&conditions, &[1.0, 1.0, 2.0, 2.0]).as_deref(), Some(expected));
        let quiet = json!({ "threads": 16, "neighbours": 0, "device_shared": false,
                            "warm_up_runs": 2, "warm_up_settled": null });
        let expected = "measured with 16 CPU threads, without another test of the worker at the same time, after 2 \
                        runs of warm-up, too few to know whether their times had settled";
        assert_eq!(of(&quiet, &[1.0, 1.0, 1.0, 1.0]).as_deref(), Some(expected));
    }

    #[test]
    fn a_noisy_machine_is_named() {
        let of = |noise: f64| of(&json!({ "threads": 2, "machine_noise": noise }), &[1.0; 4]);
        assert_eq!(of(0.1).as_deref(), Some("measured with 2 CPU threads"));
        let noisy = "measured with 2 CPU threads, on a machine whose speed varies by 25 %";
        assert_eq!(of(0.25).as_deref(), Some(noisy));
    }

    #[test]
    fn unknown_conditions_are_left_out() {
        assert_eq!(of(&json!({ "neighbours": "many" }), &[1.0]), None);
        assert_eq!(measured(&AttemptDetail::default()), None);
        let noisy = of(&json!({}), &[1.0, 1.0, 2.0, 2.0]);
        assert_eq!(noisy.as_deref(), Some("noisy: latency_seconds (spread 100 %)"));
    }
}
