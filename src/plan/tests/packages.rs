//! Pinned packages: as an axis of a model, and those of the command line.

use super::{TestFiles, launch, names, sources, submit};
use crate::domain::launch::Environment;
use crate::domain::test::TestSpec;
use crate::plan::document::Plan;
use crate::plan::packages::Pins;
use crate::plan::sources::Sources;
use crate::plan::submission::Submission;
use crate::text::error::SourceError;

fn made(plan: &str) -> Submission {
    submit(plan, &TestFiles::default(), &[]).expect("tests")
}

fn refused(plan: &str) -> SourceError {
    submit(plan, &TestFiles::default(), &[]).expect_err("refused")
}

fn with(plan: &str, pins: &[&str]) -> Result<Submission, SourceError> {
    let pins = Pins::parse(pins.iter().copied()).expect("pins");
    let plan = Plan::parse(plan.as_bytes(), "plan.yaml")?;
    plan.into_submission(&Sources { pins: &pins, ..sources(&TestFiles::default()) })
}

fn requirements(test: &TestSpec) -> Vec<String> {
    match launch(test).environment {
        Environment::Packages(packages) => packages.requirements,
        Environment::System => Vec::new(),
    }
}

#[test]
fn each_set_of_packages_has_its_own_tests_reference_and_environment() {
    let submission = made(
        "models:\n  - model: bert-base-uncased\n    batch: [1, 4]\n    packages: [[transformers==5.23.0], \
         [transformers==5.24.0, torch>=2.9], []]",
    );
    let names = names(&submission);
    let pinned = "-transformers==5.24.0+torch>=2.9";
    for expected in [
        "bert-base-uncased/reference/s131".to_owned(),
        format!("bert-base-uncased/reference/s131{pinned}"),
        "bert-base-uncased/cpu/load-transformers==5.23.0".to_owned(),
        "bert-base-uncased/cpu/b4-s131-fp32-transformers==5.23.0".to_owned(),
        format!("bert-base-uncased/cpu/b1-s131-fp32{pinned}"),
        "bert-base-uncased/cpu/b1-s131-fp32".to_owned(),
    ] {
        assert!(names.contains(&&*expected), "{expected}: {names:?}");
    }
    assert_eq!(names.len(), 12, "reference, load and two tests for each of three sets");
    for test in &submission.tests {
        let label = launch(test).labels.get("packages").cloned().unwrap_or_default();
        let pins: Vec<&str> = label.split_whitespace().collect();
        let requirements = requirements(test);
        assert!(requirements.iter().any(|text| text.starts_with("transformers>=")));
        assert!(requirements.iter().map(String::as_str).collect::<Vec<_>>().ends_with(&pins));
        // A test waits only for tests of the same set.
        for before in &test.depends_on {
            let before = &submission.tests[*before as usize];
            let other = launch(before).labels.get("packages").cloned().unwrap_or_default();
            assert_eq!(other, label, "{} waits for {}", test.name, before.name);
        }
    }
}

#[test]
fn one_set_is_not_part_of_names_and_does_not_change_them() {
    let plain = made("models: [{model: gpt2, batch: [1, 2]}]");
    let pinned = made("models: [{model: gpt2, batch: [1, 2], packages: [transformers==5.24.0]}]");
    assert_eq!(names(&plain), names(&pinned));
    let given =
        with("models: [{model: gpt2, batch: [1, 2]}]", &["transformers==5.24.0"]).expect("tests");
    let launches = |submission: &Submission| -> Vec<_> {
        submission.tests.iter().map(|test| launch(test)).collect()
    };
    assert_eq!(launches(&given), launches(&pinned));
    assert_ne!(launches(&plain), launches(&pinned));
}

#[test]
fn sets_are_excluded_and_added_like_other_values() {
    let submission = made(
        "models:\n  - model: gpt2\n    batch: [1, 2]\n    packages: [[torch==2.9.0], [torch==2.10.0]]\n    \
         exclude: [{packages: [torch==2.9.0], batch: 2}]",
    );
    let names = names(&submission);
    assert!(!names.iter().any(|name| name.contains("b2") && name.contains("==2.9.0")), "{names:?}");
    assert!(names.iter().any(|name| name.contains("b2") && name.contains("==2.10.0")), "{names:?}");
}

#[test]
fn mistakes_are_reported_with_their_position() {
    let entry = |packages: &str| format!("models:\n  - model: gpt2\n    packages: {packages}\n");
    for (packages, field, why) in [
        (
            "[transformers==4.40.0]",
            "models[0].packages",
            "contradicts the requirement transformers",
        ),
        ("[torch==2.9, torch==2.10]", "models[0].packages[1]", "pinned twice"),
        ("[[torch==2.9], [-r x.txt]]", "models[0].packages[1][0]", "options"),
        ("['torch @ https://host/x.whl']", "models[0].packages[0]", "addresses"),
        ("[\"torch==2\\n-r x\"]", "models[0].packages[0]", "control"),
        ("torch==2.9", "models[0].packages", "a list of pinned packages"),
        ("[torch==2.9, [torch==2.10]]", "models[0].packages", "a list of pinned packages"),
        ("[[torch==2.9], [torch==2.9]]", "models[0].packages[1]", "given twice"),
        ("[2.9]", "models[0].packages", "a list of pinned packages"),
    ] {
        let error = refused(&entry(packages));
        assert_eq!(error.field, field, "{packages}: {}", error.message);
        assert!(error.message.contains(why), "{packages}: {}", error.message);
        assert!(error.position.is_some(), "{packages}");
    }
    let system = refused("models: [{model: gpt2, packages: [torch==2.9], environment: system}]");
    assert!(system.message.contains("environment of the worker"), "{}", system.message);
    let twice = with("models: [{model: gpt2, packages: [torch==2.9]}]", &["torch==2.10"]);
    assert!(twice.expect_err("twice").message.contains("pinned twice"));
}

#[test]
fn pins_of_the_command_line_apply_to_every_environment_of_packages() {
    let plan = "tests:\n  - {name: a, cmd: [pytest], environment: {packages: [six, pytest]}}\n  \
                - {name: b, cmd: [make]}\n";
    let submission = with(plan, &["six==1.17.0"]).expect("tests");
    assert_eq!(requirements(&submission.tests[0]), ["six", "pytest", "six==1.17.0"]);
    assert!(requirements(&submission.tests[1]).is_empty());
    assert!(submission.doubts.iter().any(|doubt| doubt.contains("not pinned for b")));
    let plan = "tests:\n  - {name: a, cmd: [x], environment: {packages: [six==1.16.0]}}\n";
    let error = with(plan, &["six==1.17.0"]).expect_err("contradicts");
    assert_eq!(error.field, "tests[0].environment");
}
