//! The offer of a worker, for people: one line for each kind of fact.

use crate::api::v1::workers::{WorkerSpeed, WorkerView, WorkerWeights};
use crate::cli::worker::describe;
use crate::domain::accelerator::{Accelerator, DeviceState, Proof};
use crate::domain::capability::Capability;
use crate::domain::time::Millis;
use crate::results::render::figures::{bytes, counted, percent, three_digits};
use crate::results::render::words::plain;

/// Maximum number of characters of a line.
const LINE_CHARS: usize = 400;
/// Maximum number of changes that are shown.
const MAX_CHANGES: usize = 4;

/// The lines about a worker.
pub fn offers(worker: &WorkerView) -> Vec<String> {
    let capability = &*worker.capability;
    let mut lines = vec![platform(capability), amounts(capability)];
    lines.extend(capability.accelerators.iter().map(device));
    lines.extend(capability.unusable.iter().map(unusable));
    lines.extend(capability.detection_errors.iter().cloned());
    lines.extend(worker.speed.as_ref().map(speed));
    lines.extend(worker.weights.map(weights));
    if let Some(change) = &worker.change {
        let shown = change.changes.iter().take(MAX_CHANGES).cloned().collect::<Vec<_>>();
        let more = change.changes.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        lines.push(format!("changed {}: {}{more}", ago(change.since_ms), shown.join(", ")));
    }
    lines.into_iter().map(|line| plain(&line, LINE_CHARS)).collect()
}

/// A period, e.g. `12 s ago`.
pub fn ago(span: Millis) -> String {
    match span.0 / 1000 {
        0..=1 => "now".to_owned(),
        seconds @ 2..=119 => format!("{seconds} s ago"),
        seconds @ 120..=7199 => format!("{} min ago", seconds / 60),
        seconds @ 7200..=172_799 => format!("{} h ago", seconds / 3600),
        seconds => format!("{} d ago", seconds / 86_400),
    }
}

/// `linux x86_64, Intel Xeon, in docker`.
fn platform(capability: &Capability) -> String {
    let mut text = format!("{} {}", capability.os, capability.arch);
    if !capability.cpu_model.is_empty() {
        text.push_str(&format!(", {}", capability.cpu_model));
    }
    if !capability.container.is_empty() {
        text.push_str(&format!(", in {}", capability.container));
    }
    text
}

fn amounts(capability: &Capability) -> String {
    let mut text = describe::amounts(capability);
    if !capability.tags.is_empty() {
        let tags: Vec<String> = capability.tags.iter().map(ToString::to_string).collect();
        text.push_str(&format!(", tags {}", tags.join(" ")));
    }
    text
}

/// `NVIDIA L40S (nvidia:GPU-1), 45.0 GiB, driver 570.1, cuda (proven by its driver)`.
fn device(device: &Accelerator) -> String {
    let mut parts = vec![format!("{} ({})", device.model, device.id())];
    parts.push(match device.memory() {
        Some(size) if device.memory_estimated => format!("about {}", bytes(size as f64)),
        Some(size) => bytes(size as f64),
        None => "memory unknown".to_owned(),
    });
    if device.unified {
        parts.push("shared with the CPU".to_owned());
    }
    if !device.partition_of.is_empty() {
        parts.push(format!("part of {}", device.partition_of));
    }
    if !device.driver.is_empty() {
        parts.push(format!("driver {}", device.driver));
    }
    parts.extend(device.backends.iter().map(|(backend, proof)| {
        let proof = match proof {
            Proof::Hardware => "not proven",
            Proof::Driver => "proven by its driver",
            Proof::Runtime => "proven by a runtime",
        };
        format!("{backend} ({proof})")
    }));
    parts.join(", ")
}

fn unusable(device: &Accelerator) -> String {
    let state = match device.state {
        DeviceState::Ok => "ok",
        DeviceState::Degraded => "degraded",
        DeviceState::Unusable => "unusable",
    };
    let reason = if device.reason.is_empty() { "no reason is known" } else { &device.reason };
    format!("{state}: {} ({}): {reason}", device.model, device.id())
}

