//! Numbers what doors took and writes it: one pipeline after the other on one connection to each node, so that what
//! Redis has of a stream is always a beginning of what was numbered, and a process that dies leaves no hole.
//!
//! What nobody knows the fate of is written again under its number, until an answer tells. Whose sender was
//! told to come again meanwhile keeps its number and loses its payload: the number is not missed then, and
//! what the sender sends again is counted.

use super::parts::{Name, Part};
use super::{NotWritten, Road, Settings, Waiting, pause::pause};
use crate::ingest::otlp::Signal;
use crate::log::Producer;
use crate::redis::nodes::Nodes;
use crate::redis::sender::Sender;
use crate::redis::session::{self, End};
use crate::redis::state::State;
use crate::secret;
use futures_util::future::join_all;
use longpole_proto::road;
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisResult, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};

/// Entries on their way at once (DELIVERY section 2).
const PIPELINE: usize = 16;
/// Replicas have this long to say that they have it.
const REPLICAS: Duration = Duration::from_secs(1);
/// A session that lasted so long was none that failed.
const GOOD: Duration = Duration::from_secs(10);

/// An entry with its number.
struct Entry {
    producer: Producer,
    part: Part,
    /// `None`: its sender has been told to come again.
    tell: Option<oneshot::Sender<Result<(), NotWritten>>>,
}

/// The writer.
pub struct Writer {
    settings: Settings,
    state: State,
    queue: mpsc::UnboundedReceiver<Waiting>,
    road: watch::Sender<Road>,
    /// Who we are to readers: another one each start, and with other streams.
    me: [u8; 16],
    /// The last number by stream.
    sequences: BTreeMap<u32, u64>,
    /// How many streams were numbered for; 0 = none yet.
    streams: u32,
    /// Numbered, and not known to be written.
    under_way: Vec<Entry>,
}

impl Writer {
    pub fn new(
        settings: Settings,
        state: State,
        queue: mpsc::UnboundedReceiver<Waiting>,
        road: watch::Sender<Road>,
    ) -> Self {
        state.writable(Some("not connected yet"));
        let (sequences, under_way) = Default::default();
        Self { settings, state, queue, road, me: drawn(), sequences, streams: 0, under_way }
    }

    /// One session after another, until nobody is left who could send.
    pub async fn run(mut self) {
        let mut failures = 0;
        loop {
            let began = Instant::now();
            let end = self.session().await;
            if matches!(end, End::Stopped) {
                return;
            }
            failures = if began.elapsed() > GOOD { 1 } else { failures + 1 };
            let wait = pause(&road::producer_hex(self.me), failures);
            let (redis, ms) = (self.settings.address.shown(), wait.as_millis() as u64);
            tracing::warn!(redis, failures, again_in_ms = ms, "senders are told to wait: {end}");
            let why = end.to_string();
            self.state.writable(Some(&why));
            self.road.send_modify(|road| *road = Err(why.into()));
            tokio::time::sleep(wait).await;
        }
    }

    async fn session(&mut self) -> End {
        let mut nodes = match self.connected().await {
            Ok(nodes) => nodes,
            Err(end) => return end,
        };
        self.give_up();
        loop {
            if self.under_way.is_empty() {
                if self.road.borrow().is_err() {
                    self.state.writable(None);
                    self.road.send_modify(|road| *road = Ok(self.streams));
                }
                if !self.gather().await {
                    return End::Stopped;
                }
            }
            if let Err(end) = self.write(&mut nodes).await {
                return end;
            }
        }
    }

    async fn connected(&mut self) -> Result<Nodes, End> {
        let (nodes, streams) = session::find(&self.settings).await?;
        if streams != self.streams && self.streams != 0 {
            // Streams of another number are others: nothing of what was numbered belongs there.
            tracing::warn!(was = self.streams, streams, "the number of streams has changed");
            self.under_way.clear();
            self.sequences.clear();
            self.me = drawn();
        }
        self.streams = streams;
        Ok(nodes)
    }

    /// Waits for something to write and numbers what there is; false when nothing can come any more.
    async fn gather(&mut self) -> bool {
        while self.under_way.is_empty() {
            let Some(first) = self.queue.recv().await else { return false };
            self.number(first);
            while self.under_way.len() < PIPELINE
                && let Ok(next) = self.queue.try_recv()
            {
                self.number(next);
            }
        }
        true
    }

    fn number(&mut self, waiting: Waiting) {
        let Waiting { part, tell, .. } = waiting;
        // Nothing was written of it: whose sender has gone needs no number.
        if tell.is_closed() || part.stream >= self.streams {
            return;
        }
        let producer = match part.name {
            Name::Theirs(producer) => producer,
            Name::Ours(_) => {
                let last = self.sequences.entry(part.stream).or_default();
                *last += 1;
                Producer { id: self.me, shard: part.stream, sequence: *last }
            }
        };
        self.under_way.push(Entry { producer, part, tell: Some(tell) });
    }

