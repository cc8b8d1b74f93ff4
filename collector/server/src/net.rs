//! Listening: sockets, limits and timeouts that every port shares.
//!
//! A connection says within `HELLO` which HTTP it speaks; headers, idle keep-alives and half-open
//! peers have their times, and there are only so many connections. Over the limit: accepted and
//! closed at once, counted. What is served is the caller's router.

mod holder;

use crate::own::Own;
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use hyper_util::service::TowerToHyperService;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Connections of one port.
const CONNECTIONS: usize = 1_024;
/// A connection's first bytes come within this time.
const HELLO: Duration = Duration::from_secs(10);
/// Headers come within this time; an idle HTTP/1 connection is closed after it, too.
const HEADERS: Duration = Duration::from_secs(25);
/// A peer that says nothing is asked after this time (HTTP/2 PING) ...
const PING: Duration = Duration::from_secs(15);
/// ... and has this long to answer.
const PONG: Duration = Duration::from_secs(10);
/// Bytes of a request's headers.
const HEADER_BYTES: u32 = 32 << 10;
/// Requests of one HTTP/2 connection at a time.
const STREAMS: u32 = 256;
/// Bytes of one HTTP/2 frame that a peer may send: as much as of HTTP/1 is read at once. The protocol's least, 16 KiB,
/// makes a request of many frames, and each is a buffer and a turn of the connection. What has come of a frame waits
/// outside every room: 64 MiB of [`CONNECTIONS`] that all stop within one.
const FRAME: u32 = 64 << 10;

/// Why a port cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else has it.
    #[error("cannot listen on {addr}: in use{by}. Use --{flag} {other}, or stop it.")]
    InUse {
        /// The address.
        addr: SocketAddr,
        /// " by NAME (pid N)", where that can be seen.
        by: String,
        /// The flag that moves the port.
        flag: &'static str,
        /// A free port to suggest.
        other: SocketAddr,
    },
    /// Anything else.
    #[error("cannot listen on {addr}: {why}")]
    Other {
        /// The address.
        addr: SocketAddr,
        /// The system's words.
        why: std::io::Error,
    },
}

/// Binds a port; `flag` is the option that moves it.
///
/// # Errors
/// [`ListenError`] with what to do.
pub async fn bind(addr: SocketAddr, flag: &'static str) -> Result<TcpListener, ListenError> {
    match TcpListener::bind(addr).await {
        Ok(listener) => Ok(listener),
        Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => {
            let by = holder::of(addr.port())
                .map(|(name, pid)| format!(" by {name} (pid {pid})"))
                .unwrap_or_default();
            let port = match addr.port() {
                high @ 55_536.. => high - 10_000,
                low => low + 10_000,
            };
            let other = SocketAddr::new(addr.ip(), port);
            Err(ListenError::InUse { addr, by, flag, other })
        }
        Err(why) => Err(ListenError::Other { addr, why }),
    }
}

/// Which HTTP a port speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// OTLP/gRPC: HTTP/2; HTTP/1 gets a helpful answer.
    Grpc,
    /// OTLP/HTTP.
    Http,
    /// Scrape, API, page.
    Web,
}

impl Port {
    fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
            Self::Web => "web",
        }
    }
}

/// What a port serves.
pub trait Serve:
    tower::Service<
        hyper::Request<hyper::body::Incoming>,
        Response = hyper::Response<axum::body::Body>,
        Error = std::convert::Infallible,
        Future: Send,
    > + Clone
    + Send
    + 'static
{
}

impl<S> Serve for S where
    S: tower::Service<
            hyper::Request<hyper::body::Incoming>,
            Response = hyper::Response<axum::body::Body>,
            Error = std::convert::Infallible,
            Future: Send,
        > + Clone
        + Send
        + 'static
{
}

