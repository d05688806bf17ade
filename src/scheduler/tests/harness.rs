//! An engine with a clock that a test moves, and workers that a test controls.

use crate::domain::accelerator::{Accelerator, Backend, Vendor};
use crate::domain::capability::Capability;
use crate::domain::fact::{Fact, Next};
use crate::domain::held_weights::{HeldWeights, WeightsNeed};
use crate::domain::id::{Epoch, LeaseId, RunId, TestId, WorkerId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::priority::Priority;
use crate::domain::requirement::Requirement;
use crate::domain::retry::Retries;
use crate::domain::test::{OnFailure, TestSpec};
use crate::domain::time::{Millis, Timestamp};
use crate::domain::weights::WeightsKey;
use crate::scheduler::engine::{ClaimId, Engine, Input, Reply, SnapshotPolicy, Tickets};
use crate::scheduler::{
    Answer, Command, Delivery, Finished, Identity, Lease, Rejected, Scheduler, Submission,
};
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::sync::Arc;
use uuid::Uuid;

pub const GIB: u64 = 1 << 30;

/// An engine with a clock that a test moves, and the log that it would write.
pub struct Sim {
    engine: Engine<Direct>,
    pub now: Timestamp,
    /// The facts of all batches, as a log returns them.
    pub log: Vec<Fact>,
    /// Tests that have ended, by which a second end is noticed.
    ended: HashSet<TestId>,
    /// Leases with a late result, likewise.
    late: HashSet<LeaseId>,
}

/// Replies are read off the batch, so no ticket is needed.
pub struct Direct;

impl Tickets for Direct {
    type Command = ();
    type Claim = ();
    type Finding = ();

    fn is_abandoned((): &()) -> bool {
        false
    }
}

/// Largest step of the clock between two ticks.
const TICK: Millis = Millis(2_000);

/// The test that ends with this fact.
fn end_of(fact: &Fact) -> Option<TestId> {
    match fact {
        Fact::AttemptFinished { lease, next: Next::Done { .. }, .. } => Some(lease.attempt.test),
        Fact::TestSkipped { test, .. } | Fact::TestExpired { test, .. } => Some(*test),
        _ => None,
    }
}

fn engine(scheduler: Scheduler, now: Timestamp) -> Engine<Direct> {
    Engine::new(scheduler, now, SnapshotPolicy { every: u64::MAX, since: 0 })
}

impl Sim {
    pub fn new() -> Self {
        let now = Timestamp(1_000_000);
        let engine = engine(Scheduler::new(), now);
        Self { engine, now, log: Vec::new(), ended: HashSet::new(), late: HashSet::new() }
    }

    pub fn scheduler(&self) -> &Scheduler {
        self.engine.scheduler()
    }

    /// Continues with another state, without a restart.
    pub fn replace(&mut self, scheduler: Scheduler) {
        self.engine = engine(scheduler, self.now);
    }

    /// The coordinator starts anew with this state.
    pub fn restart_from(&mut self, mut scheduler: Scheduler) {
        scheduler.restarted(self.now);
        self.replace(scheduler);
    }

    /// Moves the clock, with ticks on the way but none at the end.
    pub fn after(&mut self, span: Millis) -> &mut Self {
        let end = self.now.after(span);
        while end.since(self.now) > TICK {
            self.now = self.now.after(TICK);
            self.tick();
        }
        self.now = end;
        self
    }

    /// A tick while the files of results cannot be stored.
    pub fn tick_while_full(&mut self) {
        self.engine.hold_deadlines();
        self.tick();
    }

    pub fn tick(&mut self) {
        assert_eq!(self.take_batch(Input::Tick).len(), 0, "a tick is not answered");
    }

    /// Has the engine take one request. After each fact the promises are checked.
    fn take_batch(&mut self, input: Input<Direct>) -> Vec<Reply<Direct>> {
        let Self { engine, now, log, ended, late } = self;
        let mut observe = |fact: &Fact, scheduler: &Scheduler| {
            if let Some(test) = end_of(fact) {
                assert!(ended.insert(test), "{test} ends twice, by {fact:?}");
            }
            if let Fact::LateResult { lease, .. } = fact {
                assert!(late.insert(*lease), "{lease:?} has two late results");
            }
            if let Err(broken) = scheduler.check_invariants() {
                panic!("{broken}, after {fact:?}");
            }
        };
        let batch = engine.take(*now, [input], &mut observe).expect("facts that fit");
        // The log returns what it has stored.
        log.extend(batch.facts.iter().map(|fact| {
            let text = serde_json::to_string(fact).expect("a fact is JSON");
            serde_json::from_str::<Fact>(&text).expect("and back")
        }));
        if let Err(broken) = engine.scheduler().check_invariants() {
            panic!("{broken}");
        }
        batch.replies
    }

    pub fn try_run(&mut self, command: Command) -> Result<Answer, Rejected> {
        let before = self.scheduler().facts();
        let mut replies = self.take_batch(Input::Command { command, ticket: () });
        let Some(Reply::Answer((), answer)) = replies.pop() else { panic!("not an answer") };
        assert!(replies.is_empty(), "nothing else is answered");
        if answer.is_err() {
            assert_eq!(before, self.scheduler().facts(), "a refusal changed something");
        }
        answer
    }

    pub fn run(&mut self, command: Command) -> Answer {
        self.try_run(command).expect("the command is accepted")
    }

    /// A second scheduler that has only read the log.
    pub fn replayed(&self) -> Scheduler {
        let mut scheduler = Scheduler::new();
        for fact in &self.log {
            scheduler.apply(fact).expect("a fact that fits");
        }
        scheduler
    }

    pub fn register(&mut self, worker: &Agent, holding: &[LeaseId]) -> Answer {
        self.run(Command::Register {
            identity: worker.identity(),
            name: worker.name.into(),
            capability: Arc::new(worker.capability.clone()),
            holding: holding.to_vec(),
        })
    }

    pub fn try_register(&mut self, worker: &Agent) -> Result<Answer, Rejected> {
        self.try_run(Command::Register {
            identity: worker.identity(),
            name: worker.name.into(),
            capability: Arc::new(worker.capability.clone()),
            holding: vec![],
        })
    }

    /// Claims and does not wait: the delivery is empty when there are no notices.
    pub fn claim(&mut self, worker: &Agent, received: Epoch) -> Delivery {
        let (id, incarnation) = (worker.id, worker.incarnation);
        let claim = ClaimId { worker: id, number: Uuid::nil() };
        let mut replies = self.take_batch(Input::Claim {
            claim,
            incarnation,
            received,
            takes_tests: true,
            ticket: (),
        });
        if replies.is_empty() {
            replies = self.take_batch(Input::EndClaim(claim));
        }
        let Some(Reply::Delivery((), delivery)) = replies.pop() else { panic!("not a delivery") };
        assert!(replies.is_empty(), "nothing else is answered");
        delivery.expect("the claim is accepted")
    }

    /// Claims everything that is new to the worker.
    pub fn take(&mut self, worker: &mut Agent) -> Vec<Lease> {
        let delivery = self.claim(worker, worker.received);
        worker.received = worker.received.max(delivery.received);
        delivery.leases
    }

    pub fn heartbeat(&mut self, worker: &Agent, holding: &[LeaseId]) -> Vec<LeaseId> {
        let answer = self.run(Command::Heartbeat {
            worker: worker.id,
            incarnation: worker.incarnation,
            received: worker.received,
            holding: holding.to_vec(),
        });
        match answer {
            Answer::Heartbeat { stale, .. } => stale,
            other => panic!("not an answer to a heartbeat: {other:?}"),
        }
    }

    /// The worker reports these weights and the size of its cache.
    pub fn report_weights(&mut self, worker: &Agent, capacity_bytes: Option<u64>, models: &[&str]) {
        let keys = models.iter().map(|model| key(model)).collect();
        let report = Arc::new(HeldWeights { revision: 7, capacity_bytes, keys });
        let (worker, incarnation) = (worker.id, worker.incarnation);
        self.run(Command::ReportWeights { worker, incarnation, report });
    }

    /// The worker offers its capability from now on.
    pub fn change(&mut self, worker: &Agent) {
        self.run(Command::ChangeCapability {
            worker: worker.id,
            incarnation: worker.incarnation,
            capability: Arc::new(worker.capability.clone()),
        });
    }

    pub fn report(&mut self, worker: &Agent, reports: Vec<Finished>) -> Vec<LeaseId> {
        let answer = self.run(Command::Report {
            worker: worker.id,
            incarnation: worker.incarnation,
            finished: reports,
            returned: vec![],
        });
        match answer {
            Answer::Reported { conflicts } => conflicts,
            other => panic!("not an answer to a report: {other:?}"),
        }
    }

    pub fn pass(&mut self, worker: &Agent, lease: LeaseId) -> Vec<LeaseId> {
        self.report(worker, vec![finished(lease, Outcome::Passed, None)])
    }

    pub fn give_back(&mut self, worker: &Agent, leases: &[LeaseId]) {
        self.run(Command::Report {
            worker: worker.id,
            incarnation: worker.incarnation,
            finished: vec![],
            returned: leases.to_vec(),
        });
    }

    pub fn submit(&mut self, tests: Vec<TestSpec>) -> RunId {
        match self.run(submission("run", tests)) {
            Answer::Submitted { run, .. } => run,
            other => panic!("not an answer to a submission: {other:?}"),
        }
    }

    pub fn outcome(&self, run: RunId, index: u32) -> Option<Outcome> {
        self.scheduler().test(TestId { run, index })?.outcome
    }
}

/// A worker, as it knows itself.
pub struct Agent {
    pub id: WorkerId,
    pub key: Uuid,
    pub incarnation: Uuid,
    pub place: &'static str,
    pub name: &'static str,
    pub capability: Capability,
    pub received: Epoch,
}

impl Agent {
    /// Registers a worker with this number of slots and cores.
    pub fn join(sim: &mut Sim, name: &'static str, slots: u32) -> Self {
        Self::join_with(sim, name, capability(slots))
    }

    pub fn join_with(sim: &mut Sim, name: &'static str, capability: Capability) -> Self {
        let number = sim.scheduler().workers(None).count() as u128 + 1;
        let mut agent = Self {
            id: WorkerId(0),
            key: Uuid::from_u128(number),
            incarnation: Uuid::from_u128(number << 64),
            place: name,
            name,
            capability,
            received: Epoch(0),
        };
        agent.id = match sim.register(&agent, &[]) {
            Answer::Registered { worker, .. } => worker,
            other => panic!("not an answer to a registration: {other:?}"),
        };
        agent
    }

    pub fn identity(&self) -> Identity {
        Identity { key: self.key, incarnation: self.incarnation, place: self.place.into() }
    }

    /// A process in a copy of a worker's directory.
    pub fn of(original: &Self, place: &'static str) -> Self {
        let incarnation = Uuid::from_u128(original.incarnation.as_u128() ^ (1 << 100));
        let (name, capability) = (original.name, original.capability.clone());
        Self {
            id: original.id,
            key: original.key,
            incarnation,
            place,
            name,
            capability,
            received: Epoch(0),
        }
    }

    /// The process ends and a new one starts in the same directory.
    pub fn restart(&mut self) {
        self.incarnation = Uuid::from_u128(self.incarnation.as_u128() + 1);
        self.received = Epoch(0);
    }
}

pub fn key(model: &str) -> WeightsKey {
    WeightsKey::new(model).expect("a key")
}

/// A requirement with weights of this size, in GiB; 0 if it is unknown.
pub fn with_weights(model: &str, gib: u64) -> Requirement {
    let size_bytes = (gib > 0).then_some(gib * GIB);
    let weights = Some(WeightsNeed { key: key(model), size_bytes });
    Requirement { weights, ..Requirement::default() }
}

pub fn capability(slots: u32) -> Capability {
    Capability {
        os: "linux".into(),
        arch: "x86_64".into(),
        container: String::new(),
        cpu_model: String::new(),
        cpu_milli: u64::from(slots) * 1000,
        memory_bytes: 64 * GIB,
        slots,
        backends: [Backend::CPU].into(),
        accelerators: vec![],
        tags: [].into(),
        unusable: Vec::new(),
        detection_errors: Vec::new(),
    }
}

pub fn with_gpus(slots: u32, count: u16) -> Capability {
    let device = |index| Accelerator {
        uuid: format!("GPU-{index}"),
        architecture: "8.9".into(),
        memory_bytes: 46 * GIB,
        ..Accelerator::new(index, Vendor::NVIDIA, "L40S").with_backend(Backend::CUDA)
    };
    Capability {
        backends: [Backend::CPU, Backend::CUDA].into(),
        accelerators: (0..count).map(device).collect(),
        ..capability(slots)
    }
}

pub fn test(name: &str) -> TestSpec {
    TestSpec {
        name: name.into(),
        requirement: Arc::default(),
        priority: Priority::default(),
        retries: Retries::default(),
        depends_on: [].into(),
        on_failure: OnFailure::default(),
        expected_ms: None,
        expire_after_ms: None,
        launch: RawValue::from_string(r#"{"run":{"command":["true"]}}"#.into()).expect("JSON"),
    }
}

pub fn needing(name: &str, requirement: Requirement) -> TestSpec {
    TestSpec { requirement: Arc::new(requirement), ..test(name) }
}

pub fn cuda() -> Requirement {
    Requirement { backend: Some(Backend::CUDA), accelerators: 1, ..Requirement::default() }
}

pub fn many(count: u32) -> Vec<TestSpec> {
    (0..count).map(|index| test(&format!("t{index}"))).collect()
}

pub fn submission(name: &str, tests: Vec<TestSpec>) -> Command {
    Command::Submit(Submission {
        name: name.into(),
        tests: tests.into_iter().map(Arc::new).collect(),
        more: false,
        closed_world: false,
        idempotency: None,
        user: "someone".into(),
    })
}

pub fn finished(lease: LeaseId, outcome: Outcome, class: Option<Class>) -> Finished {
    Finished { lease, outcome, class, flaky: false, duration: Millis(5_000), detail: None }
}

/// A worker that has shown that these tests take one millisecond.
pub fn quick_worker(sim: &mut Sim, slots: u32) -> Agent {
    let mut worker = Agent::join(sim, "quick", slots);
    sim.submit(many(1));
    let lease = sim.take(&mut worker).remove(0).lease;
    let mut report = finished(lease, Outcome::Passed, None);
    report.duration = Millis(1);
    sim.report(&worker, vec![report]);
    worker
}

impl Scheduler {
    /// All facts as text, hints and learned means left out.
    pub fn facts(&self) -> String {
        use crate::scheduler::state::State;
        use std::fmt::Write;
        let mut text = format!("{:?} {} {}\n", self.epoch, self.next_run, self.next_worker);
        for (id, run) in &self.runs {
            let Some(summary) = self.run(*id) else { continue };
            let _ = writeln!(text, "{summary:?} {:?} {}", run.parts, run.closed);
            for test in &run.tests {
                let state = match test.state {
                    State::Waiting { since, .. } => format!("waiting since {since:?}"),
                    State::Blocked => format!("blocked by {}", test.waiting_on),
                    other => format!("{other:?}"),
                };
                let _ = writeln!(
                    text,
                    "  {} {state} {} {} {}",
                    test.spec.name, test.attempts, test.failed, test.infrastructure
                );
            }
        }
        for (id, worker) in &self.workers {
            let seats = worker.seats.iter().map(|(n, seat)| (n, &seat.devices, &seat.queue));
            let seats: Vec<_> = seats.collect();
            let _ = writeln!(
                text,
                "{id} {} {:?} {:?} {:?} {:?} {:?} {seats:?} {:?}",
                worker.identity.incarnation,
                worker.availability,
                worker.change,
                worker.calibrations,
                worker.free,
                worker.ahead,
                worker.accepted
            );
        }
        let _ = writeln!(text, "{:?} {:?} {:?}", self.expiries, self.templates, self.marks);
        let _ = writeln!(text, "{:?}", self.lost_leases);
        text
    }
}
