//! gRPC over cleartext HTTP/2, one call a connection, the message given as bytes: a generated client
//! could not send what is wrong.

use crate::http::connect;
use bytes::Bytes;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// The method that takes spans.
pub const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// The method that takes points.
pub const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// gRPC's status codes that are expected somewhere.
pub mod code {
    #![allow(missing_docs)]
    pub const OK: u32 = 0;
    pub const INVALID_ARGUMENT: u32 = 3;
    pub const RESOURCE_EXHAUSTED: u32 = 8;
    pub const UNIMPLEMENTED: u32 = 12;
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// HTTP's status.
    pub http: u16,
    /// gRPC's, from the trailers or, without a body, the headers.
    pub code: Option<u32>,
    /// `grpc-message`, percent-encoded as it came.
    pub message: String,
    /// Whether it tells when to try again.
    pub retry_info: bool,
    /// The message without its frame.
    pub body: Vec<u8>,
}

/// One call with a message that is not compressed.
pub fn call(at: SocketAddr, path: &str, message: &[u8]) -> Result<Reply, String> {
    call_raw(at, path, &[], frame(0, message))
}

/// A gRPC frame: whether it is compressed, length, message.
pub fn frame(compressed: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[compressed][..], &length.to_be_bytes(), message].concat()
}

/// One call with a body as it is.
///
/// # Errors
/// When no answer came: the connection was closed or timed out.
pub fn call_raw(
    at: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Result<Reply, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let limit = Duration::from_secs(40);
        match tokio::time::timeout(limit, exchange(at, path, headers, body)).await {
            Ok(answered) => answered.map_err(|e| e.to_string()),
            Err(_) => Err("no answer in 40 s".to_owned()),
        }
    })
}

async fn exchange(
    at: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Result<Reply, Box<dyn std::error::Error>> {
    let stream = TcpStream::connect(at).await?;
    let (client, connection) = h2::client::handshake(stream).await?;
    tokio::spawn(connection);
    let mut client = client.ready().await?;
    let mut request = http::Request::post(format!("http://{at}{path}")).header("te", "trailers");
    if !headers.iter().any(|(n, _)| *n == "content-type") {
        request = request.header("content-type", "application/grpc");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (response, mut send) = client.send_request(request.body(())?, false)?;
    // A server may answer and reset before it has read everything.
    let _ = send.send_data(Bytes::from(body), true);
    let (head, mut body) = response.await?.into_parts();
    let mut reply = Reply { http: head.status.as_u16(), ..Reply::default() };
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        bytes.extend_from_slice(&data);
    }
    let trailers = body.trailers().await?.unwrap_or_default();
    let find = |name: &str| {
        let value = trailers.get(name).or_else(|| head.headers.get(name));
        value.map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned())
    };
    reply.code = find("grpc-status").and_then(|c| c.parse().ok());
    reply.message = find("grpc-message").unwrap_or_default();
    reply.retry_info = find("grpc-status-details-bin").is_some();
    reply.body = bytes.get(5..).unwrap_or_default().to_vec();
    Ok(reply)
}

/// The client's preface and empty settings, for connections that go wrong after it.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// An HTTP/2 frame.
pub fn h2_frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    let head = [length[1], length[2], length[3], kind, flags];
    [&head[..], &stream.to_be_bytes(), payload].concat()
}

/// Sends raw HTTP/2 bytes; true when the peer closed the connection within the limit.
pub fn closes(at: SocketAddr, bytes: &[u8], limit: Duration) -> bool {
    let Ok(mut stream) = connect(at) else { return false };
    let _ = stream.set_read_timeout(Some(limit));
    if stream.write_all(bytes).is_err() {
        return true; // closed while we were talking
    }
    let began = std::time::Instant::now();
    let mut buffer = [0; 4096];
    while began.elapsed() < limit {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(e) => return e.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
    false
}
