//! One try: which road, under which name, and what its answer means for the request.

use super::super::account::tame;
use super::super::parcel::{Body, Parcel};
use super::super::redis::PIPELINE;
use super::super::spill::Spill;
use super::super::{Outcome, Signal};
use super::{Endpoint, Worker, stamp};
use crate::stats::DropReason;
use longpole_proto::cut::{self, trace_id};
use longpole_proto::road::{ENTRY_BYTES, UNSHARDED};
use longpole_proto::shard::{shard_of, trace_hash};
use std::time::Instant;

/// Moves of a cluster's streams in a row before that counts as a failure.
const MOVES: u32 = 8;

/// What one round did.
pub(super) enum Step {
    /// Something was tried.
    Did,
    /// Nothing may be tried now. `reached` = somebody answered the last time.
    Blocked { reached: bool },
}

impl Worker {
    /// Tries the first road that is open for something that waits.
    pub(super) async fn step(&mut self) -> Step {
        let now = Instant::now();
        if self.redis_health.open(now) && self.pending.iter().any(|p| self.may_redis(p)) {
            self.by_redis().await;
            return Step::Did;
        }
        let open = |e: &Option<Endpoint>| e.as_ref().is_some_and(|e| e.health.open(now));
        let (traces, metrics) = (open(&self.traces), open(&self.metrics));
        let ready = self.pending.iter().position(|p| match p.signal {
            Signal::Traces => traces,
            Signal::Metrics => metrics,
        });
        if let Some(at) = ready {
            self.by_otlp(at).await;
            return Step::Did;
        }
        if let Some(at) = self.pending.iter().position(|p| !self.has_road(p)) {
            self.drop_at(at, DropReason::TooLarge);
            return Step::Did;
        }
        let all = [&self.traces, &self.metrics].into_iter().flatten();
        let reached = self.reached || all.into_iter().any(|e| e.reached);
        Step::Blocked { reached }
    }

    /// Whether a request may go into a stream: not when it is too large, nor when a collector may have it
    /// under a name without a shard.
    fn may_redis(&self, parcel: &Parcel) -> bool {
        self.redis.is_some()
            && !parcel.oversize
            && parcel.stamp.is_none_or(|s| s.shard != UNSHARDED || !self.has_otlp(parcel.signal))
    }

    fn has_otlp(&self, signal: Signal) -> bool {
        match signal {
            Signal::Traces => self.traces.is_some(),
            Signal::Metrics => self.metrics.is_some(),
        }
    }

    fn has_road(&self, parcel: &Parcel) -> bool {
        self.may_redis(parcel) || self.has_otlp(parcel.signal)
    }

    async fn by_redis(&mut self) {
        let Some(redis) = &mut self.redis else { return };
        let shards = match redis.learn().await {
            Ok(shards) => shards,
            Err(why) => {
                // A name was settled with nobody: nothing of this road is under way.
                self.redis_is_ill(&why, false);
                return;
            }
        };
        self.cut(shards);
        // Those that may go come first; among each other all keep their order.
        let (go, stay): (Vec<Parcel>, Vec<Parcel>) =
            self.pending.drain(..).partition(Self::is_for_redis);
        self.pending.extend(go);
        self.pending.extend(stay);
        let many = self.pending.iter().take_while(|p| Self::is_for_redis(p)).count().min(PIPELINE);
        let Some(redis) = self.redis.as_mut().filter(|_| many > 0) else { return };
        let outcomes = redis.send(&mut self.pending.make_contiguous()[..many]).await;
        // From behind, so that what goes leaves the places before it alone.
        let mut ill = None;
        for (at, outcome) in outcomes.into_iter().enumerate().rev() {
            match outcome {
                Outcome::Later { why, reached, .. } => ill = Some((why, reached)),
                Outcome::Moved => {
                    self.moves += 1;
                    if self.moves > MOVES {
                        ill = Some(("its streams move in circles".to_owned(), true));
                    }
                }
                settled => {
                    self.moves = 0;
                    self.settle(at, settled);
                }
            }
        }
        match ill {
            Some((why, reached)) => self.redis_is_ill(&why, reached),
            None if self.moves == 0 => self.redis_health.well(),
            None => {}
        }
    }

    fn is_for_redis(parcel: &Parcel) -> bool {
        !parcel.oversize && parcel.stamp.is_some_and(|s| s.shard != UNSHARDED)
    }

    fn redis_is_ill(&mut self, why: &str, reached: bool) {
        let pause = self.redis_health.ill(Instant::now(), None, chance());
        self.reached = reached;
        self.account.retried();
        if let Some(redis) = &self.redis {
            self.say_unreachable(&redis.shown(), why, pause);
        }
    }

