-- Versions of templates that people added; the texts are files by content.

CREATE TABLE template_versions (
    path VARCHAR NOT NULL,
    version UINTEGER NOT NULL, -- of the path, counts from 1
    sha256 VARCHAR NOT NULL,
    added_by VARCHAR NOT NULL,
    added_ms UBIGINT NOT NULL
);
