//! Holds streams: our share of them. Gets leases that are free, renews ours, writes down what is due, trims,
//! gives up what others are to have, and notices what is gone.
//!
//! Everybody who is here gets as many streams as everybody else, or one less; so whoever comes is given some,
//! and what a dead one had is shared by the rest. Nobody is asked: each counts who is there. What is lost or
//! given up is built again by its next owner, from the last place that was written; what was said of it under an
//! older token is refused.

use super::Streams;
use super::fence::{self, Keys, LEASE, Lease, Put};
use super::id::EntryId;
use super::lane::{Lane, trimmed};
use super::nodes::Nodes;
use super::session::{self, End};
use crate::checkpoint::lane;
use longpole_core::engine::reach;
use redis::{RedisResult, Value, cmd};
use std::convert::Infallible;
use std::time::{Duration, Instant};

/// Leases are asked for and positions written this often.
const EVERY: Duration = Duration::from_secs(1);
/// Redis's clock is asked for each so many rounds.
const CLOCK: u32 = 10;

/// Holds what it can until something ends it.
///
/// # Errors
/// [`End`], always.
pub async fn hold(to: &Streams, mut nodes: Nodes, streams: u32) -> Result<Infallible, End> {
    let mut round = 0u32;
    loop {
        let next = tokio::time::Instant::now() + EVERY;
        let members = fence::join(nodes.leader(), &to.me, to.clock()).await?;
        let share = share(streams, &members, &to.me);
        to.state.shown().members = members;
        give_up(to, &mut nodes, share).await?;
        for shard in 0..streams {
            let held = ours(to);
            if held.contains(&shard) || (held.len() as u32) < share {
                lease(to, &mut nodes, shard, streams).await?;
            } else {
                see(to, &mut nodes, shard).await?;
            }
        }
        for shard in ours(to) {
            write(to, &mut nodes, shard).await?;
            watch(to, &mut nodes, shard).await?;
        }
        round = round.wrapping_add(1);
        if round.is_multiple_of(CLOCK) {
            session::look(to, &mut nodes).await?;
        }
        // What closes meanwhile is written at once.
        while tokio::time::timeout_at(next, to.state.lanes.said.notified()).await.is_ok() {
            for shard in ours(to) {
                if to.state.lanes.all().get(&shard).is_some_and(|l| l.waits().0) {
                    write(to, &mut nodes, shard).await?;
                }
            }
        }
    }
}

/// Who has a stream that is left to others.
async fn see(to: &Streams, nodes: &mut Nodes, shard: u32) -> Result<(), End> {
    let mut ask = cmd("GET");
    let owner: Option<String> = ask.arg(Keys::of(shard).owner).query_async(nodes.of(shard)).await?;
    to.state.shown().streams.entry(shard).or_default().owner = owner.unwrap_or_default();
    Ok(())
}

fn ours(to: &Streams) -> Vec<u32> {
    to.state.lanes.all().keys().copied().collect()
}

/// How many of the streams are ours: the same for all, what is left over to the first.
fn share(streams: u32, members: &[String], me: &str) -> u32 {
    let many = u32::try_from(members.len()).unwrap_or(u32::MAX).max(1);
    let first = members.iter().position(|m| m == me).and_then(|at| u32::try_from(at).ok());
    streams / many + u32::from(first.is_some_and(|at| at < streams % many))
}

/// Gives up what is more than our share, so that others can have it.
async fn give_up(to: &Streams, nodes: &mut Nodes, share: u32) -> Result<(), End> {
    for shard in ours(to).into_iter().skip(share as usize) {
        write(to, nodes, shard).await?;
        forget(to, shard);
        fence::release(nodes.of(shard), &Keys::of(shard), &to.me).await?;
        tracing::info!(shard, share, "this stream is given up: others are to have it");
    }
    Ok(())
}

/// A stream is ours no more.
fn forget(to: &Streams, shard: u32) {
    to.state.lanes.all().remove(&shard);
    to.door.pipeline.end(shard);
    if let Some(stream) = to.state.shown().streams.get_mut(&shard) {
        stream.ours = false;
    }
}

/// Another has it: what we had open is counted there.
fn lost(to: &Streams, shard: u32, owner: &str) {
    forget(to, shard);
    to.state.figures.lost.inc();
    tracing::warn!(
        shard,
        owner,
        "this stream was taken over: its lease was not renewed in time (this process was stopped, starved \
         or cut off from Redis). What was open in it is counted there"
    );
}

