//! The road by Redis Streams: one entry a request, pipelined to the stream of its shard. Never trims,
//! never creates what a collector decides (`lp:meta`), and takes every refusal for back-pressure.
//!
//! A client of our own: four commands, replies capped, the TLS and the deadlines of the other roads, and
//! no library whose least compiler is newer than this crate's. A connection is `connection`, the bytes
//! of the protocol are `resp`, what a collector asks comes by `orders`, where a master is is asked in `sentinel`.

mod connection;
mod orders;
mod resp;
mod sentinel;

use super::parcel::Parcel;
use super::settings::{Redis as Settings, at};
use super::{Outcome, Signal};
use connection::Connection;
use longpole_proto::road;
use longpole_proto::shard::{SHARD_HASH_SEED, SHARD_HASH_VERSION};
use resp::Value;
use std::collections::BTreeMap;

/// Entries on their way at once (DELIVERY section 2).
pub(crate) const PIPELINE: usize = 16;

/// Sends entries.
pub(crate) struct Redis {
    settings: Settings,
    /// Connections by address. More than one only in a cluster.
    open: BTreeMap<String, Connection>,
    /// Where a cluster said that a key lives.
    moved: BTreeMap<String, String>,
    /// The name among `open` of whom the address leads to, wherever that is now.
    home: String,
    shards: Option<u32>,
    /// The last entry of the stream of orders that was read.
    heard: Option<Vec<u8>>,
}

impl Redis {
    /// Makes ready; connects when there is something to send.
    pub fn new(settings: Settings) -> Self {
        let home = settings.shown();
        let (open, moved) = Default::default();
        Self { settings, open, moved, home, shards: None, heard: None }
    }

    /// Where it goes, for messages.
    pub fn shown(&self) -> String {
        format!("redis://{}", self.home)
    }

