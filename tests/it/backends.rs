//! A back-end that no one has compiled in: as docs/backends.md shows, on the CPU.

use crate::python::environments;
use crate::support::{Home, eventually};
use std::path::Path;

const TABLE: &str = "examples/own-backend/backends.yaml";

fn source(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_document_shows_the_example() {
    let document = source("docs/backends.md");
    let block = document.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    assert_eq!(block, Some(&*source(TABLE)));
}

#[test]
#[cfg(target_os = "linux")]
fn a_made_up_back_end_goes_through_generate_worker_and_report() {
    let home = Home::new();
    home.write(TABLE, &source(TABLE));
    let own = ["--backends", TABLE];
    let model = ["dtf/tiny-bert", "--hw", "toy", "--set", "min_seconds=0.1"];
    // Without the table, the name is unknown.
    let refused = home.dtf(&["generate", "dtf/tiny-bert", "--hw", "tooy", own[0], own[1]]);
    let refused = refused.expect_code(2);
    assert!(refused.err.contains("unknown back-end \"tooy\""), "{}", refused.err);
    assert!(refused.err.contains("did you mean \"toy\"?"), "{}", refused.err);
    let generated = [&["generate"][..], &model, &own, &["--out", "tests-toy"]].concat();
    home.dtf(&generated).expect_code(0);
    let coordinator = home.coordinator("data");
    let environments = environments().display().to_string();
    let further = ["--environments-dir", &environments, "--torch-backend", "cpu"];
    let _worker = home.worker(&coordinator, "one", &[&further[..], &own].concat());
    eventually("a worker with two toys", || {
        let workers = home.at(&coordinator, &["workers", "--output", "json"]).json();
        let devices = workers["items"][0]["capability"]["accelerators"].as_array()?.clone();
        let toys: Vec<_> = devices.iter().filter(|device| device["vendor"] == "toy").collect();
        (toys.len() == 2 && toys[0]["model"] == "Toy accelerator").then_some(())
    });
    let submit =
        [&["submit", "tests-toy/plan.yaml", "--wait", "--output", "json"][..], &own].concat();
    let report = home.at(&coordinator, &submit).expect_code(0).json();
    let rows = report["rows"].as_array().expect("rows").clone();
    let on_toy: Vec<_> = rows.iter().filter(|row| row["labels"]["backend"] == "toy").collect();
    assert!(!on_toy.is_empty(), "{rows:?}");
    assert!(rows.iter().all(|row| row["outcome"] == "passed"), "{rows:?}");
    let name = on_toy[0]["name"].as_str().expect("a name");
    let logs = home.at(&coordinator, &["logs", name]).expect_code(0);
    assert!(logs.out.contains(" on toy: "), "{}", logs.out);
}

#[test]
fn a_worker_prepares_for_a_plan_and_runs_nothing() {
    let home = Home::new();
    let ran = home.path("ran").display().to_string();
    let weights = home.write("model/config.json", "{}").parent().expect("it").display().to_string();
    home.write(
        "plan.yaml",
        &format!(
            "tests:\n  - {{name: a, cmd: [touch, '{ran}']}}\n  \
             - {{name: b, cmd: [touch, '{ran}'], weights: {{path: '{weights}-absent'}}}}\n  \
             - {{name: c, cmd: [touch, '{ran}'], environment: {{packages: [dtf-no-such-package]}}}}\n  \
             - {{name: d, cmd: [touch, '{ran}'], requires: {{backend: cuda, accelerators: 64}}}}\n"
        ),
    );
    let args = [
        "worker",
        "--prefetch",
        "plan.yaml",
        "--prefetch-only",
        "--offline",
        "--environments-dir",
        "envs",
    ];
    let finished = home.dtf(&args).expect_code(101);
    assert!(finished.err.contains("this worker can run 3 of 4 tests"), "{}", finished.err);
    assert!(finished.err.contains("dtf-no-such-package"), "{}", finished.err);
    assert!(finished.err.contains("the Python environment (for the test c)"), "{}", finished.err);
    assert!(finished.err.contains("the weights path (for the test b)"), "{}", finished.err);
    assert!(!home.path("ran").exists(), "no test is run");
    let fits = "tests: [{name: a, cmd: [touch, x]}]\n";
    home.write("plan.yaml", fits);
    home.dtf(&args).expect_code(0);
    home.write("plan.yaml", "tests: [{name: a, cmd: [x], requires: {accelerators: 64}}]\n");
    home.dtf(&args).expect_code(5);
}

/// `openvino` holds no device: a machine offers it when the library of the environment works.
#[test]
fn a_library_is_offered_once_it_works() {
    let home = Home::new();
    let environments = environments().display().to_string();
    let mut args = vec!["run", "dtf/tiny-bert", "--hw", "openvino", "--output", "json"];
    args.extend(["--environments-dir", &environments, "--torch-backend", "cpu"]);
    args.extend(["--set", "min_seconds=0.1"]);
    let report = home.dtf(&args).expect_code(0).json();
    let rows = report["rows"].as_array().expect("rows").clone();
    let own = rows.iter().find(|row| row["labels"]["backend"] == "openvino").expect("a row");
    assert_eq!(
        (&own["outcome"], &own["labels"]["runtime"]),
        (&"passed".into(), &"openvino".into())
    );
    let proofs = Path::new(&environments).join("proofs.json");
    let proofs = std::fs::read_to_string(proofs).expect("the answers of the environments");
    assert!(proofs.contains("\"library\":\"openvino "), "{proofs}");
}

#[test]
fn a_worker_offers_the_libraries_that_it_is_given_and_that_work() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let environments = environments().display().to_string();
    let place = ["--environments-dir", &environments, "--torch-backend", "cpu"];
    let _worker =
        home.worker(&coordinator, "one", &[&place[..], &["--runtimes", "openvino"]].concat());
    // The library is known before the registration.
    let first = eventually("the worker", || {
        let workers = home.at(&coordinator, &["workers", "--output", "json"]).json();
        workers["items"].get(0).cloned()
    });
    let offered = first["capability"]["backends"].as_array().expect("back-ends").clone();
    assert!(offered.contains(&"openvino".into()), "{offered:?}");
    let log = std::fs::read_to_string(home.path("one.log")).expect("a log");
    assert!(log.contains("the back-end openvino works"), "{log}");
    let plan = "tests: [{name: a, cmd: [\"true\"], requires: {backend: openvino}}]\n";
    let run = home.submit(&coordinator, &home.write("plan.yaml", plan));
    assert_eq!(home.finished(&coordinator, &run)["rows"][0]["outcome"], "passed");
    let explained = home.dtf(&["detect", "--explain", place[0], place[1]]).expect_code(0).out;
    assert!(explained.contains("openvino: found CPU with openvino "), "{explained}");
    let none = home.dtf(&["detect", "--explain", place[0], "empty"]).expect_code(0).out;
    assert!(none.contains("none: a worker asks an environment when a test uses it"), "{none}");
}

#[test]
fn a_library_that_does_not_work_is_named_with_the_reason() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let empty = home.path("empty").display().to_string();
    let python = std::process::Command::new("python3").args(["-m", "venv", &empty]).status();
    assert!(python.expect("python3 starts").success());
    let python = format!("{empty}/bin/python");
    let worker = ["worker", "--work-dir", "w", "--idle-timeout", "1s", "--runtimes"];
    let installed = ["openvino", "--system-packages", "--python", &python];
    let printed = home.at(&coordinator, &[&worker[..], &installed].concat()).expect_code(0);
    let expected = "the back-end openvino is not offered: its environment cannot be built: ";
    assert!(printed.err.contains(expected), "{}", printed.err);
    assert!(printed.err.contains("does not have openvino"), "{}", printed.err);
    // Names are checked before the hardware is detected.
    for (name, expected) in [
        ("openvin", "hint: did you mean \"openvino\"?"),
        ("cuda", "--runtimes cuda: this back-end has no library besides torch"),
    ] {
        let refused = home.at(&coordinator, &[&worker[..], &[name]].concat()).expect_code(2);
        assert!(refused.err.contains(expected), "{}", refused.err);
        assert!(!refused.err.contains("detecting the hardware"), "{}", refused.err);
    }
}
