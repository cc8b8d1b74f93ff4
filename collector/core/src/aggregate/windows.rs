//! The open windows of one shard, and the way of rows into them.
//!
//! Which window is found without a division as long as it is the one of the row before.

use super::clock::Clock;
use super::codes::{EntryCode, PathCode, SiteCode};
use super::segment::{Call, Rows};
use super::tables::{OpenWindow, Sizes};
use longpole_model::signal::{EdgeKey, EntryValue, PathValue, Timestamp, Window};

/// Open windows, by start; few at a time.
#[derive(Debug)]
pub struct Windows {
    rows_cap: usize,
    /// Rows of a table beyond which they are read ahead.
    near: usize,
    open: Vec<OpenWindow>,
    /// The window asked for last.
    last: usize,
    /// Room for rows like those of the window closed last.
    sizes: Sizes,
    /// Rows that the cap folded or kept out.
    pub overflow_rows: u64,
}

impl Windows {
    /// None open yet; each may have `rows_cap` profile rows.
    pub fn new(rows_cap: usize) -> Self {
        Self {
            rows_cap,
            near: NEAR,
            open: Vec::new(),
            last: 0,
            sizes: Sizes::default(),
            overflow_rows: 0,
        }
    }

    /// The tables of a window, made when they are new.
    #[inline]
    pub fn at(&mut self, window: Window) -> &mut OpenWindow {
        if self.open.get(self.last).is_none_or(|w| w.window.start != window.start) {
            self.turn_to(window);
        }
        &mut self.open[self.last]
    }

    /// Out of the way of the many rows that go where the row before went.
    #[cold]
    fn turn_to(&mut self, window: Window) {
        self.last = match self.open.binary_search_by_key(&window.start, |w| w.window.start) {
            Ok(i) => i,
            Err(i) => {
                self.open.insert(i, OpenWindow::new(window, self.sizes));
                i
            }
        };
    }

    /// The window asked for last, where it holds `end` and is not closed.
    #[inline]
    pub fn recent(&self, end: Timestamp, clock: &Clock) -> Option<Window> {
        let window = self.open.get(self.last)?.window;
        (window.contains(end) && !clock.is_closed(window)).then_some(window)
    }

    /// Whether tables are so large that their rows have to come from memory: paths, sites.
    #[inline]
    fn far(&self) -> (bool, bool) {
        let (paths, sites) = self.open.get(self.last).map_or((0, 0), OpenWindow::profile_rows);
        (paths > self.near, sites > self.near / 4)
    }

    /// Takes out the oldest window that begins before `until`.
    pub fn take_before(&mut self, until: Timestamp) -> Option<OpenWindow> {
        let first = self.open.first()?;
        if first.window.start >= until {
            return None;
        }
        self.last = 0;
        let window = self.open.remove(0);
        self.sizes = window.sizes();
        Some(window)
    }

    /// The oldest open window.
    pub fn first(&self) -> Option<Window> {
        self.open.first().map(|w| w.window)
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &OpenWindow> {
        self.open.iter()
    }
}

/// Rows on their way into windows: their places are read first, many at a time, and then written. One after the
/// other, each would wait for its place to come from memory.
#[derive(Debug, Default)]
pub struct Ahead {
    paths: Vec<(Window, (PathCode, PathValue))>,
    sites: Vec<(Window, (SiteCode, Visit))>,
}

#[derive(Clone, Copy, Debug)]
struct Visit {
    nanos: u64,
    weight: u64,
    failed: bool,
}

/// So many rows of a kind are on their way at most: what was read must still be near when it is written.
const AHEAD: usize = 64;
/// Rows of a table that a core's own cache holds; sites hold sketches, so four times fewer of them. Reading ahead
/// what is near costs more than it saves.
const NEAR: usize = 20_000;

/// Sends rows of an evaluated trace to the window of their entry's end, or to the oldest open one.
pub struct Sink<'a> {
    /// Where they go.
    pub windows: &'a mut Windows,
    /// Which windows are closed.
    pub clock: &'a Clock,
    /// What is on its way; nothing behind the last [`Sink::write`].
    pub ahead: &'a mut Ahead,
}

impl Sink<'_> {
    /// Adds a row to the window that holds `end`; `add` is given the window and its cap of rows, and
    /// tells whether the row was kept.
    #[inline]
    fn put(&mut self, end: Timestamp, add: impl FnOnce(&mut OpenWindow, usize) -> bool) {
        self.put_into(self.window(end), add);
    }

    /// The window for rows of an entry that ended at `end`.
    #[inline]
    fn window(&self, end: Timestamp) -> Window {
        let end = end.min(self.clock.now());
        self.windows.recent(end, self.clock).unwrap_or_else(|| {
            let window = self.clock.window_of(end);
            if self.clock.is_closed(window) { self.clock.oldest_open() } else { window }
        })
    }

    #[inline]
    fn put_into(&mut self, window: Window, add: impl FnOnce(&mut OpenWindow, usize) -> bool) {
        let cap = self.windows.rows_cap;
        let kept = add(self.windows.at(window), cap);
        self.windows.overflow_rows += u64::from(!kept);
    }

    /// Writes what is on its way.
    pub fn write(&mut self) {
        self.write_paths();
        self.write_sites();
    }

    fn write_paths(&mut self) {
        let mut rows = std::mem::take(&mut self.ahead.paths);
        let add = |w: &mut OpenWindow, cap, (key, value)| w.path(cap, key, value);
        self.write_all(&mut rows, |w, (key, _)| w.touch_path(*key), add);
        self.ahead.paths = rows;
    }

    fn write_sites(&mut self) {
        let mut rows = std::mem::take(&mut self.ahead.sites);
        let add = |w: &mut OpenWindow, cap, (key, Visit { nanos, weight, failed })| {
            w.site(cap, key, nanos, weight, failed)
        };
        self.write_all(&mut rows, |w, (key, visit)| w.touch_site(*key, visit.nanos), add);
        self.ahead.sites = rows;
    }

    /// Reads the places of all rows, then writes them in their order.
    fn write_all<R>(
        &mut self,
        rows: &mut Vec<(Window, R)>,
        touch: impl Fn(&OpenWindow, &R) -> u64,
        add: impl Fn(&mut OpenWindow, usize, R) -> bool,
    ) {
        let read = |sum, (window, row): &(Window, R)| sum ^ touch(self.windows.at(*window), row);
        std::hint::black_box(rows.iter().fold(0, read));
        for (window, row) in rows.drain(..) {
            self.put_into(window, |w, cap| add(w, cap, row));
        }
    }
}

