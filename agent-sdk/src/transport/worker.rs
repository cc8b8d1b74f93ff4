//! The thread of the chain: takes requests in their order, tries the roads that are open, keeps what no
//! road takes, and counts what becomes of each. One try on a road is `worker/step`, the disk `worker/disk`.

mod disk;
mod orders;
mod step;

use super::account::{Account, Voice, tame};
use super::control::{Control, Phase, Watch};
use super::health::Health;
use super::otlp::Otlp;
use super::parcel::{Body, Parcel, Stamp};
use super::redis::{PIPELINE, Redis};
use super::remote::Remote;
use super::settings::Settings;
use super::spill::Spill;
use super::{Encoded, Signal};
use longpole_proto::scrub::scrub;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use step::Step;

/// Between two tries while the program waits to end.
const HURRIED: Duration = Duration::from_millis(100);

/// One OTLP endpoint and whether it may be tried.
struct Endpoint {
    road: Otlp,
    health: Health,
    /// Whether somebody answered the last time.
    reached: bool,
}

/// Everything the thread owns.
pub(super) struct Worker {
    control: Arc<Control>,
    account: Arc<Account>,
    voice: Voice,
    redis: Option<Redis>,
    redis_health: Health,
    /// Whether the Redis answered the last time.
    reached: bool,
    traces: Option<Endpoint>,
    metrics: Option<Endpoint>,
    remote: Option<Arc<Remote>>,
    spill: Option<Spill>,
    /// Taken in and not settled, oldest first.
    pending: VecDeque<Parcel>,
    producer: [u8; 16],
    /// The last sequence given, by shard.
    sequences: BTreeMap<u32, u64>,
    /// Moves of streams in a row.
    moves: u32,
    /// Nothing is read from disk before then: the roads it may take are shut.
    disk_pause: Option<Instant>,
    /// Orders are asked for by Redis then; at once where none were yet.
    next_exchange: Option<Instant>,
}

impl Worker {
    pub fn new(
        settings: Settings,
        control: Arc<Control>,
        account: Arc<Account>,
        voice: Voice,
    ) -> Self {
        let producer = (u128::from(crate::id::seed()) << 64 | u128::from(crate::id::seed().max(1)))
            .to_be_bytes();
        let remote = settings.taker.as_ref().and_then(Remote::new).map(Arc::new);
        let endpoint = |of: &Option<super::settings::Endpoint>, signal| {
            let of = of.as_ref()?;
            match Otlp::new(of, signal, remote.clone()) {
                Ok(road) => Some(Endpoint { road, health: Health::default(), reached: false }),
                Err(why) => {
                    let at = super::settings::shown(&of.url);
                    voice.once("endpoint", || format!("{at} cannot be used: {why}"));
                    None
                }
            }
        };
        let traces = endpoint(&settings.traces, Signal::Traces);
        let metrics = endpoint(&settings.metrics, Signal::Metrics);
        let spill = settings.spill.and_then(|s| match Spill::open(&s.folder, s.bytes, producer) {
            Ok((spill, found)) => {
                account.recovered(found.spans);
                account.on_disk(found.spans);
                if found.torn > 0 {
                    voice.once("torn", || {
                        format!("{} files of the spill end in half a request", found.torn)
                    });
                }
                Some(spill)
            }
            Err(e) => {
                let folder = s.folder.display().to_string();
                voice.once("spill", || format!("cannot keep spans in {folder} ({e}); memory only"));
                None
            }
        });
        Self {
            control,
            account,
            voice,
            redis: settings.redis.map(Redis::new),
            redis_health: Health::default(),
            reached: false,
            traces,
            metrics,
            remote,
            spill,
            pending: VecDeque::new(),
            producer,
            sequences: BTreeMap::new(),
            moves: 0,
            disk_pause: None,
            next_exchange: None,
        }
    }

