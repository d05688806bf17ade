//! Workers whose calibration drifted: the machine is slower or faster than before, whatever the tests show.

use crate::api::v1::changes::WorkerEvent;
use crate::domain::id::{RunId, WorkerId};
use crate::results::render::figures::percent;
use crate::store::reports::calibrations::CalibrationRow;
use crate::store::{Store, StoreError};
use crate::trends::judgement::{Direction, Judgement};
use crate::trends::limits::{Better, Kind, Limits};
use crate::trends::online;
use std::collections::BTreeMap;

/// The events of the workers of these runs.
///
/// # Errors
/// The database cannot be read.
pub fn events(
    store: &Store,
    runs: (RunId, RunId),
    names: &BTreeMap<WorkerId, String>,
) -> Result<Vec<WorkerEvent>, StoreError> {
    let rows = store.calibrations(runs)?;
    let of_workers = rows.chunk_by(|one, next| one.worker == next.worker);
    let events = of_workers.flat_map(|rows| {
        let worker = rows[0].worker;
        let name = names.get(&worker).cloned().unwrap_or_else(|| worker.to_string());
        speeds(rows).into_iter().filter_map(move |(what, values)| event(&name, &what, &values))
    });
    Ok(events.collect())
}

/// The history of each speed that the newest calibration has. Speeds with another number of threads are not
/// comparable.
fn speeds(rows: &[CalibrationRow]) -> Vec<(String, Vec<f64>)> {
    let Some(newest) = rows.last() else { return Vec::new() };
    let alike = || rows.iter().filter(|row| row.threads == newest.threads);
    let mut speeds = vec![
        ("the speed of its CPU".to_owned(), alike().map(|row| row.operations).collect()),
        ("the speed of its memory".to_owned(), alike().map(|row| row.memory_bytes).collect()),
    ];
    for device in newest.devices.keys() {
        let known = || rows.iter().filter_map(|row| row.devices.get(device));
        let compute = known().map(|speed| speed.compute.per_second).collect();
        let memory = known().map(|speed| speed.memory.per_second).collect();
        speeds.push((format!("the speed of its device {device}"), compute));
        speeds.push((format!("the speed of the memory of its device {device}"), memory));
    }
    speeds
}

/// The event, if the newest value differs from those before beyond their noise.
fn event(worker: &str, what: &str, values: &[f64]) -> Option<WorkerEvent> {
    let limits = Limits::of(Kind::Measured);
    let judged = online::newest(values, &[], Some(Better::Higher), limits);
    let Judgement { direction, change, n_before, n_after, .. } = judged;
    let change = change.filter(|_| judged.is_change())?;
    let word = if direction == Direction::Worse { "below" } else { "above" };
    let by = percent((change - 1.0).abs());
    Some(WorkerEvent {
        worker: worker.to_owned(),
        reason: format!(
            "its calibration drifted: {what} is {by} {word} that of earlier calibrations"
        ),
        compared: n_before as u64,
        changed: n_after as u64,
        change: Some(change),
    })
}