impl Rows for Sink<'_> {
    #[inline]
    fn is_late(&self, end: Timestamp) -> bool {
        !self.window(end).contains(end.min(self.clock.now()))
    }

    #[inline]
    fn entry(&mut self, end: Timestamp, key: EntryCode, value: EntryValue) {
        self.put(end, |window, cap| window.entry(cap, key, value));
    }

    #[inline]
    fn path(&mut self, end: Timestamp, key: PathCode, value: PathValue) {
        if !self.windows.far().0 {
            return self.put(end, |window, cap| window.path(cap, key, value));
        }
        self.ahead.paths.push((self.window(end), (key, value)));
        if self.ahead.paths.len() >= AHEAD {
            self.write_paths();
        }
    }

    #[inline]
    fn site(&mut self, end: Timestamp, key: SiteCode, nanos: u64, weight: u64, failed: bool) {
        if !self.windows.far().1 {
            return self.put(end, |window, cap| window.site(cap, key, nanos, weight, failed));
        }
        let visit = Visit { nanos, weight, failed };
        self.ahead.sites.push((self.window(end), (key, visit)));
        if self.ahead.sites.len() >= AHEAD {
            self.write_sites();
        }
    }

    #[inline]
    fn edge(&mut self, end: Timestamp, key: EdgeKey, call: Call) {
        self.put(end, |window, cap| window.edge(cap, key, call));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::codes::Ranks;
    use crate::aggregate::tables::RedTable;
    use crate::catalog::{RedId, RedRow};
    use crate::limits::Limits;
    use longpole_model::signal::{
        Category, OperationId, RedKey, SECOND, Scope, SiteKey, Tally, VersionId, WindowSummary,
    };
    use proptest::prelude::*;

    /// Entry, site, and how long a visit took, in windows of some seconds.
    type Dice = (u8, u8, u16, u8);

    fn closed(near: usize, cap: usize, dice: &[Dice]) -> (Vec<WindowSummary>, u64) {
        let mut windows = Windows { near, ..Windows::new(cap) };
        let mut clock = Clock::new(&Limits::default(), Timestamp(0));
        clock.advance(Timestamp(60 * SECOND));
        let mut ahead = Ahead::default();
        let mut sink = Sink { windows: &mut windows, clock: &clock, ahead: &mut ahead };
        for (entry, site, nanos, second) in dice {
            let end = Timestamp((30 + u64::from(second % 30)) * SECOND);
            let red = RedId(u32::from(*entry));
            let entry = EntryCode::new(red, Scope::Segment, false, site % 3);
            let operation = OperationId(u32::from(*site));
            let peer = OperationId::NONE;
            let site = SiteCode::new(SiteKey { operation, peer, category: Category::Own });
            let nanos = u64::from(*nanos) * 1_000;
            let value = PathValue { visits: 1 << 16, critical_ns: nanos, self_ns: 1 };
            sink.path(end, PathCode::new(entry, site), value);
            sink.site(end, site, nanos, 1 << 16, nanos % 2_000 == 0);
        }
        sink.write();
        let overflow = windows.overflow_rows;
        let version = VersionId::NONE;
        let key = |n| RedKey { operation: OperationId(n), version };
        let names: Vec<RedRow> = (0..256).map(|n| RedRow { key: key(n), service: 0 }).collect();
        let ranks = Ranks::new(&names);
        let mut out = Vec::new();
        while let Some(window) = windows.take_before(Timestamp(u64::MAX)) {
            out.push(window.close(RedTable::default(), Tally::default(), &ranks));
        }
        (out, overflow)
    }

    proptest! {
        #[test]
        fn what_is_read_ahead_is_written_all_the_same(
            dice in prop::collection::vec(any::<Dice>(), 0..400),
            near in prop_oneof![Just(0usize), 1..300usize],
            cap in 0..600usize,
        ) {
            prop_assert_eq!(closed(near, usize::MAX, &dice), closed(usize::MAX, usize::MAX, &dice));
            // At a cap other rows may be the ones that come too late; none is lost unseen.
            let (windows, overflow) = closed(near, cap, &dice);
            let visits: u64 = windows.iter().flat_map(|w| &w.sites).map(|(_, s)| s.visits).sum();
            let rows = windows.iter().map(|w| w.sites.len() + w.paths.len()).max().unwrap_or(0);
            prop_assert!(rows <= cap && visits + overflow >= dice.len() as u64);
        }
    }
}
