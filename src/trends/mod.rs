//! Decisions over the values and outcomes of tests in time: what changed, and whether the change is
//! larger than the noise.
//!
//! The module is pure. Values are medians of one metric, in the order of time. Values that are not
//! finite never reach it. Promises: fewer than [`limits::MIN_VALUES`] values are insufficient data, never
//! "steady"; a ratio that cannot be expressed is absent, never zero.

pub mod bisect;
pub mod flaky;
pub mod judgement;
pub mod limits;
mod noise;
pub mod online;
mod potts;
mod ranks;
pub mod robust;
pub mod segments;
pub mod sides;
pub mod status;
pub mod upgrade;
pub mod workers;
