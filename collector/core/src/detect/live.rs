//! A live series of histograms against its own decayed past.
//!
//! For each of three quantiles: how many requests are above the reference's quantile plus 5 %,
//! standardised with the over-dispersion between windows actually seen, clipped, into one-sided
//! CUSUMs (Page 1954). The reference lags, so that a slow onset does not teach itself, and freezes
//! from the onset of an alarm until the series is itself again. Failures take the same road with a
//! Beta prior. Work per window is one pass over buckets.

mod cusum;
mod reference;

use crate::detect::counts::{Counts, Scratch};
use cusum::Cusum;
pub use cusum::Verdict;
use longpole_model::signal::{bucket_high, bucket_of};
use reference::{Part, Reference};
use serde::{Deserialize, Serialize};

/// Settings of a live detector.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Standardised counts are clipped at this.
    pub clip: f64,
    /// Windows by which the reference lags at most; at least half as many.
    pub lag: usize,
    /// What a window's weight in the reference is multiplied by each window.
    pub decay: f64,
    /// Windows that the reference must hold before anything is tested; a recording may hold few.
    pub warmup: usize,
    /// Requests that a window must hold; smaller ones are merged with the next (at most
    /// `patience` of them).
    pub least: u64,
    /// Windows merged at the most.
    pub patience: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { clip: 4.0, lag: 8, decay: 0.99, warmup: 3, least: 50, patience: 60 }
    }
}

/// A one-sided CUSUM.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Test {
    /// Allowance, in standard deviations.
    pub allowance: f64,
    /// Threshold.
    pub threshold: f64,
}

/// Two run side by side: one for what is soon clear, one for what is faint and stays.
pub const TESTS: [Test; 2] =
    [Test { allowance: 0.75, threshold: 9.0 }, Test { allowance: 0.5, threshold: 12.0 }];

/// Quantiles that are watched.
pub const QUANTILES: [f64; 3] = [0.5, 0.9, 0.97];
/// A request counts as slow above the reference quantile plus this share.
const MARGIN: f64 = 0.05;
/// ... and by at least this: what takes microseconds doubles whenever the machine breathes.
const LEAST_NS: u64 = 500_000;
/// Excess of the share of slow requests below which nothing is raised.
const LEAST_EXCESS: f64 = 0.03;
/// Windows behind an alarm, pooled, must still be this far above what is expected (one in twenty
/// would be by chance) ...
const LASTS: f64 = 1.645;
/// ... at the latest this many windows behind it; else it went away by itself.
const WAIT: u32 = 6;
/// An alarm that stands is raised again when its quantile is this much worse than when it was raised.
const WORSE: f64 = 2.0;

/// Above this a request counts as slow, of a series whose quantile is `ns`.
pub fn slow_limit(ns: u64) -> u64 {
    ((ns as f64 * (1.0 + MARGIN)) as u64).max(ns.saturating_add(LEAST_NS))
}

/// Which measure alarmed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Watched {
    /// Requests above the reference's quantile.
    Slow {
        /// The quantile.
        quantile: f64,
        /// The limit in nanoseconds.
        limit_ns: u64,
        /// The same quantile of the window, nanoseconds.
        seen_ns: u64,
    },
    /// Failed requests.
    Failed,
}

impl Watched {
    /// Which of [`QUANTILES`]; `None` for failures.
    fn index(self) -> Option<usize> {
        match self {
            Self::Slow { quantile, .. } => QUANTILES.iter().position(|q| *q == quantile),
            Self::Failed => None,
        }
    }
}

/// An alarm with its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alarm {
    /// What.
    pub watched: Watched,
    /// The test.
    pub verdict: Verdict,
}

/// One series.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Live {
    settings: Settings,
    reference: Reference,
    /// Windows too young for the reference: those of late, and a full part behind them.
    young: Part,
    waiting: Part,
    slow: [Cusum; QUANTILES.len()],
    failed: Cusum,
    /// Windows merged until there are enough requests.
    pending: Part,
    /// Index of the next window, and of the first one merged into the pending one.
    next: u64,
    from: u64,
    /// Per quantile what the window showed when it was raised in this alarm, nanoseconds.
    raised: [Option<u64>; QUANTILES.len()],
    failures_raised: bool,
    alarmed: bool,
    calm: u32,
}

