//! What the door of streams shows: to readiness, the API, `longpole doctor`, and the scrape.

use super::figures::Figures;
use super::lane::Lanes;
use super::nodes::Nodes;
use super::survey::Server;
use longpole_model::signal::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct State {
    /// Own counters.
    pub figures: Figures,
    shown: Arc<Mutex<Shown>>,
    /// How far the streams are that are ours.
    pub lanes: Lanes,
}

/// What is so at the moment.
#[derive(Debug, Default)]
pub struct Shown {
    /// Where Redis is, without secrets.
    pub address: String,
    /// Why it is not used; `None` while it is.
    pub down: Option<String>,
    /// Why nothing is written into it; `None` while what the other doors take is.
    pub closed: Option<String>,
    /// Who holds the streams; more than one in a Cluster.
    nodes: Vec<Seen>,
    /// Which of them holds each stream, and which what the leader keeps.
    places: (Vec<usize>, usize),
    /// Streams, by shard.
    pub streams: BTreeMap<u32, Stream>,
    /// Whether everything that was there at the start has been taken.
    pub caught_up: bool,
    /// Collectors that share the streams.
    pub members: Vec<String>,
    /// Who judges the windows; empty while nobody knows.
    pub leader: String,
    /// Whether that is this process.
    pub leads: bool,
}

/// A server, or a node of a Cluster.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    name: String,
    /// What it says of itself.
    pub server: Server,
    /// Its clock less ours, nanoseconds.
    pub ahead: i64,
}

impl Seen {
    /// What a node said of itself between two moments of our clock.
    pub fn new(name: &str, server: Server, asked: Timestamp, answered: Timestamp) -> Self {
        let middle = (i128::from(asked.0) + i128::from(answered.0)) / 2;
        let ahead = server.clock.map_or(0, |there| i128::from(there.0) - middle);
        Self { name: name.to_owned(), server, ahead: i64::try_from(ahead).unwrap_or(0) }
    }

    fn json(&self) -> Value {
        json!({
            "address": self.name,
            "version": self.server.version,
            "maxmemory_policy": self.server.policy,
            "persistence": self.server.persistence(),
            "used_memory": self.server.used_memory,
            "max_memory": self.server.max_memory,
            "clock_ahead_seconds": self.ahead as f64 / 1e9,
        })
    }
}

/// The clock of a node less ours, nanoseconds; none where nobody has looked yet.
pub fn ahead(node: Option<&Seen>) -> i64 {
    node.map_or(0, |n| n.ahead)
}

/// A stream.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// Whether it is ours.
    pub ours: bool,
    /// Who owns it.
    pub owner: String,
    /// Its token, where it is ours.
    pub token: u64,
    /// Entries in it.
    pub length: u64,
    /// Entries trimmed or deleted before they were read.
    pub gone: u64,
}

impl State {
    /// Nothing is known yet.
    pub fn new(figures: Figures, address: &str) -> Self {
        let down = Some("not connected yet".to_owned());
        let shown = Shown { address: address.to_owned(), down, ..Shown::default() };
        let shown = Arc::new(Mutex::new(shown));
        Self { figures, shown, lanes: Lanes::default() }
    }

    /// What is so.
    pub fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Redis is not used, and why.
    pub fn down(&self, why: &str) {
        self.figures.up.set(0);
        // Nobody knows what comes meanwhile.
        self.lanes.all().values_mut().for_each(|lane| lane.behind = true);
        self.shown().down = Some(why.to_owned());
    }

    /// Whether what the other doors take is written, or why not.
    pub fn writable(&self, why: Option<&str>) {
        self.figures.writable.set(i64::from(why.is_none()));
        self.shown().closed = why.map(str::to_owned);
    }

    /// Somebody leads.
    pub fn led_by(&self, leader: &str, ours: bool) {
        self.figures.leads.set(i64::from(ours));
        let mut shown = self.shown();
        leader.clone_into(&mut shown.leader);
        shown.leads = ours;
    }

    /// Who judges the windows, where that is another process or nobody yet.
    pub fn led_elsewhere(&self) -> Option<String> {
        let shown = self.shown();
        (!shown.leads).then(|| shown.leader.clone())
    }

    /// Brings the gauges up to date: `now` is our clock.
    pub fn refresh(&self, now: Timestamp) {
        let shown = self.shown();
        let members = shown.members.len();
        let furthest = shown.nodes.iter().map(|n| n.ahead).max_by_key(|a| a.unsigned_abs());
        let ahead = shown.streams.keys().map(|shard| (*shard, ahead(shown.of(*shard))));
        let ahead: BTreeMap<u32, i64> = ahead.collect();
        drop(shown);
        self.figures.members.set(i64::try_from(members).unwrap_or(i64::MAX));
        let lanes = self.lanes.all();
        self.figures.owned.set(i64::try_from(lanes.len()).unwrap_or(i64::MAX));
        self.figures.ahead.set(furthest.unwrap_or(0) as f64 / 1e9);
        for (shard, lane) in lanes.iter() {
            let lag = lane.lag(now, ahead.get(shard).copied().unwrap_or(0));
            self.figures.lag.with_label_values(&[&shard.to_string()]).set(lag);
        }
    }

    /// Why Redis is not read or not written, if it is not; and whether what was there at the start has
    /// been taken.
    pub fn health(&self) -> (Option<String>, bool) {
        let shown = self.shown();
        (shown.down.clone().or_else(|| shown.closed.clone()), shown.caught_up)
    }

    /// Everything, for the API.
    pub fn json(&self, now: Timestamp) -> Value {
        let lanes = self.lanes.all().clone();
        let shown = self.shown();
        let stream = |(shard, s): (&u32, &Stream)| {
            let (lane, node) = (lanes.get(shard), shown.of(*shard));
            json!({
                "shard": shard, "owner": s.owner, "ours": s.ours, "token": s.token,
                "position": lane.map(|l| l.taken.to_string()), "length": s.length, "gone": s.gone,
                "lag_seconds": lane.map(|l| l.lag(now, ahead(node))),
                "node": node.map(|n| n.name.as_str()),
            })
        };
        json!({
            "address": shown.address,
            "up": shown.down.is_none(),
            "why": shown.down,
            "writable": shown.closed.is_none(),
            "why_not_writable": shown.closed,
            "nodes": shown.nodes.iter().map(Seen::json).collect::<Vec<_>>(),
            "caught_up": shown.caught_up,
            "collectors": shown.members,
            "leader": shown.leader,
            "leads": shown.leads,
            "dead_letters": self.dead(),
            "streams": shown.streams.iter().map(stream).collect::<Vec<_>>(),
        })
    }

    fn dead(&self) -> u64 {
        use prometheus::core::Collector;
        let families = self.figures.dead.collect();
        let counts = families.iter().flat_map(|f| f.get_metric());
        counts.map(|m| m.get_counter().get_value()).sum::<f64>() as u64
    }
}

impl Shown {
    /// What the nodes said of themselves.
    pub fn look(&mut self, seen: Vec<Seen>, nodes: &Nodes) {
        (self.nodes, self.places) = (seen, nodes.places());
    }

    /// Who holds a stream.
    pub fn of(&self, shard: u32) -> Option<&Seen> {
        let node = self.places.0.get(shard as usize).copied();
        self.nodes.get(node.unwrap_or(self.places.1))
    }

    /// Who holds what the leader keeps.
    pub fn leader_at(&self) -> Option<&Seen> {
        self.nodes.get(self.places.1)
    }
}
