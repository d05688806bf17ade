//! Figures that are not known exactly: three values, from the least to the most.
//!
//! Computed in floating point, where nothing a configuration may hold overflows: sums and
//! products of a few numbers below 2⁶⁴ stay far below 2¹⁰²³. All values are at least zero and
//! every operation keeps their order, rounding included.

use serde::Serialize;
use std::ops::{Add, Mul};

/// Nothing real is larger, in bytes or milliseconds; a configuration may say anything.
const LIMIT: f64 = (1u64 << 60) as f64;

/// Bytes, or milliseconds for time; `low ≤ likely ≤ high`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Range {
    /// What a real run does not undercut by much.
    pub low: u64,
    /// The best single figure.
    pub likely: u64,
    /// What to reserve.
    pub high: u64,
}

/// The same while it is computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    low: f64,
    likely: f64,
    high: f64,
}

impl Span {
    pub(super) const ZERO: Self = Self::exactly(0.0);

    /// The caller gives them in order, at least zero.
    pub(super) const fn new(low: f64, likely: f64, high: f64) -> Self {
        Self { low, likely, high }
    }

    pub(super) const fn exactly(value: f64) -> Self {
        Self::new(value, value, value)
    }

    /// The larger of each value.
    pub(super) fn at_least(self, other: Self) -> Self {
        self.each(other, f64::max)
    }

    /// Of two needs at different times: the larger, and both together as the most.
    pub(super) fn one_or_both(self, other: Self) -> Self {
        Self { high: self.high + other.high, ..self.at_least(other) }
    }

    /// The same, but perhaps nothing at all.
    pub(super) fn perhaps(self) -> Self {
        Self { low: 0.0, ..self }
    }

    /// `None` where a value is too large for anything real.
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
