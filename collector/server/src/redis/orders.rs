//! Orders for processes that write into Redis: hears what they say, and tells them what is asked, by streams beside
//! those of spans. Every collector does, whoever owns the spans: any of them may have been asked.
//!
//! In a Cluster these streams may lie on several nodes; each is read by a connection of its own.
//!
//! Nothing here is part of the delivery contract. What is lost is said again by the process within seconds, or is
//! asked for once more by whoever wanted it. What an order may be is `control`'s.

use super::Streams;
use super::entry::field;
use super::id::EntryId;
use super::nodes::Finder;
use super::reply::{self, Entries};
use super::session::{ANSWER, BLOCK, End};
use crate::door::{Door, profile};
use bytes::Bytes;
use longpole_proto::order::{
    FIELD_ORDER, FIELD_PROFILE, FIELD_REPORT, FIELD_TAKER, KEY_ORDERS, KEY_PROFILES, KEY_SAID,
    Report, SAID_KEPT, Taker,
};
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Value, cmd};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;

/// Entries of a stream in one reply.
const COUNT: usize = 64;
/// A Redis that cannot be reached is tried again after this time.
const AGAIN: Duration = Duration::from_secs(5);
/// Hears and tells until it is told to stop.
pub async fn run(to: &Streams, stopped: watch::Receiver<bool>) {
    tokio::join!(hear_all(to, KEY_SAID, stopped.clone()), hear_all(to, KEY_PROFILES, stopped));
}

async fn hear_all(to: &Streams, key: &str, mut stopped: watch::Receiver<bool>) {
    let mut last = None;
    loop {
        let why = tokio::select! {
            Err(why) = exchange(to, key, &mut last) => why,
            _ = stopped.wait_for(|s| *s) => return,
        };
        // That Redis is away is told by the others.
        tracing::debug!("orders by streams: {why}");
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            _ = stopped.wait_for(|s| *s) => return,
        }
    }
}

/// The life of the connections.
async fn exchange(to: &Streams, key: &str, last: &mut Option<EntryId>) -> Result<Infallible, End> {
    let mut finder = Finder::start(&to.settings.address, BLOCK + ANSWER).await?;
    let (reads, tells) = (finder.locate(key).await?, finder.locate(KEY_ORDERS).await?);
    let (mut reads, mut tells) = (finder.of(reads).clone(), finder.of(tells).clone());
    loop {
        turn(&to.door, key, &mut reads, &mut tells, last).await?;
    }
}

async fn turn(
    door: &Door,
    key: &str,
    reads: &mut MultiplexedConnection,
    tells: &mut MultiplexedConnection,
    last: &mut Option<EntryId>,
) -> RedisResult<()> {
    let mut id = match last {
        Some(id) => *id,
        None => newest(reads, key).await?,
    };
    let mut read = cmd("XREAD");
    read.arg("COUNT").arg(COUNT).arg("BLOCK").arg(BLOCK.as_millis() as u64);
    read.arg("STREAMS").arg(key).arg(id.to_string());
    let told: Value = read.query_async(reads).await?;
    for (_, entries) in reply::named(told, &[key]) {
        for (at, fields) in entries {
            id = id.max(at);
            hear(door, tells, &fields).await?;
        }
    }
    *last = Some(id);
    Ok(())
}

/// The newest entry that is there already: what was said before this life is not for it.
async fn newest(c: &mut MultiplexedConnection, key: &str) -> RedisResult<EntryId> {
    let mut read = cmd("XREVRANGE");
    read.arg(key).arg("+").arg("-").arg("COUNT").arg(1);
    let found: Entries = reply::entries(read.query_async(c).await?);
    Ok(found.first().map(|(id, _)| *id).unwrap_or_default())
}

/// One entry: somebody is there, and may have something to say.
async fn hear(door: &Door, c: &mut MultiplexedConnection, fields: &[Vec<u8>]) -> RedisResult<()> {
    let text = |name: &str| std::str::from_utf8(field(fields, name)?).ok();
    let Some(taker) = text(FIELD_TAKER).and_then(Taker::read) else { return Ok(()) };
    let report = text(FIELD_REPORT).and_then(Report::read);
    if let (Some(packed), Some(report)) = (field(fields, FIELD_PROFILE), &report) {
        profile::by_stream(door, &taker, report.id, Bytes::copy_from_slice(packed)).await;
        return Ok(());
    }
    let whom = taker.write();
    let Some(order) = door.control.met(taker, report, door.pipeline.now()) else { return Ok(()) };
    let mut tell = cmd("XADD");
    tell.arg(KEY_ORDERS).arg("MAXLEN").arg("~").arg(SAID_KEPT).arg("*");
    tell.arg(FIELD_TAKER).arg(whom).arg(FIELD_ORDER).arg(order.write());
    tell.query_async(c).await
}
