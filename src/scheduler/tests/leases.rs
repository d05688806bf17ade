//! Leases: fencing, lost workers, restarts of either side, leases ahead.

use super::harness::*;
use crate::domain::fact::Fact;
use crate::domain::id::{Epoch, RunId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::retry::Retries;
use crate::domain::test::TestSpec;
use crate::domain::time::Millis;
use crate::scheduler::{
    Answer, Availability, Command, Identity, LEASE_TIMEOUT, Rejected, Scheduler,
};
use uuid::Uuid;

#[test]
fn a_worker_gets_what_it_has_room_for_and_reports_it() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 2);
    let run = sim.submit(many(3));
    let leases = sim.take(&mut worker);
    assert_eq!(leases.len(), 2);
    assert!(sim.take(&mut worker).is_empty(), "nothing is unknown or free");
    assert!(sim.pass(&worker, leases[0].lease).is_empty());
    assert_eq!(sim.take(&mut worker).len(), 1);
    assert_eq!(sim.outcome(run, 0), Some(Outcome::Passed));
}

#[test]
fn a_lost_answer_is_sent_again() {
    let mut sim = Sim::new();
    let worker = Agent::join(&mut sim, "one", 2);
    sim.submit(many(2));
    let first = sim.claim(&worker, Epoch(0));
    let again = sim.claim(&worker, Epoch(0));
    let epochs = |d: &crate::scheduler::Delivery| -> Vec<_> {
        d.leases.iter().map(|granted| granted.lease).collect()
    };
    assert_eq!(epochs(&first), epochs(&again));
    assert!(sim.claim(&worker, first.received).leases.is_empty());
}

#[test]
fn a_silent_worker_loses_its_tests_and_its_late_report_changes_nothing() {
    let mut sim = Sim::new();
    let mut silent = Agent::join(&mut sim, "silent", 1);
    let run = sim.submit(many(1));
    let old = sim.take(&mut silent).remove(0).lease;
    sim.take(&mut silent);
    let mut other = Agent::join(&mut sim, "other", 1);

    sim.after(LEASE_TIMEOUT).tick();
    assert!(sim.take(&mut other).is_empty(), "the lease still holds");
    sim.heartbeat(&other, &[]);
    sim.after(Millis(1)).tick();
    assert_eq!(sim.scheduler().worker(silent.id).expect("known").availability, Availability::Lost);
    let new = sim.take(&mut other).remove(0).lease;
    assert!(new.epoch > old.epoch);
    assert_eq!(new.attempt.number, 2);

    assert_eq!(sim.pass(&silent, old), [old], "late");
    assert_eq!(sim.pass(&silent, new), [new], "foreign");
    assert_eq!(sim.outcome(run, 0), None);
    assert!(sim.pass(&other, new).is_empty());
    assert!(sim.scheduler().run(run).expect("known").finished_at.is_some());
    assert_eq!(sim.pass(&silent, old), [old], "late, and the run is over");
}

#[test]
fn a_repeated_report_is_harmless() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    sim.submit(many(1));
    let lease = sim.take(&mut worker).remove(0).lease;
    assert!(sim.pass(&worker, lease).is_empty());
    let stored = sim.log.len();
    assert!(sim.pass(&worker, lease).is_empty());
    assert_eq!(sim.log.len(), stored);
}

