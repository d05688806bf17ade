//! Crashes of real processes: every acknowledged request survives, exactly once.

use crate::support::{Coordinator, Home, Process, eventually, processes_with};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A plan of quick commands.
fn quick_plan(home: &Home, name: &str, count: u32) -> PathBuf {
    let numbers: Vec<_> = (0..count).map(|number| number.to_string()).collect();
    home.write(
        &format!("{name}.yaml"),
        &format!(
            "schema: 1\nname: {name}\ntests:\n  - name: t-{{n}}\n    cmd: [\"true\"]\n    \
             requires: {{cpu: 0.1}}\n    matrix: {{n: [{}]}}\n",
            numbers.join(", ")
        ),
    )
}

/// A plan of one test, which writes a line to `started` each time it begins, and ends when
/// there is `release`.
fn held_plan(home: &Home, started: &Path, release: &Path) -> PathBuf {
    home.write(
        "plan.yaml",
        &format!(
            "schema: 1\nname: held\ntests:\n  - name: held\n    \
             cmd: [sh, -c, \"echo x >> {}; while [ ! -e {} ]; do sleep 0.05; done\"]\n",
            started.display(),
            release.display()
        ),
    )
}

fn ran_once(report: &Value, started: &Path) {
    assert_eq!(report["rows"][0]["outcome"], "passed");
    assert_eq!(report["totals"]["attempts"], 1, "it was not run again");
    let starts = std::fs::read_to_string(started).expect("read");
    assert_eq!(starts.lines().count(), 1);
}

fn outcomes(report: &Value) -> Vec<(String, String)> {
    let rows = report["rows"].as_array().expect("rows");
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    rows.iter().map(|row| (text(&row["test"]), text(&row["outcome"]))).collect()
}

#[test]
fn twenty_kills_of_the_coordinator_neither_lose_nor_repeat_anything() {
    let home = Home::new();
    let mut coordinator = home.coordinator("data");
    let address = coordinator.address().to_owned();
    let _workers = [
        home.worker(&coordinator, "one", &["--slots", "2"]),
        home.worker(&coordinator, "two", &["--slots", "2"]),
    ];
    let plan = quick_plan(&home, "load", 60);
    let plan = plan.to_str().expect("a plain path");
    let mut acknowledged = Vec::new();
    for round in 0..20u64 {
        let submitted = home.at(&coordinator, &["submit", plan]).expect_code(0);
        acknowledged.push(submitted.out.trim().to_owned());
        // The kill comes at another point of the work in each round: after more results.
        let seen = eventually("progress", || {
            let run = acknowledged.last().expect("just submitted");
            let report = home.report(&coordinator, run);
            let done = 60 - report["totals"]["pending"].as_u64().expect("a number");
            (done >= round * 3).then_some(done)
        });
        coordinator.kill();
        coordinator = home.coordinator_on("data", &address);
        let run = acknowledged.last().expect("just submitted");
        let report = home.report(&coordinator, run);
        let kept = 60 - report["totals"]["pending"].as_u64().expect("a number");
        assert!(kept >= seen, "{run}: {seen} results were reported before the kill, {kept} after");
    }
    let runs: BTreeSet<_> = acknowledged.iter().collect();
    assert_eq!(runs.len(), 20, "every submission is a run of its own");
    for run in &acknowledged {
        let report = home.finished(&coordinator, run);
        let rows = outcomes(&report);
        assert_eq!(rows.len(), 60, "{run}");
        let tests: BTreeSet<_> = rows.iter().map(|(test, _)| test).collect();
        assert_eq!(tests.len(), 60, "{run}: each once");
        assert!(rows.iter().all(|(_, outcome)| outcome == "passed"), "{run}: {rows:?}");
        // A lost result would have led to a second attempt.
        assert_eq!(report["totals"]["attempts"], 60, "{run}: none was run again");
    }
    let status = home.at(&coordinator, &["status", "--output", "json"]).json();
    assert_eq!(status["tests_leased"], 0);
}

#[test]
fn a_running_test_continues_over_a_restart_of_the_coordinator() {
    let home = Home::new();
    let mut coordinator = home.coordinator("data");
    let address = coordinator.address().to_owned();
    let _worker = home.worker(&coordinator, "one", &["--slots", "1"]);
    let (started, release) = (home.path("started"), home.path("release"));
    let plan = held_plan(&home, &started, &release);
    let run = home.submit(&coordinator, &plan);
    eventually("the start", || started.exists().then_some(()));
    coordinator.kill();
    coordinator = home.coordinator_on("data", &address);
    eventually("the worker's return", || {
        let workers = home.at(&coordinator, &["workers", "--output", "json"]).json();
        (workers["items"][0]["state"] == "active").then_some(())
    });
    std::fs::write(&release, "").expect("written");
    ran_once(&home.finished(&coordinator, &run), &started);
}

