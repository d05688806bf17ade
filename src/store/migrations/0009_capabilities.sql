-- Capabilities of workers over time: what a worker offered at its registration is in `workers`, what it
-- offered after a change while it ran is in `worker_changes`. All statements can be repeated.

CREATE TABLE IF NOT EXISTS worker_changes (
    seq UBIGINT NOT NULL,
    worker UINTEGER NOT NULL,
    capability VARCHAR NOT NULL, -- JSON
    changed_ms UBIGINT NOT NULL
);

CREATE OR REPLACE VIEW worker_capabilities AS
SELECT seq, worker, capability, since_ms FROM (
    SELECT seq, worker, capability, registered_ms AS since_ms FROM workers
    UNION ALL
    SELECT seq, worker, capability, changed_ms AS since_ms FROM worker_changes
)
-- A repeated registration without a change is none.
QUALIFY capability IS DISTINCT FROM lag(capability) OVER (PARTITION BY worker ORDER BY seq);

-- The capability of the worker at the end of each attempt, and whether it changed while the attempt ran.
-- NULL: unknown.
CREATE OR REPLACE VIEW attempt_capabilities AS
SELECT
    attempts.run,
    attempts.test,
    attempts.attempt,
    attempts.worker,
    known.capability,
    known.since_ms,
    known.since_ms > attempts.finished_ms - attempts.duration_ms AS changed_meanwhile
FROM attempts
ASOF LEFT JOIN worker_capabilities AS known
    ON known.worker = attempts.worker AND known.since_ms <= attempts.finished_ms;

-- Calibrations of workers: fp32 operations and bytes of memory per second, with the interquartile range in
-- proportion to the median.
CREATE TABLE IF NOT EXISTS calibrations (
    seq UBIGINT NOT NULL,
    worker UINTEGER NOT NULL,
    threads UINTEGER NOT NULL,
    operations_per_s DOUBLE NOT NULL,
    operations_spread DOUBLE NOT NULL,
    memory_bytes_per_s DOUBLE NOT NULL,
    memory_spread DOUBLE NOT NULL,
    devices VARCHAR NOT NULL, -- JSON object by the id of the device
    calibrated_ms UBIGINT NOT NULL
);

-- `machine_noise`: the noise of the worker in its calibrations. NULL: it was not calibrated.
CREATE OR REPLACE VIEW figures AS
SELECT
    metrics.run,
    metrics.test,
    metrics.attempt,
    metrics.name,
    metrics.unit,
    metrics.better,
    metrics.count AS n,
    metrics.spread,
    metrics.spread > 0.1 AS noisy,
    metrics.p50,
    metrics.p90,
    metrics.p99,
    coalesce(metrics.threads, TRY_CAST(facts ->> '$.threads' AS UINTEGER)) AS threads,
    TRY_CAST(facts ->> '$.neighbours' AS UINTEGER) AS neighbours,
    TRY_CAST(facts ->> '$.neighbours_at_end' AS UINTEGER) AS neighbours_at_end,
    TRY_CAST(facts ->> '$.device_shared' AS BOOLEAN) AS device_shared,
    TRY_CAST(facts ->> '$.quiet_machine' AS BOOLEAN) AS quiet_machine,
    TRY_CAST(facts ->> '$.warm_up_runs' AS UINTEGER) AS warm_up_runs,
    TRY_CAST(facts ->> '$.warm_up_settled' AS BOOLEAN) AS warm_up_settled,
    TRY_CAST(facts ->> '$.machine_noise' AS DOUBLE) AS machine_noise
FROM metrics
LEFT JOIN (SELECT run, test, attempt, environment AS facts FROM attempts) AS attempts
    ON attempts.run = metrics.run
    AND attempts.test = metrics.test
    AND attempts.attempt = metrics.attempt;
