//! A coordinator that is away, or has forgotten the worker.

use super::*;

#[tokio::test]
async fn results_survive_an_outage_and_a_new_process() {
    let mut bench = Bench::new();
    let flag = bench.directory.path().join("started");
    let go = bench.directory.path().join("go");
    let (started, wait) = (flag.display(), go.display());
    let program = format!("touch {started}; while ! test -e {wait}; do sleep 0.01; done; echo ran");
    let lease = bench.fake.command(1, &["sh", "-c", &program]);
    let waiting = async {
        while !flag.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("the test starts");
    bench.fake.with(|state| state.away = true);
    std::fs::write(&go, "").expect("written");
    let spool = bench.directory.path().join("spool/results.jsonl");
    let waiting = async {
        while std::fs::metadata(&spool).map_or(0, |data| data.len()) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("the result is spooled");
    // As after `kill -9`.
    bench.work.shutdown().await;
    bench.fake.with(|state| state.away = false);
    let again = Bench::start(bench.fake, bench.directory, |_| {});
    let (report, detail) = again.fake.report(lease).await;
    assert_eq!((report.outcome, detail.output.as_str()), (Outcome::Passed, "ran\n"));
    let holding = again.fake.with(|state| state.registrations[1].holding.clone());
    assert_eq!(holding, [lease]);
    let fake = again.fake.clone();
    assert_eq!(again.finish().await.unsent, 0);
    assert_eq!(fake.with(|state| state.reports.len()), 1, "reported once");
}

#[tokio::test]
async fn a_forgotten_worker_registers_again_and_keeps_its_attempts() {
    let bench = Bench::new();
    let lease = bench.fake.command(1, &["sh", "-c", "touch left; exec sleep 1000"]);
    bench.fake.until(|state| state.registrations.len() == 1).await;
    let attempts = bench.directory.path().join("attempts");
    let waiting = async {
        while !attempts.join("1/left").exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("the attempt starts");
    bench.fake.with(|state| state.forget_worker = true);
    bench.fake.until(|state| state.registrations.len() == 2).await;
    assert_eq!(bench.fake.with(|state| state.registrations[1].holding.clone()), [lease]);
    bench.fake.with(|state| state.stale.push(lease));
    let waiting = async {
        while attempts.join("1").exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("the stale attempt is stopped");
    let fake = bench.fake.clone();
    bench.finish().await;
    assert!(fake.with(|state| state.reports.is_empty()), "a stale result is dropped");
}
