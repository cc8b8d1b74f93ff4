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
    open: Vec<OpenWindow>,
    /// The window asked for last.
    last: usize,
    /// Rows of the window closed last.
    sizes: Sizes,
    /// Rows that the cap folded or kept out.
    pub overflow_rows: u64,
}

impl Windows {
    /// None open yet; each may have `rows_cap` profile rows.
    pub fn new(rows_cap: usize) -> Self {
        Self { rows_cap, open: Vec::new(), last: 0, sizes: Sizes::default(), overflow_rows: 0 }
    }

    /// The tables of a window, made when they are new.
    #[inline]
    pub fn at(&mut self, window: Window) -> &mut OpenWindow {
        if self.open.get(self.last).is_none_or(|w| w.window.start != window.start) {
            self.last = match self.open.binary_search_by_key(&window.start, |w| w.window.start) {
                Ok(i) => i,
                Err(i) => {
                    self.open.insert(i, OpenWindow::new(window, self.sizes));
                    i
                }
            };
        }
        &mut self.open[self.last]
    }

    /// The window asked for last, where it holds `end` and is not closed.
    #[inline]
    pub fn recent(&self, end: Timestamp, clock: &Clock) -> Option<Window> {
        let window = self.open.get(self.last)?.window;
        (window.contains(end) && !clock.is_closed(window)).then_some(window)
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

/// Sends rows of an evaluated trace to the window of their entry's end, or to the oldest open one.
pub struct Sink<'a> {
    /// Where they go.
    pub windows: &'a mut Windows,
    /// Which windows are closed.
    pub clock: &'a Clock,
}

impl Sink<'_> {
    /// Adds a row to the window that holds `end`; `add` is given the window and its cap of rows, and
    /// tells whether the row was kept.
    #[inline]
    fn put(&mut self, end: Timestamp, add: impl FnOnce(&mut OpenWindow, usize) -> bool) {
        let end = end.min(self.clock.now());
        let window = self.windows.recent(end, self.clock).unwrap_or_else(|| {
            let window = self.clock.window_of(end);
            if self.clock.is_closed(window) { self.clock.oldest_open() } else { window }
        });
        let cap = self.windows.rows_cap;
        let kept = add(self.windows.at(window), cap);
        self.windows.overflow_rows += u64::from(!kept);
    }
}

impl Rows for Sink<'_> {
    #[inline]
    fn entry(&mut self, end: Timestamp, key: EntryCode, value: EntryValue) {
        self.put(end, |window, cap| window.entry(cap, key, value));
    }

    #[inline]
    fn path(&mut self, end: Timestamp, key: PathCode, value: PathValue) {
        self.put(end, |window, cap| window.path(cap, key, value));
    }

    #[inline]
    fn site(&mut self, end: Timestamp, key: SiteCode, nanos: u64, weight: u64, failed: bool) {
        self.put(end, |window, cap| window.site(cap, key, nanos, weight, failed));
    }

    #[inline]
    fn edge(&mut self, end: Timestamp, key: EdgeKey, call: Call) {
        self.put(end, |window, cap| window.edge(cap, key, call));
    }
}
