//! The log in memory: a ring of bytes. Durability `none`: an end of the process is an end of it.
//!
//! Full: the oldest entries go, counted in `evicted`. Nothing that was recorded is lost by that, only
//! what may be read back.

use super::{AppendError, Entry, Log, Position, ReadError, Receipt, Record};
use longpole_model::signal::Timestamp;
use std::collections::VecDeque;

/// Bytes of a memory log unless told otherwise; see `Limits::log_bytes`.
const CAP: usize = 64 << 20;
/// Bytes counted for an entry beside its payload.
const OVERHEAD: usize = 128;

/// A bounded log in memory.
#[derive(Debug)]
pub struct MemoryLog {
    cap: usize,
    bytes: usize,
    entries: VecDeque<Entry>,
    next: u64,
    stamp: Timestamp,
    evicted: u64,
    /// Whether entries are held at all, and how many were not.
    holds: bool,
    given_up: u64,
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::with_cap(CAP)
    }
}

impl MemoryLog {
    /// A log of at most `cap` bytes.
    pub fn with_cap(cap: usize) -> Self {
        Self {
            cap,
            bytes: 0,
            entries: VecDeque::new(),
            next: 0,
            stamp: Timestamp(0),
            evicted: 0,
            holds: true,
            given_up: 0,
        }
    }

    /// Holds entries, or (under pressure) none: what comes has a position and a stamp all the same.
    pub fn hold(&mut self, holds: bool) {
        self.holds = holds;
        if !holds {
            self.given_up += self.entries.len() as u64;
            (self.entries, self.bytes) = (VecDeque::new(), 0);
        }
    }

    /// Entries that were not held, because room was needed for other things.
    pub fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Entries that had to go for newer ones.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Bytes held, counting a fixed amount per entry beside its payload.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn drop_oldest(&mut self) {
        if let Some(gone) = self.entries.pop_front() {
            self.bytes -= gone.record.payload.len() + OVERHEAD;
        }
    }
}

impl Log for MemoryLog {
    fn append(&mut self, record: Record, now: Timestamp) -> Result<Receipt, AppendError> {
        let bytes = record.payload.len() + OVERHEAD;
        if bytes > self.cap {
            return Err(AppendError::TooLarge { bytes, cap: self.cap });
        }
        while self.bytes + bytes > self.cap {
            self.drop_oldest();
            self.evicted += 1;
        }
        self.stamp = self.stamp.max(now);
        let receipt = Receipt { position: Position(self.next), stamp: self.stamp };
        self.next += 1;
        if !self.holds {
            self.given_up += 1;
            return Ok(receipt);
        }
        self.bytes += bytes;
        self.entries.push_back(Entry { receipt, record });
        Ok(receipt)
    }

    fn read(&self, at: Position) -> Result<Entry, ReadError> {
        let oldest = self.oldest();
        if at < oldest {
            return Err(ReadError::Gone(at, oldest));
        }
        // A cheap clone: the payload is shared.
        self.entries.get((at.0 - oldest.0) as usize).cloned().ok_or(ReadError::Nowhere(at))
    }

    fn oldest(&self) -> Position {
        self.entries.front().map_or(Position(self.next), |e| e.receipt.position)
    }

    fn end(&self) -> Position {
        Position(self.next)
    }

    fn trim(&mut self, before: Position) {
        while self.entries.front().is_some_and(|e| e.receipt.position < before) {
            self.drop_oldest();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::otlp::Signal;
    use bytes::Bytes;

    fn record(bytes: usize) -> Record {
        let payload = Bytes::from(vec![1; bytes]);
        Record { signal: Signal::Traces, producer: None, payload }
    }

    #[test]
    fn stamps_never_go_back() {
        let mut log = MemoryLog::default();
        let stamps = [5, 3, 9, 2].map(|t| log.append(record(1), Timestamp(t)).expect("room").stamp);
        assert_eq!(stamps.map(|s| s.0), [5, 5, 9, 9]);
    }

    #[test]
    fn a_full_log_gives_up_its_oldest_and_says_so() {
        let mut log = MemoryLog::with_cap(4 * (100 + OVERHEAD));
        for t in 0..10 {
            log.append(record(100), Timestamp(t)).expect("room");
        }
        assert_eq!((log.evicted(), log.oldest(), log.end()), (6, Position(6), Position(10)));
        assert_eq!(log.read(Position(5)), Err(ReadError::Gone(Position(5), Position(6))));
        assert_eq!(log.read(Position(9)).expect("kept").receipt.stamp, Timestamp(9));
        assert_eq!(log.read(Position(10)), Err(ReadError::Nowhere(Position(10))));
        assert!(log.bytes() <= 4 * (100 + OVERHEAD));
        let huge = log.append(record(10_000), Timestamp(11));
        assert!(matches!(huge, Err(AppendError::TooLarge { .. })));
        assert_eq!(log.end(), Position(10), "a refused entry takes no position");
    }

    #[test]
    fn under_pressure_it_holds_nothing_and_goes_on() {
        let mut log = MemoryLog::default();
        log.append(record(10), Timestamp(1)).expect("room");
        log.hold(false);
        let receipt = log.append(record(10), Timestamp(2)).expect("room");
        assert_eq!((receipt.position, log.bytes(), log.given_up()), (Position(1), 0, 2));
        assert_eq!(log.read(Position(1)), Err(ReadError::Gone(Position(1), Position(2))));
        log.hold(true);
        log.append(record(10), Timestamp(3)).expect("room");
        assert_eq!(log.read(Position(2)).expect("held").receipt.stamp, Timestamp(3));
        assert_eq!(log.evicted(), 0);
    }

    #[test]
    fn trimming_keeps_positions() {
        let mut log = MemoryLog::default();
        for t in 0..5 {
            log.append(record(10), Timestamp(t)).expect("room");
        }
        log.trim(Position(3));
        assert_eq!((log.oldest(), log.evicted()), (Position(3), 0));
        assert_eq!(log.read(Position(3)).expect("kept").receipt.position, Position(3));
        log.trim(Position(100));
        assert_eq!((log.oldest(), log.bytes()), (Position(5), 0));
    }
}
