//! The engine: claims, time and snapshots over batches of requests.

use super::harness::{Agent, Sim, capability, many, submission};
use crate::domain::fact::Fact;
use crate::domain::id::Epoch;
use crate::domain::time::{Millis, Timestamp};
use crate::scheduler::engine::{Batch, ClaimId, Engine, Input, Reply, SnapshotPolicy, Tickets};
use crate::scheduler::{Answer, Command, FactError, Identity, Scheduler};
use std::sync::Arc;
use uuid::Uuid;

/// Claims are named, and some of them are abandoned.
struct Named;

struct Claimer {
    name: &'static str,
    abandoned: bool,
}

impl Tickets for Named {
    type Command = &'static str;
    type Claim = Claimer;
    type Finding = String;

    fn is_abandoned(claim: &Claimer) -> bool {
        claim.abandoned
    }
}

struct Bench {
    engine: Engine<Named>,
    now: Timestamp,
}

const INCARNATION: Uuid = Uuid::from_u128(7);

impl Bench {
    /// An engine with one registered worker, w0.
    fn new(every: u64) -> Self {
        let now = Timestamp(1_000_000);
        let policy = SnapshotPolicy { every, since: 0 };
        let mut bench = Self { engine: Engine::new(Scheduler::new(), now, policy), now };
        let register = Command::Register {
            identity: Identity {
                key: Uuid::from_u128(1),
                incarnation: INCARNATION,
                place: "here".into(),
            },
            name: "one".into(),
            capability: Arc::new(capability(1)),
            holding: Vec::new(),
        };
        let batch = bench.take([Input::Command { command: register, ticket: "register" }]);
        assert!(matches!(
            batch.replies[..],
            [Reply::Answer("register", Ok(Answer::Registered { .. }))]
        ));
        bench
    }

    fn take(&mut self, inputs: impl IntoIterator<Item = Input<Named>>) -> Batch<Named> {
        self.engine.take(self.now, inputs, &mut |_, _| {}).expect("facts that fit")
    }

    fn id(&self, number: u128) -> ClaimId {
        let worker = self.engine.scheduler().workers(None).next().expect("a worker").worker;
        ClaimId { worker, number: Uuid::from_u128(number) }
    }

    fn claim(&self, number: u128, name: &'static str, abandoned: bool) -> Input<Named> {
        let ticket = Claimer { name, abandoned };
        let claim = self.id(number);
        Input::Claim {
            claim,
            incarnation: INCARNATION,
            received: Epoch(0),
            takes_tests: true,
            ticket,
        }
    }
}

/// The answered claims, with the number of leases that each got.
fn deliveries(batch: &Batch<Named>) -> Vec<(&'static str, usize)> {
    let delivery = |reply: &Reply<Named>| match reply {
        Reply::Delivery(claimer, delivery) => {
            Some((claimer.name, delivery.as_ref().expect("accepted").leases.len()))
        }
        _ => None,
    };
    batch.replies.iter().filter_map(delivery).collect()
}

#[test]
fn a_claim_is_answered_in_the_batch_that_has_news_for_it() {
    let mut bench = Bench::new(1000);
    let claim = bench.claim(1, "first", false);
    assert!(bench.take([claim]).is_empty());
    assert_eq!(bench.engine.open_claims(), 1);
    let submit = Input::Command { command: submission("r", many(2)), ticket: "submit" };
    let batch = bench.take([submit]);
    assert_eq!(deliveries(&batch), [("first", 1)]);
    assert!(matches!(batch.facts.last(), Some(Fact::LeasesGranted { .. })));
    assert_eq!(bench.engine.open_claims(), 0);
}

#[test]
fn an_older_claim_an_ended_one_and_an_abandoned_one_get_nothing() {
    let mut bench = Bench::new(1000);
    let (first, second) = (bench.claim(1, "first", false), bench.claim(2, "second", false));
    assert_eq!(deliveries(&bench.take([first, second])), [("first", 0)]);
    let (of_the_first, of_the_second) = (bench.id(1), bench.id(2));
    assert!(bench.take([Input::EndClaim(of_the_first)]).is_empty(), "another one is open");
    assert_eq!(deliveries(&bench.take([Input::EndClaim(of_the_second)])), [("second", 0)]);
    let abandoned = bench.claim(3, "abandoned", true);
    bench.take([abandoned]);
    assert_eq!(deliveries(&bench.take([Input::Tick])), [("abandoned", 0)]);
    let submit = Input::Command { command: submission("r", many(1)), ticket: "submit" };
    let batch = bench.take([submit]);
    let granted = batch.facts.iter().any(|fact| matches!(fact, Fact::LeasesGranted { .. }));
    assert!(!granted, "no claim is open");
}

