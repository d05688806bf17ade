//! Fills the columns of schema 10 for rows of earlier versions, as far as their JSON has the values. The ids
//! of cases and series need launches, which only the event log has.
//!
//! Limits: as in [`mod@super::fill`]. Promise: an interrupted migration fills all rows again.

use super::fill::{fill_tables, in_steps};
use crate::store::project::detail::Detail;
use crate::store::project::{Hardware, Held, Software};
use duckdb::{Appender, Connection, Row, params};
use serde_json::value::RawValue;
use std::collections::{HashMap, HashSet};

/// Each statement has the first and the last row of a step as `?1` and `?2`. The labels with sizes are
/// `traits::SIZES`, in their order.
const TESTS: &[&str] = &["UPDATE tests SET model = s.labels ->> '$.model', \
    family = s.labels ->> '$.family', backend = s.labels ->> '$.backend', \
    dtype = s.labels ->> '$.dtype', batch = TRY_CAST(s.labels ->> '$.batch' AS UINTEGER), \
    shape = nullif(concat_ws(' ', 'sequence_length=' || (s.labels ->> '$.sequence_length'), \
        'image_size=' || (s.labels ->> '$.image_size'), \
        'max_new_tokens=' || (s.labels ->> '$.max_new_tokens'), \
        'audio_seconds=' || (s.labels ->> '$.audio_seconds'), \
        'latent_size=' || (s.labels ->> '$.latent_size')), ''), \
    runtime = s.labels ->> '$.runtime', template = s.labels ->> '$.template', \
    template_version = TRY_CAST(s.labels ->> '$.template_version' AS UINTEGER), \
    kind = s.labels ->> '$.role' \
    FROM (SELECT rowid AS id, TRY_CAST(labels AS JSON) AS labels FROM tests \
        WHERE rowid BETWEEN ?1 AND ?2) AS s \
    WHERE tests.rowid = s.id"];

const TEST_OUTCOMES: &[&str] = &["UPDATE test_outcomes SET dependency = TRY_CAST(\
        regexp_extract(message, '^its dependency r[0-9]+[.]t([0-9]+) did not pass$', 1) AS UINTEGER) \
    WHERE rowid BETWEEN ?1 AND ?2 AND outcome = 'skipped'"];

const OUT_OF_MEMORY: &str = "DELETE FROM out_of_memory; \
    INSERT INTO out_of_memory SELECT run, test, attempt, \
        TRY_CAST(TRY_CAST(environment AS JSON) ->> '$.memory_bytes' AS UBIGINT), \
        TRY_CAST(TRY_CAST(environment AS JSON) ->> '$.device_memory_bytes' AS UBIGINT), \
        peak_memory_bytes, finished_ms \
    FROM attempts WHERE class = 'out_of_memory' ORDER BY attempts.rowid";

/// Fills all rows.
pub(super) fn fill(connection: &Connection) -> duckdb::Result<()> {
    fill_tables(connection, &[("tests", TESTS), ("test_outcomes", TEST_OUTCOMES)])?;
    connection.execute_batch(OUT_OF_MEMORY)?;
    connection.execute_batch("DELETE FROM environments; DELETE FROM check_values")?;
    let hardware = known_hardware(connection)?;
    let mut environments = HashSet::new();
    let sql = "SELECT coalesce(max(rowid) + 1, 0) FROM attempts";
    let rows: u64 = connection.query_row(sql, [], |row| row.get(0))?;
    in_steps(rows, MAX_READ, |first, last| {
        fill_attempts(connection, &hardware, &mut environments, first, last)
    })
}

/// Maximum number of details in memory.
const MAX_READ: u64 = 256;

/// Capabilities of each worker, by time.
type KnownHardware = HashMap<u32, Vec<(u64, Hardware)>>;

fn known_hardware(connection: &Connection) -> duckdb::Result<KnownHardware> {
    let sql = "SELECT worker, since_ms, capability FROM worker_capabilities ORDER BY seq";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut known = KnownHardware::new();
    while let Some(row) = rows.next()? {
        let capability: String = row.get(2)?;
        let since = (row.get(1)?, Hardware::parse(&capability));
        known.entry(row.get(0)?).or_default().push(since);
    }
    Ok(known)
}

