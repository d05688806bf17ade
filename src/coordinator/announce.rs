//! One line of the log for each event that an administrator would look for: workers that come
//! and go, runs that begin and end. Nothing is written for a single test.
//!
//! Promise: names in lines cannot change the terminal that shows them.

use crate::domain::access::Subject;
use crate::domain::fact::Fact;
use crate::domain::id::{RunId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::results::render::figures::counted;
use crate::results::render::words::plain;
use crate::scheduler::Scheduler;

/// Characters of a name that are shown.
const NAME_CHARS: usize = 80;

/// Writes the line of an event that has just been applied, if it has one.
pub(crate) fn announce(fact: &Fact, scheduler: &Scheduler) {
    if let Some((warning, line)) = line(fact, scheduler) {
        if warning {
            tracing::warn!("{line}");
        } else {
            tracing::info!("{line}");
        }
    }
}

/// Whether it is a warning, and the line.
fn line(fact: &Fact, scheduler: &Scheduler) -> Option<(bool, String)> {
    let worker = |id: WorkerId| {
        let name = scheduler.worker(id).map(|worker| plain(&worker.name, NAME_CHARS));
        format!("worker {id} {}", name.unwrap_or_default())
    };
    let told = |line: String| Some((false, line));
    match fact {
        Fact::WorkerRegistered { worker: id, capability, .. } => told(format!(
            "{} joined: {}, {}, {:.1} GiB",
            worker(*id),
            counted(capability.slots.into(), "slot"),
            counted(capability.accelerators.len() as u64, "accelerator"),
            capability.memory_bytes as f64 / f64::from(1u32 << 30)
        )),
        Fact::WorkerDraining { worker: id, by, .. } => {
            told(format!("{} is draining{}", worker(*id), asked_by(by)))
        }
        Fact::WorkerResumed { worker: id, by, .. } => {
            told(format!("{} takes tests again{}", worker(*id), asked_by(by)))
        }
        Fact::WorkerLost { worker: id, clean: true, .. } => told(format!("{} left", worker(*id))),
        Fact::WorkerLost { worker: id, clean: false, .. } => {
            Some((true, format!("{} is lost: nothing was heard of it", worker(*id))))
        }
        Fact::RunSubmitted { run, name, user, .. } => told(format!(
            "run {run} was submitted by {}: {}",
            plain(user, NAME_CHARS),
            plain(name, NAME_CHARS)
        )),
        Fact::RunCancelled { run, by, .. } => {
            let cancelled = format!("run {run} was cancelled by {}", plain(by, NAME_CHARS));
            match ended(*run, scheduler) {
                Some(end) => told(format!("{cancelled}; {end}")),
                None => told(cancelled),
            }
        }
        Fact::TemplateAdded { path, version, user, .. } => told(format!(
            "version {version} of the template {} was added by {}",
            plain(path, NAME_CHARS),
            plain(user, NAME_CHARS)
        )),
        // These may have been the last of a run.
        Fact::AttemptFinished { lease, .. } => {
            ended(lease.attempt.test.run, scheduler).and_then(told)
        }
        Fact::TestSkipped { test, .. } | Fact::TestExpired { test, .. } => {
            ended(test.run, scheduler).and_then(told)
        }
        Fact::TestsAdded { .. }
        | Fact::LeasesGranted { .. }
        | Fact::LeasesRecalled { .. }
        | Fact::LeaseReturned { .. }
        | Fact::LateResult { .. }
        | Fact::WorkerForgotten { .. } => None,
    }
}

/// Names who asked for a change, where the event has it.
fn asked_by(subject: &Subject) -> String {
    if subject.is_unknown() {
        return String::new();
    }
    format!(", as {} asked", plain(subject, NAME_CHARS))
}

/// How a run ended, if it has.
fn ended(run: RunId, scheduler: &Scheduler) -> Option<String> {
    if !scheduler.has_ended(run) {
        return None;
    }
    let counts = scheduler.run(run)?.counts;
    let passed = counts.done.get(&Outcome::Passed).copied().unwrap_or(0);
    let others = counts.done.iter().filter(|(outcome, _)| **outcome != Outcome::Passed);
    let mut ends = vec![format!("{passed} passed")];
    ends.extend(others.map(|(outcome, count)| format!("{count} {outcome}")));
    let tests = counted(counts.total.into(), "test");
    Some(format!("run {run} ended: {tests}: {}", ends.join(", ")))
}
