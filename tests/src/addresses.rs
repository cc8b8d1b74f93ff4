//! Addresses for servers that are started later than their address is told, or again. A port that the system
//! gives out (`:0`) and that is let go belongs to whoever comes next: another server, or a client.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// A free address on loopback that the system gives to nobody by itself: below the ports that it draws for
/// clients. Another one each time, and in each process.
pub fn lasting_address() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + std::process::id().wrapping_mul(89).wrapping_add(nth) % 12_000;
        let at = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap_or(20_000)));
        if TcpListener::bind(at).is_ok() {
            return at;
        }
    }
}
