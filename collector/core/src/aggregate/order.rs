//! Rows of a closing window, put in the order of their keys.
//!
//! Which rows there are is told in [`super::tables`], what their keys are sorted by in [`super::codes`].

use super::codes::{EntryCode, PathCode, Ranks, SiteCode};
use super::dense::Dense;
use longpole_model::signal::{EntryKey, EntryValue, PathValue, SiteKey};

/// Rows of path profiles below their entries' keys.
pub type PathRows = Vec<((EntryKey, SiteKey), PathValue)>;

/// Rows in the order of a number that stands for their key, under that key. What is sorted is numbers and places: rows
/// move once.
pub fn in_order<C, V: Default, O: Ord + Copy, K>(
    mut rows: Vec<(C, V)>,
    order: impl Fn(&C) -> O,
    key: impl Fn(O) -> K,
) -> Vec<(K, V)> {
    let places = places(rows.iter().map(|(code, _)| order(code)));
    let row = |(order, place): (O, u32)| {
        let value = rows.get_mut(place as usize).map(|(_, value)| std::mem::take(value));
        (key(order), value.unwrap_or_default())
    };
    places.into_iter().map(row).collect()
}

/// Numbers in their order, and which of all each was.
fn places<O: Ord>(orders: impl Iterator<Item = O>) -> Vec<(O, u32)> {
    let mut places: Vec<(O, u32)> = orders.zip(0..).collect();
    places.sort_unstable();
    places
}

/// Rows of path profiles, all of one entry in one go: entries are sorted, and below each of them the handful of sites that
/// it has. All paths at once would be sorted eight times as long, each of them moved again and again.
pub fn profiles(
    entries: Dense<EntryCode, EntryValue>,
    paths: Dense<PathCode, PathValue>,
    ranks: &Ranks,
) -> (Vec<(EntryKey, EntryValue)>, PathRows) {
    let order = places(entries.rows().iter().map(|(code, _)| code.order(ranks)));
    let Some(below) = Below::new(&entries, &paths, &order) else {
        // Not of windows that were filled by evaluated traces: a path comes behind its entry.
        let entry = |order| EntryCode::key_of(order, ranks);
        let path = |order| PathCode::key_of(order, ranks);
        return (
            in_order(entries.into_rows(), |code| code.order(ranks), entry),
            in_order(paths.into_rows(), |code| code.order(ranks), path),
        );
    };
    let mut rows = Vec::with_capacity(paths.len());
    let mut sites = Vec::new();
    let entry = |(nth, (order, place)): (usize, &(u64, u32))| {
        let key = EntryCode::key_of(*order, ranks);
        sites.clear();
        sites.extend(below.places(nth).iter().filter_map(|place| {
            let (code, value) = paths.rows().get(*place as usize)?;
            Some((code.site().order(), value))
        }));
        sites.sort_unstable_by_key(|(site, _)| *site);
        rows.extend(sites.iter().map(|(site, value)| ((key, SiteCode::key_of(*site)), **value)));
        Some((key, entries.rows().get(*place as usize)?.1))
    };
    let entries = order.iter().enumerate().filter_map(entry).collect();
    (entries, rows)
}

/// Places of paths' rows, those below one entry beside each other.
struct Below {
    places: Vec<u32>,
    /// By entry, in their order: where its places end.
    ends: Vec<u32>,
}

impl Below {
    /// By counting: how many each entry has, then where each begins. `None` where a path has no entry.
    fn new(
        entries: &Dense<EntryCode, EntryValue>,
        paths: &Dense<PathCode, PathValue>,
        order: &[(u64, u32)],
    ) -> Option<Self> {
        let mut nth = vec![0u32; order.len()];
        for (n, (_, place)) in (0..).zip(order) {
            *nth.get_mut(*place as usize)? = n;
        }
        // Paths of one trace came together, so the entry is mostly that of the row before.
        let (mut last, mut at) = (None, 0);
        let mut ends = vec![0u32; order.len()];
        let mut of = Vec::with_capacity(paths.len());
        for (code, _) in paths.rows() {
            let entry = code.entry();
            if last != Some(entry) {
                at = *nth.get(entries.place(&entry)?)?;
                last = Some(entry);
            }
            of.push(at);
            *ends.get_mut(at as usize)? += 1;
        }
        let mut sum = 0;
        for end in &mut ends {
            // Where the first of them goes; each that is placed moves it on, to the end at last.
            sum += std::mem::replace(end, sum);
        }
        let mut places = vec![0; paths.len()];
        for (place, entry) in (0..).zip(of) {
            let free = ends.get_mut(entry as usize)?;
            *places.get_mut(*free as usize)? = place;
            *free += 1;
        }
        Some(Self { places, ends })
    }

    /// Places of the paths below an entry.
    fn places(&self, nth: usize) -> &[u32] {
        let end = |nth: usize| self.ends.get(nth).map_or(0, |end| *end as usize);
        let begin = nth.checked_sub(1).map_or(0, end);
        self.places.get(begin..end(nth)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{RedId, RedRow};
    use longpole_model::signal::{Category, OperationId, RedKey, Scope, VersionId};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn names() -> Vec<RedRow> {
        let key = |n: u32| RedKey { operation: OperationId(n * 7 % 10), version: VersionId(n % 2) };
        (0..8).map(|n| RedRow { key: key(n), service: 0 }).collect()
    }

    fn entry(n: u32, trace: bool) -> EntryCode {
        let scope = if trace { Scope::Trace } else { Scope::Segment };
        EntryCode::new(RedId(n % 8), scope, n.is_multiple_of(3), n as u8 % 2)
    }

    fn path(entry: EntryCode, n: u32) -> PathCode {
        let category = Category::ALL[n as usize % Category::ALL.len()];
        let (operation, peer) = (OperationId(n % 4), OperationId(n % 3));
        PathCode::new(entry, SiteCode::new(SiteKey { operation, peer, category }))
    }

    proptest! {
        /// Whatever order rows came in, and with a path that has no entry, they lie as their keys do.
        #[test]
        fn rows_lie_as_their_keys_do(
            traces in prop::collection::vec((0..40u32, any::<bool>(), prop::collection::vec(0..200u32, 0..12)), 0..60),
            stray in any::<bool>(),
        ) {
            let ranks = Ranks::new(&names());
            let (mut entries, mut paths) = (Dense::with_room(0), Dense::with_room(0));
            let mut n = 0;
            let mut seen = (BTreeMap::new(), BTreeMap::new());
            for (red, trace, sites) in traces {
                let code = entry(red, trace);
                n += 1;
                let value = EntryValue { entries: n, ..EntryValue::default() };
                if entries.get(&code).is_none() && !(stray && red == 0) {
                    entries.insert(code, value);
                    seen.0.insert(EntryCode::key_of(code.order(&ranks), &ranks), value);
                }
                for site in sites {
                    let code = path(code, site);
                    n += 1;
                    let value = PathValue { visits: n, ..PathValue::default() };
                    if paths.get(&code).is_none() {
                        paths.insert(code, value);
                        seen.1.insert(PathCode::key_of(code.order(&ranks), &ranks), value);
                    }
                }
            }
            let (entries, paths) = profiles(entries, paths, &ranks);
            prop_assert_eq!(entries, seen.0.into_iter().collect::<Vec<_>>());
            prop_assert_eq!(paths, seen.1.into_iter().collect::<Vec<_>>());
        }
    }
}
