//! The workers: devices, speed, and what they run.

use crate::api::page::{MAX_PAGE, Page as Listed, PageQuery};
use crate::api::v1::grid::{UtilisationQuery, UtilisationView};
use crate::api::v1::workers::{WorkerState, WorkerView};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::Params;
use crate::coordinator::http::reports;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::workers;
use crate::coordinator::pages::page::{Page, Table, answer};
use crate::coordinator::pages::text::{Link, State as Word, duration, shown, time};
use crate::coordinator::pages::viewer::Viewer;
use crate::domain::accelerator::Accelerator;
use crate::domain::access::Permission;
use crate::domain::capability::Capability;
use crate::domain::capability::calibration::Speed;
use crate::domain::time::Timestamp;
use crate::results::render::figures::{bytes, counted, percent, three_digits};
use crate::text::chart;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Length of the chart of the use, in hours.
const HOURS: u32 = 24;

#[derive(Deserialize)]
struct Filter {
    /// Includes workers that have left.
    all: Option<String>,
}

pub(in crate::coordinator::pages) async fn show(
    State(app): State<Arc<App>>,
    viewer: Viewer,
) -> Result<Response, ApiError> {
    let filter: Filter = viewer.params()?;
    let all = PageQuery { limit: Some(MAX_PAGE), ..PageQuery::default() };
    let Json(mut view) = workers::list(State(Arc::clone(&app)), Params(all)).await?;
    let known = view.items.len();
    if filter.all.is_none() {
        view.items.retain(|worker| worker.state != WorkerState::Gone);
    }
    let day = UtilisationQuery { hours: Some(HOURS) };
    let Json(used) = reports::grid::utilisation(State(app), Params(day)).await?;
    let page = page(&view, &used, known - view.items.len(), viewer.may(Permission::ManageWorkers));
    answer(&viewer, &view, page)
}

fn page(
    view: &Listed<WorkerView>,
    used: &UtilisationView,
    hidden: usize,
    may_manage: bool,
) -> Page {
    let workers: Vec<Value> =
        view.items.iter().map(|view| worker(view, used, may_manage)).collect();
    let next = match (workers.is_empty(), hidden) {
        (_, 0) => Link::new("/", "Show what is running"),
        (_, hidden) => {
            let text = format!("Include {} that left", counted(hidden as u64, "worker"));
            Link::new("/workers?all=yes", &text)
        }
    };
    Page {
        template: "workers.html",
        title: "Workers".into(),
        next: Some(next),
        live: Some(String::new()),
        values: json!({ "workers": workers, "is_cut": view.next.is_some() }),
        table: table(&view.items),
    }
}

fn state(worker: &WorkerView) -> Word {
    let kind = match worker.state {
        WorkerState::Active if worker.calibrating => "warn",
        WorkerState::Active => "ok",
        WorkerState::Draining => "warn",
        WorkerState::Lost => "bad",
        WorkerState::Gone => "idle",
    };
    Word::new(worker.state_name(), kind)
}

/// The use of the slots of a worker over the last day, as a chart. `None` if it ran nothing.
fn utilisation(view: &WorkerView, used: &UtilisationView) -> Option<Value> {
    let running = &used.workers.iter().find(|used| used.worker == view.worker)?.running;
    let slots = f64::from(view.capability.slots.max(1));
    let shares = (0u64..).zip(running).map(|(part, running)| {
        let at = Timestamp(used.from.0 + part * used.part_ms.0);
        (running / slots, format!("{}: {} of slots", time(at), percent(running / slots)))
    });
    let mean = running.iter().sum::<f64>() / running.len().max(1) as f64 / slots;
    let title = format!("Use of slots over the last {HOURS} h: {} on average", percent(mean));
    Some(json!({ "svg": chart::bars(&title, &shares.collect::<Vec<_>>()), "caption": title }))
}

