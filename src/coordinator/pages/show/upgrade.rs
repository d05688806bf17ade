//! The effect of an upgrade: a cell for each model and back-end, and the tests that are not the same.

use crate::api::page::PageQuery;
use crate::api::v1::runs::RunView;
use crate::api::v1::upgrades::{UpgradeCell, UpgradeQuery, UpgradeSide, UpgradeTest, UpgradeView};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::Params;
use crate::coordinator::http::reports;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::runs;
use crate::coordinator::pages::page::{Page, Table, answer};
use crate::coordinator::pages::show::changes::MAX_LISTED;
use crate::coordinator::pages::text::{Link, State as Word, encoded, shown};
use crate::coordinator::pages::viewer::Viewer;
use crate::domain::id::{RunId, TestId};
use crate::plan::packages::upgrade_of;
use crate::results::render::figures::counted;
use crate::results::render::upgrade::{conclusion, differing, reason};
use crate::trends::upgrade::Effect;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Number of runs among which upgrades are looked for.
const SEARCHED: u32 = 1000;

/// The runs of both sides; without them, the page lists upgrades.
#[derive(Deserialize)]
struct Chosen {
    before: Option<String>,
    after: Option<String>,
}

pub(in crate::coordinator::pages) async fn show(
    State(app): State<Arc<App>>,
    viewer: Viewer,
) -> Result<Response, ApiError> {
    let Chosen { before: Some(before), after: Some(after) } = viewer.params()? else {
        let newest = PageQuery { limit: Some(SEARCHED), ..PageQuery::default() };
        let Json(runs) = runs::list(State(app), Params(newest)).await?;
        return answer(&viewer, &runs, list(&runs.items));
    };
    let query = UpgradeQuery { before, after };
    let Json(view) = reports::upgrade::upgrade(State(app), Params(query)).await?;
    answer(&viewer, &view, page(&view))
}

/// The upgrades among these runs, which are in the order from the newest one. Rounds belong to the last
/// upgrade of the same plan and user that began before them.
pub(super) fn offered(runs: &[RunView]) -> Vec<Link> {
    let mut open: BTreeMap<(&str, &str), [Vec<RunId>; 2]> = BTreeMap::new();
    let mut begun: Vec<(&str, [Vec<RunId>; 2])> = Vec::new();
    for run in runs.iter().rev() {
        let Some((plan, side, round)) = upgrade_of(&run.name) else { continue };
        let key = (plan, &*run.user);
        let sides = open.entry(key).or_default();
        if round == 1 && !sides[side].is_empty() {
            begun.push((plan, std::mem::take(sides)));
        }
        // Without its first round, an upgrade would lack tests.
        if round == 1 || !sides[side].is_empty() {
            sides[side].push(run.run);
        }
    }
    begun.extend(open.into_iter().map(|((plan, _), sides)| (plan, sides)));
    begun.retain(|(_, sides)| sides.iter().all(|side| !side.is_empty()));
    begun.sort_by_key(|(_, sides)| std::cmp::Reverse(sides.concat().into_iter().max()));
    begun.iter().map(|(plan, sides)| link(plan, sides)).collect()
}

fn link(plan: &str, sides: &[Vec<RunId>; 2]) -> Link {
    let list = |side: usize, separator: &str| {
        sides[side].iter().map(ToString::to_string).collect::<Vec<_>>().join(separator)
    };
    let href = format!("/upgrade?before={}&after={}", list(0, ","), list(1, ","));
    Link::new(href, &format!("{plan}: {} before, {} after", list(0, ", "), list(1, ", ")))
}

/// The page without runs.
fn list(runs: &[RunView]) -> Page {
    Page {
        template: "upgrade.html",
        title: "Upgrades".into(),
        next: Some(Link::new("/compare", "Compare two runs")),
        live: None,
        values: json!({ "compared": false, "upgrades": offered(runs) }),
        table: Table::default(),
    }
}

fn page(view: &UpgradeView) -> Page {
    let pins = match view.after.pins.as_str() {
        "" => "the upgrade",
        pins => pins,
    };
    let other: Vec<&UpgradeTest> = {
        let mut tests: Vec<_> =
            view.tests.iter().filter(|test| test.effect != Effect::Same).collect();
        tests.sort_by_key(|test| test.effect);
        tests
    };
    let cut = other.len().saturating_sub(MAX_LISTED);
    let versions = differing(view).into_iter().map(|version| version.map(shown));
    Page {
        template: "upgrade.html",
        title: format!("Effect of {pins}"),
        next: Some(next(&other)),
        live: None,
        values: json!({
            "compared": true,
            "is_safe": view.is_safe,
            "conclusion": shown(&conclusion(view)),
            "sides": [side("Before", &view.before), side("After", &view.after)],
            "versions": versions.collect::<Vec<_>>(),
            "cells": view.cells.iter().map(cell).collect::<Vec<_>>(),
            "tests": other.iter().take(MAX_LISTED).map(|test| row(test)).collect::<Vec<_>>(),
            "cut": (cut > 0).then(|| counted(cut as u64, "more test")),
        }),
        table: table(view),
    }
}

