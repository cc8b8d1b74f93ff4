//! What the shop's machines show between two readings: processor time, memory, pools, disks, links; with
//! the noise of machines on which other things happen, too.

use crate::rng::Rng;

/// Memory of a service: at rest, and its limit, bytes.
pub(crate) const MEMORY: (f64, f64) = (180e6, 512e6);
/// Bytes that a leaking request leaves behind.
const LEAK: f64 = 260e3;

/// Processor time that a process burns beside its requests, cores.
const BACKGROUND: f64 = 0.006;

/// Counters of one service.
#[derive(Clone, Debug, Default)]
struct Counters {
    burnt_ns: f64,
    throttled_ns: u64,
    leaked: f64,
    kills: u64,
    waits: Vec<u64>,
    pool: usize,
    disk_ns: u64,
    disk_operations: u64,
    dropped: u64,
}

/// All counters, and a source of noise of their own: readings change nothing for the customers.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    services: Vec<Counters>,
    rng: Rng,
}

/// One reading of one service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Cores in use since the last reading.
    pub(crate) cores: f64,
    /// Nanoseconds held back by the scheduler so far.
    pub(crate) throttled_ns: u64,
    /// Bytes in use.
    pub(crate) memory: f64,
    /// Kills so far.
    pub(crate) kills: u64,
    /// 99th percentile of waits for a connection, nanoseconds; `None` without any.
    pub(crate) wait_p99: Option<u64>,
    /// Most connections in use since the last reading.
    pub(crate) pool: usize,
    /// Nanoseconds that disk operations took so far, and how many there were.
    pub(crate) disk: (u64, u64),
    /// Packets dropped so far.
    pub(crate) dropped: u64,
}

impl Meter {
    pub(crate) fn new(services: usize, seed: u64) -> Self {
        Self {
            services: vec![Counters::default(); services],
            rng: Rng::new(seed ^ 0x6d65_7465_7273),
        }
    }

    pub(crate) fn burn(&mut self, service: usize, ns: f64) {
        self.services[service].burnt_ns += ns;
    }

    pub(crate) fn throttle(&mut self, service: usize, ns: u64) {
        self.services[service].throttled_ns += ns;
    }

    pub(crate) fn allocate(&mut self, service: usize) {
        let s = &mut self.services[service];
        s.leaked += LEAK;
        if s.leaked + MEMORY.0 >= MEMORY.1 {
            // Killed for it, and started again with an empty heap.
            s.leaked = 0.0;
            s.kills += 1;
        }
    }

    /// How full the room between rest and limit is, 0 to 1.
    pub(crate) fn memory_fill(&self, service: usize) -> f64 {
        (self.services[service].leaked / (MEMORY.1 - MEMORY.0)).clamp(0.0, 1.0)
    }

    /// A wait for a connection, and how many are in use then.
    pub(crate) fn wait(&mut self, service: usize, ns: u64, busy: usize) {
        let s = &mut self.services[service];
        s.waits.push(ns);
        s.pool = s.pool.max(busy);
    }

    pub(crate) fn disk(&mut self, service: usize, ns: u64) {
        let s = &mut self.services[service];
        s.disk_ns += ns;
        s.disk_operations += 1;
    }

    pub(crate) fn drop_packet(&mut self, service: usize) {
        self.services[service].dropped += 1;
    }

    /// Reads one service after `seconds`, and resets what is not cumulative.
    pub(crate) fn read(&mut self, service: usize, seconds: f64) -> Reading {
        let background = self.rng.log_normal(BACKGROUND, 0.3);
        let wobble = 1.0 + 0.02 * self.rng.normal();
        let stray = u64::from(self.rng.unit() < 0.05);
        let s = &mut self.services[service];
        s.dropped += stray;
        let mut waits = std::mem::take(&mut s.waits);
        waits.sort_unstable();
        let rank = (waits.len() * 99).div_ceil(100);
        Reading {
            cores: std::mem::take(&mut s.burnt_ns) / (seconds * 1e9) + background,
            throttled_ns: s.throttled_ns,
            memory: (MEMORY.0 * wobble + s.leaked).min(MEMORY.1),
            kills: s.kills,
            wait_p99: waits.get(rank.max(1) - 1).copied(),
            pool: std::mem::take(&mut s.pool),
            disk: (s.disk_ns, s.disk_operations),
            dropped: s.dropped,
        }
    }
}
