//! One number before and after, with the spread it shows when nothing is wrong.

/// A robust comparison of a signal between baseline and window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shift {
    /// Typical value in the baseline.
    pub before: f64,
    /// Value in the window.
    pub after: f64,
    /// Its own spread, as a standard deviation.
    pub sigma: f64,
    /// Values behind `before` and `after`.
    pub samples: [u64; 2],
}

impl Shift {
    /// How many of its own spreads it moved; positive is up.
    pub fn z(&self) -> f64 {
        if self.sigma > 0.0 { (self.after - self.before) / self.sigma } else { 0.0 }
    }

    /// Absolute change.
    pub fn delta(&self) -> f64 {
        self.after - self.before
    }

    /// after / before; `None` where before is 0.
    pub fn ratio(&self) -> Option<f64> {
        (self.before != 0.0).then(|| self.after / self.before)
    }
}
