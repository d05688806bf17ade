//! Messages, and the virtual time in which they arrive.

use dtf::domain::capability::Capability;
use dtf::domain::id::{Epoch, LeaseId, RunId, WorkerId};
use dtf::domain::outcome::Outcome;
use dtf::domain::time::Timestamp;
use dtf::scheduler::engine::ClaimId;
use dtf::scheduler::{Delivery, Identity};
use rand::Rng;
use rand::rngs::StdRng;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Position in the list of agents.
pub type AgentIndex = usize;

#[derive(Debug, Clone)]
pub enum Request {
    Register {
        identity: Identity,
        capability: Arc<Capability>,
        holding: Vec<LeaseId>,
    },
    Heartbeat {
        worker: WorkerId,
        incarnation: Uuid,
        received: Epoch,
        holding: Vec<LeaseId>,
        capability: Option<Arc<Capability>>,
    },
    Claim {
        worker: WorkerId,
        incarnation: Uuid,
        received: Epoch,
        takes_tests: bool,
    },
    Report {
        worker: WorkerId,
        incarnation: Uuid,
        batch: u64,
        finished: Vec<(LeaseId, Outcome)>,
        returned: Vec<LeaseId>,
    },
}

#[derive(Debug, Clone)]
pub enum Response {
    Registered {
        worker: WorkerId,
        epoch: Epoch,
        stale: Vec<LeaseId>,
    },
    Heartbeat {
        stale: Vec<LeaseId>,
    },
    Claimed(Delivery),
    Reported {
        batch: u64,
    },
    /// Register again.
    Unknown,
    /// Another process uses the same key, and is running.
    Taken,
}

#[derive(Debug, Clone)]
pub enum Happening {
    /// A request arrives at the coordinator.
    Arrives {
        from: AgentIndex,
        number: u64,
        request: Request,
    },
    /// An answer arrives at a worker.
    Answered {
        to: AgentIndex,
        number: u64,
        response: Response,
    },
    /// A client's submission arrives; the same key comes again until it is acknowledged.
    Submission {
        key: u64,
    },
    Acknowledged {
        key: u64,
        run: RunId,
    },
    /// The client sends again what was not acknowledged.
    ClientRetry {
        key: u64,
    },
    Cancel {
        key: u64,
    },
    /// The log has stored the batch of this number.
    Committed {
        batch: u64,
    },
    Tick,
    /// A worker checks its timers.
    Wake {
        agent: AgentIndex,
        incarnation: Uuid,
    },
    AttemptEnds {
        agent: AgentIndex,
        incarnation: Uuid,
        lease: LeaseId,
        outcome: Outcome,
    },
    /// The coordinator stops waiting for notices to a claim.
    ClaimEnds(ClaimId),
    CoordinatorCrash,
    CoordinatorStart,
    WorkerCrash(AgentIndex),
    WorkerStart(AgentIndex),
    /// A worker is stopped, as by SIGSTOP, for this number of milliseconds.
    WorkerPause(AgentIndex, u64),
    /// A worker offers something else from now on.
    WorkerChanges(AgentIndex),
    /// Nothing fails from here on.
    Calm,
}

/// Everything that will happen, by time of arrival.
pub struct Network {
    pub now: Timestamp,
    pub calm: bool,
    queue: BTreeMap<(u64, u64), Happening>,
    count: u64,
}

impl Network {
    pub fn new() -> Self {
        Self { now: Timestamp(1_000_000), calm: false, queue: BTreeMap::new(), count: 0 }
    }

    pub fn at(&mut self, delay_ms: u64, happening: Happening) {
        self.count += 1;
        self.queue.insert((self.now.0 + delay_ms, self.count), happening);
    }

    /// Sends over the lossy network: dropped, late, or twice.
    pub fn send(&mut self, random: &mut StdRng, happening: &Happening) {
        let copies = match random.random_range(0..100) {
            0..8 if !self.calm => 0,
            8..14 if !self.calm => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let delay = if !self.calm && random.random_range(0..30) == 0 {
                random.random_range(1_000..40_000)
            } else {
                random.random_range(0..20)
            };
            self.at(delay, happening.clone());
        }
    }

    pub fn next(&mut self) -> Option<Happening> {
        let ((time, _), happening) = self.queue.pop_first()?;
        self.now = self.now.max(Timestamp(time));
        Some(happening)
    }

    /// Time of the last planned event, for messages about a history that does not end.
    pub fn horizon(&self) -> Option<Reverse<u64>> {
        self.queue.last_key_value().map(|((time, _), _)| Reverse(*time))
    }
}