fn worker(view: &WorkerView, used: &UtilisationView, may_manage: bool) -> Value {
    let capability = &view.capability;
    // The name of the form that changes the state, and the text of its button.
    let change = match view.state {
        _ if !may_manage => None,
        WorkerState::Active => Some(json!({ "action": "drain", "text": "Drain" })),
        WorkerState::Draining => Some(json!({ "action": "resume", "text": "Resume" })),
        WorkerState::Lost | WorkerState::Gone => None,
    };
    json!({
        "id": view.worker.to_string(),
        "name": shown(&view.name),
        "state": state(view),
        "silent": duration(view.silent_ms),
        "running": view.running,
        "ahead": view.ahead,
        "slots": capability.slots,
        "machine": shown(&machine(capability)),
        "backends": capability.backends.iter().map(|b| shown(&b.to_string())).collect::<Vec<_>>(),
        "devices": capability.accelerators.iter().map(device).collect::<Vec<_>>(),
        "unusable": capability.unusable.iter().map(unusable).collect::<Vec<_>>(),
        "errors": capability.detection_errors.iter().map(|e| shown(e)).collect::<Vec<_>>(),
        "speed": speed(view),
        "used": utilisation(view, used),
        "change": view.change.as_ref().map(|change| json!({
            "since": duration(change.since_ms),
            "changes": change.changes.iter().map(|text| shown(text)).collect::<Vec<_>>(),
        })),
        "act": change,
    })
}

fn machine(capability: &Capability) -> String {
    let cores = three_digits(capability.cpu_milli as f64 / 1000.0);
    let memory = bytes(capability.memory_bytes as f64);
    let mut text = format!("{} {}, {cores} cores, {memory}", capability.os, capability.arch);
    for part in [&capability.cpu_model, &capability.container] {
        if !part.is_empty() {
            text.push_str(", ");
            text.push_str(part);
        }
    }
    text
}

fn device(device: &Accelerator) -> Value {
    let driver = if device.driver.is_empty() { "driver unknown" } else { &device.driver };
    json!({
        "model": shown(&device.model),
        "memory": bytes(device.memory_bytes as f64),
        "driver": shown(driver),
    })
}

fn unusable(device: &Accelerator) -> Value {
    json!({ "model": shown(&device.model), "reason": shown(&device.reason) })
}

/// The latest calibration, in words.
fn speed(view: &WorkerView) -> Option<Value> {
    let speed = view.speed.as_ref()?;
    let rate =
        |speed: &Speed, unit: &str| format!("{} {unit}", three_digits(speed.per_second / 1e9));
    let latest = &speed.latest;
    let mut parts = vec![
        format!("CPU {}", rate(&latest.compute, "GFLOP/s")),
        format!("memory {}", rate(&latest.memory, "GB/s")),
    ];
    for (device, speed) in &latest.devices {
        parts.push(format!("{device} {}", rate(&speed.compute, "GFLOP/s")));
    }
    Some(json!({
        "text": shown(&parts.join(", ")),
        "noise": percent(speed.noise),
        "since": duration(speed.since_ms),
        "count": counted(speed.count.into(), "calibration"),
    }))
}

fn table(workers: &[WorkerView]) -> Table {
    let row = |view: &WorkerView| {
        let devices = view.capability.accelerators.iter().map(|device| device.model.as_str());
        vec![
            view.worker.to_string(),
            view.name.clone(),
            view.state_name().to_owned(),
            view.running.to_string(),
            view.ahead.to_string(),
            view.capability.slots.to_string(),
            view.silent_ms.0.to_string(),
            view.capability.os.clone(),
            view.capability.arch.clone(),
            devices.collect::<Vec<_>>().join("; "),
            view.speed.as_ref().map_or_else(String::new, |speed| speed.noise.to_string()),
        ]
    };
    Table {
        head: vec![
            "worker",
            "name",
            "state",
            "running",
            "ahead",
            "slots",
            "silent_ms",
            "os",
            "arch",
            "devices",
            "noise",
        ],
        rows: workers.iter().map(row).collect(),
    }
}
