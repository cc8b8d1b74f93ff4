//! The configuration: what may be set, where each value came from, and what is wrong with it.
//!
//! A flag is stronger than the environment, that than the file, that than the default. One table
//! (`fields`) names every setting once; parsing, origins, the schema and `longpole config show` all
//! read it. Reads the file and the secrets it names, nothing else; the environment is an argument.

mod default;
mod fault;
mod fields;
mod file;
mod load;
mod parse;
mod schema;
mod show;
mod substitute;
mod tree;
mod webhooks;

pub use fault::ConfigError;
pub use load::{Loaded, Origin, Setting};
pub use longpole_exporters::prometheus::Dialect;
pub use schema::schema;
pub use show::{show, show_json, show_origins, show_origins_json};

use crate::outbox::Target;
use crate::redis::Address;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Every setting with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// OTLP over gRPC.
    pub grpc: SocketAddr,
    /// OTLP over HTTP.
    pub http: SocketAddr,
    /// Page, metrics, API and agents.
    pub listen: SocketAddr,
    /// Folder for what must survive a restart; nothing does where there is none.
    pub data: Option<PathBuf>,
    /// What an acknowledgement promises.
    pub durability: Durability,
    /// Bytes that the journal may take on the disk.
    pub journal_bytes: u64,
    /// Bytes of memory that the process may take.
    pub memory: u64,
    /// Aggregators that share the traces.
    pub shards: u32,
    /// Width of a window.
    pub window: Duration,
    /// How far the watermark stays behind.
    pub lateness: Duration,
    /// A trace is evaluated at the latest this long after its first span.
    pub horizon: Duration,
    /// Greatest request, before and after decompression.
    pub max_request_bytes: u64,
    /// Routing tree in place of the built-in one.
    pub specialists: Option<PathBuf>,
    /// How derived metrics are named.
    pub metrics: Metrics,
    /// Who is told of investigations.
    pub webhooks: Vec<Target>,
    /// Streams of producers.
    pub redis: Redis,
    /// Our own log.
    pub log: Log,
}

/// What an acknowledgement promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// `journal` where `data` names a folder, else `none`; with a Redis, what its streams promise.
    Auto,
    /// What was acknowledged lives in memory.
    None,
    /// What was acknowledged is on the disk.
    Journal,
    /// What was acknowledged is in Redis and in a replica of it.
    Replicated,
}

/// Settings of the door of streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redis {
    /// Where Redis is; no streams are read without it.
    pub url: Option<Address>,
    /// File that holds the password, in place of one in the URL.
    pub password_file: Option<PathBuf>,
    /// File of certificates (PEM) that the server's is checked against; the system's without it.
    pub ca_file: Option<PathBuf>,
    /// Number of streams; 0 = what Redis says, four where it is new.
    pub streams: u32,
    /// A Redis that may throw streams away.
    pub eviction: Eviction,
}

/// What to do about a Redis that may throw streams away when its memory is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Eviction {
    /// Not to use it.
    #[default]
    Refuse,
    /// To use it.
    Accept,
}

/// Settings of the derived metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Served dialects; never empty.
    pub dialects: Vec<Dialect>,
}

/// Settings of our own log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// What is worth a line.
    pub level: LogLevel,
}

/// How a line of our own log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// What is worth a line of our own log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// And what may fail soon.
    Warn,
    /// And what a person may want to know.
    Info,
    /// And what a developer wants to know.
    Debug,
    /// Everything.
    Trace,
}

/// What the command line sets: texts, read like any other value, so that every origin is told the
/// same way.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Overrides {
    /// Configuration file (YAML); also LONGPOLE_CONFIG
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address for OTLP over gRPC
    #[arg(long, value_name = "ADDRESS")]
    pub grpc: Option<String>,
    /// Address for OTLP over HTTP
    #[arg(long, value_name = "ADDRESS")]
    pub http: Option<String>,
    /// Address for the page, metrics, API and agents
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Folder for what must survive a restart
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<String>,
    /// What an acknowledgement promises: none, journal; auto = journal with --data
    #[arg(long, value_name = "WORD")]
    pub durability: Option<String>,
    /// Memory that the process may take, such as 512MiB
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Aggregators that share the traces
    #[arg(long, value_name = "N")]
    pub shards: Option<String>,
    /// Width of a window, such as 10s
    #[arg(long, value_name = "DURATION")]
    pub window: Option<String>,
    /// How far the watermark stays behind, such as 15s
    #[arg(long, value_name = "DURATION")]
    pub lateness: Option<String>,
    /// A trace is evaluated at the latest this long after its first span, such as 60s
    #[arg(long, value_name = "DURATION")]
    pub horizon: Option<String>,
    /// Redis whose streams are the log, such as redis://host:6379; with a password, rather by variable
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,
}

impl Config {
    /// Puts the configuration together from the flags, the environment (`env` answers by name) and
    /// the file that one of them names.
    ///
    /// # Errors
    /// [`ConfigError`]: a file that cannot be read, or every fault with its place.
    pub fn load(
        flags: &Overrides,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Loaded, ConfigError> {
        load::load(flags, &env)
    }
}

#[cfg(test)]
mod tests;
