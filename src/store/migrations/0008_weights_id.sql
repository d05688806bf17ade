-- The identity of the weights of a model's test, as the test itself reports: sha256:DIGEST of a manifest
-- or file, or MODEL@COMMIT. NULL: it reported none.

ALTER TABLE attempts ADD COLUMN IF NOT EXISTS weights_id VARCHAR;
