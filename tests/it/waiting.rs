//! Waiting for runs and exit codes, as scripts of a CI system use them.

use crate::support::{Home, eventually, finished};
use std::process::Stdio;

const MOON: &str = "tests:\n  - {name: here, cmd: ['true']}\n  \
    - {name: moon, cmd: ['true'], requires: {tags: [moon]}}\n  \
    - {name: after, cmd: ['true'], depends_on: [moon]}\n";

#[test]
fn tests_that_no_worker_can_run_are_reported_and_given_up() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let _worker = home.worker(&coordinator, "rig", &["--slots", "1"]);
    eventually("a worker", || {
        let workers = home.at(&coordinator, &["workers"]).out;
        workers.contains("active").then_some(())
    });
    home.write("plan.yaml", MOON);
    let args = ["submit", "plan.yaml", "--wait", "--unschedulable-timeout", "1s"];
    let waited = home.at(&coordinator, &args).expect_code(102);
    let expected = "queued: no worker can run 1 test: moon: rig lacks the tag moon";
    assert!(waited.err.contains(expected), "{}", waited.err);
    assert!(waited.err.contains("dtf wait r1"), "{}", waited.err);
    // The run still exists, and continues when a worker registers.
    let report = ["report", "--run", "r1", "--exit-code"];
    home.at(&coordinator, &report).expect_code(8);
    let again = ["wait", "r1", "--unschedulable-timeout", "1s"];
    home.at(&coordinator, &again).expect_code(102);
    home.at(&coordinator, &["wait", "r1", "--timeout", "1s"]).expect_code(8);
    let _other = home.worker(&coordinator, "moon", &["--slots", "1", "--tags", "moon"]);
    let ended = home.at(&coordinator, &["wait", "r1"]).expect_code(0);
    assert!(ended.out.contains("3 passed"), "{}", ended.out);
    home.at(&coordinator, &report).expect_code(0);
    let unknown = home.at(&coordinator, &["wait", "r99"]).expect_code(5);
    assert!(unknown.err.contains("r99"), "{}", unknown.err);
}

#[test]
fn a_submission_without_workers_waits_unless_a_time_limit_is_given() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    home.write("plan.yaml", "tests:\n  - {name: a, cmd: ['true']}\n");
    let args = ["submit", "plan.yaml", "--wait", "--wait-timeout", "2s"];
    let waited = home.at(&coordinator, &args).expect_code(8);
    assert!(waited.err.contains("there are no workers"), "{}", waited.err);
    let args = ["wait", "r1", "--unschedulable-timeout", "500ms"];
    home.at(&coordinator, &args).expect_code(102);
    let cancelled = home.at(&coordinator, &["cancel", "r1"]).expect_code(0);
    assert!(cancelled.out.contains("1 cancelled"), "{}", cancelled.out);
    home.at(&coordinator, &["wait", "r1"]).expect_code(101);
    let logs = home.at(&coordinator, &["logs", "r1.t0"]).expect_code(1);
    assert!(logs.err.contains("it ended as cancelled without an attempt"), "{}", logs.err);
}

#[test]
fn flaky_and_failed_tests_decide_the_exit_code_on_request() {
    let home = Home::new();
    let once = home.path("once");
    let flaky = format!(
        "tests:\n  - name: flaky\n    retries: {{failed: 1}}\n    \
         cmd: [sh, -c, 'if [ -e {0} ]; then rm {0}; else touch {0}; exit 1; fi']\n",
        once.display()
    );
    home.write("plan.yaml", &flaky);
    home.dtf(&["run", "plan.yaml"]).expect_code(0);
    home.dtf(&["run", "plan.yaml", "--fail-on-flaky"]).expect_code(100);
    home.dtf(&["report", "--run", "r1", "--exit-code"]).expect_code(0);
    home.dtf(&["report", "--run", "r1", "--exit-code", "--fail-on-flaky"]).expect_code(100);
    home.write("bad.yaml", "tests:\n  - {name: a, cmd: ['false']}\n");
    home.dtf(&["run", "bad.yaml"]).expect_code(100);
    home.dtf(&["report", "--run", "r3"]).expect_code(0);
    home.dtf(&["report", "--run", "r3", "--exit-code"]).expect_code(100);
}

