//! Longpole's counters about itself: doors, queue, process. In the `prometheus` crate's registry.
//!
//! What became of spans and points is counted by the engine, not here.

mod kept;

pub use kept::{Kept, catch_up};

use crate::door::Transport;
use crate::ingest::otlp::Signal;
use crate::redis::Figures;
use longpole_exporters::prometheus::{Family, Histogram as Buckets, Kind, Sample, Value};
use longpole_model::signal::Reason;
use prometheus::proto::MetricType;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// The counters.
#[derive(Debug)]
pub struct Own {
    registry: Registry,
    /// By transport; requests by signal, too. Looked up once, not for each request.
    taken: [Taken; 3],
    refused: IntCounterVec,
    overloaded: IntCounterVec,
    /// Connections open, by port.
    pub connections: IntGaugeVec,
    /// Connections refused or closed by a limit.
    pub closed: IntCounterVec,
    /// Requests for which there was no room at the doors.
    pub full: IntCounterVec,
    /// Bytes of requests that are being received and unpacked.
    pub receiving: IntGauge,
    /// Bytes that wait between doors and engine.
    pub queued: IntGauge,
    /// Requests evicted from the memory log.
    pub evicted: IntCounter,
    /// What is given up now: the number of a step.
    pub shedding: IntGauge,
    /// Requests whose bytes were not held in memory.
    pub not_held: IntCounter,
    /// Requests whose headers should name a batch and do not.
    pub bad_producers: IntCounter,
    /// Times a decoder had more names than it may keep.
    pub names_forgotten: IntCounter,
    /// What is kept.
    pub kept: Kept,
}

/// What one transport has taken.
#[derive(Debug)]
struct Taken {
    spans: IntCounter,
    bytes: IntCounter,
    requests: [IntCounter; 3],
}

/// Names of labels.
const LABELS: [&str; 6] = ["transport", "signal", "reason", "port", "version", "shard"];
/// Label values of the closed lists that counters start with, so that a rate has a first point.
const TRANSPORTS: [Transport; 3] = [Transport::Grpc, Transport::Http, Transport::Redis];
const SIGNALS: [&str; 3] = ["traces", "metrics", "logs"];

