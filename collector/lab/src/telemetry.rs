//! What can be wrong with what the shop tells of itself, while nothing is wrong with the shop: clocks that differ,
//! spans that are lost, spans that come late.

use crate::record::SECOND;
use crate::rng::Rng;
use crate::shop::{CLIENT, SERVICES, Span};

/// What is wrong with the telemetry. Nothing, by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Telemetry {
    /// Clocks of the services' hosts differ by up to so many milliseconds either way; the frontend's is right.
    pub clock_skew_ms: f64,
    /// Of the frontend's client spans this share gets lost in the second stretch, 0 to 1.
    pub lost: f64,
    /// The frontend's spans come so many seconds late in the second stretch.
    pub late_seconds: u64,
}

impl Telemetry {
    fn is_frontend(s: &Span) -> bool {
        s.service == SERVICES[0].0
    }

    /// Nanoseconds after its end at which a span is sent.
    pub(crate) fn delay(&self, s: &Span, from: u64) -> u64 {
        let late = s.start >= from && Self::is_frontend(s);
        if late { self.late_seconds * SECOND } else { 0 }
    }

    /// What is sent of some spans, by the clocks of those who send them. Chance comes from a span's id, so that
    /// the shop's own is not disturbed.
    pub(crate) fn tell(&self, spans: &mut Vec<Span>, seed: u64, from: u64) {
        spans.retain(|s| {
            let lost = s.start >= from && Self::is_frontend(s) && s.kind == CLIENT;
            !(lost && Rng::new(s.id).unit() < self.lost)
        });
        for s in spans {
            let host =
                SERVICES.iter().position(|(name, ..)| *name == s.service).unwrap_or(0) as u64;
            if host > 0 && self.clock_skew_ms > 0.0 {
                let off =
                    Rng::new(seed ^ (host << 32)).between(-1.0, 1.0) * self.clock_skew_ms * 1e6;
                (s.start, s.end) = (
                    s.start.saturating_add_signed(off as i64),
                    s.end.saturating_add_signed(off as i64),
                );
            }
        }
    }
}
