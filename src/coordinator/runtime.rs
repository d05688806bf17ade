//! The one owner of the scheduler.
//!
//! Takes what waits in the mailbox, decides and applies it in memory, grants leases to
//! open claims, and hands the durable events with the answers to the thread that
//! commits. While that one waits for the disk, the next batch is decided.
//!
//! Promises: state changes only by `apply`; no answer leaves before the events of its
//! batch and of all batches before it are stored.

use crate::coordinator::announce::announce;
use crate::coordinator::commit::Batch;
use crate::coordinator::mailbox::{ClaimSender, Failed, Release, Request, Ticket};
use crate::coordinator::metrics::Metrics;
use crate::domain::fact::Fact;
use crate::domain::id::{Epoch, WorkerId};
use crate::domain::time::{Millis, Timestamp};
use crate::scheduler::{Command, Delivery, Scheduler};
use crate::sys::clock::Clock;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::SyncSender;
use tokio::sync::mpsc;

/// Most requests of one batch.
const MAX_BATCH: usize = 1024;
/// Facts that make a snapshot at a stop worthwhile.
const MIN_AT_STOP: u64 = 1000;
/// A tick that comes so late means that this process was stopped: nobody else is to
/// blame for the silence.
const LATE: Millis = Millis::from_secs(5);

pub(crate) struct Runtime {
    scheduler: Scheduler,
    clock: Clock,
    metrics: Arc<Metrics>,
    last_tick: Timestamp,
    parked: HashMap<WorkerId, Parked>,
    /// Workers that may have something to hear.
    touched: Vec<WorkerId>,
    events: Vec<Fact>,
    releases: Vec<Release>,
    snapshots: SnapshotPolicy,
}

/// When the state is stored: after enough work, and never more often than its size is
/// worth, so that snapshots cost at most a share of the work that they save.
pub(crate) struct SnapshotPolicy {
    /// Facts after which a snapshot may be due.
    pub every: u64,
    /// Facts since the last one; tests and leases of one event count each.
    pub since: u64,
}

impl SnapshotPolicy {
    fn count(&mut self, event: &Fact) {
        self.since += match event {
            Fact::TestsAdded { tests, .. } => tests.len() as u64,
            Fact::LeasesGranted { grants, .. } => grants.len() as u64,
            _ => 1,
        };
    }

    /// `live`: tests that are not over.
    fn due(&self, live: u64, stopping: bool) -> bool {
        let enough = if stopping { MIN_AT_STOP } else { self.every };
        self.since >= enough && self.since > live
    }
}

/// A claim without an answer so far.
struct Parked {
    ticket: Ticket,
    received: Epoch,
    reply: ClaimSender,
}

impl Runtime {
    pub fn new(
        scheduler: Scheduler,
        clock: Clock,
        metrics: Arc<Metrics>,
        snapshots: SnapshotPolicy,
    ) -> Self {
        Self {
            scheduler,
            clock,
            metrics,
            last_tick: clock.now(),
            parked: HashMap::new(),
            touched: Vec::new(),
            events: Vec::new(),
            releases: Vec::new(),
            snapshots,
        }
    }

    /// Until `Stop`, until nobody can ask any more, or until nothing can be stored.
    /// Returns the state as it then is.
    pub fn run(
        mut self,
        mut mailbox: mpsc::Receiver<Request>,
        commits: &SyncSender<Batch>,
    ) -> Scheduler {
        let mut requests = Vec::with_capacity(MAX_BATCH);
        let mut running = true;
        while running && mailbox.blocking_recv_many(&mut requests, MAX_BATCH) > 0 {
            let now = self.clock.now();
            running = self.take(now, requests.drain(..));
            self.grant(now);
            self.deliver();
            self.metrics.claims_open.store(self.parked.len() as u64, Relaxed);
            if !running {
                self.end_claims();
            }
            if self.hand_over(commits, !running).is_err() {
                break;
            }
        }
        self.scheduler
    }

