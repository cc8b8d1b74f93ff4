//! The roads out of the process: complete OTLP requests in, acknowledgements or reasons out.
//!
//! The chain is `redis -> otlp -> bounded disk -> counted drop`, and back up when a road works again. One
//! thread of its own; whoever offers never waits. What is in a request is made elsewhere (spans by the
//! recorder, metrics by the registry); here it is scrubbed, cut, sent, kept, counted.

pub(crate) mod account;
mod control;
mod health;
mod otlp;
mod parcel;
mod redis;
mod remote;
pub(crate) mod settings;
mod spill;
#[cfg(feature = "tls")]
mod tls;
mod worker;

pub use account::Delivery;

use account::{Account, Voice};
use bytes::BytesMut;
use control::Control;
use settings::Settings;
use std::sync::Arc;
use std::time::Duration;

/// The signals of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Metrics,
}

/// A complete OTLP export request, as protobuf.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub signal: Signal,
    /// Whoever sends it masks what is secret in it, in place.
    pub payload: BytesMut,
    /// Spans, or metrics.
    pub items: u32,
}

/// What became of one try.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Taken; of it so many were thrown away over there.
    Taken { rejected: u64, message: String },
    /// Never to be tried again.
    Refused(String),
    /// To be tried again, after `asked` where somebody said so. `reached` = somebody may have it.
    Later { why: String, asked: Option<Duration>, reached: bool },
    /// At once, elsewhere in the same cluster.
    Moved,
    /// What came back from disk is no request.
    Spoilt,
}

/// The way into the chain, and its account.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    control: Arc<Control>,
    account: Arc<Account>,
}

impl Transport {
    /// Starts the thread.
    pub fn start(settings: Settings) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let control = Arc::new(Control::new(settings.memory));
        let account = Arc::new(Account::default());
        let voice = Voice::new(settings.quiet);
        let worker =
            worker::Worker::new(settings, Arc::clone(&control), Arc::clone(&account), voice);
        std::thread::Builder::new().name("longpole-send".into()).spawn(move || {
            crate::local::with(crate::local::Local::silence);
            // The subscriber of the host hears nothing of our clients.
            let none = tracing::subscriber::NoSubscriber::default();
            tracing::subscriber::with_default(none, || runtime.block_on(worker.run()));
            // A look-up of a name may still hang in a helper thread; it is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self { control, account })
    }

    /// Hands a request over, without waiting. It comes back when there is no room in memory or the thread
    /// has ended; then it was not counted, and is the caller's to keep or to count.
    pub fn offer(&self, encoded: Encoded) -> Result<(), Encoded> {
        let spans = match encoded.signal {
            Signal::Traces => u64::from(encoded.items),
            Signal::Metrics => 0,
        };
        self.account.offered(spans);
        self.control.offer(encoded).inspect_err(|_| self.account.not_offered(spans))
    }

    /// Sends everything that was offered so far; true when it was delivered, given up or put on disk by
    /// the deadline.
    pub fn flush(&self, deadline: Duration) -> bool {
        self.control.flush(deadline)
    }

    /// Sends what is left, puts the rest on disk or counts it, and ends the thread; true when that was
    /// done by the deadline.
    pub fn stop(&self, deadline: Duration) -> bool {
        self.control.stop(deadline)
    }

    /// What became of the spans.
    pub fn delivery(&self) -> Delivery {
        self.account.read()
    }

    /// Whether its thread has ended: nothing of its account changes any more.
    pub fn ended(&self) -> bool {
        self.control.ended()
    }
}

#[cfg(test)]
mod tests;
