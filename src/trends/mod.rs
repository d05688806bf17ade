//! Decisions over the values and outcomes of tests in time: what changed, and whether the change is
//! larger than the noise.
//!
//! The module is pure. Values are medians of one metric, in the order of time. Values that are not
//! finite never reach it. Promises: fewer than [`limits::MIN_VALUES`] values are insufficient data, never
//! "steady"; a ratio that cannot be expressed is absent, never zero; the same values and limits give the same
//! verdict while [`RULES`] is the same.

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

/// Number of the rules by which verdicts are given: those of [`online`], the limits of each kind of metric, and the
/// choice of the values. Verdicts are stored with it: a change of a rule needs another number.
pub const RULES: u32 = 3;
