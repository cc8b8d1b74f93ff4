//! Streams shared by three collectors, and the same streams read by one: what they say of windows, and what is
//! found in them, is the same, byte for byte. And a stream whose owner is far behind.

use super::*;
use longpole_lab::{Fault, Options, record};
use longpole_proto::{road, shard};
use longpole_tests::collector::wait_until;
use longpole_tests::streams::{Producer, entry};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use prost::Message;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

const SECOND: u64 = 1_000_000_000;
const STREAMS: u32 = 4;
const PRODUCER: [u8; 16] = [21; 16];

/// The request's spans by stream.
fn cut(request: ExportTraceServiceRequest) -> BTreeMap<u32, ExportTraceServiceRequest> {
    let mut all: BTreeMap<u32, ExportTraceServiceRequest> = BTreeMap::new();
    for of in request.resource_spans {
        for span in of.scope_spans.into_iter().flat_map(|s| s.spans) {
            let id: [u8; 16] = span.trace_id.as_slice().try_into().expect("16 bytes");
            let to = all.entry(shard::shard_of(shard::trace_hash(id), STREAMS)).or_default();
            let same = to.resource_spans.last().is_some_and(|last| last.resource == of.resource);
            if !same {
                let scope_spans = vec![ScopeSpans::default()];
                let resource = of.resource.clone();
                let fresh = ResourceSpans { resource, scope_spans, ..ResourceSpans::default() };
                to.resource_spans.push(fresh);
            }
            let last = to.resource_spans.last_mut().expect("one");
            last.scope_spans[0].spans.push(span);
        }
    }
    all
}

/// Traces, where it is that.
fn traces(message: &[u8]) -> Option<ExportTraceServiceRequest> {
    let request = ExportTraceServiceRequest::decode(message).ok()?;
    let spans =
        || request.resource_spans.iter().flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans);
    let all =
        spans().count() > 0 && spans().all(|s| s.trace_id.len() == 16 && s.span_id.len() == 8);
    all.then_some(request)
}

/// Writes a run of the shop into streams, each second's entries with the arrival that they had; gives its spans.
fn write(servers: &[&Redis], start: u64) -> u64 {
    let options = Options {
        healthy_seconds: 240,
        faulty_seconds: 110,
        start: start * SECOND,
        ..Options::default()
    };
    let recording = record(Fault::SlowDatabase, 7, &options);
    let mut connections: Vec<_> = servers.iter().map(|r| r.connection()).collect();
    let (mut second, mut sequences) = (start, BTreeMap::<u32, u64>::new());
    let mut put = |shard: u32, arrival: u64, signal: &str, items: usize, otlp: &[u8]| {
        let sequence = sequences.entry(shard).or_default();
        *sequence += 1;
        let fields = entry(PRODUCER, *sequence, signal, items, otlp);
        for c in &mut connections {
            let mut add = redis::cmd("XADD");
            add.arg(road::stream_key(shard)).arg(format!("{arrival}-{sequence}"));
            for (name, value) in &fields {
                add.arg(*name).arg(value.as_slice());
            }
            add.query::<String>(c).expect("added");
        }
    };
    for message in &recording.messages {
        match traces(message) {
            Some(request) => {
                second += 1;
                for (shard, part) in cut(request) {
                    let spans = part.resource_spans.iter().flat_map(|r| &r.scope_spans);
                    let items = spans.map(|s| s.spans.len()).sum();
                    let bytes = part.encode_to_vec();
                    put(shard, second * 1_000, road::SIGNAL_TRACES, items, &bytes);
                }
            }
            None => put(1, second * 1_000 + 1, road::SIGNAL_METRICS, 1, message),
        }
    }
    recording.spans
}

/// Stored windows by stream and end, as far as they have not been filed.
fn windows(redis: &Redis) -> BTreeMap<(u32, String), Vec<u8>> {
    let of = |n: u32| {
        let all: BTreeMap<String, Vec<u8>> =
            redis.ask(&["HGETALL", &format!("lp:{{{n}}}:windows")]);
        all.into_iter().map(move |(end, bytes)| ((n, end), bytes))
    };
    (0..STREAMS).flat_map(of).collect()
}

fn leader(all: &[Collector]) -> Option<&Collector> {
    all.iter().find(|c| c.sum("longpole_redis_leads", &[]) == 1.0)
}

/// The first place where two texts are not the same.
fn parting(a: &str, b: &str) -> [String; 2] {
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    [a, b].map(|text| text.chars().skip(same.saturating_sub(60)).take(160).collect())
}

