//! One test: how it ended or why it waits, its attempts, and the end of its output, which is live
//! while it runs.

use crate::api::SCHEMA;
use crate::api::page::Page as Listed;
use crate::api::v1::test_views::{AttemptQuery, AttemptView, Check, Metric, TestView, Why};
use crate::coordinator::http::app::App;
use crate::coordinator::http::attempts;
use crate::coordinator::http::extract::{Id, Params};
use crate::coordinator::http::logs;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::test_routes;
use crate::coordinator::pages::page::{Page, Table, answer};
use crate::coordinator::pages::show::series;
use crate::coordinator::pages::text::{Link, State as Word, duration, encoded, shown, time};
use crate::coordinator::pages::viewer::{Named, Viewer};
use crate::domain::access::Permission;
use crate::domain::id::{AttemptId, TestId};
use crate::domain::outcome::Class;
use crate::domain::test::Phase;
use crate::domain::time::Millis;
use crate::results::render::figures::{bytes, counted, three_digits, with_unit};
use crate::results::render::words::lines;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::join;

/// Maximum size of the output on the page, in bytes. The whole output is a route of the API.
const MAX_OUTPUT: usize = 64 * 1024;
/// Maximum number of charts on the page.
const MAX_CHARTS: usize = 6;
/// Maximum number of attempts on the page.
const MAX_ATTEMPTS: u32 = 100;

/// The documents of the page.
#[derive(Serialize)]
struct Documents {
    schema: u32,
    test: TestView,
    why: Why,
    /// The attempts that have ended.
    attempts: Listed<AttemptView>,
}

/// The end of the output of the newest attempt.
struct Output {
    attempt: AttemptId,
    text: String,
    /// Number of bytes before the text.
    left_out: u64,
    /// Position after the text.
    end: u64,
    is_live: bool,
}

pub(in crate::coordinator::pages) async fn show(
    State(app): State<Arc<App>>,
    Named(test): Named<TestId>,
    viewer: Viewer,
) -> Result<Response, ApiError> {
    viewer.without_params()?;
    let Json(view) = test_routes::get(State(Arc::clone(&app)), Id(test)).await?;
    let query =
        AttemptQuery { test: Some(test), limit: Some(MAX_ATTEMPTS), ..AttemptQuery::default() };
    let (why, attempts, output, charts) = join!(
        test_routes::why(State(Arc::clone(&app)), Id(test)),
        attempts::list(State(Arc::clone(&app)), Params(query)),
        output(&app, &view),
        charts(&app, test),
    );
    let (Json(why), Json(attempts), charts) = (why?, attempts?, charts?);
    let documents = Documents { schema: SCHEMA, test: view, why, attempts };
    let page = page(&documents, output.as_ref(), charts, viewer.may(Permission::SubmitRuns));
    answer(&viewer, &documents, page)
}

/// The history of the metrics of a test on its hardware.
struct Charts {
    shown: Vec<Value>,
    /// Number of metrics that are not shown.
    others: usize,
}

/// The history of the metrics of the test on its hardware, as charts. The other metrics follow the
/// latency. A test that has not ended has none.
async fn charts(app: &Arc<App>, test: TestId) -> Result<Charts, ApiError> {
    app.settled().await?;
    let (histories, others) =
        app.results(move |results| results.histories(test, MAX_CHARTS)).await?;
    Ok(Charts { shown: histories.iter().filter_map(series::chart).collect(), others })
}

/// The output, or the reason why it cannot be read. `None` if no attempt has begun.
async fn output(app: &Arc<App>, view: &TestView) -> Option<Result<Output, ApiError>> {
    if view.attempts == 0 {
        return None;
    }
    let attempt = view.test.attempt(view.attempts);
    Some(logs::end(app, attempt, MAX_OUTPUT).await.map(|(bytes, end)| Output {
        attempt,
        text: lines(&String::from_utf8_lossy(&bytes), false),
        left_out: end - bytes.len() as u64,
        end,
        is_live: view.phase == Phase::Leased,
    }))
}

