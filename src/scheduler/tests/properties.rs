//! Random histories: every promise holds after each fact, and a replay of the log, or a
//! snapshot, gives the same state.

use super::harness::*;
use crate::domain::id::{Epoch, LeaseId, RunId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::requirement::Requirement;
use crate::domain::retry::Retries;
use crate::domain::test::{OnFailure, TestSpec};
use crate::domain::time::Millis;
use crate::scheduler::{Command, Scheduler};
use proptest::prelude::*;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
enum Act {
    Submit {
        tests: u8,
        shape: u64,
    },
    Claim(usize),
    Report {
        worker: usize,
        pick: usize,
        outcome: u8,
    },
    Return {
        worker: usize,
        pick: usize,
    },
    Stale {
        worker: usize,
        pick: usize,
    },
    Heartbeat {
        worker: usize,
        forget: bool,
    },
    Restart {
        worker: usize,
        keep: usize,
        shape: u8,
    },
    /// The same process offers something else, by a heartbeat or by a new registration.
    Change {
        worker: usize,
        shape: u8,
    },
    Leave(usize),
    Drain(usize),
    Resume(usize),
    Cancel(u8),
    Pass(u16),
    Weights {
        worker: usize,
        shape: u8,
    },
    CoordinatorRestart,
}

/// Models of the drawn tests, and the greatest size of their weights in GiB.
const MODELS: [&str; 4] = ["a", "b", "c", "d"];
const MAX_GIB: u64 = 8;

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (1..12u8, any::<u64>()).prop_map(|(tests, shape)| Act::Submit { tests, shape }),
        8 => (0..3usize).prop_map(Act::Claim),
        8 => (0..3usize, any::<usize>(), any::<u8>())
            .prop_map(|(worker, pick, outcome)| Act::Report { worker, pick, outcome }),
        2 => (0..3usize, any::<usize>()).prop_map(|(worker, pick)| Act::Return { worker, pick }),
        1 => (0..3usize, any::<usize>()).prop_map(|(worker, pick)| Act::Stale { worker, pick }),
        2 => (0..3usize, any::<bool>())
            .prop_map(|(worker, forget)| Act::Heartbeat { worker, forget }),
        1 => (0..3usize, any::<usize>(), any::<u8>())
            .prop_map(|(worker, keep, shape)| Act::Restart { worker, keep, shape }),
        2 => (0..3usize, any::<u8>()).prop_map(|(worker, shape)| Act::Change { worker, shape }),
        1 => (0..3usize).prop_map(Act::Leave),
        1 => (0..3usize).prop_map(Act::Drain),
        1 => (0..3usize).prop_map(Act::Resume),
        1 => any::<u8>().prop_map(Act::Cancel),
        2 => (0..40_000u16).prop_map(Act::Pass),
        2 => (0..3usize, any::<u8>()).prop_map(|(worker, shape)| Act::Weights { worker, shape }),
        1 => Just(Act::CoordinatorRestart),
    ]
}