#[test]
fn three_find_what_one_finds() {
    let (Some(one), Some(three)) = (server(&[]), server(&[])) else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    // In whole windows: what is compared began with the first of them.
    let start = (now - 390) / 10 * 10;
    let spans = write(&[&one, &three], start);
    let start = |redis: &Redis| Collector::start(&["--redis", &redis.collector_url()]);
    let alone = [start(&one)];
    let all = [start(&three), start(&three), start(&three)];
    let mut same = BTreeMap::new();
    let (began, limit) = (Instant::now(), Duration::from_secs(60));
    let found = loop {
        let (a, b) = (windows(&one), windows(&three));
        for (at, bytes) in &a {
            if let Some(other) = b.get(at) {
                assert!(bytes == other, "window {at:?} is not the same");
                same.insert(at.clone(), bytes.len());
            }
        }
        let told = |of: &[Collector]| {
            let found = leader(of)?.get("/api/v1/investigations");
            let counted = leader(of).map_or(0, calls);
            (found.status == 200 && counted == spans).then(|| found.text())
        };
        let (told, others) = (told(&alone), told(&all));
        let shares: Vec<u64> = all.iter().map(owned).collect();
        if let (Some(told), Some(others)) = (&told, &others)
            && told == others
            && told.contains("\"id\"")
            && shares.iter().all(|n| *n > 0)
        {
            break told.clone();
        }
        assert!(
            began.elapsed() < limit,
            "not the same within {limit:?} (shares {shares:?}); where they part: {:?}",
            parting(&told.unwrap_or_default(), &others.unwrap_or_default())
        );
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(same.len() >= 8, "{} windows were seen of both", same.len());
    say(&format!(
        "{spans} spans read by one collector, and by three that shared the streams: {} windows of streams compared, \
         {} bytes, all the same; the investigation the same, byte for byte ({} bytes), after {:?}",
        same.len(),
        same.values().sum::<usize>(),
        found.len(),
        began.elapsed()
    ));
    all.into_iter().chain(alone).for_each(Collector::terminate);
}

fn spans_of(window: &[u8]) -> u64 {
    let (summary, _) = longpole_collector::wire::unpack(window).expect("a window");
    summary.red.iter().map(|(_, red)| red.spans).sum()
}

/// The owner of the last stream is played here: it says nothing for more than half a minute.
#[test]
fn a_stream_far_behind_is_not_waited_for_and_counted_when_it_speaks() {
    let Some(redis) = server(&[]) else { return };
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_nanos() as u64;
    let began = (now() / SECOND * SECOND).to_string();
    redis.ask::<()>(&["SET", "lp:{3}:owner", "slow"]);
    let said = |closed: &str| {
        redis.ask::<u64>(&[
            "HSET",
            "lp:{3}:position",
            "token",
            "1",
            "owner",
            "slow",
            "closed",
            closed,
        ])
    };
    said(&began);
    let collector = collector(&redis);
    wait_until(SOON, "it has what it gets", || owned(&collector) == 3);
    let mut producer = Producer::new(&redis, 14);
    let (mut sent, mut one) = (0, None);
    let since = Instant::now();
    while collector.sum("longpole_redis_partial_windows_total", &[]) == 0.0 {
        assert!(since.elapsed() < Duration::from_secs(75), "{:?}", collector.log());
        let mut batches = producer.cut("shop", some(20));
        batches.retain(|b| b.shard != 3);
        sent += batches.iter().map(|b| b.spans).sum::<u64>();
        producer.send(&redis, &batches);
        // What another stream says of some window, the slow one will say, too.
        let mut there = windows(&redis).into_iter();
        one = one.or_else(|| there.find(|((n, _), bytes)| *n == 0 && spans_of(bytes) > 0));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(since.elapsed() > Duration::from_secs(30), "too soon: {:?}", since.elapsed());
    counted(&collector, sent);
    let ((_, end), bytes) = one.expect("a window of the first stream");
    let more = spans_of(&bytes);
    let mut add = redis::cmd("HSET");
    add.arg("lp:{3}:windows").arg(&end).arg(bytes);
    add.query::<u64>(&mut redis.connection()).expect("added");
    said(&(now() / SECOND * SECOND).to_string());
    counted(&collector, sent + more);
    assert_eq!(collector.sum("longpole_redis_late_windows_total", &[]), 1.0);
    say(&format!(
        "a stream whose owner said nothing: windows judged without it after {:?}; {more} spans of it counted when it \
         spoke, beside {sent} of others, once",
        since.elapsed()
    ));
    collector.terminate();
}
