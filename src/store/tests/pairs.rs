//! The tests of both sides of a comparison.

use super::fixture::*;
use crate::domain::id::RunId;
use crate::domain::outcome::Outcome;
use crate::store::Opened;
use crate::store::reports::pairs::{Before, Sides};
use std::collections::BTreeMap;

/// Ended tests of one case: their run, and a letter for each one of them. `P` passed, `F` failed, `S` was skipped, and
/// `C` was cancelled; small letters are repetitions. They are numbered from 1 on, since test 0 is of another case.
type History = [(u32, &'static str)];

fn stored(history: &History, Sides { to, before }: Sides) -> (Place, Opened) {
    let named = if let Before::Run(run) = before { run.0 } else { to.0.0 };
    let empty = [to.0.0, to.1.0, named].map(|run| (run, ""));
    let runs: BTreeMap<u32, &str> = empty.into_iter().chain(history.iter().copied()).collect();
    let (mut facts, mut repetitions) = (vec![registered(1, "lab")], Vec::new());
    for (run, letters) in runs {
        let names: Vec<&str> =
            std::iter::once("other").chain(letters.chars().map(|_| "c")).collect();
        facts.extend([submitted(run, 1), added(run, &names)]);
        for (test, letter) in (1..).zip(letters.chars()) {
            let outcome = match letter.to_ascii_uppercase() {
                'P' => Outcome::Passed,
                'F' => Outcome::Failed,
                'S' => Outcome::Skipped,
                _ => Outcome::Cancelled,
            };
            facts.push(done(id(run, test), outcome));
            if letter.is_ascii_lowercase() {
                repetitions.push((run, test));
            }
        }
    }
    let (place, opened) = with(&facts);
    for (run, test) in repetitions {
        let sql = format!("UPDATE tests SET confirms = 'x' WHERE run = {run} AND test = {test}");
        opened.writer.connection().execute_batch(&sql).expect("updated");
    }
    (place, opened)
}

/// The tests of both sides as text, `-` for none.
fn chosen(history: &History, sides: Sides) -> String {
    let (_place, opened) = stored(history, sides);
    let pairs = |at_once| opened.store.pairs_in_parts(sides, at_once).expect("reads");
    let whole = pairs(1000);
    for at_once in 1..=3 {
        assert_eq!(pairs(at_once), whole, "{history:?} {sides:?}, {at_once} at once");
    }
    let text = |end: Option<_>| end.map_or_else(|| "-".to_owned(), |id| format!("{id}"));
    let pairs = whole.iter().map(|pair| {
        let [after, before] = [pair.after, pair.before].map(|end| text(end.map(|end| end.test)));
        format!("{after} {before}")
    });
    pairs.collect::<Vec<_>>().join(", ")
}

#[test]
fn a_run_is_compared_with_what_precedes_it() {
    let of = |history: &History| {
        let last = RunId(history.last().map_or(1, |(run, _)| *run));
        chosen(history, Sides { to: (last, last), before: Before::Previous })
    };
    assert_eq!(of(&[(1, "P"), (2, "F")]), "r2.t1 r1.t1");
    assert_eq!(of(&[(2, "P")]), "r2.t1 -");
    assert_eq!(of(&[(1, "P"), (2, "")]), "", "the case is not in the run");
    // What proves nothing is compared only if there is nothing else.
    assert_eq!(of(&[(1, "P"), (2, "S"), (3, "F")]), "r3.t1 r1.t1");
    assert_eq!(of(&[(1, "S"), (2, "C"), (3, "P")]), "r3.t1 r2.t1");
    assert_eq!(of(&[(1, "P"), (2, "F"), (3, "S")]), "r3.t1 r2.t1");
    // Older runs are searched, too.
    assert_eq!(of(&[(1, "P"), (20, "F")]), "r20.t1 r1.t1");
    assert_eq!(of(&[(1, "P"), (50, "S"), (88, "C"), (90, "F")]), "r90.t1 r1.t1");
    assert_eq!(of(&[(1, "F"), (60, "P"), (70, "F"), (90, "P")]), "r90.t1 r70.t1");
    assert_eq!(of(&[(1, "S"), (50, "C"), (90, "F")]), "r90.t1 r50.t1");
    // A repetition counts in its own run alone.
    assert_eq!(of(&[(1, "P"), (2, "f"), (3, "F")]), "r3.t1 r1.t1");
    assert_eq!(of(&[(1, "P"), (20, "f"), (60, "F")]), "r60.t1 r1.t1");
    assert_eq!(of(&[(1, "P"), (2, "p")]), "r2.t1 r1.t1");
    assert_eq!(of(&[(2, "PF")]), "r2.t2 r2.t1");
    assert_eq!(of(&[(2, "Pf")]), "r2.t2 r2.t1");
    assert_eq!(of(&[(1, "P"), (2, "fP")]), "r2.t2 r1.t1");
}

#[test]
fn the_runs_of_a_period_are_compared_with_what_precedes_them() {
    let of = |history: &History| {
        chosen(history, Sides { to: (RunId(42), RunId(44)), before: Before::Period })
    };
    assert_eq!(of(&[(41, "P"), (42, "F"), (44, "P")]), "r44.t1 r41.t1");
    assert_eq!(of(&[(2, "P"), (42, "F"), (44, "P")]), "r44.t1 r2.t1");
    assert_eq!(of(&[(41, "S"), (42, "F"), (44, "P")]), "r44.t1 r41.t1");
    // Without such a test, with the first one that proves something.
    assert_eq!(of(&[(42, "F"), (43, "P"), (44, "P")]), "r44.t1 r42.t1");
    assert_eq!(of(&[(42, "S"), (43, "F"), (44, "P")]), "r44.t1 r43.t1");
    assert_eq!(of(&[(42, "S"), (44, "P")]), "r44.t1 r42.t1");
    assert_eq!(of(&[(42, "F"), (44, "p")]), "r42.t1 -");
    assert_eq!(of(&[(41, "P"), (42, "p")]), "");
}

#[test]
fn two_runs_are_compared_with_all_their_cases() {
    let of = |history: &History, run| {
        chosen(history, Sides { to: (RunId(3), RunId(3)), before: Before::Run(RunId(run)) })
    };
    assert_eq!(of(&[(1, "P"), (2, "F"), (3, "F")], 1), "r3.t1 r1.t1");
    assert_eq!(of(&[(3, "F"), (5, "P")], 5), "r3.t1 r5.t1");
    assert_eq!(of(&[(1, "P")], 1), "- r1.t1");
    assert_eq!(of(&[(1, "P"), (3, "F")], 2), "r3.t1 -");
    assert_eq!(of(&[(1, "PS"), (3, "F")], 1), "r3.t1 r1.t1");
    assert_eq!(of(&[(1, "S"), (3, "F")], 1), "r3.t1 r1.t1");
    assert_eq!(of(&[(1, "p"), (3, "F")], 1), "r3.t1 -");
    assert_eq!(of(&[(3, "PF")], 3), "r3.t2 r3.t2");
}

/// The pairs are in the same order each time.
#[test]
fn pairs_are_in_the_order_of_their_cases() {
    let names: Vec<String> = (0..40).map(|number| format!("t{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut facts = vec![registered(1, "lab"), submitted(1, 1), added(1, &names)];
    facts.extend((0..40).map(|test| done(id(1, test), Outcome::Passed)));
    let (_place, opened) = with(&facts);
    let sides = Sides { to: (RunId(1), RunId(1)), before: Before::Previous };
    let cases = opened.store.pairs(sides).expect("reads");
    assert!(cases.len() == 40 && cases.is_sorted_by_key(|pair| pair.case.0));
}