/// Tests with needs, priorities and dependencies drawn from `shape`.
fn tests(count: u8, mut shape: u64) -> Vec<TestSpec> {
    let mut draw = |below: u64| {
        shape = shape.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (shape >> 33) % below
    };
    (0..u32::from(count))
        .map(|index| {
            let requirement = match draw(5) {
                0 => cuda(),
                1 => Requirement { cpu_milli: 2000, ..Requirement::default() },
                2 => Requirement {
                    share_accelerator: true,
                    accelerator_memory_bytes: 20 * GIB,
                    ..cuda()
                },
                _ => Requirement::default(),
            };
            let model = MODELS.get(usize::try_from(draw(6)).unwrap_or(0));
            let weights = model.and_then(|model| with_weights(model, draw(MAX_GIB + 1)).weights);
            let requirement = Requirement { weights, ..requirement };
            let depends_on: Vec<u32> = (0..index).filter(|_| draw(8) == 0).take(2).collect();
            let failed = u8::try_from(draw(2)).unwrap_or(0);
            let timeout = if draw(2) == 0 { 1_000 } else { 600_000 };
            let launch = format!(r#"{{"timeout_ms":{timeout},"grace_ms":0}}"#);
            TestSpec {
                launch: RawValue::from_string(launch).expect("JSON"),
                priority: i64::try_from(draw(3)).unwrap_or(0).try_into().expect("in range"),
                retries: Retries { failed, infrastructure: 1 },
                depends_on: depends_on.into(),
                on_failure: if draw(4) == 0 { OnFailure::Run } else { OnFailure::Skip },
                expire_after_ms: (draw(10) == 0).then_some(Millis(50_000)),
                expected_ms: (draw(2) == 0).then_some(Millis(draw(100))),
                ..needing(&format!("t{index}"), requirement)
            }
        })
        .collect()
}

struct World {
    sim: Sim,
    agents: Vec<Agent>,
    held: Vec<Vec<LeaseId>>,
    ended: Vec<LeaseId>,
    runs: Vec<RunId>,
    last_epoch: Epoch,
}

impl World {
    fn new() -> Self {
        let mut sim = Sim::new();
        let agents = vec![
            Agent::join(&mut sim, "a", 2),
            Agent::join_with(&mut sim, "b", with_gpus(3, 2)),
            Agent::join(&mut sim, "c", 1),
        ];
        let held = vec![Vec::new(); agents.len()];
        Self { sim, agents, held, ended: vec![], runs: vec![], last_epoch: Epoch(0) }
    }

    /// A worker that was lost registers again before it sends anything else.
    fn present(&mut self, worker: usize) {
        let id = self.agents[worker].id;
        let status = self.sim.scheduler().worker(id).expect("known");
        if matches!(
            status.availability,
            crate::scheduler::Availability::Lost | crate::scheduler::Availability::Gone
        ) {
            self.held[worker].clear();
            self.agents[worker].restart();
            self.sim.register(&self.agents[worker], &[]);
        }
    }

    /// Drains a worker, or cancels the drain. Both are refused for a worker that has left.
    fn drain(&mut self, worker: usize, drain: bool) {
        let worker = self.agents[worker].id;
        let command = if drain {
            Command::Drain { worker, by: "someone".into() }
        } else {
            Command::Resume { worker, by: "someone".into() }
        };
        let _ = self.sim.try_run(command);
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Submit { tests: count, shape } => {
                let run = self.sim.submit(tests(count, shape));
                self.runs.push(run);
            }
            Act::Claim(worker) => {
                self.present(worker);
                for granted in self.sim.take(&mut self.agents[worker]) {
                    let known = self.held[worker].contains(&granted.lease);
                    if !known && !self.ended.contains(&granted.lease) {
                        self.held[worker].push(granted.lease);
                    }
                }
            }
            Act::Report { worker, pick, outcome } => self.report(worker, pick, outcome),
            Act::Return { worker, pick } => {
                self.present(worker);
                let held = &mut self.held[worker];
                if !held.is_empty() {
                    let lease = held.remove(pick % held.len());
                    self.ended.push(lease);
                    self.sim.give_back(&self.agents[worker], &[lease]);
                }
            }
            Act::Stale { worker, pick } => {
                if !self.ended.is_empty() {
                    let lease = self.ended[pick % self.ended.len()];
                    let before = self.sim.scheduler().overview();
                    self.sim.pass(&self.agents[worker], lease);
                    assert_eq!(before, self.sim.scheduler().overview(), "a stale report counted");
                }
            }
            Act::Heartbeat { worker, forget } => {
                self.present(worker);
                if forget {
                    self.held[worker].pop();
                }
                let stale = self.sim.heartbeat(&self.agents[worker], &self.held[worker]);
                self.held[worker].retain(|lease| !stale.contains(lease));
            }
            Act::Restart { worker, keep, shape } => {
                self.agents[worker].restart();
                // A new process may offer less than its results were once given.
                self.agents[worker].capability = match shape % 4 {
                    0 => capability(1),
                    1 => with_gpus(2, 1),
                    2 => with_gpus(3, 2),
                    _ => self.agents[worker].capability.clone(),
                };
                let keep = keep % (self.held[worker].len() + 1);
                self.held[worker].truncate(keep);
                self.sim.register(&self.agents[worker], &self.held[worker]);
                self.drop_stale();
            }
            Act::Change { worker, shape } => self.change(worker, shape),
            Act::Leave(worker) => {
                let agent = &self.agents[worker];
                let (id, incarnation) = (agent.id, agent.incarnation);
                self.sim.run(Command::Leave { worker: id, incarnation });
                self.ended.append(&mut self.held[worker]);
            }
            Act::Drain(worker) => self.drain(worker, true),
            Act::Resume(worker) => self.drain(worker, false),
            Act::Cancel(pick) => {
                if !self.runs.is_empty() {
                    let run = self.runs[usize::from(pick) % self.runs.len()];
                    self.sim.run(Command::CancelRun { run, by: "someone".into() });
                }
            }
            Act::Pass(span) => {
                self.sim.after(Millis(span.into())).tick();
                self.drop_stale();
            }
            Act::Weights { worker, shape } => self.report_weights(worker, shape),
            Act::CoordinatorRestart => {
                let replayed = self.sim.replayed();
                self.sim.restart_from(replayed);
            }
        }
    }

    fn change(&mut self, worker: usize, shape: u8) {
        self.present(worker);
        let old = self.agents[worker].capability.clone();
        let mut new = old.clone();
        let grows = shape.is_multiple_of(4);
        if grows {
            new.slots += 1;
            new.cpu_milli += 1500;
            new.accelerators.extend(with_gpus(1, 3).accelerators.into_iter().filter(|device| {
                shape.is_multiple_of(8)
                    && old.accelerators.iter().all(|old| old.id() != device.id())
            }));
            new.accelerators.reverse();
        } else {
            new.slots = u32::from(shape / 4 % 4) + 1;
            new.cpu_milli = u64::from(shape / 16 % 8) * 500 + 1;
            let lost = usize::from(shape / 64);
            new.accelerators.retain(|device| usize::from(device.index) != lost);
            new.accelerators.iter_mut().for_each(|device| device.memory_bytes -= GIB);
        }
        let before = self.sim.scheduler().overview().tests_leased;
        self.agents[worker].capability = new;
        let registers = shape & 16 != 0;
        if registers {
            self.sim.register(&self.agents[worker], &self.held[worker]);
        } else {
            self.sim.change(&self.agents[worker]);
        }
        if grows {
            assert!(registers || self.sim.scheduler().overview().tests_leased == before);
        }
        self.drop_stale();
    }

    fn report_weights(&mut self, worker: usize, shape: u8) {
        self.present(worker);
        let models = (0..4).filter(|bit| shape & (1 << bit) != 0).map(|bit| MODELS[bit]);
        let models: Vec<_> = models.collect();
        let capacity = (shape >= 64).then(|| u64::from(shape / 32) * GIB);
        self.sim.report_weights(&self.agents[worker], capacity, &models);
    }

    fn report(&mut self, worker: usize, pick: usize, outcome: u8) {
        self.present(worker);
        self.drop_stale();
        if self.held[worker].is_empty() {
            return;
        }
        let pick = pick % self.held[worker].len();
        let lease = self.held[worker].remove(pick);
        self.ended.push(lease);
        let (outcome, class) = match outcome % 7 {
            0 => (Outcome::Failed, None),
            1 => (Outcome::Error, Some(Class::SetUp)),
            2 => (Outcome::TimedOut, Some(Class::WallClock)),
            3 => (Outcome::ReducedPrecision, None),
            _ => (Outcome::Passed, None),
        };
        let mut report = finished(lease, outcome, class);
        report.duration = Millis(20);
        let conflicts = self.sim.report(&self.agents[worker], vec![report.clone()]);
        assert!(conflicts.is_empty(), "a live lease was refused");
        let stored = self.sim.log.len();
        assert!(self.sim.report(&self.agents[worker], vec![report]).is_empty());
        assert_eq!(self.sim.log.len(), stored, "a repeat was stored");
    }

    /// Removes the leases that the coordinator has released from the workers.
    fn drop_stale(&mut self) {
        let mut live: BTreeMap<LeaseId, usize> = BTreeMap::new();
        for (worker, agent) in self.agents.iter().enumerate() {
            for lease in &self.held[worker] {
                if self.sim.scheduler().holds(agent.id, *lease) {
                    live.insert(*lease, worker);
                }
            }
        }
        for (worker, held) in self.held.iter_mut().enumerate() {
            let (kept, gone) = held.drain(..).partition(|lease| live.get(lease) == Some(&worker));
            *held = kept;
            let gone: Vec<LeaseId> = gone;
            self.ended.extend(gone);
        }
    }

    fn check(&mut self) {
        let replayed = self.sim.replayed();
        assert_same(&replayed, self.sim.scheduler(), "replay");
        let restored =
            Scheduler::restore(self.sim.scheduler().snapshot().pieces()).expect("a snapshot");
        assert_same(&restored, self.sim.scheduler(), "snapshot");
        assert!(self.sim.scheduler().epoch >= self.last_epoch, "epochs shrank");
        self.last_epoch = self.sim.scheduler().epoch;
    }

    /// With one worker that meets every requirement, all open tests end.
    fn drain_all(&mut self) {
        let mut last = Agent::join_with(&mut self.sim, "last", with_gpus(8, 2));
        for worker in 0..self.agents.len() {
            self.act(Act::Leave(worker));
        }
        for _ in 0..2_000 {
            let leases = self.sim.take(&mut last);
            if leases.is_empty() {
                break;
            }
            for granted in leases {
                self.sim.pass(&last, granted.lease);
            }
        }
        let overview = self.sim.scheduler().overview();
        assert_eq!(overview.runs_open, 0, "{}", self.sim.scheduler().facts());
    }
}

/// Shows the first fact that differs.
fn assert_same(copy: &Scheduler, live: &Scheduler, what: &str) {
    let (copy, live) = (copy.facts(), live.facts());
    for (copy, live) in copy.lines().zip(live.lines()) {
        assert_eq!(copy, live, "{what} differs from live");
    }
    assert_eq!(copy.len(), live.len(), "{what} differs from live");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn promises_hold_in_any_history(acts in prop::collection::vec(act(), 1..80)) {
        let mut world = World::new();
        for act in acts {
            world.act(act);
        }
        world.check();
        world.drain_all();
        world.check();
    }
}