    /// Finds out how traces are dealt; the error says why that cannot be known now.
    pub async fn learn(&mut self) -> Result<u32, String> {
        if let Some(shards) = self.shards {
            return Ok(shards);
        }
        let known = tokio::time::timeout(self.settings.timeout, self.meta()).await;
        match known.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
            Ok(shards) => {
                self.shards = Some(shards);
                Ok(shards)
            }
            Err(why) => {
                self.open.clear();
                Err(why)
            }
        }
    }

    async fn meta(&mut self) -> Result<u32, String> {
        let fields = [road::META_SHARDS, road::META_HASH_VERSION, road::META_HASH_SEED];
        let mut bytes = Vec::new();
        resp::command(
            &mut bytes,
            &[b"HMGET", road::META_KEY.as_bytes()],
            &fields.map(str::as_bytes),
        );
        match self.ask(road::META_KEY, &bytes).await? {
            Value::Array(found) => dealt(&found),
            other => Err(format!("{}: {other:?}", road::META_KEY)),
        }
    }

    /// Sends a command to who has its key.
    async fn ask(&mut self, key: &str, bytes: &[u8]) -> Result<Value, String> {
        let told = self.ask_around(key, bytes).await;
        // Whoever has it may be gone: the next time it is asked from the beginning.
        told.inspect_err(|_| drop(self.moved.remove(key)))
    }

    async fn ask_around(&mut self, key: &str, bytes: &[u8]) -> Result<Value, String> {
        // A cluster may keep it elsewhere.
        for _ in 0..3 {
            let at = self.moved.get(key).unwrap_or(&self.home).clone();
            let connection = self.connect(&at).await?;
            connection.write(bytes).await.map_err(|e| e.to_string())?;
            match connection.read().await.map_err(|e| e.to_string())? {
                Value::Error(text) => match moved(&text) {
                    Some(to) => self.moved.insert(key.to_owned(), to),
                    None => return Err(text),
                },
                other => return Ok(other),
            };
        }
        Err(format!("{key} moves in circles"))
    }

    async fn connect(&mut self, at: &str) -> Result<&mut Connection, String> {
        if !self.open.contains_key(at) {
            let made = match at == self.home {
                true => self.first().await?,
                false => Connection::open(&self.settings, at).await?,
            };
            self.open.insert(at.to_owned(), made);
        }
        self.open.get_mut(at).ok_or_else(|| "no connection".to_owned())
    }

    /// Connects to whom the address leads to: the first of its hosts that takes us, or where one of them says that
    /// the master is.
    async fn first(&self) -> Result<Connection, String> {
        let settings = &self.settings;
        // One that does not answer leaves time for the others.
        let limit = settings.timeout / (settings.places.len().max(1) as u32 + 1);
        let mut why = "no host is named".to_owned();
        for (host, port) in &settings.places {
            let place = at(host, *port);
            let open = async {
                let place = match &settings.master {
                    Some(master) => sentinel::ask(settings, &place, master).await?,
                    None => place.clone(),
                };
                Connection::open(settings, &place).await
            };
            let made = tokio::time::timeout(limit, open).await;
            match made.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
                Ok(made) => return Ok(made),
                Err(e) => why = format!("{place}: {e}"),
            }
        }
        Err(why)
    }

    /// Sends stamped requests, at most [`PIPELINE`], and says what became of each.
    pub async fn send(&mut self, parcels: &mut [Parcel]) -> Vec<Outcome> {
        let mut out: Vec<Outcome> =
            parcels.iter().map(|_| later("no answer in time", true)).collect();
        let limit = self.settings.timeout;
        let done = tokio::time::timeout(limit, self.all(parcels, &mut out)).await;
        // What was read of an answer that did not come is of no use to the next.
        if done.is_err() {
            self.open.clear();
        }
        out
    }

    async fn all(&mut self, parcels: &mut [Parcel], out: &mut [Outcome]) {
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (i, parcel) in parcels.iter().enumerate() {
            let key = road::stream_key(parcel.stamp.map_or(0, |s| s.shard));
            let at = self.moved.get(&key).unwrap_or(&self.home).clone();
            groups.entry(at).or_default().push(i);
        }
        for (at, group) in groups {
            if let Err((why, reached)) = self.group(&at, &group, parcels, out).await {
                self.open.remove(&at);
                // The cluster may have lost that one: ask the first again.
                self.moved.retain(|_, to| *to != at);
                // A new server may deal anew.
                self.shards = None;
                for i in group {
                    if matches!(out[i], Outcome::Later { .. }) {
                        out[i] = later(&why, reached);
                    }
                }
            }
        }
    }

    /// One pipeline to one server. The error is the connection's; what had its reply before it stands.
    async fn group(
        &mut self,
        at: &str,
        group: &[usize],
        parcels: &mut [Parcel],
        out: &mut [Outcome],
    ) -> Result<(), (String, bool)> {
        let replicas = self.settings.replicas;
        let patience = self.settings.timeout.as_millis() / 2;
        let connection = self.connect(at).await.map_err(|e| (e, false))?;
        let io = |e: std::io::Error| (e.to_string(), true);
        let mut bytes = Vec::new();
        for i in group {
            entry(&mut bytes, &mut parcels[*i]);
        }
        if replicas > 0 {
            let (n, ms) = (replicas.to_string(), patience.to_string());
            resp::command(&mut bytes, &[b"WAIT", n.as_bytes(), ms.as_bytes()], &[]);
        }
        connection.write(&bytes).await.map_err(io)?;
        let mut replies = Vec::with_capacity(group.len());
        for i in group {
            replies.push((*i, connection.read().await.map_err(io)?));
        }
        // Too few replicas have it: nobody knows, and the same name makes a second try harmless.
        let safe = match replicas {
            0 => true,
            n => matches!(connection.read().await.map_err(io)?,
                Value::Integer(have) if have >= i64::from(n)),
        };
        let mut deposed = false;
        for (i, reply) in replies {
            deposed |= matches!(&reply, Value::Error(text) if text.starts_with("READONLY"));
            out[i] = match reply {
                Value::Text(_) if safe => Outcome::Taken { rejected: 0, message: String::new() },
                Value::Text(_) => later("too few replicas have it", true),
                Value::Error(text) => match (moved(&text), parcels[i].stamp) {
                    (Some(to), Some(stamp)) => {
                        self.moved.insert(road::stream_key(stamp.shard), to);
                        Outcome::Moved
                    }
                    _ => later(&text, true),
                },
                other => later(&format!("an answer that is none: {other:?}"), true),
            };
        }
        // It is a replica now: whoever leads is found by a new connection.
        if deposed { Err(("it is a replica now".to_owned(), true)) } else { Ok(()) }
    }
}

