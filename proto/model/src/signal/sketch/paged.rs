//! Many buckets: pages of 64, in order of their first use, one behind the other; two loads a record.
//!
//! A cell is as wide as the greatest count needs: a byte, while all counts are small.

use super::bucket::SKETCH_BUCKETS;
use super::{FRACTION, ONE_BITS};
use std::ops::Range;

/// Buckets of a page, which are all equally wide.
pub const PAGE: usize = 64;
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

/// The buckets of one page.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Its first bucket.
    pub first: u16,
    cells: PageCells<'a>,
}

#[derive(Clone, Copy, Debug)]
enum PageCells<'a> {
    Byte(&'a [u8]),
    Short(&'a [u16]),
    Whole(&'a [u32]),
    Weighted(&'a [u64]),
}

impl Page<'_> {
    /// Of some of its buckets, by their places in it: weight, and the sum of each weight times its place. 16.16.
    pub fn sums(&self, places: Range<usize>) -> (u64, u128) {
        let whole = |(n, sum): (u64, u64)| (n << ONE_BITS, u128::from(sum) << ONE_BITS);
        match self.cells {
            PageCells::Byte(cells) => whole(sums(cells, places)),
            PageCells::Short(cells) => whole(sums(cells, places)),
            PageCells::Whole(cells) => whole(sums(cells, places)),
            PageCells::Weighted(cells) => {
                let cells = cells.get(places.clone()).unwrap_or_default();
                (places.start as u128..).zip(cells).fold((0u64, 0), |(all, sum), (place, n)| {
                    (all.saturating_add(*n), sum + u128::from(*n) * place)
                })
            }
        }
    }
}

/// Counts, and the sum of each count times its place: 64 counts of 32 bits are far from too many.
fn sums<T: Copy + Into<u64>>(cells: &[T], places: Range<usize>) -> (u64, u64) {
    let cells = cells.get(places.clone()).unwrap_or_default();
    (places.start as u64..).zip(cells).fold((0, 0), |(all, sum), (place, n)| {
        let n: u64 = (*n).into();
        (all + n, sum + n * place)
    })
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
    if begin == cells.capacity() {
        cells.reserve_exact(PAGE);
    }
    cells.resize(begin + PAGE, T::default());
    begin
}

/// Adds cells to cells of a page, all at once; `false` when a sum is not the width's, and then nothing has changed.
/// A sum that went over is found out and taken back behind the walk: without a branch in it, many go at once.
#[inline]
fn add_page<T: Copy, U: Copy + Into<T>>(
    mine: &mut [T],
    theirs: &[U],
    add: impl Fn(T, T) -> (T, bool),
    sub: impl Fn(T, T) -> T,
) -> bool {
    let pairs = mine.iter_mut().zip(theirs);
    let over = pairs.fold(false, |over, (mine, theirs)| {
        let (sum, too_much) = add(*mine, (*theirs).into());
        *mine = sum;
        over | too_much
    });
    if over {
        mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine = sub(*mine, (*theirs).into()));
    }
    !over
}

/// The same with weights, which have room for all.
fn add_weights<U: Copy + Into<u64>>(mine: &mut [u64], theirs: &[U], bits: u32) -> bool {
    let pairs = mine.iter_mut().zip(theirs);
    pairs.for_each(|(mine, theirs)| *mine = mine.saturating_add((*theirs).into() << bits));
    true
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

    /// Reads the first cell.
    #[inline]
    pub fn touch_first(&self) -> u64 {
        match &self.cells {
            Cells::Byte(cells) => cells.first().map_or(0, |n| u64::from(*n)),
            Cells::Short(cells) => cells.first().map_or(0, |n| u64::from(*n)),
            Cells::Whole(cells) => cells.first().map_or(0, |n| u64::from(*n)),
            Cells::Weighted(cells) => cells.first().copied().unwrap_or_default(),
        }
    }

    /// No buckets, with room for the pages of these, which ascend.
    pub fn with_room(ids: impl Iterator<Item = u16>) -> Self {
        let (mut pages, mut last) = (0, PAGES);
        for page in ids.map(|id| usize::from(id) / PAGE) {
            pages += usize::from(page != last);
            last = page;
        }
        Self { places: [0; PAGES], cells: Cells::Byte(Vec::with_capacity(pages * PAGE)) }
    }

    /// Adds the buckets of another, page by page.
    pub fn merge(&mut self, other: &Self) {
        let both = self.places.iter().zip(other.places);
        let new = both.filter(|(mine, theirs)| **mine == 0 && *theirs > 0).count();
        self.cells.reserve_exact(new * PAGE);
        let part = if matches!(other.cells, Cells::Weighted(_)) { FRACTION } else { 0 };
        let pages = other.places.iter().enumerate().filter(|(_, place)| **place > 0);
        for (page, place) in pages {
            let mine = self.places.get(page).copied().unwrap_or_default();
            let begin = match usize::from(mine).checked_sub(1) {
                Some(place) => place * PAGE,
                None => self.page(page),
            };
            while !self.cells.add_page(begin, &other.cells, (usize::from(*place) - 1) * PAGE) {
                self.cells.widen(part);
            }
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

    /// Calls `f` with the pages, ascending.
    pub fn pages(&self, mut f: impl FnMut(Page<'_>)) {
        for (page, place) in self.places.iter().enumerate().filter(|(_, place)| **place > 0) {
            let begin = (usize::from(*place) - 1) * PAGE;
            let cells = begin..begin + PAGE;
            let cells = match &self.cells {
                Cells::Byte(all) => PageCells::Byte(all.get(cells).unwrap_or_default()),
                Cells::Short(all) => PageCells::Short(all.get(cells).unwrap_or_default()),
                Cells::Whole(all) => PageCells::Whole(all.get(cells).unwrap_or_default()),
                Cells::Weighted(all) => PageCells::Weighted(all.get(cells).unwrap_or_default()),
            };
            f(Page { first: (page * PAGE) as u16, cells });
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
        // Which of them are empty is as good as random: asked without a branch, they are stepped over without one.
        let filled = |(at, n): (usize, &T)| u32::from((*n).into() > 0) << at;
        let mut filled = cells.iter().enumerate().map(filled).fold(0, |all, one| all | one);
        while filled > 0 {
            let at = filled.trailing_zeros() as usize;
            filled &= filled - 1;
            let n: u64 = cells.get(at).copied().map_or(0, Into::into);
            f((first + RUN * run + at) as u16, n << bits);
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

    /// Makes room for more cells, and for no others.
    fn reserve_exact(&mut self, more: usize) {
        match self {
            Self::Byte(cells) => cells.reserve_exact(more),
            Self::Short(cells) => cells.reserve_exact(more),
            Self::Whole(cells) => cells.reserve_exact(more),
            Self::Weighted(cells) => cells.reserve_exact(more),
        }
    }

    /// Adds the page of another that begins at `from` to the one that begins at `at`; `false` when cells must be
    /// wider for it, and then nothing has changed.
    fn add_page(&mut self, at: usize, other: &Self, from: usize) -> bool {
        let (at, from) = (at..at + PAGE, from..from + PAGE);
        match (self, other) {
            (Self::Byte(a), Self::Byte(b)) => {
                add_page(&mut a[at], &b[from], u8::overflowing_add, u8::wrapping_sub)
            }
            (Self::Short(a), Self::Byte(b)) => {
                add_page(&mut a[at], &b[from], u16::overflowing_add, u16::wrapping_sub)
            }
            (Self::Short(a), Self::Short(b)) => {
                add_page(&mut a[at], &b[from], u16::overflowing_add, u16::wrapping_sub)
            }
            (Self::Whole(a), Self::Byte(b)) => {
                add_page(&mut a[at], &b[from], u32::overflowing_add, u32::wrapping_sub)
            }
            (Self::Whole(a), Self::Short(b)) => {
                add_page(&mut a[at], &b[from], u32::overflowing_add, u32::wrapping_sub)
            }
            (Self::Whole(a), Self::Whole(b)) => {
                add_page(&mut a[at], &b[from], u32::overflowing_add, u32::wrapping_sub)
            }
            (Self::Weighted(a), Self::Byte(b)) => add_weights(&mut a[at], &b[from], ONE_BITS),
            (Self::Weighted(a), Self::Short(b)) => add_weights(&mut a[at], &b[from], ONE_BITS),
            (Self::Weighted(a), Self::Whole(b)) => add_weights(&mut a[at], &b[from], ONE_BITS),
            (Self::Weighted(a), Self::Weighted(b)) => add_weights(&mut a[at], &b[from], 0),
            _ => false,
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
