//! The example plans are read and become tests.

use super::{described, launch, names, sources};
use crate::domain::accelerator::Backend;
use crate::domain::launch::Program;
use crate::models::description::Description;
use crate::models::source::ModelSource;
use crate::plan::document::Plan;
use crate::plan::entry;
use crate::plan::files::directory::PlanFiles;
use crate::plan::model_entry;
use crate::plan::settings;
use crate::plan::sources::Sources;
use crate::plan::submission::Submission;
use crate::text::error::ReadError;
use std::path::{Path, PathBuf};

/// A directory on the disk.
struct Disk(PathBuf);

impl PlanFiles for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        std::fs::read(self.0.join(path)).map_err(|error| ReadError(error.to_string()))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        let mut files = Vec::new();
        let mut left = vec![self.0.join(path)];
        while let Some(path) = left.pop() {
            if path.is_dir() {
                let entries = std::fs::read_dir(&path).map_err(|p| ReadError(p.to_string()))?;
                left.extend(entries.flatten().map(|entry| entry.path()));
            } else {
                let inside = path.strip_prefix(&self.0).expect("below");
                files.push(inside.to_string_lossy().replace('\\', "/"));
            }
        }
        Ok(files)
    }
}

impl ModelSource for Disk {
    fn configuration_file(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        self.read(path)
    }

    fn model_directory(&self, path: &str) -> Result<Description, ReadError> {
        described(self, path)
    }
}

fn example(name: &str, accelerators: &[Backend]) -> Submission {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let text = std::fs::read(files.join(name)).expect(name);
    let plan = Plan::parse(&text, name);
    let plan = plan.unwrap_or_else(|error| panic!("{error} ({:?})", error.hint));
    let (files, accelerators) = (Disk(files), accelerators.iter().copied().collect());
    let sources = Sources { accelerators: &accelerators, ..sources(&files) };
    plan.into_submission(&sources).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn quickstart_covers_three_families_on_what_is_found() {
    let plain = example("quickstart.yaml", &[]);
    assert_eq!(plain.tests.len(), 5 + 2, "two of one model share a reference and are loaded first");
    let with_device = example("quickstart.yaml", &[Backend::CUDA, Backend::QNN]);
    assert_eq!(with_device.tests.len(), 10 + 4 + 2, "a reference for each model");
    let families: std::collections::BTreeSet<String> =
        plain.tests.iter().map(|test| launch(test).labels["family"].clone()).collect();
    assert_eq!(families.len(), 3);
}

#[test]
fn matrix_leaves_out_and_adds() {
    let submission = example("matrix.yaml", &[]);
    let names = names(&submission);
    assert_eq!(names.iter().filter(|name| name.starts_with("dtf/tiny-bert/cpu/b")).count(), 7);
    assert!(names.contains(&"dtf/tiny-bert/cpu/b32-s16-fp32"));
    assert!(names.contains(&"threads-1-exact") && !names.contains(&"threads-2-exact"));
}

#[test]
fn the_pytest_suite_travels_with_each_shard() {
    let submission = example("pytest-suite.yaml", &[]);
    assert_eq!(names(&submission).len(), 4);
    let shard = launch(&submission.tests[0]);
    assert_eq!(shard.junit.as_ref().map(|junit| &*junit.file), Some("report.xml"));
    let Program::Command(words) = &shard.run else { panic!("a command") };
    assert!(words.contains(&"pytest-suite/tests/test_numbers.py".to_owned()));
    assert!(shard.files.iter().any(|file| file.path == "pytest-suite/tests/test_numbers.py"));
    assert_eq!((*submission.tests[3].depends_on).to_vec(), [0, 1, 2]);
}

/// Fenced blocks of one language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    std::fs::read_to_string(path).expect(name)
}

#[test]
fn the_plans_of_the_document_are_understood() {
    let text = document("plan.md");
    let plans = blocks(&text, "yaml");
    assert_eq!(plans.len(), 3);
    for plan in plans {
        Plan::parse(plan.as_bytes(), "plan.md").unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn the_family_of_the_document_is_the_example() {
    let text = document("templates.md");
    for (language, name) in [
        ("yaml", "templates/families.yaml"),
        ("jinja", "templates/decision/test.py.j2"),
        ("json", "config.json"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/own-family").join(name);
        let file = std::fs::read_to_string(path).expect(name);
        assert_eq!(blocks(&text, language)[0], file, "{name}");
    }
}

#[test]
fn the_document_names_every_key() {
    let text = document("plan.md");
    let keys = entry::keys().into_iter().chain(model_entry::keys());
    for key in keys.chain(settings::REQUIREMENT_KEYS) {
        assert!(text.contains(&format!("`{key}`")), "{key} is not in docs/plan.md");
    }
}

#[test]
fn the_lines_of_the_protocol_are_json() {
    for block in blocks(&document("protocol.md"), "json") {
        for line in block.lines() {
            serde_json::from_str::<serde_json::Value>(line).expect(line);
        }
    }
}
