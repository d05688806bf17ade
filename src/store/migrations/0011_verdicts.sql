-- Verdicts about the newest values of metrics, so that a question that is asked again is not judged again. They
-- follow from the other tables and from the rules of the program: rows may be missing, and are written when
-- somebody asks, or a run ends.

-- A series as it was judged, once for each newest attempt.
CREATE TABLE IF NOT EXISTS judged (
    -- Grows by the number of its verdicts, at least by one.
    id UBIGINT NOT NULL,
    series_id UBIGINT NOT NULL,
    -- Its newest passed attempt at that time.
    run UINTEGER NOT NULL,
    test UINTEGER NOT NULL,
    attempt USMALLINT NOT NULL,
    -- What the verdicts follow from: the number of passed attempts and a digest of which ones they are, the limits
    -- that the test sets, the accepted changes, and the number of the rules.
    attempts UBIGINT NOT NULL,
    attempts_digest UBIGINT NOT NULL,
    limits VARCHAR NOT NULL,
    accepted VARCHAR NOT NULL,
    rules UINTEGER NOT NULL
);

-- One row for each metric, and for each figure of a check.
CREATE TABLE IF NOT EXISTS verdicts (
    judged UBIGINT NOT NULL, -- its row in `judged`
    name VARCHAR NOT NULL, -- of the metric, or CHECK.FIGURE
    unit VARCHAR NOT NULL,
    better VARCHAR NOT NULL,
    is_figure BOOLEAN NOT NULL,
    -- The test with the newest value.
    run UINTEGER NOT NULL,
    test UINTEGER NOT NULL,
    verdict VARCHAR NOT NULL, -- insufficient_data, steady, suspect, confirmed, accepted
    direction VARCHAR NOT NULL, -- worse, better, none
    before DOUBLE, -- median of the earlier values
    after DOUBLE, -- the new value, or the median of the new values
    change DOUBLE, -- after / before
    z DOUBLE, -- their distance in robust standard deviations
    n_before UINTEGER NOT NULL,
    n_after UINTEGER NOT NULL,
    -- Position of the first value after the change in the history, and its run.
    since UINTEGER,
    since_run UINTEGER
);