#[test]
fn a_plan_is_checked_without_being_submitted() {
    let home = Home::new();
    home.write("good.yaml", MOON);
    let good = home.dtf(&["check", "good.yaml"]).expect_code(0);
    assert_eq!(good.out.trim(), "good.yaml: 3 tests, 0 files");
    let bad = "tests:\n  - {name: a, cmd: ['true'], requires: {gpu: 1}, timeout: 5}\n  \
        - {name: b, cmd: ['true'], depends_on: [c]}\n";
    home.write("bad.yaml", bad);
    for command in ["check", "run", "submit"] {
        let refused = home.dtf(&[command, "bad.yaml"]).expect_code(2);
        for expected in [
            "error: bad.yaml:2:41: tests[0].requires.gpu: unknown key \"gpu\"",
            "hint: did you mean \"accelerators\"?",
            "error: bad.yaml:2:50: tests[0].timeout: ",
            "error: bad.yaml:3:30: tests[1].depends_on: no test is named \"c\"",
            "3 mistakes",
        ] {
            assert!(refused.err.contains(expected), "{expected}: {}", refused.err);
        }
    }
    let model = home.dtf(&["submit", "bert-base-uncased"]).expect_code(2);
    assert!(model.err.contains("dtf generate bert-base-uncased --submit"), "{}", model.err);
}

#[test]
fn the_coordinator_logs_the_events_of_its_operation() {
    let home = Home::new();
    let tokens = home
        .write("tokens", "admin boss admin-token-0123456789\nviewer eve viewer-token-0123456789\n");
    let admin = home.write("admin", "admin-token-0123456789\n");
    let viewer = home.write("viewer", "viewer-token-0123456789\n");
    for file in [&tokens, &admin, &viewer] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(file, mode).expect("a mode");
    }
    let admin = admin.to_str().expect("a plain path");
    let log = home.path("coordinator.log");
    // Twice: the second time something is restored.
    for time in 1..=2 {
        let mut command = home.command(&["coordinator", "--listen", "127.0.0.1:0"]);
        command.args(["--data-dir", "data", "--token-file"]).arg(&tokens);
        let file = std::fs::File::create(&log).expect("a log");
        let process = command.stdout(Stdio::null()).stderr(file).spawn().expect("started");
        let mut process = crate::support::Process(Some(process));
        let lines = || std::fs::read_to_string(&log).unwrap_or_default();
        let url = eventually("an address", || {
            let text = lines();
            let (_, rest) = text.split_once("coordinator on ")?;
            Some(rest.split_once(',')?.0.to_owned())
        });
        let at = |args: &[&str], token: &str| {
            let mut args = args.to_vec();
            args.extend(["--coordinator", &url, "--token-file", token]);
            finished(&home.command(&args).output().expect("started"))
        };
        if time == 2 {
            eventually("what was restored", || lines().contains("restored from ").then_some(()));
            continue;
        }
        assert!(lines().contains("the data directory is new"), "{}", lines());
        home.write("plan.yaml", "name: nightly\ntests:\n  - {name: a, cmd: ['true']}\n");
        let args = ["worker", "--coordinator", &url, "--token-file", admin, "--ephemeral"];
        let worker = home.command(&args).args(["--name", "rig7", "--slots", "1"]).spawn();
        let mut worker = worker.expect("started");
        at(&["submit", "plan.yaml", "--wait"], admin).expect_code(0);
        assert!(worker.wait().expect("gone").success(), "it leaves in good order");
        let refused = at(&["cancel", "r1"], viewer.to_str().expect("a plain path")).expect_code(4);
        assert!(refused.err.contains("eve does not have the permission cancel-runs"));
        for expected in [
            "worker w0 rig7 joined: 1 slot",
            "run r1 was submitted by boss: nightly",
            "run r1 ended: 1 test: 1 passed",
            "worker w0 rig7 left",
            "a request from 127.0.0.1 was refused: eve does not have the permission cancel-runs",
        ] {
            eventually(expected, || lines().contains(expected).then_some(()));
        }
        process.signal(rustix::process::Signal::TERM);
        process.kill();
    }
}

