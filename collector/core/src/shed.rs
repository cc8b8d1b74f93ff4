//! What is given up first when there is too much, and how much of it: a pure decision over numbers.
//!
//! Rate, errors and duration count every span at every step; what is given up is what only traces, profiles
//! and readers of single requests need. Who measures the pressure, and who acts on a step, is told elsewhere.
//!
//! | step | given up, on top of the step before |
//! |---|---|
//! | 1 | plain traces (no failure, no link, nothing slow): a hash-chosen part stays and stands for the rest |
//! | 2 | the bytes of requests, and with them attributes beyond the known set; plain traces more thinly |
//! | 3 | exemplars of metrics |
//! | 4 | failed, slow and linked traces: half of them stay and stand for the rest |
//!
//! Never: own metrics, acknowledgements, events. Beyond step 4 senders wait and are refused.

/// Pressure, in thousandths, from which each step is taken.
const FROM: [u32; Step::MOST as usize] = [500, 650, 800, 900];
/// A step is left when the pressure is so far below what it was taken at.
const EASE: u32 = 200;
/// Halvings of plain traces at each step.
const PLAIN: [u32; Step::MOST as usize + 1] = [0, 1, 2, 3, 4];
/// A span is slow when it takes this many times twice what is typical of its operation: four times.
const SLOW_BANDS: u32 = 2;
/// Spans of an operation before anything is typical of it.
const ENOUGH: u16 = 16;

/// How much is given up: 0 is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step(u8);

impl Step {
    /// The last one.
    pub const MOST: u8 = 4;

    /// A step by its number; greater ones are the last.
    pub fn new(number: u8) -> Self {
        Self(number.min(Self::MOST))
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The step behind this one at a `pressure` in thousandths of what there is room for. Up at once, down
    /// one at a time.
    pub fn next(self, pressure: u32) -> Self {
        let up = FROM.iter().filter(|from| pressure >= **from).count() as u8;
        let leaves = |from: &u32| pressure.saturating_add(EASE) < *from;
        let current = self.0.checked_sub(1).and_then(|i| FROM.get(usize::from(i)));
        match current {
            _ if up > self.0 => Self(up),
            Some(from) if leaves(from) => Self(self.0 - 1),
            _ => self,
        }
    }

    /// Halvings of plain traces.
    pub fn plain(self) -> u32 {
        PLAIN.get(usize::from(self.0)).copied().unwrap_or_default()
    }

    /// Halvings of traces that are worth more.
    pub fn precious(self) -> u32 {
        u32::from(self.0 >= Self::MOST)
    }

    /// Whether bytes of requests are held for readers.
    pub fn holds_bytes(self) -> bool {
        self.0 < 2
    }

    /// Whether exemplars are taken.
    pub fn takes_exemplars(self) -> bool {
        self.0 < 3
    }
}

/// What durations are typical of an operation: a moving mean of their power of two.
#[derive(Clone, Copy, Debug, Default)]
pub struct Typical {
    /// Mean band, in 256ths.
    band: u16,
    seen: u16,
}

impl Typical {
    /// Takes a duration's band (its power of two); says whether it is slow beside what came before.
    pub fn is_slow(&mut self, band: u8) -> bool {
        let at = u32::from(band) << 8;
        let slow = self.seen >= ENOUGH && at >= u32::from(self.band) + (SLOW_BANDS << 8);
        self.seen = self.seen.saturating_add(1);
        let share = i32::from(self.seen.min(ENOUGH));
        let step = (at as i32 - i32::from(self.band)) / share;
        self.band = (i32::from(self.band) + step).clamp(0, i32::from(u16::MAX)) as u16;
        slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_come_at_once_and_leave_one_by_one() {
        let calm = Step::default();
        assert_eq!(calm.next(499), calm);
        assert_eq!(calm.next(500).number(), 1);
        let all = calm.next(1_000);
        assert_eq!(all.number(), Step::MOST);
        assert_eq!(all.next(750), all, "not far enough below");
        let mut step = all;
        let mut way = Vec::new();
        while step > calm {
            step = step.next(100);
            way.push(step.number());
        }
        assert_eq!(way, [3, 2, 1, 0]);
    }

    #[test]
    fn each_step_gives_up_what_the_one_before_did_and_more() {
        let knobs = |n| {
            let s = Step::new(n);
            (s.plain(), !s.holds_bytes(), !s.takes_exemplars(), s.precious())
        };
        let all: Vec<_> = (0..=Step::MOST).map(knobs).collect();
        assert_eq!(all[0], (0, false, false, 0));
        assert_eq!(all[1], (1, false, false, 0), "plain traces first");
        assert!(all[2].1 && !all[2].2 && all[2].3 == 0, "then bytes");
        assert!(all[3].2 && all[3].3 == 0, "then exemplars");
        assert!(all[4].3 > 0, "failed and slow ones last");
        assert!(all.is_sorted());
    }

    #[test]
    fn four_times_the_usual_is_slow() {
        let mut typical = Typical::default();
        let early = (0..40).filter(|_| typical.is_slow(23)).count();
        assert_eq!(early, 0);
        assert!(!typical.is_slow(24));
        assert!(typical.is_slow(26));
        assert!(!typical.is_slow(20));
    }
}