#[test]
fn after_a_restart_of_the_coordinator_leases_are_adopted() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 2);
    sim.submit(many(2));
    let leases: Vec<_> = sim.take(&mut worker).iter().map(|granted| granted.lease).collect();
    let replayed = sim.replayed();
    sim.after(LEASE_TIMEOUT);
    sim.restart_from(replayed);
    sim.tick();
    let kept = match sim.register(&worker, &leases) {
        Answer::Registered { kept, stale, .. } => {
            assert!(stale.is_empty());
            kept
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(kept, leases);
    assert!(sim.heartbeat(&worker, &leases).is_empty());
    assert!(sim.pass(&worker, leases[0]).is_empty());
}

#[test]
fn a_new_process_keeps_results_and_loses_the_rest() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 2);
    let run = sim.submit(many(2));
    let leases: Vec<_> = sim.take(&mut worker).iter().map(|granted| granted.lease).collect();
    sim.claim(&worker, worker.received);
    let old = worker.incarnation;
    worker.restart();
    sim.register(&worker, &leases[..1]);
    let late =
        Command::Report { worker: worker.id, incarnation: old, finished: vec![], returned: vec![] };
    assert_eq!(sim.try_run(late), Err(Rejected::OtherIncarnation(worker.id)));
    assert!(sim.pass(&worker, leases[0]).is_empty());
    let again = sim.take(&mut worker);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].lease.attempt.number, 2, "the first attempt was lost");
    assert_eq!(sim.outcome(run, 0), Some(Outcome::Passed));
}

/// A test that may run once.
fn once(name: &str) -> TestSpec {
    TestSpec { retries: Retries { failed: 0, infrastructure: 0 }, ..test(name) }
}

/// Whether the run has ended with its test lost.
fn is_lost(sim: &Sim, run: RunId) -> bool {
    let summary = sim.scheduler().run(run).expect("known");
    summary.counts.done.get(&Outcome::WorkerLost) == Some(&1)
}

#[test]
fn a_copy_does_not_displace_a_worker_that_lives() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    sim.submit(many(1));
    let lease = sim.take(&mut worker).remove(0).lease;
    let mut copy = Agent::of(&worker, "elsewhere");
    let refused = sim.try_register(&copy).expect_err("the first one lives");
    assert!(refused.to_string().contains("w0 \"one\", last seen 0 s ago"), "{refused}");
    sim.after(LEASE_TIMEOUT);
    assert!(sim.try_register(&copy).is_err(), "it may still be heard");
    copy.place = "";
    assert!(sim.try_register(&copy).is_err(), "without a place nothing is proven");
    assert!(sim.pass(&worker, lease).is_empty(), "the first one has lost nothing");
    // The identity of a lost worker is free.
    sim.after(LEASE_TIMEOUT).after(Millis(1)).tick();
    copy.place = "elsewhere";
    sim.try_register(&copy).expect("free");
    assert!(sim.try_register(&worker).is_err(), "now the copy lives");
}

#[test]
fn a_worker_that_left_or_restarts_in_its_place_is_followed_at_once() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    sim.submit(vec![once("a")]);
    sim.take(&mut worker);
    worker.restart();
    sim.try_register(&worker).expect("the same directory");
    let snapshot = Scheduler::restore(sim.scheduler().snapshot().pieces()).expect("a snapshot");
    sim.replace(snapshot);
    worker.restart();
    sim.try_register(&worker).expect("the place is remembered");
    sim.run(Command::Leave { worker: worker.id, incarnation: worker.incarnation });
    sim.try_register(&Agent::of(&worker, "elsewhere")).expect("it has left");
}

#[test]
fn after_a_restart_of_the_coordinator_every_lease_may_have_started() {
    for confirmed in [false, true] {
        let mut sim = Sim::new();
        let mut worker = Agent::join(&mut sim, "one", 1);
        let run = sim.submit(vec![once("a")]);
        sim.take(&mut worker);
        if confirmed {
            sim.claim(&worker, worker.received);
        }
        sim.restart_from(sim.replayed());
        sim.after(LEASE_TIMEOUT).after(Millis(1)).tick();
        assert!(is_lost(&sim, run), "confirmed: {confirmed}");
    }
}

#[test]
fn a_lease_that_was_sent_counts_as_started() {
    for sent in [false, true] {
        let mut sim = Sim::new();
        let mut worker = Agent::join(&mut sim, "one", 1);
        // The open claim gets a grant, which is sent only when the test takes it.
        sim.run(Command::OpenClaim {
            worker: worker.id,
            incarnation: worker.incarnation,
            received: Epoch(0),
            takes_tests: true,
        });
        let run = sim.submit(vec![once("a")]);
        if sent {
            sim.take(&mut worker);
        }
        worker.restart();
        sim.register(&worker, &[]);
        assert_eq!(is_lost(&sim, run), sent, "sent: {sent}");
    }
}

