//! OTLP bytes to a batch, beside prost that builds the same messages and drops them; and secrets looked for in a
//! copy of them, as before anything is written.

use crate::counts::Count;
use crate::report::Report;
use crate::{Bench, clock};
use longpole_collector::ingest::otlp::{DecodeLimits, Decoder, Signal};
use longpole_model::signal::Timestamp;
use longpole_proto::scrub::scrub;
use longpole_tests::load::catalog::Catalog;
use longpole_tests::load::dice::Dice;
use longpole_tests::load::template::Template;
use longpole_tests::load::traces;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use std::cell::RefCell;
use std::hint::black_box;

/// The subject.
pub const BENCH: Bench = Bench {
    name: "decode",
    about: "requests of six services and 40 operations, 12 attributes a span",
    time,
    counts: &[
        Count {
            what: "decode 437 spans",
            unit: "a span",
            rounds: 40,
            work: |t, n| count(437, t, n, walk),
        },
        Count {
            what: "prost 437 spans",
            unit: "a span",
            rounds: 40,
            work: |t, n| count(437, t, n, build),
        },
        Count {
            what: "decode 16 spans",
            unit: "a span",
            rounds: 800,
            work: |t, n| count(16, t, n, walk),
        },
        Count {
            what: "prost 16 spans",
            unit: "a span",
            rounds: 800,
            work: |t, n| count(16, t, n, build),
        },
    ],
};

const NOW: u64 = 1_790_000_000_000_000_000;
/// Different requests, so that branches are not learnt by heart.
const REQUESTS: usize = 64;
const PASSES: usize = 15;
/// Spans of a pass.
const PASS: usize = 100_000;

fn requests(spans: usize) -> Vec<Vec<u8>> {
    let (catalog, mut dice) = (Catalog::new(40), Dice::new(1));
    let form = |_| traces::request(&catalog, spans, &mut dice).encode_to_vec();
    let forms = (0..REQUESTS).map(form);
    let renewed = (1u64..).zip(forms).filter_map(|(serial, form)| {
        let template = Template::new(&[], &form).ok()?;
        let mut bytes = template.bytes().to_vec();
        template.renew(&mut bytes, serial, NOW);
        Some(bytes)
    });
    renewed.collect()
}

/// Spans read by the collector's own walk, with a decoder that is kept, as the doors' are.
fn walk(bytes: &[u8]) -> usize {
    thread_local! {
        static DECODER: RefCell<Decoder> = RefCell::new(Decoder::new(&DecodeLimits::default()));
    }
    let now = Some(Timestamp(NOW));
    let read = DECODER.with_borrow_mut(|d| d.decode(black_box(bytes), Some(Signal::Traces), now));
    black_box(read).map_or(0, |(batch, _)| batch.spans.len())
}

/// Spans whose secrets were looked for.
fn mask(bytes: &[u8], spans: usize) -> usize {
    let mut copy = black_box(bytes).to_vec();
    scrub(&mut copy, false);
    black_box(copy).len().min(spans)
}

/// Spans built by prost.
fn build(bytes: &[u8]) -> usize {
    let Ok(message) = ExportTraceServiceRequest::decode(black_box(bytes)) else { return 0 };
    let scopes = black_box(&message).resource_spans.iter().flat_map(|r| &r.scope_spans);
    scopes.map(|s| s.spans.len()).sum()
}

/// Whose figure it is, and what gives back the spans that it saw.
type Subject<'a> = (&'a str, &'a dyn Fn(&[u8]) -> usize);

fn time(report: &mut Report) -> Result<(), String> {
    for spans in [437, 16] {
        let requests = requests(spans);
        let bytes: usize = requests.iter().map(Vec::len).sum();
        report.value(
            &format!("{spans} spans: a request"),
            "bytes a span",
            bytes as f64 / (requests.len() * spans) as f64,
        );
        let mut both = Vec::new();
        let masked = |bytes: &[u8]| mask(bytes, spans);
        let subjects: [Subject<'_>; 3] =
            [("decode", &walk), ("prost and drop", &build), ("copy and mask", &masked)];
        for (who, read) in subjects {
            let pass = || {
                let rounds = PASS / (spans * REQUESTS);
                let (seen, took) = clock::timed(|| {
                    let all = (0..rounds).flat_map(|_| &requests);
                    all.map(|r| read(r)).sum::<usize>()
                });
                (seen, took as f64 / seen as f64)
            };
            let passes: Vec<(usize, f64)> = (0..PASSES).map(|_| pass()).collect();
            if passes.iter().any(|(seen, _)| !seen.is_multiple_of(REQUESTS * spans)) {
                return Err(format!("{who}: not all spans of {spans} were read"));
            }
            let passes = passes.into_iter().map(|(_, took)| took).collect();
            both.push(report.samples(&format!("{spans} spans: {who}"), "ns a span", passes));
        }
        report.value(&format!("{spans} spans: prost to decode"), "x", both[1] / both[0]);
    }
    Ok(())
}

fn count(spans: usize, _: usize, n: usize, read: fn(&[u8]) -> usize) -> u64 {
    let requests = requests(spans);
    requests.iter().cycle().take(n).map(|r| read(r) as u64).sum()
}