    /// Writes what is under way; what has its answer is no longer.
    async fn write(&mut self, nodes: &mut Nodes) -> Result<(), End> {
        let (under_way, replicas) = (&self.under_way, self.settings.replicas);
        let to_each = nodes.share(0..self.streams).map(|(streams, c)| async move {
            let here = |entry: &Entry| streams.contains(&entry.part.stream);
            let some: Vec<usize> = (0..under_way.len()).filter(|n| here(&under_way[*n])).collect();
            let told = pipeline(c, some.iter().map(|n| &under_way[*n]), replicas).await;
            (some, told)
        });
        let mut end = Ok(());
        // Of each the answer, and whether enough replicas have it.
        let mut answers: BTreeMap<usize, (RedisResult<Value>, bool)> = BTreeMap::new();
        for (some, told) in join_all(to_each).await {
            match told {
                Ok((told, safe)) => {
                    answers.extend(some.into_iter().zip(told.into_iter().map(|t| (t, safe))));
                }
                Err(e) => end = Err(e.into()),
            }
        }
        let mut number = 0..;
        let figures = &self.state.figures;
        self.under_way.retain_mut(|entry| {
            let Some(answer) = number.next().and_then(|n| answers.remove(&n)) else { return true };
            let why = match answer {
                // Nobody knows what becomes of it: its sender hears when it is known, or nothing.
                (Ok(Value::BulkString(_) | Value::SimpleString(_)), false) => {
                    end = Err(End::Lost("too few replicas have what was written".into()));
                    return true;
                }
                (Ok(Value::BulkString(_) | Value::SimpleString(_)), true) => {
                    figures.written.inc();
                    figures.written_bytes.inc_by(entry.part.otlp.len() as u64);
                    entry.tell(Ok(()));
                    return false;
                }
                (Err(refused), _) => refused.to_string(),
                (Ok(_), _) => "it does not answer as Redis does".to_owned(),
            };
            let end_of = End::Lost(why);
            entry.tell(Err(NotWritten::Refused(Arc::from(end_of.to_string()))));
            end = Err(end_of);
            true
        });
        end
    }

    /// What is under way is written again, without payloads whose senders come again.
    fn give_up(&mut self) {
        self.under_way.retain_mut(|entry| {
            if entry.tell.as_ref().is_some_and(|t| !t.is_closed()) {
                return true;
            }
            // A name of its sender's is its sender's to fill.
            let ours = matches!(entry.part.name, Name::Ours(_));
            entry.empty();
            ours
        });
        self.state.figures.rewritten.inc_by(self.under_way.len() as u64);
    }
}

impl Entry {
    fn tell(&mut self, what: Result<(), NotWritten>) {
        if let Some(tell) = self.tell.take() {
            // A sender that has gone comes again.
            let _ = tell.send(what);
        }
    }

    fn empty(&mut self) {
        let part = &mut self.part;
        (part.items, part.encoding, part.otlp) = (0, road::ENCODING_IDENTITY, Vec::new());
        part.name = Name::Ours(None);
    }

    /// XADD, the fields in the order of their definition.
    fn add(&self, to: &mut Pipeline) {
        let Self { producer, part, .. } = self;
        let sender = match part.name {
            Name::Theirs(batch) => Sender { batch, part: 0 }.to_string(),
            Name::Ours(sender) => sender.map_or_else(String::new, |s| s.to_string()),
        };
        let signal = match part.signal {
            Signal::Metrics => road::SIGNAL_METRICS,
            Signal::Traces | Signal::Logs => road::SIGNAL_TRACES,
        };
        to.cmd("XADD").arg(road::stream_key(part.stream)).arg("*");
        to.arg(road::FIELD_FORMAT).arg(road::ENTRY_FORMAT);
        to.arg(road::FIELD_PRODUCER).arg(road::producer_hex(producer.id));
        to.arg(road::FIELD_SEQUENCE).arg(producer.sequence);
        to.arg(road::FIELD_SIGNAL).arg(signal);
        to.arg(road::FIELD_ITEMS).arg(part.items);
        to.arg(road::FIELD_SENDER).arg(sender);
        to.arg(road::FIELD_ENCODING).arg(part.encoding);
        to.arg(road::FIELD_OTLP).arg(part.otlp.as_slice());
    }
}

/// Writes entries to their node: an answer each, and whether enough replicas have them.
async fn pipeline(
    c: &mut MultiplexedConnection,
    entries: impl Iterator<Item = &Entry>,
    replicas: u32,
) -> RedisResult<(Vec<RedisResult<Value>>, bool)> {
    let mut pipe = redis::pipe();
    entries.for_each(|entry| entry.add(&mut pipe));
    if pipe.is_empty() {
        return Ok((Vec::new(), true));
    }
    if replicas > 0 {
        pipe.cmd("WAIT").arg(replicas).arg(REPLICAS.as_millis() as u64);
    }
    let mut answers: Vec<RedisResult<Value>> = pipe.ignore_errors().query_async(c).await?;
    let there = |answer| matches!(answer, Some(Ok(Value::Int(n))) if n >= i64::from(replicas));
    let safe = replicas == 0 || there(answers.pop());
    Ok((answers, safe))
}

/// Sixteen bytes that nobody else has drawn.
fn drawn() -> [u8; 16] {
    (u128::from(secret::seed().0) << 64 | u128::from(secret::seed().0)).to_be_bytes()
}
