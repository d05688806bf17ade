//! The time that a worker may hold a lease, from the moment at which the lease may run.
//!
//! The sum of the test's timeout and grace, an allowance for what the worker does around the
//! program, and [`MARGIN`]. Each allowance covers the worker's own limits, which a test of the worker
//! checks.

use crate::domain::launch::{default_grace, default_timeout};
use crate::domain::lease_limit::transfer::{MAX_BLOB_BYTES, transfer_time};
use crate::domain::time::Millis;
use serde::Deserialize;
use serde::de::IgnoredAny;

pub mod transfer;

/// For the delivery of the lease, the start and the kill of the program, the result, and a report
/// that is repeated after a failed request.
pub const MARGIN: Millis = Millis::from_secs(60);
/// For a Python environment: installing uv, creating the environment and installing its packages
/// twice take at most 3 h 11 min, and another process may build the same environment first.
pub const ENVIRONMENT_ALLOWANCE: Millis = Millis::from_secs(4 * 3600);
/// For reading the versions of an interpreter, and for a warm runner that imports its packages.
pub const INTERPRETER_ALLOWANCE: Millis = Millis::from_secs(8 * 60);

/// For weights of unknown size.
pub const WEIGHTS_ALLOWANCE: Millis = Millis::from_secs(24 * 3600);

/// The fields of a launch that decide how long it may take. Reading them is usually faster than
/// reading a [`crate::domain::launch::Launch`], because nothing is copied.
#[derive(Deserialize)]
struct Timing {
    #[serde(default)]
    run: Program,
    #[serde(default = "default_timeout")]
    timeout_ms: Millis,
    #[serde(default = "default_grace")]
    grace_ms: Millis,
    #[serde(default)]
    files: Vec<Size>,
    #[serde(default)]
    inputs: Vec<IgnoredAny>,
    #[serde(default)]
    artifacts: Vec<IgnoredAny>,
    /// Absent for the system environment.
    environment: Option<IgnoredAny>,
    weights: Option<Weights>,
}

/// Weights that the worker provides.
#[derive(Deserialize)]
struct Weights {
    #[serde(default)]
    source: String,
    /// Absent if the size is unknown.
    size_bytes: Option<u64>,
}

#[derive(Default, Deserialize)]
struct Program {
    script: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Size {
    #[serde(default)]
    size_bytes: u64,
}

/// The limit of a lease, from the JSON text of its launch; `None` if the text is not a launch.
#[must_use]
pub fn lease_limit(launch: &str) -> Option<Millis> {
    let timing: Timing = serde_json::from_str(launch).ok()?;
    let transfers = timing.inputs.len() + timing.artifacts.len();
    let unknown = MAX_BLOB_BYTES.saturating_mul(u64::try_from(transfers).unwrap_or(u64::MAX));
    let known = timing.files.iter().map(|file| file.size_bytes).fold(0, u64::saturating_add);
    let environment = timing.environment.map(|_| ENVIRONMENT_ALLOWANCE);
    let interpreter = timing.run.script.map(|_| INTERPRETER_ALLOWANCE);
    // Weights that are drawn take no time before the start.
    let weights = timing.weights.filter(|weights| weights.source != "random");
    let weights = weights.map(|weights| match weights.size_bytes {
        Some(size) => transfer_time(size).into(),
        None => WEIGHTS_ALLOWANCE,
    });
    let spans = [
        Some(timing.timeout_ms),
        Some(timing.grace_ms),
        Some(transfer_time(known.saturating_add(unknown)).into()),
        environment,
        interpreter,
        weights,
        Some(MARGIN),
    ];
    Some(Millis(spans.into_iter().flatten().map(|span| span.0).fold(0, u64::saturating_add)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_has_an_allowance_for_each_thing_that_takes_time() {
        let seconds = |launch: &str| lease_limit(launch).map(|limit| limit.0 / 1000);
        let command = |rest: &str| {
            seconds(&format!(r#"{{"run":{{"command":["true"]}},"timeout_ms":1000{rest}}}"#))
        };
        assert_eq!(command(r#","grace_ms":0"#), Some(61));
        assert_eq!(command(""), Some(71));
        assert_eq!(command(r#","grace_ms":0,"labels":{"x":"y"}"#), Some(61));
        let files = r#","files":[{"path":"a","sha256":"0","size_bytes":1048576},{"path":"b","sha256":"0","size_bytes":10}]"#;
        assert_eq!(command(files), Some(71 + 4));
        let input = r#","inputs":[{"test":0,"artifact":"a","path":"b"}],"artifacts":["c"]"#;
        assert_eq!(command(input), Some(71 + 2 * 1024));
        let packages = r#","environment":{"packages":{"requirements":["torch"]}}"#;
        assert_eq!(command(packages), Some(71 + 4 * 3600));
        let weights = r#","grace_ms":0,"weights":{"source":"folder","size_bytes":2097152}"#;
        assert_eq!(command(weights), Some(61 + 8));
        let unknown = r#","grace_ms":0,"weights":{"source":"url"}"#;
        assert_eq!(command(unknown), Some(61 + 24 * 3600));
        assert_eq!(command(r#","grace_ms":0,"weights":{"source":"random"}"#), Some(61));
        assert_eq!(seconds(r#"{"run":{"script":"a.py"}}"#), Some(600 + 10 + 60 + 480));
        assert_eq!(seconds(r#"{"run":{"command":["true"]}}"#), Some(670));
    }

    #[test]
    fn a_text_that_is_not_a_launch_has_no_limit_and_large_numbers_do_not_overflow() {
        assert_eq!(lease_limit("[1]"), None);
        assert_eq!(lease_limit(r#"{"timeout_ms":"x"}"#), None);
        let endless = format!(r#"{{"timeout_ms":{0},"grace_ms":{0}}}"#, u64::MAX);
        assert_eq!(lease_limit(&endless), Some(Millis(u64::MAX)));
    }
}
