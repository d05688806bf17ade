//! Runs one attempt: prepares its directory, starts its program, supervises it, and builds its
//! result.
//!
//! The steps, each in a file: `prepare` (launch, directory, marker) → `start` (files, environment,
//! weights, process) → `supervise` (output, limits, end) → `settle` (verdict, artifacts, result). `run`
//! puts them together.

mod artifacts;
pub mod capture;
pub mod context;
pub mod neighbours;
pub mod notes;
pub mod prepare;
pub mod process;
pub mod result;
pub mod run;
pub mod settle;
pub mod start;
pub mod supervise;
mod weights;
