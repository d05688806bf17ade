//! The overhead of a small model test: forked from a Python with preloaded packages, and cold.

use crate::figures::{Figures, Target};
use crate::fleet::Fleet;
use dtf::api::v1::reports::ReportQuery;
use dtf::domain::id::RunId;
use dtf::domain::test::TestSpec;
use sha2::{Digest, Sha256};
use std::time::Instant;

const SCRIPT: &str = include_str!("tiny_bert.py");
const WARM: u32 = 100;
const COLD: u32 = 5;

/// The same requirements as the generated tests, so that the packages are cached.
fn spec(number: u32, isolation: &str, digest: &str) -> TestSpec {
    serde_json::from_value(serde_json::json!({
        "name": format!("tiny-bert-{number}"),
        "launch": {
            "run": { "script": "test.py" },
            "files": [{ "path": "test.py", "sha256": digest, "size_bytes": SCRIPT.len() }],
            "environment": { "packages": { "requirements": ["torch>=2.4", "transformers>=4.56"] } },
            "isolation": isolation,
            "timeout_ms": 1_200_000,
        },
    }))
    .expect("a test")
}

/// Seconds from submission to the last result of one test, and the seconds of work that the test
/// itself reports.
struct Cost {
    each: f64,
    own: f64,
}

fn cost(fleet: &Fleet, count: u32, isolation: &str, digest: &str) -> Cost {
    let start = Instant::now();
    let run = fleet.submit(count, |number| spec(number, isolation, digest));
    fleet.finish(run);
    Cost { each: start.elapsed().as_secs_f64() / f64::from(count), own: own(fleet, run) }
}

fn own(fleet: &Fleet, run: RunId) -> f64 {
    let query = ReportQuery { run: Some(run), ..ReportQuery::default() };
    let report = fleet.runtime.block_on(fleet.client.report_view(&query)).expect("a report");
    let times: Vec<f64> = report
        .rows
        .iter()
        .flat_map(|row| &row.metrics)
        .filter(|metric| *metric.name == *"own")
        .map(|metric| metric.p50)
        .collect();
    assert!(!times.is_empty(), "the tests did not report their own work");
    times.iter().sum::<f64>() / times.len() as f64
}

pub fn warm(figures: &mut Figures) {
    let mut fleet = Fleet::new();
    fleet.worker(1, &[]);
    let digest: String = Sha256::digest(SCRIPT).iter().map(|byte| format!("{byte:02x}")).collect();
    let stored = fleet.client.put_blob(&digest, SCRIPT.into());
    fleet.runtime.block_on(stored).expect("the script is stored");

    let first = cost(&fleet, 1, "warm", &digest);
    let warm = cost(&fleet, WARM, "warm", &digest);
    let cold = cost(&fleet, COLD, "cold", &digest);
    figures.row("a cold test against a warm one", cold.each / warm.each, "×", Target::None);
    let overhead = warm.each - warm.own;
    figures.row("warm, beside the test's own work", overhead, "s a test", Target::AtMost(0.15));
    figures.row("warm, own work", warm.own, "s a test", Target::None);
    figures.row("cold, beside the test's own work", cold.each - cold.own, "s a test", Target::None);
    figures.row("first test, environment built", first.each, "s", Target::None);
}
