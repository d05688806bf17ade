//! Promises of the results database.

mod damaged;
mod fixture;
mod held;
mod names;
mod reports;
mod rows;