    /// Cuts what has no shard yet into parts of one shard each, and names them.
    fn cut(&mut self, shards: u32) {
        let mut at = 0;
        while at < self.pending.len() && at < 2 * PIPELINE {
            let cut = self.may_redis(&self.pending[at]) && !Self::is_for_redis(&self.pending[at]);
            let parcel = cut.then(|| self.pending.remove(at)).flatten();
            let Some(mut whole) = parcel else {
                at += 1;
                continue;
            };
            let Some(plain) = whole.body.unpacked() else {
                self.pending.insert(at, whole);
                self.settle(at, Outcome::Spoilt);
                continue;
            };
            let own = shard_of(trace_hash(self.producer), shards);
            let parts = cut::cut(&plain, ENTRY_BYTES, |_, item| match whole.signal {
                Signal::Traces => shard_of(trace_hash(trace_id(item)), shards),
                // All that a producer measures goes one way.
                Signal::Metrics => own,
            });
            let mut charge = whole.charge;
            let (place, number, signal) = (whole.place, whole.number, whole.signal);
            for part in parts {
                let own = part.payload.len().min(charge);
                charge -= own;
                let mut made = Parcel {
                    number,
                    signal,
                    items: part.items,
                    oversize: part.payload.len() > ENTRY_BYTES,
                    stamp: None,
                    body: Body::plain(part.payload),
                    place: None,
                    charge: own,
                };
                if !made.oversize {
                    made.stamp = Some(stamp(&mut self.sequences, self.producer, part.shard));
                }
                if place.is_some() {
                    self.rehome(&mut made);
                }
                self.pending.insert(at, made);
                at += 1;
            }
            self.control.release(charge);
            if let (Some(place), Some(spill)) = (place, &mut self.spill) {
                spill.done(place);
                self.note_disk();
            }
        }
    }

    /// Puts a request that came from disk there again, under the name it was given since: should the
    /// process end now, the next one sends it under the same.
    fn rehome(&mut self, parcel: &mut Parcel) {
        if let Some(spill) = &mut self.spill {
            // Where there is no room it goes on in memory only.
            parcel.place = spill.append_read(parcel).ok();
        }
    }

    async fn by_otlp(&mut self, at: usize) {
        let mut fresh = false;
        if self.pending[at].stamp.is_none() {
            fresh = true;
            self.pending[at].stamp = Some(stamp(&mut self.sequences, self.producer, UNSHARDED));
            if let Some(old) = self.pending[at].place {
                let mut parcel = self.pending[at].clone();
                self.rehome(&mut parcel);
                self.pending[at] = parcel;
                self.spill.iter_mut().for_each(|s| s.done(old));
                fresh = false;
            }
        }
        let parcel = &mut self.pending[at];
        let endpoint = match parcel.signal {
            Signal::Traces => &mut self.traces,
            Signal::Metrics => &mut self.metrics,
        };
        let Some(endpoint) = endpoint else { return };
        match endpoint.road.send(parcel).await {
            Outcome::Later { why, asked, reached } => {
                let pause = endpoint.health.ill(Instant::now(), asked, chance());
                endpoint.reached = reached;
                if fresh && !reached {
                    // Nobody has seen it: it may still go by Redis, and its number to the next.
                    parcel.stamp = None;
                    if let Some(last) = self.sequences.get_mut(&UNSHARDED) {
                        *last -= 1;
                    }
                }
                let shown = endpoint.road.shown.clone();
                self.account.retried();
                self.say_unreachable(&shown, &why, pause);
            }
            settled => {
                endpoint.health.well();
                endpoint.reached = true;
                self.settle(at, settled);
            }
        }
    }

    /// A request has come to its end.
    fn settle(&mut self, at: usize, outcome: Outcome) {
        let Some(parcel) = self.pending.remove(at) else { return };
        match outcome {
            Outcome::Taken { rejected, message } => {
                self.account.taken(&parcel, rejected);
                if !message.is_empty() {
                    self.voice.once("remark", || format!("the collector says: {}", tame(&message)));
                }
            }
            Outcome::Refused(why) => {
                self.account.given_up(&parcel, DropReason::Refused);
                self.voice.once("refused", || {
                    format!("the collector refused a request for good: {}", tame(&why))
                });
            }
            _ => self.account.given_up(&parcel, DropReason::SpillFailed),
        }
        self.let_go(&parcel);
    }

    fn drop_at(&mut self, at: usize, reason: DropReason) {
        let Some(parcel) = self.pending.remove(at) else { return };
        self.account.given_up(&parcel, reason);
        self.voice.once(reason.name(), || {
            format!("a request was dropped ({}): no road takes it", reason.name())
        });
        self.let_go(&parcel);
    }

    fn let_go(&mut self, parcel: &Parcel) {
        self.control.release(parcel.charge);
        if let Some(place) = parcel.place {
            self.spill.iter_mut().for_each(|s: &mut Spill| s.done(place));
            self.note_disk();
        }
    }
}

/// A number in 0..1.
fn chance() -> f64 {
    (crate::local::with(crate::local::Local::random) >> 11) as f64 / (1u64 << 53) as f64
}
