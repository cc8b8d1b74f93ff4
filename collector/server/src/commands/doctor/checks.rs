//! What a healthy collector shows, check by check. Pure: scrape and tables in, checks out.

use std::net::SocketAddr;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Check {
    /// Whether all is well.
    pub(super) ok: bool,
    /// What is so.
    pub(super) what: String,
    /// What would mend it.
    pub(super) fix: Option<String>,
}

/// Samples of a scrape.
pub(super) struct Scrape(Vec<(String, f64)>);

impl Scrape {
    /// Reads text exposition; lines that are none are passed over.
    pub(super) fn read(text: &str) -> Self {
        let samples = text.lines().filter(|l| !l.starts_with('#'));
        Self(
            samples
                .filter_map(|l| {
                    let (series, value) = l.rsplit_once(' ')?;
                    Some((series.to_owned(), value.parse().ok()?))
                })
                .collect(),
        )
    }

    /// Sum over the series of a name whose labels hold every one of `labels`.
    fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let fits = |series: &str| {
            series.split('{').next() == Some(name) && labels.iter().all(|l| series.contains(l))
        };
        self.0.iter().filter(|(series, _)| fits(series)).fold(0.0, |sum, (_, v)| sum + v)
    }
}

/// Every check, in the order in which a newcomer meets them.
pub(super) fn examine(at: SocketAddr, s: &Scrape, services: &serde_json::Value) -> Vec<Check> {
    let mut out = Vec::new();
    let mut check = |ok: bool, what: String, fix: &str| {
        out.push(Check { ok, what, fix: (!ok).then(|| fix.to_owned()) });
    };
    check(true, format!("listening at {at}"), "");
    for (signal, name) in [("spans", "spans"), ("points", "metric points")] {
        let label = format!("signal=\"{signal}\"");
        let of = |metric: &str| s.sum(metric, &[&label]);
        let received = of("longpole_received_items_total");
        check(
            received > 0.0,
            format!("{received} {name} received"),
            "set OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 where your services run",
        );
        let terms = [
            ("recorded", of("longpole_recorded_items_total")),
            ("rejected", of("longpole_rejected_items_total")),
            ("duplicate", of("longpole_duplicate_items_total")),
            ("dropped", of("longpole_dropped_items_total")),
        ];
        let named: f64 = terms.iter().map(|(_, n)| n).sum();
        let spelt: Vec<String> = terms.iter().map(|(what, n)| format!("{n} {what}")).collect();
        check(
            (received - named).abs() < 0.5,
            format!("{name}: {received} = {}", spelt.join(" + ")),
            "items were lost without a reason: report this",
        );
        let rejected = terms[1].1;
        check(
            rejected <= received * 0.01,
            format!("{rejected} of {received} {name} rejected"),
            "longpole_rejected_items_total{reason} says why; deploy/TROUBLESHOOTING.md what to do",
        );
    }
    let late = s.sum("longpole_recorded_items_total", &["in=\"late\""]);
    let all = s.sum("longpole_recorded_items_total", &[]);
    let fix = "senders keep spans longer than the lateness: raise --lateness";
    check(late <= all * 0.01, format!("{late} of {all} items came late"), fix);
    let skewed = s.sum("longpole_recorded_items_total", &["in=\"skewed\""]);
    let fix = "a sender's clock is ahead: synchronise it (NTP)";
    check(skewed <= all * 0.01, format!("{skewed} of {all} items from the future"), fix);
    let refused = s.sum("longpole_rejected_requests_total", &[]);
    let fix = "longpole_rejected_requests_total{transport,reason} says why";
    check(refused == 0.0, format!("{refused} requests could not be read"), fix);
    let behind = s.sum("longpole_overloaded_requests_total", &[]);
    let fix = "the collector is behind: fewer spans (sampling), or more collectors";
    check(behind == 0.0, format!("{behind} requests were told to come back"), fix);
    let step = s.sum("longpole_shedding_step", &[]);
    let shed = s.sum("longpole_shed_items_total", &[]);
    let fix = "memory is short, or the collector behind: raise --memory, sample, or add collectors; \
               longpole_shed_items_total{what} says what went. RED counts are whole";
    check(step == 0.0, format!("shedding step {step}; {shed} items were given up so far"), fix);
    let folded = s.sum("longpole_overflow_items_total", &[]);
    let fix = "too many names: set http.route (or another low-cardinality name)";
    check(folded == 0.0, format!("{folded} items folded into overflow series"), fix);
    let rows = services["services"].as_array().cloned().unwrap_or_default();
    let name = |r: &serde_json::Value| r["service"].as_str().unwrap_or_default().to_owned();
    let unnamed = rows.iter().any(|r| name(r).starts_with("unknown_service"));
    let what = if unnamed { "some spans name no service" } else { "every service has a name" };
    check(!unnamed, what.into(), "set OTEL_SERVICE_NAME where it is missing");
    let bare: Vec<String> = rows
        .iter()
        .filter(|r| r["spans"].as_u64() > Some(0))
        .filter(|r| r["versions"].as_array().is_none_or(Vec::is_empty))
        .map(name)
        .collect();
    check(
        bare.is_empty(),
        match bare.as_slice() {
            [] => "every service says its version".into(),
            some => format!("no service.version: {}", some.join(", ")),
        },
        "add service.version to OTEL_RESOURCE_ATTRIBUTES: releases are the first suspects",
    );
    let segments = s.sum("longpole_segments_total", &[]);
    let rootless = s.sum("longpole_rootless_segments_total", &[]);
    check(
        rootless <= segments * 0.1,
        format!("{rootless} of {segments} segments had no root"),
        "traces are cut: propagate traceparent, and send every service's spans here",
    );
    let late = s.sum("longpole_late_segments_total", &[]);
    check(
        late <= segments * 0.01,
        format!("{late} of {segments} segments were told in a later window than they ended in"),
        "windows close before traces are settled (5 s after their last span, and looked at within 2.6 s): calls and \
         times of one moment stand in different windows. Raise --lateness to 8 s or more; if it is, traces take longer",
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRAPE: &str = "# TYPE x counter\n\
        longpole_received_items_total{signal=\"spans\"} 10\n\
        longpole_recorded_items_total{signal=\"spans\",in=\"window\"} 6\n\
        longpole_recorded_items_total{signal=\"spans\",in=\"late\"} 3\n\
        longpole_rejected_items_total{signal=\"spans\",reason=\"bad_id\"} 1\n";

    #[test]
    fn what_is_wrong_is_said_with_what_mends_it() {
        let services = serde_json::json!({ "services": [
            { "service": "cart", "versions": ["1"], "spans": 3 },
            { "service": "unknown_service", "versions": [], "spans": 1 },
        ]});
        let at = SocketAddr::from(([127, 0, 0, 1], 4319));
        let all = examine(at, &Scrape::read(SCRAPE), &services);
        let bad: Vec<&str> = all.iter().filter(|c| !c.ok).map(|c| c.what.as_str()).collect();
        let want = [
            "1 of 10 spans rejected",
            "0 metric points received",
            "3 of 9 items came late",
            "some spans name no service",
            "no service.version: unknown_service",
        ];
        assert_eq!(bad, want);
        assert!(all.iter().all(|c| c.ok == c.fix.is_none()));
        let identity = "spans: 10 = 9 recorded + 1 rejected + 0 duplicate + 0 dropped";
        assert!(all.iter().any(|c| c.ok && c.what == identity));
    }
}
