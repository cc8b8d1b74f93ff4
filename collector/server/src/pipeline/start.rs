//! Starting a pipeline on a data folder: what an earlier life left goes to each part, the threads that write
//! and read it start, and the doors open when it has been read.

use super::analyst::{Alone, Role, Told};
use super::budget::Budget;
use super::durable::Durable;
use super::intake::Doors;
use super::kept::Kept;
use super::marks::Marks;
use super::pressure::Gauge;
use super::queue::Queue;
use super::{OnEvents, Pipeline, commit, durable, thread};
use crate::checkpoint::Row;
use crate::clock::WallClock;
use crate::ingest::otlp::DecodeLimits;
use crate::log::Log;
use longpole_core::engine::analyst::Analyst;
use longpole_core::engine::{Align, Settings};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

impl Pipeline {
    /// Starts the threads on what an earlier life left; `analyst` knows it already. Nothing is taken until
    /// the journal has been read again. `outbox` gives the events not delivered yet.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start_durable(
        settings: &Settings,
        analyst: Analyst,
        clock: WallClock,
        on_events: OnEvents,
        kept: Durable,
        decode: Arc<DecodeLimits>,
        outbox: Box<dyn Fn() -> Vec<Row> + Send>,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let Durable { mut state, journal, committer, store, figures } = kept;
        // From the mark of the checkpoint, which is the older one as soon as another is written.
        let from = state.as_ref().map_or(journal.oldest().0, |s| s.position);
        let (trim, again) = (journal.trimmer(), journal.replay(from));
        let queue: Arc<Queue<Told>> = Arc::default();
        let log = Kept::Journal(journal);
        let budget = Arc::new(Budget::new(settings.limits.queue_bytes));
        let gauge = Gauge::new(&settings.limits, settings.shards, Arc::clone(&budget));
        let (told, gauge) = (Arc::clone(&queue), Arc::new(gauge));
        let doors = Arc::new(Doors::new(settings, log, told, state.as_ref(), gauge, None));
        let pipeline = Self { doors, analyst: queue, budget, clock };
        let (drafts, written) = std::sync::mpsc::sync_channel(1);
        let marks = Marks::new(&settings.limits, settings.shards.max(1) as usize, outbox, drafts);
        let mut align = match &state {
            Some(state) => Align::resume(settings, state.told),
            None => Align::new(settings),
        };
        let mut aggregators = settings.aggregators();
        if let Some(s) = &state {
            let rows = pipeline.doors.rows();
            let (place, told) = ((s.moment.step, s.moment.closed), s.told.next);
            for one in &mut aggregators {
                let mine: Vec<_> = s.shown.iter().filter(|shown| one.owns(shown.0)).collect();
                one.resume(&rows, place, mine.into_iter(), told);
            }
        }
        if let Some(open) = state.as_mut().and_then(|s| s.open.take()) {
            aggregators.iter_mut().for_each(|a| a.adopt(&open));
            align.adopt(open.iter().flat_map(|h| h.windows()).cloned());
        }
        let last = pipeline.work(
            aggregators,
            analyst,
            on_events,
            Role::Alone(Box::new(Alone { align, marks: Some(marks) })),
        )?;
        let (doors, counted) = (Arc::clone(&pipeline.doors), figures.clone());
        thread("commit".into(), move || commit::run(&doors, committer, &counted))?;
        let counted = figures.clone();
        let writer = thread("checkpoint".into(), move || {
            durable::write(&written, store, &trim, from, &counted);
        })?;
        let reading = pipeline.clone();
        thread("replay".into(), move || {
            let read = durable::replay(&reading.doors, again, &reading.budget, &decode, &figures);
            match read {
                Ok(()) => reading.open_when_read(),
                Err(e) => tracing::error!("{e} Nothing is taken until it can be read."),
            }
        })?;
        let ended = thread("ending".into(), move || {
            // The analyst lets go of the writer, which then has written all there is.
            let _ = last.join();
            let _ = writer.join();
        })?;
        Ok((pipeline, ended))
    }

    /// Waits until shards have worked off what was read again; then requests are taken.
    fn open_when_read(&self) {
        let (tell, told) = oneshot::channel();
        self.analyst.push(Told::Totals(tell));
        if told.blocking_recv().is_ok() {
            self.doors.open();
        }
    }
}
