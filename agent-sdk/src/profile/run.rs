//! Taking a profile: timers on all threads, samples put together while they come, names in the end.
//!
//! The thread that does this is the SDK's. What runs in signal handlers is `run/slots`, how samples are put together
//! `run/tally`, the file `run/encode`; what the system is asked for is `raw/profile`.

mod encode;
pub(crate) mod slots;
mod tally;

use super::{Plan, Taken};
use crate::raw::profile::{Timer, catch, caught};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tally::Tally;

/// How often samples are fetched, and new threads looked for.
const FETCH: Duration = Duration::from_millis(50);
/// Threads that are looked at, at most.
const THREADS: usize = 1_024;

/// See [`super::begin`].
pub(super) fn begin(plan: Plan, done: impl FnOnce(Taken) + Send + 'static) -> Result<(), String> {
    let ours = take as fn(Plan) -> Taken as usize as u64;
    if !encode::Maps::read().in_program(ours) {
        // There a thread-local may have to be allocated first, which a signal handler must not.
        return Err("this SDK is in a library that was loaded later".to_owned());
    }
    catch()?;
    if RUNNING.swap(true, Ordering::AcqRel) {
        return Err("one is being taken".to_owned());
    }
    let thread = std::thread::Builder::new().name("longpole-prof".into());
    let started = thread.spawn(move || {
        crate::local::with(crate::local::Local::silence);
        let taken = take(plan);
        RUNNING.store(false, Ordering::Release);
        done(taken);
    });
    started.map(drop).map_err(|e| {
        RUNNING.store(false, Ordering::Release);
        format!("no thread: {e}")
    })
}

/// There is one set of slots.
static RUNNING: AtomicBool = AtomicBool::new(false);

/// Threads with a timer each.
#[derive(Default)]
struct Timers {
    by_thread: BTreeMap<i32, Option<Timer>>,
    /// Threads that got none.
    without: u64,
}

impl Timers {
    /// Gives each thread that is new one, but for this one; takes it from those that are gone.
    fn look(&mut self, own: i32, nanos: u32) {
        let Ok(list) = std::fs::read_dir("/proc/self/task") else { return };
        let number = |e: std::io::Result<std::fs::DirEntry>| {
            e.ok()?.file_name().to_str()?.parse::<i32>().ok()
        };
        let there: Vec<i32> = list.filter_map(number).filter(|t| *t != own).collect();
        self.by_thread.retain(|thread, _| there.contains(thread));
        for thread in there {
            if self.by_thread.contains_key(&thread) {
                continue;
            }
            let timer =
                if self.by_thread.len() < THREADS { Timer::new(thread, nanos) } else { None };
            self.without += u64::from(timer.is_none());
            self.by_thread.insert(thread, timer);
        }
    }
}

/// This thread's number.
fn own_number() -> Option<i32> {
    let link = std::fs::read_link("/proc/thread-self").ok()?;
    link.file_name()?.to_str()?.parse().ok()
}

fn take(plan: Plan) -> Taken {
    let own = own_number().ok_or("/proc cannot be read")?;
    let nanos = 1_000_000_000 / plan.rate.max(1);
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut tally = Tally::default();
    let mut timers = Timers::default();
    let began = Instant::now();
    slots::open();
    loop {
        let left = plan.length.saturating_sub(began.elapsed());
        if left.is_zero() {
            break;
        }
        if !caught() {
            slots::close();
            return Err("SIGPROF was taken by another profiler of the program".to_owned());
        }
        timers.look(own, nanos);
        std::thread::sleep(left.min(FETCH));
        slots::fetch(|stack| tally.add(stack));
    }
    let without = timers.without;
    drop(timers);
    slots::close();
    slots::fetch(|stack| tally.add(stack));
    tally.missed += slots::missed();
    let about = encode::About {
        began: at,
        lasted: began.elapsed(),
        nanos,
        remarks: vec![
            format!("{} samples were missed, {} have no label", tally.missed, tally.folded),
            format!("{without} threads were not looked at"),
        ],
    };
    let packed = encode::packed(&tally, &about);
    backtrace::clear_symbol_cache();
    packed
}

#[cfg(test)]
mod tests;
