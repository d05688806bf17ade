-- Append-only tables, fed from the event log; no keys and no indexes on purpose: they cost
-- more than everything else together and break under load. Times are milliseconds since the
-- Unix epoch by the coordinator's clock, sequences are records of the log.

CREATE TABLE watermark (last_seq UBIGINT NOT NULL);
INSERT INTO watermark VALUES (0);

CREATE TABLE runs (
    run UINTEGER NOT NULL,
    name VARCHAR NOT NULL,
    submitted_by VARCHAR NOT NULL,
    submitted_ms UBIGINT NOT NULL
);

CREATE TABLE run_parts (
    run UINTEGER NOT NULL,
    part UINTEGER NOT NULL,
    tests UINTEGER NOT NULL,
    last BOOLEAN NOT NULL,
    added_ms UBIGINT NOT NULL
);

CREATE TABLE run_cancellations (
    run UINTEGER NOT NULL,
    cancelled_by VARCHAR NOT NULL,
    cancelled_ms UBIGINT NOT NULL
);

CREATE TABLE tests (
    run UINTEGER NOT NULL,
    test UINTEGER NOT NULL,
    name VARCHAR NOT NULL,
    labels VARCHAR NOT NULL -- JSON object of texts
);

-- At most one row per test: how it ended.
CREATE TABLE test_outcomes (
    run UINTEGER NOT NULL,
    test UINTEGER NOT NULL,
    outcome VARCHAR NOT NULL,
    class VARCHAR,
    flaky BOOLEAN NOT NULL,
    message VARCHAR, -- NULL: the last attempt's
    finished_ms UBIGINT NOT NULL
);

CREATE TABLE attempts (
    run UINTEGER NOT NULL,
    test UINTEGER NOT NULL,
    attempt USMALLINT NOT NULL, -- counts from 1
    epoch UBIGINT NOT NULL,
    worker UINTEGER NOT NULL,
    outcome VARCHAR NOT NULL,
    class VARCHAR,
    duration_ms UBIGINT NOT NULL,
    finished_ms UBIGINT NOT NULL,
    message VARCHAR NOT NULL,
    exit_code INTEGER,
    signal INTEGER,
    isolation VARCHAR NOT NULL,
    peak_memory_bytes UBIGINT,
    cpu_ms UBIGINT,
    detail VARCHAR USING COMPRESSION zstd -- JSON as the worker sent it
);

CREATE TABLE metrics (
    run UINTEGER NOT NULL,
    test UINTEGER NOT NULL,
    attempt USMALLINT NOT NULL,
    name VARCHAR NOT NULL,
    unit VARCHAR NOT NULL,
    better VARCHAR NOT NULL, -- lower, higher
    samples DOUBLE[] NOT NULL -- raw, as measured
);

CREATE TABLE checks (
    run UINTEGER NOT NULL,
    test UINTEGER NOT NULL,
    attempt USMALLINT NOT NULL,
    name VARCHAR NOT NULL,
    passed BOOLEAN NOT NULL,
    message VARCHAR NOT NULL
);

-- Reports without the right to them: kept, never counted.
CREATE TABLE late_results (
    run UINTEGER NOT NULL,
    test UINTEGER NOT NULL,
    attempt USMALLINT NOT NULL,
    epoch UBIGINT NOT NULL,
    worker UINTEGER NOT NULL,
    outcome VARCHAR NOT NULL,
    detail VARCHAR USING COMPRESSION zstd,
    received_ms UBIGINT NOT NULL
);

-- One row per registration.
CREATE TABLE workers (
    seq UBIGINT NOT NULL,
    worker UINTEGER NOT NULL,
    name VARCHAR NOT NULL,
    os VARCHAR NOT NULL,
    arch VARCHAR NOT NULL,
    capability VARCHAR NOT NULL, -- JSON
    registered_ms UBIGINT NOT NULL
);

CREATE VIEW worker_names AS
SELECT worker, arg_max(name, seq) AS name FROM workers GROUP BY worker;

CREATE VIEW last_attempts AS
SELECT
    run,
    test,
    count(*) AS attempts,
    max(attempt) AS attempt,
    arg_max(worker, attempt) AS worker,
    arg_max(duration_ms, attempt) AS duration_ms,
    arg_max(message, attempt) AS message
FROM attempts
GROUP BY run, test;

-- Where every test stands.
CREATE VIEW test_states AS
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
    last.duration_ms
FROM tests
LEFT JOIN test_outcomes AS ended ON ended.run = tests.run AND ended.test = tests.test
LEFT JOIN last_attempts AS last ON last.run = tests.run AND last.test = tests.test;
