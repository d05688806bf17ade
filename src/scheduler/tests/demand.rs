//! The demand for workers, per requirement.

use super::harness::*;
use crate::domain::test::TestSpec;
use crate::domain::time::Millis;

fn urgent(name: &str, priority: i64) -> TestSpec {
    TestSpec { priority: priority.try_into().expect("in range"), ..needing(name, cuda()) }
}

#[test]
fn waiting_and_soon_ready_tests_are_counted_per_requirement() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    assert_eq!(sim.scheduler().demand(), []);
    let start = sim.now;
    let after = |name: &str, on| TestSpec { depends_on: [on].into(), ..test(name) };
    let gpu = urgent("gpu", 5);
    let run = sim.submit(vec![test("first"), after("second", 0), after("third", 1), gpu]);
    assert_eq!(sim.take(&mut worker).len(), 1, "the first");
    sim.after(Millis(1_000));
    sim.submit(vec![urgent("later", 1)]);

    let demand = sim.scheduler().demand();
    let counts: Vec<_> = demand.iter().map(|demand| (demand.waiting, demand.soon)).collect();
    // The third test depends on one that has not started.
    assert_eq!(counts, [(2, 0), (0, 1)]);
    assert_eq!(*demand[0].requirement, cuda());
    assert_eq!(demand[0].oldest, Some(start), "of the test that has waited longest");
    assert_eq!(demand[0].priority, 5i64.try_into().expect("in range"), "the highest");
    assert_eq!(demand[1].oldest, None, "none waits yet");

    let waiting = crate::domain::id::TestId { run, index: 3 };
    assert_eq!(sim.scheduler().why(waiting).expect("it waits").alike, 2);
    sim.run(crate::scheduler::Command::CancelRun { run, by: "someone".into() });
    let rest = sim.scheduler().demand();
    assert_eq!((rest.len(), rest[0].waiting), (1, 1), "the other run");
}
