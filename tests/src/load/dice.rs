//! Repeatable randomness for load: a small generator and Zipf's law. Not for anything secret.

/// xorshift64*: the same seed gives the same load.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// A generator; the seed may be anything.
    pub fn new(seed: u64) -> Self {
        Self(mix(seed) | 1)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Less than `n`; 0 where `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        (self.roll() >> 11).checked_rem(n).unwrap_or(0)
    }

    /// From 0 to just below 1.
    pub fn unit(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Four dice make a bell: from -2 to 2 about 0, with a standard deviation of 1 / sqrt 3.
    pub fn bell(&mut self) -> f64 {
        (0..4).map(|_| self.unit()).sum::<f64>() - 2.0
    }

    /// One of them.
    pub fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// A bijection that leaves no pattern in its bits (the finaliser of splitmix64): different numbers in,
/// different numbers out, 0 for 0 only.
#[inline]
pub fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// Ranks with weights 1, 1/2, 1/3, ... (Zipf, s = 1).
#[derive(Clone, Debug)]
pub struct Zipf(Vec<f64>);

impl Zipf {
    /// Over `n` ranks.
    pub fn new(n: usize) -> Self {
        let mut sum = 0.0;
        Self(
            (1..=n)
                .map(|rank| {
                    sum += 1.0 / rank as f64;
                    sum
                })
                .collect(),
        )
    }

    /// A rank from 0.
    pub fn roll(&self, dice: &mut Dice) -> usize {
        let at = dice.unit() * self.0.last().copied().unwrap_or(0.0);
        self.0.partition_point(|sum| *sum <= at).min(self.0.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_follow_zipf() {
        let (zipf, mut dice) = (Zipf::new(1_000), Dice::new(7));
        let mut seen = vec![0u32; 1_000];
        for _ in 0..100_000 {
            seen[zipf.roll(&mut dice)] += 1;
        }
        // The harmonic number of 1000 is 7.485.
        let expected = |rank: f64| 100_000.0 / 7.485 / rank;
        for rank in [1, 2, 5, 10] {
            let (n, e) = (f64::from(seen[rank - 1]), expected(rank as f64));
            assert!((n / e - 1.0).abs() < 0.1, "rank {rank}: {n}, expected {e}");
        }
    }

    #[test]
    fn a_single_rank_and_none_do_not_fail() {
        let mut dice = Dice::new(0);
        assert_eq!(Zipf::new(1).roll(&mut dice), 0);
        assert_eq!(Zipf::new(0).roll(&mut dice), 0);
        assert_eq!(dice.below(0), 0);
    }
}
