//! The coordinator as its runtime has it (group commit, answers only after it), the client,
//! the faults, and the promises.

use super::agent::Agent;
use super::network::{AgentIndex, Happening, Network, Request, Response};
use dtf::domain::capability::Capability;
use dtf::domain::fact::{Fact, Idempotency, Next};
use dtf::domain::id::{Epoch, LeaseId, RunId, TestId, WorkerId};
use dtf::domain::outcome::{Class, Outcome};
use dtf::domain::requirement::Requirement;
use dtf::domain::retry::Retries;
use dtf::domain::test::{OnFailure, TestSpec};
use dtf::domain::time::Millis;
use dtf::scheduler::{Answer, Command, Finished, Scheduler};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Faults stop then; everything must have ended some virtual time later.
const STORM: u64 = 300_000;
const HAPPENINGS: usize = 200_000;

/// Of a test that must not begin twice, whatever happens.
const ONCE: Retries = Retries { failed: 0, infrastructure: 0 };

type Replies = Vec<Happening>;

pub struct World {
    random: StdRng,
    net: Network,
    agents: Vec<Agent>,
    /// `None`: the coordinator is down.
    scheduler: Option<Scheduler>,
    durable: Vec<Fact>,
    pending: (Vec<Fact>, Replies),
    committing: Option<(u64, Vec<Fact>, Replies)>,
    batches: u64,
    /// The open claim of each worker: who sent it last, with which number.
    parked: BTreeMap<WorkerId, (AgentIndex, u64)>,
    submissions: BTreeMap<u64, Command>,
    acknowledged: BTreeMap<u64, RunId>,
    /// Reports that a worker was told are stored.
    reported: BTreeSet<LeaseId>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let quick = random.random_bool(0.5);
        let mut agents: Vec<_> = (0..3).map(|index| Agent::new(index, quick)).collect();
        if random.random_bool(0.3) {
            agents.push(agents[0].copied(3));
        }
        let mut world = Self {
            random,
            net: Network::new(),
            agents,
            scheduler: Some(Scheduler::new()),
            durable: vec![],
            pending: Default::default(),
            committing: None,
            batches: 0,
            parked: BTreeMap::new(),
            submissions: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            reported: BTreeSet::new(),
        };
        world.plan();
        world
    }

    /// Draws what will be submitted and what will fail.
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
            let command = self.submission(key);
            self.submissions.insert(key, command);
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
        for _ in 0..self.random.random_range(0..5) {
            let (at, agent) = (
                self.random.random_range(0..STORM),
                self.random.random_range(0..self.agents.len()),
            );
            let fault = match self.random.random_range(0..3) {
                0 => Happening::WorkerPause(agent, self.random.random_range(1_000..90_000)),
                _ => Happening::WorkerCrash(agent),
            };
            self.net.at(at, fault);
        }
        self.net.at(STORM, Happening::Calm);
        self.net.at(1_000, Happening::Tick);
    }

    fn submission(&mut self, key: u64) -> Command {
        let count = self.random.random_range(1..40u32);
        let tests = (0..count)
            .map(|index| {
                let cpu_milli = if self.random.random_bool(0.1) { 2_000 } else { 1_000 };
                let depends_on: Vec<u32> = match self.random.random_range(0..6) {
                    0 if index > 0 => vec![self.random.random_range(0..index)],
                    _ => vec![],
                };
                Arc::new(TestSpec {
                    name: format!("t{index}").into(),
                    requirement: Arc::new(Requirement { cpu_milli, ..Requirement::default() }),
                    priority: self.random.random_range(0..3i64).try_into().expect("in range"),
                    retries: match self.random.random_range(0..4) {
                        0 => ONCE,
                        _ => Retries { failed: 1, infrastructure: 3 },
                    },
                    depends_on: depends_on.into(),
                    on_failure: OnFailure::default(),
                    expected_ms: None,
                    expire_after_ms: None,
                    launch: RawValue::from_string("{}".into()).expect("JSON"),
                })
            })
            .collect();
        let key = key.to_string().into();
        Command::Submit {
            name: "run".into(),
            tests,
            more: false,
            closed_world: false,
            idempotency: Some(Idempotency { key, digest: "d".into() }),
            user: "client".into(),
        }
    }

    pub fn run(mut self) {
        for _ in 0..HAPPENINGS {
            let Some(happening) = self.net.next() else { break };
            self.step(happening);
            if self.net.calm && self.over() {
                self.check_history();
                return;
            }
        }
        let open = self.scheduler.as_ref().map(Scheduler::overview);
        panic!("not over at {:?}, planned until {:?}: {open:?}", self.net.now, self.net.horizon());
    }

    fn over(&self) -> bool {
        let all = self.submissions.keys().all(|key| self.acknowledged.contains_key(key));
        let open = self.scheduler.as_ref().map(|scheduler| scheduler.overview().runs_open);
        let settled = |agent: &Agent| agent.stopped || agent.alive && !agent.machine.owes_report();
        let settled = self.agents.iter().all(settled);
        all && open == Some(0) && settled && self.committing.is_none()
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
            Happening::Submission { key } => self.submit(key),
            Happening::Acknowledged { key, run } => {
                let before = self.acknowledged.insert(key, run);
                assert!(before.is_none_or(|before| before == run), "one key, two runs");
            }
            Happening::Cancel { key } => {
                if let Some(run) = self.acknowledged.get(&key).copied() {
                    self.command(Command::CancelRun { run, by: "client".into() });
                }
            }
            Happening::Committed { batch } => self.committed(batch),
            Happening::Tick => {
                self.command(Command::Tick);
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
            Happening::Calm => self.net.calm = true,
        }
    }

    /// A dead worker hears nothing, a paused one hears it later.
    fn present(&mut self, agent: AgentIndex, again: Happening) -> bool {
        let until = self.agents[agent].paused_until;
        if until > self.net.now {
            self.net.at(until.0 - self.net.now.0, again);
            return false;
        }
        self.agents[agent].alive
    }

    fn serve(&mut self, from: AgentIndex, number: u64, request: Request) {
        let capability = Capability {
            os: "linux".into(),
            arch: "x86_64".into(),
            cpu_milli: 2_000,
            memory_bytes: 1 << 30,
            slots: 2,
            backends: [dtf::domain::accelerator::Backend::Cpu].into(),
            accelerators: vec![],
            tags: [].into(),
            detection_errors: Vec::new(),
        };
        let mut batch_number = 0;
        let mut sent = vec![];
        let mut claims = None;
        let command = match request {
            Request::Register { identity, holding } => Command::Register {
                identity,
                name: format!("agent-{from}").into(),
                capability: Arc::new(capability),
                holding,
            },
            Request::Heartbeat { worker, incarnation, received, holding } => {
                Command::Heartbeat { worker, incarnation, received, holding }
            }
            Request::Claim { worker, incarnation, received } => {
                claims = Some(worker);
                Command::OpenClaim { worker, incarnation, received }
            }
            Request::Report { worker, incarnation, batch, finished, returned } => {
                batch_number = batch;
                sent = finished.iter().map(|(lease, _)| *lease).collect();
                let finished = finished.into_iter().map(|(lease, outcome)| Finished {
                    lease,
                    outcome,
                    class: (outcome == Outcome::Error).then_some(Class::SetUp),
                    flaky: false,
                    duration: Millis(1),
                    detail: None,
                });
                Command::Report { worker, incarnation, finished: finished.collect(), returned }
            }
        };
        if self.scheduler.is_none() {
            return;
        }
        let refused = match command {
            Command::Register { .. } => Response::Taken,
            _ => Response::Unknown,
        };
        let Some(answer) = self.command(command) else {
            let response = refused;
            self.net.send(&mut self.random, &Happening::Answered { to: from, number, response });
            return;
        };
        if let Some(worker) = claims {
            self.parked.insert(worker, (from, number));
            self.answer_claims();
            self.commit();
            return;
        }
        let response = match answer {
            Answer::Registered { worker, epoch, stale, .. } => {
                Response::Registered { worker, epoch, stale }
            }
            Answer::Heartbeat { stale } => Response::Heartbeat { stale },
            Answer::Reported { conflicts } => {
                sent.retain(|lease| !conflicts.contains(lease));
                self.reported_later(sent);
                Response::Reported { batch: batch_number }
            }
            _ => return,
        };
        self.pending.1.push(Happening::Answered { to: from, number, response });
        self.commit();
    }

    /// Remembered at once, checked at the end: the answer is given only after the commit, and
    /// a batch that is lost takes its answers along.
    fn reported_later(&mut self, leases: Vec<LeaseId>) {
        let marker = leases.into_iter().map(|lease| Happening::AttemptEnds {
            agent: usize::MAX,
            incarnation: uuid::Uuid::nil(),
            lease,
            outcome: Outcome::Passed,
        });
        self.pending.1.extend(marker);
    }

    fn submit(&mut self, key: u64) {
        let Some(Command::Submit { name, tests, more, idempotency, user, .. }) =
            self.submissions.get(&key)
        else {
            return;
        };
        let command = Command::Submit {
            name: name.clone(),
            tests: tests.clone(),
            more: *more,
            closed_world: false,
            idempotency: idempotency.clone(),
            user: user.clone(),
        };
        if let Some(Answer::Submitted { run, .. }) = self.command(command) {
            self.pending.1.push(Happening::Acknowledged { key, run });
            self.commit();
        }
    }

    /// Decides, applies, grants, and hands everything to the log. `None` when refused or down.
    fn command(&mut self, command: Command) -> Option<Answer> {
        let now = self.net.now;
        let scheduler = self.scheduler.as_mut()?;
        let step = scheduler.decide(now, command).ok()?;
        let mut events = step.events;
        for event in &events {
            scheduler.apply(event);
        }
        while let Some(event) = scheduler.grant(now) {
            scheduler.apply(&event);
            events.push(event);
        }
        if let Err(broken) = scheduler.check_invariants() {
            panic!("{broken}");
        }
        events.retain(Fact::durable);
        self.pending.0.extend(events);
        self.answer_claims();
        self.commit();
        Some(step.answer)
    }

    fn answer_claims(&mut self) {
        let Some(scheduler) = self.scheduler.as_mut() else { return };
        for (worker, (agent, number)) in self.parked.clone() {
            let Some(delivery) = scheduler.delivery(worker) else { continue };
            self.parked.remove(&worker);
            scheduler.apply(&Fact::NoticesSent { worker, epoch: delivery.received });
            scheduler.apply(&Fact::ClaimClosed { worker });
            let response = Response::Claimed(delivery);
            self.pending.1.push(Happening::Answered { to: agent, number, response });
        }
    }

    fn commit(&mut self) {
        if self.committing.is_some() || (self.pending.0.is_empty() && self.pending.1.is_empty()) {
            return;
        }
        self.batches += 1;
        let (events, replies) = std::mem::take(&mut self.pending);
        self.committing = Some((self.batches, events, replies));
        let delay = self.random.random_range(0..10);
        self.net.at(delay, Happening::Committed { batch: self.batches });
    }

    fn committed(&mut self, batch: u64) {
        let Some((number, ..)) = &self.committing else { return };
        if *number != batch {
            return;
        }
        if let Some((_, events, replies)) = self.committing.take() {
            self.durable.extend(events);
            for reply in replies {
                match reply {
                    Happening::AttemptEnds { agent: usize::MAX, lease, .. } => {
                        self.reported.insert(lease);
                    }
                    reply => self.net.send(&mut self.random, &reply),
                }
            }
        }
        self.commit();
    }

    /// The tail that was not committed is lost; a commit under way may have made it.
    fn crash(&mut self) {
        if self.net.calm || self.scheduler.take().is_none() {
            return;
        }
        if let Some((_, events, _)) = self.committing.take()
            && self.random.random_bool(0.5)
        {
            self.durable.extend(events);
        }
        self.pending = Default::default();
        self.parked.clear();
        let down = self.random.random_range(10..50_000);
        self.net.at(down, Happening::CoordinatorStart);
    }

    fn start(&mut self) {
        let mut scheduler = Scheduler::new();
        for event in &self.durable {
            scheduler.apply(event);
        }
        if self.random.random_bool(0.5) {
            let pieces: Vec<_> = scheduler.snapshot().collect();
            scheduler = Scheduler::restore(pieces.into_iter()).expect("a whole snapshot");
        }
        scheduler.restarted(self.net.now);
        self.scheduler = Some(scheduler);
    }

    /// The promises, read off the log alone.
    fn check_history(&self) {
        let mut last = Epoch(0);
        let mut live: HashMap<TestId, LeaseId> = HashMap::new();
        let mut ended: HashMap<LeaseId, Outcome> = HashMap::new();
        let mut over: HashSet<TestId> = HashSet::new();
        let mut cancelled: HashSet<RunId> = HashSet::new();
        let mut runs: HashMap<RunId, u32> = HashMap::new();
        let mut once: HashSet<TestId> = HashSet::new();
        for event in &self.durable {
            match event {
                Fact::TestsAdded { run, first, tests, .. } => {
                    let numbered = (*first..).zip(tests);
                    let only_once = numbered.filter(|(_, test)| test.retries == ONCE);
                    once.extend(only_once.map(|(index, _)| TestId { run: *run, index }));
                    *runs.entry(*run).or_default() += u32::try_from(tests.len()).expect("small");
                }
                Fact::LeasesGranted { grants, .. } => {
                    for grant in grants {
                        let test = grant.lease.attempt.test;
                        assert!(grant.lease.epoch > last, "epochs grow");
                        last = grant.lease.epoch;
                        assert!(live.insert(test, grant.lease).is_none(), "one lease per test");
                        assert!(!over.contains(&test), "what is over is not run again");
                        assert!(!cancelled.contains(&test.run), "cancelled stays cancelled");
                    }
                }
                Fact::LeasesRecalled { notices, .. } => {
                    last = notices.iter().map(|notice| notice.epoch).fold(last, Epoch::max);
                }
                Fact::LeaseReturned { lease, .. } => {
                    assert_eq!(live.remove(&lease.attempt.test), Some(*lease));
                }
                Fact::AttemptFinished { lease, outcome, next, .. } => {
                    let test = lease.attempt.test;
                    assert_eq!(live.remove(&test), Some(*lease), "only the holder ends it");
                    assert!(ended.insert(*lease, *outcome).is_none(), "one end per attempt");
                    if matches!(next, Next::Done { .. }) {
                        assert!(over.insert(test), "one end per test");
                    }
                }
                Fact::LateResult { lease, .. } => {
                    let accepted = ended.get(lease).is_some_and(|outcome| outcome.reportable());
                    assert!(!accepted, "a repeated report is not a late one");
                }
                Fact::TestSkipped { test, .. } | Fact::TestExpired { test, .. } => {
                    assert!(over.insert(*test), "one end per test");
                }
                Fact::RunCancelled { run, notices, .. } => {
                    cancelled.insert(*run);
                    last = notices.iter().map(|notice| notice.epoch).fold(last, Epoch::max);
                }
                _ => {}
            }
        }
        for run in self.acknowledged.values() {
            assert!(runs.contains_key(run), "an acknowledged run is stored");
        }
        assert_eq!(runs.len(), self.submissions.len(), "no submission twice");
        for lease in &self.reported {
            assert!(ended.contains_key(lease), "an acknowledged report is stored");
        }
        let mut starts: HashMap<TestId, u32> = HashMap::new();
        for lease in self.agents.iter().flat_map(|agent| &agent.started) {
            let test = lease.attempt.test;
            let times = starts.entry(test).or_default();
            *times += 1;
            assert!(*times == 1 || !once.contains(&test), "{test} may run once");
        }
        for (run, count) in runs.iter().filter(|(run, _)| !cancelled.contains(run)) {
            let done = over.iter().filter(|test| test.run == *run).count();
            assert_eq!(done, *count as usize, "every test of {run} ends once");
        }
    }
}
