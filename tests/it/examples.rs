//! Every example works unchanged.

use crate::support::{Home, eventually};
use dtf::config::File;
use std::path::{Path, PathBuf};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

#[test]
fn settings_files_are_valid() {
    for name in ["coordinator.yaml", "worker.yaml"] {
        let text = std::fs::read_to_string(example(name)).expect("the example");
        File::parse(&text, example(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Settings in comments must be valid as well.
        let all: String = text
            .lines()
            .map(|line| {
                let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
                let bare = rest.strip_prefix("# ").unwrap_or(rest);
                let (key, _) = bare.trim_start().split_once(':').unwrap_or_default();
                let plain = |c: char| c.is_ascii_lowercase() || c == '_';
                let is_setting = !key.is_empty() && key.chars().all(plain);
                format!("{indent}{}\n", if is_setting { bare } else { rest })
            })
            .collect();
        assert!(all.contains("\n  token_file: /etc/dtf/"), "{name}: the comments were read");
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
    let finished = home.at(&coordinator, &["submit", plan, "--wait", "--output", "json"]);
    let finished = finished.expect_code(0);
    let rows = finished.json()["rows"].as_array().expect("rows").clone();
    assert!(rows.len() >= 2);
    assert!(rows.iter().all(|row| row["outcome"] == "passed"), "{rows:?}");
    let used: std::collections::BTreeSet<_> =
        rows.iter().filter_map(|row| row["worker"].as_str()).collect();
    assert_eq!(used.len(), 2, "both workers had a shard: {rows:?}");
}

/// The commands of docs/templates.md work, and print the output that is shown there.
#[test]
fn a_family_is_added_as_the_documentation_shows() {
    let home = Home::new();
    for file in ["config.json", "templates/families.yaml", "templates/decision/test.py.j2"] {
        let file = format!("own-family/{file}");
        let text = std::fs::read_to_string(example(&file)).expect("the example");
        home.write(&format!("examples/{file}"), &text);
    }
    let document = example("../docs/templates.md");
    let document = std::fs::read_to_string(document).expect("the document");
    let environments = crate::python::environments().display().to_string();
    let here = ["--environments-dir", &environments, "--torch-backend", "cpu"];
    let quick = ["--set", "min_seconds=0.1", "--output", "json"];
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut typed = Vec::new();
    for block in document.split("```console\n$ dtf ").skip(1) {
        let (block, _) = block.split_once("```").expect("the end of a block");
        let (command, answer) = block.split_once('\n').expect("a line");
        let mut args: Vec<&str> = command.split(' ').collect();
        let name = args[0];
        if name == "run" {
            args.extend(here.iter().chain(&quick));
        }
        let finished = home.dtf(&args).expect_code(if name == "generate" { 2 } else { 0 });
        let expected = plain(&format!("{} {}", finished.err, finished.out));
        assert!(expected.contains(&plain(answer)), "{command}: {expected}");
        if name == "run" {
            let rows = finished.json()["rows"].as_array().expect("rows").clone();
            assert_eq!(rows.len(), 6, "{rows:?}");
            assert!(rows.iter().all(|row| row["labels"]["template"] == "decision"), "{rows:?}");
        }
        typed.push(name);
    }
    assert_eq!(typed, ["generate", "templates", "run"]);
}