/// Windows in a row without excess after which an alarm is over.
const CALM: u32 = 10;

impl Live {
    /// A series that has seen nothing.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            reference: Reference::default(),
            young: Part::default(),
            waiting: Part::default(),
            slow: Default::default(),
            failed: Cusum::default(),
            pending: Part::default(),
            next: 0,
            from: 0,
            raised: Default::default(),
            failures_raised: false,
            alarmed: false,
            calm: 0,
        }
    }

    /// Whether it stands in alarm.
    pub fn alarmed(&self) -> bool {
        self.alarmed
    }

    /// Whether what was raised goes on, by the windows tested since: `None` while none was, or
    /// while they could still be either.
    pub fn lasts(&self, watched: Watched) -> Option<bool> {
        if !self.alarmed {
            return Some(false);
        }
        let cusum = match watched.index() {
            Some(i) => &self.slow[i],
            None => &self.failed,
        };
        let (n, pooled) = cusum.pooled()?;
        match pooled >= LASTS {
            true => Some(true),
            false => (n >= WAIT).then_some(false),
        }
    }

    /// What was raised went away by itself: the next time is another story.
    pub fn withdraw(&mut self, watched: Watched) {
        match watched.index() {
            Some(i) => {
                self.raised[i] = None;
                self.slow[i].reset();
            }
            None => {
                self.failures_raised = false;
                self.failed.reset();
            }
        }
    }

    /// Takes the next window: durations, and requests counted and failed ones. Gives back the alarms
    /// that this window raised; while one stands, no further ones.
    pub fn observe(
        &mut self,
        durations: &Counts,
        (n, failed): (u64, u64),
        scratch: &mut Scratch,
    ) -> Vec<Alarm> {
        let first = self.pending.windows == 0;
        if first {
            self.from = self.next;
        }
        self.next += 1;
        if first && n >= self.settings.least {
            return self.test(durations, (n, failed), scratch);
        }
        self.pending.add(durations, (n, failed), scratch);
        let few = self.pending.requests < self.settings.least;
        if few && self.pending.windows < self.settings.patience {
            return Vec::new();
        }
        let window = std::mem::take(&mut self.pending);
        let alarms = match window.requests {
            0 => Vec::new(),
            n => self.test(&window.counts, (n, window.failures), scratch),
        };
        self.pending = window.emptied();
        alarms
    }

    /// Takes as many requests as are tested at once.
    fn test(
        &mut self,
        durations: &Counts,
        (n, failed): (u64, u64),
        scratch: &mut Scratch,
    ) -> Vec<Alarm> {
        let mut alarms = Vec::new();
        let mut quiet = true;
        if self.reference.windows() >= self.settings.warmup {
            let at = (self.from, self.next);
            let seen = durations.quantiles(QUANTILES);
            let limits = self.reference.remember_limits();
            for (i, (quantile, (limit, p))) in QUANTILES.into_iter().zip(limits).enumerate() {
                let slow = (durations.share_above(limit) * n as f64).round() as u64;
                let mut verdict = self.slow[i].step(&self.settings, at, (n, slow), p);
                quiet &= self.slow[i].quiet();
                // The floor of the effect: the window's own quantile must lie above the limit, or
                // half as many requests again as expected.
                let seen_ns = seen[i];
                let excess = verdict.observed - verdict.expected;
                let many = verdict.observed > 1.5 * verdict.expected && excess > LEAST_EXCESS;
                if !verdict.passes(1.0) || !(seen_ns > limit || many) {
                    continue;
                }
                match self.raised[i] {
                    None => {}
                    // What had been raised for little is another story once it is much worse.
                    Some(then) if seen_ns as f64 > WORSE * then as f64 && seen_ns > limit => {
                        verdict.since = self.from;
                    }
                    Some(_) => continue,
                }
                self.raised[i] = Some(seen_ns);
                self.slow[i].raise();
                let limit_ns = bucket_high(bucket_of(limit));
                alarms.push(Alarm {
                    watched: Watched::Slow { quantile, limit_ns, seen_ns },
                    verdict,
                });
            }
            let p = self.reference.failure_share();
            let verdict = self.failed.step(&self.settings, at, (n, failed), p);
            quiet &= self.failed.quiet();
            let big = verdict.observed >= verdict.expected + 0.01;
            if verdict.passes(1.0) && big && !self.failures_raised {
                self.failures_raised = true;
                self.failed.raise();
                alarms.push(Alarm { watched: Watched::Failed, verdict });
            }
        }
        if self.alarmed || !alarms.is_empty() {
            self.calm = if quiet && alarms.is_empty() { self.calm + 1 } else { 0 };
            self.alarmed = true;
            if self.calm >= CALM {
                self.reset();
            }
            return alarms;
        }
        self.young.add(durations, (n, failed), scratch);
        // A young reference lags less: half of what it knows.
        let lag = self.settings.lag.min(1 + self.reference.windows() / 2);
        if self.young.windows >= lag.div_ceil(2) {
            let known = std::mem::replace(&mut self.waiting, std::mem::take(&mut self.young));
            if known.windows > 0 {
                self.reference.learn(&known, self.settings.decay, scratch);
            }
            self.young = known.emptied();
        }
        alarms
    }

    /// What stands but has not passed the threshold: alarms at half of it, for the end of a
    /// recording, when no further window will come.
    pub fn pending_alarms(&self) -> Vec<Alarm> {
        if self.alarmed {
            return Vec::new();
        }
        let half = |v: &Verdict| v.passes(0.5);
        let limits = self.reference.limits().into_iter().zip(QUANTILES);
        let slow = self.slow.iter().zip(limits).filter_map(|(c, ((limit_ns, _), quantile))| {
            let verdict = c.last().filter(half)?;
            Some(Alarm {
                watched: Watched::Slow { quantile, limit_ns, seen_ns: limit_ns },
                verdict,
            })
        });
        let failed = self.failed.last().filter(half);
        slow.chain(failed.map(|verdict| Alarm { watched: Watched::Failed, verdict })).collect()
    }

    /// Forgets the alarm and starts to learn again, from the reference it had.
    pub fn reset(&mut self) {
        self.alarmed = false;
        self.raised = Default::default();
        self.failures_raised = false;
        self.calm = 0;
        (self.young, self.waiting) = Default::default();
        self.slow.iter_mut().for_each(Cusum::reset);
        self.failed.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A deterministic mixture: `slow` of 1000 requests take ten times as long.
    fn window(seed: u64, n: u64, slow: u64) -> Counts {
        let mut s = longpole_model::signal::Sketch::default();
        let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for _ in 0..n {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            let base = 10_000_000 + x % 5_000_000;
            let is_slow = (x >> 32) % 1000 < slow;
            s.record(if is_slow { base * 10 } else { base }, 1 << 16);
        }
        Counts::of(&s)
    }

    fn first_alarm(slow_from: u64, slow: u64, failed: u64) -> Option<u64> {
        let mut live = Live::new(Settings::default());
        (0..300).find(|&i| {
            let bad = i >= slow_from;
            let alarms = live.observe(
                &window(i, 50, if bad { slow } else { 5 }),
                (50, if bad { failed } else { 0 }),
                &mut Scratch::default(),
            );
            !alarms.is_empty()
        })
    }

    #[test]
    fn quiet_series_stay_quiet_and_steps_are_found_soon() {
        assert_eq!(first_alarm(1000, 0, 0), None);
        let found = first_alarm(100, 200, 0);
        assert!(found.is_some_and(|i| (100..=106).contains(&i)), "{found:?}");
        let found = first_alarm(100, 5, 10);
        assert!(found.is_some_and(|i| (100..=106).contains(&i)), "{found:?}");
    }

    #[test]
    fn sparse_series_are_tested_on_merged_windows() {
        let mut live = Live::new(Settings::default());
        let mut found = None;
        for i in 0..600 {
            let alarms = live.observe(
                &window(i, 10, if i >= 400 { 400 } else { 0 }),
                (10, 0),
                &mut Scratch::default(),
            );
            if let Some(a) = alarms.first() {
                found = Some((i, a.verdict.since));
                break;
            }
        }
        let (at, since) = found.expect("an alarm");
        assert!((400..440).contains(&at) && since >= 390, "{at} {since}");
    }
}