/// XADD of one request, the fields in the order of their definition.
fn entry(out: &mut Vec<u8>, parcel: &mut Parcel) {
    let Some(stamp) = parcel.stamp else { return };
    let signal = match parcel.signal {
        Signal::Traces => road::SIGNAL_TRACES,
        Signal::Metrics => road::SIGNAL_METRICS,
    };
    let packed = parcel.body.gzip();
    let key = road::stream_key(stamp.shard);
    let (producer, sequence) = (road::producer_hex(stamp.producer), stamp.sequence.to_string());
    let items = parcel.items.to_string();
    let fields: [(&str, &[u8]); 7] = [
        (road::FIELD_FORMAT, road::ENTRY_FORMAT.as_bytes()),
        (road::FIELD_PRODUCER, producer.as_bytes()),
        (road::FIELD_SEQUENCE, sequence.as_bytes()),
        (road::FIELD_SIGNAL, signal.as_bytes()),
        (road::FIELD_ITEMS, items.as_bytes()),
        (road::FIELD_ENCODING, road::ENCODING_GZIP.as_bytes()),
        (road::FIELD_OTLP, &packed),
    ];
    let flat: Vec<&[u8]> = fields.iter().flat_map(|(k, v)| [k.as_bytes(), *v]).collect();
    resp::command(out, &[b"XADD", key.as_bytes(), b"*"], &flat);
}

fn later(why: &str, reached: bool) -> Outcome {
    Outcome::Later { why: why.to_owned(), asked: None, reached }
}

/// `MOVED 3999 127.0.0.1:6381`: where a cluster keeps the slot.
fn moved(error: &str) -> Option<String> {
    let rest = error.strip_prefix("MOVED ")?;
    let (_, to) = rest.split_once(' ')?;
    let (host, port) = to.trim().rsplit_once(':')?;
    Some(at(host, port.parse().ok()?)).filter(|_| !host.is_empty())
}

/// What `lp:meta` says.
fn dealt(found: &[Value]) -> Result<u32, String> {
    let number = |i: usize| match found.get(i) {
        Some(Value::Text(bytes)) => std::str::from_utf8(bytes).ok()?.parse::<u64>().ok(),
        _ => None,
    };
    let (shards, version, seed) = (number(0), number(1), number(2));
    match shards.and_then(|s| u32::try_from(s).ok()) {
        None => Err(format!(
            "{} names no number of shards; a collector that uses this Redis writes it",
            road::META_KEY
        )),
        Some(_) if version != Some(SHARD_HASH_VERSION.into()) || seed != Some(SHARD_HASH_SEED) => {
            Err(format!("{} deals by another hash than this SDK knows", road::META_KEY))
        }
        Some(shards) if !(1..=4096).contains(&shards) => {
            Err(format!("{}: {shards} shards", road::META_KEY))
        }
        Some(shards) => Ok(shards),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_say_where_a_stream_lives() {
        assert_eq!(moved("MOVED 1 10.0.0.1:7000").as_deref(), Some("10.0.0.1:7000"));
        assert_eq!(moved("MOVED 1 ::1:7000").as_deref(), Some("[::1]:7000"));
        assert_eq!(moved("MOVED 1 :7000"), None, "the same host under another port: asked again");
        assert_eq!(moved("OOM command not allowed"), None);
    }

    #[test]
    fn only_a_whole_description_is_believed() {
        let text = |s: &str| Value::Text(s.as_bytes().to_vec());
        let (version, seed) = (text("1"), text(&SHARD_HASH_SEED.to_string()));
        assert_eq!(dealt(&[text("4"), version.clone(), seed.clone()]), Ok(4));
        assert!(dealt(&[Value::Null, Value::Null, Value::Null]).is_err());
        assert!(dealt(&[text("4"), text("2"), seed.clone()]).is_err());
        assert!(dealt(&[text("0"), version, seed]).is_err());
    }
}
