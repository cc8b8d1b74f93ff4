//! A request that is encoded once and renewed in place: fresh ids, present times.
//!
//! Nothing is encoded again and nothing moves: ids and times have a fixed width on the wire.

use super::dice::mix;
use super::wire::{Fields, Malformed, Value};

/// Where a span's ids and times lie, and which they are.
#[derive(Clone, Copy, Debug)]
struct Place {
    trace_at: u32,
    span_at: u32,
    /// 0: a root.
    parent_at: u32,
    start_at: u32,
    end_at: u32,
    trace: u32,
    span: u32,
    parent: u32,
    /// Nanoseconds before the send.
    started: u32,
    ended: u32,
}

/// A request as it goes out, with its places.
#[derive(Clone, Debug)]
pub struct Template {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

/// Numbers of one send: so many spans and, as many again, traces.
const ROOM: u32 = 20;

impl Template {
    /// From a form as [`super::traces`] writes it; `head` goes before it unchanged (a frame's header).
    ///
    /// # Errors
    /// [`Malformed`] when it is no such form.
    pub fn new(head: &[u8], form: &[u8]) -> Result<Self, Malformed> {
        let bytes = [head, form].concat();
        let mut places = Vec::new();
        // TracesData.resource_spans = 1, ResourceSpans.scope_spans = 2, ScopeSpans.spans = 2.
        inside(&bytes, head.len()..bytes.len(), &[1, 2, 2], &mut |at| {
            places.push(place(&bytes, at)?);
            Ok(())
        })?;
        Ok(Self { bytes, places })
    }

    /// A copy to send; it must be renewed first.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many spans it has.
    pub fn spans(&self) -> usize {
        self.places.len()
    }

    /// Renews a copy. `serial` is another for each send, from 1; `now` is Unix nanoseconds.
    pub fn renew(&self, copy: &mut [u8], serial: u64, now: u64) {
        let base = serial << ROOM;
        let mut put = |at: u32, with: [u8; 8]| {
            let at = at as usize;
            if let Some(to) = copy.get_mut(at..at + 8) {
                to.copy_from_slice(&with);
            }
        };
        for place in &self.places {
            let trace = base | 1 << (ROOM - 1) | u64::from(place.trace);
            put(place.trace_at, mix(!trace).to_be_bytes());
            put(place.trace_at + 8, mix(trace).to_be_bytes());
            put(place.span_at, mix(base | u64::from(place.span)).to_be_bytes());
            if place.parent_at != 0 {
                put(place.parent_at, mix(base | u64::from(place.parent)).to_be_bytes());
            }
            put(place.start_at, (now - u64::from(place.started)).to_le_bytes());
            put(place.end_at, (now - u64::from(place.ended)).to_le_bytes());
        }
    }
}

type Range = std::ops::Range<usize>;

/// Calls for each message at the end of the path of field numbers.
fn inside(
    bytes: &[u8],
    range: Range,
    path: &[u32],
    found: &mut dyn FnMut(Range) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let Some((first, rest)) = path.split_first() else { return found(range) };
    let mut fields = Fields::new(&bytes[range.clone()]);
    while let Some((number, value)) = fields.field()? {
        if let (true, Value::Bytes(inner)) = (number == *first, value) {
            let end = range.start + fields.position();
            inside(bytes, end - inner.len()..end, rest, found)?;
        }
    }
    Ok(())
}

/// Reads one span of a form.
fn place(bytes: &[u8], range: Range) -> Result<Place, Malformed> {
    let mut fields = Fields::new(&bytes[range.clone()]);
    let (mut trace, mut span, mut parent) = (None, None, None);
    let (mut start, mut end) = (None, None);
    while let Some((number, value)) = fields.field()? {
        let ends = u32::try_from(range.start + fields.position()).map_err(|_| Malformed)?;
        match (number, value) {
            (1, Value::Bytes(id)) if id.len() == 16 => trace = Some((ends - 16, small(&id[8..])?)),
            (2, Value::Bytes(id)) if id.len() == 8 => span = Some((ends - 8, small(id)?)),
            (4, Value::Bytes(id)) if id.len() == 8 => parent = Some((ends - 8, small(id)?)),
            (7, Value::Fixed64(n)) => start = Some((ends - 8, u32::try_from(n))),
            (8, Value::Fixed64(n)) => end = Some((ends - 8, u32::try_from(n))),
            _ => {}
        }
    }
    let ((trace_at, trace), (span_at, span)) = trace.zip(span).ok_or(Malformed)?;
    let ((start_at, started), (end_at, ended)) = start.zip(end).ok_or(Malformed)?;
    let (parent_at, parent) = parent.unwrap_or((0, 0));
    let (started, ended) = (started.map_err(|_| Malformed)?, ended.map_err(|_| Malformed)?);
    let place = Place {
        trace_at,
        span_at,
        parent_at,
        start_at,
        end_at,
        trace,
        span,
        parent,
        started,
        ended,
    };
    Ok(place)
}

/// An id of a form: a number with room for as many others.
fn small(id: &[u8]) -> Result<u32, Malformed> {
    let id = u64::from_be_bytes(id.try_into().map_err(|_| Malformed)?);
    u32::try_from(id).ok().filter(|id| *id < 1 << (ROOM - 1)).ok_or(Malformed)
}

#[cfg(test)]
mod tests {
    use super::super::{catalog::Catalog, dice::Dice, traces};
    use super::*;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::trace::v1::Span;
    use prost::Message;
    use std::collections::{HashMap, HashSet};

