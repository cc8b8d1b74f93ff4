//! The sender: a thread of the SDK's own that takes encoded batches, asks metrics, sends, tries again.
//!
//! It owns its runtime; a host's is never borrowed and no host thread waits for the network.

mod encode;
mod grpc;
mod http;

use crate::builder::Protocol;
use crate::env::warn;
use crate::queue::{Queue, Work};
use crate::stats::counters;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest wait between two tries.
const LONGEST: Duration = Duration::from_secs(30);
/// Tries for a batch that the collector cannot take, before it is given up.
const METRIC_TRIES: u32 = 3;

/// How it sends.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) protocol: Protocol,
    pub(crate) traces: String,
    pub(crate) metrics: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) timeout: Duration,
    pub(crate) gzip: bool,
    pub(crate) metric_interval: Duration,
    pub(crate) send_metrics: bool,
    pub(crate) resource: Vec<(String, String)>,
    pub(crate) user_agent: String,
}

/// What a collector said.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Taken; of them so many refused, with a word.
    Taken { rejected: u64, message: String },
    /// Not now; come back after.
    Later { after: Option<Duration>, why: String },
    /// Never.
    Refused(String),
}

/// The two signals of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Metrics,
}

enum Client {
    Http(http::Client),
    Grpc(grpc::Client),
}

/// Starts the thread.
pub(crate) fn start(settings: Settings, queue: Arc<Queue>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("longpole-sender".into()).spawn(move || {
        crate::local::with(crate::local::Local::silence);
        // The subscriber of the host hears nothing of our client.
        tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), || {
            Sender::new(settings, queue, runtime).run();
        });
    })?;
    Ok(())
}

struct Sender {
    settings: Settings,
    queue: Arc<Queue>,
    runtime: tokio::runtime::Runtime,
    client: Client,
    /// Failures in a row.
    failures: u32,
    told: bool,
    next_metrics: Instant,
}

impl Sender {
    fn new(settings: Settings, queue: Arc<Queue>, runtime: tokio::runtime::Runtime) -> Self {
        let client = match settings.protocol {
            Protocol::Grpc => Client::Grpc(grpc::Client::default()),
            Protocol::HttpProtobuf => Client::Http(http::Client::default()),
        };
        let next_metrics = Instant::now() + settings.metric_interval;
        Self { settings, queue, runtime, client, failures: 0, told: false, next_metrics }
    }

    fn run(mut self) {
        loop {
            let until_metrics = self.next_metrics.saturating_duration_since(Instant::now());
            let Work { batch, flush, ending, stop_by } = self.queue.take(until_metrics);
            if let Some(batch) = batch {
                self.send(Signal::Traces, &batch.payload, u64::from(batch.spans), u32::MAX);
            }
            if flush.is_some() || ending || Instant::now() >= self.next_metrics {
                self.next_metrics = Instant::now() + self.settings.metric_interval;
                if self.settings.send_metrics {
                    let payload = encode::metrics(&self.settings.resource);
                    self.send(Signal::Metrics, &payload, 0, METRIC_TRIES);
                }
            }
            if let Some(number) = flush {
                self.queue.flushed(number);
            }
            let over = stop_by.is_some_and(|by| Instant::now() >= by);
            if ending || over {
                self.queue.end();
                return;
            }
        }
    }

    /// Sends until it is taken, refused, or time is up.
    fn send(&mut self, signal: Signal, payload: &[u8], spans: u64, tries: u32) {
        for _ in 0..tries {
            let timeout = match self.queue.stop_by() {
                Some(by) => by.saturating_duration_since(Instant::now()).min(self.settings.timeout),
                None => self.settings.timeout,
            };
            if timeout.is_zero() {
                counters().unsent(spans);
                return;
            }
            let answer = self.once(signal, payload, timeout);
            match answer {
                Answer::Taken { rejected, message } => {
                    self.failures = 0;
                    let rejected = if spans == 0 { 0 } else { rejected.min(spans) };
                    counters().sent(spans - rejected);
                    counters().refused(rejected);
                    if !message.is_empty() && !self.told {
                        self.told = true;
                        warn(&format!("the collector says: {message}"));
                    }
                    return;
                }
                Answer::Refused(why) => {
                    counters().refused(spans);
                    if !self.told {
                        self.told = true;
                        warn(&format!("the collector refused {spans} spans for good: {why}"));
                    }
                    return;
                }
                Answer::Later { after, why } => {
                    self.failures += 1;
                    let pause = self.pause(after);
                    if self.failures == 1 {
                        self.say_unreachable(&why, pause);
                    }
                    self.queue.pause(pause);
                }
            }
        }
    }

    fn say_unreachable(&self, why: &str, pause: Duration) {
        let to = &self.settings.traces;
        let seconds = pause.as_secs_f64();
        warn(&format!("cannot reach {to} ({why}); keeping what fits, next try in {seconds:.1} s"));
    }

    /// Doubles from one second, with jitter down to a half; what the collector asks for comes first.
    fn pause(&self, asked: Option<Duration>) -> Duration {
        let doubled = Duration::from_secs(1) * 2u32.saturating_pow(self.failures.min(6) - 1);
        let jitter = 0.5
            + (crate::local::with(crate::local::Local::random) >> 11) as f64 / (1u64 << 54) as f64;
        asked.unwrap_or_else(|| doubled.min(LONGEST).mul_f64(jitter)).min(LONGEST)
    }

    fn once(&mut self, signal: Signal, payload: &[u8], timeout: Duration) -> Answer {
        let (settings, client) = (&self.settings, &mut self.client);
        let sending = async {
            match client {
                Client::Http(c) => c.send(settings, signal, payload).await,
                Client::Grpc(c) => c.send(settings, signal, payload).await,
            }
        };
        self.runtime.block_on(async {
            match tokio::time::timeout(timeout, sending).await {
                Ok(answer) => answer,
                Err(_) => Answer::Later { after: None, why: "no answer in time".into() },
            }
        })
    }
}
