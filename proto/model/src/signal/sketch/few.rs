//! Few buckets of whole spans: a bucket and its count in one word of 32 bits, ascending.
//!
//! What does not go in here (parts of spans, great counts, many buckets) takes another form.

/// A bucket id in the upper 13 bits, a count of whole spans in the lower 19. 0 = free.
pub type Cell = u32;

/// Bits of a cell's count.
pub const COUNT_BITS: u32 = 19;
/// Greatest count of a cell.
pub const MOST: u64 = (1 << COUNT_BITS) - 1;

/// The bucket of a cell.
#[inline]
pub fn id(cell: Cell) -> u16 {
    (cell >> COUNT_BITS) as u16
}

/// Spans in a cell.
#[inline]
pub fn count(cell: Cell) -> u64 {
    u64::from(cell) & MOST
}

/// What became of a span that was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is there.
    Done,
    /// A new bucket belongs at this place.
    New(usize, Cell),
    /// The count of its bucket has no room for it.
    TooMany,
}

/// Adds `n` spans of bucket `bucket` to cells that have it.
#[inline]
pub fn add(cells: &mut [Cell], bucket: u16, n: u64) -> Added {
    let key = u32::from(bucket) << COUNT_BITS;
    if n > MOST {
        return Added::TooMany;
    }
    let at = cells.partition_point(|cell| *cell < key);
    match cells.get_mut(at) {
        Some(cell) if id(*cell) == bucket => {
            if count(*cell) + n > MOST {
                return Added::TooMany;
            }
            *cell += n as u32;
            Added::Done
        }
        _ => Added::New(at, key | n as u32),
    }
}

/// The cells of both, in `N` words that have room for them; `None` when a count has none.
pub fn union<const N: usize>(mut a: &[Cell], mut b: &[Cell]) -> Option<([Cell; N], usize)> {
    let (mut out, mut len) = ([0; N], 0);
    loop {
        let next = match (a.split_first(), b.split_first()) {
            (Some((x, left)), Some((y, right))) if id(*x) == id(*y) => {
                if count(*x) + count(*y) > MOST {
                    return None;
                }
                (a, b) = (left, right);
                x + (y & MOST as u32)
            }
            (Some((x, left)), other) if other.is_none_or(|(y, _)| x < y) => {
                a = left;
                *x
            }
            (_, Some((y, right))) => {
                b = right;
                *y
            }
            (_, None) => return Some((out, len)),
        };
        *out.get_mut(len)? = next;
        len += 1;
    }
}
