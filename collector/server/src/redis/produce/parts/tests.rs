//! Requests of every kind of sender, held against what their parts say when they are read.

use super::*;
use crate::ingest::otlp::{DecodeLimits, traces};
use longpole_model::signal::TraceId;
use longpole_proto::road::UNSHARDED;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use prost::Message;

const END: u64 = 1_700_000_000_000_000_000;

fn request(ids: &[u64], long: usize) -> Vec<u8> {
    // Names that hardly pack.
    let name = |id: u64| {
        let mut state = id | 1 << 40;
        let letter = move |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(b'0' + (state % 64) as u8)
        };
        (0..long).map(letter).collect::<String>()
    };
    let span = |id: &u64| Span {
        trace_id: (u128::from(*id) << 3 | 1).to_be_bytes().to_vec(),
        span_id: (id + 1).to_be_bytes().to_vec(),
        name: name(*id),
        start_time_unix_nano: END - 5,
        end_time_unix_nano: END,
        ..Span::default()
    };
    let scope_spans =
        vec![ScopeSpans { spans: ids.iter().map(span).collect(), ..Default::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn plain(part: &Part) -> Vec<u8> {
    match part.encoding {
        ENCODING_GZIP => crate::door::gunzip(&part.otlp, UNPACKED).expect("gzip"),
        _ => part.otlp.clone(),
    }
}

fn batch(shard: u32) -> Producer {
    Producer { id: [9; 16], shard, sequence: 4 }
}

#[test]
fn a_batch_that_was_cut_goes_whole_under_its_own_name() {
    let payload = request(&[1, 2, 3, 4, 5, 6], 10);
    let (parts, too_large) = of(Signal::Traces, &payload, 6, Some(batch(2)), 4);
    assert_eq!((parts.len(), too_large), (1, 0));
    assert_eq!((parts[0].stream, parts[0].name), (2, Name::Theirs(batch(2))));
    assert_eq!((parts[0].items, plain(&parts[0])), (6, payload));
}

#[test]
fn all_else_is_cut_and_carries_its_senders_name() {
    let ids: Vec<u64> = (0..40).collect();
    let payload = request(&ids, 10);
    for (sender, cut) in
        [(None, None), (Some(batch(UNSHARDED)), Some(())), (Some(batch(4)), Some(()))]
    {
        let (parts, _) = of(Signal::Traces, &payload, 40, sender, 4);
        assert_eq!(parts.len(), 4, "one a stream");
        let name = Name::Ours(sender.map(|batch| Sender { batch, part: 0 }));
        assert!(parts.iter().all(|p| p.name == name), "{parts:?}");
        assert_eq!(cut.is_some(), sender.is_some());
        assert_eq!(of(Signal::Traces, &payload, 40, sender, 4).0, parts, "always the same way");
    }
}

#[test]
fn metrics_go_the_way_of_who_sent_them() {
    let payload = request(&[1, 2, 3], 10);
    let stream = |payload: &[u8], sender| {
        let (parts, _) = of(Signal::Metrics, payload, 3, sender, 64);
        assert_eq!(parts.len(), 1);
        parts[0].stream
    };
    assert_eq!(stream(&payload, Some(batch(UNSHARDED))), shard_of(trace_hash([9; 16]), 64));
    // A resource is what tells, whoever reads it: field 1 of field 1.
    let of_resource = |byte: u8| [&[0x0a, 7, 0x0a, 1, byte, 0x12, 2, 0x12, 0][..]].concat();
    let streams: Vec<u32> = (0..40).map(|b| stream(&of_resource(b), None)).collect();
    assert!(streams.iter().any(|s| *s != streams[0]));
    assert_eq!(stream(&of_resource(3), None), streams[3]);
}

#[test]
fn what_is_too_large_is_left_out_and_its_batchs_number_is_filled() {
    let payload = request(&[1, 2, 3], 600_000);
    let (parts, too_large) = of(Signal::Traces, &payload, 3, Some(batch(1)), 4);
    assert_eq!(too_large, 3);
    assert_eq!((parts.len(), parts[0].name, parts[0].items), (1, Name::Theirs(batch(1)), 0));
    // Three that fit each, but not together.
    let payload = request(&[8, 8, 8], 250_000);
    let (parts, too_large) = of(Signal::Traces, &payload, 3, None, 1);
    assert_eq!(too_large, 0);
    assert_eq!(parts.iter().map(|p| p.items).collect::<Vec<_>>(), [1, 1, 1]);
    let (named, _) = of(Signal::Traces, &payload, 3, Some(batch(9)), 1);
    let number = |n| Name::Ours(Some(Sender { batch: batch(9), part: n }));
    assert_eq!(named.iter().map(|p| p.name).collect::<Vec<_>>(), [number(0), number(1), number(2)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever a stranger sends: what the walk takes is in the parts, each in its stream.
    #[test]
    fn what_is_taken_is_in_the_parts(
        ids in prop::collection::vec(0u64..60, 0..30),
        flips in prop::collection::vec((any::<u16>(), any::<u8>()), 0..3),
    ) {
        let mut payload = request(&ids, 20);
        for (at, to) in flips {
            let at = usize::from(at) % payload.len().max(1);
            if let Some(byte) = payload.get_mut(at) {
                *byte = to;
            }
        }
        let limits = DecodeLimits::default();
        let Ok((whole, refused)) = traces(&payload, &limits, None) else { return Ok(()) };
        let (parts, too_large) = of(Signal::Traces, &payload, 0, None, 4);
        let all = whole.spans.len() as u64 + refused.spans.total();
        prop_assert_eq!(parts.iter().map(|p| u64::from(p.items)).sum::<u64>() + u64::from(too_large), all);
        let mut found: Vec<(TraceId, u64)> = Vec::new();
        for part in &parts {
            let (read, _) = traces(&plain(part), &limits, None).expect("a request");
            for span in &read.spans {
                prop_assert_eq!(span.trace.hash().shard(4), part.stream);
                found.push((span.trace, span.end.0));
            }
        }
        let mut want: Vec<(TraceId, u64)> = whole.spans.iter().map(|s| (s.trace, s.end.0)).collect();
        found.sort_unstable();
        want.sort_unstable();
        prop_assert_eq!(found, want);
    }
}
