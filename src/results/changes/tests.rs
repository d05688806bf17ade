//! Changes of tests and metrics between runs and periods.

use crate::api::v1::changes::{ChangesQuery, ChangesView, SeriesQuery, SeriesView, TestChange};
use crate::domain::added::marks::{AcceptedSeries, Covered, Quarantine};
use crate::domain::capability::Capability;
use crate::domain::fact::{Fact, Next};
use crate::domain::id::{AcceptanceId, QuarantineId, RunId, TestId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::time::Timestamp;
use crate::results::{CurrentStore, Reader};
use crate::store::fixture::{Place, added, done, finished, id, registered, submitted, with};
use crate::store::reports::verdicts::Verdicts;
use crate::trends::judgement::Verdict;
use crate::trends::status::StatusChange;
use std::sync::Arc;

/// A run with tests that ended in these ways; the first names of tests are `a`, `b`, `c`.
fn run(number: u32, at: u64, names: &[&str], outcomes: &[Outcome]) -> Vec<Fact> {
    let ended = (0..).zip(outcomes).map(|(index, outcome)| done(id(number, index), *outcome));
    [submitted(number, at), added(number, names)].into_iter().chain(ended).collect()
}

/// A run in which test `t` took these seconds on this worker.
pub(super) fn measured(number: u32, worker: u32, seconds: f64) -> Vec<Fact> {
    let detail = serde_json::json!({
        "metrics": [{ "name": "latency_seconds", "unit": "seconds", "better": "lower",
            "values": [seconds] }],
    });
    let next = Next::Done { flaky: false };
    let mut fact = finished(id(number, 0), 1, Outcome::Passed, next, &detail);
    if let Fact::AttemptFinished { worker: by, at, .. } = &mut fact {
        (*by, *at) = (WorkerId(worker), Timestamp(10_000 + u64::from(number)));
    }
    vec![submitted(number, 9000 + u64::from(number)), added(number, &["t"]), fact]
}

fn reader(facts: &[Fact]) -> (Place, Reader) {
    let (place, opened) = with(facts);
    (place, Reader::new(CurrentStore::new(opened.store)))
}

pub(super) fn changes(reader: &Reader, query: &ChangesQuery) -> ChangesView {
    reader.changes(query).expect("reads").expect("runs")
}

fn of<'a>(view: &'a ChangesView, name: &str) -> &'a TestChange {
    view.tests.iter().find(|test| test.name == name).expect(name)
}

#[test]
fn the_state_before_a_period_is_the_newest_one_that_precedes_it() {
    use Outcome::{Failed, Passed, Skipped};
    let facts = [
        run(1, 100, &["first", "a", "ran"], &[Passed, Failed, Passed]),
        run(2, 200, &["first", "a", "ran"], &[Passed, Passed, Skipped]),
        run(3, 1000, &["first", "a", "b", "ran"], &[Passed, Failed, Failed, Failed]),
        run(4, 1100, &["first", "a", "b", "c", "ran"], &[Passed, Failed, Failed, Failed, Failed]),
    ];
    let (_place, reader) = reader(&facts.concat());
    let view = changes(&reader, &ChangesQuery { since_ms: Some(1000), ..ChangesQuery::default() });
    let found = |name: &str| (of(&view, name).status, of(&view, name).test_before);
    assert_eq!(found("a"), (StatusChange::NewlyFailing, Some(id(2, 1))));
    assert_eq!(found("ran"), (StatusChange::NewlyFailing, Some(id(1, 2))), "r2 proves nothing");
    // Nothing precedes the period: the first result in it.
    assert_eq!(found("b"), (StatusChange::StillFailing, Some(id(3, 2))));
    assert_eq!(found("c"), (StatusChange::NewlyFailing, None));
    assert!(view.within_period);
    let view = changes(&reader, &ChangesQuery { since_ms: Some(1100), ..ChangesQuery::default() });
    assert_eq!(of(&view, "b").test_before, Some(id(3, 2)));
    assert!(!view.within_period, "every test has an older result");
    // Without a period, a test is compared with its previous result.
    let view = changes(&reader, &ChangesQuery::default());
    assert_eq!(of(&view, "a").test_before, Some(id(3, 1)));
}

