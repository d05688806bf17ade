//! `dtf run` beside other processes, such as terminals and notebooks, that read its results.

use crate::support::{Finished, Home, Process, eventually};
use dtf::store::Store;
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A quick test, and one that ends when there is `release`.
fn plans(home: &Home) -> (String, String) {
    let quick = home.write("quick.yaml", "tests:\n  - {name: suite/quick, cmd: [echo, hello]}\n");
    let release = home.path("release");
    let held = home.write(
        "held.yaml",
        &format!(
            "tests:\n  - {{name: suite/held, cmd: [sh, -c, 'echo begun; while [ ! -e {} ]; do \
             sleep 0.05; done']}}\n",
            release.display()
        ),
    );
    let text = |path: &Path| path.to_str().expect("a plain path").to_owned();
    (text(&quick), text(&held))
}

fn spawn(home: &Home, args: &[&str]) -> Child {
    let log = std::fs::File::create(home.path("run.log")).expect("a log");
    let mut command = home.command(args);
    command.stdout(Stdio::null()).stderr(log).spawn().expect("dtf starts")
}

fn has(finished: &Finished, words: &[&str]) {
    for word in words {
        assert!(finished.out.contains(word), "{word:?}: {} {}", finished.out, finished.err);
    }
}

#[test]
fn an_active_run_can_be_read_and_a_second_one_is_refused() {
    let home = Home::new();
    let (quick, held) = plans(&home);
    home.dtf(&["run", &quick]).expect_code(0);
    let run = spawn(&home, &["run", &held]);
    let process = run.id();
    let mut run = Process(Some(run));
    eventually("the second run", || {
        let finished = home.dtf(&["report", "--run", "latest"]);
        finished.out.contains("running  r2.t0  suite/held").then_some(())
    });
    // Earlier and current results are read from the default directory.
    has(&home.dtf(&["report"]).expect_code(0), &["passed   r1.t0", "suite/quick", "ended (UTC)"]);
    assert_eq!(home.dtf(&["logs", "suite/quick"]).expect_code(0).out, "hello\n");
    eventually("some output", || (home.dtf(&["logs", "held"]).out == "begun\n").then_some(()));
    has(&home.dtf(&["why", "held"]).expect_code(0), &["r2.t0 suite/held: running on w"]);
    has(&home.dtf(&["status"]).expect_code(0), &["1 open"]);
    has(&home.dtf(&["workers"]).expect_code(0), &["active"]);
    let several = home.dtf(&["why", "e"]).expect_code(0);
    has(&several, &["suite/held"]);
    let none = home.dtf(&["logs", "no-such-test"]).expect_code(5);
    assert!(none.err.contains("hint: dtf report lists"), "{}", none.err);

    let second = home.dtf(&["run", &quick]).expect_code(1).err;
    let expected = format!("another `dtf run` (process {process}) is active in");
    assert!(second.contains(&expected) && second.contains("--data-dir"), "{second}");
    // The address file of a killed run is ignored.
    run.kill();
    has(&home.dtf(&["report", "--run", "latest"]).expect_code(0), &["r2.t0", "suite/held"]);
    std::fs::write(home.path("release"), "").expect("written");
    home.dtf(&["run", &held]).expect_code(0);
    let left = walk(home.root.path(), "serving.json");
    assert!(left.is_empty(), "{left:?}");
    let status = home.dtf(&["status"]).expect_code(1).err;
    assert!(status.contains("dtf report, dtf why and dtf logs"), "{status}");
    let both = home.dtf(&["report", "--run", "r1", "--run", "latest", "--output", "json"]).json();
    assert_eq!(both["runs"], serde_json::json!(["r1", "r3"]));
    assert_eq!(both["totals"]["tests"], 2);
    assert_eq!(both["rows"][1]["environment"]["threads"], 1);
}

/// Files of this name below a directory.
fn walk(directory: &Path, name: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).expect("listed").flatten();
    entries
        .flat_map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&entry.path(), name),
            _ if entry.file_name() == name => vec![entry.path()],
            _ => Vec::new(),
        })
        .collect()
}

/// Variables with the file that a second process of this test has open, and the way it is opened.
const HOLD: &str = "DTF_TEST_HOLD";
const HOLD_HOW: &str = "DTF_TEST_HOLD_HOW";
const HOLDER: &str = "local::another_process_has_the_database_open";

