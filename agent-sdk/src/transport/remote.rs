//! What a collector asks of this process in its answers: the share of traces recorded of an operation, for a while.
//! Only where the program allows it (`LONGPOLE_CONTROL=sampling`); nothing else is listened to.

use crate::sampler::rates;
use http::{HeaderMap, HeaderName, HeaderValue};
use longpole_proto::order::{HEADER_ORDER, HEADER_REPORT, HEADER_TAKER, Order, Report, Taker};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Operations whose share a collector may change at once.
const MOST: usize = 64;

/// Orders that hold, and reports that are not told yet.
#[derive(Debug)]
pub(crate) struct Remote {
    taker: HeaderValue,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: Vec<Held>,
    reports: VecDeque<Report>,
}

#[derive(Debug)]
struct Held {
    operation: String,
    /// The rate that the program had set itself.
    before: Option<u64>,
    until: Instant,
}

impl Remote {
    /// For a process of this name; `None` when the name cannot be sent.
    pub fn new(taker: &Taker) -> Option<Self> {
        let taker = HeaderValue::try_from(taker.write()).ok()?;
        Some(Self { taker, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says in a request who takes orders, and what became of the last.
    pub fn say(&self, headers: &mut HeaderMap) {
        headers.insert(HeaderName::from_static(HEADER_TAKER), self.taker.clone());
        let report = self.state().reports.front().map(Report::write);
        if let Some(report) = report.and_then(|r| HeaderValue::try_from(r).ok()) {
            headers.insert(HeaderName::from_static(HEADER_REPORT), report);
        }
    }

    /// Hears an answer: what was said has arrived, and there may be an order.
    pub fn hear(&self, headers: &HeaderMap, now: Instant) {
        let order = headers.get(HEADER_ORDER).and_then(|text| Order::read(text.to_str().ok()?));
        let mut state = self.state();
        state.reports.pop_front();
        let Some(order) = order else { return };
        let refused = state.follow(&order, now).err().map(str::to_owned);
        state.reports.push_back(Report { id: order.id, refused });
    }

    /// Ends orders whose time is over; says when the next one's is.
    pub fn expire(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        let (over, held) = state.held.drain(..).partition(|h| h.until <= now);
        state.held = held;
        let next = state.held.iter().map(|h| h.until).min();
        drop(state);
        let over: Vec<Held> = over;
        for held in over {
            rates::put(&held.operation, held.before);
        }
        next
    }
}

impl State {
    fn follow(&mut self, order: &Order, now: Instant) -> Result<(), &'static str> {
        let until = now + Duration::from_secs(order.seconds.into());
        let known = self.held.iter().position(|h| h.operation == order.operation);
        let before = match known {
            Some(at) => self.held[at].before,
            None if self.held.len() >= MOST => return Err("64 operations are changed already"),
            None => rates::of(&order.operation),
        };
        if !rates::set_rate(&order.operation, Some(order.share)) {
            return Err("too many operations have a rate of their own");
        }
        match known {
            Some(at) => self.held[at].until = until,
            None => self.held.push(Held { operation: order.operation.clone(), before, until }),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::rate_of;

    #[test]
    fn an_order_holds_for_its_time_and_is_reported() {
        let taker = Taker { service: "shop".into(), instance: "1".into() };
        let remote = Remote::new(&taker).expect("a name");
        rates::set_rate("remote.test", Some(0.25));
        let now = Instant::now();
        let told = |remote: &Remote| {
            let mut headers = HeaderMap::new();
            remote.say(&mut headers);
            assert_eq!(headers[HEADER_TAKER], "service=shop,instance=1");
            headers.get(HEADER_REPORT).map(|v| v.to_str().expect("text").to_owned())
        };
        let answer = |order: &Order| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER_ORDER, order.write().parse().expect("text"));
            headers
        };
        assert_eq!(told(&remote), None);
        let mut order = Order { id: 4, operation: "remote.test".into(), share: 1.0, seconds: 60 };
        remote.hear(&answer(&order), now);
        assert_eq!(rates::of("remote.test"), Some(rate_of(1.0)));
        assert_eq!(told(&remote).as_deref(), Some("id=4"));
        assert_eq!(told(&remote).as_deref(), Some("id=4"), "until an answer comes");
        (order.id, order.share, order.seconds) = (5, 0.5, 120);
        remote.hear(&answer(&order), now);
        assert_eq!(told(&remote).as_deref(), Some("id=5"));
        let end = now + Duration::from_secs(120);
        assert_eq!(
            remote.expire(now + Duration::from_secs(61)),
            Some(end),
            "the later order holds"
        );
        assert_eq!(remote.expire(end), None);
        assert_eq!(rates::of("remote.test"), Some(rate_of(0.25)), "as the program had it");
        remote.hear(&HeaderMap::new(), end);
        assert_eq!(told(&remote), None);
        rates::set_rate("remote.test", None);
    }

    #[test]
    fn what_is_not_an_order_changes_nothing() {
        let taker = Taker { service: "s".into(), instance: "i".into() };
        let remote = Remote::new(&taker).expect("a name");
        let mut headers = HeaderMap::new();
        headers.insert(HEADER_ORDER, "id=1,operation=x,share=7,seconds=60".parse().expect("text"));
        remote.hear(&headers, Instant::now());
        assert_eq!(rates::of("x"), None);
        assert_eq!(remote.expire(Instant::now()), None);
    }
}