/// Recent runs are searched first, and older ones only for the cases that have no result there.
#[test]
fn a_case_that_was_not_tested_for_many_runs_has_its_state_before() {
    use Outcome::{Failed, Passed, Skipped};
    let first = run(1, 100, &["first", "a", "b", "weak"], &[Passed, Passed, Passed, Skipped]);
    let mut facts = vec![first];
    for number in 2..60 {
        facts.push(match number {
            40 => run(40, 140, &["first", "b", "weak"], &[Passed, Skipped, Skipped]),
            number => run(number, 100 + u64::from(number), &["first"], &[Passed]),
        });
    }
    let newest = ["first", "a", "b", "weak", "new"];
    facts.push(run(60, 1000, &newest, &[Passed, Failed, Failed, Failed, Failed]));
    let (_place, reader) = reader(&facts.concat());
    for since_ms in [None, Some(1000)] {
        let to = Some(RunId(60)).filter(|_| since_ms.is_none());
        let view = changes(&reader, &ChangesQuery { to, since_ms, ..ChangesQuery::default() });
        let before = |name: &str| of(&view, name).test_before;
        assert_eq!(before("a"), Some(id(1, 1)));
        assert_eq!(before("b"), Some(id(1, 2)), "r40 proves nothing");
        assert_eq!(before("weak"), Some(id(40, 2)), "neither of them proves anything");
        assert_eq!(before("new"), None);
    }
}

#[test]
fn totals_count_what_is_not_listed() {
    use Outcome::{Failed, Passed};
    let facts = [
        run(1, 100, &["first", "a", "b"], &[Passed, Passed, Passed]),
        run(2, 200, &["first", "a", "b", "new"], &[Passed, Failed, Failed, Failed]),
    ];
    let (_place, reader) = reader(&facts.concat());
    let limit = Some(1);
    let view = changes(&reader, &ChangesQuery { to: Some(RunId(2)), limit, ..Default::default() });
    assert_eq!((view.tests.len(), view.truncated), (1, true));
    assert_eq!((view.totals.tests, view.totals.worse), (4, 3), "a new test that fails, too");
    assert_eq!(view.totals.status.get(&StatusChange::NewlyFailing), Some(&3));
}

#[test]
fn a_test_in_quarantine_is_listed_and_not_counted() {
    use Outcome::{Failed, Passed};
    let covered = Covered { pattern: "a".into(), worker: None, backend: None };
    let (added, expires) = (Timestamp(50), Timestamp(1 << 40));
    let quarantine =
        Quarantine { covered, reason: "known".into(), by: "anna".into(), added, expires };
    let mut facts = run(1, 100, &["first", "a", "b"], &[Passed, Passed, Passed]);
    facts.push(Fact::QuarantineAdded { id: QuarantineId(1), quarantine });
    facts.extend(run(2, 200, &["first", "a", "b"], &[Passed, Failed, Failed]));
    let (_place, reader) = reader(&facts);
    let to = Some(RunId(2));
    let view = changes(&reader, &ChangesQuery { to, ..ChangesQuery::default() });
    let held = of(&view, "a");
    assert_eq!(held.quarantined.as_ref().map(|known| &*known.reason), Some("known"));
    assert_eq!((held.status, held.is_worse()), (StatusChange::NewlyFailing, false));
    assert!(of(&view, "b").is_worse() && of(&view, "b").quarantined.is_none());
    assert_eq!((view.totals.worse, view.totals.quarantined), (1, 1));
    assert_eq!(view.totals.status.get(&StatusChange::NewlyFailing), Some(&1));
}

pub(super) const SLOWER: [f64; 7] = [1.0, 1.01, 0.99, 1.0, 1.02, 1.0, 1.5];

