//! The cells of a series, one set a seat: a thread writes those of the seat it has without any locked instruction,
//! collection reads them all. A thread that ends leaves its seat to the next one, sums included; so there are
//! as many seats as there ever were threads at once, and what they hold is never given back.

use super::exemplar::Exemplar;
use super::registry::Shape;
use std::cell::Cell;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The words of one seat for one series.
pub(super) type Cells = &'static [AtomicU64];

/// A thread's cells, by the ids of their series.
type Seat = &'static [OnceLock<Cells>];

/// Seats whose threads have ended.
static FREE: Mutex<Vec<Seat>> = Mutex::new(Vec::new());
/// Series of the first, smallest seat.
const SMALLEST: usize = 64;

/// One set of labels of one instrument.
#[derive(Debug)]
pub(crate) struct Series {
    /// Place in each seat.
    id: usize,
    pub labels: Vec<(String, String)>,
    pub shape: Shape,
    /// The cells of all seats.
    all: Mutex<Vec<Cells>>,
    /// Exemplars since the last collection.
    exemplars: Mutex<Vec<Exemplar>>,
    /// A gauge's value; whether it was ever set is bit 0 of the second word.
    gauge: [AtomicU64; 2],
}

impl Series {
    pub fn new(labels: Vec<(String, String)>, shape: Shape) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Self {
            id: NEXT.fetch_add(1, Relaxed),
            labels,
            shape,
            all: Mutex::default(),
            exemplars: Mutex::default(),
            gauge: Default::default(),
        }
    }

    /// Sets a gauge.
    pub fn set(&self, value: f64) {
        if value.is_finite() {
            self.gauge[0].store(value.to_bits(), Relaxed);
            self.gauge[1].store(1, Relaxed);
        }
    }

    /// A gauge's value, once it was set.
    pub fn value(&self) -> Option<f64> {
        (self.gauge[1].load(Relaxed) == 1).then(|| f64::from_bits(self.gauge[0].load(Relaxed)))
    }

    /// Adds up one word of all threads.
    pub fn sum(&self, word: usize) -> u64 {
        lock(&self.all).iter().fold(0, |sum, c| sum.wrapping_add(c[word].load(Relaxed)))
    }

    /// Reads the cells of each thread.
    pub fn each(&self, mut read: impl FnMut(&[AtomicU64])) {
        lock(&self.all).iter().for_each(|cell| read(cell));
    }

    /// Remembers a value with the trace it belongs to, at most one for each of 64 places between two
    /// collections. `mask` says which are taken.
    #[cold]
    pub fn offer_exemplar(&self, mask: &AtomicU64, place: usize, value: f64) {
        let bit = 1 << place.min(63);
        if mask.load(Relaxed) & bit == 0
            && let Some(exemplar) = Exemplar::of(value)
        {
            mask.store(mask.load(Relaxed) | bit, Relaxed);
            let mut all = lock(&self.exemplars);
            if all.len() < 64 {
                all.push(exemplar);
            }
        }
    }

    /// Takes the exemplars, and opens their places again.
    pub fn take_exemplars(&self, mask: usize) -> Vec<Exemplar> {
        self.each(|cell| cell[mask].store(0, Relaxed));
        std::mem::take(&mut lock(&self.exemplars))
    }

    fn cells(&self) -> Cells {
        let made: Cells = self.shape.fresh();
        lock(&self.all).push(made);
        made
    }
}

/// A panic elsewhere in the program must not spread through a poisoned lock.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    /// The thread's seat; nothing before it has one and after it has left it.
    static SEAT: Cell<Seat> = const { Cell::new(&[]) };
    /// Leaves the seat when the thread ends.
    static LEAVING: Leaving = const { Leaving };
}

struct Leaving;

impl Drop for Leaving {
    fn drop(&mut self) {
        leave(SEAT.replace(&[]));
    }
}

fn leave(seat: Seat) {
    if !seat.is_empty() {
        lock(&FREE).push(seat);
    }
}

/// Runs `write` on this thread's cells of a series.
#[inline(always)]
pub(super) fn with(series: &Series, write: impl FnOnce(&[AtomicU64])) {
    match SEAT.get().get(series.id).and_then(OnceLock::get) {
        Some(cells) => write(cells),
        None => first(series, write),
    }
}

/// The first time in this seat, or the last: a thread that ends has no seat of its own any more, and takes one
/// for as long as it writes.
#[cold]
#[inline(never)]
fn first(series: &Series, write: impl FnOnce(&[AtomicU64])) {
    let ends = LEAVING.try_with(|_| ()).is_err();
    let mut seat = SEAT.get();
    if seat.is_empty() {
        seat = lock(&FREE).pop().unwrap_or_default();
    }
    if seat.len() <= series.id {
        // What it had stays where it is; the old table, half as large at most, is not given back.
        let places = (series.id + 1).next_power_of_two().max(SMALLEST);
        let mut larger = seat.to_vec();
        larger.resize_with(places, OnceLock::new);
        seat = larger.leak();
    }
    write(seat[series.id].get_or_init(|| series.cells()));
    if ends {
        leave(seat);
    } else {
        SEAT.set(seat);
    }
}
