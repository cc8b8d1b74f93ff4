//! Runs of the shop counted: per fault how often culprit and kind are right, what else was said, and how
//! often a confidence was. One run is [`super::trial`], one of the live shop [`super::live`].

use super::live;
use super::trial::{Run, Said, Trial, trial};
use crate::commands::{CommandError, exit};
use crate::specialists;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use longpole_core::route::Tree;
use longpole_exporters::text::table::{Align::*, Table};
use longpole_lab::Fault;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Arguments of `lab run` and `lab matrix`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Runs of each fault
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    runs: u64,
    /// Seed of the first run; the load of a run, 12 to 40 requests a second (live 30 to 90), follows from its seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Do not say when it went wrong: detection has to find it
    #[arg(long)]
    blind: bool,
    /// Run the shop as real processes, one run after the other
    #[arg(long)]
    live: bool,
    /// Seconds of a live run without the fault
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(5..=3_600), requires = "live")]
    calm: u64,
    /// Seconds of a live run with it
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(5..=3_600), requires = "live")]
    faulty: u64,
    /// Keep recordings and labels of live runs in this folder
    #[arg(long, requires = "live")]
    keep: Option<PathBuf>,
    /// Judge the live runs that were kept in this folder, and run none
    #[arg(long, conflicts_with = "live")]
    kept: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Upper bounds of the bins in which confidence is held against what was right.
const BINS: [f64; 5] = [0.5, 0.7, 0.85, 0.95, 1.0];

/// Runs all of `faults` and prints what came of it.
pub(super) fn run(faults: &[Fault], args: &Args) -> Result<u8, CommandError> {
    let tree = specialists::default_tree()?;
    let trials = match &args.kept {
        Some(folder) => judged(faults, folder, args.blind, &tree)?,
        None if args.live => live_trials(faults, args, &tree)?,
        None => trials(faults, args, &tree),
    };
    let there = |f: &&Fault| trials.iter().any(|t| t.run.fault == **f);
    let faults: Vec<Fault> = faults.iter().filter(there).copied().collect();
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", document(&faults, &trials))?;
    } else {
        write!(out, "{}", page(&faults, &trials))?;
    }
    Ok(exit::OK)
}

