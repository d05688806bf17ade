-- What a figure needs to be compared with others. All statements can be repeated.

-- Interquartile range of the finite values in proportion to their median. NULL: fewer than four values,
-- or a median of zero. Percentiles are NULL, too, if there are too few values: p90 needs 10, p99 100.
ALTER TABLE metrics ADD COLUMN IF NOT EXISTS spread DOUBLE;
-- Number of CPU threads that the test reported for this metric. NULL: that of the attempt.
ALTER TABLE metrics ADD COLUMN IF NOT EXISTS threads UINTEGER;

-- One row for each figure, with the conditions under which it was measured. NULL: unknown.
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
    TRY_CAST(facts ->> '$.warm_up_settled' AS BOOLEAN) AS warm_up_settled
FROM metrics
LEFT JOIN (SELECT run, test, attempt, environment AS facts FROM attempts) AS attempts
    ON attempts.run = metrics.run
    AND attempts.test = metrics.test
    AND attempts.attempt = metrics.attempt;
