//! Totals of two catalogs are those of one that has all names, whatever was met first and where.

use super::*;
use crate::catalog::{Described, Dictionary, Interner};
use crate::limits::Limits;
use crate::memo::Seed;
use crate::route::Tree;
use longpole_model::signal::{
    EdgeKey, EdgeSummary, Operation, RedKey, RedSummary, SECOND, SiteSummary, Timestamp, VersionId,
    Window, WindowSummary,
};
use proptest::prelude::*;

/// Operation, version, peer, caller, duration.
type Draw = (u8, u8, u8, u8, u64);

/// What somebody saw, and what comes of it.
#[derive(Clone, Debug)]
enum Step {
    /// A window of another process is observed.
    Other(Vec<Draw>),
    /// Our doors see more.
    Open(Vec<Draw>),
    /// What our doors have open is closed and observed.
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let draw = (0..16u8, 0..4u8, 0..3u8, 0..17u8, 1..1u64 << 30);
    let draws = || prop::collection::vec(draw.clone(), 0..8);
    let step = prop_oneof![
        draws().prop_map(Step::Other),
        draws().prop_map(Step::Open),
        Just(Step::Close),
    ];
    prop::collection::vec(step, 1..12)
}

fn operation(i: u8) -> Operation {
    Operation {
        service: ["shop", "stock", "bank"][usize::from(i % 3)].to_owned(),
        kind: SpanKind::ALL[usize::from(1 + i % 5)],
        name: format!("op{}", i / 2),
        ..Operation::default()
    }
}

/// A window with names of its own, as it comes from elsewhere.
fn window(draws: &[Draw]) -> (WindowSummary, Dictionary) {
    let versions = ["", "1", "2", "3"].map(str::to_owned).to_vec();
    let mut names = Dictionary { versions, ..Dictionary::default() };
    let mut id = |i: u8, peer: u8| {
        let peer = ["", "b", "a"][usize::from(peer)].to_owned();
        let described = Described { operation: operation(i), peer, language: String::new() };
        names.operations.push(described);
        OperationId(names.operations.len() as u32 - 1)
    };
    let end = Timestamp(20 * SECOND);
    let window = Window { start: Timestamp(10 * SECOND), end };
    let mut out = WindowSummary::empty(window);
    for &(i, version, peer, caller, ns) in draws {
        let operation = id(i, peer);
        let mut one = WindowSummary::empty(window);
        let mut red = RedSummary { spans: 1, weight: 1 << 16, ..RedSummary::default() };
        red.halves[0].record(ns, 1 << 16);
        let key = RedKey { operation, version: VersionId(version.into()) };
        if version == 3 {
            one.late.push((key, red))
        } else {
            one.red.push((key, red))
        }
        let caller = if caller < 16 { id(caller, 0) } else { OperationId::NONE };
        let mut edge = EdgeSummary { weight: 1 << 16, ..EdgeSummary::default() };
        edge.callee.record(ns, 1 << 16);
        one.edges.push((EdgeKey { caller, callee: operation }, edge));
        let mut site = SiteSummary { visits: 3, failed: 1, ..SiteSummary::default() };
        site.durations.record(ns, 1 << 16);
        let category = if ns % 2 == 0 { Category::Store } else { Category::Remote };
        one.sites.push((SiteKey { operation, peer: OperationId::NONE, category }, site));
        one.tally.spans.window = 1;
        out.merge(&one);
    }
    (out, names)
}

fn analyst() -> Analyst {
    Analyst::new(&Limits::default(), Tree::bare(), Vec::new(), None)
}

fn interner() -> Interner {
    Interner::new(Limits::default(), Seed(0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn two_catalogs_are_as_one(steps in steps()) {
        let (mut leader, mut doors, mut one) = (interner(), interner(), interner());
        let (mut two_sides, mut one_side) = (analyst(), analyst());
        // What is open, in terms of the doors and of the one.
        let (mut open, mut open_one) = (Gross::default(), Gross::default());
        let mut held = Vec::new();
        let (mut joint, mut order) = (Joint::default(), Order::default());
        for step in steps {
            match step {
                Step::Other(draws) => {
                    let (w, names) = window(&draws);
                    let adopted = one.adopt(w.clone(), &names);
                    one_side.observe(adopted, one.catalog());
                    let adopted = leader.adopt(w, &names);
                    two_sides.observe(adopted, leader.catalog());
                }
                Step::Open(draws) => {
                    let (w, names) = window(&draws);
                    open_one.add(&one.adopt(w.clone(), &names));
                    open.add(&doors.adopt(w, &names));
                    held.extend(draws);
                }
                Step::Close => {
                    let (w, names) = window(&std::mem::take(&mut held));
                    (open, open_one) = (Gross::default(), Gross::default());
                    let adopted = one.adopt(w.clone(), &names);
                    one_side.observe(adopted, one.catalog());
                    let adopted = leader.adopt(w, &names);
                    two_sides.observe(adopted, leader.catalog());
                }
            }
            let told = leader.capture().stored();
            let (catalog, doors) = (leader.catalog(), doors.catalog());
            let got = totals_of(&two_sides, catalog, open.clone(), 7, doors, &mut joint);
            let want = totals(&one_side, open_one.clone(), 7, one.catalog(), &mut order);
            prop_assert_eq!(&got.red, &want.red);
            prop_assert_eq!(&got.edges, &want.edges);
            prop_assert_eq!(&got.tally, &want.tally);
            prop_assert_eq!((got.windows, got.open_spans), (want.windows, want.open_spans));
            prop_assert_eq!(told, leader.capture().stored(), "a scrape gives out no id");

            // The same catalog on both sides is one catalog.
            let (mut alone, catalog) = (Order::default(), one.catalog());
            let twice = totals_of(&one_side, catalog, open_one.clone(), 7, catalog, &mut Joint::default());
            let once = totals(&one_side, open_one.clone(), 7, catalog, &mut alone);
            prop_assert_eq!((twice.red, twice.edges), (once.red, once.edges));
        }
    }
}

/// One who leads again has another catalog, longer or shorter.
#[test]
fn another_catalog_begins_anew() {
    let adopted = |draws: &[Draw]| {
        let (mut interner, (w, names)) = (interner(), window(draws));
        let mut gross = Gross::default();
        gross.add(&interner.adopt(w, &names));
        (interner, gross)
    };
    let draw = |i| (i, 1, 0, 16, 1_000);
    let (doors, open) = adopted(&[draw(3)]);
    let leaders = [vec![draw(1), draw(2), draw(3)], vec![draw(3)], vec![draw(3), draw(1)], vec![]];
    let mut joint = Joint::default();
    for leader in leaders {
        let (leader, _) = adopted(&leader);
        let (catalog, doors) = (leader.catalog(), doors.catalog());
        let told = totals_of(&analyst(), catalog, open.clone(), 0, doors, &mut joint);
        let names: Vec<&str> = told.red.iter().map(|r| r.operation.name.as_str()).collect();
        assert_eq!(names, ["op1"]);
    }
}
