//! What only the owner of a stream may do: hold the lease, write the position and what closed, bury an entry;
//! and the same for who leads. Each is a script that checks and writes in one step on the server.
//!
//! Who acquires a lease after another gets a greater token; a write with a smaller one is refused, so
//! that an owner that slept through its lease changes nothing when it wakes. When to do any of it is
//! decided by [`super::owner`].
//!
//! A Redis whose memory is full refuses what may take more of it, but lets a script end that has written
//! something else: each begins with a write that takes nothing. Else nobody could own, read and trim what
//! fills it.

use super::id::EntryId;
use super::lane::Due;
use longpole_model::signal::Timestamp;
use longpole_proto::road::stream_key;
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Value, cmd};
use std::time::Duration;

/// A lease that is not renewed ends after this time.
pub const LEASE: Duration = Duration::from_secs(4);
/// Dead letters kept of each stream.
pub const LETTERS: usize = 1_000;
/// The group by which Redis's own tools show how far we are. Nothing is read through it.
pub const GROUP: &str = "longpole";

const ACQUIRE: &str = r"
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then
  return {0, held}
end
local p = redis.call('HMGET', KEYS[2], 'token', 'owner', 'read', 'low', 'closed', 'count', 'dead')
local token = tonumber(p[1] or '0') or 0
local before = p[2] or ''
redis.call('DEL', KEYS[1])
if before ~= ARGV[1] then
  token = token + 1
  redis.call('HSET', KEYS[2], 'token', token, 'owner', ARGV[1])
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, tostring(token), before, p[3] or '', p[4] or '', p[5] or '', p[6] or '', p[7] or ''}";

const WRITE: &str = r"
local p = redis.call('HMGET', KEYS[1], 'token', 'closed')
if p[1] ~= ARGV[1] then return {0, ''} end
if (p[2] or '0') ~= ARGV[9] then return {2, p[2] or '0'} end
redis.call('XTRIM', KEYS[2], 'MINID', '~', ARGV[7])
redis.call('HSET', KEYS[1], 'read', ARGV[2], 'low', ARGV[3], 'closed', ARGV[4], 'count', ARGV[5])
if ARGV[8] ~= '' then redis.call('HSET', KEYS[1], 'mark', ARGV[8]) end
for i = 10, #ARGV, 2 do redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1]) end
if redis.pcall('XGROUP', 'SETID', KEYS[2], ARGV[6], ARGV[2]).err then
  redis.pcall('XGROUP', 'CREATE', KEYS[2], ARGV[6], ARGV[2], 'MKSTREAM')
end
return {1, ''}";

const FILE: &str = r"
if redis.call('HMGET', KEYS[1], 'token')[1] ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'analysis')
redis.call('HSET', KEYS[1], 'analysis', ARGV[2], 'behind', ARGV[3])
return 1";

const JOIN: &str = r"
redis.call('HDEL', KEYS[1], ARGV[1])
local now, all, live = tonumber(ARGV[2]), redis.call('HGETALL', KEYS[1]), {}
for i = 1, #all, 2 do
  if tonumber(all[i + 1]) < now then redis.call('HDEL', KEYS[1], all[i])
  else live[#live + 1] = all[i] end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
live[#live + 1] = ARGV[1]
return live";

const BURY: &str = r"
local p = redis.call('HMGET', KEYS[1], 'token', 'dead')
if p[1] ~= ARGV[1] then return 0 end
local ms, n = string.match(p[2] or '', '^(%d+)-(%d+)$')
ms, n = tonumber(ms or -1), tonumber(n or -1)
local at, nth = tonumber(ARGV[2]), tonumber(ARGV[3])
if at < ms or (at == ms and nth <= n) then return 2 end
redis.call('XTRIM', KEYS[2], 'MAXLEN', '~', ARGV[4])
redis.call('HSET', KEYS[1], 'dead', ARGV[2] .. '-' .. ARGV[3])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', unpack(ARGV, 5))
return 1";

const RELEASE: &str = r"
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0";

/// Keys of a stream's owner, all in the stream's slot.
pub struct Keys {
    /// The stream.
    pub stream: String,
    /// Who owns it, for as long as the lease lasts.
    pub owner: String,
    /// Token and position, for good.
    pub position: String,
    /// What could not be taken.
    pub dead: String,
    /// Windows that closed, until they are judged and filed.
    pub windows: String,
}

impl Keys {
    /// Of a shard's stream.
    pub fn of(shard: u32) -> Self {
        Self::named(stream_key(shard))
    }

    /// Of who leads: there is no stream, and the position holds what the next leader goes on from.
    pub fn leader() -> Self {
        Self::named("lp:{leader}".to_owned())
    }

    fn named(stream: String) -> Self {
        let key = |what: &str| format!("{stream}:{what}");
        let (owner, position) = (key("owner"), key("position"));
        Self { owner, position, dead: key("dead"), windows: key("windows"), stream }
    }
}

/// Collectors that share the streams, each with the moment at which it is taken for gone.
const MEMBERS: &str = "lp:{leader}:members";

/// How far a stream was taken, as it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The last entry that was taken.
    pub read: EntryId,
    /// What arrived before this moment is needed no more.
    pub low: Timestamp,
    /// Windows that end before or here were closed by the one who wrote this.
    pub closed: Timestamp,
    /// Entries that the stream has had up to `read`, those included that were gone.
    pub count: u64,
}

/// A lease that is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Grows with each owner.
    pub token: u64,
    /// Who held it last; empty where nobody did.
    pub before: String,
    /// What was written last; `None` where nothing was.
    pub position: Option<Position>,
}

