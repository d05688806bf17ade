//! The tests that a report selects, its matrix, and the details of its tests.

use super::fixture::*;
use crate::domain::fact::{Fact, Next};
use crate::domain::id::{RunId, TestId};
use crate::domain::outcome::Outcome;
use crate::domain::test::TestSpec;
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::reports::cells::CellRow;
use crate::store::reports::matrix::Group;
use crate::store::reports::selection::{Runs, Selection};
use serde_json::json;
use std::sync::Arc;

const METRIC: &str = "latency_seconds";

/// Tests of two models on two back-ends.
const TESTS: [(&str, &str, &str); 4] = [
    ("bert/cpu", "bert-base", "cpu"),
    ("bert/cuda", "bert-base", "cuda"),
    ("gpt2/cpu", "gpt2.a", "cpu"),
    ("gpt2/cuda", "gpt2.a", "cuda"),
];

fn run(number: u32) -> Vec<Fact> {
    let spec = |(name, model, backend): &(&str, &str, &str)| {
        let labels = json!({ "model": model, "backend": backend, "family": "text" });
        let launch = json!({ "run": { "command": ["true"] }, "labels": labels });
        let spec = json!({ "name": name, "launch": launch });
        Arc::new(serde_json::from_str::<TestSpec>(&spec.to_string()).expect("a test"))
    };
    let added = Fact::TestsAdded {
        run: RunId(number),
        first: 0,
        tests: TESTS.iter().map(spec).collect(),
        last: true,
        part: 0,
        at: Timestamp(2000),
    };
    vec![submitted(number, u64::from(number) * 1_000), added]
}

fn ended(test: TestId, number: u16, outcome: Outcome, next: Next, value: f64) -> Fact {
    let metric = json!({ "name": METRIC, "unit": "seconds", "better": "lower",
                         "values": [value * 2.0, value, value / 2.0] });
    finished(
        test,
        number,
        outcome,
        next,
        &json!({ "message": "so it is", "metrics": [metric], "devices": [] }),
    )
}

/// Three runs. Each test passes in them in 0.1 s, in 0.1 s and in 0.2 s, except that in the last run one
/// fails, one is flaky, and one does not end.
fn three_runs() -> Vec<Fact> {
    let done = || Next::Done { flaky: false };
    let mut facts = vec![registered(1, "lab"), registered(2, "attic")];
    for number in [1, 2] {
        facts.extend(run(number));
        let of = |index| ended(id(number, index), 1, Outcome::Passed, done(), 0.1);
        facts.extend((0..4).map(of));
    }
    facts.extend(run(3));
    facts.extend([
        ended(id(3, 0), 1, Outcome::Passed, done(), 0.2),
        ended(id(3, 1), 1, Outcome::Failed, done(), 0.2),
        ended(id(3, 2), 1, Outcome::Failed, Next::Retry { elsewhere: false }, 0.2),
        ended(id(3, 2), 2, Outcome::Passed, Next::Done { flaky: true }, 0.2),
    ]);
    facts
}

fn names(store: &Store, selection: Selection) -> Vec<String> {
    let report = store.run_report(selection, 100).expect("reports");
    assert_eq!(report.totals.tests, report.rows.len() as u64);
    report.rows.into_iter().map(|row| format!("{} {}", row.test.test, row.test.name)).collect()
}

#[test]
fn each_condition_selects_tests() {
    let (_place, opened) = with(&three_runs());
    let last = || Selection { run: Some(RunId(3)), ..Selection::default() };
    let of = |selection| names(&opened.store, selection);
    let patterns = |text: &str| Some(text.parse().expect("patterns"));
    let states = |text: &str| Some(text.parse().expect("states"));
    assert_eq!(of(Selection::default()).len(), 12);
    let bert = of(Selection { model: patterns("BERT*"), ..last() });
    assert_eq!(bert, ["r3.t0 bert/cpu", "r3.t1 bert/cuda"]);
    // The point is not a pattern of expressions, and the whole name matches.
    assert!(of(Selection { model: patterns("gpt2?a,gpt2,xgpt2.a"), ..last() }).is_empty());
    assert_eq!(of(Selection { model: patterns("none,gpt2.a"), ..last() }).len(), 2);
    assert_eq!(of(Selection { hw: patterns("cuda"), ..last() }).len(), 2);
    assert_eq!(of(Selection { family: patterns("text"), ..last() }).len(), 4);
    // A test that has not ended has no worker.
    assert_eq!(of(Selection { worker: patterns("lab"), ..last() }).len(), 3);
    assert!(of(Selection { worker: patterns("attic"), ..last() }).is_empty());
    assert_eq!(of(Selection { status: states("failed"), ..last() }), ["r3.t1 bert/cuda"]);
    assert_eq!(of(Selection { status: states("flaky"), ..last() }), ["r3.t2 gpt2/cpu"]);
    assert_eq!(of(Selection { status: states("pending"), ..last() }), ["r3.t3 gpt2/cuda"]);
    assert_eq!(of(Selection { status: states("passed"), ..last() }), ["r3.t0 bert/cpu"]);
    let until = Selection { until: Some(Timestamp(2_000)), ..Selection::default() };
    assert_eq!(of(until).len(), 8);
    let middle = Selection {
        from_run: Some(RunId(2)),
        to_run: Some(RunId(2)),
        since: Some(Timestamp(1)),
        ..Selection::default()
    };
    assert_eq!(of(middle).len(), 4);
    assert_eq!(of(Runs::One(RunId(9)).into()), Vec::<String>::new());
}

