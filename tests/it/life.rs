//! Files that are sent with a test, the identity of a worker, and processes that a test leaves
//! behind, with real processes.

use crate::support::{Home, Process, eventually, processes_with};
use serde_json::Value;
use std::fs::Permissions;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

fn program(home: &Home, name: &str) {
    let path = home.write(name, "#!/bin/sh\necho ran\n");
    std::fs::set_permissions(path, Permissions::from_mode(0o755)).expect("set");
}

#[test]
fn programs_links_and_empty_directories_are_sent() {
    let home = Home::new();
    program(&home, "p/run.sh");
    program(&home, "p/tool/check");
    home.write("p/suite/real.txt", "real\n");
    home.write("p/real/deep.txt", "deep\n");
    std::fs::create_dir_all(home.path("p/suite/out/empty")).expect("made");
    symlink("real.txt", home.path("p/suite/link.txt")).expect("linked");
    symlink("../real", home.path("p/suite/sub")).expect("linked");
    let plan = home.write(
        "p/plan.yaml",
        "schema: 1\ntests:\n\
         - {name: file, cmd: [./run.sh], files: [run.sh]}\n\
         - {name: folder, cmd: [sh, -c, ./tool/check], files: [tool/]}\n\
         - {name: links, cmd: [cat, suite/link.txt, suite/sub/deep.txt], files: [suite/]}\n\
         - {name: empty, cmd: [rmdir, suite/out/empty], files: [suite/]}\n\
         - {name: makes, cmd: [cp, tool/check, built], files: [tool/], artifacts: [built]}\n\
         - {name: takes, cmd: [./built], inputs: [{test: makes, file: built}]}\n",
    );
    let output = home.dtf(&["run", plan.to_str().expect("a plain path")]).expect_code(0);
    assert!(output.out.contains("6 passed") || output.err.contains("6 passed"), "{}", output.out);
}

#[test]
fn a_plan_with_unsendable_files_is_refused_with_the_reason() {
    let home = Home::new();
    home.write("p/suite/a.py", "");
    home.write("secret", "s");
    let plan = home
        .write("p/plan.yaml", "schema: 1\ntests: [{name: a, cmd: [\"true\"], files: [suite/]}]\n");
    let plan = plan.to_str().expect("a plain path");
    let link = home.path("p/suite/link");
    for (target, words) in [
        ("../../secret", "\"suite/link\" is a symbolic link to \"../../secret\", which leads out"),
        ("nowhere", "\"suite/link\" is a symbolic link to \"nowhere\", which does not exist"),
        (".", "a cycle"),
    ] {
        symlink(target, &link).expect("linked");
        let output = home.dtf(&["run", plan]).expect_code(2);
        assert!(output.err.contains(words), "{}", output.err);
        std::fs::remove_file(&link).expect("removed");
    }
    let _socket = std::os::unix::net::UnixListener::bind(&link).expect("bound");
    let output = home.dtf(&["run", plan]).expect_code(2);
    assert!(output.err.contains("\"suite/link\" is a socket"), "{}", output.err);
    let pattern = "schema: 1\ntests: [{name: a, cmd: [\"true\"], files: [\"suite/*.py\"]}]\n";
    home.write("p/plan.yaml", pattern);
    home.dtf(&["run", plan]).expect_code(0);
}

/// A plan of six short tests.
fn six(home: &Home) -> std::path::PathBuf {
    home.write(
        "six.yaml",
        "schema: 1\ntests: [{name: \"t-{n}\", cmd: [sleep, \"0.5\"], matrix: {n: [1, 2, 3, 4, 5, 6]}}]\n",
    )
}

fn copy(home: &Home, from: &str, to: &str) {
    let copied = Command::new("cp").arg("-a").args([home.path(from), home.path(to)]).status();
    assert!(copied.expect("cp starts").success());
}

