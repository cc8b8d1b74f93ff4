//! An entry on its way from the stream to the shards: unpacked and walked, then given to the pipeline,
//! or buried with the reason why not.

use super::Streams;
use super::entry::{self, Dead, Entry, Writer};
use super::fence::{self, Keys, Written};
use super::id::EntryId;
use super::reply::Entries;
use super::sender::Sender;
use super::session::End;
use crate::dedupe::Part;
use crate::door::{Door, Encoding, InflateError, Transport, gunzip};
use crate::ingest::otlp::Signal;
use crate::pipeline::Name;
use longpole_model::signal::{Batch, Rejections};
use longpole_proto::road;
use redis::aio::MultiplexedConnection;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Tries before an entry that breaks its reader off is given up.
const TRIES: u32 = 3;
/// Most bytes of an entry's request, unpacked: 64 times what an entry may be, where telemetry packs to a
/// quarter or a tenth. More of it would only make bombs dear for those that come behind them.
pub const UNPACKED: usize = 64 * road::ENTRY_BYTES;
/// The queue behind is full: asked again after this time.
const FULL: Duration = Duration::from_millis(20);

/// What was read of an entry.
pub enum Found {
    /// A request.
    Request(Box<Request>),
    /// Nothing that may be taken; with its fields.
    Dead(Dead, Vec<Vec<u8>>),
    /// Trimmed or deleted between two commands: an id without fields.
    Gone,
}

/// A request, unpacked and walked.
pub struct Request {
    signal: Signal,
    /// What it is recognised by.
    name: Name,
    /// Whether a door counted what came, when it came.
    by_door: bool,
    batch: Batch,
    rejections: Rejections,
    /// Bytes as stored, and unpacked.
    bytes: (usize, usize),
}

/// Reads entries of a stream, off the network's threads.
pub async fn decode(door: &Door, shard: u32, entries: Entries) -> Vec<(EntryId, Found)> {
    let entries = Arc::new(entries);
    let (own, all) = (door.clone(), Arc::clone(&entries));
    let read = move || all.iter().map(|(id, f)| (*id, one(&own, shard, *id, f))).collect();
    if let Ok(found) = tokio::task::spawn_blocking(read).await {
        return found;
    }
    // One of them breaks its reader off: each on its own, then.
    let mut found = Vec::with_capacity(entries.len());
    for n in 0..entries.len() {
        found.extend(alone(door, shard, &entries, n).await);
    }
    found
}

async fn alone(
    door: &Door,
    shard: u32,
    entries: &Arc<Entries>,
    n: usize,
) -> Option<(EntryId, Found)> {
    let (id, fields) = entries.get(n)?;
    let mut why = String::new();
    // The first try was together with the others.
    for _ in 1..TRIES {
        let (door, all) = (door.clone(), Arc::clone(entries));
        let read = move || all.get(n).map(|(id, f)| (*id, one(&door, shard, *id, f)));
        match tokio::task::spawn_blocking(read).await {
            Ok(found) => return found,
            Err(broke) => why = broke.to_string(),
        }
    }
    Some((*id, Found::Dead(Dead::Broke(TRIES, why), fields.clone())))
}

fn one(door: &Door, shard: u32, id: EntryId, fields: &[Vec<u8>]) -> Found {
    if fields.is_empty() {
        return Found::Gone;
    }
    match request(door, shard, id, fields) {
        Ok(request) => Found::Request(Box::new(request)),
        Err(dead) => Found::Dead(dead, fields.to_vec()),
    }
}

fn request(door: &Door, shard: u32, id: EntryId, fields: &[Vec<u8>]) -> Result<Request, Dead> {
    let entry = entry::read(shard, fields)?;
    let payload: Cow<[u8]> = match entry.encoding {
        Encoding::Identity => entry.otlp.into(),
        _ => {
            let unpacked = gunzip(entry.otlp, door.limits.bytes.min(UNPACKED));
            let dead = |e: InflateError| match e {
                InflateError::TooLarge(_) => Dead::TooLarge(e.to_string()),
                InflateError::Broken(..) => Dead::BadEncoding(e.to_string()),
            };
            unpacked.map_err(dead)?.into()
        }
    };
    let decoded = door.decode(entry.signal, &payload, id.stamp());
    let (batch, rejections) = decoded.map_err(|r| Dead::Refused(r.reason, r.message))?;
    let bytes = (entry.otlp.len(), payload.len());
    // Before anything is left out of it that was counted: read again, it has the same name.
    let name = name(&entry, &batch);
    let by_door = entry.writer != Writer::Producer;
    Ok(Request { signal: entry.signal, name, by_door, batch, rejections, bytes })
}

