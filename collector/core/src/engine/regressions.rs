//! Regressions in words: from live alarms, and from two stretches put side by side.

use crate::catalog::Catalog;
use crate::detect::live::{Alarm, QUANTILES, Watched, slow_limit};
use crate::facts::Stretch;
use crate::stats::{CHI_SQUARED_MEDIAN, median};
use longpole_model::finding::{Confirmation, Direction, Measure, Regression};
use longpole_model::signal::{
    Operation, OperationId, RedSummary, Timestamp, Window, WindowSummary,
};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Name of the live test.
const LIVE: &str = "one-sided CUSUM of over-dispersed binomial counts";
/// Name of the side-by-side test.
const BESIDE: &str = "binomial count above the baseline's quantile + 5 %, over-dispersed";
/// Standard deviations that the side-by-side test demands.
const CLEAR: f64 = 5.0;
/// Samples needed on both sides.
const LEAST: u64 = 20;
/// Regressions told at the most.
const MOST: usize = 20;

/// A live alarm as a regression.
pub fn from_alarm(
    operation: &Operation,
    alarm: &Alarm,
    baseline: (Window, u64),
    window: Window,
    since: Timestamp,
    confirmation: Confirmation,
) -> Regression {
    let v = alarm.verdict;
    let measure = match alarm.watched {
        Watched::Slow { quantile, .. } => Measure::Duration { quantile },
        Watched::Failed => Measure::ErrorRatio,
    };
    Regression {
        operation: operation.clone(),
        version: String::new(),
        measure,
        direction: Direction::Up,
        unit: "1".to_owned(),
        expected: v.expected,
        observed: v.observed,
        absolute_effect: v.observed - v.expected,
        effect_ratio: (v.expected > 0.0).then(|| v.observed / v.expected),
        interval: Some(v.interval),
        test: LIVE.to_owned(),
        statistic: v.statistic,
        threshold: v.threshold,
        baseline_samples: baseline.1,
        window_samples: v.n,
        baseline: baseline.0,
        window,
        since,
        confirmation,
        suspect: None,
    }
}

/// RED of a window by operation, ascending, versions taken together.
pub fn by_operation(w: &WindowSummary) -> impl Iterator<Item = (OperationId, Cow<'_, RedSummary>)> {
    let versions = w.red.chunk_by(|(a, _), (b, _)| a.operation == b.operation);
    versions.filter_map(|versions| {
        let ((key, first), others) = versions.split_first()?;
        let mut red = Cow::Borrowed(first);
        others.iter().for_each(|(_, other)| red.to_mut().merge(other));
        Some((key.operation, red))
    })
}

/// Everything that clearly got worse between two stretches, clearest first.
pub fn between(before: &Stretch, after: &Stretch, catalog: &Catalog) -> Vec<Regression> {
    let table = |w| by_operation(w).collect::<BTreeMap<OperationId, Cow<'_, RedSummary>>>();
    let (then, now) = (table(&before.all), table(&after.all));
    let blocks: Vec<_> = before.blocks.iter().map(table).collect();
    let mut out = Vec::new();
    for (id, a) in &then {
        let (Some(b), Some(operation)) = (now.get(id), catalog.operation_of(*id)) else { continue };
        if a.spans < LEAST || b.spans < LEAST {
            continue;
        }
        let parts: Vec<&RedSummary> =
            blocks.iter().filter_map(|m| m.get(id).map(|red| &**red)).collect();
        let durations = a.durations();
        let slow = QUANTILES.iter().map(|&quantile| {
            let limit = slow_limit(durations.quantile(quantile));
            let share = |r: &RedSummary| {
                let d = r.durations();
                d.weight_above(limit) as f64 / d.weight().max(1) as f64
            };
            (Measure::Duration { quantile }, compare(a, b, &parts, share))
        });
        let share = |r: &RedSummary| r.failed as f64 / r.spans.max(1) as f64;
        let failed = (Measure::ErrorRatio, compare(a, b, &parts, share));
        let worst = slow
            .chain([failed])
            .filter(|(_, c)| c.z >= CLEAR && c.observed >= 1.5 * c.expected + 0.005)
            .max_by(|x, y| x.1.z.total_cmp(&y.1.z));
        if let Some((measure, c)) = worst {
            out.push(Regression {
                operation: operation.clone(),
                version: String::new(),
                measure,
                direction: Direction::Up,
                unit: "1".to_owned(),
                expected: c.expected,
                observed: c.observed,
                absolute_effect: c.observed - c.expected,
                effect_ratio: (c.expected > 0.0).then(|| c.observed / c.expected),
                interval: Some(c.interval),
                test: BESIDE.to_owned(),
                statistic: c.z,
                threshold: CLEAR,
                baseline_samples: a.spans,
                window_samples: b.spans,
                baseline: before.covers(),
                window: after.covers(),
                since: after.covers().start,
                confirmation: Confirmation::Confirmed,
                suspect: None,
            });
        }
    }
    out.sort_by(|x, y| {
        y.statistic.total_cmp(&x.statistic).then_with(|| x.operation.cmp(&y.operation))
    });
    out.truncate(MOST);
    out
}

struct Compared {
    expected: f64,
    observed: f64,
    z: f64,
    interval: [f64; 2],
}

/// A share of requests before and after, standardised by its own spread between blocks.
fn compare(
    a: &RedSummary,
    b: &RedSummary,
    blocks: &[&RedSummary],
    share: impl Fn(&RedSummary) -> f64,
) -> Compared {
    let expected = share(a);
    let p = expected.clamp(1e-3, 0.99);
    let squares = blocks.iter().map(|r| {
        let n = r.spans.max(1) as f64;
        (share(r) - p).powi(2) * n / (p * (1.0 - p))
    });
    let squares: Vec<f64> = squares.collect();
    let dispersion = (median(&squares) / CHI_SQUARED_MEDIAN).max(1.0);
    let (n, observed) = (b.spans as f64, share(b));
    // The baseline's share is an estimate too.
    let variance = dispersion * p * (1.0 - p) * (1.0 / n + 1.0 / a.spans as f64);
    let half = 1.96 * (dispersion * observed * (1.0 - observed) / n).sqrt();
    Compared {
        expected,
        observed,
        z: (observed - expected) / variance.sqrt(),
        interval: [(observed - half).max(0.0), (observed + half).min(1.0)],
    }
}
