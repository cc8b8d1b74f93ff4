//! What services are asked to do, and what became of it: the share of traces that are recorded of an operation, for
//! a while, or a profile. Orders travel in the answers to export requests of SDKs that say they take them, and by streams
//! of their own to those that write into a Redis (`redis/orders`); a profile comes back by a request of its own
//! (`door/profile`), or by such a stream.
//!
//! Bounded: the latest 64 orders, 1,000 processes that take them, and profiles as `control/profiles` says. The lock is
//! held for a look, once for each request of a process that takes orders, never for others.

pub mod order;
pub mod profiles;
pub mod top;

use bytes::Bytes;
use longpole_model::signal::{SECOND, Timestamp};
use longpole_proto::order::{
    Ask, FASTEST_PROFILE, HEADER_ORDER, HEADER_REPORT, HEADER_TAKER, LONGEST, LONGEST_PROFILE,
};
use longpole_proto::order::{Order as Sent, Report, Taker};
pub use order::{Asked, Order, Outcome, ProfileWish, SamplingWish, Unasked, Wish};
use profiles::{Count, Profile, Profiles};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use top::Top;

const MILLI: u64 = 1_000_000;
/// Orders that are remembered.
const ORDERS: usize = 64;
/// Processes that are remembered.
const TAKERS: usize = 1_000;
/// Who was not heard of for so long takes no orders any more, nanoseconds.
const GONE: u64 = 180 * SECOND;
/// Nobody is asked for a profile any more after so long, nanoseconds.
const PICKED_UP: u64 = 120 * SECOND;
/// So long after it should have ended a profile is still taken, nanoseconds.
const ON_ITS_WAY: u64 = 300 * SECOND;

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// The latest last.
    pub orders: Vec<Order>,
    /// Processes that take orders, by service.
    pub takers: BTreeMap<String, Vec<String>>,
    /// Those among them that may be asked for a profile.
    pub profilable: BTreeMap<String, Vec<String>>,
    /// Profiles that came.
    pub profiles: Count,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    orders: VecDeque<Order>,
    takers: BTreeMap<Taker, Timestamp>,
    profiles: Profiles,
}

/// That a profile is of no order of ours: not asked for, not of this process, too late, or there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody has asked this process for this profile, or it is here already")]
pub struct NotAsked;

/// Orders and those who take them.
#[derive(Debug, Default)]
pub struct Control(Mutex<State>);

impl Control {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks all processes of a service for another share, or one of them for a profile. An order about the same
    /// operation ends by it.
    ///
    /// # Errors
    /// [`Unasked`].
    pub fn ask(&self, wish: Wish, now: Timestamp) -> Result<Order, Unasked> {
        let (service, what, until) = match wish {
            Wish::Sampling(SamplingWish { service, operation, share, seconds }) => {
                let named = !service.is_empty() && !operation.is_empty();
                if !named || !(0.0..=1.0).contains(&share) || !(1..=LONGEST).contains(&seconds) {
                    return Err(Unasked::Bounds);
                }
                (service, Asked::Sampling { operation, share }, u64::from(seconds) * SECOND)
            }
            Wish::Profile(ProfileWish { service, instance, seconds, rate }) => {
                let bounded = (1..=LONGEST_PROFILE).contains(&seconds)
                    && (1..=FASTEST_PROFILE).contains(&rate);
                if service.is_empty() || !bounded {
                    return Err(Unasked::ProfileBounds);
                }
                (service, Asked::Profile { instance, seconds, rate }, PICKED_UP)
            }
        };
        let mut state = self.state();
        state.takers.retain(|_, heard| heard.0.saturating_add(GONE) > now.0);
        if !state.takers.keys().any(|t| t.service == service && suits(&what, t)) {
            return Err(match what {
                Asked::Sampling { .. } => Unasked::Nobody(service),
                Asked::Profile { .. } => Unasked::NoProfiles(service),
            });
        }
        if let Asked::Sampling { operation, .. } = &what {
            let same = |o: &Order| match &o.what {
                Asked::Sampling { operation: other, .. } => {
                    o.service == service && other == operation
                }
                Asked::Profile { .. } => false,
            };
            for older in state.orders.iter_mut().filter(|o| same(o)) {
                older.until = older.until.min(now.0);
            }
        }
        // Collectors that share a Redis hear each other's reports, and a process may report to a later life of this one.
        state.last = (state.last + 1).max(now.0 / MILLI);
        let (id, asked, until) = (state.last, now.0, now.0.saturating_add(until));
        let order = Order { id, service, what, asked, until, instances: BTreeMap::new() };
        if state.orders.len() == ORDERS {
            state.orders.pop_front();
        }
        state.orders.push_back(order.clone());
        Ok(order)
    }

