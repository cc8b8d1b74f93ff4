//! Many buckets: pages of 64, in order of their first use, one behind the other; two loads a record.
//!
//! A cell is as wide as the greatest count needs: a byte, while all counts are small.

use super::bucket::SKETCH_BUCKETS;
use super::{FRACTION, ONE_BITS};

const PAGE: usize = 64;
/// Cells that are looked at together: most of a page are empty.
const RUN: usize = 8;
/// Pages that bucket ids need.
const PAGES: usize = SKETCH_BUCKETS / PAGE;
const _: () = assert!(PAGES < 256);

/// Weights by bucket.
#[derive(Clone, Debug)]
pub struct Paged {
    /// By bucket id / PAGE: 1 + place of the page; 0 = not there.
    places: [u8; PAGES],
    cells: Cells,
}

/// Whole spans in the narrowest words that hold them, or 16.16 weights.
#[derive(Clone, Debug)]
enum Cells {
    Byte(Vec<u8>),
    Short(Vec<u16>),
    Whole(Vec<u32>),
    Weighted(Vec<u64>),
}

/// Adds whole spans; `false` when they do not fit.
#[inline]
fn add<T: Copy + Into<u64> + TryFrom<u64>>(cells: &mut [T], i: usize, weight: u64) -> bool {
    let Some(cell) = cells.get_mut(i) else { return false };
    match T::try_from((*cell).into() + (weight >> ONE_BITS)) {
        Ok(sum) if weight & FRACTION == 0 => {
            *cell = sum;
            true
        }
        _ => false,
    }
}

/// One page more; gives back where it begins.
fn grow<T: Clone + Default>(cells: &mut Vec<T>) -> usize {
    let begin = cells.len();
    cells.reserve_exact(PAGE);
    cells.resize(begin + PAGE, T::default());
    begin
}

fn wider<T: Copy + Into<u64>, W: TryFrom<u64> + Default>(cells: &[T], bits: u32) -> Vec<W> {
    cells.iter().map(|n| W::try_from((*n).into() << bits).unwrap_or_default()).collect()
}

impl Paged {
    pub fn new() -> Self {
        Self { places: [0; PAGES], cells: Cells::Byte(Vec::new()) }
    }

    #[inline]
    pub fn add(&mut self, id: u16, weight: u64) {
        let (page, at) = (usize::from(id) / PAGE, usize::from(id) % PAGE);
        let Some(&place) = self.places.get(page) else { return };
        let i = match usize::from(place).checked_sub(1) {
            Some(place) => place * PAGE + at,
            None => self.page(page) + at,
        };
        if !self.cells.add(i, weight) {
            self.cells.add_wider(i, weight);
        }
    }

    /// Reads the cell of a bucket.
    #[inline]
    pub fn touch(&self, id: u16) -> u64 {
        let (page, at) = (usize::from(id) / PAGE, usize::from(id) % PAGE);
        let place = self.places.get(page).copied().unwrap_or_default();
        let Some(place) = usize::from(place).checked_sub(1) else { return 0 };
        let i = place * PAGE + at;
        match &self.cells {
            Cells::Byte(cells) => cells.get(i).map_or(0, |n| u64::from(*n)),
            Cells::Short(cells) => cells.get(i).map_or(0, |n| u64::from(*n)),
            Cells::Whole(cells) => cells.get(i).map_or(0, |n| u64::from(*n)),
            Cells::Weighted(cells) => cells.get(i).copied().unwrap_or_default(),
        }
    }

    /// Makes a page; gives back where its cells begin.
    #[cold]
    fn page(&mut self, page: usize) -> usize {
        let begin = match &mut self.cells {
            Cells::Byte(cells) => grow(cells),
            Cells::Short(cells) => grow(cells),
            Cells::Whole(cells) => grow(cells),
            Cells::Weighted(cells) => grow(cells),
        };
        if let Some(place) = self.places.get_mut(page) {
            *place = (begin / PAGE + 1) as u8;
        }
        begin
    }

