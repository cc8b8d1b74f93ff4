//! Stories of people and agents at work on an investigation.

use super::*;

#[test]
fn modes_run_to_a_certificate() {
    let (mut book, id) = opened();
    let gain = Gain {
        measured_ns: 9e6,
        interval_ns: [6e6, 12e6],
        baseline: window(0, 1),
        window: window(2, 3),
    };
    assert!(matches!(book.changed(at(120), &id, "x"), Err(Refused::WrongMode { .. })));
    assert!(matches!(book.validate(at(120), &id, &gain), Err(Refused::WrongMode { .. })));
    assert!(book.accept(at(120), &id, "h", f64::NAN).is_err());
    assert!(book.accept(at(120), &id, "h", 0.0).is_err());
    book.accept(at(120), &id, "an index\nis missing", 10e6).expect("is possible");
    // Accepted: no quiet resolves it, no other verdict takes it over.
    assert_eq!(book.calm(at(2_000), 60 * SECOND), []);
    book.observe(at(130), vec![finding("cart", Kind::Lock, 0.99, 100, 130)]);
    let i = book.find(&id).expect("is there");
    assert_eq!((i.mode, i.bottlenecks[0].kind), (Mode::Optimization, Kind::Cpu));
    assert_eq!(i.bottlenecks.len(), 2);

    book.changed(at(200), &id, "index added").expect("is possible");
    let vague = Gain { interval_ns: [-1e6, 19e6], ..gain };
    assert_eq!(book.validate(at(210), &id, &vague), Ok(Outcome::Undecided));
    let wrong = Gain { interval_ns: [3.0, 2.0], ..gain };
    assert!(matches!(book.validate(at(210), &id, &wrong), Err(Refused::BadNumber(_))));
    let done = book.validate(at(220), &id, &gain).expect("is possible");
    assert!(matches!(&done, Outcome::Certified(e) if e.kind == EventKind::Resolved));
    let i = book.find(&id).expect("is there");
    assert_eq!(i.resolved_at, Some(at(220)));
    assert_eq!(i.certificate.as_ref().map(|c| c.expected_gain_ns), Some(10e6));
    let said: Vec<&str> = i.history.iter().map(|h| h.1.as_str()).collect();
    let expected = [
        "opened: CPU at cart",
        "ANALYSIS -> OPTIMIZATION: hypothesis accepted, 10.000 ms expected: an index is missing",
        "OPTIMIZATION -> VALIDATION: changed: index added",
        "undecided: 9.000 ms of 10.000 ms gained per request (95 % -1.000 ms to 19.000 ms); \
         more data is needed",
        "certified and closed: 9.000 ms of 10.000 ms gained per request (95 % 6.000 ms to 12.000 ms)",
    ];
    assert_eq!(said, expected);
    assert!(matches!(book.assess(at(230), &id, "late"), Err(Refused::Resolved(_))));
    assert!(matches!(book.assess(at(230), "zz", "who"), Err(Refused::Unknown(_))));
}

#[test]
fn a_gain_under_half_goes_back_to_analysis() {
    for measured_ns in [4.9e6, 0.0, -3e6] {
        let (mut book, id) = opened();
        book.accept(at(120), &id, "h", 10e6).expect("is possible");
        book.changed(at(130), &id, "c").expect("is possible");
        let gain = Gain {
            measured_ns,
            interval_ns: [measured_ns - 1e5, measured_ns + 1e5],
            baseline: window(0, 1),
            window: window(2, 3),
        };
        let back = book.validate(at(140), &id, &gain).expect("is possible");
        assert!(matches!(back, Outcome::Back(_)), "{back:?}");
        let i = book.find(&id).expect("is there");
        assert_eq!((i.mode, i.assess_by), (Mode::Analysis, at(440)));
        let last = &i.history.last().expect("a line").1;
        assert!(last.starts_with("back to ANALYSIS: ") && last.contains("under half"), "{last}");
    }
}

#[test]
fn clocks_are_told_once() {
    let (mut book, id) = opened();
    assert_eq!(book.tick(at(410)), []);
    assert_eq!(kinds(&book.tick(at(411))), [EventKind::Updated]);
    assert_eq!(book.tick(at(412)), []);
    assert_eq!(kinds(&book.tick(at(1_011))), [EventKind::Updated]);
    assert_eq!(book.tick(at(9_999)), []);
    let lines = book.find(&id).expect("is there").history.len();
    assert_eq!(lines, 3);
    let (mut book, id) = opened();
    book.assess(at(120), &id, "seen").expect("is possible");
    assert_eq!(book.tick(at(500)), []);
    book.accept(at(600), &id, "roll back", 1.0).expect("is possible");
    assert_eq!(book.tick(at(5_000)), []);
}

#[test]
fn phases_and_hand_offs_are_kept() {
    let (mut book, id) = opened();
    let early = book.complete(at(120), &id, Phase::Profile, &[Proof::CpuProfile]);
    assert_eq!(early, Err(Refused::OutOfSequence { wanted: Phase::Profile, due: Phase::QuickWin }));
    book.complete(at(120), &id, Phase::QuickWin, &[]).expect("is due");
    book.complete(at(130), &id, Phase::Profile, &[Proof::CpuProfile]).expect("is due");
    let p = book.progress(&id).expect("is there");
    assert_eq!(p.completed, [Phase::QuickWin, Phase::Profile]);
    assert_eq!(p.proofs, [Proof::CpuProfile]);
    let to = |name: &str| Handoff {
        specialist: Specialist { name: name.into(), handles: String::new() },
        phase: Phase::Profile,
        message: String::new(),
        next_steps: vec![],
        rule: String::new(),
        vetoed: vec![],
    };
    let moved = book.hand_on(at(140), &id, to("profiler")).expect("is possible");
    assert_eq!(moved.map(|e| e.kind), Some(EventKind::Updated));
    assert_eq!(book.hand_on(at(150), &id, to("profiler")), Ok(None));
}