    /// A process has come by: hears what it says, and gives what it is to be told.
    pub fn met(&self, taker: Taker, report: Option<Report>, now: Timestamp) -> Option<Sent> {
        let mut state = self.state();
        if state.takers.len() >= TAKERS && !state.takers.contains_key(&taker) {
            state.takers.retain(|_, heard| heard.0.saturating_add(GONE) > now.0);
            if state.takers.len() >= TAKERS {
                return None;
            }
        }
        if let Some(report) = report {
            state.told(&taker, report);
        }
        let new = state.orders.iter_mut().find(|o| {
            let open = match &o.what {
                Asked::Sampling { .. } => !o.instances.contains_key(&taker.instance),
                // One process is enough.
                Asked::Profile { .. } => o.instances.is_empty(),
            };
            open && o.service == taker.service && o.until > now.0 && suits(&o.what, &taker)
        });
        let sent = new.map(|order| {
            order.instances.insert(taker.instance.clone(), Outcome::Sent);
            let left = (order.until - now.0).div_ceil(SECOND).min(u64::from(LONGEST)) as u32;
            let (seconds, ask) = match &order.what {
                Asked::Sampling { operation, share } => {
                    (left, Ask::Sampling { operation: operation.clone(), share: *share })
                }
                Asked::Profile { seconds, rate, .. } => (*seconds, Ask::Profile { rate: *rate }),
            };
            Sent { id: order.id, seconds, ask }
        });
        state.takers.insert(taker, now);
        sent
    }

    /// Whether a profile was asked of a process and has not come yet.
    ///
    /// # Errors
    /// [`NotAsked`].
    pub fn expects(&self, taker: &Taker, order: u64, now: Timestamp) -> Result<(), NotAsked> {
        self.state().expected(taker, order, now).map(|_| ()).ok_or(NotAsked)
    }

    /// A profile has come, and what was read in it.
    ///
    /// # Errors
    /// [`NotAsked`].
    pub fn put(
        &self,
        taker: &Taker,
        order: u64,
        packed: Bytes,
        top: Top,
        now: Timestamp,
    ) -> Result<(), NotAsked> {
        let mut state = self.state();
        let place = state.expected(taker, order, now).ok_or(NotAsked)?;
        let (service, instance) = (taker.service.clone(), taker.instance.clone());
        let (bytes, samples, at) = (packed.len(), top.samples, now.0);
        let profile = Profile { id: 0, order, service, instance, at, samples, bytes, packed, top };
        let id = state.profiles.keep(profile);
        if let Some(outcome) = state.orders[place].instances.get_mut(&taker.instance) {
            *outcome = Outcome::Profile(id);
        }
        tracing::info!(order, instance = taker.instance, profile = id, "a profile came");
        Ok(())
    }

    /// A profile was sent that cannot be taken.
    pub fn refused(&self) {
        self.state().profiles.count.refused += 1;
    }

    /// What `look` finds among the profiles that are kept.
    pub fn profiles<R>(&self, now: Timestamp, look: impl FnOnce(&Profiles) -> R) -> R {
        let mut state = self.state();
        state.profiles.age(now);
        look(&state.profiles)
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
        let mut state = self.state();
        state.profiles.age(now);
        let here = |wanted: fn(&Taker) -> bool| {
            let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (taker, heard) in &state.takers {
                if wanted(taker) && heard.0.saturating_add(GONE) > now.0 {
                    out.entry(taker.service.clone()).or_default().push(taker.instance.clone());
                }
            }
            out
        };
        let (takers, profilable) = (here(|_| true), here(|t| t.profile));
        let orders = state.orders.iter().cloned().collect();
        Table { orders, takers, profilable, profiles: state.profiles.count }
    }
}

/// Whether a process may be asked.
fn suits(what: &Asked, taker: &Taker) -> bool {
    match what {
        Asked::Sampling { .. } => taker.sampling,
        Asked::Profile { instance, .. } => {
            taker.profile && instance.as_ref().is_none_or(|i| *i == taker.instance)
        }
    }
}

impl State {
    /// Notes what became of an order. That a profile came is the last word.
    fn told(&mut self, taker: &Taker, report: Report) {
        let order = self.orders.iter_mut().find(|o| o.id == report.id);
        let Some(order) = order.filter(|o| o.service == taker.service) else { return };
        let Some(outcome) = order.instances.get_mut(&taker.instance) else { return };
        if matches!(outcome, Outcome::Profile(_)) {
            return;
        }
        *outcome = report.refused.map_or(Outcome::Followed, Outcome::Refused);
        let (order, instance) = (order.id, &taker.instance);
        tracing::info!(order, instance, ?outcome, "an order was answered");
    }

    /// The order, by its place, that a process was asked for a profile by and has not answered.
    fn expected(&self, taker: &Taker, id: u64, now: Timestamp) -> Option<usize> {
        let place = self.orders.iter().position(|o| o.id == id && o.service == taker.service)?;
        let order = &self.orders[place];
        let Asked::Profile { seconds, .. } = &order.what else { return None };
        let last = order.until.saturating_add(u64::from(*seconds) * SECOND + ON_ITS_WAY);
        let open =
            matches!(order.instances.get(&taker.instance), Some(Outcome::Sent | Outcome::Followed));
        (open && now.0 < last).then_some(place)
    }
}

#[cfg(test)]
mod tests;
