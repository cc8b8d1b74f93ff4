//! What streams said, as it stands in Redis: up to where, which windows, their stored forms; and what nobody needs
//! any more goes. Which of them are judged is not known here.

use crate::pipeline::Part;
use crate::redis::Streams;
use crate::redis::fence::Keys;
use crate::redis::nodes::Nodes;
use crate::redis::session::End;
use crate::wire;
use longpole_model::signal::Timestamp;
use redis::{cmd, pipe};
use std::collections::{BTreeMap, BTreeSet};

/// Up to where each stream has spoken.
pub async fn spoken(nodes: &mut Nodes, streams: u32) -> Result<BTreeMap<u32, Timestamp>, End> {
    let at = |told: Vec<Option<u64>>| Timestamp(told.into_iter().next().flatten().unwrap_or(0));
    let mut all = BTreeMap::new();
    for (shards, c) in nodes.share(0..streams) {
        let mut ask = pipe();
        for shard in &shards {
            ask.cmd("HMGET").arg(Keys::of(*shard).position).arg("closed");
        }
        let told: Vec<Vec<Option<u64>>> = ask.query_async(c).await?;
        all.extend(shards.into_iter().zip(told.into_iter().map(at)));
    }
    Ok(all)
}

/// Ends of the windows that something was said of, behind `from` and up to `until`.
pub async fn ends(
    nodes: &mut Nodes,
    closed: &BTreeMap<u32, Timestamp>,
    from: Timestamp,
    until: Timestamp,
) -> Result<BTreeSet<Timestamp>, End> {
    let mut all = BTreeSet::new();
    for (shards, c) in nodes.share(closed.keys().copied()) {
        let mut ask = pipe();
        for shard in shards {
            ask.cmd("HKEYS").arg(Keys::of(shard).windows);
        }
        let told: Vec<Vec<u64>> = ask.query_async(c).await?;
        let ends = told.into_iter().flatten().map(Timestamp);
        all.extend(ends.filter(|end| *end > from && *end <= until));
    }
    Ok(all)
}

/// What streams said of a window, in their order.
pub async fn fetch(
    to: &Streams,
    nodes: &mut Nodes,
    shards: &[u32],
    end: Timestamp,
) -> Result<Vec<Part>, End> {
    let mut parts = BTreeMap::new();
    for (shards, c) in nodes.share(shards.iter().copied()) {
        let mut ask = pipe();
        for shard in &shards {
            ask.cmd("HMGET").arg(Keys::of(*shard).windows).arg(end.0);
        }
        let told: Vec<Vec<Option<Vec<u8>>>> = ask.query_async(c).await?;
        for (shard, bytes) in shards.into_iter().zip(told) {
            let Some(bytes) = bytes.into_iter().next().flatten() else { continue };
            match wire::unpack(&bytes) {
                Ok(part) if part.0.window.end == end => {
                    parts.insert(shard, part);
                }
                Ok(_) => unreadable(to, shard, end, "it is another window"),
                Err(e) => unreadable(to, shard, end, &e.to_string()),
            }
        }
    }
    Ok(parts.into_values().collect())
}

fn unreadable(to: &Streams, shard: u32, end: Timestamp, why: &str) {
    to.state.figures.unreadable.inc();
    tracing::error!(shard, end = end.0, "a window cannot be read and is lost: {why}");
}

/// Lets go of a stream's windows that end before or at `until`.
pub async fn forget(nodes: &mut Nodes, shard: u32, until: Timestamp) -> Result<(), End> {
    let one = BTreeMap::from([(shard, until)]);
    let old = ends(nodes, &one, Timestamp(0), until).await?;
    if old.is_empty() {
        return Ok(());
    }
    let mut ask = cmd("HDEL");
    ask.arg(Keys::of(shard).windows);
    old.iter().for_each(|end| {
        ask.arg(end.0);
    });
    Ok(ask.query_async(nodes.of(shard)).await?)
}
