//! Lost records and a clock that was set.

use super::harness::{Agent, Sim, many, test};
use crate::domain::fact::Fact;
use crate::domain::id::{Epoch, RunId, WorkerId};
use crate::domain::time::{Millis, Timestamp};
use crate::scheduler::engine::{Engine, Input, SnapshotPolicy};
use crate::scheduler::tests::harness::Direct;

const DAY: Millis = Millis::from_secs(86_400);

#[test]
fn after_a_loss_no_number_and_no_epoch_is_used_again() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 2);
    sim.submit(many(2));
    let old = sim.take(&mut worker).remove(0).lease;
    let mut scheduler = sim.replayed();
    let lost = Fact::RecordsLost {
        last: 4,
        seen: 9,
        next_run: 7,
        next_worker: 5,
        epoch: Epoch(1000),
        at: sim.now,
    };
    scheduler.apply(&lost).expect("it fits");
    let lower = Fact::RecordsLost {
        last: 4,
        seen: 0,
        next_run: 1,
        next_worker: 0,
        epoch: Epoch(3),
        at: sim.now,
    };
    scheduler.apply(&lower).expect("it fits");
    scheduler.check_invariants().expect("a whole state");
    sim.restart_from(scheduler);
    assert_eq!(sim.submit(many(1)), RunId(7));
    let mut other = Agent::join(&mut sim, "two", 2);
    assert_eq!(other.id, WorkerId(5));
    let granted = sim.take(&mut other).remove(0).lease;
    assert!(granted.epoch > Epoch(1000), "{granted:?}");
    assert_eq!(sim.pass(&worker, old), [], "a lease from before is still held");
}

/// An engine with the state of `sim`, whose clock is then set to `to`. Returns its facts.
fn set_clock(sim: &Sim, to: Timestamp, ticks: u64) -> Vec<Fact> {
    let policy = SnapshotPolicy { every: u64::MAX, since: 0 };
    let mut scheduler = sim.replayed();
    scheduler.restarted(sim.now);
    let mut engine: Engine<Direct> = Engine::new(scheduler, sim.now, policy);
    engine.clock_changed(sim.now);
    let mut facts = Vec::new();
    for tick in 0..ticks {
        let now = to.after(Millis::from_secs(3 * tick));
        let batch = engine.take(now, [Input::Tick], &mut |_, _| {}).expect("facts that fit");
        assert_eq!(batch.absence, None, "no time has passed");
        engine.scheduler().check_invariants().expect("a whole state");
        facts.extend(batch.facts);
    }
    facts
}

#[test]
fn a_clock_that_is_set_while_running_loses_no_worker_and_expires_nothing() {
    let mut sim = Sim::new();
    sim.now = Timestamp(DAY.0 * 1000);
    let mut worker = Agent::join(&mut sim, "one", 1);
    let mut expiring = test("expires");
    expiring.expire_after_ms = Some(DAY);
    sim.submit(vec![test("held"), expiring]);
    sim.take(&mut worker);
    for days in [600, 999, 1001, 1400] {
        let facts = set_clock(&sim, Timestamp(DAY.0 * days), 10);
        assert!(matches!(facts[..], [Fact::ClockChanged { .. }]), "to day {days}: {facts:?}");
    }
    // Afterwards the usual periods count.
    let facts = set_clock(&sim, Timestamp(DAY.0 * 600), 12);
    assert!(facts.iter().any(|fact| matches!(fact, Fact::WorkerLost { .. })), "{facts:?}");
    let facts = set_clock(&sim, Timestamp(DAY.0 * 600), 30_000);
    let expired = facts.iter().find(|fact| matches!(fact, Fact::TestExpired { .. }));
    let at = expired.expect("a day has passed").at();
    assert!(at.since(Timestamp(DAY.0 * 601)) <= Millis::from_secs(3), "{at:?}");
}
