//! Path profiles: where the time of an entry operation's requests went, by band of their duration.
//!
//! A profile merges by addition and two of them subtract; nothing here computes one.

use super::{OperationId, VersionId};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Where time is spent, as far as a span shows it. CPU, lock, disk and pool are *kinds*, decided
/// later with evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Category {
    /// The operation's own time: not covered by any child.
    Own = 0,
    /// A database client span's own time.
    Store = 1,
    /// Client span minus its server span: network, proxies, accept queues.
    Gap = 2,
    /// A client span whose server side sent no span.
    Remote = 3,
    /// From a producer's end to its consumer's start.
    Queue = 4,
    /// A wait that the program declared.
    Wait = 5,
    /// Segment profiles only: waiting for a child segment in another process.
    Callee = 6,
    /// Segment profiles only, beside the time: of two calls, one behind the other, what both at once would
    /// save. `operation` is the one that came first.
    Serial = 7,
    /// Segment profiles only, beside the time: the same query with the same values again.
    Repeat = 8,
    /// Sites only: how much a visit carried, in bytes (queries: rows) in place of nanoseconds.
    Payload = 9,
}

impl Category {
    /// All categories, in code order (part of stored forms).
    pub const ALL: [Self; 10] = [
        Self::Own,
        Self::Store,
        Self::Gap,
        Self::Remote,
        Self::Queue,
        Self::Wait,
        Self::Callee,
        Self::Serial,
        Self::Repeat,
        Self::Payload,
    ];

    /// Whether rows of it say where time went; the others stand beside and add up to nothing.
    pub fn is_time(self) -> bool {
        !matches!(self, Self::Serial | Self::Repeat | Self::Payload)
    }

    /// Whether it is a call to what sends no spans: the client span's own time is the call.
    pub fn is_virtual(self) -> bool {
        matches!(self, Self::Store | Self::Remote)
    }

    /// Label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Store => "store",
            Self::Gap => "gap",
            Self::Remote => "remote",
            Self::Queue => "queue",
            Self::Wait => "wait",
            Self::Callee => "callee",
            Self::Serial => "serial",
            Self::Repeat => "repeat",
            Self::Payload => "payload",
        }
    }
}

/// A place where time is spent. For [`Category::Gap`], [`Category::Queue`] and [`Category::Callee`]
/// `operation` is the caller's side and `peer` the callee's, for [`Category::Serial`] the earlier call and
/// the later one; else `peer` is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SiteKey {
    /// The operation whose span shows it.
    pub operation: OperationId,
    /// The other side of an edge.
    pub peer: OperationId,
    /// What the span shows.
    pub category: Category,
}

/// By operation, peer, category: as one number, since hundreds of thousands are compared in a window.
impl Ord for SiteKey {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let word = |k: &Self| {
            u128::from(k.operation.0) << 40 | u128::from(k.peer.0) << 8 | k.category as u128
        };
        word(self).cmp(&word(other))
    }
}

impl PartialOrd for SiteKey {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What a profile row covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Scope {
    /// The whole trace below its root.
    Trace = 0,
    /// One segment: what hangs below a server, consumer or root span in its process.
    Segment = 1,
}

/// The entry operation side of a profile row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EntryKey {
    /// Whole traces or segments.
    pub scope: Scope,
    /// The entry operation.
    pub operation: OperationId,
    /// Its version.
    pub version: VersionId,
    /// Whether the entry failed.
    pub failed: bool,
    /// log2 band of the entry's duration: `floor(log2(max(ns, 1)))`, 0 to 63.
    pub band: u8,
}

/// By scope, operation, version, outcome, band: as one number, since hundreds of thousands are compared in a window.
impl Ord for EntryKey {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let word = |k: &Self| {
            let id = u128::from(k.operation.0) << 32 | u128::from(k.version.0);
            (k.scope as u128) << 73 | id << 9 | u128::from(k.failed) << 8 | u128::from(k.band)
        };
        word(self).cmp(&word(other))
    }
}

impl PartialOrd for EntryKey {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// How many entries a key saw and how long they took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryValue {
    /// Entries, 16.16 weighted.
    pub weight: u64,
    /// Entries, counted.
    pub entries: u64,
    /// Their durations in nanoseconds, weighted (rounded per entry).
    pub duration_ns: u64,
}

/// What one site took below one entry key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathValue {
    /// Visits, 16.16 weighted.
    pub visits: u64,
    /// Nanoseconds on the critical path, weighted (rounded per visit).
    pub critical_ns: u64,
    /// Nanoseconds of own time, on the path or beside it, weighted (rounded per visit).
    pub self_ns: u64,
}

impl EntryValue {
    /// Adds another value.
    pub fn merge(&mut self, other: &Self) {
        self.weight = self.weight.saturating_add(other.weight);
        self.entries = self.entries.saturating_add(other.entries);
        self.duration_ns = self.duration_ns.saturating_add(other.duration_ns);
    }
}

impl PathValue {
    /// Adds another value.
    pub fn merge(&mut self, other: &Self) {
        self.visits = self.visits.saturating_add(other.visits);
        self.critical_ns = self.critical_ns.saturating_add(other.critical_ns);
        self.self_ns = self.self_ns.saturating_add(other.self_ns);
    }
}

/// The log2 band of a duration.
pub fn band_of(duration_ns: u64) -> u8 {
    (63 - duration_ns.max(1).leading_zeros()) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// One number says what the fields say one by one.
        #[test]
        fn keys_sort_by_their_fields(
            a in (0..2u8, 0..4u32, 0..4u32, any::<bool>(), any::<u8>(), 0..10usize),
            b in (0..2u8, 0..4u32, 0..4u32, any::<bool>(), any::<u8>(), 0..10usize),
        ) {
            let far = |n: u32| if n == 3 { u32::MAX } else { n };
            let entry = |(scope, operation, version, failed, band, _)| EntryKey {
                scope: if scope == 0 { Scope::Trace } else { Scope::Segment },
                operation: OperationId(far(operation)),
                version: VersionId(far(version)),
                failed,
                band,
            };
            let site = |(_, operation, peer, _, _, category): (u8, u32, u32, bool, u8, usize)| SiteKey {
                operation: OperationId(far(operation)),
                peer: OperationId(far(peer)),
                category: Category::ALL[category],
            };
            let fields = |k: EntryKey| (k.scope, k.operation, k.version, k.failed, k.band);
            let (x, y) = (entry(a), entry(b));
            prop_assert_eq!(x.cmp(&y), fields(x).cmp(&fields(y)));
            let fields = |k: SiteKey| (k.operation, k.peer, k.category);
            let (x, y) = (site(a), site(b));
            prop_assert_eq!(x.cmp(&y), fields(x).cmp(&fields(y)));
        }
    }
}