fn next(other: &[&UpgradeTest]) -> Link {
    let worst = other.first().and_then(|test| test.newest[1].or(test.newest[0]));
    match worst {
        Some(test) => Link::new(format!("/tests/{test}"), "Show the test with the worst effect"),
        None => Link::new("/upgrade", "Show all upgrades"),
    }
}

fn side(name: &str, side: &UpgradeSide) -> Value {
    let runs = side.runs.iter().map(|run| Link::new(format!("/runs/{run}"), &run.to_string()));
    let pins = if side.pins.is_empty() { "as the plan resolves" } else { &side.pins };
    json!({ "name": name, "pins": shown(pins), "runs": runs.collect::<Vec<_>>() })
}

fn word(effect: Effect) -> Word {
    let kind = match effect {
        Effect::Broken | Effect::Worse => "bad",
        Effect::Flaky | Effect::BrokenBefore | Effect::Unclear | Effect::Different => "warn",
        Effect::NotRun => "idle",
        Effect::Fixed | Effect::Better | Effect::Same => "ok",
    };
    Word::new(effect.words(), kind)
}

fn cell(cell: &UpgradeCell) -> Value {
    let all: usize = cell.tests.values().sum();
    let with_effect = cell.tests.get(&cell.effect).copied().unwrap_or(0);
    json!({
        "model": Link::new(format!("/matrix?model={}", encoded(&cell.model)), &cell.model),
        "backend": shown(&cell.backend),
        "effect": word(cell.effect),
        "tests": format!("{with_effect} of {all}"),
        "test": (cell.effect != Effect::Same).then(|| shown(&cell.test)),
        "reason": shown(&cell.reason),
    })
}

fn row(test: &UpgradeTest) -> Value {
    let newest =
        test.newest.map(|test| test.map(|id| Link::new(format!("/tests/{id}"), &id.to_string())));
    json!({
        "name": shown(&test.test),
        "effect": word(test.effect).unless_quarantined(test.is_quarantined),
        "quarantined": test.is_quarantined,
        "runs": format!("{} / {}", test.runs[0], test.runs[1]),
        "newest": newest,
        "reason": shown(&reason(test)),
    })
}

/// One row for each test.
fn table(view: &UpgradeView) -> Table {
    let id = |test: Option<TestId>| test.map_or_else(String::new, |test| test.to_string());
    let row = |test: &UpgradeTest| {
        vec![
            test.test.clone(),
            test.model.clone(),
            test.backend.clone(),
            test.effect.name().to_owned(),
            test.is_quarantined.to_string(),
            test.runs[0].to_string(),
            test.runs[1].to_string(),
            id(test.newest[0]),
            id(test.newest[1]),
            reason(test),
        ]
    };
    Table {
        head: vec![
            "test",
            "model",
            "backend",
            "effect",
            "quarantined",
            "runs_before",
            "runs_after",
            "test_before",
            "test_after",
            "reason",
        ],
        rows: view.tests.iter().map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rounds_of_an_upgrade_are_offered_together() {
        let run = |number: u32, user: &str, name: &str| -> RunView {
            let counts = json!({ "total": 0, "blocked": 0, "waiting": 0, "leased": 0, "done": {},
                "flaky": 0, "unschedulable": 0 });
            let run = json!({ "schema": 1, "run": format!("r{number}"), "name": name,
                "user": user, "submitted_at": 0, "cancelled": false, "counts": counts });
            serde_json::from_value(run).expect("a run")
        };
        let runs = [
            run(10, "anna", "a (after the upgrade)"),
            run(9, "anna", "a (before the upgrade)"),
            run(8, "anna", "a (before the upgrade, round 2)"),
            run(7, "anna", "a (after the upgrade, round 2)"),
            run(6, "anna", "nightly"),
            run(5, "ben", "a (after the upgrade)"),
            run(4, "anna", "a (after the upgrade)"),
            run(3, "anna", "a (before the upgrade)"),
            run(2, "anna", "b (after the upgrade)"),
            // Its first round is beyond the list.
            run(1, "anna", "c (after the upgrade, round 2)"),
        ];
        let expected = [
            Link::new("/upgrade?before=r9&after=r10", "a: r9 before, r10 after"),
            Link::new("/upgrade?before=r3,r8&after=r4,r7", "a: r3, r8 before, r4, r7 after"),
        ];
        assert_eq!(offered(&runs), expected);
    }
}
