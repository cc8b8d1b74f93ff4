//! One verdict retold: what was compared, by which test, on how much data, and what it rests on.

use super::evidence::{
    change, confidence, confirmation, direction, facts, quantile_name, ruled_out, samples,
};
use super::investigation::{head, history};
use super::page::{Page, Style};
use super::routing::{handoff, worth};
use super::time_taken::attributions;
use crate::text::number::{percent, plain, quantity};
use crate::text::{clean, time};
use longpole_model::finding::{Attribution, Investigation, Measure, Regression};

/// What `longpole investigations explain` prints.
pub fn explain(i: &Investigation, style: Style) -> String {
    let mut page = Page::new(style);
    head(&mut page, 1, i);
    page.gap();
    page.heading(0, "WHY IT IS A REGRESSION");
    if i.regressions.is_empty() {
        page.say(2, "no single measure alarmed: it was opened on other evidence");
    }
    for r in &i.regressions {
        regression(&mut page, r);
    }
    page.gap();
    page.heading(0, "WHOSE TIME IT IS");
    if i.attributions.is_empty() {
        page.say(2, "no path profile covers it: no traces, or too few on one of the sides");
    }
    for a in &i.attributions {
        splits(&mut page, a);
    }
    attributions(&mut page, 2, &i.attributions);
    page.gap();
    page.heading(0, "WHAT KIND IT IS");
    for (rank, b) in i.bottlenecks.iter().enumerate() {
        let word = if rank == 0 { "The verdict" } else { "An alternative" };
        let (kind, service, sure) = (b.kind.title(), clean(&b.service), confidence(b.confidence));
        let said = format!(
            "{word} is {kind} at {service}: such verdicts are right in {sure} of labelled cases."
        );
        page.say(2, &said);
        facts(&mut page, 4, b);
        ruled_out(&mut page, 4, &b.ruled_out);
    }
    if i.bottlenecks.is_empty() {
        page.say(2, "not classified: the evidence does not single out a kind");
    }
    page.gap();
    page.heading(0, "WHO GETS IT, AND WHAT IT IS WORTH");
    match &i.handoff {
        Some(h) => handoff(&mut page, 2, h),
        None => page.say(2, "not handed on"),
    }
    match &i.worth {
        Some(w) => worth(&mut page, 2, w),
        None => page.say(2, "worth not computed"),
    }
    page.gap();
    history(&mut page, 0, i);
    page.done()
}

/// One measure: expected, observed, effect, interval, test, and whether it stayed.
fn regression(page: &mut Page, r: &Regression) {
    let version = if r.version.is_empty() { "" } else { " @ " };
    let (service, name) = (clean(&r.operation.service), clean(&r.operation.name));
    page.heading(2, &format!("{service} {name}{version}{}", clean(&r.version)));
    let what = match r.measure {
        Measure::Rate => "requests per second".into(),
        Measure::ErrorRatio => "share of failed requests".into(),
        Measure::Duration { quantile } => format!("duration at {}", quantile_name(quantile)),
        Measure::Series => "metric series".into(),
    };
    let (expected, observed) = (quantity(r.expected, &r.unit), quantity(r.observed, &r.unit));
    let effect = quantity(r.absolute_effect, &r.unit);
    let ratio = r.effect_ratio.map(|x| format!(", x {}", plain(x))).unwrap_or_default();
    let up = direction(r.direction);
    page.say(
        4,
        &format!("{what} went {up}: {expected} expected, {observed} observed ({effect}{ratio})"),
    );
    match r.interval {
        Some([low, high]) => {
            let (low, high) = (quantity(low, &r.unit), quantity(high, &r.unit));
            page.say(4, &format!("95 % interval of the observed value: {low} to {high}"));
        }
        None => page.say(4, "the test gives no interval"),
    }
    let (test, statistic, threshold) = (clean(&r.test), plain(r.statistic), plain(r.threshold));
    page.say(4, &format!("test: {test}, statistic {statistic} against threshold {threshold}"));
    let n = samples([r.baseline_samples, r.window_samples]);
    page.say(4, &format!("samples, baseline and window: {n}"));
    page.say(4, &format!("baseline {}", time::stretch(r.baseline)));
    page.say(4, &format!("window   {}", time::stretch(r.window)));
    let state = confirmation(r.confirmation);
    page.say(4, &format!("onset {}, {state}", time::utc(r.since)));
    if let Some(c) = &r.suspect {
        page.say(4, &format!("suspect: {}", change(c)));
    }
}

/// How an entry's change splits into more visits and slower visits, with the interval of its top.
fn splits(page: &mut Page, a: &Attribution) {
    let Some(top) = a.sites.first() else { return };
    let total = top.from_visits_ns.abs() + top.from_cost_ns.abs();
    let share = |x: f64| percent(if total > 0.0 { x.abs() / total } else { 0.0 });
    let sure = match top.interval {
        Some([low, high]) => format!(" (95 % interval {} to {})", percent(low), percent(high)),
        None => String::new(),
    };
    page.say(
        2,
        &format!(
            "{} {}: the top site has {}{sure} of the change; {} of it by the number of visits, {} \
             by the cost of each.",
            clean(&a.entry.service),
            clean(&a.entry.name),
            percent(top.share),
            share(top.from_visits_ns),
            share(top.from_cost_ns),
        ),
    );
}

/// No investigation fits what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown(String);

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unknown {}

/// The investigation whose id is `id` or alone begins with it; the first where `id` is `None`.
///
/// # Errors
/// [`Unknown`], naming what there is.
pub fn pick<'a>(all: &'a [Investigation], id: Option<&str>) -> Result<&'a Investigation, Unknown> {
    let ids = || {
        let shown: Vec<String> = all.iter().take(10).map(|i| clean(&i.id).into_owned()).collect();
        let more = if all.len() > shown.len() { ", ..." } else { "" };
        format!("there are {}: {}{more}", all.len(), shown.join(", "))
    };
    let Some(id) = id else {
        return all.first().ok_or_else(|| Unknown("the replay has no investigations".into()));
    };
    if let Some(exact) = all.iter().find(|i| i.id == id) {
        return Ok(exact);
    }
    let mut fits = all.iter().filter(|i| !id.is_empty() && i.id.starts_with(id));
    match (fits.next(), fits.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(Unknown(format!("no investigation {}; {}", clean(id), ids()))),
        (Some(_), Some(_)) => Err(Unknown(format!("{} fits several; {}", clean(id), ids()))),
    }
}
