//! The end of a recording in which nothing alarmed: its last windows together against what came before.
//!
//! Where an operation is asked once a window no window of it says anything, and all of a service's operations and
//! callers over some dozens of them may say it clearly. Five such looks are taken, so one has to be sure. Not done
//! while time goes on: looks without end would be wrong some day.

use super::look::{LOOK_BACK, Look};
use crate::engine::investigations::Finding;
use crate::engine::regressions::between;
use crate::facts::Stretch;
use longpole_model::signal::Timestamp;

/// How many of the last windows are looked at: of ten seconds each, the last five minutes to the last one.
const LAST: [u64; 5] = [30, 24, 18, 12, 6];
/// Confidence that is believed: each of five looks may err.
const SURE: f64 = 0.95;

impl Look<'_> {
    /// The surest finding of the last windows, if one is sure; of equal ones that of the longest stretch.
    pub(super) fn sweep(&self) -> Option<Finding> {
        let begin = self.windows.first()?.window.start;
        let end = self.windows.last()?.window.end;
        let mut best: Option<(f64, Finding)> = None;
        for windows in LAST {
            let length = windows * self.width;
            let onset = end.minus(length);
            // What it is held against must be at least as long.
            if onset.since(begin) < length {
                continue;
            }
            let Some(found) = self.since(onset) else { continue };
            let sure = found.bottlenecks.first().map_or(0.0, |b| b.confidence);
            if sure >= SURE && best.as_ref().is_none_or(|(most, _)| sure > *most) {
                best = Some((sure, found));
            }
        }
        best.map(|(_, found)| found)
    }

    /// Everything since then against everything before.
    fn since(&self, onset: Timestamp) -> Option<Finding> {
        let split = self.windows.partition_point(|w| w.window.start < onset);
        let from = split.saturating_sub(LOOK_BACK);
        let before = Stretch::new(self.windows[from..split].iter().copied(), None);
        let after = Stretch::new(self.windows[split..].iter().copied(), None);
        if before.windows.is_empty() || after.windows.is_empty() {
            return None;
        }
        let regressions = between(&before, &after, self.context.catalog);
        self.compare([&before, &after], regressions, onset)
    }
}