    /// Calls `f` with (bucket id, 16.16 weight), ascending.
    pub fn for_each(&self, mut f: impl FnMut(u16, u64)) {
        for (page, place) in self.places.iter().enumerate().filter(|(_, place)| **place > 0) {
            let (first, begin) = (page * PAGE, (usize::from(*place) - 1) * PAGE);
            match &self.cells {
                Cells::Byte(cells) => tell(cells, begin, first, ONE_BITS, &mut f),
                Cells::Short(cells) => tell(cells, begin, first, ONE_BITS, &mut f),
                Cells::Whole(cells) => tell(cells, begin, first, ONE_BITS, &mut f),
                Cells::Weighted(cells) => tell(cells, begin, first, 0, &mut f),
            }
        }
    }

    /// Non-empty buckets.
    pub fn buckets(&self) -> usize {
        fn filled<T: Copy + Default + PartialEq>(cells: &[T]) -> usize {
            // Sums of a page fit into a byte, and sixteen cells are then compared at once.
            let page = |cells: &[T]| cells.iter().map(|n| u8::from(*n != T::default())).sum::<u8>();
            cells.chunks(PAGE).map(|cells| usize::from(page(cells))).sum()
        }
        match &self.cells {
            Cells::Byte(cells) => filled(cells),
            Cells::Short(cells) => filled(cells),
            Cells::Whole(cells) => filled(cells),
            Cells::Weighted(cells) => filled(cells),
        }
    }

    pub fn heap_bytes(&self) -> usize {
        match &self.cells {
            Cells::Byte(cells) => cells.capacity(),
            Cells::Short(cells) => cells.capacity() * size_of::<u16>(),
            Cells::Whole(cells) => cells.capacity() * size_of::<u32>(),
            Cells::Weighted(cells) => cells.capacity() * size_of::<u64>(),
        }
    }
}

/// The cells of a page that are not empty.
#[inline]
fn tell<T: Copy + Into<u64>>(
    cells: &[T],
    begin: usize,
    first: usize,
    bits: u32,
    f: &mut impl FnMut(u16, u64),
) {
    let page = cells.get(begin..begin + PAGE).unwrap_or_default();
    for (run, cells) in page.chunks_exact(RUN).enumerate() {
        if cells.iter().fold(0, |all, n| all | (*n).into()) == 0 {
            continue;
        }
        for (at, n) in cells.iter().enumerate() {
            let n: u64 = (*n).into();
            if n > 0 {
                f((first + RUN * run + at) as u16, n << bits);
            }
        }
    }
}

impl Cells {
    /// `false` when the cells are too narrow.
    #[inline]
    fn add(&mut self, i: usize, weight: u64) -> bool {
        match self {
            Self::Byte(cells) => add(cells, i, weight),
            Self::Short(cells) => add(cells, i, weight),
            Self::Whole(cells) => add(cells, i, weight),
            Self::Weighted(cells) => {
                if let Some(cell) = cells.get_mut(i) {
                    *cell = cell.saturating_add(weight);
                }
                true
            }
        }
    }

    #[cold]
    fn add_wider(&mut self, i: usize, weight: u64) {
        self.widen(weight);
        while !self.add(i, weight) {
            self.widen(weight);
        }
    }

    /// The next width; for a part of a span the last.
    fn widen(&mut self, weight: u64) {
        let part = weight & FRACTION != 0;
        *self = match self {
            Self::Byte(cells) if part => Self::Weighted(wider(cells, ONE_BITS)),
            Self::Short(cells) if part => Self::Weighted(wider(cells, ONE_BITS)),
            Self::Byte(cells) => Self::Short(wider(cells, 0)),
            Self::Short(cells) => Self::Whole(wider(cells, 0)),
            Self::Whole(cells) => Self::Weighted(wider(cells, ONE_BITS)),
            Self::Weighted(cells) => Self::Weighted(std::mem::take(cells)),
        };
    }
}
