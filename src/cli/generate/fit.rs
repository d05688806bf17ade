//! What no known worker can run, told before anything is sent. The coordinator tells the
//! same of what was submitted.

use crate::api::v1::runs::{Miss, Unschedulable};
use crate::api::v1::workers::{WorkerState, WorkerView};
use crate::domain::requirement::{MAX_MISSES, Requirement};
use crate::domain::test::TestSpec;
use std::collections::HashMap;
use std::sync::Arc;

/// Requirements that no active worker meets, with the nearest misses; in the order of their
/// first tests. Without any worker they are one group.
pub fn unmet(tests: &[Arc<TestSpec>], workers: &[WorkerView]) -> Vec<Unschedulable> {
    let active: Vec<_> = workers.iter().filter(|w| w.state == WorkerState::Active).collect();
    let nobody = Requirement::default();
    let mut at: HashMap<&Requirement, Option<usize>> = HashMap::new();
    let mut unmet: Vec<Unschedulable> = Vec::new();
    for test in tests {
        let need = if active.is_empty() { &nobody } else { &*test.requirement };
        let group = *at.entry(need).or_insert_with(|| {
            let nearest = nearest(need, &active)?;
            unmet.push(Unschedulable { test: test.name.to_string(), tests: 0, nearest });
            Some(unmet.len() - 1)
        });
        if let Some(group) = group.and_then(|group| unmet.get_mut(group)) {
            group.tests += 1;
        }
    }
    unmet
}

/// None: one of them lacks nothing.
fn nearest(need: &Requirement, workers: &[&WorkerView]) -> Option<Vec<Miss>> {
    let mut misses = Vec::with_capacity(workers.len());
    for worker in workers {
        let lacks = need.met_by(&worker.capability).err()?;
        misses.push(Miss { worker: worker.worker, name: worker.name.clone(), lacks });
    }
    misses.sort_by(|a, b| a.lacks.nearest_first(&b.lacks).then(a.worker.cmp(&b.worker)));
    misses.truncate(MAX_MISSES);
    Some(misses)
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
            capability: Arc::new(from_value(capability).expect("a capability")),
            running: 0,
            ahead: 0,
            last_seen: from_value(json!(0)).expect("a time"),
            silent_ms: crate::domain::time::Millis(0),
            registered_at: from_value(json!(0)).expect("a time"),
        }
    }

    fn test(name: &str, gib: u64) -> Arc<TestSpec> {
        let requirement = json!({"memory_bytes": gib << 30});
        let test = json!({"name": name, "requirement": requirement, "launch": {}});
        Arc::new(from_value(test).expect("a test"))
    }

    #[test]
    fn what_exceeds_every_worker_is_told_once_for_each_requirement() {
        let workers = [worker(1, WorkerState::Active, 8), worker(2, WorkerState::Lost, 64)];
        let tests = [test("small", 4), test("large", 16), test("larger", 16), test("huge", 128)];
        let told = unmet(&tests, &workers);
        let told: Vec<_> = told.iter().map(|group| (&*group.test, group.tests)).collect();
        assert_eq!(told, [("large", 2), ("huge", 1)]);
        let lacks = unmet(&tests, &workers)[0].nearest[0].lacks.to_string();
        assert_eq!(lacks, "needs 16.0 GiB of memory, has 8.0");
    }

    #[test]
    fn without_workers_there_is_one_group() {
        let told = unmet(&[test("a", 1), test("b", 2)], &[worker(1, WorkerState::Gone, 8)]);
        assert_eq!((told.len(), told[0].tests, told[0].nearest.len()), (1, 2, 0));
    }
}
