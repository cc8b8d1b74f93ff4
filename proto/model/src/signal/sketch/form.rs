//! How a sketch is stored: as narrow as what it holds allows, wider on demand.
//!
//! What a sketch means is told outside.

use super::few::{self, Added, Cell};
use super::paged::Paged;
use super::{FRACTION, ONE_BITS};

/// Buckets that need no memory beside the sketch.
pub const INLINE: usize = 4;
/// Buckets in a list before the pages begin.
pub const FEW: usize = 64;
#[derive(Clone, Debug)]
pub enum Form {
    /// Whole spans, ascending, the free ones last.
    Inline([Cell; INLINE]),
    /// Whole spans, ascending.
    Few(Vec<Cell>),
    Weighed(Box<Weighed>),
    Paged(Box<Paged>),
}
const _: () = assert!(size_of::<Form>() == 24);

/// Ascending: bucket id in the upper 16 bits, 16.16 weight in the lower 48.
#[derive(Clone, Debug, Default)]
pub struct Weighed(Vec<u64>);

const WEIGHT_BITS: u32 = 48;
const WEIGHT_MASK: u64 = (1 << WEIGHT_BITS) - 1;

impl Default for Form {
    fn default() -> Self {
        Self::Inline([0; INLINE])
    }
}

/// Room for `n` cells, and those that an allocator's chunk has anyway.
fn room(n: usize) -> usize {
    (n + 2).next_multiple_of(4) - 2
}

impl Form {
    /// Whole spans in few buckets, as cells.
    pub fn cells(&self) -> Option<&[Cell]> {
        match self {
            Self::Inline(cells) => {
                let len = cells.iter().position(|c| *c == 0).unwrap_or(INLINE);
                cells.get(..len)
            }
            Self::Few(cells) => Some(cells),
            Self::Weighed(_) | Self::Paged(_) => None,
        }
    }

    /// The narrowest form of cells.
    pub fn of(cells: &[Cell]) -> Self {
        let mut inline = [0; INLINE];
        match inline.get_mut(..cells.len()) {
            Some(free) => {
                free.copy_from_slice(cells);
                Self::Inline(inline)
            }
            None if cells.len() <= FEW => {
                let mut few = Vec::with_capacity(room(cells.len()));
                few.extend_from_slice(cells);
                Self::Few(few)
            }
            None => {
                let mut paged = Box::new(Paged::with_room(cells.iter().map(|c| few::id(*c))));
                cells.iter().for_each(|c| paged.add(few::id(*c), few::count(*c) << ONE_BITS));
                Self::Paged(paged)
            }
        }
    }

    /// `false` when this form has no room for it.
    pub fn add(&mut self, id: u16, weight: u64) -> bool {
        let whole = weight & FRACTION == 0;
        match self {
            Self::Inline(cells) if whole => {
                let len = cells.iter().position(|c| *c == 0).unwrap_or(INLINE);
                match few::add(cells.get_mut(..len).unwrap_or_default(), id, weight >> ONE_BITS) {
                    Added::Done => true,
                    Added::New(at, cell) if len < INLINE => {
                        cells.copy_within(at..len, at + 1);
                        cells[at] = cell;
                        true
                    }
                    Added::New(..) | Added::TooMany => false,
                }
            }
            Self::Few(cells) if whole => match few::add(cells, id, weight >> ONE_BITS) {
                Added::Done => true,
                Added::New(at, cell) if cells.len() < FEW => {
                    if cells.len() == cells.capacity() {
                        cells.reserve_exact(room(cells.len() / 2));
                    }
                    cells.insert(at, cell);
                    true
                }
                Added::New(..) | Added::TooMany => false,
            },
            Self::Inline(_) | Self::Few(_) => false,
            Self::Weighed(weighed) => weighed.add(id, weight),
            Self::Paged(paged) => {
                paged.add(id, weight);
                true
            }
        }
    }

    /// The next form: one that has more room, or room for parts of spans.
    #[cold]
    pub fn widen(&mut self, weight: u64) {
        let next = match self {
            Self::Inline(_) | Self::Few(_) if weight & FRACTION != 0 => {
                Self::Weighed(Box::default())
            }
            Self::Inline(cells) => {
                let mut few = Vec::with_capacity(room(2 * INLINE));
                few.extend_from_slice(cells);
                few.retain(|c| *c != 0);
                *self = Self::Few(few);
                return;
            }
            _ => Self::Paged(Box::new(Paged::new())),
        };
        let before = std::mem::replace(self, next);
        before.for_each(|id, n| {
            self.add(id, n);
        });
    }

    /// Calls `f` with (bucket id, 16.16 weight), ascending.
    #[inline]
    pub fn for_each(&self, mut f: impl FnMut(u16, u64)) {
        let cell = |c: &Cell| f(few::id(*c), few::count(*c) << ONE_BITS);
        match self {
            Self::Inline(cells) => cells.iter().take_while(|c| **c != 0).for_each(cell),
            Self::Few(cells) => cells.iter().for_each(cell),
            Self::Weighed(rows) => {
                rows.0.iter().for_each(|row| f((row >> WEIGHT_BITS) as u16, row & WEIGHT_MASK));
            }
            Self::Paged(paged) => paged.for_each(f),
        }
    }

    /// Pages, where there are any.
    pub fn pages(&self) -> Option<&Paged> {
        match self {
            Self::Paged(paged) => Some(paged),
            Self::Inline(_) | Self::Few(_) | Self::Weighed(_) => None,
        }
    }

    /// Reads where a bucket is, or would be.
    #[inline]
    pub fn touch(&self, id: u16) -> u64 {
        match self {
            Self::Inline(_) => 0,
            Self::Few(cells) => cells.get(cells.len() / 2).map_or(0, |c| u64::from(*c)),
            Self::Weighed(rows) => rows.0.get(rows.0.len() / 2).copied().unwrap_or_default(),
            Self::Paged(paged) => paged.touch(id),
        }
    }

    /// Reads the first of what is held beside the form itself.
    #[inline]
    pub fn touch_first(&self) -> u64 {
        match self {
            Self::Inline(_) => 0,
            Self::Few(cells) => cells.first().map_or(0, |c| u64::from(*c)),
            Self::Weighed(rows) => rows.0.first().copied().unwrap_or_default(),
            Self::Paged(paged) => paged.touch_first(),
        }
    }

    /// Bytes held beside the form itself.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Inline(_) => 0,
            Self::Few(cells) => cells.capacity() * size_of::<Cell>(),
            Self::Weighed(rows) => size_of::<Weighed>() + rows.0.capacity() * size_of::<u64>(),
            Self::Paged(paged) => size_of::<Paged>() + paged.heap_bytes(),
        }
    }
}

impl Weighed {
    fn add(&mut self, id: u16, weight: u64) -> bool {
        let key = u64::from(id) << WEIGHT_BITS;
        let at = self.0.partition_point(|row| *row < key);
        let seen = self.0.get(at).filter(|row| *row >> WEIGHT_BITS == u64::from(id));
        let sum = seen.map_or(0, |row| row & WEIGHT_MASK).saturating_add(weight);
        match (seen.is_some(), sum <= WEIGHT_MASK) {
            (true, true) => self.0[at] = key | sum,
            (false, true) if self.0.len() < FEW => self.0.insert(at, key | sum),
            _ => return false,
        }
        true
    }
}
