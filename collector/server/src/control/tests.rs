//! Orders reach each process once, end in time, and tell what became of them.

use super::*;

fn at(second: u64) -> Timestamp {
    Timestamp(second * SECOND)
}

fn taker(instance: &str) -> Taker {
    Taker { service: "shop".into(), instance: instance.into(), sampling: true, profile: false }
}

fn profiler(instance: &str) -> Taker {
    Taker { profile: true, ..taker(instance) }
}

fn wish(share: f64, seconds: u32) -> Wish {
    let (service, operation) = ("shop".into(), "GET /cart".into());
    Wish::Sampling(SamplingWish { service, operation, share, seconds })
}

fn profile(instance: Option<&str>, seconds: u32, rate: u32) -> Wish {
    let instance = instance.map(str::to_owned);
    Wish::Profile(ProfileWish { service: "shop".into(), instance, seconds, rate })
}

/// The share that is asked for.
fn share(sent: &Sent) -> f64 {
    match &sent.ask {
        Ask::Sampling { share, .. } => *share,
        Ask::Profile { .. } => f64::NAN,
    }
}

#[test]
fn an_order_reaches_each_process_once_and_is_answered() {
    let control = Control::default();
    assert_eq!(control.ask(wish(0.5, 60), at(1)), Err(Unasked::Nobody("shop".into())));
    assert_eq!(control.met(taker("a"), None, at(1)), None);
    let order = control.ask(wish(0.5, 60), at(2)).expect("somebody is there");
    let sent = control.met(taker("a"), None, at(3)).expect("it is told");
    assert_eq!((sent.id, share(&sent), sent.seconds), (order.id, 0.5, 59));
    assert_eq!(control.met(taker("a"), None, at(4)), None, "once");
    let report =
        |refused: Option<&str>| Some(Report { id: order.id, refused: refused.map(str::to_owned) });
    control.met(taker("a"), report(None), at(5));
    // Who comes later is told what is left of it.
    assert_eq!(control.met(taker("b"), None, at(32)).map(|s| s.seconds), Some(30));
    control.met(taker("b"), report(Some("too many")), at(33));
    let table = control.table(at(34));
    let outcomes: Vec<&Outcome> = table.orders[0].instances.values().collect();
    assert_eq!(outcomes, [&Outcome::Followed, &Outcome::Refused("too many".into())]);
    assert_eq!(control.met(taker("c"), None, at(62)), None, "it is over");
    assert!(control.table(at(500)).takers.is_empty());
}

#[test]
fn the_newest_order_of_an_operation_holds() {
    let control = Control::default();
    control.met(taker("a"), None, at(1));
    control.ask(wish(0.1, 600), at(2)).expect("asked");
    control.ask(wish(0.9, 600), at(3)).expect("asked");
    assert_eq!(control.met(taker("a"), None, at(4)).map(|s| share(&s)), Some(0.9));
    assert_eq!(control.met(taker("a"), None, at(5)), None);
    for bad in [wish(1.1, 60), wish(f64::NAN, 60), wish(0.5, 0), wish(0.5, 3_601)] {
        assert_eq!(control.ask(bad, at(6)), Err(Unasked::Bounds));
    }
}

#[test]
fn what_is_remembered_is_bounded() {
    let control = Control::default();
    for i in 0..1_500 {
        control.met(taker(&i.to_string()), None, at(1));
    }
    for _ in 0..200 {
        control.ask(wish(0.5, 60), at(2)).expect("asked");
    }
    let table = control.table(at(3));
    assert_eq!((table.orders.len(), table.takers["shop"].len()), (ORDERS, TAKERS));
}

#[test]
fn a_profile_is_asked_of_one_process_and_taken_from_it_alone() {
    let control = Control::default();
    control.met(taker("deaf"), None, at(1));
    assert_eq!(control.ask(profile(None, 5, 99), at(1)), Err(Unasked::NoProfiles("shop".into())));
    control.met(profiler("a"), None, at(1));
    control.met(profiler("b"), None, at(1));
    for bad in
        [profile(None, 0, 99), profile(None, 61, 99), profile(None, 5, 0), profile(None, 5, 200)]
    {
        assert_eq!(control.ask(bad, at(1)), Err(Unasked::ProfileBounds));
    }
    let order = control.ask(profile(Some("b"), 5, 99), at(2)).expect("asked");
    assert_eq!(control.met(profiler("a"), None, at(3)), None, "not this one");
    assert_eq!(control.expects(&profiler("b"), order.id, at(3)), Err(NotAsked), "not told yet");
    let sent = control.met(profiler("b"), None, at(3)).expect("told");
    assert_eq!((sent.id, sent.seconds, sent.ask), (order.id, 5, Ask::Profile { rate: 99 }));
    let put = |who: &str, second| {
        control.put(&profiler(who), order.id, Bytes::from_static(b"x"), Top::default(), at(second))
    };
    assert_eq!(put("a", 4), Err(NotAsked));
    assert_eq!(put("b", 9), Ok(()));
    assert_eq!(put("b", 10), Err(NotAsked), "once");
    let late = Report { id: order.id, refused: Some("it could not be sent".into()) };
    control.met(profiler("b"), Some(late), at(11));
    let table = control.table(at(12));
    assert_eq!(table.orders[0].instances["b"], Outcome::Profile(1), "the last word");
    assert_eq!((table.profilable["shop"].len(), table.takers["shop"].len()), (2, 3));
    assert_eq!(table.profiles.taken, 1);
}

#[test]
fn a_profile_that_nobody_fetched_is_asked_of_nobody_later() {
    let control = Control::default();
    control.met(profiler("a"), None, at(1));
    let order = control.ask(profile(None, 5, 99), at(2)).expect("asked");
    assert_eq!(control.met(profiler("a"), None, at(122)), None);
    assert_eq!(control.expects(&profiler("a"), order.id, at(123)), Err(NotAsked));
    let refused = |id| Some(Report { id, refused: Some("busy".into()) });
    let order = control.ask(profile(None, 5, 99), at(130)).expect("asked");
    control.met(profiler("a"), None, at(131)).expect("told");
    control.met(profiler("a"), refused(order.id), at(132));
    assert_eq!(control.expects(&profiler("a"), order.id, at(133)), Err(NotAsked), "it said no");
}

#[test]
fn wishes_are_read_by_their_kind() {
    let read = |text: &str| Wish::read(text.as_bytes());
    let sampling = r#"{"service":"s","operation":"o","share":0.5,"seconds":9}"#;
    assert!(matches!(read(sampling), Ok(Wish::Sampling(_))));
    let profile = r#"{"kind":"profile","service":"s","seconds":9}"#;
    assert!(matches!(read(profile), Ok(Wish::Profile(p)) if p.rate == 99));
    for bad in
        ["[]", "7", r#"{"kind":"heap"}"#, r#"{"kind":7}"#, r#"{"kind":"profile","service":"s"}"#]
    {
        assert!(read(bad).is_err(), "{bad}");
    }
}
