//! The promises, checked by the log alone.

use super::world::{ONCE, World};
use dtf::domain::capability::Capability;
use dtf::domain::fact::{Fact, Next};
use dtf::domain::id::{Epoch, LeaseId, RunId, TestId, WorkerId};
use dtf::domain::outcome::{Class, Outcome};
use dtf::domain::requirement::Requirement;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

impl World {
    /// Nothing that was acknowledged is lost, and nothing ends twice.
    pub fn check_history(&self) {
        let mut last = Epoch(0);
        let mut live: HashMap<TestId, LeaseId> = HashMap::new();
        let mut ended: HashMap<LeaseId, Outcome> = HashMap::new();
        let mut over: HashSet<TestId> = HashSet::new();
        let (mut granted, mut late) = (HashSet::new(), HashSet::new());
        let mut cancelled: HashSet<RunId> = HashSet::new();
        let mut runs: HashMap<RunId, u32> = HashMap::new();
        let mut once: HashSet<TestId> = HashSet::new();
        for fact in &self.durable {
            match fact {
                Fact::TestsAdded { run, first, tests, .. } => {
                    let numbered = (*first..).zip(tests);
                    let only_once = numbered.filter(|(_, test)| test.retries == ONCE);
                    once.extend(only_once.map(|(index, _)| TestId { run: *run, index }));
                    *runs.entry(*run).or_default() += u32::try_from(tests.len()).expect("small");
                }
                Fact::LeasesGranted { grants, .. } => {
                    for grant in grants {
                        let test = grant.lease.attempt.test;
                        granted.insert(grant.lease);
                        assert!(grant.lease.epoch > last, "epochs grow");
                        last = grant.lease.epoch;
                        assert!(live.insert(test, grant.lease).is_none(), "one lease per test");
                        assert!(!over.contains(&test), "what is over is not run again");
                        assert!(!cancelled.contains(&test.run), "cancelled stays cancelled");
                    }
                }
                Fact::LeasesRecalled { notices, .. } => {
                    last = notices.iter().map(|notice| notice.epoch).fold(last, Epoch::max);
                }
                Fact::LeaseReturned { lease, .. } => {
                    assert_eq!(live.remove(&lease.attempt.test), Some(*lease));
                }
                Fact::AttemptFinished { lease, outcome, class, next, .. } => {
                    let test = lease.attempt.test;
                    let hung = self.agents.iter().any(|agent| agent.hung.contains(lease));
                    assert!(hung || *class != Some(Class::Overdue), "its worker did report");
                    assert_eq!(live.remove(&test), Some(*lease), "only the holder ends it");
                    assert!(ended.insert(*lease, *outcome).is_none(), "one end per attempt");
                    if matches!(next, Next::Done { .. }) {
                        assert!(over.insert(test), "one end per test");
                    }
                }
                Fact::LateResult { lease, .. } => {
                    let accepted = ended.get(lease).is_some_and(|outcome| outcome.reportable());
                    assert!(!accepted, "a repeated report is not a late one");
                    assert!(granted.contains(lease), "a lease that never existed");
                    assert!(late.insert(*lease), "a late result counts once");
                }
                Fact::TestSkipped { test, .. } | Fact::TestExpired { test, .. } => {
                    assert!(over.insert(*test), "one end per test");
                }
                Fact::RunCancelled { run, notices, .. } => {
                    cancelled.insert(*run);
                    last = notices.iter().map(|notice| notice.epoch).fold(last, Epoch::max);
                }
                _ => {}
            }
        }
        for run in self.acknowledged.values() {
            assert!(runs.contains_key(run), "an acknowledged run is stored");
        }
        assert_eq!(runs.len(), self.submissions.len(), "no submission twice");
        for lease in &self.reported {
            assert!(ended.contains_key(lease), "an acknowledged report is stored");
        }
        let mut starts: HashMap<TestId, u32> = HashMap::new();
        for lease in self.agents.iter().flat_map(|agent| &agent.started) {
            let test = lease.attempt.test;
            let times = starts.entry(test).or_default();
            *times += 1;
            assert!(*times == 1 || !once.contains(&test), "{test} may run once");
        }
        for (run, count) in runs.iter().filter(|(run, _)| !cancelled.contains(run)) {
            let done = over.iter().filter(|test| test.run == *run).count();
            assert_eq!(done, *count as usize, "every test of {run} ends once");
        }
    }

    /// From its grant to its end, each lease fits what its worker offers. Returns the number of started
    /// attempts that a change ended.
    pub fn check_fit(&self) -> usize {
        let mut needs: HashMap<TestId, Arc<Requirement>> = HashMap::new();
        let mut offers: HashMap<WorkerId, (Uuid, Arc<Capability>)> = HashMap::new();
        let mut live: HashMap<LeaseId, WorkerId> = HashMap::new();
        let mut ended_by_change = 0;
        for fact in &self.durable {
            let changed = match fact {
                Fact::TestsAdded { run, first, tests, .. } => {
                    let all = (*first..).zip(tests).map(|(index, test)| {
                        (TestId { run: *run, index }, Arc::clone(&test.requirement))
                    });
                    needs.extend(all);
                    None
                }
                Fact::WorkerRegistered { worker, incarnation, capability, .. } => {
                    let before = offers.insert(*worker, (*incarnation, Arc::clone(capability)));
                    if before.is_some_and(|(before, _)| before != *incarnation) {
                        // Another process has only results of the leases that it keeps.
                        live.retain(|_, holder| holder != worker);
                    }
                    Some(*worker)
                }
                Fact::WorkerChanged { worker, capability, .. } => {
                    let offer = offers.get_mut(worker).expect("a worker");
                    assert_ne!(offer.1, *capability, "only a change is stored");
                    offer.1 = Arc::clone(capability);
                    Some(*worker)
                }
                Fact::LeasesGranted { worker, grants, .. } => {
                    for grant in grants {
                        let (need, (_, offer)) =
                            (&needs[&grant.lease.attempt.test], &offers[worker]);
                        assert_eq!(need.met_by(offer), Ok(()), "granted to a worker that fits");
                        let has = |at: &u16| usize::from(*at) < offer.accelerators.len();
                        assert!(grant.devices.iter().all(has), "a device that there is");
                        live.insert(grant.lease, *worker);
                    }
                    None
                }
                Fact::LeaseReturned { lease, .. } => {
                    live.remove(lease);
                    None
                }
                Fact::AttemptFinished { lease, class, .. } => {
                    live.remove(lease);
                    ended_by_change += usize::from(*class == Some(Class::WorkerChanged));
                    None
                }
                _ => None,
            };
            let of_changed = live.iter().filter(|(_, holder)| changed == Some(**holder));
            for (lease, holder) in of_changed {
                let need = &needs[&lease.attempt.test];
                assert_eq!(need.met_by(&offers[holder].1), Ok(()), "{lease:?} no longer fits");
            }
        }
        ended_by_change
    }
}
