//! One worker: the real state machine, with the timers and requests of its shell.

use super::machines;
use super::network::{AgentIndex, Happening, Network, Request, Response};
use dtf::domain::capability::Capability;
use dtf::domain::id::{LeaseId, WorkerId};
use dtf::domain::outcome::Outcome;
use dtf::domain::time::{Millis, Timestamp};
use dtf::scheduler::Identity;
use dtf::worker::machine::{Action, Delivery, GrantedLease, LeavePolicy, Machine};
use rand::Rng;
use rand::rngs::StdRng;
use std::sync::Arc;
use uuid::Uuid;

const HEARTBEAT: u64 = 10_000;
const CLAIM_TIMEOUT: u64 = 15_000;
const REQUEST_TIMEOUT: u64 = 5_000;
/// Time after which a capability is reported again.
const REPEAT: Millis = Millis(60_000);
/// Longer than a lease: a process that still has the key then is running.
const TAKEN_TIMEOUT: Millis = Millis(45_000);

pub struct Agent {
    pub index: AgentIndex,
    pub key: Uuid,
    pub incarnation: Uuid,
    pub machine: Machine<(), Outcome>,
    pub worker: Option<WorkerId>,
    pub alive: bool,
    /// Another worker uses its key, so it has ended for good.
    pub stopped: bool,
    /// Every attempt that was started here.
    pub started: Vec<LeaseId>,
    /// Attempts of these that end only when they are stopped.
    pub hung: Vec<LeaseId>,
    /// Time of the first refusal, while it is refused.
    taken_since: Option<Timestamp>,
    /// Events for this worker wait until then.
    pub paused_until: Timestamp,
    /// Results that are not acknowledged; they survive a crash of the process.
    spool: Vec<(LeaseId, Outcome)>,
    requests: u64,
    register: Option<(u64, Timestamp)>,
    heartbeat: Option<(u64, Timestamp)>,
    claim: Option<(u64, Timestamp)>,
    report: Option<(u64, Timestamp)>,
    next_heartbeat: Timestamp,
    pub quick: bool,
    /// The present capability of its machine.
    pub capability: Arc<Capability>,
    /// The capability that the coordinator knows, and the time of this report.
    known: Option<(Arc<Capability>, Timestamp)>,
    /// The capability in the open registration or heartbeat.
    reporting: Option<Arc<Capability>>,
    /// Whether the worker takes no new tests.
    pub is_held: bool,
}

impl Agent {
    pub fn new(index: AgentIndex, quick: bool) -> Self {
        Self {
            index,
            key: Uuid::from_u128(index as u128 + 1),
            incarnation: Uuid::from_u128(((index as u128) + 1) << 64),
            machine: Machine::new(LeavePolicy::default(), vec![]),
            worker: None,
            alive: true,
            stopped: false,
            started: vec![],
            hung: vec![],
            taken_since: None,
            paused_until: Timestamp(0),
            spool: vec![],
            requests: 0,
            register: None,
            heartbeat: None,
            claim: None,
            report: None,
            next_heartbeat: Timestamp(0),
            quick,
            capability: machines::whole(),
            known: None,
            reporting: None,
            is_held: false,
        }
    }

    /// A process in a copy of this one's directory. It has not started yet.
    pub fn copied(&self, index: AgentIndex) -> Self {
        Self { key: self.key, alive: false, ..Self::new(index, self.quick) }
    }

    fn identity(&self) -> Identity {
        let place = format!("directory {}", self.index).into();
        Identity { key: self.key, incarnation: self.incarnation, place }
    }

    pub fn crash(&mut self) {
        self.alive = false;
    }

    /// A new process in the same directory finds the results that were not acknowledged.
    pub fn start(&mut self) {
        self.alive = true;
        self.incarnation = Uuid::from_u128(self.incarnation.as_u128() + 1);
        self.machine = Machine::new(LeavePolicy::default(), self.spool.clone());
        self.taken_since = None;
        self.forget_registration();
    }

    fn forget_registration(&mut self) {
        self.worker = None;
        (self.register, self.heartbeat, self.claim, self.report) = (None, None, None, None);
    }

    /// Sends the requests that are due and plans the next wake-up.
    pub fn wake(&mut self, net: &mut Network, random: &mut StdRng) {
        let now = net.now;
        let due = |sent: &Option<(u64, Timestamp)>| sent.is_none_or(|(_, until)| until <= now);
        if let Some(worker) = self.worker {
            let incarnation = self.incarnation;
            let received = self.machine.received();
            if due(&self.heartbeat) && self.next_heartbeat <= now {
                self.next_heartbeat = Timestamp(now.0 + HEARTBEAT);
                let holding = self.machine.holding();
                let is_known = self.known.as_ref().is_some_and(|(known, reported)| {
                    *known == self.capability && now.since(*reported) < REPEAT
                });
                let capability = (!is_known).then(|| Arc::clone(&self.capability));
                self.reporting.clone_from(&capability);
                let request =
                    Request::Heartbeat { worker, incarnation, received, holding, capability };
                self.heartbeat = Some(self.send(net, random, request, REQUEST_TIMEOUT));
            }
            if due(&self.claim) {
                let takes_tests = !self.is_held;
                let request = Request::Claim { worker, incarnation, received, takes_tests };
                self.claim = Some(self.send(net, random, request, CLAIM_TIMEOUT));
            }
            if due(&self.report)
                && let Some(batch) = self.machine.batch(50, |_| true)
            {
                let finished = batch
                    .finished
                    .iter()
                    .map(|ended| (ended.lease, ended.result.unwrap_or(Outcome::Cancelled)))
                    .collect();
                let (batch, returned) = (batch.number, batch.returned.clone());
                let request = Request::Report { worker, incarnation, batch, finished, returned };
                self.report = Some(self.send(net, random, request, REQUEST_TIMEOUT));
            }
        } else if due(&self.register) {
            let (identity, holding) = (self.identity(), self.machine.holding());
            let capability = Arc::clone(&self.capability);
            self.reporting = Some(Arc::clone(&capability));
            let request = Request::Register { identity, capability, holding };
            self.register = Some(self.send(net, random, request, REQUEST_TIMEOUT));
        }
    }

