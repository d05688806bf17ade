//! The pages, one file each: gets the documents of the API, and turns them into the values of a
//! template. The second step is pure.

mod changes;
pub(super) mod compare;
pub(super) mod flaky;
pub(super) mod grid;
pub(super) mod matrix;
pub(super) mod now;
pub(super) mod regressions;
pub(super) mod run;
mod series;
pub(super) mod templates;
pub(super) mod test;
pub(super) mod upgrade;
pub(super) mod why;
pub(super) mod workers;
