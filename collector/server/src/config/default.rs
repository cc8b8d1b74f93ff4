//! What runs without file, variables and flags.

use super::{Config, Dialect, Durability, Log, LogFormat, LogLevel, Metrics, Redis};
use std::net::SocketAddr;
use std::time::Duration;

impl Default for Config {
    /// What runs without file, variables and flags. A test holds it against the table.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let here = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            grpc: here(4317),
            http: here(4318),
            listen: here(4319),
            data: None,
            durability: Durability::Auto,
            journal_bytes: 8 << 30,
            memory: crate::memory::of_machine(),
            shards: u32::try_from(cores.min(8)).unwrap_or(8),
            window: Duration::from_secs(10),
            lateness: Duration::from_secs(15),
            horizon: Duration::from_secs(60),
            max_request_bytes: 64 << 20,
            specialists: None,
            metrics: Metrics { dialects: vec![Dialect::Otel] },
            webhooks: Vec::new(),
            redis: Redis::default(),
            log: Log { format: LogFormat::Json, level: LogLevel::Info },
        }
    }
}
