//! The look at a Redis before it is used: version, what it does when memory is full, what survives its
//! end, its role, its clock; and how its streams are dealt.
//!
//! The reading of INFO is pure. What is refused here is refused with what would mend it.

use longpole_model::signal::Timestamp;
use longpole_proto::{road, shard};
use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, ServerErrorKind, cmd};

/// Streams where nobody says how many.
const STREAMS: u32 = 4;
/// Most streams.
pub const MOST_STREAMS: u32 = 64;
/// Oldest version that knows what is asked of it.
const OLDEST: (u32, u32) = (7, 0);

/// Why a Redis is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Too old.
    #[error("it is version {0}; streams need 7.0 or newer (or Valkey): update it")]
    Version(String),
    /// It may throw streams away.
    #[error(
        "its maxmemory-policy is {0}: when memory is full it throws away whole streams that it has \
         acknowledged. Set maxmemory-policy noeviction (senders are then told to wait), or take the \
         risk with redis.eviction: accept"
    )]
    Eviction(String),
    /// It does not say.
    #[error(
        "this user may not ask INFO, so that nobody knows whether it throws streams away when memory \
         is full: grant +info (deploy/redis/users.acl), or take the risk with redis.eviction: accept"
    )]
    Silent,
    /// Who watches servers, and is none.
    #[error(
        "it is a Sentinel: name it as one, with the master that it watches \
         (redis+sentinel://host:port/master)"
    )]
    Sentinel,
    /// Not the master.
    #[error("it is a replica, which takes no writes: give the address of the master")]
    Replica,
    /// Streams of another form.
    #[error(
        "its streams (lp:meta) are dealt by {0}, this collector deals by {1}: it would count traces \
         in pieces. Use the version that made them, or let the old streams run empty, delete lp:meta \
         and all lp:* with every producer and collector stopped, and start again"
    )]
    Hash(String, String),
    /// Another number of streams.
    #[error(
        "it has {0} streams (lp:meta), redis.streams says {1}: their number is fixed when they are \
         made. Leave redis.streams out, or see deploy/RUNBOOK.md for how to change it"
    )]
    Streams(String, u32),
}

/// What a Redis says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// Version, of Valkey with its name.
    pub version: String,
    /// What it does when memory is full; empty where it does not say.
    pub policy: String,
    /// Whether every write goes to a file of appends.
    pub append_only: bool,
    /// Whether it takes snapshots.
    pub snapshots: bool,
    /// Bytes of memory it may use; 0 = no limit.
    pub max_memory: u64,
    /// Bytes it uses.
    pub used_memory: u64,
    /// Whether it is a node of a Cluster.
    pub cluster: bool,
    /// Its clock, where it tells.
    pub clock: Option<Timestamp>,
}

impl Server {
    /// What is lost when it ends, in words.
    pub fn persistence(&self) -> &'static str {
        match (self.append_only, self.snapshots) {
            (true, _) => "append-only file: a power loss may take the last two seconds",
            (false, true) => "snapshots only: its end takes all that came since the last one",
            (false, false) => "none: spans survive the collector's restart, not Redis's",
        }
    }
}

