//! The shop itself: services with workers and a processor, a database with a pool, and requests that
//! walk through them.
//!
//! Requests are walked in order of arrival; a service's workers and the pool's connections are queues
//! that remember until when they are busy, so that contention shows as waiting.

use crate::fault::Fault;
use crate::meter::Meter;
use crate::rng::Rng;

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
    pub(crate) failed: bool,
    pub(crate) store: bool,
}

/// Workers that take one request at a time.
#[derive(Clone, Debug)]
struct Queue(Vec<u64>);

impl Queue {
    fn new(workers: usize) -> Self {
        Self(vec![0; workers])
    }

    /// The worker that is free first, and when work that arrives at `t` can begin.
    fn enter(&self, t: u64) -> (usize, u64) {
        let (i, free) = self.0.iter().enumerate().min_by_key(|(_, f)| **f).unwrap_or((0, &0));
        (i, t.max(*free))
    }

    fn leave(&mut self, worker: usize, t: u64) {
        self.0[worker] = t;
    }

    fn busy(&self, t: u64) -> usize {
        self.0.iter().filter(|f| **f > t).count()
    }
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
/// Connections that the pool to the database holds.
pub(crate) const POOL: usize = 10;

/// The running shop.
pub(crate) struct Shop {
    pub(crate) fault: Fault,
    /// When the fault begins.
    pub(crate) from: u64,
    rng: Rng,
    workers: Vec<Queue>,
    pool: Queue,
    lock: u64,
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

impl Shop {
    pub(crate) fn new(fault: Fault, from: u64, seed: u64) -> Self {
        Self {
            fault,
            from,
            rng: Rng::new(seed),
            workers: SERVICES.iter().map(|s| Queue::new(s.1)).collect(),
            pool: Queue::new(POOL),
            lock: 0,
            meter: Meter::new(SERVICES.len()),
            spans: Vec::new(),
        }
    }

    fn faulty(&self, fault: Fault, t: u64) -> bool {
        self.fault == fault && t >= self.from
    }

    /// Time to the next arrival, at `rate` per second.
    pub(crate) fn gap(&mut self, rate: f64, t: u64) -> u64 {
        let rate = if self.faulty(Fault::Load, t) { rate * 6.0 } else { rate };
        (self.rng.exponential(1e9 / rate)) as u64
    }

    fn id(&mut self) -> u64 {
        self.rng.next().max(1)
    }

    /// Processor work of a service, `ms` milliseconds typically. Gives back when it is done.
    fn work(&mut self, service: usize, t: u64, ms: f64) -> u64 {
        let mut ms = self.rng.service_time(ms);
        let name = SERVICES[service].0;
        if name == "catalog" {
            if self.faulty(Fault::Cpu, t) {
                ms *= 10.0;
            }
            if self.faulty(Fault::MemoryLeak, t) {
                // The fuller the heap, the oftener it is collected.
                let fill = self.meter.memory_fill(service, t, self.from);
                self.meter.allocate(service);
                if self.rng.unit() < fill {
                    ms += 80.0 * fill;
                }
            }
        }
        self.meter.burn(service, ms * MS);
        t + (ms * MS) as u64
    }

    /// One request of a customer.
    pub(crate) fn request(&mut self, t: u64) {
        let trace = (u128::from(self.id()) << 64) | u128::from(self.id());
        let dice = self.rng.unit();
        let root = At { trace, parent: 0, time: t };
        if dice < 0.45 {
            self.serve(0, root, "GET /products/{id}", |s, at| {
                s.call(2, at, "GET /products/{id}", |s, at| {
                    let (t, _) = s.query(2, at, "SELECT products", 2.0);
                    (t, false)
                })
            });
        } else if dice < 0.7 {
            self.serve(0, root, "GET /cart", |s, at| {
                let (t, _) = s.call(1, at, "GET /cart/{user}", |_, at| (at.time, false));
                s.call(2, At { time: t, ..at }, "GET /prices", |s, at| {
                    let (t, _) = s.query(2, at, "SELECT prices", 1.5);
                    (t, false)
                })
            });
        } else if dice < 0.9 {
            self.serve(0, root, "GET /orders", |s, at| {
                s.call(4, at, "GET /orders/{user}", |s, at| {
                    let (mut t, _) = s.query(4, at, "SELECT orders", 2.0);
                    if s.faulty(Fault::NPlusOne, t) {
                        let items = 6 + s.rng.next() % 12;
                        for _ in 0..items {
                            t = s.query(4, At { time: t, ..at }, "SELECT order_items", 2.0).0;
                        }
                    }
                    (t, false)
                })
            });
        } else {
            self.serve(0, root, "POST /checkout", |s, at| {
                s.call(3, at, "POST /checkout", |s, at| s.checkout(at))
            });
        }
    }