#[test]
fn a_stopped_coordinator_does_not_lose_workers() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let _worker = home.worker(&coordinator, "one", &["--slots", "1"]);
    let (started, release) = (home.path("started"), home.path("release"));
    let plan = held_plan(&home, &started, &release);
    let run = home.submit(&coordinator, &plan);
    eventually("the start", || started.exists().then_some(()));
    coordinator.signal(Signal::STOP);
    // Each heartbeat waits 10 s for its answer, and a lease lasts 30 s.
    eventually("silence for longer than a lease", || {
        let output = std::fs::read_to_string(home.path("one.log")).unwrap_or_default();
        let missed =
            |line: &&str| line.contains("coordinator failed") && line.contains("heartbeat");
        (output.lines().filter(missed).count() >= 4).then_some(())
    });
    coordinator.signal(Signal::CONT);
    std::fs::write(&release, "").expect("written");
    ran_once(&home.finished(&coordinator, &run), &started);
}

#[test]
fn followed_output_continues_over_a_restart_of_the_coordinator() {
    let home = Home::new();
    let mut coordinator = home.coordinator("data");
    let (address, url) = (coordinator.address().to_owned(), coordinator.url.clone());
    let release = home.path("release");
    let wait = format!("while [ ! -e {} ]; do sleep 0.05; done", release.display());
    let plan = home.write(
        "plan.yaml",
        &format!(
            "schema: 1\nname: talks\ntests:\n  - name: talks\n    \
             cmd: [sh, -c, \"echo before; {wait}; echo after\"]\n"
        ),
    );
    let run = home.submit(&coordinator, &plan);
    let test = format!("{run}.t0");
    let (shown, output) = (home.path("shown"), home.path("output"));
    let follow = home
        .command(&["logs", "-f", &test, "--coordinator", &url])
        .stdout(std::fs::File::create(&shown).expect("a file"))
        .stderr(std::fs::File::create(&output).expect("a file"))
        .spawn();
    let follow = Process(Some(follow.expect("dtf starts")));
    // No worker has registered yet.
    let waits = || std::fs::read_to_string(&output).expect("read").contains("waiting for it");
    eventually("the wait", || waits().then_some(()));
    let _worker = home.worker(&coordinator, "one", &["--slots", "1"]);
    let shows = || std::fs::read_to_string(&shown).expect("read");
    eventually("the first line", || shows().contains("before").then_some(()));
    coordinator.kill();
    let _coordinator = home.coordinator_on("data", &address);
    std::fs::write(&release, "").expect("written");
    assert_eq!(follow.wait(), 0);
    assert_eq!(shows(), "before\nafter\n");
}

#[test]
fn a_killed_workers_tests_run_elsewhere_and_no_child_is_left() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let mut first = home.worker(&coordinator, "first", &[]);
    let marker = home.path("started");
    let plan = home.write(
        "plan.yaml",
        &format!(
            "schema: 1\nname: slow\ntests:\n  - name: slow\n    \
             cmd: [sh, -c, \"echo $$ >> {0}; n=$(wc -l < {0}); [ $n -gt 1 ] || exec sleep 600\"]\n",
            marker.display()
        ),
    );
    let run = home.submit(&coordinator, &plan);
    eventually("the start", || marker.exists().then_some(()));
    first.kill();
    let mut again = home.worker(&coordinator, "first", &[]);
    let report = home.finished(&coordinator, &run);
    assert_eq!(report["rows"][0]["outcome"], "passed");
    assert_eq!(report["rows"][0]["attempts"], 2);
    assert_eq!(report["rows"][0]["flaky"], false, "a lost worker is not the test's fault");
    let first_child = std::fs::read_to_string(&marker).expect("read");
    let first_child = first_child.lines().next().expect("a line").to_owned();
    eventually("the end of the orphan", || {
        let command = std::fs::read_to_string(format!("/proc/{first_child}/cmdline"));
        (!command.unwrap_or_default().contains("sleep")).then_some(())
    });
    again.kill();
}

