//! Requests without a number, recognised by what they hold: how many spans, and their ids.
//!
//! For SDKs of others, whose resend is the same request again. Bounded by memory: the latest requests
//! are remembered, and how far back that reaches is told, because a resend from before it counts twice.

use super::Verdict;
use longpole_model::signal::{SpanRecord, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{HashSet, VecDeque};

/// Requests remembered unless told otherwise: some 4 MiB.
const CAP: usize = 65_536;

/// What a request holds, in 16 bytes: independent of the order of its spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint(u64, u64);

impl Fingerprint {
    /// Of a request's spans; `None` without any. Span ids are drawn at random, so that two requests of
    /// one fingerprint are one request sent twice.
    pub fn of(spans: &[SpanRecord]) -> Option<Self> {
        if spans.is_empty() {
            return None;
        }
        let sum = spans.iter().fold((0u64, 0u64), |(a, b), s| {
            let span = mix(u64::from_le_bytes(s.span.0));
            let trace = mix(span ^ s.trace.hash().0);
            (a.wrapping_add(span), b.wrapping_add(trace))
        });
        Some(Self(sum.0 ^ mix(spans.len() as u64), sum.1))
    }
}

/// The finisher of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The latest requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Fingerprints {
    cap: usize,
    /// Oldest first, with their arrival.
    order: VecDeque<(Timestamp, Fingerprint)>,
    /// For look-up: what `order` says. Its hash is keyed, since strangers choose their span ids.
    #[serde(skip_serializing)]
    known: HashSet<Fingerprint>,
    duplicates: u64,
}

/// As a checkpoint has it.
#[derive(Deserialize)]
struct Stored {
    cap: usize,
    order: VecDeque<(Timestamp, Fingerprint)>,
    duplicates: u64,
}

impl From<Stored> for Fingerprints {
    fn from(Stored { cap, order, duplicates }: Stored) -> Self {
        let known = order.iter().map(|(_, request)| *request).collect();
        Self { cap, order, known, duplicates }
    }
}

impl Default for Fingerprints {
    fn default() -> Self {
        Self::new(CAP)
    }
}

impl Fingerprints {
    /// Remembers at most `cap` requests.
    pub fn new(cap: usize) -> Self {
        let (order, known) = Default::default();
        Self { cap: cap.max(1), order, known, duplicates: 0 }
    }

    /// Judges a request that arrived at `now`, and remembers it. Never [`Verdict::Stale`].
    pub fn see(&mut self, request: Fingerprint, now: Timestamp) -> Verdict {
        if !self.known.insert(request) {
            self.duplicates += 1;
            return Verdict::Duplicate;
        }
        self.order.push_back((now, request));
        if self.order.len() > self.cap
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        Verdict::Fresh
    }

    /// Requests that had been here.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Nanoseconds before `now` within which a resend is recognised; `None` while nothing has been
    /// forgotten.
    pub fn reach(&self, now: Timestamp) -> Option<u64> {
        let full = self.order.len() >= self.cap;
        self.order.front().filter(|_| full).map(|(at, _)| now.since(*at))
    }
}