/// Reads INFO and says whether this Redis may be used. `accept`: eviction is somebody's risk.
///
/// # Errors
/// [`Unfit`].
pub fn examine(info: &str, accept: bool) -> Result<Server, Unfit> {
    let of = |name: &str| {
        let line = info.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
        line.map_or("", str::trim)
    };
    let version = of("redis_version");
    let mut numbers = version.split('.').map(|n| n.parse::<u32>().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < OLDEST {
        return Err(Unfit::Version(version.to_owned()));
    }
    // Valkey has a name of its own for it.
    let mode = Some(of("redis_mode")).filter(|m| !m.is_empty()).unwrap_or(of("server_mode"));
    match (mode, of("role")) {
        // One that has nothing of ours says who does.
        ("cluster", _) => {}
        ("sentinel", _) => return Err(Unfit::Sentinel),
        (_, "slave") => return Err(Unfit::Replica),
        _ => {}
    }
    let policy = of("maxmemory_policy");
    if !accept && policy != "noeviction" && !policy.starts_with("volatile-") {
        return Err(Unfit::Eviction(policy.to_owned()));
    }
    let number = |name: &str| of(name).parse::<u64>().ok();
    Ok(Server {
        version: match of("valkey_version") {
            "" => version.to_owned(),
            valkey => format!("valkey {valkey}"),
        },
        policy: policy.to_owned(),
        append_only: of("aof_enabled") == "1",
        cluster: mode == "cluster",
        // A server that never saves has no last save of its own; it tells that of its start.
        snapshots: number("rdb_saves").is_some_and(|n| n > 0)
            || number("rdb_last_bgsave_time_sec").is_some(),
        max_memory: number("maxmemory").unwrap_or(0),
        used_memory: number("used_memory").unwrap_or(0),
        clock: number("server_time_usec").map(|n| Timestamp(n.saturating_mul(1_000))),
    })
}

/// Why a look failed.
#[derive(Debug, thiserror::Error)]
pub enum Look {
    /// It must not be used.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// It does not answer as it should.
    #[error(transparent)]
    Redis(#[from] RedisError),
}

/// Looks at a Redis.
///
/// # Errors
/// [`Look`].
pub async fn look(c: &mut MultiplexedConnection, accept: bool) -> Result<Server, Look> {
    match cmd("INFO").query_async::<String>(c).await {
        Ok(info) => Ok(examine(&info, accept)?),
        Err(e) if e.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) => match accept {
            true => Ok(Server::default()),
            false => Err(Unfit::Silent.into()),
        },
        Err(e) => Err(e.into()),
    }
}

/// How many streams there are: what `lp:meta` says, written by whoever comes first. `wanted` is what
/// we are set to, where we are.
///
/// # Errors
/// [`Look`].
pub async fn streams(c: &mut MultiplexedConnection, wanted: Option<u32>) -> Result<u32, Look> {
    let ours = [
        (road::META_HASH_VERSION, shard::SHARD_HASH_VERSION.to_string()),
        (road::META_HASH_SEED, shard::SHARD_HASH_SEED.to_string()),
        // Last: producers begin when it is there.
        (road::META_SHARDS, wanted.unwrap_or(STREAMS).to_string()),
    ];
    let mut ask = cmd("HMGET");
    ask.arg(road::META_KEY).arg(&ours.each_ref().map(|(field, _)| *field));
    let mut found: Vec<Option<String>> = ask.query_async(c).await?;
    // Only then: a Redis whose memory is full takes no more fields, and is read all the same.
    if found.iter().any(Option::is_none) {
        let mut write = redis::pipe();
        for (field, value) in &ours {
            write.cmd("HSETNX").arg(road::META_KEY).arg(*field).arg(value).ignore();
        }
        write.query_async::<()>(c).await?;
        found = ask.query_async(c).await?;
    }
    let of = |n: usize| found.get(n).cloned().flatten().unwrap_or_default();
    let (version, seed, count) = (of(0), of(1), of(2));
    let [(_, our_version), (_, our_seed), _] = &ours;
    if (&version, &seed) != (our_version, our_seed) {
        let hash = |v: &str, s: &str| format!("hash {v} with seed {s}");
        return Err(Unfit::Hash(hash(&version, &seed), hash(our_version, our_seed)).into());
    }
    match count.parse() {
        Ok(n) if (1..=MOST_STREAMS).contains(&n) && wanted.is_none_or(|w| w == n) => Ok(n),
        _ => Err(Unfit::Streams(count, wanted.unwrap_or(STREAMS)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(version: &str, policy: &str, rest: &str) -> String {
        format!(
            "# Server\r\nredis_version:{version}\r\nredis_mode:standalone\r\n\
             server_time_usec:1700000000000000\r\nmaxmemory:10\r\nmaxmemory_policy:{policy}\r\n\
             aof_enabled:1\r\n{rest}"
        )
    }

    #[test]
    fn a_fit_server_is_described() {
        let s = examine(&info("7.0.15", "noeviction", "role:master\r\n"), false).expect("fit");
        assert_eq!((s.version.as_str(), s.append_only, s.max_memory), ("7.0.15", true, 10));
        assert_eq!(s.clock, Some(Timestamp(1_700_000_000_000_000_000)));
        assert!(s.persistence().contains("two seconds"));
        let valkey = info("7.2.4", "volatile-lru", "valkey_version:8.1.1\r\n");
        assert_eq!(examine(&valkey, false).expect("fit").version, "valkey 8.1.1");
    }

    #[test]
    fn what_would_lose_spans_is_refused() {
        let of = |text: &str, accept| examine(text, accept).expect_err("unfit");
        assert_eq!(of(&info("6.2.9", "noeviction", ""), true), Unfit::Version("6.2.9".into()));
        assert_eq!(of("", true), Unfit::Version(String::new()));
        let lru = info("7.0.0", "allkeys-lru", "");
        assert_eq!(of(&lru, false), Unfit::Eviction("allkeys-lru".into()));
        assert!(examine(&lru, true).is_ok());
        assert_eq!(of(&info("7.0.0", "noeviction", "role:slave\r\n"), true), Unfit::Replica);
        let cluster =
            info("7.0.0", "noeviction", "role:slave\r\n").replace("standalone", "cluster");
        let node = examine(&cluster, false).expect("whoever it follows has the streams");
        assert!(node.cluster);
        let valkey = cluster.replace("redis_mode", "server_mode");
        assert!(examine(&valkey, false).expect("the same").cluster);
        let sentinel = cluster.replace("cluster", "sentinel");
        assert_eq!(of(&sentinel, true), Unfit::Sentinel);
    }
}
