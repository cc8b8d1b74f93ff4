//! What the shop runs on: processors, links, connections to the database, and what goes wrong with them.

use super::{At, CLIENT, CORES, INTERNAL, MS, POOL, SERVICES, Shop};
use crate::fault::Fault;

impl Shop {
    /// Cores that a service may use.
    pub(crate) fn cores(&self, service: usize, t: u64) -> f64 {
        if SERVICES[service].0 == "catalog" && self.faulty(Fault::Throttled, t) {
            // It needs 4 ms a request for seven tenths of them, and gets hardly more.
            return (self.rate * 0.7 * 4e-3 / 0.9 / self.size.clamp(0.9, 1.08)).max(0.01);
        }
        CORES
    }

    /// Processor work of a service, `ms` milliseconds typically. Gives back when it is done.
    pub(super) fn work(&mut self, service: usize, t: u64, ms: f64) -> u64 {
        let mut ms = self.rng.service_time(ms);
        let catalog = SERVICES[service].0 == "catalog";
        if catalog && self.faulty(Fault::Cpu, t) {
            // Dearer work, short of what the processor can do at all.
            ms *= (10.0 * self.size).min(0.42 / (self.rate * 0.7 * 4e-3));
        }
        if catalog && self.faulty(Fault::MemoryLeak, t) {
            // The fuller the heap, the oftener it is collected: as often as the processor can just do.
            let fill = self.meter.memory_fill(service);
            self.meter.allocate(service);
            if self.rng.unit() < fill {
                ms += fill * self.size.min(1.0) * (0.4e3 / (self.rate * 0.7) - 4.0).max(4.0);
            }
        }
        self.meter.burn(service, ms * MS);
        let share = self.cores(service, t);
        let (mut done, held) = self.quotas[service].run(t, (ms * MS) as u64, share);
        self.meter.throttle(service, held);
        // Something else on the machine, now and then.
        if self.rng.unit() < 0.004 {
            done += (self.rng.exponential(40.0) * MS) as u64;
        }
        done
    }

    /// Nanoseconds that a message to or from a service is under way.
    pub(super) fn hop(&mut self, service: usize, t: u64) -> u64 {
        let mut ms = self.rng.service_time(0.4);
        if SERVICES[service].0 == "cart" {
            if self.faulty(Fault::Network, t) {
                ms += self.rng.service_time(60.0 * self.size);
            }
            while self.faulty(Fault::LossyNetwork, t) && self.rng.unit() < 0.28 * self.size {
                // Linux sends again after 200 ms at the earliest.
                self.meter.drop_packet(service);
                ms += self.rng.service_time(220.0);
            }
        }
        (ms * MS) as u64
    }

    /// A query: a connection from the service's pool, then the database. The span begins when there is
    /// a connection, as those of most database drivers do; in half of the shops, where the pool runs dry, with
    /// the wait, which says what it is.
    pub(super) fn query(&mut self, service: usize, at: At, name: &'static str, ms: f64) -> u64 {
        let leaking = SERVICES[service].0 == "orders" && self.faulty(Fault::Pool, at.time);
        let mut held = 0.0;
        if leaking {
            // A transaction is left open for some time; of what is lost for ever, hardly enough is left.
            held = self.rng.service_time(120.0);
            let need = (self.rate * 0.3 * 0.12 / 0.8 / self.size).ceil();
            self.pools[service].lose(need as usize);
        }
        let (connection, begin) = self.pools[service].enter(at.time);
        self.meter.wait(service, begin - at.time, self.pools[service].busy(at.time) + 1);
        let ms = if name == "SELECT products" { self.scan_ms(at.time, ms) } else { ms };
        let end = begin + (self.rng.service_time(ms) * MS) as u64;
        self.pools[service].leave(connection, end + (held * MS) as u64);
        if self.waits_are_told && begin > at.time {
            let id = self.span(service, at, CLIENT, name, end, None, Some("postgresql"));
            self.span(service, At { parent: id, ..at }, INTERNAL, "connection", begin, None, None);
            self.says().waits = Some("pool");
        } else {
            let at = At { time: begin, ..at };
            self.span(service, at, CLIENT, name, end, None, Some("postgresql"));
        }
        end
    }

    /// What finding a product takes, `ms` milliseconds with an index.
    fn scan_ms(&self, t: u64, ms: f64) -> f64 {
        if self.faulty(Fault::SlowDatabase, t) {
            return ms * 25.0 * self.size;
        }
        if self.faulty(Fault::MissingIndex, t) {
            // Its queries, 45 of 100 requests, need seven to ten tenths of the connections.
            let busy = (0.85 * self.size).clamp(0.7, 1.0);
            return POOL as f64 * busy * 1e3 / (self.rate * 0.45);
        }
        ms
    }
}
