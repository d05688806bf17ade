-- What judged histories and comparisons read. All statements can be repeated.

-- The test that this one repeats to confirm a change, r1.t2.
ALTER TABLE tests ADD COLUMN IF NOT EXISTS confirms VARCHAR;

-- The medians of an attempt in one row: a history is read many times as fast as from one row of `metrics` for each
-- value.

CREATE TABLE IF NOT EXISTS attempt_medians (
    run UINTEGER NOT NULL,
    test UINTEGER NOT NULL,
    attempt USMALLINT NOT NULL,
    series_id UBIGINT, -- that of the attempt
    outcome VARCHAR NOT NULL,
    metric_set UBIGINT NOT NULL,
    medians DOUBLE[] NOT NULL -- in the order of the set
);

-- The metrics, and the figures of checks, that one row of `attempt_medians` has.
CREATE TABLE IF NOT EXISTS metric_sets (
    metric_set UBIGINT NOT NULL, -- digest of the other columns
    position UINTEGER NOT NULL, -- from 1 on
    name VARCHAR NOT NULL, -- of the metric, or CHECK.FIGURE
    unit VARCHAR NOT NULL,
    better VARCHAR NOT NULL,
    is_figure BOOLEAN NOT NULL
);