    /// Returns whether to go on.
    fn take(&mut self, now: Timestamp, requests: impl Iterator<Item = Request>) -> bool {
        self.forgive_own_absence(now);
        let mut running = true;
        for request in requests {
            running &= self.handle(now, request);
        }
        running
    }

    /// After a long stop of this process (a suspended machine, SIGSTOP) workers could
    /// not be heard: they get a fresh lease time instead of being given up.
    fn forgive_own_absence(&mut self, now: Timestamp) {
        if now.since(self.last_tick) > LATE {
            let late_ms = now.since(self.last_tick).0;
            tracing::warn!(late_ms, "this process was stopped for a while; leases are renewed");
            self.scheduler.resume(now);
            self.last_tick = now;
        }
    }

    /// Returns whether to go on.
    fn handle(&mut self, now: Timestamp, request: Request) -> bool {
        match request {
            Request::Act { command, reply } => {
                let answer = self.decide(now, command);
                self.releases.push(Release::Answer(reply, answer));
            }
            Request::Claim { ticket, received, incarnation, reply } => {
                let worker = ticket.worker;
                let command = Command::OpenClaim { worker, incarnation, received };
                match self.decide(now, command) {
                    Ok(_) => self.park(Parked { ticket, received, reply }),
                    Err(failed) => self.releases.push(Release::Claim(reply, Err(failed))),
                }
            }
            Request::EndClaim(ticket) => {
                let open = self.parked.get(&ticket.worker);
                if open.is_some_and(|parked| parked.ticket == ticket) {
                    self.close(ticket.worker, None);
                }
            }
            Request::Ask(question) => {
                self.releases.push(Release::Finding(question(&self.scheduler, now)));
            }
            Request::Tick => self.tick(now),
            Request::Stop => return false,
        }
        true
    }

    fn decide(
        &mut self,
        now: Timestamp,
        command: Command,
    ) -> Result<crate::scheduler::Answer, Failed> {
        let step = self.scheduler.decide(now, command)?;
        for event in step.events {
            self.keep(event);
        }
        Ok(step.answer)
    }

    fn keep(&mut self, event: Fact) {
        self.scheduler.apply(&event);
        match &event {
            Fact::ClaimOpened { worker }
            | Fact::WorkerDraining { worker, .. }
            | Fact::WorkerResumed { worker, .. }
            | Fact::LeasesGranted { worker, .. }
            | Fact::LeasesRecalled { worker, .. } => self.touched.push(*worker),
            Fact::RunCancelled { notices, .. } => {
                self.touched.extend(notices.iter().map(|notice| notice.worker));
            }
            _ => {}
        }
        announce(&event, &self.scheduler);
        if event.durable() {
            self.snapshots.count(&event);
            self.events.push(event);
        }
    }

    fn tick(&mut self, now: Timestamp) {
        self.last_tick = now;
        if let Err(failed) = self.decide(now, Command::Tick) {
            tracing::error!(%failed, "the scheduler refuses a tick");
        }
        let gone: Vec<WorkerId> = self
            .parked
            .iter()
            .filter(|(_, parked)| parked.reply.is_closed())
            .map(|(worker, _)| *worker)
            .collect();
        for worker in gone {
            self.close(worker, None);
        }
    }

    /// One claim for each worker: an older one is answered empty-handed.
    fn park(&mut self, parked: Parked) {
        if let Some(older) = self.parked.insert(parked.ticket.worker, parked) {
            let delivery = Delivery { received: older.received, ..Delivery::default() };
            self.releases.push(Release::Claim(older.reply, Ok(delivery)));
        }
    }

    fn grant(&mut self, now: Timestamp) {
        while let Some(event) = self.scheduler.grant(now) {
            self.keep(event);
        }
    }

