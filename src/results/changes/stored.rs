//! Tests of verdicts that are stored: the same answers with and without them.

use super::metrics::judged;
use super::tests::{SLOWER, changes, history, measured};
use crate::api::v1::changes::{ChangesQuery, ChangesView};
use crate::domain::added::change_limits;
use crate::domain::added::marks::AcceptedSeries;
use crate::domain::fact::{Fact, Next};
use crate::domain::id::{AcceptanceId, RunId, TestId};
use crate::domain::outcome::Outcome;
use crate::domain::time::Timestamp;
use crate::results::{CurrentStore, Reader};
use crate::store::fixture::{added, finished, id, identity, registered, submitted, with};
use crate::store::reports::marks::{Accepted, AcceptedRuns};
use crate::store::reports::sets::Metric;
use crate::store::reports::values::{MAX_HISTORY, ValueRow, ValuesRow};
use crate::store::{Opened, Store};
use crate::trends::RULES;
use duckdb::Connection;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::Arc;

/// The answers about all runs, about the newest ones, and about each.
fn answers(store: &Store, runs: u32) -> Vec<ChangesView> {
    let reader = Reader::new(CurrentStore::new(store.clone()));
    let since = |ms| ChangesQuery { since_ms: Some(ms), ..ChangesQuery::default() };
    let of_run = |run| ChangesQuery { to: Some(RunId(run)), ..ChangesQuery::default() };
    let queries = [since(0), since(9006)].into_iter().chain((1..=runs).map(of_run));
    queries.map(|query| changes(&reader, &query)).collect()
}

fn rows(file: &Path, sql: &str) -> u64 {
    let connection = Connection::open(file).expect("opens");
    connection.query_row(sql, [], |row| row.get(0)).expect("counts")
}

#[test]
fn stored_verdicts_give_the_same_answers() {
    let (place, opened) = with(&history(&SLOWER));
    let first = answers(&opened.store, 7);
    assert!(first.iter().any(|view| view.totals.regressions == 1), "{first:?}");
    let copy = tempfile::tempdir().expect("a directory");
    let copied = opened.store.snapshot(copy.path(), Timestamp(1)).expect("copies");
    drop(opened);
    let verdicts = rows(&place.file, "SELECT count(*) FROM verdicts");
    assert_eq!(verdicts, 7, "one for each newest attempt, whatever the question is");
    assert_eq!(rows(&copied, "SELECT count(*) FROM verdicts"), verdicts, "for queries elsewhere");

    // Without the history, only the stored verdicts can answer.
    let connection = Connection::open(&place.file).expect("opens");
    connection.execute_batch("UPDATE attempt_metrics SET medians = []").expect("removed");
    drop(connection);
    let stored = Store::open_read_only(&place.file).expect("opens");
    assert_eq!(answers(&stored, 7), first);
    drop(stored);
    assert_eq!(rows(&place.file, "SELECT count(*) FROM verdicts"), verdicts);
}

#[test]
fn verdicts_that_do_not_hold_or_cannot_be_read_are_judged_again() {
    for change in [
        "UPDATE judged SET rules = rules + 1",
        "UPDATE judged SET attempts = 0",
        "UPDATE verdicts SET direction = 'sideways'",
    ] {
        let (place, opened) = with(&history(&SLOWER));
        let first = answers(&opened.store, 7);
        drop(opened);
        let connection = Connection::open(&place.file).expect("opens");
        connection.execute_batch(change).expect("changed");
        connection.execute_batch("UPDATE verdicts SET verdict = 'steady'").expect("changed");
        drop(connection);
        let Opened { store, .. } = Store::open(&place.file, identity()).expect("opens");
        assert_eq!(answers(&store, 7), first, "{change}");
        drop(store);
        assert_eq!(rows(&place.file, "SELECT count(*) FROM verdicts"), 14, "{change}");
    }
}

/// A metric that the newest attempt of its series does not have.
#[test]
fn a_metric_that_is_not_measured_any_more_is_judged_while_its_run_is() {
    let mut facts = history(&SLOWER);
    let mut without = measured(8, 1, 1.0);
    if let Some(Fact::AttemptFinished { detail, .. }) = without.last_mut() {
        *detail = None;
    }
    facts.extend(without);
    let (_place, opened) = with(&facts);
    for _ in 0..2 {
        let views = answers(&opened.store, 8);
        let regressions = |at: usize| views[at].totals.regressions;
        assert_eq!((regressions(0), regressions(1)), (1, 1), "the periods have run 7");
        assert_eq!((regressions(8), regressions(9)), (1, 0), "only run 7 measured it");
    }
}

