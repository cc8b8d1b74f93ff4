//! Parts of batches: a door that writes into streams cuts a batch that was not cut for one, and its parts
//! are recognised each in its stream, whichever collector cut them.
//!
//! Not every batch has something for every stream, so that what is missing here was never sent: no gaps
//! are named.

use super::{Before, Counted, Dedupe, Verdict, WINDOWS};
use crate::log::Producer;
use serde::{Deserialize, Serialize};

/// A part of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The batch as its sender named it.
    pub batch: Producer,
    /// The stream that the part was cut for.
    pub stream: u32,
    /// Which of the parts for this stream, from 0.
    pub number: u32,
}

/// Parts that came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts(Dedupe);

impl Default for Parts {
    fn default() -> Self {
        Self(Dedupe::new(WINDOWS, Before::Unknown))
    }
}

impl Parts {
    /// Judges a part, and remembers it.
    pub fn see(&mut self, part: Part) -> Verdict {
        let Part { batch, stream, number } = part;
        // Ids are drawn at random, and stay as far apart as they are when small numbers are mixed in.
        let place = u128::from(!batch.shard) << 32 | u128::from(number);
        let id = (u128::from_be_bytes(batch.id) ^ place).to_be_bytes();
        self.0.see(Producer { id, shard: stream, sequence: batch.sequence })
    }

    /// Parts by their fate so far.
    pub fn counted(&self) -> Counted {
        self.0.counted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_known_by_all_that_names_it() {
        let batch = Producer { id: [7; 16], shard: u32::MAX, sequence: 5 };
        let first = Part { batch, stream: 1, number: 0 };
        let others = [
            Part { number: 1, ..first },
            Part { stream: 2, ..first },
            Part { batch: Producer { sequence: 6, ..batch }, ..first },
            Part { batch: Producer { shard: 9, ..batch }, ..first },
            Part { batch: Producer { id: [8; 16], ..batch }, ..first },
        ];
        let mut parts = Parts::default();
        assert_eq!(parts.see(first), Verdict::Fresh);
        for other in others {
            assert_eq!(parts.see(other), Verdict::Fresh, "{other:?}");
        }
        for again in others.into_iter().chain([first]) {
            assert_eq!(parts.see(again), Verdict::Duplicate, "{again:?}");
        }
        assert_eq!(parts.counted().duplicate, 6);
    }
}