fn page(
    documents: &Documents,
    output: Option<&Result<Output, ApiError>>,
    charts: Charts,
    may_submit: bool,
) -> Page {
    let Documents { test, why, attempts, .. } = documents;
    let is_open = test.phase != Phase::Done;
    let live = match output {
        _ if !is_open => None,
        Some(Ok(Output { attempt, end, is_live: true, .. })) => {
            Some(format!("&attempt={attempt}&offset={end}"))
        }
        _ => Some(String::new()),
    };
    let labels = test
        .labels
        .iter()
        .map(|(name, value)| json!({ "name": shown(name), "value": shown(value) }));
    let newest = attempts.items.last();
    let is_quarantined = test.quarantined.is_some();
    let shown_attempt = |view| attempt(view, is_quarantined);
    Page {
        template: "test.html",
        title: test.name.clone(),
        next: Some(next(test, why)),
        live,
        values: json!({
            "test": test.test.to_string(),
            "run": test.test.run.to_string(),
            "state": Word::of_test(test.outcome, Some(test.phase), test.flaky)
                .unless_quarantined(is_quarantined),
            "quarantine": test.quarantined.as_ref().map(|known| json!({
                "id": known.quarantine.to_string(),
                "reason": shown(&known.reason),
                "expires": time(known.expires_at),
            })),
            "summary": shown(&why.summary),
            "reproduce": why.reproduce.as_deref().map(shown),
            "measured": why.measured.as_deref().map(shown),
            "weights": why.weights.as_deref().map(shown),
            "labels": labels.collect::<Vec<_>>(),
            "charts": charts.shown,
            "further": (charts.others > 0).then(|| counted(charts.others as u64, "further metric")),
            "series": format!("/api/v1/series?test={}", test.test),
            "history": format!("/grid?name={}", encoded(&test.name)),
            "attempts": attempts.items.iter().rev().map(shown_attempt).collect::<Vec<_>>(),
            "checks": newest.map(|view| view.detail.checks.iter().map(check).collect::<Vec<_>>()),
            "metrics": newest
                .map(|view| view.detail.metrics.iter().map(metric).collect::<Vec<_>>()),
            "environment": newest.map(environment),
            "output": output.map(shown_output),
            "may_submit": may_submit && !is_open,
        }),
        table: table(&attempts.items),
    }
}

fn next(test: &TestView, why: &Why) -> Link {
    if why.phase == Phase::Waiting {
        return Link::new(format!("/tests/{}/why", test.test), "Find out why it waits");
    }
    Link::new(format!("/runs/{}", test.test.run), &format!("Show run {}", test.test.run))
}

fn shown_output(output: &Result<Output, ApiError>) -> Value {
    match output {
        Ok(output) => json!({
            "attempt": output.attempt.to_string(),
            "text": output.text,
            "left_out": (output.left_out > 0).then(|| bytes(output.left_out as f64)),
            "whole": format!("/api/v1/attempts/{}/log", output.attempt),
            "problem": null,
            "is_live": output.is_live,
        }),
        Err(error) => json!({ "problem": shown(error.message()) }),
    }
}

fn attempt(view: &AttemptView, is_quarantined: bool) -> Value {
    let detail = &view.detail;
    json!({
        "number": view.attempt.number,
        "state": Word::of_test(Some(view.outcome), None, false)
            .unless_quarantined(is_quarantined),
        "class": view.class.map(Class::words),
        "worker": Link::new(format!("/workers?all=yes#{}", view.worker), &view.worker_name),
        "devices": detail.devices.iter().map(|device| shown(device)).collect::<Vec<_>>(),
        "duration": duration(view.duration_ms),
        "finished": time(view.finished_at),
        "memory": detail.peak_memory_bytes.map(|peak| bytes(peak as f64)).unwrap_or_default(),
        "message": shown(&detail.message),
        "note": view.note.as_deref().map(shown),
        "phases": detail.phases.iter().map(|phase| json!({
            "name": shown(&phase.name),
            "seconds": phase.seconds.map_or_else(
                || "not ended".to_owned(),
                |seconds| duration(Millis((seconds.max(0.0) * 1000.0) as u64)),
            ),
        })).collect::<Vec<_>>(),
    })
}

fn check(check: &Check) -> Value {
    let values = check.values.iter().map(|(name, value)| {
        let limit = check.tolerance.get(name);
        let limit = limit.map(|limit| format!(" (at most {})", three_digits(*limit)));
        format!("{name} {}{}", three_digits(*value), limit.unwrap_or_default())
    });
    let state = if check.passed { Word::new("passed", "ok") } else { Word::new("failed", "bad") };
    json!({
        "name": shown(&check.name),
        "state": state,
        "values": shown(&values.collect::<Vec<_>>().join(", ")),
        "message": shown(&check.message),
    })
}

fn metric(metric: &Metric) -> Value {
    let mut sorted = metric.values.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let value = |position: usize| {
        sorted.get(position).map_or_else(String::new, |value| with_unit(*value, &metric.unit))
    };
    json!({
        "name": shown(&metric.name),
        "count": sorted.len(),
        "min": value(0),
        "median": value(sorted.len().saturating_sub(1) / 2),
        "max": value(sorted.len().saturating_sub(1)),
    })
}

/// Names and values of the environment. A value that is not a text is shown as JSON.
fn environment(view: &AttemptView) -> Vec<Value> {
    let entries = view.detail.environment.iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        json!({ "name": shown(name), "value": shown(&text) })
    });
    entries.collect()
}

fn table(attempts: &[AttemptView]) -> Table {
    let row = |view: &AttemptView| {
        vec![
            view.attempt.to_string(),
            view.outcome.name().to_owned(),
            view.class.map_or_else(String::new, |class| class.to_string()),
            view.worker_name.clone(),
            view.duration_ms.0.to_string(),
            view.finished_at.0.to_string(),
            view.detail.message.clone(),
        ]
    };
    Table {
        head: vec![
            "attempt",
            "outcome",
            "class",
            "worker",
            "duration_ms",
            "finished_ms",
            "message",
        ],
        rows: attempts.iter().map(row).collect(),
    }
}
