//! Cells of several sketches brought together: by counting, not by sorting.
//!
//! One of it serves many joins, since a table of all buckets is not made for each.

use super::few::{self, COUNT_BITS, Cell, MOST};
use super::form::{FEW, Form};
use super::paged::Paged;
use super::{ONE_BITS, Sketch};

/// Bucket ids of cells lie below this.
const IDS: usize = 1 << (Cell::BITS - COUNT_BITS);
const WORD: usize = u64::BITS as usize;

/// Room in which sketches are joined ([`Sketch::join`]); empty between two joins.
#[derive(Clone, Debug)]
pub struct Gather {
    /// Whole spans by bucket.
    counts: Vec<u64>,
    /// Which buckets have any.
    used: [u64; IDS / WORD],
    /// Which words of `used` have any.
    words: u128,
    /// All counts that were ever reached, one over the other: where it fits a cell, each of them does.
    reached: u64,
}
const _: () = assert!(IDS / WORD == u128::BITS as usize);

impl Default for Gather {
    fn default() -> Self {
        Self { counts: vec![0; IDS], used: [0; IDS / WORD], words: 0, reached: 0 }
    }
}

impl Gather {
    /// Adds cells.
    #[inline]
    pub(super) fn add(&mut self, cells: &[Cell]) {
        for cell in cells {
            let id = usize::from(few::id(*cell));
            let (word, bit) = (id / WORD, id % WORD);
            let (Some(count), Some(used)) = (self.counts.get_mut(id), self.used.get_mut(word))
            else {
                continue;
            };
            *count += few::count(*cell);
            self.reached |= *count;
            *used |= 1 << bit;
            self.words |= 1 << word;
        }
    }

    /// What has been added, in the narrowest form; nothing is left here.
    pub(super) fn take(&mut self) -> Form {
        if self.len() <= FEW && self.reached <= MOST {
            let (mut cells, mut len) = ([0; FEW], 0);
            self.drain(|id, n| {
                if let Some(cell) = cells.get_mut(len) {
                    *cell = u32::from(id) << COUNT_BITS | n as u32;
                    len += 1;
                }
            });
            return Form::of(cells.get(..len).unwrap_or_default());
        }
        let mut paged = Box::new(Paged::with_room(self.buckets()));
        self.drain(|id, n| paged.add(id, n << ONE_BITS));
        Form::Paged(paged)
    }

    fn len(&self) -> usize {
        let used = bits(self.words).filter_map(|word| self.used.get(word as usize));
        used.map(|used| used.count_ones() as usize).sum()
    }

    /// Adds what has been added here to a sketch; nothing is left here.
    pub(super) fn drain_into(&mut self, sketch: &mut Sketch) {
        self.drain(|id, n| sketch.add(id, n << ONE_BITS));
    }

    fn buckets(&self) -> impl Iterator<Item = u16> {
        bits(self.words).flat_map(|word| {
            let used = self.used.get(word as usize).copied().unwrap_or_default();
            bits(u128::from(used)).map(move |bit| word as u16 * WORD as u16 + bit as u16)
        })
    }

    /// Calls `f` with all buckets, ascending, and their counts, and becomes empty.
    #[inline]
    fn drain(&mut self, mut f: impl FnMut(u16, u64)) {
        for word in bits(std::mem::take(&mut self.words)) {
            let Some(used) = self.used.get_mut(word as usize) else { continue };
            let mut used = std::mem::take(used);
            while used != 0 {
                let id = word as usize * WORD + used.trailing_zeros() as usize;
                used &= used - 1;
                if let Some(count) = self.counts.get_mut(id) {
                    f(id as u16, std::mem::take(count));
                }
            }
        }
        self.reached = 0;
    }
}

/// Places of a number's bits, ascending.
fn bits(mut of: u128) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = (of != 0).then(|| of.trailing_zeros())?;
        of &= of - 1;
        Some(bit)
    })
}
