//! A small history: events as the coordinator stores them.

use crate::domain::capability::Capability;
use crate::domain::fact::{Fact, Grant, Next, Notice};
use crate::domain::id::{Epoch, LeaseId, RunId, TestId, WorkerId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::storage_id::StorageId;
use crate::domain::test::{SkipCause, TestSpec};
use crate::domain::time::{Millis, Timestamp};
use crate::store::{Opened, Store};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use uuid::Uuid;

pub struct Place {
    /// Deleted with the place.
    _dir: TempDir,
    pub file: PathBuf,
}

pub fn place() -> Place {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("results.duckdb");
    Place { _dir: dir, file }
}

pub fn identity() -> StorageId {
    StorageId::from_bytes([7; 16])
}

pub fn open(place: &Place) -> Opened {
    Store::open(&place.file, identity()).expect("opens")
}

/// A new database with these facts, each in its own record.
pub fn with(events: &[Fact]) -> (Place, Opened) {
    let place = place();
    let mut opened = open(&place);
    opened.writer.project(numbered(events)).expect("projects");
    (place, opened)
}

pub fn numbered(events: &[Fact]) -> impl Iterator<Item = (u64, [&Fact; 1])> {
    (1..).zip(events.iter().map(|event| [event]))
}

pub fn id(run: u32, index: u32) -> TestId {
    TestId { run: RunId(run), index }
}

pub fn registered(worker: u32, name: &str) -> Fact {
    let capability: Capability = serde_json::from_value(json!({
        "os": "linux", "arch": "x86_64", "cpu_milli": 2000, "memory_bytes": 1_073_741_824,
        "slots": 2, "backends": ["cpu"],
    }))
    .expect("a capability");
    Fact::WorkerRegistered {
        worker: WorkerId(worker),
        key: Uuid::from_u128(1),
        place: "".into(),
        incarnation: Uuid::from_u128(2),
        name: name.into(),
        capability: Arc::new(capability),
        at: Timestamp(1000),
    }
}

pub fn submitted(run: u32, at: u64) -> Fact {
    Fact::RunSubmitted {
        run: RunId(run),
        name: format!("run {run}").into(),
        idempotency: None,
        user: "someone".into(),
        closed_world: false,
        at: Timestamp(at),
    }
}

/// Named `names`, the first with labels.
pub fn added(run: u32, names: &[&str]) -> Fact {
    let spec = |(place, name): (usize, &&str)| {
        let mut launch = json!({ "run": { "command": ["true"] } });
        if place == 0 {
            launch["labels"] = json!({ "model": "bert", "backend": "cpu" });
        }
        let spec = json!({ "name": name, "launch": launch });
        Arc::new(serde_json::from_str::<TestSpec>(&spec.to_string()).expect("a test"))
    };
    Fact::TestsAdded {
        run: RunId(run),
        first: 0,
        tests: names.iter().enumerate().map(spec).collect(),
        last: true,
        part: 0,
        at: Timestamp(2000),
    }
}

pub fn lease(test: TestId, number: u16, epoch: u64) -> LeaseId {
    LeaseId { attempt: test.attempt(number), epoch: Epoch(epoch) }
}

pub fn finished(test: TestId, number: u16, outcome: Outcome, next: Next, detail: &Value) -> Fact {
    Fact::AttemptFinished {
        lease: lease(test, number, u64::from(number)),
        worker: WorkerId(1),
        outcome,
        class: (outcome == Outcome::Error).then_some(Class::Crash),
        duration_ms: Millis(70 + u64::from(number)),
        detail: Some(raw(detail)),
        next,
        at: Timestamp(3000 + u64::from(number)),
    }
}

pub fn done(test: TestId, outcome: Outcome) -> Fact {
    finished(test, 1, outcome, Next::Done { flaky: false }, &json!({ "message": "so it went" }))
}

pub fn raw(value: &Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).expect("json")
}

