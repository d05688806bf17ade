//! The conditions that always hold. They are checked after a restart, in tests after each fact, and
//! in the simulation after each batch.

use super::amounts::Free;
use super::classes::ClassId;
use super::deps::dooms;
use super::error::FactError;
use super::state::{Scheduler, State, Tally, Test};
use super::status::Availability;
use super::weights::table::{ClassWeights, WeightsId};
use crate::domain::added::template::MAX_TEMPLATES;
use crate::domain::id::{Epoch, TestId, WorkerId};
use std::collections::{BTreeMap, BTreeSet};

impl Scheduler {
    /// Checks the whole state. The cost is proportional to the number of live tests.
    ///
    /// # Errors
    /// The first condition that does not hold.
    pub fn check_invariants(&self) -> Result<(), FactError> {
        self.check_all().map_err(FactError::Invariant)
    }

    fn check_all(&self) -> Result<(), String> {
        self.check_seats()?;
        self.check_runs()?;
        self.check_weights()?;
        if self.templates.len() > MAX_TEMPLATES || self.templates.values().any(|t| t.version == 0) {
            return Err("too many templates, or one without a version".to_owned());
        }
        if !self.marks.is_within_limits() {
            return Err("too many quarantines, or one with an unknown number".to_owned());
        }
        self.check_queues()
    }

    fn check_seats(&self) -> Result<(), String> {
        let mut held: BTreeMap<TestId, (WorkerId, Epoch)> = BTreeMap::new();
        for (id, worker) in &self.workers {
            let mut free = Free::all_of(&worker.capability);
            let mut used: BTreeMap<(WeightsId, u64), u32> = BTreeMap::new();
            let mut ahead = 0;
            for (number, seat) in &worker.seats {
                let class = self.classes.get(seat.class).ok_or("a seat without a class")?;
                let need = &class.key.requirement;
                let placed = seat.ended
                    || need.cpu_milli <= free.cpu_milli
                        && need.memory_bytes <= free.memory_bytes
                        && free.slots > 0;
                if !placed {
                    return Err(format!("{id} is overcommitted by seat {number}"));
                }
                if !seat.ended {
                    free.take(need, &seat.devices);
                    if let Some(ClassWeights { id, bytes }) = class.weights {
                        *used.entry((id, bytes)).or_insert(0) += 1;
                    }
                }
                ahead += seat.queue.len() - 1;
                if seat.due < worker.due {
                    return Err(format!("seat {number} of {id} ends before {:?}", worker.due));
                }
                for (test, epoch) in &seat.queue {
                    if held.insert(*test, (*id, *epoch)).is_some() {
                        return Err(format!("{test} is held twice"));
                    }
                    let state = self.find(*test).map(|test| test.state);
                    let matches = matches!(state, Some(State::Leased { worker, epoch: e, seat: s, .. })
                        if worker == *id && e == *epoch && s == *number);
                    if !matches {
                        return Err(format!("{test} sits on {id} but is {state:?}"));
                    }
                    if *epoch > self.epoch {
                        return Err(format!("{test} has an epoch of the future"));
                    }
                }
                let mut order = seat.queue.iter().map(|(_, epoch)| epoch);
                if seat.queue.is_empty() || !order.by_ref().is_sorted_by(|a, b| a < b) {
                    return Err(format!("seat {number} of {id} is out of order"));
                }
            }
            if free != worker.free {
                return Err(format!("{id} has {:?} free, counted {free:?}", worker.free));
            }
            worker.weights.check(&used).map_err(|error| format!("{id}: {error}"))?;
            if ahead != worker.ahead as usize {
                return Err(format!("{id} counts {} ahead, has {ahead}", worker.ahead));
            }
            self.check_devices(*id)?;
        }
        let leased = self.runs.values().map(|run| run.tally.leased as usize).sum::<usize>();
        if leased != held.len() {
            return Err(format!("{leased} tests are leased, {} sit on workers", held.len()));
        }
        Ok(())
    }

