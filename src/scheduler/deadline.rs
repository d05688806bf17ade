//! Deadlines of leases: a worker that sends heartbeats and never reports loses the lease.
//!
//! The first lease of a seat has a deadline: its limit (`domain::lease_limit`) after the time at which
//! it became the first. Only the time in which the worker is heard counts, at most
//! [`HEARTBEAT_INTERVAL`] for each sign of life. So a machine that was suspended, a network that was
//! interrupted and a coordinator that was stopped end no lease early. Nor does a full disk of the
//! coordinator: while it refuses the files of results, workers keep them, and deadlines are held.
//!
//! A limit is read from the launch of the test only when a lease has run for the margin that each
//! limit contains. So leases of short tests cost nothing.
//!
//! Deadlines are derived and not stored. After a restart, each lease has its full limit again.

use super::deps::SkipsByRun;
use super::state::{Scheduler, Seat, Worker};
use crate::domain::fact::Fact;
use crate::domain::id::WorkerId;
use crate::domain::lease_limit::{MARGIN, lease_limit};
use crate::domain::time::{Millis, Timestamp};

/// Time for which a silent worker keeps its leases.
pub const LEASE_TIMEOUT: Millis = Millis::from_secs(30);
/// Interval at which workers are asked to send heartbeats.
pub const HEARTBEAT_INTERVAL: Millis = Millis::from_secs(10);
/// Deadline of a lease that has none.
pub(super) const NEVER: Timestamp = Timestamp(u64::MAX);

/// The earliest deadline that a lease can have that may run from `at` on.
pub(super) fn earliest_deadline(at: Timestamp) -> Timestamp {
    at.after(MARGIN)
}

impl Worker {
    /// Notes a sign of life. Silence beyond the interval of heartbeats postpones all deadlines.
    pub(super) fn heard(&mut self, at: Timestamp) {
        let silence = at.since(self.last_seen).0;
        self.last_seen = self.last_seen.max(at);
        self.postpone(Millis(silence.saturating_sub(HEARTBEAT_INTERVAL.0)));
    }

    fn postpone(&mut self, span: Millis) {
        if span > Millis(0) {
            self.due = self.due.after(span);
            for seat in self.seats.values_mut() {
                seat.due = seat.due.after(span);
            }
        }
    }

    /// Whether a deadline may have passed. The leases of a silent worker are lost by its silence.
    fn may_be_overdue(&self, now: Timestamp) -> bool {
        self.present() && self.due <= self.last_seen && now.since(self.last_seen) <= LEASE_TIMEOUT
    }
}

impl Seat {
    /// Gives the first lease its whole limit from `at` on.
    pub(super) fn restart_deadline(&mut self, at: Timestamp) {
        self.due = if self.queue.is_empty() { NEVER } else { earliest_deadline(at) };
        self.is_due_exact = false;
    }

    /// Replaces the earliest deadline by the deadline of a test with this launch. A launch that
    /// cannot be read has none.
    fn set_limit(&mut self, launch: Option<&str>) {
        let limit = launch.and_then(lease_limit);
        let beyond = |limit: Millis| Millis(limit.0.saturating_sub(MARGIN.0));
        self.due = limit.map_or(NEVER, |limit| self.due.after(beyond(limit)));
        self.is_due_exact = true;
    }

    /// Whether the worker was heard after the deadline and has not reported.
    pub(super) fn is_overdue(&self, worker: &Worker) -> bool {
        self.due <= worker.last_seen
    }
}

impl Scheduler {
    /// Gives up the leases whose deadlines have passed, and releases those behind them. Only the
    /// seats of workers with a passed deadline are inspected.
    pub(super) fn end_overdue(
        &mut self,
        now: Timestamp,
        skips: &mut SkipsByRun,
        facts: &mut Vec<Fact>,
    ) {
        let overdue = self.workers.iter().filter(|(_, worker)| worker.may_be_overdue(now));
        let overdue: Vec<WorkerId> = overdue.map(|(id, _)| *id).collect();
        for id in overdue {
            self.read_limits(id);
            let Some(worker) = self.workers.get(&id) else { continue };
            for seat in worker.seats.values().filter(|seat| seat.is_overdue(worker)) {
                self.end_seat(now, (id, worker), seat, skips, facts);
            }
            // The seats that end now are left out in the next tick.
            let next = worker.seats.values().map(|seat| seat.due).min();
            if let Some(worker) = self.workers.get_mut(&id) {
                worker.due = next.unwrap_or(NEVER);
            }
        }
    }

    /// Reads the limits of the leases that have reached their earliest deadlines.
    fn read_limits(&mut self, id: WorkerId) {
        let Self { workers, runs, .. } = self;
        let Some(worker) = workers.get_mut(&id) else { return };
        let heard = worker.last_seen;
        for seat in worker.seats.values_mut().filter(|seat| !seat.is_due_exact && seat.due <= heard)
        {
            let first = seat
                .queue
                .front()
                .and_then(|(test, _)| runs.get(&test.run)?.tests.get(test.index as usize));
            seat.set_limit(first.map(|test| test.spec.launch.get()));
        }
    }

    fn end_seat(
        &self,
        now: Timestamp,
        (id, worker): (WorkerId, &Worker),
        seat: &Seat,
        skips: &mut SkipsByRun,
        facts: &mut Vec<Fact>,
    ) {
        for (position, (test, epoch)) in seat.queue.iter().enumerate() {
            let Some(lease) = self.lease_in(*test, *epoch) else { continue };
            // A worker that has not asked for a lease has not started it.
            if position == 0 && *epoch <= worker.sent {
                let overdue = self.overdue(lease, now.since(seat.since));
                facts.push(self.finished(now, id, overdue, skips));
            } else {
                facts.push(Fact::LeaseReturned { lease, worker: id, lost: true, at: now });
            }
        }
    }

    /// Gives each lease its full limit from `at` on, whatever the times of the log are.
    pub(super) fn renew_deadlines(&mut self, at: Timestamp) {
        for worker in self.workers.values_mut() {
            worker.due = NEVER;
            for seat in worker.seats.values_mut() {
                seat.restart_deadline(at);
                worker.due = worker.due.min(seat.due);
            }
        }
    }

    /// Postpones the deadlines of all present workers by a time in which they could not report.
    pub(super) fn hold_deadlines(&mut self, span: Millis) {
        for worker in self.workers.values_mut().filter(|worker| worker.present()) {
            worker.postpone(span);
        }
    }

    /// Postpones the deadlines of all present workers by the time since they were heard: this
    /// process was stopped and could not hear them.
    pub(super) fn forgive(&mut self, now: Timestamp) {
        for worker in self.workers.values_mut().filter(|worker| worker.present()) {
            let silence = now.since(worker.last_seen);
            worker.postpone(silence);
            worker.last_seen = now;
        }
    }
}
