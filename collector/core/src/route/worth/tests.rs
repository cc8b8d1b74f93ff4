//! Worth on small cases whose answer can be worked out by hand.

use super::*;
use longpole_model::finding::{BottleneckKind, Confirmation, Site};
use longpole_model::signal::{Category, Operation, Timestamp, Window};

const MS: f64 = 1e6;

fn operation(service: &str) -> Operation {
    Operation { service: service.into(), name: "GET /".into(), ..Operation::default() }
}

fn share(service: &str, delta_ms: f64) -> SiteShare {
    let site = Site {
        service: service.into(),
        operation: operation(service),
        peer: None,
        category: Category::Own,
    };
    SiteShare {
        site,
        share: 1.0,
        interval: None,
        delta_ns: delta_ms * MS,
        from_visits_ns: 0.0,
        from_cost_ns: delta_ms * MS,
        of_time: [0.0, 0.0],
        visits: [1.0, 1.0],
        cost_ns: [0.0, 0.0],
    }
}

fn attribution(sites: Vec<SiteShare>) -> Attribution {
    Attribution {
        entry: operation("web"),
        duration_ns: [100.0 * MS, 150.0 * MS],
        entries: [100, 100],
        sites,
        hotspot: 1,
    }
}

fn culprit() -> Bottleneck {
    Bottleneck {
        kind: BottleneckKind::Cpu,
        service: "cart".into(),
        site: None,
        confidence: 0.5,
        evidence: vec![],
        ruled_out: vec![],
    }
}

fn regression(measure: Measure, expected: f64, observed: f64, unit: &str) -> Regression {
    Regression {
        operation: operation("cart"),
        version: String::new(),
        measure,
        direction: Direction::Up,
        unit: unit.into(),
        expected,
        observed,
        absolute_effect: observed - expected,
        effect_ratio: Some(observed / expected),
        interval: None,
        test: "t".into(),
        statistic: 1.0,
        threshold: 1.0,
        baseline_samples: 1,
        window_samples: 1,
        baseline: Window::default(),
        window: Window::default(),
        since: Timestamp(0),
        confirmation: Confirmation::Confirmed,
        suspect: None,
    }
}

fn stakes<'a>(
    bottleneck: &'a Bottleneck,
    profiles: &'a [EntryLoad<'a>],
    regressions: &'a [Regression],
) -> Stakes<'a> {
    Stakes { bottleneck, profiles, regressions, requests_per_second: 5.0, fraction: 1.0 }
}

#[test]
fn profiles_count_the_culprits_sites_alone() {
    let a = attribution(vec![share("cart", 50.0), share("cart", -10.0), share("db", 20.0)]);
    let b = culprit();
    let all = [EntryLoad { attribution: &a, requests_per_second: 10.0, share: 1.0 }];
    let w = worth(&Tree::bare(), "owner", &stakes(&b, &all, &[]));
    // 50 ms x 10/s x 86,400 s
    assert!((w.user_seconds_per_day - 43_200.0).abs() < 1e-6, "{w:?}");
    assert!((w.return_on_effort - 5_400.0).abs() < 1e-6);
    assert_eq!(w.method, "counterfactual of path profiles: 1 site back to the baseline");
    // The same profile of the slow tenth alone is worth a tenth.
    let tenth = [EntryLoad { share: 0.1, ..all[0] }];
    let w = worth(&Tree::bare(), "owner", &stakes(&b, &tenth, &[]));
    assert!((w.user_seconds_per_day - 4_320.0).abs() < 1e-6, "{w:?}");
    // No request gets shorter than nothing.
    let a = attribution(vec![share("cart", 500.0)]);
    let all = [EntryLoad { attribution: &a, requests_per_second: 10.0, share: 1.0 }];
    let w = worth(&Tree::bare(), "owner", &stakes(&b, &all, &[]));
    assert!((w.user_seconds_per_day - 0.15 * 10.0 * 86_400.0).abs() < 1e-6);
}

#[test]
fn amdahl_only_without_traces() {
    let b = culprit();
    let median = [regression(Measure::Duration { quantile: 0.5 }, 100.0, 200.0, "ms")];
    let full = stakes(&b, &[], &median);
    let w = worth(&Tree::bare(), "owner", &full);
    // T = 200 ms, s = 2, f = 1: 100 ms for the slower half of 5/s.
    assert!((w.user_seconds_per_day - 0.1 * 0.5 * 5.0 * 86_400.0).abs() < 1e-6, "{w:?}");
    assert!(w.method.starts_with("Amdahl"), "{}", w.method);
    let w = worth(&Tree::bare(), "owner", &Stakes { fraction: 0.25, ..full });
    assert!((w.user_seconds_per_day - 0.025 * 0.5 * 5.0 * 86_400.0).abs() < 1e-6, "{w:?}");
}

#[test]
fn failures_are_repeated_once() {
    let b = culprit();
    let errors = [regression(Measure::ErrorRatio, 0.01, 0.21, "1")];
    let w = worth(&Tree::bare(), "owner", &stakes(&b, &[], &errors));
    assert!((w.user_seconds_per_day - 0.2 * 10.0 * 5.0 * 86_400.0).abs() < 1e-6, "{w:?}");
    assert_eq!(w.method, "failed requests, each repeated once");
}

#[test]
fn nothing_measured_is_worth_nothing_and_says_so() {
    let b = culprit();
    let odd = [
        regression(Measure::Series, f64::NAN, f64::INFINITY, "ms"),
        regression(Measure::Series, 1.0, 2.0, "By"),
    ];
    let w = worth(&Tree::bare(), "owner", &stakes(&b, &[], &odd));
    assert_eq!(w.user_seconds_per_day, 0.0);
    assert!(w.method.starts_with("no request time"), "{}", w.method);
}

#[test]
fn shares_hurt_and_order() {
    let q = |q: f64, unit: &str, a: f64, b: f64| {
        share_hurt(&[regression(Measure::Duration { quantile: q }, a, b, unit)])
    };
    assert!((q(0.9, "ms", 1.0, 2.0) - 0.1).abs() < 1e-9);
    assert!((q(0.9, "1", 0.1, 0.6) - 0.5).abs() < 1e-9);
    assert_eq!(share_hurt(&[]), 0.0);
    assert_eq!(share_hurt(&[regression(Measure::Series, 1.0, 2.0, "By")]), 1.0);
    let w = |r: f64| Worth {
        user_seconds_per_day: r,
        method: String::new(),
        effort_hours: 1.0,
        return_on_effort: r,
        requests_per_second: 1.0,
    };
    assert_eq!(best_first(&w(2.0), &w(1.0)), Ordering::Less);
}
