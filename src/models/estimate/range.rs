//! Uncertain quantities: a low, a likely and a high value.
//!
//! They are computed in floating point, where no value of a configuration overflows: sums and
//! products of a few numbers below 2⁶⁴ stay far below 2¹⁰²³. Promise: all values are at least zero,
//! and every operation preserves their order, including rounding.

use serde::Serialize;
use std::ops::{Add, Mul};

/// Maximum plausible value, in bytes or milliseconds.
const LIMIT: f64 = (1u64 << 60) as f64;

/// A quantity in bytes, or in milliseconds for time; `low ≤ likely ≤ high`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Range {
    /// Value that real runs reach at least, or nearly.
    pub low: u64,
    /// Best single value.
    pub likely: u64,
    /// Value to reserve.
    pub high: u64,
}

/// A [`Range`] during computation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    low: f64,
    likely: f64,
    high: f64,
}

impl Span {
    pub(super) const ZERO: Self = Self::exactly(0.0);

    /// The values must be in order and at least zero.
    pub(super) const fn new(low: f64, likely: f64, high: f64) -> Self {
        Self { low, likely, high }
    }

    pub(super) const fn exactly(value: f64) -> Self {
        Self::new(value, value, value)
    }

    /// The maximum of each value.
    pub(super) fn at_least(self, other: Self) -> Self {
        self.each(other, f64::max)
    }

    /// Combines two requirements that usually occur at different times: the larger one, with both
    /// together as the high value.
    pub(super) fn one_or_both(self, other: Self) -> Self {
        Self { high: self.high + other.high, ..self.at_least(other) }
    }

    /// The same quantity with zero as its low value.
    pub(super) fn or_zero(self) -> Self {
        Self { low: 0.0, ..self }
    }

    /// Rounds to integers. `None` if a value is implausibly large.
    pub(super) fn range(self) -> Option<Range> {
        let whole = |value: f64| (value <= LIMIT).then_some(value as u64);
        Some(Range {
            low: whole(self.low.floor())?,
            likely: whole(self.likely.round())?,
            high: whole(self.high.ceil())?,
        })
    }

    fn each(self, other: Self, join: fn(f64, f64) -> f64) -> Self {
        Self {
            low: join(self.low, other.low),
            likely: join(self.likely, other.likely),
            high: join(self.high, other.high),
        }
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.each(other, f64::add)
    }
}

impl Mul for Span {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        self.each(other, f64::mul)
    }
}

impl Mul<Span> for f64 {
    type Output = Span;
    fn mul(self, other: Span) -> Span {
        Span::exactly(self) * other
    }
}

impl std::iter::Sum for Span {
    fn sum<I: Iterator<Item = Self>>(spans: I) -> Self {
        spans.fold(Self::ZERO, Self::add)
    }
}
