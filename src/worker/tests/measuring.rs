//! The conditions under which tests measure: threads, and other tests at the same time.

use super::*;

const BOASTING_SCRIPT: &str = r#"
import json, os
with open(os.environ["DTF_RESULT"], "a") as out:
    for line in [
        {"event": "environment", "neighbours": 99, "device_shared": True},
        {"event": "metric", "name": "latency", "threads": 3, "values": [1.0]},
        {"event": "metric", "name": "other", "threads": "many", "values": [1.0]},
        {"event": "result", "outcome": "passed"},
    ]:
        out.write(json.dumps(line) + "\n")
"#;

impl Bench {
    /// A test that ends when two such tests run at the same time.
    fn meeting(&self, epoch: u64, own: &str, other: &str) -> LeaseId {
        let place = self.directory.path().display();
        let program =
            format!("touch '{place}/{own}'; until [ -e '{place}/{other}' ]; do sleep 0.01; done");
        self.fake.command(epoch, &["sh", "-c", &program])
    }
}

#[tokio::test]
async fn tests_at_the_same_time_are_neighbours() {
    let bench = Bench::new();
    let (first, second) = (bench.meeting(1, "a", "b"), bench.meeting(2, "b", "a"));
    let mut at_end = Vec::new();
    for lease in [first, second] {
        let (report, detail) = bench.fake.report(lease).await;
        assert_eq!(
            (report.outcome, &detail.environment["neighbours"]),
            (Outcome::Passed, &1.into())
        );
        at_end.push(detail.environment["neighbours_at_end"].as_u64().expect("a number"));
    }
    // The first one that ended left the other one behind.
    assert_eq!(at_end.iter().sum::<u64>(), 1, "{at_end:?}");
    let (_, detail) = bench.fake.report(bench.fake.command(3, &["true"])).await;
    let alone = ["neighbours", "neighbours_at_end"].map(|name| detail.environment[name].as_u64());
    assert_eq!(alone, [Some(0), Some(0)]);
    assert_eq!(detail.environment.get("quiet_machine"), None);
    bench.finish().await;
}

#[tokio::test]
async fn a_script_cannot_state_its_neighbours_but_the_threads_of_a_metric() {
    let bench = Bench::new();
    let (report, detail) = bench.fake.report(bench.fake.script(1, BOASTING_SCRIPT, "cold")).await;
    assert_eq!(report.outcome, Outcome::Passed, "{detail:?}");
    assert_eq!(detail.environment["neighbours"], 0);
    assert_eq!(detail.environment.get("device_shared"), None);
    let threads: Vec<_> = detail.metrics.iter().map(|metric| metric.threads).collect();
    assert_eq!(threads, [Some(3), None]);
    bench.finish().await;
}

#[tokio::test]
async fn on_a_quiet_machine_a_test_gets_all_cores() {
    let bench = Bench::with(|settings| {
        settings.quiet_machine = true;
        let machine = Capability { slots: 1, cpu_milli: 8500, ..capability() };
        settings.offer = Offer::new(machine, true);
    });
    let (_, detail) = bench.fake.report(bench.fake.command(1, &["env"])).await;
    assert!(detail.output.lines().any(|line| line == "OMP_NUM_THREADS=8"), "{}", detail.output);
    let facts = ["threads", "quiet_machine"].map(|name| detail.environment[name].clone());
    assert_eq!(facts, [serde_json::json!(8), serde_json::json!(true)]);
    bench.finish().await;
}

#[tokio::test]
async fn a_worker_that_is_never_idle_takes_no_test_until_it_is_calibrated() {
    let bench = Bench::with(|settings| settings.calibration_patience = Millis(0));
    let go = bench.directory.path().join("go");
    let waits = format!("until [ -e '{}' ]; do sleep 0.01; done", go.display());
    let first = bench.fake.command(1, &["sh", "-c", &waits]);
    bench.fake.until(|state| state.is_held).await;
    let second = bench.fake.command(2, &["true"]);
    let beats = bench.fake.with(|state| state.heartbeats.len());
    bench.fake.until(|state| state.heartbeats.len() >= beats + 3).await;
    assert!(bench.fake.with(|state| state.reports.is_empty() && state.calibrations == 0));
    std::fs::write(go, "").expect("written");
    bench.fake.report(first).await;
    bench.fake.until(|state| state.calibrations == 1).await;
    assert_eq!(bench.fake.report(second).await.0.outcome, Outcome::Passed);
    assert!(!bench.fake.with(|state| state.is_held));
    bench.finish().await;
}

/// A probe on a quiet machine runs alone, so a test waits for it.
#[tokio::test]
async fn a_stop_ends_the_wait_for_a_probe() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::with(|settings| {
        let python = settings.work_dir.join("python");
        let started = settings.work_dir.join("started").display().to_string();
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in *'\"backends\"'*) : >'{started}'; while :; do sleep 1; done ;; esac\n\
             exec python3 \"$@\"\n"
        );
        std::fs::write(&python, script).expect("written");
        std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).expect("set");
        settings.python = Some(python);
        (settings.system_packages, settings.quiet_machine) = (true, true);
    });
    let started = bench.directory.path().join("started");
    let has_started = async {
        while !started.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, has_started).await.expect("the probe runs");
    let lease = bench.fake.command(1, &["true"]);
    // The worker has the test before it is stopped.
    bench.fake.until(|state| state.heartbeats_since(1) >= 2).await;
    bench.fake.with(|state| state.stop.push(lease));
    let (report, detail) = bench.fake.report(lease).await;
    assert_eq!(report.outcome, Outcome::Cancelled, "{detail:?}");
    bench.finish().await;
}
