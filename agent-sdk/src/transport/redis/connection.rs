//! One connection to a Redis: TCP or TLS, logged in, its database chosen.

use super::resp::{self, Value};
use crate::transport::settings::Redis as Settings;
use std::io::{Error, ErrorKind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection and what came over it and was not read yet.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects to `host:port`; the error says at which step it ended.
    pub async fn open(settings: &Settings, at: &str) -> Result<Self, String> {
        let tcp = TcpStream::connect(at).await.map_err(|e| e.to_string())?;
        tcp.set_nodelay(true).map_err(|e| e.to_string())?;
        let stream: Box<dyn Stream> = match &settings.tls {
            None => Box::new(tcp),
            Some(files) => secure(tcp, files, at).await?,
        };
        let mut made = Self { stream, buffer: Vec::new() };
        if let Some(password) = &settings.password {
            let words = [settings.user.as_deref(), Some(password)];
            let words: Vec<&[u8]> = words.into_iter().flatten().map(str::as_bytes).collect();
            made.ask(b"AUTH", &words).await?;
        }
        if settings.database != 0 {
            made.ask(b"SELECT", &[settings.database.to_string().as_bytes()]).await?;
        }
        Ok(made)
    }

    async fn ask(&mut self, command: &[u8], words: &[&[u8]]) -> Result<(), String> {
        let mut out = Vec::new();
        resp::command(&mut out, &[command], words);
        self.write(&out).await.map_err(|e| e.to_string())?;
        match self.read().await.map_err(|e| e.to_string())? {
            Value::Error(why) => Err(why),
            _ => Ok(()),
        }
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// One reply.
    pub async fn read(&mut self) -> Result<Value, Error> {
        loop {
            let bad = |why| Error::new(ErrorKind::InvalidData, why);
            if let Some((value, used)) = resp::parse(&self.buffer).map_err(bad)? {
                self.buffer.drain(..used);
                return Ok(value);
            }
            let mut chunk = [0; 4096];
            let n = self.stream.read(&mut chunk).await?;
            if n == 0 {
                return Err(Error::new(ErrorKind::UnexpectedEof, "the connection was closed"));
            }
            self.buffer.extend_from_slice(&chunk[..n]);
        }
    }
}

#[cfg(feature = "tls")]
async fn secure(
    tcp: TcpStream,
    files: &crate::transport::settings::TlsFiles,
    at: &str,
) -> Result<Box<dyn Stream>, String> {
    let config = crate::transport::tls::config(files)?;
    let host = at.rsplit_once(':').map_or(at, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = rustls::pki_types::ServerName::try_from(host).map_err(|e| e.to_string())?;
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let stream = connector.connect(name, tcp).await.map_err(|e| e.to_string())?;
    Ok(Box::new(stream))
}

#[cfg(not(feature = "tls"))]
async fn secure(
    _: TcpStream,
    _: &crate::transport::settings::TlsFiles,
    _: &str,
) -> Result<Box<dyn Stream>, String> {
    Err("rediss:// needs the feature `tls`".to_owned())
}
