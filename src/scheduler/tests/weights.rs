//! The place of tests with weights: workers that have them, and caches that are too small.

use super::harness::*;
use crate::domain::fact::Fact;
use crate::domain::held_weights::HeldWeights;
use crate::domain::id::{Epoch, TestId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::requirement::Requirement;
use crate::domain::test::TestSpec;
use crate::domain::time::Millis;
use crate::scheduler::{Answer, Command, Scheduler, Signal};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Tests named after their model, in this order.
fn tests_of(models: &[&str]) -> Vec<TestSpec> {
    let test = |(index, model): (usize, &&str)| {
        needing(&format!("{model}{index}"), with_weights(model, 1))
    };
    models.iter().enumerate().map(test).collect()
}

/// Takes one test after the other and returns the models of the first tests.
fn order(sim: &mut Sim, worker: &mut Agent, count: usize) -> String {
    let mut models = String::new();
    for _ in 0..count {
        let lease = sim.take(worker).remove(0);
        models.extend(lease.spec.name.chars().next());
        sim.pass(worker, lease.lease);
    }
    models
}

#[test]
fn a_worker_gets_the_tests_of_the_models_that_it_has_first() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    sim.report_weights(&worker, None, &["c"]);
    sim.submit(tests_of(&["a", "b", "c", "a", "c"]));
    // Then those that it has just fetched: the report of the first test of `a` is not needed.
    assert_eq!(order(&mut sim, &mut worker, 5), "ccaab");
}

#[test]
fn a_worker_leaves_a_model_to_those_that_have_it_while_there_are_others() {
    let mut sim = Sim::new();
    let mut one = Agent::join(&mut sim, "one", 1);
    let mut two = Agent::join(&mut sim, "two", 1);
    sim.report_weights(&one, None, &["a"]);
    sim.submit(tests_of(&["a", "b", "a"]));
    assert_eq!(&*sim.take(&mut two)[0].spec.name, "b1");
    assert_eq!(&*sim.take(&mut one)[0].spec.name, "a0");
    // No worker stays idle for it.
    let mut three = Agent::join(&mut sim, "three", 1);
    assert_eq!(&*sim.take(&mut three)[0].spec.name, "a2");
}

#[test]
fn an_idle_worker_that_has_the_weights_is_chosen() {
    let mut sim = Sim::new();
    let agents: Vec<_> =
        ["x", "y", "z"].into_iter().map(|name| Agent::join(&mut sim, name, 1)).collect();
    sim.report_weights(&agents[1], None, &["a"]);
    for agent in &agents {
        let (worker, incarnation, received) = (agent.id, agent.incarnation, agent.received);
        sim.run(Command::OpenClaim { worker, incarnation, received, takes_tests: true });
    }
    sim.submit(tests_of(&["a"]));
    let served: Vec<_> =
        agents.iter().map(|agent| sim.scheduler().delivery(agent.id).is_some()).collect();
    assert_eq!(served, [false, true, false]);
}

#[test]
fn other_runs_and_higher_priorities_are_not_kept_waiting() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    sim.report_weights(&worker, None, &["a"]);
    sim.submit(tests_of(&["a"; 20]));
    sim.submit(tests_of(&["b"; 20]));
    let models = order(&mut sim, &mut worker, 20);
    assert_eq!(models.matches('b').count(), 10, "{models}");
    let urgent = TestSpec {
        priority: 1i64.try_into().expect("in range"),
        ..needing("urgent", with_weights("u", 1))
    };
    sim.submit(vec![urgent]);
    assert_eq!(order(&mut sim, &mut worker, 1), "u");
}

#[test]
fn weights_that_are_larger_than_the_cache_are_not_sent() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    sim.report_weights(&worker, Some(8 * GIB), &[]);
    let large = needing("large", with_weights("a", 13));
    let run = sim.submit(vec![large, needing("unknown", with_weights("b", 0))]);
    assert_eq!(order(&mut sim, &mut worker, 1), "u");
    assert!(sim.take(&mut worker).is_empty());
    let why = |sim: &Sim| sim.scheduler().why(TestId { run, index: 0 }).expect("it waits");
    let text = "needs 13.0 GiB for weights, its cache has room for 8.0";
    assert_eq!(why(&sim).workers[0].lacks.as_ref().map(ToString::to_string), Some(text.into()));
    assert_eq!(sim.scheduler().unschedulable(run), 1);
    // They may be in another place of the machine, such as its model cache.
    sim.report_weights(&worker, Some(8 * GIB), &["a"]);
    assert_eq!(sim.scheduler().unschedulable(run), 0);
    assert_eq!(
        (why(&sim).workers[0].lacks.clone(), why(&sim).workers[0].has_weights),
        (None, Some(true))
    );
    assert_eq!(order(&mut sim, &mut worker, 1), "l");
}

