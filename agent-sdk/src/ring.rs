//! A ring of words between one thread that writes records and the drain that reads them.
//!
//! Words are atomics that are read and written relaxed, which costs what plain memory costs; one release
//! store a record hands it over. So there is no `unsafe` here, and a mistake could garble a record but
//! never memory. Full = the record is not written, and that is counted, by call site. What the words mean is
//! `record`'s; which thread has which ring is `ring/registry`'s.

pub(crate) mod registry;

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Call sites whose dropped records are counted one by one; the last place is for all further ones.
pub(crate) const SITES: usize = 1024;
/// Words that no reader looks at: the rest of the ring, before a record that would not fit behind them.
const SKIP: u64 = 0;

/// Words of the stack of open spans.
const STACK: usize = 2048;

/// Apart from its neighbours: two cache lines, since processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

/// One thread's ring.
#[derive(Debug)]
pub(crate) struct Ring {
    words: Box<[AtomicU64]>,
    /// Items of spans that are open, for `record/body`. Its thread's only.
    stack: Box<[AtomicU64]>,
    written: Apart<Written>,
    /// Words that were read. Written by the drain only.
    tail: Apart<AtomicU64>,
    /// Its thread has ended.
    left: AtomicBool,
    /// Records dropped, by call site. Written by the ring's thread only.
    dropped_at: Box<[AtomicU32]>,
}

/// What the ring's thread alone writes.
#[derive(Debug, Default)]
struct Written {
    /// Words that may be read.
    head: AtomicU64,
    /// Records that were written or dropped.
    created: AtomicU64,
    dropped: AtomicU64,
}

