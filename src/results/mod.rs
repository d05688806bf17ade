//! Results: queries of the results database, answered as documents of the API, and these documents
//! as text.
//!
//! Used by the coordinator and by the commands that read a closed database, so that both give the
//! same answers. Promises: every output format shows the same rows; rendering is pure, so the same
//! report gives the same text; text from others can neither control a terminal nor become a formula
//! of a spreadsheet. Queries block: call them from a thread that may.

mod catch_up;
mod changes;
mod error;
mod flaky;
mod grid;
mod history;
pub mod junit;
mod known;
mod marks;
mod matrix;
mod measured;
mod merge;
mod open;
mod output;
mod quarantined;
mod reader;
pub mod render;
mod reproduce;
mod run_report;
mod substitute;
pub mod uncompared;
pub mod upgrade;
mod why;

pub use catch_up::{Completion, complete, from_log, project_until, rebuild};
pub use changes::{Changed, History};
pub use error::CatchUpError;
pub use merge::merge;
pub use open::{open_compared, open_in};
pub use output::{Output, OutputError, output};
pub use reader::Reader;
pub use reproduce::packages;
pub use substitute::{CurrentStore, Substitute};
