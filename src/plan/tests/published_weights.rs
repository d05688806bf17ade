//! The rule for the weights of models that are given by name, and the weights in plans.

use super::own_weights::{
    CACHED, CONFIG, Machine, POINTER, WHOLE, chosen, folder, machine, plan, tests,
};
use super::{launch, names};
use crate::domain::weights::Weights;
use crate::models::source::{Published, PublishedModel};
use crate::models::weights::source::Source;
use crate::plan::document::Plan;
use crate::text::error::{SourceError, ValueError};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// The answer of a hub with these files.
fn known(files: &[(&str, u64)]) -> Published {
    let files = files.iter().map(|(name, size)| ((*name).to_owned(), Some(*size))).collect();
    let description = None;
    Published::Known(PublishedModel { commit: COMMIT.into(), files: Some(files), description })
}

fn with(files: &[(&str, &str)], model: &str, answer: Published) -> Machine {
    let mut machine = machine(files);
    machine.hub.insert(model.to_owned(), answer);
    machine
}

fn hub(model: &str, size_bytes: Option<u64>) -> Source {
    Source::Hub { model: model.into(), commit: COMMIT.into(), size_bytes }
}

fn cache(model: &str, revision: Option<&str>, or_random: bool) -> Source {
    Source::Cache { model: model.into(), revision: revision.map(str::to_owned), or_random }
}

fn denied() -> Published {
    let error = ValueError::new("the hub refuses access to gpt2 (status 401)");
    Published::Denied(error.hint("give a token: set HF_TOKEN"))
}

#[test]
fn auto_prefers_the_hub_then_the_cache_then_random_weights_of_a_carried_configuration() {
    let cached = &[("cache/gpt2/config.json", CONFIG), ("cache/gpt2/model.safetensors", WHOLE)][..];
    let damaged =
        &[("cache/gpt2/config.json", CONFIG), ("cache/gpt2/model.safetensors", POINTER)][..];
    let weights = &[("model.safetensors", 500), ("pytorch_model.bin", 600), ("config.json", 1)][..];
    let pickled = &[("pytorch_model.bin", 600), ("config.json", 1)][..];
    let absent = || Published::Absent("the hub has no model gpt2".into());
    let away = || Published::Unknown("the hub cannot be reached".into());
    let pinned = || cache("gpt2", Some(CACHED), false);
    for (files, answer, source, reason) in [
        (cached, known(weights), hub("gpt2", Some(500)), None),
        (&[][..], known(pickled), hub("gpt2", Some(600)), None),
        (cached, away(), pinned(), Some("the hub cannot be reached")),
        (damaged, away(), pinned(), Some("the hub cannot be reached")),
        (cached, absent(), pinned(), Some("the hub has no model gpt2")),
        (cached, denied(), pinned(), Some("the hub refuses access to gpt2 (status 401)")),
        (&[], away(), cache("gpt2", None, true), Some("the hub cannot be reached")),
        (&[], absent(), cache("gpt2", None, true), Some("the hub has no model gpt2")),
        (
            &[],
            known(&[("config.json", 1)]),
            cache("gpt2", None, true),
            Some("the hub has no weights of the model"),
        ),
    ] {
        let here = with(files, "gpt2", answer.clone());
        let made = tests("gpt2", &[], &here).expect("tests");
        let about = format!("{files:?} {answer:?}");
        assert_eq!(chosen(&made).source, source, "{about}");
        assert_eq!(chosen(&made).reason.as_deref(), reason, "{about}");
        let label = |test: &crate::plan::generate::Planned| {
            test.entry.settings.labels.get("weights_reason").cloned()
        };
        assert!(made.tests().all(|test| label(test).as_deref() == reason), "{about}");
    }
}

