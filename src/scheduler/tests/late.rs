//! Late results: each is stored once, and only for a lease that its worker has lost.

use super::harness::*;
use crate::domain::fact::Fact;
use crate::domain::id::{AttemptId, Epoch, LeaseId, RunId, TestId};
use crate::domain::outcome::Outcome;
use crate::domain::time::Millis;
use crate::scheduler::{LEASE_TIMEOUT, Scheduler};

/// The leases whose late results are stored.
fn late(sim: &Sim) -> Vec<LeaseId> {
    let late = |fact: &Fact| match fact {
        Fact::LateResult { lease, .. } => Some(*lease),
        _ => None,
    };
    sim.log.iter().filter_map(late).collect()
}

fn lose(sim: &mut Sim) {
    sim.after(LEASE_TIMEOUT).after(Millis(1)).tick();
}

#[test]
fn a_late_result_is_stored_once_however_often_it_is_sent() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    sim.submit(many(1));
    let lease = sim.take(&mut worker).remove(0).lease;
    lose(&mut sim);
    for _ in 0..3 {
        assert_eq!(sim.pass(&worker, lease), [lease], "every time a conflict");
    }
    let twice =
        vec![finished(lease, Outcome::Passed, None), finished(lease, Outcome::Failed, None)];
    sim.report(&worker, twice);
    assert_eq!(late(&sim), [lease]);
    // A restart from the log or from a snapshot remembers that the result is stored.
    sim.restart_from(sim.replayed());
    assert_eq!(sim.pass(&worker, lease), [lease]);
    let snapshot = sim.scheduler().snapshot();
    sim.restart_from(Scheduler::restore(snapshot.pieces()).expect("a snapshot"));
    assert_eq!(sim.pass(&worker, lease), [lease]);
    assert_eq!(late(&sim), [lease]);
}

#[test]
fn a_lost_lease_is_remembered_over_a_restart_and_after_the_end_of_its_run() {
    for from_snapshot in [false, true] {
        let mut sim = Sim::new();
        let mut worker = Agent::join(&mut sim, "one", 1);
        sim.submit(many(1));
        let lease = sim.take(&mut worker).remove(0).lease;
        lose(&mut sim);
        let mut other = Agent::join(&mut sim, "other", 1);
        let again = sim.take(&mut other).remove(0).lease;
        assert!(sim.pass(&other, again).is_empty());
        let restored = if from_snapshot {
            Scheduler::restore(sim.scheduler().snapshot().pieces()).expect("a snapshot")
        } else {
            sim.replayed()
        };
        sim.restart_from(restored);
        assert_eq!(sim.pass(&worker, lease), [lease]);
        assert_eq!(late(&sim), [lease], "from a snapshot: {from_snapshot}");
    }
}

#[test]
fn nothing_is_stored_for_an_attempt_that_never_existed_or_is_of_another_worker() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    let other = Agent::join(&mut sim, "other", 1);
    sim.submit(many(1));
    let lease = sim.take(&mut worker).remove(0).lease;
    assert_eq!(sim.pass(&other, lease), [lease], "the lease of another worker is live");
    let unknown = [
        LeaseId { epoch: Epoch(77), ..lease },
        LeaseId { attempt: AttemptId { number: 9, ..lease.attempt }, ..lease },
        LeaseId { attempt: TestId { run: RunId(9), index: 0 }.attempt(1), ..lease },
    ];
    let stored = sim.log.len();
    for unknown in unknown {
        assert_eq!(sim.pass(&worker, unknown), [unknown]);
    }
    assert_eq!(sim.log.len(), stored);
    lose(&mut sim);
    assert_eq!(sim.pass(&other, lease), [lease]);
    for unknown in unknown {
        assert_eq!(sim.pass(&worker, unknown), [unknown]);
    }
    assert!(late(&sim).is_empty());
    assert_eq!(sim.pass(&worker, lease), [lease]);
    assert_eq!(late(&sim), [lease], "the forged results did not use up the real one");
}

#[test]
fn a_lease_that_the_worker_returned_has_no_late_result() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    sim.submit(many(1));
    let lease = sim.take(&mut worker).remove(0).lease;
    sim.give_back(&worker, &[lease]);
    assert_eq!(sim.pass(&worker, lease), [lease]);
    assert!(late(&sim).is_empty());
}

#[test]
fn a_lease_ahead_that_is_taken_back_may_have_a_late_result() {
    let mut sim = Sim::new();
    let mut worker = quick_worker(&mut sim, 1);
    sim.submit(many(3));
    let leases: Vec<_> = sim.take(&mut worker).iter().map(|granted| granted.lease).collect();
    lose(&mut sim);
    // Before it was silent, the worker had ended the first two.
    let results = leases[..2].iter().map(|lease| finished(*lease, Outcome::Passed, None)).collect();
    assert_eq!(sim.report(&worker, results), leases[..2]);
    assert_eq!(late(&sim), leases[..2]);
}
