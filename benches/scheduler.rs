//! The scheduler's engine alone: a million waiting tests in 200 classes, of which each of 10,000
//! workers meets 10; and a million tests of 300 models, all of which each worker meets, and of which
//! it has the weights of five. Each is compared with 10,000 waiting tests of the same kind.
//!
//! A grant is measured with everything that leads to it: the claim is opened, the lease is granted,
//! the delivery is put together and the claim is answered. Requests come in batches, as from a
//! busy mailbox. Workers have one slot, so each claim gets one lease, which is the most expensive
//! case. Reports of finished attempts are measured separately. Memory is the growth of the resident
//! set. The search for idle workers after a submission is part of the submission, which is not
//! measured.

mod figures;

use criterion::Criterion;
use dtf::domain::accelerator::Backend;
use dtf::domain::capability::Capability;
use dtf::domain::held_weights::{HeldWeights, WeightsNeed};
use dtf::domain::id::{Epoch, LeaseId, RunId, WorkerId};
use dtf::domain::outcome::Outcome;
use dtf::domain::priority::Priority;
use dtf::domain::requirement::Requirement;
use dtf::domain::retry::Retries;
use dtf::domain::tag::Tag;
use dtf::domain::test::{MAX_TESTS_PER_RUN, OnFailure, TestSpec};
use dtf::domain::time::{Millis, Timestamp};
use dtf::domain::weights::WeightsKey;
use dtf::scheduler::engine::{Batch, ClaimId, Engine, Input, Reply, SnapshotPolicy, Tickets};
use dtf::scheduler::{Answer, Command, Finished, Identity, Scheduler, Submission};
use figures::{Figures, Target};
use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

const WORKERS: u32 = 10_000;
const LABS: u32 = 20;
const SIZES: u32 = 10;
const MODELS: u32 = 300;
/// Models of which a worker has the weights.
const HELD: u32 = 5;
/// Tests of one part of a submission.
const PART: u32 = 10_000;
/// Requests in one batch.
const BATCH: usize = 64;
const GIB: u64 = 1 << 30;

/// A claim is answered to the worker that made it; answers to commands are read off the batch.
struct Workers;

impl Tickets for Workers {
    type Command = ();
    type Claim = Claimer;
    type Finding = ();

    fn is_abandoned(_: &Claimer) -> bool {
        false
    }
}

#[derive(Clone, Copy)]
struct Claimer {
    worker: WorkerId,
    incarnation: Uuid,
}

/// An engine under steady load: after a cycle, about the same number of tests wait as before.
struct Load {
    engine: Engine<Workers>,
    now: Timestamp,
    run: RunId,
    requirements: Vec<Arc<Requirement>>,
    /// Every worker holds one lease; the longest running one ends next.
    holding: VecDeque<Held>,
    /// Tests and parts of the run.
    submitted: u32,
    part: u32,
    waiting: u32,
    wanted: u32,
}

/// A lease at its worker, and the last notice that the worker has received.
struct Held {
    worker: WorkerId,
    incarnation: Uuid,
    lease: LeaseId,
    received: Epoch,
}

impl Load {
    fn new(wanted: u32, requirements: impl Iterator<Item = Requirement>) -> Self {
        let requirements = requirements.map(Arc::new).collect();
        let mut load = Self {
            engine: Engine::new(
                Scheduler::new(),
                Timestamp(1_000),
                SnapshotPolicy { every: u64::MAX, since: 0 },
            ),
            now: Timestamp(1_000),
            run: RunId(0),
            requirements,
            holding: VecDeque::new(),
            submitted: 0,
            part: 0,
            waiting: 0,
            wanted,
        };
        load.open_run();
        load.fill();
        load
    }

    fn take(&mut self, inputs: impl IntoIterator<Item = Input<Workers>>) -> Batch<Workers> {
        self.engine.take(self.now, inputs, &mut |_, _| {}).expect("facts that fit")
    }

    fn command(&mut self, command: Command) -> Answer {
        let batch = self.take([Input::Command { command, ticket: () }]);
        match batch.replies.into_iter().next() {
            Some(Reply::Answer((), answer)) => answer.expect("the command is accepted"),
            _ => panic!("a command is answered"),
        }
    }

    fn open_run(&mut self) {
        let command = Command::Submit(Submission {
            name: "load".into(),
            tests: vec![],
            more: true,
            closed_world: false,
            idempotency: None,
            user: "bench".into(),
        });
        let Answer::Submitted { run, .. } = self.command(command) else {
            panic!("a submission is answered with its run")
        };
        self.run = run;
        self.part = 0;
        self.submitted = 0;
    }

