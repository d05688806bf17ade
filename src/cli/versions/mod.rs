//! Comparison of versions of packages: `dtf upgrade` and `dtf bisect`. Both run tests with other pins in
//! the same place, and compare what they observe.

pub mod bisect;
mod observe;
mod place;
mod subset;
pub mod upgrade;
