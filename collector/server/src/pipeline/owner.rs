//! The thread that owns engine and analyst.

use super::{Arrival, Job, OnEvents};
use crate::clock::WallClock;
use longpole_core::engine::analyst::Analyst;
use longpole_core::engine::snapshot::recent;
use longpole_core::engine::totals::totals;
use longpole_core::engine::{Engine, Settings};
use longpole_model::finding::{Change, Event, Snapshot, Totals};
use longpole_model::signal::{SECOND, Timestamp, WindowSummary};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Log time moves at least this often, so that windows close while nothing comes in.
const TICK: Duration = Duration::from_millis(50);
/// Totals are not taken anew more often than this: scrapers share them.
const FRESH: Duration = Duration::from_millis(100);
/// Event time that tables of "now" cover.
const RECENT: u64 = 300 * SECOND;

/// Everything behind the queue.
pub struct State {
    engine: Engine,
    analyst: Analyst,
    on_events: OnEvents,
    totals: Option<(Instant, Arc<Totals>)>,
    recent: Option<(u64, Arc<Snapshot>)>,
}

impl State {
    pub(super) fn new(settings: Settings, analyst: Analyst, on_events: OnEvents) -> Self {
        Self { engine: Engine::new(settings), analyst, on_events, totals: None, recent: None }
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(&mut self, queue: &Receiver<Job>, clock: WallClock) {
        let mut next = Instant::now() + TICK;
        loop {
            match queue.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(job) => self.work(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if Instant::now() >= next {
                // A stamp may be ahead of this reading; the engine's clock never goes back.
                self.advance(clock.now());
                next = Instant::now() + TICK;
            }
        }
    }

    fn work(&mut self, job: Job) {
        match job {
            Job::Batch(arrival) => {
                let Arrival { batch, rejections, stamp, room } = *arrival;
                let closed = self.engine.ingest(&batch, &rejections, Some(stamp));
                drop(room);
                self.observe(closed);
            }
            Job::Refuse(reason) => self.engine.refuse(reason),
            Job::Ask(question) => question(self),
        }
    }

    fn advance(&mut self, now: Timestamp) {
        let closed = self.engine.advance(now);
        self.observe(closed);
    }

    fn observe(&mut self, closed: Vec<WindowSummary>) {
        for window in closed {
            let events = self.analyst.observe(window, self.engine.catalog());
            if !events.is_empty() {
                self.tell(events);
            }
        }
    }

    fn tell(&mut self, events: Vec<Event>) {
        let book = self.analyst.book();
        let told = events
            .into_iter()
            .filter_map(|e| {
                let about = book.find(&e.investigation)?.clone();
                Some((e, about))
            })
            .collect();
        (self.on_events)(told);
    }

    /// Totals, at most a tenth of a second old.
    pub fn totals(&mut self) -> Arc<Totals> {
        if let Some((at, totals)) = &self.totals
            && at.elapsed() < FRESH
        {
            return Arc::clone(totals);
        }
        let fresh = Arc::new(totals(&self.analyst, &self.engine));
        self.totals = Some((Instant::now(), Arc::clone(&fresh)));
        fresh
    }

    /// Tables of the last five minutes of closed windows, and all investigations.
    pub fn snapshot(&mut self) -> Arc<Snapshot> {
        let windows = self.analyst.history().windows();
        let mut taken = match &self.recent {
            Some((at, snapshot)) if *at == windows => (**snapshot).clone(),
            _ => recent(&self.analyst, self.engine.catalog(), self.engine.pending_tally(), RECENT),
        };
        // Changes may have been declared since.
        taken.changes = self.analyst.changes(self.engine.catalog());
        let taken = Arc::new(taken);
        self.recent = Some((windows, Arc::clone(&taken)));
        taken
    }

    /// Takes a change that somebody told of.
    pub fn declare(&mut self, change: Change) {
        self.analyst.declare(change);
    }
}
