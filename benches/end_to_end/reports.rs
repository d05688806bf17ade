//! The results of 90 days: how fast they are stored, how large they are, how fast they are read.
//!
//! A generator writes the facts of [`RUNS`] runs with the writer of the coordinator. Each run has [`TESTS`]
//! tests, each test [`METRICS`] metrics with [`VALUES`] raw values. The runs pass through the cases in turn, so
//! that a case has a value about every 13 hours. Then commands, a coordinator, and its pages are asked.
//! The facts are not in the event log, where their details alone would have more than 2 GB. Therefore, the
//! database is set to the position of the empty log before the coordinator starts again.

use crate::figures::{Figures, Target};
use crate::fleet::Fleet;
use dtf::api::v1::changes::ChangesQuery;
use dtf::api::v1::reports::ReportQuery;
use dtf::domain::capability::Capability;
use dtf::domain::fact::{Fact, Next};
use dtf::domain::id::{Epoch, LeaseId, RunId, TestId, WorkerId};
use dtf::domain::outcome::{Class, Outcome};
use dtf::domain::test::TestSpec;
use dtf::domain::time::{Millis, Timestamp};
use dtf::store::reports::matrix::Group;
use dtf::store::reports::selection::Runs;
use dtf::store::{GROUP_ROWS, Store, Writer};
use dtf::sys::clock::Clock;
use duckdb::Connection;
use serde_json::json;
use serde_json::value::RawValue;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const RUNS: u32 = 400;
const TESTS: u32 = 1_000;
const METRICS: u32 = 25;
const VALUES: u32 = 10;
const MODELS: u32 = 300;
const BACKENDS: [&str; 8] =
    ["cpu", "cuda", "rocm", "xpu", "mps", "openvino", "onnxruntime", "neuron"];
const DAYS: u64 = 90;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Number of runs that are stored with and without queries at the end, in groups of several runs. The order of the
/// groups is the Thue-Morse sequence, so that the writer's checkpoints, of which there is one in several runs, do
/// not all fall on one kind.
const COMPARED: u32 = 80;
const GROUP: u32 = 5;
/// Number of times that each question is asked.
const ASKED: usize = 5;

pub fn reports(figures: &mut Figures) {
    let mut fleet = Fleet::new();
    fleet.coordinator.kill();
    let data = fleet.directory().join("data");
    let file = data.join(dtf::store::FILE_NAME);
    let position = position(&file);
    fill(figures, &file);
    set_position(&file, position);
    let bytes = std::fs::metadata(&file).expect("the database").len();
    let rows = f64::from(RUNS) * f64::from(TESTS) * f64::from(METRICS);
    figures.row("metric rows", rows, "", Target::None);
    figures.row("size of a metric row", bytes as f64 / rows, "bytes", Target::AtMost(120.0));

    fleet.restart();
    let before = fleet.coordinator.resident_mb();
    requests(figures, &fleet);
    pages(figures, &fleet);
    // The database may use 256 MB; the other part is that of answers.
    let grown = fleet.coordinator.peak_mb() - before;
    figures.row("memory for these answers", grown, "MB", Target::AtMost(400.0));
    fleet.coordinator.stop();
    commands(figures, &data);
}

/// Stores all runs. The last ones are stored with and without queries in turn, to compare.
fn fill(figures: &mut Figures, file: &Path) {
    let identity = identity(file).parse().expect("an identity");
    let opened = Store::open(file, identity).expect("the database opens");
    let (store, mut writer) = (opened.store, opened.writer);
    let workers: Vec<Fact> = (0..).zip(BACKENDS).map(|(at, name)| worker(at, name)).collect();
    project(&mut writer, &workers);
    let first = RUNS - COMPARED;
    let mut stored = Duration::ZERO;
    for run in 1..=first {
        stored += store_run(&mut writer, run);
        if run % 50 == 0 {
            eprintln!("{run} of {RUNS} runs stored");
        }
    }
    let in_all = f64::from(first * TESTS * METRICS) / stored.as_secs_f64();
    let (mut alone, mut beside) = (Duration::ZERO, Duration::ZERO);
    for run in first + 1..=RUNS {
        if (run / GROUP).count_ones().is_multiple_of(2) {
            beside += store_beside_queries(&store, &mut writer, run);
        } else {
            alone += store_run(&mut writer, run);
        }
    }
    let share = alone.as_secs_f64() / beside.as_secs_f64();
    figures.row("stored beside queries, share", share, "", Target::AtLeast(0.8));
    figures.row("metric rows stored", in_all, "/s", Target::AtLeast(100_000.0));
}

/// Stores a run while another thread asks for the matrix of the run before, again and again.
fn store_beside_queries(store: &Store, writer: &mut Writer, run: u32) -> Duration {
    let is_stored = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let selection = Runs::One(RunId(run - 1)).into();
            loop {
                let cells = store.matrix(&selection, Group::Model, "latency_seconds", 10_000);
                assert!(!cells.expect("a matrix").is_empty());
                if is_stored.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let time = store_run(writer, run);
        is_stored.store(true, Ordering::Relaxed);
        time
    })
}

