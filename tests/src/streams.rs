//! A real redis-server on a free port, and a producer that writes streams as an SDK does and remembers
//! what was acknowledged. Neither knows the code under test.

use crate::addresses::lasting_address;
use crate::foreign::{in_path, there};
use crate::spans::{gzip, request};
use longpole_proto::{road, shard};
use opentelemetry_proto::tonic::trace::v1::Span;
use redis::{Connection, RedisResult, Value, cmd};
use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Environment variable that makes the tests fail where redis-server is missing.
pub const REQUIRED: &str = "LONGPOLE_REQUIRE_REDIS";

/// The rights that are shipped.
const USERS: &str = include_str!("../../deploy/redis/users.acl");
/// The password of their users here.
const PASSWORD: &str = "ink";

/// The server. Ends with the test.
pub struct Redis {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
    settings: Vec<String>,
    guarded: bool,
}

impl Redis {
    /// Starts one with settings of redis.conf; `None` where there is none to start.
    pub fn start(settings: &[&str]) -> Option<Self> {
        if !there("redis-server", &in_path("redis-server"), REQUIRED) {
            return None;
        }
        let free = lasting_address();
        let folder = tempfile::tempdir().expect("a folder");
        let settings = settings.iter().map(|s| (*s).to_owned()).collect();
        let child = Command::new("true").spawn().expect("a child");
        let mut server = Self { child, port: free.port(), folder, settings, guarded: false };
        server.restart();
        Some(server)
    }

    /// The same with the users and rights that are shipped, also after each restart.
    pub fn guarded(settings: &[&str]) -> Option<Self> {
        let mut server = Self::start(settings)?;
        server.guarded = true;
        server.give_rights();
        Some(server)
    }

    fn give_rights(&self) {
        for line in USERS.lines() {
            let words: Vec<&str> = line.split(' ').skip(1).collect();
            let password = format!(">{PASSWORD}");
            self.ask::<()>(&[&["ACL", "SETUSER"], &words[..], &[&password]].concat());
        }
    }

