//! gRPC over h2: one connection, several calls at a time.

use super::{Refused, reply};
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use longpole_tests::h2c::TRACES;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// The frame's header before a message: not compressed, length.
pub fn head(length: usize) -> Vec<u8> {
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    [&[0][..], &length.to_be_bytes()].concat()
}

/// A way to the server; clones share a connection.
#[derive(Clone)]
pub struct Lane {
    client: SendRequest<Bytes>,
    to: SocketAddr,
}

impl Lane {
    /// Opens a connection.
    ///
    /// # Errors
    /// When there is none.
    pub async fn open(to: SocketAddr) -> Result<Self, String> {
        let told = |e: &dyn std::fmt::Display| format!("no connection to {to}: {e}");
        let stream = TcpStream::connect(to).await.map_err(|e| told(&e))?;
        stream.set_nodelay(true).map_err(|e| told(&e))?;
        let (client, connection) = Builder::new().handshake(stream).await.map_err(|e| told(&e))?;
        tokio::task::spawn_local(connection);
        Ok(Self { client, to })
    }

    /// One call; returns when the status came.
    pub async fn send(&mut self, message: Bytes) -> Result<(), Refused> {
        let broken = |e: h2::Error| Refused::broken(e);
        let request = http::Request::post(format!("http://{}{TRACES}", self.to))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .map_err(Refused::broken)?;
        let mut client = self.client.clone().ready().await.map_err(broken)?;
        let (response, mut send) = client.send_request(request, false).map_err(broken)?;
        send.send_data(message, true).map_err(broken)?;
        let (head, mut body) = response.await.map_err(broken)?.into_parts();
        let mut bytes = Vec::new();
        while let Some(data) = body.data().await {
            let data = data.map_err(broken)?;
            body.flow_control().release_capacity(data.len()).map_err(broken)?;
            bytes.extend_from_slice(&data);
        }
        let trailers = body.trailers().await.map_err(broken)?.unwrap_or_default();
        let find = |name: &str| {
            let value = trailers.get(name).or_else(|| head.headers.get(name));
            value.map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()).unwrap_or_default()
        };
        let status = find("grpc-status");
        if head.status != http::StatusCode::OK || status != "0" {
            // Percent-encoded; of that, spaces are what hinders reading.
            let (code, message) = (head.status, find("grpc-message").replace("%20", " "));
            return Err(Refused::answer(format!("HTTP {code}, gRPC status {status}: {message}")));
        }
        reply(bytes.get(5..).unwrap_or_default())
    }
}
