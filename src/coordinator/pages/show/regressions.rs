//! Regressions of the newest test of each case, with what can be done about each: accept it, put the
//! test in quarantine, or run it again.

use crate::api::SCHEMA;
use crate::api::v1::changes::{ChangesQuery, ChangesView, MetricChange};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::Params;
use crate::coordinator::http::reports;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::pages::page::{Page, answer};
use crate::coordinator::pages::show::changes;
use crate::coordinator::pages::text::Link;
use crate::coordinator::pages::viewer::Viewer;
use crate::domain::access::Permission;
use crate::trends::judgement::{Direction, Verdict};
use axum::extract::State;
use axum::response::Response;
use serde_json::json;
use std::sync::Arc;

pub(in crate::coordinator::pages) async fn show(
    State(app): State<Arc<App>>,
    viewer: Viewer,
) -> Result<Response, ApiError> {
    let query: ChangesQuery = viewer.params()?;
    let is_named = query.from.is_some() || query.to.is_some();
    let view = match reports::changes::changes(State(app), Params(query)).await {
        // There is no run yet.
        Err(error) if error.is_not_found() && !is_named => {
            ChangesView { schema: SCHEMA, ..ChangesView::default() }
        }
        view => view?.0,
    };
    let page = page(&view, &viewer);
    answer(&viewer, &view, page)
}

fn page(view: &ChangesView, viewer: &Viewer) -> Page {
    let worse = changes::metrics(view, changes::is_regression);
    let confirmed = view.totals.verdicts.get(&Verdict::Confirmed).copied().unwrap_or(0);
    Page {
        template: "regressions.html",
        title: "Regressions".into(),
        next: Some(next(view)),
        live: None,
        values: json!({
            "totals": changes::totals(view),
            "confirmed": confirmed,
            "worse": worse,
            "explained": changes::metrics(view, is_explained),
            "accepted": changes::metrics(view, |metric| metric.verdict == Verdict::Accepted),
            "workers": changes::workers(view),
            "groups": changes::groups(view),
            "undecided": view.totals.verdicts.get(&Verdict::InsufficientData).copied().unwrap_or(0),
            "may_mark": viewer.may(Permission::MarkResults),
            "may_submit": viewer.may(Permission::SubmitRuns),
        }),
        table: changes::table(view),
    }
}

/// Whether a metric got worse together with others of its worker.
fn is_explained(change: &MetricChange) -> bool {
    (change.verdict, change.direction) == (Verdict::WorkerEvent, Direction::Worse)
}

/// The first regression, the first test that newly fails, or the first one that got worse with its worker.
fn next(view: &ChangesView) -> Link {
    let counted = || view.tests.iter().filter(|test| test.quarantined.is_none());
    let regressed = counted().find(|test| test.metrics.iter().any(changes::is_regression));
    let failing = || counted().find(|test| changes::is_bad(test));
    let explained = || counted().find(|test| test.metrics.iter().any(is_explained));
    match regressed.or_else(failing).or_else(explained).and_then(|test| test.test) {
        Some(test) => Link::new(format!("/tests/{test}"), "Show the first one"),
        None => Link::new("/flaky", "Show flaky tests"),
    }
}
