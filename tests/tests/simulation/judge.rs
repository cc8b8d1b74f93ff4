//! What must hold at the end of a seed, each against something plain: a count by hand, a run without crashes, a
//! run without a network.

use crate::owner::{Life, Said, limits};
use crate::shelf::Shelf;
use crate::traffic::{Parcel, Plain};
use crate::world::Figures;
use longpole_collector::dedupe::WINDOW;
use longpole_collector::log::{Entry, Producer};
use longpole_core::catalog::Catalog;
use longpole_model::signal::{Fate, Reason, RedSummary, Timestamp, Window, WindowSummary};
use longpole_tests::plain::aggregate::Operation;
use std::collections::{BTreeMap, BTreeSet};

/// Log time moves in steps of this many nanoseconds.
const STEP: u64 = 5_000_000;

pub struct Scene<'a> {
    pub shelf: &'a Shelf,
    /// What each entry of the log holds, and the number of that parcel.
    pub arrived: &'a [&'a Parcel],
    pub numbers: &'a [usize],
}

/// What a count by hand says.
#[derive(Default)]
struct Oracle {
    spans: Fate,
    points: Fate,
    red: BTreeMap<Operation, (u64, u64, u128)>,
    missing: u64,
    /// Windows in which something did not come in time.
    disturbed: BTreeSet<Timestamp>,
    /// First arrivals, by parcel.
    unique: BTreeMap<usize, Timestamp>,
}

fn window(t: u64) -> Window {
    Window::of(Timestamp(t), limits().window, Timestamp(0))
}

impl Oracle {
    fn new(scene: &Scene<'_>) -> Self {
        let mut oracle = Self::default();
        let mut came: BTreeMap<([u8; 16], u32), BTreeSet<u64>> = BTreeMap::new();
        for ((entry, parcel), number) in
            scene.shelf.history.iter().zip(scene.arrived).zip(scene.numbers)
        {
            let stamp = entry.receipt.stamp;
            let (good, bad, points) = (parcel.spans.len() as u64, parcel.bad, parcel.points);
            oracle.spans.received += good + bad;
            oracle.spans.rejected.add(Reason::NegativeDuration, bad);
            oracle.points.received += points;
            let stale = entry.record.producer.is_some_and(|p| {
                let highest = came.get(&(p.id, p.shard)).and_then(|s| s.last());
                highest.is_some_and(|h| p.sequence + WINDOW <= *h)
            });
            if stale {
                oracle.spans.rejected.add(Reason::StaleSequence, good);
                oracle.points.rejected.add(Reason::StaleSequence, points);
                parcel.spans.iter().for_each(|s| oracle.disturb(s.end));
            } else if oracle.unique.contains_key(number) {
                oracle.spans.duplicate += good;
                oracle.points.duplicate += points;
            } else {
                oracle.unique.insert(*number, stamp);
                if let Some(Producer { id, shard, sequence }) = entry.record.producer {
                    came.entry((id, shard)).or_default().insert(sequence);
                }
                parcel.spans.iter().for_each(|s| oracle.count(s, stamp));
            }
        }
        let holes = |s: &BTreeSet<u64>| match (s.first(), s.last()) {
            (Some(first), Some(last)) => last - first + 1 - s.len() as u64,
            _ => 0,
        };
        oracle.missing = came.values().map(holes).sum();
        oracle
    }

    fn disturb(&mut self, end: u64) {
        self.disturbed.insert(window(end).start);
    }

    fn count(&mut self, span: &Plain, stamp: Timestamp) {
        let row = self.red.entry(span.operation.clone()).or_default();
        row.0 += 1;
        row.1 += u64::from(span.failed);
        row.2 += u128::from(span.duration);
        let watermark = Timestamp(stamp.0 / STEP * STEP).minus(limits().lateness);
        if span.end > stamp.0 + limits().skew {
            self.spans.skewed += 1;
            self.disturb(span.end);
            self.disturb(stamp.0);
        } else if window(span.end).end <= watermark {
            self.spans.late += 1;
            self.disturb(span.end);
        } else {
            self.spans.window += 1;
        }
    }
}

