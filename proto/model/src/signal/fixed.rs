//! Fixed-point numbers: sums in them do not depend on the order of the summands.
//!
//! Floating point is for what is shown, never for what is merged.

use serde::{Deserialize, Serialize};

/// Fraction bits of a [`Fixed`].
pub const FIXED_FRACTION_BITS: u32 = 32;

/// A signed number with 32 fraction bits: resolution 2.3e-10, range about 3e23.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Fixed(pub i128);

impl Fixed {
    const ONE: f64 = (1u64 << FIXED_FRACTION_BITS) as f64;

    /// Rounds to the nearest; NaN becomes 0 (callers keep NaN out and count it), infinities and
    /// values beyond the range saturate at 2^110, so that 100,000 of them still sum without saturating.
    pub fn from_f64(x: f64) -> Self {
        const LIMIT: f64 = (1u128 << 110) as f64;
        Self((x * Self::ONE).round().clamp(-LIMIT, LIMIT) as i128)
    }

    /// The nearest floating point number.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / Self::ONE
    }

    /// Saturating sum.
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// A sampling weight: how many spans one recorded span stands for, 16.16 fixed point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Weight(pub u32);

impl Weight {
    /// Stands for itself alone.
    pub const ONE: Self = Self(1 << 16);

    /// From a sampling probability given as the W3C `ot=th` rejection threshold, a number below
    /// 2^56: weight = 2^56 / (2^56 - threshold), saturating at 65,535.99
    /// (OpenTelemetry specification, *TraceState: Probability Sampling*).
    pub fn from_threshold(threshold: u64) -> Self {
        const FULL: u128 = 1 << 56;
        let kept = FULL.saturating_sub(u128::from(threshold)).max(1);
        Self(u32::try_from(((FULL << 16) + kept / 2) / kept).unwrap_or(u32::MAX))
    }

    /// A 16.16 sum as a number of spans.
    pub fn sum_to_f64(sum: u64) -> f64 {
        sum as f64 / 65_536.0
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self::ONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_follow_the_threshold() {
        assert_eq!(Weight::from_threshold(0), Weight::ONE);
        assert_eq!(Weight::from_threshold(1 << 55), Weight(2 << 16));
        assert_eq!(Weight::from_threshold(u64::MAX), Weight(u32::MAX));
    }

    #[test]
    fn fixed_is_total() {
        for x in [0.0, -1.5, 1e-9, 1e20] {
            let back = Fixed::from_f64(x).to_f64();
            assert!((back - x).abs() <= 2.4e-10 + x.abs() * 1e-12, "{x} {back}");
        }
        assert_eq!(Fixed::from_f64(f64::NAN), Fixed(0));
        assert!(Fixed::from_f64(f64::INFINITY).plus(Fixed::from_f64(f64::INFINITY)).0 > 0);
    }
}