#[test]
fn the_lease_behind_a_result_of_an_ended_process_had_started() {
    let mut sim = Sim::new();
    let mut worker = quick_worker(&mut sim, 1);
    let run = sim.submit(many(4));
    let leases: Vec<_> = sim.take(&mut worker).iter().map(|granted| granted.lease).collect();
    assert_eq!(leases.len(), 4);
    worker.restart();
    // The first test had ended when the process was killed, so the second was running.
    sim.register(&worker, &leases[..1]);
    let lost_in = |event: &Fact| match event {
        Fact::AttemptFinished { lease, outcome: Outcome::WorkerLost, duration_ms, .. } => {
            assert_eq!(*duration_ms, Millis(0), "it is not known when the second test began");
            Some(*lease)
        }
        _ => None,
    };
    let attempts = |index| {
        let attempts = sim.scheduler().test(crate::domain::id::TestId { run, index });
        attempts.expect("known").attempts
    };
    let attempts: Vec<_> = (0..4).map(attempts).collect();
    assert_eq!(attempts, [1, 1, 0, 0], "the others were returned and were no attempts");
    let ended: Vec<_> = sim.log.iter().filter_map(lost_in).collect();
    assert_eq!(ended, leases[1..2]);
}

#[test]
fn a_lost_attempt_has_the_reason_and_the_time_until_it_was_given_up() {
    let ends = |sim: &Sim| -> Vec<(Millis, String)> {
        let end = |fact: &Fact| match fact {
            Fact::AttemptFinished {
                outcome: Outcome::WorkerLost,
                duration_ms: duration,
                detail,
                ..
            } => Some((*duration, detail.as_ref().map_or(String::new(), ToString::to_string))),
            _ => None,
        };
        sim.log.iter().filter_map(end).collect()
    };
    let begin = || {
        let mut sim = Sim::new();
        let mut worker = quick_worker(&mut sim, 1);
        sim.submit(vec![once("one")]);
        let lease = sim.take(&mut worker)[0].lease;
        sim.after(Millis::from_secs(5)).heartbeat(&worker, &[lease]);
        (sim, worker)
    };
    let (mut sim, _worker) = begin();
    sim.after(Millis::from_secs(31)).tick();
    let message = r#"{"message":"the worker sent no heartbeat for 31 s"}"#;
    assert_eq!(ends(&sim), [(Millis::from_secs(36), message.to_owned())]);
    let (mut sim, mut worker) = begin();
    worker.restart();
    sim.register(&worker, &[]);
    let message = r#"{"message":"the worker was started again"}"#;
    assert_eq!(ends(&sim), [(Millis::from_secs(5), message.to_owned())]);
}

#[test]
fn a_test_that_may_run_once_is_not_granted_ahead() {
    let mut sim = Sim::new();
    let mut worker = quick_worker(&mut sim, 1);
    sim.submit(vec![test("a"), test("b"), once("c"), test("d")]);
    assert_eq!(sim.take(&mut worker).len(), 2, "the third waits, and the fourth behind it");
}

#[test]
fn an_infrastructure_failure_is_retried_elsewhere_from_a_separate_budget() {
    let mut sim = Sim::new();
    let mut broken = Agent::join(&mut sim, "broken", 1);
    let retries = Retries { failed: 0, infrastructure: 1 };
    let run = sim.submit(vec![TestSpec { retries, ..test("a") }]);
    let lease = sim.take(&mut broken).remove(0).lease;
    let set_up = |lease| finished(lease, Outcome::Error, Some(Class::SetUp));
    let mut whole = Agent::join(&mut sim, "whole", 1);
    sim.report(&broken, vec![set_up(lease)]);
    assert!(sim.take(&mut broken).is_empty(), "another worker could do it");
    let lease = sim.take(&mut whole).remove(0).lease;
    sim.report(&whole, vec![set_up(lease)]);
    let summary = sim.scheduler().run(run).expect("known");
    assert_eq!(summary.counts.done.get(&Outcome::Error), Some(&1));
}

