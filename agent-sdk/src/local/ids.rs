//! The ids that a thread makes, from generators of its own.

use super::Local;

impl Local {
    /// The next span id. The thread was seeded when it came to the place that it is at.
    #[inline(always)]
    pub(crate) fn next_span(&self) -> u64 {
        let counter = self.counter.get().wrapping_add(2);
        self.counter.set(counter);
        crate::id::span(counter)
    }

    /// The next random number.
    pub(crate) fn random(&self) -> u64 {
        self.seed();
        let mut state = self.random.get();
        let number = crate::id::random(&mut state);
        self.random.set(state);
        number
    }

    /// A new trace id; not zero.
    #[inline]
    pub(crate) fn next_trace(&self) -> u128 {
        self.seed();
        let mut state = self.random.get();
        let [high, low] = [(); 2].map(|()| crate::id::random(&mut state));
        self.random.set(state);
        u128::from(high) << 64 | u128::from(low.max(1))
    }

    /// Seeds the generators of a thread that makes its first id.
    #[inline]
    pub(crate) fn seed(&self) {
        if self.counter.get() == 0 {
            self.counter.set(crate::id::seed() | 1);
            self.random.set(crate::id::seed());
        }
    }

    /// Seeds them anew, with nothing but what a signal handler may do.
    pub(super) fn reseed(&self) {
        let other = crate::clock::ticks() ^ u64::from(std::process::id()) << 32;
        let mut state = self.random.get() ^ other;
        self.counter.set((self.counter.get() ^ crate::id::random(&mut state)) | 1);
        self.random.set(crate::id::random(&mut state));
    }
}
