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
