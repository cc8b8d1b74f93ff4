//! Load as the doors hand it on: decoded requests of an invented shop of any number of operations.
//!
//! A *story* is what one endpoint does: eight operations of two services, always the same, so that
//! operations are used as in the field and not paired at random. Stories follow Zipf's law (s = 1),
//! durations a bell on a logarithmic scale, one in a hundred traces fails. A request holds spans of few
//! services, as exporters send them, and the spans of a trace come in several requests, up to
//! [`LAG`] apart. Bytes of such requests are `longpole_tests::load`'s business.

use longpole_model::signal::{
    AttributeKey, Batch, KnownAttribute, OperationRow, Placement, Resource, SECOND, SpanCategory,
    SpanId, SpanKind, SpanRecord, StatusCode, Timestamp, TraceId, Weight,
};
use longpole_tests::load::dice::{Dice, Zipf, mix};
use std::collections::VecDeque;
use std::sync::Arc;

/// Log time begins here.
pub const BASE: Timestamp = Timestamp(1_700_000_000 * SECOND);
/// Operations of a story, spans of a trace.
pub const STORY: usize = 8;
/// Spans of a request.
pub const REQUEST: usize = 437;
/// Requests that are made at a time.
const ROUND: usize = 16;
/// Exporters wait before they send, nanoseconds; together with the rest that a trace waits for, some
/// eight seconds of spans are open.
const LAG: u64 = 3_400_000_000;
/// Operations of a service.
const PER_SERVICE: usize = 1_000;

/// A span of a story: kind, category, parent, and where in the request it begins and ends, percent.
type Line = (SpanKind, SpanCategory, Option<usize>, u64, u64);
const LINES: [Line; STORY] = [
    (SpanKind::Server, SpanCategory::Own, None, 0, 100),
    (SpanKind::Internal, SpanCategory::Own, Some(0), 5, 25),
    (SpanKind::Client, SpanCategory::Store, Some(0), 25, 45),
    (SpanKind::Client, SpanCategory::Call, Some(0), 48, 95),
    (SpanKind::Server, SpanCategory::Own, Some(3), 50, 93),
    (SpanKind::Internal, SpanCategory::Own, Some(4), 52, 60),
    (SpanKind::Client, SpanCategory::Store, Some(4), 60, 80),
    (SpanKind::Internal, SpanCategory::Own, Some(4), 82, 90),
];
/// The first line of the callee.
const CALLEE: usize = 4;
/// The line that a regression hits: the callee's query.
const SLOW: Line = LINES[6];

/// An operation that has become slower.
#[derive(Clone, Copy, Debug)]
pub struct Slow {
    /// Rank of its story; 0 is the most frequent one.
    pub story: usize,
    /// It takes this share of the whole request longer.
    pub share: f64,
}

/// Where a story happens.
struct Place {
    services: [usize; 2],
    /// Median of its duration, nanoseconds.
    median: f64,
}

/// Requests in order of arrival, for ever.
pub struct Traffic {
    operations: Vec<Arc<OperationRow>>,
    stories: Vec<Place>,
    zipf: Zipf,
    dice: Dice,
    /// What is slow from now on.
    pub slow: Option<Slow>,
    /// The caller's spans come up to this much later than the callee's, nanoseconds.
    pub lag: u64,
    /// Log time of a round, nanoseconds.
    width: u64,
    rounds: u64,
    traces: u64,
    /// Spans by the round in which they arrive, the next one first; their operations are ours.
    coming: VecDeque<Vec<SpanRecord>>,
    rest: Vec<SpanRecord>,
    ready: VecDeque<(Timestamp, Batch)>,
    /// Per operation: the request that named it last, and its number there.
    named: Vec<(u64, u32)>,
    requests: u64,
}

impl Traffic {
    /// So many operations (a multiple of eight) at so many spans a second.
    pub fn new(operations: usize, rate: u64, seed: u64) -> Self {
        let count = (operations / STORY).max(1);
        let services = operations.div_ceil(PER_SERVICE).max(8);
        let mut dice = Dice::new(seed);
        let place = |i: usize| {
            let caller = i % services;
            let callee = (caller + 1 + (i / services) % (services - 1)) % services;
            let median = 5e6 * 16f64.powf(dice.unit());
            Place { services: [caller, callee], median }
        };
        let stories: Vec<Place> = (0..count).map(place).collect();
        let resources: Vec<Arc<Resource>> = (0..services).map(|i| Arc::new(resource(i))).collect();
        let row = |(i, line): (usize, usize)| {
            let story = stories.get(i)?;
            let sender = resources.get(story.services[usize::from(line >= CALLEE)])?;
            Some(Arc::new(operation(i, line, story, sender)))
        };
        let lines = (0..count).flat_map(|i| (0..STORY).map(move |line| (i, line)));
        let operations: Vec<Arc<OperationRow>> = lines.filter_map(row).collect();
        Self {
            named: vec![(0, 0); operations.len()],
            operations,
            zipf: Zipf::new(count),
            stories,
            dice,
            slow: None,
            lag: LAG,
            width: (ROUND * REQUEST) as u64 * SECOND / rate.max(1),
            rounds: 0,
            traces: 0,
            coming: VecDeque::new(),
            rest: Vec::new(),
            ready: VecDeque::new(),
            requests: 0,
        }
    }

    /// The next request and when it arrives.
    pub fn next(&mut self) -> (Timestamp, Batch) {
        loop {
            if let Some(request) = self.ready.pop_front() {
                return request;
            }
            self.round();
        }
    }