    /// Submits until enough tests wait.
    fn fill(&mut self) {
        while self.waiting < self.wanted {
            if self.submitted + PART > MAX_TESTS_PER_RUN {
                self.open_run();
            }
            let tests = (0..PART).map(|number| self.spec(self.submitted + number)).collect();
            self.part += 1;
            self.command(Command::AddTests { run: self.run, part: self.part, tests, more: true });
            self.submitted += PART;
            self.waiting += PART;
        }
    }

    fn spec(&self, number: u32) -> Arc<TestSpec> {
        let requirement = &self.requirements[number as usize % self.requirements.len()];
        let launch = r#"{"run":{"command":["/bin/true"]},"timeout_ms":600000,"grace_ms":10000}"#;
        Arc::new(TestSpec {
            name: format!("test-{number}").into(),
            requirement: Arc::clone(requirement),
            priority: Priority::default(),
            retries: Retries::default(),
            depends_on: Box::default(),
            on_failure: OnFailure::default(),
            expected_ms: Some(Millis(5_000)),
            expire_after_ms: None,
            launch: serde_json::value::RawValue::from_string(launch.into()).expect("JSON"),
        })
    }

    /// Registers the workers; each takes a lease.
    fn staff(&mut self) {
        for number in 0..WORKERS {
            let incarnation = Uuid::from_u128(u128::from(number) + 1);
            let command = Command::Register {
                identity: Identity { key: incarnation, incarnation, place: "".into() },
                name: format!("worker-{number}").into(),
                capability: Arc::new(capability(number)),
                holding: vec![],
            };
            let Answer::Registered { worker, .. } = self.command(command) else {
                panic!("a registration is answered with the worker")
            };
            self.claim([(Claimer { worker, incarnation }, Epoch::default())].into_iter());
        }
        self.fill();
        assert_eq!(self.holding.len(), WORKERS as usize, "every worker holds one lease");
    }

    /// Each worker has the weights of some models.
    fn hold(&mut self) {
        let workers: Vec<_> =
            self.holding.iter().map(|held| (held.worker, held.incarnation)).collect();
        for ((worker, incarnation), first) in workers.into_iter().zip((0..).step_by(7)) {
            let keys = (0..HELD).map(|number| key((first + 13 * number) % MODELS)).collect();
            let report = HeldWeights { revision: 1, capacity_bytes: Some(100 * GIB), keys };
            let report = Arc::new(report);
            self.command(Command::ReportWeights { worker, incarnation, report });
        }
    }

    /// Each worker claims and gets one lease.
    fn claim(&mut self, claims: impl ExactSizeIterator<Item = (Claimer, Epoch)>) {
        let count = claims.len();
        let inputs = claims.map(|(ticket, received)| Input::Claim {
            claim: ClaimId { worker: ticket.worker, number: Uuid::nil() },
            incarnation: ticket.incarnation,
            received,
            takes_tests: true,
            ticket,
        });
        let before = self.holding.len();
        let batch = self.take(inputs);
        for reply in batch.replies {
            let Reply::Delivery(Claimer { worker, incarnation }, delivery) = reply else {
                continue;
            };
            let delivery = delivery.expect("the worker is granted a test");
            for lease in &delivery.leases {
                let (lease, received) = (lease.lease, delivery.received);
                self.holding.push_back(Held { worker, incarnation, lease, received });
                self.waiting -= 1;
            }
        }
        assert_eq!(self.holding.len() - before, count, "each claim gets one lease");
    }

    /// The attempts end, each in a separate report.
    fn report(&mut self, held: &[Held]) {
        let inputs = held.iter().map(|held| {
            let finished = vec![Finished {
                lease: held.lease,
                outcome: Outcome::Passed,
                class: None,
                flaky: false,
                duration: Millis(5_000),
                detail: None,
            }];
            let Held { worker, incarnation, .. } = *held;
            let command = Command::Report { worker, incarnation, finished, returned: vec![] };
            Input::Command { command, ticket: () }
        });
        let batch = self.take(inputs);
        assert_eq!(batch.replies.len(), held.len(), "each report is answered");
    }