    const NOW: u64 = 1_790_000_000_000_000_000;

    fn spans(message: &[u8]) -> Vec<Span> {
        let request = ExportTraceServiceRequest::decode(message).expect("OTLP");
        let scopes = request.resource_spans.into_iter().flat_map(|r| r.scope_spans);
        scopes.flat_map(|s| s.spans).collect()
    }

    #[test]
    fn renewed_it_is_the_same_request_with_other_ids_and_times() {
        let form = traces::request(&Catalog::new(40), 437, &mut Dice::new(3)).encode_to_vec();
        let template = Template::new(b"head!", &form).expect("a form");
        assert_eq!(template.spans(), 437);
        let before = spans(&form);
        let mut copy = template.bytes().to_vec();
        let (mut traces, mut ids) = (HashSet::new(), HashSet::new());
        let mut all_traces = 0;
        // Over what an earlier send left, too.
        for serial in 1..=3 {
            let now = NOW + serial;
            template.renew(&mut copy, serial, now);
            assert_eq!(&copy[..5], b"head!");
            let after = spans(&copy[5..]);
            let renamed: HashMap<&[u8], &[u8]> =
                before.iter().zip(&after).map(|(b, a)| (&b.span_id[..], &a.span_id[..])).collect();
            let mut of_trace = HashMap::new();
            for (b, a) in before.iter().zip(&after) {
                let expected = Span {
                    trace_id: of_trace.entry(&b.trace_id).or_insert(&a.trace_id).to_vec(),
                    span_id: a.span_id.clone(),
                    parent_span_id: renamed
                        .get(&b.parent_span_id[..])
                        .map_or(vec![], |p| p.to_vec()),
                    start_time_unix_nano: now - b.start_time_unix_nano,
                    end_time_unix_nano: now - b.end_time_unix_nano,
                    ..b.clone()
                };
                assert_eq!(*a, expected);
                assert!(a.span_id != [0; 8] && a.trace_id[..8] != [0; 8]);
                assert!(ids.insert(a.span_id.clone()), "a span id twice");
                traces.insert(a.trace_id.clone());
            }
            all_traces += of_trace.len();
        }
        assert_eq!(traces.len(), all_traces, "a trace id twice");
    }

    #[test]
    fn what_is_no_form_is_told() {
        let form = |span: Span| crate::spans::request_with(&span, &[]);
        let good = traces::request(&Catalog::new(40), 1, &mut Dice::new(4)).encode_to_vec();
        assert!(Template::new(&[], &good).is_ok());
        assert!(Template::new(&[], &good[..good.len() - 1]).is_err(), "cut");
        assert!(Template::new(&[], &form(Span::default())).is_err(), "no ids");
        // Real ids and times do not fit.
        assert!(Template::new(&[], &form(crate::spans::span("real"))).is_err());
    }
}
