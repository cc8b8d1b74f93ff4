//! `longpole collector`: the doors, live.

use super::{CommandError, exit};
use crate::collector::{Collector, Setup};
use crate::ingest::otlp::DecodeLimits;
use crate::specialists;
use longpole_core::engine::Settings;
use longpole_core::limits::Limits;
use longpole_exporters::prometheus::Dialect;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Arguments of `collector`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// OTLP/gRPC
    #[arg(long, default_value = "127.0.0.1:4317", value_name = "ADDR")]
    grpc: SocketAddr,
    /// OTLP/HTTP
    #[arg(long, default_value = "127.0.0.1:4318", value_name = "ADDR")]
    http: SocketAddr,
    /// Scrape, API, health
    #[arg(long, default_value = "127.0.0.1:4319", value_name = "ADDR")]
    listen: SocketAddr,
    /// Aggregators that share the traces
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    shards: u32,
    /// Width of a window, e.g. 10s
    #[arg(long, default_value = "10s", value_parser = duration)]
    window: Duration,
    /// How far the watermark stays behind arrivals, e.g. 15s
    #[arg(long, default_value = "15s", value_parser = duration)]
    lateness: Duration,
}

fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let scale = match unit {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        _ => return Err("write a duration like 500ms, 10s or 1m".into()),
    };
    let seconds: f64 =
        number.parse().map_err(|_| "write a duration like 500ms, 10s or 1m".to_owned())?;
    Duration::try_from_secs_f64(seconds * scale).map_err(|e| e.to_string())
}

/// Runs the command until SIGTERM or SIGINT.
///
/// # Errors
/// A port that is taken, a system that gives no threads.
pub fn run(args: Args) -> Result<u8, CommandError> {
    let limits = Limits {
        window: nanos(args.window).max(1_000_000),
        lateness: nanos(args.lateness),
        ..Limits::default()
    };
    let setup = Setup {
        grpc: args.grpc,
        http: args.http,
        listen: args.listen,
        settings: Settings { limits, shards: args.shards, ..Settings::default() },
        decode: DecodeLimits::default(),
        tree: specialists::default_tree()?,
        dialects: vec![Dialect::Otel],
    };
    tracing_subscriber::fmt().json().flatten_event(true).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let collector = Collector::bind(setup).await?;
        let at = collector.addresses;
        tracing::info!(
            grpc = %at.grpc,
            http = %at.http,
            listen = %at.listen,
            durability = "none",
            "collecting; a restart begins anew: acknowledged spans live in memory only"
        );
        collector.run(told_to_stop(), |_, _| {}).await?;
        Ok(exit::OK)
    })
}

fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

/// The first SIGTERM or SIGINT. The second ends the process at once.
async fn told_to_stop() {
    let (Ok(mut term), Ok(mut int)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        std::process::exit(130);
    });
}