    /// All requests that arrive in the next stretch of log time; `until` is its end.
    pub fn until(&mut self, until: Timestamp) -> Vec<(Timestamp, Batch)> {
        let mut all = Vec::new();
        loop {
            let request = self.next();
            if request.0 >= until {
                self.ready.push_front(request);
                return all;
            }
            all.push(request);
        }
    }

    fn round(&mut self) {
        let at = BASE.plus(self.rounds * self.width);
        self.rounds += 1;
        let lags = (self.lag / self.width) as usize + 1;
        if self.coming.len() <= lags {
            self.coming.resize_with(lags + 1, Vec::new);
        }
        for _ in 0..ROUND * REQUEST / STORY {
            let lag = self.dice.below(lags as u64) as usize;
            let end = at.minus(self.dice.below(self.width));
            self.trace(end, lag);
        }
        let mut arrived = std::mem::take(&mut self.rest);
        arrived.extend(self.coming.pop_front().into_iter().flatten());
        let rows = &self.operations;
        arrived
            .sort_by_key(|s| rows.get(s.operation as usize).map(|o| o.resource.service.as_str()));
        let requests = (arrived.len() / REQUEST) as u64;
        for (i, spans) in (0u64..).zip(arrived.chunks_exact(REQUEST)) {
            let batch = self.batch(spans);
            self.ready.push_back((at.plus(i * self.width / requests), batch));
        }
        self.rest = arrived.chunks_exact(REQUEST).remainder().to_vec();
    }

    /// One trace that ends at `end`.
    fn trace(&mut self, end: Timestamp, lag: usize) {
        self.traces += 1;
        let story = self.zipf.roll(&mut self.dice);
        let Some(place) = self.stories.get(story) else { return };
        // Its width is a factor of 1.5.
        let bell = self.dice.bell();
        let whole = (place.median * (bell * 0.7).exp()) as u64;
        let slow = self.slow.filter(|s| s.story == story);
        let more = slow.map_or(0, |s| (whole as f64 * s.share) as u64);
        let failed = self.dice.below(100) == 0;
        let start = end.minus(whole + more);
        let id = |line: usize| SpanId((self.traces * STORY as u64 + line as u64).to_be_bytes());
        for (line, (kind, category, parent, from, to)) in LINES.into_iter().enumerate() {
            // What comes behind the slow one moves, what holds it grows.
            let begins = whole * from / 100 + if from >= SLOW.4 { more } else { 0 };
            let ends = whole * to / 100 + if to > SLOW.3 { more } else { 0 };
            let span = SpanRecord {
                trace: TraceId(u128::from(mix(self.traces)).to_be_bytes()),
                span: id(line),
                parent: parent.map(id).unwrap_or_default(),
                start: start.plus(begins),
                end: start.plus(ends),
                operation: (story * STORY + line) as u32,
                offset: 0,
                weight: Weight::ONE,
                kind,
                status: match failed && kind == SpanKind::Server {
                    true => StatusCode::Error,
                    false => StatusCode::Unset,
                },
                category,
                flags: 0,
            };
            let round = if line < CALLEE { lag } else { 0 };
            if let Some(coming) = self.coming.get_mut(round) {
                coming.push(span);
            }
        }
    }

    /// Spans as a request, with a dictionary of its own.
    fn batch(&mut self, spans: &[SpanRecord]) -> Batch {
        self.requests += 1;
        let mut batch = Batch { texts: vec!["timeout".to_owned()], ..Batch::default() };
        for (i, span) in (0u32..).zip(spans) {
            let at = span.operation as usize;
            let (Some(row), Some(named)) = (self.operations.get(at), self.named.get_mut(at)) else {
                continue;
            };
            if named.0 != self.requests {
                *named = (self.requests, batch.operations.len() as u32);
                batch.operations.push(Arc::clone(row));
            }
            if span.status == StatusCode::Error {
                let error = KnownAttribute { span: i, key: AttributeKey::ErrorType, text: 0 };
                batch.attributes.push(error);
            }
            batch.spans.push(SpanRecord { operation: named.1, ..*span });
        }
        batch
    }
}

fn resource(i: usize) -> Resource {
    Resource {
        environment: "production".to_owned(),
        namespace: "shop".to_owned(),
        service: format!("service-{i}"),
        version: "8.14.2".to_owned(),
        language: "java".to_owned(),
        placement: Placement {
            instance: format!("service-{i}-7c9d8b6f5-abcde"),
            node: "node-17.eu-central".to_owned(),
            ..Placement::default()
        },
        named: true,
        ..Resource::default()
    }
}

/// Line `line` of story `i`.
fn operation(i: usize, line: usize, place: &Place, sender: &Arc<Resource>) -> OperationRow {
    let [_, callee] = place.services;
    let (kind, category, ..) = LINES[line];
    let (name, peer) = match line {
        0 => (format!("GET /api/v1/things-{i}/{{id}}"), String::new()),
        2 | 6 => (format!("SELECT things_{i}_{line}"), "postgres".to_owned()),
        3 => (format!("shop.v1.Things/Get{i}"), format!("service-{callee}")),
        4 => (format!("shop.v1.Things/Get{i}"), String::new()),
        _ => (format!("shop::rules::apply_{i}_{line}"), String::new()),
    };
    OperationRow { resource: Arc::clone(sender), kind, category, name, peer }
}
