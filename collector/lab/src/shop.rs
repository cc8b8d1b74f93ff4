//! The shop itself: services with workers and a processor, a database with a pool, and requests that
//! walk through them.
//!
//! Requests are walked in order of arrival; workers, connections, locks and quotas remember until when
//! they are busy ([`crate::queue`]), so that contention shows as waiting. How large a fault is, and how
//! the demand wanders, is drawn from the seed.

use crate::fault::Fault;
use crate::meter::Meter;
use crate::queue::{Queue, Quota};
use crate::rng::Rng;

mod machine;
mod visits;

/// Nanoseconds per millisecond, as a factor.
pub(crate) const MS: f64 = 1e6;

/// Span kinds, by OTLP number.
pub(crate) const INTERNAL: i32 = 1;
pub(crate) const SERVER: i32 = 2;
pub(crate) const CLIENT: i32 = 3;

/// A span of the simulation.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) service: &'static str,
    pub(crate) trace: u128,
    pub(crate) id: u64,
    pub(crate) parent: u64,
    pub(crate) kind: i32,
    pub(crate) name: &'static str,
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// `error.type` of a span that failed.
    pub(crate) error: Option<&'static str>,
    pub(crate) store: Option<&'static str>,
    /// What it says of its content.
    pub(crate) says: Says,
}

/// What a span says beside its name and times.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Says {
    /// The value in a query's text.
    pub(crate) value: Option<u64>,
    /// Bytes of the answer's body.
    pub(crate) bytes: Option<u64>,
    /// What it declares to wait for.
    pub(crate) waits: Option<&'static str>,
}

/// Workers per service, and the typical processor time of one request, milliseconds.
pub(crate) const SERVICES: [(&str, usize, f64); 6] = [
    ("frontend", 64, 3.0),
    ("cart", 16, 1.5),
    ("catalog", 16, 4.0),
    ("checkout", 16, 3.0),
    ("orders", 16, 3.0),
    ("payment", 16, 2.0),
];
/// Cores that a pod may use.
const CORES: f64 = 0.5;
/// Connections that each service's pool to the database holds.
pub(crate) const POOL: usize = 10;

/// What a link takes for a byte: a hundred megabits a second.
const NS_PER_BYTE: u64 = 80;
/// Shelves of the stock, each with its lock.
const SHELVES: usize = 16;

/// The running shop.
pub(crate) struct Shop {
    pub(crate) fault: Fault,
    /// When the fault begins.
    pub(crate) from: u64,
    rng: Rng,
    /// How large the fault is: 0.7 to 1.4 times its typical size.
    size: f64,
    /// Requests per second asked for: what runs out has to be scaled by it.
    rate: f64,
    /// Where in its slow wave the demand begins.
    phase: f64,
    /// Whether its database driver says when it waits for a connection.
    waits_are_told: bool,
    workers: Vec<Queue>,
    pools: Vec<Queue>,
    quotas: Vec<Quota>,
    lock: u64,
    /// Until when each shelf of the stock is locked.
    shelves: [u64; SHELVES],
    /// Bytes of the answer that is about to be sent; 0 = few, and not told.
    body: u64,
    pub(crate) meter: Meter,
    pub(crate) spans: Vec<Span>,
}

/// Where a call comes from.
#[derive(Clone, Copy)]
struct At {
    trace: u128,
    parent: u64,
    time: u64,
}

