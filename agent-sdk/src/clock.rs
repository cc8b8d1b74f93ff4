//! Time: ticks on the host's threads, wall time where they are drained.
//!
//! A tick is one of the time stamp counter where that may be trusted, else a nanosecond of the monotonic
//! clock. Ticks become wall time on the drain's thread, through a [`Scale`] that is looked at anew with
//! every pass. Durations are differences of ticks and never negative.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Whether ticks are those of the time stamp counter. Decided once, before the first span.
static STAMPS: AtomicBool = AtomicBool::new(false);
/// Wall time that may be wrong before the scale moves: below it, readings of the clocks are the noise.
const STEP: i64 = 20_000;

/// The moment, in ticks.
#[inline(always)]
pub(crate) fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    if STAMPS.load(Ordering::Relaxed) {
        return crate::raw::time_stamp();
    }
    monotonic()
}

/// Nanoseconds of the monotonic clock since it was first asked.
fn monotonic() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let since = START.get_or_init(Instant::now).elapsed().as_nanos();
    u64::try_from(since).unwrap_or(u64::MAX)
}

/// Now, Unix nanoseconds, by the system's clock.
fn wall() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Now, Unix nanoseconds, carried on by the monotonic clock: for what is not a span.
pub(crate) fn now() -> u64 {
    static ANCHOR: OnceLock<(u64, u64)> = OnceLock::new();
    let (at, start) = ANCHOR.get_or_init(|| (wall(), monotonic()));
    at.saturating_add(monotonic().saturating_sub(*start))
}

/// Decides what a tick is; from then on it stays.
pub(crate) fn choose() {
    static CHOSEN: OnceLock<()> = OnceLock::new();
    CHOSEN.get_or_init(|| STAMPS.store(trusted(), Ordering::Relaxed));
}

/// The counter runs at one rate through sleep and frequency changes (`constant_tsc`, `nonstop_tsc`), and
/// the kernel, which compares it between processors and against other clocks, keeps time by it itself.
fn trusted() -> bool {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return false;
    }
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let kernel = read("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    let cpu = read("/proc/cpuinfo");
    let flags = cpu.lines().find(|l| l.starts_with("flags")).unwrap_or_default();
    let has = |flag| flags.split_ascii_whitespace().any(|f| f == flag);
    kernel.trim() == "tsc" && has("constant_tsc") && has("nonstop_tsc")
}

/// All clocks at (nearly) one moment.
#[derive(Clone, Copy, Debug)]
struct Reading {
    ticks: u64,
    monotonic: u64,
    wall: u64,
}

impl Reading {
    /// The tightest of three: a thread that is put to sleep between two clocks reads nonsense.
    fn take() -> Self {
        let one = || {
            let before = ticks();
            let (monotonic, wall) = (monotonic(), wall());
            let width = ticks().saturating_sub(before);
            (width, Self { ticks: before + width / 2, monotonic, wall })
        };
        let mut best = one();
        for _ in 0..2 {
            let next = one();
            if next.0 < best.0 {
                best = next;
            }
        }
        best.1
    }
}

/// From ticks to Unix nanoseconds.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    first: Reading,
    /// Ticks and wall time that belong together.
    ticks: u64,
    wall: u64,
    /// Nanoseconds a tick, 32 binary places.
    rate: i128,
    /// Nanoseconds over which the rate was measured.
    measured: u64,
}

impl Scale {
    /// Begins to measure; [`Scale::renew`] before it is used.
    pub(crate) fn new() -> Self {
        let first = Reading::take();
        Self { first, ticks: first.ticks, wall: first.wall, rate: 1 << 32, measured: 0 }
    }

    /// Looks at the clocks again. The rate is measured against the monotonic clock, over ever longer
    /// stretches; wall time is moved only when it is visibly off, so that spans of one trace that are
    /// drained one after the other keep their order.
    pub(crate) fn renew(&mut self) {
        self.follow(Reading::take());
    }

    fn follow(&mut self, now: Reading) {
        let (ticks, nanos) =
            (now.ticks.wrapping_sub(self.first.ticks), now.monotonic - self.first.monotonic);
        if ticks > 0 && nanos >= self.measured.saturating_mul(2).max(1) {
            let known = self.measured > 0;
            let expected = self.nanos(now.ticks);
            self.rate = (i128::from(nanos) << 32) / i128::from(ticks);
            self.measured = nanos;
            if known {
                // Turns about the present: what lies ahead is continued, not shifted.
                (self.ticks, self.wall) = (now.ticks, expected);
            }
        }
        let off = i64::try_from(i128::from(now.wall) - i128::from(self.nanos(now.ticks)));
        if off.map_or(true, |off| off.abs() > STEP) {
            (self.ticks, self.wall) = (now.ticks, now.wall);
        }
    }

    /// Unix nanoseconds of a tick.
    pub(crate) fn nanos(&self, ticks: u64) -> u64 {
        // The distance as a signed number: a span may have begun before the anchor.
        let away = i128::from(ticks.wrapping_sub(self.ticks).cast_signed());
        let at = i128::from(self.wall) + ((away * self.rate) >> 32);
        u64::try_from(at).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_become_wall_time() {
        choose();
        let mut scale = Scale::new();
        let (before, from) = (wall(), ticks());
        std::thread::sleep(std::time::Duration::from_millis(20));
        let (after, to) = (wall(), ticks());
        scale.renew();
        let (start, end) = (scale.nanos(from), scale.nanos(to));
        let (slept, seen) = ((after - before) as i64, (end - start) as i64);
        assert!((slept - seen).abs() < slept / 50, "{slept} {seen}");
        assert!((start as i64 - before as i64).abs() < 5_000_000);
    }

    #[test]
    fn wall_time_steps_when_the_system_steps_and_not_before() {
        let first = Reading { ticks: 1_000, monotonic: 0, wall: 5_000_000_000 };
        let mut scale =
            Scale { first, ticks: first.ticks, wall: first.wall, rate: 1 << 32, measured: 0 };
        // Two and a half ticks a nanosecond.
        let at = |nanos: u64, off: i64| Reading {
            ticks: 1_000 + nanos * 5 / 2,
            monotonic: nanos,
            wall: (5_000_000_000 + nanos as i64 + off) as u64,
        };
        scale.follow(at(1_000_000, 0));
        assert!(scale.nanos(1_000 + 2_500).abs_diff(5_000_001_000) <= 1);
        scale.follow(at(10_000_000, STEP - 1));
        let kept = scale.nanos(at(10_000_000, 0).ticks);
        assert!(kept.abs_diff(5_010_000_000) <= 1, "noise moves nothing: {kept}");
        scale.follow(at(20_000_000, 3_600_000_000_000));
        let moved = scale.nanos(at(20_000_000, 0).ticks);
        assert!(moved.abs_diff(5_020_000_000 + 3_600_000_000_000) <= 1, "an hour on: {moved}");
        assert!(scale.nanos(0) < moved, "what began before is before");
    }
}
