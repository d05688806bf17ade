//! Submissions, dependencies, cancelling, expiry.

use super::harness::*;
use crate::domain::fact::{Fact, Idempotency};
use crate::domain::outcome::Outcome;
use crate::domain::requirement::Requirement;
use crate::domain::retry::Retries;
use crate::domain::test::{OnFailure, TestSpec};
use crate::domain::time::Millis;
use crate::scheduler::{Answer, Command, Rejected, Submission};
use std::sync::Arc;

fn after(name: &str, on: &[u32]) -> TestSpec {
    TestSpec { depends_on: on.into(), ..test(name) }
}

#[test]
fn a_repeated_submission_is_harmless_and_another_under_its_key_is_refused() {
    let mut sim = Sim::new();
    let submit = |digest: &str| {
        Command::Submit(Submission {
            name: "run".into(),
            tests: vec![Arc::new(test("a"))],
            more: false,
            closed_world: false,
            idempotency: Some(Idempotency { key: "k".into(), digest: digest.into() }),
            user: "someone".into(),
        })
    };
    let first = sim.run(submit("d1"));
    let Answer::Submitted { run, repeated: false, .. } = first else { panic!("{first:?}") };
    let again = sim.run(submit("d1"));
    assert!(matches!(again, Answer::Submitted { run: r, repeated: true, .. } if r == run));
    assert_eq!(sim.try_run(submit("d2")), Err(Rejected::KeyReused(run)));
    assert_eq!(sim.scheduler().runs().count(), 1);
}

#[test]
fn a_run_comes_in_parts_and_ends_after_the_last() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 4);
    let first = sim.run(Command::Submit(Submission {
        name: "run".into(),
        tests: vec![Arc::new(test("a"))],
        more: true,
        closed_world: false,
        idempotency: None,
        user: "someone".into(),
    }));
    let Answer::Submitted { run, .. } = first else { panic!("{first:?}") };
    let lease = sim.take(&mut worker).remove(0).lease;
    sim.pass(&worker, lease);
    assert_eq!(sim.scheduler().run(run).expect("known").finished_at, None);
    let part = |number, name: &str, more| Command::AddTests {
        run,
        part: number,
        tests: vec![Arc::new(after(name, &[0]))],
        more,
    };
    assert!(matches!(sim.try_run(part(2, "b", true)), Err(Rejected::PartOutOfOrder { .. })));
    assert_eq!(sim.try_run(part(1, "a", true)), Err(Rejected::DuplicateName("a".into())));
    sim.run(part(1, "b", true));
    let again = sim.run(part(1, "b", true));
    assert!(matches!(again, Answer::Submitted { repeated: true, tests: 2, .. }));
    let reused = |part| Err(Rejected::PartReused { run, part });
    assert_eq!(sim.try_run(part(1, "other", true)), reused(1));
    assert_eq!(sim.try_run(part(0, "b", true)), reused(0));
    // Parts that were sent are known after a restart as well.
    let restarted = sim.replayed();
    let repeat = |name| restarted.decide(sim.now, part(1, name, true)).map(|step| step.answer);
    assert!(matches!(repeat("b"), Ok(Answer::Submitted { repeated: true, .. })));
    assert_eq!(repeat("other"), reused(1));
    sim.run(part(2, "c", false));
    assert_eq!(sim.try_run(part(3, "d", false)), Err(Rejected::RunClosed(run)));
    for granted in sim.take(&mut worker) {
        sim.pass(&worker, granted.lease);
    }
    assert!(sim.scheduler().run(run).expect("known").finished_at.is_some());
    let late = sim.run(part(1, "b", true));
    assert!(matches!(late, Answer::Submitted { repeated: true, tests: 3, .. }));
}

#[test]
fn dependants_wait_and_are_skipped_in_turn() {
    for outcome in [Outcome::Failed, Outcome::ReducedPrecision] {
        let mut sim = Sim::new();
        let mut worker = Agent::join(&mut sim, "one", 4);
        let cleanup = TestSpec { on_failure: OnFailure::Run, ..after("cleanup", &[2]) };
        let run = sim.submit(vec![test("a"), after("b", &[0]), after("c", &[1]), cleanup]);
        let leases = sim.take(&mut worker);
        assert_eq!(leases.len(), 1);
        sim.report(&worker, vec![finished(leases[0].lease, outcome, None)]);
        assert_eq!(sim.outcome(run, 1), Some(Outcome::Skipped));
        assert_eq!(sim.outcome(run, 2), Some(Outcome::Skipped));
        let leases = sim.take(&mut worker);
        assert_eq!(&*leases[0].spec.name, "cleanup");
    }
}

