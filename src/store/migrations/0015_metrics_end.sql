DROP TABLE metrics;
DROP TABLE attempt_medians;
DELETE FROM metric_sets WHERE metric_set NOT IN (SELECT metric_set FROM attempt_metrics);

-- One row for each metric of an attempt.
CREATE VIEW metrics AS
SELECT
    own.run,
    own.test,
    own.attempt,
    sets.name,
    sets.unit,
    sets.better,
    coalesce(own.counts[sets.position], 0)::UINTEGER AS count,
    own.minima[sets.position] AS min,
    own.medians[sets.position] AS p50,
    own.p90s[sets.position] AS p90,
    own.p99s[sets.position] AS p99,
    own.maxima[sets.position] AS max,
    own.spreads[sets.position] AS spread,
    own.threads[sets.position] AS threads,
    own.series_id
FROM attempt_metrics AS own
JOIN metric_sets AS sets ON sets.metric_set = own.metric_set
WHERE NOT sets.is_figure;
