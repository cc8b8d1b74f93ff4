//! Requests of realistic traces: about eight spans over several services, parents and intervals right.
//!
//! They are forms to be filled in: ids are small numbers, and times say how many nanoseconds before
//! the send something began and ended. [`super::template`] fills them in.

use super::attributes;
use super::catalog::{Catalog, Doing};
use super::dice::Dice;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use std::collections::BTreeMap;

/// Spans of a trace: from this, evenly, to this.
const SPANS: [u64; 2] = [5, 11];
/// A request ended at most this long ago, nanoseconds; it took from 1 ms to [`LONGEST`].
const AGE: u64 = 20_000_000;
const LONGEST: f64 = 80_000_000.0;
/// A service calls on to this depth.
const DEPTH: usize = 3;

/// One request of exactly `spans` spans.
pub fn request(catalog: &Catalog, spans: usize, dice: &mut Dice) -> ExportTraceServiceRequest {
    let mut paper = Paper { catalog, left: 0, ids: 0, trace: 0, services: BTreeMap::new() };
    let mut missing = spans;
    while missing > 0 {
        let wanted = SPANS[0] + dice.below(SPANS[1] - SPANS[0] + 1);
        paper.left = missing.min(wanted as usize);
        missing -= paper.left;
        paper.trace += 1;
        // Rooms differ: a trace that ends early gives the rest back.
        let (entry, to) = (catalog.entry(dice), 1 + dice.below(AGE));
        let took = (1e6 * (LONGEST / 1e6).powf(dice.unit())) as u64;
        if let Some(root) = catalog.services[entry].serves.pick(dice) {
            paper.serve(entry, root, None, Interval { from: to + took, to }, DEPTH, dice);
        }
        missing += paper.left;
    }
    let resource_spans = paper.services.into_iter().map(|(service, spans)| {
        let attributes = attributes::resource(&catalog.services[service].name, dice);
        let scope = InstrumentationScope {
            name: "io.opentelemetry.spring-webmvc-6.0".to_owned(),
            version: "2.21.0-alpha".to_owned(),
            ..InstrumentationScope::default()
        };
        ResourceSpans {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_spans: vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }
}

/// From so many to so many nanoseconds before the send; `from` is the greater.
#[derive(Clone, Copy)]
struct Interval {
    from: u64,
    to: u64,
}

impl Interval {
    /// Part `i` of `n` equal ones, with a tenth of it free on either side.
    fn part(self, i: u64, n: u64) -> Self {
        let width = (self.from - self.to) / n;
        let from = self.from - width * i - width / 10;
        Self { from, to: from - width * 8 / 10 }
    }
}

/// A request that is being written.
struct Paper<'a> {
    catalog: &'a Catalog,
    /// Spans that this trace may still have.
    left: usize,
    ids: u64,
    trace: u64,
    services: BTreeMap<usize, Vec<Span>>,
}

impl Paper<'_> {
    /// A server span and what hangs below it, as far as there is room.
    fn serve(
        &mut self,
        service: usize,
        doing: &Doing,
        parent: Option<u64>,
        during: Interval,
        depth: usize,
        dice: &mut Dice,
    ) {
        let Some(id) = self.write(service, doing, parent, during, dice) else { return };
        let here = &self.catalog.services[service];
        let mut steps = [Some(&here.does), Some(&here.asks), Some(&here.calls), Some(&here.asks)];
        if depth <= 1 {
            steps[2] = None;
        }
        // The same work in another order.
        steps.rotate_left(dice.below(4) as usize);
        for (i, of) in (0..).zip(steps) {
            let Some(step) = of.and_then(|of| of.pick(dice)) else { continue };
            let during = during.part(i, 4);
            let Some(called) = self.write(service, step, Some(id), during, dice) else { return };
            if let Doing::Call { service, operation } = step {
                let served = &self.catalog.services[*service].serves.all[*operation];
                self.serve(*service, served, Some(called), during.part(0, 1), depth - 1, dice);
            }
        }
    }

    /// One span; `None` when there is no room.
    fn write(
        &mut self,
        service: usize,
        doing: &Doing,
        parent: Option<u64>,
        during: Interval,
        dice: &mut Dice,
    ) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        self.ids += 1;
        let failed = dice.below(100) == 0;
        let (name, attributes) = attributes::span(doing, self.catalog, failed, dice);
        let status = failed.then(|| Status { message: "deadline exceeded".to_owned(), code: 2 });
        let span = Span {
            trace_id: u128::from(self.trace).to_be_bytes().to_vec(),
            span_id: self.ids.to_be_bytes().to_vec(),
            parent_span_id: parent.map_or(Vec::new(), |p| p.to_be_bytes().to_vec()),
            flags: 0x101,
            name,
            kind: match doing {
                Doing::Internal(_) => 1,
                Doing::Http { .. } | Doing::Rpc(_) => 2,
                Doing::Database { .. } | Doing::Call { .. } => 3,
            },
            start_time_unix_nano: during.from,
            end_time_unix_nano: during.to,
            attributes,
            status,
            ..Span::default()
        };
        self.services.entry(service).or_default().push(span);
        Some(self.ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;
    use std::collections::HashMap;

    fn spans(of: &ExportTraceServiceRequest) -> Vec<&Span> {
        let scopes = of.resource_spans.iter().flat_map(|r| &r.scope_spans);
        scopes.flat_map(|s| &s.spans).collect()
    }

    #[test]
    fn a_request_looks_like_the_field() {
        let (catalog, mut dice) = (Catalog::new(40), Dice::new(1));
        let all: Vec<_> = (0..20).map(|_| request(&catalog, 437, &mut dice)).collect();
        let bytes: usize = all.iter().map(Message::encoded_len).sum();
        let all: Vec<&Span> = all.iter().flat_map(spans).collect();
        let n = all.len() as f64;
        assert_eq!(all.len(), 20 * 437);
        let attributes = all.iter().map(|s| s.attributes.len()).sum::<usize>() as f64 / n;
        let bytes = bytes as f64 / n;
        assert!((525.0..565.0).contains(&bytes), "{bytes} bytes a span");
        assert!((11.5..12.5).contains(&attributes), "{attributes} attributes a span");
        let failed = all.iter().filter(|s| s.status.is_some()).count() as f64 / n;
        assert!((0.005..0.015).contains(&failed), "{failed} failed");
        for kind in 1..=3 {
            let share = all.iter().filter(|s| s.kind == kind).count() as f64 / n;
            assert!(share > 0.1, "kind {kind}: {share}");
        }
    }

    #[test]
    fn parents_hold_their_children() {
        let mut dice = Dice::new(2);
        for (operations, size) in [(40, 437), (40, 16), (3_000, 437), (40, 1)] {
            let request = request(&Catalog::new(operations), size, &mut dice);
            let spans = spans(&request);
            assert_eq!(spans.len(), size);
            let by_id: HashMap<&[u8], &&Span> =
                spans.iter().map(|s| (s.span_id.as_slice(), s)).collect();
            assert_eq!(by_id.len(), size);
            let mut roots: HashMap<&[u8], u32> = HashMap::new();
            for span in &spans {
                // Before the send: the greater is the earlier.
                assert!(span.start_time_unix_nano > span.end_time_unix_nano);
                assert!(span.end_time_unix_nano > 0 && span.start_time_unix_nano <= 100_000_001);
                if span.parent_span_id.is_empty() {
                    *roots.entry(&span.trace_id).or_default() += 1;
                    continue;
                }
                let parent = by_id[span.parent_span_id.as_slice()];
                assert_eq!(parent.trace_id, span.trace_id);
                assert!(parent.start_time_unix_nano >= span.start_time_unix_nano);
                assert!(parent.end_time_unix_nano <= span.end_time_unix_nano);
            }
            assert!(roots.values().all(|n| *n == 1), "a root a trace");
            let per_trace = size as f64 / roots.len() as f64;
            assert!(size < 100 || (7.0..9.0).contains(&per_trace), "{per_trace} spans a trace");
        }
    }
}