    /// Times `cycles` reports and then as many claims of one lease each; finished tests are replaced
    /// outside the measured time.
    fn time(&mut self, cycles: u64) -> Took {
        let mut took = Took::default();
        while took.cycles < cycles {
            let batch = (cycles - took.cycles).min(u64::from(WORKERS) / 2);
            let freed: Vec<Held> = (0..batch).filter_map(|_| self.holding.pop_front()).collect();
            self.now = self.now.after(Millis(1_000));
            self.take([Input::Tick]);
            let start = Instant::now();
            for held in freed.chunks(BATCH) {
                self.report(held);
            }
            let reported = Instant::now();
            for held in freed.chunks(BATCH) {
                self.claim(held.iter().map(|held| {
                    let Held { worker, incarnation, received, .. } = *held;
                    (Claimer { worker, incarnation }, received)
                }));
            }
            took.claims += reported.elapsed();
            took.reports += reported - start;
            took.cycles += freed.len() as u64;
            self.fill();
        }
        took
    }
}

#[derive(Default, Clone, Copy)]
struct Took {
    cycles: u64,
    claims: Duration,
    reports: Duration,
}

impl Took {
    fn per_second(self, part: Duration) -> f64 {
        self.cycles as f64 / part.as_secs_f64()
    }
}

fn tag(lab: u32) -> Tag {
    format!("lab{lab}").parse().expect("a tag")
}

/// The requirement of a lab and a size: ten classes for each worker, in each of twenty labs.
fn requirement(number: u32) -> Requirement {
    Requirement {
        memory_bytes: GIB * u64::from(1 + number % SIZES),
        tags: [tag(number / SIZES)].into(),
        ..Requirement::default()
    }
}

fn key(model: u32) -> WeightsKey {
    WeightsKey::new(format!("model-{model}@{model:040x}")).expect("a key")
}

/// The requirement of a test of a model.
fn of_model(model: u32) -> Requirement {
    let weights = Some(WeightsNeed { key: key(model), size_bytes: Some(GIB) });
    Requirement { memory_bytes: GIB, weights, ..Requirement::default() }
}

fn capability(number: u32) -> Capability {
    Capability {
        os: "linux".into(),
        arch: "x86_64".into(),
        container: String::new(),
        cpu_model: String::new(),
        cpu_milli: 8_000,
        memory_bytes: 64 * GIB,
        slots: 1,
        backends: [Backend::CPU].into(),
        accelerators: vec![],
        tags: [tag(number % LABS)].into(),
        unusable: Vec::new(),
        detection_errors: Vec::new(),
    }
}

/// Resident memory of this process in bytes. Linux only, as the other benchmark.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("/proc is there");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
    kib * 1024.0
}

fn main() -> ExitCode {
    let mut figures = Figures::new("Scheduler alone");
    let before = resident();
    let labs = || (0..LABS * SIZES).map(requirement);
    let mut large = Load::new(1_000_000, labs());
    let after = resident();
    large.staff();
    let mut small = Load::new(10_000, labs());
    small.staff();
    let of_models = |wanted| {
        let mut load = Load::new(wanted, (0..MODELS).map(of_model));
        load.staff();
        load.hold();
        load
    };
    let (mut models, mut few_models) = (of_models(1_000_000), of_models(10_000));

    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    let mut all = [Took::default(); 4];
    let loads = [
        (&mut small, "labs"),
        (&mut large, "labs"),
        (&mut few_models, "models"),
        (&mut models, "models"),
    ];
    for ((load, of), took) in loads.into_iter().zip(&mut all) {
        let name = format!("claim and grant, {} waiting, {of}", load.wanted);
        criterion.bench_function(&name, |bencher| {
            bencher.iter_custom(|iterations| {
                let more = load.time(iterations);
                took.cycles += more.cycles;
                took.claims += more.claims;
                took.reports += more.reports;
                more.claims
            });
        });
    }
    criterion.final_summary();

    let [few, many, few_models, models] = all;
    let grants = |took: Took| took.per_second(took.claims);
    let growth = grants(few) / grants(many);
    figures.row("claim with 1,000,000 waiting against 10,000", growth, "×", Target::AtMost(1.5));
    let target = Target::AtLeast(200_000.0);
    figures.row("grants, 1,000,000 waiting", grants(many), "/s", target);
    figures.row("grants, 10,000 waiting", grants(few), "/s", Target::None);
    let growth = grants(few_models) / grants(models);
    let name = "claim with 1,000,000 waiting of 300 models against 10,000";
    figures.row(name, growth, "×", Target::AtMost(1.5));
    let name = "grants, 1,000,000 waiting of 300 models";
    figures.row(name, grants(models), "/s", Target::AtLeast(50_000.0));
    let reports = many.per_second(many.reports);
    figures.row("reports, 1,000,000 waiting", reports, "/s", Target::None);
    let each = (after - before) / 1e6;
    figures.row("memory of a waiting test", each, "bytes", Target::AtMost(1024.0));
    if figures.finish() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
