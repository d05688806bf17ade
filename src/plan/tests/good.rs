//! Valid plans, and the tests that they produce.

use super::{TestFiles, launch, names, submit};
use crate::domain::accelerator::{Backend, Vendor};
use crate::domain::launch::{Environment, Isolation, Program};
use crate::domain::test::OnFailure;
use crate::domain::time::Millis;
use crate::plan::document::Plan;
use std::num::NonZeroU32;

#[test]
fn every_key_reaches_the_test() {
    let files = TestFiles::with(&[("tests/test_a.py", "a"), ("data/x.json", "{}")]);
    let text = r#"
schema: 1
name: nightly
tests:
  - name: build
    cmd: [make, -j, 2]
  - name: unit
    cmd: [pytest, -q, ""]
    files: [tests/, "data/*.json"]
    requires:
      {backend: cuda, accelerators: 2, accelerator_memory: 16GiB, share_accelerator: true,
       cpu: 1.5, memory: 4GiB, vendor: nvidia, min_architecture: "8.0", os: linux,
       arch: x86_64, tags: [lab, rack=3]}
    environment: {packages: [torch, "numpy>=2"], python: ">=3.10"}
    isolation: warm
    env: {MODE: fast, COUNT: 3}
    depends_on: [build]
    on_failure: run
    priority: -7
    retries: {failed: 1}
    timeout: 5m
    silence: 1m
    grace: 3s
    expected: 30s
    expire_after: 1d
    junit: {file: out/report.xml, cases: 40}
    labels: {suite: unit, level: 2}
"#;
    let submission = submit(text, &files, &[]).expect("a plan");
    assert_eq!(submission.name, "nightly");
    assert_eq!(names(&submission), ["build", "unit"]);
    assert_eq!(submission.files.len(), 2);
    let plain = launch(&submission.tests[0]);
    assert_eq!(plain.run, Program::Command(["make", "-j", "2"].map(Into::into).into()));
    assert_eq!(plain.timeout_ms, Millis::from_secs(600));
    let test = &submission.tests[1];
    let need = &test.requirement;
    assert_eq!(need.backend, Some(Backend::CUDA));
    assert_eq!((need.accelerators, need.cpu_milli), (2, 1500));
    assert_eq!((need.accelerator_memory_bytes, need.memory_bytes), (16 << 30, 4 << 30));
    assert_eq!((need.vendor, need.share_accelerator), (Some(Vendor::NVIDIA), true));
    assert_eq!(need.min_architecture.as_deref(), Some("8.0"));
    assert_eq!((need.os.as_deref(), need.arch.as_deref()), (Some("linux"), Some("x86_64")));
    assert_eq!(need.tags.len(), 2);
    assert_eq!((*test.depends_on).to_vec(), [0]);
    assert_eq!((test.on_failure, test.priority.get()), (OnFailure::Run, -7));
    assert_eq!((test.retries.failed, test.retries.infrastructure), (1, 2));
    assert_eq!(test.expected_ms, Some(Millis::from_secs(30)));
    assert_eq!(test.expire_after_ms, Some(Millis::from_secs(86_400)));
    let unit = launch(test);
    let paths: Vec<&str> = unit.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["data/x.json", "tests/test_a.py"]);
    assert!(matches!(&unit.environment, Environment::Packages(p) if p.requirements.len() == 2));
    assert_eq!((unit.isolation, unit.backend), (Isolation::Warm, Some(Backend::CUDA)));
    assert_eq!(unit.env["COUNT"], "3");
    assert_eq!((unit.timeout_ms, unit.grace_ms), (Millis::from_secs(300), Millis::from_secs(3)));
    assert_eq!(unit.silence_ms, Some(Millis::from_secs(60)));
    let junit = unit.junit.as_ref().expect("a JUnit file");
    assert_eq!((&*junit.file, junit.cases), ("out/report.xml", NonZeroU32::new(40)));
    assert_eq!(unit.labels["level"], "2");
}

