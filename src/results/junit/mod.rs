//! JUnit XML files: the counts of cases, the names of the failed ones, and the failures that suites
//! report in addition to their cases.
//!
//! The counts are those of the cases. The totals of a suite can only add doubt: a suite that reports
//! a failure which no case shows, or announces cases that the file does not have. Totals below the
//! counts of the cases are ignored, because many programs write such totals.
//!
//! `file` reads the file of an attempt, `reader` its contents, `times` the durations of the cases;
//! `suite`, `text` and `walk` are parts of the reader.
//!
//! Promise: a file that is not whole is an error, wherever it was cut off.

pub mod file;
pub mod reader;
pub mod report;
mod suite;
#[cfg(test)]
mod tests;
mod text;
pub mod times;
mod walk;
