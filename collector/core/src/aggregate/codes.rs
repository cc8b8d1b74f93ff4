//! Keys of profile rows while a window is open: packed into words, so that hashing one is two
//! multiplications.
//!
//! They never leave the aggregator; a closing window turns them back into keys, in whose order it sorts them as
//! plain integers ([`Ranks`]).

use crate::catalog::{RedId, RedRow};
use longpole_model::signal::{Category, EntryKey, OperationId, RedKey, Scope, SiteKey, VersionId};

/// Which place each RED id has among all in the order of their keys.
#[derive(Clone, Debug, Default)]
pub struct Ranks {
    /// By id.
    rank: Vec<u32>,
    /// Ids and keys by rank.
    sorted: Vec<(RedId, RedKey)>,
}

impl Ranks {
    /// Of all rows of a catalog.
    #[cfg(test)]
    pub fn new(names: &[RedRow]) -> Self {
        let mut ranks = Self::default();
        ranks.follow(names);
        ranks
    }

    /// Takes in what the catalog has more.
    pub fn follow(&mut self, names: &[RedRow]) {
        if self.rank.len() == names.len() {
            return;
        }
        self.sorted.clear();
        self.sorted.extend((0u32..).map(RedId).zip(names.iter().map(|row| row.key)));
        let word = |key: &RedKey| u64::from(key.operation.0) << 32 | u64::from(key.version.0);
        self.sorted.sort_unstable_by_key(|(id, key)| (word(key), *id));
        self.rank.resize(names.len(), 0);
        for (rank, (id, _)) in (0u32..).zip(&self.sorted) {
            self.rank[id.0 as usize] = rank;
        }
    }

    /// Ids and keys, in the order of the keys.
    pub fn sorted(&self) -> impl Iterator<Item = (RedId, RedKey)> {
        self.sorted.iter().copied()
    }

    /// Behind all others where the catalog does not have it.
    fn of(&self, red: u64) -> u64 {
        self.rank.get(red as usize).map_or(u64::from(u32::MAX), |rank| u64::from(*rank))
    }

    fn key(&self, rank: u64) -> RedKey {
        let nobody = RedKey { operation: OperationId::NONE, version: VersionId::NONE };
        self.sorted.get(rank as usize).map_or(nobody, |(_, key)| *key)
    }
}

/// An [`EntryKey`]: RED id, scope, outcome, band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryCode(u64);

/// A [`SiteKey`]: both operations in one word, the category beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteCode {
    sides: u64,
    category: u64,
}

/// A site below an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathCode {
    sides: u64,
    /// Entry (40 bits) and, above it, category.
    rest: u64,
}

const ENTRY_BITS: u32 = 40;
/// Bits of the order of a site.
const SITE_BITS: u32 = 72;
const TRACE: u64 = 1 << 7;
const FAILED: u64 = 1 << 6;

impl EntryCode {
    pub fn new(red: RedId, scope: Scope, failed: bool, band: u8) -> Self {
        let scope = match scope {
            Scope::Trace => TRACE,
            Scope::Segment => 0,
        };
        let failed = if failed { FAILED } else { 0 };
        Self(u64::from(red.0) << 8 | scope | failed | u64::from(band & 63))
    }

    /// The same entry as part of a whole trace.
    pub fn of_trace(self) -> Self {
        Self(self.0 | TRACE)
    }

    /// A number of 40 bits that is less where its key is: scope, rank, outcome, band.
    pub fn order(self, ranks: &Ranks) -> u64 {
        let segment = u64::from(self.0 & TRACE == 0);
        segment << 39 | ranks.of(self.0 >> 8) << 7 | self.0 & (FAILED | 63)
    }

    /// The key of an [`Self::order`].
    pub fn key_of(order: u64, ranks: &Ranks) -> EntryKey {
        let RedKey { operation, version } = ranks.key(order >> 7 & u64::from(u32::MAX));
        EntryKey {
            scope: if order >> 39 == 0 { Scope::Trace } else { Scope::Segment },
            operation,
            version,
            failed: order & FAILED != 0,
            band: (order & 63) as u8,
        }
    }
}

fn side(id: OperationId) -> u64 {
    u64::from(id.0)
}

fn site(sides: u64, category: u64) -> SiteKey {
    SiteKey {
        operation: OperationId((sides >> 32) as u32),
        peer: OperationId(sides as u32),
        category: Category::ALL.get(category as usize).copied().unwrap_or(Category::Own),
    }
}

impl SiteCode {
    pub fn new(key: SiteKey) -> Self {
        Self { sides: side(key.operation) << 32 | side(key.peer), category: key.category as u64 }
    }

    pub fn key(self) -> SiteKey {
        site(self.sides, self.category)
    }

