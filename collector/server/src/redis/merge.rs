//! Entries of several streams in the order of their arrival.
//!
//! An entry is next when every other stream is known up to its millisecond: then log time is its stamp
//! whenever it is taken, live or read again, and what comes of it is the same. Pure; who reads and
//! what is done with an entry is elsewhere.

use super::id::EntryId;
use longpole_model::signal::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// Entries of a stream that may wait for other streams; it is not read while it has so many.
const WAITING: usize = 64;

/// The streams.
#[derive(Debug)]
pub struct Merge<T> {
    streams: BTreeMap<u32, Stream<T>>,
}

#[derive(Debug)]
struct Stream<T> {
    waiting: VecDeque<(EntryId, T)>,
    /// The last entry that was read.
    cursor: EntryId,
    /// Nothing that is still to be read arrived before this millisecond.
    known: u64,
    /// More was there when it was read last.
    more: bool,
}

impl<T> Default for Merge<T> {
    fn default() -> Self {
        Self { streams: BTreeMap::new() }
    }
}

impl<T> Merge<T> {
    /// Begins with a stream behind `cursor`, unless it is there.
    pub fn begin(&mut self, shard: u32, cursor: EntryId) {
        self.streams.entry(shard).or_insert_with(|| Stream {
            waiting: VecDeque::new(),
            cursor,
            known: 0,
            more: true,
        });
    }

    /// Streams to be read, and behind which entry. Those of which enough waits are left out.
    pub fn wanted(&self) -> Vec<(u32, EntryId)> {
        let room = self.streams.iter().filter(|(_, s)| s.waiting.len() < WAITING);
        room.map(|(shard, s)| (*shard, s.cursor)).collect()
    }

    /// A stream was read up to `last`; what that is comes with [`Self::arrived`].
    pub fn read(&mut self, shard: u32, last: EntryId) {
        if let Some(stream) = self.streams.get_mut(&shard) {
            stream.cursor = stream.cursor.max(last);
        }
    }

    /// Takes what was read of a stream; `more` may be there. `until`: nothing else that arrived before
    /// this millisecond is.
    pub fn arrived(
        &mut self,
        shard: u32,
        entries: impl IntoIterator<Item = (EntryId, T)>,
        more: bool,
        until: u64,
    ) {
        let Some(stream) = self.streams.get_mut(&shard) else { return };
        let mut last = stream.known;
        for (id, entry) in entries {
            last = id.millis;
            stream.cursor = stream.cursor.max(id);
            stream.waiting.push_back((id, entry));
        }
        stream.more = more;
        let known = if more { last } else { until };
        stream.known = stream.known.max(known);
    }

    /// The next entry of all.
    pub fn next(&mut self) -> Option<(u32, EntryId, T)> {
        let heads = self.streams.iter().filter_map(|(s, q)| Some((q.waiting.front()?.0, *s)));
        let (id, shard) = heads.min_by_key(|(id, shard)| (id.millis, *shard, id.number))?;
        let known = |q: &Stream<T>| !q.waiting.is_empty() || q.known >= id.millis;
        if !self.streams.values().all(known) {
            return None;
        }
        let (id, entry) = self.streams.get_mut(&shard)?.waiting.pop_front()?;
        Some((shard, id, entry))
    }

    /// How far all streams are known, where nothing waits.
    pub fn time(&self) -> Option<Timestamp> {
        let quiet = self.streams.values().all(|s| s.waiting.is_empty());
        let least = self.streams.values().map(|s| s.known).min();
        least.filter(|_| quiet).map(|millis| EntryId { millis, number: 0 }.stamp())
    }

    /// Up to where everything of a stream has been given.
    pub fn given(&self, shard: u32) -> Timestamp {
        let stream = self.streams.get(&shard);
        let millis = stream.map_or(0, |s| s.waiting.front().map_or(s.known, |(id, _)| id.millis));
        EntryId { millis, number: 0 }.stamp()
    }

    /// Whether entries of a stream wait, here or there.
    pub fn behind(&self, shard: u32) -> bool {
        self.streams.get(&shard).is_none_or(|s| s.more || !s.waiting.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(millis: u64, number: u64) -> EntryId {
        EntryId { millis, number }
    }

    fn drain(merge: &mut Merge<()>) -> Vec<(u32, u64)> {
        std::iter::from_fn(|| merge.next()).map(|(shard, id, ())| (shard, id.millis)).collect()
    }

    #[test]
    fn an_entry_waits_until_the_others_are_known_to_have_passed_it() {
        let mut merge = Merge::default();
        merge.begin(0, EntryId::default());
        merge.begin(1, EntryId::default());
        merge.arrived(0, [(id(5, 0), ()), (id(9, 0), ())], true, 20);
        assert_eq!(drain(&mut merge), [], "nothing is known of the other");
        merge.arrived(1, [(id(7, 0), ())], false, 8);
        assert_eq!(drain(&mut merge), [(0, 5), (1, 7)]);
        assert!(merge.behind(0) && merge.time().is_none());
        merge.arrived(1, [], false, 30);
        assert_eq!(drain(&mut merge), [(0, 9)]);
        assert!(merge.behind(0), "more of it is there");
        merge.arrived(0, [], false, 30);
        assert_eq!(merge.time(), Some(id(30, 0).stamp()));
        assert!(!merge.behind(0));
    }

    #[test]
    fn a_stream_that_is_far_ahead_is_not_read() {
        let mut merge = Merge::default();
        merge.begin(0, EntryId::default());
        merge.begin(1, id(3, 3));
        merge.arrived(0, (0..64).map(|n| (id(100, n), ())), true, 0);
        assert_eq!(merge.wanted(), [(1, id(3, 3))]);
    }

    proptest! {
        #[test]
        fn whatever_the_reads_the_order_is_that_of_arrival(
            entries in prop::collection::vec((0u32..3, 0u64..200), 0..120),
            counts in prop::collection::vec(1usize..9, 1..40),
        ) {
            let mut streams: [Vec<EntryId>; 3] = Default::default();
            for (shard, millis) in &entries {
                streams[*shard as usize].push(id(*millis, 0));
            }
            for stream in &mut streams {
                stream.sort_unstable();
                (0..).zip(stream.iter_mut()).for_each(|(n, id)| id.number = n);
            }
            let mut merge = Merge::default();
            (0..3).for_each(|shard| merge.begin(shard, EntryId::default()));
            let (mut taken, mut given) = (Vec::new(), [0usize; 3]);
            for count in counts.iter().cycle().take(500) {
                for (shard, cursor) in merge.wanted() {
                    let all = &streams[shard as usize];
                    let from = given[shard as usize];
                    prop_assert!(from == 0 || all[from - 1] == cursor);
                    let to = (from + count).min(all.len());
                    let some = all[from..to].iter().map(|id| (*id, ()));
                    merge.arrived(shard, some, to < all.len(), 200);
                    given[shard as usize] = to;
                }
                taken.extend(std::iter::from_fn(|| merge.next()).map(|(s, id, ())| (id.millis, s, id.number)));
            }
            prop_assert_eq!(taken.len(), entries.len());
            // Within a millisecond streams may take turns: their log time is one.
            prop_assert!(taken.is_sorted_by_key(|(millis, ..)| *millis));
            for shard in 0..3 {
                let of = taken.iter().filter(|(_, s, _)| *s == shard).map(|(.., number)| *number);
                prop_assert!(of.is_sorted());
            }
        }
    }
}
