//! Keys of profile rows while a window is open: packed into words, so that hashing one is two
//! multiplications.
//!
//! They never leave the aggregator; a closing window turns them back into keys.

use crate::catalog::{RedId, RedRow};
use longpole_model::signal::{Category, EntryKey, OperationId, RedKey, Scope, SiteKey, VersionId};

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

    pub fn key(self, names: &[RedRow]) -> EntryKey {
        let nobody = RedKey { operation: OperationId::NONE, version: VersionId::NONE };
        let red = names.get((self.0 >> 8) as usize).map_or(nobody, |r| r.key);
        EntryKey {
            scope: if self.0 & TRACE == 0 { Scope::Segment } else { Scope::Trace },
            operation: red.operation,
            version: red.version,
            failed: self.0 & FAILED != 0,
            band: (self.0 & 63) as u8,
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

    /// The row that takes the place of this one beyond the cap: the same category, no operation.
    pub fn folded(self) -> Self {
        let nobody = side(OperationId::NONE) << 32 | side(OperationId::NONE);
        Self { sides: nobody, rest: self.rest }
    }

    pub fn key(self, names: &[RedRow]) -> (EntryKey, SiteKey) {
        (self.entry().key(names), site(self.sides, self.rest >> ENTRY_BITS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_loses_nothing() {
        let red = |n| RedKey { operation: OperationId(n), version: VersionId(n + 1) };
        let names: Vec<RedRow> = (0..9).map(|n| RedRow { key: red(n), service: 0 }).collect();
        for category in Category::ALL {
            for (scope, failed, band) in
                [(Scope::Trace, true, 63), (Scope::Segment, false, 0), (Scope::Segment, true, 17)]
            {
                let entry = EntryCode::new(RedId(7), scope, failed, band);
                let (operation, version) = (OperationId(7), VersionId(8));
                let want = EntryKey { scope, operation, version, failed, band };
                assert_eq!(entry.key(&names), want);
                let peer = OperationId::NONE;
                let site = SiteKey { operation: OperationId(3), peer, category };
                let path = PathCode::new(entry, SiteCode::new(site));
                assert_eq!(path.key(&names), (want, site));
                assert_eq!(SiteCode::new(site).key(), site);
                assert_eq!(path.folded().key(&names).1.operation, OperationId::NONE);
                assert_eq!(path.folded().entry(), entry);
                assert_eq!(entry.of_trace().key(&names).scope, Scope::Trace);
            }
        }
    }
}
