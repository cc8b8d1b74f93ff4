//! The door of streams: reads what producers put into Redis, one stream a shard, shared by all collectors, each
//! read by one of them at a time; and what the other doors took is put there.
//!
//! `address` is where Redis is, `sentinel` asks those who know, `nodes` finds who of a Cluster has what, `survey` looks
//! at each, `session` is one connection's life, `owner` holds our share of the streams, `reader` reads them, `entry`
//! and `take` bring an entry to the pipeline, `lead` judges what all said. `fence` are the scripts. `produce` writes.
//! `orders` speaks to those who write. What an entry means is `ingest/otlp`'s.
//!
//! **When something is full**: the reader waits, and the stream grows; its lag shows it. Nothing that
//! was acknowledged to a producer is dropped here, but what cannot be read, which is buried with its
//! reason.

mod address;
mod entry;
mod fence;
mod figures;
mod id;
mod lane;
mod lead;
mod nodes;
mod orders;
mod owner;
mod pause;
mod produce;
mod reader;
mod reply;
mod sender;
mod sentinel;
mod session;
mod state;
mod survey;
mod take;

use crate::door::Door;
use crate::pipeline::Sharing;
use crate::secret;
use lead::Seat;
use longpole_core::limits::Limits;
use longpole_model::signal::Timestamp;
use pause::pause;
use session::End;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

pub use address::{Address, BadAddress};
pub use figures::Figures;
pub use produce::{NotWritten, ToStreams};
pub use state::State;
use state::ahead;
pub use survey::{MOST_STREAMS, Unfit};

/// A session that lasted so long was none that failed.
const GOOD: Duration = Duration::from_secs(10);

/// How the door is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where Redis is.
    pub address: Address,
    /// Streams; `None` = what `lp:meta` says, or four.
    pub streams: Option<u32>,
    /// Whether a Redis that may throw streams away is taken all the same.
    pub accept_eviction: bool,
    /// Replicas that must have what is acknowledged.
    pub replicas: u32,
}

/// The door.
pub struct Streams {
    settings: Settings,
    /// Caps and times of the core.
    limits: Limits,
    door: Door,
    state: State,
    sharing: Arc<Sharing>,
    /// Our place, while we lead.
    seat: Mutex<Option<Seat>>,
    /// Who we are: another one each start.
    me: String,
}

/// Ends when streams cannot be read on by this collector as it is; never where none is read.
pub async fn unreadable(reading: Option<&mut Handle>) -> String {
    match reading {
        Some(reading) => reading.unreadable().await,
        None => std::future::pending().await,
    }
}

/// The door's end for the collector.
pub struct Handle {
    stop: watch::Sender<bool>,
    work: JoinHandle<Option<String>>,
}

impl Handle {
    async fn unreadable(&mut self) -> String {
        match (&mut self.work).await {
            Ok(Some(why)) => why,
            Ok(None) => std::future::pending().await,
            Err(broke) => format!("the door of streams broke off: {broke}"),
        }
    }

    /// Reads nothing more, writes the positions down and gives the streams up.
    pub async fn stop(self, patience: Duration) {
        self.stop.send_replace(true);
        if !self.work.is_finished() {
            let _ = tokio::time::timeout(patience, self.work).await;
        }
    }
}

/// A name for people: the host and process; another one each start.
fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let host: String = host.trim().chars().filter(plain).take(63).collect();
    let host = if host.is_empty() { "collector" } else { &host };
    format!("{host}-{}-{:08x}", std::process::id(), secret::seed().0 as u32)
}

impl Streams {
    /// A door that has done nothing yet.
    pub fn new(settings: Settings, sharing: Sharing, door: &Door, state: &State) -> Self {
        let (door, state) = (door.clone(), state.clone());
        let (limits, sharing) = (sharing.settings.limits.clone(), Arc::new(sharing));
        Self { settings, limits, door, state, sharing, seat: Mutex::new(None), me: name() }
    }

    /// Looks at Redis before anything is served. One that cannot be reached is waited for later; one
    /// that must not be used is told.
    ///
    /// # Errors
    /// [`Unfit`].
    pub async fn prepare(&self) -> Result<(), Unfit> {
        match session::survey(self).await {
            Ok(_) => Ok(()),
            Err(End::Unfit(unfit)) => Err(unfit),
            Err(end) => {
                self.state.down(&end.to_string());
                let at = self.settings.address.shown();
                tracing::warn!(redis = at, "{end}; senders are told to wait, Redis is tried again");
                Ok(())
            }
        }
    }

    /// The other doors' way into the streams, once it is known whether Redis takes anything: whoever comes first is not
    /// told to wait for what takes milliseconds.
    pub async fn inlet(&self) -> ToStreams {
        let mut inlet = ToStreams::start(self.settings.clone(), self.state.clone());
        inlet.tried(session::ANSWER).await;
        inlet
    }

    /// Begins to read.
    pub fn start(self) -> Handle {
        let (stop, stopped) = watch::channel(false);
        let work = async move {
            let orders = stopped.clone();
            tokio::select! {
                why = self.run(stopped) => why,
                () = async {
                    orders::run(&self, orders).await;
                    std::future::pending().await
                } => None,
            }
        };
        Handle { stop, work: tokio::spawn(work) }
    }

    /// One session after another, with pauses between; ends when told to, or when what stands in the streams
    /// is for collectors of another kind.
    async fn run(&self, mut stopped: watch::Receiver<bool>) -> Option<String> {
        let mut failures = 0;
        loop {
            let began = Instant::now();
            let end = session::run(self, &stopped).await;
            match end {
                End::Stopped => return None,
                End::Foreign(..) => {
                    self.state.down(&end.to_string());
                    return Some(end.to_string());
                }
                End::Lost(_) | End::Unfit(_) => {}
            }
            failures = if began.elapsed() > GOOD { 1 } else { failures + 1 };
            let wait = pause(&self.me, failures);
            let (redis, ms) = (self.settings.address.shown(), wait.as_millis() as u64);
            tracing::warn!(redis, failures, again_in_ms = ms, "{end}");
            self.state.down(&end.to_string());
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stopped.wait_for(|s| *s) => return None,
            }
        }
    }

    /// The clock, now, of who holds what the leader keeps.
    fn clock(&self) -> Timestamp {
        let ahead = ahead(self.state.shown().leader_at());
        Timestamp(self.door.pipeline.now().0.saturating_add_signed(ahead))
    }

    /// The clock, now, of who holds a stream.
    fn clock_of(&self, shard: u32) -> Timestamp {
        let ahead = ahead(self.state.shown().of(shard));
        Timestamp(self.door.pipeline.now().0.saturating_add_signed(ahead))
    }
}
