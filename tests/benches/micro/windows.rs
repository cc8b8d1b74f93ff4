//! Closed windows of real traffic, and as many as one likes of them: the same again at other times.

use crate::road::{Meter, Road};
use crate::traffic::{BASE, Traffic};
use longpole_core::catalog::Catalog;
use longpole_core::engine::Settings;
use longpole_model::signal::{SECOND, Timestamp, Window, WindowSummary};
use std::sync::Arc;

/// Spans a second, where nothing else is said.
pub const RATE: u64 = 100_000;
/// Operations that growth is shown by.
pub const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
/// Width of a window, nanoseconds.
pub const WIDTH: u64 = 10 * SECOND;

/// So many seconds after the beginning of log time.
pub fn second(n: u64) -> Timestamp {
    BASE.plus(n * SECOND)
}

/// Whether a window saw its ten seconds: the first ones did not.
pub fn is_full(window: &WindowSummary) -> bool {
    window.window.start >= BASE.plus(WIDTH)
}

/// Some closed windows that are full, one behind the other, with the names in them.
pub struct Stock {
    windows: Vec<WindowSummary>,
    /// The names.
    pub catalog: Arc<Catalog>,
}

impl Stock {
    /// `n` windows of `operations` at `rate` spans a second.
    pub fn new(operations: usize, rate: u64, n: usize) -> Self {
        let mut road = Road::new(&Settings::default());
        let mut traffic = Traffic::new(operations, rate, 1);
        let mut windows = Vec::new();
        let mut now = 0;
        while windows.len() < n {
            now += 1;
            let closed = road.run(&mut traffic, second(now), &mut Meter::default());
            windows.extend(closed.into_iter().filter(is_full));
        }
        Self { windows, catalog: road.catalog() }
    }

    /// Window number `i` of a time that begins at `origin`.
    pub fn at(&self, origin: Timestamp, i: usize) -> WindowSummary {
        let mut window = self.windows[i % self.windows.len()].clone();
        window.window = cell(origin, i);
        window
    }

    /// The same without a copy.
    pub fn turn(&mut self, origin: Timestamp, i: usize) -> &WindowSummary {
        let n = self.windows.len();
        let window = &mut self.windows[i % n];
        window.window = cell(origin, i);
        window
    }

    /// What a window holds, in words.
    pub fn describe(&self) -> String {
        let w = &self.windows[0];
        format!(
            "{} of {} operations, {} paths, {} sites, {} edges",
            w.red.len(),
            self.catalog.operations().len(),
            w.paths.len(),
            w.sites.len(),
            w.edges.len()
        )
    }
}

fn cell(origin: Timestamp, i: usize) -> Window {
    let start = origin.plus(i as u64 * WIDTH);
    Window { start, end: start.plus(WIDTH) }
}