    fn send(
        &mut self,
        net: &mut Network,
        random: &mut StdRng,
        request: Request,
        timeout: u64,
    ) -> (u64, Timestamp) {
        self.requests += 1;
        let number = self.requests;
        net.send(random, &Happening::Arrives { from: self.index, number, request });
        let incarnation = self.incarnation;
        net.at(timeout, Happening::Wake { agent: self.index, incarnation });
        (number, Timestamp(net.now.0 + timeout))
    }

    pub fn answered(
        &mut self,
        net: &mut Network,
        random: &mut StdRng,
        number: u64,
        response: Response,
    ) {
        let expected = |sent: &Option<(u64, Timestamp)>| sent.is_some_and(|(n, _)| n == number);
        let mut actions = Vec::new();
        match response {
            Response::Registered { worker, epoch, stale } if expected(&self.register) => {
                // The log is always the same one, and has everything that was acknowledged.
                assert!(self.machine.received() <= epoch, "the coordinator fell behind");
                self.machine.registered(epoch);
                self.worker = Some(worker);
                self.taken_since = None;
                self.register = None;
                self.known = self.reporting.take().map(|known| (known, net.now));
                self.machine.stale(&stale, &mut actions);
            }
            Response::Heartbeat { stale } if expected(&self.heartbeat) => {
                self.heartbeat = None;
                if let Some(known) = self.reporting.take() {
                    self.known = Some((known, net.now));
                }
                self.machine.stale(&stale, &mut actions);
            }
            Response::Claimed(delivery) if expected(&self.claim) => {
                self.claim = None;
                let leases = delivery.leases.iter();
                let leases = leases.map(|lease| GrantedLease {
                    lease: lease.lease,
                    seat: lease.seat,
                    job: (),
                });
                let delivery = Delivery {
                    received: delivery.received,
                    leases: leases.collect(),
                    stop: delivery.stop,
                    recall: delivery.recall,
                    drain: false,
                    resume: false,
                };
                self.machine.claimed(delivery, &mut actions);
            }
            Response::Reported { batch } if expected(&self.report) => {
                self.report = None;
                let sent = self.machine.batch(50, |_| true).map(|batch| {
                    batch.finished.iter().map(|ended| ended.lease).collect::<Vec<_>>()
                });
                self.machine.acknowledged(batch);
                let sent = sent.unwrap_or_default();
                self.spool.retain(|(lease, _)| !sent.contains(lease));
            }
            Response::Unknown => self.forget_registration(),
            Response::Taken if expected(&self.register) => {
                // It registers again after the time limit of this request.
                let since = *self.taken_since.get_or_insert(net.now);
                self.stopped = net.now.since(since) > TAKEN_TIMEOUT;
                self.alive = !self.stopped;
                return;
            }
            _ => return,
        }
        self.perform(net, random, actions);
        self.wake(net, random);
    }

    fn perform(&mut self, net: &mut Network, random: &mut StdRng, actions: Vec<Action<()>>) {
        let (agent, incarnation) = (self.index, self.incarnation);
        for action in actions {
            let (lease, outcome, delay) = match action {
                Action::Start { lease, .. } => {
                    self.started.push(lease);
                    if random.random_range(0..60) == 0 {
                        self.hung.push(lease);
                        continue;
                    }
                    let delay = match random.random_range(0..20) {
                        0 if !self.quick => random.random_range(1_000..60_000),
                        _ if self.quick => random.random_range(0..4),
                        _ => random.random_range(1..2_000),
                    };
                    let outcome = match random.random_range(0..10) {
                        0 => Outcome::Failed,
                        1 => Outcome::Error,
                        _ => Outcome::Passed,
                    };
                    (lease, outcome, delay)
                }
                Action::Stop { lease } => (lease, Outcome::Cancelled, random.random_range(0..500)),
            };
            net.at(delay, Happening::AttemptEnds { agent, incarnation, lease, outcome });
        }
    }

    pub fn attempt_ends(
        &mut self,
        net: &mut Network,
        random: &mut StdRng,
        lease: LeaseId,
        outcome: Outcome,
    ) {
        let mut actions = Vec::new();
        let held = self.machine.holding().contains(&lease);
        if held && !self.spool.iter().any(|(spooled, _)| *spooled == lease) {
            self.spool.push((lease, outcome));
        }
        self.machine.ended(lease, outcome, &mut actions);
        self.perform(net, random, actions);
        self.wake(net, random);
    }
}
