//! `longpole collector`: the doors, live.

use super::{CommandError, exit};
use crate::collector::{Collector, Folder, Setup};
use crate::config::{self, Config, Durability, Log, LogFormat, LogLevel, Overrides};
use crate::door::Decoders;
use crate::ingest::otlp::DecodeLimits;
use crate::{memory, redis, secret, specialists};
use longpole_core::engine::Settings;
use longpole_core::limits::Limits;
use std::path::Path;
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
    let mut limits = Limits {
        window: nanos(config.window),
        lateness: nanos(config.lateness),
        horizon: nanos(config.horizon),
        ..Limits::default()
    };
    memory::deal(config.memory, &mut limits);
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
            names: memory::names(config.memory, Decoders::most()),
            ..DecodeLimits::default()
        },
        door_bytes: memory::doors(config.memory),
        tree: specialists::load(config.specialists.as_deref())?,
        dialects: config.metrics.dialects,
        webhooks: config.webhooks,
        durable: match config.durability {
            Durability::None | Durability::Replicated => None,
            Durability::Auto | Durability::Journal => {
                config.data.map(|folder| Folder { path: folder, bytes: config.journal_bytes })
            }
        },
        redis: redis(config.redis, config.durability)?,
    };
    if setup.durable.is_some() && setup.redis.is_some() {
        // Positions in Redis say what was counted in memory; a state on disk that is older would lose
        // what lies between.
        let both = "\"data\" and \"redis.url\" do not go together: with a Redis its streams are the log, and \
                    what OTLP brings is written there, too, before it is acknowledged. Leave \"data\" out; \
                    how safe the streams are is Redis's to say (appendonly yes)";
        return Err(CommandError::Usage(both.into()));
    }
    let durability = match (&setup.durable, &setup.redis) {
        (Some(_), _) => "journal",
        (None, Some(_)) => "streams",
        (None, None) => "none",
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before anything is asked of others: an end that is asked for meanwhile is an orderly one.
        let stop = told_to_stop();
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
                "streams" => "what is acknowledged is in Redis",
                _ => "what is acknowledged is on the disk",
            }
        );
        collector.run(stop).await?;
        Ok(exit::OK)
    })
}

/// The door of streams, where one is asked for, with the files that it needs.
fn redis(
    set: config::Redis,
    durability: Durability,
) -> Result<Option<redis::Settings>, CommandError> {
    let Some(mut address) = set.url else { return Ok(None) };
    let read = |key: &str, path: &Path| {
        std::fs::read(path).map_err(|e| {
            let path = path.display();
            CommandError::Usage(format!("cannot read {path}, which {key} names: {e}"))
        })
    };
    if let Some(path) = set.password_file {
        let text = read("redis.password_file", &path)?;
        address = address.with_password(String::from_utf8_lossy(&text).trim_end());
    }
    if let Some(path) = set.ca_file {
        address = address.with_authority(read("redis.ca_file", &path)?);
    }
    Ok(Some(redis::Settings {
        address,
        streams: (set.streams > 0).then_some(set.streams),
        accept_eviction: set.eviction == config::Eviction::Accept,
        replicas: u32::from(durability == Durability::Replicated),
    }))
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

/// The first SIGTERM or SIGINT, from this call on. The second ends the process at once.
fn told_to_stop() -> impl Future<Output = ()> {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async move {
        let (Ok(mut term), Ok(mut int)) = signals else {
            return std::future::pending().await;
        };
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        tokio::spawn(async move {
            tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
            std::process::exit(130);
        });
    }
}
