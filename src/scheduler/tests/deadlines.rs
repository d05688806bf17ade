//! Deadlines of leases: who is heard and never reports loses the lease, nobody else.

use super::harness::*;
use crate::domain::fact::Fact;
use crate::domain::id::LeaseId;
use crate::domain::outcome::{Class, Outcome};
use crate::domain::retry::Retries;
use crate::domain::test::TestSpec;
use crate::domain::time::Millis;
use crate::scheduler::{Command, LEASE_TIMEOUT, Scheduler};
use serde_json::value::RawValue;

/// The limit of a lease of [`timed`]: timeout, grace and margin.
const LIMIT: u64 = 1 + 2 + 60;

fn timed(name: &str) -> TestSpec {
    let launch = r#"{"run":{"command":["true"]},"timeout_ms":1000,"grace_ms":2000}"#;
    TestSpec { launch: RawValue::from_string(launch.into()).expect("JSON"), ..test(name) }
}

/// Passes time in which the worker sends a heartbeat each second. Returns the leases that it has lost.
fn beat(sim: &mut Sim, worker: &Agent, held: &[LeaseId], seconds: u64) -> Vec<LeaseId> {
    let (mut held, mut lost) = (held.to_vec(), Vec::new());
    for _ in 0..seconds {
        sim.after(Millis(1_000)).tick();
        let stale = sim.heartbeat(worker, &held);
        held.retain(|lease| !stale.contains(lease));
        lost.extend(stale);
    }
    lost
}

fn lost(sim: &Sim) -> Vec<LeaseId> {
    let lost = |fact: &Fact| match fact {
        Fact::AttemptFinished { lease, outcome: Outcome::WorkerLost, .. } => Some(*lease),
        _ => None,
    };
    sim.log.iter().filter_map(lost).collect()
}

#[test]
fn a_worker_that_is_heard_and_never_reports_loses_its_lease() {
    let mut sim = Sim::new();
    let mut hung = Agent::join(&mut sim, "hung", 1);
    let run = sim.submit(vec![timed("a")]);
    let lease = sim.take(&mut hung).remove(0).lease;
    sim.claim(&hung, hung.received);
    assert!(beat(&mut sim, &hung, &[lease], LIMIT).is_empty(), "the lease holds");
    let mut other = Agent::join(&mut sim, "other", 1);
    assert_eq!(beat(&mut sim, &hung, &[lease], 2), [lease], "the worker ends the attempt");
    assert_eq!(lost(&sim), [lease]);
    let end = sim.log.iter().find_map(|fact| match fact {
        Fact::AttemptFinished { class, detail, .. } => Some((*class, detail.as_ref()?.get())),
        _ => None,
    });
    let message = r#"{"message":"the worker did not report within 64 s"}"#;
    assert_eq!(end, Some((Some(Class::Overdue), message)));
    assert!(sim.take(&mut hung).is_empty(), "another worker can run it");
    let again = sim.take(&mut other).remove(0).lease;
    assert_eq!(again.attempt.number, 2);
    let stored = sim.log.len();
    assert_eq!(sim.pass(&hung, lease), [lease]);
    assert!(matches!(sim.log[stored..], [Fact::LateResult { .. }]), "kept as a late result");
    assert!(sim.pass(&other, again).is_empty());
    assert!(sim.scheduler().run(run).expect("known").finished_at.is_some());
}

#[test]
fn a_test_that_may_run_once_ends_with_its_overdue_lease() {
    let mut sim = Sim::new();
    let mut hung = Agent::join(&mut sim, "hung", 1);
    let retries = Retries { failed: 1, infrastructure: 0 };
    let behind = TestSpec { depends_on: [0].into(), ..timed("behind") };
    let run = sim.submit(vec![TestSpec { retries, ..timed("a") }, behind]);
    let lease = sim.take(&mut hung).remove(0).lease;
    beat(&mut sim, &hung, &[lease], LIMIT + 2);
    let summary = sim.scheduler().run(run).expect("known");
    assert!(summary.finished_at.is_some());
    assert_eq!(summary.counts.done.get(&Outcome::WorkerLost), Some(&1));
    assert_eq!(summary.counts.done.get(&Outcome::Skipped), Some(&1));
}

#[test]
fn a_hung_test_of_a_cancelled_run_ends_as_cancelled() {
    let mut sim = Sim::new();
    let mut hung = Agent::join(&mut sim, "hung", 1);
    let run = sim.submit(vec![timed("a")]);
    let lease = sim.take(&mut hung).remove(0).lease;
    sim.run(Command::CancelRun { run, by: "someone".into() });
    beat(&mut sim, &hung, &[lease], LIMIT + 2);
    let summary = sim.scheduler().run(run).expect("known");
    assert_eq!(summary.counts.done.get(&Outcome::Cancelled), Some(&1));
}

