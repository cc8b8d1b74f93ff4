//! Leading: one collector judges the windows of all streams, whoever read them. Gets the lease of the leader
//! when it is free, takes windows that all streams have spoken of, in the order of the streams, and files
//! what the next leader goes on from.
//!
//! A stream that has been behind the others for half a minute is waited for no longer: windows are
//! judged as partial without it, and what it says of them later is in the totals alone. What is said is kept in Redis until it has
//! been judged and filed.

mod windows;

use super::Streams;
use super::fence::{self, Keys, Lease, Written};
use super::nodes::Nodes;
use super::produce::gzip;
use super::session::End;
use crate::checkpoint::{self, CheckpointError, frame};
use crate::door::gunzip;
use longpole_model::signal::{SECOND, Timestamp};
use redis::cmd;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::{Duration, Instant};

/// It is looked for windows this often.
const LOOK: Duration = Duration::from_millis(200);
/// The lease is asked for this often.
const RENEW: Duration = Duration::from_secs(1);
/// Nanoseconds of log time that a stream may be behind the others, and how long it may be further behind: whoever
/// has just taken it over reads minutes of it again.
const FAR: u64 = 5 * SECOND;
const PATIENCE: Duration = Duration::from_secs(30);
/// Windows that are fetched at once.
const AT_ONCE: usize = 8;
/// What is judged is filed this often at most, and for at most a twentieth of the time.
const FILE: Duration = Duration::from_secs(3);
const SHARE: u32 = 20;

/// Redis takes half a gigabyte in one value.
const MOST: usize = 400 << 20;
/// Most that it may be unpacked.
const UNPACKED: usize = 4 << 30;

/// A leader's place.
#[derive(Debug, Default)]
pub struct Seat {
    token: u64,
    /// Windows that end before or here have been judged.
    judged: Timestamp,
    /// Streams that were not waited for, and up to where they have been counted.
    behind: BTreeMap<u32, Timestamp>,
    /// Streams that are far behind, and since when.
    far: BTreeMap<u32, Instant>,
    /// Whether something was judged since it was filed.
    fresh: bool,
    /// Nothing is filed before.
    due: Option<Instant>,
}

