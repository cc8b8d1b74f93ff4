//! Where requests go: the chain as it was settled from code and environment. Reading variables is
//! `settings/read`, addresses of Redis `settings/address`.

mod address;
mod read;

pub(crate) use read::{Chosen, settings};

use crate::builder::Protocol;
use longpole_proto::order::Taker;
use std::path::PathBuf;
use std::time::Duration;

/// Files for TLS, as paths; read when the thread starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub ca: Option<String>,
    pub certificate: Option<String>,
    pub key: Option<String>,
}

/// Where and how one signal goes by OTLP.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// For HTTP the whole address, for gRPC scheme and authority.
    pub url: String,
    pub protocol: Protocol,
    pub headers: Vec<(String, String)>,
    pub timeout: Duration,
    pub gzip: bool,
    #[cfg_attr(not(feature = "tls"), expect(dead_code))]
    pub tls: TlsFiles,
}

/// Where and how entries go to Redis.
#[derive(Clone, Debug)]
pub(crate) struct Redis {
    /// Hosts and ports, any of which will do.
    pub places: Vec<(String, u16)>,
    /// They are Sentinels, asked for the master of this name.
    pub master: Option<String>,
    pub tls: Option<TlsFiles>,
    pub user: Option<String>,
    pub password: Option<String>,
    pub database: u32,
    /// Replicas that must have an entry before it counts as acknowledged (`WAIT`).
    pub replicas: u32,
    pub timeout: Duration,
}

impl Redis {
    /// Hosts and ports.
    pub fn shown(&self) -> String {
        let all: Vec<String> = self.places.iter().map(|(h, p)| at(h, *p)).collect();
        all.join(",")
    }
}

/// `host:port`, an IPv6 address in brackets.
pub(crate) fn at(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A bounded place on disk.
#[derive(Clone, Debug)]
pub(crate) struct Spill {
    pub folder: PathBuf,
    pub bytes: u64,
}

/// The chain.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub redis: Option<Redis>,
    pub traces: Option<Endpoint>,
    pub metrics: Option<Endpoint>,
    pub spill: Option<Spill>,
    /// As whom orders of a collector are taken, where they are.
    pub taker: Option<Taker>,
    /// Bytes of requests that wait in memory.
    pub memory: usize,
    pub quiet: bool,
}

impl Settings {
    /// The roads for spans in one line, for people.
    pub fn shown(&self) -> String {
        let redis = self.redis.as_ref().map(|r| format!("redis {}", r.shown()));
        let otlp = self.traces.as_ref().map(|t| format!("{} ({:?})", shown(&t.url), t.protocol));
        let disk = self.spill.as_ref().map(|s| s.folder.display().to_string());
        let all: Vec<String> = [redis, otlp, disk].into_iter().flatten().collect();
        if all.is_empty() { "nowhere".to_owned() } else { all.join(", then ") }
    }
}

/// Scheme, host and port of an address; neither user information nor path nor query.
pub(crate) fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host = authority.rsplit('@').next().unwrap_or("");
    format!("{scheme}://{host}")
}