#[test]
fn a_submission_names_the_largest_caches() {
    let mut sim = Sim::new();
    for (name, gib) in [("small", 2), ("large", 8), ("medium", 4)] {
        let worker = Agent::join(&mut sim, name, 1);
        sim.report_weights(&worker, Some(gib * GIB), &[]);
    }
    let tests = vec![needing("a", with_weights("a", 13)), test("plain")];
    let mut command = submission("closed", tests);
    if let Command::Submit(submission) = &mut command {
        submission.closed_world = true;
    }
    let Answer::Submitted { run, unschedulable, .. } = sim.run(command) else {
        panic!("not an answer to a submission")
    };
    let names: Vec<_> = unschedulable[0].nearest.iter().map(|(_, name, _)| &**name).collect();
    assert_eq!(names, ["large", "medium", "small"]);
    assert_eq!(sim.outcome(run, 0), Some(Outcome::Skipped));
}

#[test]
fn weights_wait_while_those_of_running_tests_fill_the_cache() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 4);
    sim.report_weights(&worker, Some(10 * GIB), &[]);
    let need = |model: &str, index| needing(&format!("{model}{index}"), with_weights(model, 6));
    let run = sim.submit(vec![need("a", 0), need("b", 1), need("a", 2)]);
    let leases = sim.take(&mut worker);
    let names: Vec<_> = leases.iter().map(|lease| &*lease.spec.name).collect();
    assert_eq!(names, ["a0", "a2"], "tests of one model share the space");
    let fit = sim.scheduler().why(TestId { run, index: 1 }).expect("it waits").workers.remove(0);
    assert_eq!((fit.lacks, fit.has_weights, fit.is_cache_full), (None, Some(false), true));
    sim.pass(&worker, leases[0].lease);
    assert!(sim.take(&mut worker).is_empty());
    sim.pass(&worker, leases[1].lease);
    assert_eq!(&*sim.take(&mut worker)[0].spec.name, "b1");
}

#[test]
fn a_cache_is_emptied_for_weights_that_others_keep_out() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 2);
    sim.report_weights(&worker, Some(10 * GIB), &[]);
    let need = |model: &str, index| needing(&format!("{model}{index}"), with_weights(model, 6));
    sim.submit((0..200).map(|index| need("a", index)).collect());
    let mut running = sim.take(&mut worker);
    sim.submit(vec![need("b", 0)]);
    for _ in 0..60 {
        sim.after(Millis(1_000)).tick();
        let lease = running.remove(0).lease;
        sim.pass(&worker, lease);
        running.extend(sim.take(&mut worker));
        if running.iter().any(|granted| &*granted.spec.name == "b0") {
            return;
        }
    }
    panic!("the other model was kept out for a minute");
}

#[test]
fn a_report_is_forgotten_with_its_process_and_at_a_restart() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    assert_eq!(sim.scheduler().weights_revision(worker.id), None);
    sim.report_weights(&worker, None, &["a", "a"]);
    assert_eq!(sim.scheduler().weights_revision(worker.id), Some(7));
    let status = sim.scheduler().worker(worker.id).expect("known").weights.expect("reported");
    assert_eq!(status.held, 1, "a repeated key counts once");
    let replayed = sim.replayed();
    sim.restart_from(replayed);
    assert_eq!(sim.scheduler().weights_revision(worker.id), None);
    sim.report_weights(&worker, None, &["a"]);
    sim.register(&worker, &[]);
    assert_eq!(sim.scheduler().weights_revision(worker.id), Some(7), "the same process");
    let old = worker.incarnation;
    worker.restart();
    sim.register(&worker, &[]);
    assert_eq!(sim.scheduler().weights_revision(worker.id), None);
    let command =
        Command::ReportWeights { worker: worker.id, incarnation: old, report: Arc::default() };
    assert!(sim.try_run(command).is_err(), "a report of the old process");
}