impl Own {
    /// Registers everything.
    ///
    /// # Errors
    /// When two metrics have one name: a fault of this program.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let c = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(c.clone()))?;
            Ok::<_, prometheus::Error>(c)
        };
        let received = counters(
            "longpole_spans_received_total",
            "Spans taken, by the way they came.",
            &["transport"],
        )?;
        let requests = counters(
            "longpole_requests_total",
            "Export requests taken.",
            &["transport", "signal"],
        )?;
        let bytes = counters(
            "longpole_request_bytes_total",
            "Bytes of requests taken, decompressed.",
            &["transport"],
        )?;
        let taken = TRANSPORTS.map(|t| Taken {
            spans: received.with_label_values(&[t.as_str()]),
            bytes: bytes.with_label_values(&[t.as_str()]),
            requests: SIGNALS.map(|s| requests.with_label_values(&[t.as_str(), s])),
        });
        let own = Self {
            taken,
            refused: counters(
                "longpole_rejected_requests_total",
                "Export requests that could not be read.",
                &["transport", "reason"],
            )?,
            overloaded: counters(
                "longpole_overloaded_requests_total",
                "Export requests that were told to come back.",
                &["transport"],
            )?,
            full: counters(
                "longpole_full_doors_total",
                "Export requests that were told to come back since too much was being received.",
                &["transport"],
            )?,
            receiving: IntGauge::new(
                "longpole_receiving_bytes",
                "Bytes taken by requests that are being received and unpacked.",
            )?,
            closed: counters(
                "longpole_connections_closed_total",
                "Connections that a limit closed.",
                &["port", "reason"],
            )?,
            connections: IntGaugeVec::new(
                Opts::new("longpole_connections", "Connections open."),
                &["port"],
            )?,
            queued: IntGauge::new("longpole_queue_bytes", "Bytes between doors and engine.")?,
            evicted: IntCounter::new(
                "longpole_log_evicted_requests_total",
                "Requests that left the memory log for newer ones.",
            )?,
            shedding: IntGauge::new(
                "longpole_shedding_step",
                "What is given up for want of room: 0 nothing, 1 plain traces, 2 attributes beyond the \
                 known set, 3 exemplars, 4 failed and slow traces.",
            )?,
            not_held: IntCounter::new(
                "longpole_shed_requests_total",
                "Requests whose bytes, and with them attributes beyond the known set, were not held.",
            )?,
            bad_producers: IntCounter::new(
                "longpole_bad_producer_headers_total",
                "Requests whose longpole-producer, -shard or -sequence cannot be read.",
            )?,
            names_forgotten: IntCounter::new(
                "longpole_names_forgotten_total",
                "Times a decoder had more names of operations than it may keep, and learned them anew.",
            )?,
            kept: Kept::new(&registry)?,
            registry,
        };
        let build = IntGaugeVec::new(
            Opts::new("longpole_build_info", "Always 1; the version is a label."),
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        own.registry.register(Box::new(build))?;
        own.registry.register(Box::new(own.connections.clone()))?;
        own.registry.register(Box::new(own.receiving.clone()))?;
        own.registry.register(Box::new(own.queued.clone()))?;
        own.registry.register(Box::new(own.evicted.clone()))?;
        own.registry.register(Box::new(own.shedding.clone()))?;
        own.registry.register(Box::new(own.not_held.clone()))?;
        own.registry.register(Box::new(own.bad_producers.clone()))?;
        own.registry.register(Box::new(own.names_forgotten.clone()))?;
        #[cfg(target_os = "linux")]
        own.registry
            .register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        for t in TRANSPORTS {
            own.overloaded.with_label_values(&[t.as_str()]);
            own.full.with_label_values(&[t.as_str()]);
            for reason in [Reason::Malformed, Reason::TooLarge, Reason::BadEncoding] {
                own.refused.with_label_values(&[t.as_str(), reason.as_str()]);
            }
        }
        Ok(own)
    }

    /// Counters of the door of streams, beside these.
    ///
    /// # Errors
    /// When two metrics have one name.
    pub fn streams(&self) -> Result<Figures, prometheus::Error> {
        Figures::new(&self.registry)
    }

    /// A request was taken.
    pub fn taken(&self, t: Transport, signal: Signal, items: (usize, usize), bytes: usize) {
        let [grpc, http, redis] = &self.taken;
        let taken = match t {
            Transport::Grpc => grpc,
            Transport::Http => http,
            Transport::Redis => redis,
        };
        let [traces, metrics, logs] = &taken.requests;
        taken.spans.inc_by(items.0 as u64);
        taken.bytes.inc_by(bytes as u64);
        match signal {
            Signal::Traces => traces.inc(),
            Signal::Metrics => metrics.inc(),
            Signal::Logs => logs.inc(),
        }
    }

    /// A request could not be read.
    pub fn refused(&self, t: Transport, reason: Reason) {
        self.refused.with_label_values(&[t.as_str(), reason.as_str()]).inc();
    }

    /// A request was told to come back.
    pub fn overloaded(&self, t: Transport) {
        self.overloaded.with_label_values(&[t.as_str()]).inc();
    }

    /// Everything as neutral families.
    pub fn families(&self) -> Vec<Family<'static>> {
        self.registry.gather().iter().filter_map(family).collect()
    }
}

/// A registry's family in neutral form. Label names of ours are known; others cannot occur.
fn family(f: &prometheus::proto::MetricFamily) -> Option<Family<'static>> {
    let kind = match f.get_field_type() {
        MetricType::COUNTER => Kind::Counter,
        MetricType::GAUGE => Kind::Gauge,
        MetricType::HISTOGRAM => Kind::Histogram,
        MetricType::SUMMARY | MetricType::UNTYPED => return None,
    };
    let sample = |m: &prometheus::proto::Metric| {
        let label = |name: &str| LABELS.into_iter().find(|l| *l == name);
        let labels = m.get_label().iter();
        let labels = labels.filter_map(|l| Some((label(l.name())?, l.value().to_owned().into())));
        let value = match kind {
            Kind::Counter => Value::Number(m.get_counter().get_value()),
            Kind::Gauge => Value::Number(m.get_gauge().get_value()),
            Kind::Histogram => {
                let h = m.get_histogram();
                let buckets = h.get_bucket().iter();
                Value::Histogram(Buckets {
                    buckets: buckets
                        .map(|b| (b.upper_bound(), b.cumulative_count() as f64))
                        .collect(),
                    sum: h.get_sample_sum(),
                    count: h.get_sample_count() as f64,
                })
            }
        };
        Sample { labels: labels.collect(), value }
    };
    Some(Family {
        name: f.name().to_owned().into(),
        help: f.help().to_owned().into(),
        kind,
        samples: f.get_metric().iter().map(sample).collect(),
    })
}
