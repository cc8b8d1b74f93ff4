//! What customers ask for, and what the services do about it: the walks through the shop.

use super::{At, CLIENT, Ended, INTERNAL, MS, Says, Shop};
use crate::fault::Fault;

impl Shop {
    /// One request of a customer.
    pub(crate) fn request(&mut self, t: u64) {
        let trace = (u128::from(self.id()) << 64) | u128::from(self.id());
        let dice = self.rng.unit();
        let root = At { trace, parent: 0, time: t };
        if dice < 0.45 {
            self.serve(0, root, "GET /products/{id}", |s, at| {
                s.call(2, at, "GET /products/{id}", |s, at| {
                    let t = s.query(2, at, "SELECT products", 2.0);
                    s.body(t);
                    (s.reserve(At { time: t, ..at }), None)
                })
            });
        } else if dice < 0.7 {
            self.serve(0, root, "GET /cart", |s, at| {
                let (t, _) = s.call(1, at, "GET /cart/{user}", |_, at| (at.time, None));
                if s.fault == Fault::Sequential && !s.faulty(Fault::Sequential, at.time) {
                    // This shop's good release asks both at once.
                    let (prices, _) = s.call(2, at, "GET /prices", |s, at| (s.prices(at), None));
                    return (t.max(prices), None);
                }
                s.call(2, At { time: t, ..at }, "GET /prices", |s, at| (s.prices(at), None))
            });
        } else if dice < 0.9 {
            self.serve(0, root, "GET /orders", |s, at| {
                s.call(4, at, "GET /orders/{user}", |s, at| {
                    let mut t = s.query(4, at, "SELECT orders", 2.0);
                    if s.faulty(Fault::NPlusOne, t) {
                        let items = (6.0 * s.size) as u64 + s.rng.next() % 12;
                        for _ in 0..items {
                            t = s.query(4, At { time: t, ..at }, "SELECT order_items", 2.0);
                        }
                    }
                    if s.fault == Fault::DuplicateQueries {
                        let again = s.faulty(Fault::DuplicateQueries, t);
                        let items =
                            if again { (6.0 * s.size) as u64 + s.rng.next() % 12 } else { 1 };
                        let customer = s.rng.next() % 1_000;
                        for _ in 0..items {
                            t = s.query(4, At { time: t, ..at }, "SELECT customers", 2.0);
                            s.says().value = Some(customer);
                        }
                    }
                    (t, None)
                })
            });
        } else {
            self.serve(0, root, "POST /checkout", |s, at| {
                s.call(3, at, "POST /checkout", |s, at| s.checkout(at))
            });
        }
    }

    /// What the span written last says of itself.
    pub(super) fn says(&mut self) -> &mut Says {
        // A span has just been written.
        let last = self.spans.len() - 1;
        &mut self.spans[last].says
    }

    /// Takes a product from its shelf, in the shop of the convoy: under a lock, always for as long.
    fn reserve(&mut self, at: At) -> u64 {
        if self.fault != Fault::LockConvoy {
            return at.time;
        }
        let shelf = self.rng.next() as usize % super::SHELVES;
        let one = if self.faulty(Fault::LockConvoy, at.time) { 0 } else { shelf };
        let held = self.rng.service_time((0.55 * self.size.min(1.2)) * 1e3 / (self.rate * 0.45));
        let begin = at.time.max(self.shelves[one]);
        self.span(2, at, INTERNAL, "stock lock", begin, None, None);
        self.says().waits = Some("lock");
        let end = begin + (held * MS) as u64;
        self.shelves[one] = end;
        self.span(2, At { time: begin, ..at }, INTERNAL, "take from shelf", end, None, None);
        end
    }

    /// How large the answer will be, in the shop that says so.
    fn body(&mut self, t: u64) {
        if self.fault == Fault::LargePayload {
            let large = self.faulty(Fault::LargePayload, t);
            let typical = if large { 2.5e6 * self.size } else { 8e3 };
            self.body = self.rng.service_time(typical) as u64;
        }
    }

    /// Prices come from the cache, or else from the database.
    fn prices(&mut self, at: At) -> u64 {
        let ms = self.rng.service_time(0.5);
        let t = at.time + (ms * MS) as u64;
        self.span(2, at, CLIENT, "GET", t, None, Some("redis"));
        let cold = self.faulty(Fault::ColdCache, t);
        if self.rng.unit() < if cold { 0.1 } else { 0.92 } {
            return t;
        }
        let t = self.query(2, At { time: t, ..at }, "SELECT prices", 12.0);
        let end = t + (self.rng.service_time(0.5) * MS) as u64;
        self.span(2, At { time: t, ..at }, CLIENT, "SET", end, None, Some("redis"));
        end
    }

    fn checkout(&mut self, at: At) -> Ended {
        let mut t = at.time;
        if self.faulty(Fault::Lock, t) {
            // Everybody waits for one lock, held for the work under it: for two thirds of the time at most,
            // or those who wait would be more and more.
            let held = (220.0 * self.size).min(0.65e3 / (self.rate * 0.1));
            t = t.max(self.lock) + (self.rng.service_time(held) * MS) as u64;
            self.lock = t;
        }
        let (t, error) = self.call(5, At { time: t, ..at }, "POST /pay", Self::pay);
        if error.is_some() {
            return (t, error);
        }
        self.call(4, At { time: t, ..at }, "POST /orders", |s, at| {
            let t = s.query(4, at, "INSERT orders", 2.5);
            (s.journal(At { time: t, ..at }), None)
        })
    }

    /// Charges the bank, which sends no spans.
    fn pay(&mut self, at: At) -> Ended {
        let mut ms = self.rng.service_time(25.0);
        if self.faulty(Fault::DownstreamLatency, at.time) {
            ms += self.rng.service_time(450.0 * self.size);
        }
        if self.fault == Fault::RetryStorm {
            return self.retry(at);
        }
        let end = at.time + (ms * MS) as u64;
        let unwell = self.faulty(Fault::FailingDependency, end);
        let refused = (unwell && self.rng.unit() < 0.4 * self.size).then_some("503");
        self.span(5, at, CLIENT, "POST bank.example/charge", end, refused, None);
        let defect = self.faulty(Fault::Errors, end) && self.rng.unit() < 0.33 * self.size;
        (end, refused.or(defect.then_some("CardDeclinedByMistake")))
    }

    /// Charges a bank that refuses most calls: the good release takes a refusal for an answer, the bad one tries
    /// again until it is served.
    fn retry(&mut self, at: At) -> Ended {
        let unwell = self.faulty(Fault::RetryStorm, at.time);
        let share = if unwell { 0.8 } else { 0.01 };
        let mut t = at.time;
        for _ in 0..if unwell { 12 } else { 1 } {
            let end = t + (self.rng.service_time(8.0) * MS) as u64;
            let refused = (self.rng.unit() < share).then_some("503");
            self.span(
                5,
                At { time: t, ..at },
                CLIENT,
                "POST bank.example/charge",
                end,
                refused,
                None,
            );
            t = end;
            if refused.is_none() {
                return (t, None);
            }
        }
        (t, Some("503"))
    }

    /// Makes an order durable on the local disk.
    fn journal(&mut self, at: At) -> u64 {
        let slow = if self.faulty(Fault::SlowDisk, at.time) { 150.0 * self.size } else { 1.5 };
        let end = at.time + (self.rng.service_time(slow) * MS) as u64;
        self.meter.disk(4, end - at.time);
        self.span(4, at, INTERNAL, "append journal", end, None, None);
        end
    }
}
