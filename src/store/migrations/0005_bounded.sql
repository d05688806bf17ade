-- Everything that a report reads has a bounded size, because DuckDB reads and rewrites the values of 2,048
-- rows at once, within a fixed amount of memory. All statements can be repeated: the rows of earlier
-- versions are filled in several transactions.

-- Identity of the data directory that the database belongs to. Without a row, it has not adopted one.
CREATE TABLE IF NOT EXISTS identity (id VARCHAR NOT NULL);

-- Number of facts of the record after `last_seq` that are in the database: a large record is stored in
-- several transactions.
ALTER TABLE watermark ADD COLUMN IF NOT EXISTS facts UINTEGER DEFAULT 0;

-- Summary of the finite values, by nearest rank. Without such values, only the count is set.
ALTER TABLE metrics ADD COLUMN IF NOT EXISTS count UINTEGER;
ALTER TABLE metrics ADD COLUMN IF NOT EXISTS min DOUBLE;
ALTER TABLE metrics ADD COLUMN IF NOT EXISTS p50 DOUBLE;
ALTER TABLE metrics ADD COLUMN IF NOT EXISTS p90 DOUBLE;
ALTER TABLE metrics ADD COLUMN IF NOT EXISTS p99 DOUBLE;
ALTER TABLE metrics ADD COLUMN IF NOT EXISTS max DOUBLE;
-- NULL: the values could not be stored; `attempts.note` states the reason.
ALTER TABLE metrics ALTER COLUMN samples DROP NOT NULL;

-- Parts of the detail that reports show, as JSON. NULL: absent or too large.
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS environment VARCHAR;
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS devices VARCHAR;
-- Size of the detail in bytes. `detail` is NULL if it is in `detail_parts`.
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS detail_bytes UINTEGER;
-- Size of the files that the detail names, in bytes.
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS file_bytes UBIGINT;
-- What the coordinator could not store of this attempt, and why.
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS note VARCHAR;

-- Details that are too large for one row, in parts that are joined in their order.
CREATE TABLE IF NOT EXISTS detail_parts (
    run UINTEGER NOT NULL,
    test UINTEGER NOT NULL,
    attempt USMALLINT NOT NULL,
    epoch UBIGINT NOT NULL,
    late BOOLEAN NOT NULL, -- of a row in late_results
    part UINTEGER NOT NULL, -- counts from 0
    text VARCHAR NOT NULL USING COMPRESSION zstd
);

-- The details of attempts, whole.
CREATE OR REPLACE VIEW attempt_details AS
SELECT
    attempts.run,
    attempts.test,
    attempts.attempt,
    coalesce(attempts.detail, whole.detail) AS detail
FROM attempts
LEFT JOIN (
    SELECT run, test, attempt, epoch, string_agg(text, '' ORDER BY part) AS detail
    FROM detail_parts
    WHERE NOT late
    GROUP BY run, test, attempt, epoch
) AS whole
    ON whole.run = attempts.run
    AND whole.test = attempts.test
    AND whole.attempt = attempts.attempt
    AND whole.epoch = attempts.epoch;
