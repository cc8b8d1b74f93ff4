//! What of an entry was counted before: the part that fell into windows which an earlier reader closed.
//!
//! Where an entry is read a second time, its time in the log is the same, so the window of each span
//! is, too: no list of entries is needed to tell what was counted. Pure.

use longpole_core::aggregate::{Clock, STEP, Slot};
use longpole_core::limits::Limits;
use longpole_model::signal::{Batch, Timestamp};

/// Leaves out what windows hold that were closed before.
#[derive(Debug)]
pub struct Replayed {
    clock: Clock,
}

impl Replayed {
    /// With the windows of these limits.
    pub fn new(limits: &Limits, origin: Timestamp) -> Self {
        Self { clock: Clock::new(limits, origin) }
    }

    /// Takes out what was counted, of a request that arrived at `stamp` and was taken before by
    /// somebody who then closed windows up to `closed`; tells how many spans and points that were.
    pub fn strip(&mut self, batch: &mut Batch, stamp: Timestamp, closed: Timestamp) -> (u64, u64) {
        // As shards do: log time comes to them in steps.
        self.clock.advance(Timestamp(stamp.0 / STEP * STEP));
        let counted = |end: Timestamp| {
            let window = match self.clock.slot(end, stamp) {
                Slot::Window(window) | Slot::Skewed(window) => window,
                // What is late travels beside the window that closes next.
                Slot::Late => self.clock.oldest_open(),
            };
            window.end <= closed
        };
        let (spans, points) = (batch.spans.len(), batch.points.len());
        let mut place = Vec::with_capacity(spans);
        let mut kept = 0u32;
        batch.spans.retain(|span| {
            let keep = !counted(span.end);
            place.push(keep.then_some(kept));
            kept += u32::from(keep);
            keep
        });
        batch.attributes.retain_mut(|a| {
            let to = place.get(a.span as usize).copied().flatten();
            a.span = to.unwrap_or(a.span);
            to.is_some()
        });
        batch.contents.retain_mut(|c| {
            let to = place.get(c.span as usize).copied().flatten();
            c.span = to.unwrap_or(c.span);
            to.is_some()
        });
        batch.points.retain(|point| !counted(point.time));
        ((spans - batch.spans.len()) as u64, (points - batch.points.len()) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_model::signal::{AttributeKey, Content, KnownAttribute, SECOND, SpanRecord};

    fn at(s: u64) -> Timestamp {
        Timestamp(s * SECOND)
    }

    #[test]
    fn what_a_closed_window_holds_is_not_counted_again() {
        // Windows of 10 s, lateness 15 s: at 100 s the oldest that is open is 80..90.
        let mut replayed = Replayed::new(&Limits::default(), Timestamp(0));
        let ends = [95, 89, 79, 80, 120, 90];
        let attribute = |span| KnownAttribute { span, key: AttributeKey::ErrorType, text: 0 };
        let mut batch = Batch {
            spans: ends.map(|s| SpanRecord { end: at(s), ..SpanRecord::default() }).to_vec(),
            attributes: (0..6).map(attribute).collect(),
            contents: (0..6).map(|span| Content { span, ..Content::default() }).collect(),
            ..Batch::default()
        };
        // 89 and 80 lie in it; 79 came late and went with it; 120 counts where it arrived.
        assert_eq!(replayed.strip(&mut batch, at(100), at(90)), (3, 0));
        let left: Vec<u64> = batch.spans.iter().map(|s| s.end.0 / SECOND).collect();
        assert_eq!(left, [95, 120, 90]);
        let of: Vec<u32> = batch.attributes.iter().map(|a| a.span).collect();
        assert_eq!(of, [0, 1, 2]);
        let of: Vec<u32> = batch.contents.iter().map(|c| c.span).collect();
        assert_eq!(of, [0, 1, 2]);
    }
}
