//! The analyst of a process that shares its streams with others: it judges windows only while the process
//! leads, and then those of all streams, whoever read them. What they are made of stands in Redis; who
//! leads is decided there, too.
//!
//! Names have ids of their own here, given in the order of windows and streams: what is concluded does not
//! depend on who read which stream, and when.

use super::Pipeline;
use super::analyst::{Role, State};
use crate::checkpoint::{self, CheckpointError, Place, Row, Seen};
use longpole_core::aggregate::Closed;
use longpole_core::catalog::{Dictionary, Interner};
use longpole_core::engine::analyst::Analyst;
use longpole_core::engine::totals::{Gross, Joint};
use longpole_core::engine::{Align, Mark, Moment, Settings, Told};
use longpole_core::memo::Seed;
use longpole_model::signal::{Timestamp, WindowSummary};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One window of a stream, as it was said, with the names of its ids.
pub type Part = (WindowSummary, Dictionary);

/// What a leader needs beside windows.
pub struct Sharing {
    /// Windows and caps.
    pub settings: Settings,
    /// Makes an analyst who has seen nothing.
    pub analyst: Box<dyn Fn() -> Analyst + Send + Sync>,
    /// Takes events over that an earlier leader had not delivered.
    pub adopt: Box<dyn Fn(Vec<Row>) + Send + Sync>,
    /// Events that are not delivered yet.
    pub waiting: Box<dyn Fn() -> Vec<Row> + Send + Sync>,
}

/// The state of who leads.
pub(super) struct Lead {
    sharing: Arc<Sharing>,
    interner: Interner,
    align: Align,
    /// What lanes of this process said and nobody has judged yet, for totals.
    pub flown: Vec<Flown>,
}

/// A window that a lane of this process said, or had open when its stream was given up.
pub(super) struct Flown {
    pub lane: u32,
    pub end: Timestamp,
    /// Under the ids of the doors.
    pub counted: Gross,
}

impl Flown {
    pub fn new(lane: u32, window: &WindowSummary) -> Self {
        let mut counted = Gross::default();
        counted.add(window);
        Self { lane, end: window.window.end, counted }
    }
}

/// What the next leader goes on from.
pub struct Analysis {
    /// Its stored form.
    pub body: Vec<u8>,
    /// Windows before this moment are in it.
    pub next: Timestamp,
    /// How long it took to write.
    pub took: Duration,
}

impl Pipeline {
    /// Begins to lead, from what an earlier leader left. `None` when the analyst has ended.
    pub async fn lead(
        &self,
        sharing: &Arc<Sharing>,
        left: Option<checkpoint::State>,
    ) -> Option<()> {
        let sharing = Arc::clone(sharing);
        self.ask(move |state| state.lead(sharing, left)).await
    }

    /// Leads no more.
    pub async fn follow(&self) -> Option<()> {
        self.ask(State::follow).await
    }

    /// Judges windows of all streams, oldest first, each in the order of the streams; all streams have
    /// nothing more to say of what ends before or at `until`. `None` when the analyst has ended.
    pub async fn judge(&self, windows: Vec<Vec<Part>>, until: Timestamp) -> Option<()> {
        self.ask(move |state| state.judge(windows, until)).await
    }

    /// Counts windows of single streams that came when the others' had been judged.
    pub async fn add_late(&self, parts: Vec<Part>) -> Option<()> {
        self.ask(move |state| state.add_late(parts)).await
    }

    /// What the next leader goes on from, where this one has judged anything.
    pub async fn analysis(&self) -> Option<Result<Analysis, CheckpointError>> {
        self.ask(|state| state.analysis()).await?
    }
}

impl State {
    fn begin_anew(&mut self, analyst: Analyst, role: Role) {
        (self.analyst, self.role) = (analyst, role);
        (self.totals, self.recent) = (None, None);
        (self.catalog, self.names) = (Arc::default(), Joint::default());
    }

    fn lead(&mut self, sharing: Arc<Sharing>, left: Option<checkpoint::State>) {
        let Settings { limits, seed, .. } = &sharing.settings;
        let mut analyst = (sharing.analyst)();
        // All streams speak at once: one voice to wait for.
        let one = Settings { shards: 1, ..sharing.settings.clone() };
        let (interner, align) = match left {
            None => (Interner::new(limits.clone(), Seed(*seed)), Align::new(&one)),
            Some(mut left) => {
                if let Some((kept, words)) = left.known.take() {
                    analyst.resume(kept, words);
                }
                (sharing.adopt)(left.outbox);
                let interner = Interner::resume(limits.clone(), Seed(*seed), left.names);
                (interner, Align::resume(&one, left.told))
            }
        };
        let catalog = Arc::clone(interner.catalog());
        let lead = Lead { sharing, interner, align, flown: Vec::new() };
        self.begin_anew(analyst, Role::Leads(Box::new(lead)));
        self.catalog = catalog;
    }

    fn follow(&mut self) {
        let Role::Leads(lead) = &self.role else { return };
        let analyst = (lead.sharing.analyst)();
        self.begin_anew(analyst, Role::Follows);
    }

    fn judge(&mut self, windows: Vec<Vec<Part>>, until: Timestamp) {
        let mut told = until;
        for parts in windows {
            let Role::Leads(lead) = &mut self.role else { return };
            let Some(window) = parts.first().map(|(s, _)| s.window) else { continue };
            let adopt = |(summary, names): Part| lead.interner.adopt(summary, &names);
            let summaries: Vec<WindowSummary> = parts.into_iter().map(adopt).collect();
            let summary = WindowSummary::merged(summaries);
            told = window.end;
            self.catalog = Arc::clone(lead.interner.catalog());
            let closed = Closed { until: told, summaries: vec![summary] };
            let windows = lead.align.take(0, closed);
            windows.into_iter().for_each(|window| self.observe(window));
        }
        let Role::Leads(lead) = &mut self.role else { return };
        let silent = lead.align.take(0, Closed { until, summaries: Vec::new() });
        lead.flown.retain(|part| part.end > until.max(told));
        silent.into_iter().for_each(|window| self.observe(window));
        self.totals = None;
    }

    fn add_late(&mut self, parts: Vec<Part>) {
        let Role::Leads(lead) = &mut self.role else { return };
        for (summary, names) in parts {
            let summary = lead.interner.adopt(summary, &names);
            self.analyst.count(&summary);
        }
        self.catalog = Arc::clone(lead.interner.catalog());
        self.totals = None;
    }

    fn analysis(&mut self) -> Option<Result<Analysis, CheckpointError>> {
        let Role::Leads(lead) = &self.role else { return None };
        let told: Told = lead.align.level()?;
        let began = Instant::now();
        let (names, moment) = (lead.interner.capture(), Moment::default());
        let mark = Mark { names, moment, shown: Vec::new(), open: None };
        let place = Place { position: 0, mark, seen: Seen::default() };
        let rows = (lead.sharing.waiting)();
        let limits = &lead.sharing.settings.limits;
        let body = checkpoint::write(limits, &place, told, &self.analyst, rows);
        let framed = |body: Vec<u8>| checkpoint::frame::write(0, &body);
        let next = told.next;
        Some(body.map(|body| Analysis { body: framed(body), next, took: began.elapsed() }))
    }
}
