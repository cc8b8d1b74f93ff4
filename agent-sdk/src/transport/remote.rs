//! What a collector asks of this process, in its answers or by a stream: the share of traces recorded of an operation, for a while,
//! or a profile. Only what the program allows (`LONGPOLE_CONTROL=sampling,profile`); nothing else is listened to.
//!
//! A profile that was taken waits here for the transport's thread (`worker/orders`).

use crate::profile::{self, PAUSE, Plan, Taken};
use crate::sampler::rates;
use http::{HeaderMap, HeaderName, HeaderValue};
use longpole_proto::order::{Ask, HEADER_ORDER, HEADER_REPORT, HEADER_TAKER, Order, Report, Taker};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Operations whose share a collector may change at once.
const MOST: usize = 64;
/// Reports that wait to be told; the oldest go.
const REPORTS: usize = 16;

/// Which way an order came: what becomes of it is told on the same, for there may be several collectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// In the answer to a request.
    Otlp,
    /// By a stream.
    Redis,
}

/// Orders that hold, and reports that are not told yet.
#[derive(Debug)]
pub(crate) struct Remote {
    taker: Taker,
    name: HeaderValue,
    state: Mutex<State>,
    /// Rung when a profile was taken.
    pub taken: Notify,
}

#[derive(Debug, Default)]
struct State {
    held: Vec<Held>,
    reports: VecDeque<(Way, Report)>,
    /// Until then no profile begins: one is being taken, or was just now.
    busy: Option<Instant>,
    ready: Option<Ready>,
}

#[derive(Debug)]
struct Held {
    operation: String,
    /// The rate that the program had set itself.
    before: Option<u64>,
    until: Instant,
}

/// A profile on its way.
#[derive(Debug)]
pub(crate) struct Ready {
    /// The order, and how it came.
    pub id: u64,
    pub way: Way,
    /// As it is sent.
    pub packed: bytes::Bytes,
    /// How often it was tried.
    pub tries: u32,
    /// Not before.
    pub next: Instant,
}

impl Remote {
    /// For a process of this name; `None` when the name cannot be sent.
    pub fn new(taker: &Taker) -> Option<Self> {
        let name = HeaderValue::try_from(taker.write()).ok()?;
        Some(Self { taker: taker.clone(), name, state: Mutex::default(), taken: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who takes orders.
    pub fn taker(&self) -> &Taker {
        &self.taker
    }

    /// Says who takes orders.
    pub fn sign(&self, headers: &mut HeaderMap) {
        headers.insert(HeaderName::from_static(HEADER_TAKER), self.name.clone());
    }

    /// Says in a request who takes orders, and what became of the last.
    pub fn say(&self, headers: &mut HeaderMap) {
        self.sign(headers);
        if let Some(report) = self.untold(Way::Otlp).and_then(|r| HeaderValue::try_from(r).ok()) {
            headers.insert(HeaderName::from_static(HEADER_REPORT), report);
        }
    }

    /// Hears an answer: what was said has arrived, and there may be an order.
    pub fn hear(self: &Arc<Self>, headers: &HeaderMap, now: Instant) {
        self.told(Way::Otlp);
        if let Some(order) = headers.get(HEADER_ORDER).and_then(|text| text.to_str().ok()) {
            self.asked(Way::Otlp, order, now);
        }
    }

    /// The report that is to be told first.
    pub fn untold(&self, by: Way) -> Option<String> {
        self.state().reports.iter().find(|(way, _)| *way == by).map(|(_, report)| report.write())
    }

    /// It has arrived.
    pub fn told(&self, by: Way) {
        let mut state = self.state();
        if let Some(at) = state.reports.iter().position(|(way, _)| *way == by) {
            state.reports.remove(at);
        }
    }

    /// Something is asked; what is no order is passed over.
    pub fn asked(self: &Arc<Self>, by: Way, order: &str, now: Instant) {
        let Some(order) = Order::read(order) else { return };
        let refused = self.follow(by, &order, now).err();
        self.report(by, order.id, refused);
    }

    /// To be told next.
    pub fn report(&self, by: Way, id: u64, refused: Option<String>) {
        let mut state = self.state();
        if state.reports.len() >= REPORTS {
            state.reports.pop_front();
        }
        state.reports.push_back((by, Report { id, refused }));
    }

    fn follow(self: &Arc<Self>, by: Way, order: &Order, now: Instant) -> Result<(), String> {
        let length = Duration::from_secs(order.seconds.into());
        match &order.ask {
            Ask::Sampling { .. } if !self.taker.sampling => {
                Err("the program does not allow it".to_owned())
            }
            Ask::Sampling { operation, share } => {
                self.state().sample(operation, *share, now + length).map_err(str::to_owned)
            }
            Ask::Profile { .. } if !self.taker.profile => {
                Err("the program does not allow it".to_owned())
            }
            Ask::Profile { rate } => {
                let mut state = self.state();
                if state.busy.is_some_and(|until| until > now) || state.ready.is_some() {
                    let pause = PAUSE.as_secs();
                    return Err(format!("one is being taken, or ended less than {pause} s ago"));
                }
                let (own, id) = (Arc::clone(self), order.id);
                profile::begin(Plan { length, rate: *rate }, move |taken| own.took(by, id, taken))?;
                state.busy = Some(now + length + PAUSE);
                Ok(())
            }
        }
    }

    fn took(&self, way: Way, id: u64, taken: Taken) {
        match taken {
            Ok(packed) => {
                let next = Instant::now();
                let ready = Ready { id, way, packed: packed.into(), tries: 0, next };
                self.state().ready = Some(ready);
                self.taken.notify_one();
            }
            Err(why) => self.report(way, id, Some(why)),
        }
    }

    /// The profile that may be sent now.
    pub fn ready(&self, now: Instant) -> Option<Ready> {
        self.state().ready.take_if(|r| r.next <= now)
    }

    /// Puts one back that is to be tried again.
    pub fn again(&self, ready: Ready) {
        self.state().ready = Some(ready);
    }

    /// Ends orders whose time is over; says when something is to be done next.
    pub fn expire(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        let (over, held) = state.held.drain(..).partition(|h| h.until <= now);
        state.held = held;
        let next =
            state.held.iter().map(|h| h.until).chain(state.ready.iter().map(|r| r.next)).min();
        drop(state);
        let over: Vec<Held> = over;
        for held in over {
            rates::put(&held.operation, held.before);
        }
        next
    }
}

impl State {
    fn sample(&mut self, operation: &str, share: f64, until: Instant) -> Result<(), &'static str> {
        let known = self.held.iter().position(|h| h.operation == operation);
        let before = match known {
            Some(at) => self.held[at].before,
            None if self.held.len() >= MOST => return Err("64 operations are changed already"),
            None => rates::of(operation),
        };
        if !rates::set_rate(operation, Some(share)) {
            return Err("too many operations have a rate of their own");
        }
        match known {
            Some(at) => self.held[at].until = until,
            None => self.held.push(Held { operation: operation.to_owned(), before, until }),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