/// What became of an attempt to get or keep a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lease {
    /// Ours for [`LEASE`] from the moment before it was asked for.
    Ours(Held),
    /// Another's, whose name this is.
    Theirs(String),
}

/// Whether a write was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Done.
    Done,
    /// It was done before.
    Before,
    /// Another owns the stream now.
    Fenced,
}

/// What became of an owner's write of what is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// Done.
    Done,
    /// Another owns the stream now.
    Fenced,
    /// Not done: Redis went back behind what had been written, and has windows up to here.
    WentBack(Timestamp),
}

/// Gets or keeps the lease of a shard's stream for `me`.
///
/// # Errors
/// Redis's.
pub async fn acquire(c: &mut MultiplexedConnection, keys: &Keys, me: &str) -> RedisResult<Lease> {
    let millis = LEASE.as_millis() as u64;
    let answer: Vec<Value> = cmd("EVAL")
        .arg(ACQUIRE)
        .arg(2)
        .arg(&[&keys.owner, &keys.position])
        .arg(me)
        .arg(millis)
        .query_async(c)
        .await?;
    let ours = answer.first() == Some(&Value::Int(1));
    let mut texts = answer.into_iter().skip(1).map(|v| match v {
        Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        _ => String::new(),
    });
    let mut next = || texts.next().unwrap_or_default();
    let first = next();
    let stamp = |text: String| Timestamp(text.parse().unwrap_or(0));
    if !ours {
        return Ok(Lease::Theirs(first));
    }
    let token = first.parse().unwrap_or(0);
    let before = next();
    let (read, low, closed, count) = (next(), next(), next(), next());
    let position = EntryId::parse(read.as_bytes()).map(|read| Position {
        read,
        low: stamp(low),
        closed: stamp(closed),
        count: count.parse().unwrap_or(0),
    });
    Ok(Lease::Ours(Held { token, before, position }))
}

/// Writes what is due of a stream, and trims the stream before `trim`.
///
/// # Errors
/// Redis's.
pub async fn write(
    c: &mut MultiplexedConnection,
    keys: &Keys,
    token: u64,
    due: &Due,
    trim: EntryId,
) -> RedisResult<Put> {
    let at = due.position;
    let mut ask = cmd("EVAL");
    ask.arg(WRITE)
        .arg(3)
        .arg(&[&keys.position, &keys.stream, &keys.windows])
        .arg(token)
        .arg(at.read.to_string())
        .arg(at.low.0)
        .arg(at.closed.0)
        .arg(at.count)
        .arg(GROUP)
        .arg(trim.to_string())
        .arg(due.mark.as_deref().unwrap_or_default())
        .arg(due.behind.0);
    for (end, window) in &due.windows {
        ask.arg(end.0).arg(&window[..]);
    }
    let (done, closed): (u8, String) = ask.query_async(c).await?;
    Ok(match done {
        1 => Put::Done,
        2 => Put::WentBack(Timestamp(closed.parse().unwrap_or(0))),
        _ => Put::Fenced,
    })
}

/// Files what the next leader goes on from, and which streams are `behind` what was judged.
///
/// # Errors
/// Redis's.
pub async fn file(
    c: &mut MultiplexedConnection,
    token: u64,
    analysis: &[u8],
    behind: &str,
) -> RedisResult<Written> {
    let keys = Keys::leader();
    let mut ask = cmd("EVAL");
    ask.arg(FILE).arg(1).arg(&keys.position).arg(token).arg(analysis).arg(behind);
    let done: u8 = ask.query_async(c).await?;
    Ok(if done == 1 { Written::Done } else { Written::Fenced })
}

/// Says that we are here; gives back all who are, sorted. `now` is Redis's clock.
///
/// # Errors
/// Redis's.
pub async fn join(
    c: &mut MultiplexedConnection,
    me: &str,
    now: Timestamp,
) -> RedisResult<Vec<String>> {
    let (now, until) = (now.0 / 1_000_000, now.plus(LEASE.as_nanos() as u64).0 / 1_000_000);
    let mut ask = cmd("EVAL");
    ask.arg(JOIN).arg(1).arg(MEMBERS).arg(me).arg(now).arg(until);
    let mut all: Vec<String> = ask.query_async(c).await?;
    all.sort_unstable();
    Ok(all)
}

/// Says that we are gone.
///
/// # Errors
/// Redis's.
pub async fn part(c: &mut MultiplexedConnection, me: &str) -> RedisResult<()> {
    cmd("HDEL").arg(MEMBERS).arg(me).query_async(c).await
}

/// Puts an entry that cannot be taken among the dead letters, once.
///
/// # Errors
/// Redis's.
pub async fn bury(
    c: &mut MultiplexedConnection,
    keys: &Keys,
    token: u64,
    id: EntryId,
    letter: &[(&[u8], &[u8])],
) -> RedisResult<Written> {
    let mut ask = cmd("EVAL");
    ask.arg(BURY).arg(2).arg(&[&keys.position, &keys.dead]);
    ask.arg(token).arg(id.millis).arg(id.number).arg(LETTERS);
    for (name, value) in letter {
        ask.arg(*name).arg(*value);
    }
    let done: u8 = ask.query_async(c).await?;
    Ok(match done {
        1 => Written::Done,
        2 => Written::Before,
        _ => Written::Fenced,
    })
}

/// Gives a lease up, so that another need not wait for its end.
///
/// # Errors
/// Redis's.
pub async fn release(c: &mut MultiplexedConnection, keys: &Keys, me: &str) -> RedisResult<()> {
    cmd("EVAL").arg(RELEASE).arg(1).arg(&keys.owner).arg(me).query_async(c).await
}
