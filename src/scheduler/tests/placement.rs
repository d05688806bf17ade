//! The order in which tests are granted, and the workers that get them.

use super::harness::*;
use crate::domain::id::{RunId, TestId};
use crate::domain::requirement::{Lacks, Mismatch, Requirement};
use crate::domain::test::{Phase, TestSpec};
use crate::domain::time::Millis;
use crate::scheduler::Command;

#[test]
fn the_urgent_test_goes_first_across_classes() {
    let mut sim = Sim::new();
    sim.submit(many(3));
    let tagged = Requirement { memory_bytes: GIB, ..Requirement::default() };
    let urgent =
        TestSpec { priority: 1i64.try_into().expect("in range"), ..needing("urgent", tagged) };
    sim.submit(vec![urgent]);
    let mut worker = Agent::join(&mut sim, "one", 1);
    assert_eq!(&*sim.take(&mut worker)[0].spec.name, "urgent");
}

#[test]
fn two_runs_get_the_same_share() {
    let mut sim = Sim::new();
    let (first, second) = (sim.submit(many(40)), sim.submit(many(40)));
    let mut worker = Agent::join(&mut sim, "one", 1);
    let mut served = Vec::new();
    for _ in 0..20 {
        let lease = sim.take(&mut worker).remove(0).lease;
        served.push(lease.attempt.test.run);
        sim.pass(&worker, lease);
    }
    let count = |run| served.iter().filter(|served| **served == run).count();
    assert_eq!((count(first), count(second)), (10, 10));
}

#[test]
fn an_open_claim_gets_a_new_test() {
    let mut sim = Sim::new();
    let worker = Agent::join(&mut sim, "one", 1);
    let (id, incarnation) = (worker.id, worker.incarnation);
    let received = worker.received;
    sim.run(Command::OpenClaim { worker: id, incarnation, received, takes_tests: true });
    assert!(sim.scheduler().delivery(id).is_none());
    sim.submit(many(1));
    assert_eq!(sim.scheduler().delivery(id).expect("news").leases.len(), 1);
}

#[test]
fn a_claim_for_notices_only_gets_no_test_but_a_stop() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 2);
    let run = sim.submit(many(1));
    assert_eq!(sim.take(&mut worker).len(), 1);
    let (worker, incarnation, received) = (worker.id, worker.incarnation, worker.received);
    let claim = |takes_tests| Command::OpenClaim { worker, incarnation, received, takes_tests };
    // It replaces a claim that takes tests.
    sim.run(claim(true));
    sim.run(claim(false));
    sim.submit(many(1));
    assert!(sim.scheduler().delivery(worker).is_none());
    let lacks = |sim: &Sim, test| {
        let explained = sim.scheduler().why(test).expect("a test");
        explained.workers[0].lacks.as_ref().map(ToString::to_string)
    };
    let waiting = TestId { run: RunId(run.0 + 1), index: 0 };
    let held = "would fit, but is taking no tests until it is calibrated";
    assert_eq!(lacks(&sim, waiting).as_deref(), Some(held));
    let is_held = |sim: &Sim| sim.scheduler().worker(worker).expect("it is here").is_held;
    assert!(is_held(&sim));
    sim.run(Command::CancelRun { run, by: "someone".into() });
    let delivery = sim.scheduler().delivery(worker).expect("the stop");
    assert_eq!((delivery.leases.len(), delivery.stop.len()), (0, 1));
    sim.run(claim(true));
    assert!(!is_held(&sim));
    assert_eq!(sim.scheduler().delivery(worker).expect("the test").leases.len(), 1);
}