fn passed_once(report: &Value) {
    let rows = report["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 6);
    for row in rows {
        assert_eq!((&row["outcome"], &row["attempts"]), (&"passed".into(), &1.into()), "{row}");
    }
}

fn active(home: &Home, coordinator: &crate::support::Coordinator) -> usize {
    let workers = home.at(coordinator, &["workers", "--output", "json"]).json();
    let workers = workers["items"].as_array().expect("items").clone();
    workers.iter().filter(|worker| worker["state"] == "active").count()
}

#[test]
fn a_worker_on_a_copied_directory_is_a_separate_worker() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let mut first = home.worker(&coordinator, "a", &["--slots", "1"]);
    eventually("the first worker", || (active(&home, &coordinator) == 1).then_some(()));
    first.kill();
    copy(&home, "a", "b");
    let _a = home.worker(&coordinator, "a", &["--slots", "1"]);
    let _b = home.worker(&coordinator, "b", &["--slots", "1"]);
    eventually("both workers", || (active(&home, &coordinator) == 2).then_some(()));
    let log = || std::fs::read_to_string(home.path("b.log")).expect("a log");
    assert!(log().contains("this work directory is a copy"), "{}", log());
    let run = home.submit(&coordinator, &six(&home));
    passed_once(&home.finished(&coordinator, &run));
}

#[test]
fn an_indistinguishable_copy_takes_nothing_from_the_original() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let _a = home.worker(&coordinator, "a", &["--slots", "2"]);
    eventually("the first worker", || (active(&home, &coordinator) == 1).then_some(()));
    let run = home.submit(&coordinator, &six(&home));
    copy(&home, "a", "b");
    // As after an update from a version that did not write this file.
    std::fs::remove_file(home.path("b/home")).expect("removed");
    let _b = home.worker(&coordinator, "b", &["--slots", "1"]);
    eventually("the refusal", || {
        let log = std::fs::read_to_string(home.path("b.log")).expect("a log");
        log.contains("another worker with the identity of this work directory is active")
            .then_some(())
    });
    passed_once(&home.finished(&coordinator, &run));
}

#[test]
fn a_test_that_may_run_once_runs_once_although_both_sides_are_killed() {
    let home = Home::new();
    let mut coordinator = home.coordinator("data");
    let address = coordinator.address().to_owned();
    let mut worker = home.worker(&coordinator, "one", &["--slots", "1"]);
    let started = home.path("started");
    let plan = home.write(
        "plan.yaml",
        &format!(
            "schema: 1\ntests:\n  - name: once\n    retries: {{infrastructure: 0}}\n    \
             cmd: [sh, -c, \"echo x >> {}; exec sleep 600\"]\n",
            started.display()
        ),
    );
    let run = home.submit(&coordinator, &plan);
    eventually("the start", || started.exists().then_some(()));
    worker.kill();
    coordinator.kill();
    let coordinator = home.coordinator_on("data", &address);
    let _worker = home.worker(&coordinator, "one", &["--slots", "1"]);
    let report = home.finished(&coordinator, &run);
    assert_eq!(report["rows"][0]["outcome"], "worker_lost", "{report}");
    assert_eq!(report["totals"]["attempts"], 1);
    let starts = std::fs::read_to_string(&started).expect("read");
    assert_eq!(starts.lines().count(), 1);
}

/// A number of seconds that no other process sleeps.
fn seconds(number: u32) -> String {
    format!("{}.{number}", 4_000 + std::process::id() % 10_000)
}

fn daemons(home: &Home) -> std::path::PathBuf {
    let quiet = ">/dev/null 2>&1 </dev/null";
    home.write(
        "daemons.yaml",
        &format!(
            "schema: 1\ntests:\n\
             - {{name: own, cmd: [sh, -c, \"env -i setsid sleep {} {quiet} & sleep 0.2\"]}}\n\
             - {{name: double, cmd: [sh, -c, \"(env -i setsid sh -c 'cd /; sleep {} {quiet} &' &); sleep 0.2\"]}}\n\
             - {{name: late, cmd: [sh, -c, \"env -i setsid sh -c 'sleep 600; sleep {}' {quiet} &\"]}}\n",
            seconds(1),
            seconds(2),
            seconds(3)
        ),
    )
}

