//! Orders hold for their time, are reported, and are followed only where the program allows it.

use super::*;
use crate::sampler::rate_of;

fn remote(sampling: bool, profile: bool) -> Arc<Remote> {
    let taker = Taker { service: "shop".into(), instance: "1".into(), sampling, profile };
    Arc::new(Remote::new(&taker).expect("a name"))
}

fn told(remote: &Remote) -> Option<String> {
    let mut headers = HeaderMap::new();
    remote.say(&mut headers);
    headers.get(HEADER_REPORT).map(|v| v.to_str().expect("text").to_owned())
}

fn answer(order: &Order) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(HEADER_ORDER, order.write().parse().expect("text"));
    headers
}

fn sample(id: u64, operation: &str, share: f64, seconds: u32) -> Order {
    Order { id, seconds, ask: Ask::Sampling { operation: operation.into(), share } }
}

#[test]
fn an_order_holds_for_its_time_and_is_reported() {
    let remote = remote(true, false);
    rates::set_rate("remote.test", Some(0.25));
    let now = Instant::now();
    let mut headers = HeaderMap::new();
    remote.say(&mut headers);
    assert_eq!(headers[HEADER_TAKER], "service=shop,instance=1,takes=sampling");
    assert_eq!(told(&remote), None);
    remote.hear(&answer(&sample(4, "remote.test", 1.0, 60)), now);
    assert_eq!(rates::of("remote.test"), Some(rate_of(1.0)));
    assert_eq!(told(&remote).as_deref(), Some("id=4"));
    assert_eq!(told(&remote).as_deref(), Some("id=4"), "until an answer comes");
    remote.hear(&answer(&sample(5, "remote.test", 0.5, 120)), now);
    assert_eq!(told(&remote).as_deref(), Some("id=5"));
    let end = now + Duration::from_secs(120);
    assert_eq!(remote.expire(now + Duration::from_secs(61)), Some(end), "the later order holds");
    assert_eq!(remote.expire(end), None);
    assert_eq!(rates::of("remote.test"), Some(rate_of(0.25)), "as the program had it");
    remote.hear(&HeaderMap::new(), end);
    assert_eq!(told(&remote), None);
    rates::set_rate("remote.test", None);
}

#[test]
fn what_is_not_an_order_changes_nothing() {
    let remote = remote(true, true);
    let mut headers = HeaderMap::new();
    headers.insert(HEADER_ORDER, "id=1,operation=x,share=7,seconds=60".parse().expect("text"));
    remote.hear(&headers, Instant::now());
    assert_eq!(rates::of("x"), None);
    assert_eq!((remote.expire(Instant::now()), told(&remote)), (None, None));
}

#[test]
fn what_the_program_does_not_allow_is_refused() {
    let now = Instant::now();
    let (no_profile, no_sampling) = (remote(true, false), remote(false, true));
    let profile = Order { id: 1, seconds: 1, ask: Ask::Profile { rate: 99 } };
    no_profile.hear(&answer(&profile), now);
    assert!(told(&no_profile).is_some_and(|t| t.starts_with("id=1,refused=the program does not")));
    no_sampling.hear(&answer(&sample(2, "remote.refused", 1.0, 60)), now);
    assert!(told(&no_sampling).is_some_and(|t| t.starts_with("id=2,refused=the program does not")));
    assert_eq!(rates::of("remote.refused"), None);
}

#[test]
fn one_profile_a_minute() {
    let remote = remote(false, true);
    let now = Instant::now();
    remote.state().busy = Some(now + PAUSE);
    remote.hear(&answer(&Order { id: 9, seconds: 1, ask: Ask::Profile { rate: 99 } }), now);
    assert!(told(&remote).is_some_and(|t| t.contains("refused=one is being taken")));
}
