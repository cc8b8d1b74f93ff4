//! Where open spans lie: in blocks of one size, which all partitions of a shard take from one shelf and give back.
//!
//! So what one partition let go of is room for the next span of any, and still near; nothing is moved to grow, and
//! what is held beyond the open spans is a block a partition. Which spans stay is not decided here.

use super::open::OpenSpan;

/// Open spans of a block: 2 KiB.
const BLOCK: usize = 32;
/// Blocks that a shelf keeps though nothing is open.
const KEPT: usize = 128;

type Block = Box<[OpenSpan; BLOCK]>;

/// Blocks that nobody has.
#[derive(Debug, Default)]
pub struct Shelf(Vec<Block>);

impl Shelf {
    fn take(&mut self) -> Block {
        self.0.pop().unwrap_or_else(|| Box::new([OpenSpan::default(); BLOCK]))
    }

    /// Gives memory back where more is free than half of what `open` spans take: a quarter stays.
    pub fn trim(&mut self, open: usize) {
        let keep = KEPT + open / BLOCK / 4;
        if self.0.len() > 2 * keep {
            self.0.truncate(keep);
        }
    }
}

/// The open spans of a partition, in the order in which they came as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    /// Those with spans, and one more to write to next; none where nothing is open.
    blocks: Vec<Block>,
    len: usize,
}

impl Cells {
    /// Open spans.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The spans, one run behind the other.
    #[inline]
    pub fn runs(&self) -> impl Iterator<Item = &[OpenSpan]> {
        let mut left = self.len;
        self.blocks.iter().map(move |block| {
            let run = left.min(BLOCK);
            left -= run;
            block.get(..run).unwrap_or_default()
        })
    }

    /// Reads the cell of the span after next `ahead`: what is written there soon is then on its way
    /// from memory, many cells at a time. The value means nothing.
    #[inline]
    pub fn touch(&self, ahead: usize) -> u32 {
        let at = self.len + ahead;
        self.blocks.get(at / BLOCK).map_or(0, |block| block[at % BLOCK].offset)
    }

    /// Appends a span.
    #[inline]
    pub fn push(&mut self, span: OpenSpan, shelf: &mut Shelf) {
        let at = self.len / BLOCK;
        if self.blocks.len() <= at {
            self.blocks.push(shelf.take());
        }
        self.blocks[at][self.len % BLOCK] = span;
        self.len += 1;
        if self.len.is_multiple_of(BLOCK) {
            self.blocks.push(shelf.take());
        }
    }

    /// Lets go of the spans for which `keep` says `false`; it may change the others. They are asked in their order.
    #[inline]
    pub fn retain(&mut self, shelf: &mut Shelf, mut keep: impl FnMut(&mut OpenSpan) -> bool) {
        let mut kept = 0;
        for i in 0..self.len {
            let mut span = self.blocks[i / BLOCK][i % BLOCK];
            if keep(&mut span) {
                self.blocks[kept / BLOCK][kept % BLOCK] = span;
                kept += 1;
            }
        }
        self.len = kept;
        let needed = if kept > 0 { kept / BLOCK + 1 } else { 0 };
        shelf.0.extend(self.blocks.drain(needed..));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::RedId;
    use longpole_model::signal::{SpanId, SpanRecord, Timestamp};
    use proptest::prelude::*;

    fn span(n: u64) -> OpenSpan {
        let record = SpanRecord { span: SpanId(n.to_be_bytes()), ..SpanRecord::default() };
        OpenSpan::new(&record, RedId(0), Timestamp(0))
    }

    fn held(cells: &Cells) -> Vec<OpenSpan> {
        cells.runs().flatten().copied().collect()
    }

    proptest! {
        #[test]
        fn they_are_lists_that_share_their_room(
            moves in prop::collection::vec((0..3usize, 0..200u64, 1..9u64), 0..60),
        ) {
            let mut shelf = Shelf::default();
            let mut all: [Cells; 3] = Default::default();
            let mut plain: [Vec<OpenSpan>; 3] = Default::default();
            let mut most = 0;
            for (which, spans, of) in moves {
                for n in 0..spans {
                    all[which].push(span(n), &mut shelf);
                    plain[which].push(span(n));
                }
                most = most.max(all.iter().map(Cells::len).sum());
                let other = (which + 1) % 3;
                let stays = |s: &mut OpenSpan| {
                    s.offset += 1;
                    !s.span.as_u64().is_multiple_of(of)
                };
                all[other].retain(&mut shelf, stays);
                plain[other].retain_mut(stays);
                for (cells, plain) in all.iter().zip(&plain) {
                    prop_assert_eq!(cells.len(), plain.len());
                    prop_assert_eq!(&held(cells), plain);
                }
            }
            // Room is made for the most that were open at once, and a block for each.
            let made = shelf.0.len() + all.iter().map(|c| c.blocks.len()).sum::<usize>();
            prop_assert!(made <= most / BLOCK + all.len(), "{made} blocks for {most} spans");
            shelf.trim(0);
            prop_assert!(shelf.0.len() <= 2 * KEPT);
        }
    }
}