    /// A device is used by several tests only if all share it and their memory fits.
    fn check_devices(&self, id: WorkerId) -> Result<(), String> {
        let worker = &self.workers[&id];
        for (position, device) in worker.capability.accelerators.iter().enumerate() {
            let users: Vec<_> = worker
                .seats
                .values()
                .filter(|seat| !seat.ended)
                .filter(|seat| seat.devices.iter().any(|d| usize::from(*d) == position))
                .filter_map(|seat| self.classes.get(seat.class))
                .map(|class| &class.key.requirement)
                .collect();
            let sum: u64 = users.iter().map(|need| need.accelerator_memory_bytes).sum();
            let shared = users.iter().all(|need| need.share_accelerator);
            if users.len() > 1 && (!shared || sum > device.memory_bytes) {
                return Err(format!("device {position} of {id} is overcommitted"));
            }
        }
        Ok(())
    }

    fn check_runs(&self) -> Result<(), String> {
        for (id, run) in &self.runs {
            if run.finished_at.is_some() {
                continue;
            }
            let mut tally = Tally { total: run.tally.total, ..Tally::default() };
            for (index, test) in (0u32..).zip(&run.tests) {
                tally.enter(&test.state);
                let started = matches!(test.state, State::Leased { .. } | State::Waiting { .. });
                let open = test.spec.depends_on.iter().any(|on| {
                    let outcome = run.tests.get(*on as usize).and_then(Test::done);
                    outcome.is_none_or(|outcome| dooms(outcome, test.spec.on_failure))
                });
                if started && open {
                    return Err(format!("{id}.t{index} may not start before its dependencies"));
                }
                if run.cancelled && matches!(test.state, State::Waiting { .. } | State::Blocked) {
                    return Err(format!("{id}.t{index} waits in a cancelled run"));
                }
            }
            if tally != run.tally {
                return Err(format!("{id} counts {:?}, has {tally:?}", run.tally));
            }
            if run.over() {
                return Err(format!("{id} is over and not finished"));
            }
        }
        Ok(())
    }

    /// Each key of weights is named by classes and reports, and each worker that has them is counted.
    fn check_weights(&self) -> Result<(), String> {
        let mut counts: BTreeMap<WeightsId, (u32, u32)> = BTreeMap::new();
        for (_, class) in self.classes.iter() {
            if let Some(weights) = class.weights {
                counts.entry(weights.id).or_default().0 += 1;
            }
        }
        for worker in self.workers.values() {
            worker.weights.held.iter().for_each(|id| counts.entry(*id).or_default().0 += 1);
        }
        for (id, (_, workers)) in &mut counts {
            let have = self.workers.values().filter(|worker| worker.weights.has(*id));
            *workers = u32::try_from(have.count()).unwrap_or(u32::MAX);
        }
        if self.weights.counts() == counts {
            Ok(())
        } else {
            Err(format!("weights count {:?}, are {counts:?}", self.weights.counts()))
        }
    }

    /// The queues hold the waiting tests and no others.
    fn check_queues(&self) -> Result<(), String> {
        let queued: u64 = self.classes.iter().map(|(_, class)| class.waiting).sum();
        let waiting: u64 = self.runs.values().map(|run| u64::from(run.tally.waiting)).sum();
        if queued != waiting {
            return Err(format!("{waiting} tests wait, {queued} are queued"));
        }
        let mut seats: BTreeMap<ClassId, usize> = BTreeMap::new();
        for (class, numbers) in self.workers.values().flat_map(|worker| &worker.by_class) {
            *seats.entry(*class).or_default() += numbers.len();
        }
        for (id, class) in self.classes.iter() {
            if class.head.is_some() != (class.waiting > 0) {
                return Err(format!("class {} has a wrong head", id.0));
            }
            let seats = seats.get(&id).copied().unwrap_or(0);
            if seats != class.seats as usize {
                return Err(format!("class {} counts {} seats, has {seats}", id.0, class.seats));
            }
        }
        let members: BTreeSet<_> =
            self.groups.iter().flat_map(|group| group.members.iter().copied()).collect();
        for (id, worker) in &self.workers {
            let active = worker.availability == Availability::Active;
            if active != members.contains(id) {
                return Err(format!("{id} is in no group, or in one too many"));
            }
        }
        Ok(())
    }
}
