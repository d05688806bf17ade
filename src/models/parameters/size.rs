//! Numbers of parameters, and the layers of which they are sums.
//!
//! A [`Size`] is a number or unknown. Overflow, division by zero and fields of an unexpected type
//! give an unknown size, and so does every operation on one. Promise: formulae can be written like
//! definitions and cannot panic or overflow.

use std::ops::{Add, Div, Mul, Sub};

/// A number of parameters, channels or layers, or unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(Option<u64>);

impl Size {
    pub(super) const UNKNOWN: Self = Self(None);
    pub(super) const ZERO: Self = Self(Some(0));

    pub(super) const fn get(self) -> Option<u64> {
        self.0
    }

    /// 1 if the size is at least 1, otherwise 0: a factor for parameters of the first layer only.
    pub(super) fn any(self) -> Self {
        self.at_most(1.into())
    }

    /// The smaller of the two.
    pub(super) fn at_most(self, other: Self) -> Self {
        self.combine(other, |a, b| Some(a.min(b)))
    }

    /// The larger of the two.
    pub(super) fn at_least(self, other: Self) -> Self {
        self.combine(other, |a, b| Some(a.max(b)))
    }

    /// Rounds up to a multiple of `step`.
    pub(super) fn up_to_multiple_of(self, step: u64) -> Self {
        self.combine(step.into(), u64::checked_next_multiple_of)
    }

    /// Multiplies by `ratio` and rounds down, in double precision as Python does.
    pub(super) fn scaled(self, ratio: f64) -> Self {
        let whole = |value: u64| {
            let product = (f64::from(u32::try_from(value).ok()?) * ratio).floor();
            // Conversion through decimal digits is exact or fails; a cast would saturate.
            format!("{product:.0}").parse().ok()
        };
        Self(self.0.and_then(whole))
    }

    fn combine(self, other: Self, join: impl FnOnce(u64, u64) -> Option<u64>) -> Self {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Self(join(a, b)),
            _ => Self::UNKNOWN,
        }
    }
}

impl From<u64> for Size {
    fn from(value: u64) -> Self {
        Self(Some(value))
    }
}

impl From<Option<u64>> for Size {
    fn from(value: Option<u64>) -> Self {
        Self(value)
    }
}

impl From<bool> for Size {
    fn from(value: bool) -> Self {
        Self(Some(u64::from(value)))
    }
}

impl<T: Into<Size>> Add<T> for Size {
    type Output = Self;
    fn add(self, other: T) -> Self {
        self.combine(other.into(), u64::checked_add)
    }
}

impl<T: Into<Size>> Sub<T> for Size {
    type Output = Self;
    fn sub(self, other: T) -> Self {
        self.combine(other.into(), u64::checked_sub)
    }
}

impl<T: Into<Size>> Mul<T> for Size {
    type Output = Self;
    fn mul(self, other: T) -> Self {
        self.combine(other.into(), u64::checked_mul)
    }
}

/// Division that rounds down.
impl<T: Into<Size>> Div<T> for Size {
    type Output = Self;
    fn div(self, other: T) -> Self {
        self.combine(other.into(), u64::checked_div)
    }
}

impl Add<Size> for u64 {
    type Output = Size;
    fn add(self, other: Size) -> Size {
        other + self
    }
}

impl Sub<Size> for u64 {
    type Output = Size;
    fn sub(self, other: Size) -> Size {
        Size::from(self) - other
    }
}

impl Mul<Size> for u64 {
    type Output = Size;
    fn mul(self, other: Size) -> Size {
        other * self
    }
}

impl std::iter::Sum for Size {
    fn sum<I: Iterator<Item = Self>>(terms: I) -> Self {
        terms.fold(Self::ZERO, |total, term| total + term)
    }
}

/// `Linear(input, output)`; `bias` is 1 or 0.
pub(super) fn linear(input: Size, output: Size, bias: impl Into<Size>) -> Size {
    input * output + output * bias
}

/// `LayerNorm(width)`, or a batch or group norm: a factor and a bias per channel.
pub(super) fn norm(width: Size) -> Size {
    2 * width
}

/// `RMSNorm(width)`: a factor per channel.
pub(super) fn rms_norm(width: Size) -> Size {
    width
}

/// `Embedding(rows, width)`.
pub(super) fn embedding(rows: Size, width: Size) -> Size {
    rows * width
}

/// A convolution whose kernel has `kernel` cells; `bias` is 1 or 0.
pub(super) fn conv(input: Size, output: Size, kernel: Size, bias: impl Into<Size>) -> Size {
    input * kernel * output + output * bias
}

/// Attention: query, key, value and output of the same width, all with bias.
pub(super) fn attention(width: Size) -> Size {
    4 * linear(width, width, true)
}

/// An MLP: two linear layers with bias, to `inner` and back.
pub(super) fn mlp(width: Size, inner: Size) -> Size {
    linear(width, inner, true) + linear(inner, width, true)
}

/// A typical transformer layer: attention and an MLP, both with bias, and two norms.
pub(super) fn block(width: Size, inner: Size) -> Size {
    attention(width) + mlp(width, inner) + 2 * norm(width)
}
