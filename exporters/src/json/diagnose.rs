//! A quick diagnosis as one JSON document.

use super::{Accounting, document};
use longpole_model::finding::{
    Attribution, Candidate, Diagnosis, Evidence, Handoff, Regression, RuledOut, Site, Worth,
};
use longpole_model::signal::Window;
use serde::Serialize;

#[derive(Serialize)]
struct Document<'a> {
    candidates: Vec<Row<'a>>,
    baseline: Window,
    window: Window,
    attributions: &'a [Attribution],
    regressions: &'a [Regression],
    ruled_out: &'a [RuledOut],
    unconfirmed: bool,
    accounting: Accounting,
}

#[derive(Serialize)]
struct Row<'a> {
    service: &'a str,
    kind: &'static str,
    confidence: f64,
    evidence: &'a [Evidence],
    /// Empty where nothing is to be handed on.
    specialist: &'a str,
    site: Option<&'a Site>,
    ruled_out: &'a [RuledOut],
    handoff: Option<&'a Handoff>,
    worth: Option<&'a Worth>,
}

impl<'a> From<&'a Candidate> for Row<'a> {
    fn from(c: &'a Candidate) -> Self {
        Self {
            service: &c.bottleneck.service,
            kind: c.bottleneck.kind.as_str(),
            confidence: c.bottleneck.confidence,
            evidence: &c.bottleneck.evidence,
            specialist: c.handoff.as_ref().map_or("", |h| &h.specialist.name),
            site: c.bottleneck.site.as_ref(),
            ruled_out: &c.bottleneck.ruled_out,
            handoff: c.handoff.as_ref(),
            worth: c.worth.as_ref(),
        }
    }
}

/// What `longpole diagnose --json` prints.
pub fn diagnosis(d: &Diagnosis) -> String {
    document(&Document {
        candidates: d.candidates.iter().map(Row::from).collect(),
        baseline: d.baseline,
        window: d.window,
        attributions: &d.attributions,
        regressions: &d.regressions,
        ruled_out: &d.ruled_out,
        unconfirmed: d.unconfirmed,
        accounting: Accounting::from(&d.tally),
    })
}
