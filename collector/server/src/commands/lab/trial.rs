//! One run of the simulated shop, diagnosed: recorded, read like any other recording, compared, and held
//! against what was done to it. Tables and files are not made here.

use crate::commands::judge::{Judge, limits};
use crate::ingest::otlp::{DecodeLimits, Decoder};
use longpole_core::engine::{Engine, Settings};
use longpole_core::route::Tree;
use longpole_lab::{Fault, Options, record};
use longpole_model::finding::Diagnosis;
use longpole_model::signal::{SECOND, Timestamp, Window};

/// Seconds of a window.
const WIDTH: u64 = 10;

/// What is run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// What goes wrong.
    pub(super) fault: Fault,
    /// Seed of the shop.
    pub(super) seed: u64,
    /// Whether nobody says when it went wrong.
    pub(super) blind: bool,
    /// Whether the shop is one of real processes.
    pub(super) live: bool,
}

impl Run {
    /// Whose fault it is; `None` when nobody's.
    pub(super) fn culprit(&self) -> Option<&'static str> {
        if self.live { self.fault.live_culprit() } else { self.fault.culprit() }
    }

    /// Requests a second.
    pub(super) fn rate(&self) -> f64 {
        if self.live { super::live::rate(self.seed) } else { rate(self.seed) }
    }
}

/// What was said of a run.
#[derive(Clone, Debug)]
pub(super) enum Said {
    /// The first candidate: service, kind, confidence.
    Culprit(String, &'static str, f64),
    /// That nothing is wrong.
    Nothing,
    /// The shop did not come to its end, and why.
    Failed(String),
}

impl Said {
    /// What a diagnosis says first.
    pub(super) fn of(found: &Diagnosis) -> Self {
        let first = found.candidates.first().map(|c| &c.bottleneck);
        first.map_or(Self::Nothing, |b| {
            Self::Culprit(b.service.clone(), b.kind.as_str(), b.confidence)
        })
    }

    /// In words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Culprit(service, kind, _) => format!("{kind} at {service}"),
            Self::Nothing => "nothing".to_owned(),
            Self::Failed(why) => format!("no run ({why})"),
        }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    /// What was run.
    pub(super) run: Run,
    /// What was said of it.
    pub(super) said: Said,
    /// Spans in the recording.
    pub(super) spans: u64,
}

impl Trial {
    /// Whether the right service was named; for no fault, none.
    pub(super) fn culprit(&self) -> bool {
        match &self.said {
            Said::Culprit(service, ..) => self.run.culprit() == Some(service.as_str()),
            Said::Nothing => self.run.culprit().is_none(),
            Said::Failed(_) => false,
        }
    }

    /// Whether a right kind was named; for no fault, none.
    pub(super) fn kind(&self) -> bool {
        match &self.said {
            Said::Culprit(_, kind, _) => {
                self.run.culprit().is_some() && self.run.fault.kinds().contains(kind)
            }
            Said::Nothing => self.run.culprit().is_none(),
            Said::Failed(_) => false,
        }
    }
}

/// Requests a second of a run, 12 to 40 by its seed: what is right at one load only is not right.
fn rate(seed: u64) -> f64 {
    12.0 + (seed.wrapping_mul(7_919) % 29) as f64
}

/// Runs, reads and diagnoses.
pub(super) fn trial(run: Run, tree: &Tree) -> Trial {
    let options = Options { requests_per_second: rate(run.seed), ..Options::default() };
    let recording = record(run.fault, run.seed, &options);
    let from = Timestamp(options.start + options.healthy_seconds * SECOND);
    let normal = Window { start: Timestamp(options.start), end: from };
    let faulty = Window { start: from, end: from.plus(options.faulty_seconds * SECOND) };
    let stretches = (!run.blind).then_some((normal, faulty));
    let found = read(&recording.messages, stretches, tree);
    Trial { run, said: Said::of(&found), spans: recording.spans }
}

/// Reads encoded requests as a recording is read and diagnoses them.
fn read(messages: &[Vec<u8>], stretches: Option<(Window, Window)>, tree: &Tree) -> Diagnosis {
    let limits = limits(WIDTH);
    let origin = stretches.map(|(_, w)| w.start).unwrap_or_default();
    let settings = Settings { origin, limits: limits.clone(), ..Settings::default() };
    let mut engine = Engine::new(settings);
    let mut judge = Judge::new(&limits, stretches, &[], None, tree);
    let mut decoder = Decoder::new(&DecodeLimits::default());
    for message in messages {
        // The lab's own requests are well-formed; one that were not would be missing in the verdict.
        let Ok((batch, rejections)) = decoder.decode(message, None, None) else { continue };
        for window in engine.ingest(batch, &rejections, None) {
            judge.take(&engine, window);
        }
    }
    for window in engine.finish() {
        judge.take(&engine, window);
    }
    judge.judged(&engine)
}
