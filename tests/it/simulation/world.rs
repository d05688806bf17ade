//! The coordinator (the real engine, with a log that commits batches and then gives the replies),
//! the client, the faults, and the promises.

use super::agent::Agent;
use super::machines;
use super::network::{AgentIndex, Happening, Network, Request, Response};
use dtf::domain::fact::{Fact, Idempotency};
use dtf::domain::held_weights::{HeldWeights, WeightsNeed};
use dtf::domain::id::{LeaseId, RunId};
use dtf::domain::outcome::{Class, Outcome};
use dtf::domain::requirement::Requirement;
use dtf::domain::retry::Retries;
use dtf::domain::test::{OnFailure, TestSpec};
use dtf::domain::time::{Millis, Timestamp};
use dtf::domain::weights::WeightsKey;
use dtf::scheduler::engine::{Batch, ClaimId, Engine, Input, Reply, SnapshotPolicy, Tickets};
use dtf::scheduler::{Answer, Command, FactError, Finished, Scheduler, Submission};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use uuid::Uuid;

/// Time at which faults stop, in milliseconds. Everything must end after it.
const STORM: u64 = 300_000;
const HAPPENINGS: usize = 200_000;

/// Facts after which the coordinator stores a snapshot.
const SNAPSHOT_FACTS: u64 = 20;
/// Time for which the coordinator keeps a claim open.
const CLAIM_TIME: u64 = 10_000;

/// No attempt that ends takes longer.
const LAUNCH: &str = r#"{"timeout_ms":60000,"grace_ms":1000}"#;

/// Number of models with weights, and the size of the weights of each, in bytes.
const MODELS: u32 = 3;
const SIZE: u64 = 4 << 30;

fn weights_key(model: u32) -> WeightsKey {
    WeightsKey::new(format!("model-{model}")).expect("a key")
}

/// The retries of a test that must not start twice, whatever happens.
pub(super) const ONCE: Retries = Retries { failed: 0, infrastructure: 0 };

/// The recipient of a reply, and what the coordinator sends or records with it.
pub enum Asker {
    Worker { agent: AgentIndex, number: u64, refusal: Response },
    Reporter { agent: AgentIndex, number: u64, batch: u64, sent: Vec<LeaseId> },
    Submitter { key: u64 },
    Nobody,
}

/// The open claim of a worker.
pub struct Claimer {
    agent: AgentIndex,
    number: u64,
}

pub struct Askers;

impl Tickets for Askers {
    type Command = Asker;
    type Claim = Claimer;
    type Finding = ();

    fn is_abandoned(_: &Claimer) -> bool {
        false
    }
}

/// A snapshot, and the number of facts that it covers.
type Snapshot = (usize, Vec<Vec<u8>>);

pub struct World {
    random: StdRng,
    net: Network,
    pub(super) agents: Vec<Agent>,
    /// `None`: the coordinator is down.
    engine: Option<Engine<Askers>>,
    pub(super) durable: Vec<Fact>,
    snapshot: Option<Snapshot>,
    pending: VecDeque<Batch<Askers>>,
    committing: Option<(u64, Batch<Askers>)>,
    batches: u64,
    claims: u128,
    pub(super) submissions: BTreeMap<u64, Submission>,
    pub(super) acknowledged: BTreeMap<u64, RunId>,
    /// Reports of which a worker knows that they are stored.
    pub(super) reported: BTreeSet<LeaseId>,
}

