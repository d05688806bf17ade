//! Identity of a worker, processes that attempts leave behind, and directories that disappear.

use super::*;
use std::path::PathBuf;

/// Processes with this argument in their command line.
#[cfg(target_os = "linux")]
fn alive(word: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/proc").expect("listed").flatten().map(|entry| entry.path());
    let named = |path: &PathBuf| {
        let command = std::fs::read(path.join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        // The command lines of the shells that start them contain it as a part of an argument.
        command.split('\0').any(|argument| argument == word)
    };
    entries.filter(named).collect()
}

/// Waits until the condition holds.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.unwrap_or_else(|_| panic!("{what}"));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn daemons_without_environment_session_and_parent_end_with_their_test() {
    let bench = Bench::new();
    // A number of seconds that no other process sleeps.
    let seconds = |n: u32| format!("{}.{n}", std::process::id() % 10_000 + 3_000);
    let go = bench.directory.path().join("go");
    let other = format!(
        "env -i setsid sleep {} >/dev/null 2>&1 & while [ ! -e {} ]; do sleep 0.05; done",
        seconds(3),
        go.display()
    );
    let other = bench.fake.command(1, &["sh", "-c", &other]);
    eventually("the other daemon starts", || !alive(&seconds(3)).is_empty()).await;
    let scripts = [
        format!("env -i setsid sleep {} >/dev/null 2>&1 </dev/null & sleep 0.1", seconds(0)),
        format!(
            "(env -i setsid sh -c 'cd /; sleep {} >/dev/null 2>&1 </dev/null &' &); sleep 0.1",
            seconds(1)
        ),
        format!("setsid setsid sleep {} >/dev/null 2>&1 & sleep 0.1", seconds(2)),
    ];
    for (epoch, script) in (2..).zip(&scripts) {
        let lease = bench.fake.command(epoch, &["sh", "-c", script]);
        let (report, _) = bench.fake.report(lease).await;
        assert_eq!(report.outcome, Outcome::Passed);
    }
    for n in 0..3 {
        eventually("the daemon ends", || alive(&seconds(n)).is_empty()).await;
    }
    assert!(!alive(&seconds(3)).is_empty(), "a test that runs keeps its daemon");
    std::fs::write(go, "").expect("written");
    bench.fake.report(other).await;
    eventually("the other daemon ends", || alive(&seconds(3)).is_empty()).await;
    bench.finish().await;
}

#[tokio::test]
async fn attempts_continue_when_a_test_removes_their_directory() {
    let bench = Bench::new();
    let attempts = bench.directory.path().join("attempts");
    let remove = format!("rm -rf {}", attempts.display());
    let lease = bench.fake.command(1, &["sh", "-c", &remove]);
    bench.fake.report(lease).await;
    let next = bench.fake.command(2, &["sh", "-c", "echo x > file; cat file"]);
    let (report, detail) = bench.fake.report(next).await;
    assert_eq!((report.outcome, &*detail.output), (Outcome::Passed, "x\n"));
    bench.finish().await;
}

#[tokio::test]
async fn a_worker_without_a_directory_for_attempts_starts_no_tests() {
    let bench = Bench::new();
    let attempts = bench.directory.path().join("attempts");
    let block = format!("rm -rf {0}; echo x > {0}", attempts.display());
    let lease = bench.fake.command(1, &["sh", "-c", &block]);
    bench.fake.report(lease).await;
    let lease = bench.fake.command(2, &["true"]);
    let (report, _) = bench.fake.report(lease).await;
    assert_eq!(report.class, Some(Class::SetUp), "the worker detects it by this failure");
    let waits = bench.fake.command(3, &["true"]);
    bench.fake.until(|state| state.heartbeats_since(3) >= 3).await;
    assert!(!bench.fake.with(|state| state.reports.iter().any(|report| report.lease == waits)));
    std::fs::remove_file(attempts).expect("removed");
    assert_eq!(bench.fake.report(waits).await.0.outcome, Outcome::Passed);
    bench.finish().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_worker_that_is_displaced_repeatedly_stops_and_ends_its_tests() {
    let mut bench = Bench::new();
    let seconds = format!("{}.9", std::process::id() % 10_000 + 3_000);
    bench.fake.command(1, &["sleep", &seconds]);
    eventually("the start", || !alive(&seconds).is_empty()).await;
    bench.fake.with(|state| state.displaced = true);
    let ended = tokio::time::timeout(LIMIT, bench.work.join_next()).await.expect("in time");
    let error = ended.expect("a worker").expect("no panic").expect_err("it stops");
    assert!(matches!(&error, WorkerError::IdentityTaken(why) if why == "displaced"), "{error}");
    assert_eq!(bench.fake.with(|state| state.registrations.len()), 3);
    eventually("the end of its test", || alive(&seconds).is_empty()).await;
}

#[tokio::test]
async fn a_report_that_is_answered_after_a_new_registration_is_not_sent_again() {
    let bench = Bench::new();
    bench.fake.with(|state| state.answer_after = 2);
    let lease = bench.fake.command(1, &["true"]);
    bench.fake.report(lease).await;
    bench.fake.with(|state| state.forget_worker = true);
    let fake = bench.fake.clone();
    fake.until(|state| state.registrations.len() == 2).await;
    bench.finish().await;
    assert_eq!(fake.with(|state| state.reports.len()), 1);
}
