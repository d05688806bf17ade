-- Whether a verdict holds is found without reading all attempts. Verdicts that were given before are given again.

DROP TABLE IF EXISTS judged;
DELETE FROM verdicts;

-- A series as it was judged, once for each newest attempt.
CREATE TABLE judged (
    -- Grows by the number of its verdicts, at least by one.
    id UBIGINT NOT NULL,
    series_id UBIGINT NOT NULL,
    -- Its newest passed attempt at that time.
    run UINTEGER NOT NULL,
    test UINTEGER NOT NULL,
    attempt USMALLINT NOT NULL,
    -- What the verdicts follow from: the attempts that were stored, the limits that the test sets, the accepted
    -- changes, and the number of the rules.
    attempts UBIGINT NOT NULL, -- number of the first row of `attempts` that was stored later
    limits VARCHAR NOT NULL,
    accepted VARCHAR NOT NULL,
    rules UINTEGER NOT NULL
);
