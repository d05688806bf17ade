//! The weights that tests need, and the workers that have them.
//!
//! Reports of workers are hints, which are not stored; a worker repeats its report after a restart of
//! the coordinator. The weights that seats use follow from the seats.
//!
//! The rule of preference: it orders tests of the same run and the same priority only, by
//! [`Distance`]. So it changes neither the priority nor the run of a grant, no worker stays idle for
//! it, and a test waits for no more than the other tests of its run and priority.
//!
//! Weights that are larger than the cache of a worker, and that it does not have, are never sent there.
//! Weights that do not fit beside those of the running tests wait, as for cores and memory. Unknown
//! sizes do not keep a test from running.
//!
//! Limit: [`MAX_HELD_WEIGHTS`](crate::domain::held_weights::MAX_HELD_WEIGHTS) weights of each worker.

pub(super) mod table;

use super::command::{Answer, Signal, Step};
use super::error::Rejected;
use super::state::{Scheduler, Worker};
use super::status::{Availability, WeightsStatus};
use crate::domain::held_weights::HeldWeights;
use crate::domain::id::WorkerId;
use crate::domain::requirement::{Mismatch, Requirement};
use crate::domain::weights::WeightsKey;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use table::{Distance, WeightsId};
use uuid::Uuid;

impl Scheduler {
    /// A worker reports the weights that it has, and the size of its cache.
    pub(super) fn decide_report_weights(
        &self,
        id: WorkerId,
        incarnation: Uuid,
        report: Arc<HeldWeights>,
    ) -> Result<Step, Rejected> {
        report.check().map_err(Rejected::ImplausibleWeights)?;
        self.check_incarnation(id, incarnation)?;
        let signal = Some(Signal::WeightsReported { worker: id, report });
        Ok(Step { signal, facts: Vec::new(), answer: Answer::Done })
    }

    pub(super) fn note_weights(&mut self, id: WorkerId, report: &Arc<HeldWeights>) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.weights.report(Some(Arc::clone(report)), &mut self.weights);
        // The worker may suit other tests than before.
        if worker.asking && worker.availability == Availability::Active {
            self.hints.idle.remove(&id);
            self.hints.hungry.insert(id);
        }
    }

    /// The revision of the last report of a worker; `None` if it has not reported since the start of
    /// the coordinator.
    #[must_use]
    pub fn weights_revision(&self, id: WorkerId) -> Option<u64> {
        Some(self.workers.get(&id)?.weights.reported.as_ref()?.revision)
    }

    /// The keys that the tests need that have not ended. The cost is proportional to the number of tests
    /// in open runs, a few nanoseconds each.
    #[must_use]
    pub fn weights_needed(&self) -> BTreeSet<WeightsKey> {
        let tests = self.runs.values().flat_map(|run| &run.tests);
        let open = tests.filter(|test| test.done().is_none());
        // Tests usually share their requirement with their neighbours and with others.
        let mut seen: HashSet<*const Requirement> = HashSet::new();
        let mut last = std::ptr::null();
        let is_new = |requirement: &&Arc<Requirement>| {
            let same = std::mem::replace(&mut last, Arc::as_ptr(requirement));
            same != last && seen.insert(last)
        };
        let requirements = open.map(|test| &test.spec.requirement).filter(is_new);
        requirements.filter_map(|need| Some(need.weights.as_ref()?.key.clone())).collect()
    }

    /// How far the weights of a class are from a worker.
    pub(super) fn distance(&self, worker: &Worker, weights: Option<WeightsId>) -> Distance {
        let Some(id) = weights else { return Distance::Here };
        match self.weights.workers(id) {
            0 => Distance::Nowhere,
            _ if worker.weights.has(id) => Distance::Here,
            _ => Distance::Elsewhere,
        }
    }

    /// Checks whether a worker could have the weights of a test.
    pub(super) fn weights_met_by(
        &self,
        need: &Requirement,
        worker: WorkerId,
    ) -> Result<(), Mismatch> {
        let report = self.workers.get(&worker).and_then(|worker| worker.weights.reported.as_ref());
        report.map_or(Ok(()), |report| need.weights_met_by(report))
    }
}

impl Worker {
    pub(super) fn weights_status(&self) -> Option<WeightsStatus> {
        let report = self.weights.reported.as_ref()?;
        Some(WeightsStatus {
            held: u32::try_from(self.weights.held.len()).unwrap_or(u32::MAX),
            capacity_bytes: report.capacity_bytes,
            used_bytes: self.weights.used_bytes,
        })
    }
}
