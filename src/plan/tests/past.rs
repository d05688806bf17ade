//! Tests that ran out of memory before request more: generated tests as well as tests in a plan.

use super::{TestFiles, launch, sources};
use crate::domain::time::Millis;
use crate::plan::document::Plan;
use crate::plan::history::{Exhausted, History, Past};
use crate::plan::request::{Request, generate};
use crate::plan::sources::Sources;
use crate::plan::submission::Submission;

/// Available memory that was not enough, far above every estimate of these models.
const TOO_LITTLE: u64 = 1 << 40;

fn submit(text: &str, files: &TestFiles, history: &History) -> Submission {
    let plan = Plan::parse(text.as_bytes(), "plan.yaml").expect("a plan");
    plan.into_submission(&Sources { history, ..sources(files) }).expect("tests")
}

/// The last test of a plan ran out of memory.
fn ran_out(text: &str) -> History {
    let tests = submit(text, &TestFiles::default(), &History::default()).tests;
    let labels = launch(tests.last().expect("a test")).labels;
    let bytes = Some(TOO_LITTLE);
    let exhausted = vec![Exhausted { labels, bytes, device_bytes: bytes }];
    History { exhausted, ..History::default() }
}

#[test]
fn only_the_same_or_a_larger_size_inherits_a_lack_of_memory() {
    for (model, size, values, letter) in [
        ("dtf/tiny-llama", "max_new_tokens", ["4", "32", "64"], 'n'),
        ("dtf/tiny-wav2vec2", "audio_seconds", ["1.5", "5", "20"], 'a'),
        ("dtf/tiny-stable-diffusion", "latent_size", ["8", "16", "32"], 'l'),
    ] {
        let usual = format!("models: [{{model: {model}, batch: 1}}]");
        let history = ran_out(&usual);
        let raised = |value: &str| {
            let parameters = format!("parameters: {{{size}: {value}}}");
            let text = format!("models: [{{model: {model}, batch: 1, {parameters}}}]");
            let made = submit(&text, &TestFiles::default(), &history);
            let [test] = &made.tests[..] else { panic!("one test: {:?}", made.tests) };
            assert!(launch(test).labels[size].starts_with(value), "{text}");
            // Another size has another name, and therefore another history.
            let named = test.name.contains(&format!("-{letter}{value}-"));
            assert!(named || value == values[1], "{}", test.name);
            let raised = test.requirement.memory_bytes > TOO_LITTLE;
            let noted = made.doubts.iter().any(|doubt| doubt.contains("more memory is required"));
            assert_eq!(noted, raised, "{:?}", made.doubts);
            raised
        };
        assert_eq!(values.map(raised), [false, true, true], "{size}");
    }
}

#[test]
fn requirements_in_a_written_plan_are_raised_like_generated_ones() {
    let request = Request {
        models: vec!["dtf/tiny-bert".into()],
        backends: vec!["cpu".into(), "cuda".into()],
        batch: vec![1, 4, 16],
        ..Request::default()
    };
    let models = request.models().expect("models");
    let files = TestFiles::default();
    let generated = generate("bert", &models, &sources(&files)).expect("tests");
    let scripts: Vec<_> = generated.scripts().map(|(path, text)| (path, &**text)).collect();
    let written = generated.plan().expect("a plan");
    for backend in ["cpu", "cuda"] {
        let text = format!("models: [{{model: dtf/tiny-bert, batch: 4, backends: [{backend}]}}]");
        let made = submit(&written, &TestFiles::with(&scripts), &ran_out(&text));
        let raised: Vec<&str> = made
            .tests
            .iter()
            .filter(|test| {
                let needs = &test.requirement;
                needs.memory_bytes.max(needs.accelerator_memory_bytes) > TOO_LITTLE
            })
            .map(|test| &*test.name)
            .collect();
        let expected = [4, 16].map(|batch| format!("dtf/tiny-bert/{backend}/b{batch}-s131-fp32"));
        assert_eq!(raised, expected);
        assert!(made.doubts[0].starts_with(&format!("{} and 1 more: more memory", expected[0])));
    }
}

#[test]
fn the_expected_time_of_a_test_is_its_median() {
    let past = Past { ended: 3, median_ms: Some(4_200), ..Past::default() };
    let tests = ["a", "b"].map(|name| (name.to_owned(), past.clone()));
    let history = History { tests: tests.into(), ..History::default() };
    let text =
        "tests: [{name: a, cmd: [x]}, {name: b, cmd: [x], expected: 9s}, {name: c, cmd: [x]}]";
    let made = submit(text, &TestFiles::default(), &history);
    let expected: Vec<_> = made.tests.iter().map(|test| test.expected_ms).collect();
    assert_eq!(expected, [Some(Millis(4_200)), Some(Millis(9_000)), None]);
}

#[test]
fn given_memory_that_was_not_enough_before_is_raised() {
    let text = "models: [{model: dtf/tiny-bert, requires: {memory: 8GiB}}]";
    let plain = submit(text, &TestFiles::default(), &History::default());
    assert_eq!((plain.tests[0].requirement.memory_bytes, plain.doubts.len()), (8 << 30, 0));
    let raised = submit(text, &TestFiles::default(), &ran_out(text));
    assert!(raised.tests[0].requirement.memory_bytes > TOO_LITTLE);
    assert_eq!(raised.doubts.len(), 1);
}
