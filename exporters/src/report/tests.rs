//! Golden files of the terminal voice, friendly and hostile.

use super::*;
use crate::fixture::{HOSTILE, diagnosis as found, snapshot};
use crate::text::is_hostile;
use longpole_model::finding::Snapshot;

const PLAIN: Style = Style { colour: false };

fn explained(s: &Snapshot, style: Style) -> String {
    explain(pick(&s.investigations, None).expect("there is one"), style)
}

#[test]
fn golden_replay() {
    insta::assert_snapshot!(replay(&snapshot("cart"), PLAIN));
}

#[test]
fn golden_replay_of_nothing() {
    insta::assert_snapshot!(replay(&Snapshot::default(), PLAIN));
}

#[test]
fn golden_replay_hostile() {
    insta::assert_snapshot!(replay(&snapshot(HOSTILE), PLAIN));
}

#[test]
fn golden_diagnosis() {
    insta::assert_snapshot!(diagnosis(&found("cart"), PLAIN));
}

#[test]
fn golden_diagnosis_of_nothing() {
    insta::assert_snapshot!(diagnosis(&Default::default(), PLAIN));
}

#[test]
fn golden_explain() {
    insta::assert_snapshot!(explained(&snapshot("cart"), PLAIN));
}

#[test]
fn every_line_is_clean_and_fits() {
    for text in [
        replay(&snapshot(HOSTILE), PLAIN),
        diagnosis(&found(HOSTILE), PLAIN),
        explained(&snapshot(HOSTILE), PLAIN),
    ] {
        for line in text.lines() {
            assert!(!line.chars().any(is_hostile), "{line:?}");
            assert!(line.chars().count() <= WIDTH, "{} {line}", line.chars().count());
            assert_eq!(line, line.trim_end());
        }
    }
}

#[test]
fn great_numbers_fit_too() {
    let mut s = snapshot(&"a".repeat(200));
    for row in &mut s.services {
        row.spans = 1_234_567_890;
        row.rate_per_second = 123_456.7;
        row.series = 5_000;
        let day = 86_399_000_000_000;
        row.duration_ns.p50 = day;
        row.duration_ns.p99 = day;
        row.duration_ns.p999 = day;
    }
    for row in &mut s.red {
        row.spans = 1_234_567_890;
        row.rate_per_second = 123_456.7;
        row.operation.name = "b".repeat(300);
    }
    let text = replay(&s, PLAIN);
    let widest = text.lines().map(|l| l.chars().count()).max();
    assert!(widest <= Some(WIDTH), "{text}");
}

#[test]
fn colour_only_repeats_what_the_words_say() {
    let colour = Style { colour: true };
    let s = snapshot("cart");
    for (with, without) in
        [(replay(&s, colour), replay(&s, PLAIN)), (explained(&s, colour), explained(&s, PLAIN))]
    {
        assert!(with.contains("\x1b[1;31m"));
        let mut bare = with;
        for code in ["\x1b[1;31m", "\x1b[1m", "\x1b[2m", "\x1b[0m"] {
            bare = bare.replace(code, "");
        }
        assert_eq!(bare, without);
    }
}

#[test]
fn picking_by_a_part_of_the_id() {
    let mut all = snapshot("cart").investigations;
    let id = all[0].id.clone();
    assert_eq!(pick(&all, Some(&id[..4])).map(|i| &i.id), Ok(&id));
    let no = pick(&all, Some("zz\x1b")).expect_err("is unknown").to_string();
    assert_eq!(no, "no investigation zz\\u{1b}; there are 1: 4f1d2c3b5a697887");
    all.push(all[0].clone());
    all[1].id = "4f00".into();
    assert!(pick(&all, Some("4f")).is_err());
    assert!(pick(&[], None).is_err());
}
