-- Findings that a test reports beside its verdict, as JSON: a list of the changes of its model that it
-- would not notice, and the module whose output is the first to differ. NULL: it reported nothing.

ALTER TABLE attempts ADD COLUMN IF NOT EXISTS would_not_notice VARCHAR;
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS first_differs VARCHAR;