/// Opens the database as a notebook does, in a separate process.
struct Notebook(Child, BufReader<std::process::ChildStdout>);

impl Notebook {
    fn open(file: &Path, how: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "--nocapture", HOLDER])
            .envs([(HOLD, file.as_os_str()), (HOLD_HOW, how.as_ref())])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        while line != "held\n" {
            line.clear();
            assert_ne!(
                lines.read_line(&mut line).expect("a line"),
                0,
                "the second process did not open the database"
            );
        }
        Self(child, lines)
    }

    fn close(mut self) {
        writeln!(self.0.stdin.take().expect("piped"), "go on").expect("the notebook reads a line");
        // It has more to print, and would fail on a closed pipe.
        self.1.lines().for_each(drop);
        assert!(self.0.wait().expect("ends").success());
    }
}

#[test]
fn another_process_has_the_database_open() {
    let variable =
        |name| std::env::vars().find_map(|(other, value)| (other == name).then_some(value));
    let Some(file) = variable(HOLD) else { return };
    let held: Box<dyn std::any::Any> = if variable(HOLD_HOW).as_deref() == Some("reading") {
        Box::new(Store::open_read_only(file.as_ref()).expect("opens"))
    } else {
        let identity = Path::new(&file).with_file_name("identity");
        let identity = std::fs::read_to_string(identity).expect("an identity");
        let identity = identity.trim().parse().expect("an identity");
        Box::new(Store::open(file.as_ref(), identity).map(|opened| opened.writer).expect("opens"))
    };
    println!("\nheld");
    // Holds it until the first process continues.
    std::io::stdin().lines().next();
    drop(held);
}

#[test]
fn a_notebook_with_the_database_open_blocks_no_run_and_no_report() {
    let home = Home::new();
    let (quick, _) = plans(&home);
    let at = |args: &[&str]| home.dtf(&[args, &["--data-dir", "data"]].concat());
    at(&["run", &quick]).expect_code(0);
    let file = home.path("data/results.duckdb");
    for (how, run) in [("reading", "r2"), ("writing", "r3")] {
        let notebook = Notebook::open(&file, how);
        let ran = at(&["run", &quick]).expect_code(0);
        assert!(ran.out.contains("1 passed"), "{}", ran.out);
        let expected = format!("is in use by process {} (", notebook.0.id());
        assert!(ran.err.contains(&expected), "{how}: {}", ran.err);
        assert!(!ran.err.contains("Unknown error"), "{how}: {}", ran.err);
        let names: Vec<_> = std::fs::read_dir(home.path("data")).expect("listed").collect();
        assert!(!format!("{names:?}").contains("substitute"), "{names:?}");
        // Results that are missing from the database come from the event log.
        let report = at(&["report", "--run", "latest"]).expect_code(0);
        has(&report, &[&format!("{run}.t0"), "suite/quick"]);
        assert!(report.err.contains("read from the event log"), "{how}: {}", report.err);
        notebook.close();
        // The first reader afterwards completes the database.
        let report = at(&["report", "--run", "latest"]).expect_code(0);
        has(&report, &[&format!("{run}.t0")]);
        assert_eq!(report.err, "", "{how}");
        let stored = Store::open_read_only(&file).expect("opens");
        let tests = stored.tests(&dtf::store::rows::TestFilter { limit: 10, ..Default::default() });
        assert_eq!(
            tests.expect("read").last().map(|test| test.test.to_string()),
            Some(format!("{run}.t0"))
        );
    }
}

#[test]
fn results_without_a_database_are_read_from_the_event_log() {
    let home = Home::new();
    let (quick, _) = plans(&home);
    let at = |args: &[&str]| home.dtf(&[args, &["--data-dir", "data"]].concat());
    let absent = at(&["report"]).expect_code(1);
    assert!(absent.err.contains("there are no results in data"), "{}", absent.err);
    at(&["run", &quick]).expect_code(0);
    std::fs::remove_file(home.path("data/results.duckdb")).expect("removed");
    let report = at(&["report", "--run", "latest"]).expect_code(0);
    has(&report, &["r1.t0", "suite/quick"]);
    assert!(report.err.contains("read from the event log"), "{}", report.err);
    assert!(!home.path("data/results.duckdb").exists(), "a report writes no database");
    // A log that cannot be read is reported, and is not an absence of results.
    std::fs::write(home.path("data/events.redb"), "damaged").expect("written");
    let damaged = at(&["report"]).expect_code(1);
    let words = ["there is no results.duckdb", "event log cannot be read", "--check"];
    assert!(words.iter().all(|word| damaged.err.contains(word)), "{}", damaged.err);
}

