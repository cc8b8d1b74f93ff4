//! The reader of metrics: a thread of the SDK's own that asks all instruments on a timer and hands the reading to
//! the transport. Apart from the drain, because instruments may be callbacks of the host's, as slow as they like.

use crate::local::{Local, with};
use crate::metrics::{encode, registry};
use crate::orders::{Order, Orders, Who};
use crate::transport::{Encoded, Signal, Transport};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What it sends, and how often.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) interval: Duration,
    pub(crate) resource: Vec<(String, String)>,
}

/// Starts the thread. Without settings metrics are not sent, and there is none.
pub(crate) fn start(
    settings: Option<Settings>,
    orders: &Arc<Orders>,
    transport: Transport,
) -> std::io::Result<()> {
    let Some(settings) = settings else {
        orders.ended(Who::Reader);
        return Ok(());
    };
    let orders = Arc::clone(orders);
    std::thread::Builder::new().name("longpole-reader".into()).spawn(move || {
        with(Local::silence);
        let mut next = Instant::now() + settings.interval;
        loop {
            let nap = next.saturating_duration_since(Instant::now());
            let Order { flush, stop } = orders.wait(Who::Reader, nap);
            next = Instant::now() + settings.interval;
            let (payload, items) = encode::request(registry(), &settings.resource);
            // Without room there is the next reading, which tells all that this one does.
            let _ = transport.offer(Encoded {
                signal: Signal::Metrics,
                payload: bytes::Bytes::from(payload).into(),
                items,
            });
            if let Some(number) = flush {
                orders.flushed(Who::Reader, number);
            }
            if stop {
                return orders.ended(Who::Reader);
            }
        }
    })?;
    Ok(())
}