/// Leads whenever nobody else does, until the connection ends.
///
/// # Errors
/// [`End`], always.
pub async fn lead(to: &Streams, mut nodes: Nodes, streams: u32) -> Result<Infallible, End> {
    let mut renew = Instant::now();
    loop {
        if Instant::now() >= renew {
            renew = Instant::now() + RENEW;
            lease(to, &mut nodes).await?;
        }
        let mut seat = to.seat.lock().await;
        let more = match &mut *seat {
            Some(seat) => {
                let more = judge(to, &mut nodes, seat, streams).await?;
                if seat.fresh && seat.due.is_none_or(|due| Instant::now() >= due) {
                    file(to, &mut nodes, seat, streams).await?;
                }
                more
            }
            None => false,
        };
        drop(seat);
        if !more {
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Gets or renews the lease; begins to lead, or stops.
async fn lease(to: &Streams, nodes: &mut Nodes) -> Result<(), End> {
    let answer = fence::acquire(nodes.leader(), &Keys::leader(), &to.me).await?;
    let mut seat = to.seat.lock().await;
    let held = match answer {
        Lease::Theirs(owner) => {
            to.state.led_by(&owner, false);
            if seat.take().is_some() {
                tracing::warn!(owner, "another collector leads now");
                gone(to.door.pipeline.follow().await)?;
            }
            return Ok(());
        }
        Lease::Ours(held) if seat.as_ref().is_some_and(|s| s.token == held.token) => return Ok(()),
        Lease::Ours(held) => held,
    };
    let mut ask = cmd("HMGET");
    ask.arg(&Keys::leader().position).arg(&["analysis", "behind"]);
    let told: (Option<Vec<u8>>, Option<String>) = ask.query_async(nodes.leader()).await?;
    let left = told.0.map(|bytes| read(to, &bytes)).transpose()?.flatten();
    let judged = left.as_ref().map_or(Timestamp(0), |s| s.told.next);
    let behind = told.1.as_deref().map(behind).unwrap_or_default();
    gone(to.door.pipeline.lead(&to.sharing, left).await)?;
    *seat = Some(Seat { token: held.token, judged, behind, ..Seat::default() });
    to.state.led_by(&to.me, true);
    let (token, before, judged) = (held.token, held.before, judged.0 / SECOND);
    tracing::info!(
        token,
        before,
        judged,
        "this collector leads: it judges the windows of all streams"
    );
    Ok(())
}

/// What an earlier leader left. What is damaged is done without.
fn read(to: &Streams, bytes: &[u8]) -> Result<Option<checkpoint::State>, End> {
    let damaged = |_| CheckpointError::Damaged("it cannot be unpacked");
    let unpacked = gunzip(bytes, UNPACKED).map_err(damaged);
    let state = unpacked.and_then(|whole| {
        let (_, body) = frame::read(&whole)?;
        checkpoint::read(body, &to.limits)
    });
    match state {
        Ok(state) => Ok(Some(state)),
        Err(e) if e.is_foreign() => Err(End::Foreign(Keys::leader().position, e.to_string())),
        Err(e) => {
            tracing::error!("{e}; totals, baselines and investigations begin anew");
            Ok(None)
        }
    }
}

/// The analyst ends before everything else does only where the process ends.
fn gone<T>(answer: Option<T>) -> Result<T, End> {
    answer.ok_or(End::Stopped)
}

/// `shard:nanoseconds`, with commas between.
fn behind(text: &str) -> BTreeMap<u32, Timestamp> {
    let one = |pair: &str| {
        let (shard, at) = pair.split_once(':')?;
        Some((shard.parse().ok()?, Timestamp(at.parse().ok()?)))
    };
    text.split(',').filter_map(one).collect()
}

fn text(behind: &BTreeMap<u32, Timestamp>) -> String {
    let all = behind.iter().map(|(shard, at)| format!("{shard}:{}", at.0));
    all.collect::<Vec<_>>().join(",")
}

/// Judges what can be; tells whether more waits.
async fn judge(
    to: &Streams,
    nodes: &mut Nodes,
    seat: &mut Seat,
    streams: u32,
) -> Result<bool, End> {
    let closed = windows::spoken(nodes, streams).await?;
    late(to, nodes, seat, &closed).await?;
    let until = ready(&closed, &mut seat.far, Instant::now());
    if until <= seat.judged {
        return Ok(false);
    }
    let ends = windows::ends(nodes, &closed, seat.judged, until).await?;
    let more = ends.len() > AT_ONCE;
    let some: Vec<Timestamp> = ends.into_iter().take(AT_ONCE).collect();
    // Behind these there may be more; where there is not, silence goes as far as all have spoken.
    let until = if more { some.last().copied().unwrap_or(until) } else { until };
    let mut windows = Vec::with_capacity(some.len());
    for end in &some {
        let spoke: Vec<u32> = closed.iter().filter(|(_, at)| *at >= end).map(|(n, _)| *n).collect();
        let mut parts = windows::fetch(to, nodes, &spoke, *end).await?;
        let missing = streams - spoke.len() as u32;
        if missing > 0 {
            to.state.figures.partial.inc();
            parts.iter_mut().take(1).for_each(|(s, _)| s.missing_shards += missing);
        }
        windows.push(parts);
    }
    for (shard, at) in closed.iter().filter(|(_, at)| **at < until) {
        seat.behind.entry(*shard).or_insert(*at);
    }
    to.state.figures.judged.inc_by(windows.len() as u64);
    gone(to.door.pipeline.judge(windows, until).await)?;
    (seat.judged, seat.fresh) = (until, true);
    Ok(more)
}

/// Up to where windows can be judged: what all have spoken of, but for those that have been far behind for long.
fn ready(
    closed: &BTreeMap<u32, Timestamp>,
    far: &mut BTreeMap<u32, Instant>,
    now: Instant,
) -> Timestamp {
    let furthest = closed.values().max().copied().unwrap_or_default();
    for (shard, at) in closed {
        match at.plus(FAR) < furthest {
            true => far.entry(*shard).or_insert(now),
            false => {
                far.remove(shard);
                continue;
            }
        };
    }
    let waited = |(shard, at): (&u32, &Timestamp)| {
        let long = far.get(shard).is_some_and(|since| now.duration_since(*since) >= PATIENCE);
        // Streams that nobody has read yet say nothing of when that will be.
        (!long || *at == Timestamp(0)).then_some(*at)
    };
    closed.iter().filter_map(waited).min().unwrap_or_default()
}

/// Counts what streams say that were not waited for.
async fn late(
    to: &Streams,
    nodes: &mut Nodes,
    seat: &mut Seat,
    closed: &BTreeMap<u32, Timestamp>,
) -> Result<(), End> {
    for (shard, counted) in seat.behind.clone() {
        let spoken = closed.get(&shard).copied().unwrap_or_default().min(seat.judged);
        if spoken <= counted {
            continue;
        }
        let one = BTreeMap::from([(shard, spoken)]);
        for end in windows::ends(nodes, &one, counted, spoken).await? {
            let parts = windows::fetch(to, nodes, &[shard], end).await?;
            to.state.figures.late.inc_by(parts.len() as u64);
            gone(to.door.pipeline.add_late(parts).await)?;
        }
        match spoken < seat.judged {
            true => seat.behind.insert(shard, spoken),
            false => seat.behind.remove(&shard),
        };
        seat.fresh = true;
    }
    Ok(())
}

/// Files what the next leader goes on from, and lets go of the windows that are in it.
async fn file(to: &Streams, nodes: &mut Nodes, seat: &mut Seat, streams: u32) -> Result<(), End> {
    let Some(analysis) = to.door.pipeline.analysis().await else { return Ok(()) };
    let analysis = match analysis {
        Ok(analysis) => analysis,
        Err(e) => {
            tracing::error!("what was judged is not filed: {e}");
            return Ok(());
        }
    };
    let (bytes, took, next) = (analysis.body.len(), analysis.took, analysis.next);
    let packing = tokio::task::spawn_blocking(move || gzip(&analysis.body));
    let packed = packing.await.map_err(|e| End::Lost(format!("packing broke off: {e}")))?;
    if packed.len() > MOST {
        let packed = packed.len();
        tracing::error!(bytes, packed, "what was judged is too much to be filed: lower --memory");
        return Ok(());
    }
    match fence::file(nodes.leader(), seat.token, &packed, &text(&seat.behind)).await? {
        Written::Done | Written::Before => {}
        // The lease tells who leads.
        Written::Fenced => {
            to.state.figures.fenced.inc();
            return Ok(());
        }
    }
    to.state.figures.filed.set(i64::try_from(packed.len()).unwrap_or(i64::MAX));
    seat.fresh = false;
    seat.due = Some(Instant::now() + FILE.max(took * SHARE));
    for shard in 0..streams {
        let counted = seat.behind.get(&shard).copied().unwrap_or(next).min(next);
        windows::forget(nodes, shard, counted).await?;
    }
    Ok(())
}

/// Files what was judged and gives the lead up. What fails here is mended by the next leader.
pub async fn leave(to: &Streams, nodes: &mut Nodes) {
    let Some(mut seat) = to.seat.lock().await.take() else { return };
    let left = match file(to, nodes, &mut seat, 0).await {
        Ok(()) => fence::release(nodes.leader(), &Keys::leader(), &to.me).await.map_err(End::from),
        Err(end) => Err(end),
    };
    if let Err(end) = left {
        tracing::warn!("the lead could not be left in order: {end}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Timestamp {
        Timestamp(s * SECOND)
    }

    #[test]
    fn a_stream_is_waited_for_until_it_has_been_far_behind_for_long() {
        let (mut far, now) = (BTreeMap::new(), Instant::now());
        let mut ready = |all: [u64; 3], after: u64| {
            let closed = (0..).zip(all.map(at)).collect();
            ready(&closed, &mut far, now + Duration::from_secs(after))
        };
        assert_eq!(ready([116, 118, 120], 0), at(116));
        assert_eq!(ready([80, 118, 120], 0), at(80), "it may be reading again");
        assert_eq!(ready([85, 128, 130], 29), at(85));
        assert_eq!(ready([85, 128, 130], 30), at(128), "for long");
        assert_eq!(ready([126, 128, 130], 31), at(126), "it is there again");
        assert_eq!(ready([0, 110, 120], 99), at(0), "nobody has begun to read it");
    }

    #[test]
    fn what_is_behind_is_written_and_read() {
        let all = BTreeMap::from([(3, at(5)), (11, at(7))]);
        assert_eq!(behind(&text(&all)), all);
        assert_eq!(behind(&text(&BTreeMap::new())), BTreeMap::new());
        assert_eq!(behind("x,1:,2:3:4,5:6"), BTreeMap::from([(5, Timestamp(6))]));
    }
}
