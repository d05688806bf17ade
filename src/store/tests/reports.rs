//! Reports: totals, percentiles, and that they are rebuilt from the event log.

use super::fixture::*;
use crate::domain::fact::{Fact, Next};
use crate::domain::id::{RunId, WorkerId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::{Millis, Timestamp};
use crate::store::Store;
use crate::store::reports::history::HistoryRows;
use crate::store::reports::matrix::Group;
use crate::store::reports::run_report::ReportRows;
use crate::store::reports::selection::{Runs, Selection};
use proptest::prelude::*;
use serde_json::json;
use serde_json::value::RawValue;
use std::fs;

/// A limit that no report of these tests reaches.
const LIMIT: usize = 1000;

fn report_all(store: &Store) -> ReportRows {
    store.run_report(Runs::All, LIMIT).expect("reports")
}

fn names(report: &ReportRows) -> Vec<&str> {
    report.rows.iter().map(|row| row.test.name.as_str()).collect()
}

#[test]
fn totals_count_every_test_once() {
    let (_place, opened) = with(&history());
    let report = report_all(&opened.store);
    assert_eq!(report.runs, [RunId(1), RunId(2)]);
    let totals = &report.totals;
    assert_eq!((totals.tests, totals.pending, totals.flaky), (9, 1, 1));
    assert_eq!((totals.attempts, totals.late_results), (5, 1));
    let expected = [
        (Outcome::Passed, 3),
        (Outcome::Error, 1),
        (Outcome::Cancelled, 2),
        (Outcome::Skipped, 1),
        (Outcome::Expired, 1),
    ];
    assert_eq!(totals.outcomes, expected.into());
    assert!(!report.truncated);
}

#[test]
fn a_report_lists_runs_that_exist() {
    let mut facts = history();
    facts.push(submitted(9, 9000));
    let (_place, opened) = with(&facts);
    let of = |selection: Selection| {
        let report = opened.store.run_report(selection, LIMIT).expect("reports");
        (report.runs, report.rows.len())
    };
    assert_eq!(of(Runs::One(RunId(9)).into()), (vec![RunId(9)], 0), "without a test");
    assert_eq!(of(Runs::One(RunId(8)).into()), (vec![], 0));
    let status = Some("cancelled".parse().expect("states"));
    let none = Selection { run: Some(RunId(1)), status, ..Selection::default() };
    assert_eq!(of(none), (vec![RunId(1)], 0), "its tests are not selected");
    let after = Selection { run: Some(RunId(1)), from_run: Some(RunId(2)), ..Selection::default() };
    assert_eq!(of(after), (vec![], 0));
}

#[test]
fn rows_show_the_state_of_each_test() {
    let (_place, opened) = with(&history());
    let report = opened.store.run_report(Runs::One(RunId(1)), LIMIT).expect("reports");
    assert_eq!(names(&report), ["good", "flaky", "crashed", "skipped", "expired", "waiting"]);
    let [good, flaky, crashed, skipped, expired, waiting] = &report.rows[..] else {
        panic!("six rows")
    };
    assert_eq!(good.test.labels["model"], "bert");
    assert_eq!(good.worker.as_deref(), Some("lab"));
    assert_eq!(good.peak_memory_bytes, Some(123_456_789));
    assert_eq!(good.isolation, "warm");
    assert_eq!(good.environment.as_deref(), Some(r#"{"threads":1,"torch":"2.9.0"}"#));
    assert_eq!(good.devices.as_deref(), Some(r#"["NVIDIA L4"]"#));
    assert_eq!((&*skipped.isolation, &skipped.environment), ("", &None));
    assert_eq!((flaky.test.flaky, flaky.test.attempts), (true, 2));
    let first = flaky.first_attempt.as_ref().expect("a first attempt");
    assert_eq!((first.outcome, &*first.message), (Outcome::Failed, "not yet"));
    assert_eq!(good.first_attempt, None, "it was the last too");
    assert_eq!(flaky.duration, Some(Millis(72)), "the last attempt's");
    assert_eq!(flaky.test.message, "", "the last attempt has no message");
    assert_eq!((crashed.test.class, &*crashed.test.message), (Some(Class::Crash), "gone"));
    assert_eq!(skipped.test.message, "its dependency r1.t2 did not pass");
    assert_eq!(expired.test.finished_at, Some(Timestamp(5000)));
    assert_eq!((waiting.test.outcome, waiting.test.attempts), (None, 0));
    let metrics: Vec<_> =
        good.metrics.iter().map(|m| (&*m.of.name, m.count, m.min, m.max)).collect();
    assert_eq!(metrics, [("latency_seconds", 4, 0.1, 0.4), ("load_seconds", 1, 1.5, 1.5)]);
}

/// A detail that is JSON for serde but not for DuckDB must cost one field, not the report.
#[test]
fn a_detail_that_the_database_cannot_read_costs_no_report() {
    let detail = RawValue::from_string(r#"{"message":"fine","x":"\ud800"}"#.to_owned());
    let mut end = done(id(1, 0), Outcome::Passed);
    if let Fact::AttemptFinished { detail: place, .. } = &mut end {
        *place = Some(detail.expect("JSON"));
    }
    let events = [registered(1, "lab"), submitted(1, 1500), added(1, &["odd"]), end];
    let (_place, opened) = with(&events);
    let report = report_all(&opened.store);
    assert_eq!(report.rows[0].test.outcome, Some(Outcome::Passed));
    assert_eq!(report.rows[0].environment, None);
}

/// The queries in `docs/schema.md` work.
#[test]
fn the_documented_queries_are_answered() {
    const DOCUMENT: &str = include_str!("../../../docs/schema.md");
    let (place, opened) = with(&history());
    drop(opened);
    let connection = duckdb::Connection::open(&place.file).expect("opens");
    let queries = DOCUMENT.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next());
    let rows = |query: &str| -> usize {
        let mut statement =
            connection.prepare(query).unwrap_or_else(|error| panic!("{error}: {query}"));
        let rows = statement.query_map([], |_| Ok(())).expect("answers");
        rows.map(|row| row.expect("a row")).count()
    };
    let counts: Vec<usize> = queries.map(rows).collect();
    // The rows are older than 30 days, nothing was judged, and no test ran out of memory or measured without neighbours.
    assert_eq!(counts, [2, 1, 1, 0, 4, 0, 0, 0, 0, 1, 1, 1, 0]);
    let named = |what: &str| {
        let sql = format!("SELECT {what}_name FROM duckdb_{what}s() WHERE NOT internal");
        let mut statement = connection.prepare(&sql).expect("asks");
        let names = statement.query_map([], |row| row.get(0)).expect("answers");
        names.map(|name| name.expect("a name")).collect::<Vec<String>>()
    };
    for name in named("table").into_iter().chain(named("view")) {
        assert!(DOCUMENT.contains(&format!("| `{name}` |")), "{name} is not in docs/schema.md");
    }
}

#[test]
fn a_figure_has_the_conditions_of_its_measurement() {
    let metric = |name, values: &[f64], threads: Option<u32>| json!({ "name": name, "unit": "s", "better": "lower", "values": values, "threads": threads });
    let metrics = [metric("a", &[1.0, 1.0, 1.5, 1.5], Some(3)), metric("b", &[1.0], None)];
    let environment = json!({ "threads": 8, "neighbours": 2, "neighbours_at_end": 1,
        "device_shared": true, "warm_up_runs": 7, "warm_up_settled": null });
    let detail = json!({ "metrics": metrics, "environment": environment });
    let passed = Next::Done { flaky: false };
    let events = [
        submitted(1, 1),
        added(1, &["t"]),
        finished(id(1, 0), 1, Outcome::Passed, passed, &detail),
    ];
    let (_place, opened) = with(&events);
    let rows = dump(opened.writer.connection());
    let figures: Vec<&str> = rows.iter().filter_map(|row| row.strip_prefix("figures ")).collect();
    let row = |name: &str, figures: &str, threads: u32| {
        format!(
            "{{'run': 1, 'test': 0, 'attempt': 1, 'name': {name}, 'unit': s, 'better': lower, \
             {figures}, 'p90': NULL, 'p99': NULL, 'threads': {threads}, 'neighbours': 2, \
             'neighbours_at_end': 1, 'device_shared': true, 'quiet_machine': NULL, \
             'warm_up_runs': 7, 'warm_up_settled': NULL, 'machine_noise': NULL}}"
        )
    };
    let noisy = "'n': 4, 'spread': 0.5, 'noisy': true, 'p50': 1.0";
    let unknown = "'n': 1, 'spread': NULL, 'noisy': NULL, 'p50': 1.0";
    assert_eq!(figures, [row("a", noisy, 3), row("b", unknown, 8)]);
}

#[test]
fn a_metric_has_a_row_whatever_the_others_of_its_attempt_have() {
    let metric = |name, values: Vec<f64>, threads: Option<u32>| json!({ "name": name, "unit": "s", "better": "lower", "values": values, "threads": threads });
    let ten = (1..=10).map(f64::from).collect();
    let detail = json!({
        "metrics": [metric("c", vec![2.0], None), metric("b", vec![], Some(5)), metric("a", ten, Some(3))],
        "checks": [{ "name": "k", "passed": true, "values": { "error": 0.5 } }],
    });
    let passed = Next::Done { flaky: false };
    let (_place, opened) = with(&[
        submitted(1, 1),
        added(1, &["t"]),
        finished(id(1, 0), 1, Outcome::Passed, passed, &detail),
    ]);
    let sql = "SELECT row(name, count, min, p50, p90, p99, max, spread, threads)::VARCHAR FROM metrics ORDER BY name";
    let mut statement = opened.writer.connection().prepare(sql).expect("prepared");
    let rows = statement.query_map([], |row| row.get(0)).expect("read");
    let rows: Vec<String> = rows.map(|row| row.expect("a row")).collect();
    let expected = [
        "(a, 10, 1.0, 5.0, 9.0, NULL, 10.0, 1.0, 3)",
        "(b, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        "(c, 1, 2.0, 2.0, NULL, NULL, 2.0, NULL, NULL)",
    ];
    assert_eq!(rows, expected);
    assert_eq!(report_all(&opened.store).totals.noisy, 1);
}

#[test]
fn a_row_has_the_metrics_of_the_last_attempt_in_the_order_of_their_names() {
    let metrics = |seconds: f64| {
        let metric = |name: &str, values: &[f64]| json!({ "name": name, "unit": "seconds", "better": "lower", "values": values });
        json!({ "metrics": [metric("b", &[seconds]), metric("a", &[seconds, 9.0]), metric("none", &[])] })
    };
    let retry = Next::Retry { elsewhere: false };
    let passed = Next::Done { flaky: true };
    let (_place, opened) = with(&[
        registered(1, "lab"),
        submitted(1, 1),
        added(1, &["first", "t"]),
        finished(id(1, 1), 1, Outcome::Failed, retry, &metrics(5.0)),
        finished(id(1, 1), 2, Outcome::Passed, passed, &metrics(2.0)),
    ]);
    let report = report_all(&opened.store);
    let found = |row: usize| {
        let metrics = report.rows[row].metrics.iter();
        metrics.map(|of| (&*of.of.name, of.count, of.min, of.max)).collect::<Vec<_>>()
    };
    assert_eq!(found(0), []);
    assert_eq!(found(1), [("a", 2, 2.0, 9.0), ("b", 1, 2.0, 2.0)]);
}

#[test]
fn since_chooses_runs_by_their_submission() {
    let (_place, opened) = with(&history());
    let since = |ms| opened.store.run_report(Runs::Since(Timestamp(ms)), LIMIT).expect("reports");
    let late = since(6000);
    assert_eq!((late.runs.as_slice(), late.totals.tests), (&[RunId(2)][..], 3));
    let none = since(6001);
    assert_eq!(none, ReportRows { since: Some(Timestamp(6001)), ..ReportRows::default() });
}

#[test]
fn a_cut_report_keeps_tests_that_did_not_pass() {
    let (_place, opened) = with(&history());
    let report = opened.store.run_report(Runs::One(RunId(1)), 5).expect("reports");
    assert_eq!(names(&report), ["flaky", "crashed", "skipped", "expired", "waiting"]);
    assert!(report.truncated);
    assert_eq!(report.totals.tests, 6);
    let whole = opened.store.run_report(Runs::One(RunId(1)), 6).expect("reports");
    assert!(!whole.truncated);
    for limit in 0..6 {
        let cut = opened.store.run_report(Runs::One(RunId(1)), limit).expect("reports");
        assert_eq!((cut.rows.len(), &cut.totals), (limit, &whole.totals), "{limit}");
        let expected: &[&str] = match limit {
            1 => &["crashed"],
            2 => &["flaky", "crashed"],
            _ => continue,
        };
        assert_eq!(names(&cut), expected);
    }
}

#[test]
fn a_deleted_file_is_rebuilt_to_the_same_report() {
    let events = history();
    let (place, opened) = with(&events);
    let before = report_all(&opened.store);
    drop(opened);
    fs::remove_file(&place.file).expect("deletes");
    let mut opened = open(&place);
    assert_eq!((opened.writer.watermark(), opened.rebuilt), (0, None));
    // In other batches than before.
    for record in numbered(&events) {
        opened.writer.project([record]).expect("projects");
    }
    assert_eq!(report_all(&opened.store), before);
}

#[test]
fn stored_records_are_skipped_also_after_a_restart() {
    let events = history();
    let (place, mut opened) = with(&events[..14]);
    let before = report_all(&opened.store);
    opened.writer.project(numbered(&events[..14])).expect("projects");
    assert_eq!(report_all(&opened.store), before);
    drop(opened);

    // The cancellation reaches a writer that has not seen the run begin, and the lease that
    // comes back one that has not seen the cancellation.
    for upto in [16, 17] {
        let mut opened = open(&place);
        opened.writer.project(numbered(&events[..upto])).expect("projects");
        assert_eq!(opened.store.watermark().expect("reads"), upto as u64);
    }
    let (_other, whole) = with(&events);
    let again = report_all(&open(&place).store);
    assert_eq!(again, report_all(&whole.store));
}

#[test]
fn a_reader_without_coordinator_sees_the_same() {
    let (place, opened) = with(&history());
    let before = report_all(&opened.store);
    drop(opened);
    let bytes = fs::read(&place.file).expect("reads");
    let store = Store::open_read_only(&place.file).expect("opens");
    assert_eq!(report_all(&store), before);
    drop(store);
    assert_eq!(fs::read(&place.file).expect("reads"), bytes, "nothing was changed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Nearest rank: the smallest value that at least the given share does not exceed.
    #[test]
    fn percentiles_are_nearest_rank(eighths in prop::collection::vec(any::<i32>(), 1..200)) {
        // These numbers are equal after they were written and read as decimals.
        let values: Vec<f64> = eighths.iter().map(|value| f64::from(*value) / 8.0).collect();
        let metric = json!({ "name": "m", "unit": "s", "better": "lower", "values": values });
        let detail = json!({ "metrics": [metric] });
        let passed = Next::Done { flaky: false };
        let events =
            [submitted(1, 1), added(1, &["t"]), finished(id(1, 0), 1, Outcome::Passed, passed, &detail)];
        let (_place, opened) = with(&events);
        let report = report_all(&opened.store);
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = |percent: usize| sorted[(percent * sorted.len()).div_ceil(100) - 1];
        let metric = &report.rows[0].metrics[0];
        prop_assert_eq!(metric.count, values.len() as u64);
        let ends = (metric.min, metric.max);
        prop_assert_eq!(ends, (sorted[0], sorted[sorted.len() - 1]));
        // With fewer values, the percentile would be the largest one.
        let rank_of = |enough: usize, percent| (sorted.len() >= enough).then(|| rank(percent));
        let percentiles = (rank(50), rank_of(10, 90), rank_of(100, 99));
        prop_assert_eq!((metric.p50, metric.p90, metric.p99), percentiles);
        let spread = rank_of(4, 75).filter(|_| rank(50) != 0.0);
        let spread = spread.map(|upper| (upper - rank(25)) / rank(50).abs());
        prop_assert_eq!(metric.spread, spread);
        let noisy = spread.is_some_and(|spread| spread > 0.1);
        prop_assert_eq!(report.totals.noisy, u64::from(noisy));
    }
}

#[test]
fn the_history_of_a_model_is_grouped_by_test() {
    let peak = json!({
        "peak_memory_bytes": 500,
        "metrics": [{ "name": "peak_device_memory_bytes", "unit": "bytes", "better": "lower",
                      "values": [70.0, 90.0] }],
    });
    let exhausted = Fact::AttemptFinished {
        lease: lease(id(3, 0), 1, 1),
        worker: WorkerId(1),
        outcome: Outcome::Error,
        class: Some(Class::OutOfMemory),
        duration_ms: Millis(5),
        detail: Some(raw(&json!({ "environment": { "memory_bytes": 1000,
                                                   "device_memory_bytes": 800 } }))),
        next: Next::Done { flaky: false },
        at: Timestamp(9000),
    };
    let passed = Next::Done { flaky: true };
    let (_place, opened) = with(&[
        submitted(1, 1),
        added(1, &["one", "unlabelled"]),
        submitted(2, 2),
        added(2, &["one"]),
        submitted(3, 3),
        added(3, &["one"]),
        done(id(1, 0), Outcome::Failed),
        done(id(1, 1), Outcome::Failed),
        finished(id(2, 0), 1, Outcome::Passed, passed, &peak),
        exhausted,
    ]);
    let past = opened.store.history(("model", "bert")).expect("the past");
    let [one] = &past.tests[..] else { panic!("one test has the label: {past:?}") };
    assert_eq!((&*one.name, one.ended, one.failed, one.flaky), ("one", 3, 2, 1));
    assert_eq!(one.median, Some(Millis(71)));
    assert_eq!((one.peak_memory_bytes, one.peak_device_memory_bytes), (Some(500), Some(90)));
    let [exhausted] = &past.exhausted[..] else { panic!("one ran out of memory: {past:?}") };
    assert_eq!((exhausted.memory_bytes, exhausted.device_memory_bytes), (Some(1000), Some(800)));
    assert_eq!(exhausted.labels["backend"], "cpu");
    assert_eq!(opened.store.history(("model", "ber")).expect("nothing"), HistoryRows::default());
    let odd = opened.store.history(("model", "a\"b%_\\' --")).expect("no mistake");
    assert_eq!(odd, HistoryRows::default());
}

#[test]
fn extreme_values_break_no_matrix() {
    let measured = |run: u32, value: f64| {
        let detail = json!({
            "metrics": [{ "name": "m", "unit": "seconds", "better": "lower", "values": [value] }],
        });
        let next = Next::Done { flaky: false };
        let fact = finished(id(run, 0), 1, Outcome::Passed, next, &detail);
        [submitted(run, 9000 + u64::from(run)), added(run, &["t"]), fact]
    };
    let extremes = [f64::MAX, 1e-20, 5e-324, 0.0, -1e308, 1.0];
    for before in extremes {
        for after in extremes {
            let facts = [measured(1, before), measured(2, after)].concat();
            let (_place, opened) = with(&facts);
            let cells = opened.store.matrix(&Selection::default(), Group::Model, "m", 9);
            let cells = cells.unwrap_or_else(|error| panic!("{before:e}, {after:e}: {error:?}"));
            let [cell] = &cells[..] else { panic!("{cells:?}") };
            assert_eq!(cell.value, Some(after), "{before:e}");
            assert!(cell.change.is_none_or(f64::is_normal), "{before:e}, {after:e}: {cell:?}");
            if [before, after].iter().all(|value| value.total_cmp(&1.0).is_eq()) {
                assert_eq!(cell.change, Some(1.0), "{cell:?}");
            }
        }
    }
}
