//! Which traces are recorded: decided at the root, before anything else.
//!
//! A rate is one number: the threshold of OpenTelemetry's probability sampling (56 bits) and, above it, the
//! index of the `tracestate` that carries it on (`sampler/states`). What is decided for all roots
//! lies in two atomics, what is decided for one operation in its call sites (`sampler/rates`).

pub(crate) mod rates;
pub(crate) mod states;

use crate::record::flag;
use crate::site::NO_RATE;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A sampler of the OpenTelemetry specification.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampler {
    /// Every trace.
    AlwaysOn,
    /// None.
    AlwaysOff,
    /// A share of them, 0 to 1, by the trace id's low 56 bits.
    Ratio(f64),
    /// What the parent decided; for roots `AlwaysOn`.
    ParentAlwaysOn,
    /// What the parent decided; for roots `AlwaysOff`.
    ParentAlwaysOff,
    /// What the parent decided; for roots a share.
    ParentRatio(f64),
}

/// Possible values of 56 bits.
const SPACE: u64 = 1 << 56;
/// Every root, with no word about it in `tracestate`.
const ALWAYS: u64 = 0;
/// No root.
const NEVER: u64 = u64::MAX - 1;

/// Whether parents decide, where there are some.
static BY_PARENT: AtomicBool = AtomicBool::new(true);
/// The rate of roots.
static RATE: AtomicU64 = AtomicU64::new(ALWAYS);

impl Sampler {
    /// From `OTEL_TRACES_SAMPLER` and its argument; `None` = not known.
    pub(crate) fn named(name: &str, argument: Option<&str>) -> Option<Self> {
        let ratio = || argument.and_then(|a| a.parse().ok()).unwrap_or(1.0_f64).clamp(0.0, 1.0);
        Some(match name {
            "always_on" => Self::AlwaysOn,
            "always_off" => Self::AlwaysOff,
            "traceidratio" => Self::Ratio(ratio()),
            "parentbased_always_on" => Self::ParentAlwaysOn,
            "parentbased_always_off" => Self::ParentAlwaysOff,
            "parentbased_traceidratio" => Self::ParentRatio(ratio()),
            _ => return None,
        })
    }

    fn rate(self) -> u64 {
        match self {
            Self::AlwaysOn | Self::ParentAlwaysOn => ALWAYS,
            Self::AlwaysOff | Self::ParentAlwaysOff => NEVER,
            Self::Ratio(share) | Self::ParentRatio(share) => rate_of(share),
        }
    }

    fn by_parent(self) -> bool {
        matches!(self, Self::ParentAlwaysOn | Self::ParentAlwaysOff | Self::ParentRatio(_))
    }
}

/// Changes what is decided for roots that begin from now on; traces that have begun go on as they are.
pub fn set_sampler(sampler: Sampler) {
    BY_PARENT.store(sampler.by_parent(), Ordering::Relaxed);
    RATE.store(sampler.rate(), Ordering::Relaxed);
}

/// The rate of a share, 0 to 1.
pub(crate) fn rate_of(share: f64) -> u64 {
    let threshold = SPACE - (share.clamp(0.0, 1.0) * SPACE as f64) as u64;
    if threshold >= SPACE { NEVER } else { states::rate(threshold) }
}

/// What was decided about a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) sampled: bool,
    /// The known state that says how probable that was; 0 = nothing to say, what came in stays.
    pub(crate) state: u32,
}

impl Verdict {
    /// What it makes of the flags of a trace that begins.
    #[inline]
    pub(crate) fn flags(self) -> u32 {
        flag::PRESENT | u32::from(self.sampled) | self.state << flag::STATE.trailing_zeros()
    }
}

/// Decides about a trace, given what a parent in another process decided and the rate that the operation
/// has of its own.
#[inline]
pub(crate) fn decide(trace: u128, parent: Option<bool>, own: u64) -> Verdict {
    let root = RATE.load(Ordering::Relaxed);
    by(if own == NO_RATE { root } else { own }, BY_PARENT.load(Ordering::Relaxed), trace, parent)
}

fn by(rate: u64, by_parent: bool, trace: u128, parent: Option<bool>) -> Verdict {
    match parent {
        Some(sampled) if by_parent => Verdict { sampled, state: 0 },
        _ if rate == NEVER => Verdict { sampled: false, state: 0 },
        _ => {
            // Recorded when randomness >= threshold; the threshold travels as ot=th, so that the receiver
            // knows the weight.
            let randomness = (trace as u64) & (SPACE - 1);
            let sampled = randomness >= rate & (SPACE - 1);
            Verdict { sampled, state: if sampled { (rate >> 56) as u32 } else { 0 } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(
        sampler: Sampler,
        trace: u128,
        parent: Option<bool>,
    ) -> (bool, Option<&'static str>) {
        let verdict = by(sampler.rate(), sampler.by_parent(), trace, parent);
        (verdict.sampled, states::text(verdict.state))
    }

    #[test]
    fn a_share_is_a_share_and_says_its_weight() {
        let mut state = 7;
        let taken = (0..20_000)
            .filter(|_| {
                let trace = u128::from(crate::id::random(&mut state));
                decided(Sampler::Ratio(0.25), trace, None).0
            })
            .count();
        assert!((4_600..5_400).contains(&taken), "{taken}");
        assert_eq!(decided(Sampler::Ratio(0.25), u128::MAX, None), (true, Some("ot=th:c")));
        assert_eq!(decided(Sampler::Ratio(1.0), 0, None), (true, Some("ot=th:0")));
        assert_eq!(decided(Sampler::Ratio(0.0), u128::MAX, None), (false, None));
        assert_eq!(decided(Sampler::AlwaysOn, 0, None), (true, None));
        assert_eq!(decided(Sampler::AlwaysOff, u128::MAX, None), (false, None));
    }

    #[test]
    fn the_parent_decides_where_it_may() {
        assert_eq!(decided(Sampler::ParentAlwaysOn, 1, Some(false)), (false, None));
        assert_eq!(decided(Sampler::ParentRatio(0.0), 1, Some(true)), (true, None));
        assert_eq!(decided(Sampler::AlwaysOn, 1, Some(false)), (true, None));
        assert_eq!(decided(Sampler::ParentAlwaysOff, 1, None), (false, None));
    }
}
