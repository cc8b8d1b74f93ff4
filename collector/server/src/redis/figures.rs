//! Counters of the door of streams. They are there once a Redis is configured.

use super::entry::Dead;
use longpole_model::signal::Reason;
use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// The counters.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Whether Redis answers and may be used.
    pub up: IntGauge,
    /// Connections made.
    pub connects: IntCounter,
    /// Whether what the other doors take is written into streams.
    pub writable: IntGauge,
    /// Entries written, by us as a producer.
    pub written: IntCounter,
    /// Their bytes as they are stored.
    pub written_bytes: IntCounter,
    /// Entries written again since nobody knew whether they had been.
    pub rewritten: IntCounter,
    /// Streams that are ours.
    pub owned: IntGauge,
    /// Entries taken.
    pub entries: IntCounter,
    /// Their bytes as they are stored.
    pub bytes: IntCounter,
    /// Dead letters, by reason.
    pub dead: IntCounterVec,
    /// Items in them, as their senders counted.
    pub dead_items: IntCounter,
    /// Entries that were gone before they were read.
    pub gone: IntCounter,
    /// Items of entries read again that an earlier reader had read.
    pub replayed: IntCounter,
    /// Streams that another collector took over.
    pub lost: IntCounter,
    /// Whether this collector judges the windows of all.
    pub leads: IntGauge,
    /// Collectors that share the streams.
    pub members: IntGauge,
    /// Windows judged here.
    pub judged: IntCounter,
    /// Of them, those that were judged without a stream that was far behind.
    pub partial: IntCounter,
    /// Windows of single streams that came when the others' had been judged.
    pub late: IntCounter,
    /// Windows that could not be read.
    pub unreadable: IntCounter,
    /// Bytes of what the next leader goes on from.
    pub filed: IntGauge,
    /// Writes that a newer owner's token refused.
    pub fenced: IntCounter,
    /// Age of the oldest entry that was not taken, by shard.
    pub lag: GaugeVec,
    /// Redis's clock less ours.
    pub ahead: Gauge,
}

impl Figures {
    /// Registers everything.
    ///
    /// # Errors
    /// When two metrics have one name: a fault of this program.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| {
            let c = IntCounter::new(format!("longpole_redis_{name}_total"), help)?;
            registry.register(Box::new(c.clone()))?;
            Ok::<_, prometheus::Error>(c)
        };
        let gauge = |name: &str, help: &str| {
            let g = IntGauge::new(format!("longpole_redis_{name}"), help)?;
            registry.register(Box::new(g.clone()))?;
            Ok::<_, prometheus::Error>(g)
        };
        let dead = IntCounterVec::new(
            Opts::new("longpole_redis_dead_letters_total", "Entries that could not be taken."),
            &["reason"],
        )?;
        let lag = GaugeVec::new(
            Opts::new("longpole_stream_lag_seconds", "Age of the oldest entry not taken yet."),
            &["shard"],
        )?;
        let help = "Redis's clock less ours.";
        let ahead = Gauge::new("longpole_redis_clock_ahead_seconds", help)?;
        registry.register(Box::new(dead.clone()))?;
        registry.register(Box::new(lag.clone()))?;
        registry.register(Box::new(ahead.clone()))?;
        let text = String::new;
        for reason in [
            Dead::NewerFormat(text()),
            Dead::BadEntry(text()),
            Dead::TooLarge(text()),
            Dead::BadEncoding(text()),
            Dead::Refused(Reason::Malformed, text()),
            Dead::Broke(0, text()),
        ] {
            dead.with_label_values(&[reason.reason()]);
        }
        Ok(Self {
            up: gauge("up", "Whether Redis answers and may be used.")?,
            connects: counter("connects", "Connections made to Redis.")?,
            writable: gauge("writable", "Whether what OTLP doors take is written into streams.")?,
            written: counter("written_entries", "Entries that OTLP doors wrote into streams.")?,
            written_bytes: counter(
                "written_bytes",
                "Bytes of entries written, as they are stored.",
            )?,
            rewritten: counter(
                "rewritten_entries",
                "Entries written again since nobody knew whether they had been.",
            )?,
            owned: gauge("streams_owned", "Streams that this collector reads.")?,
            entries: counter("entries", "Entries taken from streams.")?,
            bytes: counter("entry_bytes", "Bytes of entries taken, as they are stored.")?,
            dead_items: counter("dead_letter_items", "Items in entries that could not be taken.")?,
            gone: counter("gone_entries", "Entries trimmed or deleted before they were read.")?,
            replayed: counter(
                "replayed_items",
                "Items read again that an earlier reader had read.",
            )?,
            lost: counter("streams_lost", "Streams that another collector took over.")?,
            leads: gauge("leads", "Whether this collector judges the windows of all streams.")?,
            members: gauge("collectors", "Collectors that share the streams.")?,
            judged: counter("judged_windows", "Windows judged by this collector.")?,
            partial: counter(
                "partial_windows",
                "Windows judged without a stream that was far behind.",
            )?,
            late: counter(
                "late_windows",
                "Windows of single streams that came after the others' were judged.",
            )?,
            unreadable: counter("unreadable_windows", "Windows that could not be read.")?,
            filed: gauge("analysis_bytes", "Bytes of what the next leader goes on from.")?,
            fenced: counter("fenced_writes", "Writes refused since a stream has a newer owner.")?,
            dead,
            lag,
            ahead,
        })
    }
}