#[test]
fn a_returned_lease_still_avoids_the_worker_where_it_failed() {
    let mut sim = Sim::new();
    let mut broken = Agent::join(&mut sim, "broken", 1);
    let retries = Retries { failed: 0, infrastructure: 2 };
    sim.submit(vec![TestSpec { retries, ..test("a") }]);
    let lease = sim.take(&mut broken).remove(0).lease;
    let mut whole = Agent::join(&mut sim, "whole", 1);
    sim.report(&broken, vec![finished(lease, Outcome::Error, Some(Class::SetUp))]);
    let lease = sim.take(&mut whole).remove(0).lease;
    let snapshot = Scheduler::restore(sim.scheduler().snapshot().pieces()).expect("a snapshot");
    sim.replace(snapshot);
    sim.give_back(&whole, &[lease]);
    assert!(sim.take(&mut broken).is_empty(), "another worker could do it");
    assert_eq!(sim.take(&mut whole).len(), 1);
}

#[test]
fn a_smaller_process_gets_tests_for_its_capability_while_it_holds_results() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 4);
    sim.submit(many(8));
    let leases: Vec<_> = sim.take(&mut worker).iter().map(|granted| granted.lease).collect();
    assert_eq!(leases.len(), 4);
    worker.capability = capability(1);
    worker.restart();
    sim.register(&worker, &leases);
    let fresh = |granted: &crate::scheduler::Lease| !leases.contains(&granted.lease);
    assert_eq!(sim.take(&mut worker).iter().filter(|granted| fresh(granted)).count(), 1);
    for lease in &leases {
        assert!(sim.pass(&worker, *lease).is_empty());
    }
    assert!(sim.take(&mut worker).is_empty(), "results gave nothing back that was not held");
}

#[test]
fn a_worker_that_left_long_ago_is_forgotten() {
    let mut sim = Sim::new();
    let gone = Agent::join(&mut sim, "gone", 1);
    let silent = Agent::join_with(&mut sim, "silent", with_gpus(2, 1));
    sim.run(Command::Leave { worker: gone.id, incarnation: gone.incarnation });
    let day = Millis::from_secs(24 * 3600);
    for days in 1..=8 {
        sim.after(day).tick();
        let known = days <= 7;
        assert_eq!(sim.scheduler().worker(gone.id).is_some(), known, "after {days} days");
    }
    sim.after(day).tick();
    assert!(sim.scheduler().worker(silent.id).is_none());
    let replayed = sim.replayed();
    assert_eq!(replayed.facts(), sim.scheduler().facts());
    let again = Agent::join(&mut sim, "again", 1);
    assert!(again.id > silent.id, "a number is never used again");
}

#[test]
fn the_only_worker_gets_its_failed_test_again() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    sim.submit(many(1));
    let lease = sim.take(&mut worker).remove(0).lease;
    sim.report(&worker, vec![finished(lease, Outcome::Error, Some(Class::SetUp))]);
    assert_eq!(sim.take(&mut worker).len(), 1);
}

#[test]
fn passed_after_failed_is_flaky_and_after_a_lost_worker_is_not() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    let retries = Retries { failed: 1, infrastructure: 1 };
    let run = sim.submit(vec![TestSpec { retries, ..test("a") }]);
    let lease = sim.take(&mut worker).remove(0).lease;
    sim.report(&worker, vec![finished(lease, Outcome::Failed, None)]);
    let lease = sim.take(&mut worker).remove(0).lease;
    sim.pass(&worker, lease);
    assert_eq!(sim.scheduler().run(run).expect("known").counts.flaky, 1);

    let run = sim.submit(vec![TestSpec { retries, ..test("a") }]);
    let lease = sim.take(&mut worker).remove(0).lease;
    sim.report(&worker, vec![finished(lease, Outcome::Error, Some(Class::SetUp))]);
    let lease = sim.take(&mut worker).remove(0).lease;
    sim.pass(&worker, lease);
    assert_eq!(sim.scheduler().run(run).expect("known").counts.flaky, 0);
}