/// Runs in which `t` took these seconds, the first one in run 1.
pub(super) fn history(seconds: &[f64]) -> Vec<Fact> {
    let runs = (1..).zip(seconds).flat_map(|(number, seconds)| measured(number, 1, *seconds));
    [registered(1, "lab")].into_iter().chain(runs).collect()
}

#[test]
fn a_metric_that_is_not_measured_any_more_is_named_once() {
    let with_metrics = |number: u32, names: &[&str]| {
        let metric = |name: &&str| {
            serde_json::json!({ "name": name, "unit": "seconds", "better": "lower",
                "values": [1.0] })
        };
        let detail = serde_json::json!({
            "metrics": names.iter().map(metric).collect::<Vec<_>>(),
            "checks": [{ "name": "reference", "passed": true, "values": { "max_abs": 0.5 } }],
        });
        let next = Next::Done { flaky: false };
        let fact = finished(id(number, 0), 1, Outcome::Passed, next, &detail);
        vec![submitted(number, 100), added(number, &["t"]), fact]
    };
    let mut facts = vec![registered(1, "lab")];
    for (number, names) in (1..).zip([&["a", "b"][..], &["a", "b"], &["a"], &["a"]]) {
        facts.extend(with_metrics(number, names));
    }
    let (_place, reader) = reader(&facts);
    let missing = |query: ChangesQuery| {
        let view = changes(&reader, &query);
        let missing = view.not_measured.into_iter();
        missing.map(|of| (of.metric, of.tests, of.test)).collect::<Vec<_>>()
    };
    let of = |from: Option<u32>, to| ChangesQuery {
        from: from.map(RunId),
        to: Some(RunId(to)),
        ..ChangesQuery::default()
    };
    assert_eq!(missing(of(None, 2)), []);
    assert_eq!(missing(of(None, 3)), [("b".to_owned(), 1, id(3, 0))]);
    assert_eq!(missing(of(None, 4)), [], "the run before did not measure it either");
    assert_eq!(missing(of(Some(1), 4)), [("b".to_owned(), 1, id(4, 0))]);
    assert_eq!(missing(ChangesQuery { since_ms: Some(0), ..ChangesQuery::default() }), []);
}

#[test]
fn a_slower_test_is_a_suspect_and_a_quicker_one_is_none() {
    let (_place, reader) = reader(&history(&SLOWER));
    let changed = reader.changed(RunId(7)).expect("reads");
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert!(changed[0].is_suspect());
    assert_eq!(changed[0].test, TestId { run: RunId(7), index: 0 });
    let to = Some(RunId(7));
    let view = changes(&reader, &ChangesQuery { to, ..ChangesQuery::default() });
    let metric = &of(&view, "t").metrics[0];
    let (judged, listed) = (&changed[0].judgement, metric);
    assert_eq!(
        (judged.verdict, judged.before, judged.z),
        (listed.verdict, listed.before, listed.z)
    );
    assert_eq!((metric.worker.as_deref(), view.totals.regressions), (Some("lab"), 1));
    assert_eq!(reader.changed(RunId(6)).expect("reads"), []);

    let (_place, quicker) = self::reader(&history(&[1.0, 1.01, 0.99, 1.0, 1.02, 1.0, 0.5]));
    assert!(!quicker.changed(RunId(7)).expect("reads")[0].is_suspect());
}

