//! The cells of a series, one set a thread: a thread writes its own without any locked instruction,
//! collection reads them all. A thread that ends leaves its cells to the next one, sums included.

use super::exemplar::Exemplar;
use super::registry::Shape;
use std::cell::RefCell;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError};

/// The words of one thread for one series.
pub(super) type Cells = Arc<[AtomicU64]>;

/// One set of labels of one instrument.
#[derive(Debug)]
pub(crate) struct Series {
    /// Place in each thread's table.
    id: usize,
    pub labels: Vec<(String, String)>,
    pub shape: Shape,
    /// All cells there ever were.
    all: Mutex<Vec<Cells>>,
    /// Those whose thread has ended.
    free: Mutex<Vec<Cells>>,
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
            free: Mutex::default(),
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
        if let Some(left) = lock(&self.free).pop() {
            return left;
        }
        let made: Cells = self.shape.fresh();
        lock(&self.all).push(Arc::clone(&made));
        made
    }
}

/// A panic elsewhere in the program must not spread through a poisoned lock.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a thread holds.
#[derive(Default)]
struct Table {
    cells: Vec<Option<Cells>>,
    owners: Vec<Arc<Series>>,
}

impl Drop for Table {
    fn drop(&mut self) {
        for series in &self.owners {
            if let Some(cell) = self.cells.get_mut(series.id).and_then(Option::take) {
                lock(&series.free).push(cell);
            }
        }
    }
}

thread_local! {
    static TABLE: RefCell<Table> = const { RefCell::new(Table { cells: Vec::new(), owners: Vec::new() }) };
}

/// Runs `write` on this thread's cells of a series.
#[inline]
pub(super) fn with(series: &Arc<Series>, write: impl Fn(&[AtomicU64])) {
    let done = TABLE.try_with(|table| {
        let held = table.try_borrow().ok()?;
        write(held.cells.get(series.id)?.as_deref()?);
        Some(())
    });
    if !matches!(done, Ok(Some(()))) {
        first(series, &write);
    }
}

/// The first time on this thread, or the last: while a thread ends, its table is gone.
#[cold]
fn first(series: &Arc<Series>, write: &dyn Fn(&[AtomicU64])) {
    let cell = series.cells();
    write(&cell);
    let kept = TABLE.try_with(|table| {
        let Ok(mut table) = table.try_borrow_mut() else { return false };
        if table.cells.len() <= series.id {
            table.cells.resize(series.id + 1, None);
        }
        table.cells[series.id] = Some(Arc::clone(&cell));
        table.owners.push(Arc::clone(series));
        true
    });
    if kept != Ok(true) {
        lock(&series.free).push(cell);
    }
}