#[test]
fn a_stopped_worker_comes_back_and_its_late_result_changes_nothing() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let sleeper = home.worker(&coordinator, "sleeper", &["--slots", "1"]);
    let (started, release) = (home.path("started"), home.path("release"));
    // The test runs on while its worker is stopped, and ends when the file is there.
    let plan = held_plan(&home, &started, &release);
    let run = home.submit(&coordinator, &plan);
    eventually("the start", || started.exists().then_some(()));
    sleeper.signal(Signal::STOP);
    let _other = home.worker(&coordinator, "other", &["--slots", "1"]);
    eventually("the second start", || {
        let starts = std::fs::read_to_string(&started).unwrap_or_default();
        (starts.lines().count() == 2).then_some(())
    });
    std::fs::write(&release, "").expect("written");
    let report = home.finished(&coordinator, &run);
    assert_eq!(report["rows"][0]["outcome"], "passed");
    assert_eq!(report["rows"][0]["worker"], "other");
    sleeper.signal(Signal::CONT);
    eventually("the sleeper's return", || {
        let workers = home.at(&coordinator, &["workers", "--output", "json"]).json();
        let states: Vec<_> = workers["items"].as_array().expect("items").clone();
        states.iter().all(|worker| worker["state"] == "active").then_some(())
    });
    let after = home.report(&coordinator, &run);
    assert_eq!(after["rows"], report["rows"]);
}

#[test]
fn deleting_the_results_database_gives_the_same_report() {
    let home = Home::new();
    let mut coordinator = home.coordinator("data");
    let _worker = home.worker(&coordinator, "one", &[]);
    let plan = home.write(
        "plan.yaml",
        "schema: 1\nname: mixed\ntests:\n  - {name: good, cmd: [\"true\"]}\n  \
         - {name: bad, cmd: [\"false\"]}\n  - {name: after, cmd: [\"true\"], depends_on: [bad]}\n",
    );
    let run = home.submit(&coordinator, &plan);
    // The period of flaky tests ends when the report is requested.
    let finished = |coordinator: &Coordinator| {
        let mut report = home.finished(coordinator, &run);
        let flaky = report["flaky_tests"].as_object_mut().expect("flaky tests");
        flaky.remove("since").expect("a period");
        report
    };
    let before = finished(&coordinator);
    let address = coordinator.address().to_owned();
    coordinator.kill();
    let mut removed = 0;
    for entry in std::fs::read_dir(&coordinator.data_dir).expect("listed").flatten() {
        if entry.file_name().to_string_lossy().contains(".duckdb") {
            std::fs::remove_file(entry.path()).expect("removed");
            removed += 1;
        }
    }
    assert!(removed > 0, "there was a database");
    let coordinator = home.coordinator_on("data", &address);
    assert_eq!(finished(&coordinator), before);
}

#[test]
fn a_second_coordinator_names_the_first() {
    let home = Home::new();
    let first = home.coordinator("data");
    let second = home.dtf(&["coordinator", "--listen", "127.0.0.1:0", "--data-dir", "data"]);
    let second = second.expect_code(1);
    assert!(second.err.contains(&format!("process {}", first.id())), "{}", second.err);
    first.stop();
}

#[test]
fn of_two_runs_in_one_directory_the_second_is_refused() {
    let home = Home::new();
    let marker = home.path("go");
    let plan = home.write(
        "plan.yaml",
        &format!(
            "schema: 1\nname: two\ntests:\n  - name: waits\n    \
             cmd: [sh, -c, \"while [ ! -e {} ]; do sleep 0.05; done\"]\n",
            marker.display()
        ),
    );
    let arguments = ["run", plan.to_str().expect("a plain path"), "--data-dir", "here"];
    let output = std::thread::scope(|scope| {
        let one = || {
            let output = home.dtf(&arguments);
            // The run that is refused lets the other one end.
            std::fs::write(&marker, "").expect("written");
            output
        };
        let both = [scope.spawn(one), scope.spawn(one)];
        both.map(|thread| thread.join().expect("no panic"))
    });
    let mut codes = output.each_ref().map(|output| output.code);
    codes.sort_unstable();
    assert_eq!(codes, [0, 1], "{} {}", output[0].err, output[1].err);
    let refused = output.iter().find(|output| output.code == 1).expect("one");
    // The second wording needs an answer of the first run, which may have just started.
    let holder = ["here is in use by process", "another `dtf run` (process "];
    assert!(holder.iter().any(|words| refused.err.contains(words)), "{}", refused.err);
    assert!(refused.err.contains("--data-dir"), "{}", refused.err);
}

const ADMIN: &str = "admin-token-of-a-test";
const WORKER: &str = "worker-token-of-a-test";