#[test]
fn a_repetition_is_no_suspect_and_no_state_of_its_test() {
    let mut facts = history(&SLOWER);
    let mut repetition = measured(8, 1, 1.0);
    let spec = serde_json::json!({ "name": "t", "launch": {
        "run": { "command": ["true"] },
        "labels": { "model": "bert", "backend": "cpu", "confirms": "r7.t0" },
    }});
    if let Fact::TestsAdded { tests, .. } = &mut repetition[1] {
        *tests = vec![Arc::new(serde_json::from_str(&spec.to_string()).expect("a test"))];
    }
    repetition[2] = done(id(8, 0), Outcome::Failed);
    facts.extend(repetition);
    facts.extend(measured(9, 1, 1.0));
    let (_place, reader) = reader(&facts);
    let view = changes(&reader, &ChangesQuery::default());
    assert_eq!(view.totals.status.get(&StatusChange::Steady), Some(&1), "{view:?}");
    let query = ChangesQuery { to: Some(RunId(8)), ..ChangesQuery::default() };
    assert_eq!(of(&changes(&reader, &query), "t").status, StatusChange::NewlyFailing);

    let mut slow = history(&SLOWER);
    let spec = |fact: &mut Fact| {
        if let Fact::TestsAdded { tests, .. } = fact {
            let spec = serde_json::json!({ "name": "t", "launch": {
                "run": { "command": ["true"] },
                "labels": { "model": "bert", "backend": "cpu", "confirms": "r6.t0" },
            }});
            *tests = vec![Arc::new(serde_json::from_str(&spec.to_string()).expect("a test"))];
        }
    };
    let last = slow.len() - 2;
    spec(&mut slow[last]);
    let (_place, reader) = self::reader(&slow);
    let changed = reader.changed(RunId(7)).expect("reads");
    assert_eq!(changed[0].judgement.verdict, Verdict::Suspect);
    assert!(changed[0].is_confirmation && !changed[0].is_suspect());
}

#[test]
fn an_accepted_change_is_none() {
    for (metric, is_known) in [(None, true), (Some("latency_seconds"), true), (Some("x"), false)] {
        let (_place, reader) = reader(&history(&SLOWER));
        let found = reader.changed(RunId(7)).expect("reads").remove(0).series;
        let series = vec![AcceptedSeries { metric: metric.map(Into::into), ..found }];
        let mut facts = history(&SLOWER);
        let (run, reason) = (RunId(7), "intended".into());
        let (by, at) = ("anna".into(), Timestamp(20_000));
        facts.push(Fact::SeriesAccepted { id: AcceptanceId(1), run, series, reason, by, at });
        let (_place, reader) = self::reader(&facts);
        let changed = reader.changed(RunId(7)).expect("reads");
        assert_eq!(changed.is_empty(), is_known, "{metric:?}: {changed:?}");
    }
}

#[test]
fn a_verdict_is_given_again_until_its_series_its_limits_or_its_marks_change() {
    let (_place, mut opened) = with(&history(&SLOWER));
    let reader = Reader::new(CurrentStore::new(opened.store.clone()));
    let mut next = opened.writer.watermark();
    let mut project = |facts: &[Fact]| {
        next += 1;
        opened.writer.project([(next, facts)]).expect("projects");
    };
    // Number of series whose verdicts a question about this run would have to find.
    let unknown = |run: u32| {
        let (store, known) = reader.with_verdicts();
        let accepted = store.accepted_runs().expect("reads");
        let series = store.judged_series((RunId(run), RunId(run)), &accepted).expect("reads");
        let mut unknown = series.iter().map(|(id, judged)| (*id, judged)).collect();
        let stored = store.verdicts(&unknown).expect("reads").len();
        known.find(&store, &mut unknown, &mut Verdicts::new()).expect("reads");
        assert_eq!(stored, series.len() - unknown.len(), "as many are stored as known");
        unknown.len()
    };
    assert_eq!(unknown(7), 1);
    let first = reader.changed(RunId(7)).expect("reads");
    assert_eq!((first.len(), unknown(7)), (1, 0));
    assert_eq!(reader.changed(RunId(7)).expect("reads"), first);
    project(&measured(8, 1, 1.5));
    assert_eq!((unknown(7), unknown(8)), (0, 1), "the seventh run has no new results");
    let confirmed = reader.changed(RunId(8)).expect("reads").remove(0);
    assert_eq!(confirmed.judgement.verdict, Verdict::Confirmed);
    let (run, series, reason) = (RunId(8), vec![confirmed.series], "intended".into());
    let (by, at) = ("anna".into(), Timestamp(20_000));
    project(&[Fact::SeriesAccepted { id: AcceptanceId(1), run, series, reason, by, at }]);
    assert_eq!(unknown(8), 1);
    assert_eq!(reader.changed(RunId(8)).expect("reads"), []);
    // A late result of an earlier run is a part of the history.
    let mut late = measured(7, 1, 1.0).remove(2);
    if let Fact::AttemptFinished { lease, .. } = &mut late {
        lease.attempt.number = 2;
    }
    project(&[late]);
    assert_eq!((unknown(7), unknown(8)), (1, 1));
}