#[test]
fn a_matrix_multiplies_excludes_includes_and_fills_in() {
    let text = r#"
tests:
  - name: "{shard}-{level}"
    cmd: [run, "{shard}", "--level={level}", "{{shard}}", "{other}", "{level}"]
    priority: "{level}"
    labels: {shard: "{shard}"}
    matrix:
      shard: [a, b]
      level: [1, 2, 3]
      exclude: [{shard: b, level: 2}, {level: 3}]
      include: [{shard: c, level: 9}]
"#;
    let submission = submit(text, &TestFiles::default(), &[]).expect("a plan");
    assert_eq!(names(&submission), ["a-1", "a-2", "b-1", "c-9"]);
    let last = launch(&submission.tests[3]);
    let words = ["run", "c", "--level=9", "{shard}", "{other}", "9"].map(String::from);
    assert_eq!(last.run, Program::Command(words.into()));
    assert_eq!(submission.tests[3].priority.get(), 9);
    assert_eq!(last.labels["shard"], "c");
}

#[test]
fn names_mention_every_axis_that_varies() {
    let text = "tests: [{name: 't-{a}', cmd: [x], matrix: {a: [1, 2], b: [x, y], c: [one]}}]";
    let submission = submit(text, &TestFiles::default(), &[]).expect("a plan");
    assert_eq!(names(&submission), ["t-1/b=x", "t-1/b=y", "t-2/b=x", "t-2/b=y"]);
}

#[test]
fn patterns_in_depends_on_name_a_whole_matrix() {
    let text = "
tests:
  - {name: 'unit-{n}', cmd: [x], matrix: {n: [1, 2, 3]}}
  - {name: all, cmd: [x], depends_on: ['unit-*']}
";
    let submission = submit(text, &TestFiles::default(), &[]).expect("a plan");
    assert_eq!((*submission.tests[3].depends_on).to_vec(), [0, 1, 2]);
}

#[test]
fn defaults_fill_what_an_entry_leaves_out() {
    let text = "
defaults:
  timeout: 1m
  env: {A: '1', B: '1'}
  requires: {tags: [lab], cpu: 2}
  environment: {packages: [torch]}
tests:
  - {name: a, cmd: [x]}
  - {name: b, cmd: [x], timeout: 2m, env: {B: '2'}, requires: {cpu: 4}, environment: system}
";
    let submission = submit(text, &TestFiles::default(), &[]).expect("a plan");
    let (a, b) = (launch(&submission.tests[0]), launch(&submission.tests[1]));
    assert_eq!((a.timeout_ms, b.timeout_ms), (Millis::from_secs(60), Millis::from_secs(120)));
    assert_eq!((b.env["A"].as_str(), b.env["B"].as_str()), ("1", "2"));
    assert_eq!(submission.tests[1].requirement.cpu_milli, 4000);
    assert_eq!(submission.tests[1].requirement.tags.len(), 1);
    assert!(!a.environment.is_system() && b.environment.is_system());
}

#[test]
fn json_is_a_plan_too_and_anchors_work() {
    let text = r#"{"tests": [{"name": "😀 \ud83d\ude00", "cmd": ["true"]}]}"#;
    let plan = Plan::parse(text.as_bytes(), "dir/smoke.json").expect("a plan");
    assert_eq!(plan.name, "smoke");
    let text =
        "tests:\n  - &a {name: a, cmd: [x]}\n  - {name: b, cmd: &c [y]}\n  - {name: c, cmd: *c}";
    let submission = submit(text, &TestFiles::default(), &[]).expect("a plan");
    assert_eq!(names(&submission), ["a", "b", "c"]);
}

#[test]
fn equal_plans_give_equal_tests() {
    let text = "tests: [{name: 't{i}', cmd: [x], files: [f], matrix: {i: [3, 1, 2]}}]";
    let files = TestFiles::with(&[("f", "content")]);
    let tests = || {
        let submission = submit(text, &files, &[]).expect("a plan");
        serde_json::to_string(&submission.tests).expect("json")
    };
    assert_eq!(tests(), tests());
}