/// Judges; gives figures and what is wrong.
pub fn judge(
    scene: &Scene<'_>,
    life: &Life,
    mut again: Life,
    end: Timestamp,
) -> (Figures, Vec<String>) {
    let mut wrong = scene.shelf.wrong.clone();
    let oracle = Oracle::new(scene);
    let mut check = |what: &str, ok: bool, detail: &dyn Fn() -> String| {
        if !ok {
            wrong.push(format!("{what}: {}", detail()));
        }
    };

    // The account, and totals.
    let totals = life.totals();
    let tally = &totals.tally;
    let (spans, points) = (&tally.spans, &tally.points);
    check("the account of spans is even", spans.unexplained() == 0, &|| format!("{spans:?}"));
    check("the account of points is even", points.unexplained() == 0, &|| format!("{points:?}"));
    check("each span has the fate it should have", *spans == oracle.spans, &|| {
        format!("{spans:?}, by hand {:?}", oracle.spans)
    });
    let same = |a: &Fate, b: &Fate| {
        (a.received, a.duplicate, a.rejected) == (b.received, b.duplicate, b.rejected)
    };
    check("each point has the fate it should have", same(points, &oracle.points), &|| {
        format!("{points:?}, by hand {:?}", oracle.points)
    });
    let mut red: BTreeMap<Operation, (u64, u64, u128)> = BTreeMap::new();
    for row in &totals.red {
        let o = &row.operation;
        let sums = red.entry((o.service.clone(), o.kind, o.name.clone())).or_default();
        sums.0 += row.red.weight >> 16;
        sums.1 += row.red.failed_weight >> 16;
        sums.2 += row.red.durations.sum >> 16;
    }
    let near = |a: u128, b: u128| a.abs_diff(b) * 100 <= b;
    let equal = red.len() == oracle.red.len()
        && red
            .iter()
            .zip(&oracle.red)
            .all(|((a, x), (b, y))| a == b && (x.0, x.1) == (y.0, y.1) && near(x.2, y.2));
    check("totals are those of a plain count", equal, &|| format!("{red:?}, {:?}", oracle.red));

    // What never came is named.
    let counted = life.seen.batches.counted();
    let missing = counted.missing + life.seen.batches.awaited();
    check("what never came is named", missing == oracle.missing, &|| {
        format!("{missing}, by hand {}", oracle.missing)
    });

    // The same log without crashes.
    let mut said = Said::default();
    let mut add = |more: Said| {
        said.windows.extend(more.windows);
        said.events.extend(more.events);
    };
    for entry in &scene.shelf.history {
        add(again.take(entry));
    }
    add(again.tick(end));
    let plain: BTreeMap<Timestamp, WindowSummary> =
        said.windows.into_iter().map(|w| (w.window.start, w)).collect();
    let told = &scene.shelf.windows;
    check("windows are those of a run without crashes", plain == *told, &|| differ(&plain, told));
    let events = said.events.iter().all(|e| scene.shelf.events.get(&e.idempotency_key) == Some(e));
    check("events are those of a run without crashes", events, &String::new);
    check(
        "bit for bit, all is known that such a run knows",
        life.known() == again.known(),
        &|| format!("{} bytes, {}", life.known().len(), again.known().len()),
    );

    // Each batch once, in order, at once.
    let (clean, names) = clean(scene, &oracle, end);
    let mut compared = 0;
    for (start, window) in told {
        let there = by_name(&window.red, life.engine().catalog());
        if oracle.disturbed.contains(start) {
            continue;
        }
        let alone = clean.get(start).map(|w| by_name(&w.red, &names)).unwrap_or_default();
        compared += u64::from(!there.is_empty());
        check("a window is that of a clean run", there == alone, &|| format!("{start:?}"));
    }

    let figures = [
        ("entries", scene.shelf.history.len() as u64),
        ("duplicate spans", spans.duplicate),
        ("late spans", spans.late),
        ("skewed spans", spans.skewed),
        ("stale spans", spans.rejected.get(Reason::StaleSequence)),
        ("named gaps", missing),
        ("windows told", told.len() as u64),
        ("windows held against a clean run", compared),
    ];
    (Figures(figures.into_iter().collect()), wrong)
}

/// Where two runs part, in a line.
fn differ(
    plain: &BTreeMap<Timestamp, WindowSummary>,
    told: &BTreeMap<Timestamp, WindowSummary>,
) -> String {
    let starts: BTreeSet<_> = plain.keys().chain(told.keys()).collect();
    let apart: Vec<_> = starts.into_iter().filter(|s| plain.get(s) != told.get(s)).collect();
    let parts = |w: &WindowSummary| {
        let tables = [w.red.len(), w.late.len(), w.entries.len(), w.paths.len(), w.series.len()];
        format!("rows {tables:?}, {:?}", w.tally.spans)
    };
    let first = apart.first().map(|s| [plain, told].map(|of| of.get(s).map(parts)));
    format!("{} windows are others, the first {:?}: {first:?}", apart.len(), apart.first())
}

type Named<'a> = BTreeMap<(Operation, &'a str), &'a RedSummary>;

fn by_name<'a>(
    red: &'a [(longpole_model::signal::RedKey, RedSummary)],
    names: &'a Catalog,
) -> Named<'a> {
    let named = red.iter().map(|(key, summary)| {
        let o = names.operation_of(key.operation).expect("a name");
        let operation = (o.service.clone(), o.kind, o.name.clone());
        ((operation, names.version_of(key.version)), summary)
    });
    named.collect()
}

/// Windows of a run in which every batch that was counted came once, as its last span ended.
fn clean(
    scene: &Scene<'_>,
    oracle: &Oracle,
    end: Timestamp,
) -> (BTreeMap<Timestamp, WindowSummary>, Catalog) {
    let mut first: BTreeMap<(u64, usize), Entry> = BTreeMap::new();
    for (entry, number) in scene.shelf.history.iter().zip(scene.numbers) {
        let parcel = scene.arrived[entry.receipt.position.0 as usize];
        let last = parcel.spans.iter().map(|s| s.end).max();
        let counted = oracle.unique.get(number) == Some(&entry.receipt.stamp);
        if let Some(last) = last.filter(|_| counted) {
            let mut entry = entry.clone();
            entry.receipt.stamp = Timestamp(last);
            first.insert((last, *number), entry);
        }
    }
    let tree = longpole_collector::specialists::default_tree().expect("the built-in tree");
    let mut life = Life::new(1, &tree, None, None);
    let mut windows = BTreeMap::new();
    let mut keep = |said: Said| {
        said.windows.into_iter().for_each(|w| drop(windows.insert(w.window.start, w)));
    };
    for ((last, _), mut entry) in first {
        // Numbers come in another order here: nothing of them is judged.
        entry.record.producer = None;
        entry.receipt.stamp = Timestamp(last);
        keep(life.take(&entry));
    }
    keep(life.tick(end));
    (windows, life.engine().catalog().clone())
}