#[test]
fn plain_tests_prefer_workers_without_accelerators() {
    let mut sim = Sim::new();
    let gpu = Agent::join_with(&mut sim, "gpu", with_gpus(1, 1));
    let plain = Agent::join(&mut sim, "plain", 1);
    for worker in [&gpu, &plain] {
        let (worker, incarnation, received) = (worker.id, worker.incarnation, worker.received);
        sim.run(Command::OpenClaim { worker, incarnation, received, takes_tests: true });
    }
    sim.submit(many(1));
    assert!(sim.scheduler().delivery(plain.id).is_some());
    assert!(sim.scheduler().delivery(gpu.id).is_none());
}

#[test]
fn a_test_for_one_worker_waits_for_it() {
    let mut sim = Sim::new();
    let mut one = Agent::join(&mut sim, "one", 1);
    let mut other = Agent::join(&mut sim, "other", 8);
    let only = Requirement { worker: Some(one.id), ..Requirement::default() };
    let run = sim.submit(vec![needing("only", only)]);
    assert_eq!(sim.take(&mut other).len(), 0);
    let test = TestId { run, index: 0 };
    let why = sim.scheduler().why(test).expect("it waits");
    let lacks = |id| {
        let found = why.workers.iter().find(|fit| fit.worker == id).expect("listed");
        found.lacks.as_ref().map(ToString::to_string)
    };
    assert_eq!(lacks(one.id), None);
    let expected = format!("is not {}, the only worker that may run it", one.id);
    assert_eq!(lacks(other.id), Some(expected));
    assert_eq!(sim.scheduler().unschedulable(run), 0);
    let lease = sim.take(&mut one).remove(0).lease;
    assert_eq!(lease.attempt.test, test);
    // Without its worker, nobody can run it.
    sim.run(Command::Leave { worker: one.id, incarnation: one.incarnation });
    assert_eq!((sim.take(&mut other).len(), sim.scheduler().unschedulable(run)), (0, 1));
}

#[test]
fn accelerators_are_held_one_by_one() {
    let mut sim = Sim::new();
    let mut worker = Agent::join_with(&mut sim, "gpu", with_gpus(8, 2));
    sim.submit((0..3).map(|i| needing(&format!("g{i}"), cuda())).collect());
    let leases = sim.take(&mut worker);
    let devices: Vec<_> = leases.iter().map(|granted| granted.devices.clone()).collect();
    assert_eq!(devices, [vec![0], vec![1]]);
}

#[test]
fn a_worker_is_emptied_for_a_large_test_that_small_ones_block() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 2);
    sim.submit(many(200));
    let large = Requirement { cpu_milli: 2000, ..Requirement::default() };
    let mut running = sim.take(&mut worker);
    sim.submit(vec![needing("large", large)]);
    // The second run has had nothing yet, so its test is the best one, and never fits.
    for _ in 0..60 {
        sim.after(Millis(1_000)).tick();
        let lease = running.remove(0).lease;
        sim.pass(&worker, lease);
        running.extend(sim.take(&mut worker));
        if running.iter().any(|granted| &*granted.spec.name == "large") {
            return;
        }
    }
    panic!("the large test was kept out for a minute");
}

#[test]
fn the_explanation_names_what_each_worker_lacks() {
    let mut sim = Sim::new();
    let plain = Agent::join(&mut sim, "plain", 1);
    let run = sim.submit(vec![needing("g", cuda()), test("a"), test("b")]);
    let why = sim.scheduler().why(TestId { run, index: 0 }).expect("held");
    assert_eq!(why.status.phase, Phase::Waiting);
    let fit = &why.workers[0];
    assert_eq!(fit.worker, plain.id);
    assert!(matches!(fit.lacks, Some(Lacks { first: Mismatch::Backend { .. }, .. })));
    assert_eq!(sim.scheduler().unschedulable(run), 1);
    let stuck = [0, 1, 2, 3].map(|index| sim.scheduler().is_stuck(TestId { run, index }));
    assert_eq!(stuck, [true, false, false, false], "the last one does not exist");
    let why = sim.scheduler().why(TestId { run, index: 2 }).expect("held");
    assert_eq!((why.before, why.workers[0].lacks.clone()), (1, None));
}