#[test]
fn a_refused_model_is_never_replaced_by_random_weights() {
    let here = with(&[], "gpt2", denied());
    let error = tests("gpt2", &[], &here).expect_err("refused");
    assert_eq!(error.message, "the hub refuses access to gpt2 (status 401)");
    let hint = error.hint.expect("the next step");
    assert!(hint.starts_with("give a token: set HF_TOKEN; or test with random weights"), "{hint}");
    let made = tests("gpt2", &["random"], &here).expect("tests");
    assert_eq!(chosen(&made).source, Source::Random);
}

#[test]
fn a_model_that_nobody_carries_is_random_only_if_the_hub_has_no_weights() {
    let config = &[("cache/acme/one/config.json", CONFIG)][..];
    let made = |answer| tests("acme/one", &[], &with(config, "acme/one", answer)).expect("tests");
    let away = made(Published::Unknown("away".into()));
    assert_eq!(chosen(&away).source, cache("acme/one", None, false));
    let none = made(known(&[("config.json", 1)]));
    assert_eq!(chosen(&none).source, cache("acme/one", None, true));
    let note = "random weights for acme/one: the hub has no weights of the model, and the model \
                cache of this machine does not have them";
    assert_eq!(none.submission.weights_notes.notes(true), [note]);
}

#[test]
fn the_signature_of_an_address_is_only_where_the_address_is_used() {
    let digest = "0".repeat(64);
    let address = "https://host/model.safetensors?sig=SECRET";
    let url = format!("url:{address}#sha256={digest}");
    let made = tests("gpt2", &[&url], &machine(&[])).expect("tests");
    assert!(!chosen(&made).to_string().contains("SECRET"));
    for test in made.tests() {
        assert!(!test.entry.name.contains("SECRET"), "{}", test.entry.name);
        let labels = &test.entry.settings.labels;
        let label = &labels["weights"];
        assert_eq!(*label, format!("url:https://host/model.safetensors#sha256={digest}"));
        assert!(!labels.values().any(|value| value.contains("SECRET")));
    }
    assert!(format!("{:?}", chosen(&made).source).contains("SECRET"), "the worker needs it");
}

#[test]
fn the_hub_is_a_requirement_if_it_is_requested() {
    let here = with(&[], "gpt2", known(&[("model.safetensors", 5)]));
    for requested in ["hub", "download", "hub:gpt2", "hub:gpt2@v1"] {
        let made = tests("gpt2", &[requested], &here).expect("tests");
        assert_eq!(chosen(&made).source, hub("gpt2", Some(5)), "{requested}");
    }
    let refused = |requested: &str, here: &Machine| {
        let error = tests("gpt2", &[requested], here).expect_err(requested);
        assert_eq!(error.field, "models[0].weights");
        error.message
    };
    let away = machine(&[("cache/gpt2/model.safetensors", WHOLE)]);
    let message = refused("hub", &away);
    let expected = "the commit of the default revision of gpt2 cannot be determined: the hub \
                    cannot be reached";
    assert_eq!(message, expected);
    let none = with(&[], "gpt2", known(&[]));
    assert_eq!(refused("hub", &none), "the hub has no weights of gpt2");
    let exported = with(&[], "gpt2", known(&[("config.json", 1), ("onnx/model.onnx", 5)]));
    let message =
        "gpt2 on the hub contains only onnx/model.onnx, an exported model without torch weights";
    assert_eq!(refused("hub", &exported), message);
    let error = tests("gpt2", &[], &exported).expect_err("never random");
    assert_eq!((&*error.message, &*error.field), (message, "models[0].model"));
    // A commit needs no answer.
    let made = tests("gpt2", &[&format!("hub:gpt2@{COMMIT}")], &away).expect("tests");
    assert_eq!(chosen(&made).source, hub("gpt2", None));
}

