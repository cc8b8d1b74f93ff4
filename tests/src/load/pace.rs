//! When requests are due at a fixed rate. Nobody waits here: the caller has the clock.

/// Requests of equal size at equal distances. What is late stays due at its time, so that a stall of
/// the server shows in the latencies of all that it held up.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    spans: u64,
    rate: u64,
    given: u64,
}

impl Pace {
    /// `rate` spans a second (at least one) in requests of `spans`.
    pub fn new(rate: u64, spans: u64) -> Self {
        Self { spans, rate: rate.max(1), given: 0 }
    }

    /// When the next request is due, nanoseconds after the start.
    pub fn due(&mut self) -> u64 {
        let nanos = u128::from(self.given) * u128::from(self.spans) * 1_000_000_000;
        self.given += 1;
        u64::try_from(nanos / u128::from(self.rate)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_without_drift() {
        let mut pace = Pace::new(50_000, 437);
        let first: Vec<u64> = (0..3).map(|_| pace.due()).collect();
        assert_eq!(first, [0, 8_740_000, 17_480_000]);
        // An hour of it: 411,899 requests take an hour to within one of them.
        let due = (3..411_900).map(|_| pace.due()).last();
        assert_eq!(due, Some(411_899 * 8_740_000));
        assert_eq!(Pace::new(0, 1).due(), 0);
        let mut odd = Pace::new(3, 1);
        assert_eq!(
            [odd.due(), odd.due(), odd.due(), odd.due()],
            [0, 333_333_333, 666_666_666, 1_000_000_000]
        );
    }
}
