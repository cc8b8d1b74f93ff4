//! What stands in alarm, looked at: which alarms are one story, and who is to blame for each.
//!
//! Each story's population since its onset is compared with the same population before. Nothing is
//! booked here.

use super::Alarmed;
use crate::engine::conclude::{Context, conclude, examples, suspect};
use crate::engine::investigations::Finding;
use crate::facts::{Reached, Stretch, surge};
use crate::route::worth::share_hurt;
use longpole_model::finding::{Change, Regression};
use longpole_model::signal::{SECOND, Timestamp, WindowSummary};

/// Windows of baseline that a comparison looks back at, at most: an hour of ten-second windows.
pub(super) const LOOK_BACK: usize = 360;
/// Latest windows in which it is read who shares requests with whom.
const RECENT: usize = 18;
/// Alarms that began this many windows before the clearest one may still be the same story, and this long before it
/// where windows are narrow, nanoseconds. More requests than before, or more calls for one, may be felt so much later:
/// as long as a change before an onset is suspected.
const NEAR: u64 = 6;
const LEAD: u64 = 60 * SECOND;
/// Stories told in one tick, clearest first; the next look comes soon.
const STORIES: usize = 8;
/// Operations compared in one story.
const OPERATIONS: usize = 2_000;
/// Regressions told of one story.
const REGRESSIONS: usize = 12;

/// What a look needs to know.
pub(super) struct Look<'a> {
    /// Closed windows, oldest first.
    pub(super) windows: Vec<&'a WindowSummary>,
    /// Width of a window at full resolution, nanoseconds.
    pub(super) width: u64,
    /// What conclusions are drawn with.
    pub(super) context: Context<'a>,
    /// Changes known, oldest first.
    pub(super) changes: &'a [Change],
    /// Whether nothing of it is confirmed.
    pub(super) unconfirmed: bool,
}

impl Look<'_> {
    /// A finding for each story that has a culprit, the clearest alarm's first.
    pub(super) fn findings(&self, standing: &[Alarmed]) -> Vec<Finding> {
        let mut alarms: Vec<&Alarmed> = standing.iter().collect();
        alarms.sort_by(|(_, a), (_, b)| {
            b.statistic.total_cmp(&a.statistic).then_with(|| a.operation.cmp(&b.operation))
        });
        let recent = &self.windows[self.windows.len().saturating_sub(RECENT)..];
        let ids = alarms.iter().map(|(id, _)| *id).collect();
        let reached = Reached::new(ids, recent.iter().copied());
        let stories = reached.stories(|id| self.context.catalog.service_of(id));
        let found = stories.iter().take(STORIES).filter_map(|story| {
            // Where the whole story shows nothing, its clearest alarm may: others only share a
            // service with it.
            let alone = &story[..1];
            let whole = self.story(&alarms, story, &reached);
            whole.or_else(|| (story.len() > 1).then(|| self.story(&alarms, alone, &reached))?)
        });
        found.collect()
    }

    /// Compares a story's population since the onset with what came before.
    fn story(&self, alarms: &[&Alarmed], story: &[usize], reached: &Reached) -> Option<Finding> {
        // The clearest alarm dates the onset; what began long before it is another story.
        let all = || story.iter().filter_map(|rank| alarms.get(*rank)).map(|(_, r)| r);
        let clearest = all().next()?;
        let lead = LEAD.max(NEAR * self.width);
        let near = |r: &&Regression| r.since.plus(lead) >= clearest.since;
        let onset = all().filter(near).map(|r| r.since).min().unwrap_or(clearest.since);
        let population = reached.population(story, OPERATIONS);
        let split_at = |onset| self.windows.partition_point(|w| w.window.start < onset);
        let from = split_at(onset).saturating_sub(LOOK_BACK);
        // More requests, or more calls for one, came before they were felt.
        let first = onset.minus(lead);
        let onset = surge(&self.windows[from..], &population, first, onset).unwrap_or(onset);
        let split = split_at(onset);
        let stretch = |of: &[&WindowSummary]| Stretch::new(of.iter().copied(), Some(&population));
        let (before, after) =
            (stretch(&self.windows[from..split]), stretch(&self.windows[split..]));
        if before.windows.is_empty() || after.windows.is_empty() {
            return None;
        }
        self.compare([&before, &after], all().cloned().collect(), onset)
    }

    /// The finding that two stretches make, if they show a culprit.
    pub(super) fn compare(
        &self,
        [before, after]: [&Stretch; 2],
        mut regressions: Vec<Regression>,
        onset: Timestamp,
    ) -> Option<Finding> {
        let said = conclude(before, after, &regressions, self.context);
        let first = said.candidates.first()?;
        let service = first.bottleneck.service.clone();
        let suspect = self.suspect(&service, onset);
        // Deepest culprit first: its own regressions, then by clarity.
        regressions.sort_by_key(|r| r.operation.service != service);
        regressions.truncate(REGRESSIONS);
        for r in &mut regressions {
            r.suspect.clone_from(&suspect);
        }
        Some(Finding {
            handoff: first.handoff.clone(),
            worth: first.worth.clone(),
            bottlenecks: said.candidates.iter().map(|c| c.bottleneck.clone()).collect(),
            share_hurt: share_hurt(&regressions),
            regressions,
            attributions: said.attributions,
            suspect,
            exemplars: examples(&service, after, self.context.catalog),
            baseline: before.covers(),
            window: after.covers(),
            since: onset,
            unconfirmed: self.unconfirmed,
        })
    }

    fn suspect(&self, service: &str, onset: Timestamp) -> Option<Change> {
        let grid = self.windows.last().map(|w| w.window).unwrap_or_default();
        suspect(self.changes, service, onset, grid)
    }
}