#[test]
fn a_failure_that_would_repeat_is_not_retried() {
    let retries = Retries { failed: 3, infrastructure: 3 };
    for (class, again) in [
        (Class::OutOfMemory, false),
        (Class::UnsupportedBackend, false),
        (Class::Crash, true),
        (Class::SetUp, true),
    ] {
        let mut sim = Sim::new();
        let mut worker = Agent::join(&mut sim, "one", 1);
        let run = sim.submit(vec![TestSpec { retries, ..test("a") }]);
        let lease = sim.take(&mut worker).remove(0).lease;
        sim.report(&worker, vec![finished(lease, Outcome::Error, Some(class))]);
        let over = sim.scheduler().run(run).expect("known").finished_at.is_some();
        assert_eq!(over, !again, "{class}");
        assert_eq!(sim.take(&mut worker).len(), usize::from(again), "{class}");
    }
}

#[test]
fn short_tests_are_granted_ahead_into_the_seat_of_a_running_one() {
    let mut sim = Sim::new();
    let mut worker = quick_worker(&mut sim, 1);
    sim.submit(many(10));
    let leases = sim.take(&mut worker);
    assert_eq!(leases.len(), 10);
    assert!(leases.iter().all(|granted| granted.seat == leases[0].lease.epoch));
    let status = sim.scheduler().worker(worker.id).expect("known");
    assert_eq!((status.running, status.ahead), (1, 9));
}

#[test]
fn granting_ahead_leaves_the_same_share_for_others() {
    let mut sim = Sim::new();
    let mut first = quick_worker(&mut sim, 1);
    let mut second = Agent::join(&mut sim, "second", 1);
    sim.submit(many(21));
    assert_eq!(sim.take(&mut first).len(), 11);
    assert!(!sim.take(&mut second).is_empty());
}

#[test]
fn unknown_and_long_tests_are_not_granted_ahead() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    sim.submit(many(10));
    let lease = sim.take(&mut worker);
    assert_eq!(lease.len(), 1, "unknown");
    sim.pass(&worker, lease[0].lease);
    assert_eq!(sim.take(&mut worker).len(), 1, "five seconds each");
}

#[test]
fn an_urgent_test_recalls_leases_that_have_not_started() {
    let mut sim = Sim::new();
    let mut worker = quick_worker(&mut sim, 1);
    sim.submit(many(5));
    let leases = sim.take(&mut worker);
    let two_cores = crate::domain::requirement::Requirement {
        cpu_milli: 1000,
        memory_bytes: 1,
        ..Default::default()
    };
    let urgent =
        TestSpec { priority: 50i64.try_into().expect("in range"), ..needing("urgent", two_cores) };
    sim.submit(vec![urgent]);
    let delivery = sim.claim(&worker, worker.received);
    assert_eq!(delivery.recall.len(), 4, "all but the running one");
    worker.received = delivery.received;
    sim.give_back(&worker, &delivery.recall);
    sim.pass(&worker, leases[0].lease);
    let next = sim.take(&mut worker);
    assert_eq!(&*next[0].spec.name, "urgent");
    assert_eq!(next[0].lease.attempt.number, 1);
}

#[test]
fn a_drain_recalls_leases_that_have_not_started_and_grants_nothing_more() {
    let mut sim = Sim::new();
    let mut worker = quick_worker(&mut sim, 1);
    sim.submit(many(5));
    let leases = sim.take(&mut worker);
    sim.run(Command::Drain { worker: worker.id, by: "someone".into() });
    let delivery = sim.claim(&worker, worker.received);
    assert!(delivery.drain);
    assert_eq!(delivery.recall.len(), 4);
    worker.received = delivery.received;
    sim.give_back(&worker, &delivery.recall);
    sim.pass(&worker, leases[0].lease);
    assert!(sim.take(&mut worker).is_empty());
    sim.run(Command::Leave { worker: worker.id, incarnation: worker.incarnation });
    let mut other = Agent::join(&mut sim, "other", 4);
    assert_eq!(sim.take(&mut other).len(), 4);
}

