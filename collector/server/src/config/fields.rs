//! The table of settings. A new setting is a new row here and a field of [`Config`].

use super::{Config, Dialect, Durability, Eviction, LogFormat, LogLevel, Overrides};
use crate::redis::{Address, MOST_STREAMS};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A setting.
pub(super) struct Field {
    /// Its key; a dot leads into a section.
    pub(super) key: &'static str,
    /// Its variable, where one value can hold it.
    pub(super) env: Option<&'static str>,
    /// Its flag.
    pub(super) flag: Option<Flag>,
    /// The default as it would be written; empty where there is none.
    pub(super) default: &'static str,
    /// What it is, in a sentence.
    pub(super) doc: &'static str,
    /// Its type, and where it is kept.
    pub(super) slot: Slot,
}

/// A flag and what it holds.
pub(super) type Flag = (&'static str, fn(&Overrides) -> Option<&str>);

/// Type and place of a setting.
pub(super) enum Slot {
    Address(fn(&mut Config) -> &mut SocketAddr),
    Path(fn(&mut Config) -> &mut Option<PathBuf>),
    Count(fn(&mut Config) -> &mut u32, u32, u32),
    Duration(fn(&mut Config) -> &mut Duration, Duration, Duration),
    Bytes(fn(&mut Config) -> &mut u64, u64, u64),
    /// Words, how they are set by their numbers and read back, and whether several may stand.
    Words(&'static [&'static str], fn(&mut Config, &[usize]), fn(&Config) -> Vec<usize>, bool),
    Webhooks,
    /// Shown without its secrets, never repeated in a message.
    Redis(fn(&mut Config) -> &mut Option<Address>),
}

const EVICTION: [Eviction; 2] = [Eviction::Refuse, Eviction::Accept];
const DIALECTS: [Dialect; 2] = [Dialect::Otel, Dialect::Tempo];
const FORMATS: [LogFormat; 2] = [LogFormat::Text, LogFormat::Json];
const DURABILITIES: [Durability; 4] =
    [Durability::Auto, Durability::None, Durability::Journal, Durability::Replicated];
const LEVELS: [LogLevel; 5] =
    [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];

/// Variable that names the file.
pub(super) const CONFIG_ENV: &str = "LONGPOLE_CONFIG";