#[test]
fn required_weights_are_never_random() {
    let read = |text: &str, here: &Machine| -> Result<_, SourceError> {
        let mut plan = Plan::parse(text.as_bytes(), "plan.yaml")?;
        plan.require_weights();
        plan.into_submission(&super::sources(here))
    };
    let bare = machine(&[("mine/config.json", CONFIG)]);
    let refused = |text: &str| {
        let error = read(text, &bare).expect_err(text);
        assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("--require-weights")));
        error.message
    };
    let expected =
        "./mine would have random weights (there are no weights beside the configuration)";
    assert_eq!(refused("models: [./mine]"), expected);
    let expected = "gpt2 would have random weights (as requested)";
    assert_eq!(refused("models: [{model: gpt2, weights: random}]"), expected);
    let expected = "the test would have random weights (as requested)";
    assert_eq!(refused("tests: [{name: a, cmd: [x], weights: random}]"), expected);
    // Where only the worker knows, its cache must have them.
    let made = read("models: [gpt2]", &bare).expect("tests");
    let weights = launch(&made.tests[0]).weights.expect("weights");
    assert!(matches!(weights, Weights::Cache { or_random: false, .. }), "{weights:?}");
}

#[test]
fn any_test_of_a_plan_can_have_weights() {
    let here = with(
        &[("mine/model.safetensors", WHOLE), ("unread/model.safetensors", WHOLE)],
        "acme/one",
        known(&[("model.safetensors", 9)]),
    );
    let text = "
tests:
  - {name: folder, cmd: [x], weights: {folder: ./mine, shared: true}}
  - {name: hub, cmd: [x], weights: 'hub:acme/one'}
  - {name: none, cmd: [x]}
  - {name: unread, cmd: [x], weights: ./unread}
  - {name: cached, cmd: [x], weights: {cached: gpt2, otherwise: random}}
";
    let made = plan(text, &here).expect("tests");
    assert_eq!(names(&made), ["folder", "hub", "none", "unread", "cached"]);
    let weights: Vec<_> = made.tests.iter().map(|test| launch(test).weights).collect();
    let manifest = made.weights[0].manifest.digest();
    let path = "/here/mine".to_owned();
    assert_eq!(
        weights,
        [
            Some(Weights::Folder { manifest, size_bytes: 72, path, in_place: true }),
            Some(Weights::Hub {
                model: "acme/one".into(),
                commit: COMMIT.into(),
                size_bytes: Some(9)
            }),
            None,
            None,
            Some(Weights::Cache { model: "gpt2".into(), revision: None, or_random: true }),
        ]
    );
    assert!(made.unread.keys().eq(["/here/unread"]), "{:?}", made.unread);
    let refused = |weights: &str| {
        let text = format!("tests: [{{name: a, cmd: [x], weights: {weights}}}]");
        plan(&text, &here).expect_err(weights).message
    };
    assert_eq!(refused("auto"), "weights: auto needs a model, which only models: entries have");
    assert_eq!(refused("./none"), "./none does not exist or has no weights");
}

#[test]
fn a_written_plan_has_the_chosen_weights() {
    let here = with(
        &[("mine/config.json", CONFIG), ("mine/model.safetensors", WHOLE)],
        "gpt2",
        known(&[("model.safetensors", 5)]),
    );
    for (model, requested, source) in [
        ("./mine", "auto", folder("/here/mine")),
        ("gpt2", "hub", hub("gpt2", Some(5))),
        ("gpt2", "cached", cache("gpt2", None, false)),
        ("t5-small", "auto", cache("t5-small", None, true)),
        ("gpt2", "random", Source::Random),
        ("gpt2", "path:/models/gpt2", Source::Path { path: "/models/gpt2".into() }),
    ] {
        let made = tests(model, &[requested], &here).expect("tests");
        let text = made.plan().expect("a plan");
        let again = Plan::parse(text.as_bytes(), "plan.yaml").expect("a plan");
        let requests: Vec<_> = again.requested_weights().collect();
        assert_eq!(requests.len(), made.tests().count(), "{text}");
        let chosen = crate::models::weights::source::choose_alone(requests[0], false, &here);
        let chosen = chosen.expect("the same weights").source;
        assert_eq!(chosen, source, "{text}");
    }
}