#[test]
fn a_cancelled_drain_lets_the_worker_take_tests_again() {
    let mut sim = Sim::new();
    let mut worker = quick_worker(&mut sim, 1);
    sim.submit(many(5));
    let leases = sim.take(&mut worker);
    sim.run(Command::Drain { worker: worker.id, by: "someone".into() });
    let delivery = sim.claim(&worker, worker.received);
    worker.received = delivery.received;
    sim.give_back(&worker, &delivery.recall);
    sim.run(Command::Resume { worker: worker.id, by: "someone".into() });
    let delivery = sim.claim(&worker, worker.received);
    assert!(delivery.resume && !delivery.drain);
    worker.received = delivery.received;
    sim.pass(&worker, leases[0].lease);
    assert!(delivery.leases.len() + sim.take(&mut worker).len() > 0);
    // The drain is cancelled twice, and before the worker has received it.
    sim.run(Command::Resume { worker: worker.id, by: "someone".into() });
    sim.run(Command::Drain { worker: worker.id, by: "someone".into() });
    sim.run(Command::Resume { worker: worker.id, by: "someone".into() });
    let delivery = sim.claim(&worker, worker.received);
    assert!(delivery.resume && !delivery.drain);
    sim.run(Command::Leave { worker: worker.id, incarnation: worker.incarnation });
    let refused = sim.try_run(Command::Resume { worker: worker.id, by: "someone".into() });
    assert_eq!(refused, Err(Rejected::WorkerGone(worker.id)));
}

#[test]
fn leases_behind_a_long_test_are_recalled() {
    let mut sim = Sim::new();
    let mut worker = quick_worker(&mut sim, 1);
    sim.submit(many(3));
    let leases = sim.take(&mut worker);
    let holding: Vec<_> = leases.iter().map(|granted| granted.lease).collect();
    sim.after(Millis(4_000)).tick();
    assert!(sim.claim(&worker, worker.received).recall.is_empty());
    sim.heartbeat(&worker, &holding);
    sim.after(Millis(2_000)).tick();
    assert_eq!(sim.claim(&worker, worker.received).recall, holding[1..]);
}

#[test]
fn implausible_and_unknown_workers_are_refused() {
    let mut sim = Sim::new();
    let mut capability = capability(1);
    capability.cpu_milli = u64::MAX;
    let command = Command::Register {
        identity: Identity {
            key: Uuid::from_u128(9),
            incarnation: Uuid::from_u128(9),
            place: "".into(),
        },
        name: "liar".into(),
        capability: capability.into(),
        holding: vec![],
    };
    assert!(matches!(sim.try_run(command), Err(Rejected::Implausible(_))));
    let id = crate::domain::id::WorkerId(7);
    assert_eq!(
        sim.try_run(Command::Drain { worker: id, by: "someone".into() }),
        Err(Rejected::UnknownWorker(id))
    );
}

#[test]
fn a_snapshot_restores_the_same_facts() {
    let mut sim = Sim::new();
    let mut worker = quick_worker(&mut sim, 2);
    let chain = TestSpec { depends_on: [0].into(), ..test("b") };
    sim.submit(vec![test("a"), chain, test("c")]);
    sim.submit(many(20));
    let leases = sim.take(&mut worker);
    sim.report(&worker, vec![finished(leases[0].lease, Outcome::Error, Some(Class::SetUp))]);
    let restored =
        Scheduler::restore(sim.scheduler().snapshot().pieces()).expect("a whole snapshot");
    assert_eq!(restored.facts(), sim.scheduler().facts());
}
