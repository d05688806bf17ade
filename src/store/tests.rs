//! Promises of the results database.
