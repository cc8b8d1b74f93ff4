//! A link in user space: bytes between callers and one process of the shop, of which some are lost on the way
//! and sent again, as TCP does.
//!
//! A loss costs what Linux's least retransmission timeout costs; order is kept, so what is behind waits, too.

use crate::rng::Rng;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Linux sends again after 200 ms at the earliest.
const AGAIN: Duration = Duration::from_millis(210);
/// Share of segments that are lost.
const LOST: f64 = 0.3;

/// A link that loses some of what it carries. Dropping it cuts it.
#[derive(Debug)]
pub(super) struct Link {
    /// Where callers connect to.
    pub(super) at: SocketAddr,
    carrying: JoinHandle<()>,
}

impl Link {
    /// Carries connections to `to`.
    pub(super) async fn lossy(to: SocketAddr, seed: u64) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let at = listener.local_addr()?;
        let carrying = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            let mut number = seed;
            while let Ok((caller, _)) = listener.accept().await {
                number = number.wrapping_add(1);
                connections.spawn(carry(caller, to, number));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { at, carrying })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.carrying.abort();
    }
}

async fn carry(caller: TcpStream, to: SocketAddr, seed: u64) {
    let Ok(callee) = TcpStream::connect(to).await else { return };
    let ((mut a, mut b), (mut c, mut d)) = (caller.into_split(), callee.into_split());
    // Both ways, until one side has said all it has to say.
    tokio::select! {
        () = one_way(&mut a, &mut d, Rng::new(seed)) => {}
        () = one_way(&mut c, &mut b, Rng::new(!seed)) => {}
    }
}

async fn one_way(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    mut rng: Rng,
) {
    let mut segment = vec![0; 16 * 1024];
    while let Ok(n @ 1..) = from.read(&mut segment).await {
        while rng.unit() < LOST {
            tokio::time::sleep(AGAIN).await;
        }
        let Some(bytes) = segment.get(..n) else { return };
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everything_arrives_in_order() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let link =
            Link::lossy(listener.local_addr().expect("an address"), 1).await.expect("a link");
        let echo = tokio::spawn(async move {
            let (mut s, _) = listener.accept().await.expect("a caller");
            let mut got = [0; 5];
            s.read_exact(&mut got).await.expect("five bytes");
            s.write_all(&got).await.expect("sent back");
        });
        let mut s = TcpStream::connect(link.at).await.expect("connected");
        for byte in b"order" {
            s.write_all(&[*byte]).await.expect("sent");
        }
        let mut back = [0; 5];
        s.read_exact(&mut back).await.expect("five bytes back");
        assert_eq!(&back, b"order");
        echo.await.expect("the echo ended");
    }
}