/// An engine over a state, as the coordinator starts it.
fn engine(scheduler: Scheduler, now: Timestamp) -> Engine<Askers> {
    Engine::new(scheduler, now, SnapshotPolicy { every: SNAPSHOT_FACTS, since: 0 })
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let quick = random.random_bool(0.5);
        let mut agents: Vec<_> = (0..3).map(|index| Agent::new(index, quick)).collect();
        if random.random_bool(0.3) {
            agents.push(agents[0].copied(3));
        }
        let net = Network::new();
        let mut world = Self {
            random,
            agents,
            engine: Some(engine(Scheduler::new(), net.now)),
            net,
            durable: vec![],
            snapshot: None,
            pending: VecDeque::new(),
            committing: None,
            batches: 0,
            claims: 0,
            submissions: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            reported: BTreeSet::new(),
        };
        world.plan();
        world
    }

    /// Draws the submissions and the faults.
    fn plan(&mut self) {
        if self.agents.len() > 3 {
            let at = self.random.random_range(0..STORM);
            self.net.at(at, Happening::WorkerStart(3));
        }
        for index in 0..self.agents.len() {
            let incarnation = self.agents[index].incarnation;
            self.net.at(0, Happening::Wake { agent: index, incarnation });
        }
        for key in 0..self.random.random_range(2..6) {
            let submission = self.submission(key);
            self.submissions.insert(key, submission);
            let at = self.random.random_range(0..STORM / 2);
            self.net.at(at, Happening::ClientRetry { key });
            if self.random.random_bool(0.2) {
                let at = at + self.random.random_range(0..30_000);
                self.net.at(at, Happening::Cancel { key });
            }
        }
        for _ in 0..self.random.random_range(0..4) {
            let at = self.random.random_range(0..STORM);
            self.net.at(at, Happening::CoordinatorCrash);
        }
        for _ in 0..self.random.random_range(0..10) {
            let (at, agent) = (
                self.random.random_range(0..STORM),
                self.random.random_range(0..self.agents.len()),
            );
            let fault = match self.random.random_range(0..6) {
                0 => Happening::WorkerPause(agent, self.random.random_range(1_000..90_000)),
                1 | 2 => Happening::WorkerCrash(agent),
                _ => Happening::WorkerChanges(agent),
            };
            self.net.at(at, fault);
        }
        self.net.at(STORM, Happening::Calm);
        self.net.at(1_000, Happening::Tick);
    }

    fn submission(&mut self, key: u64) -> Submission {
        let count = self.random.random_range(1..40u32);
        let tests = (0..count)
            .map(|index| {
                let requirement = machines::requirement(&mut self.random);
                let model = self.random.random_range(0..5);
                let weights = (model < MODELS)
                    .then(|| WeightsNeed { key: weights_key(model), size_bytes: Some(SIZE) });
                let depends_on: Vec<u32> = match self.random.random_range(0..6) {
                    0 if index > 0 => vec![self.random.random_range(0..index)],
                    _ => vec![],
                };
                Arc::new(TestSpec {
                    name: format!("t{index}").into(),
                    requirement: Arc::new(Requirement { weights, ..requirement }),
                    priority: self.random.random_range(0..3i64).try_into().expect("in range"),
                    retries: match self.random.random_range(0..4) {
                        0 => ONCE,
                        _ => Retries { failed: 1, infrastructure: 3 },
                    },
                    depends_on: depends_on.into(),
                    on_failure: OnFailure::default(),
                    expected_ms: None,
                    expire_after_ms: None,
                    launch: RawValue::from_string(LAUNCH.into()).expect("JSON"),
                })
            })
            .collect();
        let key = key.to_string().into();
        Submission {
            name: "run".into(),
            tests,
            more: false,
            closed_world: false,
            idempotency: Some(Idempotency { key, digest: "d".into() }),
            user: "client".into(),
        }
    }

    /// Returns the number of started attempts that the change of a worker ended.
    pub fn run(mut self) -> usize {
        for _ in 0..HAPPENINGS {
            let Some(happening) = self.net.next() else { break };
            self.step(happening);
            if self.net.calm && self.over() {
                self.check_history();
                return self.check_fit();
            }
        }
        let open = self.engine.as_ref().map(|engine| engine.scheduler().overview());
        panic!("not over at {:?}, planned until {:?}: {open:?}", self.net.now, self.net.horizon());
    }

    fn over(&self) -> bool {
        let all = self.submissions.keys().all(|key| self.acknowledged.contains_key(key));
        let open = self.engine.as_ref().map(|engine| engine.scheduler().overview().runs_open);
        let settled = |agent: &Agent| agent.stopped || agent.alive && !agent.machine.owes_report();
        let settled = self.agents.iter().all(settled);
        all && open == Some(0) && settled && self.committing.is_none() && self.is_known()
    }

    /// Whether the coordinator knows what each registered worker offers.
    fn is_known(&self) -> bool {
        let known = |agent: &Agent| {
            let status = self.engine.as_ref()?.scheduler().worker(agent.worker?)?;
            Some(status.capability == agent.capability)
        };
        let mut present = self.agents.iter().filter(|agent| agent.alive && !agent.stopped);
        present.all(|agent| known(agent) == Some(true))
    }

    fn step(&mut self, happening: Happening) {
        match happening {
            Happening::Arrives { from, number, request } => self.serve(from, number, request),
            Happening::Answered { to, number, response } => {
                let again = Happening::Answered { to, number, response: response.clone() };
                if self.present(to, again) {
                    self.agents[to].answered(&mut self.net, &mut self.random, number, response);
                }
            }
            Happening::ClientRetry { key } => {
                if !self.acknowledged.contains_key(&key) {
                    self.net.send(&mut self.random, &Happening::Submission { key });
                    self.net.at(7_000, Happening::ClientRetry { key });
                }
            }
            Happening::Submission { key } => {
                if let Some(submission) = self.submissions.get(&key).cloned() {
                    let command = Command::Submit(submission);
                    self.take(Input::Command { command, ticket: Asker::Submitter { key } });
                }
            }
            Happening::Acknowledged { key, run } => {
                let before = self.acknowledged.insert(key, run);
                assert!(before.is_none_or(|before| before == run), "one key, two runs");
            }
            Happening::Cancel { key } => {
                if let Some(run) = self.acknowledged.get(&key).copied() {
                    let command = Command::CancelRun { run, by: "client".into() };
                    self.take(Input::Command { command, ticket: Asker::Nobody });
                }
            }
            Happening::Committed { batch } => self.committed(batch),
            Happening::Tick => {
                self.take(Input::Tick);
                self.net.at(1_000, Happening::Tick);
            }
            Happening::Wake { agent, incarnation } => {
                let live = self.agents[agent].incarnation == incarnation;
                if live && self.present(agent, Happening::Wake { agent, incarnation }) {
                    self.agents[agent].wake(&mut self.net, &mut self.random);
                }
            }
            Happening::AttemptEnds { agent, incarnation, lease, outcome } => {
                let again = Happening::AttemptEnds { agent, incarnation, lease, outcome };
                if self.agents[agent].incarnation == incarnation && self.present(agent, again) {
                    self.agents[agent].attempt_ends(
                        &mut self.net,
                        &mut self.random,
                        lease,
                        outcome,
                    );
                }
            }
            Happening::ClaimEnds(claim) => self.take(Input::EndClaim(claim)),
            Happening::CoordinatorCrash => self.crash(),
            Happening::CoordinatorStart => self.start(),
            Happening::WorkerCrash(agent) => {
                if !self.agents[agent].alive {
                    return;
                }
                self.agents[agent].crash();
                let down = self.random.random_range(100..60_000);
                self.net.at(down, Happening::WorkerStart(agent));
            }
            Happening::WorkerStart(agent) => {
                if !self.agents[agent].alive && !self.agents[agent].stopped {
                    self.agents[agent].start();
                    self.agents[agent].wake(&mut self.net, &mut self.random);
                }
            }
            Happening::WorkerPause(agent, span) => {
                self.agents[agent].paused_until = self.net.now.after(Millis(span));
            }
            Happening::WorkerChanges(agent) => {
                self.agents[agent].capability = machines::changed(&mut self.random);
                // A worker that is to be calibrated takes no new tests.
                self.agents[agent].is_held = self.random.random_bool(0.3);
            }
            Happening::Calm => self.calm(),
        }
    }

    /// From now on nothing fails, and each machine can run every test.
    fn calm(&mut self) {
        self.net.calm = true;
        for agent in &mut self.agents {
            (agent.capability, agent.is_held) = (machines::whole(), false);
        }
    }

    /// Whether the worker takes part now. A worker that has ended does not; for a paused worker the
    /// event comes again later.
    fn present(&mut self, agent: AgentIndex, again: Happening) -> bool {
        let until = self.agents[agent].paused_until;
        if until > self.net.now {
            self.net.at(until.0 - self.net.now.0, again);
            return false;
        }
        self.agents[agent].alive
    }

    fn serve(&mut self, from: AgentIndex, number: u64, request: Request) {
        if let Request::Heartbeat { worker, incarnation, capability, .. } = &request {
            let (worker, incarnation, report) = (*worker, *incarnation, self.draw_report());
            if let Some(capability) = capability.clone() {
                let command = Command::ChangeCapability { worker, incarnation, capability };
                self.take(Input::Command { command, ticket: Asker::Nobody });
            }
            let command = Command::ReportWeights { worker, incarnation, report };
            self.take(Input::Command { command, ticket: Asker::Nobody });
        }
        let refused = |refusal| Asker::Worker { agent: from, number, refusal };
        let input = match request {
            Request::Register { identity, capability, holding } => Input::Command {
                command: Command::Register {
                    identity,
                    name: format!("agent-{from}").into(),
                    capability,
                    holding,
                },
                ticket: refused(Response::Taken),
            },
            Request::Heartbeat { worker, incarnation, received, holding, .. } => Input::Command {
                command: Command::Heartbeat { worker, incarnation, received, holding },
                ticket: refused(Response::Unknown),
            },
            Request::Claim { worker, incarnation, received, takes_tests } => {
                self.claims += 1;
                let claim = ClaimId { worker, number: Uuid::from_u128(self.claims) };
                self.net.at(CLAIM_TIME, Happening::ClaimEnds(claim));
                let ticket = Claimer { agent: from, number };
                Input::Claim { claim, incarnation, received, takes_tests, ticket }
            }
            Request::Report { worker, incarnation, batch, finished, returned } => {
                let sent = finished.iter().map(|(lease, _)| *lease).collect();
                let finished = finished.into_iter().map(|(lease, outcome)| Finished {
                    lease,
                    outcome,
                    class: (outcome == Outcome::Error).then_some(Class::SetUp),
                    flaky: false,
                    duration: Millis(1),
                    detail: None,
                });
                let finished = finished.collect();
                Input::Command {
                    command: Command::Report { worker, incarnation, finished, returned },
                    ticket: Asker::Reporter { agent: from, number, batch, sent },
                }
            }
        };
        self.take(input);
    }

    /// A worker has some of the models, and its cache has room for any one of them.
    fn draw_report(&mut self) -> Arc<HeldWeights> {
        let capacity_bytes = Some(self.random.random_range(SIZE..SIZE * 4));
        let keys = (0..MODELS).filter(|_| self.random.random_bool(0.4)).map(weights_key).collect();
        Arc::new(HeldWeights { revision: self.random.random(), capacity_bytes, keys })
    }

    /// Has the engine take a request, if the coordinator is up, and hands the batch to the log.
    fn take(&mut self, input: Input<Askers>) {
        let Some(engine) = self.engine.as_mut() else { return };
        let batch = engine.take(self.net.now, [input], &mut |_, _| {}).expect("facts that fit");
        if let Err(broken) = engine.scheduler().check_invariants() {
            panic!("{broken}");
        }
        if !batch.is_empty() {
            self.pending.push_back(batch);
            self.commit();
        }
    }

    /// Begins the commit of everything that waits, as one.
    fn commit(&mut self) {
        if self.committing.is_some() {
            return;
        }
        let Some(mut batch) = self.pending.pop_front() else { return };
        // A snapshot is the state after exactly its own batch.
        while batch.snapshot.is_none()
            && let Some(mut next) = self.pending.pop_front()
        {
            batch.facts.append(&mut next.facts);
            batch.replies.append(&mut next.replies);
            batch.snapshot = next.snapshot;
        }
        self.batches += 1;
        self.committing = Some((self.batches, batch));
        let delay = self.random.random_range(0..10);
        self.net.at(delay, Happening::Committed { batch: self.batches });
    }

    fn committed(&mut self, batch: u64) {
        if self.committing.as_ref().is_none_or(|(number, _)| *number != batch) {
            return;
        }
        if let Some((_, batch)) = self.committing.take() {
            self.durable.extend(batch.facts);
            if let Some(snapshot) = batch.snapshot {
                self.snapshot = Some((self.durable.len(), snapshot.pieces().collect()));
            }
            for reply in batch.replies {
                self.give(reply);
            }
        }
        self.commit();
    }

    /// Sends a reply whose facts are stored, and remembers what it acknowledges.
    fn give(&mut self, reply: Reply<Askers>) {
        let answered = match reply {
            Reply::Answer(Asker::Worker { agent, number, refusal }, answer) => {
                let response = match answer {
                    Ok(Answer::Registered { worker, epoch, stale, .. }) => {
                        Response::Registered { worker, epoch, stale }
                    }
                    Ok(Answer::Heartbeat { stale, .. }) => Response::Heartbeat { stale },
                    Ok(other) => panic!("not an answer to a worker: {other:?}"),
                    Err(_) => refusal,
                };
                Happening::Answered { to: agent, number, response }
            }
            Reply::Answer(Asker::Reporter { agent, number, batch, mut sent }, answer) => {
                let response = match answer {
                    Ok(Answer::Reported { conflicts }) => {
                        sent.retain(|lease| !conflicts.contains(lease));
                        self.reported.extend(sent);
                        Response::Reported { batch }
                    }
                    Ok(other) => panic!("not an answer to a report: {other:?}"),
                    Err(_) => Response::Unknown,
                };
                Happening::Answered { to: agent, number, response }
            }
            Reply::Answer(Asker::Submitter { key }, Ok(Answer::Submitted { run, .. })) => {
                Happening::Acknowledged { key, run }
            }
            Reply::Answer(Asker::Submitter { .. }, answer) => panic!("no run: {answer:?}"),
            Reply::Delivery(Claimer { agent, number }, delivery) => {
                let response = delivery.map_or(Response::Unknown, Response::Claimed);
                Happening::Answered { to: agent, number, response }
            }
            Reply::Answer(Asker::Nobody, _) | Reply::Finding(()) => return,
        };
        self.net.send(&mut self.random, &answered);
    }

    /// The tail that was not committed is lost; a commit under way may have been made.
    fn crash(&mut self) {
        if self.net.calm || self.engine.take().is_none() {
            return;
        }
        if let Some((_, batch)) = self.committing.take()
            && self.random.random_bool(0.5)
        {
            self.durable.extend(batch.facts);
        }
        self.pending.clear();
        let down = self.random.random_range(10..50_000);
        self.net.at(down, Happening::CoordinatorStart);
    }

    /// Starts the coordinator from the log, or from a snapshot and the records after it.
    fn start(&mut self) {
        let use_snapshot = self.random.random_bool(0.5);
        let (covered, mut scheduler) = match self.snapshot.clone().filter(|_| use_snapshot) {
            Some((covered, pieces)) => {
                let restored = Scheduler::restore(pieces.into_iter());
                (covered, restored.expect("a whole snapshot"))
            }
            None => (0, Scheduler::new()),
        };
        let rest = &self.durable[covered..];
        let replayed: Result<(), FactError> =
            rest.iter().try_for_each(|fact| scheduler.apply(fact));
        replayed.and_then(|()| scheduler.check_invariants()).expect("a log that fits");
        scheduler.restarted(self.net.now);
        self.engine = Some(engine(scheduler, self.net.now));
    }
}
