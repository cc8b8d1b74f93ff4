//! `longpole diagnose`: the quick diagnosis of a recording.

use super::judge::{Judge, limits};
use super::{CommandError, exit, road};
use crate::specialists;
use longpole_core::engine::Settings;
use longpole_core::engine::diagnose::Target;
use longpole_exporters::{json, report};
use longpole_model::finding::Diagnosis;
use longpole_model::signal::{Role, Timestamp, Window};
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
    let limits = limits(args.width);
    let settings = Settings { origin, limits: limits.clone(), ..Settings::default() };
    let stretches = args.baseline.zip(args.window);
    let mut judge = Judge::new(&limits, stretches, &declared, target.as_ref(), &tree);
    let engine = road::travel(&args.paths, settings, args.json, |engine, w| judge.take(engine, w))?;
    let found = judge.judged(&engine);
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
