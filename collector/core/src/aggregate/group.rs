//! A partition's spans by trace: what is settled is taken out, trace by trace, the rest stays as it
//! lies. No sort of what only waits.

use super::cells::{Cells, Shelf};
use super::open::OpenSpan;
use longpole_model::signal::{Timestamp, TraceId};

/// One trace among the spans of a partition, while it is visited.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    pub trace: TraceId,
    pub spans: usize,
    /// Nanoseconds since its last and its first arrival.
    pub youngest: u64,
    pub oldest: u64,
    /// Where its next span goes among the settled ones; `None` = it stays open.
    pub next: Option<usize>,
}

/// Buffers of a visit, reused from partition to partition.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// Open addressing by trace hash: index of the group + 1; 0 = free.
    cells: Vec<u32>,
    pub groups: Vec<Group>,
    /// Per span its group.
    of: Vec<u32>,
    pub settled: Vec<OpenSpan>,
}

impl Scratch {
    /// Groups spans by trace.
    pub fn group(&mut self, spans: &Cells, now: Timestamp) {
        let mask = (2 * spans.len()).next_power_of_two() - 1;
        self.cells.clear();
        self.cells.resize(mask + 1, 0);
        self.groups.clear();
        self.of.clear();
        let mut last = 0;
        for s in spans.runs().flatten() {
            if self.groups.get(last).is_none_or(|g| g.trace != s.trace) {
                last = self.find(s.trace, mask);
            }
            let age = s.age(now);
            let group = &mut self.groups[last];
            group.spans += 1;
            group.youngest = group.youngest.min(age);
            group.oldest = group.oldest.max(age);
            self.of.push(last as u32);
        }
    }

    fn find(&mut self, trace: TraceId, mask: usize) -> usize {
        // The lowest bits chose the partition: they are the same for all.
        let mut at = (trace.hash().0 >> 9) as usize & mask;
        while self.cells[at] > 0 {
            let group = self.cells[at] as usize - 1;
            if self.groups[group].trace == trace {
                return group;
            }
            at = (at + 1) & mask;
        }
        self.groups.push(Group { trace, spans: 0, youngest: u64::MAX, oldest: 0, next: None });
        self.cells[at] = self.groups.len() as u32;
        self.groups.len() - 1
    }

    /// Moves settled spans together, trace by trace, out of `spans`.
    pub fn take(
        &mut self,
        spans: &mut Cells,
        shelf: &mut Shelf,
        is_settled: impl Fn(&Group) -> bool,
    ) {
        let mut place = 0;
        for group in self.groups.iter_mut().filter(|g| is_settled(g)) {
            group.next = Some(place);
            place += group.spans;
        }
        if self.settled.len() < place {
            self.settled.resize(place, OpenSpan::default());
        }
        let Self { groups, of, settled, .. } = self;
        let mut of = of.iter();
        spans.retain(shelf, |span| {
            let group = of.next().and_then(|group| groups.get_mut(*group as usize));
            let Some(next) = group.and_then(|g| g.next.as_mut()) else { return true };
            settled[*next] = *span;
            *next += 1;
            false
        });
    }
}