fn trials(faults: &[Fault], args: &Args, tree: &Tree) -> Vec<Trial> {
    let bar = bar(faults.len() as u64 * args.runs, args.json);
    let mut trials = Vec::new();
    for fault in faults {
        for i in 0..args.runs {
            bar.set_message(fault.name());
            let seed = args.seed.saturating_add(i);
            let run = Run { fault: *fault, seed, blind: args.blind, live: false };
            trials.push(trial(run, tree));
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    trials
}

/// All faults with one seed, then with the next. A run that fails is told and counted as wrong, not tried again.
fn live_trials(faults: &[Fault], args: &Args, tree: &Tree) -> Result<Vec<Trial>, CommandError> {
    let lacks = |f: &&Fault| **f != Fault::None && !Fault::LIVE.contains(f);
    if let ([fault], true) = (faults, faults.iter().any(|f| lacks(&f))) {
        let (name, all) = (fault.name(), Fault::LIVE.map(Fault::name).join(", "));
        let text = format!("the live shop has no fault {name:?}; it has: none, {all}");
        return Err(CommandError::Usage(text));
    }
    let faults: Vec<Fault> = faults.iter().filter(|f| !lacks(f)).copied().collect();
    let own = std::env::temp_dir().join(format!("longpole-lab-{}", std::process::id()));
    let folder: &Path = args.keep.as_ref().unwrap_or(&own);
    std::fs::create_dir_all(folder)?;
    let lasts = [args.calm, args.faulty].map(Duration::from_secs);
    let mut trials = Vec::new();
    let all = faults.len() as u64 * args.runs;
    for i in 0..args.runs {
        for fault in &faults {
            let seed = args.seed.saturating_add(i);
            let run = Run { fault: *fault, seed, blind: args.blind, live: true };
            let told = live::record(run, lasts, folder).and_then(|kept| live::judge(&kept, tree));
            let failed =
                |e: CommandError| Trial { run, said: Said::Failed(e.to_string()), spans: 0 };
            let trial = told.unwrap_or_else(failed);
            let right = if trial.culprit() && trial.kind() { "right" } else { "WRONG" };
            let (n, name, said) = (trials.len() + 1, fault.name(), trial.said.words());
            eprintln!("longpole: {n}/{all} {name}, seed {seed}: {said}: {right}");
            trials.push(trial);
        }
    }
    if args.keep.is_none() {
        // What is left is in the system's folder for such things.
        let _ = std::fs::remove_dir_all(folder);
    }
    Ok(trials)
}

/// Live runs that were kept, judged by the rules as they are now.
fn judged(
    faults: &[Fault],
    folder: &Path,
    blind: bool,
    tree: &Tree,
) -> Result<Vec<Trial>, CommandError> {
    let kept = live::find(folder, blind)?;
    kept.iter().filter(|k| faults.contains(&k.run.fault)).map(|k| live::judge(k, tree)).collect()
}

fn bar(runs: u64, quiet: bool) -> ProgressBar {
    let bar = ProgressBar::new(runs);
    if quiet || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} {eta}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// What was said of the runs of one fault, most frequent first.
fn said(trials: &[&Trial]) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for t in trials {
        *counts.entry(t.said.words()).or_default() += 1;
    }
    let mut all: Vec<_> = counts.into_iter().collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    all
}

fn share(right: usize, all: usize) -> f64 {
    right as f64 / all.max(1) as f64
}

/// One bin of the reliability table: verdicts of a confidence up to `high`, their mean confidence and the share that was
/// right, of which an empty bin has none.
struct Bin {
    high: f64,
    verdicts: usize,
    mean_and_right: Option<(f64, f64)>,
}

fn reliability(trials: &[Trial]) -> (Vec<Bin>, f64) {
    let point = |t: &Trial| match t.said {
        Said::Culprit(_, _, confidence) => Some((confidence, t.culprit() && t.kind())),
        Said::Nothing | Said::Failed(_) => None,
    };
    let points: Vec<(f64, bool)> = trials.iter().filter_map(point).collect();
    let mut low = 0.0;
    let bins = BINS.map(|high| {
        let of: Vec<_> = points.iter().filter(|(c, _)| *c > low && *c <= high).copied().collect();
        low = high;
        let mean = of.iter().map(|(c, _)| c).sum::<f64>() / of.len().max(1) as f64;
        let right = share(of.iter().filter(|(_, right)| *right).count(), of.len());
        let mean_and_right = (!of.is_empty()).then_some((mean, right));
        Bin { high, verdicts: of.len(), mean_and_right }
    });
    let squared = points.iter().map(|(c, right)| (c - f64::from(u8::from(*right))).powi(2));
    (bins.into(), squared.sum::<f64>() / points.len().max(1) as f64)
}

fn page(faults: &[Fault], trials: &[Trial]) -> String {
    let mut t = Table::new(&[
        ("fault", Left(24)),
        ("runs", Right),
        ("culprit", Right),
        ("kind", Right),
        ("said", Left(90)),
    ]);
    for fault in faults {
        let of: Vec<&Trial> = trials.iter().filter(|t| t.run.fault == *fault).collect();
        let right = |f: fn(&Trial) -> bool| of.iter().filter(|t| f(t)).count();
        let words: Vec<String> = said(&of).iter().map(|(s, n)| format!("{n} {s}")).collect();
        t.row([
            fault.name().to_owned(),
            of.len().to_string(),
            format!("{:.2}", share(right(Trial::culprit), of.len())),
            format!("{:.2}", share(right(Trial::kind), of.len())),
            words.join(", "),
        ]);
    }
    let (bins, brier) = reliability(trials);
    let mut calibration = Table::new(&[
        ("confidence up to", Right),
        ("verdicts", Right),
        ("mean confidence", Right),
        ("right", Right),
    ]);
    for Bin { high, verdicts, mean_and_right } in bins {
        let number = |n: f64| format!("{n:.2}");
        let [mean, right] = mean_and_right
            .map_or_else(|| ["-"; 2].map(str::to_owned), |(m, r)| [number(m), number(r)]);
        calibration.row([high.to_string(), verdicts.to_string(), mean, right]);
    }
    let mut out = lines(&t);
    for t in trials.iter().filter(|t| !(t.culprit() && t.kind())) {
        let (fault, seed, load) = (t.run.fault.name(), t.run.seed, t.run.rate());
        let said = t.said.words();
        out.push_str(&format!("wrong: {fault}, seed {seed}, {load} requests/s: {said}\n"));
    }
    out.push_str(&lines(&calibration));
    out.push_str(&format!("Brier score {brier:.3}\n"));
    out
}

fn lines(table: &Table) -> String {
    table.lines(0, usize::MAX).iter().map(|l| format!("{l}\n")).collect()
}

fn document(faults: &[Fault], trials: &[Trial]) -> serde_json::Value {
    let rows: Vec<serde_json::Value> = faults
        .iter()
        .map(|fault| {
            let of: Vec<&Trial> = trials.iter().filter(|t| t.run.fault == *fault).collect();
            let right = |f: fn(&Trial) -> bool| share(of.iter().filter(|t| f(t)).count(), of.len());
            let said: serde_json::Map<String, serde_json::Value> =
                said(&of).into_iter().map(|(s, n)| (s, n.into())).collect();
            serde_json::json!({
                "fault": fault.name(),
                "culprit": of.first().and_then(|t| t.run.culprit()), "kinds": fault.kinds(),
                "runs": of.len(), "culprit_right": right(Trial::culprit),
                "kind_right": right(Trial::kind), "said": said,
            })
        })
        .collect();
    let runs: Vec<serde_json::Value> = trials
        .iter()
        .map(|t| {
            let (service, kind, confidence, failed) = match &t.said {
                Said::Culprit(s, k, c) => (Some(s), Some(*k), Some(*c), None),
                Said::Nothing => (None, None, None, None),
                Said::Failed(why) => (None, None, None, Some(why)),
            };
            serde_json::json!({
                "fault": t.run.fault.name(), "seed": t.run.seed,
                "requests_per_second": t.run.rate(), "spans": t.spans,
                "service": service, "kind": kind, "confidence": confidence, "failed": failed,
                "culprit_right": t.culprit(), "kind_right": t.kind(),
            })
        })
        .collect();
    let (bins, brier) = reliability(trials);
    let bins: Vec<serde_json::Value> = bins
        .iter()
        .map(|Bin { high, verdicts, mean_and_right }| {
            let (mean, right) = mean_and_right.unzip();
            serde_json::json!({
                "up_to": high, "verdicts": verdicts, "mean_confidence": mean, "right": right,
            })
        })
        .collect();
    serde_json::json!({
        "simulated": trials.iter().all(|t| !t.run.live), "faults": rows, "reliability": bins, "brier": brier, "runs": runs,
    })
}
