//! Bounds of quality, and two checkpoints that are compared.

use super::own_weights::{Machine, machine, plan};
use crate::domain::launch::Launch;
use crate::plan::submission::Submission;
use crate::text::error::SourceError;

const CONFIG: &str = include_str!("../../../templates/catalogue/dtf--tiny-llama.json");
const WHOLE: &str = super::own_weights::WHOLE;

fn two() -> Machine {
    machine(&[
        ("tuned/config.json", CONFIG),
        ("tuned/model.safetensors", WHOLE),
        ("base/config.json", CONFIG),
        ("base/model.safetensors", WHOLE),
        ("bare/config.json", CONFIG),
    ])
}

fn compared(text: &str) -> Result<Submission, SourceError> {
    plan(&format!("models:\n  - {{model: ./tuned, {text}}}\n"), &two())
}

/// Message and field of the error.
fn refused(text: &str) -> String {
    let error = compared(text).expect_err(text);
    format!("{}: {}", error.field, error.message)
}

#[test]
fn each_test_gets_the_answers_of_the_other_checkpoint() {
    for given in ["./base", "{folder: ./base}", "{folder: base}"] {
        let made = compared(&format!("compare: {given}, batch: [1, 2]")).expect("tests");
        let named = |name: &str| {
            let at = made.tests.iter().position(|test| &*test.name == name);
            let at = at.unwrap_or_else(|| panic!("no {name}"));
            (at, serde_json::from_str::<Launch>(made.tests[at].launch.get()).expect("a launch"))
        };
        let (reference, launch) = named("base/reference/s131");
        let files: Vec<&str> = launch.artifacts.iter().map(String::as_str).collect();
        assert_eq!(files, ["reference.safetensors", "answers.safetensors"]);
        let (_, launch) = named("tuned/reference/s131");
        assert_eq!(launch.artifacts.len(), 1);
        for shape in ["b1-s131-fp32", "b2-s131-fp32"] {
            let (at, launch) = named(&format!("tuned/cpu/{shape}"));
            assert_eq!(launch.env["DTF_COMPARE"], "answers.safetensors");
            assert_eq!(launch.labels["compared_with"], format!("base/cpu/{shape}"));
            let depends = &made.tests[at].depends_on;
            assert!(depends.iter().any(|on| *on as usize == reference));
            let (_, launch) = named(&format!("base/cpu/{shape}"));
            assert!(!launch.env.contains_key("DTF_COMPARE"));
        }
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let message = "models[0].compare: ./bare has random weights, whose answers mean nothing";
    assert_eq!(refused("compare: ./bare"), message);
    let missing = refused("compare: ./nothing");
    assert!(missing.starts_with("models[0]"), "{missing}");
    let number = refused("compare: 3");
    assert_eq!(number, "models[0].compare: expected a model, or a source of weights, found 3");
}

#[test]
fn bounds_are_in_the_scripts_and_unknown_ones_are_refused() {
    assert!(compared("quality: {perplexity: 20, token_agreement: {min: 0.9}}").is_ok());
    let unknown = refused("quality: {perplexty: 20}");
    let expected = "models[0].quality.perplexty: decoder_llm tests do not measure \"perplexty\"";
    assert_eq!(unknown, expected);
}

#[test]
fn bounds_of_numbers_that_a_test_does_not_measure_are_refused() {
    let bounds = "quality: {perplexity: 20}";
    let exported = refused(&format!("{bounds}, runtime: [torch, onnxruntime]"));
    let expected = "models[0].quality: perplexity cannot be bounded: tests with the runtime \
        onnxruntime do not measure quality";
    assert_eq!(exported, expected);
    let random = refused(&format!("{bounds}, weights: random"));
    assert!(
        random.contains("./tuned would have random weights, which have no quality"),
        "{random}"
    );
    assert!(compared("weights: random").is_ok());
}
