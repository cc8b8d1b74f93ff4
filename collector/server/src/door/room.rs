//! Room for requests that are being received and unpacked: what nothing behind the doors bounds yet.
//!
//! A request takes room as its bytes come, whatever it announces, and keeps it until it is answered. Where there
//! is none it is told to come back, at once; one that could never have enough is too large. Large ones leave a
//! quarter to small ones, and those that begin another to those that have begun; and while more than half is taken bodies have less time to come: whoever is slow
//! holds nobody up for long. Work that may take long is done beside the network's threads, only so much at a time.

use super::buffer::Buffer;
use super::inflate::Contexts;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinError;
use tokio::time::{Instant, timeout};

/// A request whose bytes do not come within this time is given up ...
pub const BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// ... within this time while more than half of the room is taken.
const HURRY: Duration = Duration::from_secs(5);
/// How often a request that is slow looks which of the two it is.
const LOOK: Duration = Duration::from_secs(1);
/// A request of so many bytes is small.
const SMALL: usize = 1 << 20;
/// A buffer that needs less is given that many times over: most requests then are moved once at most.
const STEP: usize = 64 << 10;
/// How many times.
const AHEAD: usize = 16;

/// Why a request gets no more room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// There is none now.
    Full,
    /// There never is so much for one request: at most so many bytes.
    TooLarge(usize),
}

/// All the room there is.
#[derive(Debug)]
pub struct Rooms {
    cap: usize,
    used: AtomicUsize,
    /// How long a body may take to come, and how long while much of the room is taken.
    times: [Duration; 2],
    aside: Arc<Semaphore>,
    pub(super) contexts: Contexts,
}

/// The room of one request; dropping it gives it back.
#[derive(Debug)]
pub struct Room {
    rooms: Arc<Rooms>,
    bytes: usize,
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Large requests that are worked at together: some more than there are cores, so that two that take long do not stop
/// all others.
pub(super) fn at_once() -> usize {
    cores() + 2
}

impl Rooms {
    /// Room of `cap` bytes.
    pub fn new(cap: usize) -> Self {
        let aside = Arc::new(Semaphore::new(at_once()));
        let (used, contexts) = (AtomicUsize::new(0), Contexts::new(cores()));
        Self { cap, used, times: [BODY_TIMEOUT, HURRY], aside, contexts }
    }

    /// A request comes.
    pub fn enter(self: &Arc<Self>) -> Room {
        Room { rooms: Arc::clone(self), bytes: 0 }
    }

    /// Bytes taken now.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// What large requests may take together.
    fn large(&self) -> usize {
        self.cap - self.cap / 4
    }

    /// How long a body may take to come.
    fn patience(&self) -> Duration {
        self.times[usize::from(self.used() > self.cap / 2)]
    }

    /// What `work` gives, if that is while there is time for it.
    pub async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let (began, mut work) = (Instant::now(), std::pin::pin!(work));
        loop {
            let left = self.patience().saturating_sub(began.elapsed());
            match timeout(left.min(LOOK), &mut work).await {
                Ok(done) => return Some(done),
                Err(_) if left <= LOOK => return None,
                Err(_) => {}
            }
        }
    }

    /// Does what may take long on a thread for it, in its turn.
    ///
    /// # Errors
    /// When it panicked.
    pub async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        // It is never closed. The turn ends with the work, whoever still waits for it.
        let turn = Arc::clone(&self.aside).acquire_owned().await;
        let work = move || {
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(work).await
    }
}

impl Room {
    /// Takes so many bytes more.
    ///
    /// # Errors
    /// [`NoRoom`]; it has what it had.
    pub fn take(&mut self, more: usize) -> Result<(), NoRoom> {
        let cap = self.rooms.cap;
        let (large, small) = (self.rooms.large(), SMALL.min(cap / 8));
        let own = self.bytes.saturating_add(more);
        if own > large {
            return Err(NoRoom::TooLarge(large));
        }
        let most = if own > small { large } else { cap };
        // Who has begun goes before who begins: else all of many might get a part, and none the rest.
        let begins = self.bytes <= small && own > small;
        let fits = |used: usize| {
            let after = used.checked_add(more)?;
            (after <= most && !(begins && used > cap / 2)).then_some(after)
        };
        let taken = self.rooms.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        taken.map_err(|_| NoRoom::Full)?;
        self.bytes = own;
        Ok(())
    }

