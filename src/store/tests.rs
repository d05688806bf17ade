//! Promises of the results database.

mod damaged;
mod fixture;
mod reports;
mod rows;
