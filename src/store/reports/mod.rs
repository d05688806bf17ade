//! Reports: one file for each, with its SQL and the rows that the SQL returns.

pub mod busy;
pub mod calibrations;
pub mod cells;
pub mod changes;
pub mod details;
pub mod flaky;
pub mod history;
pub mod judged;
pub mod marks;
pub mod matrix;
pub mod pairs;
mod parts;
pub mod quarantined;
pub mod run_report;
pub mod selection;
pub mod series;
pub mod sets;
pub mod summary;
pub mod values;
pub mod verdicts;
