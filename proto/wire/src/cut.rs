//! One OTLP request cut into several, from slices and without decoding: by shard, and so that each
//! fits a stream's entry. The same request is cut the same way wherever that is done.
//! Spans and metrics have the same outer shape:
//! request { 1: resource_x { 1: resource, 2: scope_x { 1: scope, 2: item } } }.

use crate::fields::{Field, begin, fields, varint_len};
use std::ops::Range;

/// Items in one part at most (DELIVERY: above 512 spans an entry wins nothing).
const ITEMS: u32 = 512;

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Whose it is.
    pub shard: u32,
    /// Spans or metrics in it.
    pub items: u32,
    /// A request of its own.
    pub payload: Vec<u8>,
}

/// Items of one scope, and what they hang from.
struct Run {
    /// Fields of the resource's message that are not scopes, and those of the scope's that are not items.
    resource: Vec<Range<usize>>,
    scope: Vec<Range<usize>>,
    items: Vec<Range<usize>>,
}

struct Open {
    shard: u32,
    items: u32,
    bytes: usize,
    runs: Vec<Run>,
}

/// Cuts a request: `shard_of` names the shard of an item, given its resource's message and its own; a part
/// is closed before it would pass `bytes_most` bytes or 512 items. An item that is larger by itself stands
/// alone.
pub fn cut(
    bytes: &[u8],
    bytes_most: usize,
    mut shard_of: impl FnMut(&[u8], &[u8]) -> u32,
) -> Vec<Part> {
    let mut open: Vec<Open> = Vec::new();
    let mut done: Vec<Part> = Vec::new();
    for r in top(bytes, 0, bytes.len(), 1) {
        let resource = others(bytes, r, 2);
        let whose = top(bytes, r.start, r.end, 1).next();
        let whose = whose.map_or(&[][..], |f| &bytes[f.start..f.end]);
        for s in top(bytes, r.start, r.end, 2) {
            let scope = others(bytes, s, 2);
            let head = span_of(&resource) + span_of(&scope) + 4 * 5;
            // A part that already has this scope takes the item alone.
            let mut fresh: Vec<u32> = Vec::new();
            for item in top(bytes, s.start, s.end, 2) {
                let shard = shard_of(whose, &bytes[item.start..item.end]);
                let size = item.end - item.begin;
                let place = match open.iter().position(|o| o.shard == shard) {
                    Some(i)
                        if open[i].items < ITEMS && open[i].bytes + head + size <= bytes_most =>
                    {
                        i
                    }
                    Some(i) => {
                        done.push(close(bytes, open.swap_remove(i)));
                        fresh.retain(|f| *f != shard);
                        open.push(Open { shard, items: 0, bytes: 0, runs: Vec::new() });
                        open.len() - 1
                    }
                    None => {
                        open.push(Open { shard, items: 0, bytes: 0, runs: Vec::new() });
                        open.len() - 1
                    }
                };
                let part = &mut open[place];
                if !fresh.contains(&shard) {
                    fresh.push(shard);
                    part.bytes += head;
                    let (resource, scope) = (resource.clone(), scope.clone());
                    part.runs.push(Run { resource, scope, items: Vec::new() });
                }
                part.items += 1;
                part.bytes += size;
                if let Some(run) = part.runs.last_mut() {
                    run.items.push(item.begin..item.end);
                }
            }
        }
    }
    done.extend(open.into_iter().map(|o| close(bytes, o)));
    // In the order of shards, whatever came first.
    done.sort_by_key(|p| p.shard);
    done
}

/// The trace id of a span's message, field 1.
pub fn trace_id(span: &[u8]) -> [u8; 16] {
    fields(span, 0, span.len())
        .find(|f| f.number == 1 && f.delimited)
        .and_then(|f| span[f.start..f.end].try_into().ok())
        .unwrap_or_default()
}

fn top(bytes: &[u8], start: usize, end: usize, number: u32) -> impl Iterator<Item = Field> {
    fields(bytes, start, end).filter(move |f| f.number == number && f.delimited)
}

fn others(bytes: &[u8], of: Field, but: u32) -> Vec<Range<usize>> {
    fields(bytes, of.start, of.end).filter(|f| f.number != but).map(|f| f.begin..f.end).collect()
}

fn span_of(ranges: &[Range<usize>]) -> usize {
    ranges.iter().map(Range::len).sum()
}

