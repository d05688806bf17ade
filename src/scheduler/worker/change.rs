//! Changes of a worker's capability while its process runs: a limit was changed in place, a device
//! was lost, a driver was updated; and its calibrations, which are only kept.
//!
//! The seats of a worker keep their amounts, the oldest seat first, as long as the new capability meets
//! their requirement, has their devices and has room for them. All leases of the other seats are given
//! up: attempts that may have started are lost with the class `worker_changed`, the others are returned.
//!
//! Promises: the amounts taken never exceed the capability, also in the moment of the change. A seat
//! that fits keeps its devices, wherever they are in the new list.

use crate::domain::accelerator::Accelerator;
use crate::domain::capability::Capability;
use crate::domain::capability::calibration::{Calibration, MAX_CALIBRATIONS};
use crate::domain::fact::Fact;
use crate::domain::id::{Epoch, LeaseId, WorkerId};
use crate::domain::outcome::Class;
use crate::domain::requirement::Requirement;
use crate::domain::time::{Millis, Timestamp};
use crate::scheduler::amounts::Free;
use crate::scheduler::command::{Finished, Step};
use crate::scheduler::deps::SkipsByRun;
use crate::scheduler::error::{FactError, Rejected};
use crate::scheduler::state::{Change, Scheduler, Seat, Worker};
use crate::scheduler::status::Availability;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

impl Scheduler {
    /// Takes the new capability of a worker. A repeat changes nothing.
    pub(in crate::scheduler) fn decide_change(
        &self,
        now: Timestamp,
        id: WorkerId,
        incarnation: Uuid,
        capability: Arc<Capability>,
    ) -> Result<Step, Rejected> {
        let worker = self.check_present(id, incarnation)?;
        capability.check().map_err(Rejected::Implausible)?;
        if *worker.capability == *capability {
            return Ok(Step::of(Vec::new()));
        }
        let (mut facts, mut skips) = (Vec::new(), SkipsByRun::new(now));
        for (number, reason) in self.unfit(worker, &capability, |_| true) {
            let Some(seat) = worker.seats.get(&number) else { continue };
            self.give_up(now, (id, worker), seat, &reason, &mut skips, &mut facts);
        }
        facts.extend(skips.into_facts());
        facts.push(Fact::WorkerChanged { worker: id, capability, at: now });
        Ok(Step::of(facts))
    }

    /// The seats that do not fit into a new capability, each with the reason. Only seats with a lease
    /// that `stays` are counted.
    pub(in crate::scheduler) fn unfit(
        &self,
        worker: &Worker,
        capability: &Capability,
        stays: impl Fn(Epoch) -> bool,
    ) -> BTreeMap<Epoch, String> {
        let mut free = Free::all_of(capability);
        let mut unfit = BTreeMap::new();
        for (number, seat) in &worker.seats {
            let is_counted = !seat.ended && seat.queue.iter().any(|(_, epoch)| stays(*epoch));
            let Some(class) = self.classes.get(seat.class).filter(|_| is_counted) else { continue };
            match settle(&class.key.requirement, seat, worker, capability, &mut free) {
                Ok(()) => {}
                Err(reason) => {
                    unfit.insert(*number, reason);
                }
            }
        }
        unfit
    }

    /// Gives up all leases of a seat. Only the first one may have started.
    fn give_up(
        &self,
        now: Timestamp,
        (id, worker): (WorkerId, &Worker),
        seat: &Seat,
        reason: &str,
        skips: &mut SkipsByRun,
        facts: &mut Vec<Fact>,
    ) {
        for (position, (test, epoch)) in seat.queue.iter().enumerate() {
            let Some(lease) = self.lease_in(*test, *epoch) else { continue };
            if position == 0 && *epoch <= worker.sent {
                let lost = self.lost_by_change(lease, now.since(seat.since), reason);
                facts.push(self.finished(now, id, lost, skips));
            } else {
                facts.push(Fact::LeaseReturned { lease, worker: id, lost: true, at: now });
            }
        }
    }

    /// The end of an attempt whose worker no longer meets its requirement.
    fn lost_by_change(&self, lease: LeaseId, held: Millis, reason: &str) -> Finished {
        let why = format!("the worker changed while the test ran: {reason}");
        self.lost(lease, held, Some(Class::WorkerChanged), &why)
    }