/// The database is freed in the middle of a run, which then brings it up to date.
#[test]
fn a_database_that_becomes_free_is_caught_up_at_the_end_of_the_run() {
    let home = Home::new();
    let (quick, held) = plans(&home);
    home.dtf(&["run", &quick, "--data-dir", "data"]).expect_code(0);
    let file = home.path("data/results.duckdb");
    let notebook = Notebook::open(&file, "writing");
    let run = Process(Some(spawn(&home, &["run", &held, "--data-dir", "data"])));
    eventually("the second run", || {
        let finished = home.dtf(&["report", "--data-dir", "data"]);
        (finished.out.contains("passed   r1.t0") && finished.out.contains("running  r2.t0"))
            .then_some(())
    });
    notebook.close();
    std::fs::write(home.path("release"), "").expect("written");
    assert_eq!(run.wait(), 0);
    let stored = Store::open_read_only(&file).expect("opens");
    let tests = stored.tests(&dtf::store::rows::TestFilter { limit: 10, ..Default::default() });
    let ended = tests.expect("read").iter().filter(|test| test.outcome.is_some()).count();
    assert_eq!(ended, 2);
    let log = std::fs::read_to_string(home.path("run.log")).expect("a log");
    assert!(!log.contains("still in use"), "{log}");
}

/// A script whose two metrics are steady and noisy, with the default number of threads.
const MEASURING: &str = r#"
import json, os
with open(os.environ["DTF_RESULT"], "a") as lines:
    for line in [
        {"event": "environment", "warm_up_runs": 7, "warm_up_settled": True},
        {"event": "metric", "name": "latency_seconds", "unit": "seconds", "values": [1.0] * 9},
        {"event": "metric", "name": "other_seconds", "unit": "seconds", "values": [1.0, 2.0] * 5},
        {"event": "result", "outcome": "passed"},
    ]:
        lines.write(json.dumps(line) + "\n")
"#;

#[test]
fn on_a_quiet_machine_tests_run_alone_and_their_figures_say_so() {
    let home = Home::new();
    home.write("measuring.py", MEASURING);
    let test = |name: &str| {
        format!("  - {{name: {name}, script: measuring.py, requires: {{cpu: 0.1}}}}\n")
    };
    let plan = home.write("plan.yaml", &format!("tests:\n{}{}", test("a"), test("b")));
    let plan = plan.to_str().expect("a plain path");
    let both = home.dtf(&["run", plan, "--quiet-machine", "--slots", "2"]).expect_code(2);
    assert!(both.err.contains("'--quiet-machine' cannot be used with '--slots"), "{}", both.err);
    let run = ["run", plan, "--quiet-machine", "--output", "json"];
    let report = home.dtf(&run).expect_code(0).json();
    let cores = std::thread::available_parallelism().expect("a number").get();
    assert_eq!(report["totals"]["noisy"], 2);
    for row in report["rows"].as_array().expect("rows") {
        let facts = &row["environment"];
        let known = ["quiet_machine", "slots", "neighbours", "threads"].map(|name| &facts[name]);
        assert_eq!(json!(known), json!([true, 1, 0, cores]), "{row}");
        let [steady, noisy] = [&row["metrics"][0], &row["metrics"][1]];
        let marks = [&steady["spread"], &steady["noisy"], &noisy["spread"], &noisy["noisy"]];
        assert_eq!(json!(marks), json!([0.0, false, 1.0, true]), "{row}");
        assert_eq!(json!([steady["p90"], noisy["p90"]]), json!([null, 2.0]), "{row}");
    }
    let table = home.dtf(&["report"]).expect_code(0);
    has(&table, &["no other test of the worker at the same time", "above 10 %: r1.t0, r1.t1"]);
    let measured = format!("measured with {cores} CPU thread");
    has(
        &home.dtf(&["why", "r1.t0"]).expect_code(0),
        &[&measured, "noisy: other_seconds (spread 100 %)"],
    );
}
