//! `longpole collector`: the doors, live.

use super::{CommandError, exit};
use crate::collector::{Collector, Folder, Setup};
use crate::config::{Config, Durability, Log, LogFormat, LogLevel, Overrides};
use crate::ingest::otlp::DecodeLimits;
use crate::{secret, specialists};
use longpole_core::engine::Settings;
use longpole_core::limits::Limits;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;

/// Arguments of `collector`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    overrides: Overrides,
}

/// Runs the command until SIGTERM or SIGINT.
///
/// # Errors
/// A configuration that cannot be used, a port that is taken.
pub fn run(args: Args) -> Result<u8, CommandError> {
    let loaded = Config::load(&args.overrides, |name| {
        std::env::var_os(name).map(|v| v.to_string_lossy().into_owned())
    })?;
    let config = loaded.config;
    log(config.log);
    let limits = Limits {
        window: nanos(config.window),
        lateness: nanos(config.lateness),
        horizon: nanos(config.horizon),
        ..Limits::default()
    };
    let setup = Setup {
        grpc: config.grpc,
        http: config.http,
        listen: config.listen,
        settings: Settings {
            limits,
            shards: config.shards,
            seed: secret::seed().0,
            ..Settings::default()
        },
        decode: DecodeLimits {
            bytes: usize::try_from(config.max_request_bytes).unwrap_or(usize::MAX),
            ..DecodeLimits::default()
        },
        tree: specialists::load(config.specialists.as_deref())?,
        dialects: config.metrics.dialects,
        webhooks: config.webhooks,
        durable: match config.durability {
            Durability::None => None,
            Durability::Auto | Durability::Journal => {
                config.data.map(|folder| Folder { path: folder, bytes: config.journal_bytes })
            }
        },
    };
    let durability = if setup.durable.is_some() { "journal" } else { "none" };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let collector = Collector::bind(setup).await?;
        let at = collector.addresses;
        tracing::info!(
            grpc = %at.grpc,
            http = %at.http,
            listen = %at.listen,
            durability,
            "collecting; {}",
            match durability {
                "none" => "a restart begins anew: acknowledged spans live in memory only",
                _ => "what is acknowledged is on the disk",
            }
        );
        collector.run(told_to_stop()).await?;
        Ok(exit::OK)
    })
}

/// Log lines to standard error; a line is an event, control characters are escaped.
fn log(settings: Log) {
    let level = match settings.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    // A subscriber that is there already is as good.
    let _ = match settings.format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Text => lines.with_ansi(false).try_init(),
    };
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