    /// Takes a calibration of a worker. A repeat changes nothing.
    pub(in crate::scheduler) fn decide_calibration(
        &self,
        now: Timestamp,
        id: WorkerId,
        incarnation: Uuid,
        calibration: Arc<Calibration>,
    ) -> Result<Step, Rejected> {
        let worker = self.check_present(id, incarnation)?;
        if !calibration.is_plausible() {
            return Err(Rejected::ImplausibleCalibration(id));
        }
        if worker.calibrations.back().is_some_and(|(_, latest)| *latest == calibration) {
            return Ok(Step::of(Vec::new()));
        }
        Ok(Step::of(vec![Fact::WorkerCalibrated { worker: id, calibration, at: now }]))
    }

    pub(in crate::scheduler) fn apply_calibrated(
        &mut self,
        id: WorkerId,
        calibration: &Arc<Calibration>,
        at: Timestamp,
    ) -> Result<(), FactError> {
        let worker = self.workers.get_mut(&id).ok_or(FactError::UnknownWorker(id))?;
        // The same calibration with more devices.
        let is_same = |(_, latest): &mut (Timestamp, Arc<Calibration>)| {
            latest.measured_at == calibration.measured_at
        };
        worker.calibrations.pop_back_if(is_same);
        worker.calibrations.push_back((at, Arc::clone(calibration)));
        if worker.calibrations.len() > MAX_CALIBRATIONS {
            worker.calibrations.pop_front();
        }
        Ok(())
    }

    pub(in crate::scheduler) fn apply_changed(
        &mut self,
        id: WorkerId,
        capability: &Arc<Capability>,
        at: Timestamp,
    ) -> Result<(), FactError> {
        self.adopt(id, capability)?;
        let worker = self.workers.get_mut(&id).ok_or(FactError::UnknownWorker(id))?;
        let old = std::mem::replace(&mut worker.capability, Arc::clone(capability));
        worker.change = Some(Change { before: old, at });
        let (old_group, active) = (worker.group, worker.availability == Availability::Active);
        let is_asking = worker.asking && active;
        self.leave_group(id, old_group);
        let group = self.join_group(id, capability);
        if !active {
            self.leave_group(id, group);
        }
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.group = group;
        }
        self.forget_hints(id);
        if is_asking {
            self.hints.hungry.insert(id);
        }
        Ok(())
    }

    /// Moves the seats of a worker to a new capability, which the worker does not have yet: finds their
    /// devices in its list, and counts the free amounts anew.
    pub(in crate::scheduler) fn adopt(
        &mut self,
        id: WorkerId,
        new: &Capability,
    ) -> Result<(), FactError> {
        let Self { workers, classes, .. } = self;
        let worker = workers.get_mut(&id).ok_or(FactError::UnknownWorker(id))?;
        let mut free = Free::all_of(new);
        for seat in worker.seats.values_mut().filter(|seat| !seat.ended) {
            let class = classes.get(seat.class);
            let class =
                class.ok_or_else(|| FactError::Invariant("a seat without a class".into()))?;
            let devices = moved(&seat.devices, &worker.capability, new);
            seat.devices =
                devices.map_err(|device| FactError::LostDevice { worker: id, device })?;
            free.take(&class.key.requirement, &seat.devices);
        }
        worker.free = free;
        Ok(())
    }
}

/// Takes the amounts of a seat of the old capability from the new one.
///
/// # Errors
/// The reason why the seat does not fit.
fn settle(
    need: &Requirement,
    seat: &Seat,
    worker: &Worker,
    new: &Capability,
    free: &mut Free,
) -> Result<(), String> {
    let devices = moved(&seat.devices, &worker.capability, new);
    let devices = devices.map_err(|device| format!("it no longer offers the device {device}"))?;
    need.met_by(new).map_err(|lacks| format!("it no longer meets the requirement: {lacks}"))?;
    if !free.has_room(need, &devices, new) {
        return Err("it has no room for the test beside its older ones".to_owned());
    }
    free.take(need, &devices);
    Ok(())
}

/// The positions of devices in the list of another capability.
///
/// # Errors
/// The first device that the list does not have.
fn moved(positions: &[u16], old: &Capability, new: &Capability) -> Result<Vec<u16>, String> {
    let find = |position: &u16| {
        let device = old.accelerators.get(usize::from(*position));
        let id = device.map_or_else(|| format!("device {position}"), Accelerator::id);
        let found = (0u16..).zip(&new.accelerators).find(|(_, other)| other.id() == id);
        found.map(|(position, _)| position).ok_or(id)
    };
    positions.iter().map(find).collect()
}
