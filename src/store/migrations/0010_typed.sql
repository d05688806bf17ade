-- What is asked often has columns instead of JSON. All statements can be repeated. NULL: it does not apply, or is
-- unknown. Rows of earlier versions have no `case_id` and no `series_id`, which need the launch of the test:
-- `dtf results rebuild` adds them from the event log.

-- Identity of what a test is, over all runs, and its parts.
ALTER TABLE tests ADD COLUMN IF NOT EXISTS case_id UBIGINT;
ALTER TABLE tests ADD COLUMN IF NOT EXISTS model VARCHAR;
ALTER TABLE tests ADD COLUMN IF NOT EXISTS family VARCHAR;
ALTER TABLE tests ADD COLUMN IF NOT EXISTS backend VARCHAR;
ALTER TABLE tests ADD COLUMN IF NOT EXISTS dtype VARCHAR;
ALTER TABLE tests ADD COLUMN IF NOT EXISTS batch UINTEGER;
-- The other sizes: `sequence_length=128 max_new_tokens=16`.
ALTER TABLE tests ADD COLUMN IF NOT EXISTS shape VARCHAR;
ALTER TABLE tests ADD COLUMN IF NOT EXISTS runtime VARCHAR;
ALTER TABLE tests ADD COLUMN IF NOT EXISTS template VARCHAR;
ALTER TABLE tests ADD COLUMN IF NOT EXISTS template_version UINTEGER;
-- test, load or reference of a model; script or command of other tests.
ALTER TABLE tests ADD COLUMN IF NOT EXISTS kind VARCHAR;

-- Identity of a case on one kind of hardware.
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS series_id UBIGINT;
-- Product of the devices that the attempt held; of the CPU of its worker if it held none.
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS device_product VARCHAR;
-- Version of the driver of these devices.
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS driver VARCHAR;
-- Digest of the versions in `environments`.
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS environment_id UBIGINT;

-- That of the attempt, so that the history of a series is read from this table alone.
ALTER TABLE metrics ADD COLUMN IF NOT EXISTS series_id UBIGINT;

-- Versions of Python and packages, once for each environment.
CREATE TABLE IF NOT EXISTS environments (
    environment_id UBIGINT NOT NULL,
    package VARCHAR NOT NULL,
    version VARCHAR NOT NULL
);

-- Figures of checks, such as an error against the reference, one row for each.
CREATE TABLE IF NOT EXISTS check_values (
    run UINTEGER NOT NULL,
    test UINTEGER NOT NULL,
    attempt USMALLINT NOT NULL,
    name VARCHAR NOT NULL, -- of the check
    figure VARCHAR NOT NULL,
    value DOUBLE NOT NULL,
    tolerance DOUBLE, -- of the same name
    series_id UBIGINT
);

-- Attempts that ran out of memory, and the memory that was available to them.
CREATE TABLE IF NOT EXISTS out_of_memory (
    run UINTEGER NOT NULL,
    test UINTEGER NOT NULL,
    attempt USMALLINT NOT NULL,
    memory_bytes UBIGINT, -- of the worker, for tests
    device_memory_bytes UBIGINT, -- of the smallest device
    peak_memory_bytes UBIGINT, -- of the processes
    finished_ms UBIGINT NOT NULL
);

-- The test of the same run because of which a test was skipped.
ALTER TABLE test_outcomes ADD COLUMN IF NOT EXISTS dependency UINTEGER;

-- Tests whose failures are known, as rules about names. Rows about marks are kept by `dtf results gc`.
CREATE TABLE IF NOT EXISTS quarantines (
    quarantine UINTEGER NOT NULL,
    pattern VARCHAR NOT NULL,
    name_like VARCHAR NOT NULL, -- the pattern, for LIKE
    worker VARCHAR,
    backend VARCHAR,
    reason VARCHAR NOT NULL,
    added_by VARCHAR NOT NULL,
    added_ms UBIGINT NOT NULL,
    expires_ms UBIGINT NOT NULL
);

-- Changes of measured values that count as known from a run on, one row for each series.
CREATE TABLE IF NOT EXISTS acceptances (
    acceptance UINTEGER NOT NULL,
    case_id UBIGINT NOT NULL,
    series_id UBIGINT NOT NULL,
    metric VARCHAR, -- NULL: all
    run UINTEGER NOT NULL,
    reason VARCHAR NOT NULL,
    accepted_by VARCHAR NOT NULL,
    accepted_ms UBIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS mark_removals (
    kind VARCHAR NOT NULL, -- quarantine, acceptance
    mark UINTEGER NOT NULL,
    removed_by VARCHAR NOT NULL,
    removed_ms UBIGINT NOT NULL
);

-- Ended tests to which a quarantine applied at their end.
CREATE TABLE IF NOT EXISTS quarantined (
    run UINTEGER NOT NULL,
    test UINTEGER NOT NULL,
    quarantine UINTEGER NOT NULL
);

-- Workers and their hardware over time, one row for each device; without a device, one row.
CREATE OR REPLACE VIEW worker_hardware AS
SELECT
    known.worker,
    known.since_ms,
    known.capability ->> '$.cpu_model' AS cpu_product,
    TRY_CAST(known.capability ->> '$.cpu_milli' AS UBIGINT) AS cpu_milli,
    TRY_CAST(known.capability ->> '$.memory_bytes' AS UBIGINT) AS memory_bytes,
    device ->> '$.vendor' AS device_vendor,
    device ->> '$.model' AS device_product,
    device ->> '$.uuid' AS device_uuid,
    device ->> '$.driver' AS driver,
    TRY_CAST(device ->> '$.memory_bytes' AS UBIGINT) AS device_memory_bytes
FROM worker_capabilities AS known
LEFT JOIN LATERAL (
    SELECT unnest(json_extract(known.capability, '$.accelerators[*]')) AS device
) AS devices ON true;

-- Where every test is, with what is known of it.
CREATE OR REPLACE VIEW test_states AS
SELECT
    tests.run,
    tests.test,
    tests.name,
    tests.labels,
    ended.outcome, -- NULL: not done
    ended.class,
    coalesce(ended.flaky, false) AS flaky,
    coalesce(last.attempts, 0) AS attempts,
    coalesce(ended.message, last.message, '') AS message,
    ended.finished_ms,
    last.attempt,
    last.worker,
    last.duration_ms,
    tests.case_id,
    tests.model,
    tests.family,
    tests.backend,
    tests.dtype,
    tests.batch,
    tests.shape,
    tests.runtime,
    tests.template,
    tests.template_version,
    tests.kind,
    ended.dependency
FROM tests
LEFT JOIN test_outcomes AS ended ON ended.run = tests.run AND ended.test = tests.test
LEFT JOIN last_attempts AS last ON last.run = tests.run AND last.test = tests.test;