    /// Works until it is told to stop.
    pub async fn run(mut self) {
        let control = Arc::clone(&self.control);
        // Whatever ends this thread, nobody waits for it in vain; nor before all is counted.
        let _end = Ended(Arc::clone(&control));
        let watch = control.watch();
        let mut seen = Phase::default();
        loop {
            let phase = watch.phase();
            if phase != seen {
                self.hurry();
                seen = phase;
            }
            self.take_in(phase.stop.is_some());
            if phase.stop.is_none() {
                self.exchange(&watch).await;
            }
            self.put_profile(&watch).await;
            control.settled(self.oldest());
            if self.pending.is_empty() {
                if phase.stop.is_some() {
                    break;
                }
                let next = self.disk_pause.or(self.next_try()).filter(|_| self.has_unread());
                self.rest(&watch, phase, next, None).await;
                continue;
            }
            let step = tokio::select! {
                biased;
                step = self.step() => step,
                () = watch.over() => break,
            };
            let Step::Blocked { reached } = step else { continue };
            if self.spill.is_some() && (self.is_bad() || phase.stop.is_some()) {
                while let Some(parcel) = self.pending.pop_front() {
                    self.keep(parcel);
                }
                self.note_disk();
                continue;
            }
            if phase.stop.is_some() {
                // Nobody listens anywhere, and the program wants to end: two tries were enough.
                if !reached && self.is_bad() {
                    break;
                }
                let next = self.next_try();
                self.hurry();
                self.rest(&watch, phase, next, Some(HURRIED)).await;
            } else {
                self.rest(&watch, phase, self.next_try(), None).await;
            }
        }
        self.end();
    }

    /// Waits for an offer, an order, the next try, or the end of time.
    async fn rest(
        &self,
        watch: &Watch,
        phase: Phase,
        next: Option<Instant>,
        most: Option<Duration>,
    ) {
        let soon = most.map(|m| Instant::now() + m);
        let over = self.remote.as_ref().and_then(|r| r.expire(Instant::now()));
        let taken = async {
            match &self.remote {
                Some(remote) => remote.taken.notified().await,
                None => std::future::pending().await,
            }
        };
        let exchange = self.next_exchange.filter(|_| phase.stop.is_none());
        let until = [next, soon, over, exchange].into_iter().flatten().min();
        let timer = async {
            match until {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = timer => {}
            // An offer changes nothing while all that is taken in waits, but for the memory.
            () = self.control.offered.notified() => {}
            () = taken => {}
            () = watch.changed(phase) => {}
            () = watch.over() => {}
        }
    }

    /// Fills `pending`: live requests first, then one from disk with each round.
    fn take_in(&mut self, stopping: bool) {
        while self.pending.len() < PIPELINE {
            let Some((number, encoded)) = self.control.take() else { break };
            self.pending.push_back(parcel(number, encoded));
        }
        // While it wants to end, the program does not wait for what is safe on disk.
        let now = Instant::now();
        if self.disk_pause.is_some_and(|until| now >= until) {
            self.disk_pause = None;
        }
        if !stopping && self.disk_pause.is_none() && self.healths().any(|h| h.open(now)) {
            self.take_from_disk();
        }
    }

    /// Number of the oldest live request that is not settled.
    fn oldest(&self) -> u64 {
        let own = self.pending.iter().filter(|p| p.place.is_none()).map(|p| p.number).min();
        own.unwrap_or(u64::MAX).min(self.control.oldest())
    }

    fn healths(&mut self) -> impl Iterator<Item = &mut Health> {
        let redis = self.redis.is_some().then_some(&mut self.redis_health);
        let otlp = self.traces.as_mut().into_iter().chain(self.metrics.as_mut());
        redis.into_iter().chain(otlp.map(|e| &mut e.health))
    }

    fn hurry(&mut self) {
        self.healths().for_each(Health::hurry);
    }

    fn next_try(&self) -> Option<Instant> {
        let redis = self.redis.is_some().then(|| self.redis_health.next()).flatten();
        let otlp = [&self.traces, &self.metrics].into_iter().flatten();
        redis.into_iter().chain(otlp.filter_map(|e| e.health.next())).min()
    }

    /// More than a hiccup: something failed twice, or memory runs out meanwhile.
    fn is_bad(&mut self) -> bool {
        self.healths().any(|h| h.failures() >= 2) || self.control.is_crowded()
    }

    fn say_unreachable(&self, to: &str, why: &str, pause: Duration) {
        self.voice.once("unreachable", || {
            let seconds = pause.as_secs_f64();
            format!("cannot reach {to} ({}); next try in {seconds:.1} s", tame(why))
        });
    }
}

/// The next name of this producer in a shard.
fn stamp(sequences: &mut BTreeMap<u32, u64>, producer: [u8; 16], shard: u32) -> Stamp {
    let last = sequences.entry(shard).or_default();
    *last += 1;
    Stamp { producer, shard, sequence: *last }
}

/// An offer as the thread handles it, its secrets masked.
fn parcel(number: u64, mut encoded: Encoded) -> Parcel {
    scrub(&mut encoded.payload, encoded.signal == Signal::Metrics);
    Parcel {
        number,
        signal: encoded.signal,
        items: encoded.items,
        stamp: None,
        charge: encoded.payload.len(),
        body: Body::plain(encoded.payload),
        place: None,
        oversize: false,
    }
}

struct Ended(Arc<Control>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.end();
    }
}