/// How a handler or a call ended: when, and the error if it failed.
type Ended = (u64, Option<&'static str>);

impl Shop {
    pub(crate) fn new(fault: Fault, from: u64, seed: u64, rate: f64) -> Self {
        let mut rng = Rng::new(seed);
        Self {
            fault,
            from,
            size: rng.between(0.7, 1.4),
            rate,
            phase: rng.between(0.0, std::f64::consts::TAU),
            waits_are_told: matches!(fault, Fault::Pool | Fault::MissingIndex) && seed % 2 == 1,
            rng,
            workers: SERVICES.iter().map(|s| Queue::new(s.1)).collect(),
            pools: vec![Queue::new(POOL); SERVICES.len()],
            quotas: vec![Quota::default(); SERVICES.len()],
            lock: 0,
            shelves: [0; SHELVES],
            body: 0,
            meter: Meter::new(SERVICES.len(), seed),
            spans: Vec::new(),
        }
    }

    fn faulty(&self, fault: Fault, t: u64) -> bool {
        self.fault == fault && t >= self.from
    }

    /// Time to the next arrival. Demand wanders by a seventh over two minutes.
    pub(crate) fn gap(&mut self, t: u64) -> u64 {
        let wave = (self.phase + t as f64 / 1e9 * std::f64::consts::TAU / 120.0).sin();
        // As much as the processors can just do, or somewhat more: what they do easily is no fault.
        let surge = self.faulty(Fault::Load, t).then_some(137.0 + 40.0 * self.size);
        let rate = surge.unwrap_or(self.rate) * (1.0 + 0.15 * wave);
        (self.rng.exponential(1e9 / rate)) as u64
    }

    fn id(&mut self) -> u64 {
        self.rng.next().max(1)
    }

    #[allow(clippy::too_many_arguments)] // one argument for each thing a span says
    fn span(
        &mut self,
        service: usize,
        at: At,
        kind: i32,
        name: &'static str,
        end: u64,
        error: Option<&'static str>,
        store: Option<&'static str>,
    ) -> u64 {
        let id = self.id();
        self.spans.push(Span {
            service: SERVICES[service].0,
            trace: at.trace,
            id,
            parent: at.parent,
            kind,
            name,
            start: at.time,
            end: end.max(at.time),
            error,
            store,
            says: Says::default(),
        });
        id
    }

    /// A server span: waits for a worker, works, runs `inside`, works a little more.
    fn serve(
        &mut self,
        service: usize,
        at: At,
        name: &'static str,
        inside: impl FnOnce(&mut Self, At) -> Ended,
    ) -> Ended {
        let id = self.span(service, at, SERVER, name, at.time, None, None);
        let index = self.spans.len() - 1;
        let (worker, begin) = self.workers[service].enter(at.time);
        let cost = SERVICES[service].2;
        let t = self.work(service, begin, cost * 0.7);
        let handler = At { trace: at.trace, parent: id, time: begin };
        self.span(service, handler, INTERNAL, "validate", t, None, None);
        let (t, error) = inside(self, At { trace: at.trace, parent: id, time: t });
        let end = self.work(service, t, cost * 0.3);
        self.workers[service].leave(worker, end);
        self.spans[index].end = end;
        self.spans[index].error = error;
        (end, error)
    }

    /// A call from the service of `at`'s span to another: client span, network, server span, network.
    fn call(
        &mut self,
        service: usize,
        at: At,
        name: &'static str,
        inside: impl FnOnce(&mut Self, At) -> Ended,
    ) -> Ended {
        let caller = self.caller(at);
        let id = self.span(caller, at, CLIENT, name, at.time, None, None);
        let index = self.spans.len() - 1;
        let there = self.hop(service, at.time);
        let arrive = At { trace: at.trace, parent: id, time: at.time + there };
        let (t, mut error) = self.serve(service, arrive, name, inside);
        let mut end = t + self.hop(service, at.time);
        let body = std::mem::take(&mut self.body);
        if body > 0 {
            end += body * NS_PER_BYTE;
            // The server's span was written right behind the client's.
            self.spans[index + 1].says.bytes = Some(body);
        }
        if SERVICES[service].0 == "payment" && self.faulty(Fault::Configuration, at.time) {
            // The caller does not wait longer than it was told to; the callee goes on.
            let patience = at.time + (8.0 * self.size * MS) as u64;
            if end > patience {
                (end, error) = (patience, Some("timeout"));
            }
        }
        self.spans[index].end = end;
        self.spans[index].error = error;
        (end, error)
    }

    fn caller(&self, at: At) -> usize {
        let parent = self.spans.iter().rev().find(|s| s.id == at.parent);
        let name = parent.map_or("frontend", |s| s.service);
        SERVICES.iter().position(|s| s.0 == name).unwrap_or(0)
    }
}
