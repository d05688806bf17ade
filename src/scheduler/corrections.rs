//! Corrections of the state that follow from the storage and the clock, not from requests: records
//! that were lost, and a clock that was set.
//!
//! Promises: after a loss, no number of a run or worker and no epoch repeats one that the lost
//! records may have used. After a change of the clock, the time that a test has waited, and the time since each
//! worker and lease was heard of, are the same as before, so that no test expires and no lease ends because of the
//! change. Dates that people have set, such as the end of a quarantine, stay.

use super::deadline::NEVER;
use super::state::{Scheduler, State};
use crate::domain::id::Epoch;
use crate::domain::time::Timestamp;

impl Scheduler {
    /// Last epoch used. The next notice or lease has a greater one.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Numbers of the next run and of the next worker.
    #[must_use]
    pub fn next_numbers(&self) -> (u32, u32) {
        (self.next_run, self.next_worker)
    }

    pub(super) fn apply_records_lost(&mut self, run: u32, worker: u32, epoch: Epoch) {
        self.next_run = self.next_run.max(run);
        self.next_worker = self.next_worker.max(worker);
        self.epoch = self.epoch.max(epoch);
        self.marks.records_lost();
    }

    /// The clock showed `from`, and shows `to` from then on. Moments from which periods are measured
    /// move along; moments that are only shown are limited to `to`.
    pub(super) fn apply_clock_changed(&mut self, from: Timestamp, to: Timestamp) {
        let move_along = |time: &mut Timestamp| *time = moved(*time, from, to);
        let limit = |time: &mut Timestamp| *time = (*time).min(to);
        for run in self.runs.values_mut() {
            move_along(&mut run.submitted_at);
            run.finished_at.iter_mut().for_each(move_along);
            run.parts.iter_mut().for_each(|(_, at)| move_along(at));
            for test in &mut run.tests {
                if let State::Waiting { since, .. } = &mut test.state {
                    move_along(since);
                }
            }
        }
        for worker in self.workers.values_mut() {
            limit(&mut worker.registered_at);
            worker.calibrations.iter_mut().for_each(|(at, _)| limit(at));
            worker.change.iter_mut().for_each(|change| limit(&mut change.at));
            move_along(&mut worker.last_seen);
            move_along(&mut worker.due);
            for seat in worker.seats.values_mut() {
                move_along(&mut seat.since);
                move_along(&mut seat.due);
            }
        }
        self.templates.values_mut().for_each(|template| limit(&mut template.at));
        self.classes.forget_passed_over();
        let expiring = std::mem::take(&mut self.expiries).into_iter().filter_map(|(_, test)| {
            Some((self.runs.get(&test.run)?.expires_at(test.index)?, test))
        });
        self.expiries = expiring.collect();
    }
}

/// The moment `time` on a clock that showed `from` when it was set to `to`.
pub(super) fn moved(time: Timestamp, from: Timestamp, to: Timestamp) -> Timestamp {
    if time == NEVER {
        NEVER
    } else if to >= from {
        time.after(to.since(from))
    } else {
        Timestamp(time.0.saturating_sub(from.since(to).0))
    }
}