/// Stores a run; returns the time that the writer took.
fn store_run(writer: &mut Writer, run: u32) -> Duration {
    let at = began(run);
    let submitted = Fact::RunSubmitted {
        run: RunId(run),
        name: format!("nightly {run}").into(),
        idempotency: None,
        user: "bench".into(),
        closed_world: false,
        at: Timestamp(at),
    };
    let added = Fact::TestsAdded {
        run: RunId(run),
        first: 0,
        tests: (0..TESTS).map(|test| Arc::new(spec(case(run, test)))).collect(),
        last: true,
        part: 0,
        at: Timestamp(at),
    };
    let mut facts = vec![submitted, added];
    facts.extend((0..TESTS).map(|test| finished(run, test, at + 1000 * u64::from(test))));
    let start = Instant::now();
    project(writer, &facts);
    start.elapsed()
}

fn project(writer: &mut Writer, facts: &[Fact]) {
    let next = writer.watermark() + 1;
    writer.project([(next, facts)]).expect("the facts are stored");
}

/// Time at which a run was submitted, in milliseconds since 1970.
fn began(run: u32) -> u64 {
    let Timestamp(now) = Clock::start().now();
    now - u64::from(RUNS - run) * DAYS * DAY_MS / u64::from(RUNS) - DAY_MS / 24
}

/// Number of the case of a test, which has the same model and back-end in each run.
fn case(run: u32, test: u32) -> u32 {
    (run * TESTS + test) % (MODELS * BACKENDS.len() as u32)
}

fn worker(number: u32, backend: &str) -> Fact {
    let capability: Capability = serde_json::from_value(json!({
        "os": "linux", "arch": "x86_64", "cpu_milli": 8000, "memory_bytes": 1_u64 << 36,
        "slots": 8, "backends": [backend], "cpu_model": format!("processor {number}"),
    }))
    .expect("a capability");
    Fact::WorkerRegistered {
        worker: WorkerId(number),
        key: uuid::Uuid::from_u128(number.into()),
        place: "".into(),
        incarnation: uuid::Uuid::from_u128(number.into()),
        name: format!("worker-{backend}").into(),
        capability: Arc::new(capability),
        at: Timestamp(began(1)),
    }
}

fn spec(case: u32) -> TestSpec {
    let (model, backend) = (case / 8, BACKENDS[case as usize % 8]);
    let model = format!("team/model-{model:03}");
    serde_json::from_value(json!({
        "name": format!("{model}/{backend}/latency"),
        "launch": {
            "run": { "command": ["true"] },
            "labels": {
                "model": model, "family": format!("family-{}", case / 8 % 30), "backend": backend,
                "dtype": "float16", "batch": "1", "sequence_length": "128", "runtime": "torch",
                "role": "test",
            },
        },
    }))
    .expect("a test")
}

/// One in 50 tests does not pass.
fn finished(run: u32, test: u32, at: u64) -> Fact {
    let id = TestId { run: RunId(run), index: test };
    let case = case(run, test);
    let (outcome, class) = match mixed(run, test, 0) % 100 {
        0 => (Outcome::Failed, None),
        1 => (Outcome::Error, Some(Class::SetUp)),
        _ => (Outcome::Passed, None),
    };
    Fact::AttemptFinished {
        lease: LeaseId { attempt: id.attempt(1), epoch: Epoch(1) },
        worker: WorkerId(case % 8),
        outcome,
        class,
        duration_ms: Millis(30_000 + mixed(run, test, 1) % 60_000),
        detail: Some(RawValue::from_string(detail(run, test, case)).expect("JSON")),
        next: Next::Done { flaky: false },
        at: Timestamp(at),
    }
}

