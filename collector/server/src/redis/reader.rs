//! Reads the streams that are ours, all at once, and takes their entries in the order of arrival.
//!
//! By XREAD behind the last entry read here: what a consumer group has pending says nothing of what
//! was counted. While entries are taken the next ones are read.

use super::Streams;
use super::id::EntryId;
use super::merge::Merge;
use super::replayed::Replayed;
use super::reply::{self, Entries};
use super::session::{BLOCK, End};
use super::take::{self, Found};
use longpole_model::signal::SECOND;
use longpole_proto::road::stream_key;
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Value, cmd};
use std::time::{Duration, Instant};

/// Entries of a stream in one reply: of 256 KiB at most where producers keep to what is agreed.
const COUNT: usize = 16;
/// Where nothing is ours, it is asked again whether something is.
const NOTHING: Duration = Duration::from_millis(100);
/// A quiet stream is taken to have come to this long ago, in case clocks are not quite as one.
const MARGIN: u64 = SECOND;

/// Reads and takes until something ends it.
pub async fn read(
    to: &Streams,
    mut reads: MultiplexedConnection,
    mut commands: MultiplexedConnection,
    streams: u32,
) -> End {
    let mut merge = Merge::default();
    let mut replayed = Replayed::new(&to.limits, to.origin);
    to.state.lanes.all().values_mut().for_each(|lane| lane.behind = true);
    let mut found = Vec::new();
    loop {
        let now = Instant::now();
        for (shard, lane) in to.state.lanes.all().iter().filter(|(_, lane)| now < lane.until) {
            merge.begin(*shard, lane.taken);
        }
        let wanted = merge.wanted();
        let (told, taken) = tokio::join!(
            ask(&mut reads, &wanted),
            arrive(to, &mut commands, &mut merge, &mut replayed, std::mem::take(&mut found)),
        );
        if let Err(end) = taken {
            return end;
        }
        let told = match told {
            Ok(told) => reply::read(told, streams),
            Err(e) => return e.into(),
        };
        found = told_of(to, &mut merge, &wanted, told);
    }
}

/// What one stream had in one reply.
struct Told {
    shard: u32,
    entries: Entries,
    /// As many as were asked for.
    more: bool,
    /// Nothing that is still to come arrived before this millisecond.
    until: u64,
}

async fn ask(c: &mut MultiplexedConnection, wanted: &[(u32, EntryId)]) -> RedisResult<Value> {
    if wanted.is_empty() {
        tokio::time::sleep(NOTHING).await;
        return Ok(Value::Nil);
    }
    let mut ask = cmd("XREAD");
    ask.arg("COUNT").arg(COUNT).arg("BLOCK").arg(BLOCK.as_millis() as u64).arg("STREAMS");
    for (shard, _) in wanted {
        ask.arg(stream_key(*shard));
    }
    for (_, cursor) in wanted {
        ask.arg(cursor.to_string());
    }
    ask.query_async(c).await
}

/// How far each stream that was asked for is known now. A reply shows all of them as of one moment: it
/// is not before the last entry in it.
fn told_of(
    to: &Streams,
    merge: &mut Merge<Found>,
    wanted: &[(u32, EntryId)],
    mut told: Vec<(u32, Entries)>,
) -> Vec<Told> {
    let last = told.iter().flat_map(|(_, e)| e.last()).map(|(id, _)| id.millis).max();
    let quiet = EntryId::before(to.clock().minus(MARGIN)).millis;
    let until = last.unwrap_or(quiet);
    let one = |(shard, _): &(u32, EntryId)| {
        let at = told.iter().position(|(s, _)| s == shard);
        let entries = at.map_or_else(Vec::new, |n| told.swap_remove(n).1);
        if let Some((id, _)) = entries.last() {
            merge.read(*shard, *id);
        }
        Told { shard: *shard, more: entries.len() >= COUNT, entries, until }
    };
    wanted.iter().map(one).collect()
}

/// Reads what came, and takes all whose turn it is.
async fn arrive(
    to: &Streams,
    c: &mut MultiplexedConnection,
    merge: &mut Merge<Found>,
    replayed: &mut Replayed,
    told: Vec<Told>,
) -> Result<(), End> {
    // Streams are read beside one another.
    let decoding: Vec<_> = told
        .into_iter()
        .map(|t| {
            let door = to.door.clone();
            let (shard, entries) = (t.shard, t.entries);
            let decode = async move { take::decode(&door, shard, entries).await };
            (shard, t.more, t.until, tokio::spawn(decode))
        })
        .collect();
    for (shard, more, until, decoding) in decoding {
        let found = decoding.await.map_err(|e| End::Lost(format!("reading broke off: {e}")))?;
        merge.arrived(shard, found, more, until);
    }
    while let Some(next) = merge.next() {
        take::take(to, c, replayed, next).await?;
    }
    if let Some(at) = merge.time() {
        to.door.pipeline.time().hold(at);
    }
    let mut lanes = to.state.lanes.all();
    for (shard, lane) in lanes.iter_mut() {
        lane.behind = merge.behind(*shard);
        lane.known = merge.given(*shard).max(lane.known);
    }
    if !lanes.is_empty() && lanes.values().all(|lane| !lane.behind) {
        to.state.shown().caught_up = true;
    }
    Ok(())
}