#[test]
fn token_files_are_relative_to_their_settings_file_and_errors_name_both() {
    let home = Home::new();
    home.write(
        "settings/config.yaml",
        "client:\n  token_file: secrets/token\n  coordinator: http://127.0.0.1:9\n",
    );
    let missing = home.dtf(&["status", "--config", "settings/config.yaml"]).expect_code(2);
    let path = "cannot read the token file settings/secrets/token";
    assert!(missing.err.contains(path), "{}", missing.err);
    assert!(missing.err.contains("client.token_file in settings/config.yaml:2"), "{}", missing.err);
    let list = home.write("tokens", "admin boss admin-token-0123456789\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&list, mode).expect("a mode");
    let refused = home.dtf(&["status", "--token-file", "tokens"]).expect_code(4);
    assert!(refused.err.contains("the list of tokens of a coordinator"), "{}", refused.err);
    assert!(!refused.err.contains("0123456789"), "{}", refused.err);
    let none = ["coordinator", "--token-file", "nowhere", "--listen", "127.0.0.1:0"];
    home.dtf(&[&none[..], &["--data-dir", "data"]].concat()).expect_code(2);
}

#[test]
fn a_proxy_and_a_wrong_scheme_are_reported() {
    let home = Home::new();
    let ask = |variable: &str, url: &str| {
        let mut command = home.command(&["status", "--coordinator", url]);
        for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command.env(variable, "http://me:hunter2@127.0.0.1:1");
        finished(&command.output().expect("started")).expect_code(1)
    };
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let printed = ask(variable, "http://lab-1.invalid:7700").err;
        let named = format!("through the proxy http://127.0.0.1:1 (from {variable})");
        assert!(printed.contains(&named), "{printed}");
        let hint = "NO_PROXY=lab-1.invalid";
        assert!(printed.contains(hint) && !printed.contains("hunter2"), "{printed}");
    }
    let loopback = ask("HTTP_PROXY", "http://127.0.0.1:9").err;
    assert!(!loopback.contains("proxy"), "{loopback}");
    let coordinator = home.coordinator("data");
    let secure = coordinator.url.replace("http://", "https://");
    for command in ["status", "worker"] {
        let finished = home.dtf(&[command, "--coordinator", &secure]).expect_code(2);
        assert!(finished.err.contains("this port speaks plain HTTP"), "{}", finished.err);
        assert!(finished.err.contains(&coordinator.url), "{}", finished.err);
    }
}

#[test]
fn a_drain_is_cancelled() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let worker = home.worker(&coordinator, "rig7", &["--slots", "1"]);
    let release = home.path("release");
    let text = format!(
        "tests:\n  - {{name: held, cmd: [sh, -c, 'while [ ! -e {} ]; do sleep 0.05; done']}}\n  \
         - {{name: after, cmd: ['true'], depends_on: [held]}}\n",
        release.display()
    );
    let plan = home.write("plan.yaml", &text);
    let run = home.submit(&coordinator, &plan);
    let state = |wanted: &str| {
        eventually(wanted, || {
            let listed = home.at(&coordinator, &["workers", "--all"]).out;
            listed.contains(wanted).then_some(())
        });
    };
    eventually("the first test runs", || {
        let report = home.report(&coordinator, &run);
        (report["rows"][0]["phase"] == "leased").then_some(())
    });
    home.at(&coordinator, &["workers", "--drain", "rig7"]).expect_code(0);
    state("draining");
    let taken = home.at(&coordinator, &["workers", "--undrain", "rig7"]).expect_code(0);
    assert!(taken.out.contains("takes tests again"), "{}", taken.out);
    state("active");
    std::fs::write(&release, "").expect("written");
    let report = home.finished(&coordinator, &run);
    assert_eq!(report["totals"]["outcomes"]["passed"], 2, "{report}");
    worker.signal(rustix::process::Signal::TERM);
    assert_eq!(worker.wait(), 0);
    let hidden = home.at(&coordinator, &["workers"]).expect_code(0);
    assert!(hidden.err.contains("1 worker has left; list them with --all"), "{}", hidden.err);
    assert!(!hidden.out.contains("rig7"), "{}", hidden.out);
    state("gone");
    home.at(&coordinator, &["workers", "--undrain", "w0"]).expect_code(1);
}
