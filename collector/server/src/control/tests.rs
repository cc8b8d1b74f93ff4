//! Orders reach each process once, end in time, and tell what became of them.

use super::*;

fn at(second: u64) -> Timestamp {
    Timestamp(second * SECOND)
}

fn taker(instance: &str) -> Taker {
    Taker { service: "shop".into(), instance: instance.into() }
}

fn wish(share: f64, seconds: u32) -> Wish {
    Wish { service: "shop".into(), operation: "GET /cart".into(), share, seconds }
}

#[test]
fn an_order_reaches_each_process_once_and_is_answered() {
    let control = Control::default();
    assert_eq!(control.ask(wish(0.5, 60), at(1)), Err(Unasked::Nobody("shop".into())));
    assert_eq!(control.met(taker("a"), None, at(1)), None);
    let order = control.ask(wish(0.5, 60), at(2)).expect("somebody is there");
    let sent = control.met(taker("a"), None, at(3)).expect("it is told");
    assert_eq!((sent.id, sent.share, sent.seconds), (order.id, 0.5, 59));
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
    assert_eq!(control.met(taker("a"), None, at(4)).map(|s| s.share), Some(0.9));
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