fn name(entry: &Entry<'_>, batch: &Batch) -> Name {
    let written = entry.producer;
    match entry.writer {
        Writer::Producer => Name::of(Some(written), batch),
        Writer::Door(None) => Name::written(written, batch),
        // Written whole, under the name that it has on every road.
        Writer::Door(Some(sender)) if sender.batch == written => Name::of(Some(written), batch),
        Writer::Door(Some(Sender { batch, part })) => {
            Name::part(written, Part { batch, stream: written.shard, number: part })
        }
    }
}

/// Takes the next entry of a stream. What was read under a token that is not ours any more is passed over.
///
/// # Errors
/// [`End`]: it was not taken.
pub async fn take(
    to: &Streams,
    c: &mut MultiplexedConnection,
    (shard, token): (u32, u64),
    id: EntryId,
    found: Found,
) -> Result<(), End> {
    let lane = to.state.lanes.all().get(&shard).map(|l| (l.token, l.until, l.found));
    let Some((_, until, before)) = lane.filter(|(now, ..)| *now == token) else { return Ok(()) };
    if Instant::now() >= until {
        return Err(End::Lost(format!("the lease of stream {shard} ended before it was renewed")));
    }
    let figures = &to.state.figures;
    match found {
        Found::Gone => figures.gone.inc(),
        Found::Dead(dead, fields) => letter(to, c, (shard, id, token), &dead, &fields).await?,
        Found::Request(request) => {
            let Request { signal, name, by_door, batch, rejections, bytes } = *request;
            let items = (batch.spans.len(), batch.points.len());
            let room = loop {
                match to.door.pipeline.room(bytes.1, &batch).await {
                    Ok(room) => break room,
                    Err(_) => tokio::time::sleep(FULL).await,
                }
                if to.state.lanes.all().get(&shard).is_none_or(|l| Instant::now() >= l.until) {
                    return Err(End::Lost("a lease ended while there was no room".into()));
                }
            };
            let place = ((id.millis, id.number), id.stamp());
            let given = to.door.pipeline.submit_of(shard, room, (batch, rejections), name, place);
            if given.is_err() {
                // It was given up meanwhile.
                return Ok(());
            }
            if id <= before {
                figures.replayed.inc_by((items.0 + items.1) as u64);
            } else if !by_door {
                to.door.own.taken(Transport::Redis, signal, items, bytes.1);
            }
            figures.bytes.inc_by(bytes.0 as u64);
            figures.entries.inc();
        }
    }
    if let Some(lane) = to.state.lanes.all().get_mut(&shard).filter(|l| l.token == token) {
        lane.take(id);
    }
    Ok(())
}

/// Writes a dead letter: reason, source, and the fields as they were.
async fn letter(
    to: &Streams,
    c: &mut MultiplexedConnection,
    (shard, id, token): (u32, EntryId, u64),
    dead: &Dead,
    fields: &[Vec<u8>],
) -> Result<(), End> {
    let keys = Keys::of(shard);
    let (why, source) = (dead.to_string(), id.to_string());
    let mut letter: Vec<(&[u8], &[u8])> = vec![
        (b"reason", dead.reason().as_bytes()),
        (b"why", why.as_bytes()),
        (b"source", source.as_bytes()),
    ];
    // What no producer sends is kept as far as an entry may be long.
    let mut room = 2 * road::ENTRY_BYTES;
    for field in fields.chunks_exact(2).take(32) {
        let (name, value) = (&field[0], &field[1]);
        room = room.saturating_sub(name.len());
        let some = value.get(..room.min(value.len())).unwrap_or_default();
        room -= some.len();
        letter.push((name.get(..256).unwrap_or(name), some));
    }
    let items = entry::field(fields, road::FIELD_ITEMS);
    let items = items.and_then(|f| std::str::from_utf8(f).ok()?.parse::<u32>().ok());
    match fence::bury(c, &keys, token, id, &letter).await? {
        Written::Done => {
            let items = items.unwrap_or(0);
            tracing::warn!(
                stream = keys.stream,
                id = source,
                reason = dead.reason(),
                items,
                "an entry cannot be taken; it stands in {}: {dead}",
                keys.dead
            );
            to.state.figures.dead.with_label_values(&[dead.reason()]).inc();
            to.state.figures.dead_items.inc_by(u64::from(items));
        }
        // An earlier reader did, and counted it.
        Written::Before => {}
        // The next one does.
        Written::Fenced => to.state.figures.fenced.inc(),
    }
    Ok(())
}
