//! OTLP/HTTP over HTTP/1.1 by hand: one connection that stays, one request at a time, so that the
//! client costs next to nothing.

use super::{Refused, reply};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The request's head before a body.
pub fn head(length: usize) -> Vec<u8> {
    format!(
        "POST /v1/traces HTTP/1.1\r\nHost: collector\r\nContent-Type: application/x-protobuf\r\n\
         Content-Length: {length}\r\n\r\n"
    )
    .into_bytes()
}

/// A connection.
pub struct Lane {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Lane {
    /// Opens one.
    ///
    /// # Errors
    /// When there is none.
    pub async fn open(to: SocketAddr) -> Result<Self, String> {
        let told = |e: std::io::Error| format!("no connection to {to}: {e}");
        let stream = TcpStream::connect(to).await.map_err(told)?;
        stream.set_nodelay(true).map_err(told)?;
        Ok(Self { stream, read: Vec::with_capacity(4096) })
    }

    /// One request; returns when its answer is read.
    pub async fn send(&mut self, request: &[u8]) -> Result<(), Refused> {
        self.stream.write_all(request).await.map_err(Refused::broken)?;
        self.read.clear();
        loop {
            let n = self.stream.read_buf(&mut self.read).await.map_err(Refused::broken)?;
            if n == 0 {
                return Err(Refused::broken("closed before the answer"));
            }
            if let Some((status, body)) = answer(&self.read).map_err(Refused::broken)? {
                if status == 200 {
                    return reply(body);
                }
                let body = String::from_utf8_lossy(body);
                return Err(Refused::answer(format!("HTTP {status}: {body}")));
            }
        }
    }
}

/// Status and body of a whole answer; `None` while some of it is missing.
fn answer(read: &[u8]) -> Result<Option<(u16, &[u8])>, &'static str> {
    let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&read[..end]).map_err(|_| "the answer's head is no text")?;
    let status = head.get(9..12).and_then(|s| s.parse().ok()).ok_or("no status")?;
    let mut lines = head.lines().filter_map(|l| l.split_once(':'));
    let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, n)| n.trim().parse::<usize>().ok());
    let length = length.ok_or("an answer without Content-Length")?;
    Ok(read.get(end + 4..end + 4 + length).map(|body| (status, body)))
}
