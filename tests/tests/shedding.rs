//! Under pressure less is kept of single traces, and rate, errors and durations stay what they are.

use longpole_collector::ingest::otlp::{DecodeLimits, traces};
use longpole_core::engine::{Engine, Settings};
use longpole_core::shed::Step;
use longpole_model::signal::{
    Given, RedKey, RedSummary, Rejections, SECOND, Scope, Timestamp, WindowSummary,
};
use longpole_tests::load::catalog::Catalog;
use longpole_tests::load::dice::Dice;
use longpole_tests::load::template::Template;
use longpole_tests::load::traces::request;
use prost::Message;
use std::collections::BTreeMap;

const BASE: u64 = 1_700_000_000 * SECOND;
const REQUESTS: u64 = 400;
const SPANS: usize = 200;

struct Told {
    red: BTreeMap<(Timestamp, RedKey), RedSummary>,
    /// 16.16 weights of segments that went well, and of failed ones.
    segments: [u64; 2],
    given: Given,
}

/// The same load with the steps that `step` says, by request.
fn run(seed: u64, shards: u32, step: impl Fn(u64) -> Step) -> Told {
    let (catalog, mut dice) = (Catalog::new(40), Dice::new(seed));
    let mut engine = Engine::new(Settings { shards, ..Settings::default() });
    let mut windows: Vec<WindowSummary> = Vec::new();
    for n in 0..REQUESTS {
        let form = request(&catalog, SPANS, &mut dice).encode_to_vec();
        let template = Template::new(&[], &form).expect("own form");
        let (mut copy, now) = (template.bytes().to_vec(), BASE + n * SECOND / 10);
        template.renew(&mut copy, n + 1, now);
        let (batch, _) = traces(&copy, &DecodeLimits::default(), None).expect("own request");
        engine.shed(step(n));
        windows.extend(engine.ingest(batch, &Rejections::default(), Some(Timestamp(now))));
    }
    let given = engine.given();
    windows.extend(engine.finish());
    let (mut red, mut segments) = (BTreeMap::new(), [0, 0]);
    for w in windows {
        for (key, mut summary) in w.red {
            summary.exemplars.clear();
            red.insert((w.window.start, key), summary);
        }
        for (key, value) in w.entries.iter().filter(|(key, _)| key.scope == Scope::Segment) {
            segments[usize::from(key.failed)] += value.weight;
        }
    }
    Told { red, segments, given }
}

fn off(of: u64, is: u64) -> f64 {
    (is as f64 - of as f64).abs() / of as f64
}

#[test]
fn red_is_the_same_at_every_step_and_failed_traces_go_last() {
    let whole = run(1, 2, |_| Step::default());
    assert_eq!(whole.given, Given::default());
    assert!(whole.segments[1] > 0 && whole.red.len() > 40);
    for number in 1..=Step::MOST {
        let told = run(1, 2, |_| Step::new(number));
        assert!(told.red == whole.red, "step {number}: rate, errors, durations");
        let [well, failed] = [0, 1].map(|i| off(whole.segments[i], told.segments[i]));
        println!("step {number}: segments by weight off by {well:.3}, failed {failed:.3}");
        let Given { plain, precious, exemplars } = told.given;
        assert!(plain > 0 && well < 0.2, "{plain} {well}");
        assert_eq!(exemplars > 0, number >= 3);
        if number < Step::MOST {
            assert_eq!((precious, told.segments[1]), (0, whole.segments[1]), "step {number}");
        } else {
            assert!(precious > 0 && failed < 0.2, "{precious} {failed}");
        }
    }
}

#[test]
fn whatever_steps_come_and_go_red_is_the_same() {
    for seed in 2..5 {
        let whole = run(seed, 1, |_| Step::default());
        let step = |n: u64| Step::new((Dice::new(seed ^ (n / 7)).below(5)) as u8);
        let told = run(seed, 3, step);
        assert!(told.red == whole.red, "seed {seed}");
        assert!(told.given.plain > 0);
        let off = off(whole.segments[0], told.segments[0]);
        assert!(off < 0.2, "seed {seed}: segments by weight off by {off}");
    }
}
