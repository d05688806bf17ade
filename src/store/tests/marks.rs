//! Marks: which tests quarantines cover, and what is listed.

use super::fixture::*;
use crate::domain::added::marks::{AcceptedSeries, Covered, Quarantine};
use crate::domain::fact::{Fact, Next};
use crate::domain::id::{AcceptanceId, QuarantineId, RunId, WorkerId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::series::{CaseId, SeriesId};
use crate::domain::time::Timestamp;
use crate::store::Opened;
use crate::store::reports::selection::Runs;
use serde_json::json;

fn quarantine(id: u32, pattern: &str, worker: Option<&str>, expires: u64) -> Fact {
    let covered = Covered {
        pattern: pattern.into(),
        worker: worker.map(Into::into),
        backend: (pattern == "good").then(|| "cpu".into()),
    };
    let (added, expires) = (Timestamp(1100), Timestamp(expires));
    let quarantine =
        Quarantine { covered, reason: "known".into(), by: "anna".into(), added, expires };
    Fact::QuarantineAdded { id: QuarantineId(id), quarantine }
}

fn removed(id: u32) -> Fact {
    Fact::QuarantineRemoved { id: QuarantineId(id), by: "bob".into(), at: Timestamp(9000) }
}

/// The history of the fixture with quarantines that precede it, and further tests after one was removed.
fn marked() -> Vec<Fact> {
    let mut facts = vec![
        quarantine(1, "cr?sh*", None, 1 << 40),
        quarantine(2, "good", Some("lab"), 1 << 40),
        // It expires before the test ends.
        quarantine(3, "expired", None, 5000),
        quarantine(4, "*", Some("w9"), 1 << 40),
        // No wildcard.
        quarantine(5, "g__d", None, 1 << 40),
    ];
    facts.extend(history());
    facts.push(removed(1));
    facts.extend([submitted(3, 9500), added(3, &["crashed", "good"])]);
    facts.push(done(id(3, 0), Outcome::Failed));
    let other = done(id(3, 1), Outcome::Passed);
    let Fact::AttemptFinished { lease, outcome, class, duration_ms, detail, next, at, .. } = other
    else {
        panic!("another fact");
    };
    let worker = WorkerId(9);
    facts.push(Fact::AttemptFinished {
        lease,
        worker,
        outcome,
        class,
        duration_ms,
        detail,
        next,
        at,
    });
    facts
}

fn covered(opened: &Opened) -> Vec<(u32, u32, u32)> {
    let sql = "SELECT run, test, quarantine FROM quarantined ORDER BY ALL";
    let mut statement = opened.writer.connection().prepare(sql).expect("prepares");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.expect("reads").map(|row| row.expect("a row")).collect()
}

#[test]
fn a_quarantine_covers_the_tests_that_end_while_it_is_in_force() {
    let (_place, opened) = with(&marked());
    // Test 3 was skipped because of test 2. In run 3, quarantine 1 was removed, and test 1 ran elsewhere.
    let expected = [(1, 0, 2), (1, 2, 1), (1, 3, 1), (3, 1, 4)];
    assert_eq!(covered(&opened), expected);
    let report = opened.store.run_report(Runs::One(RunId(1)), 100).expect("a report");
    let totals = &report.totals.quarantined;
    assert_eq!((totals.tests, totals.flaky, totals.all_skipped), (3, 0, 0));
    let outcomes = [(Outcome::Passed, 1), (Outcome::Error, 1), (Outcome::Skipped, 1)];
    assert_eq!(totals.outcomes, outcomes.into());
    assert_eq!(totals.errors, [(Class::Crash, 1)].into());
    let of_rows = |row: &crate::store::reports::run_report::ReportRow| {
        row.test.quarantined.as_ref().map(|known| known.quarantine.0)
    };
    let rows: Vec<_> = report.rows.iter().map(of_rows).collect();
    assert_eq!(rows, [Some(2), None, Some(1), Some(1), None, None]);
    assert_eq!(opened.store.confirming_worker(id(1, 2)).expect("reads"), None);
    assert_eq!(opened.store.confirming_worker(id(1, 1)).expect("reads"), Some(WorkerId(1)));
}

/// A rebuild projects in large transactions what was projected one by one.
#[test]
fn covered_tests_are_the_same_when_they_are_projected_again() {
    let facts = marked();
    let (_at_once_place, at_once) = with(&facts);
    let place = place();
    let mut one_by_one = open(&place);
    for (sequence, fact) in (1..).zip(&facts) {
        one_by_one.writer.project([(sequence, [fact])]).expect("projects");
    }
    assert_eq!(dump(at_once.writer.connection()), dump(one_by_one.writer.connection()));
    // A new process knows of the quarantines, too.
    drop(one_by_one);
    let mut reopened = open(&place);
    let next = facts.len() as u64 + 1;
    let more = [submitted(4, 9900), added(4, &["good"]), done(id(4, 0), Outcome::Failed)];
    for (sequence, fact) in (next..).zip(&more) {
        reopened.writer.project([(sequence, [fact])]).expect("projects");
    }
    assert!(covered(&reopened).contains(&(4, 0, 2)));
}

#[test]
fn marks_are_listed_with_what_they_covered() {
    let mut facts = marked();
    let of = |metric: Option<&str>| AcceptedSeries {
        case: CaseId(7),
        series: SeriesId(u64::MAX),
        metric: metric.map(Into::into),
    };
    let accepted = |id, series| Fact::SeriesAccepted {
        id: AcceptanceId(id),
        run: RunId(3),
        series,
        reason: "intended".into(),
        by: "anna".into(),
        at: Timestamp(9600),
    };
    facts.push(accepted(1, vec![of(None)]));
    facts.push(accepted(2, vec![of(Some("load_seconds")), of(Some("latency_seconds"))]));
    let (id, by, at) = (AcceptanceId(1), "bob".into(), Timestamp(9700));
    facts.push(Fact::AcceptanceRemoved { id, by, at });
    let (_place, opened) = with(&facts);
    let store = &opened.store;
    let all = store.quarantines(None).expect("reads");
    let counts: Vec<_> = all.iter().map(|row| (row.id.0, row.tests, row.bad)).collect();
    assert_eq!(counts, [(5, 0, 0), (4, 1, 0), (3, 0, 0), (2, 1, 0), (1, 2, 2)]);
    let removal = all[4].removed.clone().expect("removed");
    assert_eq!((&*removal.by, removal.at), ("bob", Timestamp(9000)));
    let in_force = store.quarantines(Some(Timestamp(9500))).expect("reads");
    assert_eq!(in_force.iter().map(|row| row.id.0).collect::<Vec<_>>(), [5, 4, 2]);
    let kept = store.acceptances(false).expect("reads");
    let metrics: Vec<_> = kept.iter().map(|row| (row.id.0, row.metric.as_deref())).collect();
    assert_eq!(metrics, [(2, Some("latency_seconds")), (2, Some("load_seconds"))]);
    assert_eq!(kept[0].series, SeriesId(u64::MAX), "all 64 bits");
    let all = store.acceptances(true).expect("reads");
    assert_eq!(all.iter().filter(|row| row.removed.is_some()).count(), 1);
}

#[test]
fn attempts_of_a_case_are_listed_over_runs() {
    let (_place, opened) = with(&marked());
    let past = opened.store.past_attempts(Timestamp(0), None, 64).expect("reads");
    assert_eq!(past.unknown, 0);
    // "good" has labels in run 1, so that it is another case in run 3.
    let goods = past.cases.iter().filter(|case| case.name == "good");
    let mut goods: Vec<_> = goods.map(|case| (case.test, case.attempts.len())).collect();
    goods.sort_unstable();
    assert_eq!(goods, [(id(1, 0), 1), (id(3, 1), 1)]);
    let flaky = past.cases.iter().find(|case| case.name == "flaky").expect("a case");
    let attempts: Vec<_> = flaky.attempts.iter().map(|a| (a.outcome, a.recovered)).collect();
    assert_eq!(attempts, [(Outcome::Failed, false), (Outcome::Passed, true)]);
    let newest = opened.store.past_attempts(Timestamp(0), None, 1).expect("reads");
    let flaky = newest.cases.iter().find(|case| case.name == "flaky").expect("a case");
    assert_eq!(flaky.attempts.len(), 1);
    assert_eq!(opened.store.past_attempts(Timestamp(1 << 40), None, 64).expect("reads").cases, []);
}

#[test]
fn attempts_of_the_cases_of_one_run_are_those_of_all_runs() {
    let mut facts = vec![registered(1, "lab")];
    for (run, names) in [(1, &["first", "both", "old"][..]), (2, &["first", "both"]), (3, &[])] {
        facts.extend([submitted(run, 1), added(run, names)]);
        facts.extend((0..).zip(names).map(|(test, _)| done(id(run, test), Outcome::Passed)));
    }
    let (_place, opened) = with(&facts);
    let past = |run: Option<RunId>| {
        let mut cases = opened.store.past_attempts(Timestamp(0), run, 64).expect("reads").cases;
        cases.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        cases
    };
    let all = past(None);
    let names: Vec<_> = all.iter().map(|case| (&*case.name, case.attempts.len())).collect();
    assert_eq!(names, [("both", 2), ("first", 2), ("old", 1)]);
    assert_eq!(past(Some(RunId(1))), all);
    assert_eq!(past(Some(RunId(2))), all[..2]);
    assert_eq!((past(Some(RunId(3))), past(Some(RunId(4)))), (vec![], vec![]));
}

/// The newest attempts are the last ones in time, in whatever parts and order they are read.
#[test]
fn the_newest_attempts_of_a_case_are_kept_in_the_order_of_time() {
    // Run 3 ended last, and run 350 failed first.
    let runs = [(1, 40), (2, 50), (3, 90), (350, 10), (351, 60), (352, 70), (1_000_353, 80)];
    let mut facts = vec![registered(1, "lab")];
    for (run, _) in runs {
        facts.extend([submitted(run, 1), added(run, &["good", "other"])]);
    }
    for (run, ended) in runs {
        let outcome = if run == 350 { Outcome::Failed } else { Outcome::Passed };
        for test in 0..2 {
            let next = Next::Done { flaky: run == 352 };
            let mut fact = finished(id(run, test), 1, outcome, next, &json!({}));
            if let Fact::AttemptFinished { at, .. } = &mut fact {
                *at = Timestamp(ended);
            }
            facts.push(fact);
        }
    }
    let (_place, opened) = with(&facts);
    let forgotten = "UPDATE tests SET case_id = NULL WHERE run = 1 AND test = 1";
    opened.writer.connection().execute_batch(forgotten).expect("updated");
    let whole = opened.store.past_attempts(Timestamp(0), None, 3).expect("reads");
    assert_eq!((whole.cases.len(), whole.unknown), (2, 1));
    for case in &whole.cases {
        let times: Vec<_> = case.attempts.iter().map(|attempt| attempt.at.0).collect();
        assert_eq!((times.as_slice(), case.test.run), (&[70, 80, 90][..], RunId(3)));
        let recovered: Vec<_> = case.attempts.iter().map(|attempt| attempt.recovered).collect();
        assert_eq!(recovered, [true, false, false]);
    }
    for at_once in 1..=5 {
        let parts =
            opened.store.past_attempts_in_parts(Timestamp(0), None, 3, at_once).expect("reads");
        assert_eq!(parts, whole, "{at_once} attempts at once");
    }
    let all = opened.store.past_attempts(Timestamp(0), None, 64).expect("reads");
    let mut counts: Vec<_> = all.cases.iter().map(|case| case.attempts.len()).collect();
    counts.sort_unstable();
    assert_eq!(counts, [6, 7]);
    let newest = opened.store.past_attempts(Timestamp(60), None, 64).expect("reads");
    assert_eq!((newest.cases[0].attempts.len(), newest.unknown), (4, 0));
}

#[test]
fn a_quarantine_of_a_worker_is_about_its_name_at_the_end_of_the_test() {
    let (_place, before) = with(&marked());
    let mut facts = marked();
    facts.push(registered(1, "renamed"));
    facts.push(quarantine(6, "*", Some("renamed"), 1 << 40));
    facts.extend([submitted(4, 9900), added(4, &["good"]), done(id(4, 0), Outcome::Failed)]);
    let (_place, after) = with(&facts);
    let mut expected = covered(&before);
    expected.push((4, 0, 6));
    assert_eq!(covered(&after), expected);
}