#[test]
fn a_stop_answers_open_claims_after_everything_else() {
    let mut bench = Bench::new(1000);
    let claim = bench.claim(1, "open", false);
    let question = Input::Question(Box::new(|scheduler: &Scheduler, _| {
        format!("{} runs", scheduler.runs().count())
    }));
    let batch = bench.take([claim, Input::Stop, question]);
    assert!(matches!(&batch.replies[0], Reply::Finding(finding) if finding == "0 runs"));
    assert_eq!(deliveries(&batch), [("open", 0)]);
    assert_eq!(bench.engine.open_claims(), 0);
}

#[test]
fn a_snapshot_is_due_after_enough_facts_and_more_than_there_are_live_tests() {
    let mut bench = Bench::new(10);
    let submit = |count| Input::Command { command: submission("r", many(count)), ticket: "submit" };
    assert!(bench.take([submit(4)]).snapshot.is_none(), "too few facts");
    let batch = bench.take([submit(8)]);
    let snapshot = batch.snapshot.expect("more than ten facts, and more than twelve live tests");
    let restored = Scheduler::restore(snapshot.pieces()).expect("a whole snapshot");
    assert_eq!(restored.facts(), bench.engine.scheduler().facts());
    assert!(bench.take([submit(9)]).snapshot.is_none(), "fewer facts than live tests");
}

#[test]
fn silence_while_this_process_was_stopped_does_not_lose_a_worker() {
    let mut bench = Bench::new(1000);
    let lost = |batch: &Batch<Named>| {
        batch.facts.iter().any(|fact| matches!(fact, Fact::WorkerLost { .. }))
    };
    bench.now = bench.now.after(Millis::from_secs(60));
    let batch = bench.take([Input::Tick]);
    assert_eq!(batch.absence, Some(Millis::from_secs(60)));
    assert!(!lost(&batch));
    // From then on the usual time counts again.
    for second in 1..=40 {
        bench.now = bench.now.after(Millis::from_secs(1));
        let batch = bench.take([Input::Tick]);
        assert_eq!(lost(&batch), second == 31, "after {second} s");
        assert_eq!(batch.absence, None);
    }
}

#[test]
fn facts_that_do_not_fit_are_refused_by_what_is_wrong() {
    let mut sim = Sim::new();
    let mut worker = Agent::join(&mut sim, "one", 1);
    let run = sim.submit(many(2));
    let lease = sim.take(&mut worker).remove(0).lease;
    sim.pass(&worker, lease);
    let test = lease.attempt.test;
    let at = sim.now;
    // Each record of the log is missing once; the facts after it must not pass unnoticed.
    for missing in 0..sim.log.len() {
        let mut scheduler = Scheduler::new();
        let rest = sim.log.iter().enumerate().filter(|(position, _)| *position != missing);
        let applied = rest.map(|(_, fact)| fact).try_for_each(|fact| scheduler.apply(fact));
        let last = missing + 1 == sim.log.len();
        assert_eq!(applied.is_ok(), last, "without {:?}: {applied:?}", sim.log[missing]);
    }
    let cases = [
        (Fact::TestExpired { test, at }, FactError::TestEnded(test)),
        (
            Fact::LeaseReturned { lease, worker: worker.id, lost: false, at },
            FactError::NotHeld { lease, worker: worker.id },
        ),
        (
            Fact::TestsAdded { run, first: 2, tests: vec![], last: true, part: 3, at },
            FactError::PartOutOfOrder { run, part: 3, expected: 1 },
        ),
    ];
    for (fact, error) in cases {
        assert_eq!(sim.replayed().apply(&fact), Err(error), "{fact:?}");
    }
}
