//! What the shop's machines show: processor time, memory, the pool, between two readings.

/// Memory of a service: at rest, and its limit, bytes.
pub(crate) const MEMORY: (f64, f64) = (180e6, 512e6);
/// Bytes that a leaking request leaves behind.
const LEAK: f64 = 260e3;

/// Counters between readings.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    burnt_ns: Vec<f64>,
    leaked: Vec<f64>,
    kills: Vec<u64>,
    waits: Vec<Vec<u64>>,
    pool: usize,
}

/// One reading of one service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Processor nanoseconds.
    pub(crate) burnt_ns: f64,
    /// Bytes in use.
    pub(crate) memory: f64,
    /// Kills so far.
    pub(crate) kills: u64,
    /// 99th percentile of waits for a connection, nanoseconds; `None` without any.
    pub(crate) wait_p99: Option<u64>,
}

impl Meter {
    pub(crate) fn new(services: usize) -> Self {
        Self {
            burnt_ns: vec![0.0; services],
            leaked: vec![0.0; services],
            kills: vec![0; services],
            waits: vec![Vec::new(); services],
            pool: 0,
        }
    }

    pub(crate) fn burn(&mut self, service: usize, ns: f64) {
        self.burnt_ns[service] += ns;
    }

    pub(crate) fn allocate(&mut self, service: usize) {
        self.leaked[service] += LEAK;
        if self.leaked[service] + MEMORY.0 >= MEMORY.1 {
            // Killed for it, and started again with an empty heap.
            self.leaked[service] = 0.0;
            self.kills[service] += 1;
        }
    }

    /// How full the room between rest and limit is, 0 to 1.
    pub(crate) fn memory_fill(&self, service: usize, _t: u64, _from: u64) -> f64 {
        (self.leaked[service] / (MEMORY.1 - MEMORY.0)).clamp(0.0, 1.0)
    }

    pub(crate) fn wait(&mut self, service: usize, ns: u64) {
        self.waits[service].push(ns);
    }

    pub(crate) fn pool(&mut self, busy: usize) {
        self.pool = self.pool.max(busy);
    }

    /// Reads and resets one service.
    pub(crate) fn read(&mut self, service: usize) -> Reading {
        let mut waits = std::mem::take(&mut self.waits[service]);
        waits.sort_unstable();
        let rank = (waits.len() * 99).div_ceil(100);
        Reading {
            burnt_ns: std::mem::take(&mut self.burnt_ns[service]),
            memory: MEMORY.0 + self.leaked[service],
            kills: self.kills[service],
            wait_p99: waits.get(rank.max(1) - 1).copied(),
        }
    }

    /// The most connections in use since the last reading.
    pub(crate) fn read_pool(&mut self) -> usize {
        std::mem::take(&mut self.pool)
    }
}
