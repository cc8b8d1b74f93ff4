//! Ids of stream entries: milliseconds of the server's clock and a number within them.
//!
//! The order of ids is the order of the stream; the milliseconds are the entry's arrival.

use longpole_model::signal::Timestamp;

/// Nanoseconds of a millisecond.
const MILLI: u64 = 1_000_000;

/// The id of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// Unix milliseconds of Redis's clock.
    pub millis: u64,
    /// Number within the millisecond.
    pub number: u64,
}

impl EntryId {
    /// Reads `millis-number`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (millis, number) = std::str::from_utf8(text).ok()?.split_once('-')?;
        Some(Self { millis: millis.parse().ok()?, number: number.parse().ok()? })
    }

    /// The last id that is possible before a moment: what is read behind it arrived then or later.
    pub fn before(at: Timestamp) -> Self {
        match (at.0 / MILLI).checked_sub(1) {
            Some(millis) => Self { millis, number: u64::MAX },
            None => Self::default(),
        }
    }

    /// The arrival that the id tells.
    pub fn stamp(self) -> Timestamp {
        Timestamp(self.millis.saturating_mul(MILLI))
    }
}

impl std::fmt::Display for EntryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.millis, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_written_and_ordered() {
        let id = EntryId::parse(b"1700000000123-7").expect("an id");
        assert_eq!((id.millis, id.number), (1_700_000_000_123, 7));
        assert_eq!(EntryId::parse(id.to_string().as_bytes()), Some(id));
        for bad in ["", "-", "1-", "-1", "1", "1-1-1", "x-1", "99999999999999999999-1"] {
            assert_eq!(EntryId::parse(bad.as_bytes()), None, "{bad}");
        }
        let before = EntryId::before(id.stamp());
        assert!(before < EntryId { number: 0, ..id } && before.millis + 1 == id.millis);
        assert_eq!(EntryId::before(Timestamp(0)), EntryId::default());
    }
}