#[test]
fn a_later_part_may_depend_on_what_has_failed() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 4);
    let answer = sim.run(Command::Submit(Submission {
        name: "run".into(),
        tests: vec![Arc::new(test("a"))],
        more: true,
        closed_world: false,
        idempotency: None,
        user: "someone".into(),
    }));
    let Answer::Submitted { run, .. } = answer else { panic!("{answer:?}") };
    let lease = sim.take(&mut worker).remove(0).lease;
    sim.report(&worker, vec![finished(lease, Outcome::Failed, None)]);
    let tests = vec![after("b", &[0]), after("c", &[1])].into_iter().map(Arc::new).collect();
    sim.run(Command::AddTests { run, part: 1, tests, more: false });
    let counts = sim.scheduler().run(run).expect("known").counts;
    assert_eq!(counts.done.get(&Outcome::Skipped), Some(&2));
}

#[test]
fn cycles_are_refused_with_their_path() {
    let mut sim = Sim::new();
    let tests = vec![test("a"), after("b", &[0, 3]), after("c", &[1]), after("d", &[2])];
    let refused = sim.try_run(submission("run", tests)).expect_err("a cycle");
    let text = refused.to_string();
    assert!(text.starts_with("tests depend on each other in a cycle: "), "{text}");
    assert!(["b → d → c → b", "c → b → d → c", "d → c → b → d"].iter().any(|p| text.ends_with(p)));
    let own = sim.try_run(submission("run", vec![after("a", &[0])])).expect_err("a cycle");
    assert_eq!(own, Rejected::Cycle(vec!["a".into(), "a".into()]));
}

#[test]
fn malformed_submissions_are_refused() {
    let mut sim = Sim::new();
    let cases = [
        (vec![], "the run has no tests"),
        (vec![test("a"), test("a")], "the test name \"a\" is used twice"),
        (vec![after("a", &[7])], "test \"a\" depends on test number 7, which is not in the run"),
        (vec![test("")], "the name of a test is empty"),
        (vec![test("a\u{1b}[31m")], "the name of a test contains a control character"),
    ];
    for (tests, message) in cases {
        let refused = sim.try_run(submission("run", tests)).expect_err(message);
        assert_eq!(refused.to_string(), message);
    }
}

#[test]
fn cancelling_ends_what_waits_and_stops_what_runs() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    let run = sim.submit(vec![test("a"), test("b"), after("c", &[0])]);
    let lease = sim.take(&mut worker).remove(0).lease;
    let answer = sim.run(Command::CancelRun { run, by: "someone".into() });
    assert_eq!(answer, Answer::Cancelled { run, ended: 2, stopping: 1 });
    let delivery = sim.claim(&worker, worker.received);
    assert_eq!(delivery.stop, [lease]);
    sim.report(&worker, vec![finished(lease, Outcome::Cancelled, None)]);
    let summary = sim.scheduler().run(run).expect("known");
    assert_eq!(summary.counts.done.get(&Outcome::Cancelled), Some(&3));
    assert!(summary.finished_at.is_some());
    let again = sim.run(Command::CancelRun { run, by: "someone".into() });
    assert_eq!(again, Answer::Cancelled { run, ended: 0, stopping: 0 });
}

#[test]
fn a_cancelled_test_is_not_tried_again_when_its_worker_is_lost() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    let run = sim.submit(many(1));
    sim.take(&mut worker);
    sim.take(&mut worker);
    sim.run(Command::CancelRun { run, by: "someone".into() });
    sim.run(Command::Leave { worker: worker.id, incarnation: worker.incarnation });
    let summary = sim.scheduler().run(run).expect("known");
    assert_eq!(summary.counts.done.get(&Outcome::Cancelled), Some(&1));
}