/// With many models on several workers, each model is fetched about once, and all tests of a worker
/// in a row are of one model.
#[test]
fn the_tests_of_a_model_stay_together() {
    const MODELS: usize = 30;
    const TESTS: usize = 12;
    let mut sim = Sim::new();
    let mut agents: Vec<_> =
        ["a", "b", "c", "d", "e"].into_iter().map(|name| Agent::join(&mut sim, name, 2)).collect();
    // The tests of all models are mixed, and each model has tests of several sizes.
    let tests = (0..MODELS * TESTS).map(|index| {
        let model = format!("m{}", index % MODELS);
        let memory_bytes = GIB * (index / MODELS % 4) as u64;
        let need = Requirement { memory_bytes, ..with_weights(&model, 1) };
        needing(&format!("{model}-{index}"), need)
    });
    sim.submit(tests.collect());
    let mut fetched: BTreeSet<(WorkerId, String)> = BTreeSet::new();
    let mut ended = 0;
    while ended < MODELS * TESTS {
        for agent in &mut agents {
            let leases = sim.take(agent);
            for lease in &leases {
                let model = lease.spec.name.split('-').next().unwrap_or_default();
                fetched.insert((agent.id, model.to_owned()));
            }
            ended += leases.len();
            // A worker with room is idle only when no test waits.
            let waiting = sim.scheduler().overview().tests_waiting;
            assert!(leases.len() == 2 || waiting == 0, "{} and {waiting} wait", leases.len());
            for lease in &leases {
                drop(sim.pass(agent, lease.lease));
            }
            let held: BTreeSet<_> = fetched
                .iter()
                .filter(|(id, _)| *id == agent.id)
                .map(|(_, model)| &**model)
                .collect();
            sim.report_weights(agent, None, &held.into_iter().collect::<Vec<_>>());
        }
    }
    assert!(fetched.len() <= MODELS + 2 * agents.len(), "{} models were fetched", fetched.len());
}

/// Applies a signal and opens the claim of a worker, as a batch of the engine does.
fn prepare(scheduler: &mut Scheduler, sim: &Sim, worker: &Agent, models: &[&str]) {
    let keys = models.iter().map(|model| key(model)).collect();
    let capacity_bytes = Some(9 * GIB);
    let report = Arc::new(HeldWeights { revision: 1, capacity_bytes, keys });
    scheduler.note(&Signal::WeightsReported { worker: worker.id, report });
    let (received, takes_tests, at) = (Epoch(0), true, sim.now);
    scheduler.note(&Signal::ClaimOpened { worker: worker.id, received, takes_tests, at });
}

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// The bound of the rule: weights change neither the priority nor the run of a grant.
    #[test]
    fn weights_decide_between_tests_of_one_run_and_priority_only(
        runs in prop::collection::vec(
            prop::collection::vec((0..NAMES.len(), 0..3i64, 1..3u64), 1..12), 1..4),
        held in prop::collection::vec(0u8..32, 2),
    ) {
        let mut sim = Sim::new();
        let agents = [Agent::join(&mut sim, "one", 2), Agent::join(&mut sim, "two", 2)];
        for tests in &runs {
            let test = |(index, (model, priority, cores)): (usize, &(usize, i64, u64))| TestSpec {
                priority: (*priority).try_into().expect("in range"),
                ..needing(
                    &format!("t{index}"),
                    Requirement { cpu_milli: cores * 1000, ..with_weights(NAMES[*model], 4) },
                )
            };
            sim.submit(tests.iter().enumerate().map(test).collect());
        }
        // The same state with reports and without.
        let (mut with, mut without) = (sim.replayed(), sim.replayed());
        for (agent, bits) in agents.iter().zip(&held) {
            let models: Vec<_> =
                (0..NAMES.len()).filter(|bit| bits & (1 << bit) != 0).map(|bit| NAMES[bit]).collect();
            prepare(&mut with, &sim, agent, &models);
            prepare(&mut without, &sim, agent, &[]);
            let granted = |scheduler: &mut Scheduler| match scheduler.grant(sim.now) {
                Some(Fact::LeasesGranted { worker, grants, .. }) => {
                    let test = grants[0].lease.attempt.test;
                    let status = scheduler.test(test).expect("it waits");
                    Some((worker, test.run, status.spec.priority))
                }
                _ => None,
            };
            prop_assert_eq!(granted(&mut with), granted(&mut without));
            (with, without) = (sim.replayed(), sim.replayed());
        }
    }
}
