//! Log lines for the facts that an administrator looks for: workers that join and leave, runs that
//! start and end. There are no lines for single tests.
//!
//! Promise: names in the lines cannot control the terminal that shows them.

use crate::domain::access::Subject;
use crate::domain::fact::Fact;
use crate::domain::id::{RunId, WorkerId};
use crate::domain::outcome::{Class, Outcome};
use crate::results::render::figures::counted;
use crate::results::render::words::plain;
use crate::scheduler::{RunSummary, Scheduler};

/// Maximum number of characters of a name that are shown.
const NAME_CHARS: usize = 80;
/// Maximum number of characters of the changes of a worker that are shown.
const MAX_CHANGES: usize = 1000;

/// Writes the line of a fact that has just been applied, if it has one.
pub(crate) fn announce(fact: &Fact, scheduler: &Scheduler) {
    if let Some((warning, line)) = line(fact, scheduler) {
        if warning {
            tracing::warn!("{line}");
        } else {
            tracing::info!("{line}");
        }
    }
}

/// The line of a fact, and whether it is a warning.
fn line(fact: &Fact, scheduler: &Scheduler) -> Option<(bool, String)> {
    let worker = |id: WorkerId| {
        let name = scheduler.worker(id).map(|worker| plain(&worker.name, NAME_CHARS));
        format!("worker {id} {}", name.unwrap_or_default())
    };
    let info = |line: String| Some((false, line));
    match fact {
        Fact::WorkerRegistered { worker: id, capability, .. } => info(format!(
            "{} joined: {}, {}, {:.1} GiB",
            worker(*id),
            counted(capability.slots.into(), "slot"),
            counted(capability.accelerators.len() as u64, "accelerator"),
            capability.memory_bytes as f64 / f64::from(1u32 << 30)
        )),
        Fact::WorkerChanged { worker: id, capability, .. } => {
            let before = scheduler.worker(*id).and_then(|worker| worker.change);
            let before = before.map(|(_, before)| before);
            let is_loss = before.as_ref().is_some_and(|before| capability.offers_less_than(before));
            let changes = before.map(|before| capability.changes_since(&before));
            let changes = changes.unwrap_or_default().join(", ");
            Some((is_loss, format!("{} changed: {}", worker(*id), plain(&changes, MAX_CHANGES))))
        }
        Fact::WorkerDraining { worker: id, by, .. } => info(draining(&worker(*id), by)),
        Fact::WorkerResumed { worker: id, by, .. } => {
            info(format!("{} accepts tests again{}", worker(*id), asked_by(by)))
        }
        Fact::WorkerLost { worker: id, clean: true, .. } => info(format!("{} left", worker(*id))),
        Fact::WorkerLost { worker: id, clean: false, .. } => {
            Some((true, format!("{} is lost: it sent no heartbeat", worker(*id))))
        }
        Fact::RunSubmitted { run, name, user, .. } => info(format!(
            "run {run} was submitted by {}: {}",
            plain(user, NAME_CHARS),
            plain(name, NAME_CHARS)
        )),
        Fact::RunCancelled { run, by, .. } => {
            let cancelled = format!("run {run} was cancelled by {}", plain(by, NAME_CHARS));
            match ended(*run, scheduler) {
                Some(end) => info(format!("{cancelled}; {end}")),
                None => info(cancelled),
            }
        }
        Fact::TemplateAdded { path, version, user, .. } => info(format!(
            "version {version} of the template {} was added by {}",
            plain(path, NAME_CHARS),
            plain(user, NAME_CHARS)
        )),
        Fact::QuarantineAdded { .. }
        | Fact::QuarantineRemoved { .. }
        | Fact::SeriesAccepted { .. }
        | Fact::AcceptanceRemoved { .. } => mark(fact).and_then(info),
        Fact::AttemptFinished {
            lease,
            worker: id,
            class: Some(Class::Overdue),
            duration_ms,
            ..
        } => {
            let held = duration_ms.0 / 1000;
            let overdue =
                format!("{} did not report {} within {held} s", worker(*id), lease.attempt);
            let end = ended(lease.attempt.test.run, scheduler);
            Some((true, end.map_or(overdue.clone(), |end| format!("{overdue}; {end}"))))
        }
        // The run may have ended with this test.
        Fact::AttemptFinished { lease, .. } => {
            ended(lease.attempt.test.run, scheduler).and_then(info)
        }
        Fact::TestSkipped { test, .. } | Fact::TestExpired { test, .. } => {
            ended(test.run, scheduler).and_then(info)
        }
        Fact::TestsAdded { .. }
        | Fact::LeasesGranted { .. }
        | Fact::LeasesRecalled { .. }
        | Fact::LeaseReturned { .. }
        | Fact::LateResult { .. }
        | Fact::RecordsLost { .. }
        | Fact::ClockChanged { .. }
        | Fact::WorkerCalibrated { .. }
        | Fact::WorkerForgotten { .. } => None,
    }
}

fn draining(worker: &str, by: &Subject) -> String {
    format!("{worker} is draining{}", asked_by(by))
}

/// The line of a quarantine, an acceptance or their removal.
fn mark(fact: &Fact) -> Option<String> {
    match fact {
        Fact::QuarantineAdded { id, quarantine } => Some(format!(
            "quarantine {id} of the tests {:?} was added by {}: {}",
            plain(&quarantine.covered.pattern, NAME_CHARS),
            plain(&quarantine.by, NAME_CHARS),
            plain(&quarantine.reason, NAME_CHARS)
        )),
        Fact::QuarantineRemoved { id, by, .. } => {
            Some(format!("quarantine {id} was removed by {}", plain(by, NAME_CHARS)))
        }
        Fact::SeriesAccepted { id, run, series, by, reason, .. } => Some(format!(
            "acceptance {id}: {} from run {run} on accepted by {}: {}",
            counted(series.len() as u64, "change"),
            plain(by, NAME_CHARS),
            plain(reason, NAME_CHARS)
        )),
        Fact::AcceptanceRemoved { id, by, .. } => {
            Some(format!("acceptance {id} was removed by {}", plain(by, NAME_CHARS)))
        }
        _ => None,
    }
}

/// Names the user who asked for a change, if the fact has one.
fn asked_by(subject: &Subject) -> String {
    if subject.is_unknown() {
        return String::new();
    }
    format!(", as {} asked", plain(subject, NAME_CHARS))
}

/// Describes how a run ended; `None` while it has not.
fn ended(run: RunId, scheduler: &Scheduler) -> Option<String> {
    if !scheduler.has_ended(run) {
        return None;
    }
    let RunSummary { counts, finished_at, .. } = scheduler.run(run)?;
    let ended_at = finished_at?;
    let passed = counts.done.get(&Outcome::Passed).copied().unwrap_or(0);
    let others = counts.done.iter().filter(|(outcome, _)| **outcome != Outcome::Passed);
    let mut counts_by_outcome = vec![format!("{passed} passed")];
    counts_by_outcome.extend(others.map(|(outcome, count)| format!("{count} {outcome}")));
    let tests = counted(counts.total.into(), "test");
    let mut line = format!("run {run} ended: {tests}: {}", counts_by_outcome.join(", "));
    // Which of the tests they cover is known when the results are stored.
    let quarantines = scheduler.quarantines(ended_at);
    if passed < counts.total && quarantines > 0 {
        let quarantines = counted(quarantines.into(), "quarantine");
        line.push_str(&format!("; tests in quarantine are counted, too ({quarantines} in force)"));
    }
    Some(line)
}
