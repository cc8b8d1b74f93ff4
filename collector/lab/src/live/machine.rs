//! Whether the machine lets the shop run. A thread that wants nothing but to be woken measures how late it is woken:
//! where processors are shared with strangers, they are taken away for moments, and the shop is truly slow then.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How long it sleeps.
const NAP: Duration = Duration::from_millis(10);
/// A kernel that has a processor to give wakes it within this time.
const IN_TIME: Duration = Duration::from_millis(5);
/// Later for more than this share of the time: what is said may be about the machine.
const MUCH: f64 = 0.02;

#[derive(Debug, Default)]
struct Late {
    /// Nanoseconds, all together.
    sum: AtomicU64,
    /// Nanoseconds, the longest.
    longest: AtomicU64,
}

/// Measures until it is dropped.
#[derive(Debug)]
pub struct Machine {
    began: Instant,
    late: Arc<Late>,
}

impl Machine {
    /// Begins to measure.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn watch() -> std::io::Result<Self> {
        let late = Arc::<Late>::default();
        let own = Arc::downgrade(&late);
        std::thread::Builder::new().name("machine".to_owned()).spawn(move || measure(&own))?;
        Ok(Self { began: Instant::now(), late })
    }

    /// For how long a processor that was wanted was not given, all together; a moment counts once it is over.
    pub fn late(&self) -> Duration {
        Duration::from_nanos(self.late.sum.load(Relaxed))
    }

    /// The same as a share of the time.
    pub fn late_share(&self) -> f64 {
        self.late().as_secs_f64() / self.began.elapsed().as_secs_f64()
    }

    /// The longest such moment.
    pub fn longest(&self) -> Duration {
        Duration::from_nanos(self.late.longest.load(Relaxed))
    }

    /// What a reader should know of it, where it was much.
    pub fn remark(&self) -> Option<String> {
        (self.late_share() > MUCH).then(|| {
            format!(
                "the machine gave no processor for {:.0} % of the time, for {:.1} s at the longest: what is slow may be the machine",
                1e2 * self.late_share(),
                self.longest().as_secs_f64()
            )
        })
    }
}

fn measure(late: &Weak<Late>) {
    while let Some(late) = late.upgrade() {
        let slept = Instant::now();
        std::thread::sleep(NAP);
        let over = slept.elapsed().saturating_sub(NAP);
        if over > IN_TIME {
            let over = u64::try_from(over.as_nanos()).unwrap_or(u64::MAX);
            late.sum.fetch_add(over, Relaxed);
            late.longest.fetch_max(over, Relaxed);
        }
    }
}
