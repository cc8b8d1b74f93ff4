//! Holds streams: gets leases that are free, renews ours, writes positions down, trims, and notices
//! what is gone.
//!
//! One collector holds all it can get; another that reads the same Redis stands by and takes over what
//! is not renewed. Whoever loses a stream to another ends ([`End::Fenced`]).

use super::Streams;
use super::fence::{self, Keys, LEASE, Lease, Written};
use super::id::EntryId;
use super::lane::{Lane, reach};
use super::session::End;
use longpole_model::signal::Timestamp;
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Value, cmd};
use std::time::{Duration, Instant};

/// Leases are asked for and positions written this often.
const EVERY: Duration = Duration::from_secs(1);
/// Whoever stands by keeps its windows open so much longer: the other's may become ours.
const STAND_BY: Duration = Duration::from_secs(10);
/// Redis's clock is asked for each so many rounds.
const CLOCK: u32 = 10;

/// Holds what it can until something ends it.
pub async fn hold(to: &Streams, mut c: MultiplexedConnection, streams: u32) -> End {
    let mut round = 0u32;
    loop {
        for shard in 0..streams {
            if let Err(end) = lease(to, &mut c, shard).await {
                return end;
            }
        }
        if to.state.lanes.all().is_empty() {
            stand_by(to);
        }
        let ours: Vec<u32> = to.state.lanes.all().keys().copied().collect();
        for shard in ours {
            let done = match write(to, &mut c, shard).await {
                Ok(()) => watch(to, &mut c, shard).await,
                Err(end) => Err(end),
            };
            if let Err(end) = done {
                return end;
            }
        }
        round = round.wrapping_add(1);
        if round.is_multiple_of(CLOCK) {
            let asked = to.door.pipeline.now();
            match super::survey::look(&mut c, to.settings.accept_eviction).await {
                Ok(server) => {
                    let mut shown = to.state.shown();
                    shown.look(server, asked, to.door.pipeline.now());
                }
                Err(look) => return look.into(),
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Log time where all streams are another's: behind its own, so that what it had open can be counted
/// here in time.
fn stand_by(to: &Streams) {
    let mut shown = to.state.shown();
    shown.caught_up = true;
    let low = shown.streams.values().map(|s| s.low).min().unwrap_or_default();
    drop(shown);
    if low > Timestamp(0) {
        let there = low.plus(reach(&to.limits)).min(to.clock());
        to.door.pipeline.time().hold(there.minus(STAND_BY.as_nanos() as u64));
    }
}

/// Gets or renews the lease of a stream.
async fn lease(to: &Streams, c: &mut MultiplexedConnection, shard: u32) -> Result<(), End> {
    let asked = Instant::now();
    let answer = fence::acquire(c, &Keys::of(shard), &to.me).await?;
    let ours = to.state.lanes.all().get(&shard).map(|l| l.token);
    let mut shown = to.state.shown();
    let stream = shown.streams.entry(shard).or_default();
    match (answer, ours) {
        (Lease::Theirs { owner, low }, None) => {
            (stream.ours, stream.owner, stream.low) = (false, owner, low);
        }
        (Lease::Theirs { owner, .. }, Some(_)) => return Err(End::Fenced(shard, owner)),
        // Somebody had it in between, and gave it up.
        (Lease::Ours(held), Some(token)) if held.token != token && !held.before.is_empty() => {
            return Err(End::Fenced(shard, held.before));
        }
        (Lease::Ours(held), ours) => {
            (stream.ours, stream.token) = (true, held.token);
            stream.owner.clone_from(&to.me);
            drop(shown);
            let mut lanes = to.state.lanes.all();
            let lane = lanes.entry(shard).or_insert_with(|| Lane::new(&held, asked));
            (lane.token, lane.until) = (held.token, asked + LEASE);
            if ours.is_none() {
                let (token, before, from) = (held.token, held.before, lane.taken.to_string());
                tracing::info!(shard, token, before, from, "this stream is ours");
            }
        }
    }
    Ok(())
}

/// Writes the position of a stream down, and trims what is behind what may be needed.
async fn write(to: &Streams, c: &mut MultiplexedConnection, shard: u32) -> Result<(), End> {
    let pipeline = &to.door.pipeline;
    let Some(lane) = to.state.lanes.all().get(&shard).cloned() else { return Ok(()) };
    // In this order: what is closed now was taken before.
    let closed = pipeline.closed();
    let at = lane.position(&to.limits, pipeline.log_time(), closed);
    // Twice the horizon stays readable behind what a restart needs.
    let trim = EntryId::before(at.low.minus(2 * to.limits.horizon));
    match fence::write(c, &Keys::of(shard), lane.token, at, trim).await? {
        Written::Done | Written::Before => Ok(()),
        Written::Fenced => {
            to.state.figures.fenced.inc();
            Err(End::Fenced(shard, "another collector".into()))
        }
    }
}

/// Notices what was trimmed or deleted before it was read, and a stream that went back.
async fn watch(to: &Streams, c: &mut MultiplexedConnection, shard: u32) -> Result<(), End> {
    let stream = Keys::of(shard).stream;
    let told: RedisResult<Vec<Value>> =
        cmd("XINFO").arg("STREAM").arg(&stream).query_async(c).await;
    let told = match told {
        Ok(told) => told,
        // It is made with its first entry.
        Err(e) if e.detail().is_some_and(|d| d.contains("no such key")) => return Ok(()),
        Err(e) => return Err(e.into()),
    };
    let of = |name: &str| {
        let mut pairs = told.chunks_exact(2);
        pairs.find(|p| p[0] == Value::BulkString(name.into())).map(|p| &p[1])
    };
    let number = |name: &str| match of(name) {
        Some(Value::Int(n)) => u64::try_from(*n).unwrap_or(0),
        _ => 0,
    };
    let (length, added) = (number("length"), number("entries-added"));
    let last = match of("last-generated-id") {
        Some(Value::BulkString(id)) => EntryId::parse(id).unwrap_or_default(),
        _ => EntryId::default(),
    };
    let mut lanes = to.state.lanes.all();
    let Some(lane) = lanes.get_mut(&shard) else { return Ok(()) };
    let left = added.saturating_sub(length);
    let gone = left.saturating_sub(lane.count);
    let mut shown = to.state.shown();
    let seen = shown.streams.entry(shard).or_default();
    seen.length = length;
    seen.gone += gone;
    drop(shown);
    if gone > 0 {
        lane.count = left;
        to.state.figures.gone.inc_by(gone);
        tracing::error!(
            stream,
            gone,
            "entries were trimmed or deleted before they were read: spans are lost. \
             Nobody but the collector may trim streams"
        );
    }
    if last < lane.taken && last < lane.found.read.max(lane.taken) && lane.count > added {
        tracing::error!(
            stream, at = %lane.taken, last = %last,
            "the stream went back: Redis lost what it had acknowledged. Reading on from its end"
        );
        (lane.taken, lane.count) = (last, added);
        lane.found.read = lane.found.read.min(last);
        return Err(End::Lost(format!("{stream} went back")));
    }
    Ok(())
}

/// Writes all positions down and gives the streams up. What fails here is mended by the next owner.
pub async fn leave(to: &Streams, c: &mut MultiplexedConnection) {
    let ours: Vec<u32> = to.state.lanes.all().keys().copied().collect();
    for shard in ours {
        let left = match write(to, c, shard).await {
            Ok(()) => fence::release(c, &Keys::of(shard), &to.me).await.map_err(End::from),
            Err(end) => Err(end),
        };
        if let Err(end) = left {
            tracing::warn!(shard, "the stream could not be left in order: {end}");
        }
    }
}