/// Serves until `stop` turns true, then lets the requests under way end.
pub async fn serve<S: Serve>(
    listener: TcpListener,
    port: Port,
    router: S,
    own: Arc<Own>,
    mut stop: watch::Receiver<bool>,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|s| *s) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of descriptors, most likely: wait for some to come back.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            own.closed.with_label_values(&[port.name(), "too_many"]).inc();
            continue;
        };
        let (router, own, stop) = (router.clone(), Arc::clone(&own), stop.clone());
        connections.spawn(async move {
            own.connections.with_label_values(&[port.name()]).inc();
            if let Err(reason) = connection(stream, peer.ip(), port, router, stop).await {
                own.closed.with_label_values(&[port.name(), reason]).inc();
            }
            own.connections.with_label_values(&[port.name()]).dec();
            drop(place);
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// What a connection begins with.
#[derive(PartialEq, Eq)]
enum Hello {
    Http1,
    Http2,
    Tls,
}

/// Looks at the first bytes without taking them.
async fn hello(stream: &TcpStream) -> Option<Hello> {
    // All of it: behind a preface that stops, HTTP/2 itself would wait without end.
    const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let mut seen = [0; 24];
    loop {
        let n = stream.peek(&mut seen).await.ok().filter(|n| *n > 0)?;
        if seen[0] == 0x16 {
            return Some(Hello::Tls);
        }
        if seen[..n] != PREFACE[..n] {
            return Some(Hello::Http1);
        }
        if n == PREFACE.len() {
            return Some(Hello::Http2);
        }
        // A prefix of the preface: the rest is on its way, or the outer timeout ends this.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn connection<S: Serve>(
    stream: TcpStream,
    peer: IpAddr,
    port: Port,
    router: S,
    mut stop: watch::Receiver<bool>,
) -> Result<(), &'static str> {
    let _ = stream.set_nodelay(true);
    let first = tokio::select! {
        first = tokio::time::timeout(HELLO, hello(&stream)) => first,
        _ = stop.wait_for(|s| *s) => return Ok(()),
    };
    let first = match first {
        Ok(Some(first)) => first,
        Ok(None) => return Ok(()),
        Err(_) => return Err("slow_peer"),
    };
    if first == Hello::Tls {
        return Err("tls_on_plain_port");
    }
    let io = TokioIo::new(stream);
    let ended = if first == Hello::Http2 {
        let service = TowerToHyperService::new(router);
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .keep_alive_timeout(PONG)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEADER_BYTES)
            .max_frame_size(FRAME)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20);
        drive(builder.serve_connection(io, service), stop).await
    } else {
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS)
            .max_buf_size(HEADER_BYTES as usize * 2);
        match port {
            Port::Grpc => {
                let told = TowerToHyperService::new(wrong_port(peer));
                drive(builder.serve_connection(io, told), stop).await
            }
            Port::Http | Port::Web => {
                let service = TowerToHyperService::new(router);
                drive(builder.serve_connection(io, service), stop).await
            }
        }
    };
    match ended {
        Ok(()) => Ok(()),
        Err(e) if e.is_timeout() => Err("slow_peer"),
        Err(e) if e.is_parse() || e.is_parse_too_large() => Err("protocol"),
        // A peer that went away is no fault of anybody's.
        Err(_) => Ok(()),
    }
}

/// Drives a connection; told to stop, it ends what is under way and no more.
async fn drive(
    connection: impl GracefulConnection<Error = hyper::Error>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), hyper::Error> {
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended,
        _ = stop.wait_for(|s| *s) => {}
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}

/// Every answer of the gRPC port to HTTP/1.
fn wrong_port(peer: IpAddr) -> Router {
    Router::new().fallback(move || async move {
        let text = format!(
            "{peer} sends HTTP/1.1 to the gRPC port. For http/protobuf use the OTLP/HTTP port, 4318 \
             unless configured (OTEL_EXPORTER_OTLP_PROTOCOL=grpc speaks to this one).\n"
        );
        (hyper::StatusCode::HTTP_VERSION_NOT_SUPPORTED, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_told_with_its_holder_and_another() {
        let first = bind(SocketAddr::from(([127, 0, 0, 1], 0)), "grpc").await.expect("free");
        let taken = first.local_addr().expect("bound");
        let told = bind(taken, "grpc").await.expect_err("taken").to_string();
        let other = match taken.port() {
            high @ 55_536.. => high - 10_000,
            low => low + 10_000,
        };
        assert!(told.contains(&format!("cannot listen on {taken}: in use")), "{told}");
        assert!(told.contains(&format!("Use --grpc 127.0.0.1:{other}, or stop it.")), "{told}");
        #[cfg(target_os = "linux")]
        assert!(told.contains(&format!("(pid {})", std::process::id())), "{told}");
    }
}
