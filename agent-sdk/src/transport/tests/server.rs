//! A real redis-server on a free port, and a look into its streams by somebody else's client.

use longpole_proto::shard::{SHARD_HASH_SEED, SHARD_HASH_VERSION};
use longpole_proto::{road, shard};
use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Set by the check: a missing server is a failure then.
const REQUIRED: &str = "LONGPOLE_REQUIRE_REDIS";

pub(super) struct Server {
    child: Child,
    pub port: u16,
    folder: tempfile::TempDir,
}

/// An entry of a stream as it was read.
#[derive(Debug)]
pub(super) struct Entry {
    pub shard: u32,
    pub fields: BTreeMap<String, Vec<u8>>,
    pub order: Vec<String>,
}

impl Entry {
    pub fn text(&self, field: &str) -> &str {
        std::str::from_utf8(&self.fields[field]).expect("text")
    }

    /// Producer, shard, sequence.
    pub fn name(&self) -> (String, u32, u64) {
        let sequence = self.text(road::FIELD_SEQUENCE).parse().expect("a number");
        (self.text(road::FIELD_PRODUCER).to_owned(), self.shard, sequence)
    }

    pub fn numbers(&self) -> Vec<u64> {
        use std::io::Read;
        let packed = self.fields[road::FIELD_OTLP].as_slice();
        assert!(packed.len() <= road::ENTRY_BYTES);
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(packed).read_to_end(&mut plain).expect("gzip");
        super::numbers(&plain)
    }
}

/// A port below those that the system draws for clients by itself, another one each time: one that it had given out
/// (`:0`) and that is let go may be somebody's before the server has started.
pub(super) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(89);
    loop {
        let nth = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 20_000 + u16::try_from(nth % 12_000).unwrap_or(0);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Server {
    /// `None` where there is no redis-server and none is required.
    pub fn start(shards: u32, more: &[&str]) -> Option<Self> {
        let server = Self::bare(free_port(), more)?;
        server.meta(shards);
        Some(server)
    }

    /// Without `lp:meta`.
    pub fn bare(port: u16, more: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--save", "", "--appendonly", "no"])
            .args(["--bind", "127.0.0.1", "--loglevel", "warning"])
            .arg("--dir")
            .arg(folder.path())
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            assert!(std::env::var_os(REQUIRED).is_none(), "{REQUIRED} is set: no redis-server");
            eprintln!("no redis-server here: SKIPPED");
            return None;
        };
        let server = Self { child, port, folder };
        if !more.contains(&"--tls-port") {
            super::until("redis answers", || server.connect().is_some());
        }
        Some(server)
    }

    fn connect(&self) -> Option<redis::Connection> {
        redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).ok()?.get_connection().ok()
    }

    /// Runs a command and reads its answer.
    pub fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut connection = self.connect().expect("it listens");
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|w| {
            command.arg(*w);
        });
        command.query(&mut connection).expect("an answer")
    }

    /// What a collector writes when it creates the streams.
    pub fn meta(&self, shards: u32) {
        let (shards, version) = (shards.to_string(), SHARD_HASH_VERSION.to_string());
        let seed = SHARD_HASH_SEED.to_string();
        let words = ["HSET", road::META_KEY, road::META_SHARDS, &shards];
        let more = [road::META_HASH_VERSION, &version, road::META_HASH_SEED, &seed];
        let _: i64 = self.ask(&[&words[..], &more[..]].concat());
    }

    /// All entries of all streams.
    pub fn entries(&self, shards: u32) -> Vec<Entry> {
        (0..shards).flat_map(|shard| self.entries_of(shard)).collect()
    }

    /// All entries of a stream.
    pub fn entries_of(&self, shard: u32) -> Vec<Entry> {
        let key = road::stream_key(shard);
        let read: Vec<(String, Vec<Vec<u8>>)> = self.ask(&["XRANGE", &key, "-", "+"]);
        let entry = |(_, flat): (String, Vec<Vec<u8>>)| {
            let text = |b: &Vec<u8>| String::from_utf8(b.clone()).expect("a name");
            let pairs = flat.chunks(2);
            let fields = pairs.clone().map(|p| (text(&p[0]), p[1].clone())).collect();
            Entry { shard, fields, order: pairs.map(|p| text(&p[0])).collect() }
        };
        read.into_iter().map(entry).collect()
    }

    pub fn stop(mut self) -> u16 {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
        self.port
    }

    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The shard of a span by its number, from the language itself.
pub(super) fn shard_of(number: u64, shards: u32) -> u32 {
    let trace = (u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1 << 100).to_be_bytes();
    shard::shard_of(shard::trace_hash(trace), shards)
}
