//! From recordings to closed windows: the road that `replay` and `diagnose` share.

use super::CommandError;
use crate::ingest::replay::Replay;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use longpole_core::engine::{Engine, Settings};
use longpole_model::signal::{ReasonCounts, WindowSummary};
use std::io::IsTerminal;
use std::path::PathBuf;

/// Notes told one by one; the rest is counted.
const TOLD: usize = 20;

/// Reads recordings through an engine; each closed window goes to `closed`.
pub(super) fn travel(
    paths: &[PathBuf],
    settings: Settings,
    quiet: bool,
    mut closed: impl FnMut(&Engine, WindowSummary),
) -> Result<Engine, CommandError> {
    let mut replay = Replay::open(paths)?;
    let mut engine = Engine::new(settings);
    let bar = bar(replay.progress().1, quiet);
    let mut teller = Teller::default();
    while let Some(item) = replay.next() {
        teller.tell(&replay, &mut engine, &bar);
        for window in engine.ingest(item.batch, &item.rejections, None) {
            closed(&engine, window);
        }
        bar.set_position(replay.progress().0);
    }
    teller.tell(&replay, &mut engine, &bar);
    for window in engine.finish() {
        closed(&engine, window);
    }
    bar.finish_and_clear();
    let (notes, uncounted) = replay.notes();
    if notes.is_empty() && replay.progress().0 == 0 {
        eprintln!("longpole: the recording is empty: no bytes in it");
    }
    let more = (notes.len().saturating_sub(TOLD)) as u64 + uncounted;
    if more > 0 {
        eprintln!("longpole: and {more} more notes like these");
    }
    Ok(engine)
}

/// Passes on what a replay has to say, each thing once.
#[derive(Default)]
struct Teller {
    notes: usize,
    refused: ReasonCounts,
}

impl Teller {
    fn tell(&mut self, replay: &Replay, engine: &mut Engine, bar: &ProgressBar) {
        let (notes, _) = replay.notes();
        for note in notes.iter().take(TOLD).skip(self.notes) {
            let text = longpole_exporters::text::clean_to(&note.to_string(), 500).into_owned();
            bar.suspend(|| eprintln!("longpole: {text}"));
        }
        self.notes = notes.len();
        let refused = replay.requests();
        for (reason, n) in refused.iter() {
            for _ in self.refused.get(reason)..n {
                engine.refuse(reason);
            }
        }
        self.refused = refused;
    }
}

/// A bar on a terminal, nothing anywhere else.
fn bar(total: Option<u64>, quiet: bool) -> ProgressBar {
    let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
    if quiet || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