    /// Starts it again on what it left on disk; returns when it answers.
    pub fn restart(&mut self) {
        let _ = self.child.wait();
        let port = self.port.to_string();
        self.child = Command::new(in_path("redis-server"))
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(self.folder.path())
            .args(&self.settings)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server starts");
        let began = Instant::now();
        while self.connect().and_then(|mut c| cmd("PING").query::<()>(&mut c)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        if self.guarded {
            self.give_rights();
        }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `redis://` and where it is.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The same for a collector.
    pub fn collector_url(&self) -> String {
        self.url_of("longpole-collector", PASSWORD)
    }

    /// The same for a producer.
    pub fn producer_url(&self) -> String {
        self.url_of("longpole-producer", PASSWORD)
    }

    /// The same for a user.
    pub fn url_of(&self, user: &str, password: &str) -> String {
        format!("redis://{user}:{password}@127.0.0.1:{}", self.port)
    }

    /// Where it is.
    pub fn at(&self) -> std::net::SocketAddr {
        std::net::SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The folder of its files.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    fn connect(&self) -> RedisResult<Connection> {
        let client = redis::Client::open(self.url())?;
        let connection = client.get_connection_with_timeout(Duration::from_secs(2))?;
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(connection)
    }

    /// A connection.
    pub fn connection(&self) -> Connection {
        self.connect().expect("redis-server answers")
    }

    /// Runs a command.
    pub fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_ask(words).unwrap_or_else(|e| panic!("{words:?}: {e}"))
    }

    /// Runs a command on a server that may be away, or close its connections just then.
    pub fn try_ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        let mut ask = cmd(words.first().copied().unwrap_or("PING"));
        ask.arg(words.get(1..).unwrap_or_default());
        ask.query(&mut self.connect()?)
    }

    /// Fields of a hash; what is no text in it is not shown whole.
    pub fn hash(&self, key: &str) -> BTreeMap<String, String> {
        let all: BTreeMap<String, Vec<u8>> = self.ask(&["HGETALL", key]);
        let text =
            |(name, value): (String, Vec<u8>)| (name, String::from_utf8_lossy(&value).into());
        all.into_iter().map(text).collect()
    }

    /// Processor seconds it has used.
    pub fn cpu_seconds(&self) -> f64 {
        let info: String = self.ask(&["INFO", "cpu"]);
        let of = |name: &str| {
            let line = info.lines().find_map(|l| l.strip_prefix(name));
            line.and_then(|n| n.trim().parse::<f64>().ok()).expect("a number")
        };
        of("used_cpu_sys:") + of("used_cpu_user:")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A producer: batches cut by shard, numbered from 1 without gaps, sent again under the same number
/// until they are acknowledged.
pub struct Producer {
    id: [u8; 16],
    sequences: BTreeMap<u32, u64>,
    shards: u32,
    /// Spans that were acknowledged.
    pub acknowledged: u64,
    /// Bytes of the entries' payloads.
    pub bytes: u64,
}

/// An entry before it is sent.
#[derive(Clone)]
pub struct Batch {
    /// Which stream.
    pub shard: u32,
    /// Names and values of its fields.
    pub fields: Vec<(&'static str, Vec<u8>)>,
    /// Spans in it.
    pub spans: u64,
}

impl Producer {
    /// Of the streams that a collector made; waits for them.
    pub fn new(redis: &Redis, id: u8) -> Self {
        let began = Instant::now();
        let shards = loop {
            let told: Option<u32> = redis.ask(&["HGET", road::META_KEY, road::META_SHARDS]);
            if let Some(shards) = told {
                break shards;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "nobody made the streams");
            std::thread::sleep(Duration::from_millis(20));
        };
        let (sequences, acknowledged, bytes) = Default::default();
        Self { id: [id; 16], sequences, shards, acknowledged, bytes }
    }

    /// Cuts spans of a service into one batch a shard.
    pub fn cut(&mut self, service: &str, spans: Vec<Span>) -> Vec<Batch> {
        let mut by_shard: BTreeMap<u32, Vec<Span>> = BTreeMap::new();
        for span in spans {
            let id: [u8; 16] = span.trace_id.as_slice().try_into().unwrap_or_default();
            let shard = shard::shard_of(shard::trace_hash(id), self.shards);
            by_shard.entry(shard).or_default().push(span);
        }
        let cut = |(shard, spans): (u32, Vec<Span>)| {
            let sequence = self.sequences.entry(shard).or_default();
            *sequence += 1;
            let items = spans.len();
            let otlp = request(service, spans);
            let fields = entry(self.id, *sequence, road::SIGNAL_TRACES, items, &otlp);
            self.bytes += fields.last().map_or(0, |(_, packed)| packed.len() as u64);
            Batch { shard, fields, spans: items as u64 }
        };
        by_shard.into_iter().map(cut).collect()
    }

    /// Sends batches in one pipeline, again and again until each is acknowledged.
    pub fn send(&mut self, redis: &Redis, batches: &[Batch]) {
        let began = Instant::now();
        while let Err(e) = redis.connect().and_then(|mut c| append(&mut c, batches)) {
            assert!(began.elapsed() < Duration::from_secs(30), "not acknowledged: {e}");
            std::thread::sleep(Duration::from_millis(50));
        }
        self.acknowledged += batches.iter().map(|b| b.spans).sum::<u64>();
    }

    /// Cuts and sends.
    pub fn spans(&mut self, redis: &Redis, spans: Vec<Span>) {
        let batches = self.cut("shop", spans);
        self.send(redis, &batches);
    }
}

/// The fields of an entry that holds one request.
pub fn entry(
    producer: [u8; 16],
    sequence: u64,
    signal: &str,
    items: usize,
    otlp: &[u8],
) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        (road::FIELD_FORMAT, road::ENTRY_FORMAT.into()),
        (road::FIELD_PRODUCER, road::producer_hex(producer).into_bytes()),
        (road::FIELD_SEQUENCE, sequence.to_string().into_bytes()),
        (road::FIELD_SIGNAL, signal.into()),
        (road::FIELD_ITEMS, items.to_string().into_bytes()),
        (road::FIELD_ENCODING, road::ENCODING_GZIP.into()),
        (road::FIELD_OTLP, gzip(otlp)),
    ]
}

/// XADD of each.
///
/// # Errors
/// The connection, or the first that was refused.
pub fn append(c: &mut Connection, batches: &[Batch]) -> RedisResult<()> {
    let mut pipe = redis::pipe();
    for batch in batches {
        pipe.cmd("XADD").arg(road::stream_key(batch.shard)).arg("*");
        for (name, value) in &batch.fields {
            pipe.arg(*name).arg(value.as_slice());
        }
    }
    pipe.query::<Vec<Value>>(c).map(drop)
}
