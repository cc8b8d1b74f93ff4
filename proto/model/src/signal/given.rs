//! What was given up under pressure. Rate, errors and duration are never among it.

/// Counts by what it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Spans of plain traces, not held open.
    pub plain: u64,
    /// Spans of failed, slow and linked traces, not held open.
    pub precious: u64,
    /// Exemplars not taken.
    pub exemplars: u64,
}

impl Given {
    /// Adds another part's.
    pub fn add(&mut self, other: Self) {
        self.plain += other.plain;
        self.precious += other.precious;
        self.exemplars += other.exemplars;
    }

    /// Spans of any kind.
    pub fn spans(self) -> u64 {
        self.plain + self.precious
    }
}