/// Gets or renews the lease of a stream.
async fn lease(to: &Streams, nodes: &mut Nodes, shard: u32, streams: u32) -> Result<(), End> {
    let asked = Instant::now();
    let answer = fence::acquire(nodes.of(shard), &Keys::of(shard), &to.me).await?;
    let token = to.state.lanes.all().get(&shard).map(|l| l.token);
    let held = match answer {
        Lease::Theirs(owner) => {
            if token.is_some() {
                lost(to, shard, &owner);
            }
            to.state.shown().streams.entry(shard).or_default().owner = owner;
            return Ok(());
        }
        Lease::Ours(held) if token == Some(held.token) => {
            if let Some(lane) = to.state.lanes.all().get_mut(&shard) {
                lane.until = asked + LEASE;
            }
            return Ok(());
        }
        Lease::Ours(held) => held,
    };
    if token.is_some() {
        // Somebody had it in between, and gave it up.
        lost(to, shard, &held.before);
    }
    let place = place(to, nodes, shard).await?;
    let (millis, number) = place.as_ref().map(|p| p.place.position).unwrap_or_default();
    let from = EntryId { millis, number };
    let said = held.position.unwrap_or_default().closed;
    // Known before its thread says anything.
    to.state.lanes.all().insert(shard, Lane::new(&held, asked, from));
    if let Err(e) = to.door.pipeline.begin((shard, streams), held.token, place, said) {
        forget(to, shard);
        return Err(End::Lost(format!("no thread for stream {shard}: {e}")));
    }
    let mut shown = to.state.shown();
    let stream = shown.streams.entry(shard).or_default();
    (stream.ours, stream.token) = (true, held.token);
    stream.owner.clone_from(&to.me);
    drop(shown);
    let (token, before, from) = (held.token, held.before, from.to_string());
    tracing::info!(shard, token, before, from, "this stream is ours");
    Ok(())
}

/// From where a stream is read on; `None`: from its beginning.
async fn place(to: &Streams, nodes: &mut Nodes, shard: u32) -> Result<Option<lane::Lane>, End> {
    let mut ask = cmd("HMGET");
    let told: Vec<Option<Vec<u8>>> =
        ask.arg(&Keys::of(shard).position).arg("mark").query_async(nodes.of(shard)).await?;
    let Some(body) = told.into_iter().next().flatten() else { return Ok(None) };
    match lane::read(&body, &to.limits) {
        Ok(place) => Ok(Some(place)),
        Err(e) if e.is_foreign() => {
            // Somebody who can read it is to have it.
            fence::release(nodes.of(shard), &Keys::of(shard), &to.me).await?;
            Err(End::Foreign(Keys::of(shard).position, e.to_string()))
        }
        Err(e) => {
            tracing::error!(shard, "{e}; the stream is read from its beginning");
            Ok(None)
        }
    }
}

/// Writes down what is due of a stream, and trims what is behind what may be needed.
async fn write(to: &Streams, nodes: &mut Nodes, shard: u32) -> Result<(), End> {
    let lane = to.state.lanes.all().get(&shard).map(|l| (l.token, l.due(reach(&to.limits))));
    let Some((token, due)) = lane else { return Ok(()) };
    let trim = trimmed(&to.limits, due.position.low);
    match fence::write(nodes.of(shard), &Keys::of(shard), token, &due, trim).await? {
        Put::Done => {
            if let Some(lane) = to.state.lanes.all().get_mut(&shard).filter(|l| l.token == token) {
                lane.written(&due);
            }
        }
        Put::WentBack(closed) => {
            let mut lanes = to.state.lanes.all();
            let whole = lanes.get_mut(&shard).is_none_or(|lane| lane.went_back(closed));
            let closed = closed.0;
            tracing::error!(
                shard,
                closed,
                whole,
                "Redis lost windows that it had; they are written again"
            );
        }
        Put::Fenced => {
            to.state.figures.fenced.inc();
            lost(to, shard, "another collector");
        }
    }
    Ok(())
}

/// Notices what was trimmed or deleted before it was read, and a stream that went back.
async fn watch(to: &Streams, nodes: &mut Nodes, shard: u32) -> Result<(), End> {
    let stream = Keys::of(shard).stream;
    let told: RedisResult<Vec<Value>> =
        cmd("XINFO").arg("STREAM").arg(&stream).query_async(nodes.of(shard)).await;
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
    if last < lane.taken && last < lane.found.max(lane.taken) && lane.count > added {
        tracing::error!(
            stream, at = %lane.taken, last = %last,
            "the stream went back: Redis lost what it had acknowledged. Reading on from its end"
        );
        (lane.taken, lane.count) = (last, added);
        lane.found = lane.found.min(last);
        return Err(End::Lost(format!("{stream} went back")));
    }
    Ok(())
}

/// Writes everything down and gives the streams up. What fails here is mended by the next owner.
pub async fn leave(to: &Streams, nodes: &mut Nodes) {
    for shard in ours(to) {
        let left = match write(to, nodes, shard).await {
            Ok(()) => {
                fence::release(nodes.of(shard), &Keys::of(shard), &to.me).await.map_err(End::from)
            }
            Err(end) => Err(end),
        };
        if let Err(end) = left {
            tracing::warn!(shard, "the stream could not be left in order: {end}");
        }
    }
    // Else it ends with its time.
    let _ = fence::part(nodes.leader(), &to.me).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_shared_evenly() {
        let members = |n: usize| (0..n).map(|i| format!("c{i}")).collect::<Vec<_>>();
        let shares = |streams, n: usize| -> Vec<u32> {
            let all = members(n);
            all.iter().map(|me| share(streams, &all, me)).collect()
        };
        assert_eq!(shares(4, 1), [4]);
        assert_eq!(shares(4, 3), [2, 1, 1]);
        assert_eq!(shares(2, 3), [1, 1, 0]);
        assert_eq!(shares(64, 5).iter().sum::<u32>(), 64);
        assert_eq!(share(4, &members(2), "who is not counted yet"), 2);
        assert_eq!(share(4, &[], "alone"), 4);
    }
}
