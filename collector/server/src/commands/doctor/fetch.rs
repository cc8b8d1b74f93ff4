//! One page over plain HTTP, with limits: enough to ask a collector of ours.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Connecting, and each read, may take this long.
const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes of a page.
const PAGE: u64 = 64 << 20;

/// The body of a page that is answered with 200.
pub(super) fn get(at: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // HTTP/1.0: the end of the page is the end of the connection.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {at}\r\n\r\n")?;
    let mut page = Vec::new();
    stream.take(PAGE).read_to_end(&mut page)?;
    let page = String::from_utf8_lossy(&page).into_owned();
    let odd = || Error::new(ErrorKind::InvalidData, "it does not speak HTTP");
    let (head, body) = page.split_once("\r\n\r\n").ok_or_else(odd)?;
    let status = head.split(' ').nth(1).ok_or_else(odd)?;
    if status != "200" {
        return Err(Error::other(format!("{path} is answered with {status}")));
    }
    Ok(body.to_owned())
}