#[test]
fn silence_postpones_a_deadline_and_ends_a_lease_only_after_the_lease_time() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    sim.submit(vec![timed("a")]);
    let lease = sim.take(&mut worker).remove(0).lease;
    // A machine that is suspended for 26 s, four times: 10 s of each count.
    for _ in 0..4 {
        assert!(beat(&mut sim, &worker, &[lease], 5).is_empty());
        sim.after(Millis::from_secs(25)).tick();
    }
    assert!(beat(&mut sim, &worker, &[lease], 6).is_empty(), "62 s count of 126 s");
    assert_eq!(beat(&mut sim, &worker, &[lease], 3), [lease]);
}

#[test]
fn a_worker_that_is_heard_rarely_loses_its_lease_later() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    sim.submit(vec![timed("a")]);
    let lease = sim.take(&mut worker).remove(0).lease;
    let mut beats = 0;
    while sim.heartbeat(&worker, &[lease]).is_empty() {
        sim.after(Millis::from_secs(29)).tick();
        beats += 1;
        assert!(beats < 20, "the lease never ends");
    }
    assert_eq!(beats, 8, "each of seven beats counts 10 s");
}

#[test]
fn a_stopped_or_restarted_coordinator_ends_no_lease_early() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    sim.submit(vec![timed("a")]);
    let lease = sim.take(&mut worker).remove(0).lease;
    beat(&mut sim, &worker, &[lease], LIMIT - 3);
    // Stopped for an hour, or a clock that jumps: no tick in between.
    sim.now = sim.now.after(Millis::from_secs(3600));
    sim.tick();
    assert!(beat(&mut sim, &worker, &[lease], 2).is_empty());
    for from_snapshot in [false, true] {
        let restored = if from_snapshot {
            Scheduler::restore(sim.scheduler().snapshot().pieces()).expect("a snapshot")
        } else {
            sim.replayed()
        };
        sim.after(Millis::from_secs(3600));
        sim.restart_from(restored);
        assert!(beat(&mut sim, &worker, &[lease], LIMIT - 1).is_empty(), "a full limit again");
    }
    assert_eq!(beat(&mut sim, &worker, &[lease], 3), [lease]);
}

#[test]
fn a_full_disk_of_the_coordinator_ends_no_lease() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    sim.submit(vec![timed("a")]);
    let lease = sim.take(&mut worker).remove(0).lease;
    assert!(beat(&mut sim, &worker, &[lease], LIMIT - 10).is_empty());
    for _ in 0..10 * LIMIT {
        sim.after(Millis(1_000)).tick_while_full();
        assert!(sim.heartbeat(&worker, &[lease]).is_empty(), "the worker cannot report");
    }
    assert!(beat(&mut sim, &worker, &[lease], 8).is_empty(), "10 s were left");
    assert_eq!(beat(&mut sim, &worker, &[lease], 5), [lease]);
}

#[test]
fn a_lease_behind_a_hung_one_is_taken_back_without_an_attempt() {
    let mut sim = Sim::new();
    let mut worker = quick_worker(&mut sim, 1);
    let run = sim.submit((0..3).map(|index| timed(&format!("t{index}"))).collect());
    let held: Vec<_> = sim.take(&mut worker).iter().map(|granted| granted.lease).collect();
    assert_eq!(held.len(), 3);
    sim.pass(&worker, held[0]);
    // The second lease has its limit from the end of the first on. Recalls are not answered.
    assert!(beat(&mut sim, &worker, &held[1..], LIMIT).is_empty());
    assert_eq!(beat(&mut sim, &worker, &held[1..], 2), [held[1], held[2]]);
    assert_eq!(lost(&sim), [held[1]]);
    let attempts = |index| {
        sim.scheduler().test(crate::domain::id::TestId { run, index }).expect("known").attempts
    };
    assert_eq!([attempts(1), attempts(2)], [1, 0]);
}

#[test]
fn a_lease_that_its_worker_never_asked_for_is_taken_back() {
    let mut sim = Sim::new();
    let worker = Agent::join(&mut sim, "one", 1);
    sim.run(Command::OpenClaim {
        worker: worker.id,
        incarnation: worker.incarnation,
        received: worker.received,
        takes_tests: true,
    });
    sim.submit(vec![timed("a")]);
    beat(&mut sim, &worker, &[], LIMIT + 2);
    assert!(lost(&sim).is_empty());
    let returned =
        sim.log.iter().any(|fact| matches!(fact, Fact::LeaseReturned { lost: true, .. }));
    assert!(returned);
}

#[test]
fn a_silent_worker_is_lost_as_a_worker_and_not_by_its_deadline() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    sim.submit(vec![timed("a")]);
    let lease = sim.take(&mut worker).remove(0).lease;
    beat(&mut sim, &worker, &[lease], LIMIT - 10);
    sim.after(LEASE_TIMEOUT).after(Millis(1)).tick();
    let overdue = |fact: &Fact| matches!(fact, Fact::AttemptFinished { class: Some(_), .. });
    assert_eq!((lost(&sim), sim.log.iter().any(overdue)), (vec![lease], false));
}
