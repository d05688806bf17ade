//! Knowledge of the projection from earlier facts: cancelled runs, the hardware of workers, the cases of
//! tests, and the environments and sets of metrics that have rows.
//!
//! Limits: one entry for each cancelled run and each registered worker; at most [`MAX_DIGESTS`] digests of each kind;
//! the cases of the tests of one transaction.

use super::traits::Traits;
use crate::domain::capability::Capability;
use crate::domain::fact::Fact;
use crate::domain::id::{RunId, TestId, WorkerId};
use crate::domain::series::{CaseId, HeldDevice, SeriesId};
use duckdb::{Connection, params};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Maximum number of digests of one kind in memory.
const MAX_DIGESTS: usize = 4096;

/// Outlives transactions. A copy is restored when one fails.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Known {
    /// A lease of such a run that is returned unstarted ends its test.
    pub cancelled: HashSet<RunId>,
    /// A quarantine was added, which may cover tests that end.
    pub has_quarantines: bool,
    workers: HashMap<WorkerId, Arc<Hardware>>,
    environments: HashSet<u64>,
    metric_sets: HashSet<u64>,
}

/// The hardware of a worker, as it last reported it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::store) struct Hardware {
    cpu_model: String,
    accelerators: Vec<Device>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Device {
    model: String,
    driver: String,
}

/// The hardware of an attempt.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Held {
    pub series: Option<SeriesId>,
    /// Product of the devices, or of the CPU of an attempt without one.
    pub product: Option<String>,
    pub driver: Option<String>,
}

impl Known {
    /// Reads it from the stored rows.
    pub fn read(connection: &Connection) -> duckdb::Result<Self> {
        let mut known = Self::default();
        let mut statement = connection.prepare("SELECT run FROM run_cancellations")?;
        let runs = statement.query_map([], |row| row.get(0).map(RunId))?;
        known.cancelled = runs.collect::<duckdb::Result<_>>()?;
        known.has_quarantines =
            connection.query_row("SELECT count(*) > 0 FROM quarantines", [], |row| row.get(0))?;
        let mut statement = connection.prepare(
            "SELECT worker, arg_max(capability, seq) FROM worker_capabilities GROUP BY worker",
        )?;
        let workers = statement.query_map([], |row| {
            let hardware: String = row.get(1)?;
            Ok((WorkerId(row.get(0)?), Arc::new(Hardware::parse(&hardware))))
        })?;
        known.workers = workers.collect::<duckdb::Result<_>>()?;
        Ok(known)
    }

    pub fn worker(&mut self, worker: WorkerId, capability: &Capability) {
        let devices = capability.accelerators.iter();
        let accelerators = devices
            .map(|device| Device { model: device.model.clone(), driver: device.driver.clone() })
            .collect();
        let hardware = Hardware { cpu_model: capability.cpu_model.clone(), accelerators };
        self.workers.insert(worker, Arc::new(hardware));
    }

    /// Whether an environment has rows, or gets them with this call.
    pub fn has_environment(&mut self, connection: &Connection, id: u64) -> duckdb::Result<bool> {
        let sql = "SELECT count(*) > 0 FROM environments WHERE environment_id = ?";
        is_stored(&mut self.environments, connection, sql, id)
    }

    /// Whether a set of metrics has rows, or gets them with this call.
    pub fn has_metric_set(&mut self, connection: &Connection, id: u64) -> duckdb::Result<bool> {
        let sql = "SELECT count(*) > 0 FROM metric_sets WHERE metric_set = ?";
        is_stored(&mut self.metric_sets, connection, sql, id)
    }

    /// The hardware of an attempt that held devices of these products.
    pub fn held(&self, worker: WorkerId, case: Option<CaseId>, products: &[String]) -> Held {
        let unknown = Hardware::default();
        self.workers.get(&worker).map_or(&unknown, |known| &**known).held(case, products)
    }
}

/// Whether a digest is one of these, or the query finds it; it is one of them afterwards.
fn is_stored(
    digests: &mut HashSet<u64>,
    connection: &Connection,
    sql: &str,
    digest: u64,
) -> duckdb::Result<bool> {
    if digests.contains(&digest) {
        return Ok(true);
    }
    let stored = connection.query_row(sql, params![digest], |row| row.get(0))?;
    if digests.len() >= MAX_DIGESTS {
        digests.clear();
    }
    digests.insert(digest);
    Ok(stored)
}

impl Hardware {
    /// Reads the hardware of a capability, which is JSON. Unreadable parts are unknown.
    pub fn parse(capability: &str) -> Self {
        serde_json::from_str(capability).unwrap_or_default()
    }

