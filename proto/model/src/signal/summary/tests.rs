//! Many parts as one are what adding them one after the other gives, in any order.

use super::*;
use crate::signal::{Category, Scope, Timestamp};
use proptest::prelude::*;

const ONE: u64 = 1 << 16;

/// A part from dice: few keys, so that parts share many of them.
fn part(dice: &[(u8, u64)]) -> WindowSummary {
    let mut out = WindowSummary {
        window: Window { start: Timestamp(100), end: Timestamp(200) },
        ..WindowSummary::default()
    };
    for &(n, x) in dice {
        let operation = OperationId(u32::from(n % 7));
        let version = VersionId(u32::from(n % 2));
        let key = RedKey { operation, version };
        let site = SiteKey { operation, peer: OperationId::NONE, category: Category::Own };
        let entry =
            EntryKey { scope: Scope::Trace, operation, version, failed: false, band: n % 4 };
        let mut one = WindowSummary::default();
        let mut red = RedSummary { spans: 1, weight: ONE, ..RedSummary::default() };
        red.halves[usize::from(n % 2)].record(x, ONE);
        let trace = TraceId(u128::from(x).to_be_bytes());
        red.offer(Exemplar { hash: trace.hash().0, trace, duration_ns: x });
        let mut durations = Sketch::default();
        durations.record(x, u64::from(n % 3 + 1) * ONE / 2);
        let edge = EdgeSummary {
            weight: x,
            failed_weight: 1,
            callee: durations.clone(),
            ..EdgeSummary::default()
        };
        one.entries.push((entry, EntryValue { weight: ONE, entries: 1, duration_ns: x }));
        one.paths.push(((entry, site), PathValue { visits: ONE, critical_ns: x, self_ns: 1 }));
        one.sites.push((site, SiteSummary { visits: 1, failed: 0, durations }));
        one.edges.push((EdgeKey { caller: OperationId::NONE, callee: operation }, edge));
        one.faults.push((FaultKey { operation, error: format!("e{}", n % 3) }, x));
        one.tally.traces = 1;
        if n % 5 == 0 {
            one.late.push((key, red))
        } else {
            one.red.push((key, red))
        }
        out.merge(&one);
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn many_are_one_after_the_other(
        parts in prop::collection::vec(prop::collection::vec((0..40u8, 1..1u64 << 40), 0..60), 0..10),
    ) {
        let parts: Vec<WindowSummary> = parts.iter().map(|dice| part(dice)).collect();
        let mut plain = WindowSummary::default();
        parts.iter().for_each(|p| plain.merge(p));
        let backwards = parts.iter().rev().cloned().collect();
        prop_assert_eq!(&WindowSummary::merged(parts), &plain);
        prop_assert_eq!(&WindowSummary::merged(backwards), &plain);
    }

    #[test]
    fn rows_under_other_keys_are_sorted_and_come_once(
        rows in prop::collection::btree_map(0..1_000u32, 0..100u64, 0..50),
        by in 1..60u32,
    ) {
        let mut plain = std::collections::BTreeMap::new();
        rows.iter().for_each(|(k, v)| *plain.entry(k.wrapping_mul(7) % by).or_default() += v);
        let renamed = rows.into_iter().map(|(k, v)| (k.wrapping_mul(7) % by, v)).collect();
        let united = united_rows(renamed, |a: &mut u64, b| *a += b);
        prop_assert_eq!(united, plain.into_iter().collect::<Vec<_>>());
    }
}