fn close(bytes: &[u8], open: Open) -> Part {
    let mut payload = Vec::with_capacity(open.bytes + 16);
    for run in &open.runs {
        let scope = span_of(&run.scope) + span_of(&run.items);
        let resource = span_of(&run.resource) + 1 + varint_len(scope as u64) + scope;
        begin(&mut payload, 1, resource);
        run.resource.iter().for_each(|r| payload.extend_from_slice(&bytes[r.clone()]));
        begin(&mut payload, 2, scope);
        run.scope.iter().for_each(|r| payload.extend_from_slice(&bytes[r.clone()]));
        run.items.iter().for_each(|r| payload.extend_from_slice(&bytes[r.clone()]));
    }
    Part { shard: open.shard, items: open.items, payload }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::{shard_of, trace_hash};
    use proptest::prelude::*;
    use prost::Message;

    /// The outer shape of a trace request, as far as it is needed to check another's reading of it.
    #[derive(Clone, PartialEq, Message)]
    struct Request {
        #[prost(message, repeated, tag = "1")]
        resources: Vec<Resource>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct Resource {
        #[prost(message, repeated, tag = "2")]
        scopes: Vec<Scope>,
        #[prost(string, tag = "3")]
        schema: String,
    }

    #[derive(Clone, PartialEq, Message)]
    struct Scope {
        #[prost(string, tag = "3")]
        schema: String,
        #[prost(message, repeated, tag = "2")]
        spans: Vec<Span>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct Span {
        #[prost(bytes = "vec", tag = "1")]
        trace: Vec<u8>,
        #[prost(string, tag = "5")]
        name: String,
    }

    fn request(scopes: &[Vec<(u64, usize)>]) -> Request {
        let span = |(id, long): &(u64, usize)| Span {
            trace: u128::from(*id).to_be_bytes().to_vec(),
            name: "n".repeat(*long),
        };
        let scope = |(i, spans): (usize, &Vec<(u64, usize)>)| Resource {
            schema: format!("r{i}"),
            scopes: vec![Scope {
                schema: format!("s{i}"),
                spans: spans.iter().map(span).collect(),
            }],
        };
        Request { resources: scopes.iter().enumerate().map(scope).collect() }
    }

    fn flat(r: &Request) -> Vec<(String, String, Span)> {
        let mut out = Vec::new();
        for r in &r.resources {
            for s in &r.scopes {
                let hangs = |x: &Span| (r.schema.clone(), s.schema.clone(), x.clone());
                out.extend(s.spans.iter().map(hangs));
            }
        }
        out.sort_by_key(|(a, b, s)| (a.clone(), b.clone(), s.encode_to_vec()));
        out
    }

    proptest! {
        /// Nothing is lost, added or moved to another resource or scope; parts hold their own shard only
        /// and no more than they may.
        #[test]
        fn parts_are_the_whole(
            scopes in proptest::collection::vec(
                proptest::collection::vec((1u64..50, 0usize..300), 0..40), 0..4),
            shards in 1u32..6,
        ) {
            let whole = request(&scopes);
            let bytes = whole.encode_to_vec();
            let parts = cut(&bytes, 2_000, |_, s| shard_of(trace_hash(trace_id(s)), shards));
            let mut all = Vec::new();
            for p in &parts {
                let read = Request::decode(p.payload.as_slice()).expect("OTLP");
                let own = flat(&read);
                prop_assert_eq!(own.len(), p.items as usize);
                prop_assert!(p.items > 0 && p.payload.len() <= 2_000);
                for (_, _, s) in &own {
                    let id = s.trace.as_slice().try_into().expect("16 bytes");
                    prop_assert_eq!(shard_of(trace_hash(id), shards), p.shard);
                }
                all.extend(own);
            }
            all.sort_by_key(|(a, b, s)| (a.clone(), b.clone(), s.encode_to_vec()));
            prop_assert_eq!(all, flat(&whole));
        }

        #[test]
        fn any_bytes_are_cut_without_a_panic(bytes: Vec<u8>) {
            let _ = cut(&bytes, 20, |_, s| shard_of(trace_hash(trace_id(s)), 3));
        }
    }

    #[test]
    fn a_giant_stands_alone() {
        let bytes = request(&[vec![(1, 10), (1, 5_000), (1, 10)]]).encode_to_vec();
        let parts = cut(&bytes, 1_000, |_, _| 0);
        let mut sizes: Vec<u32> = parts.iter().map(|p| p.items).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [1, 1, 1]);
    }
}