    /// Grants a buffer `more` bytes behind what it holds at least, and as many as are `expected` in all where
    /// that is little or much of it has come.
    ///
    /// # Errors
    /// [`NoRoom`].
    pub fn make(
        &mut self,
        buffer: &mut Buffer,
        more: usize,
        expected: usize,
    ) -> Result<(), NoRoom> {
        let needed = buffer.len().saturating_add(more);
        let had = buffer.granted();
        if needed <= had {
            return Ok(());
        }
        let ahead = match needed {
            ..STEP => needed * AHEAD,
            _ => had + (had / 4).max(STEP * AHEAD),
        };
        // No further than one request may go.
        let left = self.rooms.large().saturating_sub(self.bytes);
        let wanted = ahead.min(expected).min(had.saturating_add(left)).max(needed);
        self.take(wanted - had)?;
        buffer.grant(wanted);
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.rooms.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn large_requests_leave_room_for_small_ones() {
        let rooms = Arc::new(Rooms::new(64 * MIB));
        let mut large: Vec<Room> = (0..3).map(|_| rooms.enter()).collect();
        assert_eq!(large[0].take(49 * MIB), Err(NoRoom::TooLarge(48 * MIB)));
        large[0].take(17 * MIB).expect("room");
        large[1].take(17 * MIB).expect("room");
        assert_eq!(large[2].take(2 * MIB), Err(NoRoom::Full), "it has not begun");
        large[0].take(14 * MIB).expect("it has begun");
        assert_eq!(large[0].take(1), Err(NoRoom::Full));
        assert_eq!(rooms.patience(), HURRY);
        let mut small: Vec<Room> = (0..16).map(|_| rooms.enter()).collect();
        for room in &mut small {
            room.take(MIB).expect("a quarter is theirs");
            assert_eq!(room.take(1), Err(NoRoom::Full), "no small one any more");
        }
        assert_eq!(rooms.enter().take(1), Err(NoRoom::Full));
        drop((large, small));
        assert_eq!((rooms.used(), rooms.patience()), (0, BODY_TIMEOUT));
    }

    #[test]
    fn a_buffer_grows_with_what_has_come() {
        let rooms = Arc::new(Rooms::new(64 * MIB));
        let (mut room, mut buffer) = (rooms.enter(), Buffer::up_to(40 * MIB));
        room.make(&mut buffer, 10, 40 * MIB).expect("room");
        assert_eq!((buffer.granted(), rooms.used()), (160, 160), "not what was announced");
        buffer.grant(MIB);
        buffer.extend(&vec![0; MIB]);
        room.make(&mut buffer, 1, 40 * MIB).expect("room");
        assert!(buffer.granted() <= 2 * MIB + 1);
        room.make(&mut buffer, 39 * MIB, 40 * MIB).expect("room");
        assert_eq!(buffer.granted(), 40 * MIB);
        let exact = &mut Buffer::up_to(7);
        room.make(exact, 5, 7).expect("room");
        assert_eq!(exact.granted(), 7);
    }

    #[tokio::test]
    async fn bodies_have_less_time_while_much_of_the_room_is_taken() {
        // Whoever is not hurried waits for ever.
        let times = [Duration::from_secs(1 << 30), Duration::from_millis(1)];
        let rooms = Arc::new(Rooms { times, ..Rooms::new(64 * MIB) });
        assert_eq!(rooms.in_time(async { 7 }).await, Some(7));
        let mut room = rooms.enter();
        room.take(40 * MIB).expect("room");
        assert_eq!(rooms.in_time(std::future::pending::<()>()).await, None);
        // One that began before the others came.
        drop(room);
        let slow = rooms.in_time(std::future::pending::<()>());
        let fill = async {
            let mut room = rooms.enter();
            room.take(40 * MIB).map(|()| room)
        };
        let (given_up, room) = tokio::join!(slow, fill);
        assert!(given_up.is_none() && room.is_ok());
    }
}
