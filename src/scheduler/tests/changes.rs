//! Workers whose capability changes while they run.

use super::harness::*;
use crate::domain::fact::{Fact, Next};
use crate::domain::id::LeaseId;
use crate::domain::outcome::{Class, Outcome};
use crate::domain::requirement::Requirement;
use crate::domain::time::Millis;
use crate::scheduler::{Command, Rejected};
use std::sync::Arc;

fn cores(milli: u64) -> Requirement {
    Requirement { cpu_milli: milli, ..Requirement::default() }
}

/// The leases of the worker that the coordinator no longer has, and the message of each.
fn given_up(sim: &Sim) -> Vec<(LeaseId, Option<Class>, String)> {
    let ends = sim.log.iter().filter_map(|fact| match fact {
        Fact::AttemptFinished {
            lease, outcome: Outcome::WorkerLost, class, detail, next, ..
        } => {
            assert!(matches!(next, Next::Retry { elsewhere: true }), "{next:?}");
            let text = detail.as_ref().map_or("", |detail| detail.get());
            Some((*lease, *class, text.to_owned()))
        }
        Fact::LeaseReturned { lease, lost: true, .. } => Some((*lease, None, String::new())),
        _ => None,
    });
    ends.collect()
}

#[test]
fn a_lower_limit_keeps_the_oldest_tests_that_fit() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 4);
    sim.submit(vec![needing("a", cores(1500)), needing("b", cores(2000))]);
    let leases: Vec<_> = sim.take(&mut worker).iter().map(|granted| granted.lease).collect();
    worker.capability.cpu_milli = 2500;
    sim.change(&worker);
    let [(lease, class, message)] = &given_up(&sim)[..] else { panic!("one test does not fit") };
    assert_eq!((*lease, *class), (leases[1], Some(Class::WorkerChanged)));
    assert!(message.contains("it has no room for the test beside its older ones"), "{message}");
    // The heartbeat of the change names the lease, so the worker stops it.
    assert_eq!(sim.heartbeat(&worker, &leases), [leases[1]]);
    assert!(sim.pass(&worker, leases[0]).is_empty(), "the other goes on");
    let again = sim.take(&mut worker);
    assert_eq!(again.len(), 1, "the amounts of the first are free");
}

#[test]
fn a_lost_device_ends_its_test_and_no_other() {
    let mut sim = Sim::new();
    let mut worker = Agent::join_with(&mut sim, "one", with_gpus(4, 2));
    sim.submit(vec![needing("a", cuda()), needing("b", cuda()), test("c")]);
    let leases = sim.take(&mut worker);
    let on = |id: &str| {
        let found = leases.iter().find(|granted| granted.device_ids == [id]);
        found.expect("a lease with this device").lease
    };
    assert_eq!(leases.len(), 3);
    worker.capability.accelerators.remove(0);
    sim.change(&worker);
    let [(lease, _, message)] = &given_up(&sim)[..] else { panic!("one device was lost") };
    assert_eq!(*lease, on("nvidia:GPU-0"));
    assert!(message.contains("it no longer offers the device nvidia:GPU-0"), "{message}");
    // The other device has another position, and is still held.
    assert!(sim.take(&mut worker).is_empty(), "its device is held");
    assert!(sim.pass(&worker, on("nvidia:GPU-1")).is_empty());
    let [granted] = &sim.take(&mut worker)[..] else { panic!("the lost test is tried again") };
    assert_eq!(
        (&granted.devices[..], &*granted.device_ids),
        (&[0][..], &["nvidia:GPU-1".to_owned()][..])
    );
}

#[test]
fn tests_ahead_of_a_seat_that_does_not_fit_are_returned() {
    let mut sim = Sim::new();
    let mut worker = quick_worker(&mut sim, 2);
    sim.submit(many(20));
    let leases = sim.take(&mut worker);
    assert!(leases.len() > 2, "some were granted ahead");
    worker.capability.slots = 1;
    sim.change(&worker);
    let ends = given_up(&sim);
    let lost = ends.iter().filter(|(_, class, _)| class.is_some()).count();
    assert_eq!(lost, 1, "only the first of the seat may have started: {ends:?}");
    assert!(ends.len() > 1, "those behind it are returned");
}

#[test]
fn a_device_that_appears_is_used() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 2);
    sim.submit(vec![needing("a", cuda())]);
    assert!(sim.take(&mut worker).is_empty());
    worker.capability = with_gpus(2, 1);
    sim.change(&worker);
    assert_eq!(sim.take(&mut worker).len(), 1);
    let status = sim.scheduler().worker(worker.id).expect("known");
    let (at, before) = status.change.expect("it changed");
    assert_eq!((at, before.accelerators.len()), (sim.now, 0));
    assert!(given_up(&sim).is_empty());
}

#[test]
fn a_repeat_changes_nothing_and_others_may_not_change_a_worker() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 2);
    sim.change(&worker);
    let stored = sim.log.len();
    worker.capability.memory_bytes -= 1;
    sim.change(&worker);
    sim.change(&worker);
    assert_eq!(sim.log.len(), stored + 1);
    let change = |worker: &Agent, cpu_milli| {
        let capability = Arc::new(crate::domain::capability::Capability {
            cpu_milli,
            ..worker.capability.clone()
        });
        let (worker, incarnation) = (worker.id, worker.incarnation);
        Command::ChangeCapability { worker, incarnation, capability }
    };
    assert!(matches!(sim.try_run(change(&worker, 0)), Err(Rejected::Implausible(_))));
    let copy = Agent::of(&worker, "elsewhere");
    assert_eq!(
        sim.try_run(change(&copy, 1000)).expect_err("another process"),
        Rejected::OtherIncarnation(worker.id)
    );
    sim.after(Millis::from_secs(60)).tick();
    assert_eq!(
        sim.try_run(change(&worker, 1000)).expect_err("it was lost"),
        Rejected::UnknownWorker(worker.id)
    );
}

#[test]
fn a_process_that_changed_while_it_was_not_registered_keeps_what_fits() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 3);
    sim.submit(many(3));
    let leases: Vec<_> = sim.take(&mut worker).iter().map(|granted| granted.lease).collect();
    worker.capability = capability(2);
    let answer = sim.register(&worker, &leases);
    let crate::scheduler::Answer::Registered { kept, stale, .. } = answer else { panic!() };
    assert_eq!((kept, stale), (leases[..2].to_vec(), leases[2..].to_vec()));
    assert!(sim.pass(&worker, leases[0]).is_empty());
}
