//! Promises of the results database.

mod archive;
mod busy;
mod damaged;
pub(crate) mod fixture;
mod held;
mod limits;
mod marks;
mod migration;
mod names;
mod pairs;
mod reports;
mod rows;
mod selection;
mod sql;
