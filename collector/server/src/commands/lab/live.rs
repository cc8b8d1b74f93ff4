//! A run of the live shop as files: recorded into a folder, found there again, and judged like any other recording.
//! Tables are not made here.

use super::trial::{Run, Said, Trial};
use crate::commands::judge::{Judge, limits};
use crate::commands::{CommandError, road};
use longpole_core::engine::Settings;
use longpole_core::route::Tree;
use longpole_lab::Fault;
use longpole_lab::live::Round;
use longpole_model::signal::{Timestamp, Window};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Ends of the two files of a run.
const RECORDING: &str = "otlp.binpb.zst";
const LABELS: &str = "labels.json";
/// Seconds of a window: half a minute needs short ones.
const WIDTH: u64 = 1;

/// A run that was recorded.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// What was run.
    pub(super) run: Run,
    file: PathBuf,
    stretches: (Window, Window),
}

/// Requests a second of a run, 30 to 90 by its seed.
pub(super) fn rate(seed: u64) -> f64 {
    30.0 + (seed.wrapping_mul(7_919) % 61) as f64
}

/// Runs the shop for so long without and with the fault, and writes what it told into the folder.
pub(super) fn record(run: Run, lasts: [Duration; 2], folder: &Path) -> Result<Kept, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let round = Round {
        program: (std::env::current_exe()?, ["lab", "serve"].map(str::to_owned).to_vec()),
        folder: folder.to_owned(),
        fault: run.fault,
        seed: run.seed,
        rate: rate(run.seed),
        calm: lasts[0],
        faulty: lasts[1],
    };
    let recording =
        runtime.block_on(round.record()).map_err(crate::commands::demo::DemoError::from)?;
    let name = format!("live-{}-{}", run.fault.name(), run.seed);
    let labels = folder.join(format!("{name}.{LABELS}"));
    let packed = zstd::encode_all(recording.frames().as_slice(), 3)?;
    std::fs::write(folder.join(format!("{name}.{RECORDING}")), packed)?;
    std::fs::write(&labels, &recording.labels)?;
    kept(&labels, run.blind)
}

/// The runs that lie in a folder, by name.
pub(super) fn find(folder: &Path, blind: bool) -> Result<Vec<Kept>, CommandError> {
    let entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|e| e.path()).collect();
    paths.retain(|p| p.to_string_lossy().ends_with(&format!(".{LABELS}")));
    paths.sort();
    paths.iter().map(|p| kept(p, blind)).collect()
}

/// What a file of labels says.
fn kept(labels: &Path, blind: bool) -> Result<Kept, CommandError> {
    let bad = || CommandError::Usage(format!("{} does not tell of a live run", labels.display()));
    let said: Value = serde_json::from_slice(&std::fs::read(labels)?).map_err(|_| bad())?;
    let at = |w: &str, e: &str| said[w][e].as_u64().map(Timestamp).ok_or_else(bad);
    let stretch = |w: &str| {
        Ok::<_, CommandError>(Window {
            start: at(w, "start_unix_nano")?,
            end: at(w, "end_unix_nano")?,
        })
    };
    let fault: Fault = said["fault_type"].as_str().and_then(|f| f.parse().ok()).ok_or_else(bad)?;
    let seed = said["seed"].as_u64().ok_or_else(bad)?;
    let name = labels.to_string_lossy();
    let file = format!("{}{RECORDING}", name.strip_suffix(LABELS).ok_or_else(bad)?).into();
    let stretches = (stretch("normal")?, stretch("fault")?);
    Ok(Kept { run: Run { fault, seed, blind, live: true }, file, stretches })
}

/// Diagnoses a recorded run as `longpole diagnose --width 1` does: with the two stretches, or blind without.
pub(super) fn judge(kept: &Kept, tree: &Tree) -> Result<Trial, CommandError> {
    let limits = limits(WIDTH);
    let stretches = (!kept.run.blind).then_some(kept.stretches);
    let origin = stretches.map(|(_, w)| w.start).unwrap_or_default();
    let settings = Settings { origin, limits: limits.clone(), ..Settings::default() };
    let mut judge = Judge::new(&limits, stretches, &[], None, tree);
    let files = std::slice::from_ref(&kept.file);
    let engine = road::travel(files, settings, true, |engine, w| judge.take(engine, w))?;
    let found = judge.judged(&engine);
    let spans = found.tally.spans.received;
    Ok(Trial { run: kept.run, said: Said::of(&found), spans })
}