/// `speed 12.3 Gflop/s, memory 8.1 GB/s with 4 threads, noise 3.0 % (2 h ago, 5 calibrations)`.
fn speed(speed: &WorkerSpeed) -> String {
    let giga = |per_second: f64| three_digits(per_second / 1e9);
    let latest = &speed.latest;
    let mut text = format!(
        "speed {} Gflop/s, memory {} GB/s with {}, noise {} ({}, {})",
        giga(latest.compute.per_second),
        giga(latest.memory.per_second),
        counted(latest.threads.into(), "thread"),
        percent(speed.noise),
        ago(speed.since_ms),
        counted(speed.count.into(), "calibration"),
    );
    for (id, device) in &latest.devices {
        let (compute, memory) = (giga(device.compute.per_second), giga(device.memory.per_second));
        text.push_str(&format!(", {id} {compute} Gflop/s, memory {memory} GB/s"));
    }
    text
}

/// `weights of 3 models, cache of 100 GiB with 13.0 GiB in use`.
fn weights(weights: WorkerWeights) -> String {
    let mut text = format!("weights of {}", counted(weights.held.into(), "model"));
    if let Some(capacity) = weights.capacity_bytes {
        text.push_str(&format!(", cache of {}", bytes(capacity as f64)));
        if weights.used_bytes > 0 {
            text.push_str(&format!(" with {} in use", bytes(weights.used_bytes as f64)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn periods_are_rounded() {
        let texts = [500, 12_000, 300_000, 10_800_000, 900_000_000].map(|ms| ago(Millis(ms)));
        assert_eq!(texts, ["now", "12 s ago", "5 min ago", "3 h ago", "10 d ago"]);
    }

    #[test]
    fn the_weights_of_a_worker_are_counted() {
        let text = |held, capacity_bytes, used_bytes| {
            weights(WorkerWeights { held, capacity_bytes, used_bytes })
        };
        assert_eq!(text(1, None, 7), "weights of 1 model");
        assert_eq!(text(0, Some(100 << 30), 0), "weights of 0 models, cache of 100 GiB");
        let full = "weights of 3 models, cache of 100 GiB with 13.0 GiB in use";
        assert_eq!(text(3, Some(100 << 30), 13 << 30), full);
    }

    #[test]
    fn everything_that_is_known_of_a_worker_is_shown() {
        let device = json!({
            "index": 0, "vendor": "nvidia", "model": "L40S", "uuid": "GPU-1", "driver": "570.1",
            "backends": { "cuda": "runtime" }, "memory_bytes": 48_u64 << 30,
        });
        let broken = json!({
            "index": 1, "vendor": "nvidia", "model": "A100", "uuid": "GPU-2", "backends": {},
            "state": "unusable", "reason": "MIG mode is on and there is no instance",
        });
        let before = json!({
            "os": "linux", "arch": "x86_64", "cpu_milli": 8000, "memory_bytes": 16_u64 << 30,
            "slots": 8, "backends": ["cpu", "cuda"], "accelerators": [device, broken],
        });
        let mut now = before.clone();
        now["cpu_milli"] = json!(4000);
        now["slots"] = json!(4);
        (now["container"], now["cpu_model"]) = (json!("docker"), json!("Xeon"));
        (now["accelerators"], now["unusable"]) = (json!([device]), json!([broken]));
        let figure = json!({ "per_second": 12.34e9, "spread": 0.03 });
        let worker: WorkerView = serde_json::from_value(json!({
            "worker": "w1", "name": "lab", "state": "active", "capability": now, "running": 0,
            "ahead": 0, "last_seen": 0, "registered_at": 0,
            "change": { "at": 0, "since_ms": 300_000, "before": before,
                        "changes": ["8 → 4 cores", "a", "b", "c", "d"] },
            "speed": { "since_ms": 7_200_000, "count": 1, "noise": 0.03, "latest": {
                "measured_at": 0, "threads": 4, "compute": figure, "memory": figure } },
        }))
        .expect("a worker");
        assert_eq!(
            offers(&worker),
            [
                "linux x86_64, Xeon, in docker",
                "4 slots, 4 cores, 16.0 GiB, cpu cuda",
                "L40S (nvidia:GPU-1), 48.0 GiB, driver 570.1, cuda (proven by a runtime)",
                "unusable: A100 (nvidia:GPU-2): MIG mode is on and there is no instance",
                "speed 12.3 Gflop/s, memory 12.3 GB/s with 4 threads, noise 3.0 % (2 h ago, 1 \
                 calibration)",
                "changed 5 min ago: 8 → 4 cores, a, b, c and 1 more",
            ]
        );
    }
}