impl Ring {
    /// A ring of `words`, rounded up to a power of two.
    pub(crate) fn new(words: usize) -> Self {
        let words = words.next_power_of_two();
        // Numbers become atomics in place: memory that was never written stays untouched.
        let words = vec![0u64; words].into_iter().map(AtomicU64::new).collect();
        Self {
            words,
            stack: (0..STACK).map(|_| AtomicU64::new(0)).collect(),
            written: Apart::default(),
            tail: Apart::default(),
            left: AtomicBool::new(false),
            dropped_at: (0..SITES).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    /// Words for the items of its thread's open spans.
    pub(crate) fn stack(&self) -> &[AtomicU64] {
        &self.stack
    }

    /// Records that its threads wrote or dropped so far.
    pub(crate) fn created(&self) -> u64 {
        self.written.0.created.load(Ordering::Relaxed)
    }

    /// Of them dropped since the ring was full.
    pub(crate) fn dropped(&self) -> u64 {
        self.written.0.dropped.load(Ordering::Relaxed)
    }

    /// Dropped records of a call site so far, wrapping.
    pub(crate) fn dropped_at(&self, site: usize) -> u32 {
        self.dropped_at[site].load(Ordering::Relaxed)
    }

    /// Says that a thread will write again.
    fn come(&self) {
        self.left.store(false, Ordering::Relaxed);
    }

    /// Says that no thread will write any more.
    pub(crate) fn leave(&self) {
        self.left.store(true, Ordering::Release);
    }

    /// Whether its thread has ended and all has been read.
    fn is_free(&self) -> bool {
        // The order matters: what was written before leaving is visible once that is.
        self.left.load(Ordering::Acquire) && self.waiting() == 0
    }

    /// Words that wait to be read.
    pub(crate) fn waiting(&self) -> u64 {
        let head = self.written.0.head.load(Ordering::Acquire);
        head.wrapping_sub(self.tail.0.load(Ordering::Relaxed))
    }

    /// Words it can hold.
    pub(crate) fn capacity(&self) -> u64 {
        self.words.len() as u64
    }

    /// Gives each record that waits to `take`, whole, until it says enough (`false`). Only one thread may read at
    /// a time; `registry` sees to that. Room is given back as it goes, so that the writer need not wait
    /// for the end.
    pub(crate) fn read(&self, mut take: impl FnMut(&[AtomicU64]) -> bool) {
        let mask = self.capacity() - 1;
        let head = self.written.0.head.load(Ordering::Acquire);
        let mut tail = self.tail.0.load(Ordering::Relaxed);
        let mut given = tail;
        while tail != head {
            let at = (tail & mask) as usize;
            let first = self.words[at].load(Ordering::Relaxed);
            if first == SKIP {
                tail = tail.wrapping_add(self.capacity() - at as u64);
                continue;
            }
            // A length that cannot be would mean two writers; nothing behind it can be trusted.
            let length = (first & crate::record::LENGTH) as usize;
            let Some(record) = self.words.get(at..at + length) else {
                tail = head;
                break;
            };
            tail = tail.wrapping_add(length as u64);
            let more = take(record);
            if tail.wrapping_sub(given) > self.capacity() / 8 {
                self.tail.0.store(tail, Ordering::Release);
                given = tail;
            }
            if !more {
                break;
            }
        }
        self.tail.0.store(tail, Ordering::Release);
    }
}

/// The writing end, on its thread.
#[derive(Debug)]
pub(crate) struct Writer {
    ring: Cell<Option<&'static Ring>>,
    /// The ring's head, so that it need not be read back.
    head: Cell<u64>,
    /// How far may be written without looking at the tail again.
    room: Cell<u64>,
}

impl Writer {
    /// With no ring yet.
    pub(crate) const fn new() -> Self {
        Self { ring: Cell::new(None), head: Cell::new(0), room: Cell::new(0) }
    }

    /// Takes over a ring where its last writer left it.
    pub(crate) fn take(&self, ring: &'static Ring) {
        self.head.set(ring.written.0.head.load(Ordering::Acquire));
        self.room.set(ring.tail.0.load(Ordering::Acquire).wrapping_add(ring.capacity()));
        self.ring.set(Some(ring));
    }

    /// Lets go of its ring; the ring is not told.
    pub(crate) fn release(&self) -> Option<&'static Ring> {
        self.ring.take()
    }

    /// Whether there is a ring.
    #[inline(always)]
    pub(crate) fn ready(&self) -> bool {
        self.ring.get().is_some()
    }

    /// Has `fill` write a record of `length` words (the first of them not zero), or drops it when the ring
    /// is full. `site` says whose it is. Without a ring nothing happens.
    #[inline(always)]
    pub(crate) fn write(&self, length: usize, site: u32, fill: impl FnOnce(&[AtomicU64])) {
        let Some(ring) = self.ring.get() else { return };
        let written = &ring.written.0;
        // One writer: nobody adds between the load and the store.
        written.created.store(written.created.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        let mut head = self.head.get();
        let mut at = (head & (ring.capacity() - 1)) as usize;
        // A record lies in one piece.
        let behind = ring.words.len() - at;
        let skipped = if length > behind { behind } else { 0 };
        let end = head.wrapping_add((skipped + length) as u64);
        if self.room.get().wrapping_sub(end).cast_signed() < 0 && !self.look(ring, end) {
            return ring.full(site);
        }
        if skipped > 0 {
            ring.words[at].store(SKIP, Ordering::Relaxed);
            head = head.wrapping_add(skipped as u64);
            at = 0;
        }
        if let Some(place) = ring.words.get(at..at + length) {
            fill(place);
            head = head.wrapping_add(length as u64);
            self.head.set(head);
            written.head.store(head, Ordering::Release);
        }
    }

    /// Whether there is room up to `end`, by what the drain has read meanwhile.
    #[cold]
    fn look(&self, ring: &Ring, end: u64) -> bool {
        let room = ring.tail.0.load(Ordering::Acquire).wrapping_add(ring.capacity());
        self.room.set(room);
        room.wrapping_sub(end).cast_signed() >= 0
    }
}

impl Ring {
    #[cold]
    fn full(&self, site: u32) {
        let dropped = &self.written.0.dropped;
        dropped.store(dropped.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        let at = &self.dropped_at[(site as usize).min(SITES - 1)];
        at.store(at.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