    /// A number that is less where its key is.
    pub fn order(self) -> u128 {
        u128::from(self.sides) << 8 | u128::from(self.category)
    }

    /// The key of an [`Self::order`].
    pub fn key_of(order: u128) -> SiteKey {
        site((order >> 8) as u64, order as u64 & 0xff)
    }

    /// Whether it is a call to what sends no spans.
    pub fn is_virtual(self) -> bool {
        self.key().category.is_virtual()
    }
}

impl PathCode {
    pub fn new(entry: EntryCode, site: SiteCode) -> Self {
        Self { sides: site.sides, rest: entry.0 | site.category << ENTRY_BITS }
    }

    pub fn entry(self) -> EntryCode {
        EntryCode(self.rest & ((1 << ENTRY_BITS) - 1))
    }

    pub fn site(self) -> SiteCode {
        SiteCode { sides: self.sides, category: self.rest >> ENTRY_BITS }
    }

    /// The row that takes the place of this one beyond the cap: the same category, no operation.
    pub fn folded(self) -> Self {
        let nobody = side(OperationId::NONE) << 32 | side(OperationId::NONE);
        Self { sides: nobody, rest: self.rest }
    }

    /// A number that is less where its key is: the entry's, then the site's.
    pub fn order(self, ranks: &Ranks) -> u128 {
        u128::from(self.entry().order(ranks)) << SITE_BITS | self.site().order()
    }

    /// The key of an [`Self::order`].
    pub fn key_of(order: u128, ranks: &Ranks) -> (EntryKey, SiteKey) {
        (EntryCode::key_of((order >> SITE_BITS) as u64, ranks), SiteCode::key_of(order))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn red(operation: u32, version: u32) -> RedKey {
        RedKey { operation: OperationId(operation), version: VersionId(version) }
    }

    fn names() -> Vec<RedRow> {
        let keys = [red(7, 8), red(2, 9), red(7, 1), red(0, 3), red(9, 0)];
        keys.map(|key| RedRow { key, service: 0 }).to_vec()
    }

    #[test]
    fn packing_loses_nothing() {
        let ranks = Ranks::new(&names());
        for category in Category::ALL {
            for (scope, failed, band) in
                [(Scope::Trace, true, 63), (Scope::Segment, false, 0), (Scope::Segment, true, 17)]
            {
                let entry = EntryCode::new(RedId(0), scope, failed, band);
                let (operation, version) = (OperationId(7), VersionId(8));
                let want = EntryKey { scope, operation, version, failed, band };
                let entry_of = |code: EntryCode| EntryCode::key_of(code.order(&ranks), &ranks);
                assert_eq!(entry_of(entry), want);
                let peer = OperationId::NONE;
                let site = SiteKey { operation: OperationId(3), peer, category };
                let path = PathCode::new(entry, SiteCode::new(site));
                let path_of = |code: PathCode| PathCode::key_of(code.order(&ranks), &ranks);
                assert_eq!(path_of(path), (want, site));
                assert_eq!(SiteCode::new(site).key(), site);
                assert_eq!(SiteCode::key_of(SiteCode::new(site).order()), site);
                assert_eq!(path_of(path.folded()).1.operation, OperationId::NONE);
                assert_eq!(path.folded().entry(), entry);
                assert_eq!(entry_of(entry.of_trace()).scope, Scope::Trace);
            }
        }
        let stranger = EntryCode::new(RedId(99), Scope::Trace, false, 1).order(&ranks);
        assert_eq!(EntryCode::key_of(stranger, &ranks).operation, OperationId::NONE);
    }

    #[test]
    fn packed_rows_sort_as_their_keys_do() {
        let mut ranks = Ranks::default();
        ranks.follow(&names()[..2]);
        ranks.follow(&names());
        let mut orders = Vec::new();
        for id in (0..5).map(RedId) {
            for (scope, failed, band) in
                [(Scope::Trace, true, 3), (Scope::Segment, false, 9), (Scope::Segment, true, 2)]
            {
                for (operation, peer) in [(4, 1), (1, 4), (4, u32::MAX)] {
                    let (operation, peer) = (OperationId(operation), OperationId(peer));
                    for category in [Category::Payload, Category::Own] {
                        let site = SiteCode::new(SiteKey { operation, peer, category });
                        let entry = EntryCode::new(id, scope, failed, band);
                        orders.push(PathCode::new(entry, site).order(&ranks));
                    }
                }
            }
        }
        orders.sort_unstable();
        let keys: Vec<_> = orders.iter().map(|o| PathCode::key_of(*o, &ranks)).collect();
        assert!(keys.is_sorted_by(|a, b| a < b));
        let reds: Vec<RedKey> = ranks.sorted().map(|(_, key)| key).collect();
        assert!(reds.is_sorted_by(|a, b| a < b));
    }
}
