//! What services are asked to do, and what became of it: the share of traces that are recorded of an operation, for
//! a while. Orders travel in the answers to export requests of SDKs that say they take them.
//!
//! Bounded: the latest 64 orders, 1,000 processes that take them. The lock is held for a look, once for each request
//! of a process that takes orders, never for others.

use longpole_model::signal::{SECOND, Timestamp};
use longpole_proto::order::{HEADER_ORDER, HEADER_REPORT, HEADER_TAKER, LONGEST};
use longpole_proto::order::{Order as Sent, Report, Taker};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Orders that are remembered.
const ORDERS: usize = 64;
/// Processes that are remembered.
const TAKERS: usize = 1_000;
/// Who was not heard of for so long takes no orders any more, nanoseconds.
const GONE: u64 = 180 * SECOND;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// `service.name`.
    pub service: String,
    /// Name of the root span.
    pub operation: String,
    /// 0 to 1.
    pub share: f64,
    /// How long, 1 to 3,600.
    pub seconds: u32,
}

/// Why nothing was asked of anybody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unasked {
    /// Out of bounds.
    #[error("share is 0 to 1, seconds 1 to {LONGEST}, service and operation are not empty")]
    Bounds,
    /// Nobody takes orders.
    #[error(
        "no process of service {0:?} takes orders: it must send spans by OTLP, with Longpole's SDK and \
         LONGPOLE_CONTROL=sampling"
    )]
    Nobody(String),
}

/// What a process said to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was sent; nothing was said yet.
    Sent,
    /// It is followed.
    Followed,
    /// It is not, and why.
    Refused(String),
}

/// An order and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Order {
    /// Number.
    pub id: u64,
    /// `service.name`.
    pub service: String,
    /// Name of the root span.
    pub operation: String,
    /// 0 to 1.
    pub share: f64,
    /// Unix nanoseconds.
    pub asked: u64,
    /// Unix nanoseconds; everything is as it was from then on.
    pub until: u64,
    /// By `service.instance.id`.
    pub instances: BTreeMap<String, Outcome>,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// The latest last.
    pub orders: Vec<Order>,
    /// Processes that take orders, by service.
    pub takers: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    orders: VecDeque<Order>,
    takers: BTreeMap<Taker, Timestamp>,
}

/// Orders and those who take them.
#[derive(Debug, Default)]
pub struct Control(Mutex<State>);

impl Control {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks all processes of a service. An order of the same operation ends by it.
    ///
    /// # Errors
    /// [`Unasked`].
    pub fn ask(&self, wish: Wish, now: Timestamp) -> Result<Order, Unasked> {
        let Wish { service, operation, share, seconds } = wish;
        let named = !service.is_empty() && !operation.is_empty();
        if !named || !(0.0..=1.0).contains(&share) || !(1..=LONGEST).contains(&seconds) {
            return Err(Unasked::Bounds);
        }
        let mut state = self.state();
        state.takers.retain(|_, heard| heard.0.saturating_add(GONE) > now.0);
        if !state.takers.keys().any(|t| t.service == service) {
            return Err(Unasked::Nobody(service));
        }
        for older in &mut state.orders {
            if older.service == service && older.operation == operation {
                older.until = older.until.min(now.0);
            }
        }
        state.last += 1;
        let until = now.0.saturating_add(u64::from(seconds) * SECOND);
        let (id, asked, instances) = (state.last, now.0, BTreeMap::new());
        let order = Order { id, service, operation, share, asked, until, instances };
        if state.orders.len() == ORDERS {
            state.orders.pop_front();
        }
        state.orders.push_back(order.clone());
        Ok(order)
    }

    /// A process has come by: hears what it says, and gives what it is to be told.
    fn met(&self, taker: Taker, report: Option<Report>, now: Timestamp) -> Option<Sent> {
        let mut state = self.state();
        if state.takers.len() >= TAKERS && !state.takers.contains_key(&taker) {
            state.takers.retain(|_, heard| heard.0.saturating_add(GONE) > now.0);
            if state.takers.len() >= TAKERS {
                return None;
            }
        }
        let told = report.and_then(|r| Some((state.orders.iter_mut().find(|o| o.id == r.id)?, r)));
        if let Some((order, report)) = told
            && let Some(outcome) = order.instances.get_mut(&taker.instance)
        {
            *outcome = report.refused.map_or(Outcome::Followed, Outcome::Refused);
            tracing::info!(
                order = order.id,
                instance = taker.instance,
                ?outcome,
                "an order was answered"
            );
        }
        let new = state.orders.iter_mut().find(|o| {
            o.service == taker.service
                && o.until > now.0
                && !o.instances.contains_key(&taker.instance)
        });
        let sent = new.map(|order| {
            order.instances.insert(taker.instance.clone(), Outcome::Sent);
            let seconds = (order.until - now.0).div_ceil(SECOND).min(u64::from(LONGEST)) as u32;
            let (id, operation, share) = (order.id, order.operation.clone(), order.share);
            Sent { id, operation, share, seconds }
        });
        state.takers.insert(taker, now);
        sent
    }

    /// The header to answer a request with, from the request's own headers. The clock is asked only where a
    /// process takes orders.
    pub fn answer(
        &self,
        headers: &hyper::HeaderMap,
        now: impl FnOnce() -> Timestamp,
    ) -> Option<(&'static str, hyper::header::HeaderValue)> {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let taker = Taker::read(text(HEADER_TAKER)?)?;
        let order = self.met(taker, text(HEADER_REPORT).and_then(Report::read), now())?;
        Some((HEADER_ORDER, hyper::header::HeaderValue::try_from(order.write()).ok()?))
    }

    /// Orders, and who takes them.
    pub fn table(&self, now: Timestamp) -> Table {
        let state = self.state();
        let mut takers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (taker, heard) in &state.takers {
            if heard.0.saturating_add(GONE) > now.0 {
                takers.entry(taker.service.clone()).or_default().push(taker.instance.clone());
            }
        }
        Table { orders: state.orders.iter().cloned().collect(), takers }
    }
}

#[cfg(test)]
mod tests;
