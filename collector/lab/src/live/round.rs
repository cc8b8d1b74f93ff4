//! A run of the live shop from its opening to its end, recorded as OTLP with its labels: calm, then a fault of
//! known truth. Who judges it is not here.

use super::recorder::{Recorder, Signal};
use super::{Live, LiveError, Plan, Role};
use crate::Fault;
use crate::record::Recording;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The good release and the bad one.
pub const RELEASES: [&str; 2] = ["1.4.0", "1.5.0"];
/// Connections are made and caches filled in this time; it is no part of what is normal.
const WARM: Duration = Duration::from_secs(4);
/// Behind the end processes tell what they still hold: spans each 200 ms, figures each second.
const AFTERWARDS: Duration = Duration::from_millis(1_300);
/// Who gets a new and good release in every second run without a fault.
const RELEASED: [Role; 4] = [Role::Catalog, Role::Orders, Role::Checkout, Role::Payment];

/// What is run, and for how long.
#[derive(Clone, Debug)]
pub struct Round {
    /// The binary and its arguments up to the role's own.
    pub program: (PathBuf, Vec<String>),
    /// Where the address book may lie.
    pub folder: PathBuf,
    /// What goes wrong.
    pub fault: Fault,
    /// Seed of the customers.
    pub seed: u64,
    /// Customers' requests per second.
    pub rate: f64,
    /// How long all is well.
    pub calm: Duration,
    /// How long it is not.
    pub faulty: Duration,
}

impl Round {
    /// Runs the shop and records it.
    ///
    /// # Errors
    /// [`LiveError`]: of the shop, or that nobody was served or nothing told.
    pub async fn record(&self) -> Result<Recording, LiveError> {
        let recorder = Recorder::open().await?;
        let plan = Plan {
            program: self.program.clone(),
            otlp: format!("http://{}", recorder.at),
            folder: self.folder.clone(),
            rate: self.rate,
            seed: self.seed,
        };
        let mut shop = Live::open(plan, RELEASES[0]).await?;
        tokio::time::sleep(WARM).await;
        let begin = now();
        tokio::time::sleep(self.calm).await;
        // A release takes effect when its address is entered; until then it only starts.
        let calm = now();
        self.strike(&mut shop).await?;
        let from = if self.fault == Fault::None { calm } else { now() };
        tokio::time::sleep(self.faulty).await;
        let end = now();
        tokio::time::sleep(AFTERWARDS).await;
        let read = |a: &std::sync::atomic::AtomicU64| a.load(Ordering::Relaxed);
        let v = &shop.visitors;
        let customers = [read(&v.served), read(&v.failed), read(&v.lost)];
        drop(shop);
        let told = recorder.take();
        let spans = told.iter().filter(|(s, _)| *s == Signal::Traces).map(|(_, m)| spans(m)).sum();
        if spans == 0 || customers[0] == 0 {
            return Err(LiveError::Silent);
        }
        let messages = told.into_iter().map(|(_, message)| message).collect();
        let labels = self.labels([begin, calm, from, end], customers);
        Ok(Recording { messages, labels, spans })
    }

    async fn strike(&self, shop: &mut Live) -> Result<(), LiveError> {
        let role = match self.fault.live_culprit().and_then(|c| c.parse().ok()) {
            Some(role) => role,
            // A release that is as good as the last must not be blamed for being new.
            None if self.seed % 2 == 1 => RELEASED[(self.seed / 2 % 4) as usize],
            None => return Ok(()),
        };
        shop.strike(self.fault, role, RELEASES[1]).await?;
        Ok(())
    }

    fn labels(&self, [begin, calm, from, end]: [u64; 4], customers: [u64; 3]) -> String {
        let labels = serde_json::json!({
            "case": format!("live-{}-{}", self.fault.name(), self.seed),
            "dataset": "lab",
            "app": "live shop",
            "simulated": false,
            "seed": self.seed,
            "requests_per_second": self.rate,
            "normal": {"start_unix_nano": begin, "end_unix_nano": calm},
            "fault": {"start_unix_nano": from, "end_unix_nano": end},
            "fault_type": self.fault.name(),
            "expected_kinds": self.fault.kinds(),
            "culprit": {"service": self.fault.live_culprit()},
            "services": Role::ALL.map(Role::name),
            "customers": {"served": customers[0], "failed": customers[1], "lost": customers[2]},
        });
        // A JSON value of plain texts and numbers always prints.
        format!("{}\n", serde_json::to_string_pretty(&labels).unwrap_or_default())
    }
}

/// Spans of a request; none of one that cannot be read, which whoever judges the recording will count.
fn spans(message: &[u8]) -> u64 {
    let request = ExportTraceServiceRequest::decode(message).unwrap_or_default();
    let scopes = request.resource_spans.iter().flat_map(|r| &r.scope_spans);
    scopes.map(|s| s.spans.len() as u64).sum()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