#[test]
fn a_change_on_other_hardware_of_the_same_case_is_listed() {
    let mut facts = history(&SLOWER[..6]);
    let mut other = registered(2, "rig");
    if let Fact::WorkerRegistered { capability, .. } = &mut other {
        let product = Capability { cpu_model: "another".into(), ..Capability::clone(capability) };
        *capability = Arc::new(product);
    }
    facts.push(other);
    facts.extend(measured(7, 1, 1.5));
    facts.extend(measured(8, 2, 1.0));
    let (_place, reader) = reader(&facts);
    let since_ms = Some(9007);
    let view = changes(&reader, &ChangesQuery { since_ms, ..ChangesQuery::default() });
    let test = of(&view, "t");
    assert_eq!((test.test, test.worker.as_deref()), (Some(id(8, 0)), Some("rig")));
    let workers: Vec<_> = test.metrics.iter().map(|metric| metric.worker.as_deref()).collect();
    assert_eq!(workers, [Some("lab")], "the newest test ran on the other worker");
}

#[test]
fn a_test_sets_the_limits_of_its_changes() {
    let limited = |limits: &str| {
        let mut facts = history(&SLOWER);
        for fact in &mut facts {
            if let Fact::TestsAdded { tests, .. } = fact {
                let labels = serde_json::json!({
                    "model": "bert", "backend": "cpu", "change_limits": limits,
                });
                let launch =
                    serde_json::json!({ "run": { "command": ["true"] }, "labels": labels });
                let spec = serde_json::json!({ "name": "t", "launch": launch }).to_string();
                *tests = vec![Arc::new(serde_json::from_str(&spec).expect("a test"))];
            }
        }
        let (_place, reader) = reader(&facts);
        let to = Some(RunId(7));
        changes(&reader, &ChangesQuery { to, ..ChangesQuery::default() })
    };
    let usual = limited("other=60%");
    let metric = &of(&usual, "t").metrics[0];
    assert_eq!((metric.limit_change, metric.limit_z), (Some(0.05), Some(5.0)));
    let own = limited("latency_seconds=40%/4");
    let metric = &of(&own, "t").metrics[0];
    assert_eq!((metric.limit_change, metric.limit_z), (Some(0.4), Some(4.0)));
    assert_eq!(limited("*=60%").totals.regressions, 0);
}

#[test]
fn a_worker_whose_calibration_drifted_is_an_event() {
    let calibrated = |number: u32, operations: f64| {
        let speed =
            |per_second: f64| serde_json::json!({ "per_second": per_second, "spread": 0.01 });
        let device = serde_json::json!({ "compute": speed(7e12), "memory": speed(1e11) });
        let calibration = serde_json::json!({
            "measured_at": 0, "threads": 2, "compute": speed(operations), "memory": speed(1e10),
            "devices": { "cuda:0": device },
        });
        Fact::WorkerCalibrated {
            worker: WorkerId(1),
            calibration: Arc::new(serde_json::from_value(calibration).expect("a calibration")),
            at: Timestamp(9000 + u64::from(number)),
        }
    };
    let events = |speeds: &[f64]| {
        let mut facts = vec![registered(1, "lab")];
        facts.extend((1..).zip(speeds).map(|(number, speed)| calibrated(number, *speed)));
        facts.extend(measured(1, 1, 1.0));
        let (_place, reader) = reader(&facts);
        changes(&reader, &ChangesQuery::default()).workers
    };
    assert_eq!(events(&[1e9, 1.01e9, 0.99e9, 1e9, 1.02e9, 1e9]), []);
    let found = events(&[1e9, 1.01e9, 0.99e9, 1e9, 1.02e9, 1e9, 0.8e9]);
    let expected =
        "its calibration drifted: the speed of its CPU is 20 % below that of earlier calibrations";
    assert_eq!((found.len(), &*found[0].worker, &*found[0].reason), (1, "lab", expected));
    assert_eq!(events(&[1e9, 0.5e9]), [], "too few to know");
}