#[test]
fn a_test_that_waits_too_long_expires() {
    let mut sim = Sim::new();
    let expires = TestSpec { expire_after_ms: Some(Millis(60_000)), ..test("a") };
    let run = sim.submit(vec![expires, after("b", &[0])]);
    sim.after(Millis(59_999)).tick();
    assert_eq!(sim.outcome(run, 0), None);
    sim.after(Millis(1)).tick();
    let counts = sim.scheduler().run(run).expect("known").counts;
    assert_eq!(counts.done.get(&Outcome::Expired), Some(&1));
    assert_eq!(counts.done.get(&Outcome::Skipped), Some(&1));
}

#[test]
fn of_tests_that_expire_together_none_is_skipped_as_well() {
    let mut sim = Sim::new();
    let expires = |spec| TestSpec { expire_after_ms: Some(Millis(60_000)), ..spec };
    let chain = vec![
        expires(test("a")),
        expires(after("b", &[0])),
        expires(after("c", &[1])),
        after("d", &[0, 2]),
    ];
    let run = sim.submit(chain);
    sim.after(Millis(60_000)).tick();
    let counts = sim.scheduler().run(run).expect("known").counts;
    assert_eq!(counts.done.get(&Outcome::Expired), Some(&3));
    assert_eq!(counts.done.get(&Outcome::Skipped), Some(&1));
}

#[test]
fn two_lost_workers_skip_what_waits_for_both_once() {
    let mut sim = Sim::new();
    let mut workers = [Agent::join(&mut sim, "one", 1), Agent::join(&mut sim, "two", 1)];
    let retries = Retries { failed: 0, infrastructure: 0 };
    let lost = |name| TestSpec { retries, ..test(name) };
    let run = sim.submit(vec![lost("a"), lost("b"), after("c", &[0, 1])]);
    for worker in &mut workers {
        assert_eq!(sim.take(worker).len(), 1);
        sim.take(worker); // confirms the first lease
    }
    sim.after(Millis::from_secs(31)).tick();
    let counts = sim.scheduler().run(run).expect("known").counts;
    assert_eq!(counts.done.get(&Outcome::WorkerLost), Some(&2));
    assert_eq!(counts.done.get(&Outcome::Skipped), Some(&1));
}

#[test]
fn a_requirement_that_nobody_meets_is_named_with_the_nearest_misses() {
    let mut sim = Sim::new();
    Agent::join(&mut sim, "plain", 2);
    Agent::join_with(&mut sim, "gpu", with_gpus(2, 1));
    let two = Requirement { accelerators: 2, ..cuda() };
    let tests = vec![test("fine"), needing("big", two.clone()), needing("big too", two)];
    let answer = sim.run(submission("run", tests));
    let Answer::Submitted { unschedulable, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(unschedulable.len(), 1);
    assert_eq!((&*unschedulable[0].test, unschedulable[0].tests), ("big", 2));
    let nearest: Vec<_> =
        unschedulable[0].nearest.iter().map(|(_, name, miss)| format!("{name} {miss}")).collect();
    assert_eq!(nearest, ["gpu needs 2 accelerators, has 1 that fit", "plain needs cuda, has cpu"]);
}

#[test]
fn in_a_closed_world_what_nobody_can_run_is_skipped_with_the_reason() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "plain", 2);
    let tests = vec![after("late", &[1]), needing("gpu", cuda()), test("fine")];
    let command = Command::Submit(Submission {
        name: "run".into(),
        tests: tests.into_iter().map(Arc::new).collect(),
        more: false,
        closed_world: true,
        idempotency: None,
        user: "someone".into(),
    });
    let Answer::Submitted { run, .. } = sim.run(command) else { panic!("not submitted") };
    let causes: Vec<_> = sim
        .log
        .iter()
        .filter_map(|event| match event {
            Fact::TestSkipped { test, because, .. } => Some(format!("{test}: {because}")),
            _ => None,
        })
        .collect();
    assert_eq!(
        causes,
        [
            "r1.t1: no worker can run it: plain needs cuda, has cpu",
            "r1.t0: its dependency r1.t1 did not pass",
        ]
    );
    let lease = sim.take(&mut worker).remove(0).lease;
    sim.pass(&worker, lease);
    assert!(sim.scheduler().run(run).expect("known").finished_at.is_some());
}