    fn checkout(&mut self, at: At) -> (u64, bool) {
        let mut t = at.time;
        if self.faulty(Fault::Lock, t) {
            // Everybody waits for one lock, held for the work under it.
            t = t.max(self.lock) + (self.rng.service_time(220.0) * MS) as u64;
            self.lock = t;
        }
        let (t, failed) = self.call(5, At { time: t, ..at }, "POST /pay", |s, at| {
            let slow = if s.faulty(Fault::DownstreamLatency, at.time) { 450.0 } else { 0.0 };
            let ms =
                s.rng.service_time(25.0) + if slow > 0.0 { s.rng.service_time(slow) } else { 0.0 };
            let end = at.time + (ms * MS) as u64;
            s.span(5, at, CLIENT, "POST bank.example/charge", end, false, false);
            (end, s.faulty(Fault::Errors, end) && s.rng.unit() < 0.33)
        });
        if failed {
            return (t, true);
        }
        self.call(4, At { time: t, ..at }, "POST /orders", |s, at| {
            let (t, _) = s.query(4, at, "INSERT orders", 2.5);
            (t, false)
        })
    }

    #[allow(clippy::too_many_arguments)] // one argument for each thing a span says
    fn span(
        &mut self,
        service: usize,
        at: At,
        kind: i32,
        name: &'static str,
        end: u64,
        failed: bool,
        store: bool,
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
            failed,
            store,
        });
        id
    }

    /// A server span: waits for a worker, works, runs `inside`, works a little more.
    fn serve(
        &mut self,
        service: usize,
        at: At,
        name: &'static str,
        inside: impl FnOnce(&mut Self, At) -> (u64, bool),
    ) -> (u64, bool) {
        let id = self.span(service, at, SERVER, name, at.time, false, false);
        let index = self.spans.len() - 1;
        let (worker, begin) = self.workers[service].enter(at.time);
        let cost = SERVICES[service].2;
        let t = self.work(service, begin, cost * 0.7);
        let handler = At { trace: at.trace, parent: id, time: begin };
        self.span(service, handler, INTERNAL, "validate", t, false, false);
        let (t, failed) = inside(self, At { trace: at.trace, parent: id, time: t });
        let end = self.work(service, t, cost * 0.3);
        self.workers[service].leave(worker, end);
        self.spans[index].end = end;
        self.spans[index].failed = failed;
        (end, failed)
    }

    /// A call from the service of `at`'s span to another: client span, network, server span, network.
    fn call(
        &mut self,
        service: usize,
        at: At,
        name: &'static str,
        inside: impl FnOnce(&mut Self, At) -> (u64, bool),
    ) -> (u64, bool) {
        let caller = self.caller(at);
        let id = self.span(caller, at, CLIENT, name, at.time, false, false);
        let index = self.spans.len() - 1;
        let slow = SERVICES[service].0 == "cart" && self.faulty(Fault::Network, at.time);
        let hop = |s: &mut Self| {
            let ms = s.rng.service_time(0.4) + if slow { s.rng.service_time(60.0) } else { 0.0 };
            (ms * MS) as u64
        };
        let there = hop(self);
        let arrive = At { trace: at.trace, parent: id, time: at.time + there };
        let (t, failed) = self.serve(service, arrive, name, inside);
        let end = t + hop(self);
        self.spans[index].end = end;
        self.spans[index].failed = failed;
        (end, failed)
    }

    fn caller(&self, at: At) -> usize {
        let parent = self.spans.iter().rev().find(|s| s.id == at.parent);
        let name = parent.map_or("frontend", |s| s.service);
        SERVICES.iter().position(|s| s.0 == name).unwrap_or(0)
    }

    /// A query: a connection from the pool, then the database.
    fn query(&mut self, service: usize, at: At, name: &'static str, ms: f64) -> (u64, bool) {
        let (connection, begin) = self.pool.enter(at.time);
        self.meter.wait(service, begin - at.time);
        let factor = match name {
            "SELECT products" if self.faulty(Fault::SlowDatabase, at.time) => 25.0,
            _ => 1.0,
        };
        let end = begin + (self.rng.service_time(ms * factor) * MS) as u64;
        self.pool.leave(connection, end);
        self.meter.pool(self.pool.busy(at.time));
        self.span(service, at, CLIENT, name, end, false, true);
        (end, false)
    }
}
