//! What takes one request at a time: workers, connections, and a processor that is only lent by the
//! period. They remember until when they are busy, so that contention shows as waiting.

use std::collections::BTreeMap;

/// Workers or connections, each serving one request at a time.
#[derive(Clone, Debug)]
pub(crate) struct Queue(Vec<u64>);

impl Queue {
    pub(crate) fn new(workers: usize) -> Self {
        Self(vec![0; workers])
    }

    /// The worker that is free first, and when work that arrives at `t` can begin.
    pub(crate) fn enter(&self, t: u64) -> (usize, u64) {
        let (i, free) = self.0.iter().enumerate().min_by_key(|(_, f)| **f).unwrap_or((0, &0));
        (i, t.max(*free))
    }

    /// The worker is busy until `t`.
    pub(crate) fn leave(&mut self, worker: usize, t: u64) {
        if let Some(free) = self.0.get_mut(worker) {
            *free = t;
        }
    }

    /// All but `left` workers never come back.
    pub(crate) fn lose(&mut self, left: usize) {
        self.0.iter_mut().skip(left.max(1)).for_each(|free| *free = u64::MAX);
    }

    /// Workers busy at `t`, those lost among them.
    pub(crate) fn busy(&self, t: u64) -> usize {
        self.0.iter().filter(|f| **f > t).count()
    }
}

/// Nanoseconds of a scheduler's period (the Linux default of a cgroup's quota).
const PERIOD: u64 = 100_000_000;

/// A processor under a quota: so much a period, then nothing until the next one begins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quota {
    used: BTreeMap<u64, u64>,
}

impl Quota {
    /// Runs `ns` nanoseconds of work from `t` on, `share` of a period at most in each. Gives back when it
    /// is done, and how long it was held back.
    pub(crate) fn run(&mut self, t: u64, ns: u64, share: f64) -> (u64, u64) {
        let most = (share * PERIOD as f64) as u64;
        let (mut now, mut left, mut held) = (t, ns, 0);
        while left > 0 {
            let period = now / PERIOD;
            let used = self.used.entry(period).or_default();
            let next = (period + 1) * PERIOD;
            let slice = left.min(most.saturating_sub(*used)).min(next - now);
            if slice == 0 {
                held += next - now;
                now = next;
                continue;
            }
            *used += slice;
            left -= slice;
            now += slice;
        }
        (now, held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_holds_back_what_is_above_it() {
        let mut quota = Quota::default();
        // 10 ms a period: 25 ms of work take two whole periods and 5 ms.
        assert_eq!(quota.run(0, 25_000_000, 0.1), (205_000_000, 180_000_000));
        assert_eq!(quota.run(210_000_000, 5_000_000, 0.1), (215_000_000, 0));
    }

    #[test]
    fn lost_connections_stay_busy() {
        let mut pool = Queue::new(3);
        pool.lose(1);
        assert_eq!((pool.busy(5), pool.enter(5)), (2, (0, 5)));
        pool.leave(0, 9);
        assert_eq!(pool.enter(6), (0, 9));
    }
}
