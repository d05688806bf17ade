//! Version 1 of the API, under `/api/v1`.

pub mod blobs;
pub mod changes;
pub mod flaky;
pub mod grid;
pub mod history;
pub mod leases;
pub mod logs;
pub mod marks;
pub mod matrix;
pub mod now;
pub mod program;
pub mod reports;
pub mod runs;
pub mod sessions;
pub mod status;
pub mod templates;
pub mod test_views;
pub mod upgrades;
pub mod weights;
pub mod workers;