/// One run with one test of every kind: passed with metrics, flaky, crashed, skipped,
/// expired, waiting; a late result; a second run, cancelled with one test on a worker.
pub fn history() -> Vec<Fact> {
    let detail = json!({
        "exit_code": 0, "message": "fine", "isolation": "warm", "peak_memory_bytes": 123_456_789,
        "environment": { "torch": "2.9.0", "threads": 1 }, "devices": ["NVIDIA L4"],
        "metrics": [
            { "name": "latency_seconds", "unit": "seconds", "better": "lower",
              "values": [0.3, 0.1, 0.2, null, 0.4] },
            { "name": "load_seconds", "unit": "seconds", "better": "lower", "values": [1.5] },
        ],
        "checks": [{ "name": "reference", "passed": true, "values": { "max_abs": 0.001 } }],
    });
    let passed = Next::Done { flaky: false };
    let flaky = Next::Done { flaky: true };
    let again = Next::Retry { elsewhere: false };
    let notice = Notice { lease: lease(id(2, 1), 1, 9), worker: WorkerId(1), epoch: Epoch(10) };
    let grant = Grant { lease: lease(id(2, 1), 1, 9), seat: Epoch(9), devices: vec![] };
    vec![
        registered(1, "old name"),
        registered(1, "lab"),
        submitted(1, 1500),
        added(1, &["good", "flaky", "crashed", "skipped", "expired", "waiting"]),
        finished(id(1, 0), 1, Outcome::Passed, passed, &detail),
        finished(id(1, 1), 1, Outcome::Failed, again, &json!({ "message": "not yet" })),
        finished(id(1, 1), 2, Outcome::Passed, flaky, &json!({})),
        finished(id(1, 2), 1, Outcome::Error, passed, &json!({ "message": "gone", "signal": 11 })),
        Fact::TestSkipped {
            test: id(1, 3),
            because: SkipCause::Dependency(id(1, 2)),
            at: Timestamp(4000),
        },
        Fact::TestExpired { test: id(1, 4), at: Timestamp(5000) },
        Fact::LateResult {
            lease: lease(id(1, 1), 1, 1),
            worker: WorkerId(1),
            outcome: Outcome::Passed,
            detail: None,
            at: Timestamp(5500),
        },
        submitted(2, 6000),
        added(2, &["ended", "held", "never"]),
        done(id(2, 0), Outcome::Passed),
        Fact::LeasesGranted { worker: WorkerId(1), grants: vec![grant], at: Timestamp(6100) },
        Fact::RunCancelled {
            run: RunId(2),
            by: "someone".into(),
            notices: vec![notice],
            at: Timestamp(6200),
        },
        Fact::LeaseReturned {
            lease: lease(id(2, 1), 1, 9),
            worker: WorkerId(1),
            lost: false,
            at: Timestamp(6300),
        },
    ]
}

/// A run with a result and a late result whose details are too large for one row, as records 18 to 21.
pub fn large() -> Vec<Fact> {
    let values: Vec<f64> = (0..3000u32).map(|n| f64::from(n) / 8.0).collect();
    let detail = json!({
        "message": "large", "output": "0123456789".repeat(4000),
        "environment": { "torch": "2.9.0" },
        "metrics": [
            { "name": "latency_seconds", "unit": "seconds", "better": "lower", "values": values },
        ],
    });
    vec![
        submitted(3, 7000),
        added(3, &["large", "late"]),
        finished(id(3, 0), 1, Outcome::Passed, Next::Done { flaky: false }, &detail),
        Fact::LateResult {
            lease: lease(id(3, 1), 1, 1),
            worker: WorkerId(1),
            outcome: Outcome::Passed,
            detail: Some(raw(&json!({ "output": "0123456789".repeat(2000) }))),
            at: Timestamp(5500),
        },
    ]
}

/// All rows of all tables and views except the identity, as text, in an order that does not depend on
/// the order of their creation.
pub fn dump(connection: &duckdb::Connection) -> Vec<String> {
    let read = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).expect("prepares");
        let rows = statement.query_map([], |row| row.get(0)).expect("reads");
        rows.map(|row| row.expect("a row")).collect()
    };
    let relations = "SELECT table_name FROM duckdb_tables() WHERE NOT internal AND table_name <> 'identity' \
        UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1";
    let rows = |name: String| {
        let sql = format!("SELECT '{name} ' || r::VARCHAR FROM {name} AS r ORDER BY 1");
        read(&sql)
    };
    read(relations).into_iter().flat_map(rows).collect()
}
