//! Two runs: what changed from one to the other.

use crate::api::page::PageQuery;
use crate::api::v1::changes::{ChangesQuery, ChangesView, PackageChange};
use crate::api::v1::runs::RunView;
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::Params;
use crate::coordinator::http::reports;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::runs;
use crate::coordinator::pages::page::{Page, Table, answer};
use crate::coordinator::pages::show::{changes, upgrade};
use crate::coordinator::pages::text::{Link, shown};
use crate::coordinator::pages::viewer::Viewer;
use crate::domain::id::RunId;
use crate::trends::judgement::Verdict;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;

/// Number of runs that the page offers.
const OFFERED: u32 = 100;

pub(in crate::coordinator::pages) async fn show(
    State(app): State<Arc<App>>,
    viewer: Viewer,
) -> Result<Response, ApiError> {
    let query: ChangesQuery = viewer.params()?;
    let newest = PageQuery { limit: Some(OFFERED), ..PageQuery::default() };
    let Json(offered) = runs::list(State(Arc::clone(&app)), Params(newest)).await?;
    if query.to.is_none() {
        return answer(&viewer, &offered, choice(&offered.items, &query));
    }
    let Json(view) = reports::changes::changes(State(app), Params(query.clone())).await?;
    let page = page(&view, &offered.items, &query);
    answer(&viewer, &view, page)
}

/// The runs that can be chosen, and those that are.
fn sides(runs: &[RunView], query: &ChangesQuery) -> Value {
    let side = |chosen: Option<RunId>| {
        let options = runs.iter().map(|run| {
            let text = format!("{} {}", run.run, shown(&run.name));
            let selected = Some(run.run) == chosen;
            json!({ "id": run.run.to_string(), "text": text, "selected": selected })
        });
        json!({ "runs": options.collect::<Vec<_>>() })
    };
    json!({ "from": side(query.from), "to": side(query.to) })
}

/// The page before two sides are chosen.
fn choice(runs: &[RunView], query: &ChangesQuery) -> Page {
    let next = match runs {
        [newest, before, ..] => {
            let (from, to) = (before.run, newest.run);
            let text = format!("Compare {from} and {to}");
            Some(Link::new(format!("/compare?from={from}&to={to}"), &text))
        }
        _ => Some(Link::new("/", "Show what is running")),
    };
    Page {
        template: "compare.html",
        title: "Compare two runs".into(),
        next,
        live: None,
        values: json!({
            "sides": sides(runs, query),
            "compared": false,
            "upgrades": upgrade::offered(runs),
        }),
        table: Table::default(),
    }
}

fn package(change: &PackageChange) -> Value {
    let version = |version: &Option<String>| shown(version.as_deref().unwrap_or("none"));
    let (before, after) = (version(&change.before), version(&change.after));
    json!({ "name": shown(&change.package), "before": before, "after": after })
}

fn page(view: &ChangesView, runs: &[RunView], query: &ChangesQuery) -> Page {
    let from = view.from.map_or_else(|| "everything before".to_owned(), |run| run.to_string());
    let to = view.to.map_or_else(|| "the newest tests".to_owned(), |run| run.to_string());
    let is_change =
        |verdict: Verdict| !matches!(verdict, Verdict::Steady | Verdict::InsufficientData);
    Page {
        template: "compare.html",
        title: format!("Changes from {from} to {to}"),
        next: Some(next(view)),
        live: None,
        values: json!({
            "sides": sides(runs, query),
            "compared": true,
            "packages": view.packages.iter().map(package).collect::<Vec<_>>(),
            "totals": changes::totals(view),
            "groups": changes::groups(view),
            "metrics": changes::metrics(view, |metric| is_change(metric.verdict)),
            "undecided": view.totals.verdicts.get(&Verdict::InsufficientData).copied().unwrap_or(0),
            "workers": changes::workers(view),
            "not_measured": changes::not_measured(view),
            "movers": changes::movers(view),
            "without_counterpart": view.totals.without_counterpart,
        }),
        table: changes::table(view),
    }
}

fn next(view: &ChangesView) -> Link {
    let failing = view.tests.iter().find(|test| changes::is_bad(test) && test.test.is_some());
    match failing.and_then(|test| test.test) {
        Some(test) => Link::new(format!("/tests/{test}"), "Show the first failing test"),
        None => Link::new("/regressions", "Show regressions"),
    }
}
