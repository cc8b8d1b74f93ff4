//! A TCP proxy in user space that behaves as bad networks do. The target can be changed, as a name that moves.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What it does to what goes through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Passes it on.
    Pass,
    /// Holds each piece for a while.
    Delay(Duration),
    /// Closes every connection, and new ones at once.
    Cut,
    /// Connections stand and nothing goes through, either way.
    HalfOpen,
    /// What is sent arrives, answers do not.
    OneWay,
    /// One byte a millisecond.
    Drip,
}

/// How long a piece of traffic is waited for before the manner is looked at again.
const LOOK: Duration = Duration::from_millis(20);

/// The proxy. Ends with the test.
#[derive(Clone)]
pub struct Proxy {
    at: SocketAddr,
    state: Arc<Mutex<(Manner, SocketAddr)>>,
    over: Arc<AtomicBool>,
}

impl Proxy {
    /// Starts one on a free port.
    pub fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("bound");
        let state = Arc::new(Mutex::new((Manner::Pass, to)));
        let proxy = Self { at, state, over: Arc::default() };
        let mine = proxy.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if mine.over.load(Ordering::Relaxed) {
                    return;
                }
                mine.join(&client);
            }
        });
        proxy
    }

    /// Where it listens.
    pub fn at(&self) -> SocketAddr {
        self.at
    }

    fn state(&self) -> MutexGuard<'_, (Manner, SocketAddr)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Behaves otherwise from now on, connections that stand included.
    pub fn set(&self, manner: Manner) {
        self.state().0 = manner;
    }

    /// Leads elsewhere; connections that stand stay as they are.
    pub fn lead(&self, to: SocketAddr) {
        self.state().1 = to;
    }

    fn join(&self, client: &TcpStream) {
        let (manner, to) = *self.state();
        if manner == Manner::Cut {
            return;
        }
        let Ok(server) = TcpStream::connect(to) else { return };
        let pair = |a: &TcpStream, b: &TcpStream| Some((a.try_clone().ok()?, b.try_clone().ok()?));
        for (there, from_to) in [(true, pair(client, &server)), (false, pair(&server, client))] {
            if let Some((from, to)) = from_to {
                let proxy = self.clone();
                std::thread::spawn(move || proxy.carry(from, to, there));
            }
        }
    }

    /// Carries one direction; `there`: from the client.
    fn carry(&self, mut from: TcpStream, mut to: TcpStream, there: bool) {
        let _ = from.set_read_timeout(Some(LOOK));
        let mut bytes = [0; 16 << 10];
        while !self.over.load(Ordering::Relaxed) {
            let manner = self.state().0;
            let stands = match manner {
                Manner::Cut => break,
                Manner::HalfOpen => true,
                Manner::OneWay => !there,
                Manner::Pass | Manner::Delay(_) | Manner::Drip => false,
            };
            if stands {
                std::thread::sleep(LOOK);
                continue;
            }
            let room = if manner == Manner::Drip { 1 } else { bytes.len() };
            match from.read(&mut bytes[..room]) {
                Ok(0) => break,
                Ok(n) => {
                    if let Manner::Delay(long) = manner {
                        std::thread::sleep(long);
                    }
                    if manner == Manner::Drip {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    if to.write_all(&bytes[..n]).is_err() {
                        break;
                    }
                }
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The last one but those of threads under way: they see it at their next look.
        if Arc::strong_count(&self.over) <= 2 {
            self.over.store(true, Ordering::Relaxed);
        }
    }
}
