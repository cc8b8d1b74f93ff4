//! What outlives a collector: the log, two generations of a checkpoint, the lease, and what was told. Whoever writes
//! shows a token; an older one than the last given out is refused.
//!
//! Keeps for the judge what a real one would forget: every entry, and writes that should not have been.

use longpole_collector::checkpoint::{State, frame, read};
use longpole_collector::log::{Entry, Log, MemoryLog, Position, ReadError, Record};
use longpole_core::limits::Limits;
use longpole_model::finding::Event;
use longpole_model::signal::{SECOND, Timestamp, WindowSummary};
use longpole_tests::load::dice::Dice;
use std::collections::BTreeMap;

/// A lease lasts this long.
const LEASE: u64 = 4 * SECOND;

/// A write under an old token.
#[derive(Debug)]
pub struct Fenced;

pub struct Shelf {
    log: MemoryLog,
    /// Never goes back, whatever the clock does.
    now: u64,
    generations: [Vec<u8>; 2],
    written: u64,
    /// Low water of the checkpoint before the newest.
    older: u64,
    token: u64,
    lease: Option<(usize, u64)>,
    fenced: bool,
    /// What was told of each window, and events by key.
    pub windows: BTreeMap<Timestamp, WindowSummary>,
    pub events: BTreeMap<String, Event>,
    /// Everything ever appended.
    pub history: Vec<Entry>,
    pub refused: u64,
    pub torn: u64,
    pub taken_over: u64,
    pub wrong: Vec<String>,
}

impl Shelf {
    /// `fenced`: whether old tokens are refused.
    pub fn new(fenced: bool) -> Self {
        Self {
            log: MemoryLog::with_cap(1 << 30),
            now: 0,
            generations: Default::default(),
            written: 0,
            older: 0,
            token: 0,
            lease: None,
            fenced,
            windows: BTreeMap::new(),
            events: BTreeMap::new(),
            history: Vec::new(),
            refused: 0,
            torn: 0,
            taken_over: 0,
            wrong: Vec::new(),
        }
    }

    /// Its time, the clock being at `clock`.
    pub fn now(&mut self, clock: u64) -> Timestamp {
        self.now = self.now.max(clock);
        Timestamp(self.now)
    }

    pub fn append(&mut self, record: Record, clock: u64) {
        let now = self.now(clock);
        let receipt = self.log.append(record, now).expect("room");
        self.history.push(self.log.read(receipt.position).expect("just appended"));
    }

    /// The entry at a place, where there is one already. Whoever needs what was trimmed is an old owner, or the
    /// trimming is wrong.
    pub fn read(&mut self, token: u64, at: u64) -> Result<Option<Entry>, Fenced> {
        match self.log.read(Position(at)) {
            Ok(entry) => Ok(Some(entry)),
            Err(ReadError::Nowhere(_)) => Ok(None),
            Err(ReadError::Gone(..)) => {
                if token == self.token {
                    self.wrong.push(format!("entry {at} was trimmed before its owner had read it"));
                }
                Err(Fenced)
            }
        }
    }

    /// A token, where the lease is free.
    pub fn acquire(&mut self, who: usize, clock: u64) -> Option<u64> {
        let now = self.now(clock).0;
        if self.lease.is_some_and(|(_, until)| until > now) {
            return None;
        }
        self.taken_over += u64::from(self.lease.is_some_and(|(other, _)| other != who));
        self.lease = Some((who, now + LEASE));
        self.token += 1;
        Some(self.token)
    }

    pub fn renew(&mut self, who: usize, token: u64, clock: u64) -> Result<(), Fenced> {
        let now = self.now(clock).0;
        if token != self.token {
            return Err(Fenced);
        }
        self.lease = Some((who, now + LEASE));
        Ok(())
    }

    fn check(&mut self, token: u64, what: &str) -> Result<(), Fenced> {
        if token == self.token {
            return Ok(());
        }
        self.refused += 1;
        if self.fenced {
            return Err(Fenced);
        }
        self.wrong.push(format!("{what} of an old owner was taken"));
        Ok(())
    }

    /// Takes a window; told again, it must say the same.
    pub fn window(&mut self, token: u64, window: WindowSummary) -> Result<(), Fenced> {
        self.check(token, "a window")?;
        let start = window.window.start;
        if let Some(before) = self.windows.insert(start, window)
            && before != self.windows[&start]
        {
            self.wrong.push(format!("the window at {start:?} was told otherwise the second time"));
        }
        Ok(())
    }

    pub fn event(&mut self, token: u64, event: Event) -> Result<(), Fenced> {
        self.check(token, "an event")?;
        let key = event.idempotency_key.clone();
        if let Some(before) = self.events.insert(key, event.clone())
            && before != event
        {
            self.wrong.push(format!("another event under the key {}", event.idempotency_key));
        }
        Ok(())
    }

    /// Replaces the older generation. `torn`: the writer dies within, and what is there of it is
    /// any part, or all with a flipped bit.
    pub fn checkpoint(
        &mut self,
        token: u64,
        body: &[u8],
        low: u64,
        torn: Option<&mut Dice>,
    ) -> Result<(), Fenced> {
        self.check(token, "a checkpoint")?;
        let mut bytes = frame::write(self.written + 1, body);
        let place = ((self.written + 1) % 2) as usize;
        if let Some(dice) = torn {
            let at = dice.below(bytes.len() as u64) as usize;
            if dice.below(2) == 0 {
                bytes.truncate(at);
            } else {
                bytes[at] ^= 1 << dice.below(8);
            }
            self.torn += 1;
            self.generations[place] = bytes;
            return Ok(());
        }
        self.written += 1;
        self.generations[place] = bytes;
        // Whoever reads the older one must still find what it needs.
        self.log.trim(Position(self.older));
        self.older = low;
        Ok(())
    }

    /// The newest whole checkpoint.
    pub fn load(&mut self, limits: &Limits) -> Option<State> {
        let read = |bytes: &Vec<u8>| {
            let (n, body) = frame::read(bytes).ok()?;
            Some((n, read(body, limits).ok()?))
        };
        let whole = self.generations.iter().filter_map(read).max_by_key(|(n, _)| *n);
        self.written = whole.as_ref().map_or(0, |(n, _)| *n);
        // The other one may be torn now: it is not a place to fall back on.
        self.older = self.older.min(whole.as_ref().map_or(0, |(_, s)| s.position));
        whole.map(|(_, state)| state)
    }
}
