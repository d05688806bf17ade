-- The metrics of an attempt in one row instead of one for each metric. The names are in `metric_sets`. All statements
-- can be repeated.

CREATE TABLE IF NOT EXISTS attempt_metrics (
    run UINTEGER NOT NULL,
    test UINTEGER NOT NULL,
    attempt USMALLINT NOT NULL,
    series_id UBIGINT, -- that of the attempt
    outcome VARCHAR NOT NULL,
    metric_set UBIGINT NOT NULL,
    -- In the order of the set: of metrics with finite values, then the values of figures. A metric without a finite
    -- value is in no list, and has the position 0 in its set.
    medians DOUBLE[] NOT NULL,
    -- Of metrics with finite values. NULL: no number of the list is known.
    counts UINTEGER[],
    minima DOUBLE[],
    p90s DOUBLE[],
    p99s DOUBLE[],
    maxima DOUBLE[],
    spreads DOUBLE[],
    threads UINTEGER[],
    max_spread DOUBLE -- the largest one of `spreads`
);