/// The detail of an attempt: a full set of packages, and values with the nanoseconds that clocks have.
fn detail(run: u32, test: u32, case: u32) -> String {
    let mut text = String::from(
        r#"{"exit_code":0,"message":"","isolation":"warm","environment":{"threads":8,"#,
    );
    text.push_str(r#""neighbours":0,"written_by":"dtf 1.0.0","python":"3.12.4","packages":{"#);
    for package in 0..40 {
        let comma = if package == 0 { "" } else { "," };
        let _ = write!(text, r#"{comma}"package-{package}":"1.{package}.0""#);
    }
    let _ =
        write!(text, r#"}}}},"peak_memory_bytes":{},"metrics":["#, 1 << 30 | mixed(run, test, 2));
    for metric in 0..METRICS {
        let comma = if metric == 0 { "" } else { "," };
        let name = match metric {
            0 => "latency_seconds".to_owned(),
            number => format!("phase_{number}_seconds"),
        };
        let _ = write!(
            text,
            r#"{comma}{{"name":"{name}","unit":"seconds","better":"lower","values":["#
        );
        // A value of the case, with noise of 2 % between runs and 1 % within one.
        let usual = 0.001 + (mixed(case, metric, 3) % 1_000_000) as f64 / 1e6;
        let of_run = usual * (1.0 + 0.02 * noise(run, test, metric));
        for value in 0..VALUES {
            let comma = if value == 0 { "" } else { "," };
            let measured = of_run * (1.0 + 0.01 * noise(run, test, metric * 100 + value + 1000));
            let _ = write!(text, "{comma}{measured:.9}");
        }
        text.push_str("]}");
    }
    text.push_str("]}");
    text
}

/// A number from -1 to 1.
fn noise(run: u32, test: u32, more: u32) -> f64 {
    (mixed(run, test, more) % 2_000_001) as f64 / 1e6 - 1.0
}

/// A number that the three numbers determine, by the finaliser of `SplitMix64`.
fn mixed(run: u32, test: u32, more: u32) -> u64 {
    let mut mixed = u64::from(run) << 40 ^ u64::from(test) << 20 ^ u64::from(more);
    mixed = mixed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn identity(file: &Path) -> String {
    let connection = Connection::open(file).expect("the database opens");
    let read = connection.query_row("SELECT max(id) FROM identity", [], |row| row.get(0));
    read.expect("a database has an identity")
}

/// Number of the last record of the event log that is in the database.
fn position(file: &Path) -> u64 {
    let connection = Connection::open(file).expect("the database opens");
    let read = connection.query_row("SELECT max(last_seq) FROM watermark", [], |row| row.get(0));
    read.expect("a database has a position")
}

/// A checkpoint of a connection with another size of row groups would join them.
fn set_position(file: &Path, position: u64) {
    let connection = Connection::open_in_memory().expect("a database");
    let sql = format!(
        "ATTACH '{}' AS results (ROW_GROUP_SIZE {GROUP_ROWS}); USE results; \
         UPDATE watermark SET last_seq = {position}; CHECKPOINT",
        file.display()
    );
    connection.execute_batch(&sql).expect("the position is set");
}

/// Times of commands over the directory, from start to end. The coordinator has stored the verdicts about the
/// newest results, as it does when runs end, and stopped. The system does not write the database at the same time.
fn commands(figures: &mut Figures, data: &Path) {
    rustix::fs::sync();
    let week = ["report", "--since", "7d"];
    let newest = format!("r{RUNS}");
    let of_run = ["report", "--run", &newest];
    let mut row = |what: &str, arguments: &[&str], target| {
        let seconds = median(|| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_dtf"));
            command.args(arguments).arg("--data-dir").arg(data);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            assert!(command.status().expect("dtf starts").success(), "dtf {arguments:?} fails");
        });
        figures.row(what, seconds, "s", target);
    };
    row("`dtf report --since 7d`", &week, Target::AtMost(0.5));
    row("`dtf report --run`", &of_run, Target::AtMost(0.2));
}

fn requests(figures: &mut Figures, fleet: &Fleet) {
    let since = began(RUNS) - DAYS * DAY_MS;
    let query =
        ReportQuery { since_ms: Some(since), limit: Some(10_000), ..ReportQuery::default() };
    let seconds = median(|| {
        let matrix = fleet.runtime.block_on(fleet.client.matrix(&query)).expect("a matrix");
        assert_eq!(matrix.cells.len(), 300 * 8);
    });
    figures.row("matrix of 90 days", seconds, "s", Target::AtMost(1.0));
    let query = ChangesQuery { to: Some(RunId(RUNS)), ..ChangesQuery::default() };
    let ask = || {
        let changes = fleet.runtime.block_on(fleet.client.changes(&query)).expect("changes");
        assert_eq!(changes.totals.tests, u64::from(TESTS));
    };
    // The coordinator stores verdicts, so that the first question takes longest.
    let start = Instant::now();
    ask();
    let first = start.elapsed().as_secs_f64();
    figures.row("changes of a run of 1,000 tests", first, "s", Target::AtMost(1.0));
    figures.row("changes of that run, asked again", median(ask), "s", Target::AtMost(1.0));
    let week = ChangesQuery { since_ms: Some(began(RUNS) - 7 * DAY_MS), ..ChangesQuery::default() };
    let start = Instant::now();
    fleet.runtime.block_on(fleet.client.changes(&week)).expect("changes");
    let first = start.elapsed().as_secs_f64();
    figures.row("changes of a week, where nothing was judged", first, "s", Target::None);
}

fn pages(figures: &mut Figures, fleet: &Fleet) {
    let mut row = |what: &str, path: &str, target| {
        let seconds = median(|| {
            let page = fleet.page(path);
            assert!(page.contains("</html>"), "{path}: {page}");
        });
        figures.row(what, seconds, "s", target);
    };
    row("page of that matrix", &format!("/matrix?days={}", DAYS + 1), Target::AtMost(1.0));
    row("page of a test, with its history", &format!("/tests/r{RUNS}.t0"), Target::AtMost(0.1));
}

/// Median time of several calls, in seconds.
fn median(mut call: impl FnMut()) -> f64 {
    let mut times: Vec<Duration> = (0..ASKED)
        .map(|_| {
            let start = Instant::now();
            call();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[ASKED / 2].as_secs_f64()
}
