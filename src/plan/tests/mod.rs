//! Plans as people write them, good and bad.