fn nothing_is_left() {
    for number in 1..4 {
        eventually("the end of a daemon", || {
            processes_with(&seconds(number)).is_empty().then_some(())
        });
    }
}

#[test]
fn daemons_end_with_their_tests_in_a_run_and_on_a_worker() {
    let home = Home::new();
    let plan = daemons(&home);
    let run = ["run", plan.to_str().expect("a plain path")];
    home.dtf(&run).expect_code(0);
    nothing_is_left();
    let coordinator = home.coordinator("data");
    let _worker = home.worker(&coordinator, "one", &["--slots", "3"]);
    let run = home.submit(&coordinator, &plan);
    home.finished(&coordinator, &run);
    nothing_is_left();
}

#[test]
fn daemons_of_a_killed_worker_end_when_it_starts_again() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let mut worker = home.worker(&coordinator, "one", &["--slots", "1"]);
    let plan = home.write(
        "plan.yaml",
        &format!(
            "schema: 1\ntests: [{{name: held, cmd: [sh, -c, \"env -i setsid sleep {} & sleep 600\"]}}]\n",
            seconds(4)
        ),
    );
    home.submit(&coordinator, &plan);
    // The command line of the shell contains it as well.
    let both = || processes_with(&seconds(4)).len() >= 2;
    eventually("the daemon", || both().then_some(()));
    worker.kill();
    std::fs::remove_file(&plan).expect("removed");
    let again = ["worker", "--coordinator", &coordinator.url, "--work-dir", "one", "--ephemeral"];
    let again = home.command(&again).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let _again = Process(Some(again.expect("dtf starts")));
    // The test that runs again is a process of the new worker.
    eventually("the end of the old one", || {
        let left = processes_with(&seconds(4));
        let orphan = |process: &&std::path::PathBuf| parent(process) == Some(1);
        (left.iter().filter(orphan).count() == 0).then_some(())
    });
}

fn parent(process: &Path) -> Option<u32> {
    let stat = std::fs::read_to_string(process.join("stat")).ok()?;
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[test]
fn a_connection_without_a_request_is_closed_and_its_place_given_away() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let mut idle = std::net::TcpStream::connect(coordinator.address()).expect("connected");
    idle.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
    assert_eq!(idle.read(&mut [0; 16]).expect("closed in time"), 0);
}

/// Highest resident memory of a process so far, in KiB.
#[cfg(target_os = "linux")]
fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    peak.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
#[cfg(target_os = "linux")]
fn the_size_of_artifacts_costs_a_worker_no_memory() {
    const SIZE: u64 = 96 << 20;
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let worker = home.worker(&coordinator, "w", &["--slots", "1"]);
    let small = home.submit(&coordinator, &six(&home));
    passed_once(&home.finished(&coordinator, &small));
    // The benchmark of an idle worker uses memory, too.
    eventually("a calibration", || {
        let workers = home.at(&coordinator, &["workers", "--output", "json"]).json();
        workers["items"][0].get("speed").map(|_| ())
    });
    let before = peak_memory(worker.id());
    let plan = home.write(
        "large.yaml",
        &format!(
            "schema: 1\ntests:\n\
             - {{name: makes, cmd: [sh, -c, \"head -c {SIZE} /dev/zero > big\"], artifacts: [big]}}\n\
             - {{name: takes, cmd: [sh, -c, \"test $(wc -c < big) = {SIZE}\"], \
             inputs: [{{test: makes, file: big}}]}}\n"
        ),
    );
    let run = home.submit(&coordinator, &plan);
    let report = home.finished(&coordinator, &run);
    for row in report["rows"].as_array().expect("rows") {
        assert_eq!(row["outcome"], "passed", "{row}");
    }
    let after = peak_memory(worker.id());
    assert!(after < before + 32 * 1024, "{before} KiB before, {after} KiB after");
}
