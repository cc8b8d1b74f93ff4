//! The recorder's own thread: takes finished spans and readings of metrics, encodes them, hands them to the
//! transport. No host thread waits for the network.

mod encode;

use crate::metrics;
use crate::queue::{Queue, Work};
use crate::transport::{Encoded, Signal, Transport};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// While the transport has no room, it is asked again after so long; the queue fills meanwhile.
const NO_ROOM: Duration = Duration::from_millis(5);

/// What is sent when.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) delay: Duration,
    pub(crate) metric_interval: Duration,
    pub(crate) send_metrics: bool,
    pub(crate) resource: Vec<(String, String)>,
}

/// Starts the thread.
pub(crate) fn start(
    settings: Settings,
    queue: Arc<Queue>,
    transport: Transport,
) -> std::io::Result<()> {
    std::thread::Builder::new().name("longpole-sdk".into()).spawn(move || {
        crate::layer::silence();
        let next_metrics = Instant::now() + settings.metric_interval;
        Sender { settings, queue, transport, next_metrics }.run();
    })?;
    Ok(())
}

struct Sender {
    settings: Settings,
    queue: Arc<Queue>,
    transport: Transport,
    next_metrics: Instant,
}

impl Sender {
    fn run(mut self) {
        loop {
            let until_metrics = self.next_metrics.saturating_duration_since(Instant::now());
            let Work { spans, flush, stop_by } =
                self.queue.take(self.settings.delay.min(until_metrics));
            let nothing_left = spans.is_empty();
            if !nothing_left {
                let items = spans.len() as u32;
                let payload = encode::traces(&self.settings.resource, spans);
                self.hand_over(Encoded { signal: Signal::Traces, payload, items });
            }
            let ending = stop_by.is_some() && nothing_left;
            if flush.is_some() || ending || Instant::now() >= self.next_metrics {
                self.next_metrics = Instant::now() + self.settings.metric_interval;
                if self.settings.send_metrics {
                    let (payload, items) =
                        metrics::encode::request(metrics::registry(), &self.settings.resource);
                    // Without room there is the next reading.
                    let _ =
                        self.transport.offer(Encoded { signal: Signal::Metrics, payload, items });
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

    /// Waits for room in the transport; what is left at the end is counted.
    fn hand_over(&self, mut encoded: Encoded) {
        while let Err(back) = self.transport.offer(encoded) {
            encoded = back;
            if self.queue.stop_by().is_some_and(|by| Instant::now() >= by) {
                let spans = u64::from(encoded.items);
                self.queue.counters.unsent.fetch_add(spans, Ordering::Relaxed);
                return;
            }
            std::thread::sleep(NO_ROOM);
        }
    }
}
