//! The collector itself, with the settings that it has when nothing is configured.

use super::{ANY, announce};
use longpole_collector::collector::{Collector, Setup};
use longpole_collector::ingest::otlp::DecodeLimits;
use longpole_collector::specialists;
use longpole_core::engine::Settings;
use longpole_exporters::prometheus::Dialect;

/// Serves until told to stop.
pub async fn run(shards: u32, stop: impl Future<Output = ()>) -> Result<(), String> {
    let setup = Setup {
        grpc: ANY,
        http: ANY,
        listen: ANY,
        settings: Settings { shards, ..Settings::default() },
        decode: DecodeLimits::default(),
        tree: specialists::default_tree().map_err(|e| e.to_string())?,
        dialects: vec![Dialect::Otel],
        webhooks: Vec::new(),
        redis: None,
        redis: None,
    };
    let collector = Collector::bind(setup).await.map_err(|e| e.to_string())?;
    let at = collector.addresses;
    announce(at.grpc, at.http, Some(at.listen));
    collector.run(stop).await.map_err(|e| e.to_string())
}
