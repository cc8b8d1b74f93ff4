//! The collector itself, with the settings that it has when nothing is configured, but for room: with that of these it
//! gives up half of the traces at the speed of a whole core, and what it does not do costs nothing.

use super::{ANY, announce};
use longpole_collector::collector::{Collector, Folder, Setup};
use longpole_collector::door::Decoders;
use longpole_collector::ingest::otlp::DecodeLimits;
use longpole_collector::memory;
use longpole_collector::specialists;
use longpole_core::engine::Settings;
use longpole_core::limits::Limits;
use longpole_exporters::prometheus::Dialect;
use std::path::Path;
use std::time::Duration;

/// As with `--memory 16GiB`: room for what a core brings in ten seconds and twice that, where giving up begins, and for
/// what doors may be ahead of the shard by: the two share a core, and not always as their work is.
const MEMORY: u64 = 16 << 30;

/// Serves until told to stop.
pub async fn run(
    shards: u32,
    data: Option<&Path>,
    stop: impl Future<Output = ()>,
) -> Result<(), String> {
    let mut limits = Limits::default();
    memory::deal(MEMORY, &mut limits);
    let setup = Setup {
        grpc: ANY,
        http: ANY,
        listen: ANY,
        settings: Settings { shards, limits, ..Settings::default() },
        decode: DecodeLimits {
            names: memory::names(MEMORY, Decoders::most()),
            ..DecodeLimits::default()
        },
        door_bytes: memory::doors(MEMORY),
        tree: specialists::default_tree().map_err(|e| e.to_string())?,
        dialects: vec![Dialect::Otel],
        webhooks: Vec::new(),
        durable: data.map(|path| Folder { path: path.into(), bytes: 8 << 30 }),
        redis: None,
    };
    let collector = Collector::bind(setup).await.map_err(|e| e.to_string())?;
    let at = collector.addresses;
    let waits = Duration::from_millis(if data.is_some() { 500 } else { 0 });
    tokio::spawn(async move {
        // With a journal the doors open a moment later: there is nothing to be read again.
        tokio::time::sleep(waits).await;
        announce(at.grpc, at.http, Some(at.listen));
    });
    collector.run(stop).await.map_err(|e| e.to_string())
}
