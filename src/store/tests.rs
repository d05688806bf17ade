//! Promises of the results database.

mod damaged;
mod fixture;
mod held;
mod reports;
mod rows;
