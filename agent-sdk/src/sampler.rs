//! Which traces are recorded: decided at the root, before anything else.

use crate::context::Context;
use std::sync::Arc;

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

    /// Whether to record, and the `tracestate` that carries the weight on.
    pub(crate) fn decide(
        self,
        trace_id: [u8; 16],
        parent: Option<&Context>,
    ) -> (bool, Option<Arc<str>>) {
        let inherited = parent.and_then(|p| p.trace_state.clone());
        match (self, parent) {
            (Self::ParentAlwaysOn | Self::ParentAlwaysOff | Self::ParentRatio(_), Some(p)) => {
                (p.sampled, inherited)
            }
            (Self::AlwaysOn | Self::ParentAlwaysOn, _) => (true, inherited),
            (Self::AlwaysOff | Self::ParentAlwaysOff, _) => (false, inherited),
            (Self::Ratio(share) | Self::ParentRatio(share), _) => {
                // OpenTelemetry probability sampling: recorded when randomness >= threshold, and the
                // threshold travels as ot=th, so that the receiver knows the weight.
                let threshold = SPACE - (share.clamp(0.0, 1.0) * SPACE as f64) as u64;
                let [.., a, b, c, d, e, f, g] = trace_id;
                let randomness = u64::from_be_bytes([0, a, b, c, d, e, f, g]);
                let recorded = threshold < SPACE && randomness >= threshold;
                if recorded {
                    (true, Some(with_threshold(inherited.as_deref(), threshold)))
                } else {
                    (false, inherited)
                }
            }
        }
    }
}

/// `ot=th:<hex>` in front of the other members, trailing zeros off.
fn with_threshold(state: Option<&str>, threshold: u64) -> Arc<str> {
    let hex = format!("{threshold:014x}");
    let hex = hex.trim_end_matches('0');
    let own = format!("ot=th:{}", if hex.is_empty() { "0" } else { hex });
    let others = state.unwrap_or("").split(',').map(str::trim);
    let others = others.filter(|m| !m.is_empty() && !m.starts_with("ot="));
    let all: Vec<&str> = std::iter::once(own.as_str()).chain(others).collect();
    Arc::from(all.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_share_and_says_its_weight() {
        let taken =
            (0..20_000).filter(|_| Sampler::Ratio(0.25).decide(crate::id::trace(), None).0).count();
        assert!((4_600..5_400).contains(&taken), "{taken}");
        let (on, state) = Sampler::Ratio(0.25).decide([0xff; 16], None);
        assert_eq!((on, state.as_deref()), (true, Some("ot=th:c")));
        assert_eq!(Sampler::Ratio(1.0).decide([0; 16], None).1.as_deref(), Some("ot=th:0"));
        assert!(!Sampler::Ratio(0.0).decide([0xff; 16], None).0);
    }

    #[test]
    fn the_parent_decides_where_it_may() {
        let parent = |sampled| Context {
            trace_id: [1; 16],
            span_id: [1; 8],
            sampled,
            trace_state: Some(Arc::from("ot=th:8,x=y")),
            remote: true,
        };
        assert!(!Sampler::ParentAlwaysOn.decide([1; 16], Some(&parent(false))).0);
        let (on, state) = Sampler::ParentRatio(0.0).decide([1; 16], Some(&parent(true)));
        assert_eq!((on, state.as_deref()), (true, Some("ot=th:8,x=y")));
        assert!(Sampler::AlwaysOn.decide([1; 16], Some(&parent(false))).0);
    }
}
