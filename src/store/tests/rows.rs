//! Queries for tests, attempts and runs by id and by filter.

use super::fixture::*;
use crate::domain::fact::Next;
use crate::domain::id::{AttemptId, RunId, TestId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::time::Timestamp;
use crate::store::rows::{AttemptFilter, TestFilter};
use serde_json::json;

#[test]
fn filters_of_tests_are_joined() {
    let (_place, opened) = with(&history());
    let names = |filter: TestFilter| -> Vec<String> {
        let rows = opened.store.tests(&TestFilter { limit: 100, ..filter }).expect("reads");
        rows.into_iter().map(|row| row.name).collect()
    };
    let run = Some(RunId(1));
    assert_eq!(names(TestFilter::default()).len(), 9);
    assert_eq!(names(TestFilter { done: Some(false), ..Default::default() }), ["waiting"]);
    let passed = Some(Outcome::Passed);
    assert_eq!(names(TestFilter { run, outcome: passed, ..Default::default() }), ["good", "flaky"]);
    let part = Some("ED".to_owned());
    let named = TestFilter { run, name: part, done: Some(true), ..Default::default() };
    assert_eq!(names(named), ["crashed", "skipped", "expired"]);
    let nothing = TestFilter { name: Some("' OR 1=1 --".into()), ..Default::default() };
    assert_eq!(names(nothing), [""; 0]);
}

#[test]
fn pages_follow_each_other_without_gap_or_repeat() {
    let (_place, opened) = with(&history());
    let mut seen: Vec<TestId> = Vec::new();
    loop {
        let after = seen.last().copied();
        let page = opened.store.tests(&TestFilter { after, limit: 2, ..Default::default() });
        let page = page.expect("reads");
        if page.is_empty() {
            break;
        }
        seen.extend(page.iter().map(|row| row.test));
    }
    let all: Vec<_> = (0..6).map(|t| id(1, t)).chain((0..3).map(|t| id(2, t))).collect();
    assert_eq!(seen, all);

    let mut attempts: Vec<AttemptId> = Vec::new();
    loop {
        let after = attempts.last().copied();
        let page = opened.store.attempts(&AttemptFilter { after, limit: 1, ..Default::default() });
        let page = page.expect("reads").rows;
        if page.is_empty() {
            break;
        }
        attempts.extend(page.iter().map(|row| row.attempt));
    }
    let texts: Vec<_> = attempts.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["r1.t0.a1", "r1.t1.a1", "r1.t1.a2", "r1.t2.a1", "r2.t0.a1"]);
}

#[test]
fn attempts_keep_the_reported_detail() {
    let (_place, opened) = with(&history());
    let row = opened.store.attempt(id(1, 2).attempt(1)).expect("reads").expect("is there");
    assert_eq!((row.worker, &*row.worker_name, &*row.name), (WorkerId(1), "lab", "crashed"));
    let detail = row.detail.expect("has a detail");
    assert_eq!(detail.get(), r#"{"message":"gone","signal":11}"#);
    assert!(opened.store.attempt(id(1, 2).attempt(2)).expect("reads").is_none());

    let of = |filter: AttemptFilter| {
        opened.store.attempts(&AttemptFilter { limit: 100, ..filter }).expect("reads").rows.len()
    };
    assert_eq!(of(AttemptFilter { test: Some(id(1, 1)), ..Default::default() }), 2);
    assert_eq!(of(AttemptFilter { worker: Some(WorkerId(2)), ..Default::default() }), 0);
    let failed = Some(Outcome::Failed);
    assert_eq!(of(AttemptFilter { run: Some(RunId(1)), outcome: failed, ..Default::default() }), 1);
}

#[test]
fn one_test_by_its_id() {
    let (_place, opened) = with(&history());
    let row = opened.store.test(id(1, 1)).expect("reads").expect("is there");
    assert_eq!((&*row.name, row.outcome, row.flaky), ("flaky", Some(Outcome::Passed), true));
    assert_eq!(opened.store.test(id(1, 6)).expect("reads"), None);
}

#[test]
fn runs_end_with_their_last_test() {
    let (_place, opened) = with(&history());
    let runs = opened.store.runs(None, 10).expect("reads");
    let [second, first] = &runs[..] else { panic!("two runs") };
    assert_eq!((first.run, first.total, first.finished_at), (RunId(1), 6, None));
    assert_eq!((first.flaky, first.done[&Outcome::Passed]), (1, 2));
    assert_eq!((second.cancelled, second.finished_at), (true, Some(Timestamp(6300))));
    assert_eq!(second.done, [(Outcome::Passed, 1), (Outcome::Cancelled, 2)].into());
    let before = opened.store.runs(Some(RunId(2)), 10).expect("reads");
    assert_eq!(before, std::slice::from_ref(first));
    assert_eq!(opened.store.run(RunId(2)).expect("reads").as_ref(), Some(second));
}

#[test]
fn hostile_texts_are_stored_unchanged() {
    let name = "a\0b'\"; DROP TABLE tests; -- \u{202e}\u{1F600}\u{1b}[31m";
    let detail = json!({ "message": name });
    let passed = Next::Done { flaky: false };
    let finished = finished(id(1, 0), 1, Outcome::Passed, passed, &detail);
    let (_place, opened) = with(&[submitted(1, 1), added(1, &[name]), finished]);
    let row = opened.store.test(id(1, 0)).expect("reads").expect("is there");
    assert_eq!((&*row.name, &*row.message), (name, name));
}

#[test]
fn a_detail_of_another_shape_is_kept_and_reported() {
    let passed = Next::Done { flaky: false };
    let odd = finished(id(1, 0), 1, Outcome::Passed, passed, &json!({ "metrics": "many" }));
    let (_place, opened) = with(&[submitted(1, 1), added(1, &["t"]), odd]);
    let row = opened.store.attempt(id(1, 0).attempt(1)).expect("reads").expect("is there");
    assert_eq!(row.detail.expect("kept").get(), r#"{"metrics":"many"}"#);
    let test = opened.store.test(id(1, 0)).expect("reads").expect("is there");
    assert!(test.message.starts_with("the worker's detail cannot be read"), "{}", test.message);
}
