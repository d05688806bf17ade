//! Reports: one file for each, with its SQL and the rows that the SQL returns.

pub mod history;
pub mod run_report;