/// A row of `attempts`, as far as it matters.
struct Attempt {
    id: u64,
    key: (u32, u32, u16),
    worker: u32,
    finished_ms: u64,
    environment: Option<String>,
    detail: Option<Box<RawValue>>,
}

impl Attempt {
    fn read(row: &Row<'_>) -> duckdb::Result<Self> {
        let detail: Option<String> = row.get(7)?;
        Ok(Self {
            id: row.get(0)?,
            key: (row.get(1)?, row.get(2)?, row.get(3)?),
            worker: row.get(4)?,
            finished_ms: row.get(5)?,
            environment: row.get(6)?,
            detail: detail.and_then(|text| RawValue::from_string(text).ok()),
        })
    }
}

const READ: &str = "SELECT attempts.rowid, attempts.run, attempts.test, attempts.attempt, \
    attempts.worker, attempts.finished_ms, attempts.environment, \
    coalesce(attempts.detail, parts.detail) FROM attempts LEFT JOIN (\
        SELECT p.run, p.test, p.attempt, p.epoch, string_agg(p.text, '' ORDER BY p.part) AS detail \
        FROM detail_parts AS p JOIN attempts AS a ON a.run = p.run AND a.test = p.test \
        AND a.attempt = p.attempt AND a.epoch = p.epoch \
        WHERE NOT p.late AND a.rowid BETWEEN ?1 AND ?2 GROUP BY ALL) AS parts \
    ON parts.run = attempts.run AND parts.test = attempts.test \
    AND parts.attempt = attempts.attempt AND parts.epoch = attempts.epoch \
    WHERE attempts.rowid BETWEEN ?1 AND ?2 ORDER BY attempts.rowid";

/// Fills these rows of `attempts`, and adds their rows in other tables.
fn fill_attempts(
    connection: &Connection,
    hardware: &KnownHardware,
    environments: &mut HashSet<u64>,
    first: u64,
    last: u64,
) -> duckdb::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    let mut statement = transaction.prepare(READ)?;
    let attempts = statement.query_map(params![first, last], Attempt::read)?;
    let attempts = attempts.collect::<duckdb::Result<Vec<_>>>()?;
    transaction.execute_batch(
        "CREATE OR REPLACE TEMP TABLE found (id UBIGINT, product VARCHAR, driver VARCHAR, \
         environment_id UBIGINT)",
    )?;
    let mut found = transaction.appender("found")?;
    let mut versions = transaction.appender("environments")?;
    let mut figures = transaction.appender("check_values")?;
    let unknown = Hardware::default();
    // Rows of a transaction that fails do not count.
    let mut added = environments.clone();
    for attempt in &attempts {
        let detail = Detail::parse(attempt.detail.as_deref());
        let offered = hardware.get(&attempt.worker).map_or(&[][..], Vec::as_slice);
        let offered = offered.iter().rfind(|(since, _)| *since <= attempt.finished_ms);
        let offered = offered.map_or(&unknown, |(_, hardware)| hardware);
        let Held { product, driver, .. } = offered.held(None, &detail.products());
        let software = attempt.environment.as_deref().and_then(Software::of);
        let environment = software.as_ref().map(|software| software.id);
        found.append_row(params![attempt.id, product, driver, environment])?;
        if let Some(software) = software.filter(|software| added.insert(software.id)) {
            for (package, version) in &software.versions {
                versions.append_row(params![software.id, package, version])?;
            }
        }
        add_figures(&mut figures, attempt.key, &detail)?;
    }
    for appender in [&mut found, &mut versions, &mut figures] {
        appender.flush()?;
    }
    drop((found, versions, figures));
    transaction.execute_batch(
        "UPDATE attempts SET device_product = found.product, driver = found.driver, \
         environment_id = found.environment_id FROM found WHERE attempts.rowid = found.id; \
         DROP TABLE found",
    )?;
    transaction.commit()?;
    *environments = added;
    Ok(())
}

fn add_figures(
    table: &mut Appender<'_>,
    (run, test, attempt): (u32, u32, u16),
    detail: &Detail<'_>,
) -> duckdb::Result<()> {
    for (name, figure) in detail.figures() {
        let (value, tolerance, series) = (figure.value, figure.tolerance, None::<u64>);
        let row = params![run, test, attempt, name, figure.name, value, tolerance, series];
        table.append_row(row)?;
    }
    Ok(())
}
