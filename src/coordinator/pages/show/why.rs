//! Why a test waits, was skipped, or ended as it did.

use crate::api::v1::test_views::{Why, WhyWorker};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::Id;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::test_routes;
use crate::coordinator::pages::page::{Page, Table, answer};
use crate::coordinator::pages::text::{Link, State as Word, shown};
use crate::coordinator::pages::viewer::Viewer;
use crate::domain::id::TestId;
use crate::domain::test::Phase;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;

pub(in crate::coordinator::pages) async fn show(
    State(app): State<Arc<App>>,
    Id(test): Id<TestId>,
    viewer: Viewer,
) -> Result<Response, ApiError> {
    viewer.without_params()?;
    let Json(why) = test_routes::why(State(app), Id(test)).await?;
    let page = page(&why);
    answer(&viewer, &why, page)
}

fn page(why: &Why) -> Page {
    let blocked =
        why.blocked_by.iter().map(|on| Link::new(format!("/tests/{on}/why"), &on.to_string()));
    let packages = why
        .packages
        .iter()
        .map(|(name, version)| json!({ "name": shown(name), "version": shown(version) }));
    let differs = why.first_differs.as_ref();
    Page {
        template: "why.html",
        title: format!("Why: {}", why.name),
        next: Some(next(why)),
        live: (why.phase != Phase::Done).then(String::new),
        values: json!({
            "test": Link::new(format!("/tests/{}", why.test), &why.name),
            "summary": shown(&why.summary),
            "measured": why.measured.as_deref().map(shown),
            "reproduce": why.reproduce.as_deref().map(shown),
            "first_differs": differs.map(|differs| shown(&differs.module)),
            "would_not_notice": why.would_not_notice.as_ref().map(|changes| {
                changes.iter().map(|change| shown(change)).collect::<Vec<_>>()
            }),
            "weights": why.weights.as_deref().map(shown),
            "weights_id": why.weights_id.as_deref().map(shown),
            "blocked_by": blocked.collect::<Vec<_>>(),
            "packages": packages.collect::<Vec<_>>(),
            "workers": why.workers.iter().map(worker).collect::<Vec<_>>(),
        }),
        table: table(why),
    }
}

fn next(why: &Why) -> Link {
    match (why.phase, &why.blocked_by[..]) {
        (Phase::Blocked, [first, ..]) => {
            Link::new(format!("/tests/{first}/why"), "Show what blocks it")
        }
        (Phase::Waiting, _) => Link::new("/workers", "Show the workers"),
        _ => Link::new(format!("/tests/{}", why.test), "Show the test"),
    }
}

fn worker(worker: &WhyWorker) -> Value {
    let state = match worker.lacks {
        None => Word::new("can run it", "ok"),
        Some(_) => Word::new("cannot run it", "bad"),
    };
    json!({
        "worker": Link::new(format!("/workers#{}", worker.worker), &worker.name),
        "state": state,
        "explanation": shown(&worker.explanation),
    })
}

fn table(why: &Why) -> Table {
    let row = |worker: &WhyWorker| {
        let can = if worker.lacks.is_none() { "yes" } else { "no" };
        let (id, name) = (worker.worker.to_string(), worker.name.clone());
        vec![id, name, can.to_owned(), worker.explanation.clone()]
    };
    Table {
        head: vec!["worker", "name", "can_run", "explanation"],
        rows: why.workers.iter().map(row).collect(),
    }
}
