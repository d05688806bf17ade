//! Every example works as it stands.

use crate::support::{Home, eventually};
use dtf::config::File;
use std::path::{Path, PathBuf};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

#[test]
fn settings_files_are_understood() {
    for name in ["coordinator.yaml", "worker.yaml"] {
        let text = std::fs::read_to_string(example(name)).expect("the example");
        File::parse(&text, example(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Commented settings are settings too.
        let all: String = text
            .lines()
            .filter_map(|line| {
                let bare = line.trim_start_matches(['#', ' ']);
                let key = bare.split(':').next()?;
                let plain = |c: char| c.is_ascii_lowercase() || c == '_';
                let setting = bare.contains(": ") && !key.is_empty() && key.chars().all(plain);
                setting.then(|| format!("{bare}\n"))
            })
            .collect();
        File::parse(&all, example(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn the_pytest_suite_runs_over_two_workers() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    // One environment with pytest for both.
    let shared = crate::python::environments().display().to_string();
    let more = ["--slots", "1", "--environments-dir", &shared];
    let _workers =
        [home.worker(&coordinator, "one", &more), home.worker(&coordinator, "two", &more)];
    eventually("two workers", || {
        let workers = home.at(&coordinator, &["workers", "--output", "json"]).json();
        (workers["items"].as_array()?.len() == 2).then_some(())
    });
    let plan = example("pytest-suite.yaml");
    let plan = plan.to_str().expect("a plain path");
    let said = home.at(&coordinator, &["submit", plan, "--wait", "--output", "json"]);
    let said = said.expect_code(0);
    let rows = said.json()["rows"].as_array().expect("rows").clone();
    assert!(rows.len() >= 2);
    assert!(rows.iter().all(|row| row["outcome"] == "passed"), "{rows:?}");
    let used: std::collections::BTreeSet<_> =
        rows.iter().filter_map(|row| row["worker"].as_str()).collect();
    assert_eq!(used.len(), 2, "both workers had a shard: {rows:?}");
}

#[test]
fn a_family_of_ones_own_is_checked_and_tested() {
    let home = Home::new();
    let model = example("own-family");
    let templates = model.join("templates");
    let [model, templates] = [model, templates].map(|path| path.display().to_string());
    let unknown = home.dtf(&["generate", &model, "--dry-run"]).expect_code(2);
    assert!(unknown.err.contains("decides from a state"), "{}", unknown.err);
    let own = ["--templates", &templates];
    home.dtf(&[&["templates", "check", "decision"], &own[..]].concat()).expect_code(0);
    let environments = crate::python::environments().display().to_string();
    let run =
        ["run", &model, "--dtype", "fp32,bf16", "--set", "min_seconds=0.1", "--output", "json"];
    let here = ["--environments-dir", &environments, "--torch-backend", "cpu"];
    let said = home.dtf(&[&run[..], &own, &here].concat()).expect_code(0);
    let rows = said.json()["rows"].as_array().expect("rows").clone();
    assert_eq!(rows.len(), 4, "{rows:?}");
    assert!(rows.iter().all(|row| row["labels"]["template"] == "decision"), "{rows:?}");
}
