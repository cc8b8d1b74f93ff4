//! `longpole replay`: the engine over a recording, in event time, as fast as it goes.

use super::{CommandError, exit, road};
use crate::specialists;
use longpole_core::engine::Settings;
use longpole_core::engine::analyst::Analyst;
use longpole_core::engine::snapshot::snapshot;
use longpole_core::limits::Limits;
use longpole_exporters::{json, report};
use longpole_model::signal::SECOND;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Recordings: files, folders, or - for standard input
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Aggregators that share the traces; the output does not depend on it
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    shards: u32,
    /// Width of a window, seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    window: u64,
    /// How far the watermark stays behind, seconds
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(0..=3600))]
    lateness: u64,
    /// Routing tree (YAML) in place of the built-in one
    #[arg(long)]
    specialists: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print nothing but the accounting, and no progress
    #[arg(long)]
    quiet: bool,
    /// Exit with 1 when an investigation was opened
    #[arg(long)]
    fail_on_regression: bool,
}

/// Runs the command.
///
/// # Errors
/// Unreadable recordings or routing tree.
pub fn run(args: Args) -> Result<u8, CommandError> {
    let tree = specialists::load(args.specialists.as_deref())?;
    let limits = Limits {
        window: args.window * SECOND,
        lateness: args.lateness * SECOND,
        ..Limits::default()
    };
    let mut analyst = Analyst::new(&limits, tree, Vec::new(), None).summing();
    let settings = Settings { limits, shards: args.shards, ..Settings::default() };
    let quiet = args.quiet || args.json;
    let engine = road::travel(&args.paths, settings, quiet, |engine, w| {
        analyst.observe(w, engine.catalog());
    })?;
    analyst.finish(engine.catalog());
    let seen = snapshot(&analyst, engine.catalog(), &engine.pending_tally());
    let mut out = std::io::stdout().lock();
    if args.json {
        out.write_all(json::replay(&seen).as_bytes())?;
    } else {
        let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let style = report::Style { colour };
        let text = match args.quiet {
            true => report::account(&seen.tally, style),
            false => report::replay(&seen, style),
        };
        out.write_all(text.as_bytes())?;
    }
    let blank = seen.tally.spans.received + seen.tally.points.received == 0;
    Ok(if blank {
        exit::TOO_LITTLE
    } else if args.fail_on_regression && !seen.investigations.is_empty() {
        exit::REGRESSION
    } else {
        exit::OK
    })
}
