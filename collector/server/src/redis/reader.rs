//! Reads the streams that are ours, all at once, each in its own order.
//!
//! By XREAD behind the last entry read here: what a consumer group has pending says nothing of what
//! was counted. While entries are taken the next ones are read. In a Cluster each stream has a read of its own.

use super::Streams;
use super::id::EntryId;
use super::lane::Lane;
use super::nodes::Nodes;
use super::reply::{self, Entries};
use super::session::{ANSWER, BLOCK, End};
use super::take;
use futures_util::stream::{FuturesUnordered, StreamExt};
use longpole_model::signal::SECOND;
use longpole_proto::road::stream_key;
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Value, cmd};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::{Duration, Instant};

/// Entries of a stream in one reply: of 256 KiB at most where producers keep to what is agreed.
const COUNT: usize = 16;
/// Where nothing is ours, it is asked again whether something is.
const NOTHING: Duration = Duration::from_millis(100);
/// A quiet stream is taken to have come to this long ago, in case clocks are not quite as one.
const MARGIN: u64 = SECOND;

/// Up to where streams have been read, by their tokens.
type Cursors = BTreeMap<u32, (u64, EntryId)>;

/// Reads and takes until something ends it.
pub async fn read(to: &Streams, nodes: &Nodes, streams: u32) -> End {
    to.state.lanes.all().values_mut().for_each(|lane| lane.behind = true);
    let all = nodes.together();
    let mut reading: FuturesUnordered<_> =
        all.iter().map(|shards| together(to, nodes, shards, streams)).collect();
    match reading.next().await {
        Some(Err(end)) => end,
        None => End::Lost("there are no streams".into()),
    }
}

/// Reads streams that one command may read.
async fn together(
    to: &Streams,
    nodes: &Nodes,
    shards: &[u32],
    streams: u32,
) -> Result<Infallible, End> {
    let (mut commands, mut reads) = (nodes.clone(), None);
    let mut cursors = Cursors::new();
    let mut found = Vec::new();
    loop {
        let wanted = wanted(to, shards, &mut cursors);
        if let (None, Some((shard, _))) = (&reads, wanted.first()) {
            reads = Some(nodes.own(&to.settings.address, *shard, BLOCK + ANSWER).await?);
        }
        let (told, taken) = tokio::join!(
            ask(reads.as_mut(), &wanted),
            arrive(to, &mut commands, std::mem::take(&mut found))
        );
        taken?;
        found = told_of(to, &mut cursors, &wanted, reply::read(told?, streams));
    }
}

/// What one stream had in one reply.
struct Told {
    shard: u32,
    token: u64,
    entries: Entries,
    /// As many as were asked for.
    more: bool,
    /// Nothing that is still to come arrived before this millisecond.
    until: u64,
}

/// Those of these streams that are to be read, and behind which entry. Whose windows wait to be written is left out.
fn wanted(to: &Streams, shards: &[u32], cursors: &mut Cursors) -> Vec<(u32, EntryId)> {
    let now = Instant::now();
    let lanes = to.state.lanes.all();
    cursors.retain(|shard, (token, _)| lanes.get(shard).is_some_and(|l| l.token == *token));
    let ours = shards.iter().filter_map(|shard| Some((*shard, lanes.get(shard)?)));
    let ours = ours.filter(|(_, lane)| now < lane.until && !lane.waits().1);
    let begin = |(shard, lane): (u32, &Lane)| {
        let at = cursors.entry(shard).or_insert((lane.token, lane.taken));
        (shard, at.1)
    };
    ours.map(begin).collect()
}

async fn ask(
    c: Option<&mut MultiplexedConnection>,
    wanted: &[(u32, EntryId)],
) -> RedisResult<Value> {
    let Some(c) = c.filter(|_| !wanted.is_empty()) else {
        tokio::time::sleep(NOTHING).await;
        return Ok(Value::Nil);
    };
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
    cursors: &mut Cursors,
    wanted: &[(u32, EntryId)],
    mut told: Vec<(u32, Entries)>,
) -> Vec<Told> {
    let last = told.iter().flat_map(|(_, e)| e.last()).map(|(id, _)| id.millis).max();
    // Streams of one node have one clock.
    let quiet = |shard| EntryId::before(to.clock_of(shard).minus(MARGIN)).millis;
    let until = last.or_else(|| wanted.first().map(|(shard, _)| quiet(*shard))).unwrap_or(0);
    let one = |(shard, _): &(u32, EntryId)| {
        let (token, cursor) = cursors.get_mut(shard)?;
        let at = told.iter().position(|(s, _)| s == shard);
        let entries = at.map_or_else(Vec::new, |n| told.swap_remove(n).1);
        if let Some((id, _)) = entries.last() {
            *cursor = (*cursor).max(*id);
        }
        let more = entries.len() >= COUNT;
        Some(Told { shard: *shard, token: *token, more, entries, until })
    };
    wanted.iter().filter_map(one).collect()
}

/// Reads what came, and takes it.
async fn arrive(to: &Streams, nodes: &mut Nodes, told: Vec<Told>) -> Result<(), End> {
    // Streams are read beside one another.
    let decoding: Vec<_> = told
        .into_iter()
        .map(|t| {
            let door = to.door.clone();
            let decode = async move { take::decode(&door, t.shard, t.entries).await };
            (t.shard, t.token, t.more, t.until, tokio::spawn(decode))
        })
        .collect();
    for (shard, token, more, until, decoding) in decoding {
        let found = decoding.await.map_err(|e| End::Lost(format!("reading broke off: {e}")))?;
        let mut last = 0;
        for (id, entry) in found {
            last = id.millis;
            take::take(to, nodes.of(shard), (shard, token), id, entry).await?;
        }
        let known = EntryId { millis: if more { last } else { until }, number: 0 }.stamp();
        if let Some(lane) = to.state.lanes.all().get_mut(&shard).filter(|l| l.token == token) {
            lane.behind = more;
            lane.known = known.max(lane.known);
            if !more {
                to.door.pipeline.tick_of(shard, known);
            }
        }
    }
    let lanes = to.state.lanes.all();
    let mut shown = to.state.shown();
    shown.caught_up |= !shown.members.is_empty() && lanes.values().all(|lane| !lane.behind);
    Ok(())
}