/// Every setting, in the order in which they are shown.
pub(super) const FIELDS: &[Field] = &[
    Field {
        key: "grpc",
        env: Some("LONGPOLE_GRPC"),
        flag: Some(("--grpc", |o| o.grpc.as_deref())),
        default: "127.0.0.1:4317",
        doc: "Address for OTLP over gRPC.",
        slot: Slot::Address(|c| &mut c.grpc),
    },
    Field {
        key: "http",
        env: Some("LONGPOLE_HTTP"),
        flag: Some(("--http", |o| o.http.as_deref())),
        default: "127.0.0.1:4318",
        doc: "Address for OTLP over HTTP.",
        slot: Slot::Address(|c| &mut c.http),
    },
    Field {
        key: "listen",
        env: Some("LONGPOLE_LISTEN"),
        flag: Some(("--listen", |o| o.listen.as_deref())),
        default: "127.0.0.1:4319",
        doc: "Address for the page, metrics, API and agents.",
        slot: Slot::Address(|c| &mut c.listen),
    },
    Field {
        key: "data",
        env: Some("LONGPOLE_DATA"),
        flag: Some(("--data", |o| o.data.as_deref())),
        default: "",
        doc: "Folder for what must survive a restart; without one, nothing does.",
        slot: Slot::Path(|c| &mut c.data),
    },
    Field {
        key: "durability",
        env: Some("LONGPOLE_DURABILITY"),
        flag: Some(("--durability", |o| o.durability.as_deref())),
        default: "auto",
        doc: "What an acknowledgement promises: none = it is in memory, journal = it is on the disk in \
              the folder that data names, replicated = it is in Redis and in a replica; auto = journal \
              where data is set. With a Redis it is in its streams, whatever stands here.",
        slot: Slot::Words(
            &["auto", "none", "journal", "replicated"],
            |c, n| c.durability = first(&DURABILITIES, n, c.durability),
            |c| places(&DURABILITIES, &[c.durability]),
            false,
        ),
    },
    Field {
        key: "journal.max_bytes",
        env: Some("LONGPOLE_JOURNAL_MAX_BYTES"),
        flag: None,
        default: "8GiB",
        doc: "Bytes that the journal may take on the disk; above it requests are refused until a \
              checkpoint lets go of old ones.",
        slot: Slot::Bytes(|c| &mut c.journal_bytes, 1 << 20, 1 << 50),
    },
    Field {
        key: "memory",
        env: Some("LONGPOLE_MEMORY"),
        flag: Some(("--memory", |o| o.memory.as_deref())),
        // Of the machine: see `Config::default`.
        default: "",
        doc: "Memory that the process may take; by default nine tenths of its control group's limit, at \
              most 2GiB. Of more, where asked for, open spans and queues have more.",
        slot: Slot::Bytes(|c| &mut c.memory, crate::memory::LEAST, 1 << 50),
    },
    Field {
        key: "shards",
        env: Some("LONGPOLE_SHARDS"),
        flag: Some(("--shards", |o| o.shards.as_deref())),
        // Of the machine: see `Config::default`.
        default: "",
        doc: "Aggregators that share the traces; by default the number of cores, at most 8.",
        slot: Slot::Count(|c| &mut c.shards, 1, 64),
    },
    Field {
        key: "window",
        env: Some("LONGPOLE_WINDOW"),
        flag: Some(("--window", |o| o.window.as_deref())),
        default: "10s",
        doc: "Width of a window.",
        slot: Slot::Duration(|c| &mut c.window, Duration::from_secs(1), HOUR),
    },
    Field {
        key: "lateness",
        env: Some("LONGPOLE_LATENESS"),
        flag: Some(("--lateness", |o| o.lateness.as_deref())),
        default: "15s",
        doc: "How far the watermark stays behind the clock; below 8s traces are told in later windows than they ended in.",
        slot: Slot::Duration(|c| &mut c.lateness, Duration::ZERO, HOUR),
    },
    Field {
        key: "horizon",
        env: Some("LONGPOLE_HORIZON"),
        flag: Some(("--horizon", |o| o.horizon.as_deref())),
        default: "60s",
        doc: "A trace is evaluated at the latest this long after its first span.",
        slot: Slot::Duration(|c| &mut c.horizon, Duration::from_secs(1), HOUR),
    },
    Field {
        key: "max_request_bytes",
        env: Some("LONGPOLE_MAX_REQUEST_BYTES"),
        flag: None,
        default: "64MiB",
        doc: "Greatest request, before and after decompression.",
        slot: Slot::Bytes(|c| &mut c.max_request_bytes, 1 << 10, 1 << 30),
    },
    Field {
        key: "specialists",
        env: Some("LONGPOLE_SPECIALISTS"),
        flag: None,
        default: "",
        doc: "Routing tree (YAML) in place of the built-in one.",
        slot: Slot::Path(|c| &mut c.specialists),
    },
    Field {
        key: "metrics.dialects",
        env: Some("LONGPOLE_METRICS_DIALECTS"),
        flag: None,
        default: "otel",
        doc: "Names under which derived metrics are served; in the variable, separated by commas.",
        slot: Slot::Words(
            &["otel", "tempo"],
            |c, n| c.metrics.dialects = pick(&DIALECTS, n),
            |c| places(&DIALECTS, &c.metrics.dialects),
            true,
        ),
    },
    Field {
        key: "webhooks",
        env: None,
        flag: None,
        default: "",
        doc: "Who is told of investigations.",
        slot: Slot::Webhooks,
    },
    Field {
        key: "redis.url",
        env: Some("LONGPOLE_REDIS_URL"),
        flag: Some(("--redis", |o| o.redis.as_deref())),
        default: "",
        doc: "Redis whose streams are the log: redis:// or rediss:// (TLS), with user and password.",
        slot: Slot::Redis(|c| &mut c.redis.url),
    },
    Field {
        key: "redis.password_file",
        env: Some("LONGPOLE_REDIS_PASSWORD_FILE"),
        flag: None,
        default: "",
        doc: "File that holds its password, in place of one in the URL.",
        slot: Slot::Path(|c| &mut c.redis.password_file),
    },
    Field {
        key: "redis.ca_file",
        env: Some("LONGPOLE_REDIS_CA_FILE"),
        flag: None,
        default: "",
        doc: "Certificates (PEM) that its own is checked against; the system's without it.",
        slot: Slot::Path(|c| &mut c.redis.ca_file),
    },
    Field {
        key: "redis.streams",
        env: Some("LONGPOLE_REDIS_STREAMS"),
        flag: None,
        default: "0",
        doc: "Number of streams, fixed when they are made; 0 = what Redis says, 4 where it is new.",
        slot: Slot::Count(|c| &mut c.redis.streams, 0, MOST_STREAMS),
    },
    Field {
        key: "redis.eviction",
        env: Some("LONGPOLE_REDIS_EVICTION"),
        flag: None,
        default: "refuse",
        doc: "What to do about a Redis that may throw streams away when its memory is full.",
        slot: Slot::Words(
            &["refuse", "accept"],
            |c, n| c.redis.eviction = first(&EVICTION, n, c.redis.eviction),
            |c| places(&EVICTION, &[c.redis.eviction]),
            false,
        ),
    },
    Field {
        key: "log.format",
        env: Some("LONGPOLE_LOG_FORMAT"),
        flag: None,
        default: "json",
        doc: "How a line of Longpole's own log looks.",
        slot: Slot::Words(
            &["text", "json"],
            |c, n| c.log.format = first(&FORMATS, n, c.log.format),
            |c| places(&FORMATS, &[c.log.format]),
            false,
        ),
    },
    Field {
        key: "log.level",
        env: Some("LONGPOLE_LOG_LEVEL"),
        flag: None,
        default: "info",
        doc: "What is worth a line of it.",
        slot: Slot::Words(
            &["error", "warn", "info", "debug", "trace"],
            |c, n| c.log.level = first(&LEVELS, n, c.log.level),
            |c| places(&LEVELS, &[c.log.level]),
            false,
        ),
    },
];

const HOUR: Duration = Duration::from_secs(3_600);

fn pick<T: Copy>(all: &[T], numbers: &[usize]) -> Vec<T> {
    numbers.iter().filter_map(|n| all.get(*n)).copied().collect()
}

fn first<T: Copy>(all: &[T], numbers: &[usize], otherwise: T) -> T {
    pick(all, numbers).first().copied().unwrap_or(otherwise)
}

fn places<T: PartialEq>(all: &[T], some: &[T]) -> Vec<usize> {
    some.iter().filter_map(|x| all.iter().position(|y| x == y)).collect()
}