#[test]
fn the_oldest_verdicts_are_removed() {
    let (place, opened) = with(&history(&SLOWER));
    let reader = Reader::new(CurrentStore::new(opened.store.clone()));
    reader.changed(RunId(6)).expect("reads");
    drop((reader, opened));
    let connection = Connection::open(&place.file).expect("opens");
    let far = "INSERT INTO judged BY NAME SELECT * REPLACE (4000001 AS id, 9 AS run) FROM judged";
    connection.execute_batch(far).expect("added");
    drop(connection);
    let Opened { store, .. } = Store::open(&place.file, identity()).expect("opens");
    let reader = Reader::new(CurrentStore::new(store.clone()));
    assert_eq!(reader.changed(RunId(7)).expect("reads").len(), 1);
    drop((reader, store));
    assert_eq!(rows(&place.file, "SELECT count(*) FROM judged"), 2);
    assert_eq!(rows(&place.file, "SELECT min(judged) FROM verdicts"), 4_000_002);
}

/// A run with as many tests, each of which measured four metrics and one figure of a check that never changes.
fn large(number: u32, tests: u32) -> Vec<Fact> {
    let names: Vec<String> = (0..tests).map(|test| format!("t{test}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut facts = vec![submitted(number, 1000 * u64::from(number)), added(number, &names)];
    for test in 0..tests {
        let metrics: Vec<_> = (0..4)
            .map(|metric| {
                let value = f64::from(test + 1) * (1.0 + 0.01 * f64::from((number + metric) % 3));
                json!({ "name": format!("m{metric}"), "unit": "seconds", "better": "lower",
                    "values": [value] })
            })
            .collect();
        let check = json!({ "name": "reference", "passed": true, "values": { "max_abs": 0.25 } });
        let detail = json!({ "metrics": metrics, "checks": [check] });
        let next = Next::Done { flaky: false };
        facts.push(finished(id(number, test), 1, Outcome::Passed, next, &detail));
    }
    facts
}

#[test]
fn many_series_with_figures_and_without_noise_are_stored_whole() {
    const TESTS: u32 = 600;
    let mut facts = vec![registered(1, "lab")];
    facts.extend((1..=6).flat_map(|number| large(number, TESTS)));
    let (place, opened) = with(&facts);
    let query = ChangesQuery { to: Some(RunId(6)), ..ChangesQuery::default() };
    let ask = |store: &Store| changes(&Reader::new(CurrentStore::new(store.clone())), &query);
    let first = ask(&opened.store);
    assert_eq!(first.totals.verdicts.values().sum::<u64>(), u64::from(TESTS) * 5);
    drop(opened);
    assert_eq!(rows(&place.file, "SELECT count(*) FROM verdicts"), u64::from(TESTS) * 5);
    let unknown = "SELECT count(*) FROM verdicts WHERE is_figure AND z IS NULL";
    assert_eq!(rows(&place.file, unknown), u64::from(TESTS), "a value that never varied");
    assert_eq!(ask(&Store::open_read_only(&place.file).expect("opens")), first);
}

#[test]
fn an_accepted_change_is_stored_as_one() {
    let mut facts = history(&SLOWER);
    let (_place, opened) = with(&facts);
    let reader = Reader::new(CurrentStore::new(opened.store.clone()));
    let found = reader.changed(RunId(7)).expect("reads").remove(0).series;
    let series = vec![AcceptedSeries { metric: None, ..found }];
    let (run, reason) = (RunId(7), "intended".into());
    let (by, at) = ("anna".into(), Timestamp(20_000));
    facts.push(Fact::SeriesAccepted { id: AcceptanceId(1), run, series, reason, by, at });
    let (place, opened) = with(&facts);
    let first = answers(&opened.store, 7);
    drop(opened);
    let accepted = "SELECT count(*) FROM verdicts WHERE verdict = 'accepted'";
    assert_eq!(rows(&place.file, accepted), 1);
    assert_eq!(answers(&Store::open_read_only(&place.file).expect("opens"), 7), first);
}

/// Results arrive while a question judges: the verdict about a run is never that about a later one.
#[test]
fn values_after_the_judged_attempt_are_left_out() {
    let mut facts = history(&SLOWER[..6]);
    facts.extend([submitted(7, 9007), added(7, &["t", "other"])]);
    let mut other = measured(7, 1, 1.0).remove(2);
    if let Fact::AttemptFinished { lease, .. } = &mut other {
        lease.attempt.test = id(7, 1);
    }
    facts.push(other);
    let (_place, mut opened) = with(&facts);
    let accepted = AcceptedRuns::new();
    let series = opened.store.judged_series((RunId(1), RunId(7)), &accepted).expect("reads");
    assert_eq!(series.len(), 2);
    let next = opened.writer.watermark() + 1;
    opened.writer.project([(next, &[measured(7, 1, 1.5).remove(2)])]).expect("projects");
    let unknown = series.iter().map(|(id, judged)| (*id, judged)).collect();
    let histories = opened.store.histories(&unknown).expect("reads");
    let of_series = histories.series.iter();
    let metrics = of_series.flat_map(|of| histories.metrics(of));
    let newest: Vec<TestId> =
        metrics.filter_map(|metric| metric.values.last().map(|value| value.test)).collect();
    assert!(newest.contains(&id(6, 0)) && !newest.contains(&id(7, 0)), "{newest:?}");
}

/// The newest attempts that count are those with values.
#[test]
fn attempts_without_values_are_no_part_of_a_history() {
    let without = std::iter::repeat_n(f64::NAN, MAX_HISTORY as usize);
    let values: Vec<f64> = [1.0; 3].into_iter().chain(without).chain([2.0]).collect();
    let (_place, opened) = with(&history(&values));
    let last = RunId(MAX_HISTORY + 4);
    let series = opened.store.judged_series((last, last), &AcceptedRuns::new()).expect("reads");
    let unknown = series.iter().map(|(id, judged)| (*id, judged)).collect();
    let histories = opened.store.histories(&unknown).expect("reads");
    let of_series = histories.series.iter();
    let metrics = of_series.flat_map(|of| histories.metrics(of));
    assert_eq!(metrics.map(|metric| metric.values.len()).collect::<Vec<_>>(), [4]);
}

/// Values with noise of several sizes, and with steps.
fn values(number: u32, random: &mut impl FnMut() -> f64) -> Vec<ValueRow> {
    let (length, noise) = (number % 97, [0.0, 0.001, 0.02, 0.1][number as usize % 4]);
    let mut level = 1.0;
    let mut value = |run: u32| {
        if random() < 0.03 {
            level *= 0.8 + 0.4 * random();
        }
        let value = level * (1.0 + noise * (random() + random() - 1.0));
        ValueRow { test: TestId { run: RunId(run), index: 0 }, value }
    };
    (0..length).map(&mut value).collect()
}

/// Stored verdicts hold while the number of the rules is the same. If this test fails because verdicts are meant
/// to change, the number and the digest change, too.
#[test]
fn a_change_of_verdicts_needs_another_number_of_the_rules() {
    let mut state = 1_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        f64::from((state >> 40) as u32) / f64::from(1_u32 << 24)
    };
    let mut digest = Sha256::new();
    digest.update(MAX_HISTORY.to_string());
    for number in 0..800_u32 {
        let of = |parts: &[&'static str]| parts[number as usize / 4 % parts.len()].to_owned();
        let own = if number % 5 == 0 { "latency=10%/6 *=3%" } else { "" };
        let of = Metric {
            name: of(&["latency", "other"]).into(),
            unit: of(&["seconds", "bytes", ""]).into(),
            better: of(&["lower", "higher", "lower", ""]),
            is_figure: number % 7 == 0,
        };
        let limits = change_limits::parse(own).expect("limits");
        let metric = Some(of.name.to_string()).filter(|_| number % 2 == 0);
        let mark: Accepted = (metric, RunId(number % 97 * 2 / 3));
        let accepted = Some(mark).filter(|_| number % 6 == 0);
        let row = ValuesRow { of: Arc::new(of), values: values(number, &mut random) };
        let Some(judged) = judged(&row, &limits, accepted.as_slice()) else { continue };
        // Rounded, because functions of the system differ in the last digits.
        let rounded = |figure: Option<f64>| figure.map(|figure| format!("{figure:.6e}"));
        let judgement = &judged.judgement;
        let figures = [judgement.before, judgement.after, judgement.change, judgement.z];
        let words = (judgement.verdict, judgement.direction, judgement.since, judged.since);
        let counts = (judgement.n_before, judgement.n_after);
        digest.update(format!("{words:?} {counts:?} {:?}\n", figures.map(rounded)));
    }
    let digest: String = digest.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect();
    assert_eq!((RULES, &*digest), (3, "8a0de9bc0712e942"));
}