    /// Answers the claims of all workers for whom there is news.
    fn deliver(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        for worker in touched.drain(..) {
            if self.parked.contains_key(&worker)
                && let Some(delivery) = self.scheduler.delivery(worker)
            {
                self.scheduler.apply(&Fact::NoticesSent { worker, epoch: delivery.received });
                self.close(worker, Some(delivery));
            }
        }
        self.touched = touched;
    }

    fn close(&mut self, worker: WorkerId, delivery: Option<Delivery>) {
        if let Some(parked) = self.parked.remove(&worker) {
            self.scheduler.apply(&Fact::ClaimClosed { worker });
            let received = parked.received;
            let delivery = delivery.unwrap_or(Delivery { received, ..Delivery::default() });
            self.releases.push(Release::Claim(parked.reply, Ok(delivery)));
        }
    }

    fn end_claims(&mut self) {
        let workers: Vec<WorkerId> = self.parked.keys().copied().collect();
        for worker in workers {
            self.close(worker, None);
        }
    }

    fn snapshot(&mut self, stopping: bool) -> Option<Vec<Vec<u8>>> {
        // Spares counting the live tests, most of the time.
        if !self.snapshots.due(0, stopping) {
            return None;
        }
        let overview = self.scheduler.overview();
        let live = overview.tests_blocked + overview.tests_waiting + overview.tests_leased;
        if !self.snapshots.due(live, stopping) {
            return None;
        }
        self.snapshots.since = 0;
        Some(self.scheduler.snapshot().collect())
    }

    fn hand_over(&mut self, commits: &SyncSender<Batch>, stopping: bool) -> Result<(), Failed> {
        let snapshot = self.snapshot(stopping);
        if self.events.is_empty() && self.releases.is_empty() && snapshot.is_none() {
            return Ok(());
        }
        let batch = Batch {
            events: std::mem::take(&mut self.events),
            releases: std::mem::take(&mut self.releases),
            snapshot,
        };
        commits.send(batch).map_err(|refused| {
            refused.0.give_up();
            Failed::NotStored
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::accelerator::Backend;
    use crate::domain::capability::Capability;
    use crate::scheduler::{Answer, Identity};
    use crate::sys::ids;

    fn runtime() -> (Runtime, WorkerId, Timestamp) {
        let policy = SnapshotPolicy { every: 1000, since: 0 };
        let clock = Clock::start();
        let mut runtime = Runtime::new(Scheduler::new(), clock, Arc::default(), policy);
        let now = clock.now();
        let capability = Capability {
            os: "linux".into(),
            arch: "x86_64".into(),
            cpu_milli: 1000,
            memory_bytes: 1 << 30,
            slots: 1,
            backends: [Backend::Cpu].into(),
            accelerators: Vec::new(),
            tags: std::collections::BTreeSet::default(),
            detection_errors: Vec::new(),
        };
        let register = Command::Register {
            identity: Identity {
                key: ids::new_id(),
                incarnation: ids::new_id(),
                place: "here".into(),
            },
            name: "one".into(),
            capability: Arc::new(capability),
            holding: Vec::new(),
        };
        let Ok(Answer::Registered { worker, .. }) = runtime.decide(now, register) else {
            panic!("the worker is not registered");
        };
        (runtime, worker, now)
    }

    fn lost(runtime: &Runtime) -> bool {
        runtime.events.iter().any(|event| matches!(event, Fact::WorkerLost { .. }))
    }

    #[test]
    fn silence_while_this_process_was_stopped_is_nobodys_fault() {
        let (mut runtime, worker, start) = runtime();
        let minute = start.after(Millis::from_secs(60));
        runtime.take(minute, [Request::Tick].into_iter());
        assert!(!lost(&runtime), "{worker}");
        // From then on the usual time counts again.
        for second in 1..=40 {
            let now = minute.after(Millis::from_secs(second));
            runtime.take(now, [Request::Tick].into_iter());
            assert_eq!(lost(&runtime), second > 30, "after {second} s");
        }
    }
}
