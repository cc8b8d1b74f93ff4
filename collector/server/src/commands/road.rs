//! From recordings to closed windows: the road that `replay` and `diagnose` share.

use super::CommandError;
use crate::ingest::otlp::DecodeLimits;
use crate::ingest::replay::Replay;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use longpole_core::engine::{Engine, Settings};
use longpole_model::signal::WindowSummary;
use std::io::IsTerminal;
use std::path::PathBuf;

/// Problems told one by one; the rest is counted.
const TOLD: usize = 20;

/// Reads recordings through an engine; each closed window goes to `closed`.
pub(super) fn travel(
    paths: &[PathBuf],
    settings: Settings,
    quiet: bool,
    mut closed: impl FnMut(&Engine, WindowSummary),
) -> Result<Engine, CommandError> {
    let mut replay = Replay::open(paths, DecodeLimits::default())?;
    let mut engine = Engine::new(settings);
    let bar = bar(replay.progress().1, quiet);
    let mut told = 0;
    let mut tell = |replay: &mut Replay, engine: &mut Engine| {
        for problem in replay.take_problems() {
            if let Some(reason) = problem.reason {
                engine.refuse(reason);
            }
            told += 1;
            if told <= TOLD {
                let text =
                    longpole_exporters::text::clean_to(&problem.to_string(), 500).into_owned();
                bar.suspend(|| eprintln!("longpole: {text}"));
            }
        }
    };
    tell(&mut replay, &mut engine);
    while let Some(item) = replay.next() {
        for window in engine.ingest(&item.batch, &item.rejections, None) {
            closed(&engine, window);
        }
        tell(&mut replay, &mut engine);
        bar.set_position(replay.progress().0);
    }
    for window in engine.finish() {
        closed(&engine, window);
    }
    bar.finish_and_clear();
    if told > TOLD {
        eprintln!("longpole: and {} more problems like these", told - TOLD);
    }
    Ok(engine)
}

/// A bar on a terminal, nothing anywhere else.
fn bar(total: u64, quiet: bool) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if quiet || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
