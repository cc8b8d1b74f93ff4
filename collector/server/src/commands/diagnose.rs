//! `longpole diagnose`: the quick diagnosis of a recording.

use super::{CommandError, exit, road};
use crate::specialists;
use longpole_core::engine::Settings;
use longpole_core::engine::analyst::Analyst;
use longpole_core::engine::conclude::Context;
use longpole_core::engine::diagnose::{Target, diagnosis};
use longpole_core::engine::history::History;
use longpole_core::limits::Limits;
use longpole_exporters::{json, report};
use longpole_model::finding::Diagnosis;
use longpole_model::signal::{Role, SECOND, Timestamp, Window};
use serde::Deserialize;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

/// Arguments of `diagnose`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Recordings: files, folders, or - for standard input
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Stretch in which all was well: FROM/TO, each RFC 3339 or Unix nanoseconds
    #[arg(long, value_parser = stretch, requires = "window")]
    baseline: Option<Window>,
    /// Stretch to be explained: FROM/TO
    #[arg(long, value_parser = stretch, requires = "baseline")]
    window: Option<Window>,
    /// Seconds of the windows in which it is read; short recordings need short ones
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    width: u64,
    /// JSON file with {"calls": [["caller", "callee"], ...]} for services without traces
    #[arg(long)]
    topology: Option<PathBuf>,
    /// Service at which the symptom was seen
    #[arg(long)]
    target: Option<String>,
    /// What was seen there: latency, availability, errors
    #[arg(long, requires = "target")]
    target_metric: Option<String>,
    /// Routing tree (YAML) in place of the built-in one
    #[arg(long)]
    specialists: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Exit with 1 when a bottleneck is found
    #[arg(long)]
    fail_on_regression: bool,
}

#[derive(Deserialize)]
struct Topology {
    calls: Vec<(String, String)>,
}

/// Windows kept at full resolution: a recording is judged whole.
const WHOLE: usize = 100_000;

/// Caps and times of a recording that is read whole, in windows of so many seconds. Lateness stays: what waits for
/// nobody may let traces settle before their windows close.
pub(super) fn limits(width: u64) -> Limits {
    Limits {
        window: width * SECOND,
        history_windows: WHOLE,
        history_bytes: usize::MAX,
        ..Limits::default()
    }
}

/// Runs the command.
///
/// # Errors
/// Unreadable recordings, topology or routing tree.
pub fn run(args: Args) -> Result<u8, CommandError> {
    let tree = specialists::load(args.specialists.as_deref())?;
    let declared = match &args.topology {
        None => Vec::new(),
        Some(path) => topology(path)?,
    };
    let target = args.target.clone().map(|service| Target {
        service,
        symptom: match args.target_metric.as_deref() {
            Some("latency") => Some(Role::Latency),
            Some("availability" | "errors") => Some(Role::Errors),
            _ => None,
        },
    });
    // The grid of windows is laid so that one begins where the stretch to be explained does.
    let origin = args.window.map(|w| w.start).unwrap_or_default();
    let settings = Settings { origin, ..Settings::default() };
    let limits = limits(args.width);
    let settings = Settings { limits: limits.clone(), ..settings };
    // Without stretches the analyst finds them; with them it need not watch.
    let blind = args.window.is_none();
    let mut analyst = Analyst::new(&limits, tree.clone(), declared.clone(), target.clone());
    let mut history = History::new(WHOLE, usize::MAX);
    let engine = road::travel(&args.paths, settings, args.json, |engine, w| {
        if blind {
            analyst.observe(w, engine.catalog());
        } else {
            history.push(w);
        }
    })?;
    if blind {
        analyst.finish(engine.catalog());
    }
    let history = if blind { analyst.history() } else { &history };
    let mut tally = history.covers().1.clone();
    tally.merge(&engine.pending_tally());
    let context = Context {
        declared: &declared,
        target: target.as_ref(),
        tree: &tree,
        catalog: engine.catalog(),
    };
    let stretches = args.baseline.zip(args.window);
    let found = diagnosis(history, stretches, blind.then_some(&analyst), context, tally);
    let mut out = std::io::stdout().lock();
    if args.json {
        out.write_all(json::diagnosis(&found).as_bytes())?;
    } else {
        let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        out.write_all(report::diagnosis(&found, report::Style { colour }).as_bytes())?;
    }
    Ok(code(&found, args.fail_on_regression))
}

fn code(found: &Diagnosis, fail: bool) -> u8 {
    let wrong = !found.candidates.is_empty();
    let blank = found.tally.spans.received + found.tally.points.received == 0;
    if blank {
        exit::TOO_LITTLE
    } else if wrong && fail {
        exit::REGRESSION
    } else {
        exit::OK
    }
}

fn topology(path: &std::path::Path) -> Result<Vec<(String, String)>, CommandError> {
    let shown = path.display();
    let text = std::fs::read(path)
        .map_err(|e| CommandError::Usage(format!("cannot read the topology {shown}: {e}")))?;
    let parsed: Topology = serde_json::from_slice(&text).map_err(|e| {
        let form = r#"{"calls": [["caller", "callee"], ...]}"#;
        CommandError::Usage(format!("{shown} is no topology ({e}); the form is {form}"))
    })?;
    Ok(parsed.calls)
}

/// `FROM/TO`.
fn stretch(text: &str) -> Result<Window, String> {
    let (from, to) = text.split_once('/').ok_or("two times with a / between them are needed")?;
    let (start, end) = (time(from)?, time(to)?);
    if start >= end {
        return Err(format!("{from} is not before {to}"));
    }
    Ok(Window { start, end })
}

/// RFC 3339 or Unix nanoseconds.
fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(n) = text.parse::<u64>() {
        return Ok(Timestamp(n));
    }
    let t = text.parse::<jiff::Timestamp>().map_err(|e| {
        format!("{text:?} is neither Unix nanoseconds nor RFC 3339 (2026-11-21T02:00:00Z): {e}")
    })?;
    u64::try_from(t.as_nanosecond()).map(Timestamp).map_err(|_| format!("{text} lies before 1970"))
}
