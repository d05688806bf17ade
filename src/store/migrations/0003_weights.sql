-- Where the weights of a model's test came from, as the test itself reports: folder, cache, hub or
-- random. NULL: it reported nothing, or is no test of a model.

ALTER TABLE attempts ADD COLUMN weights VARCHAR;
