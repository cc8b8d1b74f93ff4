//! One request on its way to the shards: decoded, its names interned, its spans dealt.
//!
//! Made once, before the split; every shard reads its own part and changes nothing.

use crate::catalog::{Mapped, RedRow};
use crate::shed::Step;
use longpole_model::signal::{Batch, SpanRecord, Tally, Timestamp};
use std::ops::Range;

/// A request as the shards take it.
#[derive(Debug, Default)]
pub struct Work {
    /// The request.
    pub batch: Batch,
    /// Its dictionary in terms of the catalog.
    pub mapped: Mapped,
    /// Rows of the catalog that came since the work before.
    pub news: Vec<RedRow>,
    /// Which shard reads which spans.
    pub dealt: Dealt,
    /// Whether the shard that counts it reads all of it: an entry of a log that only this shard reads.
    pub alone: bool,
    /// What the doors refused or mended of it, and requests refused since the work before; most have
    /// none.
    pub mended: Option<Box<Tally>>,
    /// The shard that counts what was received.
    pub counts: u32,
    /// When it arrived; in recordings, the greatest end so far.
    pub arrival: Timestamp,
    /// What of it is given up.
    pub step: Step,
}

impl Work {
    /// Whether a shard of `shards` has anything to read here.
    pub fn concerns(&self, shard: u32, shards: u32) -> bool {
        if self.counts == shard || !self.news.is_empty() || shards <= 1 {
            return true;
        }
        !self.alone
            && (!self.dealt.of(shard, self.batch.spans.len()).is_empty()
                || self.mapped.series.iter().any(|s| s.id.0 % shards == shard))
    }
}

/// Span indices by shard, ascending within each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dealt {
    /// Empty for a single shard: it reads them all.
    order: Vec<u32>,
    /// Shard `s` reads `order[first[s]..first[s + 1]]`.
    first: Vec<u32>,
}

impl Dealt {
    /// Deals spans by the hash of their traces.
    pub fn new(spans: &[SpanRecord], shards: u32) -> Self {
        if shards <= 1 {
            return Self::default();
        }
        let to: Vec<u32> = spans.iter().map(|s| s.trace.hash().shard(shards)).collect();
        let mut first = vec![0u32; shards as usize + 1];
        for &s in &to {
            first[s as usize + 1] += 1;
        }
        for s in 0..shards as usize {
            first[s + 1] += first[s];
        }
        let mut next = first.clone();
        let mut order = vec![0; spans.len()];
        for (i, &s) in (0u32..).zip(&to) {
            let at = &mut next[s as usize];
            order[*at as usize] = i;
            *at += 1;
        }
        Self { order, first }
    }

    /// The places of a shard's spans in the order of dealing, of `all` spans.
    pub fn of(&self, shard: u32, all: usize) -> Range<usize> {
        let end = |s: usize| self.first.get(s).map(|n| *n as usize);
        match (end(shard as usize), end(shard as usize + 1)) {
            (Some(from), Some(to)) => from..to,
            _ => 0..all,
        }
    }

    /// Index of the span at a place.
    #[inline]
    pub fn span(&self, place: usize) -> usize {
        self.order.get(place).map_or(place, |i| *i as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_model::signal::TraceId;

    #[test]
    fn every_span_is_dealt_once_and_in_order() {
        let span = |i: u8| SpanRecord { trace: TraceId([i; 16]), ..SpanRecord::default() };
        let spans: Vec<SpanRecord> = (1..200).map(span).collect();
        for shards in [1, 2, 7, 64] {
            let dealt = Dealt::new(&spans, shards);
            let mut seen = vec![0; spans.len()];
            for shard in 0..shards {
                let indices: Vec<usize> =
                    dealt.of(shard, spans.len()).map(|p| dealt.span(p)).collect();
                assert!(indices.is_sorted());
                for i in indices {
                    assert_eq!(spans[i].trace.hash().shard(shards), shard);
                    seen[i] += 1;
                }
            }
            assert!(seen.iter().all(|n| *n == 1));
        }
    }
}
