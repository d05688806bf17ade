//! Flaky tests, the rates of workers and back-ends, and quarantines.

use crate::api::v1::flaky::{
    BackendRate, FlakyJudgement, FlakyQuery, FlakyTest, FlakyView, Rate, WorkerRate,
};
use crate::api::v1::marks::{MarkQuery, Quarantine, QuarantineList, QuarantineState};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::Params;
use crate::coordinator::http::reports::{flaky, marks};
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::pages::page::{Page, Table, answer};
use crate::coordinator::pages::text::{Link, State as Word, encoded, shown, time};
use crate::coordinator::pages::viewer::Viewer;
use crate::domain::access::Permission;
use crate::results::render::figures::percent;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Maximum number of tests on the page. The twins have all.
const MAX_LISTED: usize = 300;

/// The parameters of the page.
#[derive(Deserialize)]
struct Filter {
    since_ms: Option<u64>,
    limit: Option<u32>,
    /// The content of the form for a new quarantine.
    pattern: Option<String>,
}

pub(in crate::coordinator::pages) async fn show(
    State(app): State<Arc<App>>,
    viewer: Viewer,
) -> Result<Response, ApiError> {
    let Filter { since_ms, limit, pattern } = viewer.params()?;
    let query = FlakyQuery { since_ms, run: None, limit };
    let Json(view) = flaky::flaky(State(Arc::clone(&app)), Params(query)).await?;
    let Json(known) = marks::quarantines(State(app), Params(MarkQuery { all: true })).await?;
    let pattern = pattern.unwrap_or_default();
    let page = page(&view, &known, &pattern, viewer.may(Permission::MarkResults));
    answer(&viewer, &view, page)
}

fn page(view: &FlakyView, known: &QuarantineList, pattern: &str, may_mark: bool) -> Page {
    Page {
        template: "flaky.html",
        title: "Flaky tests".into(),
        next: Some(next(view)),
        live: None,
        values: json!({
            "since": time(view.since),
            "half_life": view.half_life,
            "min_attempts": view.min_attempts,
            "tests": view.tests.iter().take(MAX_LISTED).map(test).collect::<Vec<_>>(),
            "cut": view.truncated || view.tests.len() > MAX_LISTED,
            "workers": view.workers.iter().map(worker).collect::<Vec<_>>(),
            "backends": view.backends.iter().map(backend).collect::<Vec<_>>(),
            "quarantines": known.items.iter().map(quarantine).collect::<Vec<_>>(),
            "may_mark": may_mark,
            "pattern": pattern,
        }),
        table: table(view),
    }
}

fn next(view: &FlakyView) -> Link {
    let flaky = view.tests.iter().find(|test| test.judgement == FlakyJudgement::Flaky);
    match flaky {
        Some(test) => {
            let href = format!("/grid?name={}", encoded(&test.name));
            Link::new(href, "Show the first one in all runs")
        }
        None => Link::new("/regressions", "Show regressions"),
    }
}

fn judgement(judgement: FlakyJudgement) -> Word {
    match judgement {
        FlakyJudgement::Flaky => Word::new("flaky", "warn"),
        FlakyJudgement::WorkerTrouble => Word::new("trouble of a worker", "warn"),
        FlakyJudgement::Failing => Word::new("failing", "bad"),
        FlakyJudgement::Steady => Word::new("steady", "ok"),
        FlakyJudgement::InsufficientData => Word::new("insufficient data", "idle"),
    }
}

/// A rate with its interval of confidence.
fn rate(rate: &Rate) -> Value {
    json!({
        "failed": format!("{} of {}", rate.failed, rate.attempts),
        "rate": percent(rate.rate),
        "range": format!("{} to {}", percent(rate.low), percent(rate.high)),
    })
}

fn test(test: &FlakyTest) -> Value {
    let trouble = test.trouble_of.as_ref().map(|trouble| shown(&trouble.name));
    let recent: Vec<&str> =
        test.recent.iter().map(|passed| if *passed { "✓" } else { "✗" }).collect();
    json!({
        "test": Link::new(format!("/tests/{}", test.test), &test.name),
        "put": format!("?pattern={}#add", encoded(&test.name)),
        "state": judgement(test.judgement),
        "rate": rate(&test.rate),
        "transitions": test.transitions,
        "recovered": test.recovered,
        "trouble": trouble,
        "recent": recent.join(""),
        "last_failed": time(test.last_failed_at),
        "quarantined": test.quarantined.as_ref().map(|mark| mark.quarantine.to_string()),
    })
}

fn worker(view: &WorkerRate) -> Value {
    json!({
        "worker": Link::new(format!("/workers?all=yes#{}", view.worker), &view.name),
        "rate": rate(&view.rate),
        "trouble": view.trouble,
        "infrastructure": view.infrastructure,
    })
}

fn backend(view: &BackendRate) -> Value {
    let name = if view.backend.is_empty() { "none" } else { &view.backend };
    json!({ "name": shown(name), "rate": rate(&view.rate), "flaky": view.flaky })
}

fn quarantine(mark: &Quarantine) -> Value {
    let state = match mark.state {
        QuarantineState::InForce => Word::new("in force", "busy"),
        QuarantineState::Expired => Word::new("expired", "warn"),
        QuarantineState::Removed => Word::new("removed", "idle"),
    };
    let only = [("worker", &mark.worker), ("back-end", &mark.backend)];
    let only = only.iter().filter_map(|(what, name)| Some(format!("{what} {}", name.as_ref()?)));
    json!({
        "id": mark.quarantine.to_string(),
        "pattern": shown(&mark.pattern),
        "only": shown(&only.collect::<Vec<_>>().join(", ")),
        "state": state,
        "in_force": mark.state == QuarantineState::InForce,
        "reason": shown(&mark.reason),
        "by": shown(&mark.by),
        "expires": time(mark.expires_at),
        "tests": mark.tests,
        "bad": mark.bad,
    })
}

fn table(view: &FlakyView) -> Table {
    let row = |test: &FlakyTest| {
        vec![
            test.name.clone(),
            test.test.to_string(),
            judgement(test.judgement).word,
            test.rate.attempts.to_string(),
            test.rate.failed.to_string(),
            test.rate.rate.to_string(),
            test.transitions.to_string(),
            test.trouble_of.as_ref().map_or_else(String::new, |trouble| trouble.name.clone()),
            test.quarantined.as_ref().map_or_else(String::new, |q| q.quarantine.to_string()),
        ]
    };
    Table {
        head: vec![
            "name",
            "test",
            "judgement",
            "attempts",
            "failed",
            "rate",
            "transitions",
            "trouble_of",
            "quarantine",
        ],
        rows: view.tests.iter().map(row).collect(),
    }
}
