//! Samples put together: how often each stack was met in each span. Bounded, whatever the program does.

use super::slots::Seen;
use std::collections::BTreeMap;

/// Stacks in spans that are told apart; beyond, stacks alone.
const LABELLED: usize = 12_288;
/// All together; beyond, samples are missed.
const MOST: usize = 16_384;

/// Where, in which span.
pub(super) type Key = (u128, u64, Vec<u64>);

/// What was met so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Samples by what they show.
    pub(super) samples: BTreeMap<Key, u64>,
    /// Samples that lost their label since there were too many.
    pub(super) folded: u64,
    /// Samples that are not in here.
    pub(super) missed: u64,
}

impl Tally {
    pub(super) fn add(&mut self, seen: Seen) {
        let Seen { trace, span, stack, weight } = seen;
        let mut key = (trace, span, stack);
        let mut room = if trace == 0 { MOST } else { LABELLED };
        loop {
            if let Some(many) = self.samples.get_mut(&key) {
                *many += weight;
                return;
            }
            if self.samples.len() < room {
                self.samples.insert(key, weight);
                return;
            }
            if key.0 == 0 {
                self.missed += weight;
                return;
            }
            self.folded += weight;
            (key.0, key.1, room) = (0, 0, MOST);
        }
    }

    /// The same without labels.
    pub(super) fn without_labels(&self) -> Self {
        let mut out = Self { missed: self.missed, folded: self.folded, ..Self::default() };
        for ((trace, _, stack), weight) in &self.samples {
            let (stack, weight) = (stack.clone(), *weight);
            out.folded += if *trace == 0 { 0 } else { weight };
            out.add(Seen { trace: 0, span: 0, stack, weight });
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_folded_and_then_counted() {
        let mut tally = Tally::default();
        let seen = |trace: u128, stack: u64| Seen { trace, span: 1, stack: vec![stack], weight: 2 };
        for i in 0..20_000 {
            tally.add(seen(i + 1, 7));
        }
        assert_eq!(tally.samples.len(), LABELLED + 1);
        assert_eq!(tally.folded, 2 * (20_000 - LABELLED as u64));
        for i in 0..20_000 {
            tally.add(seen(0, 100 + i));
        }
        assert_eq!(tally.samples.len(), MOST);
        let kept: u64 = tally.samples.values().sum();
        assert_eq!(kept + tally.missed, 80_000);
        let plain = tally.without_labels();
        assert_eq!(plain.samples.values().sum::<u64>(), kept);
        assert!(plain.samples.keys().all(|(trace, span, _)| (*trace, *span) == (0, 0)));
    }
}