#[test]
fn a_cell_has_the_newest_verdict_of_each_case_and_its_change() {
    let (_place, opened) = with(&three_runs());
    let cells = |selection: &Selection, group| {
        opened.store.matrix(selection, group, METRIC, 100).expect("a matrix")
    };
    let all = cells(&Selection::default(), Group::Model);
    let places: Vec<(&str, &str)> = all.iter().map(|cell| (&*cell.row, &*cell.column)).collect();
    let bert = [("bert-base", "cpu"), ("bert-base", "cuda")];
    assert_eq!(places, [bert, [("gpt2.a", "cpu"), ("gpt2.a", "cuda")]].concat());
    let [passed, failed, flaky, open] = &all[..] else { panic!("four cells") };
    let close = |value: Option<f64>, expected: f64| {
        assert!(value.is_some_and(|value| (value - expected).abs() < 1e-9), "{value:?}");
    };
    assert_eq!((passed.outcome, passed.tests), (Some(Outcome::Passed), 1));
    close(passed.value, 0.2);
    close(passed.change, 2.0);
    assert_eq!((&*passed.unit, passed.better.as_deref()), ("seconds", Some("lower")));
    // A test that failed has no value.
    assert_eq!(
        (failed.outcome, failed.value, failed.test),
        (Some(Outcome::Failed), None, id(3, 1))
    );
    assert_eq!(failed.message, "so it is");
    assert_eq!((flaky.flaky, flaky.outcome), (1, Some(Outcome::Passed)));
    // The newest verdict counts, although a newer test has not ended.
    assert_eq!((open.pending, open.test), (0, id(2, 3)));
    let alone = Selection { run: Some(RunId(3)), ..Selection::default() };
    let alone = cells(&alone, Group::Family);
    let [cpu, cuda] = &alone[..] else { panic!("two cells") };
    assert_eq!((&*cpu.row, cpu.tests, cpu.change), ("text", 2, None));
    assert_eq!((cuda.tests, cuda.pending, cuda.outcome), (2, 1, Some(Outcome::Failed)));
    let none: Vec<CellRow> = cells(&Runs::One(RunId(9)).into(), Group::Worker);
    assert!(none.is_empty());
}

#[test]
fn a_matrix_of_parts_is_the_same() {
    let (_place, opened) = with(&three_runs());
    let of_hw = Selection { hw: Some("cuda".parse().expect("patterns")), ..Selection::default() };
    let of_status = Selection {
        status: Some("passed,failed".parse().expect("states")),
        ..Selection::default()
    };
    let since = Selection { since: Some(Timestamp(1_500)), ..Selection::default() };
    let of_model = (Group::Model, Selection::default());
    let of_worker = (Group::Worker, Selection::default());
    let others = [of_hw, of_status, since].map(|selection| (Group::Family, selection));
    for (group, selection) in [of_model, of_worker].into_iter().chain(others) {
        let whole = opened.store.matrix(&selection, group, METRIC, 100).expect("a matrix");
        for at_once in [1, 3, 4, 9] {
            let parts = opened.store.matrix_in_parts(&selection, group, METRIC, 100, at_once);
            assert_eq!(parts.expect("a matrix"), whole, "{at_once}");
        }
        let first = opened.store.matrix(&selection, group, METRIC, 1).expect("a matrix");
        assert_eq!(first, whole[..1]);
    }
}

#[test]
fn slow_tests_and_workers_are_summed() {
    let (_place, opened) = with(&three_runs());
    let slowest = opened.store.slowest(&Selection::default()).expect("slow tests");
    assert_eq!((slowest.len(), slowest[0].test, slowest[0].duration.0), (4, id(3, 2), 72));
    let health = opened.store.worker_health(&Selection::default()).expect("workers");
    let [lab] = &health[..] else { panic!("one worker ran tests: {health:?}") };
    assert_eq!((&*lab.worker, lab.attempts, lab.failed, lab.infrastructure), ("lab", 12, 2, 0));
    assert_eq!((lab.busy.0, lab.noise), (11 * 71 + 72, None));
}

#[test]
fn details_are_earlier_attempts_past_results_and_values() {
    let (_place, opened) = with(&three_runs());
    let last = Selection { run: Some(RunId(3)), ..Selection::default() };
    let details = opened.store.details(&last, 100, METRIC).expect("details");
    let flaky = &details[&id(3, 2)];
    assert_eq!(flaky.earlier.len(), 1);
    assert_eq!((flaky.earlier[0].number, flaky.earlier[0].outcome), (1, Outcome::Failed));
    let past: Vec<_> = flaky.past.iter().map(|past| (past.test, past.value)).collect();
    assert_eq!(past, [(id(1, 2), Some(0.1)), (id(2, 2), Some(0.1))]);
    assert_eq!(flaky.samples, [0.1, 0.2, 0.4]);
    // A test that has not ended has a past as well.
    assert_eq!(details[&id(3, 3)].past.len(), 2);
    assert!(details[&id(3, 0)].earlier.is_empty());
    // The name of a metric is a value, not SQL.
    let evil = opened.store.details(&last, 100, "x' OR 'a' = 'a").expect("details");
    assert!(evil.values().all(|of_test| of_test.samples.is_empty()));
}