/// A test whose history has a metric, a figure of a check with the same name, and a retried attempt.
#[test]
fn the_history_of_a_series_has_the_values_of_each_attempt() {
    let detail = |seconds: &[f64], error: f64| {
        let others = (0..150).map(|number| {
            let name = format!("m{number:03}");
            serde_json::json!({ "name": name, "unit": "s", "better": "lower", "values": [number] })
        });
        let own = serde_json::json!({ "name": "a.b", "unit": "seconds", "better": "lower",
            "values": seconds });
        let metrics: Vec<_> = others.chain([own]).collect();
        let check = serde_json::json!({ "name": "a", "passed": true, "values": { "b": error } });
        serde_json::json!({ "metrics": metrics, "checks": [check] })
    };
    let (done, retry) = (Next::Done { flaky: false }, Next::Retry { elsewhere: false });
    let mut facts = vec![registered(1, "lab")];
    for run in 1..=3 {
        facts.extend([submitted(run, 1), added(run, &["t"])]);
    }
    use Outcome::{Failed, Passed};
    facts.push(finished(id(1, 0), 1, Passed, done, &detail(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.5)));
    facts.push(finished(id(2, 0), 1, Failed, retry, &detail(&[7.0], 0.25)));
    facts.push(finished(id(2, 0), 2, Passed, done, &detail(&[3.0, 3.0], 0.75)));
    facts.push(finished(id(3, 0), 1, Passed, done, &detail(&[], 0.125)));
    let (_place, reader) = reader(&facts);
    let series = |metric: &str| {
        let (test, metric) = (Some(id(3, 0)), Some(metric.to_owned()));
        let query = SeriesQuery { test, metric, ..SeriesQuery::default() };
        reader.series(&query).expect("reads")
    };
    let points = |view: &SeriesView| -> Vec<_> {
        let points = view.points.iter();
        points.map(|at| (at.test.run.0, at.attempt, at.value, at.n, at.segment)).collect()
    };
    // The metric precedes the figure of its name.
    let seconds = series("a.b").expect("a metric");
    assert_eq!((seconds.metrics.len(), &*seconds.unit), (152, "seconds"));
    let expected = [
        (1, 1, Some(3.0), 5, Some(0)),
        (2, 1, Some(7.0), 1, None),
        (2, 2, Some(3.0), 2, Some(0)),
        (3, 1, None, 0, None),
    ];
    assert_eq!(points(&seconds), expected);
    assert!(seconds.points[0].spread.is_some_and(|spread| spread > 0.5));
    assert!(seconds.points[0].noisy && !seconds.points[2].noisy);
    assert_eq!(series("m149").expect("a metric").points[3].value, Some(149.0));
    assert_eq!(series("missing"), None);
    let (histories, others) = reader.histories(id(3, 0), 1000).expect("reads");
    assert_eq!(others, 0);
    let (first, others) = reader.histories(id(3, 0), 2).expect("reads");
    assert_eq!((first.len(), others), (2, histories.len() - 2));
    let figure = histories.last().expect("a figure");
    assert_eq!((histories.len(), figure.metric.is_figure), (152, true));
    let values: Vec<_> = figure.points.iter().map(|point| point.value).collect();
    assert_eq!(values, [0.5, 0.25, 0.75, 0.125].map(Some));
    assert_eq!(figure.segments.len(), 1);
}
