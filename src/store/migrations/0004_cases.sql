-- Cases of the JUnit files of attempts; an attempt without such a file has no row.

CREATE TABLE cases (
    run UINTEGER NOT NULL,
    test UINTEGER NOT NULL,
    attempt USMALLINT NOT NULL,
    total UINTEGER NOT NULL,
    failed UINTEGER NOT NULL,
    errors UINTEGER NOT NULL,
    skipped UINTEGER NOT NULL,
    flaky UINTEGER NOT NULL -- of those that passed: only at a rerun
);

-- What earlier versions stored has the counts in its text alone.
INSERT INTO cases
SELECT
    run,
    test,
    attempt,
    found.total::UINTEGER,
    found.failed::UINTEGER,
    found.errors::UINTEGER,
    found.skipped::UINTEGER,
    0
FROM (
    SELECT
        run,
        test,
        attempt,
        regexp_extract(
            detail,
            '"junit":\{"tests":(\d{1,9}),"failures":(\d{1,9}),"errors":(\d{1,9}),"skipped":(\d{1,9})[,}]',
            ['total', 'failed', 'errors', 'skipped']
        ) AS found
    FROM attempts
    WHERE contains(detail, '"junit":{')
)
WHERE found.total <> '';
