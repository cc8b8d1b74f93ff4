//! A webhook receiver that misbehaves by script. Speaks just enough HTTP/1.1.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What it does with a request that it has read.
#[derive(Clone, Copy)]
pub(super) enum Reply {
    Status(u16),
    /// Says nothing and keeps the connection.
    Never,
    /// Resets within the status line.
    HalfThenReset,
    /// Resets behind the head, before the body it announced.
    OkThenReset,
    /// Never stops to talk.
    Endless(u16),
    Redirect,
}

/// A request that arrived.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) key: String,
    pub(super) body: String,
    headers: Vec<(String, String)>,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

pub(super) struct Receiver {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Receiver {
    /// An address at which nobody listens.
    pub(super) fn reserve() -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    }

    /// `script` answers request number n, from 0.
    pub(super) async fn start(script: fn(usize) -> Reply) -> Self {
        Self::at("127.0.0.1:0".parse().expect("an address"), script).await
    }

    pub(super) async fn at(address: SocketAddr, script: fn(usize) -> Reply) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone(), script));
            }
        });
        Self { url, seen }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("not poisoned").clone()
    }
}

async fn serve(mut stream: TcpStream, all: Arc<Mutex<Vec<Seen>>>, script: fn(usize) -> Reply) {
    while let Some(seen) = request(&mut stream).await {
        let n = {
            let mut all = all.lock().expect("not poisoned");
            all.push(seen);
            all.len() - 1
        };
        let said = match script(n) {
            Reply::Status(204) => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            Reply::Status(code) => format!("HTTP/1.1 {code} Said\r\ncontent-length: 2\r\n\r\nok"),
            Reply::Redirect => {
                "HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n".to_owned()
            }
            Reply::Never => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                return;
            }
            Reply::HalfThenReset => return reset(stream, "HTTP/1.1 20").await,
            Reply::OkThenReset => {
                return reset(stream, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n").await;
            }
            Reply::Endless(code) => {
                let _ = stream.write_all(format!("HTTP/1.1 {code} Said\r\n\r\n").as_bytes()).await;
                while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
                return;
            }
        };
        if stream.write_all(said.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Sends what is said, lets it arrive, and closes with a reset.
async fn reset(mut stream: TcpStream, said: &str) {
    let _ = stream.write_all(said.as_bytes()).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let _ = stream.set_zero_linger();
}

async fn request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let headers: Vec<(String, String)> = head
                .lines()
                .skip(1)
                .filter_map(|l| l.split_once(": "))
                .map(|(n, v)| (n.to_lowercase(), v.to_owned()))
                .collect();
            let find = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
            let length: usize = find("content-length")?.parse().ok()?;
            if body.len() >= length {
                let (key, body) = (find("idempotency-key")?, body.to_owned());
                return Some(Seen { key, body, headers });
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&piece[..n]),
            _ => return None,
        }
    }
}
