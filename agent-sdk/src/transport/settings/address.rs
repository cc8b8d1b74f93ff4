//! The address of a Redis, of several nodes of a Cluster, or of Sentinels, as text.

use super::{Redis, TlsFiles};
use longpole_proto::percent::decode;
use std::time::Duration;

/// Ports where none is written.
const REDIS: u16 = 6_379;
const SENTINEL: u16 = 26_379;

/// Reads `redis[s]://[user[:password]@]host[:port][/database]`, user and password percent-encoded; with
/// `redis[s]+cluster://` several hosts, with commas between, any of which will do; with `redis[s]+sentinel://`
/// Sentinels in the place of hosts, and behind a `/` the name of the master that they watch.
pub(super) fn parse(url: &str, tls: TlsFiles, timeout: Duration) -> Option<Redis> {
    let (scheme, rest) = url.split_once("://")?;
    let (scheme, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
    let tls = match scheme {
        "redis" => None,
        "rediss" => Some(tls),
        _ => return None,
    };
    let (login, rest) = match rest.rsplit_once('@') {
        Some((login, rest)) => (Some(login), rest),
        None => (None, rest),
    };
    let (places, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.trim_end_matches('/');
    let number = |text: &str| if text.is_empty() { Some(0) } else { text.parse().ok() };
    let (port, database, master) = match kind {
        "" if !places.contains(',') => (REDIS, number(path)?, None),
        "cluster" if path.is_empty() => (REDIS, 0, None),
        "sentinel" if !path.is_empty() => (SENTINEL, 0, Some(path.to_owned())),
        _ => return None,
    };
    let (user, password) = match login.map(|l| l.split_once(':').unwrap_or((l, ""))) {
        Some((user, password)) => (decode(user), decode(password)),
        None => Default::default(),
    };
    let some = |text: String| (!text.is_empty()).then_some(text);
    Some(Redis {
        places: places.split(',').map(|p| place(p, port)).collect::<Option<_>>()?,
        master,
        tls,
        user: some(user),
        password: some(password),
        database,
        replicas: 0,
        timeout,
    })
}

/// `[::1]:6379`, `host:6379`, `host`.
fn place(text: &str, port: u16) -> Option<(String, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (text, port),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then(|| (host.to_owned(), port))
}
