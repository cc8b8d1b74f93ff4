//! The drain: a thread of the SDK's own that reads all rings on a timer, encodes and cuts batches.
//!
//! Nobody wakes it for a span. It looks more often as rings fill, and less often when nothing happens. When
//! the transport has no room it waits, rings fill up behind it, and the newest spans are dropped there.

pub(crate) mod batch;
pub(crate) mod encode;
pub(crate) mod wire;

use crate::clock::Scale;
use crate::orders::{Order, Orders, Who};
use crate::record::read::Record;
use crate::ring::{Ring, registry};
use crate::stats::{DropReason, unsent};
use crate::transport::{Encoded, Transport};
use batch::{Batch, Front};
use encode::{Encoder, Limits};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of spans in a request, at most (and one span more).
const BYTES: usize = 192 << 10;
/// Between two looks at the rings: with something in them, and with nothing for a while.
const NAP: Duration = Duration::from_millis(5);
const LONG_NAP: Duration = Duration::from_millis(20);
/// Between two looks at a ring that was an eighth full.
const SHORT_NAP: Duration = Duration::from_millis(1);
/// While the transport has no room, it is asked again after so long.
const NO_ROOM: Duration = Duration::from_millis(5);
/// Call sites that are named beside the count of what was dropped.
const NAMED: usize = 8;

/// Processor time of this thread, nanoseconds.
static CPU: AtomicU64 = AtomicU64::new(0);
/// Held by whoever reads the rings.
static READER: Mutex<()> = Mutex::new(());

/// How it cuts.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) resource: Vec<(String, String)>,
    /// Spans of a batch at most.
    pub(crate) batch: u32,
    /// How long a span waits for others.
    pub(crate) delay: Duration,
    pub(crate) limits: Limits,
}

/// Starts the thread.
pub(crate) fn start(
    settings: Settings,
    orders: Arc<Orders>,
    transport: Transport,
) -> std::io::Result<()> {
    let drain = Drain::new(settings, orders, transport);
    std::thread::Builder::new().name("longpole-drain".into()).spawn(move || {
        crate::local::with(crate::local::Local::silence);
        drain.run();
    })?;
    Ok(())
}

struct Drain {
    orders: Arc<Orders>,
    transport: Transport,
    front: Front,
    most: u32,
    delay: Duration,
    encoder: Encoder,
    scale: Scale,
    rings: Vec<&'static Ring>,
    batch: Option<Batch>,
    /// Bytes of the last batch.
    last: usize,
    /// What was dropped when a batch told of it last.
    told: u64,
}

impl Drain {
    fn new(settings: Settings, orders: Arc<Orders>, transport: Transport) -> Self {
        Self {
            orders,
            transport,
            front: Front::new(&settings.resource),
            most: settings.batch.max(1),
            delay: settings.delay,
            encoder: Encoder::new(settings.limits),
            scale: Scale::new(),
            rings: Vec::new(),
            batch: None,
            last: BYTES / 4,
            told: 0,
        }
    }

    fn run(mut self) {
        let reader = READER.lock().unwrap_or_else(PoisonError::into_inner);
        let mut nap = NAP;
        let mut looked = Instant::now();
        loop {
            let Order { flush, stop } = self.orders.wait(Who::Drain, nap);
            nap = self.pass(nap);
            if looked.elapsed() > Duration::from_secs(1) {
                looked = Instant::now();
                CPU.store(cpu(), Ordering::Relaxed);
            }
            let old = self.batch.as_ref().is_some_and(|b| b.since.elapsed() >= self.delay);
            if old || flush.is_some() || stop {
                self.cut();
            }
            if let Some(number) = flush {
                self.orders.flushed(Who::Drain, number);
            }
            if stop {
                drop(reader);
                crate::stats::drain_ended();
                self.orders.ended(Who::Drain);
                return;
            }
        }
    }

    /// Reads all rings once; says when to look again.
    fn pass(&mut self, before: Duration) -> Duration {
        let mut rings = std::mem::take(&mut self.rings);
        registry::list(&mut rings);
        let mut fullest = 0;
        let mut fresh = true;
        for ring in &rings {
            let waiting = ring.waiting();
            if waiting == 0 {
                continue;
            }
            if std::mem::take(&mut fresh) {
                self.scale.renew();
            }
            fullest = fullest.max(waiting * 64 / ring.capacity());
            ring.read(|words| {
                if let Some(record) = Record::new(words) {
                    self.take(&record);
                }
                true
            });
        }
        self.rings = rings;
        match fullest {
            // Half full within one look: no nap at all.
            32.. => Duration::ZERO,
            8.. => SHORT_NAP,
            _ if !fresh => NAP,
            _ => (before + SHORT_NAP).min(LONG_NAP),
        }
    }

    fn take(&mut self, record: &Record<'_>) {
        let batch = self.batch.get_or_insert_with(|| Batch::new(&self.front, self.last));
        self.encoder.span(record, &self.scale, &mut batch.out);
        batch.spans += 1;
        if batch.spans >= self.most || batch.bytes() >= BYTES {
            self.cut();
        }
    }

    /// Hands the batch over.
    fn cut(&mut self) {
        let Some(batch) = self.batch.take() else { return };
        self.last = batch.bytes();
        let (told, whose) = self.dropped();
        self.hand_over(batch.finish(&self.front, &told, &whose));
    }

    /// Waits for room in the transport; what finds none by the end is counted.
    fn hand_over(&self, mut encoded: Encoded) {
        while let Err(back) = self.transport.offer(encoded) {
            if self.orders.over() {
                return unsent(back.items.into());
            }
            encoded = back;
            std::thread::sleep(NO_ROOM);
        }
    }

    /// Counts by reason, and the call sites behind them, when they have changed.
    fn dropped(&mut self) -> (Vec<(String, u64)>, String) {
        let stats = crate::stats::read(true, &self.transport.delivery());
        if stats.dropped() == self.told {
            return Default::default();
        }
        self.told = stats.dropped();
        let count = |reason: DropReason| {
            let name = format!("sdk.dropped.{}", reason.name());
            Some((name, stats.dropped_for(reason))).filter(|(_, n)| *n > 0)
        };
        let sites = crate::stats::dropped_by_call_site();
        let sites = sites.iter().take(NAMED).map(|(name, n)| format!("{name}={n}"));
        (
            DropReason::ALL.into_iter().filter_map(count).collect(),
            sites.collect::<Vec<_>>().join(", "),
        )
    }
}

/// Processor time of the calling thread, nanoseconds; 0 where the system does not say.
fn cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_ascii_whitespace().next().and_then(|t| t.parse().ok()).unwrap_or(0)
}

/// Processor time that draining and encoding have taken, seconds; looked at once a second.
pub(crate) fn cpu_seconds() -> f64 {
    CPU.load(Ordering::Relaxed) as f64 / 1e9
}

/// What came into the rings after the drain had ended is counted, since nobody will read it.
pub(crate) fn sweep() {
    // Held: somebody reads after all, or counts already.
    let Ok(_reader) = READER.try_lock() else { return };
    let mut rings = Vec::new();
    registry::list(&mut rings);
    for ring in rings {
        let mut spans = 0;
        ring.read(|_| {
            spans += 1;
            true
        });
        unsent(spans);
    }
}
