//! Requirements that no known worker meets, reported before anything is sent. The coordinator
//! reports the same for a submission.

use crate::api::v1::runs::{Miss, Unschedulable};
use crate::api::v1::workers::{WorkerState, WorkerView};
use crate::domain::capability::Capability;
use crate::domain::id::WorkerId;
use crate::domain::requirement::unmet::{self, Unmet, nearest_misses};
use crate::domain::test::TestSpec;
use std::collections::HashMap;
use std::sync::Arc;

/// The requirements that no active worker meets, with the nearest misses, in the order of their
/// first tests. Without active workers, all tests are one group.
pub fn unmet(tests: &[Arc<TestSpec>], workers: &[WorkerView]) -> Vec<Unschedulable> {
    let active: HashMap<WorkerId, &WorkerView> = workers
        .iter()
        .filter(|worker| worker.state == WorkerState::Active)
        .map(|worker| (worker.worker, worker))
        .collect();
    if active.is_empty() {
        let all = tests.first().map(|first| Unschedulable {
            test: first.name.to_string(),
            tests: u32::try_from(tests.len()).unwrap_or(u32::MAX),
            nearest: Vec::new(),
        });
        return all.into_iter().collect();
    }
    let offers: Vec<(WorkerId, &Capability)> =
        active.iter().map(|(id, worker)| (*id, &*worker.capability)).collect();
    let needs = tests.iter().map(|test| &*test.requirement);
    let missed = unmet::unmet(needs, |need| nearest_misses(need, &offers));
    let named = missed.into_iter().map(|Unmet { first, tests: count, nearest }| {
        let nearest = nearest.into_iter().map(|(worker, lacks)| {
            let name = active.get(&worker).map(|worker| worker.name.clone()).unwrap_or_default();
            Miss { worker, name, lacks }
        });
        Unschedulable {
            test: tests[first].name.to_string(),
            tests: count,
            nearest: nearest.collect(),
        }
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    fn worker(id: u64, state: WorkerState, gib: u64) -> WorkerView {
        let capability = json!({
            "os": "linux", "arch": "x86_64", "backends": ["cpu"], "cpu_milli": 4000,
            "memory_bytes": gib << 30, "accelerators": [], "tags": [], "slots": 2,
        });
        WorkerView {
            worker: format!("w{id}").parse().expect("an id"),
            name: format!("lab-{id}"),
            state,
            calibrating: false,
            capability: Arc::new(from_value(capability).expect("a capability")),
            running: 0,
            ahead: 0,
            last_seen: from_value(json!(0)).expect("a time"),
            silent_ms: crate::domain::time::Millis(0),
            registered_at: from_value(json!(0)).expect("a time"),
            change: None,
            speed: None,
            weights: None,
        }
    }

    fn test(name: &str, gib: u64) -> Arc<TestSpec> {
        let requirement = json!({"memory_bytes": gib << 30});
        let test = json!({"name": name, "requirement": requirement, "launch": {}});
        Arc::new(from_value(test).expect("a test"))
    }

    #[test]
    fn each_requirement_that_exceeds_every_worker_is_named_once() {
        let workers = [worker(1, WorkerState::Active, 8), worker(2, WorkerState::Lost, 64)];
        let tests = [test("small", 4), test("large", 16), test("larger", 16), test("huge", 128)];
        let missed = unmet(&tests, &workers);
        let counts: Vec<_> = missed.iter().map(|group| (&*group.test, group.tests)).collect();
        assert_eq!(counts, [("large", 2), ("huge", 1)]);
        let lacks = unmet(&tests, &workers)[0].nearest[0].lacks.to_string();
        assert_eq!(lacks, "needs 16.0 GiB of memory, has 8.0");
    }

    #[test]
    fn without_workers_there_is_one_group() {
        let missed = unmet(&[test("a", 1), test("b", 2)], &[worker(1, WorkerState::Gone, 8)]);
        assert_eq!((missed.len(), missed[0].tests, missed[0].nearest.len()), (1, 2, 0));
    }
}
