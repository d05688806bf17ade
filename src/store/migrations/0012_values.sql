-- The raw values of metrics are in the details of attempts. A second copy of them in `metrics` was a quarter of the
-- file, and nothing but a few reports read it.
ALTER TABLE metrics DROP COLUMN samples;

-- One row for each raw value, in the order in which they were measured; NULL: a value that was not finite.
CREATE OR REPLACE VIEW metric_values AS
SELECT
    run,
    test,
    attempt,
    metric ->> '$.name' AS name,
    unnest(TRY_CAST(metric -> '$.values' AS DOUBLE[])) AS value
FROM (
    SELECT run, test, attempt, unnest(json_extract(detail, '$.metrics[*]')) AS metric
    FROM attempt_details
) AS measured;