    /// The hardware of an attempt that held devices of these products.
    pub fn held(&self, case: Option<CaseId>, products: &[String]) -> Held {
        let driver = |product: &String| {
            let known = self.accelerators.iter().find(|device| device.model == *product);
            known.map_or("", |device| &*device.driver)
        };
        let held: Vec<HeldDevice<'_>> = products
            .iter()
            .map(|product| HeldDevice { product, driver: driver(product) })
            .collect();
        let cpu = &self.cpu_model;
        let drivers: BTreeSet<&str> = held.iter().map(|device| device.driver).collect();
        let drivers: Vec<&str> = drivers.into_iter().filter(|text| !text.is_empty()).collect();
        Held {
            series: case.map(|case| SeriesId::of(case, &held, cpu)),
            product: product_of(products).or_else(|| filled(cpu.clone())),
            driver: filled(drivers.join(", ")),
        }
    }
}

/// Names devices as one text: `NVIDIA L4`, `2 x NVIDIA L4`. `None` without a device.
fn product_of(products: &[String]) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for product in products {
        *counts.entry(product.trim()).or_default() += 1;
    }
    let texts = counts.into_iter().map(|(product, count)| match count {
        1 => product.to_owned(),
        count => format!("{count} x {product}"),
    });
    filled(texts.collect::<Vec<_>>().join(", "))
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// The cases of the tests whose attempts end in one transaction.
#[derive(Debug, Default)]
pub(super) struct Cases(HashMap<TestId, Option<CaseId>>);

impl Cases {
    /// Reads the cases of tests that are stored already.
    pub fn read<'f>(
        connection: &Connection,
        facts: impl Iterator<Item = &'f Fact>,
    ) -> duckdb::Result<Self> {
        let ended = facts.filter_map(|fact| match fact {
            Fact::AttemptFinished { lease, .. } => Some((lease.attempt.test, None)),
            _ => None,
        });
        let mut cases = Self(ended.collect());
        let (Some(first), Some(last)) = (
            cases.0.keys().map(|test| test.run.0).min(),
            cases.0.keys().map(|test| test.run.0).max(),
        ) else {
            return Ok(cases);
        };
        let list = |of: fn(&TestId) -> u32| {
            let numbers: Vec<String> = cases.0.keys().map(|test| of(test).to_string()).collect();
            format!("[{}]", numbers.join(","))
        };
        let (runs, tests) = (list(|test| test.run.0), list(|test| test.index));
        let sql = "SELECT tests.run, tests.test, tests.case_id FROM tests \
            JOIN (SELECT unnest(?::UINTEGER[]) AS run, unnest(?::UINTEGER[]) AS test) AS wanted \
            ON wanted.run = tests.run AND wanted.test = tests.test \
            WHERE tests.run BETWEEN ? AND ? AND tests.case_id IS NOT NULL";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map(params![runs, tests, first, last], |row| {
            let test = TestId { run: RunId(row.get(0)?), index: row.get(1)? };
            Ok((test, row.get(2).map(CaseId)?))
        })?;
        for row in rows {
            let (test, case) = row?;
            cases.0.insert(test, Some(case));
        }
        Ok(cases)
    }

    /// A test was added in the same transaction.
    pub fn added(&mut self, test: TestId, traits: &Traits) {
        if let Some(case) = self.0.get_mut(&test) {
            *case = traits.case;
        }
    }

    pub fn of(&self, test: TestId) -> Option<CaseId> {
        self.0.get(&test).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_once_with_their_number() {
        let name = |products: &[&str]| {
            let products: Vec<String> = products.iter().map(|text| (*text).to_owned()).collect();
            product_of(&products)
        };
        assert_eq!(name(&[]), None);
        assert_eq!(name(&[""]), None);
        assert_eq!(name(&["L4"]).as_deref(), Some("L4"));
        assert_eq!(name(&["L4", "A100", " L4"]).as_deref(), Some("A100, 2 x L4"));
    }

    #[test]
    fn an_attempt_without_a_device_is_one_of_its_processor() {
        let mut known = Known::default();
        let device = Device { model: "L4".to_owned(), driver: "570.1".to_owned() };
        let hardware = Hardware { cpu_model: "EPYC".to_owned(), accelerators: vec![device] };
        known.workers.insert(WorkerId(1), Arc::new(hardware));
        let case = Some(CaseId(7));
        let on_cpu = known.held(WorkerId(1), case, &[]);
        assert_eq!((on_cpu.product.as_deref(), &on_cpu.driver), (Some("EPYC"), &None));
        let on_device = known.held(WorkerId(1), case, &["L4".to_owned()]);
        assert_eq!(on_device.product.as_deref(), Some("L4"));
        assert_eq!(on_device.driver.as_deref(), Some("570.1"));
        assert_ne!(on_device.series, on_cpu.series);
        let unknown = known.held(WorkerId(2), None, &[]);
        assert_eq!(unknown, Held::default());
    }
}
