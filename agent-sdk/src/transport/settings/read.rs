//! The chain from variables: `OTEL_EXPORTER_OTLP_*` with their per-signal forms, and `LONGPOLE_*`.

use super::{Endpoint, Redis, Settings, Spill, TlsFiles};
use crate::builder::Protocol;
use crate::env::{Env, pairs, warn};
use std::time::Duration;

/// Bytes on disk when a folder is named and no size.
const SPILL: u64 = 64 << 20;
/// Bytes of requests in memory.
const MEMORY: u64 = 8 << 20;
const TIMEOUT: u64 = 10_000;

/// What code chose; it wins over variables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chosen {
    pub endpoint: Option<String>,
    pub protocol: Option<Protocol>,
    pub headers: Vec<(String, String)>,
    pub timeout: Option<Duration>,
    pub redis: Option<String>,
    pub spill: Option<(std::path::PathBuf, u64)>,
    pub quiet: bool,
    /// A collector may change the sampling.
    pub controllable: bool,
    /// And ask for profiles.
    pub profilable: bool,
}

/// Reads the whole chain.
pub(crate) fn settings(chosen: &Chosen, env: &Env<'_>) -> Settings {
    let redis = redis(chosen, env);
    // Beside a Redis, OTLP is the second road only where somebody said where.
    let otlp = |signal: &str, path: &str| {
        let own = env.otlp(signal, "ENDPOINT").is_some() || chosen.endpoint.is_some();
        let off = exporter_is_none(env, signal);
        (!off && (redis.is_none() || own)).then(|| endpoint(chosen, env, signal, path))
    };
    let spill = chosen.spill.clone().or_else(|| {
        let bytes = env.number("LONGPOLE_SPILL_BYTES").unwrap_or(SPILL);
        env.text("LONGPOLE_SPILL_DIR").map(|folder| (folder.into(), bytes))
    });
    let memory = env.number("LONGPOLE_MEMORY_BYTES").unwrap_or(MEMORY);
    Settings {
        traces: otlp("TRACES", "v1/traces"),
        metrics: otlp("METRICS", "v1/metrics"),
        redis,
        taker: None,
        spill: spill.map(|(folder, bytes)| Spill { folder, bytes }),
        memory: usize::try_from(memory).unwrap_or(usize::MAX),
        quiet: chosen.quiet,
    }
}

/// Whether `OTEL_{signal}_EXPORTER` is `none`; what is unknown is ignored.
pub(super) fn exporter_is_none(env: &Env<'_>, signal: &str) -> bool {
    let name = format!("OTEL_{signal}_EXPORTER");
    match env.text(&name).as_deref() {
        Some("none") => true,
        None | Some("otlp") => false,
        Some(other) => {
            warn(&format!("{name}={other:?} is not known here (otlp, none); ignored"));
            false
        }
    }
}

fn endpoint(chosen: &Chosen, env: &Env<'_>, signal: &str, path: &str) -> Endpoint {
    let protocol = chosen.protocol.unwrap_or_else(|| protocol(env, signal));
    let gzip = match env.otlp(signal, "COMPRESSION").as_deref() {
        None | Some("none") => false,
        Some("gzip") => true,
        Some(other) => {
            warn(&format!("OTEL_EXPORTER_OTLP_COMPRESSION={other:?} is not known here; ignored"));
            false
        }
    };
    let mut headers: Vec<(String, String)> =
        pairs(&env.otlp(signal, "HEADERS").unwrap_or_default());
    headers.extend(chosen.headers.iter().cloned());
    let timeout = chosen.timeout.unwrap_or_else(|| {
        let own = env.number(&format!("OTEL_EXPORTER_OTLP_{signal}_TIMEOUT"));
        let millis = own.or_else(|| env.number("OTEL_EXPORTER_OTLP_TIMEOUT")).unwrap_or(TIMEOUT);
        Duration::from_millis(millis.clamp(1, 86_400_000))
    });
    let own = env.text(&format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"));
    let own = own.filter(|_| chosen.endpoint.is_none());
    let base = chosen.endpoint.clone().or_else(|| env.text("OTEL_EXPORTER_OTLP_ENDPOINT"));
    // A signal's own endpoint is used as it is; the base gets the signal's path.
    let url = match (own, base, protocol) {
        (Some(own), ..) => own,
        (None, Some(base), Protocol::HttpProtobuf) => {
            format!("{}/{path}", base.trim_end_matches('/'))
        }
        (None, Some(base), Protocol::Grpc) => base,
        (None, None, Protocol::HttpProtobuf) => format!("http://localhost:4318/{path}"),
        (None, None, Protocol::Grpc) => "http://localhost:4317".to_owned(),
    };
    let url = match protocol {
        // gRPC addresses are often written without a scheme; then INSECURE decides.
        Protocol::Grpc if !url.contains("://") => {
            let own = env.otlp(signal, "INSECURE");
            let plain = own.is_some_and(|v| v.eq_ignore_ascii_case("true"));
            format!("{}://{url}", if plain { "http" } else { "https" })
        }
        _ => url,
    };
    let tls = TlsFiles {
        ca: env.otlp(signal, "CERTIFICATE"),
        certificate: env.otlp(signal, "CLIENT_CERTIFICATE"),
        key: env.otlp(signal, "CLIENT_KEY"),
    };
    Endpoint { url, protocol, headers, timeout, gzip, tls }
}

fn protocol(env: &Env<'_>, signal: &str) -> Protocol {
    match env.otlp(signal, "PROTOCOL").as_deref() {
        None | Some("http/protobuf") => Protocol::HttpProtobuf,
        Some("grpc") => Protocol::Grpc,
        Some(other) => {
            warn(&format!(
                "OTEL_EXPORTER_OTLP_PROTOCOL={other:?} is not spoken here; http/protobuf is"
            ));
            Protocol::HttpProtobuf
        }
    }
}

fn redis(chosen: &Chosen, env: &Env<'_>) -> Option<Redis> {
    let wanted = env.text("LONGPOLE_TRANSPORT");
    match wanted.as_deref() {
        None | Some("redis" | "otlp") => {}
        Some(other) => warn(&format!("LONGPOLE_TRANSPORT={other:?} is not known (otlp, redis)")),
    }
    let url = chosen.redis.clone().or_else(|| env.text("LONGPOLE_REDIS_URL"));
    let url = match (url, wanted.as_deref()) {
        (_, Some("otlp")) => return None,
        (None, Some("redis")) => "redis://127.0.0.1:6379".to_owned(),
        (url, _) => url?,
    };
    let tls = TlsFiles {
        ca: env.text("LONGPOLE_REDIS_CERTIFICATE"),
        certificate: env.text("LONGPOLE_REDIS_CLIENT_CERTIFICATE"),
        key: env.text("LONGPOLE_REDIS_CLIENT_KEY"),
    };
    let read = super::address::parse(&url, tls, Duration::from_millis(TIMEOUT));
    let Some(mut redis) = read else {
        // It may hold a password: only its shape is told.
        warn(
            "LONGPOLE_REDIS_URL is not redis[s]://[user[:password]@]host[:port][/database], nor \
             redis[s]+cluster://...host,host or redis[s]+sentinel://...host,host/master; ignored",
        );
        return None;
    };
    redis.replicas = env.number("LONGPOLE_REDIS_REPLICAS").unwrap_or(0).min(16) as u32;
    redis.timeout = chosen.timeout.unwrap_or(Duration::from_millis(TIMEOUT));
    Some(redis)
}

#[cfg(test)]
mod tests;