#[test]
fn a_worker_with_a_workers_token_drains_on_the_first_signal() {
    let home = Home::new();
    let secret = |name: &str, text: &str| {
        let path = home.write(name, text);
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("set");
        path.to_str().expect("a plain path").to_owned()
    };
    let tokens = secret("tokens", &format!("admin anna {ADMIN}\nworker one {WORKER}\n"));
    let (admin, own) = (secret("admin", ADMIN), secret("own", WORKER));
    let coordinator = home.coordinator_with("data", "127.0.0.1:0", &["--token-file", &tokens]);
    let worker = home.worker(&coordinator, "one", &["--slots", "1", "--token-file", &own]);
    let ask = |args: &[&str]| {
        home.at(&coordinator, &[args, &["--token-file", &admin]].concat()).expect_code(0)
    };
    let (started, release) = (home.path("started"), home.path("release"));
    let plan = home.write(
        "plan.yaml",
        &format!(
            "schema: 1\nname: drain\ntests:\n  - name: running\n    priority: 5\n    \
             cmd: [sh, -c, \"touch {}; while [ ! -e {} ]; do sleep 0.05; done\"]\n  \
             - {{name: waiting, cmd: [\"true\"]}}\n",
            started.display(),
            release.display()
        ),
    );
    let plan = plan.to_str().expect("a plain path");
    // A worker may neither submit tests nor drain workers.
    let own = ["--token-file", &own];
    home.at(&coordinator, &[&["submit", plan], &own[..]].concat()).expect_code(4);
    eventually("the worker", || ask(&["workers"]).out.contains("active").then_some(()));
    home.at(&coordinator, &[&["workers", "--drain", "one"], &own[..]].concat()).expect_code(4);
    let run = ask(&["submit", plan]).out.trim().to_owned();
    eventually("the start", || started.exists().then_some(()));
    worker.signal(Signal::TERM);
    eventually("the drain", || {
        let workers = ask(&["workers", "--output", "json"]).json();
        (workers["items"][0]["state"] == "draining").then_some(())
    });
    std::fs::write(&release, "").expect("written");
    assert_eq!(worker.wait(), 0);
    let report = ask(&["report", "--run", &run, "--output", "json"]).json();
    let rows = outcomes(&report);
    assert_eq!(rows.iter().filter(|(_, outcome)| outcome == "passed").count(), 1);
    assert_eq!(report["totals"]["pending"], 1, "the other test waits for another worker");
}

#[test]
fn a_run_that_is_stopped_leaves_no_test_running() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let home = Home::new();
        let started = home.path("started");
        let plan = home.write(
            "plan.yaml",
            &format!(
                "schema: 1\ntests:\n  - name: long\n    \
                 cmd: [sh, -c, \"touch {}; exec sleep 600\"]\n",
                started.display()
            ),
        );
        let plan = plan.to_str().expect("a plain path");
        let run = home.command(&["run", plan]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let run = Process(Some(run.expect("dtf starts")));
        eventually("the start", || started.exists().then_some(()));
        run.signal(signal);
        assert_eq!(run.wait(), code);
        let left = processes_with(&home.path("").display().to_string());
        assert!(left.is_empty(), "{left:?}");
        let output = home.dtf(&["why", "r1.t0"]).expect_code(0);
        assert!(output.out.contains("done: cancelled"), "{}", output.out);
    }
}

#[test]
fn a_run_after_a_killed_one_does_only_its_own_tests() {
    let home = Home::new();
    let (started, release) = (home.path("started"), home.path("release"));
    let held = held_plan(&home, &started, &release);
    let held = held.to_str().expect("a plain path");
    let run = home.command(&["run", held]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut run = Process(Some(run.expect("dtf starts")));
    eventually("the start", || started.exists().then_some(()));
    run.kill();
    let plan = home.write(
        "quick.yaml",
        "schema: 1\ntests:\n  - {name: quick, cmd: [sh, -c, \"echo out; exit 3\"]}\n",
    );
    let output = home.dtf(&["run", plan.to_str().expect("a plain path")]).expect_code(100);
    assert!(output.err.contains("r1 was interrupted"), "{}", output.err);
    let starts = std::fs::read_to_string(&started).expect("read");
    assert_eq!(starts.lines().count(), 1, "what was interrupted is not run again");
    assert!(home.dtf(&["why", "r1.t0"]).expect_code(0).out.contains("cancelled"));
    // There is no coordinator, and none is named, so the report comes from the results database.
    assert_eq!(home.dtf(&["logs", "r2.t0"]).expect_code(0).out.trim_end(), "out");
    assert!(home.dtf(&["why", "r2.t0"]).expect_code(0).out.contains("failed: exit code 3"));
}
